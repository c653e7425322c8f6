import { index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { globalColumns, tenantTable } from '../database/tenant-table.ts';

/** What is told of a change. */
export const eventColumns = () => ({
  /** `<thing>.<past participle>` */
  action: text().notNull(),
  /** GraphQL type and id of what it happened to. */
  targetType: text().notNull(),
  targetId: uuid().notNull(),
  /** Who did it; null for the system. No foreign key: the log outlives its people. */
  actorId: uuid(),
  requestId: text().notNull(),
  address: text(),
  userAgent: text(),
  /** What changed, without secrets. */
  data: jsonb().$type<Record<string, unknown>>().notNull().default({}),
});

/**
 * What happened in an organization, in the order of the ids. Rows of no workspace are for those who hold all of them. A row whose id is minutes
 * old as it comes is given a new one, so that none comes before those that are sealed.
 */
export const events = tenantTable(
  'events',
  { log: 'workspace' },
  { workspaceId: uuid(), ...eventColumns() },
  (event) => [
    index('events_created_at_index').on(event.organizationId, event.createdAt, event.id),
    index('events_action_index').on(event.organizationId, event.action, event.createdAt, event.id),
    index('events_target_type_index').on(event.organizationId, event.targetType, event.createdAt, event.id),
    index('events_target_id_index').on(event.organizationId, event.targetId, event.createdAt, event.id),
    index('events_actor_id_index').on(event.organizationId, event.actorId, event.createdAt, event.id),
    index('events_workspace_id_index').on(event.organizationId, event.workspaceId, event.createdAt, event.id),
  ],
);
export type EventRow = typeof events.$inferSelect;

/**
 * What happened outside any organization, such as a sign-in to an unknown account, and what its administrators did and looked at. The nil
 * UUID as target stands for several.
 */
export const platformEvents = pgTable('platform_events', { ...globalColumns(), ...eventColumns() }, (event) => [
  index('platform_events_created_at_index').on(event.createdAt, event.id),
  index('platform_events_action_index').on(event.action, event.createdAt, event.id),
  index('platform_events_actor_id_index').on(event.actorId, event.createdAt, event.id),
  index('platform_events_target_id_index').on(event.targetId, event.createdAt, event.id),
]);
export type PlatformEventRow = typeof platformEvents.$inferSelect;
