CREATE EXTENSION IF NOT EXISTS vector;
--> statement-breakpoint
-- The server's role owns nothing and bypasses no policy. Logins that the server uses are members of it.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tessera_server') THEN
    CREATE ROLE tessera_server NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database of this cluster was migrated at the same moment
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'This role may not create roles. Let an administrator run: CREATE ROLE tessera_server NOLOGIN NOSUPERUSER NOBYPASSRLS; GRANT tessera_server TO <the login of DATABASE_URL>;'
      USING ERRCODE = 'insufficient_privilege';
END $$;
--> statement-breakpoint
-- Sets the viewer of the running transaction. SET LOCAL, because set_config is not carried to the shards of a distributed table.
CREATE FUNCTION app_set_viewer(organization uuid, viewer uuid, principals text, workspaces text) RETURNS void
LANGUAGE plpgsql AS $$
BEGIN
  EXECUTE format('SET LOCAL app.organization_id = %L', coalesce(organization::text, ''));
  EXECUTE format('SET LOCAL app.user_id = %L', coalesce(viewer::text, ''));
  EXECUTE format('SET LOCAL app.principals = %L', principals);
  EXECUTE format('SET LOCAL app.workspaces = %L', workspaces);
END $$;
--> statement-breakpoint
-- Inlined into the policies. Text search instead of an array: an array comparison would cost lists their ordered index scan.
CREATE FUNCTION app_sees(workspace uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT current_setting('app.workspaces', true) = '*'
    OR strpos(current_setting('app.workspaces', true), workspace::text) > 0
$$;
--> statement-breakpoint
CREATE FUNCTION app_principals() RETURNS uuid[] LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[]
$$;
--> statement-breakpoint
CREATE FUNCTION app_touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END $$;
--> statement-breakpoint
-- Brings every table to its rules; called last by each migration that adds one, and safe to call again.
-- Tables of a tenant (first key column organization_id): forced row security, updated_at kept, rights for the server.
-- A table whose comment holds @append can be read and appended to, not changed.
CREATE FUNCTION app_guard_tables() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  guarded record;
BEGIN
  FOR guarded IN
    SELECT c.oid::regclass AS name,
           (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = i.indkey[0]) = 'organization_id' AS of_tenant,
           coalesce(obj_description(c.oid, 'pg_class') ~ '@append', false) AS append_only,
           EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'updated_at' AND NOT attisdropped) AS dated,
           EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'touch_updated_at') AS touched
    FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  LOOP
    IF guarded.of_tenant THEN
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded.name);
      EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded.name);
      IF guarded.dated AND NOT guarded.touched THEN
        EXECUTE format('CREATE TRIGGER touch_updated_at BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION app_touch_updated_at()', guarded.name);
      END IF;
    END IF;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO tessera_server', guarded.name);
    IF guarded.append_only THEN
      EXECUTE format('REVOKE UPDATE, DELETE ON %s FROM tessera_server', guarded.name);
    END IF;
  END LOOP;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION app_guard_tables() FROM PUBLIC;
--> statement-breakpoint
GRANT USAGE ON SCHEMA public TO tessera_server;
--> statement-breakpoint
-- The server and `db:status` compare the migrations applied with those they know.
CREATE SCHEMA IF NOT EXISTS drizzle;
--> statement-breakpoint
GRANT USAGE ON SCHEMA drizzle TO tessera_server;
--> statement-breakpoint
ALTER DEFAULT PRIVILEGES IN SCHEMA drizzle GRANT SELECT ON TABLES TO tessera_server;
--> statement-breakpoint
GRANT SELECT ON ALL TABLES IN SCHEMA drizzle TO tessera_server;
