import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { count, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { sumUpOldCalls } from '../src/domains/modelhub/call-retention.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { models } from '../src/domains/modelhub/tables.ts';
import { modelUsageDays } from '../src/domains/modelhub/usage-tables.ts';
import { globalId, newId } from '../src/ids.ts';
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
const random = randomness(7);
const below = (end: number): number => Math.floor(random() * end);
const oneOf = <Value>(values: readonly Value[]): Value => values[below(values.length)] as Value;

/** Money is counted in millionths of a millionth of a dollar. */
const scale = 10n ** 12n;
const textOf = (money: bigint): string => {
  const text = `${money / scale}.${String(money % scale).padStart(12, '0')}`;
  return text.replace(/\.?0+$/, '');
};
const moneyOf = (text: string): bigint => {
  const [whole = '0', part = ''] = text.split('.');
  return BigInt(whole) * scale + BigInt(part.padEnd(12, '0'));
};

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let workspaces: string[] = [];
let calls: Call[] = [];
const [from, to] = ['2026-03-23T00:00:00.000Z', '2026-04-06T00:00:00.000Z'];
const users = [newId(), newId(), null];

const callWith = (known: readonly string[]): Call => {
  const status = oneOf(['SUCCESS', 'SUCCESS', 'SUCCESS', 'ERROR', 'TIMEOUT', 'PENDING'] as const);
  const model = below(4);
  const ended = status !== 'PENDING';
  const key = below(3);
  const inputTokens = ended ? below(3000) : 0;
  const rated = ended && random() < 0.8;
  // A day beyond the time on either side, which has to be left out.
  const createdAt = new Date(Date.parse(from) - 86_400_000 + below(16 * 86_400_000)).toISOString();
  return {
    organizationId: uuidOf(ada.organizationId),
    createdAt,
    userId: oneOf(users),
    workspaceId: oneOf([...workspaces.map(uuidOf), null]),
    apiKeyId: null,
    providerName: `provider ${model % 2}`,
    modelName: `model ${model}`,
    modelId: known[model] ?? null,
    providerId: null,
    providerKeyId: key === 0 ? users[0] : null,
    platformKeyId: key === 1 ? users[0] : null,
    purpose: oneOf(['answer', 'agent', 'chat']),
    status,
    inputTokens,
    cachedInputTokens: below(inputTokens + 1),
    outputTokens: ended ? below(1000) : 0,
    estimated: random() < 0.2,
    cost: rated ? textOf(BigInt(below(2 ** 31)) * BigInt(below(2 ** 20))) : null,
    latencyMs: ended && random() < 0.9 ? below(20_000) : null,
    timeToFirstTokenMs: ended && random() < 0.5 ? below(2000) : null,
  };
};

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaces = [await workspaceOf(ada, { name: 'Garden' }), await workspaceOf(ada, { name: 'Kitchen' })];
  const unit = unitOf(bed, ada.organizationId);
  const known = await unit.run(() => database.select({ id: models.id }).from(models).orderBy(models.id).limit(2));
  await unit.rest();
  calls = Array.from({ length: 1200 }, () => callWith(known.map(({ id }) => id)));
  await unit.transact(async () => {
    for (let at = 0; at < calls.length; at += 400)
      await database.insert(executionLogs).values(calls.slice(at, at + 400));
  });
}, 120_000);
afterAll(() => bed.stop());

const figures = `calls pending successes errors timeouts inputTokens cachedInputTokens outputTokens cost unratedCalls estimatedCalls latencyMeanMs
  latencyP50Ms latencyP95Ms latencyP99Ms timeToFirstTokenP50Ms timeToFirstTokenP95Ms tokensPerSecond`;
const text = `query ($groupBy: [ModelUsageGrouping!]!, $grain: ModelUsageGrain, $from: DateTime!, $to: DateTime!, $timeZone: String!, $filter: ModelUsageFilter, $first: Int!) {
  modelUsage(groupBy: $groupBy, grain: $grain, from: $from, to: $to, timeZone: $timeZone, filter: $filter, first: $first) {
    currency total { ${figures} } rows { start modelName providerName userId workspaceId purpose status keySource ${figures} } } }`;
const usual = { groupBy: [], grain: null, from, to, timeZone: 'UTC', filter: null, first: 5000 };
const usage = async (person: Person, question: object): Promise<Data> =>
  ((await person.want(text, { ...usual, ...question })) as Data).modelUsage;

const keyOf: Readonly<Record<string, (call: Call) => string | null>> = {
  MODEL: ({ modelName }) => modelName,
  PROVIDER: ({ providerName }) => providerName,
  USER: ({ userId }) => (userId ? globalId('User', userId) : null),
  WORKSPACE: ({ workspaceId }) => (workspaceId ? globalId('Workspace', workspaceId) : null),
  PURPOSE: ({ purpose }) => purpose,
  STATUS: ({ status }) => status ?? null,
  KEY_SOURCE: ({ providerKeyId, platformKeyId }) =>
    providerKeyId ? 'ORGANIZATION' : platformKeyId ? 'PLATFORM' : 'NONE',
};
const fieldOf: Readonly<Record<string, string>> = {
  MODEL: 'modelName',
  PROVIDER: 'providerName',
  USER: 'userId',
  WORKSPACE: 'workspaceId',
  PURPOSE: 'purpose',
  STATUS: 'status',
  KEY_SOURCE: 'keySource',
};

/** The bucket of a moment, in words of its time zone: `2026-03-29 00` for a day. */
const bucketOf = (moment: string, grain: string | null, timeZone: string): string | null => {
  if (grain === null) return null;
  const parts = new Intl.DateTimeFormat('en-CA', {
    timeZone,
    dateStyle: 'short',
    timeStyle: 'medium',
    hourCycle: 'h23',
  });
  const [day = '', time = ''] = parts.format(new Date(moment)).split(', ');
  if (grain === 'HOUR') return `${day} ${time.slice(0, 2)}`;
  if (grain === 'DAY') return `${day} 00`;
  if (grain === 'MONTH') return `${day.slice(0, 8)}01 00`;
  const date = new Date(`${day}T00:00:00Z`);
  date.setUTCDate(date.getUTCDate() - ((date.getUTCDay() + 6) % 7));
  return `${date.toISOString().slice(0, 10)} 00`;
};

/** As Postgres defines `percentile_cont`. */
const percentile = (values: readonly number[], share: number): number | null => {
  const sorted = values.toSorted((one, other) => one - other);
  const place = share * (sorted.length - 1);
  const [low, high] = [sorted[Math.floor(place)], sorted[Math.ceil(place)]];
  return low === undefined || high === undefined ? null : low + (high - low) * (place - Math.floor(place));
};
const near = (value: number | null) => (value === null ? null : expect.closeTo(value, 6));

const reckoned = (of: readonly Call[]) => {
  const sum = (field: 'inputTokens' | 'cachedInputTokens' | 'outputTokens') =>
    String(of.reduce((all, call) => all + BigInt(call[field] ?? 0), 0n));
  const having = (status: string) => of.filter((call) => call.status === status).length;
  const latencies = of.flatMap(({ latencyMs }) => latencyMs ?? []);
  const firsts = of.flatMap(({ timeToFirstTokenMs }) => timeToFirstTokenMs ?? []);
  const spoke = of.filter((call) => call.status === 'SUCCESS' && call.latencyMs && call.outputTokens);
  const inAll = (values: readonly number[]) => values.reduce((all, value) => all + value, 0);
  return {
    calls: of.length,
    pending: having('PENDING'),
    successes: having('SUCCESS'),
    errors: having('ERROR'),
    timeouts: having('TIMEOUT'),
    inputTokens: sum('inputTokens'),
    cachedInputTokens: sum('cachedInputTokens'),
    outputTokens: sum('outputTokens'),
    cost: textOf(of.reduce((all, { cost }) => all + moneyOf(cost ?? '0'), 0n)),
    unratedCalls: of.filter(({ cost, status }) => cost === null && status !== 'PENDING').length,
    estimatedCalls: of.filter(({ estimated }) => estimated).length,
    latencyMeanMs: near(latencies.length === 0 ? null : inAll(latencies) / latencies.length),
    latencyP50Ms: near(percentile(latencies, 0.5)),
    latencyP95Ms: near(percentile(latencies, 0.95)),
    latencyP99Ms: near(percentile(latencies, 0.99)),
    timeToFirstTokenP50Ms: near(percentile(firsts, 0.5)),
    timeToFirstTokenP95Ms: near(percentile(firsts, 0.95)),
    tokensPerSecond: near(
      spoke.length === 0
        ? null
        : (inAll(spoke.map((call) => call.outputTokens ?? 0)) * 1000) / inAll(spoke.map((call) => call.latencyMs ?? 0)),
    ),
  };
};

const inTime = (): Call[] => calls.filter(({ createdAt }) => createdAt >= from && createdAt < to);

test('usage is what a reference reckons from the same calls, by whatever it is grouped', async () => {
  const all = Object.keys(keyOf);
  const questions = [
    { groupBy: [], grain: null, timeZone: 'UTC' },
    { groupBy: [], grain: 'DAY', timeZone: 'Europe/Berlin' },
    { groupBy: [], grain: 'HOUR', timeZone: 'Europe/Berlin' },
    { groupBy: ['STATUS', 'USER', 'MODEL'], grain: 'WEEK', timeZone: 'America/New_York' },
    ...Array.from({ length: 8 }, () => ({
      groupBy: all.toSorted(() => random() - 0.5).slice(0, below(4)),
      grain: oneOf(['DAY', 'WEEK', 'MONTH', null]),
      timeZone: oneOf(['UTC', 'Europe/Berlin', 'Asia/Kathmandu']),
    })),
  ];
  for (const { groupBy, grain, timeZone } of questions) {
    const label = (call: Call) =>
      JSON.stringify([bucketOf(call.createdAt, grain, timeZone), ...groupBy.map((by) => keyOf[by]?.(call) ?? null)]);
    const due = Object.groupBy(inTime(), label);
    const { currency, total, rows }: Data = await usage(ada, { groupBy, grain, timeZone });
    const found = new Map<string, object>(
      rows.map((row: Data) => {
        const bucket = row.start === null ? null : bucketOf(row.start, grain === 'HOUR' ? 'HOUR' : 'DAY', timeZone);
        return [JSON.stringify([bucket, ...groupBy.map((by) => row[fieldOf[by] ?? ''])]), row];
      }),
    );
    expect({ groupBy, found: [...found.keys()].sort() }).toEqual({ groupBy, found: Object.keys(due).sort() });
    expect(rows).toHaveLength(found.size);
    for (const [key, of = []] of Object.entries(due))
      expect({ key, ...found.get(key) }).toMatchObject({ key, ...reckoned(of) });
    expect({ currency, ...total }).toMatchObject({ currency: 'USD', ...reckoned(inTime()) });
    // In the order of time.
    const starts = rows.map(({ start }: Data) => start);
    expect(starts).toEqual(starts.toSorted());
  }
}, 120_000);

test('usage costs one statement, and one for each thing that its groups are', async () => {
  await ada.want('{ viewer { role } }');
  const question = `{ modelUsage(groupBy: [MODEL, WORKSPACE, USER], grain: DAY, from: "${from}", to: "${to}") {
    total { calls } rows { start model { name } workspace { name } user { name } calls cost latencyP95Ms } } }`;
  const { data, statements, errors } = await ada.ask(question);
  expect(errors).toEqual([]);
  expect((data as Data).modelUsage.rows.length).toBeGreaterThan(50);
  expect(statements).toHaveLength(4);
});

test('filters hold for usage and for the list, which is walked page by page', async () => {
  const [garden] = workspaces;
  const filter = { workspaceId: { eq: garden }, status: { in: ['ERROR', 'TIMEOUT'] } };
  const due = inTime().filter(
    ({ workspaceId, status }) => workspaceId === uuidOf(garden ?? '') && (status === 'ERROR' || status === 'TIMEOUT'),
  );
  expect((await usage(ada, { filter })).total).toMatchObject(reckoned(due));
  const list = `query ($after: String, $filter: ModelCallFilter) { modelCalls(first: 40, after: $after, filter: $filter) {
    totalCount pageInfo { endCursor hasNextPage } edges { node { id createdAt status cost currency workspace { id } keySource input } } } }`;
  const inside = { and: [filter, { createdAt: { gte: from, lt: to } }] };
  const seen: Data[] = [];
  for (let after: string | null = null, more = true; more;) {
    const { modelCalls }: Data = await ada.want(list, { after, filter: inside });
    expect(modelCalls.totalCount).toBe(due.length);
    seen.push(...modelCalls.edges.map(({ node }: Data) => node));
    ({ endCursor: after, hasNextPage: more } = modelCalls.pageInfo);
  }
  expect(seen.map(({ createdAt }) => createdAt)).toEqual(
    due.map(({ createdAt }) => createdAt).toSorted((one, other) => (one < other ? 1 : -1)),
  );
  expect(textOf(seen.reduce((all, { cost }) => all + moneyOf(cost ?? '0'), 0n))).toBe(reckoned(due).cost);
  const { modelCall }: Data = await ada.want(
    'query ($id: ID!) { modelCall(id: $id) { id status modelName apiKey { label } } }',
    {
      id: seen[0].id,
    },
  );
  expect(modelCall).toMatchObject({ id: seen[0].id, status: seen[0].status, apiKey: null });
});

test('a manager who sees one workspace gets the sums of that one, and nothing of calls outside any', async () => {
  const [garden] = workspaces;
  const manager = await joined(bed, ada.organizationId, 'Mo', 'MANAGER', garden ?? '', 'EDITOR');
  const due = inTime().filter(({ workspaceId }) => workspaceId === uuidOf(garden ?? ''));
  const { total, rows } = await usage(manager, { groupBy: ['WORKSPACE'] });
  expect(total).toMatchObject(reckoned(due));
  expect(rows.map(({ workspaceId }: Data) => workspaceId)).toEqual([garden]);
  const { modelCalls }: Data = await manager.want('{ modelCalls { totalCount } }');
  expect(modelCalls.totalCount).toBe(calls.filter(({ workspaceId }) => workspaceId === uuidOf(garden ?? '')).length);
  // Another organization sees nothing, a member nothing at all.
  const eve = await bed.signUp('Eve');
  expect((await usage(eve, {})).total).toMatchObject({ calls: 0, cost: '0', latencyP50Ms: null });
  const member = await joined(bed, ada.organizationId, 'Max', 'MEMBER', garden ?? '', 'ADMIN');
  expect(await member.codes('{ modelCalls { totalCount } }')).toEqual(['FORBIDDEN']);
  expect(await member.codes(text, usual)).toEqual(['FORBIDDEN']);
});

test.each([
  ['groupBy', { groupBy: ['MODEL', 'USER', 'PURPOSE', 'STATUS'] }],
  ['groupBy', { groupBy: ['MODEL', 'MODEL'] }],
  ['to', { to: from }],
  ['to', { from: '2025-01-01T00:00:00.000Z' }],
  ['grain', { grain: 'HOUR', from: '2026-01-01T00:00:00.000Z' }],
  ['timeZone', { timeZone: '+01:00' }],
  ['timeZone', { timeZone: 'UTC+1' }],
  ['timeZone', { timeZone: 'Mars/Olympus' }],
  ['timeZone', { timeZone: `UTC'; select 1` }],
  ['first', { first: 0 }],
  ['first', { first: 5001 }],
  ['first', { first: 10, grain: 'DAY', groupBy: ['USER'] }],
])('usage is refused with a fault in %s', async (field, question) => {
  const { errors } = await ada.ask(text, { ...usual, ...question });
  expect(errors.map(({ extensions: { code, field: at } }) => [code, at])).toEqual([['BAD_USER_INPUT', field]]);
});

test('calls that are not kept one by one any more stay in the sums, to the last digit', async () => {
  const unit = unitOf(bed, ada.organizationId);
  const { signal } = new AbortController();
  const question = { groupBy: ['MODEL', 'USER', 'STATUS'], grain: 'DAY' };
  const others = (row: Data) => ({
    ...row,
    latencyP50Ms: null,
    latencyP95Ms: null,
    latencyP99Ms: null,
    timeToFirstTokenP50Ms: null,
    timeToFirstTokenP95Ms: null,
    tokensPerSecond: null,
    latencyMeanMs: near(row.latencyMeanMs),
  });
  const byCost = (one: Data, other: Data) => (JSON.stringify(one) < JSON.stringify(other) ? -1 : 1);
  const before = await usage(ada, question);
  // The middle of the time: what began before it is summed up, what is under way stays.
  const days = Math.round((Date.parse(new Date().toISOString().slice(0, 10)) - Date.parse('2026-03-30')) / 86_400_000);
  const old = calls.filter(({ createdAt, status }) => createdAt < '2026-03-30' && status !== 'PENDING');
  expect(await sumUpOldCalls(unit, days, signal)).toBe(old.length);
  expect(await sumUpOldCalls(unit, days, signal)).toBe(0);
  const [kept] = await unit.run(() => database.select({ kept: count() }).from(executionLogs));
  await unit.rest();
  expect(kept).toEqual({ kept: calls.length - old.length });

  const after = await usage(ada, question);
  expect(after.rows.map(others).sort(byCost)).toEqual(before.rows.map(others).sort(byCost));
  expect(others(after.total)).toEqual(others(before.total));
  expect(after.total.latencyP50Ms).toBeNull();
  // What is not summed up has its percentiles still.
  const late = (rows: Data[]) =>
    rows.filter(({ start, calls: many, pending }) => start >= '2026-03-30' && many > pending);
  expect(late(after.rows)).toEqual(late(before.rows));
  const [garden] = workspaces;
  const filter = { workspaceId: { eq: garden }, purpose: { ne: 'chat' } };
  const due = inTime().filter(({ workspaceId, purpose }) => workspaceId === uuidOf(garden ?? '') && purpose !== 'chat');
  expect((await usage(ada, { filter })).total.cost).toBe(reckoned(due).cost);
  // Another pass over the same day adds to its sums.
  const again = old.find(({ cost }) => cost !== null);
  if (again === undefined) throw new Error('There are old calls.');
  await unit.transact(() => database.insert(executionLogs).values(again));
  const days1 = await unit.run(() => database.select({ days: count() }).from(modelUsageDays));
  await unit.rest();
  expect(await sumUpOldCalls(unit, days, signal)).toBe(1);
  const sums = await unit.run(() =>
    database
      .select()
      .from(modelUsageDays)
      .where(eq(modelUsageDays.day, again.createdAt.slice(0, 10))),
  );
  const days2 = await unit.run(() => database.select({ days: count() }).from(modelUsageDays));
  await unit.rest();
  expect(days2).toEqual(days1);
  const ofDay = calls.filter(
    ({ createdAt, status }) => createdAt.slice(0, 10) === again.createdAt.slice(0, 10) && status !== 'PENDING',
  );
  expect(textOf(sums.reduce((all, { cost }) => all + moneyOf(cost), 0n))).toBe(reckoned([...ofDay, again]).cost);
  expect(sums.reduce((all, { calls: many }) => all + many, 0)).toBe(ofDay.length + 1);
  const tokens = [...ofDay, again].reduce((all, { inputTokens }) => all + BigInt(inputTokens ?? 0), 0n);
  expect(sums.reduce((all, { inputTokens }) => all + inputTokens, 0n)).toBe(tokens);
});
