import { sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { mentions } from '../../database/filter.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import type { MetricDimension, MetricGrain, MetricMeasure, OrderDirection } from '../../generated/resolvers.ts';
import { isTimeZone } from '../tenancy/time-zone.ts';
import { measuredRows, type MeasuredRows } from './measured-rows.ts';
import { measures } from './measures.ts';
import type { MetricsGroupRow, MetricsResultRow } from './metrics-rows.ts';

/** What figures are asked for. */
export interface MetricsQuestion {
  readonly measures: readonly MetricMeasure[];
  readonly dimensions: readonly MetricDimension[];
  readonly filter?: unknown;
  /** Null: one bucket for the whole time. */
  readonly grain: MetricGrain | null;
  readonly from: Date;
  readonly to: Date;
  /** Of the buckets: a name of the IANA's database. */
  readonly timeZone: string;
  /** 1 to 99. */
  readonly percentiles: readonly number[];
  /** Whether buckets in which nothing happened are rows, too. */
  readonly fillEmpty: boolean;
  readonly first: number;
  /** By a measure; without one by time, and within a bucket by the first measure. */
  readonly orderBy: { readonly measure: MetricMeasure | null; readonly direction: OrderDirection | null } | null;
}

const hourMs = 3_600_000;
/** The least that a bucket lasts. */
const grainMs = { HOUR: hourMs, DAY: 23 * hourMs, WEEK: 167 * hourMs, MONTH: 671 * hourMs } as const;
const bounds = { measures: 10, dimensions: 3, percentiles: 5, rows: 500, buckets: 1000, days: 1100 } as const;

const refuse = (field: string, message: string): never => {
  throw new BadUserInput(field, message);
};

const requireAnswerable = (question: MetricsQuestion): void => {
  requireMeasurable(question);
  const { grain, from, to, timeZone, first, fillEmpty, dimensions } = question;
  const timeMs = to.getTime() - from.getTime();
  if (timeMs <= 0) refuse('input.to', 'A time ends after it began.');
  if (timeMs > bounds.days * 24 * hourMs)
    refuse('input.to', `Figures are read for at most ${bounds.days} days at a time.`);
  if (grain !== null && timeMs / grainMs[grain] > bounds.buckets)
    refuse('input.grain', `A time has at most ${bounds.buckets} buckets: take a larger grain, or a shorter time.`);
  if (!isTimeZone(timeZone)) refuse('input.timeZone', 'A time zone is a name such as Europe/Berlin or UTC.');
  if (first < 1 || first > bounds.rows) refuse('input.first', `There are 1 to ${bounds.rows} rows.`);
  if (fillEmpty && (grain === null || dimensions.length > 0))
    refuse('input.fillEmpty', 'Empty buckets are filled where there is a grain and no dimension.');
};

/** Whether what is asked for fits together: each measure with dimensions, filter and percentiles. */
const requireMeasurable = ({ measures: asked, dimensions, filter, percentiles, orderBy }: MetricsQuestion): void => {
  requireSome('measures', asked, 1, bounds.measures);
  requireSome('dimensions', dimensions, 0, bounds.dimensions);
  requireSome('percentiles', percentiles, 0, bounds.percentiles);
  for (const name of asked) {
    const rows = rowsBehind(name);
    for (const dimension of dimensions)
      if (rows.dimensions[dimension] === undefined)
        refuse('input.dimensions', `${name} cannot be grouped by ${dimension}.`);
    for (const field of filterFields)
      if (mentions(filter, field) && rows.filters[field] === undefined)
        refuse(`input.filter.${field}`, `${name} cannot be filtered by ${field}.`);
  }
  if (percentiles.some((each) => each < 1 || each > 99)) refuse('input.percentiles', 'Percentiles are 1 to 99.');
  if (percentiles.length > 0 && asked.every((name) => measures[name].percentilesOf === undefined))
    refuse('input.percentiles', 'None of these measures has percentiles.');
  const by = orderBy?.measure ?? null;
  if (by !== null && !asked.includes(by)) refuse('input.orderBy', `${by} is not among the measures.`);
};

const requireSome = (field: string, list: readonly unknown[], least: number, most: number): void => {
  if (list.length < least || list.length > most) refuse(`input.${field}`, `There are ${least} to ${most} of them.`);
  if (new Set(list).size < list.length) refuse(`input.${field}`, 'Each stands there once.');
};

const rowsBehind = (name: MetricMeasure): MeasuredRows => measuredRows[measures[name].of];
/** Names of the fields of a filter, of whatever rows. */
const filterFields = [...new Set(Object.values(measuredRows).flatMap(({ filters }) => Object.keys(filters)))];

const momentOf = (at: Date): SQL => sql`${at.toISOString()}::timestamptz`;
const raw = (text: string): SQL => sql.raw(text);
const listed = (parts: readonly SQL[]): SQL => sql.join([...parts], sql`, `);

/** The figures of the measures that are made of the same rows, with nulls in the places of the others. */
const figuresOf = (unit: UnitOfWork, question: MetricsQuestion, of: keyof typeof measuredRows): SQL => {
  const { dimensions, grain, from, to, timeZone, filter, percentiles } = question;
  const rows: MeasuredRows = measuredRows[of];
  const wanted = { organizationId: unit.organizationId, from: momentOf(from), to: momentOf(to), filter };
  const keys = [
    ...(grain === null ? [] : [sql`date_trunc(${grain.toLowerCase()}, at, ${timeZone})`]),
    ...dimensions.map((dimension) => raw(rows.dimensions[dimension] ?? 'null')),
  ];
  const shares = raw(`array[${percentiles.map((each) => each / 100).join()}]::float8[]`);
  const figures = question.measures.flatMap((name) => {
    const { value, percentilesOf, summed, ...measure } = measures[name];
    if (measure.of !== of) return [sql`null::numeric`, sql`null::float8[]`];
    const share = sql`percentile_cont(${shares}) within group (order by ${raw(`(${percentilesOf ?? 'null'})::float8`)})`;
    const known = summed === undefined ? share : sql`case when not bool_or(${raw(summed)}) then ${share} end`;
    return [
      raw(`(${value})::numeric`),
      percentiles.length === 0 || percentilesOf === undefined ? sql`null::float8[]` : known,
    ];
  });
  const groups = raw(keys.length === 0 ? '' : `group by ${keys.map((_key, index) => index + 1).join()}`);
  return sql`(select ${listed([...keys, ...figures])} from (${rows.select(wanted)}) measured ${groups})`;
};

/** All buckets, with nothing in them. */
const emptyBuckets = ({ grain, from, to, timeZone, measures: asked }: MetricsQuestion): SQL => {
  const unit = (grain ?? 'DAY').toLowerCase();
  const last = sql`(${momentOf(to)} - interval '1 millisecond')`;
  const nulls = listed(asked.flatMap(() => [sql`null::numeric`, sql`null::float8[]`]));
  const step = raw(`interval '1 ${unit}'`);
  // Hours follow each other in absolute time; days and longer ones by the clock on the wall.
  return unit === 'hour'
    ? sql`(select bucket, ${nulls} from generate_series(date_trunc(${unit}, ${momentOf(from)}, ${timeZone}), ${last}, ${step}) bucket)`
    : sql`(select bucket at time zone ${timeZone}, ${nulls}
        from generate_series(date_trunc(${unit}, ${momentOf(from)} at time zone ${timeZone}), ${last} at time zone ${timeZone}, ${step}) bucket)`;
};

const orderOf = ({ measures: asked, dimensions, grain, orderBy }: MetricsQuestion): SQL => {
  const measure = orderBy?.measure ?? null;
  const way = (orderBy?.direction ?? (measure === null ? 'ASC' : 'DESC')).toLowerCase();
  return raw(
    [
      ...(measure === null ? [] : [`m${asked.indexOf(measure)}_ ${way} nulls last`]),
      ...(grain === null ? [] : [`start_ ${measure === null ? way : 'asc'}`]),
      'm0_ desc nulls last',
      ...dimensions.map((_dimension, index) => `k${index}_ nulls last`),
    ].join(', '),
  );
};

/** The one statement: the figures of all tables, side by side for each bucket and group. */
export const metricsStatement = (unit: UnitOfWork, question: MetricsQuestion) => {
  const { measures: asked, dimensions, grain, first } = question;
  const keys = [...(grain === null ? [] : ['start_']), ...dimensions.map((_dimension, index) => `k${index}_`)];
  const names = [...keys, ...asked.flatMap((_name, index) => [`m${index}_`, `p${index}_`])].join(', ');
  const parts = [...new Set(asked.map((name) => measures[name].of))].map((of) => figuresOf(unit, question, of));
  if (question.fillEmpty) parts.push(emptyBuckets(question));
  const merged = sql`(${sql.join(parts, sql` union all `)}) figures (${raw(names)})`;
  const side = asked.flatMap((name, index) => {
    const value = measures[name].additive ? `coalesce(max(m${index}_), 0)` : `max(m${index}_)`;
    return [raw(`${value} as m${index}_`), raw(`max(p${index}_) as p${index}_`)];
  });
  const grouped = raw(keys.length === 0 ? '' : `group by ${keys.join(', ')}`);
  const beside = sql`(select ${listed([...keys.map(raw), ...side])} from ${merged} ${grouped}) figures`;
  const fields = {
    start: (grain === null ? sql<string | null>`null` : sql<string | null>`start_::text`).as('start'),
    keys: sql<
      (string | null)[]
    >`to_json(array[${raw(dimensions.map((_dimension, index) => `k${index}_`).join())}]::text[])`.as('keys'),
    values: sql<(string | null)[]>`to_json(array[${raw(asked.map((_name, index) => `m${index}_::text`).join())}])`.as(
      'values',
    ),
    percentiles: sql<(readonly number[] | null)[]>`json_build_array(${raw(
      asked.map((_name, index) => `p${index}_`).join(),
    )})`.as('percentiles'),
  };
  const selection = database
    .select(fields)
    .from(beside)
    .orderBy(orderOf(question))
    .limit(first + 1);
  // The plan depends on how much the time covers.
  return Statement.select(selection, { plannedAnew: true });
};

/** SQLSTATE of a time zone that Postgres does not know. */
const invalidParameterValue = '22023';

/**
 * Figures by groups and buckets of time, of what the unit sees. All of them in one statement, which reads each table once for each of its times. A row is there for each
 * bucket and group in which something of the measures happened. Throws BadUserInput.
 */
export const metricsOf = async (unit: UnitOfWork, question: MetricsQuestion): Promise<MetricsResultRow> => {
  requireAnswerable(question);
  const { first, timeZone } = question;
  const found = await unit.select(metricsStatement(unit, question), {}).catch((error: unknown) => {
    if (Error.isError(error) && 'code' in error && error.code === invalidParameterValue)
      throw new BadUserInput('input.timeZone', 'This time zone is unknown here.');
    throw error;
  });
  const rows = found.slice(0, first).map((row): MetricsGroupRow => ({
    start: row.start,
    keys: question.dimensions.map((dimension, index) => ({ dimension, key: row.keys[index] ?? null })),
    values: question.measures.map((measure, index) => ({
      measure,
      value: row.values[index] ?? null,
      percentiles: percentilesOf(question, measure, row.percentiles[index] ?? null),
    })),
  }));
  return { timeZone, rows, truncated: found.length > first };
};

const percentilesOf = ({ percentiles }: MetricsQuestion, measure: MetricMeasure, known: readonly number[] | null) =>
  measures[measure].percentilesOf === undefined
    ? []
    : percentiles.map((percentile, index) => ({ percentile, value: known?.[index] ?? null }));
