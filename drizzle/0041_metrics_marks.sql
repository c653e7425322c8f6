ALTER TABLE "stale_windows" DROP CONSTRAINT "stale_windows_hour_key";--> statement-breakpoint
CREATE INDEX "metrics_all_period_start_index" ON "metrics" USING btree ("organization_id","period_start","id");--> statement-breakpoint
CREATE INDEX "conversations_all_created_at_index" ON "conversations" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "feedback_all_created_at_index" ON "feedback" USING btree ("organization_id","created_at");--> statement-breakpoint
CREATE INDEX "messages_all_created_at_index" ON "messages" USING btree ("organization_id","created_at");--> statement-breakpoint
CREATE INDEX "orders_completed_at_index" ON "orders" USING btree ("organization_id","completed_at") WHERE "orders"."completed_at" is not null;--> statement-breakpoint
CREATE INDEX "orders_cancelled_at_index" ON "orders" USING btree ("organization_id","cancelled_at") WHERE "orders"."cancelled_at" is not null;--> statement-breakpoint
ALTER TABLE "roll_ups" DROP COLUMN "looked_until";--> statement-breakpoint
ALTER TABLE "stale_windows" DROP COLUMN "marks";--> statement-breakpoint
ALTER TABLE "roll_ups" ADD COLUMN "kept_since" timestamp(3) with time zone;--> statement-breakpoint
DELETE FROM "stale_windows";--> statement-breakpoint
ALTER TABLE "stale_windows" ADD COLUMN "source" text NOT NULL;--> statement-breakpoint
CREATE INDEX "stale_windows_hour_index" ON "stale_windows" USING btree ("organization_id","source","hour");
--> statement-breakpoint
-- These mark hours as out of date, in the transaction of the change. They only add rows, so that changes never wait for each other. Each holds its statement itself:
-- in a function for all of them it would be planned for each call. What goes together with its organization needs no marks. The first
-- three run after statements that add or remove rows, which are `changed`.
CREATE FUNCTION app_mark_created_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale_windows (organization_id, id, source, hour)
  SELECT organization_id, gen_random_uuid(), TG_TABLE_NAME, hour
  FROM (SELECT DISTINCT organization_id, date_trunc('hour', created_at, 'UTC') AS hour FROM changed) hours
  WHERE EXISTS (SELECT FROM organizations WHERE id = organization_id);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION app_mark_occurred_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale_windows (organization_id, id, source, hour)
  SELECT organization_id, gen_random_uuid(), TG_TABLE_NAME, hour
  FROM (SELECT DISTINCT organization_id, date_trunc('hour', occurred_at, 'UTC') AS hour FROM changed) hours
  WHERE EXISTS (SELECT FROM organizations WHERE id = organization_id);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION app_mark_orders() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale_windows (organization_id, id, source, hour)
  SELECT organization_id, gen_random_uuid(), TG_TABLE_NAME, hour
  FROM (
    SELECT DISTINCT organization_id, date_trunc('hour', moment, 'UTC') AS hour
    FROM changed, unnest(ARRAY[created_at, completed_at, cancelled_at]) moment WHERE moment IS NOT NULL
  ) hours
  WHERE EXISTS (SELECT FROM organizations WHERE id = organization_id);
  RETURN NULL;
END $$;
--> statement-breakpoint
-- These run after a row whose figures change: for the hours that it was in and is in.
CREATE FUNCTION app_mark_changed_created_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale_windows (organization_id, id, source, hour)
  SELECT organization_id, gen_random_uuid(), TG_TABLE_NAME, hour
  FROM (
    SELECT DISTINCT NEW.organization_id AS organization_id, date_trunc('hour', moment, 'UTC') AS hour
    FROM unnest(ARRAY[OLD.created_at, NEW.created_at]) moment WHERE moment IS NOT NULL
  ) hours
  WHERE EXISTS (SELECT FROM organizations WHERE id = organization_id);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION app_mark_changed_occurred_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale_windows (organization_id, id, source, hour)
  SELECT organization_id, gen_random_uuid(), TG_TABLE_NAME, hour
  FROM (
    SELECT DISTINCT NEW.organization_id AS organization_id, date_trunc('hour', moment, 'UTC') AS hour
    FROM unnest(ARRAY[OLD.occurred_at, NEW.occurred_at]) moment WHERE moment IS NOT NULL
  ) hours
  WHERE EXISTS (SELECT FROM organizations WHERE id = organization_id);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE FUNCTION app_mark_changed_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO stale_windows (organization_id, id, source, hour)
  SELECT organization_id, gen_random_uuid(), TG_TABLE_NAME, hour
  FROM (
    SELECT DISTINCT NEW.organization_id AS organization_id, date_trunc('hour', moment, 'UTC') AS hour
    FROM unnest(ARRAY[OLD.created_at, NEW.created_at, OLD.completed_at, NEW.completed_at, OLD.cancelled_at, NEW.cancelled_at]) moment WHERE moment IS NOT NULL
  ) hours
  WHERE EXISTS (SELECT FROM organizations WHERE id = organization_id);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_insert AFTER INSERT ON user_activities REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_delete AFTER DELETE ON user_activities REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_update AFTER UPDATE OF created_at, user_id, error ON user_activities FOR EACH ROW
  WHEN ((OLD.created_at, OLD.user_id, OLD.error) IS DISTINCT FROM (NEW.created_at, NEW.user_id, NEW.error))
  EXECUTE FUNCTION app_mark_changed_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_insert AFTER INSERT ON analytics_events REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_occurred_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_delete AFTER DELETE ON analytics_events REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_occurred_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_update AFTER UPDATE OF occurred_at, workspace_id, name ON analytics_events FOR EACH ROW
  WHEN ((OLD.occurred_at, OLD.workspace_id, OLD.name) IS DISTINCT FROM (NEW.occurred_at, NEW.workspace_id, NEW.name))
  EXECUTE FUNCTION app_mark_changed_occurred_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_insert AFTER INSERT ON conversations REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_delete AFTER DELETE ON conversations REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_update AFTER UPDATE OF created_at, workspace_id ON conversations FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id))
  EXECUTE FUNCTION app_mark_changed_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_insert AFTER INSERT ON messages REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_delete AFTER DELETE ON messages REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_update AFTER UPDATE OF created_at, workspace_id, role, status ON messages FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id, OLD.role, OLD.status) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id, NEW.role, NEW.status))
  EXECUTE FUNCTION app_mark_changed_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_insert AFTER INSERT ON feedback REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_delete AFTER DELETE ON feedback REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_update AFTER UPDATE OF created_at, workspace_id, scale, score ON feedback FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id, OLD.scale, OLD.score) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id, NEW.scale, NEW.score))
  EXECUTE FUNCTION app_mark_changed_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_insert AFTER INSERT ON documents REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_delete AFTER DELETE ON documents REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_update AFTER UPDATE OF created_at, workspace_id, readers ON documents FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id, OLD.readers) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id, NEW.readers))
  EXECUTE FUNCTION app_mark_changed_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_insert AFTER INSERT ON orders REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_orders();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_delete AFTER DELETE ON orders REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_orders();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_update AFTER UPDATE OF created_at, completed_at, cancelled_at, deleted_at, origin_workspace_id ON orders FOR EACH ROW
  WHEN ((OLD.created_at, OLD.completed_at, OLD.cancelled_at, OLD.deleted_at, OLD.origin_workspace_id) IS DISTINCT FROM (NEW.created_at, NEW.completed_at, NEW.cancelled_at, NEW.deleted_at, NEW.origin_workspace_id))
  EXECUTE FUNCTION app_mark_changed_order();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_insert AFTER INSERT ON execution_logs REFERENCING NEW TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_delete AFTER DELETE ON execution_logs REFERENCING OLD TABLE AS changed FOR EACH STATEMENT EXECUTE FUNCTION app_mark_created_at();
--> statement-breakpoint
CREATE TRIGGER mark_stale_on_update AFTER UPDATE OF created_at, workspace_id, status, input_tokens, output_tokens, cost, latency_ms, time_to_first_token_ms ON execution_logs FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id, OLD.status, OLD.input_tokens, OLD.output_tokens, OLD.cost, OLD.latency_ms, OLD.time_to_first_token_ms) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id, NEW.status, NEW.input_tokens, NEW.output_tokens, NEW.cost, NEW.latency_ms, NEW.time_to_first_token_ms))
  EXECUTE FUNCTION app_mark_changed_created_at();
