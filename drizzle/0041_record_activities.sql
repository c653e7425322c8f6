-- Writes requests of members of many organizations in one statement: `{"<organization>": [{…}, …], …}`. It runs with the rights of whoever calls it, under row
-- security as any statement: for the rows of each organization it sees as that organization's jobs do, and afterwards as before. An id that is there
-- already is left as it is, so that a batch whose answer was lost can be written again. Requests of who is no member any more are left out.
CREATE FUNCTION app_record_activities(batch json) RETURNS integer LANGUAGE plpgsql AS $$
DECLARE
  seen_organization text := coalesce(current_setting('app.organization_id', true), '');
  seen_principals text := coalesce(current_setting('app.principals', true), '');
  part record;
  members uuid[];
  written integer := 0;
  added integer;
BEGIN
  -- In one order for all, so that two processes do not wait for each other.
  FOR part IN SELECT key::uuid AS organization, value AS requests FROM json_each(batch) ORDER BY key LOOP
    PERFORM set_config('app.organization_id', part.organization::text, true),
      set_config('app.principals', '{' || part.organization || '}', true);
    -- Whoever leaves meanwhile takes their requests along.
    members := ARRAY(
      SELECT user_id FROM memberships
      WHERE organization_id = part.organization
        AND user_id = ANY (ARRAY(SELECT DISTINCT u FROM json_to_recordset(part.requests) AS noted(u uuid)))
      ORDER BY user_id FOR KEY SHARE);
    INSERT INTO user_activities (organization_id, id, created_at, user_id, credential_id, action, operation, resource_type, resource_id, workspace_id,
        mutation, error, duration_ms, request_id, address, user_agent)
      SELECT part.organization, i, t, u, c, a, o, rt, ri, w, m, e, d, r, ad, ua
      FROM json_to_recordset(part.requests) AS noted(i uuid, t timestamptz, u uuid, c uuid, a text, o text, rt text, ri uuid, w uuid, m boolean, e text,
        d integer, r text, ad text, ua text)
      WHERE u = ANY (members)
      ON CONFLICT (organization_id, id) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    written := written + added;
  END LOOP;
  PERFORM set_config('app.organization_id', seen_organization, true), set_config('app.principals', seen_principals, true);
  RETURN written;
END $$;
