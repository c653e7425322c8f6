import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { conditionOf, type Filterable } from '../../database/filter.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput } from '../../errors.ts';
import { executionLogs } from './execution-tables.ts';
import type { ModelUsageGroupRow } from './metrics-rows.ts';
import { modelUsageDays } from './usage-tables.ts';
import { isTimeZone } from '../tenancy/time-zone.ts';

/** What calls can be grouped by, and what stands for it in a row. A model or provider that is gone is known by its name. */
const groupings = {
  MODEL: sql`coalesce(model_id::text, model_name)`,
  PROVIDER: sql`coalesce(provider_id::text, provider_name)`,
  USER: sql`user_id::text`,
  WORKSPACE: sql`workspace_id::text`,
  PURPOSE: sql`purpose`,
  API_KEY: sql`api_key_id::text`,
  STATUS: sql`status`,
  KEY_SOURCE: sql`key_source`,
} as const;
export type UsageGrouping = keyof typeof groupings;

const grainMs = { HOUR: 3_600_000, DAY: 86_400_000, WEEK: 7 * 86_400_000, MONTH: 28 * 86_400_000 } as const;
export type UsageGrain = keyof typeof grainMs;

/** What usage is asked for. */
export interface UsageQuestion {
  readonly groupBy: readonly UsageGrouping[];
  /** Null: one bucket for the whole time. */
  readonly grain: UsageGrain | null;
  /** Calls that began at `from` or later, and before `to`. */
  readonly from: Date;
  readonly to: Date;
  /** Of the buckets: a name of the IANA's database. */
  readonly timeZone: string;
  readonly filter?: unknown;
  /** Rows at most; more are refused. */
  readonly first: number;
}

const maxGroupings = 3;
const maxDays = 400;
const maxBuckets = 1000;
export const maxUsageRows = 5000;

/** Whose key a call of the log was made with. */
export const keySourceOf = sql`case when ${executionLogs.providerKeyId} is not null then 'ORGANIZATION'
  when ${executionLogs.platformKeyId} is not null then 'PLATFORM' else 'NONE' end`;

const logFilters: Filterable = {
  modelId: executionLogs.modelId,
  providerId: executionLogs.providerId,
  userId: executionLogs.userId,
  workspaceId: executionLogs.workspaceId,
  apiKeyId: executionLogs.apiKeyId,
  purpose: executionLogs.purpose,
  status: executionLogs.status,
};
const dayFilters: Filterable = {
  modelId: modelUsageDays.modelId,
  providerId: modelUsageDays.providerId,
  userId: modelUsageDays.userId,
  workspaceId: modelUsageDays.workspaceId,
  apiKeyId: modelUsageDays.apiKeyId,
  purpose: modelUsageDays.purpose,
  status: modelUsageDays.status,
};

const refuse = (field: string, message: string): never => {
  throw new BadUserInput(field, message);
};

const requireAnswerable = ({ groupBy, grain, from, to, timeZone, first }: UsageQuestion): void => {
  if (groupBy.length > maxGroupings) refuse('groupBy', `Usage is grouped by at most ${maxGroupings} things.`);
  if (new Set(groupBy).size < groupBy.length) refuse('groupBy', 'Usage is grouped by each thing once.');
  const timeMs = to.getTime() - from.getTime();
  if (timeMs <= 0) refuse('to', 'A time ends after it began.');
  if (timeMs > maxDays * grainMs.DAY) refuse('to', `Usage is read for at most ${maxDays} days at a time.`);
  if (grain !== null && timeMs / grainMs[grain] > maxBuckets)
    refuse('grain', `A time has at most ${maxBuckets} buckets: take a larger grain, or a shorter time.`);
  if (!isTimeZone(timeZone)) refuse('timeZone', 'A time zone is a name such as Europe/Berlin or UTC.');
  if (first < 1 || first > maxUsageRows) refuse('first', `There are 1 to ${maxUsageRows} rows.`);
};

/** Which calls are meant: of an organization, from one moment on and before another, and what a filter says of them. */
export interface CallsWanted {
  readonly organizationId: string;
  readonly from: SQL;
  readonly to: SQL;
  readonly filter?: unknown;
}

/** What calls can be told apart by in a filter. */
export const callFilters: Filterable = logFilters;

/** The calls that are kept one by one and the sums of those that are not, as rows of one kind. */
export const callsIn = ({ organizationId, from, to, filter }: CallsWanted): SQL => {
  const logs = and(
    eq(executionLogs.organizationId, organizationId),
    sql`${executionLogs.createdAt} >= ${from} and ${executionLogs.createdAt} < ${to}`,
    conditionOf(logFilters, filter),
  );
  // A day belongs to the time in which it begins.
  const days = and(
    eq(modelUsageDays.organizationId, organizationId),
    sql`${modelUsageDays.day} >= ((${from} at time zone 'UTC') + interval '1 day' - interval '1 millisecond')::date
      and ${modelUsageDays.day} <= ((${to} at time zone 'UTC') - interval '1 millisecond')::date`,
    conditionOf(dayFilters, filter),
  );
  return sql`
    select created_at as at, model_id, model_name, provider_id, provider_name, user_id, workspace_id, api_key_id, purpose, status,
      ${keySourceOf} as key_source, 1 as calls, (cost is null and status <> 'PENDING')::int as unrated, estimated::int as estimated,
      input_tokens::bigint as input_tokens, cached_input_tokens::bigint as cached_input_tokens, output_tokens::bigint as output_tokens, cost,
      (latency_ms is not null)::int as timed, latency_ms::bigint as latency_ms, time_to_first_token_ms as first_ms, false as summed
    from ${executionLogs} where ${logs}
    union all
    select day::timestamp at time zone 'UTC', model_id, model_name, provider_id, provider_name, user_id, workspace_id, api_key_id, purpose, status,
      key_source, calls, unrated_calls, estimated_calls, input_tokens, cached_input_tokens, output_tokens, cost,
      timed_calls, latency_ms, null, true
    from ${modelUsageDays} where ${days}`;
};

/** Of one group; null as soon as one of its calls is not kept by itself any more. */
const percentiles = (of: SQL, shares: readonly number[], index: number): SQL<number | null> =>
  sql`case when not bool_or(summed) then (percentile_cont(${sql.raw(`array[${shares.join()}]::float8[]`)}) within group (order by ${of}))[${sql.raw(String(index))}] end`;
const latency = (index: number) => percentiles(sql`latency_ms`, [0.5, 0.95, 0.99], index);
const firstToken = (index: number) => percentiles(sql`first_ms`, [0.5, 0.95], index);

const callsWith = (status: string): SQL<number> =>
  sql`coalesce(sum(calls) filter (where status = ${sql.raw(`'${status}'`)}), 0)::int`;
const total = (column: string): SQL<string> => sql`coalesce(sum(${sql.raw(column)}), 0)::text`;
const spoke = sql.raw(`status = 'SUCCESS' and latency_ms > 0 and output_tokens > 0`);

const figures = {
  calls: sql<number>`coalesce(sum(calls), 0)::int`.as('calls_'),
  pending: callsWith('PENDING').as('pending_'),
  successes: callsWith('SUCCESS').as('successes_'),
  errors: callsWith('ERROR').as('errors_'),
  timeouts: callsWith('TIMEOUT').as('timeouts_'),
  unratedCalls: sql<number>`coalesce(sum(unrated), 0)::int`.as('unrated_'),
  estimatedCalls: sql<number>`coalesce(sum(estimated), 0)::int`.as('estimated_'),
  inputTokens: total('input_tokens').as('input_'),
  cachedInputTokens: total('cached_input_tokens').as('cached_'),
  outputTokens: total('output_tokens').as('output_'),
  cost: total('cost').as('cost_'),
  latencyMeanMs: sql<number | null>`(sum(latency_ms)::float8 / nullif(sum(timed), 0))`.as('mean_'),
  latencyP50Ms: latency(1).as('p50_'),
  latencyP95Ms: latency(2).as('p95_'),
  latencyP99Ms: latency(3).as('p99_'),
  timeToFirstTokenP50Ms: firstToken(1).as('first50_'),
  timeToFirstTokenP95Ms: firstToken(2).as('first95_'),
  tokensPerSecond: sql<number | null>`(sum(output_tokens) filter (where ${spoke})::float8 * 1000
    / nullif(sum(latency_ms) filter (where ${spoke}), 0))`.as('speed_'),
};

const momentOf = (at: Date): SQL => sql`${at.toISOString()}::timestamptz`;
const wantedBy = ({ organizationId }: UnitOfWork, { from, to, filter }: UsageQuestion): CallsWanted => ({
  organizationId,
  from: momentOf(from),
  to: momentOf(to),
  filter,
});

const keyNames = ['key0', 'key1', 'key2'] as const;

/** The one statement: a row for each bucket and group, and before them one for all of them together. */
const statementOf = (unit: UnitOfWork, question: UsageQuestion) => {
  const { groupBy, grain, timeZone, first } = question;
  const bucket = grain === null ? null : sql`date_trunc(${grain.toLowerCase()}, at, ${timeZone})`;
  const parts = [
    ...(bucket === null ? [] : [sql`${bucket} as bucket`]),
    ...groupBy.map((by, index) => sql`${groupings[by]} as ${sql.raw(keyNames[index] ?? '')}`),
    sql`call.*`,
  ];
  const grouped = [...(bucket === null ? [] : ['bucket']), ...groupBy.map((_by, index) => keyNames[index])];
  const [one] = grouped;
  const isTotal = one === undefined ? sql`true` : sql.raw(`(grouping(${one}) = 1)`);
  const sets = sql.raw(one === undefined ? '()' : `grouping sets ((${grouped.join(', ')}), ())`);
  const keyed = (index: number) =>
    (index < groupBy.length ? sql<string | null>`${sql.raw(keyNames[index] ?? '')}` : sql<string | null>`null`).as(
      `k${index}_`,
    );
  const named = (by: UsageGrouping, name: string) =>
    (groupBy.includes(by) ? sql<string | null>`max(${sql.raw(name)})` : sql<string | null>`null`).as(`${name}_`);
  const selection = database
    .select({
      isTotal: sql<boolean>`${isTotal}`.as('is_total'),
      start: (bucket === null ? sql<string | null>`null` : sql<string | null>`bucket::text`).as('start_'),
      key0: keyed(0),
      key1: keyed(1),
      key2: keyed(2),
      modelName: named('MODEL', 'model_name'),
      providerName: named('PROVIDER', 'provider_name'),
      ...figures,
    })
    .from(sql`(select ${sql.join(parts, sql`, `)} from (${callsIn(wantedBy(unit, question))}) call) call`)
    .groupBy(sets)
    .orderBy(
      sql.raw(
        ['is_total desc', ...(bucket === null ? [] : ['bucket']), 'sum(cost) desc nulls last', ...grouped].join(', '),
      ),
    )
    .limit(first + 2);
  // The plan depends on how much of the ledger the time covers.
  return Statement.select(selection, { plannedAnew: true });
};

/** SQLSTATE of a time zone that Postgres does not know. */
const invalidParameterValue = '22023';

/**
 * What calls of models come to, by groups and buckets of time, as far as the unit sees them: the sum of all, and a row for each group and bucket
 * that has calls, by time and then by cost. One statement. Throws BadUserInput, also for more than `first` rows.
 */
export const usageOf = async (
  unit: UnitOfWork,
  question: UsageQuestion,
): Promise<{ currency: string; total: ModelUsageGroupRow; rows: ModelUsageGroupRow[] }> => {
  requireAnswerable(question);
  const { groupBy, grain, first } = question;
  const found = await unit.select(statementOf(unit, question), {}).catch((error: unknown) => {
    if (Error.isError(error) && 'code' in error && error.code === invalidParameterValue)
      throw new BadUserInput('timeZone', 'This time zone is unknown here.');
    throw error;
  });
  if (found.length > first + 1)
    throw new BadUserInput(
      'first',
      `There are more than ${first} rows: ask for more (at most ${maxUsageRows}), a larger grain, fewer groups, a shorter time, or filter.`,
    );
  const [sum, ...rest] = found.map(({ isTotal, key0, key1, key2, ...row }) => {
    const values = [key0, key1, key2];
    const keys = Object.fromEntries(isTotal ? [] : groupBy.map((by, index) => [by, values[index] ?? null]));
    return Object.assign(row, { keys });
  });
  if (sum === undefined) throw new Error('Usage has a sum of all.');
  const ungrouped = groupBy.length === 0 && grain === null;
  return { currency: 'USD', total: sum, rows: ungrouped && sum.calls > 0 ? [sum] : rest };
};
