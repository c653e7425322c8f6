DROP POLICY "saved_views_shared" ON "saved_views";--> statement-breakpoint
DROP INDEX "saved_views_name_index";--> statement-breakpoint
ALTER TABLE "saved_views" drop column "readers";--> statement-breakpoint
ALTER TABLE "saved_views" ADD COLUMN "readers" uuid[] GENERATED ALWAYS AS (case audience when 'ORGANIZATION' then null when 'PROJECT' then array[user_id, project_id, organization_id] when 'WORKSPACE' then array[user_id, workspace_id, organization_id] else array[user_id, '00000000-0000-0000-0000-000000000001'] end) STORED;--> statement-breakpoint
CREATE INDEX "saved_views_name_index" ON "saved_views" USING btree ("organization_id","name","id");
--> statement-breakpoint
CREATE POLICY "saved_views_shared" ON "saved_views" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));
--> statement-breakpoint
SELECT app_guard_tables();
