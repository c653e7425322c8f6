CREATE TABLE "event_seals" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"sequence" bigint NOT NULL,
	"first_event_id" uuid NOT NULL,
	"last_event_id" uuid NOT NULL,
	"count" integer NOT NULL,
	"entries" text NOT NULL,
	"digest" text NOT NULL,
	"previous_digest" text NOT NULL,
	CONSTRAINT "event_seals_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "event_seals_sequence_key" UNIQUE("organization_id","sequence")
);
--> statement-breakpoint
ALTER TABLE "event_seals" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "idempotency_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"organization_id" uuid NOT NULL,
	"request_id" text NOT NULL,
	"fingerprint" text NOT NULL,
	"encrypted_result" text
);
--> statement-breakpoint
DROP INDEX "events_workspace_id_index";--> statement-breakpoint
ALTER TABLE "event_seals" ADD CONSTRAINT "event_seals_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "idempotency_keys" ADD CONSTRAINT "idempotency_keys_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "idempotency_keys_organization_id_index" ON "idempotency_keys" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "idempotency_keys_created_at_index" ON "idempotency_keys" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "events_created_at_index" ON "events" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "events_action_index" ON "events" USING btree ("organization_id","action","created_at","id");--> statement-breakpoint
CREATE INDEX "events_target_type_index" ON "events" USING btree ("organization_id","target_type","created_at","id");--> statement-breakpoint
CREATE INDEX "events_target_id_index" ON "events" USING btree ("organization_id","target_id","created_at","id");--> statement-breakpoint
CREATE INDEX "events_actor_id_index" ON "events" USING btree ("organization_id","actor_id","created_at","id");--> statement-breakpoint
CREATE INDEX "events_workspace_id_index" ON "events" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE POLICY "event_seals_read" ON "event_seals" AS PERMISSIVE FOR SELECT TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "event_seals_append" ON "event_seals" AS PERMISSIVE FOR INSERT TO public WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "event_seals_erase" ON "event_seals" AS PERMISSIVE FOR DELETE TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
--> statement-breakpoint
COMMENT ON TABLE event_seals IS '@append';
--> statement-breakpoint
COMMENT ON TABLE idempotency_keys IS '@lookup @local';
--> statement-breakpoint
-- An entry whose id is older than five minutes gets a new one: below that nothing comes any more once the transactions of before have
-- ended, and what was sealed stays as it is. `finalBound` in the server reckons with the same time.
CREATE FUNCTION app_date_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.id := encode(set_bit(set_bit(overlay(uuid_send(gen_random_uuid())
    PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6), 52, 1), 53, 1), 'hex')::uuid;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER date_event BEFORE INSERT ON events FOR EACH ROW
  WHEN (NEW.id < (lpad(to_hex((extract(epoch FROM clock_timestamp()) * 1000)::bigint - 300000), 12, '0') || repeat('0', 20))::uuid)
  EXECUTE FUNCTION app_date_event();
--> statement-breakpoint
-- Deletes the oldest seals of the running transaction's organization, at most twenty, with the entries they stand for, as far as they are older than the
-- organization keeps its log; never the newest seal. The server has no right of its own to delete them. Gives null when nothing is that old.
CREATE FUNCTION app_trim_events(tenant uuid) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  days integer;
  oldest uuid;
  seal record;
  newest bigint;
  gone bigint;
  trimmed bigint := 0;
  told jsonb;
BEGIN
  IF tenant IS DISTINCT FROM nullif(current_setting('app.organization_id', true), '')::uuid
    OR current_setting('app.workspaces', true) IS DISTINCT FROM '*' THEN
    RAISE EXCEPTION 'Only who sees the whole organization trims its log.' USING ERRCODE = 'insufficient_privilege';
  END IF;
  SELECT greatest((settings ->> 'eventLogDays')::integer, 30) INTO days FROM organizations
    WHERE id = tenant AND settings ->> 'eventLogDays' IS NOT NULL;
  IF days IS NULL THEN
    RETURN NULL;
  END IF;
  PERFORM pg_advisory_xact_lock(hashtextextended('event_seals' || tenant::text, 0));
  oldest := (lpad(to_hex((extract(epoch FROM now() - make_interval(days => days)) * 1000)::bigint), 12, '0') || repeat('0', 20))::uuid;
  SELECT max(sequence) INTO newest FROM event_seals WHERE organization_id = tenant;
  FOR seal IN
    SELECT id, sequence, digest, last_event_id FROM event_seals
      WHERE organization_id = tenant AND sequence < newest ORDER BY sequence LIMIT 20
  LOOP
    EXIT WHEN seal.last_event_id >= oldest;
    DELETE FROM events WHERE organization_id = tenant AND id <= seal.last_event_id;
    GET DIAGNOSTICS gone = ROW_COUNT;
    DELETE FROM event_seals WHERE organization_id = tenant AND id = seal.id;
    trimmed := trimmed + gone;
    told := jsonb_build_object('sequence', seal.sequence, 'digest', seal.digest, 'lastEventId', seal.last_event_id, 'entries', trimmed);
  END LOOP;
  RETURN told;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION app_trim_events(uuid) FROM PUBLIC;
--> statement-breakpoint
GRANT EXECUTE ON FUNCTION app_trim_events(uuid) TO tessera_server;
--> statement-breakpoint
SELECT app_guard_tables();
