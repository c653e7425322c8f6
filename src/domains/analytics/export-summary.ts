import { and, eq, gt, sql, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { users } from '../identity/tables.ts';
import { memberships } from '../tenancy/tables.ts';
import { daysOf, idCell, pageSize, type Cell, type Sheet } from './export-reading.ts';
import type { ExportWork } from './exporting.ts';
import { userEngagements } from './tables.ts';

/** Members whose days the unit sees: oneself, and for administrators everybody. Without the condition those of others would stand there with nothing done. */
const seen = (unit: UnitOfWork, { filter }: ExportWork): SQL | undefined =>
  and(
    eq(memberships.organizationId, unit.organizationId),
    filter.userId === null ? undefined : eq(memberships.userId, filter.userId),
    unit.scope.principals.includes(unit.organizationId) || unit.scope.userId === null
      ? undefined
      : eq(memberships.userId, unit.scope.userId),
  );

const sum = (column: PgColumn, name: string) => sql<number>`coalesce(sum(${column}), 0)::float8`.as(name);

const page = (unit: UnitOfWork, work: ExportWork, timeZone: string, after: string | undefined) => {
  const done = database
    .select({
      activeDays: sql<number>`count(*)::integer`.as('active_days'),
      requests: sum(userEngagements.requests, 'requests'),
      sessions: sum(userEngagements.sessions, 'sessions'),
      sessionSeconds: sum(userEngagements.sessionSeconds, 'session_seconds'),
      pageViews: sum(userEngagements.pageViews, 'page_views'),
      conversations: sum(userEngagements.conversations, 'conversations'),
      messages: sum(userEngagements.messages, 'messages'),
      orders: sum(userEngagements.orders, 'orders'),
      lastDate: sql<string | null>`max(${userEngagements.date})::text`.as('last_date'),
    })
    .from(userEngagements)
    .where(
      and(
        eq(userEngagements.organizationId, memberships.organizationId),
        eq(userEngagements.userId, memberships.userId),
        daysOf(userEngagements.date, work, timeZone),
      ),
    )
    .as('done');
  return unit.run(() =>
    database
      .select({ userId: memberships.userId, userName: users.name, role: memberships.role, ...done._.selectedFields })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .crossJoinLateral(done)
      .where(and(seen(unit, work), after === undefined ? undefined : gt(memberships.userId, after)))
      .orderBy(memberships.userId)
      .limit(pageSize),
  );
};

type SummaryRow = Awaited<ReturnType<typeof page>>[number];

const columns = {
  userId: ({ userId }) => idCell('User', userId),
  userName: ({ userName }) => userName,
  role: ({ role }) => role,
  activeDays: ({ activeDays }) => activeDays,
  requests: ({ requests }) => requests,
  sessions: ({ sessions }) => sessions,
  sessionSeconds: ({ sessionSeconds }) => sessionSeconds,
  pageViews: ({ pageViews }) => pageViews,
  conversations: ({ conversations }) => conversations,
  messages: ({ messages }) => messages,
  orders: ({ orders }) => orders,
  lastDate: ({ lastDate }) => lastDate,
} satisfies Record<string, (row: SummaryRow) => Cell>;

/** Sums for each member, also for those with none, from what they did day by day. */
export const summarySheet: Sheet = {
  columns: Object.keys(columns),
  count: async (unit, work) => {
    const total = await unit.run(() => database.$count(memberships, seen(unit, work)));
    await unit.rest();
    return total;
  },
  pages: async function* (unitNow, work, timeZone) {
    let after: string | undefined;
    for (;;) {
      const unit = await unitNow();
      const rows = await page(unit, work, timeZone, after);
      await unit.rest();
      if (rows.length > 0) yield rows.map((row) => Object.values(columns).map((cell) => cell(row)));
      if (rows.length < pageSize) return;
      after = rows.at(-1)?.userId;
    }
  },
};
