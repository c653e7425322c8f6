DROP INDEX "knowledge"."training_examples_unused_index";
--> statement-breakpoint
ALTER TABLE "knowledge"."training_examples" DROP COLUMN "edited_by_id";
--> statement-breakpoint
ALTER TABLE "knowledge"."training_examples" DROP COLUMN "export_job_id";
--> statement-breakpoint
ALTER TABLE "knowledge"."training_examples" DROP COLUMN "ranked_confidence";
