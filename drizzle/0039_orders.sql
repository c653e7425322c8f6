CREATE TABLE "order_events" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"order_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"actor_id" uuid,
	"from_status" text,
	"to_status" text,
	"reason" text,
	"changes" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"version" integer NOT NULL,
	CONSTRAINT "order_events_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "order_events_version_key" UNIQUE("organization_id","order_id","version"),
	CONSTRAINT "order_events_kind_check" CHECK ("order_events"."kind" in ('CREATED', 'CHANGED', 'ASSIGNED', 'TRANSITIONED', 'NOTED', 'DELETED', 'RESTORED'))
);
--> statement-breakpoint
ALTER TABLE "order_events" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "order_notes" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"order_id" uuid NOT NULL,
	"author_id" uuid,
	"internal" boolean NOT NULL,
	"text" text NOT NULL,
	CONSTRAINT "order_notes_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "order_notes" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "orders" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"number" integer NOT NULL,
	"customer_id" uuid,
	"type" text NOT NULL,
	"status" text DEFAULT 'PENDING' NOT NULL,
	"priority" text DEFAULT 'MEDIUM' NOT NULL,
	"priority_rank" integer GENERATED ALWAYS AS (case priority when 'LOW' then 1 when 'MEDIUM' then 2 when 'HIGH' then 3 else 4 end) STORED NOT NULL,
	"conversation_id" uuid,
	"origin_workspace_id" uuid,
	"assigned_to_id" uuid,
	"group_id" uuid,
	"created_by_id" uuid,
	"due_at" timestamp(3) with time zone,
	"completed_at" timestamp(3) with time zone,
	"cancelled_at" timestamp(3) with time zone,
	"cancellation_reason" text,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"deleted_at" timestamp(3) with time zone,
	CONSTRAINT "orders_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "orders_number_key" UNIQUE("organization_id","number"),
	CONSTRAINT "orders_type_check" CHECK ("orders"."type" in ('LOAN', 'INSURANCE')),
	CONSTRAINT "orders_status_check" CHECK ("orders"."status" in ('PENDING', 'PROCESSING', 'COMPLETED', 'CANCELLED')),
	CONSTRAINT "orders_priority_check" CHECK ("orders"."priority" in ('LOW', 'MEDIUM', 'HIGH', 'URGENT')),
	CONSTRAINT "orders_completed_at_check" CHECK (("orders"."status" = 'COMPLETED') = ("orders"."completed_at" is not null)),
	CONSTRAINT "orders_cancelled_at_check" CHECK (("orders"."status" = 'CANCELLED') = ("orders"."cancelled_at" is not null))
);
--> statement-breakpoint
ALTER TABLE "orders" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "order_events" ADD CONSTRAINT "order_events_order_id_fkey" FOREIGN KEY ("organization_id","order_id") REFERENCES "public"."orders"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "order_notes" ADD CONSTRAINT "order_notes_order_id_fkey" FOREIGN KEY ("organization_id","order_id") REFERENCES "public"."orders"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "orders" ADD CONSTRAINT "orders_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "order_events_created_at_index" ON "order_events" USING btree ("organization_id","order_id","created_at","id");--> statement-breakpoint
CREATE INDEX "order_notes_created_at_index" ON "order_notes" USING btree ("organization_id","order_id","internal","created_at","id");--> statement-breakpoint
CREATE INDEX "orders_readers_index" ON "orders" USING gin ("readers");--> statement-breakpoint
CREATE INDEX "orders_created_at_index" ON "orders" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "orders_status_index" ON "orders" USING btree ("organization_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "orders_customer_id_index" ON "orders" USING btree ("organization_id","customer_id","created_at","id");--> statement-breakpoint
CREATE INDEX "orders_assigned_to_id_index" ON "orders" USING btree ("organization_id","assigned_to_id","created_at","id");--> statement-breakpoint
CREATE INDEX "orders_conversation_id_index" ON "orders" USING btree ("organization_id","conversation_id","created_at","id");--> statement-breakpoint
CREATE INDEX "orders_priority_index" ON "orders" USING btree ("organization_id","priority_rank","id");--> statement-breakpoint
CREATE INDEX "orders_due_at_index" ON "orders" USING btree ("organization_id","due_at","id") WHERE "orders"."status" in ('PENDING', 'PROCESSING');--> statement-breakpoint
CREATE INDEX "orders_deleted_at_index" ON "orders" USING btree ("organization_id","deleted_at","id") WHERE "orders"."deleted_at" is not null;--> statement-breakpoint
CREATE POLICY "order_events_granted" ON "order_events" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "order_notes_granted" ON "order_notes" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "orders_granted" ON "orders" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());
--> statement-breakpoint
-- History and notes of an order are read by whoever reads the order.
CREATE FUNCTION app_follow_order_readers() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE order_events SET readers = NEW.readers WHERE organization_id = NEW.organization_id AND order_id = NEW.id;
  UPDATE order_notes SET readers = NEW.readers WHERE organization_id = NEW.organization_id AND order_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER follow_order_readers AFTER UPDATE OF readers ON orders
FOR EACH ROW WHEN (OLD.readers IS DISTINCT FROM NEW.readers) EXECUTE FUNCTION app_follow_order_readers();
--> statement-breakpoint
-- Orders of the last 30 days of UTC, as whoever asks sees them.
CREATE VIEW order_statistics WITH (security_invoker = true) AS
SELECT organization_id, (created_at AT TIME ZONE 'UTC')::date AS date, type, status, count(*)::integer AS count,
  avg(extract(epoch FROM completed_at - created_at)) / 3600 AS mean_hours_to_completion
FROM orders
WHERE deleted_at IS NULL AND created_at >= (date_trunc('day', now() AT TIME ZONE 'UTC') - interval '29 days') AT TIME ZONE 'UTC'
GROUP BY organization_id, (created_at AT TIME ZONE 'UTC')::date, type, status;
--> statement-breakpoint
GRANT SELECT ON order_statistics TO tessera_server;
--> statement-breakpoint
SELECT app_guard_tables();
