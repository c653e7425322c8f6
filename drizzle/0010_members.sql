CREATE INDEX "group_memberships_user_id_created_at_index" ON "group_memberships" USING btree ("organization_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "invite_workspaces_created_at_index" ON "invite_workspaces" USING btree ("organization_id","invite_id","created_at","id");--> statement-breakpoint
CREATE INDEX "memberships_role_index" ON "memberships" USING btree ("organization_id","role","created_at","id");--> statement-breakpoint
CREATE INDEX "memberships_suspended_index" ON "memberships" USING btree ("organization_id","created_at","id") WHERE "memberships"."suspended_at" is not null;--> statement-breakpoint
-- What whoever holds an invite's code may know before they join, by the token's hash. It looks into the organization for the time of this call:
-- a reader has one transaction, in which all else sees as before.
CREATE FUNCTION app_invite_shown(token_hash text)
RETURNS TABLE (organization_name text, role text, email_bound boolean, expires_at timestamptz)
LANGUAGE plpgsql
SET app.organization_id = '' SET app.principals = '{}'
AS $$
DECLARE
  token access_tokens;
BEGIN
  SELECT * INTO token FROM access_tokens WHERE hash = token_hash AND kind = 'INVITE' AND access_tokens.expires_at > now();
  IF NOT FOUND THEN
    RETURN;
  END IF;
  EXECUTE format('SET LOCAL app.organization_id = %L', token.organization_id);
  EXECUTE format('SET LOCAL app.principals = %L', array[token.organization_id]);
  RETURN QUERY
    SELECT organizations.name, invites.role, invites.email IS NOT NULL, invites.expires_at
    FROM invites JOIN organizations ON organizations.id = invites.organization_id
    WHERE invites.organization_id = token.organization_id AND invites.id = token.subject_id
      AND invites.status = 'PENDING' AND invites.expires_at > now()
      AND organizations.deleted_at IS NULL AND organizations.suspended_at IS NULL;
END $$;
