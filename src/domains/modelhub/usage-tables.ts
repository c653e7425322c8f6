import { bigint, date, foreignKey, integer, numeric, text, unique, uuid } from 'drizzle-orm/pg-core';
import { oneOf, ownOutside, tenantTable, word } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';

/** How a call can have ended. */
export const endStatuses = ['SUCCESS', 'ERROR', 'TIMEOUT'] as const;
/** Whose key a call was made with; NONE where none is needed. */
export const keySources = ['ORGANIZATION', 'PLATFORM', 'NONE'] as const;

const count = () => bigint({ mode: 'bigint' }).notNull();

/**
 * What calls of models come to that are not kept one by one any more: their sums by day of UTC and by everything that usage is grouped by. A call
 * stands in the log or in these sums, never in both, so that what both come to stays the same, to the last digit.
 */
export const modelUsageDays = tenantTable(
  'model_usage_days',
  'workspace',
  {
    day: date({ mode: 'string' }).notNull(),
    workspaceId: uuid(),
    userId: uuid(),
    apiKeyId: uuid(),
    providerId: uuid(),
    modelId: uuid(),
    /** Names as they were at the time of the calls. */
    providerName: text().notNull(),
    modelName: text().notNull(),
    purpose: text().notNull(),
    status: word(endStatuses).notNull(),
    keySource: word(keySources).notNull(),
    calls: integer().notNull(),
    /** Of the calls, those whose cost nobody knows, and those whose tokens are our own count. */
    unratedCalls: integer().notNull(),
    estimatedCalls: integer().notNull(),
    inputTokens: count(),
    cachedInputTokens: count(),
    outputTokens: count(),
    /** US dollars of the calls whose cost is known. */
    cost: numeric({ precision: 30, scale: 12 }).notNull(),
    /** Of the calls whose time was taken: how many, and how many milliseconds together. */
    timedCalls: integer().notNull(),
    latencyMs: count(),
  },
  (usage) => [
    ownOutside('model_usage_days'),
    oneOf('model_usage_days', usage.status, endStatuses),
    oneOf('model_usage_days', usage.keySource, keySources),
    unique('model_usage_days_day_key')
      .on(
        usage.organizationId,
        usage.day,
        usage.workspaceId,
        usage.userId,
        usage.apiKeyId,
        usage.providerId,
        usage.modelId,
        usage.providerName,
        usage.modelName,
        usage.purpose,
        usage.status,
        usage.keySource,
      )
      .nullsNotDistinct(),
    foreignKey({
      name: 'model_usage_days_organization_id_fkey',
      columns: [usage.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
  ],
);
