ALTER TABLE "user_activities" DROP CONSTRAINT "user_activities_user_id_fkey";
--> statement-breakpoint
ALTER TABLE "stale_windows" DROP CONSTRAINT "stale_windows_hour_key";
--> statement-breakpoint
ALTER TABLE "stale_windows" DROP CONSTRAINT "stale_windows_organization_id_fkey";
--> statement-breakpoint
ALTER TABLE "roll_ups" ADD COLUMN "kept_since" timestamp(3) with time zone;
--> statement-breakpoint
DELETE FROM "stale_windows";
--> statement-breakpoint
ALTER TABLE "stale_windows" ADD COLUMN "source" text NOT NULL;
--> statement-breakpoint
CREATE INDEX "metrics_all_period_start_index" ON "metrics" USING btree ("organization_id","period_start","id");
--> statement-breakpoint
CREATE INDEX "stale_windows_hour_index" ON "stale_windows" USING btree ("organization_id","source","hour");
--> statement-breakpoint
CREATE INDEX "conversations_all_created_at_index" ON "conversations" USING btree ("organization_id","created_at","id");
--> statement-breakpoint
CREATE INDEX "feedback_all_created_at_index" ON "feedback" USING btree ("organization_id","created_at");
--> statement-breakpoint
CREATE INDEX "messages_all_created_at_index" ON "messages" USING btree ("organization_id","created_at");
--> statement-breakpoint
CREATE INDEX "orders_completed_at_index" ON "orders" USING btree ("organization_id","completed_at") WHERE "orders"."completed_at" is not null;
--> statement-breakpoint
CREATE INDEX "orders_cancelled_at_index" ON "orders" USING btree ("organization_id","cancelled_at") WHERE "orders"."cancelled_at" is not null;
--> statement-breakpoint
ALTER TABLE "roll_ups" ALTER COLUMN "looked_until" DROP NOT NULL;
--> statement-breakpoint
ALTER TABLE "stale_windows" DROP COLUMN "marks";
--> statement-breakpoint
-- Marks an hour as out of date, in the transaction of the change. Marks are only added, so that changes never wait for each other; the one that a transaction has
-- added last is not added again, so that many rows of an hour make one. Insertions are marked before the row, so that each further row of a statement costs a comparison.
CREATE FUNCTION app_mark_hour(source text, organization uuid, moment timestamptz) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  stale timestamptz := date_trunc('hour', moment, 'UTC');
  mark text := concat_ws(' ', source, organization, stale);
BEGIN
  IF stale IS NULL OR current_setting('app.marked', true) IS NOT DISTINCT FROM mark THEN
    RETURN;
  END IF;
  PERFORM set_config('app.marked', mark, true);
  INSERT INTO stale_windows (organization_id, id, source, hour) VALUES (organization, gen_random_uuid(), source, stale);
END $$;
--> statement-breakpoint
CREATE FUNCTION app_mark_created() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM app_mark_hour(TG_TABLE_NAME, OLD.organization_id, OLD.created_at);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM app_mark_hour(TG_TABLE_NAME, NEW.organization_id, NEW.created_at);
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE FUNCTION app_mark_occurred() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM app_mark_hour(TG_TABLE_NAME, OLD.organization_id, OLD.occurred_at);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM app_mark_hour(TG_TABLE_NAME, NEW.organization_id, NEW.occurred_at);
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE FUNCTION app_mark_order() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    PERFORM app_mark_hour(TG_TABLE_NAME, OLD.organization_id, OLD.created_at);
    PERFORM app_mark_hour(TG_TABLE_NAME, OLD.organization_id, OLD.completed_at);
    PERFORM app_mark_hour(TG_TABLE_NAME, OLD.organization_id, OLD.cancelled_at);
  END IF;
  IF TG_OP <> 'DELETE' THEN
    PERFORM app_mark_hour(TG_TABLE_NAME, NEW.organization_id, NEW.created_at);
    PERFORM app_mark_hour(TG_TABLE_NAME, NEW.organization_id, NEW.completed_at);
    PERFORM app_mark_hour(TG_TABLE_NAME, NEW.organization_id, NEW.cancelled_at);
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER mark_stale BEFORE INSERT ON user_activities FOR EACH ROW
  WHEN (current_setting('app.marked', true) IS DISTINCT FROM concat_ws(' ', 'user_activities', NEW.organization_id, date_trunc('hour', NEW.created_at, 'UTC')))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_after AFTER DELETE ON user_activities FOR EACH ROW EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_again AFTER UPDATE OF created_at, user_id, error ON user_activities FOR EACH ROW
  WHEN ((OLD.created_at, OLD.user_id, OLD.error) IS DISTINCT FROM (NEW.created_at, NEW.user_id, NEW.error))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale BEFORE INSERT ON analytics_events FOR EACH ROW
  WHEN (current_setting('app.marked', true) IS DISTINCT FROM concat_ws(' ', 'analytics_events', NEW.organization_id, date_trunc('hour', NEW.occurred_at, 'UTC')))
  EXECUTE FUNCTION app_mark_occurred();
--> statement-breakpoint
CREATE TRIGGER mark_stale_after AFTER DELETE ON analytics_events FOR EACH ROW EXECUTE FUNCTION app_mark_occurred();
--> statement-breakpoint
CREATE TRIGGER mark_stale_again AFTER UPDATE OF occurred_at, workspace_id, name ON analytics_events FOR EACH ROW
  WHEN ((OLD.occurred_at, OLD.workspace_id, OLD.name) IS DISTINCT FROM (NEW.occurred_at, NEW.workspace_id, NEW.name))
  EXECUTE FUNCTION app_mark_occurred();
--> statement-breakpoint
CREATE TRIGGER mark_stale BEFORE INSERT ON conversations FOR EACH ROW
  WHEN (current_setting('app.marked', true) IS DISTINCT FROM concat_ws(' ', 'conversations', NEW.organization_id, date_trunc('hour', NEW.created_at, 'UTC')))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_after AFTER DELETE ON conversations FOR EACH ROW EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_again AFTER UPDATE OF created_at, workspace_id ON conversations FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale BEFORE INSERT ON messages FOR EACH ROW
  WHEN (current_setting('app.marked', true) IS DISTINCT FROM concat_ws(' ', 'messages', NEW.organization_id, date_trunc('hour', NEW.created_at, 'UTC')))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_after AFTER DELETE ON messages FOR EACH ROW EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_again AFTER UPDATE OF created_at, workspace_id, role, status ON messages FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id, OLD.role, OLD.status) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id, NEW.role, NEW.status))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale BEFORE INSERT ON feedback FOR EACH ROW
  WHEN (current_setting('app.marked', true) IS DISTINCT FROM concat_ws(' ', 'feedback', NEW.organization_id, date_trunc('hour', NEW.created_at, 'UTC')))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_after AFTER DELETE ON feedback FOR EACH ROW EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_again AFTER UPDATE OF created_at, workspace_id, scale, score ON feedback FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id, OLD.scale, OLD.score) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id, NEW.scale, NEW.score))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale BEFORE INSERT ON documents FOR EACH ROW
  WHEN (current_setting('app.marked', true) IS DISTINCT FROM concat_ws(' ', 'documents', NEW.organization_id, date_trunc('hour', NEW.created_at, 'UTC')))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_after AFTER DELETE ON documents FOR EACH ROW EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_again AFTER UPDATE OF created_at, workspace_id, readers ON documents FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id, OLD.readers) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id, NEW.readers))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale AFTER INSERT OR DELETE ON orders FOR EACH ROW EXECUTE FUNCTION app_mark_order();
--> statement-breakpoint
CREATE TRIGGER mark_stale_again AFTER UPDATE OF created_at, completed_at, cancelled_at, deleted_at, origin_workspace_id ON orders FOR EACH ROW
  WHEN ((OLD.created_at, OLD.completed_at, OLD.cancelled_at, OLD.deleted_at, OLD.origin_workspace_id) IS DISTINCT FROM (NEW.created_at, NEW.completed_at, NEW.cancelled_at, NEW.deleted_at, NEW.origin_workspace_id))
  EXECUTE FUNCTION app_mark_order();
--> statement-breakpoint
CREATE TRIGGER mark_stale BEFORE INSERT ON execution_logs FOR EACH ROW
  WHEN (current_setting('app.marked', true) IS DISTINCT FROM concat_ws(' ', 'execution_logs', NEW.organization_id, date_trunc('hour', NEW.created_at, 'UTC')))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_after AFTER DELETE ON execution_logs FOR EACH ROW EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
CREATE TRIGGER mark_stale_again AFTER UPDATE OF created_at, workspace_id, status, input_tokens, output_tokens, cost, latency_ms, time_to_first_token_ms ON execution_logs FOR EACH ROW
  WHEN ((OLD.created_at, OLD.workspace_id, OLD.status, OLD.input_tokens, OLD.output_tokens, OLD.cost, OLD.latency_ms, OLD.time_to_first_token_ms) IS DISTINCT FROM (NEW.created_at, NEW.workspace_id, NEW.status, NEW.input_tokens, NEW.output_tokens, NEW.cost, NEW.latency_ms, NEW.time_to_first_token_ms))
  EXECUTE FUNCTION app_mark_created();
--> statement-breakpoint
-- What goes marks its hours; the marks go last. No foreign key takes them along: each change would check it.
CREATE OR REPLACE FUNCTION app_erase_organization(doomed uuid) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  members bigint;
  logged bigint;
  person uuid;
BEGIN
  PERFORM FROM organizations WHERE id = doomed FOR UPDATE;
  -- One that is gone is swept again: a request that outlived it may have written to its log.
  IF EXISTS (SELECT FROM organizations WHERE id = doomed AND deleted_at IS NULL) THEN
    RAISE EXCEPTION 'Only a deleted organization can be erased.' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  EXECUTE format('SET LOCAL app.organization_id = %L', doomed);
  EXECUTE format('SET LOCAL app.principals = %L', '{' || doomed || '}');
  SET LOCAL app.workspaces = '*';
  SET LOCAL app.rooms = '*';
  SELECT count(*) INTO members FROM memberships WHERE organization_id = doomed;
  UPDATE users SET default_organization_id = (
      SELECT other.organization_id FROM user_organizations other JOIN organizations o ON o.id = other.organization_id
      WHERE other.user_id = users.id AND other.organization_id <> doomed
      ORDER BY o.deleted_at IS NOT NULL, other.created_at, other.organization_id LIMIT 1
    ), updated_at = now()
    WHERE default_organization_id = doomed;
  DELETE FROM running_answers WHERE organization_id = doomed;
  -- Before the files that documents, messages and e-mails refer to; e-mails are seen by their owners alone.
  DELETE FROM workspaces WHERE organization_id = doomed;
  DELETE FROM rooms WHERE organization_id = doomed;
  FOR person IN SELECT user_id FROM memberships WHERE organization_id = doomed LOOP
    EXECUTE format('SET LOCAL app.user_id = %L', person);
    DELETE FROM email_threads WHERE organization_id = doomed;
  END LOOP;
  DELETE FROM organizations WHERE id = doomed;
  DELETE FROM chunk_postings WHERE organization_id = doomed;
  DELETE FROM pgboss.job WHERE data ->> 'organizationId' = doomed::text;
  DELETE FROM user_activities WHERE organization_id = doomed;
  DELETE FROM stale_windows WHERE organization_id = doomed;
  DELETE FROM events WHERE organization_id = doomed;
  GET DIAGNOSTICS logged = ROW_COUNT;
  RETURN jsonb_build_object('members', members, 'events', logged);
END $$;
