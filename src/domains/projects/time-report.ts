import { and, desc, eq, gte, isNotNull, lt, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { BadUserInput } from '../../errors.ts';
import type { QueryTimeReportArgs, TimeReportGrouping } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { isTimeZone } from '../tenancy/time-zone.ts';
import { projectById, projectsUnit } from './project-loaders.ts';
import { standingOf } from './project-standing.ts';
import type { TimeReportRow } from './time-rows.ts';
import { timeEntries } from './time-tables.ts';

const maxDays = 400;
const maxGroups = 500;
const dayMs = 86_400_000;

/** With the defaults of the schema. */
type Asked = Required<QueryTimeReportArgs>;

/** Time tracked in a project, by groups. The sums are one statement. Throws BadUserInput, NotFound. */
export const timeReport = async (context: Context, args: Asked): Promise<TimeReportRow> => {
  const { from, to, timeZone, groupBy, projectId } = args;
  const days = (Date.parse(to) - Date.parse(from)) / dayMs + 1;
  if (days < 1 || days > maxDays) throw new BadUserInput('to', `A report has 1 to ${maxDays} days.`);
  if (!isTimeZone(timeZone)) throw new BadUserInput('timeZone', 'There is no such IANA time zone.');
  const unit = projectsUnit(context);
  const project = await found('Project', projectId, projectById(unit));
  const isManager = (await standingOf(context, project)) === 'MANAGES';
  const rows = await unit.run(() => sums(unit.organizationId, args));
  const groups = rows.slice(0, maxGroups).map(({ key, hours, cost, entries }) => ({
    userId: groupBy === 'USER' ? key : null,
    taskId: groupBy === 'TASK' ? key : null,
    day: groupBy === 'DAY' ? key : null,
    hours,
    cost: isManager ? cost : null,
    entries,
  }));
  const [first] = rows;
  return {
    hours: first?.allHours ?? '0',
    cost: isManager ? (first?.allCost ?? '0') : null,
    entries: first?.allEntries ?? 0,
    groups,
    truncated: rows.length > maxGroups,
  };
};

const keys = (timeZone: string): Readonly<Record<TimeReportGrouping, SQL<string>>> => ({
  USER: sql`${timeEntries.userId}::text`,
  TASK: sql`${timeEntries.taskId}::text`,
  DAY: sql`(${timeEntries.startedAt} at time zone ${timeZone})::date::text`,
});

const told = (sum: SQL | SQL.Aliased) => sql<string>`round(${sum} / 3600, 4)`;

/** One group more than are told, each with the sums of all. */
const sums = (organizationId: string, { projectId, from, to, timeZone, groupBy }: Asked) => {
  const seconds = sql`extract(epoch from ${timeEntries.endedAt} - ${timeEntries.startedAt})`;
  const grouped = database
    .select({
      key: keys(timeZone)[groupBy].as('key'),
      seconds: sql<string>`sum(${seconds})`.as('seconds'),
      amount: sql<string>`coalesce(sum(${seconds} * ${timeEntries.hourlyRate}), 0)`.as('amount'),
      entries: sql<number>`count(*)::integer`.as('entries'),
    })
    .from(timeEntries)
    .where(
      and(
        eq(timeEntries.organizationId, organizationId),
        eq(timeEntries.projectId, projectId),
        isNotNull(timeEntries.endedAt),
        gte(timeEntries.startedAt, sql`(${from}::date::timestamp at time zone ${timeZone})`),
        lt(timeEntries.startedAt, sql`((${to}::date + 1)::timestamp at time zone ${timeZone})`),
      ),
    )
    .groupBy(sql`key`)
    .as('grouped');
  return database
    .select({
      key: grouped.key,
      hours: told(grouped.seconds),
      cost: told(grouped.amount),
      entries: grouped.entries,
      allHours: told(sql`(sum(${grouped.seconds}) over ())`),
      allCost: told(sql`(sum(${grouped.amount}) over ())`),
      allEntries: sql<number>`(sum(${grouped.entries}) over ())::integer`,
    })
    .from(grouped)
    .orderBy(...(groupBy === 'DAY' ? [grouped.key] : [desc(grouped.seconds), grouped.key]))
    .limit(maxGroups + 1);
};
