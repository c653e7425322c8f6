ALTER TABLE "execution_logs" ADD CONSTRAINT "execution_logs_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "organizations_deleted_at_index" ON "organizations" USING btree ("deleted_at","id") WHERE "organizations"."deleted_at" is not null;--> statement-breakpoint
CREATE POLICY "chunk_postings_erase" ON "chunk_postings" AS PERMISSIVE FOR ALL TO current_role USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
-- Everything of an organization goes with its row. These tables stand below it in the code, which therefore cannot name the key.
ALTER TABLE jobs ADD CONSTRAINT jobs_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE;
--> statement-breakpoint
ALTER TABLE sessions ADD CONSTRAINT sessions_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE;
--> statement-breakpoint
ALTER TABLE devices ADD CONSTRAINT devices_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE;
--> statement-breakpoint
ALTER TABLE extension_keys ADD CONSTRAINT extension_keys_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE;
--> statement-breakpoint
ALTER TABLE access_tokens ADD CONSTRAINT access_tokens_organization_id_fkey FOREIGN KEY (organization_id) REFERENCES organizations (id) ON DELETE CASCADE;
--> statement-breakpoint
-- Erases what is left of a deleted organization and gives counts of it. Keys take along what refers to the organization, also rows that
-- nobody may read any more; what has no such key, because it is written too often to be checked, is deleted by name. The owner's rights
-- are needed for the log, which the server can only append to. Row security binds the owner too, so it looks as the organization.
CREATE FUNCTION app_erase_organization(doomed uuid) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  members bigint;
  logged bigint;
BEGIN
  PERFORM FROM organizations WHERE id = doomed AND deleted_at IS NOT NULL FOR UPDATE;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'Only a deleted organization can be erased.' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  EXECUTE format('SET LOCAL app.organization_id = %L', doomed);
  EXECUTE format('SET LOCAL app.principals = %L', '{' || doomed || '}');
  SET LOCAL app.workspaces = '*';
  SELECT count(*) INTO members FROM memberships WHERE organization_id = doomed;
  UPDATE users SET default_organization_id = (
      SELECT other.organization_id FROM user_organizations other JOIN organizations o ON o.id = other.organization_id
      WHERE other.user_id = users.id AND other.organization_id <> doomed
      ORDER BY o.deleted_at IS NOT NULL, other.created_at, other.organization_id LIMIT 1
    ), updated_at = now()
    WHERE default_organization_id = doomed;
  DELETE FROM running_answers WHERE organization_id = doomed;
  -- Before the files that their documents refer to.
  DELETE FROM workspaces WHERE organization_id = doomed;
  DELETE FROM organizations WHERE id = doomed;
  DELETE FROM chunk_postings WHERE organization_id = doomed;
  DELETE FROM pgboss.job WHERE data ->> 'organizationId' = doomed::text;
  DELETE FROM events WHERE organization_id = doomed;
  GET DIAGNOSTICS logged = ROW_COUNT;
  RETURN jsonb_build_object('members', members, 'events', logged);
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION app_erase_organization(uuid) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION app_erase_organization(uuid) TO tessera_server;
--> statement-breakpoint
-- How many organizations a person owns: their roles are seen by one organization at a time.
CREATE FUNCTION app_owned_organizations(person uuid) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  current text := current_setting('app.organization_id', true);
  place uuid;
  owned integer := 0;
BEGIN
  FOR place IN SELECT organization_id FROM user_organizations WHERE user_id = person LOOP
    EXECUTE format('SET LOCAL app.organization_id = %L', place);
    IF EXISTS (SELECT FROM memberships WHERE organization_id = place AND user_id = person AND role = 'OWNER') THEN
      owned := owned + 1;
    END IF;
  END LOOP;
  EXECUTE format('SET LOCAL app.organization_id = %L', current);
  RETURN owned;
END $$;
