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
CREATE TABLE "document_chunks" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"readers" uuid[],
	"document_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"text" text NOT NULL,
	"headings" text[] NOT NULL,
	"page" integer,
	"start" integer NOT NULL,
	"end" integer NOT NULL,
	"tokens" integer NOT NULL,
	"terms" text[] NOT NULL,
	"frequencies" smallint[] NOT NULL,
	"term_count" integer NOT NULL,
	"hash" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	CONSTRAINT "document_chunks_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "document_chunks_position_key" UNIQUE("organization_id","document_id","position"),
	CONSTRAINT "document_chunks_span_check" CHECK ("document_chunks"."start" >= 0 and "document_chunks"."end" > "document_chunks"."start")
);
--> statement-breakpoint
ALTER TABLE "document_chunks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "documents" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"readers" uuid[],
	"title" text NOT NULL,
	"source_uri" text,
	"mime_type" text NOT NULL,
	"file_id" uuid,
	"text" text,
	"content_hash" text,
	"status" text DEFAULT 'PENDING' NOT NULL,
	"failure" text,
	"version" integer DEFAULT 1 NOT NULL,
	"chunk_count" integer DEFAULT 0 NOT NULL,
	"term_count" integer DEFAULT 0 NOT NULL,
	"token_count" integer DEFAULT 0 NOT NULL,
	"language" text,
	"added_by_id" uuid,
	"processed_at" timestamp(3) with time zone,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "documents_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "documents_status_check" CHECK ("documents"."status" in ('PENDING', 'PROCESSING', 'READY', 'FAILED')),
	CONSTRAINT "documents_failure_check" CHECK (("documents"."status" = 'FAILED') = ("documents"."failure" is not null))
);
--> statement-breakpoint
ALTER TABLE "documents" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "files" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"name" text NOT NULL,
	"mime_type" text NOT NULL,
	"size" bigint NOT NULL,
	"sha256" text,
	"status" text DEFAULT 'AWAITED' NOT NULL,
	"uploaded_by_id" uuid,
	CONSTRAINT "files_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "files_status_check" CHECK ("files"."status" in ('AWAITED', 'STORED')),
	CONSTRAINT "files_sha256_check" CHECK (("files"."status" = 'STORED') = ("files"."sha256" is not null))
);
--> statement-breakpoint
ALTER TABLE "files" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "citations" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"message_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"marker" integer NOT NULL,
	"chunk_id" uuid,
	"document_id" uuid NOT NULL,
	"document_version" integer NOT NULL,
	"quote" text NOT NULL,
	"start" integer NOT NULL,
	"end" integer NOT NULL,
	"score" double precision NOT NULL,
	CONSTRAINT "citations_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "citations_position_key" UNIQUE("organization_id","message_id","position")
);
--> statement-breakpoint
ALTER TABLE "citations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "conversations" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"user_id" uuid,
	"title" text NOT NULL,
	"kind" text DEFAULT 'CHAT' NOT NULL,
	"channel" text DEFAULT 'APP' NOT NULL,
	"status" text DEFAULT 'ACTIVE' NOT NULL,
	"ended_at" timestamp(3) with time zone,
	CONSTRAINT "conversations_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "conversations_kind_check" CHECK ("conversations"."kind" in ('CHAT', 'VOICE')),
	CONSTRAINT "conversations_channel_check" CHECK ("conversations"."channel" in ('APP', 'EMBED', 'API')),
	CONSTRAINT "conversations_status_check" CHECK ("conversations"."status" in ('ACTIVE', 'ENDED', 'TRANSFERRED'))
);
--> statement-breakpoint
ALTER TABLE "conversations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "feedback" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"message_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"score" integer NOT NULL,
	"comment" text,
	CONSTRAINT "feedback_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "feedback_user_id_key" UNIQUE("organization_id","message_id","user_id"),
	CONSTRAINT "feedback_score_check" CHECK ("feedback"."score" in (-1, 1))
);
--> statement-breakpoint
ALTER TABLE "feedback" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "messages" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"parent_id" uuid,
	"role" text NOT NULL,
	"type" text DEFAULT 'TEXT' NOT NULL,
	"sender_id" uuid,
	"content" text NOT NULL,
	"status" text DEFAULT 'COMPLETED' NOT NULL,
	"error_code" text,
	"error_message" text,
	"model" text,
	"model_id" uuid,
	"input_tokens" integer,
	"output_tokens" integer,
	"cost" numeric(18, 12),
	"confidence" double precision,
	"included_in_history" boolean DEFAULT true NOT NULL,
	"processed_at" timestamp(3) with time zone,
	"lease_until" timestamp(3) with time zone,
	CONSTRAINT "messages_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "messages_role_check" CHECK ("messages"."role" in ('USER', 'ASSISTANT', 'SYSTEM', 'AGENT')),
	CONSTRAINT "messages_type_check" CHECK ("messages"."type" in ('TEXT', 'IMAGE', 'AUDIO', 'FILE')),
	CONSTRAINT "messages_status_check" CHECK ("messages"."status" in ('STREAMING', 'COMPLETED', 'FAILED', 'CANCELLED')),
	CONSTRAINT "messages_error_check" CHECK (("messages"."status" = 'FAILED') = ("messages"."error_code" is not null))
);
--> statement-breakpoint
ALTER TABLE "messages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "running_answers" (
	"message_id" uuid PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"lease_until" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "access_tokens" (
	"hash" text PRIMARY KEY NOT NULL,
	"kind" text NOT NULL,
	"organization_id" uuid NOT NULL,
	"user_id" uuid,
	"subject_id" uuid NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "access_tokens_kind_check" CHECK ("access_tokens"."kind" in ('SESSION', 'UPLOAD'))
);
--> statement-breakpoint
CREATE TABLE "passwords" (
	"user_id" uuid PRIMARY KEY NOT NULL,
	"hash" text NOT NULL,
	"changed_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "sessions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"user_agent" text,
	"address" text,
	"expires_at" timestamp(3) with time zone NOT NULL,
	"revoked_at" timestamp(3) with time zone,
	CONSTRAINT "sessions_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "sessions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "users" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"email" text NOT NULL,
	"name" text NOT NULL,
	"platform_role" text DEFAULT 'NONE' NOT NULL,
	"default_organization_id" uuid,
	"last_login_at" timestamp(3) with time zone,
	"last_login_address" text,
	"suspended_at" timestamp(3) with time zone,
	"deleted_at" timestamp(3) with time zone,
	CONSTRAINT "users_platform_role_check" CHECK ("users"."platform_role" in ('NONE', 'ADMIN', 'SUPERADMIN'))
);
--> statement-breakpoint
CREATE TABLE "execution_logs" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid,
	"user_id" uuid,
	"provider_name" text NOT NULL,
	"model_name" text NOT NULL,
	"model_id" uuid,
	"purpose" text NOT NULL,
	"target_id" uuid,
	"status" text DEFAULT 'PENDING' NOT NULL,
	"error_kind" text,
	"error_message" text,
	"input_tokens" integer DEFAULT 0 NOT NULL,
	"output_tokens" integer DEFAULT 0 NOT NULL,
	"cost" numeric(18, 12),
	"latency_ms" integer,
	"time_to_first_token_ms" integer,
	CONSTRAINT "execution_logs_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "execution_logs_status_check" CHECK ("execution_logs"."status" in ('PENDING', 'SUCCESS', 'ERROR'))
);
--> statement-breakpoint
ALTER TABLE "execution_logs" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "models" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"provider_id" uuid NOT NULL,
	"name" text NOT NULL,
	"version" text DEFAULT '' NOT NULL,
	"type" text NOT NULL,
	"capabilities" text[] DEFAULT '{}' NOT NULL,
	"context_window" integer NOT NULL,
	"input_price" numeric(18, 12),
	"output_price" numeric(18, 12),
	"status" text DEFAULT 'ACTIVE' NOT NULL,
	CONSTRAINT "models_name_key" UNIQUE("provider_id","name","version"),
	CONSTRAINT "models_type_check" CHECK ("models"."type" in ('TEXT', 'CODE', 'IMAGE', 'VOICE', 'VIDEO', 'EMBEDDING')),
	CONSTRAINT "models_status_check" CHECK ("models"."status" in ('ACTIVE', 'INACTIVE', 'DEPRECATED')),
	CONSTRAINT "models_context_window_check" CHECK ("models"."context_window" > 0)
);
--> statement-breakpoint
CREATE TABLE "provider_keys" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"provider_id" uuid NOT NULL,
	"label" text NOT NULL,
	"encrypted_key" text NOT NULL,
	"last_four" text NOT NULL,
	"is_default" boolean DEFAULT false NOT NULL,
	"last_used_at" timestamp(3) with time zone,
	"created_by_id" uuid,
	CONSTRAINT "provider_keys_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "provider_keys_label_key" UNIQUE("organization_id","provider_id","label")
);
--> statement-breakpoint
ALTER TABLE "provider_keys" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "providers" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"name" text NOT NULL,
	"slug" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"website" text,
	"documentation_url" text,
	"status" text DEFAULT 'ACTIVE' NOT NULL,
	"dialect" text NOT NULL,
	"base_url" text,
	CONSTRAINT "providers_name_key" UNIQUE("name"),
	CONSTRAINT "providers_slug_key" UNIQUE("slug"),
	CONSTRAINT "providers_status_check" CHECK ("providers"."status" in ('ACTIVE', 'INACTIVE', 'DEPRECATED')),
	CONSTRAINT "providers_dialect_check" CHECK ("providers"."dialect" in ('BUILTIN', 'OPENAI', 'ANTHROPIC', 'GOOGLE', 'OPENAI_COMPATIBLE'))
);
--> statement-breakpoint
CREATE TABLE "memberships" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"role" text NOT NULL,
	CONSTRAINT "memberships_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "memberships_user_id_key" UNIQUE("organization_id","user_id"),
	CONSTRAINT "memberships_role_check" CHECK ("memberships"."role" in ('OWNER', 'ADMIN', 'MANAGER', 'MEMBER', 'GUEST'))
);
--> statement-breakpoint
ALTER TABLE "memberships" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "organizations" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"name" text NOT NULL,
	"slug" text NOT NULL,
	"type" text DEFAULT 'TEAM' NOT NULL,
	"api_key_strategy" text DEFAULT 'PLATFORM' NOT NULL,
	"settings" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"deleted_at" timestamp(3) with time zone,
	CONSTRAINT "organizations_slug_key" UNIQUE("slug"),
	CONSTRAINT "organizations_type_check" CHECK ("organizations"."type" in ('SOLO', 'TEAM', 'ENTERPRISE')),
	CONSTRAINT "organizations_api_key_strategy_check" CHECK ("organizations"."api_key_strategy" in ('PLATFORM', 'BYOK', 'HYBRID'))
);
--> statement-breakpoint
CREATE TABLE "workspace_memberships" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"role" text NOT NULL,
	CONSTRAINT "workspace_memberships_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "workspace_memberships_user_id_key" UNIQUE("organization_id","user_id","workspace_id"),
	CONSTRAINT "workspace_memberships_role_check" CHECK ("workspace_memberships"."role" in ('ADMIN', 'EDITOR', 'VIEWER'))
);
--> statement-breakpoint
ALTER TABLE "workspace_memberships" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "workspaces" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"name" text NOT NULL,
	"slug" text NOT NULL,
	"language" text DEFAULT 'en' NOT NULL,
	"published" boolean DEFAULT false NOT NULL,
	"chat_mode" text DEFAULT 'CHAT' NOT NULL,
	"chat_model_id" uuid,
	"temperature" double precision,
	"history_length" integer DEFAULT 20 NOT NULL,
	"system_prompt" text,
	"similarity_threshold" double precision DEFAULT 0.25 NOT NULL,
	"top_n" integer DEFAULT 4 NOT NULL,
	"query_refusal_response" text,
	"vector_search_mode" text DEFAULT 'HNSW' NOT NULL,
	"confidence_threshold" double precision DEFAULT 0 NOT NULL,
	CONSTRAINT "workspaces_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "workspaces_slug_key" UNIQUE("organization_id","slug"),
	CONSTRAINT "workspaces_chat_mode_check" CHECK ("workspaces"."chat_mode" in ('CHAT', 'QUERY', 'AUTOMATIC')),
	CONSTRAINT "workspaces_vector_search_mode_check" CHECK ("workspaces"."vector_search_mode" in ('HNSW', 'IVFFLAT', 'EXACT')),
	CONSTRAINT "workspaces_ranges_check" CHECK ("workspaces"."temperature" between 0 and 2 and "workspaces"."similarity_threshold" between 0 and 1 and "workspaces"."confidence_threshold" between 0 and 1 and "workspaces"."top_n" between 1 and 50 and "workspaces"."history_length" between 0 and 200)
);
--> statement-breakpoint
ALTER TABLE "workspaces" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "events" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid,
	"action" text NOT NULL,
	"target_type" text NOT NULL,
	"target_id" uuid NOT NULL,
	"actor_id" uuid,
	"request_id" text NOT NULL,
	"address" text,
	"user_agent" text,
	"data" jsonb DEFAULT '{}'::jsonb NOT NULL,
	CONSTRAINT "events_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "events" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "platform_events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"action" text NOT NULL,
	"target_type" text NOT NULL,
	"target_id" uuid NOT NULL,
	"actor_id" uuid,
	"request_id" text NOT NULL,
	"address" text,
	"user_agent" text,
	"data" jsonb DEFAULT '{}'::jsonb NOT NULL
);
--> statement-breakpoint
CREATE TABLE "jobs" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"kind" text NOT NULL,
	"state" text DEFAULT 'QUEUED' NOT NULL,
	"progress" integer DEFAULT 0 NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	"target_type" text,
	"target_id" uuid,
	"requested_by_id" uuid,
	"error" text,
	"result" jsonb,
	"started_at" timestamp(3) with time zone,
	"finished_at" timestamp(3) with time zone,
	CONSTRAINT "jobs_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "jobs_state_check" CHECK ("jobs"."state" in ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'))
);
--> statement-breakpoint
ALTER TABLE "jobs" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "chunk_embeddings" ADD CONSTRAINT "chunk_embeddings_chunk_id_fkey" FOREIGN KEY ("organization_id","chunk_id") REFERENCES "public"."document_chunks"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "document_chunks" ADD CONSTRAINT "document_chunks_document_id_fkey" FOREIGN KEY ("organization_id","document_id") REFERENCES "public"."documents"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "documents" ADD CONSTRAINT "documents_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "documents" ADD CONSTRAINT "documents_file_id_fkey" FOREIGN KEY ("organization_id","file_id") REFERENCES "public"."files"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "files" ADD CONSTRAINT "files_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "citations" ADD CONSTRAINT "citations_message_id_fkey" FOREIGN KEY ("organization_id","message_id") REFERENCES "public"."messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "citations" ADD CONSTRAINT "citations_chunk_id_fkey" FOREIGN KEY ("organization_id","chunk_id") REFERENCES "public"."document_chunks"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "feedback" ADD CONSTRAINT "feedback_message_id_fkey" FOREIGN KEY ("organization_id","message_id") REFERENCES "public"."messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_conversation_id_fkey" FOREIGN KEY ("organization_id","conversation_id") REFERENCES "public"."conversations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_parent_id_fkey" FOREIGN KEY ("organization_id","parent_id") REFERENCES "public"."messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "access_tokens" ADD CONSTRAINT "access_tokens_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "passwords" ADD CONSTRAINT "passwords_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "sessions" ADD CONSTRAINT "sessions_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "models" ADD CONSTRAINT "models_provider_id_fkey" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_keys" ADD CONSTRAINT "provider_keys_provider_id_fkey" FOREIGN KEY ("provider_id") REFERENCES "public"."providers"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "provider_keys" ADD CONSTRAINT "provider_keys_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "memberships" ADD CONSTRAINT "memberships_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_memberships" ADD CONSTRAINT "workspace_memberships_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_memberships" ADD CONSTRAINT "workspace_memberships_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspaces" ADD CONSTRAINT "workspaces_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "chunk_embeddings_workspace_id_index" ON "chunk_embeddings" USING btree ("organization_id","workspace_id","model");--> statement-breakpoint
CREATE INDEX "chunk_embeddings_embedding_index" ON "chunk_embeddings" USING hnsw ("embedding" vector_cosine_ops);--> statement-breakpoint
CREATE INDEX "document_chunks_workspace_id_index" ON "document_chunks" USING btree ("organization_id","workspace_id");--> statement-breakpoint
CREATE INDEX "documents_created_at_index" ON "documents" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "documents_status_index" ON "documents" USING btree ("organization_id","workspace_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "documents_title_index" ON "documents" USING btree ("organization_id","workspace_id","title","id");--> statement-breakpoint
CREATE INDEX "documents_file_id_index" ON "documents" USING btree ("organization_id","file_id");--> statement-breakpoint
CREATE INDEX "files_created_at_index" ON "files" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "files_sha256_index" ON "files" USING btree ("organization_id","sha256");--> statement-breakpoint
CREATE INDEX "citations_chunk_id_index" ON "citations" USING btree ("organization_id","chunk_id");--> statement-breakpoint
CREATE INDEX "conversations_created_at_index" ON "conversations" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "messages_created_at_index" ON "messages" USING btree ("organization_id","conversation_id","created_at","id");--> statement-breakpoint
CREATE INDEX "messages_parent_id_index" ON "messages" USING btree ("organization_id","parent_id");--> statement-breakpoint
CREATE INDEX "messages_lease_until_index" ON "messages" USING btree ("organization_id","lease_until") WHERE "messages"."status" = 'STREAMING';--> statement-breakpoint
CREATE INDEX "running_answers_lease_until_index" ON "running_answers" USING btree ("lease_until");--> statement-breakpoint
CREATE INDEX "access_tokens_user_id_index" ON "access_tokens" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "access_tokens_subject_id_index" ON "access_tokens" USING btree ("subject_id");--> statement-breakpoint
CREATE INDEX "sessions_user_id_index" ON "sessions" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "sessions_user_id_created_at_index" ON "sessions" USING btree ("organization_id","user_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "users_email_key" ON "users" USING btree (lower("email"));--> statement-breakpoint
CREATE INDEX "execution_logs_created_at_index" ON "execution_logs" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "execution_logs_target_id_index" ON "execution_logs" USING btree ("organization_id","target_id");--> statement-breakpoint
CREATE UNIQUE INDEX "provider_keys_is_default_key" ON "provider_keys" USING btree ("organization_id","provider_id") WHERE "provider_keys"."is_default";--> statement-breakpoint
CREATE INDEX "provider_keys_provider_id_index" ON "provider_keys" USING btree ("provider_id");--> statement-breakpoint
CREATE INDEX "provider_keys_created_at_index" ON "provider_keys" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "memberships_user_id_index" ON "memberships" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "memberships_created_at_index" ON "memberships" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "workspace_memberships_created_at_index" ON "workspace_memberships" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "workspaces_created_at_index" ON "workspaces" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "events_workspace_id_index" ON "events" USING btree ("organization_id","workspace_id","id");--> statement-breakpoint
CREATE INDEX "jobs_created_at_index" ON "jobs" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "jobs_target_id_index" ON "jobs" USING btree ("organization_id","target_id");--> statement-breakpoint
CREATE POLICY "chunk_embeddings_granted" ON "chunk_embeddings" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "chunk_postings_granted" ON "chunk_postings" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "document_chunks_granted" ON "document_chunks" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "documents_granted" ON "documents" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "files_granted" ON "files" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "citations_workspace" ON "citations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "conversations_workspace" ON "conversations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "feedback_workspace" ON "feedback" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "messages_workspace" ON "messages" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "sessions_owner" ON "sessions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "execution_logs_workspace" ON "execution_logs" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "provider_keys_organization" ON "provider_keys" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "memberships_organization" ON "memberships" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "workspace_memberships_workspace" ON "workspace_memberships" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "workspaces_workspace" ON "workspaces" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(id));--> statement-breakpoint
CREATE POLICY "events_read" ON "events" AS PERMISSIVE FOR SELECT TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "events_append" ON "events" AS PERMISSIVE FOR INSERT TO public WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "jobs_granted" ON "jobs" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());