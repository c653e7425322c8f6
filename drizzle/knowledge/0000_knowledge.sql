CREATE EXTENSION IF NOT EXISTS vector;
--> statement-breakpoint
-- The server's role owns nothing and bypasses no policy. In a cluster of its own the bank brings it along.
DO $$
BEGIN
  IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'tessera_server') THEN
    CREATE ROLE tessera_server NOLOGIN NOSUPERUSER NOBYPASSRLS NOCREATEDB NOCREATEROLE;
  END IF;
EXCEPTION
  WHEN duplicate_object OR unique_violation THEN
    NULL; -- another database of this cluster was migrated at the same moment
  WHEN insufficient_privilege THEN
    RAISE EXCEPTION 'This role may not create roles. Let an administrator run: CREATE ROLE tessera_server NOLOGIN NOSUPERUSER NOBYPASSRLS; GRANT tessera_server TO <the login of KNOWLEDGE_DATABASE_URL>;'
      USING ERRCODE = 'insufficient_privilege';
END $$;
--> statement-breakpoint
CREATE SCHEMA knowledge;
--> statement-breakpoint
GRANT USAGE ON SCHEMA knowledge TO tessera_server;
--> statement-breakpoint
-- The server compares the migrations applied with those it knows.
CREATE SCHEMA IF NOT EXISTS drizzle;
--> statement-breakpoint
GRANT USAGE ON SCHEMA drizzle TO tessera_server;
--> statement-breakpoint
GRANT SELECT ON ALL TABLES IN SCHEMA drizzle TO tessera_server;
--> statement-breakpoint
CREATE TABLE "knowledge"."banks" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"language" text DEFAULT 'en' NOT NULL,
	"embedding_model_id" uuid,
	"next_embedding_model_id" uuid,
	CONSTRAINT "banks_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "banks_organization_id_key" UNIQUE("organization_id")
);
--> statement-breakpoint
ALTER TABLE "knowledge"."banks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "knowledge"."entry_chunks" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[],
	"entry_id" uuid NOT NULL,
	"position" integer NOT NULL,
	"text" text NOT NULL,
	"headings" text[] NOT NULL,
	"start" integer NOT NULL,
	"end" integer NOT NULL,
	"tokens" integer NOT NULL,
	"terms" text[] NOT NULL,
	"frequencies" smallint[] NOT NULL,
	"term_count" integer NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	"hash" text NOT NULL,
	CONSTRAINT "entry_chunks_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "entry_chunks_position_key" UNIQUE("organization_id","entry_id","position"),
	CONSTRAINT "entry_chunks_span_check" CHECK ("knowledge"."entry_chunks"."start" >= 0 and "knowledge"."entry_chunks"."end" > "knowledge"."entry_chunks"."start")
);
--> statement-breakpoint
ALTER TABLE "knowledge"."entry_chunks" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "knowledge"."entry_embeddings" (
	"organization_id" uuid NOT NULL,
	"readers" uuid[],
	"chunk_id" uuid NOT NULL,
	"model" text NOT NULL,
	"embedding" vector(1536) NOT NULL,
	"enabled" boolean DEFAULT true NOT NULL,
	CONSTRAINT "entry_embeddings_pkey" PRIMARY KEY("organization_id","chunk_id","model")
);
--> statement-breakpoint
ALTER TABLE "knowledge"."entry_embeddings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "knowledge"."entry_postings" (
	"organization_id" uuid NOT NULL,
	"readers" uuid[],
	"term" text NOT NULL,
	"chunk_id" uuid NOT NULL,
	"frequency" smallint NOT NULL,
	"term_count" integer NOT NULL,
	CONSTRAINT "entry_postings_pkey" PRIMARY KEY("organization_id","term","chunk_id")
);
--> statement-breakpoint
ALTER TABLE "knowledge"."entry_postings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "knowledge"."heard_events" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL
);
--> statement-breakpoint
CREATE TABLE "knowledge"."entries" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"title" text NOT NULL,
	"content" text NOT NULL,
	"category" text NOT NULL,
	"subcategory" text,
	"tags" text[] DEFAULT '{}' NOT NULL,
	"group_id" uuid,
	"status" text DEFAULT 'DRAFT' NOT NULL,
	"published_at" timestamp(3) with time zone,
	"active" boolean DEFAULT true NOT NULL,
	"for_visitors" boolean DEFAULT false NOT NULL,
	"readers" uuid[] GENERATED ALWAYS AS (case when status = 'PUBLISHED' and for_visitors then array['00000000-0000-0000-0000-000000000000'::uuid] else case
    when status = 'DRAFT' then array_remove(array[organization_id, created_by_id, group_id], null)
    when group_id is not null then array[organization_id, group_id]
  end end) STORED,
	"version" integer DEFAULT 1 NOT NULL,
	"change_summary" text,
	"created_by_id" uuid,
	"edited_by_id" uuid,
	"metadata" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"chunk_count" integer DEFAULT 0 NOT NULL,
	"term_count" integer DEFAULT 0 NOT NULL,
	CONSTRAINT "entries_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "entries_status_check" CHECK ("knowledge"."entries"."status" in ('DRAFT', 'PUBLISHED')),
	CONSTRAINT "entries_published_at_check" CHECK (("knowledge"."entries"."status" = 'PUBLISHED') = ("knowledge"."entries"."published_at" is not null)),
	CONSTRAINT "entries_for_visitors_check" CHECK (not "knowledge"."entries"."for_visitors" or "knowledge"."entries"."group_id" is null)
);
--> statement-breakpoint
ALTER TABLE "knowledge"."entries" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "knowledge"."entry_versions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[],
	"entry_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"title" text NOT NULL,
	"content" text NOT NULL,
	"category" text NOT NULL,
	"subcategory" text,
	"tags" text[] NOT NULL,
	"change_summary" text,
	"editor_id" uuid,
	CONSTRAINT "entry_versions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "entry_versions_version_key" UNIQUE("organization_id","entry_id","version")
);
--> statement-breakpoint
ALTER TABLE "knowledge"."entry_versions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "knowledge"."outbox" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"organization_id" uuid NOT NULL,
	"workspace_id" uuid,
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
CREATE TABLE "knowledge"."prompt_template_labels" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[],
	"template_id" uuid NOT NULL,
	"label" text NOT NULL,
	"version" integer NOT NULL,
	"moved_by_id" uuid,
	CONSTRAINT "prompt_template_labels_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "prompt_template_labels_label_key" UNIQUE("organization_id","template_id","label")
);
--> statement-breakpoint
ALTER TABLE "knowledge"."prompt_template_labels" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "knowledge"."prompt_template_versions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[],
	"template_id" uuid NOT NULL,
	"version" integer NOT NULL,
	"content" text NOT NULL,
	"variables" text[] NOT NULL,
	"change_summary" text,
	"editor_id" uuid,
	CONSTRAINT "prompt_template_versions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "prompt_template_versions_version_key" UNIQUE("organization_id","template_id","version")
);
--> statement-breakpoint
ALTER TABLE "knowledge"."prompt_template_versions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "knowledge"."prompt_templates" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"category" text NOT NULL,
	"type" text NOT NULL,
	"content" text NOT NULL,
	"variables" text[] NOT NULL,
	"group_id" uuid,
	"active" boolean DEFAULT true NOT NULL,
	"readers" uuid[] GENERATED ALWAYS AS (case
    when false then array_remove(array[organization_id, created_by_id, group_id], null)
    when group_id is not null then array[organization_id, group_id]
  end) STORED,
	"version" integer DEFAULT 1 NOT NULL,
	"change_summary" text,
	"created_by_id" uuid,
	"edited_by_id" uuid,
	CONSTRAINT "prompt_templates_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "prompt_templates_name_key" UNIQUE("organization_id","name"),
	CONSTRAINT "prompt_templates_type_check" CHECK ("knowledge"."prompt_templates"."type" in ('SYSTEM', 'USER', 'ASSISTANT'))
);
--> statement-breakpoint
ALTER TABLE "knowledge"."prompt_templates" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "knowledge"."training_examples" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"type" text NOT NULL,
	"input" text NOT NULL,
	"expected_output" text,
	"intent" text,
	"entities" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"confidence" double precision,
	"group_id" uuid,
	"readers" uuid[] GENERATED ALWAYS AS (case
    when false then array_remove(array[organization_id, created_by_id, group_id], null)
    when group_id is not null then array[organization_id, group_id]
  end) STORED,
	"status" text DEFAULT 'PENDING' NOT NULL,
	"validated_by_id" uuid,
	"validated_at" timestamp(3) with time zone,
	"rejection_reason" text,
	"used_at" timestamp(3) with time zone,
	"created_by_id" uuid,
	"message_id" uuid,
	"conversation_id" uuid,
	"fingerprint" text NOT NULL,
	CONSTRAINT "training_examples_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "training_examples_fingerprint_key" UNIQUE("organization_id","fingerprint"),
	CONSTRAINT "training_examples_type_check" CHECK ("knowledge"."training_examples"."type" in ('CONVERSATION', 'FAQ', 'DOCUMENT')),
	CONSTRAINT "training_examples_status_check" CHECK ("knowledge"."training_examples"."status" in ('PENDING', 'VALIDATED', 'REJECTED')),
	CONSTRAINT "training_examples_confidence_check" CHECK ("knowledge"."training_examples"."confidence" between 0 and 1),
	CONSTRAINT "training_examples_validated_at_check" CHECK (("knowledge"."training_examples"."status" = 'PENDING') = ("knowledge"."training_examples"."validated_at" is null))
);
--> statement-breakpoint
ALTER TABLE "knowledge"."training_examples" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "knowledge"."entry_chunks" ADD CONSTRAINT "entry_chunks_entry_id_fkey" FOREIGN KEY ("organization_id","entry_id") REFERENCES "knowledge"."entries"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knowledge"."entry_embeddings" ADD CONSTRAINT "entry_embeddings_chunk_id_fkey" FOREIGN KEY ("organization_id","chunk_id") REFERENCES "knowledge"."entry_chunks"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knowledge"."entry_versions" ADD CONSTRAINT "entry_versions_entry_id_fkey" FOREIGN KEY ("organization_id","entry_id") REFERENCES "knowledge"."entries"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knowledge"."prompt_template_labels" ADD CONSTRAINT "prompt_template_labels_version_fkey" FOREIGN KEY ("organization_id","template_id","version") REFERENCES "knowledge"."prompt_template_versions"("organization_id","template_id","version") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "knowledge"."prompt_template_versions" ADD CONSTRAINT "prompt_template_versions_template_id_fkey" FOREIGN KEY ("organization_id","template_id") REFERENCES "knowledge"."prompt_templates"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "entry_embeddings_model_index" ON "knowledge"."entry_embeddings" USING btree ("organization_id","model");--> statement-breakpoint
CREATE INDEX "entry_embeddings_hnsw_index" ON "knowledge"."entry_embeddings" USING hnsw ("embedding" vector_cosine_ops);--> statement-breakpoint
CREATE INDEX "entries_created_at_index" ON "knowledge"."entries" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "entries_updated_at_index" ON "knowledge"."entries" USING btree ("organization_id","updated_at","id");--> statement-breakpoint
CREATE INDEX "entries_title_index" ON "knowledge"."entries" USING btree ("organization_id","title","id");--> statement-breakpoint
CREATE INDEX "entries_category_index" ON "knowledge"."entries" USING btree ("organization_id","category","created_at","id");--> statement-breakpoint
CREATE INDEX "entries_group_id_index" ON "knowledge"."entries" USING btree ("organization_id","group_id","created_at","id");--> statement-breakpoint
CREATE INDEX "entries_status_index" ON "knowledge"."entries" USING btree ("organization_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "entries_tags_index" ON "knowledge"."entries" USING gin ("tags");--> statement-breakpoint
CREATE INDEX "outbox_organization_id_index" ON "knowledge"."outbox" USING btree ("organization_id","id");--> statement-breakpoint
CREATE INDEX "prompt_template_labels_version_index" ON "knowledge"."prompt_template_labels" USING btree ("organization_id","template_id","version");--> statement-breakpoint
CREATE INDEX "prompt_templates_created_at_index" ON "knowledge"."prompt_templates" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "prompt_templates_category_index" ON "knowledge"."prompt_templates" USING btree ("organization_id","category","created_at","id");--> statement-breakpoint
CREATE INDEX "prompt_templates_group_id_index" ON "knowledge"."prompt_templates" USING btree ("organization_id","group_id","created_at","id");--> statement-breakpoint
CREATE INDEX "training_examples_created_at_index" ON "knowledge"."training_examples" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "training_examples_status_index" ON "knowledge"."training_examples" USING btree ("organization_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "training_examples_type_index" ON "knowledge"."training_examples" USING btree ("organization_id","type","created_at","id");--> statement-breakpoint
CREATE INDEX "training_examples_group_id_index" ON "knowledge"."training_examples" USING btree ("organization_id","group_id","created_at","id");--> statement-breakpoint
CREATE INDEX "training_examples_message_id_index" ON "knowledge"."training_examples" USING btree ("organization_id","message_id");--> statement-breakpoint
CREATE POLICY "banks_organization" ON "knowledge"."banks" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "entry_chunks_shared" ON "knowledge"."entry_chunks" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "entry_embeddings_shared" ON "knowledge"."entry_embeddings" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "entry_postings_shared" ON "knowledge"."entry_postings" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "entries_shared" ON "knowledge"."entries" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "entry_versions_shared" ON "knowledge"."entry_versions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "prompt_template_labels_shared" ON "knowledge"."prompt_template_labels" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "prompt_template_versions_shared" ON "knowledge"."prompt_template_versions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "prompt_templates_shared" ON "knowledge"."prompt_templates" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));--> statement-breakpoint
CREATE POLICY "training_examples_shared" ON "knowledge"."training_examples" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and (case when readers is null then nullif(current_setting('app.conversation_id', true), '') is null else readers && coalesce(nullif(current_setting('app.principals', true), ''), '{}')::uuid[] or '00000000-0000-0000-0000-000000000000'::uuid = any(readers) end));
--> statement-breakpoint
-- Vectors stay in the table itself: moved out of line, the planner does not see what reading them costs.
ALTER TABLE knowledge.entry_embeddings ALTER COLUMN embedding SET STORAGE PLAIN;
--> statement-breakpoint
-- Terms are compared byte by byte: no collation rules in the largest index.
ALTER TABLE knowledge.entry_postings ALTER COLUMN term TYPE text COLLATE "C";
--> statement-breakpoint
ALTER TABLE knowledge.entry_postings DROP CONSTRAINT entry_postings_pkey;
--> statement-breakpoint
-- The key covers all that scoring reads, so that search is answered by index-only scans.
ALTER TABLE knowledge.entry_postings ADD CONSTRAINT entry_postings_pkey
  PRIMARY KEY (organization_id, term, chunk_id) INCLUDE (frequency, term_count, readers);
--> statement-breakpoint
COMMENT ON TABLE knowledge.heard_events IS '@platform';
--> statement-breakpoint
COMMENT ON TABLE knowledge.outbox IS '@lookup @reference';
--> statement-breakpoint
CREATE FUNCTION knowledge.touch_updated_at() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.updated_at := now();
  RETURN NEW;
END $$;
--> statement-breakpoint
-- A UUIDv7 (RFC 9562, section 5.7) for rows that triggers write: a random one whose first 48 bits are the time.
CREATE FUNCTION knowledge.new_id() RETURNS uuid LANGUAGE sql VOLATILE AS $$
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
-- Every text that an entry has had is kept with its editor, whoever writes it, from SQL too.
CREATE FUNCTION knowledge.keep_entry_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  viewer uuid := nullif(current_setting('app.user_id', true), '')::uuid;
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO knowledge.entry_versions (organization_id, id, readers, entry_id, version, title, content, category, subcategory, tags, editor_id)
    VALUES (NEW.organization_id, knowledge.new_id(), NEW.readers, NEW.id, NEW.version, NEW.title, NEW.content, NEW.category, NEW.subcategory,
      NEW.tags, NEW.edited_by_id);
    RETURN NULL;
  END IF;
  IF (NEW.title, NEW.content, NEW.category, NEW.subcategory, NEW.tags)
    IS DISTINCT FROM (OLD.title, OLD.content, OLD.category, OLD.subcategory, OLD.tags) THEN
    NEW.version := OLD.version + 1;
    NEW.edited_by_id := viewer;
    INSERT INTO knowledge.entry_versions (organization_id, id, readers, entry_id, version, title, content, category, subcategory, tags, change_summary, editor_id)
    VALUES (NEW.organization_id, knowledge.new_id(), OLD.readers, NEW.id, NEW.version, NEW.title, NEW.content, NEW.category, NEW.subcategory,
      NEW.tags, NEW.change_summary, viewer);
  ELSE
    NEW.version := OLD.version;
  END IF;
  NEW.change_summary := NULL;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE FUNCTION knowledge.begin_versions() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  NEW.version := 1;
  NEW.change_summary := NULL;
  NEW.edited_by_id := coalesce(nullif(current_setting('app.user_id', true), '')::uuid, NEW.created_by_id);
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER begin_versions BEFORE INSERT ON knowledge.entries FOR EACH ROW EXECUTE FUNCTION knowledge.begin_versions();
--> statement-breakpoint
CREATE TRIGGER keep_first_version AFTER INSERT ON knowledge.entries FOR EACH ROW EXECUTE FUNCTION knowledge.keep_entry_version();
--> statement-breakpoint
CREATE TRIGGER keep_version BEFORE UPDATE ON knowledge.entries FOR EACH ROW EXECUTE FUNCTION knowledge.keep_entry_version();
--> statement-breakpoint
-- Versions and passages are seen by those who see the entry; only what is published and active is found.
CREATE FUNCTION knowledge.follow_entry() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE knowledge.entry_versions SET readers = NEW.readers
  WHERE organization_id = NEW.organization_id AND entry_id = NEW.id AND readers IS DISTINCT FROM NEW.readers;
  UPDATE knowledge.entry_chunks SET readers = NEW.readers, enabled = NEW.active AND NEW.status = 'PUBLISHED'
  WHERE organization_id = NEW.organization_id AND entry_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER follow_entry AFTER UPDATE ON knowledge.entries FOR EACH ROW
  WHEN (OLD.readers IS DISTINCT FROM NEW.readers OR OLD.status <> NEW.status OR OLD.active <> NEW.active)
  EXECUTE FUNCTION knowledge.follow_entry();
--> statement-breakpoint
CREATE FUNCTION knowledge.index_terms() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF TG_OP <> 'INSERT' THEN
    DELETE FROM knowledge.entry_postings
    WHERE organization_id = OLD.organization_id AND term = ANY (OLD.terms) AND chunk_id = OLD.id;
  END IF;
  IF TG_OP <> 'DELETE' THEN
    IF NEW.enabled THEN
      INSERT INTO knowledge.entry_postings (organization_id, readers, term, chunk_id, frequency, term_count)
      SELECT NEW.organization_id, NEW.readers, entry.term, NEW.id, entry.frequency, NEW.term_count
      FROM unnest(NEW.terms, NEW.frequencies) AS entry (term, frequency);
    END IF;
  END IF;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER index_terms AFTER INSERT OR DELETE ON knowledge.entry_chunks FOR EACH ROW EXECUTE FUNCTION knowledge.index_terms();
--> statement-breakpoint
CREATE TRIGGER index_changed_terms AFTER UPDATE ON knowledge.entry_chunks FOR EACH ROW
  WHEN (OLD.terms IS DISTINCT FROM NEW.terms OR OLD.frequencies IS DISTINCT FROM NEW.frequencies
    OR OLD.readers IS DISTINCT FROM NEW.readers OR OLD.enabled IS DISTINCT FROM NEW.enabled)
  EXECUTE FUNCTION knowledge.index_terms();
--> statement-breakpoint
CREATE FUNCTION knowledge.mark_vectors() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE knowledge.entry_embeddings SET readers = NEW.readers, enabled = NEW.enabled
  WHERE organization_id = NEW.organization_id AND chunk_id = NEW.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER mark_vectors AFTER UPDATE ON knowledge.entry_chunks FOR EACH ROW
  WHEN (OLD.readers IS DISTINCT FROM NEW.readers OR OLD.enabled IS DISTINCT FROM NEW.enabled)
  EXECUTE FUNCTION knowledge.mark_vectors();
--> statement-breakpoint
CREATE FUNCTION knowledge.keep_template_version() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  viewer uuid := nullif(current_setting('app.user_id', true), '')::uuid;
BEGIN
  IF TG_OP = 'INSERT' THEN
    INSERT INTO knowledge.prompt_template_versions (organization_id, id, readers, template_id, version, content, variables, editor_id)
    VALUES (NEW.organization_id, knowledge.new_id(), NEW.readers, NEW.id, NEW.version, NEW.content, NEW.variables, NEW.edited_by_id);
    RETURN NULL;
  END IF;
  IF (NEW.content, NEW.variables) IS DISTINCT FROM (OLD.content, OLD.variables) THEN
    NEW.version := OLD.version + 1;
    NEW.edited_by_id := viewer;
    INSERT INTO knowledge.prompt_template_versions (organization_id, id, readers, template_id, version, content, variables, change_summary, editor_id)
    VALUES (NEW.organization_id, knowledge.new_id(), OLD.readers, NEW.id, NEW.version, NEW.content, NEW.variables, NEW.change_summary, viewer);
  ELSE
    NEW.version := OLD.version;
  END IF;
  NEW.change_summary := NULL;
  RETURN NEW;
END $$;
--> statement-breakpoint
CREATE TRIGGER begin_versions BEFORE INSERT ON knowledge.prompt_templates FOR EACH ROW EXECUTE FUNCTION knowledge.begin_versions();
--> statement-breakpoint
CREATE TRIGGER keep_first_version AFTER INSERT ON knowledge.prompt_templates FOR EACH ROW EXECUTE FUNCTION knowledge.keep_template_version();
--> statement-breakpoint
CREATE TRIGGER keep_version BEFORE UPDATE ON knowledge.prompt_templates FOR EACH ROW EXECUTE FUNCTION knowledge.keep_template_version();
--> statement-breakpoint
CREATE FUNCTION knowledge.follow_template() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE knowledge.prompt_template_versions SET readers = NEW.readers
  WHERE organization_id = NEW.organization_id AND template_id = NEW.id AND readers IS DISTINCT FROM NEW.readers;
  UPDATE knowledge.prompt_template_labels SET readers = NEW.readers
  WHERE organization_id = NEW.organization_id AND template_id = NEW.id AND readers IS DISTINCT FROM NEW.readers;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER follow_template AFTER UPDATE ON knowledge.prompt_templates FOR EACH ROW
  WHEN (OLD.readers IS DISTINCT FROM NEW.readers) EXECUTE FUNCTION knowledge.follow_template();
--> statement-breakpoint
-- Brings every table of the bank to its rules, as `app_guard_tables()` does those of the rest; called last by each migration that adds one.
CREATE FUNCTION knowledge.guard_tables() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
  guarded record;
BEGIN
  FOR guarded IN
    SELECT c.oid::regclass AS name,
           (SELECT attname FROM pg_attribute WHERE attrelid = c.oid AND attnum = i.indkey[0]) = 'organization_id' AS of_tenant,
           EXISTS (SELECT FROM pg_attribute WHERE attrelid = c.oid AND attname = 'updated_at' AND NOT attisdropped) AS dated,
           EXISTS (SELECT FROM pg_trigger WHERE tgrelid = c.oid AND tgname = 'touch_updated_at') AS touched
    FROM pg_class c LEFT JOIN pg_index i ON i.indrelid = c.oid AND i.indisprimary
    WHERE c.relnamespace = 'knowledge'::regnamespace AND c.relkind IN ('r', 'p') AND NOT c.relispartition
  LOOP
    IF guarded.of_tenant THEN
      EXECUTE format('ALTER TABLE %s ENABLE ROW LEVEL SECURITY', guarded.name);
      EXECUTE format('ALTER TABLE %s FORCE ROW LEVEL SECURITY', guarded.name);
      IF guarded.dated AND NOT guarded.touched THEN
        EXECUTE format('CREATE TRIGGER touch_updated_at BEFORE UPDATE ON %s FOR EACH ROW EXECUTE FUNCTION knowledge.touch_updated_at()', guarded.name);
      END IF;
    END IF;
    EXECUTE format('GRANT SELECT, INSERT, UPDATE, DELETE ON %s TO tessera_server', guarded.name);
  END LOOP;
  -- What was written stays as it was: the server changes who sees it, and forgets who wrote it.
  REVOKE UPDATE, DELETE ON knowledge.entry_versions, knowledge.prompt_template_versions FROM tessera_server;
  GRANT UPDATE (readers, editor_id) ON knowledge.entry_versions, knowledge.prompt_template_versions TO tessera_server;
END $$;
--> statement-breakpoint
REVOKE EXECUTE ON FUNCTION knowledge.guard_tables() FROM PUBLIC;
--> statement-breakpoint
SELECT knowledge.guard_tables();
