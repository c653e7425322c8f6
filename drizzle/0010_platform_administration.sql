CREATE INDEX "users_email_index" ON "users" USING btree ("email","id");--> statement-breakpoint
CREATE INDEX "users_platform_role_index" ON "users" USING btree ("platform_role","created_at","id") WHERE "users"."platform_role" <> 'NONE';--> statement-breakpoint
CREATE INDEX "users_suspended_at_index" ON "users" USING btree ("suspended_at","id") WHERE "users"."suspended_at" is not null;--> statement-breakpoint
CREATE INDEX "users_deleted_at_index" ON "users" USING btree ("deleted_at","id") WHERE "users"."deleted_at" is not null;--> statement-breakpoint
CREATE INDEX "organizations_type_index" ON "organizations" USING btree ("type","created_at","id");--> statement-breakpoint
CREATE INDEX "organizations_suspended_at_index" ON "organizations" USING btree ("suspended_at","id") WHERE "organizations"."suspended_at" is not null;--> statement-breakpoint
CREATE INDEX "platform_events_created_at_index" ON "platform_events" USING btree ("created_at","id");--> statement-breakpoint
CREATE INDEX "platform_events_action_index" ON "platform_events" USING btree ("action","created_at","id");--> statement-breakpoint
CREATE INDEX "platform_events_actor_id_index" ON "platform_events" USING btree ("actor_id","created_at","id");--> statement-breakpoint
CREATE INDEX "platform_events_target_id_index" ON "platform_events" USING btree ("target_id","created_at","id");