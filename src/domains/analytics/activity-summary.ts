import { sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { decodeCursor } from '../../database/cursor.ts';
import { conditionOf } from '../../database/filter.ts';
import type { Connection } from '../../database/list.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { users } from '../identity/tables.ts';
import { memberships, organizations } from '../tenancy/tables.ts';
import type { UserActivitySummaryRow } from './activity-rows.ts';
import { engagementSource } from './engagement.ts';
import { forwardPage, requirePageSize } from './forward-page.ts';
import { rollUps, userActivities, userEngagements } from './tables.ts';
import { seesAll } from './user-sessions.ts';

interface SummaryAsked {
  readonly first: number;
  readonly after?: string | null;
  readonly filter?: unknown;
  readonly orderBy?: readonly { readonly field: OrderField; readonly direction?: 'ASC' | 'DESC' }[] | null;
}
type OrderField = 'NAME' | 'TOTAL_ACTIVITIES' | 'LAST_ACTIVITY';

const uuidText = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const digits = /^\d{1,15}$/;

/** Where a member stands in each order, what that is read from, and how a cursor holds it. */
const orders: Readonly<Record<OrderField, { place: SQL; type: SQL; pattern: RegExp; of: (org: string) => SQL }>> = {
  // Postgres text holds no NUL.
  NAME: { place: sql`${users.name}`, type: sql`text`, pattern: /^[^\0]*$/, of: () => sql`` },
  TOTAL_ACTIVITIES: {
    place: sql`counted.total`,
    type: sql`bigint`,
    pattern: digits,
    of: (organizationId) => counted(organizationId, sql`${memberships.userId}`),
  },
  LAST_ACTIVITY: {
    place: sql`coalesce((extract(epoch from newest.last) * 1000)::bigint, 0)`,
    type: sql`bigint`,
    pattern: digits,
    of: (organizationId) => newest(organizationId, sql`${memberships.userId}`),
  },
};

const filters = { userId: memberships.userId, role: memberships.role };

/**
 * From which day on requests are counted one by one, in which time zone; before it stand the sums of days, which are complete up to there.
 * Where no day was summed up yet, all are.
 */
const border = (organizationId: string): SQL => sql`
  select day, zone, coalesce(day::timestamp at time zone zone, '-infinity') as start from (
    select coalesce(${rollUps.timeZone}, ${organizations.settings} ->> 'timeZone', 'UTC') as zone,
      (${rollUps.lookedUntil} at time zone ${rollUps.timeZone})::date as day
    from ${organizations} left join ${rollUps} on ${rollUps.organizationId} = ${organizations.id} and ${rollUps.source} = ${engagementSource}
    where ${organizations.id} = ${organizationId}) as known`;

const counted = (organizationId: string, userId: SQL): SQL => sql`
  cross join lateral (
    select summed.total + live.total as total, summed.days + live.days as days
    from (
      select coalesce(sum(${userEngagements.requests}), 0)::bigint as total, count(*) filter (where ${userEngagements.requests} > 0) as days
      from ${userEngagements}
      where ${userEngagements.organizationId} = ${organizationId} and ${userEngagements.userId} = ${userId} and ${userEngagements.date} < border.day
    ) as summed, (
      select count(*) as total, count(distinct (${userActivities.createdAt} at time zone border.zone)::date) as days
      from ${userActivities}
      where ${userActivities.organizationId} = ${organizationId} and ${userActivities.userId} = ${userId} and ${userActivities.createdAt} >= border.start
    ) as live
  ) as counted`;

const newest = (organizationId: string, userId: SQL): SQL => sql`
  left join lateral (
    select ${userActivities.createdAt} as last from ${userActivities}
    where ${userActivities.organizationId} = ${organizationId} and ${userActivities.userId} = ${userId}
    order by ${userActivities.createdAt} desc, ${userActivities.id} desc limit 1
  ) as newest on true`;

/** Who is listed: all members for who sees what all did, else the viewer, whose zeros alone would be true. */
const listed = (context: Context, filter: SQL | undefined): SQL => sql`
  ${memberships.organizationId} = ${context.unit.organizationId}
  ${seesAll(context) ? sql`` : sql`and ${memberships.userId} = ${viewerOf(context).userId}`}
  ${filter === undefined ? sql`` : sql`and ${filter}`}`;

/**
 * One page of members with how active they are, in one statement: only the members of the page are counted, unless the order itself asks for the figures of all,
 * which come from the sums of days. Throws BadUserInput.
 */
export const userActivitySummary = async (
  context: Context,
  { first, after, filter, orderBy }: SummaryAsked,
): Promise<Connection<UserActivitySummaryRow>> => {
  const { unit } = context;
  const { organizationId } = unit;
  requirePageSize(first);
  if ((orderBy?.length ?? 0) > 1) throw new BadUserInput('orderBy', 'A list has one order; its id breaks ties.');
  const { field, direction = 'ASC' } = orderBy?.[0] ?? { field: 'NAME', direction: 'ASC' };
  const { place, type, pattern, of } = orders[field];
  const order = `${field} ${direction}`;
  const position = after ? decodeCursor('after', order, [pattern, uuidText], after) : null;
  const condition = listed(context, conditionOf(filters, filter));
  const way = sql.raw(direction);
  // Written out: the planner takes a page of unknown size for a tenth of all members, and compiles the statement for longer than it runs.
  const size = sql.raw(String(first + 1));
  const beyond =
    position === null
      ? sql``
      : sql`and (${place}, ${memberships.id}) ${sql.raw(direction === 'ASC' ? '>' : '<')} (${position[0]}::${type}, ${position[1]}::uuid)`;
  const rows = await unit.run(() =>
    database.execute<{ [Name in keyof PlacedRow]: PlacedRow[Name] }>(sql`
      select page.id, page.user_id as "userId", page.name, page.role, page.place::text as place,
        counted.total::float8 as "totalActivities", newest.last as "lastActivity", counted.days::integer as "activeDays"
      from (${border(organizationId)}) as border
      cross join lateral (
        select ${memberships.id}, ${memberships.userId}, ${memberships.role}, ${users.name}, ${place} as place
        from ${memberships} join ${users} on ${users.id} = ${memberships.userId} ${of(organizationId)}
        where ${condition} ${beyond}
        order by place ${way}, ${memberships.id} ${way} limit ${size}
      ) as page
      ${counted(organizationId, sql`page.user_id`)}
      ${newest(organizationId, sql`page.user_id`)}
      order by page.place ${way}, page.id ${way}`),
  );
  const total = async () => {
    const number = sql`select count(*)::integer as total from ${memberships} where ${condition}`;
    return sole(await unit.run(() => database.execute<{ total: number }>(number))).total;
  };
  const page = { first, after: position !== null, order };
  return forwardPage<PlacedRow>([...rows], page, (row) => [row.place, row.id], total);
};

interface PlacedRow extends UserActivitySummaryRow {
  readonly place: string;
}
