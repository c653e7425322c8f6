ALTER TABLE "answer_passages" ADD COLUMN "knowledge_entry_id" uuid;--> statement-breakpoint
ALTER TABLE "answer_passages" ADD COLUMN "knowledge_version" integer;