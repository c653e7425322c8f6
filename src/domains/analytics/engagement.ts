import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { conversations, messages } from '../conversations/tables.ts';
import { orders } from '../orders/tables.ts';
import { memberships } from '../tenancy/tables.ts';
import { analyticsEvents, rollUps, userActivities, userEngagements } from './tables.ts';
import { sessionsIn } from './user-sessions.ts';

/** Under which it stands among the roll-ups up to when days were made. */
export const engagementSource = 'user_engagements';

/** The event that counts as a page seen. */
const pageView = 'page_view';
/** How long a row may take from its own time until others see it. What came up to so long before the last look is looked at again. */
const latenessMs = 3_600_000;
/** Days that are made at first, when there are none yet. */
const firstDays = 90;
/** Days that one transaction makes. */
const atOnce = 31;

/** What the days are to be made from. Days are text, `2026-03-29`. */
interface Plan {
  readonly days: readonly string[];
  /** Whether they are made anew from nothing: there are none yet, or they stand in another time zone. */
  readonly anew: boolean;
  readonly lookedUntil: string;
  /** The days of the oldest request and page view that are kept. What was counted up to there may be gone since. */
  readonly oldestActivity: string | null;
  readonly oldestPageView: string | null;
}

/**
 * Makes the days anew on which something came that they count, in the organization's time zone, and gives their number. Late rows are found by when they
 * were recorded. Made twice, or by two at a time, a day comes to the same. The unit sees the whole organization.
 */
export const makeEngagements = async (unit: UnitOfWork, timeZone: string, signal: AbortSignal): Promise<number> => {
  const plan = await planned(unit, timeZone);
  await unit.rest();
  for (let at = 0; at < plan.days.length; at += atOnce) {
    if (signal.aborted) return at;
    await makeDays(unit, plan.days.slice(at, at + atOnce), timeZone, plan);
  }
  if (plan.days.length > 0 || plan.anew) await remember(unit, timeZone, plan.lookedUntil);
  return plan.days.length;
};

const planned = async (unit: UnitOfWork, timeZone: string): Promise<Plan> => {
  const { organizationId } = unit;
  const [made] = await unit.run(() =>
    database
      .select({ lookedUntil: rollUps.lookedUntil, timeZone: rollUps.timeZone })
      .from(rollUps)
      .where(and(eq(rollUps.organizationId, organizationId), eq(rollUps.source, engagementSource))),
  );
  const anew = made?.timeZone !== timeZone;
  const from = new Date(made?.lookedUntil ?? 0);
  const dayOf = (time: SQL | typeof userActivities.createdAt) => sql`(${time} at time zone ${timeZone})::date`;
  const oldestActivity = sql`(select ${dayOf(sql`min(${userActivities.createdAt})`)} from ${userActivities} where ${userActivities.organizationId} = ${organizationId})`;
  const oldestPageView = sql`(select ${dayOf(sql`min(${analyticsEvents.occurredAt})`)} from ${analyticsEvents}
    where ${analyticsEvents.organizationId} = ${organizationId} and ${analyticsEvents.name} = ${pageView})`;
  const today = dayOf(sql`now()`);
  const first = sql`(select min(${userEngagements.date}) from ${userEngagements} where ${userEngagements.organizationId} = ${organizationId})`;
  // Days from before the oldest request that is kept cannot be counted again and stay as they are, in the zone they were counted in. Those of the other
  // zone may lead it by a day.
  const all = sql`select generate_series(
      case when first is null then today - ${firstDays}::integer when first < oldest - 1 then oldest + 1 else least(first, oldest) end,
      today + 1, '1 day')::date as day
    from (select ${first} as first, ${today} as today, ${oldestActivity} as oldest) as known`;
  const days = anew ? all : changedDays(organizationId, timeZone, from);
  const { rows, ...rest } = sole(
    await unit.run(() =>
      database.execute<{
        rows: string[];
        lookedUntil: string;
        oldestActivity: string | null;
        oldestPageView: string | null;
      }>(sql`
        select array(select day::text from (${days}) as days order by day) as rows,
          now() - make_interval(secs => ${latenessMs / 1000}::integer) as "lookedUntil",
          ${oldestActivity}::text as "oldestActivity", ${oldestPageView}::text as "oldestPageView"`),
    ),
  );
  return { days: rows, anew, ...rest };
};

/** The least id that a row made at a time can have: ids begin with the time (UUIDv7). The keys of tables so find rows by time, without an index of their own. */
const firstId = (time: SQL): SQL =>
  sql`(lpad(to_hex((extract(epoch from ${time}) * 1000)::bigint), 12, '0') || '70008000000000000000')::uuid`;

/** What counts by when its row was made: its table, and who made it. */
const made = [
  { counts: 'conversations', table: conversations, userId: conversations.userId },
  { counts: 'messages', table: messages, userId: messages.senderId },
  { counts: 'orders', table: orders, userId: orders.createdById },
] as const;

/** An id is made a moment before or after the row's own time. */
const aMoment = sql`interval '1 hour'`;

const changedDays = (organizationId: string, timeZone: string, from: Date): SQL => {
  const since = sql`${from.toISOString()}::timestamptz`;
  const rest = made.map(
    ({ table, userId }) => sql`union all select ${table.createdAt} from ${table}
      where ${table.organizationId} = ${organizationId} and ${table.id} >= ${firstId(sql`${since} - ${aMoment}`)}
        and ${table.createdAt} >= ${since} and ${userId} is not null`,
  );
  return sql`select distinct (at at time zone ${timeZone})::date as day from (
    select ${userActivities.createdAt} as at from ${userActivities}
    where ${userActivities.organizationId} = ${organizationId} and ${userActivities.createdAt} >= ${since}
    union all select ${analyticsEvents.occurredAt} from ${analyticsEvents}
    where ${analyticsEvents.organizationId} = ${organizationId} and ${analyticsEvents.createdAt} >= ${since}
      and ${analyticsEvents.name} = ${pageView} and ${analyticsEvents.userId} is not null
    ${sql.join(rest, sql` `)}) as changed`;
};

const figures = [
  'sessions',
  'session_seconds',
  'requests',
  'page_views',
  'conversations',
  'messages',
  'orders',
] as const;

/** Rows (user_id, day, one column for each figure) that hold one figure and zeros for the others. */
const counting = (figure: (typeof figures)[number], rows: SQL): SQL => {
  const columns = figures.map((each) => (each === figure ? sql`count(*)` : sql`0`));
  return sql`select user_id, day, ${sql.join(columns, sql`, `)} from (${rows}) as counted where user_id is not null group by user_id, day`;
};

const makeDays = (unit: UnitOfWork, days: readonly string[], timeZone: string, plan: Plan): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    const lock = `${engagementSource} ${organizationId}`;
    await database.execute(sql`select pg_advisory_xact_lock(hashtextextended(${lock}, 0))`);
    const those = sql`${`{${days.join()}}`}::date[]`;
    if (plan.anew)
      await database
        .delete(userEngagements)
        .where(and(eq(userEngagements.organizationId, organizationId), sql`${userEngagements.date} = any(${those})`));
    const requests = sql`select ${userActivities.userId}, day, ${userActivities.createdAt} from days join ${userActivities}
      on ${userActivities.organizationId} = ${organizationId} and ${userActivities.createdAt} >= begins and ${userActivities.createdAt} < ends`;
    const pageViews = sql`select ${analyticsEvents.userId}, day from days join ${analyticsEvents}
      on ${analyticsEvents.organizationId} = ${organizationId} and ${analyticsEvents.name} = ${pageView}
        and ${analyticsEvents.occurredAt} >= begins and ${analyticsEvents.occurredAt} < ends`;
    const rest = made.map(({ counts, table, userId }) =>
      counting(
        counts,
        sql`select ${userId} as user_id, day from days join ${table}
          on ${table.organizationId} = ${organizationId} and ${table.createdAt} >= begins and ${table.createdAt} < ends
            and ${table.id} >= ${firstId(sql`begins - ${aMoment}`)} and ${table.id} < ${firstId(sql`ends + ${aMoment}`)}`,
      ),
    );
    const named = (make: (figure: string) => SQL) => sql.join(figures.map(make), sql`, `);
    await database.execute(sql`
      with days as (
        select day, day::timestamp at time zone ${timeZone} as begins, (day + 1)::timestamp at time zone ${timeZone} as ends
        from unnest(${those}) as day
      ),
      counted (user_id, day, ${sql.raw(figures.join())}) as (
        select user_id, day, count(*), sum(seconds), sum(requests), 0, 0, 0, 0 from (${sessionsIn(requests)}) as sessions group by user_id, day
        union all ${counting('page_views', pageViews)}
        union all ${sql.join(rest, sql` union all `)}
      ),
      summed as (
        select user_id, day, ${named((figure) => sql.raw(`sum(${figure})::integer as ${figure}`))} from counted group by user_id, day
      )
      insert into ${userEngagements} (organization_id, id, user_id, date, ${sql.raw(figures.join())})
      select ${organizationId}::uuid, app_new_id(), summed.user_id, day, ${named((figure) => sql.raw(figure))}
      from summed join ${memberships} on ${memberships.organizationId} = ${organizationId} and ${memberships.userId} = summed.user_id
      order by summed.user_id, day for key share of ${memberships}
      on conflict (organization_id, user_id, date) do update set ${named((figure) => replaced(figure, plan))}`);
  });

/**
 * What takes the place of a figure: the new one, where all is there that was counted before. Where some of it may be gone, such as requests that are no longer
 * kept, the greater one.
 */
const replaced = (figure: string, { oldestActivity, oldestPageView }: Plan): SQL => {
  const oldest = figure === 'page_views' ? oldestPageView : oldestActivity;
  const column = sql.raw(figure);
  const greater = sql`greatest(user_engagements.${column}, excluded.${column})`;
  return made.some(({ counts }) => counts === figure)
    ? sql`${column} = ${greater}`
    : sql`${column} = case when user_engagements.date > ${oldest}::date then excluded.${column} else ${greater} end`;
};

const remember = async (unit: UnitOfWork, timeZone: string, lookedUntil: string): Promise<void> => {
  await unit.transact(({ organizationId }) =>
    database
      .insert(rollUps)
      .values({ organizationId, source: engagementSource, lookedUntil, timeZone })
      .onConflictDoUpdate({ target: [rollUps.organizationId, rollUps.source], set: { lookedUntil, timeZone } }),
  );
};
