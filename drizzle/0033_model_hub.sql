CREATE TABLE "api_configurations" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"provider" text DEFAULT '' NOT NULL,
	"endpoint" text NOT NULL,
	"authentication" text DEFAULT 'NONE' NOT NULL,
	"authentication_name" text,
	"encrypted_key" text,
	"last_four" text,
	"configuration" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"group_id" uuid,
	"is_active" boolean DEFAULT true NOT NULL,
	"created_by_id" uuid,
	"last_used_at" timestamp(3) with time zone,
	"tested_at" timestamp(3) with time zone,
	"test_status" integer,
	"test_error" text,
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "api_configurations_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "api_configurations_name_key" UNIQUE("organization_id","name"),
	CONSTRAINT "api_configurations_kind_check" CHECK ("api_configurations"."kind" in ('LLM_TEXT', 'LLM_VOICE', 'CRM', 'ERP')),
	CONSTRAINT "api_configurations_authentication_check" CHECK ("api_configurations"."authentication" in ('NONE', 'BEARER', 'HEADER', 'BASIC')),
	CONSTRAINT "api_configurations_key_check" CHECK (("api_configurations"."authentication" = 'NONE') = ("api_configurations"."encrypted_key" is null) and ("api_configurations"."encrypted_key" is null) = ("api_configurations"."last_four" is null))
);
--> statement-breakpoint
ALTER TABLE "api_configurations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "api_operations" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"group_id" uuid,
	"configuration_id" uuid NOT NULL,
	"name" text NOT NULL,
	"description" text NOT NULL,
	"method" text NOT NULL,
	"path" text NOT NULL,
	"parameters" jsonb NOT NULL,
	"changes" boolean NOT NULL,
	CONSTRAINT "api_operations_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "api_operations_name_key" UNIQUE("organization_id","configuration_id","name"),
	CONSTRAINT "api_operations_method_check" CHECK ("api_operations"."method" in ('GET', 'POST', 'PUT', 'PATCH', 'DELETE'))
);
--> statement-breakpoint
ALTER TABLE "api_operations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "execution_contents" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"execution_id" uuid NOT NULL,
	"input" jsonb,
	"output" jsonb,
	CONSTRAINT "execution_contents_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "execution_contents" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "prompt_runs" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"session_id" uuid NOT NULL,
	"prompt_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"model_id" uuid,
	"model_name" text NOT NULL,
	"provider_name" text NOT NULL,
	"execution_id" uuid,
	"status" text DEFAULT 'PENDING' NOT NULL,
	"text" text DEFAULT '' NOT NULL,
	"object" jsonb,
	"input_tokens" integer,
	"output_tokens" integer,
	"cost" numeric(18, 12),
	"latency_ms" integer,
	"time_to_first_token_ms" integer,
	"error_kind" text,
	"error_message" text,
	"lease_until" timestamp(3) with time zone,
	"ended_at" timestamp(3) with time zone,
	CONSTRAINT "prompt_runs_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "prompt_runs_position_key" UNIQUE("organization_id","prompt_id","position"),
	CONSTRAINT "prompt_runs_status_check" CHECK ("prompt_runs"."status" in ('PENDING', 'SUCCESS', 'ERROR', 'CANCELLED')),
	CONSTRAINT "prompt_runs_position_check" CHECK ("prompt_runs"."position" >= 0)
);
--> statement-breakpoint
ALTER TABLE "prompt_runs" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "prompt_sessions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"title" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"project_id" uuid,
	"creator_id" uuid,
	"model_type" text DEFAULT 'TEXT' NOT NULL,
	"status" text DEFAULT 'DRAFT' NOT NULL,
	"prompt" text DEFAULT '' NOT NULL,
	"context" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"model_id" uuid,
	"cost" numeric(18, 12) DEFAULT '0' NOT NULL,
	"prompt_count" integer DEFAULT 0 NOT NULL,
	"last_prompt_at" timestamp(3) with time zone,
	"version" integer DEFAULT 1 NOT NULL,
	"archived_at" timestamp(3) with time zone,
	CONSTRAINT "prompt_sessions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "prompt_sessions_model_type_check" CHECK ("prompt_sessions"."model_type" in ('TEXT', 'CODE', 'IMAGE', 'VOICE', 'VIDEO', 'EMBEDDING')),
	CONSTRAINT "prompt_sessions_status_check" CHECK ("prompt_sessions"."status" in ('DRAFT', 'ACTIVE', 'ARCHIVED'))
);
--> statement-breakpoint
ALTER TABLE "prompt_sessions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "prompts" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"session_id" uuid NOT NULL,
	"user_id" uuid,
	"input" text NOT NULL,
	"context" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "prompts_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "prompts" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "budgets" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"subject" text NOT NULL,
	"subject_id" uuid NOT NULL,
	"measure" text NOT NULL,
	"window" text NOT NULL,
	"limit" numeric(30, 12) NOT NULL,
	"warn_at" integer[] DEFAULT '{80}' NOT NULL,
	"created_by_id" uuid,
	CONSTRAINT "budgets_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "budgets_subject_key" UNIQUE("organization_id","subject_id","measure","window"),
	CONSTRAINT "budgets_subject_check" CHECK ("budgets"."subject" in ('ORGANIZATION', 'WORKSPACE', 'GROUP', 'USER', 'API_KEY', 'PROVIDER_KEY')),
	CONSTRAINT "budgets_measure_check" CHECK ("budgets"."measure" in ('TOKENS', 'COST', 'REQUESTS')),
	CONSTRAINT "budgets_window_check" CHECK ("budgets"."window" in ('MINUTE', 'HOUR', 'DAY', 'WEEK', 'MONTH')),
	CONSTRAINT "budgets_limit_check" CHECK ("budgets"."limit" >= 0)
);
--> statement-breakpoint
ALTER TABLE "budgets" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "platform_key_counters" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"platform_key_id" uuid NOT NULL,
	"starts_at" timestamp(3) with time zone NOT NULL,
	"ends_at" timestamp(3) with time zone NOT NULL,
	"used" numeric(30, 12) DEFAULT '0' NOT NULL,
	"reserved" numeric(30, 12) DEFAULT '0' NOT NULL,
	CONSTRAINT "platform_key_counters_window_key" UNIQUE("platform_key_id","starts_at","ends_at"),
	CONSTRAINT "platform_key_counters_amounts_check" CHECK ("platform_key_counters"."used" >= 0 and "platform_key_counters"."reserved" >= 0)
);
--> statement-breakpoint
CREATE TABLE "platform_key_reservations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"counter_id" uuid NOT NULL,
	"execution_id" uuid NOT NULL,
	"amount" numeric(30, 12) NOT NULL,
	"lease_until" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "platform_key_reservations_execution_id_key" UNIQUE("execution_id","counter_id"),
	CONSTRAINT "platform_key_reservations_amount_check" CHECK ("platform_key_reservations"."amount" >= 0)
);
--> statement-breakpoint
CREATE TABLE "platform_routing_rule_models" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"rule_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"weight" integer DEFAULT 1 NOT NULL,
	"notes" text DEFAULT '' NOT NULL,
	"tags" text[] DEFAULT '{}' NOT NULL,
	CONSTRAINT "platform_routing_rule_models_model_id_key" UNIQUE("rule_id","model_id"),
	CONSTRAINT "platform_routing_rule_models_position_key" UNIQUE("rule_id","position"),
	CONSTRAINT "platform_routing_rule_models_weight_check" CHECK ("platform_routing_rule_models"."weight" between 0 and 1000)
);
--> statement-breakpoint
CREATE TABLE "platform_routing_rules" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"priority" integer NOT NULL,
	"model_type" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"conditions" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_by_id" uuid,
	CONSTRAINT "platform_routing_rules_name_key" UNIQUE("name"),
	CONSTRAINT "platform_routing_rules_model_type_check" CHECK ("platform_routing_rules"."model_type" in ('TEXT', 'CODE', 'IMAGE', 'VOICE', 'VIDEO', 'EMBEDDING')),
	CONSTRAINT "platform_routing_rules_priority_check" CHECK ("platform_routing_rules"."priority" between 1 and 100)
);
--> statement-breakpoint
CREATE TABLE "routing_rule_models" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"rule_id" uuid NOT NULL,
	"model_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"weight" integer DEFAULT 1 NOT NULL,
	"notes" text DEFAULT '' NOT NULL,
	"tags" text[] DEFAULT '{}' NOT NULL,
	CONSTRAINT "routing_rule_models_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "routing_rule_models_model_id_key" UNIQUE("organization_id","rule_id","model_id"),
	CONSTRAINT "routing_rule_models_position_key" UNIQUE("organization_id","rule_id","position"),
	CONSTRAINT "routing_rule_models_weight_check" CHECK ("routing_rule_models"."weight" between 0 and 1000)
);
--> statement-breakpoint
ALTER TABLE "routing_rule_models" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "routing_rules" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"priority" integer NOT NULL,
	"model_type" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"conditions" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_by_id" uuid,
	CONSTRAINT "routing_rules_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "routing_rules_name_key" UNIQUE("organization_id","name"),
	CONSTRAINT "routing_rules_model_type_check" CHECK ("routing_rules"."model_type" in ('TEXT', 'CODE', 'IMAGE', 'VOICE', 'VIDEO', 'EMBEDDING')),
	CONSTRAINT "routing_rules_priority_check" CHECK ("routing_rules"."priority" between 1 and 100)
);
--> statement-breakpoint
ALTER TABLE "routing_rules" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "model_prices" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"model_id" uuid NOT NULL,
	"effective_from" timestamp(3) with time zone NOT NULL,
	"input_price" numeric(18, 12),
	"cached_input_price" numeric(18, 12),
	"output_price" numeric(18, 12),
	"source" text,
	"read_on" date,
	CONSTRAINT "model_prices_effective_from_key" UNIQUE("model_id","effective_from"),
	CONSTRAINT "model_prices_amounts_check" CHECK ("model_prices"."input_price" >= 0 and "model_prices"."cached_input_price" >= 0 and "model_prices"."output_price" >= 0)
);
--> statement-breakpoint
CREATE TABLE "platform_provider_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"provider_id" uuid NOT NULL,
	"label" text NOT NULL,
	"encrypted_key" text NOT NULL,
	"last_four" text NOT NULL,
	"is_default" boolean DEFAULT false NOT NULL,
	"daily_quota" numeric(18, 6),
	"monthly_quota" numeric(18, 6),
	"last_used_at" timestamp(3) with time zone,
	"created_by_id" uuid,
	CONSTRAINT "platform_provider_keys_label_key" UNIQUE("provider_id","label")
);
--> statement-breakpoint
ALTER TABLE "execution_logs" DROP CONSTRAINT "execution_logs_status_check";--> statement-breakpoint
ALTER TABLE "models" DROP CONSTRAINT "models_context_window_check";--> statement-breakpoint
ALTER TABLE "quota_counters" DROP CONSTRAINT "quota_counters_subject_check";--> statement-breakpoint
ALTER TABLE "quota_counters" DROP CONSTRAINT "quota_counters_measure_check";--> statement-breakpoint
ALTER TABLE "quota_counters" ALTER COLUMN "used" SET DATA TYPE numeric(30, 12);--> statement-breakpoint
ALTER TABLE "quota_counters" ALTER COLUMN "used" SET DEFAULT '0';--> statement-breakpoint
ALTER TABLE "quota_counters" ALTER COLUMN "reserved" SET DATA TYPE numeric(30, 12);--> statement-breakpoint
ALTER TABLE "quota_counters" ALTER COLUMN "reserved" SET DEFAULT '0';--> statement-breakpoint
ALTER TABLE "quota_reservations" ALTER COLUMN "amount" SET DATA TYPE numeric(30, 12);--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "api_key_id" uuid;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "group_ids" uuid[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "provider_id" uuid;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "model_type" text DEFAULT 'TEXT' NOT NULL;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "provider_key_id" uuid;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "platform_key_id" uuid;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "rule_id" uuid;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "attempt" integer DEFAULT 1 NOT NULL;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "tags" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "cached_input_tokens" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "estimated" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "input_price" numeric(18, 12);--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "cached_input_price" numeric(18, 12);--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "output_price" numeric(18, 12);--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "lease_until" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "execution_logs" ADD COLUMN "ended_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "max_output_tokens" integer;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "description" text DEFAULT '' NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "config" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "replacement_id" uuid;--> statement-breakpoint
ALTER TABLE "models" ADD COLUMN "retires_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "quota_counters" ADD COLUMN "warned" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "api_configurations" ADD CONSTRAINT "api_configurations_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_configurations" ADD CONSTRAINT "api_configurations_group_id_fkey" FOREIGN KEY ("organization_id","group_id") REFERENCES "public"."groups"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_operations" ADD CONSTRAINT "api_operations_configuration_id_fkey" FOREIGN KEY ("organization_id","configuration_id") REFERENCES "public"."api_configurations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "execution_contents" ADD CONSTRAINT "execution_contents_execution_id_fkey" FOREIGN KEY ("organization_id","execution_id") REFERENCES "public"."execution_logs"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "prompt_runs" ADD CONSTRAINT "prompt_runs_prompt_id_fkey" FOREIGN KEY ("organization_id","prompt_id") REFERENCES "public"."prompts"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "prompt_sessions" ADD CONSTRAINT "prompt_sessions_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "prompt_sessions" ADD CONSTRAINT "prompt_sessions_model_id_fkey" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "prompts" ADD CONSTRAINT "prompts_session_id_fkey" FOREIGN KEY ("organization_id","session_id") REFERENCES "public"."prompt_sessions"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "budgets" ADD CONSTRAINT "budgets_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "platform_key_counters" ADD CONSTRAINT "platform_key_counters_platform_key_id_fkey" FOREIGN KEY ("platform_key_id") REFERENCES "public"."platform_provider_keys"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "platform_key_reservations" ADD CONSTRAINT "platform_key_reservations_counter_id_fkey" FOREIGN KEY ("counter_id") REFERENCES "public"."platform_key_counters"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "platform_routing_rule_models" ADD CONSTRAINT "platform_routing_rule_models_rule_id_fkey" FOREIGN KEY ("rule_id") REFERENCES "public"."platform_routing_rules"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "platform_routing_rule_models" ADD CONSTRAINT "platform_routing_rule_models_model_id_fkey" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routing_rule_models" ADD CONSTRAINT "routing_rule_models_rule_id_fkey" FOREIGN KEY ("organization_id","rule_id") REFERENCES "public"."routing_rules"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routing_rule_models" ADD CONSTRAINT "routing_rule_models_model_id_fkey" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "routing_rules" ADD CONSTRAINT "routing_rules_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "model_prices" ADD CONSTRAINT "model_prices_model_id_fkey" FOREIGN KEY ("model_id") REFERENCES "public"."models"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "platform_provider_keys" ADD CONSTRAINT "platform_provider_keys_provider_id_fkey" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "api_configurations_group_id_index" ON "api_configurations" USING btree ("organization_id","group_id");--> statement-breakpoint
CREATE INDEX "api_configurations_readers_index" ON "api_configurations" USING gin ("readers");--> statement-breakpoint
CREATE INDEX "api_configurations_created_at_index" ON "api_configurations" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "execution_contents_execution_id_index" ON "execution_contents" USING btree ("organization_id","execution_id");--> statement-breakpoint
CREATE INDEX "prompt_runs_lease_until_index" ON "prompt_runs" USING btree ("organization_id","lease_until") WHERE "prompt_runs"."status" = 'PENDING';--> statement-breakpoint
CREATE INDEX "prompt_sessions_model_id_index" ON "prompt_sessions" USING btree ("model_id");--> statement-breakpoint
CREATE INDEX "prompt_sessions_readers_index" ON "prompt_sessions" USING gin ("readers");--> statement-breakpoint
CREATE INDEX "prompt_sessions_created_at_index" ON "prompt_sessions" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "prompt_sessions_status_index" ON "prompt_sessions" USING btree ("organization_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "prompt_sessions_project_id_index" ON "prompt_sessions" USING btree ("organization_id","project_id","created_at","id");--> statement-breakpoint
CREATE INDEX "prompts_created_at_index" ON "prompts" USING btree ("organization_id","session_id","created_at","id");--> statement-breakpoint
CREATE INDEX "budgets_created_at_index" ON "budgets" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "platform_key_reservations_counter_id_index" ON "platform_key_reservations" USING btree ("counter_id","lease_until");--> statement-breakpoint
CREATE INDEX "platform_routing_rule_models_model_id_index" ON "platform_routing_rule_models" USING btree ("model_id");--> statement-breakpoint
CREATE INDEX "platform_routing_rules_priority_index" ON "platform_routing_rules" USING btree ("priority","id");--> statement-breakpoint
CREATE INDEX "routing_rule_models_model_id_index" ON "routing_rule_models" USING btree ("model_id");--> statement-breakpoint
CREATE INDEX "routing_rules_priority_index" ON "routing_rules" USING btree ("organization_id","priority","id");--> statement-breakpoint
CREATE UNIQUE INDEX "platform_provider_keys_is_default_key" ON "platform_provider_keys" USING btree ("provider_id") WHERE "platform_provider_keys"."is_default";--> statement-breakpoint
CREATE INDEX "platform_provider_keys_created_at_index" ON "platform_provider_keys" USING btree ("created_at","id");--> statement-breakpoint
ALTER TABLE "models" ADD CONSTRAINT "models_replacement_id_fkey" FOREIGN KEY ("replacement_id") REFERENCES "public"."models"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "execution_logs_workspace_id_index" ON "execution_logs" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "execution_logs_user_id_index" ON "execution_logs" USING btree ("organization_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "execution_logs_model_id_index" ON "execution_logs" USING btree ("organization_id","model_id","created_at","id");--> statement-breakpoint
CREATE INDEX "execution_logs_lease_until_index" ON "execution_logs" USING btree ("organization_id","lease_until") WHERE "execution_logs"."status" = 'PENDING';--> statement-breakpoint
CREATE INDEX "models_replacement_id_index" ON "models" USING btree ("replacement_id");--> statement-breakpoint
CREATE INDEX "models_type_index" ON "models" USING btree ("type","name","id");--> statement-breakpoint
ALTER TABLE "execution_logs" ADD CONSTRAINT "execution_logs_model_type_check" CHECK ("execution_logs"."model_type" in ('TEXT', 'CODE', 'IMAGE', 'VOICE', 'VIDEO', 'EMBEDDING'));--> statement-breakpoint
ALTER TABLE "execution_logs" ADD CONSTRAINT "execution_logs_status_check" CHECK ("execution_logs"."status" in ('PENDING', 'SUCCESS', 'ERROR', 'TIMEOUT'));--> statement-breakpoint
ALTER TABLE "models" ADD CONSTRAINT "models_context_window_check" CHECK ("models"."context_window" > 0 and "models"."max_output_tokens" > 0);--> statement-breakpoint
ALTER TABLE "quota_counters" ADD CONSTRAINT "quota_counters_subject_check" CHECK ("quota_counters"."subject" in ('ORGANIZATION', 'WORKSPACE', 'GROUP', 'USER', 'API_KEY', 'PROVIDER_KEY', 'WIDGET', 'VISITOR', 'ADDRESS'));--> statement-breakpoint
ALTER TABLE "quota_counters" ADD CONSTRAINT "quota_counters_measure_check" CHECK ("quota_counters"."measure" in ('MESSAGES', 'TOKENS', 'COST', 'REQUESTS'));--> statement-breakpoint
CREATE POLICY "api_configurations_granted" ON "api_configurations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "api_configurations_everybody" ON "api_configurations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and group_id is null) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and group_id is null);--> statement-breakpoint
CREATE POLICY "api_operations_granted" ON "api_operations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "api_operations_everybody" ON "api_operations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and group_id is null) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and group_id is null);--> statement-breakpoint
CREATE POLICY "execution_contents_granted" ON "execution_contents" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "prompt_runs_granted" ON "prompt_runs" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "prompt_sessions_granted" ON "prompt_sessions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "prompts_granted" ON "prompts" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "budgets_organization" ON "budgets" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "routing_rule_models_organization" ON "routing_rule_models" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "routing_rules_organization" ON "routing_rules" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
--> statement-breakpoint
COMMENT ON TABLE model_prices IS '@global';
--> statement-breakpoint
COMMENT ON TABLE platform_provider_keys IS '@platform';
--> statement-breakpoint
COMMENT ON TABLE platform_routing_rules IS '@platform';
--> statement-breakpoint
COMMENT ON TABLE platform_routing_rule_models IS '@platform';
--> statement-breakpoint
COMMENT ON TABLE platform_key_counters IS '@platform';
--> statement-breakpoint
COMMENT ON TABLE platform_key_reservations IS '@platform';
--> statement-breakpoint
SELECT app_guard_tables();
