DROP INDEX jobs_target_id_index;
--> statement-breakpoint
CREATE INDEX jobs_target_id_index ON jobs USING btree (organization_id, target_id);
--> statement-breakpoint
ALTER TABLE jobs DROP COLUMN queue_id;
