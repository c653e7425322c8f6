DROP TRIGGER leave_projects ON memberships;
--> statement-breakpoint
DROP FUNCTION app_leave_projects();
--> statement-breakpoint
DROP TRIGGER add_model_cost ON prompt_sessions;
--> statement-breakpoint
DROP FUNCTION app_add_model_cost();
--> statement-breakpoint
ALTER TABLE prompt_sessions DROP CONSTRAINT prompt_sessions_project_id_fkey;
--> statement-breakpoint
DROP TABLE project_links, project_collaborators, project_labels, projects, saved_views, task_activities, task_attachments, task_comments, task_dependencies, task_labels, task_mentions, task_watchers, tasks, time_entries;
--> statement-breakpoint
DROP FUNCTION app_release_prompt_sessions(), app_refuse_dependency_cycle(), app_refuse_task_cycle(), app_enter_projects(), app_in_project(uuid);
--> statement-breakpoint
-- The extension btree_gist stays: it may have been there before.
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
