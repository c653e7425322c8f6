CREATE TABLE "devices" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"organization_id" uuid NOT NULL,
	"name" text NOT NULL,
	"system" text NOT NULL,
	"approved_at" timestamp(3) with time zone,
	"last_seen_at" timestamp(3) with time zone,
	"last_seen_address" text,
	CONSTRAINT "devices_system_check" CHECK ("devices"."system" in ('ANDROID', 'IOS', 'WINDOWS', 'MACOS', 'LINUX', 'OTHER'))
);
--> statement-breakpoint
ALTER TABLE "devices" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "extension_keys" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"organization_id" uuid NOT NULL,
	"label" text NOT NULL,
	"prefix" text NOT NULL,
	"last_used_at" timestamp(3) with time zone
);
--> statement-breakpoint
ALTER TABLE "extension_keys" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "recovery_codes" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"hash" text NOT NULL,
	"used_at" timestamp(3) with time zone
);
--> statement-breakpoint
ALTER TABLE "recovery_codes" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "throttle_counters" (
	"key" text PRIMARY KEY NOT NULL,
	"points" integer NOT NULL,
	"expire" timestamp (3) with time zone
);
--> statement-breakpoint
CREATE TABLE "two_factors" (
	"id" uuid PRIMARY KEY NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"user_id" uuid NOT NULL,
	"secret" text NOT NULL,
	"confirmed_at" timestamp(3) with time zone,
	"last_step" bigint DEFAULT 0 NOT NULL,
	CONSTRAINT "two_factors_user_id_key" UNIQUE("user_id")
);
--> statement-breakpoint
ALTER TABLE "two_factors" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "api_key_workspaces" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"api_key_id" uuid NOT NULL,
	"workspace_id" uuid NOT NULL,
	CONSTRAINT "api_key_workspaces_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "api_key_workspaces_workspace_id_key" UNIQUE("organization_id","api_key_id","workspace_id")
);
--> statement-breakpoint
ALTER TABLE "api_key_workspaces" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "api_keys" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"user_id" uuid NOT NULL,
	"label" text NOT NULL,
	"prefix" text NOT NULL,
	"scopes" text[] NOT NULL,
	"all_workspaces" boolean NOT NULL,
	"allowed_addresses" text[],
	"expires_at" timestamp(3) with time zone,
	"last_used_at" timestamp(3) with time zone,
	"last_used_address" text,
	"rotated_at" timestamp(3) with time zone,
	"revoked_at" timestamp(3) with time zone,
	CONSTRAINT "api_keys_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "api_keys" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "group_memberships" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"group_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	"added_by_id" uuid,
	CONSTRAINT "group_memberships_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "group_memberships_user_id_key" UNIQUE("organization_id","user_id","group_id")
);
--> statement-breakpoint
ALTER TABLE "group_memberships" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "groups" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"name" text NOT NULL,
	"description" text,
	"settings" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"active" boolean DEFAULT true NOT NULL,
	"created_by_id" uuid,
	CONSTRAINT "groups_pkey" PRIMARY KEY("organization_id","id")
);
--> statement-breakpoint
ALTER TABLE "groups" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "invite_claims" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"invite_id" uuid NOT NULL,
	"user_id" uuid NOT NULL,
	CONSTRAINT "invite_claims_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "invite_claims_user_id_key" UNIQUE("organization_id","invite_id","user_id")
);
--> statement-breakpoint
ALTER TABLE "invite_claims" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "invite_workspaces" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"invite_id" uuid NOT NULL,
	"workspace_id" uuid NOT NULL,
	"role" text NOT NULL,
	CONSTRAINT "invite_workspaces_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "invite_workspaces_workspace_id_key" UNIQUE("organization_id","invite_id","workspace_id"),
	CONSTRAINT "invite_workspaces_role_check" CHECK ("invite_workspaces"."role" in ('ADMIN', 'EDITOR', 'VIEWER'))
);
--> statement-breakpoint
ALTER TABLE "invite_workspaces" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "invites" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"email" text,
	"role" text NOT NULL,
	"status" text DEFAULT 'PENDING' NOT NULL,
	"seats" integer DEFAULT 1 NOT NULL,
	"claims" integer DEFAULT 0 NOT NULL,
	"expires_at" timestamp(3) with time zone NOT NULL,
	"created_by_id" uuid NOT NULL,
	"disabled_at" timestamp(3) with time zone,
	CONSTRAINT "invites_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "invites_role_check" CHECK ("invites"."role" in ('OWNER', 'ADMIN', 'MANAGER', 'MEMBER', 'GUEST')),
	CONSTRAINT "invites_status_check" CHECK ("invites"."status" in ('PENDING', 'CLAIMED', 'DISABLED', 'EXPIRED')),
	CONSTRAINT "invites_seats_check" CHECK ("invites"."seats" between 1 and 10000 and "invites"."claims" between 0 and "invites"."seats")
);
--> statement-breakpoint
ALTER TABLE "invites" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "user_organizations" (
	"user_id" uuid NOT NULL,
	"organization_id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	CONSTRAINT "user_organizations_pkey" PRIMARY KEY("user_id","organization_id")
);
--> statement-breakpoint
CREATE TABLE "user_permissions" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"readers" uuid[] NOT NULL,
	"user_id" uuid NOT NULL,
	"permission" text NOT NULL,
	"effect" text DEFAULT 'ALLOW' NOT NULL,
	"reason" text,
	"granted_by_id" uuid NOT NULL,
	CONSTRAINT "user_permissions_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "user_permissions_permission_key" UNIQUE("organization_id","user_id","permission"),
	CONSTRAINT "user_permissions_effect_check" CHECK ("user_permissions"."effect" in ('ALLOW', 'DENY'))
);
--> statement-breakpoint
ALTER TABLE "user_permissions" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
CREATE TABLE "workspace_settings" (
	"organization_id" uuid NOT NULL,
	"id" uuid NOT NULL,
	"created_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"updated_at" timestamp(3) with time zone DEFAULT now() NOT NULL,
	"workspace_id" uuid NOT NULL,
	"branding" jsonb DEFAULT '{}'::jsonb NOT NULL,
	"tone" text,
	"welcome_message" text,
	"webhook_url" text,
	"webhook_secret" text,
	"webhook_events" text[] DEFAULT '{}' NOT NULL,
	CONSTRAINT "workspace_settings_pkey" PRIMARY KEY("organization_id","id"),
	CONSTRAINT "workspace_settings_workspace_id_key" UNIQUE("organization_id","workspace_id")
);
--> statement-breakpoint
ALTER TABLE "workspace_settings" ENABLE ROW LEVEL SECURITY;--> statement-breakpoint
ALTER TABLE "access_tokens" DROP CONSTRAINT "access_tokens_kind_check";--> statement-breakpoint
DROP INDEX "sessions_user_id_index";--> statement-breakpoint
DROP INDEX "sessions_user_id_created_at_index";--> statement-breakpoint
ALTER TABLE "sessions" DROP CONSTRAINT "sessions_pkey";--> statement-breakpoint
ALTER TABLE "access_tokens" ALTER COLUMN "organization_id" DROP NOT NULL;--> statement-breakpoint
ALTER TABLE "sessions" ADD PRIMARY KEY ("id");--> statement-breakpoint
ALTER TABLE "sessions" ADD COLUMN "last_activity_at" timestamp(3) with time zone DEFAULT now() NOT NULL;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "username" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "first_name" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "last_name" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "phone" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "bio" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "avatar_key" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "verified_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "preferences" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "daily_message_limit" integer;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "created_by_id" uuid;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "web_push_subscription" text;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "recovery_codes_seen_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "users" ADD COLUMN "metadata" jsonb DEFAULT '{}'::jsonb NOT NULL;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "suspended_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "memberships" ADD COLUMN "invited_by_id" uuid;--> statement-breakpoint
ALTER TABLE "organizations" ADD COLUMN "suspended_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "agent_model_id" uuid;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "avatar_key" text;--> statement-breakpoint
ALTER TABLE "workspaces" ADD COLUMN "archived_at" timestamp(3) with time zone;--> statement-breakpoint
ALTER TABLE "devices" ADD CONSTRAINT "devices_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "extension_keys" ADD CONSTRAINT "extension_keys_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "recovery_codes" ADD CONSTRAINT "recovery_codes_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "two_factors" ADD CONSTRAINT "two_factors_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_key_workspaces" ADD CONSTRAINT "api_key_workspaces_api_key_id_fkey" FOREIGN KEY ("organization_id","api_key_id") REFERENCES "public"."api_keys"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_key_workspaces" ADD CONSTRAINT "api_key_workspaces_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "api_keys" ADD CONSTRAINT "api_keys_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_memberships" ADD CONSTRAINT "group_memberships_group_id_fkey" FOREIGN KEY ("organization_id","group_id") REFERENCES "public"."groups"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "group_memberships" ADD CONSTRAINT "group_memberships_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "groups" ADD CONSTRAINT "groups_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "invite_claims" ADD CONSTRAINT "invite_claims_invite_id_fkey" FOREIGN KEY ("organization_id","invite_id") REFERENCES "public"."invites"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "invite_workspaces" ADD CONSTRAINT "invite_workspaces_invite_id_fkey" FOREIGN KEY ("organization_id","invite_id") REFERENCES "public"."invites"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "invite_workspaces" ADD CONSTRAINT "invite_workspaces_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "invites" ADD CONSTRAINT "invites_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_organizations" ADD CONSTRAINT "user_organizations_user_id_fkey" FOREIGN KEY ("user_id") REFERENCES "public"."users"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_organizations" ADD CONSTRAINT "user_organizations_organization_id_fkey" FOREIGN KEY ("organization_id") REFERENCES "public"."organizations"("id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "user_permissions" ADD CONSTRAINT "user_permissions_user_id_fkey" FOREIGN KEY ("organization_id","user_id") REFERENCES "public"."memberships"("organization_id","user_id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
ALTER TABLE "workspace_settings" ADD CONSTRAINT "workspace_settings_workspace_id_fkey" FOREIGN KEY ("organization_id","workspace_id") REFERENCES "public"."workspaces"("organization_id","id") ON DELETE cascade ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "devices_user_id_created_at_index" ON "devices" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "devices_organization_id_index" ON "devices" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "extension_keys_user_id_created_at_index" ON "extension_keys" USING btree ("user_id","created_at","id");--> statement-breakpoint
CREATE INDEX "extension_keys_organization_id_index" ON "extension_keys" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "recovery_codes_user_id_index" ON "recovery_codes" USING btree ("user_id");--> statement-breakpoint
CREATE INDEX "api_key_workspaces_workspace_id_index" ON "api_key_workspaces" USING btree ("organization_id","workspace_id");--> statement-breakpoint
CREATE INDEX "api_keys_user_id_index" ON "api_keys" USING btree ("organization_id","user_id");--> statement-breakpoint
CREATE INDEX "api_keys_created_at_index" ON "api_keys" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "group_memberships_created_at_index" ON "group_memberships" USING btree ("organization_id","group_id","created_at","id");--> statement-breakpoint
CREATE UNIQUE INDEX "groups_name_key" ON "groups" USING btree ("organization_id",lower("name"));--> statement-breakpoint
CREATE INDEX "groups_created_at_index" ON "groups" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "groups_name_index" ON "groups" USING btree ("organization_id","name","id");--> statement-breakpoint
CREATE INDEX "invite_claims_created_at_index" ON "invite_claims" USING btree ("organization_id","invite_id","created_at","id");--> statement-breakpoint
CREATE INDEX "invite_workspaces_workspace_id_index" ON "invite_workspaces" USING btree ("organization_id","workspace_id");--> statement-breakpoint
CREATE INDEX "invites_created_at_index" ON "invites" USING btree ("organization_id","created_at","id");--> statement-breakpoint
CREATE INDEX "invites_status_index" ON "invites" USING btree ("organization_id","status","created_at","id");--> statement-breakpoint
CREATE INDEX "user_organizations_organization_id_index" ON "user_organizations" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "user_permissions_created_at_index" ON "user_permissions" USING btree ("organization_id","created_at","id");--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_created_by_id_fkey" FOREIGN KEY ("created_by_id") REFERENCES "public"."users"("id") ON DELETE set null ON UPDATE no action;--> statement-breakpoint
CREATE INDEX "access_tokens_organization_id_index" ON "access_tokens" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "access_tokens_expires_at_index" ON "access_tokens" USING btree ("expires_at");--> statement-breakpoint
CREATE INDEX "sessions_organization_id_index" ON "sessions" USING btree ("organization_id");--> statement-breakpoint
CREATE INDEX "users_created_by_id_index" ON "users" USING btree ("created_by_id");--> statement-breakpoint
CREATE INDEX "users_created_at_index" ON "users" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "organizations_created_at_index" ON "organizations" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "sessions_user_id_created_at_index" ON "sessions" USING btree ("user_id","created_at","id");--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_username_key" UNIQUE("username");--> statement-breakpoint
ALTER TABLE "access_tokens" ADD CONSTRAINT "access_tokens_kind_check" CHECK ("access_tokens"."kind" in ('SESSION', 'UPLOAD', 'API_KEY', 'DEVICE', 'EXTENSION_KEY', 'PAIRING', 'LOGIN_LINK', 'INVITE', 'EMAIL_VERIFICATION', 'PASSWORD_RESET', 'DOWNLOAD'));--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_username_check" CHECK ("users"."username" ~ '^[a-z][a-z0-9._@-]{1,63}$');--> statement-breakpoint
ALTER TABLE "users" ADD CONSTRAINT "users_daily_message_limit_check" CHECK ("users"."daily_message_limit" >= 0);--> statement-breakpoint
CREATE POLICY "events_erase" ON "events" AS PERMISSIVE FOR DELETE TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "devices_owner" ON "devices" AS PERMISSIVE FOR ALL TO public USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "extension_keys_owner" ON "extension_keys" AS PERMISSIVE FOR ALL TO public USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "recovery_codes_owner" ON "recovery_codes" AS PERMISSIVE FOR ALL TO public USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "two_factors_owner" ON "two_factors" AS PERMISSIVE FOR ALL TO public USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "api_key_workspaces_workspace" ON "api_key_workspaces" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "api_keys_granted" ON "api_keys" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "group_memberships_organization" ON "group_memberships" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "groups_organization" ON "groups" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "invite_claims_organization" ON "invite_claims" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid);--> statement-breakpoint
CREATE POLICY "invite_workspaces_workspace" ON "invite_workspaces" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
CREATE POLICY "invites_granted" ON "invites" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "user_permissions_granted" ON "user_permissions" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals()) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and readers && app_principals());--> statement-breakpoint
CREATE POLICY "workspace_settings_workspace" ON "workspace_settings" AS PERMISSIVE FOR ALL TO public USING (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id)) WITH CHECK (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid and app_sees(workspace_id));--> statement-breakpoint
ALTER POLICY "sessions_owner" ON "sessions" TO public USING (user_id = nullif(current_setting('app.user_id', true), '')::uuid) WITH CHECK (user_id = nullif(current_setting('app.user_id', true), '')::uuid);