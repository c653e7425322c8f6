DROP TRIGGER date_event ON events;
--> statement-breakpoint
DROP FUNCTION app_date_event(), app_trim_events(uuid);
--> statement-breakpoint
DROP TABLE event_seals, idempotency_keys;
--> statement-breakpoint
DROP INDEX events_created_at_index, events_action_index, events_target_type_index, events_target_id_index, events_actor_id_index, events_workspace_id_index;
--> statement-breakpoint
CREATE INDEX "events_workspace_id_index" ON "events" USING btree ("organization_id","workspace_id","id");
