import { and, eq, getTableColumns, gte, lt, sql, type SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { globalId } from '../../ids.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import type { ExportWork } from './exporting.ts';
import {
  analyticsEvents,
  metricPeriods,
  metrics,
  userActivities,
  userEngagements,
  type AnalyticsEventRow,
  type MetricRow,
  type UserActivityRow,
  type UserEngagementRow,
} from './tables.ts';

/** Rows that are held at a time. */
export const pageSize = 500;

/** What a cell of a file holds before it is written. */
export type Cell = string | number | boolean | null;
/** Names of members by their ids. */
type Names = ReadonlyMap<string, { readonly name: string }>;

/** What stands in the file of one kind, as far as the unit sees it. */
export interface Sheet {
  readonly columns: readonly string[];
  /** How many rows there are now. */
  readonly count: (unit: UnitOfWork, work: ExportWork, timeZone: string) => Promise<number>;
  /** The rows in pages. `unitNow` gives the unit for each page. */
  readonly pages: (
    unitNow: () => Promise<UnitOfWork>,
    work: ExportWork,
    timeZone: string,
  ) => AsyncGenerator<readonly (readonly Cell[])[]>;
}

type Kept = PgTable & Record<'organizationId' | 'id', PgColumn>;

/** What stands in a row of the file, by the name of the column. */
export type Columns<Row> = Readonly<Record<string, (row: Row, names: Names) => Cell>>;

interface SheetOptions<Row> {
  readonly from: Kept;
  /** What the rows are ordered by, before their ids, in each of the parts. */
  readonly order: PgColumn;
  /** Conditions of one part after the other, each of which has an index in the order. */
  readonly parts: (work: ExportWork, timeZone: string) => readonly (SQL | undefined)[];
  readonly columns: Columns<Row>;
}

/** A sheet of the rows of a table, read in the order of an index. */
const sheetOf = <Row extends { id: string; userId?: string | null }>(options: SheetOptions<Row>): Sheet => {
  const { from, order, parts, columns } = options;
  const cells = Object.values(columns);
  const orderKey = keyOf(from, order);
  const within = (unit: UnitOfWork, part: SQL | undefined) => and(eq(from.organizationId, unit.organizationId), part);
  const count: Sheet['count'] = async (unit, work, timeZone) => {
    let total = 0;
    for (const part of parts(work, timeZone)) total += await unit.run(() => database.$count(from, within(unit, part)));
    await unit.rest();
    return total;
  };
  async function* pages(...[unitNow, work, timeZone]: Parameters<Sheet['pages']>) {
    for (const part of parts(work, timeZone)) {
      let after: Row | undefined;
      for (;;) {
        const unit = await unitNow();
        // The cast is safe: the key is that of the column.
        const last = after as Record<string, unknown> | undefined;
        const behind = last && sql`(${order}, ${from.id}) > (${last[orderKey]}, ${last.id})`;
        const rows = await unit.run(() =>
          database
            .select()
            .from(from)
            .where(and(within(unit, part), behind))
            .orderBy(order, from.id)
            .limit(pageSize),
        );
        // The cast is safe: the options name the row type of their table.
        const page = rows as unknown as Row[];
        const names = await namesOf(unit, page);
        await unit.rest();
        if (page.length > 0) yield page.map((row) => cells.map((cell) => cell(row, names)));
        if (page.length < pageSize) break;
        after = page.at(-1);
      }
    }
  }
  return { columns: Object.keys(columns), count, pages };
};

const keyOf = (table: PgTable, column: PgColumn): string => {
  const found = Object.entries(getTableColumns(table)).find(([, each]) => each === column);
  if (found === undefined) throw new Error('A sheet is ordered by a column of another table.');
  return found[0];
};

const namesOf = async (unit: UnitOfWork, rows: readonly { readonly userId?: string | null }[]): Promise<Names> => {
  const ids = new Set(rows.flatMap(({ userId }) => userId ?? []));
  return ids.size === 0 ? new Map() : memberUserById.all(unit, [...ids]);
};

const during = (column: PgColumn, { from, to }: ExportWork) => and(gte(column, from), lt(column, to));
const given = (column: PgColumn, value: string | null) => (value === null ? undefined : eq(column, value));

/** `2026-01-31T12:00:00.000Z` */
const momentCell = (at: string): string => new Date(at).toISOString();
/** A global id. */
export const idCell = (type: string, id: string | null): string | null => (id === null ? null : globalId(type, id));
/** Who did something, if they are members still. */
const whoColumns: Columns<{ readonly userId: string | null }> = {
  userId: ({ userId }) => idCell('User', userId),
  userName: ({ userId }, names) => (userId === null ? null : (names.get(userId)?.name ?? null)),
};
const workspaceColumn: Columns<{ readonly workspaceId: string | null }> = {
  workspaceId: ({ workspaceId }) => idCell('Workspace', workspaceId),
};

/** Days that begin in the time of an export; the first condition is for the index. */
export const daysOf = (column: PgColumn, { from, to }: ExportWork, timeZone: string): SQL =>
  sql`${column} between ${from}::timestamptz::date - 1 and ${to}::timestamptz::date + 1
    and ${column}::timestamp at time zone ${timeZone} >= ${from}::timestamptz
    and ${column}::timestamp at time zone ${timeZone} < ${to}::timestamptz`;

/** Requests of members, oldest first. */
export const activitySheet = sheetOf<UserActivityRow>({
  from: userActivities,
  order: userActivities.createdAt,
  parts: (work) => [
    and(
      during(userActivities.createdAt, work),
      given(userActivities.userId, work.filter.userId),
      given(userActivities.workspaceId, work.filter.workspaceId),
    ),
  ],
  columns: {
    createdAt: ({ createdAt }) => momentCell(createdAt),
    ...whoColumns,
    action: ({ action }) => action,
    operation: ({ operation }) => operation,
    mutation: ({ mutation }) => mutation,
    resourceType: ({ resourceType }) => resourceType,
    resourceId: ({ resourceType, resourceId }) =>
      resourceType === null ? resourceId : idCell(resourceType, resourceId),
    ...workspaceColumn,
    error: ({ error }) => error,
    durationMs: ({ durationMs }) => durationMs,
    requestId: ({ requestId }) => requestId,
    address: ({ address }) => address,
    userAgent: ({ userAgent }) => userAgent,
  },
});

/** Events, what happened first before the others. */
export const eventSheet = sheetOf<AnalyticsEventRow>({
  from: analyticsEvents,
  order: analyticsEvents.occurredAt,
  parts: (work) => [
    and(
      during(analyticsEvents.occurredAt, work),
      given(analyticsEvents.workspaceId, work.filter.workspaceId),
      given(analyticsEvents.userId, work.filter.userId),
      given(analyticsEvents.name, work.filter.name),
      given(analyticsEvents.source, work.filter.source),
    ),
  ],
  columns: {
    id: ({ id }) => idCell('AnalyticsEvent', id),
    occurredAt: ({ occurredAt }) => momentCell(occurredAt),
    createdAt: ({ createdAt }) => momentCell(createdAt),
    name: ({ name }) => name,
    source: ({ source }) => source,
    ...whoColumns,
    ...workspaceColumn,
    session: ({ session }) => session,
    clientId: ({ clientId }) => clientId,
    properties: ({ properties }) => JSON.stringify(properties),
  },
});

/** What members did day by day, the first day first. */
export const engagementSheet = sheetOf<UserEngagementRow>({
  from: userEngagements,
  order: userEngagements.date,
  parts: (work, timeZone) => [
    and(daysOf(userEngagements.date, work, timeZone), given(userEngagements.userId, work.filter.userId)),
  ],
  columns: {
    date: ({ date }) => date,
    ...whoColumns,
    requests: ({ requests }) => requests,
    sessions: ({ sessions }) => sessions,
    sessionSeconds: ({ sessionSeconds }) => sessionSeconds,
    pageViews: ({ pageViews }) => pageViews,
    conversations: ({ conversations }) => conversations,
    messages: ({ messages }) => messages,
    orders: ({ orders }) => orders,
  },
});

/** Metrics, one kind of period after the other, the first period first. */
export const metricSheet = sheetOf<MetricRow>({
  from: metrics,
  order: metrics.periodStart,
  parts: (work) =>
    metricPeriods
      .filter((period) => work.filter.period === null || work.filter.period === period)
      .map((period) =>
        and(
          eq(metrics.period, period),
          during(metrics.periodStart, work),
          given(metrics.workspaceId, work.filter.workspaceId),
          given(metrics.name, work.filter.name),
        ),
      ),
  columns: {
    period: ({ period }) => period,
    periodStart: ({ periodStart }) => momentCell(periodStart),
    name: ({ name }) => name,
    category: ({ category }) => category,
    ...workspaceColumn,
    value: ({ value }) => value,
    samples: ({ samples }) => samples,
  },
});
