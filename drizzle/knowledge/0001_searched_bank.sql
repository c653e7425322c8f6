ALTER TABLE "knowledge"."banks" ADD COLUMN "behind" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "knowledge"."entries" ADD COLUMN "language" text;--> statement-breakpoint
ALTER TABLE "knowledge"."entries" ADD COLUMN "embedded" boolean DEFAULT false NOT NULL;--> statement-breakpoint
CREATE INDEX "banks_behind_index" ON "knowledge"."banks" USING btree ("organization_id") WHERE "knowledge"."banks"."behind";--> statement-breakpoint
CREATE INDEX "entries_unembedded_index" ON "knowledge"."entries" USING btree ("organization_id","id") WHERE not "knowledge"."entries"."embedded";--> statement-breakpoint
CREATE POLICY "banks_owner" ON "knowledge"."banks" AS PERMISSIVE FOR SELECT TO current_role USING (true);--> statement-breakpoint
CREATE POLICY "entries_owner" ON "knowledge"."entries" AS PERMISSIVE FOR SELECT TO current_role USING (true);
--> statement-breakpoint
-- That passages are made anew, or embedded, changes nothing of the entry that a person would see.
DROP TRIGGER touch_updated_at ON knowledge.entries;
--> statement-breakpoint
CREATE TRIGGER touch_updated_at BEFORE UPDATE ON knowledge.entries FOR EACH ROW
  WHEN ((OLD.chunk_count, OLD.term_count, OLD.language, OLD.embedded) IS NOT DISTINCT FROM (NEW.chunk_count, NEW.term_count, NEW.language, NEW.embedded))
  EXECUTE FUNCTION knowledge.touch_updated_at();
--> statement-breakpoint
-- Organizations whose passages do not follow the settings of their bank yet, at most a thousand. Acts with its owner's rights: it sees all of them,
-- and tells no more than ids.
CREATE FUNCTION knowledge.waiting_banks() RETURNS SETOF uuid LANGUAGE sql STABLE SECURITY DEFINER
SET search_path = pg_catalog, pg_temp AS $$
  SELECT organization_id FROM knowledge.banks WHERE behind
  UNION SELECT organization_id FROM knowledge.entries WHERE NOT embedded
  LIMIT 1000
$$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION knowledge.waiting_banks() FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION knowledge.waiting_banks() TO tessera_server;
