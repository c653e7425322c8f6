import { and, eq, gte, isNull, lt, sql, type SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { conditionOf, type Filterable } from '../../database/filter.ts';
import type { MetricDimension } from '../../generated/resolvers.ts';
import { documents } from '../content/tables.ts';
import { conversations, feedback, messages } from '../conversations/tables.ts';
import { callFilters, callsIn } from '../modelhub/usage.ts';
import { orders } from '../orders/tables.ts';
import { analyticsEvents, userActivities } from './tables.ts';

/** Which rows are counted: of an organization, from one moment on and before another, and what a filter says of them. */
export interface RowsWanted {
  readonly organizationId: string;
  readonly from: SQL;
  readonly to: SQL;
  readonly filter?: unknown;
}

/** Rows that something is counted of, by one of their times. */
export interface MeasuredRows {
  /** The table that they stand in. */
  readonly source: string;
  /** Selects them: when as `at`, the names of the dimensions, and what measures are made of. Their table's row policies hold. */
  readonly select: (wanted: RowsWanted) => SQL;
  /** What they can be grouped by: an id, a name or a word, as text. */
  readonly dimensions: Readonly<Partial<Record<MetricDimension, string>>>;
  /** What they can be told apart by, under the names that filters have. */
  readonly filters: Filterable;
  /**
   * The workspace whose figures that are rolled up they are in: whoever sees the workspace sees those, so it is null for rows that not everyone
   * there may see.
   */
  readonly workspace: string;
}

interface Described extends Omit<MeasuredRows, 'select' | 'source'> {
  readonly table: PgTable & { readonly organizationId: PgColumn };
  readonly at: PgColumn;
  /** Beside the time. */
  readonly columns: string;
  readonly where?: SQL;
}

const rowsOf = (source: string, { table, at, columns, where, filters, ...rest }: Described): MeasuredRows => ({
  ...rest,
  source,
  filters,
  select: ({ organizationId, from, to, filter }) => {
    const within = and(eq(table.organizationId, organizationId), gte(at, from), lt(at, to));
    return sql`select ${at} as at, ${sql.raw(columns)} from ${table} where ${and(within, where, conditionOf(filters, filter))}`;
  },
});

const ordersBy = (at: PgColumn): MeasuredRows =>
  rowsOf('orders', {
    table: orders,
    at,
    columns: 'created_at, completed_at, customer_id, origin_workspace_id, type, priority, status',
    where: isNull(orders.deletedAt),
    dimensions: {
      USER: 'customer_id::text',
      WORKSPACE: 'origin_workspace_id::text',
      ORDER_TYPE: 'type',
      ORDER_PRIORITY: 'priority',
      STATUS: 'status',
    },
    filters: {
      userId: orders.customerId,
      workspaceId: orders.originWorkspaceId,
      orderType: orders.type,
      orderPriority: orders.priority,
      status: orders.status,
    },
    workspace: 'origin_workspace_id',
  });

/** All rows that measures are made of. */
export const measuredRows = {
  activities: rowsOf('user_activities', {
    table: userActivities,
    at: userActivities.createdAt,
    columns: 'user_id, workspace_id, action, error, duration_ms',
    dimensions: { USER: 'user_id::text', WORKSPACE: 'workspace_id::text', ACTION: 'action' },
    filters: {
      userId: userActivities.userId,
      workspaceId: userActivities.workspaceId,
      action: userActivities.action,
    },
    // Somebody's activity is seen by them and by administrators.
    workspace: 'null::uuid',
  }),
  events: rowsOf('analytics_events', {
    table: analyticsEvents,
    at: analyticsEvents.occurredAt,
    columns: 'user_id, workspace_id, name',
    dimensions: { USER: 'user_id::text', WORKSPACE: 'workspace_id::text', EVENT_NAME: 'name' },
    filters: {
      userId: analyticsEvents.userId,
      workspaceId: analyticsEvents.workspaceId,
      eventName: analyticsEvents.name,
    },
    workspace: 'workspace_id',
  }),
  conversations: rowsOf('conversations', {
    table: conversations,
    at: conversations.createdAt,
    columns: 'user_id, workspace_id, status, channel',
    dimensions: { USER: 'user_id::text', WORKSPACE: 'workspace_id::text', STATUS: 'status', CHANNEL: 'channel' },
    filters: {
      userId: conversations.userId,
      workspaceId: conversations.workspaceId,
      status: conversations.status,
      channel: conversations.channel,
    },
    workspace: 'workspace_id',
  }),
  messages: rowsOf('messages', {
    table: messages,
    at: messages.createdAt,
    columns: 'sender_id, workspace_id, status, role, model, model_id',
    dimensions: {
      USER: 'sender_id::text',
      WORKSPACE: 'workspace_id::text',
      STATUS: 'status',
      MODEL: 'coalesce(model_id::text, model)',
    },
    filters: {
      userId: messages.senderId,
      workspaceId: messages.workspaceId,
      status: messages.status,
      modelId: messages.modelId,
    },
    workspace: 'workspace_id',
  }),
  feedback: rowsOf('feedback', {
    table: feedback,
    at: feedback.createdAt,
    columns: 'user_id, workspace_id, scale, score',
    dimensions: { USER: 'user_id::text', WORKSPACE: 'workspace_id::text' },
    filters: { userId: feedback.userId, workspaceId: feedback.workspaceId },
    workspace: 'workspace_id',
  }),
  documents: rowsOf('documents', {
    table: documents,
    at: documents.createdAt,
    columns: 'added_by_id, workspace_id, status, readers',
    dimensions: { USER: 'added_by_id::text', WORKSPACE: 'workspace_id::text', STATUS: 'status' },
    filters: { userId: documents.addedById, workspaceId: documents.workspaceId, status: documents.status },
    workspace: 'case when readers is null then workspace_id end',
  }),
  orders: ordersBy(orders.createdAt),
  completedOrders: ordersBy(orders.completedAt),
  cancelledOrders: ordersBy(orders.cancelledAt),
  calls: {
    source: 'execution_logs',
    select: callsIn,
    dimensions: {
      USER: 'user_id::text',
      WORKSPACE: 'workspace_id::text',
      MODEL: 'coalesce(model_id::text, model_name)',
      PROVIDER: 'coalesce(provider_id::text, provider_name)',
      PURPOSE: 'purpose',
      API_KEY: 'api_key_id::text',
      STATUS: 'status',
      KEY_SOURCE: 'key_source',
    },
    filters: callFilters,
    workspace: 'workspace_id',
  },
} as const satisfies Readonly<Record<string, MeasuredRows>>;
