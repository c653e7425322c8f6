import { index, jsonb, pgTable, text, uuid } from 'drizzle-orm/pg-core';
import { globalColumns, tenantTable } from '../database/tenant-table.ts';

const eventColumns = () => ({
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

/** What happened in an organization, in the order of the ids. Rows of no workspace are for those who hold all of them. */
export const events = tenantTable(
  'events',
  { log: 'workspace' },
  { workspaceId: uuid(), ...eventColumns() },
  (event) => [index('events_workspace_id_index').on(event.organizationId, event.workspaceId, event.id)],
);
export type EventRow = typeof events.$inferSelect;

/** What happened outside any organization, such as a sign-in to an unknown account. */
export const platformEvents = pgTable('platform_events', { ...globalColumns(), ...eventColumns() });
