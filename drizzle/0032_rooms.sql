DROP INDEX "rooms_open_to_id_index";--> statement-breakpoint
CREATE INDEX "room_mentions_room_id_index" ON "room_mentions" USING btree ("organization_id","user_id","room_id","created_at");--> statement-breakpoint
CREATE INDEX "room_message_terms_room_id_index" ON "room_message_terms" USING btree ("organization_id","room_id","term","message_id");--> statement-breakpoint
CREATE INDEX "rooms_open_to_id_index" ON "rooms" USING btree ("organization_id","open_to_id","last_message_at","id");
--> statement-breakpoint
-- Lets the running transaction see the rooms that its user is a member of, and no others: it acts with the caller's rights, who sees of the
-- memberships their own alone before. A place in an open channel is worth nothing to who no longer sees its workspace. Files sent in a private
-- room are read by the room, whose id is a principal of whoever is in it; a key of some workspaces, which is not its member's self, gets none.
CREATE OR REPLACE FUNCTION app_enter_rooms() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  entered uuid[];
  private uuid[];
BEGIN
  IF current_setting('app.rooms', true) = '*' THEN
    RETURN;
  END IF;
  SELECT array_agg(room_id), array_agg(room_id) FILTER (WHERE open_to_id IS NULL) INTO entered, private FROM room_memberships
  WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
    AND user_id = nullif(current_setting('app.user_id', true), '')::uuid
    AND (open_to_id IS NULL OR app_sees(open_to_id));
  EXECUTE format('SET LOCAL app.rooms = %L', coalesce(array_to_string(entered, ','), ''));
  IF private IS NOT NULL AND nullif(current_setting('app.user_id', true), '')::uuid = ANY (app_principals()) THEN
    EXECUTE format('SET LOCAL app.principals = %L', (app_principals() || private)::text);
  END IF;
END $$;
--> statement-breakpoint
-- Keeps the number of members, and an owner in every channel that has members: the oldest takes over. The room's row is locked by the count,
-- so that of two who leave at a time the second sees who is left.
-- (A SET clause would need a superuser, to whom alone a parameter of this kind is open when a function is made.)
CREATE FUNCTION app_keep_room() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entered text := coalesce(current_setting('app.rooms', true), '');
  place room_memberships;
  change integer := CASE TG_OP WHEN 'INSERT' THEN 1 WHEN 'DELETE' THEN -1 ELSE 0 END;
  what text;
BEGIN
  SET LOCAL app.rooms = '*';
  IF TG_OP = 'DELETE' THEN
    place := OLD;
  ELSE
    place := NEW;
  END IF;
  UPDATE rooms SET member_count = member_count + change
  WHERE organization_id = place.organization_id AND id = place.room_id RETURNING kind INTO what;
  IF what = 'CHANNEL' AND NOT EXISTS (
    SELECT FROM room_memberships WHERE organization_id = place.organization_id AND room_id = place.room_id AND role = 'OWNER'
  ) THEN
    UPDATE room_memberships SET role = 'OWNER'
    WHERE organization_id = place.organization_id AND id = (
      SELECT id FROM room_memberships WHERE organization_id = place.organization_id AND room_id = place.room_id
      ORDER BY created_at, id LIMIT 1
    );
  END IF;
  EXECUTE format('SET LOCAL app.rooms = %L', entered);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER keep_room AFTER INSERT OR DELETE OR UPDATE OF role ON room_memberships FOR EACH ROW EXECUTE FUNCTION app_keep_room();
--> statement-breakpoint
-- Whoever leaves the organization leaves their rooms: these are locked first and in one order, as whoever changes their members does, so that
-- nobody waits for each other.
CREATE FUNCTION app_lock_rooms() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entered text := coalesce(current_setting('app.rooms', true), '');
BEGIN
  SET LOCAL app.rooms = '*';
  PERFORM FROM rooms WHERE organization_id = OLD.organization_id AND id IN (
    SELECT room_id FROM room_memberships WHERE organization_id = OLD.organization_id AND user_id = OLD.user_id
  ) ORDER BY id FOR NO KEY UPDATE;
  EXECUTE format('SET LOCAL app.rooms = %L', entered);
  RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER lock_rooms BEFORE DELETE ON memberships FOR EACH ROW EXECUTE FUNCTION app_lock_rooms();
