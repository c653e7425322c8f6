import { sql } from 'drizzle-orm';
import { check, foreignKey, index, integer, numeric, pgTable, unique, text, uuid } from 'drizzle-orm/pg-core';
import { globalColumns, moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';
import { platformProviderKeys } from './tables.ts';

/** Whom a bound holds for. */
export const quotaSubjects = [
  'ORGANIZATION',
  'WORKSPACE',
  'GROUP',
  'USER',
  'API_KEY',
  'PROVIDER_KEY',
  'WIDGET',
  'VISITOR',
  'ADDRESS',
] as const;
/** What is counted: questions, model tokens, US dollars, calls of models. */
export const quotaMeasures = ['MESSAGES', 'TOKENS', 'COST', 'REQUESTS'] as const;

/** Whom a budget can be for, and what of. */
export const budgetSubjects = ['ORGANIZATION', 'WORKSPACE', 'GROUP', 'USER', 'API_KEY', 'PROVIDER_KEY'] as const;
export const budgetMeasures = ['TOKENS', 'COST', 'REQUESTS'] as const;
export const budgetWindows = ['MINUTE', 'HOUR', 'DAY', 'WEEK', 'MONTH'] as const;

/** Dollars, tokens or calls: whole numbers and parts of a dollar stand in one column. */
const amount = () => numeric({ precision: 30, scale: 12, mode: 'string' });

/** How much of something models may use up for somebody in each window of time. */
export const budgets = tenantTable(
  'budgets',
  'organization',
  {
    subject: word(budgetSubjects).notNull(),
    /** Whose it is: the id of the organization, workspace, group, user, API key or provider key. */
    subjectId: uuid().notNull(),
    measure: word(budgetMeasures).notNull(),
    window: word(budgetWindows).notNull(),
    limit: amount().notNull(),
    /** Percentages of the limit at which the organization is warned, in ascending order. */
    warnAt: integer().array().notNull().default([80]),
    createdById: uuid(),
  },
  (budget) => [
    oneOf('budgets', budget.subject, budgetSubjects),
    oneOf('budgets', budget.measure, budgetMeasures),
    oneOf('budgets', budget.window, budgetWindows),
    check('budgets_limit_check', sql`${budget.limit} >= 0`),
    unique('budgets_subject_key').on(budget.organizationId, budget.subjectId, budget.measure, budget.window),
    foreignKey({
      name: 'budgets_organization_id_fkey',
      columns: [budget.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    index('budgets_created_at_index').on(budget.organizationId, budget.createdAt, budget.id),
  ],
);
export type BudgetRow = typeof budgets.$inferSelect;

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
    used: amount().notNull().default('0'),
    reserved: amount().notNull().default('0'),
    /** The highest percentage of a budget's limit that was warned of in this window. */
    warned: integer().notNull().default(0),
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
    amount: amount().notNull(),
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

/** How much was spent with a key of the platform in one window of time, by all organizations together. US dollars. */
export const platformKeyCounters = pgTable(
  'platform_key_counters',
  {
    ...globalColumns(),
    platformKeyId: uuid().notNull(),
    startsAt: moment().notNull(),
    endsAt: moment().notNull(),
    used: amount().notNull().default('0'),
    reserved: amount().notNull().default('0'),
  },
  (counter) => [
    unique('platform_key_counters_window_key').on(counter.platformKeyId, counter.startsAt, counter.endsAt),
    check('platform_key_counters_amounts_check', sql`${counter.used} >= 0 and ${counter.reserved} >= 0`),
    foreignKey({
      name: 'platform_key_counters_platform_key_id_fkey',
      columns: [counter.platformKeyId],
      foreignColumns: [platformProviderKeys.id],
    }).onDelete('cascade'),
  ],
);

/** What of it is promised to a call that is under way, until it is settled or its lease ends. */
export const platformKeyReservations = pgTable(
  'platform_key_reservations',
  {
    ...globalColumns(),
    counterId: uuid().notNull(),
    /** The call. */
    executionId: uuid().notNull(),
    amount: amount().notNull(),
    leaseUntil: moment().notNull(),
  },
  (reservation) => [
    unique('platform_key_reservations_execution_id_key').on(reservation.executionId, reservation.counterId),
    check('platform_key_reservations_amount_check', sql`${reservation.amount} >= 0`),
    foreignKey({
      name: 'platform_key_reservations_counter_id_fkey',
      columns: [reservation.counterId],
      foreignColumns: [platformKeyCounters.id],
    }).onDelete('cascade'),
    index('platform_key_reservations_counter_id_index').on(reservation.counterId, reservation.leaseUntil),
  ],
);
