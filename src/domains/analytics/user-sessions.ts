import { sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { decodeCursor } from '../../database/cursor.ts';
import type { Connection } from '../../database/list.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Forbidden } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import type { UserSessionRow } from './activity-rows.ts';
import { forwardPage, requirePageSize } from './forward-page.ts';
import { userActivities } from './tables.ts';

/**
 * Requests that lie this far apart belong to different sessions: the time after which Google Analytics ends one,
 * https://support.google.com/analytics/answer/12798876.
 */
export const sessionGapMinutes = 30;

/**
 * Sessions as (user_id, day, begin, end, seconds, requests), of requests given as (user_id, day, created_at): those of one user and one day that
 * follow one another without a gap.
 */
export const sessionsIn = (requests: SQL): SQL => sql`
  select user_id, day, min(created_at) as begin, max(created_at) as "end",
    round(extract(epoch from max(created_at) - min(created_at)))::integer as seconds, count(*)::integer as requests
  from (
    select user_id, day, created_at, count(*) filter (where begins) over (partition by user_id, day order by created_at) as number
    from (
      select user_id, day, created_at, (created_at - lag(created_at) over (partition by user_id, day order by created_at)
        >= make_interval(mins => ${sql.raw(String(sessionGapMinutes))})) is not false as begins
      from (${requests}) as asked
    ) as spaced
  ) as numbered
  group by user_id, day, number`;

const maxDays = 31;
const dayMs = 86_400_000;
const order = 'user_sessions';
const moment = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})?\+00$/;

export interface SessionsAsked {
  readonly userId?: string | null;
  readonly from: string | Date;
  readonly to: string | Date;
  readonly first: number;
  readonly after?: string | null;
}

/** The sessions of a member in a time, oldest first, in one statement a page. Throws BadUserInput, Forbidden (another member's), NotFound. */
export const userSessions = async (context: Context, asked: SessionsAsked): Promise<Connection<UserSessionRow>> => {
  const { unit } = context;
  const { first, after } = asked;
  // The types say text; the server hands over what the scalar made of it.
  const [from, to] = [new Date(asked.from), new Date(asked.to)];
  if (to <= from) throw new BadUserInput('to', 'A time ends after it began.');
  if (to.getTime() - from.getTime() > maxDays * dayMs)
    throw new BadUserInput('to', `A time has up to ${maxDays} days.`);
  requirePageSize(first);
  const [place] = after ? decodeCursor('after', order, [moment], after) : [];
  const userId = await whose(context, asked.userId ?? null);
  const within = (beyond?: string) => sessionsIn(requestsOf(unit, userId, from, to, beyond));
  const rows = await unit.run(() =>
    database.execute<{ begin: string; end: string; seconds: number; requests: number }>(
      sql`select begin, "end", seconds, requests from (${within(place)}) as sessions order by begin limit ${first + 1}`,
    ),
  );
  const total = async () =>
    sole(
      await unit.run(() =>
        database.execute<{ total: number }>(sql`select count(*)::integer as total from (${within()}) as sessions`),
      ),
    ).total;
  return forwardPage<UserSessionRow>([...rows], { first, after: Boolean(after), order }, ({ end }) => [end], total);
};

/** A page begins behind the last request of the page before, where a new session begins in any case. */
const requestsOf = (unit: UnitOfWork, userId: string, from: Date, to: Date, beyond: string | undefined): SQL => sql`
  select ${userActivities.userId}, null::date as day, ${userActivities.createdAt} from ${userActivities}
  where ${userActivities.organizationId} = ${unit.organizationId} and ${userActivities.userId} = ${userId}
    and ${userActivities.createdAt} >= ${from.toISOString()} and ${userActivities.createdAt} < ${to.toISOString()}
    ${beyond === undefined ? sql`` : sql`and ${userActivities.createdAt} > ${beyond}`}`;

const whose = async (context: Context, userId: string | null): Promise<string> => {
  const viewer = viewerOf(context);
  if (userId === null || userId === viewer.userId) return viewer.userId;
  await found('User', userId, memberUserById(context.unit));
  if (!seesAll(context)) throw new Forbidden('ACTIVITY_READ', 'Only administrators see what others did.');
  return userId;
};

/** Whether the viewer sees what every member did, as row security has it. */
export const seesAll = ({ unit: { scope } }: Pick<Context, 'unit'>): boolean =>
  scope.organizationId !== null && scope.principals.includes(scope.organizationId);
