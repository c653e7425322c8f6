CREATE INDEX "time_entries_running_index" ON "time_entries" USING btree ("organization_id","user_id") WHERE "time_entries"."ended_at" is null;--> statement-breakpoint
-- The project that goes is not changed meanwhile: a row that is being deleted takes no change.
CREATE OR REPLACE FUNCTION app_release_prompt_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  held text := app_principals()::text;
BEGIN
  EXECUTE format('SET LOCAL app.principals = %L', (app_principals() || OLD.organization_id)::text);
  EXECUTE format('SET LOCAL app.leaving_project = %L', OLD.id);
  UPDATE prompt_sessions SET project_id = NULL WHERE organization_id = OLD.organization_id AND project_id = OLD.id;
  SET LOCAL app.leaving_project = '';
  EXECUTE format('SET LOCAL app.principals = %L', held);
  RETURN OLD;
END $$;
--> statement-breakpoint
CREATE OR REPLACE FUNCTION app_add_model_cost() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entered text := coalesce(current_setting('app.projects', true), '');
BEGIN
  SET LOCAL app.projects = '*';
  IF OLD.project_id IS NOT DISTINCT FROM NEW.project_id THEN
    UPDATE projects SET model_cost = model_cost + NEW.cost - OLD.cost
    WHERE organization_id = NEW.organization_id AND id = NEW.project_id;
  ELSE
    UPDATE projects SET model_cost = model_cost + NEW.cost WHERE organization_id = NEW.organization_id AND id = NEW.project_id;
    UPDATE projects SET model_cost = greatest(model_cost - OLD.cost, 0)
    WHERE organization_id = OLD.organization_id AND id = OLD.project_id
      AND id IS DISTINCT FROM nullif(current_setting('app.leaving_project', true), '')::uuid;
  END IF;
  EXECUTE format('SET LOCAL app.projects = %L', entered);
  RETURN NULL;
END $$;
