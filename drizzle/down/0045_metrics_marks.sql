DROP TRIGGER mark_stale ON user_activities;
--> statement-breakpoint
DROP TRIGGER mark_stale_after ON user_activities;
--> statement-breakpoint
DROP TRIGGER mark_stale_again ON user_activities;
--> statement-breakpoint
DROP TRIGGER mark_stale ON analytics_events;
--> statement-breakpoint
DROP TRIGGER mark_stale_after ON analytics_events;
--> statement-breakpoint
DROP TRIGGER mark_stale_again ON analytics_events;
--> statement-breakpoint
DROP TRIGGER mark_stale ON conversations;
--> statement-breakpoint
DROP TRIGGER mark_stale_after ON conversations;
--> statement-breakpoint
DROP TRIGGER mark_stale_again ON conversations;
--> statement-breakpoint
DROP TRIGGER mark_stale ON messages;
--> statement-breakpoint
DROP TRIGGER mark_stale_after ON messages;
--> statement-breakpoint
DROP TRIGGER mark_stale_again ON messages;
--> statement-breakpoint
DROP TRIGGER mark_stale ON feedback;
--> statement-breakpoint
DROP TRIGGER mark_stale_after ON feedback;
--> statement-breakpoint
DROP TRIGGER mark_stale_again ON feedback;
--> statement-breakpoint
DROP TRIGGER mark_stale ON documents;
--> statement-breakpoint
DROP TRIGGER mark_stale_after ON documents;
--> statement-breakpoint
DROP TRIGGER mark_stale_again ON documents;
--> statement-breakpoint
DROP TRIGGER mark_stale ON orders;
--> statement-breakpoint
DROP TRIGGER mark_stale_again ON orders;
--> statement-breakpoint
DROP TRIGGER mark_stale ON execution_logs;
--> statement-breakpoint
DROP TRIGGER mark_stale_after ON execution_logs;
--> statement-breakpoint
DROP TRIGGER mark_stale_again ON execution_logs;
--> statement-breakpoint
DROP FUNCTION app_mark_order();
--> statement-breakpoint
DROP FUNCTION app_mark_occurred();
--> statement-breakpoint
DROP FUNCTION app_mark_created();
--> statement-breakpoint
DROP FUNCTION app_mark_hour(text, uuid, timestamptz);
--> statement-breakpoint
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
  DELETE FROM events WHERE organization_id = doomed;
  GET DIAGNOSTICS logged = ROW_COUNT;
  RETURN jsonb_build_object('members', members, 'events', logged);
END $$;
--> statement-breakpoint
-- Marks of sources are of no use to the version before: it rolls up everything again.
DELETE FROM "stale_windows";
--> statement-breakpoint
DROP INDEX "stale_windows_hour_index";
--> statement-breakpoint
ALTER TABLE "stale_windows" DROP COLUMN "source";
--> statement-breakpoint
ALTER TABLE "stale_windows" ADD COLUMN "marks" bigint DEFAULT 1 NOT NULL;
--> statement-breakpoint
ALTER TABLE "stale_windows" ADD CONSTRAINT "stale_windows_hour_key" UNIQUE("organization_id","hour");
--> statement-breakpoint
ALTER TABLE "stale_windows" ADD CONSTRAINT "stale_windows_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
DELETE FROM "roll_ups";
--> statement-breakpoint
ALTER TABLE "roll_ups" DROP COLUMN "kept_since";
--> statement-breakpoint
ALTER TABLE "roll_ups" ALTER COLUMN "looked_until" SET NOT NULL;
--> statement-breakpoint
-- What people did who have left since.
DELETE FROM "user_activities" WHERE NOT EXISTS (SELECT FROM "memberships" WHERE "memberships"."organization_id" = "user_activities"."organization_id" AND "memberships"."user_id" = "user_activities"."user_id");
--> statement-breakpoint
ALTER TABLE "user_activities" ADD CONSTRAINT "user_activities_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;
--> statement-breakpoint
DROP INDEX "metrics_all_period_start_index";
--> statement-breakpoint
DROP INDEX "conversations_all_created_at_index";
--> statement-breakpoint
DROP INDEX "feedback_all_created_at_index";
--> statement-breakpoint
DROP INDEX "messages_all_created_at_index";
--> statement-breakpoint
DROP INDEX "orders_completed_at_index";
--> statement-breakpoint
DROP INDEX "orders_cancelled_at_index";
