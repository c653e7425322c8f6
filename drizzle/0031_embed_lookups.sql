-- Look-ups that stand outside the tenant name widgets and conversations, and nothing of theirs cascades there. However those are deleted, by
-- themselves or with their workspace, what names them goes with them.
CREATE FUNCTION app_forget_embed_widget() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM embed_widget_keys WHERE organization_id = OLD.organization_id AND widget_id = OLD.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER forget_embed_widget AFTER DELETE ON embed_widgets FOR EACH ROW EXECUTE FUNCTION app_forget_embed_widget();
--> statement-breakpoint
CREATE FUNCTION app_forget_visitor_tokens() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM visitor_tokens WHERE organization_id = OLD.organization_id AND conversation_id = OLD.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER forget_visitor_tokens AFTER DELETE ON conversations FOR EACH ROW
  WHEN (OLD.channel = 'EMBED') EXECUTE FUNCTION app_forget_visitor_tokens();
