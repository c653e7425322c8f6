import { boolean, foreignKey, index, integer, jsonb, numeric, text, uniqueIndex, uuid } from 'drizzle-orm/pg-core';
import { sql } from 'drizzle-orm';
import { moment, oneOf, ownOutside, tenantTable, word } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';
import { modelTypes } from './tables.ts';

export const executionStatuses = ['PENDING', 'SUCCESS', 'ERROR', 'TIMEOUT'] as const;

/** US dollars. */
const dollars = () => numeric({ precision: 18, scale: 12 });

/**
 * One call of a model: what it was for, what it cost, how it ended. It is the ledger that quotas, bills and charts are reckoned from: a row is
 * written before the call and settled once.
 */
export const executionLogs = tenantTable(
  'execution_logs',
  'workspace',
  {
    workspaceId: uuid(),
    userId: uuid(),
    /** The API key that was shown; null: another credential, or none. */
    apiKeyId: uuid(),
    /** The groups that the user was in, whose bounds it counts for. */
    groupIds: uuid().array().notNull().default([]),
    /** Names as they were at the time of the call. */
    providerName: text().notNull(),
    modelName: text().notNull(),
    providerId: uuid(),
    modelId: uuid(),
    modelType: word(modelTypes).notNull().default('TEXT'),
    /** The key that it was called with: the organization's, or the platform's; both null where none is needed. */
    providerKeyId: uuid(),
    platformKeyId: uuid(),
    /** The routing rule that chose the model, of the organization or the platform; null: it was named, or nothing else was left. */
    ruleId: uuid(),
    /** Which of the route's deployments it was, counted from 1. */
    attempt: integer().notNull().default(1),
    /** Which part of the product asked: `answer`, `agent`, `embedding`, `prompt`, `chat`, `test`, … */
    purpose: text().notNull(),
    /** What the call served, such as a message. */
    targetId: uuid(),
    tags: text().array().notNull().default([]),
    status: word(executionStatuses).notNull().default('PENDING'),
    errorKind: text(),
    errorMessage: text(),
    inputTokens: integer().notNull().default(0),
    /** Of the input tokens, those that the provider had kept from an earlier call. */
    cachedInputTokens: integer().notNull().default(0),
    outputTokens: integer().notNull().default(0),
    /** The provider gave no figures, and these are our own count. */
    estimated: boolean().notNull().default(false),
    /** US dollars for one token, as they were at the time; null: unknown. */
    inputPrice: dollars(),
    cachedInputPrice: dollars(),
    outputPrice: dollars(),
    /** Rated with these prices; null: unknown. */
    cost: dollars(),
    latencyMs: integer(),
    timeToFirstTokenMs: integer(),
    /** Until when a PENDING call is believed to go on. */
    leaseUntil: moment(),
    endedAt: moment(),
  },
  (log) => [
    ownOutside('execution_logs'),
    oneOf('execution_logs', log.status, executionStatuses),
    oneOf('execution_logs', log.modelType, modelTypes),
    foreignKey({
      name: 'execution_logs_organization_id_fkey',
      columns: [log.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('execution_logs_created_at_index').on(log.organizationId, log.createdAt, log.id),
    index('execution_logs_target_id_index').on(log.organizationId, log.targetId),
    index('execution_logs_workspace_id_index').on(log.organizationId, log.workspaceId, log.createdAt, log.id),
    index('execution_logs_user_id_index').on(log.organizationId, log.userId, log.createdAt, log.id),
    index('execution_logs_model_id_index').on(log.organizationId, log.modelId, log.createdAt, log.id),
    index('execution_logs_api_key_id_index')
      .on(log.organizationId, log.apiKeyId, log.createdAt, log.id)
      .where(sql`${log.apiKeyId} is not null`),
    // Failures are few, and looked for among many.
    index('execution_logs_failed_index')
      .on(log.organizationId, log.createdAt, log.id)
      .where(sql`${log.status} in ('ERROR', 'TIMEOUT')`),
    index('execution_logs_lease_until_index')
      .on(log.organizationId, log.leaseUntil)
      .where(sql`${log.status} = 'PENDING'`),
  ],
);
export type ExecutionLogRow = typeof executionLogs.$inferSelect;

/** What a call said and what came back, where the organization keeps it. */
export const executionContents = tenantTable(
  'execution_contents',
  'granted',
  {
    /** Who called, and the organization's own id for its administrators. */
    readers: uuid().array().notNull(),
    executionId: uuid().notNull(),
    input: jsonb().$type<{ readonly text: string }>(),
    output: jsonb().$type<{ readonly text: string }>(),
  },
  (content) => [
    foreignKey({
      name: 'execution_contents_execution_id_fkey',
      columns: [content.organizationId, content.executionId],
      foreignColumns: [executionLogs.organizationId, executionLogs.id],
    }).onDelete('cascade'),
    uniqueIndex('execution_contents_execution_id_key').on(content.organizationId, content.executionId),
    index('execution_contents_created_at_index').on(content.organizationId, content.createdAt),
  ],
);
