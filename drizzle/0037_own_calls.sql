DROP INDEX "execution_contents_execution_id_index";--> statement-breakpoint
CREATE UNIQUE INDEX "execution_contents_execution_id_key" ON "execution_contents" USING btree ("organization_id","execution_id");--> statement-breakpoint
CREATE POLICY "execution_logs_own" ON "execution_logs" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and workspace_id is null and user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and workspace_id is null and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "model_usage_days_own" ON "model_usage_days" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and workspace_id is null and user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and workspace_id is null and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
-- Tables that all tenants share have no triggers: whoever changes the quota of a platform's key takes the lock by themselves.
DROP TRIGGER await_settled_calls ON platform_provider_keys;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION app_await_settled_calls() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('budgets ' || NEW.organization_id, 0));
  RETURN NEW;
END $$;
