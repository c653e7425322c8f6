ALTER POLICY "user_engagements_member" ON "user_engagements" TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and case when user_id = nullif(current_setting('app.user_id', true), '')::uuid then true else organization_id = any(coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[]) end) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and case when user_id = nullif(current_setting('app.user_id', true), '')::uuid then true else organization_id = any(coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[]) end);
--> statement-breakpoint
-- A member's requests go with the membership, and that with the organization; the second check of each row says nothing more.
ALTER TABLE "user_activities" DROP CONSTRAINT "user_activities_organization_id_fkey";
--> statement-breakpoint
-- An OR of the two would be read by two indexes at once, out of order.
ALTER POLICY "user_activities_member" ON "user_activities" TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and case when user_id = nullif(current_setting('app.user_id', true), '')::uuid then true else organization_id = any(coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[]) end) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and case when user_id = nullif(current_setting('app.user_id', true), '')::uuid then true else organization_id = any(coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[]) end);
--> statement-breakpoint
-- Writes requests of members of many organizations in one statement: `{"<organization>": {"users": […], "i": […], …}, …}`, with a list for each column. It
-- runs with the rights of whoever calls it, under row security as any statement: for the rows of each organization it sees as that organization's jobs do,
-- and afterwards as before. Written `again` are those of a batch that may be there already. Requests of who is no member any more are left out.
CREATE FUNCTION app_record_activities(batch json, again boolean) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  seen_organization text := coalesce(current_setting('app.organization_id', true), '');
  seen_principals text := coalesce(current_setting('app.principals', true), '');
  part record;
  members uuid[];
  gone uuid[];
  written integer := 0;
  added integer;
BEGIN
  FOR part IN
    SELECT key::uuid AS organization, value AS requests, users
    FROM json_each(batch), json_to_record(value) AS noted(users uuid[])
  LOOP
    PERFORM set_config('app.organization_id', part.organization::text, true),
      set_config('app.principals', '{' || part.organization || '}', true);
    members := ARRAY(
      SELECT user_id FROM memberships
      WHERE organization_id = part.organization AND user_id = ANY (part.users));
    gone := ARRAY(SELECT * FROM unnest(part.users) AS noted(u) WHERE u <> ALL (members));
    INSERT INTO user_activities (organization_id, id, created_at, user_id, credential_id, action, operation, resource_type, resource_id, workspace_id,
        mutation, error, duration_ms, request_id, address, user_agent)
      SELECT part.organization, noted.*
      FROM json_to_record(part.requests) AS columns(i uuid[], t timestamptz[], u uuid[], c uuid[], a text[], o text[], rt text[], ri uuid[], w uuid[],
          m boolean[], e text[], d integer[], r text[], ad text[], ua text[]),
        unnest(i, t, u, c, a, o, rt, ri, w, m, e, d, r, ad, ua) AS noted(id, t, user_id, c, a, o, rt, ri, w, m, e, d, r, ad, ua)
      WHERE noted.user_id <> ALL (gone)
        AND NOT (again AND EXISTS (
          SELECT FROM user_activities known WHERE known.organization_id = part.organization AND known.id = noted.id));
    GET DIAGNOSTICS added = ROW_COUNT;
    written := written + added;
  END LOOP;
  PERFORM set_config('app.organization_id', seen_organization, true), set_config('app.principals', seen_principals, true);
  RETURN written;
END $$;
