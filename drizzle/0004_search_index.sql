CREATE TABLE "chunk_embeddings" (
	"organization_id" uuid NOT NULL,
	"workspace_id" uuid NOT NULL,
	"readers" uuid[],
	"chunk_id" uuid NOT NULL,
	"model" text NOT NULL,
	"embedding" vector(1536) NOT NULL,
	CONSTRAINT "chunk_embeddings_pkey" PRIMARY KEY("organization_id","chunk_id","model")
);
--> statement-breakpoint
ALTER TABLE "chunk_embeddings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "chunk_postings" (
	"organization_id" uuid NOT NULL,
	"workspace_id" uuid NOT NULL,
	"readers" uuid[],
	"term" text NOT NULL,
	"chunk_id" uuid NOT NULL,
	"frequency" smallint NOT NULL,
	"term_count" integer NOT NULL,
	CONSTRAINT "chunk_postings_pkey" PRIMARY KEY("organization_id","workspace_id","term","chunk_id")
);
--> statement-breakpoint
ALTER TABLE "chunk_postings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "document_chunks" ADD COLUMN "terms" text[] NOT NULL;--> statement-breakpoint
ALTER TABLE "document_chunks" ADD COLUMN "frequencies" smallint[] NOT NULL;--> statement-breakpoint
ALTER TABLE "documents" ADD COLUMN "language" text;--> statement-breakpoint
ALTER TABLE "chunk_embeddings" ADD CONSTRAINT "chunk_embeddings_chunk_id_fkey" FOREIGN KEY ("organization_id","chunk_id") REFERENCES "public"."document_chunks"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "chunk_embeddings_workspace_id_index" ON "chunk_embeddings" USING btree ("organization_id","workspace_id","model");--> statement-breakpoint
CREATE INDEX "chunk_embeddings_embedding_index" ON "chunk_embeddings" USING hnsw ("embedding" vector_cosine_ops);--> statement-breakpoint
CREATE INDEX "documents_status_index" ON "documents" USING btree ("organization_id","workspace_id","status","created_at","id");--> statement-breakpoint
ALTER TABLE "sessions" DROP COLUMN "last_activity_at";--> statement-breakpoint
CREATE POLICY "chunk_embeddings_granted" ON "chunk_embeddings" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "chunk_postings_granted" ON "chunk_postings" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));