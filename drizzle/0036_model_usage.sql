CREATE TABLE "model_usage_days" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"day" date NOT NULL,
	"workspace_id" uuid,
	"user_id" uuid,
	"api_key_id" uuid,
	"provider_id" uuid,
	"model_id" uuid,
	"provider_name" text NOT NULL,
	"model_name" text NOT NULL,
	"purpose" text NOT NULL,
	"status" text NOT NULL,
	"key_source" text NOT NULL,
	"calls" integer NOT NULL,
	"unrated_calls" integer NOT NULL,
	"estimated_calls" integer NOT NULL,
	"input_tokens" bigint NOT NULL,
	"cached_input_tokens" bigint NOT NULL,
	"output_tokens" bigint NOT NULL,
	"cost" numeric(30, 12) NOT NULL,
	"timed_calls" integer NOT NULL,
	"latency_ms" bigint NOT NULL,
	CONSTRAINT "model_usage_days_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "model_usage_days_day_key" UNIQUE NULLS NOT DISTINCT("organization_id","day","workspace_id","user_id","api_key_id","provider_id","model_id","provider_name","model_name","purpose","status","key_source"),
	CONSTRAINT "model_usage_days_status_check" CHECK ("model_usage_days"."status" in ('SUCCESS', 'ERROR', 'TIMEOUT')),
	CONSTRAINT "model_usage_days_key_source_check" CHECK ("model_usage_days"."key_source" in ('ORGANIZATION', 'PLATFORM', 'NONE'))
);
--> statement-breakpoint
ALTER TABLE "model_usage_days" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "model_usage_days" ADD CONSTRAINT "model_usage_days_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "execution_contents_created_at_index" ON "execution_contents" USING btree ("organization_id","created_at");--> statement-breakpoint
CREATE INDEX "execution_logs_api_key_id_index" ON "execution_logs" USING btree ("organization_id","api_key_id","created_at","id") WHERE "execution_logs"."api_key_id" is not null;--> statement-breakpoint
CREATE INDEX "execution_logs_failed_index" ON "execution_logs" USING btree ("organization_id","created_at","id") WHERE "execution_logs"."status" in ('ERROR', 'TIMEOUT');--> statement-breakpoint
CREATE POLICY "model_usage_days_workspace" ON "model_usage_days" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));
--> statement-breakpoint
-- What the platform reads of the calls of a day, with those that are not kept one by one any more.
CREATE OR REPLACE FUNCTION app_platform_executions(reading jsonb, organizations uuid[], first_day date, last_day date) RETURNS TABLE (
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
    RETURN QUERY SELECT organization, r.on_day, sum(r.number)::bigint, sum(r.read)::bigint, sum(r.written)::bigint, coalesce(sum(r.dollars), 0)
      FROM (
        SELECT (l.created_at AT TIME ZONE 'UTC')::date AS on_day, 1 AS number, l.input_tokens::bigint AS read, l.output_tokens::bigint AS written,
          l.cost AS dollars
        FROM execution_logs l
        WHERE l.organization_id = organization
          AND l.created_at >= first_day::timestamp AT TIME ZONE 'UTC'
          AND l.created_at < (last_day + 1)::timestamp AT TIME ZONE 'UTC'
        UNION ALL
        SELECT u.day, u.calls, u.input_tokens, u.output_tokens, u.cost
        FROM model_usage_days u
        WHERE u.organization_id = organization AND u.day >= first_day AND u.day <= last_day
      ) r
      GROUP BY r.on_day;
  END LOOP;
  PERFORM app_set_scope(before);
END $$;
--> statement-breakpoint
SELECT app_guard_tables();
