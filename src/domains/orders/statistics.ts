import { and, eq, gte, isNull, lt, sql } from 'drizzle-orm';
import { date, integer, numeric, pgView, text, uuid } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { isTimeZone } from '../tenancy/time-zone.ts';
import type { OrderStatisticsRow } from './rows.ts';
import { orders } from './tables.ts';

/** The last 30 days by day of UTC, type and status, as whoever asks sees the orders; a migration makes it. */
export const orderStatisticsView = pgView('order_statistics', {
  organizationId: uuid().notNull(),
  date: date({ mode: 'string' }).notNull(),
  type: text().notNull(),
  status: text().notNull(),
  count: integer().notNull(),
  meanHoursToCompletion: numeric(),
}).existing();

const maxDays = 400;
const dayMs = 86_400_000;

/**
 * How many orders there are that the viewer sees, by the day on which they were opened, type and status, with the mean time to completion: of a range of days in a time
 * zone, or without one of the last 30 days of UTC. One statement. Throws BadUserInput.
 */
export const orderStatistics = async (
  unit: UnitOfWork,
  { from, to, timeZone }: { readonly from?: string | null; readonly to?: string | null; readonly timeZone: string },
): Promise<OrderStatisticsRow[]> => {
  const rows =
    typeof from === 'string' && typeof to === 'string'
      ? await inRange(unit, from, to, timeZone)
      : await lastDays(unit, from, to, timeZone);
  return rows.map(({ mean, ...row }) =>
    Object.assign(row, { meanHoursToCompletion: mean === null ? null : Number(mean) }),
  );
};

const lastDays = (unit: UnitOfWork, from: unknown, to: unknown, timeZone: string) => {
  if (typeof from === 'string' || typeof to === 'string')
    throw new BadUserInput(typeof from === 'string' ? 'to' : 'from', 'A range has both of its ends, or neither.');
  if (timeZone !== 'UTC')
    throw new BadUserInput('timeZone', 'The last 30 days are those of UTC; name a range for another time zone.');
  const { date: day, type, status, count } = orderStatisticsView;
  return unit.run(() =>
    database
      .select({ date: day, type, status, count, mean: orderStatisticsView.meanHoursToCompletion })
      .from(orderStatisticsView)
      .where(eq(orderStatisticsView.organizationId, unit.organizationId))
      .orderBy(day, type, status),
  );
};

const inRange = (unit: UnitOfWork, from: string, to: string, timeZone: string) => {
  const days = (Date.parse(to) - Date.parse(from)) / dayMs + 1;
  if (days < 1 || days > maxDays) throw new BadUserInput('to', `A range has 1 to ${maxDays} days.`);
  if (!isTimeZone(timeZone)) throw new BadUserInput('timeZone', 'There is no such IANA time zone.');
  const day = sql<string>`(${orders.createdAt} at time zone ${timeZone})::date::text`.as('day');
  const start = (date: string) => sql`(${date}::date::timestamp at time zone ${timeZone})`;
  return unit.run(() =>
    database
      .select({
        date: day,
        type: orders.type,
        status: orders.status,
        count: sql<number>`count(*)::integer`,
        mean: sql<string | null>`avg(extract(epoch from ${orders.completedAt} - ${orders.createdAt})) / 3600`,
      })
      .from(orders)
      .where(
        and(
          eq(orders.organizationId, unit.organizationId),
          isNull(orders.deletedAt),
          gte(orders.createdAt, start(from)),
          lt(orders.createdAt, sql`((${to}::date + 1)::timestamp at time zone ${timeZone})`),
        ),
      )
      .groupBy(sql`day`, orders.type, orders.status)
      .orderBy(sql`day`, orders.type, orders.status),
  );
};
