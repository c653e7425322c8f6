-- Inlined into the policies, like app_sees. The projects are those that app_enter_projects() found.
CREATE FUNCTION app_in_project(project uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT current_setting('app.projects', true) = '*'
    OR strpos(current_setting('app.projects', true), project::text) > 0
$$;
--> statement-breakpoint
CREATE TABLE "project_links" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"task_id" uuid,
	"kind" text NOT NULL,
	"title" text DEFAULT '' NOT NULL,
	"order_id" uuid,
	"document_id" uuid,
	"room_id" uuid,
	"conversation_id" uuid,
	"url" text,
	"created_by_id" uuid,
	CONSTRAINT "project_links_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "project_links_kind_check" CHECK ("project_links"."kind" in ('ORDER', 'DOCUMENT', 'ROOM', 'CONVERSATION', 'URL')),
	CONSTRAINT "project_links_shape_check" CHECK (("project_links"."kind" = 'ORDER') = ("project_links"."order_id" is not null) and ("project_links"."kind" = 'DOCUMENT') = ("project_links"."document_id" is not null) and ("project_links"."kind" = 'ROOM') = ("project_links"."room_id" is not null) and ("project_links"."kind" = 'CONVERSATION') = ("project_links"."conversation_id" is not null) and ("project_links"."kind" = 'URL') = ("project_links"."url" is not null))
);
--> statement-breakpoint
ALTER TABLE "project_links" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "project_collaborators" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"role" text DEFAULT 'MEMBER' NOT NULL,
	"hourly_rate" numeric(9, 2),
	"added_by_id" uuid,
	CONSTRAINT "project_collaborators_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "project_collaborators_user_id_key" UNIQUE("organization_id","user_id","project_id"),
	CONSTRAINT "project_collaborators_role_check" CHECK ("project_collaborators"."role" in ('ADMIN', 'MEMBER')),
	CONSTRAINT "project_collaborators_hourly_rate_check" CHECK ("project_collaborators"."hourly_rate" >= 0)
);
--> statement-breakpoint
ALTER TABLE "project_collaborators" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "project_labels" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"name" text NOT NULL,
	"color" text NOT NULL,
	CONSTRAINT "project_labels_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "project_labels_color_check" CHECK ("project_labels"."color" ~ '^#[0-9a-f]{6}$')
);
--> statement-breakpoint
ALTER TABLE "project_labels" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "projects" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid,
	"key" text NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"owner_id" uuid,
	"status" text DEFAULT 'PLANNING' NOT NULL,
	"archived_from" text,
	"priority" text DEFAULT 'MEDIUM' NOT NULL,
	"priority_rank" integer GENERATED ALWAYS AS (case priority when 'LOW' then 1 when 'MEDIUM' then 2 when 'HIGH' then 3 else 4 end) STORED NOT NULL,
	"start_date" date,
	"due_date" date,
	"due_order" date GENERATED ALWAYS AS (coalesce(due_date, 'infinity'::date)) STORED NOT NULL,
	"completed_at" timestamp(3) with time zone,
	"archived_at" timestamp(3) with time zone,
	"budget" numeric(14, 2),
	"hourly_rate" numeric(9, 2),
	"model_cost" numeric(18, 12) DEFAULT '0' NOT NULL,
	"completion_guard" text DEFAULT 'WARN' NOT NULL,
	"last_task_number" integer DEFAULT 0 NOT NULL,
	"created_by_id" uuid,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "projects_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "projects_key_key" UNIQUE("organization_id","key"),
	CONSTRAINT "projects_status_check" CHECK ("projects"."status" in ('PLANNING', 'ACTIVE', 'COMPLETED', 'ARCHIVED')),
	CONSTRAINT "projects_archived_from_check" CHECK ("projects"."archived_from" in ('PLANNING', 'ACTIVE', 'COMPLETED', 'ARCHIVED')),
	CONSTRAINT "projects_priority_check" CHECK ("projects"."priority" in ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
	CONSTRAINT "projects_completion_guard_check" CHECK ("projects"."completion_guard" in ('OFF', 'WARN', 'BLOCK')),
	CONSTRAINT "projects_dates_check" CHECK ("projects"."start_date" <= "projects"."due_date"),
	CONSTRAINT "projects_budget_check" CHECK ("projects"."budget" >= 0),
	CONSTRAINT "projects_hourly_rate_check" CHECK ("projects"."hourly_rate" >= 0),
	CONSTRAINT "projects_archived_at_check" CHECK (("projects"."status" = 'ARCHIVED') = ("projects"."archived_at" is not null))
);
--> statement-breakpoint
ALTER TABLE "projects" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "saved_views" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"list" text NOT NULL,
	"name" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"filter" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"order_by" jsonb DEFAULT '[]'::jsonb NOT NULL,
	"audience" text DEFAULT 'OWNER' NOT NULL,
	"project_id" uuid,
	"workspace_id" uuid,
	"readers" uuid[] GENERATED ALWAYS AS (case audience when 'ORGANIZATION' then null when 'PROJECT' then array[user_id, project_id, organization_id] when 'WORKSPACE' then array[user_id, workspace_id, organization_id] else array[user_id, '00000000-0000-0000-0000-000000000001'] end) STORED,
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "saved_views_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "saved_views_list_check" CHECK ("saved_views"."list" in ('TASKS', 'PROJECTS', 'TIME_ENTRIES', 'ORDERS', 'CONVERSATIONS', 'DOCUMENTS')),
	CONSTRAINT "saved_views_audience_check" CHECK ("saved_views"."audience" in ('OWNER', 'PROJECT', 'WORKSPACE', 'ORGANIZATION')),
	CONSTRAINT "saved_views_shape_check" CHECK (("saved_views"."audience" <> 'PROJECT' or "saved_views"."project_id" is not null) and ("saved_views"."audience" <> 'WORKSPACE' or "saved_views"."workspace_id" is not null))
);
--> statement-breakpoint
ALTER TABLE "saved_views" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "task_activities" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"actor_id" uuid,
	"changes" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"reason" text,
	"subject_id" uuid,
	CONSTRAINT "task_activities_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "task_activities_kind_check" CHECK ("task_activities"."kind" in ('CREATED', 'CHANGED', 'MOVED', 'COMMENTED', 'DEPENDENCY_ADDED', 'DEPENDENCY_REMOVED', 'ATTACHED', 'DETACHED', 'LINKED', 'UNLINKED'))
);
--> statement-breakpoint
ALTER TABLE "task_activities" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "task_attachments" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"file_id" uuid NOT NULL,
	"added_by_id" uuid,
	CONSTRAINT "task_attachments_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "task_attachments_file_id_key" UNIQUE("organization_id","task_id","file_id")
);
--> statement-breakpoint
ALTER TABLE "task_attachments" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "task_comments" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"author_id" uuid,
	"text" text NOT NULL,
	"edited_at" timestamp(3) with time zone,
	"deleted_at" timestamp(3) with time zone,
	CONSTRAINT "task_comments_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "task_comments" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "task_dependencies" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"depends_on_project_id" uuid NOT NULL,
	"depends_on_id" uuid NOT NULL,
	"kind" text NOT NULL,
	"created_by_id" uuid,
	CONSTRAINT "task_dependencies_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "task_dependencies_kind_key" UNIQUE("organization_id","task_id","depends_on_id","kind"),
	CONSTRAINT "task_dependencies_kind_check" CHECK ("task_dependencies"."kind" in ('BLOCKS', 'RELATES', 'DUPLICATES')),
	CONSTRAINT "task_dependencies_self_check" CHECK ("task_dependencies"."task_id" <> "task_dependencies"."depends_on_id")
);
--> statement-breakpoint
ALTER TABLE "task_dependencies" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "task_labels" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"label_id" uuid NOT NULL,
	CONSTRAINT "task_labels_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "task_labels_label_id_key" UNIQUE("organization_id","task_id","label_id")
);
--> statement-breakpoint
ALTER TABLE "task_labels" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "task_mentions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"comment_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"read_at" timestamp(3) with time zone,
	CONSTRAINT "task_mentions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "task_mentions_user_id_key" UNIQUE("organization_id","comment_id","user_id")
);
--> statement-breakpoint
ALTER TABLE "task_mentions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "task_watchers" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	CONSTRAINT "task_watchers_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "task_watchers_user_id_key" UNIQUE("organization_id","task_id","user_id")
);
--> statement-breakpoint
ALTER TABLE "task_watchers" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "tasks" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"number" integer NOT NULL,
	"parent_id" uuid,
	"title" text NOT NULL,
	"description" text DEFAULT '' NOT NULL,
	"status" text DEFAULT 'TODO' NOT NULL,
	"priority" text DEFAULT 'MEDIUM' NOT NULL,
	"priority_rank" integer GENERATED ALWAYS AS (case priority when 'LOW' then 1 when 'MEDIUM' then 2 when 'HIGH' then 3 else 4 end) STORED NOT NULL,
	"assignee_id" uuid,
	"created_by_id" uuid,
	"position" text collate "C" NOT NULL,
	"board_column_id" uuid GENERATED ALWAYS AS (md5(project_id::text || status)::uuid) STORED NOT NULL,
	"estimated_hours" numeric(9, 2),
	"start_date" date,
	"due_date" date,
	"due_order" date GENERATED ALWAYS AS (coalesce(due_date, 'infinity'::date)) STORED NOT NULL,
	"completed_at" timestamp(3) with time zone,
	"cancelled_at" timestamp(3) with time zone,
	"conversation_id" uuid,
	"origin_workspace_id" uuid,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"version" integer DEFAULT 1 NOT NULL,
	CONSTRAINT "tasks_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "tasks_project_id_key" UNIQUE("organization_id","project_id","id"),
	CONSTRAINT "tasks_number_key" UNIQUE("organization_id","project_id","number"),
	CONSTRAINT "tasks_position_key" UNIQUE("organization_id","project_id","position"),
	CONSTRAINT "tasks_status_check" CHECK ("tasks"."status" in ('TODO', 'IN_PROGRESS', 'REVIEW', 'DONE', 'CANCELLED')),
	CONSTRAINT "tasks_priority_check" CHECK ("tasks"."priority" in ('LOW', 'MEDIUM', 'HIGH', 'CRITICAL')),
	CONSTRAINT "tasks_dates_check" CHECK ("tasks"."start_date" <= "tasks"."due_date"),
	CONSTRAINT "tasks_estimated_hours_check" CHECK ("tasks"."estimated_hours" >= 0),
	CONSTRAINT "tasks_parent_id_check" CHECK ("tasks"."parent_id" <> "tasks"."id"),
	CONSTRAINT "tasks_completed_at_check" CHECK (("tasks"."status" = 'DONE') = ("tasks"."completed_at" is not null)),
	CONSTRAINT "tasks_cancelled_at_check" CHECK (("tasks"."status" = 'CANCELLED') = ("tasks"."cancelled_at" is not null))
);
--> statement-breakpoint
ALTER TABLE "tasks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "time_entries" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"project_id" uuid NOT NULL,
	"task_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"started_at" timestamp(3) with time zone NOT NULL,
	"ended_at" timestamp(3) with time zone,
	"note" text DEFAULT '' NOT NULL,
	"hourly_rate" numeric(9, 2),
	CONSTRAINT "time_entries_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "time_entries_ended_at_check" CHECK ("time_entries"."ended_at" > "time_entries"."started_at"),
	CONSTRAINT "time_entries_hourly_rate_check" CHECK ("time_entries"."hourly_rate" >= 0)
);
--> statement-breakpoint
ALTER TABLE "time_entries" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "project_links" ADD CONSTRAINT "project_links_project_id_fkey" FOREIGN KEY ("organization_id","project_id") REFERENCES "public"."projects"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "project_links" ADD CONSTRAINT "project_links_task_id_fkey" FOREIGN KEY ("organization_id","project_id","task_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "project_links" ADD CONSTRAINT "project_links_order_id_fkey" FOREIGN KEY ("organization_id","order_id") REFERENCES "public"."orders"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "project_links" ADD CONSTRAINT "project_links_document_id_fkey" FOREIGN KEY ("organization_id","document_id") REFERENCES "public"."documents"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "project_links" ADD CONSTRAINT "project_links_room_id_fkey" FOREIGN KEY ("organization_id","room_id") REFERENCES "public"."rooms"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "project_links" ADD CONSTRAINT "project_links_conversation_id_fkey" FOREIGN KEY ("organization_id","conversation_id") REFERENCES "public"."conversations"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "project_collaborators" ADD CONSTRAINT "project_collaborators_project_id_fkey" FOREIGN KEY ("organization_id","project_id") REFERENCES "public"."projects"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "project_collaborators" ADD CONSTRAINT "project_collaborators_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "project_labels" ADD CONSTRAINT "project_labels_project_id_fkey" FOREIGN KEY ("organization_id","project_id") REFERENCES "public"."projects"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "projects" ADD CONSTRAINT "projects_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "projects" ADD CONSTRAINT "projects_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "saved_views" ADD CONSTRAINT "saved_views_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "saved_views" ADD CONSTRAINT "saved_views_project_id_fkey" FOREIGN KEY ("organization_id","project_id") REFERENCES "public"."projects"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "saved_views" ADD CONSTRAINT "saved_views_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_activities" ADD CONSTRAINT "task_activities_task_id_fkey" FOREIGN KEY ("organization_id","project_id","task_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_attachments" ADD CONSTRAINT "task_attachments_task_id_fkey" FOREIGN KEY ("organization_id","project_id","task_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_attachments" ADD CONSTRAINT "task_attachments_file_id_fkey" FOREIGN KEY ("organization_id","file_id") REFERENCES "public"."files"("organization_id","id") ON DELETE no action ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_comments" ADD CONSTRAINT "task_comments_task_id_fkey" FOREIGN KEY ("organization_id","project_id","task_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_task_id_fkey" FOREIGN KEY ("organization_id","project_id","task_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_dependencies" ADD CONSTRAINT "task_dependencies_depends_on_id_fkey" FOREIGN KEY ("organization_id","depends_on_project_id","depends_on_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_labels" ADD CONSTRAINT "task_labels_task_id_fkey" FOREIGN KEY ("organization_id","project_id","task_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_labels" ADD CONSTRAINT "task_labels_label_id_fkey" FOREIGN KEY ("organization_id","label_id") REFERENCES "public"."project_labels"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_mentions" ADD CONSTRAINT "task_mentions_task_id_fkey" FOREIGN KEY ("organization_id","project_id","task_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_mentions" ADD CONSTRAINT "task_mentions_comment_id_fkey" FOREIGN KEY ("organization_id","comment_id") REFERENCES "public"."task_comments"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_mentions" ADD CONSTRAINT "task_mentions_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_watchers" ADD CONSTRAINT "task_watchers_task_id_fkey" FOREIGN KEY ("organization_id","project_id","task_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "task_watchers" ADD CONSTRAINT "task_watchers_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_project_id_fkey" FOREIGN KEY ("organization_id","project_id") REFERENCES "public"."projects"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "tasks" ADD CONSTRAINT "tasks_parent_id_fkey" FOREIGN KEY ("organization_id","project_id","parent_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "time_entries" ADD CONSTRAINT "time_entries_task_id_fkey" FOREIGN KEY ("organization_id","project_id","task_id") REFERENCES "public"."tasks"("organization_id","project_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "project_links_project_id_index" ON "project_links" USING btree ("organization_id","project_id","task_id","created_at","id");--> statement-breakpoint
CREATE INDEX "project_links_task_id_index" ON "project_links" USING btree ("organization_id","task_id","created_at","id");--> statement-breakpoint
CREATE INDEX "project_links_order_id_index" ON "project_links" USING btree ("organization_id","order_id","created_at","id");--> statement-breakpoint
CREATE INDEX "project_links_document_id_index" ON "project_links" USING btree ("organization_id","document_id","created_at","id");--> statement-breakpoint
CREATE INDEX "project_links_room_id_index" ON "project_links" USING btree ("organization_id","room_id","created_at","id");--> statement-breakpoint
CREATE INDEX "project_links_conversation_id_index" ON "project_links" USING btree ("organization_id","conversation_id","created_at","id");--> statement-breakpoint
CREATE INDEX "project_collaborators_created_at_index" ON "project_collaborators" USING btree ("organization_id","project_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "project_labels_name_key" ON "project_labels" USING btree ("organization_id","project_id",lower("name"));--> statement-breakpoint
CREATE INDEX "project_labels_name_index" ON "project_labels" USING btree ("organization_id","project_id","name","id");--> statement-breakpoint
CREATE INDEX "projects_workspace_id_index" ON "projects" USING btree ("organization_id","workspace_id","created_at","id");--> statement-breakpoint
CREATE INDEX "projects_owner_id_index" ON "projects" USING btree ("organization_id","owner_id","created_at","id");--> statement-breakpoint
CREATE INDEX "projects_created_at_index" ON "projects" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "projects_name_index" ON "projects" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "projects_priority_index" ON "projects" USING btree ("organization_id","priority_rank","id");--> statement-breakpoint
CREATE INDEX "projects_due_date_index" ON "projects" USING btree ("organization_id","due_order","id");--> statement-breakpoint
CREATE INDEX "projects_status_index" ON "projects" USING btree ("organization_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "saved_views_user_id_index" ON "saved_views" USING btree ("organization_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "saved_views_project_id_index" ON "saved_views" USING btree ("organization_id","project_id","created_at","id");--> statement-breakpoint
CREATE INDEX "saved_views_workspace_id_index" ON "saved_views" USING btree ("organization_id","workspace_id");--> statement-breakpoint
CREATE INDEX "saved_views_name_index" ON "saved_views" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "saved_views_created_at_index" ON "saved_views" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "task_activities_task_id_index" ON "task_activities" USING btree ("organization_id","project_id","task_id");--> statement-breakpoint
CREATE INDEX "task_activities_created_at_index" ON "task_activities" USING btree ("organization_id","task_id","created_at","id");--> statement-breakpoint
CREATE INDEX "task_attachments_task_id_index" ON "task_attachments" USING btree ("organization_id","project_id","task_id");--> statement-breakpoint
CREATE INDEX "task_attachments_file_id_index" ON "task_attachments" USING btree ("organization_id","file_id");--> statement-breakpoint
CREATE INDEX "task_attachments_created_at_index" ON "task_attachments" USING btree ("organization_id","task_id","created_at","id");--> statement-breakpoint
CREATE INDEX "task_comments_task_id_index" ON "task_comments" USING btree ("organization_id","project_id","task_id");--> statement-breakpoint
CREATE INDEX "task_comments_created_at_index" ON "task_comments" USING btree ("organization_id","task_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "task_dependencies_relates_key" ON "task_dependencies" USING btree ("organization_id",least("task_id", "depends_on_id"),greatest("task_id", "depends_on_id")) WHERE "task_dependencies"."kind" = 'RELATES';--> statement-breakpoint
CREATE INDEX "task_dependencies_task_id_index" ON "task_dependencies" USING btree ("organization_id","task_id","created_at","id");--> statement-breakpoint
CREATE INDEX "task_dependencies_depends_on_id_index" ON "task_dependencies" USING btree ("organization_id","depends_on_id","created_at","id");--> statement-breakpoint
CREATE INDEX "task_dependencies_project_id_index" ON "task_dependencies" USING btree ("organization_id","project_id","task_id");--> statement-breakpoint
CREATE INDEX "task_dependencies_other_project_index" ON "task_dependencies" USING btree ("organization_id","depends_on_project_id","depends_on_id");--> statement-breakpoint
CREATE INDEX "task_labels_task_id_index" ON "task_labels" USING btree ("organization_id","project_id","task_id");--> statement-breakpoint
CREATE INDEX "task_labels_label_id_index" ON "task_labels" USING btree ("organization_id","label_id","task_id");--> statement-breakpoint
CREATE INDEX "task_mentions_task_id_index" ON "task_mentions" USING btree ("organization_id","project_id","task_id");--> statement-breakpoint
CREATE INDEX "task_mentions_created_at_index" ON "task_mentions" USING btree ("organization_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "task_mentions_unread_index" ON "task_mentions" USING btree ("organization_id","user_id","created_at","id") WHERE "task_mentions"."read_at" is null;--> statement-breakpoint
CREATE INDEX "task_watchers_task_id_index" ON "task_watchers" USING btree ("organization_id","project_id","task_id");--> statement-breakpoint
CREATE INDEX "task_watchers_user_id_index" ON "task_watchers" USING btree ("organization_id","user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "task_watchers_created_at_index" ON "task_watchers" USING btree ("organization_id","task_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_parent_id_index" ON "tasks" USING btree ("organization_id","project_id","parent_id");--> statement-breakpoint
CREATE INDEX "tasks_parts_index" ON "tasks" USING btree ("organization_id","parent_id","position","id");--> statement-breakpoint
CREATE INDEX "tasks_board_index" ON "tasks" USING btree ("organization_id","board_column_id","position","id");--> statement-breakpoint
CREATE INDEX "tasks_status_index" ON "tasks" USING btree ("organization_id","project_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_project_created_at_index" ON "tasks" USING btree ("organization_id","project_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_project_due_date_index" ON "tasks" USING btree ("organization_id","project_id","due_order","id");--> statement-breakpoint
CREATE INDEX "tasks_project_priority_index" ON "tasks" USING btree ("organization_id","project_id","priority_rank","id");--> statement-breakpoint
CREATE INDEX "tasks_created_at_index" ON "tasks" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "tasks_due_date_index" ON "tasks" USING btree ("organization_id","due_order","id");--> statement-breakpoint
CREATE INDEX "tasks_priority_index" ON "tasks" USING btree ("organization_id","priority_rank","id");--> statement-breakpoint
CREATE INDEX "tasks_assignee_id_index" ON "tasks" USING btree ("organization_id","assignee_id","due_order","id");--> statement-breakpoint
CREATE INDEX "tasks_conversation_id_index" ON "tasks" USING btree ("organization_id","conversation_id","created_at","id");--> statement-breakpoint
CREATE INDEX "time_entries_project_task_index" ON "time_entries" USING btree ("organization_id","project_id","task_id");--> statement-breakpoint
CREATE INDEX "time_entries_project_id_index" ON "time_entries" USING btree ("organization_id","project_id","started_at","id");--> statement-breakpoint
CREATE INDEX "time_entries_task_id_index" ON "time_entries" USING btree ("organization_id","task_id","started_at","id");--> statement-breakpoint
CREATE INDEX "time_entries_user_id_index" ON "time_entries" USING btree ("organization_id","user_id","started_at","id");--> statement-breakpoint
CREATE INDEX "time_entries_started_at_index" ON "time_entries" USING btree ("organization_id","started_at","id");--> statement-breakpoint
CREATE POLICY "project_links_project" ON "project_links" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "project_collaborators_project" ON "project_collaborators" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "project_collaborators_own" ON "project_collaborators" AS PERMISSIVE FOR SELECT TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "project_labels_project" ON "project_labels" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "projects_project" ON "projects" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(id));--> statement-breakpoint
CREATE POLICY "projects_of_workspaces" ON "projects" AS PERMISSIVE FOR SELECT TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and workspace_id is not null and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "saved_views_shared" ON "saved_views" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "task_activities_project" ON "task_activities" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "task_attachments_project" ON "task_attachments" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "task_comments_project" ON "task_comments" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "task_dependencies_project" ON "task_dependencies" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "task_dependencies_other_project" ON "task_dependencies" AS RESTRICTIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(depends_on_project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(depends_on_project_id));--> statement-breakpoint
CREATE POLICY "task_labels_project" ON "task_labels" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "task_mentions_project" ON "task_mentions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "task_watchers_project" ON "task_watchers" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "tasks_project" ON "tasks" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));--> statement-breakpoint
CREATE POLICY "time_entries_project" ON "time_entries" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_in_project(project_id));
--> statement-breakpoint
-- Lets the running transaction see the projects of the workspaces that its viewer sees, and those that they work in; administrators and jobs all. It acts
-- with the caller's rights. Files put to tasks are read by the project, whose id is a principal of whoever has entered it. A key of some workspaces, which is not
-- its member's self, gets the projects of those alone.
CREATE FUNCTION app_enter_projects() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  organization uuid := nullif(current_setting('app.organization_id', true), '')::uuid;
  person uuid := nullif(current_setting('app.user_id', true), '')::uuid;
  principals uuid[] := app_principals();
  entered uuid[];
BEGIN
  IF current_setting('app.projects', true) = '*' THEN
    RETURN;
  END IF;
  IF organization = ANY (principals) THEN
    SET LOCAL app.projects = '*';
    RETURN;
  END IF;
  SELECT array_agg(project) INTO entered FROM (
    SELECT id AS project FROM projects WHERE organization_id = organization
      AND workspace_id = ANY (string_to_array(nullif(nullif(current_setting('app.workspaces', true), ''), '*'), ',')::uuid[])
    UNION
    SELECT id FROM projects WHERE organization_id = organization
      AND workspace_id IS NOT NULL AND current_setting('app.workspaces', true) = '*'
    UNION
    SELECT project_id FROM project_collaborators
    WHERE organization_id = organization AND user_id = person AND person = ANY (principals)
  ) AS places;
  EXECUTE format('SET LOCAL app.projects = %L', coalesce(array_to_string(entered, ','), ''));
  IF entered IS NOT NULL THEN
    EXECUTE format('SET LOCAL app.principals = %L', (principals || entered)::text);
  END IF;
END $$;
--> statement-breakpoint
CREATE INDEX "time_entries_running_index" ON "time_entries" USING btree ("organization_id","user_id") WHERE "time_entries"."ended_at" is null;
--> statement-breakpoint
CREATE EXTENSION IF NOT EXISTS btree_gist;
--> statement-breakpoint
-- Nobody works on two things at a time, and one entry of theirs runs at most: it has no end.
ALTER TABLE "time_entries" ADD CONSTRAINT "time_entries_overlap_excl" EXCLUDE USING gist ("organization_id" WITH =, "user_id" WITH =, tstzrange("started_at", "ended_at") WITH &&);
--> statement-breakpoint
-- A session leads to a project that is there; the one that goes lets go of its sessions first.
ALTER TABLE "prompt_sessions" ADD CONSTRAINT "prompt_sessions_project_id_fkey" FOREIGN KEY ("organization_id","project_id") REFERENCES "projects"("organization_id","id");
--> statement-breakpoint
-- The project that goes is not changed meanwhile: a row that is being deleted takes no change.
CREATE FUNCTION app_release_prompt_sessions() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  held text := app_principals()::text;
BEGIN
  EXECUTE format('SET LOCAL app.principals = %L', (app_principals() || OLD.organization_id)::text);
  EXECUTE format('SET LOCAL app.leaving_project = %L', OLD.id);
  UPDATE prompt_sessions SET project_id = NULL WHERE organization_id = OLD.organization_id AND project_id = OLD.id;
  SET LOCAL app.leaving_project = '';
  EXECUTE format('SET LOCAL app.principals = %L', held);
  RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER release_prompt_sessions BEFORE DELETE ON projects FOR EACH ROW EXECUTE FUNCTION app_release_prompt_sessions();
--> statement-breakpoint
-- A project has cost what its sessions have, as long as they were its own, whether the one who runs a prompt sees it or not. What a session that comes or goes
-- has cost before comes and goes with it; what one that is deleted has cost, stays.
CREATE FUNCTION app_add_model_cost() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entered text := coalesce(current_setting('app.projects', true), '');
BEGIN
  SET LOCAL app.projects = '*';
  IF OLD.project_id IS NOT DISTINCT FROM NEW.project_id THEN
    UPDATE projects SET model_cost = model_cost + NEW.cost - OLD.cost
    WHERE organization_id = NEW.organization_id AND id = NEW.project_id;
  ELSE
    UPDATE projects SET model_cost = model_cost + NEW.cost WHERE organization_id = NEW.organization_id AND id = NEW.project_id;
    UPDATE projects SET model_cost = greatest(model_cost - OLD.cost, 0)
    WHERE organization_id = OLD.organization_id AND id = OLD.project_id
      AND id IS DISTINCT FROM nullif(current_setting('app.leaving_project', true), '')::uuid;
  END IF;
  EXECUTE format('SET LOCAL app.projects = %L', entered);
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER add_model_cost AFTER UPDATE OF cost, project_id ON prompt_sessions
FOR EACH ROW WHEN (OLD.cost <> NEW.cost OR OLD.project_id IS DISTINCT FROM NEW.project_id) EXECUTE FUNCTION app_add_model_cost();
--> statement-breakpoint
-- Dependencies of an organization are made one after the other, so that two that close a cycle together find each other. Tasks of all projects
-- count, whether whoever makes one sees them or not.
CREATE FUNCTION app_refuse_dependency_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entered text := coalesce(current_setting('app.projects', true), '');
  cyclic boolean;
BEGIN
  PERFORM pg_advisory_xact_lock(hashtextextended('task dependencies ' || NEW.organization_id::text, 0));
  SET LOCAL app.projects = '*';
  WITH RECURSIVE reached (id) AS (
    SELECT NEW.depends_on_id
    UNION
    SELECT further.depends_on_id FROM reached JOIN task_dependencies further ON further.task_id = reached.id
    WHERE further.organization_id = NEW.organization_id AND further.kind = NEW.kind
  )
  SELECT EXISTS (SELECT FROM reached WHERE id = NEW.task_id) INTO cyclic;
  EXECUTE format('SET LOCAL app.projects = %L', entered);
  IF cyclic THEN
    RAISE EXCEPTION 'This closes a cycle.' USING ERRCODE = 'check_violation', CONSTRAINT = 'task_dependencies_cycle_check';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER refuse_dependency_cycle BEFORE INSERT ON task_dependencies
FOR EACH ROW WHEN (NEW.kind <> 'RELATES') EXECUTE FUNCTION app_refuse_dependency_cycle();
--> statement-breakpoint
-- A task is no part of itself, nor of one of its parts. The project is locked, so that two that close a cycle together find each other.
CREATE FUNCTION app_refuse_task_cycle() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  cyclic boolean;
BEGIN
  PERFORM FROM projects WHERE organization_id = NEW.organization_id AND id = NEW.project_id FOR NO KEY UPDATE;
  WITH RECURSIVE above (id) AS (
    SELECT NEW.parent_id
    UNION
    SELECT higher.parent_id FROM above JOIN tasks higher ON higher.id = above.id
    WHERE higher.organization_id = NEW.organization_id AND higher.parent_id IS NOT NULL
  )
  SELECT EXISTS (SELECT FROM above WHERE id = NEW.id) INTO cyclic;
  IF cyclic THEN
    RAISE EXCEPTION 'A task is no part of itself.' USING ERRCODE = 'check_violation', CONSTRAINT = 'tasks_parent_cycle_check';
  END IF;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER refuse_task_cycle BEFORE UPDATE OF parent_id ON tasks
FOR EACH ROW WHEN (NEW.parent_id IS NOT NULL) EXECUTE FUNCTION app_refuse_task_cycle();
--> statement-breakpoint
-- Whoever leaves the organization works on nothing in it any more: their timer stops, their open tasks and their projects are nobody's, and tasks say so.
CREATE FUNCTION app_leave_projects() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  entered text := coalesce(current_setting('app.projects', true), '');
BEGIN
  SET LOCAL app.projects = '*';
  UPDATE time_entries SET ended_at = now()
  WHERE organization_id = OLD.organization_id AND user_id = OLD.user_id AND ended_at IS NULL AND started_at < now();
  DELETE FROM time_entries WHERE organization_id = OLD.organization_id AND user_id = OLD.user_id AND ended_at IS NULL;
  INSERT INTO task_activities (organization_id, id, project_id, task_id, kind, changes)
  SELECT organization_id, gen_random_uuid(), project_id, id, 'CHANGED',
    jsonb_build_object('assigneeId', jsonb_build_object('from', assignee_id, 'to', NULL))
  FROM tasks
  WHERE organization_id = OLD.organization_id AND assignee_id = OLD.user_id AND status IN ('TODO', 'IN_PROGRESS', 'REVIEW');
  UPDATE tasks SET assignee_id = NULL, version = version + 1
  WHERE organization_id = OLD.organization_id AND assignee_id = OLD.user_id AND status IN ('TODO', 'IN_PROGRESS', 'REVIEW');
  UPDATE projects SET owner_id = NULL, version = version + 1
  WHERE organization_id = OLD.organization_id AND owner_id = OLD.user_id;
  EXECUTE format('SET LOCAL app.projects = %L', entered);
  RETURN OLD;
END $$;
--> statement-breakpoint
CREATE TRIGGER leave_projects BEFORE DELETE ON memberships FOR EACH ROW EXECUTE FUNCTION app_leave_projects();
--> statement-breakpoint
CREATE OR REPLACE FUNCTION app_erase_organization(doomed uuid) RETURNS jsonb LANGUAGE plpgsql SECURITY DEFINER
SET search_path = pg_catalog, public, pg_temp AS $$
DECLARE
  members bigint;
  logged bigint;
  person uuid;
BEGIN
  PERFORM FROM organizations WHERE id = doomed FOR UPDATE;
  -- One that is gone is swept again: a request that outlived it may have written to its log.
  IF EXISTS (SELECT FROM organizations WHERE id = doomed AND deleted_at IS NULL) THEN
    RAISE EXCEPTION 'Only a deleted organization can be erased.' USING ERRCODE = 'object_not_in_prerequisite_state';
  END IF;
  EXECUTE format('SET LOCAL app.organization_id = %L', doomed);
  EXECUTE format('SET LOCAL app.principals = %L', '{' || doomed || '}');
  SET LOCAL app.workspaces = '*';
  SET LOCAL app.rooms = '*';
  SET LOCAL app.projects = '*';
  SELECT count(*) INTO members FROM memberships WHERE organization_id = doomed;
  UPDATE users SET default_organization_id = (
      SELECT other.organization_id FROM user_organizations other JOIN organizations o ON o.id = other.organization_id
      WHERE other.user_id = users.id AND other.organization_id <> doomed
      ORDER BY o.deleted_at IS NOT NULL, other.created_at, other.organization_id LIMIT 1
    ), updated_at = now()
    WHERE default_organization_id = doomed;
  DELETE FROM running_answers WHERE organization_id = doomed;
  -- Before the files that documents, messages and e-mails refer to; e-mails are seen by their owners alone.
  DELETE FROM projects WHERE organization_id = doomed;
  DELETE FROM workspaces WHERE organization_id = doomed;
  DELETE FROM rooms WHERE organization_id = doomed;
  FOR person IN SELECT user_id FROM memberships WHERE organization_id = doomed LOOP
    EXECUTE format('SET LOCAL app.user_id = %L', person);
    DELETE FROM email_threads WHERE organization_id = doomed;
  END LOOP;
  DELETE FROM organizations WHERE id = doomed;
  DELETE FROM chunk_postings WHERE organization_id = doomed;
  DELETE FROM pgboss.job WHERE data ->> 'organizationId' = doomed::text;
  DELETE FROM user_activities WHERE organization_id = doomed;
  DELETE FROM stale_windows WHERE organization_id = doomed;
  DELETE FROM events WHERE organization_id = doomed;
  GET DIAGNOSTICS logged = ROW_COUNT;
  RETURN jsonb_build_object('members', members, 'events', logged);
END $$;
--> statement-breakpoint
SELECT app_guard_tables();
