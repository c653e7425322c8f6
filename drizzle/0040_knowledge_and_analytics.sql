CREATE TABLE "analytics_events" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid,
	"user_id" uuid,
	"name" text NOT NULL,
	"source" text NOT NULL,
	"client_id" uuid,
	"session" text,
	"occurred_at" timestamp(3) with time zone NOT NULL,
	"properties" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "analytics_events_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "analytics_events_client_id_key" UNIQUE("organization_id","user_id","client_id"),
	CONSTRAINT "analytics_events_source_check" CHECK ("analytics_events"."source" in ('CLIENT', 'SERVER'))
);
--> statement-breakpoint
ALTER TABLE "analytics_events" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "metrics" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid,
	"name" text NOT NULL,
	"category" text NOT NULL,
	"period" text NOT NULL,
	"period_start" timestamp(3) with time zone NOT NULL,
	"value" numeric NOT NULL,
	"samples" bigint NOT NULL,
	CONSTRAINT "metrics_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "metrics_period_key" UNIQUE NULLS NOT DISTINCT("organization_id","name","period","period_start","workspace_id"),
	CONSTRAINT "metrics_period_check" CHECK ("metrics"."period" in ('HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY'))
);
--> statement-breakpoint
ALTER TABLE "metrics" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "roll_ups" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"source" text NOT NULL,
	"looked_until" timestamp(3) with time zone NOT NULL,
	"time_zone" text NOT NULL,
	CONSTRAINT "roll_ups_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "roll_ups_source_key" UNIQUE("organization_id","source")
);
--> statement-breakpoint
ALTER TABLE "roll_ups" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "stale_windows" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"hour" timestamp(3) with time zone NOT NULL,
	"marks" bigint DEFAULT 1 NOT NULL,
	CONSTRAINT "stale_windows_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "stale_windows_hour_key" UNIQUE("organization_id","hour")
);
--> statement-breakpoint
ALTER TABLE "stale_windows" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "user_activities" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"credential_id" uuid,
	"action" text NOT NULL,
	"operation" text,
	"resource_type" text,
	"resource_id" uuid,
	"workspace_id" uuid,
	"mutation" boolean NOT NULL,
	"error" text,
	"duration_ms" integer NOT NULL,
	"request_id" text NOT NULL,
	"address" text,
	"user_agent" text,
	CONSTRAINT "user_activities_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "user_activities" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "user_engagements" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"date" date NOT NULL,
	"sessions" integer NOT NULL,
	"session_seconds" integer NOT NULL,
	"requests" integer NOT NULL,
	"page_views" integer NOT NULL,
	"conversations" integer NOT NULL,
	"messages" integer NOT NULL,
	"orders" integer NOT NULL,
	CONSTRAINT "user_engagements_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "user_engagements_date_key" UNIQUE("organization_id","user_id","date")
);
--> statement-breakpoint
ALTER TABLE "user_engagements" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "citations" DROP CONSTRAINT "citations_source_check";--> statement-breakpoint
ALTER TABLE "agent_settings" ADD COLUMN "prompt_template_id" uuid;--> statement-breakpoint
ALTER TABLE "agent_settings" ADD COLUMN "prompt_template_label" text;--> statement-breakpoint
ALTER TABLE "citations" ADD COLUMN "knowledge_entry_id" uuid;--> statement-breakpoint
ALTER TABLE "citations" ADD COLUMN "knowledge_version" integer;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "prompt_template_id" uuid;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "prompt_template_label" text;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "uses_knowledge" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "analytics_events" ADD CONSTRAINT "analytics_events_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "analytics_events" ADD CONSTRAINT "analytics_events_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "metrics" ADD CONSTRAINT "metrics_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "metrics" ADD CONSTRAINT "metrics_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "roll_ups" ADD CONSTRAINT "roll_ups_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "stale_windows" ADD CONSTRAINT "stale_windows_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_activities" ADD CONSTRAINT "user_activities_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_activities" ADD CONSTRAINT "user_activities_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_engagements" ADD CONSTRAINT "user_engagements_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_engagements" ADD CONSTRAINT "user_engagements_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "analytics_events_occurred_at_index" ON "analytics_events" USING btree ("organization_id","occurred_at","id");--> statement-breakpoint
CREATE INDEX "analytics_events_created_at_index" ON "analytics_events" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "analytics_events_name_index" ON "analytics_events" USING btree ("organization_id","name","occurred_at","id");--> statement-breakpoint
CREATE INDEX "analytics_events_workspace_id_index" ON "analytics_events" USING btree ("organization_id","workspace_id","occurred_at","id");--> statement-breakpoint
CREATE INDEX "metrics_workspace_id_index" ON "metrics" USING btree ("organization_id","workspace_id","period_start");--> statement-breakpoint
CREATE INDEX "metrics_period_start_index" ON "metrics" USING btree ("organization_id","period","period_start","id");--> statement-breakpoint
CREATE INDEX "user_activities_created_at_index" ON "user_activities" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "user_activities_user_id_index" ON "user_activities" USING btree ("organization_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "user_engagements_date_index" ON "user_engagements" USING btree ("organization_id","date","id");--> statement-breakpoint
CREATE INDEX "citations_knowledge_entry_id_index" ON "citations" USING btree ("organization_id","knowledge_entry_id","created_at","id") WHERE "citations"."knowledge_entry_id" is not null;--> statement-breakpoint
ALTER TABLE "agent_settings" ADD CONSTRAINT "agent_settings_prompt_template_check" CHECK (("agent_settings"."prompt_template_id" is null) = ("agent_settings"."prompt_template_label" is null));--> statement-breakpoint
ALTER TABLE "citations" ADD CONSTRAINT "citations_source_check" CHECK (num_nonnulls("citations"."document_id", "citations"."parsed_file_id", "citations"."knowledge_entry_id") = 1 and ("citations"."document_id" is null) = ("citations"."document_version" is null) and ("citations"."knowledge_entry_id" is null) = ("citations"."knowledge_version" is null));--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_prompt_template_check" CHECK (("workspaces"."prompt_template_id" is null) = ("workspaces"."prompt_template_label" is null));--> statement-breakpoint
CREATE POLICY "analytics_events_workspace" ON "analytics_events" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "analytics_events_own" ON "analytics_events" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and workspace_id is null and user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and workspace_id is null and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "metrics_workspace" ON "metrics" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "roll_ups_organization" ON "roll_ups" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "stale_windows_organization" ON "stale_windows" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "user_activities_member" ON "user_activities" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (user_id = nullif(current_setting('app.user_id', true), '')::uuid or organization_id = any(coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[]))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (user_id = nullif(current_setting('app.user_id', true), '')::uuid or organization_id = any(coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[])));--> statement-breakpoint
CREATE POLICY "user_engagements_member" ON "user_engagements" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (user_id = nullif(current_setting('app.user_id', true), '')::uuid or organization_id = any(coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[]))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (user_id = nullif(current_setting('app.user_id', true), '')::uuid or organization_id = any(coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[])));--> statement-breakpoint
SELECT app_guard_tables();
