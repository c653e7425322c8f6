import { sql } from 'drizzle-orm';
import {
  bigint,
  boolean,
  check,
  foreignKey,
  index,
  integer,
  numeric,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { globalColumns, moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';

export const providerStatuses = ['ACTIVE', 'INACTIVE', 'DEPRECATED'] as const;
export const dialects = ['BUILTIN', 'OPENAI', 'ANTHROPIC', 'GOOGLE', 'OPENAI_COMPATIBLE'] as const;
export const modelTypes = ['TEXT', 'CODE', 'IMAGE', 'VOICE', 'VIDEO', 'EMBEDDING'] as const;
/** What a model can do beside writing. */
export const modelCapabilities = ['TOOLS'] as const;
export const executionStatuses = ['PENDING', 'SUCCESS', 'ERROR'] as const;

/** Whoever runs models: a company, a server of one's own, or Tessera itself. */
export const providers = pgTable(
  'providers',
  {
    ...globalColumns(),
    name: text().notNull(),
    slug: text().notNull(),
    description: text().notNull().default(''),
    website: text(),
    documentationUrl: text(),
    status: word(providerStatuses).notNull().default('ACTIVE'),
    /** The protocol it speaks. */
    dialect: word(dialects).notNull(),
    /** Where it answers; null: the dialect's own address. */
    baseUrl: text(),
  },
  (provider) => [
    unique('providers_name_key').on(provider.name),
    unique('providers_slug_key').on(provider.slug),
    oneOf('providers', provider.status, providerStatuses),
    oneOf('providers', provider.dialect, dialects),
  ],
);
export type ProviderRow = typeof providers.$inferSelect;

/** One model of a provider. */
export const models = pgTable(
  'models',
  {
    ...globalColumns(),
    providerId: uuid().notNull(),
    /** As the provider's API calls it. */
    name: text().notNull(),
    version: text().notNull().default(''),
    type: word(modelTypes).notNull(),
    capabilities: word(modelCapabilities).array().notNull().default([]),
    /** Tokens that question, passages, history and answer share. */
    contextWindow: integer().notNull(),
    /** US dollars for one token; null: unknown. */
    inputPrice: numeric({ precision: 18, scale: 12 }),
    outputPrice: numeric({ precision: 18, scale: 12 }),
    status: word(providerStatuses).notNull().default('ACTIVE'),
  },
  (model) => [
    unique('models_name_key').on(model.providerId, model.name, model.version),
    oneOf('models', model.type, modelTypes),
    oneOf('models', model.status, providerStatuses),
    check('models_context_window_check', sql`${model.contextWindow} > 0`),
    foreignKey({
      name: 'models_provider_id_fkey',
      columns: [model.providerId],
      foreignColumns: [providers.id],
    }).onDelete('cascade'),
  ],
);
export type ModelRow = typeof models.$inferSelect;

/** An organization's key for a provider, encrypted; only the last four characters are ever shown. */
export const providerKeys = tenantTable(
  'provider_keys',
  'organization',
  {
    providerId: uuid().notNull(),
    label: text().notNull(),
    /** JWE, compact serialization. */
    encryptedKey: text().notNull(),
    lastFour: text().notNull(),
    isDefault: boolean().notNull().default(false),
    lastUsedAt: moment(),
    createdById: uuid(),
  },
  (key) => [
    unique('provider_keys_label_key').on(key.organizationId, key.providerId, key.label),
    uniqueIndex('provider_keys_is_default_key')
      .on(key.organizationId, key.providerId)
      .where(sql`${key.isDefault}`),
    foreignKey({
      name: 'provider_keys_provider_id_fkey',
      columns: [key.providerId],
      foreignColumns: [providers.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'provider_keys_organization_id_fkey',
      columns: [key.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('provider_keys_provider_id_index').on(key.providerId),
    index('provider_keys_created_at_index').on(key.organizationId, key.createdAt, key.id),
  ],
);
export type ProviderKeyRow = Omit<typeof providerKeys.$inferSelect, 'encryptedKey'>;

/** One call of a model: what it was for, what it cost, how it ended. */
export const executionLogs = tenantTable(
  'execution_logs',
  'workspace',
  {
    workspaceId: uuid(),
    userId: uuid(),
    /** Names as they were at the time of the call. */
    providerName: text().notNull(),
    modelName: text().notNull(),
    modelId: uuid(),
    /** Which part of the product asked: `answer`, `embedding`, … */
    purpose: text().notNull(),
    /** What the call served, such as a message. */
    targetId: uuid(),
    status: word(executionStatuses).notNull().default('PENDING'),
    errorKind: text(),
    errorMessage: text(),
    inputTokens: integer().notNull().default(0),
    outputTokens: integer().notNull().default(0),
    /** US dollars, rated with the price at the time; null: unknown. */
    cost: numeric({ precision: 18, scale: 12 }),
    latencyMs: integer(),
    timeToFirstTokenMs: integer(),
  },
  (log) => [
    oneOf('execution_logs', log.status, executionStatuses),
    foreignKey({
      name: 'execution_logs_organization_id_fkey',
      columns: [log.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('execution_logs_created_at_index').on(log.organizationId, log.createdAt, log.id),
    index('execution_logs_target_id_index').on(log.organizationId, log.targetId),
  ],
);
export type ExecutionLogRow = typeof executionLogs.$inferSelect;

export const quotaSubjects = ['ORGANIZATION', 'WORKSPACE', 'USER', 'WIDGET', 'VISITOR', 'ADDRESS'] as const;
export const quotaMeasures = ['MESSAGES', 'TOKENS'] as const;

/** How much of a bound is used in one window of time. */
export const quotaCounters = tenantTable(
  'quota_counters',
  'organization',
  {
    subject: word(quotaSubjects).notNull(),
    /** Whose bound it is: an id, or for an address the hash of it. */
    subjectKey: text().notNull(),
    measure: word(quotaMeasures).notNull(),
    /** When the window begins and ends. */
    startsAt: moment().notNull(),
    endsAt: moment().notNull(),
    /** Settled, and promised to what is under way. */
    used: bigint({ mode: 'number' }).notNull().default(0),
    reserved: bigint({ mode: 'number' }).notNull().default(0),
  },
  (counter) => [
    oneOf('quota_counters', counter.subject, quotaSubjects),
    oneOf('quota_counters', counter.measure, quotaMeasures),
    check('quota_counters_amounts_check', sql`${counter.used} >= 0 and ${counter.reserved} >= 0`),
    unique('quota_counters_window_key').on(
      counter.organizationId,
      counter.subject,
      counter.subjectKey,
      counter.measure,
      counter.startsAt,
      counter.endsAt,
    ),
    foreignKey({
      name: 'quota_counters_organization_id_fkey',
      columns: [counter.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('quota_counters_ends_at_index').on(counter.organizationId, counter.endsAt),
  ],
);
export type QuotaCounterRow = typeof quotaCounters.$inferSelect;

/** What is promised to a call that is under way, until it is settled or its lease ends. */
export const quotaReservations = tenantTable(
  'quota_reservations',
  'organization',
  {
    counterId: uuid().notNull(),
    /** What it is for, such as an answer. */
    targetId: uuid().notNull(),
    amount: bigint({ mode: 'number' }).notNull(),
    leaseUntil: moment().notNull(),
  },
  (reservation) => [
    unique('quota_reservations_target_id_key').on(
      reservation.organizationId,
      reservation.targetId,
      reservation.counterId,
    ),
    check('quota_reservations_amount_check', sql`${reservation.amount} >= 0`),
    foreignKey({
      name: 'quota_reservations_counter_id_fkey',
      columns: [reservation.organizationId, reservation.counterId],
      foreignColumns: [quotaCounters.organizationId, quotaCounters.id],
    }).onDelete('cascade'),
    index('quota_reservations_counter_id_index').on(
      reservation.organizationId,
      reservation.counterId,
      reservation.leaseUntil,
    ),
  ],
);
