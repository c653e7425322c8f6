COMMENT ON TABLE users IS '@global';
--> statement-breakpoint
COMMENT ON TABLE passwords IS '@global';
--> statement-breakpoint
COMMENT ON TABLE organizations IS '@global';
--> statement-breakpoint
COMMENT ON TABLE providers IS '@global';
--> statement-breakpoint
COMMENT ON TABLE models IS '@global';
--> statement-breakpoint
COMMENT ON TABLE access_tokens IS '@lookup @reference';
--> statement-breakpoint
COMMENT ON TABLE running_answers IS '@lookup @reference';
--> statement-breakpoint
COMMENT ON TABLE platform_events IS '@platform @append';
--> statement-breakpoint
COMMENT ON TABLE events IS '@append';
--> statement-breakpoint
-- A citation outlives the passage it quotes.
CREATE FUNCTION app_forget_chunk() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE citations SET chunk_id = NULL WHERE organization_id = OLD.organization_id AND chunk_id = OLD.id;
  RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER forget_chunk BEFORE DELETE ON document_chunks FOR EACH ROW EXECUTE FUNCTION app_forget_chunk();
--> statement-breakpoint
SELECT app_guard_tables();
