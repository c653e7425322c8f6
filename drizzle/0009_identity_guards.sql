COMMENT ON TABLE sessions IS '@global @personal @reference';
--> statement-breakpoint
COMMENT ON TABLE devices IS '@global @personal @reference';
--> statement-breakpoint
COMMENT ON TABLE extension_keys IS '@global @personal @reference';
--> statement-breakpoint
COMMENT ON TABLE two_factors IS '@global @personal';
--> statement-breakpoint
COMMENT ON TABLE recovery_codes IS '@global @personal';
--> statement-breakpoint
COMMENT ON TABLE user_organizations IS '@lookup @reference';
--> statement-breakpoint
COMMENT ON TABLE throttle_counters IS '@lookup';
--> statement-breakpoint
-- A session is its user's in every organization now, and such a table has no triggers.
DROP TRIGGER IF EXISTS touch_updated_at ON sessions;
--> statement-breakpoint
-- Brings every table to its rules; called last by each migration that adds one, and safe to call again.
-- Tables of a tenant (first key column organization_id): forced row security, updated_at kept, rights for the server.
-- A table whose comment holds @personal belongs to users: forced row security. One whose comment holds @append can be read and
-- appended to, not changed.
CREATE OR REPLACE FUNCTION app_guard_tables() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  guarded record;
BEGIN
  FOR guarded IN
    SELECT c.oid::regclass AS name,
           (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = i.indkey[0]) = 'organization_id' AS of_tenant,
           coalesce(obj_description(c.oid, 'pg_class') ~ '@personal', false) AS personal,
           coalesce(obj_description(c.oid, 'pg_class') ~ '@append', false) AS append_only,
           EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'updated_at' AND NOT attisdropped) AS dated,
           EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'touch_updated_at') AS touched
    FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relnamespace = 'public'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  LOOP
    IF guarded.of_tenant OR guarded.personal THEN
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded.name);
      EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded.name);
    END IF;
    IF guarded.of_tenant AND guarded.dated AND NOT guarded.touched THEN
      EXECUTE format('CREATE TRIGGER touch_updated_at BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION app_touch_updated_at()', guarded.name);
    END IF;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO tessera_server', guarded.name);
    IF guarded.append_only THEN
      EXECUTE format('REVOKE UPDATE, DELETE ON %s FROM tessera_server', guarded.name);
    END IF;
  END LOOP;
END $$;
--> statement-breakpoint
-- An organization keeps an owner who may enter it. The lock lets changes of one organization's owners follow each other: each sees what
-- those before it left. An organization that goes takes its last owner with it.
CREATE FUNCTION app_keep_owner() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended(OLD.organization_id::text, 0));
  IF EXISTS (SELECT FROM organizations WHERE id = OLD.organization_id)
    AND NOT EXISTS (
      SELECT FROM memberships
      WHERE organization_id = OLD.organization_id AND id <> OLD.id AND role = 'OWNER' AND suspended_at IS NULL
    ) THEN
    RAISE EXCEPTION 'An organization keeps at least one owner.'
      USING ERRCODE = 'check_violation', CONSTRAINT = 'memberships_owner_check', TABLE = 'memberships';
  END IF;
  RETURN coalesce(NEW, OLD);
END $$;
--> statement-breakpoint
CREATE TRIGGER keep_owner_on_change BEFORE UPDATE ON memberships FOR EACH ROW
  WHEN (OLD.role = 'OWNER' AND OLD.suspended_at IS NULL AND (NEW.role <> 'OWNER' OR NEW.suspended_at IS NOT NULL))
  EXECUTE FUNCTION app_keep_owner();
--> statement-breakpoint
CREATE TRIGGER keep_owner_on_leave BEFORE DELETE ON memberships FOR EACH ROW
  WHEN (OLD.role = 'OWNER' AND OLD.suspended_at IS NULL)
  EXECUTE FUNCTION app_keep_owner();
--> statement-breakpoint
-- The look-up of each person's organizations. Row security binds this role too, so it looks at one organization after the other.
DO $$
DECLARE
  organization uuid;
BEGIN
  FOR organization IN SELECT id FROM organizations LOOP
    EXECUTE format('SET LOCAL app.organization_id = %L', organization);
    INSERT INTO user_organizations (user_id, organization_id, created_at)
      SELECT user_id, organization_id, created_at FROM memberships WHERE organization_id = organization ON CONFLICT DO NOTHING;
  END LOOP;
  SET LOCAL app.organization_id = '';
END $$;
--> statement-breakpoint
SELECT app_guard_tables();
