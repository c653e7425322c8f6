import { sql } from 'drizzle-orm';
import {
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { organizations, workspaces } from '../tenancy/tables.ts';
import { datasources } from './datasource-tables.ts';
import { documents } from './tables.ts';

export const syncQueueStatuses = ['ACTIVE', 'PAUSED'] as const;
export const syncExecutionStatuses = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'UNCHANGED', 'FAILED', 'CANCELLED'] as const;
export const syncTriggers = ['SCHEDULE', 'REQUEST', 'RETRY'] as const;

/** When a datasource, or a single watched document, is to be brought up to date. */
export const syncQueues = tenantTable(
  'sync_queues',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    /** Exactly one of the two. */
    datasourceId: uuid(),
    documentId: uuid(),
    status: word(syncQueueStatuses).notNull().default('ACTIVE'),
    /** Why it is PAUSED, for a person. */
    pausedReason: text(),
    /** Crontab in UTC; null: as soon as it is stale. */
    schedule: text(),
    /** Seconds after which what was synced is out of date, at least 3,600; null with a schedule, or when it is synced on request alone. */
    staleAfterSeconds: integer(),
    /** Null: only on request, or paused. */
    nextSyncAt: moment(),
    lastSyncedAt: moment(),
    /** Runs that failed one after the other; five pause the queue. */
    failuresInARow: integer().notNull().default(0),
  },
  (queue) => [
    oneOf('sync_queues', queue.status, syncQueueStatuses),
    check('sync_queues_paused_reason_check', sql`(${queue.status} = 'PAUSED') = (${queue.pausedReason} is not null)`),
    check('sync_queues_target_check', sql`num_nonnulls(${queue.datasourceId}, ${queue.documentId}) = 1`),
    check('sync_queues_stale_after_seconds_check', sql`${queue.staleAfterSeconds} >= 3600`),
    check('sync_queues_schedule_check', sql`num_nonnulls(${queue.schedule}, ${queue.staleAfterSeconds}) <= 1`),
    foreignKey({
      name: 'sync_queues_workspace_id_fkey',
      columns: [queue.organizationId, queue.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'sync_queues_datasource_id_fkey',
      columns: [queue.organizationId, queue.datasourceId],
      foreignColumns: [datasources.organizationId, datasources.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'sync_queues_document_id_fkey',
      columns: [queue.organizationId, queue.documentId],
      foreignColumns: [documents.organizationId, documents.id],
    }).onDelete('cascade'),
    unique('sync_queues_datasource_id_key').on(queue.organizationId, queue.datasourceId),
    unique('sync_queues_document_id_key').on(queue.organizationId, queue.documentId),
    index('sync_queues_workspace_id_index').on(queue.organizationId, queue.workspaceId, queue.createdAt, queue.id),
  ],
);
export type SyncQueueRow = typeof syncQueues.$inferSelect;

/** One run of a sync queue: what it saw, what it changed, how it ended. */
export const syncExecutions = tenantTable(
  'sync_executions',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    queueId: uuid().notNull(),
    trigger: word(syncTriggers).notNull(),
    status: word(syncExecutionStatuses).notNull().default('QUEUED'),
    /** Why it FAILED, for a person. */
    failure: text(),
    requestedById: uuid(),
    jobId: uuid(),
    /** How far the source was read, null at the start: `from` is where its connector goes on, `end` that there is nothing more. */
    position: jsonb().$type<{ from?: Readonly<Record<string, unknown>>; end?: true }>(),
    found: integer().notNull().default(0),
    added: integer().notNull().default(0),
    updated: integer().notNull().default(0),
    unchanged: integer().notNull().default(0),
    removed: integer().notNull().default(0),
    failed: integer().notNull().default(0),
    /** Documents of this run that are still being read. */
    outstanding: integer().notNull().default(0),
    chunksReused: integer().notNull().default(0),
    chunksNew: integer().notNull().default(0),
    chunksRemoved: integer().notNull().default(0),
    startedAt: moment(),
    /** When the source had been read to its end. */
    fetchedAt: moment(),
    finishedAt: moment(),
  },
  (execution) => [
    oneOf('sync_executions', execution.status, syncExecutionStatuses),
    oneOf('sync_executions', execution.trigger, syncTriggers),
    check('sync_executions_failure_check', sql`(${execution.status} = 'FAILED') = (${execution.failure} is not null)`),
    foreignKey({
      name: 'sync_executions_queue_id_fkey',
      columns: [execution.organizationId, execution.queueId],
      foreignColumns: [syncQueues.organizationId, syncQueues.id],
    }).onDelete('cascade'),
    // One run at a time.
    uniqueIndex('sync_executions_open_key')
      .on(execution.organizationId, execution.queueId)
      .where(sql`${execution.status} in ('QUEUED', 'RUNNING')`),
    index('sync_executions_created_at_index').on(
      execution.organizationId,
      execution.queueId,
      execution.createdAt,
      execution.id,
    ),
  ],
);
export type SyncExecutionRow = typeof syncExecutions.$inferSelect;

/** Something of a datasource that could not be taken in, until it is or is no longer there. */
export const syncFailures = tenantTable(
  'sync_failures',
  'workspace',
  {
    workspaceId: uuid().notNull(),
    datasourceId: uuid().notNull(),
    externalId: text().notNull(),
    title: text(),
    sourceUri: text(),
    /** For a person. */
    reason: text().notNull(),
    attempts: integer().notNull().default(1),
    lastTriedAt: moment().notNull().defaultNow(),
  },
  (failure) => [
    unique('sync_failures_external_id_key').on(failure.organizationId, failure.datasourceId, failure.externalId),
    foreignKey({
      name: 'sync_failures_datasource_id_fkey',
      columns: [failure.organizationId, failure.datasourceId],
      foreignColumns: [datasources.organizationId, datasources.id],
    }).onDelete('cascade'),
    index('sync_failures_created_at_index').on(
      failure.organizationId,
      failure.datasourceId,
      failure.createdAt,
      failure.id,
    ),
  ],
);
export type SyncFailureRow = typeof syncFailures.$inferSelect;

/**
 * When which queue is due, asked before the tenant is known; written in the transaction that sets the queue's `next_sync_at`. While a run is under
 * way it says when to look after that.
 */
export const dueSyncs = pgTable(
  'due_syncs',
  {
    queueId: uuid().primaryKey(),
    organizationId: uuid().notNull(),
    dueAt: moment().notNull(),
  },
  (due) => [
    foreignKey({
      name: 'due_syncs_organization_id_fkey',
      columns: [due.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('due_syncs_due_at_index').on(due.dueAt),
    index('due_syncs_organization_id_index').on(due.organizationId),
  ],
);
