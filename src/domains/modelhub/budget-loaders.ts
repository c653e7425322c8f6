import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { parseGlobalId } from '../../ids.ts';
import { budgets, quotaCounters } from './quota-tables.ts';

export const budgetById = loadOne(
  () =>
    database
      .select()
      .from(budgets)
      .where(and(eq(budgets.organizationId, bound.organizationId), sql`${budgets.id} = any(${bound.keys})`)),
  (budget) => budget.id,
);

const uuidOf = (id: unknown): string => parseGlobalId(String(id))?.uuid ?? nobody;
const nobody = '00000000-0000-0000-0000-000000000000';

/** A comparison with ids of several types, none of which is another's. */
const ofSubjects = (comparator: string, value: unknown) => {
  const ids = Array.isArray(value) ? value.map(uuidOf) : [uuidOf(value)];
  const isOne = sql`${budgets.subjectId} = any(${`{${ids.join(',')}}`}::uuid[])`;
  return comparator === 'eq' || comparator === 'in' ? isOne : sql`not ${isOne}`;
};

/** The budgets of the viewer's organization. */
export const budgetList = listOf({
  from: budgets,
  columns: getTableColumns(budgets),
  orders: { CREATED_AT: budgets.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  filters: { subject: budgets.subject, subjectId: ofSubjects, createdAt: budgets.createdAt },
});

const startsAt = sql<string>`app_window_start(${budgets.window}, now())`;
const endsAt = sql<string>`app_window_end(${budgets.window}, now())`;
const asMoment = (moment: typeof startsAt) =>
  sql<string>`to_char(${moment} at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"')`;

/** How budgets stand in their running windows, by their ids. Where nothing was called since a budget was made, the ledger says what was used before. */
export const budgetStateById = loadOne(
  () =>
    database
      .select({
        id: budgets.id,
        used: sql<string>`coalesce(${quotaCounters.used}, app_used(${budgets.organizationId}, row(
          ${budgets.subject}, ${budgets.subjectId}::text, ${budgets.measure}, ${budgets.window}, ${startsAt}, ${endsAt}, null, null
        )::app_bound, null))::text`.as('used'),
        reserved: sql<string>`coalesce(${quotaCounters.reserved}, 0)::text`.as('reserved'),
        startsAt: asMoment(startsAt).as('startsAt'),
        resetsAt: asMoment(endsAt).as('resetsAt'),
      })
      .from(budgets)
      .leftJoin(
        quotaCounters,
        and(
          eq(quotaCounters.organizationId, budgets.organizationId),
          eq(quotaCounters.subject, budgets.subject),
          sql`${quotaCounters.subjectKey} = ${budgets.subjectId}::text`,
          eq(quotaCounters.measure, budgets.measure),
          eq(quotaCounters.startsAt, startsAt),
          eq(quotaCounters.endsAt, endsAt),
        ),
      )
      .where(and(eq(budgets.organizationId, bound.organizationId), sql`${budgets.id} = any(${bound.keys})`)),
  (state) => state.id,
);
