import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { database } from '../src/database/client.ts';
import { rollUp } from '../src/domains/analytics/rolling-up.ts';
import { metrics } from '../src/domains/analytics/tables.ts';
import { sumUpOldCalls } from '../src/domains/modelhub/call-retention.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { models } from '../src/domains/modelhub/tables.ts';
import { newId } from '../src/ids.ts';
import { joined } from './access/cast.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any
type Call = typeof executionLogs.$inferInsert & { createdAt: string };

/** Numbers from 0 to 1 that are the same in each run (mulberry32). */
const randomness = (seed: number) => {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
};
const random = randomness(23);
const below = (end: number): number => Math.floor(random() * end);
const oneOf = <Value>(values: readonly Value[]): Value => values[below(values.length)] as Value;

const dayMs = 86_400_000;
const today = Math.floor(Date.now() / dayMs) * dayMs;
/** Of the last twenty days the first ten are there as sums. */
const [from, to] = [new Date(today - 20 * dayMs).toISOString(), new Date(today).toISOString()];

/** Money in millionths of a millionth of a dollar. */
const scale = 10n ** 12n;
const textOf = (money: bigint): string => `${money / scale}.${String(money % scale).padStart(12, '0')}`;
const moneyOf = (text: string): bigint => {
  const [whole = '0', part = ''] = text.split('.');
  return BigInt(whole) * scale + BigInt(part.padEnd(12, '0'));
};

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let mo: Awaited<ReturnType<typeof joined>>;
let workspaces: string[] = [];
let calls: Call[] = [];

const callWith = (known: readonly string[]): Call => {
  const status = oneOf(['SUCCESS', 'SUCCESS', 'SUCCESS', 'ERROR', 'TIMEOUT', 'PENDING'] as const);
  const ended = status !== 'PENDING';
  const model = below(4);
  const key = below(3);
  return {
    organizationId: uuidOf(ada.organizationId),
    createdAt: new Date(today - 20 * dayMs + below(20 * dayMs)).toISOString(),
    userId: oneOf([uuidOf(ada.userId), uuidOf(mo.userId), null]),
    workspaceId: oneOf([...workspaces.map(uuidOf), null]),
    apiKeyId: oneOf([null, '01890000-0000-7000-8000-000000000001']),
    providerName: `provider ${model % 2}`,
    modelName: `model ${model}`,
    modelId: known[model] ?? null,
    providerKeyId: key === 0 ? newId() : null,
    platformKeyId: key === 1 ? newId() : null,
    purpose: oneOf(['answer', 'agent', 'chat']),
    status,
    inputTokens: ended ? below(2 ** 20) : 0,
    outputTokens: ended ? below(1000) : 0,
    cost: ended && random() < 0.8 ? textOf(BigInt(below(2 ** 31)) * BigInt(below(2 ** 20))) : null,
    latencyMs: ended && random() < 0.9 ? below(20_000) : null,
    timeToFirstTokenMs: ended && random() < 0.5 ? below(2000) : null,
  };
};

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaces = [await workspaceOf(ada, { name: 'Garden' }), await workspaceOf(ada, { name: 'Kitchen' })];
  mo = await joined(bed, ada.organizationId, 'Mo', 'MANAGER', workspaces[0] ?? null, 'EDITOR');
  const unit = unitOf(bed, ada.organizationId);
  const known = await unit.run(() => database.select({ id: models.id }).from(models).orderBy(models.id).limit(2));
  await unit.rest();
  calls = Array.from({ length: 600 }, () => callWith(known.map(({ id }) => id)));
  await unit.transact(() => database.insert(executionLogs).values(calls));
  expect(await sumUpOldCalls(unit, 10, new AbortController().signal)).toBeGreaterThan(100);
}, 120_000);
afterAll(() => bed.stop());

const usage = async (person: Person, groupBy: readonly string[], grain: string | null): Promise<Data> =>
  (
    (await person.want(
      `query ($groupBy: [ModelUsageGrouping!]!, $grain: ModelUsageGrain, $from: DateTime!, $to: DateTime!) {
        modelUsage(groupBy: $groupBy, grain: $grain, from: $from, to: $to, first: 2000) { rows { start modelName model { id } provider { id } providerName userId workspaceId
          purpose apiKeyId status keySource calls errors timeouts inputTokens outputTokens cost latencyMeanMs latencyP50Ms latencyP95Ms latencyP99Ms
          timeToFirstTokenP50Ms timeToFirstTokenP95Ms } } }`,
      { groupBy, grain, from, to },
    )) as Data
  ).modelUsage.rows;

const measures = [
  'MODEL_CALLS',
  'MODEL_ERRORS',
  'INPUT_TOKENS',
  'OUTPUT_TOKENS',
  'COST',
  'LATENCY',
  'TIME_TO_FIRST_TOKEN',
];
const figures = async (person: Person, dimensions: readonly string[], grain: string | null): Promise<Data> => {
  const { metrics: told }: Data = await person.want(
    `query ($input: MetricsInput!) { metrics(input: $input) { truncated rows { start keys { value model { id } }
      values { value percentiles { value } } } } }`,
    { input: { measures, dimensions, grain, from, to, timeZone: 'UTC', percentiles: [50, 95, 99], first: 500 } },
  );
  expect(told.truncated).toBe(false);
  return told.rows;
};

const keyIn: Readonly<Record<string, (row: Data) => string | null>> = {
  MODEL: ({ model, modelName }) => model?.id ?? modelName,
  PROVIDER: ({ provider, providerName }) => provider?.id ?? providerName,
  USER: ({ userId }) => userId,
  WORKSPACE: ({ workspaceId }) => workspaceId,
  PURPOSE: ({ purpose }) => purpose,
  API_KEY: ({ apiKeyId }) => apiKeyId,
  STATUS: ({ status }) => status,
  KEY_SOURCE: ({ keySource }) => keySource,
};
const rounded = (value: number | null): number | null => (value === null ? null : Math.round(value * 1e6) / 1e6);

/** What the hub says of each group, in the shape of the figures. */
const ofHub = (row: Data, groupBy: readonly string[]) => [
  row.start,
  ...groupBy.map((by) => keyIn[by]?.(row) ?? null),
  String(row.calls),
  String(row.errors + row.timeouts),
  row.inputTokens,
  row.outputTokens,
  row.cost,
  rounded(row.latencyMeanMs),
  [row.latencyP50Ms, row.latencyP95Ms, row.latencyP99Ms],
  [row.timeToFirstTokenP50Ms, row.timeToFirstTokenP95Ms],
];
const ofMetrics = ({ start, keys, values }: Data) => [
  start,
  ...keys.map(({ value }: Data) => value),
  ...values.slice(0, 5).map(({ value }: Data) => value),
  values[5].value === null ? null : Number(values[5].value),
  values[5].percentiles.map(({ value }: Data) => value),
  values[6].percentiles.slice(0, 2).map(({ value }: Data) => value),
];
const byText = (rows: readonly unknown[][]): string[] => rows.map((row) => JSON.stringify(row)).sort();

test.each([
  [[], null],
  [[], 'HOUR'],
  [[], 'DAY'],
  [[], 'WEEK'],
  [[], 'MONTH'],
  ...Object.keys(keyIn).map((name) => [[name], null] as const),
  ...Object.keys(keyIn).map((name) => [[name], 'DAY'] as const),
  [['USER', 'WORKSPACE', 'MODEL'], null],
  [['PURPOSE', 'STATUS', 'KEY_SOURCE'], 'WEEK'],
] as const)("by %j and %s figures are the hub's, to the last digit", async (groupBy, grain) => {
  for (const person of [ada, mo]) {
    const hub = (await usage(person, groupBy, grain)).map((row: Data) => ofHub(row, groupBy));
    expect(hub.length).toBeGreaterThan(0);
    expect(byText((await figures(person, groupBy, grain)).map(ofMetrics))).toEqual(byText(hub));
  }
});

test('money and tokens are what the calls themselves come to, and a manager sees those of their workspaces and their own', async () => {
  const sees = { ada: () => true, mo: seenByMo };
  for (const [name, person] of [
    ['ada', ada],
    ['mo', mo],
  ] as const) {
    const seen = calls.filter(sees[name]);
    const [{ values }] = await figures(person, [], null);
    expect(values.slice(0, 4).map(({ value }: Data) => Number(value))).toEqual([
      seen.length,
      seen.filter(({ status }) => status === 'ERROR' || status === 'TIMEOUT').length,
      seen.reduce((sum, { inputTokens }) => sum + (inputTokens ?? 0), 0),
      seen.reduce((sum, { outputTokens }) => sum + (outputTokens ?? 0), 0),
    ]);
    expect(moneyOf(values[4].value)).toBe(seen.reduce((sum, { cost }) => sum + moneyOf(cost ?? '0'), 0n));
  }
});

const seenByMo = ({ workspaceId, userId }: Call): boolean =>
  workspaceId === uuidOf(workspaces[0] ?? '') || (workspaceId === null && userId === uuidOf(mo.userId));

test('what is rolled up adds up to the same', async () => {
  const unit = unitOf(bed, ada.organizationId);
  await rollUp(unit);
  const rows = await unit.run(() => database.select().from(metrics));
  await unit.rest();
  const kept = calls.filter(({ createdAt }) => Date.parse(createdAt) >= today - 10 * dayMs);
  const days = rows.filter(
    ({ name, period, workspaceId, periodStart }) =>
      name === 'COST' && period === 'DAILY' && workspaceId === null && Date.parse(periodStart) >= today - 10 * dayMs,
  );
  expect(days.length).toBe(10);
  expect(days.reduce((sum, { value }) => sum + moneyOf(value), 0n)).toBe(
    kept.reduce((sum, { cost }) => sum + moneyOf(cost ?? '0'), 0n),
  );
});
