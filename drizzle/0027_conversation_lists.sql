DROP INDEX "conversations_created_at_index";--> statement-breakpoint
CREATE INDEX "conversations_archived_at_index" ON "conversations" USING btree ("organization_id","workspace_id","created_at","id") WHERE "conversations"."archived_at" is not null;--> statement-breakpoint
CREATE INDEX "conversations_pinned_at_index" ON "conversations" USING btree ("organization_id","workspace_id","created_at","id") WHERE "conversations"."pinned_at" is not null;--> statement-breakpoint
CREATE INDEX "conversations_kind_index" ON "conversations" USING btree ("organization_id","workspace_id","kind","created_at","id") WHERE "conversations"."kind" <> 'CHAT';--> statement-breakpoint
CREATE INDEX "conversations_channel_index" ON "conversations" USING btree ("organization_id","workspace_id","channel","created_at","id") WHERE "conversations"."channel" <> 'APP';--> statement-breakpoint
CREATE INDEX "conversations_assigned_to_id_index" ON "conversations" USING btree ("organization_id","workspace_id","assigned_to_id","created_at","id") WHERE "conversations"."assigned_to_id" is not null;--> statement-breakpoint
CREATE INDEX "feedback_unreviewed_index" ON "feedback" USING btree ("organization_id","workspace_id","created_at","id") WHERE "feedback"."reviewed_at" is null;--> statement-breakpoint
CREATE INDEX "feedback_score_index" ON "feedback" USING btree ("organization_id","workspace_id","scale","score","created_at","id");--> statement-breakpoint
CREATE INDEX "feedback_reason_index" ON "feedback" USING btree ("organization_id","workspace_id","reason","created_at","id") WHERE "feedback"."reason" is not null;--> statement-breakpoint
CREATE INDEX "conversations_created_at_index" ON "conversations" USING btree ("organization_id","workspace_id","created_at","id") WHERE "conversations"."archived_at" is null;
--> statement-breakpoint
-- A share's token leads nowhere once the share is gone, however that came about.
CREATE FUNCTION app_forget_share() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  DELETE FROM share_tokens WHERE organization_id = OLD.organization_id AND share_id = OLD.id;
  RETURN NULL;
END $$;
--> statement-breakpoint
CREATE TRIGGER forget_share AFTER DELETE ON conversation_shares FOR EACH ROW EXECUTE FUNCTION app_forget_share();
--> statement-breakpoint
-- A CASE, of which the planner expects half of the rows to pass. Of two comparisons with settings it expected one in a hundred, and so read and
-- sorted all rows of a list where its index has them in order.
CREATE OR REPLACE FUNCTION app_within_conversation(conversation uuid) RETURNS boolean LANGUAGE sql STABLE PARALLEL SAFE AS $$
  SELECT CASE WHEN coalesce(current_setting('app.conversation_id', true), '') = '' THEN true
    ELSE conversation::text = current_setting('app.conversation_id', true) END
$$;
