CREATE TABLE "cache_entries" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[],
	"owner_type" text NOT NULL,
	"owner_id" uuid NOT NULL,
	"workspace_id" uuid,
	"user_id" uuid,
	"key" text NOT NULL,
	"value" jsonb NOT NULL,
	"size" integer NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "cache_entries_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "cache_entries_key_key" UNIQUE("organization_id","owner_id","key"),
	CONSTRAINT "cache_entries_owner_type_check" CHECK ("cache_entries"."owner_type" in ('ORGANIZATION', 'WORKSPACE', 'USER')),
	CONSTRAINT "cache_entries_owner_check" CHECK (case "cache_entries"."owner_type" when 'ORGANIZATION' then "cache_entries"."workspace_id" is null and "cache_entries"."user_id" is null and "cache_entries"."owner_id" = "cache_entries"."organization_id" when 'WORKSPACE' then "cache_entries"."user_id" is null and "cache_entries"."owner_id" = "cache_entries"."workspace_id" else "cache_entries"."workspace_id" is null and "cache_entries"."owner_id" = "cache_entries"."user_id" end)
);
--> statement-breakpoint
ALTER TABLE "cache_entries" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "due_job_schedules" (
	"schedule_id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"due_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "job_schedules" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"user_id" uuid NOT NULL,
	"name" text NOT NULL,
	"work" text NOT NULL,
	"input" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"cron" text NOT NULL,
	"time_zone" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"next_run_at" timestamp(3) with time zone,
	"last_run_at" timestamp(3) with time zone,
	"last_error" text,
	"failures_in_a_row" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "job_schedules_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "job_schedules" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "organization_setting_values" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"key" text NOT NULL,
	"value" jsonb,
	"encrypted_value" text,
	"updated_by_id" uuid,
	CONSTRAINT "organization_setting_values_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "organization_setting_values_key_key" UNIQUE("organization_id","key"),
	CONSTRAINT "organization_setting_values_value_check" CHECK (("organization_setting_values"."value" is null) <> ("organization_setting_values"."encrypted_value" is null))
);
--> statement-breakpoint
ALTER TABLE "organization_setting_values" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "system_setting_values" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"key" text NOT NULL,
	"value" jsonb,
	"encrypted_value" text,
	"updated_by_id" uuid,
	CONSTRAINT "system_setting_values_key_key" UNIQUE("key"),
	CONSTRAINT "system_setting_values_value_check" CHECK (("system_setting_values"."value" is null) <> ("system_setting_values"."encrypted_value" is null))
);
--> statement-breakpoint
CREATE TABLE "user_setting_values" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"key" text NOT NULL,
	"value" jsonb NOT NULL,
	CONSTRAINT "user_setting_values_key_key" UNIQUE("user_id","key")
);
--> statement-breakpoint
ALTER TABLE "user_setting_values" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "workspace_setting_values" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"key" text NOT NULL,
	"value" jsonb,
	"encrypted_value" text,
	"updated_by_id" uuid,
	CONSTRAINT "workspace_setting_values_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "workspace_setting_values_key_key" UNIQUE("organization_id","workspace_id","key"),
	CONSTRAINT "workspace_setting_values_value_check" CHECK (("workspace_setting_values"."value" is null) <> ("workspace_setting_values"."encrypted_value" is null))
);
--> statement-breakpoint
ALTER TABLE "workspace_setting_values" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
DROP INDEX "jobs_target_id_index";--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "queue_id" uuid;--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "schedule_id" uuid;--> statement-breakpoint
ALTER TABLE "cache_entries" ADD CONSTRAINT "cache_entries_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cache_entries" ADD CONSTRAINT "cache_entries_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "cache_entries" ADD CONSTRAINT "cache_entries_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "due_job_schedules" ADD CONSTRAINT "due_job_schedules_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "job_schedules" ADD CONSTRAINT "job_schedules_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "organization_setting_values" ADD CONSTRAINT "organization_setting_values_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_setting_values" ADD CONSTRAINT "user_setting_values_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_setting_values" ADD CONSTRAINT "workspace_setting_values_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "cache_entries_created_at_index" ON "cache_entries" USING btree ("organization_id","owner_id","created_at","id");--> statement-breakpoint
CREATE INDEX "cache_entries_expires_at_index" ON "cache_entries" USING btree ("organization_id","expires_at","id");--> statement-breakpoint
CREATE INDEX "cache_entries_workspace_id_index" ON "cache_entries" USING btree ("organization_id","workspace_id") WHERE "cache_entries"."workspace_id" is not null;--> statement-breakpoint
CREATE INDEX "cache_entries_user_id_index" ON "cache_entries" USING btree ("organization_id","user_id") WHERE "cache_entries"."user_id" is not null;--> statement-breakpoint
CREATE INDEX "due_job_schedules_due_at_index" ON "due_job_schedules" USING btree ("due_at");--> statement-breakpoint
CREATE INDEX "due_job_schedules_organization_id_index" ON "due_job_schedules" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "job_schedules_created_at_index" ON "job_schedules" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "job_schedules_name_index" ON "job_schedules" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "job_schedules_user_id_index" ON "job_schedules" USING btree ("organization_id","user_id");--> statement-breakpoint
CREATE INDEX "jobs_schedule_id_index" ON "jobs" USING btree ("organization_id","schedule_id","created_at","id") WHERE "jobs"."schedule_id" is not null;--> statement-breakpoint
CREATE INDEX "jobs_target_id_index" ON "jobs" USING btree ("organization_id","target_id","created_at","id");--> statement-breakpoint
ALTER TABLE "workspace_settings" DROP COLUMN "webhook_url";--> statement-breakpoint
ALTER TABLE "workspace_settings" DROP COLUMN "webhook_secret";--> statement-breakpoint
ALTER TABLE "workspace_settings" DROP COLUMN "webhook_events";--> statement-breakpoint
CREATE POLICY "cache_entries_shared" ON "cache_entries" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "job_schedules_granted" ON "job_schedules" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "organization_setting_values_organization" ON "organization_setting_values" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "user_setting_values_owner" ON "user_setting_values" AS PERMISSIVE FOR ALL TO public USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "workspace_setting_values_workspace" ON "workspace_setting_values" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
COMMENT ON TABLE system_setting_values IS '@platform';
--> statement-breakpoint
COMMENT ON TABLE user_setting_values IS '@global @personal';
--> statement-breakpoint
COMMENT ON TABLE due_job_schedules IS '@lookup @reference';
--> statement-breakpoint
SELECT app_guard_tables();
