DROP INDEX "jobs_target_id_index";--> statement-breakpoint
ALTER TABLE "jobs" ADD COLUMN "queue_id" uuid;--> statement-breakpoint
CREATE INDEX "jobs_target_id_index" ON "jobs" USING btree ("organization_id","target_id","created_at","id");