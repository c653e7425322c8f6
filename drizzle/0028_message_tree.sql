ALTER TABLE "answer_records" ADD COLUMN "support" double precision;--> statement-breakpoint
ALTER TABLE "answer_records" ADD COLUMN "relevance" double precision;--> statement-breakpoint
ALTER TABLE "answer_records" ADD COLUMN "confidence_threshold" double precision DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "edited_from_id" uuid;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_edited_from_id_fkey" FOREIGN KEY ("organization_id","edited_from_id") REFERENCES "public"."messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "messages_edited_from_id_index" ON "messages" USING btree ("organization_id","edited_from_id") WHERE "messages"."edited_from_id" is not null;--> statement-breakpoint
CREATE INDEX "messages_root_index" ON "messages" USING btree ("organization_id","conversation_id","created_at","id") WHERE "messages"."parent_id" is null;