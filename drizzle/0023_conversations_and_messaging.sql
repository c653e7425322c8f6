-- Whoever is confined to one conversation, as the visitor of a widget is, sees nothing of any other.
CREATE FUNCTION app_within_conversation(conversation uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT coalesce(current_setting('app.conversation_id', true), '') = ''
    OR conversation::text = current_setting('app.conversation_id', true)
$$;
--> statement-breakpoint
-- Inlined into the policies, like app_sees. The rooms are those that app_enter_rooms() found.
CREATE FUNCTION app_in_room(room uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT current_setting('app.rooms', true) = '*'
    OR strpos(current_setting('app.rooms', true), room::text) > 0
$$;
--> statement-breakpoint
CREATE TABLE "agent_invocations" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"message_id" uuid NOT NULL,
	"user_id" uuid,
	"credential_kind" text NOT NULL,
	"credential_id" uuid NOT NULL,
	"status" text DEFAULT 'RUNNING' NOT NULL,
	"tools" text[] DEFAULT '{}' NOT NULL,
	"max_steps" integer NOT NULL,
	"max_cost" numeric(18, 12),
	"steps" integer DEFAULT 0 NOT NULL,
	"input_tokens" integer DEFAULT 0 NOT NULL,
	"output_tokens" integer DEFAULT 0 NOT NULL,
	"cost" numeric(18, 12),
	"error_code" text,
	"error_message" text,
	"ended_at" timestamp(3) with time zone,
	CONSTRAINT "agent_invocations_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "agent_invocations_message_id_key" UNIQUE("organization_id","message_id"),
	CONSTRAINT "agent_invocations_status_check" CHECK ("agent_invocations"."status" in ('RUNNING', 'WAITING_FOR_APPROVAL', 'COMPLETED', 'FAILED', 'CANCELLED'))
);
--> statement-breakpoint
ALTER TABLE "agent_invocations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "agent_settings" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"tools" text[],
	"allowed_hosts" text[] DEFAULT '{}' NOT NULL,
	"max_steps" integer DEFAULT 10 NOT NULL,
	"max_cost" numeric(18, 12),
	CONSTRAINT "agent_settings_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "agent_settings_workspace_id_key" UNIQUE("organization_id","workspace_id"),
	CONSTRAINT "agent_settings_ranges_check" CHECK ("agent_settings"."max_steps" between 1 and 50 and "agent_settings"."max_cost" >= 0)
);
--> statement-breakpoint
ALTER TABLE "agent_settings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "agent_steps" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"readers" uuid[] NOT NULL,
	"invocation_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"text" text NOT NULL,
	"input_tokens" integer,
	"output_tokens" integer,
	"cost" numeric(18, 12),
	"latency_ms" integer,
	CONSTRAINT "agent_steps_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "agent_steps_position_key" UNIQUE("organization_id","invocation_id","position")
);
--> statement-breakpoint
ALTER TABLE "agent_steps" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "agent_tool_calls" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"readers" uuid[] NOT NULL,
	"invocation_id" uuid NOT NULL,
	"step" integer NOT NULL,
	"position" integer NOT NULL,
	"call_id" text NOT NULL,
	"tool" text NOT NULL,
	"arguments" jsonb NOT NULL,
	"status" text NOT NULL,
	"changes" boolean NOT NULL,
	"result" text,
	"failure" text,
	"decided_by_id" uuid,
	"decided_at" timestamp(3) with time zone,
	"ended_at" timestamp(3) with time zone,
	CONSTRAINT "agent_tool_calls_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "agent_tool_calls_position_key" UNIQUE("organization_id","invocation_id","step","position"),
	CONSTRAINT "agent_tool_calls_status_check" CHECK ("agent_tool_calls"."status" in ('WAITING_FOR_APPROVAL', 'APPROVED', 'REJECTED', 'RUNNING', 'COMPLETED', 'FAILED', 'CANCELLED'))
);
--> statement-breakpoint
ALTER TABLE "agent_tool_calls" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "answer_passages" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"readers" uuid[],
	"message_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"origin" text NOT NULL,
	"chunk_id" uuid,
	"document_id" uuid,
	"document_version" integer,
	"parsed_file_id" uuid,
	"title" text NOT NULL,
	"start" integer NOT NULL,
	"end" integer NOT NULL,
	"score" double precision NOT NULL,
	"vector_rank" integer,
	"lexical_rank" integer,
	"similarity" real,
	"used" boolean NOT NULL,
	CONSTRAINT "answer_passages_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "answer_passages_position_key" UNIQUE("organization_id","message_id","position"),
	CONSTRAINT "answer_passages_origin_check" CHECK ("answer_passages"."origin" in ('SEARCH', 'PINNED', 'ATTACHED', 'RECENT'))
);
--> statement-breakpoint
ALTER TABLE "answer_passages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "answer_records" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"message_id" uuid NOT NULL,
	"prompt_version" integer NOT NULL,
	"system_prompt" text NOT NULL,
	"chat_mode" text NOT NULL,
	"provider_name" text NOT NULL,
	"model_name" text NOT NULL,
	"model_version" text DEFAULT '' NOT NULL,
	"input_price" numeric(18, 12),
	"output_price" numeric(18, 12),
	"route" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"parameters" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"search_query" text,
	"history_message_ids" uuid[] DEFAULT '{}' NOT NULL,
	CONSTRAINT "answer_records_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "answer_records_message_id_key" UNIQUE("organization_id","message_id")
);
--> statement-breakpoint
ALTER TABLE "answer_records" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "embed_widget_keys" (
	"public_id" text PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"widget_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "embed_widgets" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"public_id" text NOT NULL,
	"name" text NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"allowed_origins" text[] DEFAULT '{}' NOT NULL,
	"chat_mode" text,
	"max_messages_per_day" integer,
	"max_messages_per_visitor" integer,
	"max_messages_per_address" integer,
	"allow_model_override" boolean DEFAULT false NOT NULL,
	"allow_temperature_override" boolean DEFAULT false NOT NULL,
	"allow_prompt_override" boolean DEFAULT false NOT NULL,
	"history_length" integer,
	"show_sources" boolean DEFAULT false NOT NULL,
	"allow_handover" boolean DEFAULT false NOT NULL,
	"appearance" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"created_by_id" uuid,
	CONSTRAINT "embed_widgets_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "embed_widgets_public_id_key" UNIQUE("organization_id","public_id"),
	CONSTRAINT "embed_widgets_chat_mode_check" CHECK ("embed_widgets"."chat_mode" in ('CHAT', 'QUERY', 'AUTOMATIC')),
	CONSTRAINT "embed_widgets_ranges_check" CHECK ("embed_widgets"."max_messages_per_day" >= 1 and "embed_widgets"."max_messages_per_visitor" >= 1 and "embed_widgets"."max_messages_per_address" >= 1 and "embed_widgets"."history_length" between 0 and 200)
);
--> statement-breakpoint
ALTER TABLE "embed_widgets" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "visitor_tokens" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL
);
--> statement-breakpoint
CREATE TABLE "prompt_history" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"prompt" text NOT NULL,
	"author_id" uuid,
	"replaced_by_id" uuid,
	CONSTRAINT "prompt_history_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "prompt_history_version_key" UNIQUE("organization_id","workspace_id","version")
);
--> statement-breakpoint
ALTER TABLE "prompt_history" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "prompt_variables" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"type" text NOT NULL,
	"key" text NOT NULL,
	"value" text DEFAULT '' NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"user_id" uuid,
	"workspace_id" uuid,
	"created_by_id" uuid,
	CONSTRAINT "prompt_variables_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "prompt_variables_key_key" UNIQUE NULLS NOT DISTINCT("organization_id","key","user_id","workspace_id"),
	CONSTRAINT "prompt_variables_type_check" CHECK ("prompt_variables"."type" in ('STATIC', 'USER', 'WORKSPACE')),
	CONSTRAINT "prompt_variables_owner_check" CHECK (("prompt_variables"."type" = 'USER') = ("prompt_variables"."user_id" is not null) and ("prompt_variables"."type" = 'WORKSPACE') = ("prompt_variables"."workspace_id" is not null))
);
--> statement-breakpoint
ALTER TABLE "prompt_variables" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "slash_commands" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid,
	"command" text NOT NULL,
	"prompt" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	CONSTRAINT "slash_commands_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "slash_commands_command_key" UNIQUE NULLS NOT DISTINCT("organization_id","user_id","command")
);
--> statement-breakpoint
ALTER TABLE "slash_commands" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "suggested_messages" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"heading" text NOT NULL,
	"message" text NOT NULL,
	"position" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "suggested_messages_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "suggested_messages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "welcome_messages" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"question" text NOT NULL,
	"answer" text NOT NULL,
	"position" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "welcome_messages_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "welcome_messages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "conversation_shares" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"created_by_id" uuid,
	"expires_at" timestamp(3) with time zone,
	"revoked_at" timestamp(3) with time zone,
	CONSTRAINT "conversation_shares_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "conversation_shares" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "embed_conversations" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"widget_id" uuid NOT NULL,
	"visitor_id" uuid NOT NULL,
	"origin" text NOT NULL,
	"address" text,
	"user_agent" text,
	"visitor_name" text,
	"last_seen_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "embed_conversations_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "embed_conversations_conversation_id_key" UNIQUE("organization_id","conversation_id")
);
--> statement-breakpoint
ALTER TABLE "embed_conversations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "share_tokens" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"conversation_id" uuid NOT NULL,
	"share_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "email_attachments" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"email_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"name" text NOT NULL,
	"content_id" text,
	CONSTRAINT "email_attachments_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "email_attachments_position_key" UNIQUE("organization_id","email_id","position")
);
--> statement-breakpoint
ALTER TABLE "email_attachments" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "email_terms" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"email_id" uuid NOT NULL,
	"term" text NOT NULL,
	CONSTRAINT "email_terms_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "email_terms_term_key" UNIQUE("organization_id","user_id","term","email_id")
);
--> statement-breakpoint
ALTER TABLE "email_terms" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "email_threads" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"subject" text NOT NULL,
	"last_email_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"email_count" integer DEFAULT 0 NOT NULL,
	"unread_count" integer DEFAULT 0 NOT NULL,
	"archived_at" timestamp(3) with time zone,
	CONSTRAINT "email_threads_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "email_threads" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "emails" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"thread_id" uuid NOT NULL,
	"status" text DEFAULT 'DRAFT' NOT NULL,
	"message_id" text,
	"in_reply_to" text,
	"references" text[] DEFAULT '{}' NOT NULL,
	"from" jsonb NOT NULL,
	"to" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"cc" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"bcc" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"subject" text DEFAULT '' NOT NULL,
	"text" text DEFAULT '' NOT NULL,
	"html" text,
	"version" integer DEFAULT 1 NOT NULL,
	"sent_at" timestamp(3) with time zone,
	"read_at" timestamp(3) with time zone,
	"starred" boolean DEFAULT false NOT NULL,
	"failure" text,
	"failed_addresses" text[] DEFAULT '{}' NOT NULL,
	"attempts" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "emails_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "emails_message_id_key" UNIQUE("organization_id","user_id","message_id"),
	CONSTRAINT "emails_status_check" CHECK ("emails"."status" in ('DRAFT', 'QUEUED', 'SENT', 'RECEIVED', 'FAILED')),
	CONSTRAINT "emails_failure_check" CHECK (("emails"."status" = 'FAILED') = ("emails"."failure" is not null))
);
--> statement-breakpoint
ALTER TABLE "emails" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "inbound_email_keys" (
	"token_hash" text PRIMARY KEY NOT NULL,
	"organization_id" uuid NOT NULL,
	"key_id" uuid NOT NULL
);
--> statement-breakpoint
CREATE TABLE "inbound_email_sources" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"label" text NOT NULL,
	"last_four" text NOT NULL,
	"created_by_id" uuid,
	"last_used_at" timestamp(3) with time zone,
	"revoked_at" timestamp(3) with time zone,
	CONSTRAINT "inbound_email_sources_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "inbound_email_sources" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "room_attachments" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"room_id" uuid NOT NULL,
	"open_to_id" uuid,
	"message_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"position" integer NOT NULL,
	CONSTRAINT "room_attachments_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "room_attachments_position_key" UNIQUE("organization_id","message_id","position")
);
--> statement-breakpoint
ALTER TABLE "room_attachments" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "room_memberships" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"room_id" uuid NOT NULL,
	"open_to_id" uuid,
	"user_id" uuid NOT NULL,
	"role" text DEFAULT 'MEMBER' NOT NULL,
	"last_read_message_id" uuid,
	"last_read_at" timestamp(3) with time zone,
	"muted" boolean DEFAULT false NOT NULL,
	CONSTRAINT "room_memberships_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "room_memberships_user_id_key" UNIQUE("organization_id","user_id","room_id"),
	CONSTRAINT "room_memberships_role_check" CHECK ("room_memberships"."role" in ('OWNER', 'MEMBER'))
);
--> statement-breakpoint
ALTER TABLE "room_memberships" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "room_mentions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"room_id" uuid NOT NULL,
	"open_to_id" uuid,
	"message_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	CONSTRAINT "room_mentions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "room_mentions_user_id_key" UNIQUE("organization_id","message_id","user_id")
);
--> statement-breakpoint
ALTER TABLE "room_mentions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "room_message_terms" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"room_id" uuid NOT NULL,
	"open_to_id" uuid,
	"message_id" uuid NOT NULL,
	"term" text NOT NULL,
	CONSTRAINT "room_message_terms_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "room_message_terms_term_key" UNIQUE("organization_id","term","message_id")
);
--> statement-breakpoint
ALTER TABLE "room_message_terms" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "room_messages" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"room_id" uuid NOT NULL,
	"open_to_id" uuid,
	"sender_id" uuid,
	"reply_to_id" uuid,
	"content" text NOT NULL,
	"edited_at" timestamp(3) with time zone,
	"deleted_at" timestamp(3) with time zone,
	CONSTRAINT "room_messages_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "room_messages" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "room_reactions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"room_id" uuid NOT NULL,
	"open_to_id" uuid,
	"message_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"emoji" text NOT NULL,
	CONSTRAINT "room_reactions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "room_reactions_emoji_key" UNIQUE("organization_id","message_id","emoji","user_id")
);
--> statement-breakpoint
ALTER TABLE "room_reactions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "rooms" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"kind" text NOT NULL,
	"open_to_id" uuid,
	"name" text,
	"topic" text DEFAULT '' NOT NULL,
	"direct_key" text,
	"created_by_id" uuid,
	"archived_at" timestamp(3) with time zone,
	"last_message_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"member_count" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "rooms_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "rooms_direct_key_key" UNIQUE("organization_id","direct_key"),
	CONSTRAINT "rooms_kind_check" CHECK ("rooms"."kind" in ('CHANNEL', 'DIRECT')),
	CONSTRAINT "rooms_shape_check" CHECK (("rooms"."kind" = 'CHANNEL') = ("rooms"."name" is not null) and ("rooms"."kind" = 'DIRECT') = ("rooms"."direct_key" is not null) and ("rooms"."kind" = 'CHANNEL' or "rooms"."open_to_id" is null))
);
--> statement-breakpoint
ALTER TABLE "rooms" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "quota_counters" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"subject" text NOT NULL,
	"subject_key" text NOT NULL,
	"measure" text NOT NULL,
	"starts_at" timestamp(3) with time zone NOT NULL,
	"ends_at" timestamp(3) with time zone NOT NULL,
	"used" bigint DEFAULT 0 NOT NULL,
	"reserved" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "quota_counters_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "quota_counters_window_key" UNIQUE("organization_id","subject","subject_key","measure","starts_at"),
	CONSTRAINT "quota_counters_subject_check" CHECK ("quota_counters"."subject" in ('ORGANIZATION', 'WORKSPACE', 'USER', 'WIDGET', 'VISITOR', 'ADDRESS')),
	CONSTRAINT "quota_counters_measure_check" CHECK ("quota_counters"."measure" in ('MESSAGES', 'TOKENS')),
	CONSTRAINT "quota_counters_amounts_check" CHECK ("quota_counters"."used" >= 0 and "quota_counters"."reserved" >= 0)
);
--> statement-breakpoint
ALTER TABLE "quota_counters" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "quota_reservations" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"counter_id" uuid NOT NULL,
	"target_id" uuid NOT NULL,
	"amount" bigint NOT NULL,
	"lease_until" timestamp(3) with time zone NOT NULL,
	CONSTRAINT "quota_reservations_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "quota_reservations_target_id_key" UNIQUE("organization_id","target_id","counter_id"),
	CONSTRAINT "quota_reservations_amount_check" CHECK ("quota_reservations"."amount" >= 0)
);
--> statement-breakpoint
ALTER TABLE "quota_reservations" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "feedback" DROP CONSTRAINT "feedback_score_check";--> statement-breakpoint
ALTER TABLE "feedback" ALTER COLUMN "user_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "visitor_id" uuid;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "embed_widget_id" uuid;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "title_pending" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "slug" text;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "waiting_since" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "assigned_to_id" uuid;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "transfer_reason" text;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "active_message_id" uuid;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "pinned_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "conversations" ADD COLUMN "archived_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "feedback" ADD COLUMN "visitor_id" uuid;--> statement-breakpoint
ALTER TABLE "feedback" ADD COLUMN "scale" text DEFAULT 'THUMBS' NOT NULL;--> statement-breakpoint
ALTER TABLE "feedback" ADD COLUMN "reason" text;--> statement-breakpoint
ALTER TABLE "feedback" ADD COLUMN "reviewed_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "feedback" ADD COLUMN "reviewed_by_id" uuid;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "prompt" text;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "file_id" uuid;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "duration_ms" integer;--> statement-breakpoint
ALTER TABLE "messages" ADD COLUMN "below_threshold" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "prompt_version" integer DEFAULT 0 NOT NULL;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "prompt_author_id" uuid;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "handover_below_threshold" boolean DEFAULT false NOT NULL;--> statement-breakpoint
ALTER TABLE "agent_invocations" ADD CONSTRAINT "agent_invocations_message_id_fkey" FOREIGN KEY ("organization_id","message_id") REFERENCES "public"."messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_invocations" ADD CONSTRAINT "agent_invocations_conversation_id_fkey" FOREIGN KEY ("organization_id","conversation_id") REFERENCES "public"."conversations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_settings" ADD CONSTRAINT "agent_settings_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_steps" ADD CONSTRAINT "agent_steps_invocation_id_fkey" FOREIGN KEY ("organization_id","invocation_id") REFERENCES "public"."agent_invocations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "agent_tool_calls" ADD CONSTRAINT "agent_tool_calls_invocation_id_fkey" FOREIGN KEY ("organization_id","invocation_id") REFERENCES "public"."agent_invocations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "answer_passages" ADD CONSTRAINT "answer_passages_message_id_fkey" FOREIGN KEY ("organization_id","message_id") REFERENCES "public"."messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "answer_records" ADD CONSTRAINT "answer_records_message_id_fkey" FOREIGN KEY ("organization_id","message_id") REFERENCES "public"."messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "embed_widget_keys" ADD CONSTRAINT "embed_widget_keys_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "embed_widgets" ADD CONSTRAINT "embed_widgets_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "visitor_tokens" ADD CONSTRAINT "visitor_tokens_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "prompt_history" ADD CONSTRAINT "prompt_history_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "prompt_variables" ADD CONSTRAINT "prompt_variables_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "prompt_variables" ADD CONSTRAINT "prompt_variables_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "prompt_variables" ADD CONSTRAINT "prompt_variables_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slash_commands" ADD CONSTRAINT "slash_commands_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "slash_commands" ADD CONSTRAINT "slash_commands_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "suggested_messages" ADD CONSTRAINT "suggested_messages_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "welcome_messages" ADD CONSTRAINT "welcome_messages_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "conversation_shares" ADD CONSTRAINT "conversation_shares_conversation_id_fkey" FOREIGN KEY ("organization_id","conversation_id") REFERENCES "public"."conversations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "embed_conversations" ADD CONSTRAINT "embed_conversations_conversation_id_fkey" FOREIGN KEY ("organization_id","conversation_id") REFERENCES "public"."conversations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "share_tokens" ADD CONSTRAINT "share_tokens_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "email_attachments" ADD CONSTRAINT "email_attachments_email_id_fkey" FOREIGN KEY ("organization_id","email_id") REFERENCES "public"."emails"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "email_attachments" ADD CONSTRAINT "email_attachments_file_id_fkey" FOREIGN KEY ("organization_id","file_id") REFERENCES "public"."files"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "email_terms" ADD CONSTRAINT "email_terms_email_id_fkey" FOREIGN KEY ("organization_id","email_id") REFERENCES "public"."emails"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "email_threads" ADD CONSTRAINT "email_threads_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "emails" ADD CONSTRAINT "emails_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "emails" ADD CONSTRAINT "emails_thread_id_fkey" FOREIGN KEY ("organization_id","thread_id") REFERENCES "public"."email_threads"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inbound_email_keys" ADD CONSTRAINT "inbound_email_keys_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "inbound_email_sources" ADD CONSTRAINT "inbound_email_sources_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_attachments" ADD CONSTRAINT "room_attachments_message_id_fkey" FOREIGN KEY ("organization_id","message_id") REFERENCES "public"."room_messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_attachments" ADD CONSTRAINT "room_attachments_file_id_fkey" FOREIGN KEY ("organization_id","file_id") REFERENCES "public"."files"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_memberships" ADD CONSTRAINT "room_memberships_room_id_fkey" FOREIGN KEY ("organization_id","room_id") REFERENCES "public"."rooms"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_memberships" ADD CONSTRAINT "room_memberships_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_mentions" ADD CONSTRAINT "room_mentions_message_id_fkey" FOREIGN KEY ("organization_id","message_id") REFERENCES "public"."room_messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_message_terms" ADD CONSTRAINT "room_message_terms_message_id_fkey" FOREIGN KEY ("organization_id","message_id") REFERENCES "public"."room_messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_messages" ADD CONSTRAINT "room_messages_room_id_fkey" FOREIGN KEY ("organization_id","room_id") REFERENCES "public"."rooms"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_messages" ADD CONSTRAINT "room_messages_reply_to_id_fkey" FOREIGN KEY ("organization_id","reply_to_id") REFERENCES "public"."room_messages"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "room_reactions" ADD CONSTRAINT "room_reactions_message_id_fkey" FOREIGN KEY ("organization_id","message_id") REFERENCES "public"."room_messages"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rooms" ADD CONSTRAINT "rooms_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "rooms" ADD CONSTRAINT "rooms_open_to_id_fkey" FOREIGN KEY ("organization_id","open_to_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "quota_counters" ADD CONSTRAINT "quota_counters_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "quota_reservations" ADD CONSTRAINT "quota_reservations_counter_id_fkey" FOREIGN KEY ("organization_id","counter_id") REFERENCES "public"."quota_counters"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "agent_invocations_conversation_id_index" ON "agent_invocations" USING btree ("organization_id","conversation_id","created_at","id");--> statement-breakpoint
CREATE INDEX "agent_invocations_created_at_index" ON "agent_invocations" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "answer_passages_document_id_index" ON "answer_passages" USING btree ("organization_id","document_id");--> statement-breakpoint
CREATE INDEX "embed_widget_keys_organization_id_index" ON "embed_widget_keys" USING btree ("organization_id","widget_id");--> statement-breakpoint
CREATE INDEX "embed_widgets_created_at_index" ON "embed_widgets" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "visitor_tokens_conversation_id_index" ON "visitor_tokens" USING btree ("organization_id","conversation_id");--> statement-breakpoint
CREATE INDEX "visitor_tokens_expires_at_index" ON "visitor_tokens" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "prompt_history_created_at_index" ON "prompt_history" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "prompt_variables_workspace_id_index" ON "prompt_variables" USING btree ("organization_id","workspace_id");--> statement-breakpoint
CREATE INDEX "prompt_variables_user_id_index" ON "prompt_variables" USING btree ("organization_id","user_id");--> statement-breakpoint
CREATE INDEX "prompt_variables_name_index" ON "prompt_variables" USING btree ("organization_id","key","id");--> statement-breakpoint
CREATE INDEX "slash_commands_name_index" ON "slash_commands" USING btree ("organization_id","command","id");--> statement-breakpoint
CREATE INDEX "suggested_messages_position_index" ON "suggested_messages" USING btree ("organization_id","workspace_id","position","id");--> statement-breakpoint
CREATE INDEX "welcome_messages_position_index" ON "welcome_messages" USING btree ("organization_id","position","id");--> statement-breakpoint
CREATE INDEX "conversation_shares_created_at_index" ON "conversation_shares" USING btree ("organization_id","conversation_id","created_at","id");--> statement-breakpoint
CREATE INDEX "embed_conversations_created_at_index" ON "embed_conversations" USING btree ("organization_id","widget_id","created_at","id");--> statement-breakpoint
CREATE INDEX "embed_conversations_visitor_id_index" ON "embed_conversations" USING btree ("organization_id","widget_id","visitor_id");--> statement-breakpoint
CREATE INDEX "share_tokens_share_id_index" ON "share_tokens" USING btree ("organization_id","share_id");--> statement-breakpoint
CREATE INDEX "email_attachments_file_id_index" ON "email_attachments" USING btree ("organization_id","file_id");--> statement-breakpoint
CREATE INDEX "email_terms_email_id_index" ON "email_terms" USING btree ("organization_id","email_id");--> statement-breakpoint
CREATE INDEX "email_threads_last_email_at_index" ON "email_threads" USING btree ("organization_id","user_id","last_email_at","id");--> statement-breakpoint
CREATE INDEX "emails_thread_id_index" ON "emails" USING btree ("organization_id","thread_id","created_at","id");--> statement-breakpoint
CREATE INDEX "emails_created_at_index" ON "emails" USING btree ("organization_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "emails_status_index" ON "emails" USING btree ("organization_id","user_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "inbound_email_keys_organization_id_index" ON "inbound_email_keys" USING btree ("organization_id","key_id");--> statement-breakpoint
CREATE INDEX "inbound_email_sources_created_at_index" ON "inbound_email_sources" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "room_attachments_file_id_index" ON "room_attachments" USING btree ("organization_id","file_id");--> statement-breakpoint
CREATE INDEX "room_memberships_created_at_index" ON "room_memberships" USING btree ("organization_id","room_id","created_at","id");--> statement-breakpoint
CREATE INDEX "room_mentions_created_at_index" ON "room_mentions" USING btree ("organization_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "room_message_terms_message_id_index" ON "room_message_terms" USING btree ("organization_id","message_id");--> statement-breakpoint
CREATE INDEX "room_messages_created_at_index" ON "room_messages" USING btree ("organization_id","room_id","created_at","id");--> statement-breakpoint
CREATE INDEX "room_messages_reply_to_id_index" ON "room_messages" USING btree ("organization_id","reply_to_id","created_at","id") WHERE "room_messages"."reply_to_id" is not null;--> statement-breakpoint
CREATE UNIQUE INDEX "rooms_name_key" ON "rooms" USING btree ("organization_id","open_to_id",lower("name")) WHERE "rooms"."open_to_id" is not null;--> statement-breakpoint
CREATE INDEX "rooms_open_to_id_index" ON "rooms" USING btree ("organization_id","open_to_id");--> statement-breakpoint
CREATE INDEX "rooms_last_message_at_index" ON "rooms" USING btree ("organization_id","last_message_at","id");--> statement-breakpoint
CREATE INDEX "rooms_created_at_index" ON "rooms" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "rooms_name_index" ON "rooms" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "quota_counters_ends_at_index" ON "quota_counters" USING btree ("organization_id","ends_at");--> statement-breakpoint
CREATE INDEX "quota_reservations_counter_id_index" ON "quota_reservations" USING btree ("organization_id","counter_id","lease_until");--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_embed_widget_id_fkey" FOREIGN KEY ("organization_id","embed_widget_id") REFERENCES "public"."embed_widgets"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "messages" ADD CONSTRAINT "messages_file_id_fkey" FOREIGN KEY ("organization_id","file_id") REFERENCES "public"."files"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "conversations_user_id_index" ON "conversations" USING btree ("organization_id","workspace_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "conversations_status_index" ON "conversations" USING btree ("organization_id","workspace_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "conversations_waiting_since_index" ON "conversations" USING btree ("organization_id","waiting_since","id") WHERE "conversations"."waiting_since" is not null;--> statement-breakpoint
CREATE INDEX "conversations_embed_widget_id_index" ON "conversations" USING btree ("organization_id","embed_widget_id","created_at","id");--> statement-breakpoint
CREATE INDEX "feedback_created_at_index" ON "feedback" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "messages_file_id_index" ON "messages" USING btree ("organization_id","file_id") WHERE "messages"."file_id" is not null;--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_slug_key" UNIQUE("organization_id","workspace_id","slug");--> statement-breakpoint
ALTER TABLE "feedback" ADD CONSTRAINT "feedback_visitor_id_key" UNIQUE("organization_id","message_id","visitor_id");--> statement-breakpoint
ALTER TABLE "conversations" ADD CONSTRAINT "conversations_waiting_check" CHECK ("conversations"."status" = 'TRANSFERRED' or ("conversations"."waiting_since" is null and "conversations"."assigned_to_id" is null));--> statement-breakpoint
ALTER TABLE "feedback" ADD CONSTRAINT "feedback_scale_check" CHECK ("feedback"."scale" in ('THUMBS', 'STARS'));--> statement-breakpoint
ALTER TABLE "feedback" ADD CONSTRAINT "feedback_reason_check" CHECK ("feedback"."reason" in ('INACCURATE', 'INCOMPLETE', 'IRRELEVANT', 'OUTDATED', 'UNCLEAR', 'UNSAFE', 'OTHER'));--> statement-breakpoint
ALTER TABLE "feedback" ADD CONSTRAINT "feedback_giver_check" CHECK (num_nonnulls("feedback"."user_id", "feedback"."visitor_id") = 1);--> statement-breakpoint
ALTER TABLE "feedback" ADD CONSTRAINT "feedback_score_check" CHECK (case "feedback"."scale" when 'THUMBS' then "feedback"."score" in (-1, 1) else "feedback"."score" between 1 and 5 end);--> statement-breakpoint
CREATE POLICY "conversations_confined" ON "conversations" AS RESTRICTIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(id));--> statement-breakpoint
CREATE POLICY "messages_confined" ON "messages" AS RESTRICTIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id));--> statement-breakpoint
CREATE POLICY "parsed_files_confined" ON "parsed_files" AS RESTRICTIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id));--> statement-breakpoint
CREATE POLICY "agent_invocations_workspace" ON "agent_invocations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "agent_invocations_confined" ON "agent_invocations" AS RESTRICTIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id));--> statement-breakpoint
CREATE POLICY "agent_settings_workspace" ON "agent_settings" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "agent_steps_granted" ON "agent_steps" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "agent_tool_calls_granted" ON "agent_tool_calls" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "answer_passages_granted" ON "answer_passages" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals())) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id) and (readers is null or readers && app_principals()));--> statement-breakpoint
CREATE POLICY "answer_passages_follow" ON "answer_passages" AS PERMISSIVE FOR ALL TO current_role USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "answer_records_workspace" ON "answer_records" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "embed_widgets_workspace" ON "embed_widgets" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "prompt_history_workspace" ON "prompt_history" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "prompt_variables_organization" ON "prompt_variables" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "prompt_variables_narrowed" ON "prompt_variables" AS RESTRICTIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (user_id is null or user_id = nullif(current_setting('app.user_id', true), '')::uuid) and (workspace_id is null or app_sees(workspace_id))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (user_id is null or user_id = nullif(current_setting('app.user_id', true), '')::uuid) and (workspace_id is null or app_sees(workspace_id)));--> statement-breakpoint
CREATE POLICY "slash_commands_organization" ON "slash_commands" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "slash_commands_narrowed" ON "slash_commands" AS RESTRICTIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (user_id is null or user_id = nullif(current_setting('app.user_id', true), '')::uuid)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (user_id is null or user_id = nullif(current_setting('app.user_id', true), '')::uuid));--> statement-breakpoint
CREATE POLICY "suggested_messages_workspace" ON "suggested_messages" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "welcome_messages_organization" ON "welcome_messages" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "conversation_shares_workspace" ON "conversation_shares" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "conversation_shares_confined" ON "conversation_shares" AS RESTRICTIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id));--> statement-breakpoint
CREATE POLICY "embed_conversations_workspace" ON "embed_conversations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "embed_conversations_confined" ON "embed_conversations" AS RESTRICTIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_within_conversation(conversation_id));--> statement-breakpoint
CREATE POLICY "email_attachments_owner" ON "email_attachments" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "email_terms_owner" ON "email_terms" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "email_threads_owner" ON "email_threads" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "emails_owner" ON "emails" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "inbound_email_sources_organization" ON "inbound_email_sources" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "room_attachments_room" ON "room_attachments" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id)))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id))));--> statement-breakpoint
CREATE POLICY "room_memberships_room" ON "room_memberships" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id)))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id))));--> statement-breakpoint
CREATE POLICY "room_memberships_own" ON "room_memberships" AS PERMISSIVE FOR SELECT TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "room_mentions_room" ON "room_mentions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id)))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id))));--> statement-breakpoint
CREATE POLICY "room_message_terms_room" ON "room_message_terms" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id)))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id))));--> statement-breakpoint
CREATE POLICY "room_messages_room" ON "room_messages" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id)))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id))));--> statement-breakpoint
CREATE POLICY "room_reactions_room" ON "room_reactions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id)))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(room_id) or (open_to_id is not null and app_sees(open_to_id))));--> statement-breakpoint
CREATE POLICY "rooms_room" ON "rooms" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(id) or (open_to_id is not null and app_sees(open_to_id)))) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (app_in_room(id) or (open_to_id is not null and app_sees(open_to_id))));--> statement-breakpoint
CREATE POLICY "quota_counters_organization" ON "quota_counters" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "quota_reservations_organization" ON "quota_reservations" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);
--> statement-breakpoint
-- Lets the running transaction see the rooms that its user is a member of, and no others: it acts with the caller's rights, who sees of the
-- memberships their own alone before.
CREATE FUNCTION app_enter_rooms() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  entered text;
BEGIN
  IF current_setting('app.rooms', true) = '*' THEN
    RETURN;
  END IF;
  SELECT string_agg(room_id::text, ',') INTO entered FROM room_memberships
  WHERE organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
    AND user_id = nullif(current_setting('app.user_id', true), '')::uuid;
  EXECUTE format('SET LOCAL app.rooms = %L', coalesce(entered, ''));
END $$;
--> statement-breakpoint
-- Whoever makes a room is in it from the beginning; its first membership is written next.
CREATE FUNCTION app_enter_new_room() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF current_setting('app.rooms', true) IS DISTINCT FROM '*' THEN
    EXECUTE format('SET LOCAL app.rooms = %L', concat_ws(',', nullif(current_setting('app.rooms', true), ''), NEW.id));
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER enter_new_room BEFORE INSERT ON rooms FOR EACH ROW EXECUTE FUNCTION app_enter_new_room();
--> statement-breakpoint
-- A UUIDv7 (RFC 9562, section 5.7) for rows that triggers write: a random one whose first 48 bits are the time.
CREATE FUNCTION app_new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
  SELECT encode(
    set_bit(
      set_bit(
        overlay(uuid_send(gen_random_uuid())
          PLACING substring(int8send((extract(epoch FROM clock_timestamp()) * 1000)::bigint) FROM 3) FROM 1 FOR 6),
        52, 1),
      53, 1),
    'hex')::uuid
$$;
--> statement-breakpoint
-- The prompt that is replaced stays in the history; the workspace counts the changes.
CREATE FUNCTION app_keep_prompt() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  viewer uuid := nullif(current_setting('app.user_id', true), '')::uuid;
BEGIN
  IF TG_OP = 'UPDATE' THEN
    -- Where it has not been counted yet, what there was is the first.
    NEW.prompt_version := OLD.prompt_version + CASE WHEN OLD.system_prompt IS NOT NULL AND OLD.prompt_version = 0 THEN 2 ELSE 1 END;
    IF OLD.system_prompt IS NOT NULL THEN
      INSERT INTO prompt_history (organization_id, id, workspace_id, version, prompt, author_id, replaced_by_id)
      VALUES (OLD.organization_id, app_new_id(), OLD.id, greatest(OLD.prompt_version, 1), OLD.system_prompt, OLD.prompt_author_id, viewer);
    END IF;
  ELSE
    NEW.prompt_version := 1;
  END IF;
  NEW.prompt_author_id := viewer;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER keep_prompt BEFORE UPDATE OF system_prompt ON workspaces FOR EACH ROW
  WHEN (OLD.system_prompt IS DISTINCT FROM NEW.system_prompt) EXECUTE FUNCTION app_keep_prompt();
--> statement-breakpoint
CREATE TRIGGER keep_first_prompt BEFORE INSERT ON workspaces FOR EACH ROW
  WHEN (NEW.system_prompt IS NOT NULL) EXECUTE FUNCTION app_keep_prompt();
--> statement-breakpoint
-- What an answer was made of is seen by whoever may read the document, wherever it was used.
CREATE OR REPLACE FUNCTION app_share_citations() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path FROM CURRENT AS $$
BEGIN
  UPDATE citations SET readers = NEW.readers WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  UPDATE answer_passages SET readers = NEW.readers WHERE organization_id = NEW.organization_id AND document_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
COMMENT ON TABLE embed_widget_keys IS '@lookup @reference';
--> statement-breakpoint
COMMENT ON TABLE visitor_tokens IS '@lookup @reference';
--> statement-breakpoint
COMMENT ON TABLE share_tokens IS '@lookup @reference';
--> statement-breakpoint
COMMENT ON TABLE inbound_email_keys IS '@lookup @reference';
--> statement-breakpoint
SELECT app_guard_tables();
