CREATE TABLE "webhook_attempts" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid,
	"delivery_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"status" integer,
	"duration_ms" integer NOT NULL,
	"error" text,
	"response_excerpt" text,
	"at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "webhook_attempts_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "webhook_attempts" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "webhook_deliveries" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"subscription_id" uuid NOT NULL,
	"workspace_id" uuid,
	"event_id" uuid NOT NULL,
	"action" text NOT NULL,
	"target_type" text NOT NULL,
	"target_id" uuid NOT NULL,
	"payload" jsonb NOT NULL,
	"state" text DEFAULT 'PENDING' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"next_attempt_at" timestamp(3) with time zone,
	"finished_at" timestamp(3) with time zone,
	"original_id" uuid,
	"redelivered_at" timestamp(3) with time zone,
	CONSTRAINT "webhook_deliveries_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "webhook_deliveries_state_check" CHECK ("webhook_deliveries"."state" in ('PENDING', 'DELIVERED', 'FAILED', 'CANCELLED')),
	CONSTRAINT "webhook_deliveries_next_attempt_at_check" CHECK (("webhook_deliveries"."state" = 'PENDING') = ("webhook_deliveries"."next_attempt_at" is not null))
);
--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "webhook_logs" (
	"id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"looked_until" timestamp(3) with time zone NOT NULL,
	"swept_until" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "webhook_logs_organization_id_key" UNIQUE("organization_id")
);
--> statement-breakpoint
CREATE TABLE "webhook_subscriptions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid,
	"url" text NOT NULL,
	"events" text[] NOT NULL,
	"description" text,
	"encrypted_secret" text NOT NULL,
	"encrypted_previous_secret" text,
	"previous_secret_until" timestamp(3) with time zone,
	"state" text DEFAULT 'ACTIVE' NOT NULL,
	"state_reason" text,
	"consecutive_failures" integer DEFAULT 0 NOT NULL,
	"failing_since" timestamp(3) with time zone,
	"paused_until" timestamp(3) with time zone,
	"sending_until" timestamp(3) with time zone,
	"listens_since" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"created_by_id" uuid,
	CONSTRAINT "webhook_subscriptions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "webhook_subscriptions_state_check" CHECK ("webhook_subscriptions"."state" in ('ACTIVE', 'PAUSED', 'DISABLED')),
	CONSTRAINT "webhook_subscriptions_state_reason_check" CHECK ("webhook_subscriptions"."state_reason" in ('REQUESTED', 'GONE', 'FAILING'))
);
--> statement-breakpoint
ALTER TABLE "webhook_subscriptions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "webhook_attempts" ADD CONSTRAINT "webhook_attempts_delivery_id_fkey" FOREIGN KEY ("organization_id","delivery_id") REFERENCES "public"."webhook_deliveries"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_deliveries" ADD CONSTRAINT "webhook_deliveries_subscription_id_fkey" FOREIGN KEY ("organization_id","subscription_id") REFERENCES "public"."webhook_subscriptions"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_logs" ADD CONSTRAINT "webhook_logs_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_subscriptions" ADD CONSTRAINT "webhook_subscriptions_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "webhook_subscriptions" ADD CONSTRAINT "webhook_subscriptions_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "webhook_attempts_delivery_id_index" ON "webhook_attempts" USING btree ("organization_id","delivery_id","number");--> statement-breakpoint
CREATE UNIQUE INDEX "webhook_deliveries_event_id_key" ON "webhook_deliveries" USING btree ("organization_id","subscription_id","event_id") WHERE "webhook_deliveries"."original_id" is null;--> statement-breakpoint
CREATE INDEX "webhook_deliveries_due_index" ON "webhook_deliveries" USING btree ("organization_id","subscription_id","next_attempt_at","id") WHERE "webhook_deliveries"."next_attempt_at" is not null;--> statement-breakpoint
CREATE INDEX "webhook_deliveries_created_at_index" ON "webhook_deliveries" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_workspace_id_index" ON "webhook_deliveries" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_subscription_id_index" ON "webhook_deliveries" USING btree ("organization_id","subscription_id","created_at","id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_state_index" ON "webhook_deliveries" USING btree ("organization_id","state","created_at","id");--> statement-breakpoint
CREATE INDEX "webhook_deliveries_action_index" ON "webhook_deliveries" USING btree ("organization_id","action","created_at","id");--> statement-breakpoint
CREATE INDEX "webhook_subscriptions_created_at_index" ON "webhook_subscriptions" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "webhook_subscriptions_workspace_id_index" ON "webhook_subscriptions" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE POLICY "webhook_attempts_workspace" ON "webhook_attempts" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "webhook_deliveries_workspace" ON "webhook_deliveries" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "webhook_subscriptions_workspace" ON "webhook_subscriptions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
COMMENT ON TABLE webhook_logs IS '@lookup @reference';
--> statement-breakpoint
SELECT app_guard_tables();
