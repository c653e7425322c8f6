ALTER TABLE "citations" ALTER COLUMN "document_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "citations" ALTER COLUMN "document_version" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "citations" ADD COLUMN "parsed_file_id" uuid;--> statement-breakpoint
ALTER TABLE "parsed_files" ADD COLUMN "passages" jsonb DEFAULT '[]'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "citations" ADD CONSTRAINT "citations_source_check" CHECK (num_nonnulls("citations"."document_id", "citations"."parsed_file_id") = 1 and ("citations"."document_id" is null) = ("citations"."document_version" is null));