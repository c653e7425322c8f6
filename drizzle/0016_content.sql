CREATE TABLE "datasources" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"name" text NOT NULL,
	"kind" text NOT NULL,
	"configuration" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"encrypted_secrets" text,
	"created_by_id" uuid,
	CONSTRAINT "datasources_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "datasources_name_key" UNIQUE("organization_id","workspace_id","name"),
	CONSTRAINT "datasources_kind_check" CHECK ("datasources"."kind" in ('MANUAL', 'WEB_PAGE', 'SITEMAP', 'FEED', 'JSON_API', 'NOTION', 'SLACK'))
);
--> statement-breakpoint
ALTER TABLE "datasources" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "office_document_comments" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"document_id" uuid NOT NULL,
	"author_id" uuid,
	"text" text NOT NULL,
	"anchor" jsonb,
	"version" integer NOT NULL,
	"resolved_at" timestamp(3) with time zone,
	"resolved_by_id" uuid,
	CONSTRAINT "office_document_comments_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "office_document_comments" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "office_document_shares" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"document_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"level" text NOT NULL,
	"shared_by_id" uuid,
	CONSTRAINT "office_document_shares_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "office_document_shares_user_id_key" UNIQUE("organization_id","document_id","user_id"),
	CONSTRAINT "office_document_shares_level_check" CHECK ("office_document_shares"."level" in ('VIEW', 'COMMENT', 'EDIT'))
);
--> statement-breakpoint
ALTER TABLE "office_document_shares" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "office_document_versions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"document_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"title" text NOT NULL,
	"content" jsonb NOT NULL,
	"size" integer NOT NULL,
	"saved_by_id" uuid,
	"restored_from" integer,
	CONSTRAINT "office_document_versions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "office_document_versions_version_key" UNIQUE("organization_id","document_id","version")
);
--> statement-breakpoint
ALTER TABLE "office_document_versions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "office_documents" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"owner_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"title" text NOT NULL,
	"content" jsonb NOT NULL,
	"size" integer NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	"saved_by_id" uuid,
	"saved_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"deleted_at" timestamp(3) with time zone,
	"deleted_by_id" uuid,
	CONSTRAINT "office_documents_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "office_documents_kind_check" CHECK ("office_documents"."kind" in ('WORD', 'EXCEL', 'POWERPOINT')),
	CONSTRAINT "office_documents_version_check" CHECK ("office_documents"."version" >= 1)
);
--> statement-breakpoint
ALTER TABLE "office_documents" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "due_syncs" (
	"queue_id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"due_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sync_executions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"queue_id" uuid NOT NULL,
	"trigger" text NOT NULL,
	"status" text DEFAULT 'QUEUED' NOT NULL,
	"failure" text,
	"requested_by_id" uuid,
	"job_id" uuid,
	"position" jsonb,
	"found" integer DEFAULT 0 NOT NULL,
	"added" integer DEFAULT 0 NOT NULL,
	"updated" integer DEFAULT 0 NOT NULL,
	"unchanged" integer DEFAULT 0 NOT NULL,
	"removed" integer DEFAULT 0 NOT NULL,
	"failed" integer DEFAULT 0 NOT NULL,
	"outstanding" integer DEFAULT 0 NOT NULL,
	"chunks_reused" integer DEFAULT 0 NOT NULL,
	"chunks_new" integer DEFAULT 0 NOT NULL,
	"chunks_removed" integer DEFAULT 0 NOT NULL,
	"started_at" timestamp(3) with time zone,
	"fetched_at" timestamp(3) with time zone,
	"finished_at" timestamp(3) with time zone,
	CONSTRAINT "sync_executions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "sync_executions_status_check" CHECK ("sync_executions"."status" in ('QUEUED', 'RUNNING', 'SUCCEEDED', 'UNCHANGED', 'FAILED', 'CANCELLED')),
	CONSTRAINT "sync_executions_trigger_check" CHECK ("sync_executions"."trigger" in ('SCHEDULE', 'REQUEST', 'RETRY')),
	CONSTRAINT "sync_executions_failure_check" CHECK (("sync_executions"."status" = 'FAILED') = ("sync_executions"."failure" is not null))
);
--> statement-breakpoint
ALTER TABLE "sync_executions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "sync_failures" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"datasource_id" uuid NOT NULL,
	"external_id" text NOT NULL,
	"title" text,
	"source_uri" text,
	"reason" text NOT NULL,
	"attempts" integer DEFAULT 1 NOT NULL,
	"last_tried_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "sync_failures_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "sync_failures_external_id_key" UNIQUE("organization_id","datasource_id","external_id")
);
--> statement-breakpoint
ALTER TABLE "sync_failures" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "sync_queues" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"datasource_id" uuid,
	"document_id" uuid,
	"status" text DEFAULT 'ACTIVE' NOT NULL,
	"paused_reason" text,
	"schedule" text,
	"stale_after_seconds" integer,
	"next_sync_at" timestamp(3) with time zone,
	"last_synced_at" timestamp(3) with time zone,
	"failures_in_a_row" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "sync_queues_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "sync_queues_datasource_id_key" UNIQUE("organization_id","datasource_id"),
	CONSTRAINT "sync_queues_document_id_key" UNIQUE("organization_id","document_id"),
	CONSTRAINT "sync_queues_status_check" CHECK ("sync_queues"."status" in ('ACTIVE', 'PAUSED')),
	CONSTRAINT "sync_queues_paused_reason_check" CHECK (("sync_queues"."status" = 'PAUSED') = ("sync_queues"."paused_reason" is not null)),
	CONSTRAINT "sync_queues_target_check" CHECK (num_nonnulls("sync_queues"."datasource_id", "sync_queues"."document_id") = 1),
	CONSTRAINT "sync_queues_stale_after_seconds_check" CHECK ("sync_queues"."stale_after_seconds" >= 3600),
	CONSTRAINT "sync_queues_schedule_check" CHECK (num_nonnulls("sync_queues"."schedule", "sync_queues"."stale_after_seconds") <= 1)
);
--> statement-breakpoint
ALTER TABLE "sync_queues" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "document_labels" (
	"organization_id" uuid NOT NULL,
	"workspace_id" uuid NOT NULL,
	"readers" uuid[],
	"document_id" uuid NOT NULL,
	"key" text NOT NULL,
	"value" text NOT NULL,
	CONSTRAINT "document_labels_pkey" PRIMARY KEY("organization_id","workspace_id","key","value","document_id")
);
--> statement-breakpoint
ALTER TABLE "document_labels" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "document_versions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"readers" uuid[],
	"document_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"title" text NOT NULL,
	"mime_type" text NOT NULL,
	"text" text NOT NULL,
	"content_hash" text NOT NULL,
	"file_id" uuid,
	"replaced_by_id" uuid,
	CONSTRAINT "document_versions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "document_versions_version_key" UNIQUE("organization_id","document_id","version")
);
--> statement-breakpoint
ALTER TABLE "document_versions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "search_logs" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"user_id" uuid,
	"query" text NOT NULL,
	"filter" jsonb,
	"hit_count" integer NOT NULL,
	"top_score" double precision,
	"latency_ms" integer NOT NULL,
	CONSTRAINT "search_logs_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "search_logs" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "parsed_files" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"user_id" uuid,
	"file_id" uuid NOT NULL,
	"title" text NOT NULL,
	"mime_type" text NOT NULL,
	"status" text DEFAULT 'PENDING' NOT NULL,
	"failure" text,
	"text" text,
	"token_count" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "parsed_files_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "parsed_files_status_check" CHECK ("parsed_files"."status" in ('PENDING', 'READY', 'FAILED')),
	CONSTRAINT "parsed_files_failure_check" CHECK (("parsed_files"."status" = 'FAILED') = ("parsed_files"."failure" is not null))
);
--> statement-breakpoint
ALTER TABLE "parsed_files" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "access_tokens" DROP CONSTRAINT "access_tokens_kind_check";--> statement-breakpoint
DROP INDEX "chunk_embeddings_embedding_index";--> statement-breakpoint
ALTER TABLE "chunk_embeddings" ADD COLUMN "enabled" boolean DEFAULT true NOT NULL;--> statement-breakpoint
ALTER TABLE "chunk_embeddings" ADD COLUMN "indexed_by" text DEFAULT 'HNSW' NOT NULL;--> statement-breakpoint
ALTER TABLE "documents" ADD COLUMN "tags" text[] DEFAULT '{}' NOT NULL;--> statement-breakpoint
ALTER TABLE "documents" ADD COLUMN "pinned" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "documents" ADD COLUMN "datasource_id" uuid;--> statement-breakpoint
ALTER TABLE "documents" ADD COLUMN "external_id" text;--> statement-breakpoint
ALTER TABLE "documents" ADD COLUMN "source_hash" text;--> statement-breakpoint
ALTER TABLE "documents" ADD COLUMN "source_version" jsonb;--> statement-breakpoint
ALTER TABLE "documents" ADD COLUMN "seen_in_id" uuid;--> statement-breakpoint
ALTER TABLE "files" ADD COLUMN "visibility" text DEFAULT 'PRIVATE' NOT NULL;--> statement-breakpoint
ALTER TABLE "files" ADD COLUMN "download_count" bigint DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "embedding_model_id" uuid;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "next_embedding_model_id" uuid;--> statement-breakpoint
ALTER TABLE "datasources" ADD CONSTRAINT "datasources_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "office_document_comments" ADD CONSTRAINT "office_document_comments_document_id_fkey" FOREIGN KEY ("organization_id","document_id") REFERENCES "public"."office_documents"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "office_document_shares" ADD CONSTRAINT "office_document_shares_document_id_fkey" FOREIGN KEY ("organization_id","document_id") REFERENCES "public"."office_documents"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "office_document_shares" ADD CONSTRAINT "office_document_shares_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "office_document_versions" ADD CONSTRAINT "office_document_versions_document_id_fkey" FOREIGN KEY ("organization_id","document_id") REFERENCES "public"."office_documents"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "office_documents" ADD CONSTRAINT "office_documents_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "due_syncs" ADD CONSTRAINT "due_syncs_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sync_executions" ADD CONSTRAINT "sync_executions_queue_id_fkey" FOREIGN KEY ("organization_id","queue_id") REFERENCES "public"."sync_queues"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sync_failures" ADD CONSTRAINT "sync_failures_datasource_id_fkey" FOREIGN KEY ("organization_id","datasource_id") REFERENCES "public"."datasources"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sync_queues" ADD CONSTRAINT "sync_queues_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sync_queues" ADD CONSTRAINT "sync_queues_datasource_id_fkey" FOREIGN KEY ("organization_id","datasource_id") REFERENCES "public"."datasources"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sync_queues" ADD CONSTRAINT "sync_queues_document_id_fkey" FOREIGN KEY ("organization_id","document_id") REFERENCES "public"."documents"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "document_labels" ADD CONSTRAINT "document_labels_document_id_fkey" FOREIGN KEY ("organization_id","document_id") REFERENCES "public"."documents"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "document_versions" ADD CONSTRAINT "document_versions_document_id_fkey" FOREIGN KEY ("organization_id","document_id") REFERENCES "public"."documents"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "document_versions" ADD CONSTRAINT "document_versions_file_id_fkey" FOREIGN KEY ("organization_id","file_id") REFERENCES "public"."files"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "search_logs" ADD CONSTRAINT "search_logs_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "parsed_files" ADD CONSTRAINT "parsed_files_conversation_id_fkey" FOREIGN KEY ("organization_id","conversation_id") REFERENCES "public"."conversations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "parsed_files" ADD CONSTRAINT "parsed_files_file_id_fkey" FOREIGN KEY ("organization_id","file_id") REFERENCES "public"."files"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "datasources_created_at_index" ON "datasources" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "datasources_kind_index" ON "datasources" USING btree ("organization_id","workspace_id","kind","created_at","id");--> statement-breakpoint
CREATE INDEX "office_document_comments_created_at_index" ON "office_document_comments" USING btree ("organization_id","document_id","created_at","id");--> statement-breakpoint
CREATE INDEX "office_document_shares_member_index" ON "office_document_shares" USING btree ("organization_id","user_id");--> statement-breakpoint
CREATE INDEX "office_document_shares_created_at_index" ON "office_document_shares" USING btree ("organization_id","document_id","created_at","id");--> statement-breakpoint
CREATE INDEX "office_documents_saved_at_index" ON "office_documents" USING btree ("organization_id","saved_at","id");--> statement-breakpoint
CREATE INDEX "office_documents_created_at_index" ON "office_documents" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "office_documents_title_index" ON "office_documents" USING btree ("organization_id","title","id");--> statement-breakpoint
CREATE INDEX "office_documents_kind_index" ON "office_documents" USING btree ("organization_id","kind","saved_at","id");--> statement-breakpoint
CREATE INDEX "office_documents_owner_id_index" ON "office_documents" USING btree ("organization_id","owner_id","saved_at","id");--> statement-breakpoint
CREATE INDEX "office_documents_deleted_at_index" ON "office_documents" USING btree ("organization_id","deleted_at","id") WHERE "office_documents"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "due_syncs_due_at_index" ON "due_syncs" USING btree ("due_at");--> statement-breakpoint
CREATE INDEX "due_syncs_organization_id_index" ON "due_syncs" USING btree ("organization_id");--> statement-breakpoint
CREATE UNIQUE INDEX "sync_executions_open_key" ON "sync_executions" USING btree ("organization_id","queue_id") WHERE "sync_executions"."status" in ('QUEUED', 'RUNNING');--> statement-breakpoint
CREATE INDEX "sync_executions_created_at_index" ON "sync_executions" USING btree ("organization_id","queue_id","created_at","id");--> statement-breakpoint
CREATE INDEX "sync_failures_created_at_index" ON "sync_failures" USING btree ("organization_id","datasource_id","created_at","id");--> statement-breakpoint
CREATE INDEX "sync_queues_workspace_id_index" ON "sync_queues" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "document_labels_document_id_index" ON "document_labels" USING btree ("organization_id","document_id");--> statement-breakpoint
CREATE INDEX "document_versions_file_id_index" ON "document_versions" USING btree ("organization_id","file_id");--> statement-breakpoint
CREATE INDEX "search_logs_created_at_index" ON "search_logs" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "search_logs_user_id_index" ON "search_logs" USING btree ("organization_id","workspace_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "parsed_files_file_id_index" ON "parsed_files" USING btree ("organization_id","file_id");--> statement-breakpoint
CREATE INDEX "parsed_files_created_at_index" ON "parsed_files" USING btree ("organization_id","conversation_id","created_at","id");--> statement-breakpoint
ALTER TABLE "documents" ADD CONSTRAINT "documents_datasource_id_fkey" FOREIGN KEY ("organization_id","datasource_id") REFERENCES "public"."datasources"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "chunk_embeddings_hnsw_index" ON "chunk_embeddings" USING hnsw ("embedding" vector_cosine_ops) WHERE "chunk_embeddings"."indexed_by" = 'HNSW';--> statement-breakpoint
CREATE INDEX "chunk_embeddings_ivfflat_index" ON "chunk_embeddings" USING ivfflat ("embedding" vector_cosine_ops) WITH (lists=100) WHERE "chunk_embeddings"."indexed_by" = 'IVFFLAT';--> statement-breakpoint
CREATE INDEX "documents_datasource_id_index" ON "documents" USING btree ("organization_id","datasource_id","created_at","id");--> statement-breakpoint
CREATE INDEX "documents_mime_type_index" ON "documents" USING btree ("organization_id","workspace_id","mime_type","created_at","id");--> statement-breakpoint
CREATE INDEX "documents_pinned_index" ON "documents" USING btree ("organization_id","workspace_id","created_at","id") WHERE "documents"."pinned";--> statement-breakpoint
CREATE INDEX "documents_all_created_at_index" ON "documents" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "documents_all_title_index" ON "documents" USING btree ("organization_id","title","id");--> statement-breakpoint
CREATE INDEX "files_name_index" ON "files" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "files_size_index" ON "files" USING btree ("organization_id","size","id");--> statement-breakpoint
CREATE INDEX "files_uploaded_by_id_index" ON "files" USING btree ("organization_id","uploaded_by_id","created_at","id");--> statement-breakpoint
ALTER TABLE "documents" ADD CONSTRAINT "documents_external_id_key" UNIQUE("organization_id","datasource_id","external_id");--> statement-breakpoint
ALTER TABLE "chunk_embeddings" ADD CONSTRAINT "chunk_embeddings_indexed_by_check" CHECK ("chunk_embeddings"."indexed_by" in ('HNSW', 'IVFFLAT'));--> statement-breakpoint
ALTER TABLE "documents" ADD CONSTRAINT "documents_external_id_check" CHECK (("documents"."datasource_id" is null) = ("documents"."external_id" is null));--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_visibility_check" CHECK ("files"."visibility" in ('PRIVATE', 'PUBLIC'));--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_everybody_check" CHECK (("files"."visibility" = 'PUBLIC') = ('00000000-0000-0000-0000-000000000000'::uuid = any("files"."readers")));--> statement-breakpoint
ALTER TABLE "access_tokens" ADD CONSTRAINT "access_tokens_kind_check" CHECK ("access_tokens"."kind" in ('SESSION', 'UPLOAD', 'API_KEY', 'DEVICE', 'EXTENSION_KEY', 'PAIRING', 'LOGIN_LINK', 'INVITE', 'EMAIL_VERIFICATION', 'PASSWORD_RESET', 'DOWNLOAD', 'FILE'));--> statement-breakpoint
CREATE POLICY "datasources_workspace" ON "datasources" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "office_document_comments_granted" ON "office_document_comments" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "office_document_shares_granted" ON "office_document_shares" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "office_document_versions_granted" ON "office_document_versions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "office_documents_granted" ON "office_documents" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "sync_executions_workspace" ON "sync_executions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "sync_failures_workspace" ON "sync_failures" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "sync_queues_workspace" ON "sync_queues" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "document_labels_granted" ON "document_labels" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "document_versions_granted" ON "document_versions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "search_logs_workspace" ON "search_logs" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "parsed_files_workspace" ON "parsed_files" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
COMMENT ON TABLE due_syncs IS '@lookup @reference';
--> statement-breakpoint
-- Which documents have a tag or a scalar at the top of their metadata, kept with the document. It acts with the rights of whoever writes it.
CREATE FUNCTION app_label_document() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP = 'UPDATE' THEN
    DELETE FROM document_labels WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  END IF;
  INSERT INTO document_labels (organization_id, workspace_id, readers, document_id, key, value)
  SELECT NEW.organization_id, NEW.workspace_id, NEW.readers, NEW.id, label.key, label.value
  FROM (
    SELECT '' AS key, tag AS value FROM unnest(NEW.tags) AS tag
    UNION
    SELECT entry.key, entry.value #>> '{}' FROM jsonb_each(NEW.metadata) AS entry
    WHERE jsonb_typeof(entry.value) IN ('string', 'number', 'boolean') AND entry.key <> ''
  ) AS label
  WHERE length(label.value) <= 500 AND length(label.key) <= 100;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER label_new_document AFTER INSERT ON documents FOR EACH ROW
  WHEN (NEW.tags <> '{}' OR NEW.metadata <> '{}') EXECUTE FUNCTION app_label_document();
--> statement-breakpoint
CREATE TRIGGER label_document AFTER UPDATE OF tags, metadata, workspace_id, readers ON documents FOR EACH ROW
  WHEN (OLD.tags IS DISTINCT FROM NEW.tags OR OLD.metadata IS DISTINCT FROM NEW.metadata
    OR OLD.workspace_id IS DISTINCT FROM NEW.workspace_id OR OLD.readers IS DISTINCT FROM NEW.readers)
  EXECUTE FUNCTION app_label_document();
--> statement-breakpoint
-- The parts of a document are where it is, and are seen by whoever sees it.
CREATE FUNCTION app_move_document_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE document_chunks SET workspace_id = NEW.workspace_id, readers = NEW.readers
  WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  UPDATE document_versions SET workspace_id = NEW.workspace_id, readers = NEW.readers
  WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  IF OLD.workspace_id <> NEW.workspace_id THEN
    UPDATE sync_executions SET workspace_id = NEW.workspace_id
    WHERE organization_id = NEW.organization_id AND queue_id IN (
      SELECT id FROM sync_queues WHERE organization_id = NEW.organization_id AND document_id = NEW.id);
    UPDATE sync_queues SET workspace_id = NEW.workspace_id
    WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER move_document_parts AFTER UPDATE OF workspace_id, readers ON documents FOR EACH ROW
  WHEN (OLD.workspace_id IS DISTINCT FROM NEW.workspace_id OR OLD.readers IS DISTINCT FROM NEW.readers)
  EXECUTE FUNCTION app_move_document_parts();
--> statement-breakpoint
-- The parts of an office document are seen by whoever sees it.
CREATE FUNCTION app_share_office_parts() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE office_document_versions SET readers = NEW.readers
  WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  UPDATE office_document_shares SET readers = NEW.readers
  WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  UPDATE office_document_comments SET readers = NEW.readers
  WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER share_office_parts AFTER UPDATE OF readers ON office_documents FOR EACH ROW
  WHEN (OLD.readers IS DISTINCT FROM NEW.readers) EXECUTE FUNCTION app_share_office_parts();
--> statement-breakpoint
create or replace function document_chunks_index_terms() returns trigger language plpgsql security definer set search_path from current as $$
begin
  if tg_op <> 'INSERT' then
    delete from chunk_postings
    where organization_id = old.organization_id and workspace_id = old.workspace_id and term = any(old.terms) and chunk_id = old.id;
  end if;
  if tg_op <> 'DELETE' and new.enabled then
    insert into chunk_postings (organization_id, workspace_id, readers, term, chunk_id, frequency, term_count)
    select new.organization_id, new.workspace_id, new.readers, entry.term, new.id, entry.frequency, new.term_count
    from unnest(new.terms, new.frequencies) as entry (term, frequency);
  end if;
  return null;
end $$;
--> statement-breakpoint
drop trigger if exists document_chunks_written on document_chunks;
--> statement-breakpoint
create trigger document_chunks_written after insert or delete on document_chunks for each row execute function document_chunks_index_terms();
--> statement-breakpoint
drop trigger if exists document_chunks_changed on document_chunks;
--> statement-breakpoint
create trigger document_chunks_changed after update of terms, frequencies, workspace_id, readers, enabled on document_chunks for each row
  when (old.terms is distinct from new.terms or old.frequencies is distinct from new.frequencies
    or old.workspace_id is distinct from new.workspace_id or old.readers is distinct from new.readers
    or old.enabled is distinct from new.enabled)
  execute function document_chunks_index_terms();
--> statement-breakpoint
create function document_chunks_mark_vectors() returns trigger language plpgsql set search_path from current as $$
begin
  update chunk_embeddings set workspace_id = new.workspace_id, readers = new.readers, enabled = new.enabled
  where organization_id = new.organization_id and chunk_id = new.id;
  return null;
end $$;
--> statement-breakpoint
create trigger document_chunks_moved after update of workspace_id, readers, enabled on document_chunks for each row
  when (old.workspace_id is distinct from new.workspace_id or old.readers is distinct from new.readers
    or old.enabled is distinct from new.enabled)
  execute function document_chunks_mark_vectors();
--> statement-breakpoint
SELECT app_guard_tables();
