import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  date,
  foreignKey,
  index,
  integer,
  jsonb,
  numeric,
  text,
  unique,
  uuid,
  type AnyPgColumn,
} from 'drizzle-orm/pg-core';
import { moment, oneOf, ownOutside, tenantTable, word } from '../../database/tenant-table.ts';
import { memberships, organizations, workspaces } from '../tenancy/tables.ts';

const ofOrganization = (table: string, part: { organizationId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_organization_id_fkey`,
    columns: [part.organizationId],
    foreignColumns: [organizations.id],
  }).onDelete('cascade');

const ofMember = (table: string, part: { organizationId: AnyPgColumn; userId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_user_id_fkey`,
    columns: [part.organizationId, part.userId],
    foreignColumns: [memberships.organizationId, memberships.userId],
  }).onDelete('cascade');

/** One request of a member, as they and administrators see it. Written in batches; ids are in the order of the requests. */
export const userActivities = tenantTable(
  'user_activities',
  'member',
  {
    userId: uuid().notNull(),
    /** The session, key or device it came with. */
    credentialId: uuid(),
    /** What was asked for: the root fields, `createOrder` or `orders,viewer`. */
    action: text().notNull(),
    /** What the client calls the operation. */
    operation: text(),
    /** What the first root field was about: a GraphQL type and id; null where it named none. */
    resourceType: text(),
    resourceId: uuid(),
    workspaceId: uuid(),
    /** Whether it changed something. */
    mutation: boolean().notNull(),
    /** Code of the first error; null where there was none. */
    error: text(),
    durationMs: integer().notNull(),
    requestId: text().notNull(),
    address: text(),
    userAgent: text(),
  },
  (activity) => [
    // No foreign keys: each request would be checked once more. What is left of members and organizations goes with its age, and with their erasure.
    index('user_activities_created_at_index').on(activity.organizationId, activity.createdAt, activity.id),
    index('user_activities_user_id_index').on(
      activity.organizationId,
      activity.userId,
      activity.createdAt,
      activity.id,
    ),
  ],
);
export type UserActivityRow = typeof userActivities.$inferSelect;

/** What one member did on one day of the organization's time zone; made anew from what it counts. */
export const userEngagements = tenantTable(
  'user_engagements',
  'member',
  {
    userId: uuid().notNull(),
    date: date({ mode: 'string' }).notNull(),
    /** Requests that are less than half an hour apart are one session, from its first request to its last. */
    sessions: integer().notNull(),
    sessionSeconds: integer().notNull(),
    requests: integer().notNull(),
    /** Events of that name that clients recorded. */
    pageViews: integer().notNull(),
    /** Begun, written, created by them. */
    conversations: integer().notNull(),
    messages: integer().notNull(),
    orders: integer().notNull(),
  },
  (engagement) => [
    ofOrganization('user_engagements', engagement),
    ofMember('user_engagements', engagement),
    unique('user_engagements_date_key').on(engagement.organizationId, engagement.userId, engagement.date),
    index('user_engagements_date_index').on(engagement.organizationId, engagement.date, engagement.id),
  ],
);
export type UserEngagementRow = typeof userEngagements.$inferSelect;

export const eventSources = ['CLIENT', 'SERVER'] as const;

/** Something that happened in the product, recorded by a client or by the server. */
export const analyticsEvents = tenantTable(
  'analytics_events',
  'workspace',
  {
    workspaceId: uuid(),
    /** Who; the id stays when they leave: what happened outlives its people. */
    userId: uuid(),
    name: text().notNull(),
    source: word(eventSources).notNull(),
    /** The client's own id of it, under which it is recorded once. */
    clientId: uuid(),
    /** What the client calls its session. */
    session: text(),
    /** When it happened, as the client says; `created_at` is when it was recorded. */
    occurredAt: moment().notNull(),
    properties: jsonb().$type<Record<string, unknown>>().notNull().default({}),
  },
  (event) => [
    oneOf('analytics_events', event.source, eventSources),
    ofOrganization('analytics_events', event),
    foreignKey({
      name: 'analytics_events_workspace_id_fkey',
      columns: [event.organizationId, event.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    ownOutside('analytics_events'),
    unique('analytics_events_client_id_key').on(event.organizationId, event.userId, event.clientId),
    index('analytics_events_occurred_at_index').on(event.organizationId, event.occurredAt, event.id),
    index('analytics_events_created_at_index').on(event.organizationId, event.createdAt, event.id),
    index('analytics_events_name_index').on(event.organizationId, event.name, event.occurredAt, event.id),
    index('analytics_events_workspace_id_index').on(
      event.organizationId,
      event.workspaceId,
      event.occurredAt,
      event.id,
    ),
    index('analytics_events_user_id_index').on(event.organizationId, event.userId, event.occurredAt, event.id),
    index('analytics_events_session_index')
      .on(event.organizationId, event.session, event.occurredAt, event.id)
      .where(sql`${event.session} is not null`),
  ],
);
export type AnalyticsEventRow = typeof analyticsEvents.$inferSelect;

export const metricPeriods = ['HOURLY', 'DAILY', 'WEEKLY', 'MONTHLY'] as const;

/** A figure rolled up over one period of the organization's time zone. Rows of no workspace count all and are for those who hold all of them. */
export const metrics = tenantTable(
  'metrics',
  'workspace',
  {
    workspaceId: uuid(),
    name: text().notNull(),
    category: text().notNull(),
    period: word(metricPeriods).notNull(),
    /** When the period begins. */
    periodStart: moment().notNull(),
    value: numeric().notNull(),
    /** Rows that it was made from. */
    samples: bigint({ mode: 'number' }).notNull(),
  },
  (metric) => [
    oneOf('metrics', metric.period, metricPeriods),
    ofOrganization('metrics', metric),
    foreignKey({
      name: 'metrics_workspace_id_fkey',
      columns: [metric.organizationId, metric.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    unique('metrics_period_key')
      .on(metric.organizationId, metric.name, metric.period, metric.periodStart, metric.workspaceId)
      .nullsNotDistinct(),
    index('metrics_workspace_id_index').on(metric.organizationId, metric.workspaceId, metric.periodStart),
    index('metrics_period_start_index').on(metric.organizationId, metric.period, metric.periodStart, metric.id),
    index('metrics_all_period_start_index').on(metric.organizationId, metric.periodStart, metric.id),
  ],
);
export type MetricRow = typeof metrics.$inferSelect;

/**
 * Hours in which something that is counted has come, changed or gone: the metrics of their periods may be out of date. Triggers on what is counted write one row for each
 * statement and hour, in its transaction, and never wait for each other; who makes the metrics takes the rows away.
 */
export const staleWindows = tenantTable(
  'stale_windows',
  'organization',
  {
    /** What is counted: a table's name. */
    source: text().notNull(),
    /** Beginning of an hour, UTC. */
    hour: moment().notNull(),
  },
  (window) => [
    // No foreign key: each change of what is counted would check it. The erasure of an organization takes them by name.
    index('stale_windows_hour_index').on(window.organizationId, window.source, window.hour),
  ],
);

/** How the metrics of each source stand. */
export const rollUps = tenantTable(
  'roll_ups',
  'organization',
  {
    /** What is counted: a table's name. */
    source: text().notNull(),
    /** Before this, what is counted may have been removed for its age: metrics of periods that begin before stay as they are. Null: nothing has. */
    keptSince: moment(),
    /** Up to when what is counted has been looked through, where that is how changes are found; null: they are marked. */
    lookedUntil: moment(),
    /** The time zone that the metrics stand in; another one makes all of them anew. */
    timeZone: text().notNull(),
  },
  (rollUp) => [
    ofOrganization('roll_ups', rollUp),
    unique('roll_ups_source_key').on(rollUp.organizationId, rollUp.source),
  ],
);
