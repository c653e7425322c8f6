DROP TABLE due_job_schedules, job_schedules, cache_entries, user_setting_values, workspace_setting_values, organization_setting_values, system_setting_values;
--> statement-breakpoint
DROP INDEX jobs_schedule_id_index, jobs_target_id_index;
--> statement-breakpoint
CREATE INDEX jobs_target_id_index ON jobs USING btree (organization_id, target_id);
--> statement-breakpoint
ALTER TABLE jobs DROP COLUMN schedule_id, DROP COLUMN queue_id;
--> statement-breakpoint
ALTER TABLE workspace_settings ADD COLUMN webhook_url text, ADD COLUMN webhook_secret text, ADD COLUMN webhook_events text[] DEFAULT '{}' NOT NULL;
