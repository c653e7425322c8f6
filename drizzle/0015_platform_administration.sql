CREATE INDEX "users_email_index" ON "users" USING btree ("email","id");--> statement-breakpoint
CREATE INDEX "users_platform_role_index" ON "users" USING btree ("platform_role","created_at","id") WHERE "users"."platform_role" <> 'NONE';--> statement-breakpoint
CREATE INDEX "users_suspended_at_index" ON "users" USING btree ("suspended_at","id") WHERE "users"."suspended_at" is not null;--> statement-breakpoint
CREATE INDEX "users_deleted_at_index" ON "users" USING btree ("deleted_at","id") WHERE "users"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "organizations_type_index" ON "organizations" USING btree ("type","created_at","id");--> statement-breakpoint
CREATE INDEX "organizations_suspended_at_index" ON "organizations" USING btree ("suspended_at","id") WHERE "organizations"."suspended_at" is not null;--> statement-breakpoint
CREATE INDEX "platform_events_created_at_index" ON "platform_events" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "platform_events_action_index" ON "platform_events" USING btree ("action","created_at","id");--> statement-breakpoint
CREATE INDEX "platform_events_actor_id_index" ON "platform_events" USING btree ("actor_id","created_at","id");--> statement-breakpoint
CREATE INDEX "platform_events_target_id_index" ON "platform_events" USING btree ("target_id","created_at","id");--> statement-breakpoint
-- Administrators of the installation look across organizations through the functions below alone. Each asks for the role by itself, writes
-- down who looked at what, in the transaction of the reading, and takes at most 100 organizations. Row security binds their owner too, so
-- they look as one organization after the other. None works in a read-only transaction: what cannot be written down cannot be read.
CREATE FUNCTION app_require_super_admin() RETURNS uuid LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  administrator uuid := nullif(current_setting('app.user_id', true), '')::uuid;
BEGIN
  PERFORM FROM users
    WHERE id = administrator AND platform_role = 'SUPERADMIN' AND suspended_at IS NULL AND deleted_at IS NULL;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'Only administrators of the installation may do this.' USING ERRCODE = 'insufficient_privilege';
  END IF;
  RETURN administrator;
END $$;
--> statement-breakpoint
-- What a viewer sees, apart from whose it is: organization, principals, workspaces.
CREATE FUNCTION app_scope() RETURNS text[] LANGUAGE sql STABLE AS $$
  SELECT ARRAY[
    coalesce(current_setting('app.organization_id', true), ''),
    coalesce(current_setting('app.principals', true), ''),
    coalesce(current_setting('app.workspaces', true), '')
  ]
$$;
--> statement-breakpoint
-- SET LOCAL, because set_config is not carried to the shards of a distributed table. An error undoes it by itself.
CREATE FUNCTION app_set_scope(scope text[]) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL app.organization_id = %L', scope[1]);
  EXECUTE format('SET LOCAL app.principals = %L', scope[2]);
  EXECUTE format('SET LOCAL app.workspaces = %L', scope[3]);
END $$;
--> statement-breakpoint
-- `reading`: field, requestId, address, userAgent. `type` and `ids`: what is read. The nil UUID stands for several or none.
CREATE FUNCTION app_record_platform_read(reading jsonb, type text, ids uuid[]) RETURNS void LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  administrator uuid := app_require_super_admin();
BEGIN
  IF cardinality(ids) > 100 THEN
    RAISE EXCEPTION 'At most 100 are read at a time.' USING ERRCODE = 'program_limit_exceeded';
  END IF;
  INSERT INTO platform_events (id, action, target_type, target_id, actor_id, request_id, address, user_agent, data)
  VALUES (
    gen_random_uuid(), 'platform.read', type,
    CASE WHEN cardinality(ids) = 1 THEN ids[1] ELSE '00000000-0000-0000-0000-000000000000' END,
    administrator, coalesce(reading ->> 'requestId', ''), reading ->> 'address', reading ->> 'userAgent',
    jsonb_build_object('field', reading ->> 'field', 'ids', to_jsonb(ids))
  );
END $$;
--> statement-breakpoint
-- What organizations hold; the bytes are those of files that have arrived.
CREATE FUNCTION app_platform_usage(reading jsonb, organizations uuid[]) RETURNS TABLE (
  organization_id uuid, member_count bigint, workspace_count bigint, document_count bigint, conversation_count bigint,
  message_count bigint, storage_bytes bigint
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text[] := app_scope();
  organization uuid;
BEGIN
  PERFORM app_record_platform_read(reading, 'Organization', organizations);
  FOREACH organization IN ARRAY organizations LOOP
    PERFORM app_set_scope(ARRAY[organization::text, '{' || organization || '}', '*']);
    RETURN QUERY SELECT
      organization,
      (SELECT count(*) FROM memberships r WHERE r.organization_id = organization),
      (SELECT count(*) FROM workspaces r WHERE r.organization_id = organization),
      (SELECT count(*) FROM documents r WHERE r.organization_id = organization),
      (SELECT count(*) FROM conversations r WHERE r.organization_id = organization),
      (SELECT count(*) FROM messages r WHERE r.organization_id = organization),
      (SELECT coalesce(sum(r.size), 0)::bigint FROM files r WHERE r.organization_id = organization AND r.status = 'STORED');
  END LOOP;
  PERFORM app_set_scope(before);
END $$;
--> statement-breakpoint
-- The places that people have in organizations.
CREATE FUNCTION app_platform_memberships(reading jsonb, organizations uuid[], people uuid[]) RETURNS TABLE (
  organization_id uuid, user_id uuid, role text, suspended_at timestamptz, created_at timestamptz
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text[] := app_scope();
  organization uuid;
BEGIN
  PERFORM app_record_platform_read(reading, 'Organization', organizations);
  FOREACH organization IN ARRAY organizations LOOP
    PERFORM app_set_scope(ARRAY[organization::text, '{}', '']);
    RETURN QUERY SELECT r.organization_id, r.user_id, r.role, r.suspended_at, r.created_at
      FROM memberships r WHERE r.organization_id = organization AND r.user_id = ANY (people);
  END LOOP;
  PERFORM app_set_scope(before);
END $$;
--> statement-breakpoint
-- Calls of models by day (UTC), at most 92 days; the last day counts whole.
CREATE FUNCTION app_platform_executions(reading jsonb, organizations uuid[], first_day date, last_day date) RETURNS TABLE (
  organization_id uuid, day date, calls bigint, input_tokens bigint, output_tokens bigint, cost numeric
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  before text[] := app_scope();
  organization uuid;
BEGIN
  IF last_day - first_day >= 92 THEN
    RAISE EXCEPTION 'At most 92 days are read at a time.' USING ERRCODE = 'program_limit_exceeded';
  END IF;
  PERFORM app_record_platform_read(reading, 'Organization', organizations);
  FOREACH organization IN ARRAY organizations LOOP
    PERFORM app_set_scope(ARRAY[organization::text, '{' || organization || '}', '*']);
    RETURN QUERY SELECT r.organization_id, (r.created_at AT TIME ZONE 'UTC')::date, count(*), sum(r.input_tokens),
        sum(r.output_tokens), coalesce(sum(r.cost), 0)
      FROM execution_logs r
      WHERE r.organization_id = organization
        AND r.created_at >= first_day::timestamp AT TIME ZONE 'UTC'
        AND r.created_at < (last_day + 1)::timestamp AT TIME ZONE 'UTC'
      GROUP BY 1, 2;
  END LOOP;
  PERFORM app_set_scope(before);
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION app_require_super_admin(), app_record_platform_read(jsonb, text, uuid[]), app_platform_usage(jsonb, uuid[]),
  app_platform_memberships(jsonb, uuid[], uuid[]), app_platform_executions(jsonb, uuid[], date, date) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION app_require_super_admin(), app_record_platform_read(jsonb, text, uuid[]), app_platform_usage(jsonb, uuid[]),
  app_platform_memberships(jsonb, uuid[], uuid[]), app_platform_executions(jsonb, uuid[], date, date) TO tessera_server;
