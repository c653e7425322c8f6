import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { settingsOf, type OrganizationSettings } from '../tenancy/organization-settings.ts';
import { organizations, workspaces } from '../tenancy/tables.ts';
import { measuredRows, type MeasuredRows } from './measured-rows.ts';
import { keptDays, measures, rolledUpOf, rolledUpSources } from './measures.ts';
import { metrics, rollUps, staleWindows } from './tables.ts';

/** Hours of one source that are made in one transaction. */
const atOnce = 1000;
const neverAborted = new AbortController().signal;

/** How the metrics of a source are to be made. */
interface Making {
  readonly source: string;
  readonly timeZone: string;
  /** Periods that begin before this stay as they are; null: none. */
  readonly keptSince: string | null;
}

/**
 * Makes the metrics of all periods anew in which something that is counted has changed. Whatever the order in which rows came, and however often and by how many at a
 * time this is done, they are in the end what one pass over all rows gives: each transaction takes marks away and makes their periods from the rows as they are then,
 * and one follows the other. Gives the number of hours.
 */
export const rollUp = async (unit: UnitOfWork, signal: AbortSignal = neverAborted): Promise<number> => {
  let made = 0;
  for (const source of rolledUpSources)
    for (let last = atOnce; last === atOnce && !signal.aborted; made += last)
      last = await unit.transact(async () => {
        await lock(unit);
        await database.execute(sql`set local statement_timeout = '5min'`);
        const making = await madeReady(unit, source);
        const hours = await staleHours(unit, source);
        if (hours.length > 0) await makeAnew(unit, making, hours);
        return hours.length;
      });
  return made;
};

/** Marks all hours of a time as out of date that something is counted in, or was; `rollUp` makes their periods. */
export const markAll = (unit: UnitOfWork, from: string, to: string): Promise<void> =>
  unit.transact(async () => {
    for (const source of rolledUpSources) await mark(unit, source, sql`${from}::timestamptz`, sql`${to}::timestamptz`);
  });

/** One after the other, until the running transaction ends: each sees what those before it made. */
const lock = ({ organizationId }: UnitOfWork): Promise<unknown> =>
  database.execute(sql`select pg_advisory_xact_lock(hashtextextended('metrics ' || ${organizationId}::text, 0))`);

/** How a source is to be made. Where it never was, or in another time zone, all of its metrics go, and all hours in which something is counted are marked. */
const madeReady = async (unit: UnitOfWork, source: string): Promise<Making> => {
  const { organizationId } = unit;
  const ofSource = and(eq(rollUps.organizationId, organizationId), eq(rollUps.source, source));
  const [known] = await database.select().from(rollUps).where(ofSource);
  const settings = await settingsIn(unit);
  const { timeZone } = settings;
  const bound = sql`now() - make_interval(days => ${keptDays(source, settings)})`;
  // Kept for longer from now on, what went before is not there again.
  const [row] = await database
    .insert(rollUps)
    .values({ organizationId, source, timeZone, keptSince: sql`${bound}` })
    .onConflictDoUpdate({
      target: [rollUps.organizationId, rollUps.source],
      set: { timeZone, keptSince: sql`greatest(${rollUps.keptSince}, excluded.kept_since)` },
    })
    .returning();
  const keptSince = row?.keptSince ?? null;
  if (known?.timeZone !== timeZone) {
    const names = sql`any(${textArray(rolledUpOf(source))})`;
    const since = keptSince === null ? undefined : sql`${metrics.periodStart} >= ${keptSince}::timestamptz`;
    await database
      .delete(metrics)
      .where(and(eq(metrics.organizationId, organizationId), sql`${metrics.name} = ${names}`, since));
    await mark(unit, source, sql`'-infinity'::timestamptz`, sql`'infinity'::timestamptz`);
  }
  return { source, timeZone, keptSince };
};

const settingsIn = async ({ organizationId }: UnitOfWork): Promise<OrganizationSettings> => {
  const [row] = await database
    .select({ settings: organizations.settings })
    .from(organizations)
    .where(eq(organizations.id, organizationId));
  return settingsOf({ settings: row?.settings ?? {} });
};

/** Takes the marks of some hours away, the oldest first. Gives the hours, each once. */
const staleHours = async ({ organizationId }: UnitOfWork, source: string): Promise<string[]> => {
  const ofSource = sql`organization_id = ${organizationId} and source = ${source}`;
  const taken = await database.execute<{ hour: string }>(sql`
    with oldest as (select distinct hour from ${staleWindows} where ${ofSource} order by hour limit ${atOnce}),
      taken as (delete from ${staleWindows} where ${ofSource} and hour in (select hour from oldest) returning hour)
    select distinct hour::text as hour from taken`);
  return taken.map(({ hour }) => hour);
};

/** Marks the hours of a time in which rows of a source are counted or have been. */
const mark = async ({ organizationId }: UnitOfWork, source: string, from: SQL, to: SQL): Promise<void> => {
  const counted = rowsOf(source).map(
    (rows) =>
      sql`select date_trunc('hour', at, 'UTC') as hour from (${rows.select({ organizationId, from, to })}) counted`,
  );
  const known = sql`select date_trunc('hour', period_start, 'UTC') from ${metrics} where organization_id = ${organizationId}
    and period = 'HOURLY' and period_start >= ${from} and period_start < ${to} and name = any(${textArray(rolledUpOf(source))})`;
  await database.execute(sql`
    insert into ${staleWindows} (organization_id, id, source, hour)
    select ${organizationId}::uuid, app_new_id(), ${source}, hour
    from (${sql.join([...counted, known], sql` union `)}) hours`);
};

/** The rows of a source, by each of their times that something is rolled up by. */
const rowsOf = (source: string): MeasuredRows[] =>
  [...new Set(rolledUpOf(source).map((name) => measures[name].of))].map((of) => measuredRows[of]);

/** Makes the metrics of the periods that these hours of UTC touch. A figure that stays the same is not written, and keeps its id in any case. */
const makeAnew = async (unit: UnitOfWork, making: Making, hours: readonly string[]): Promise<void> => {
  const { organizationId } = unit;
  const { source, timeZone, keptSince } = making;
  const names = rolledUpOf(source);
  const parts = rowsOf(source).map((rows) => figuresOf(unit, making, rows));
  // An hour of UTC touches two of a time zone that is half an hour off.
  await database.execute(sql`
    with periods as materialized (
      select distinct period, unit, date_trunc(unit, moment, ${timeZone}) as starts_at,
        case unit when 'hour' then date_trunc(unit, moment, ${timeZone}) + interval '2 hours'
          else (date_trunc(unit, moment at time zone ${timeZone}) + ('1 ' || unit)::interval) at time zone ${timeZone} end as ends_at
      from unnest(${textArray(hours)}::timestamptz[]) hour, unnest(array[hour, hour + interval '59 minutes 59.999 seconds']) moment,
        (values ('HOURLY', 'hour'), ('DAILY', 'day'), ('WEEKLY', 'week'), ('MONTHLY', 'month')) units (period, unit)
    ),
    touched as materialized (select * from periods where ${keptSince === null ? sql`true` : sql`starts_at >= ${keptSince}::timestamptz`}),
    figures as materialized (
      select * from (${sql.join(parts, sql` union all `)}) made
      where value is not null and samples > 0 and (workspace_id is null
        or exists (select from ${workspaces} w where w.organization_id = ${organizationId} and w.id = made.workspace_id))
    ),
    gone as (
      delete from ${metrics} using touched
      where metrics.organization_id = ${organizationId} and metrics.name = any(${textArray(names)})
        and metrics.period = touched.period and metrics.period_start = touched.starts_at
        and not exists (select from figures where figures.name = metrics.name and figures.period = metrics.period
          and figures.starts_at = metrics.period_start and figures.workspace_id is not distinct from metrics.workspace_id)
    )
    insert into ${metrics} (organization_id, id, workspace_id, name, category, period, period_start, value, samples)
    select ${organizationId}::uuid, app_new_id(), workspace_id, name, category, period, starts_at, value, samples from figures
    on conflict on constraint metrics_period_key do update set value = excluded.value, samples = excluded.samples
      where (metrics.value, metrics.samples) is distinct from (excluded.value, excluded.samples)`);
};

/** The figures of some rows for each touched period: of each workspace, and of all together with none. */
const figuresOf = ({ organizationId }: UnitOfWork, { source, timeZone }: Making, rows: MeasuredRows): SQL => {
  const names = rolledUpOf(source).filter((name) => measuredRows[measures[name].of] === rows);
  const sums = names.map((name, index) => {
    const { value, samples } = measures[name];
    return sql.raw(`(${value})::numeric as v${index}, (${samples})::bigint as s${index}`);
  });
  const figures = names.map(
    (name, index) => sql`(${name}, ${measures[name].category}, ${sql.raw(`v${index}, s${index}`)})`,
  );
  const within = rows.select({ organizationId, from: sql`touched.starts_at`, to: sql`touched.ends_at` });
  return sql`
    select period, starts_at, place as workspace_id, figure.*
    from (
      select period, starts_at, place, grouping(place) = 1 as whole, ${sql.join(sums, sql`, `)}
      from touched cross join lateral (select counted.*, ${sql.raw(rows.workspace)} as place from (${within}) counted) counted
      where date_trunc(unit, at, ${timeZone}) = starts_at
      group by grouping sets ((period, starts_at, place), (period, starts_at))
    ) groups cross join lateral (values ${sql.join(figures, sql`, `)}) figure (name, category, value, samples)
    where whole or place is not null`;
};

const textArray = (texts: readonly string[]): SQL => sql`${`{${texts.map((text) => `"${text}"`).join()}}`}::text[]`;
