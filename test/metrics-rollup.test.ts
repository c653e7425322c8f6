import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { and, eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import { measures as registry, rolledUpSources } from '../src/domains/analytics/measures.ts';
import { rollUp } from '../src/domains/analytics/rolling-up.ts';
import { schedules } from '../src/domains/analytics/schedules.ts';
import { analyticsEvents, metrics, rollUps, staleWindows, userActivities } from '../src/domains/analytics/tables.ts';
import { documents } from '../src/domains/content/tables.ts';
import { conversations, feedback, messages } from '../src/domains/conversations/tables.ts';
import { sumUpOldCalls } from '../src/domains/modelhub/call-retention.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { orders } from '../src/domains/orders/tables.ts';
import { unitOf as unitOfJobs } from '../src/domains/tenancy/organization-purge.ts';
import { organizations, workspaces } from '../src/domains/tenancy/tables.ts';
import { newId } from '../src/ids.ts';
import { joined } from './access/cast.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

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
const random = randomness(11);
const below = (end: number): number => Math.floor(random() * end);
const oneOf = <Value>(values: readonly Value[]): Value => values[below(values.length)] as Value;

/** What is counted here is months old. */
const kept = { activityDays: 3650, eventDays: 3650, metricDays: 3650 };

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let members: string[] = [];
let places: string[] = [];

beforeAll(async () => {
  bed = await startTestbed({ WORKERS: 'off' });
  ada = await bed.signUp('Ada');
  const bob = await joined(bed, ada.organizationId, 'Bob', 'MEMBER', null, 'VIEWER');
  members = [uuidOf(ada.userId), uuidOf(bob.userId)];
  await unit().transact(({ organizationId }) =>
    database.update(organizations).set({ settings: kept }).where(eq(organizations.id, organizationId)),
  );
  for (const name of ['Garden', 'Kitchen']) places.push(uuidOf(await workspaceOf(ada, { name })));
}, 120_000);
afterAll(() => bed.stop());

const unit = (): UnitOfWork => unitOfJobs(bed.server.installation.services, uuidOf(ada.organizationId));
const run = <Row>(statement: () => Promise<Row>): Promise<Row> => {
  const reading = unit();
  return reading.run(statement).finally(() => void reading.rest());
};

/** A time in the weeks around the change of the clocks in Berlin, in March, or much earlier. */
const sometime = (): string =>
  new Date(
    (random() < 0.9 ? Date.UTC(2026, 2, 16) : Date.UTC(2025, 11, 29)) + below(20 * 24 * 60) * 60_000 + below(60_000),
  ).toISOString();

/** One change of what is counted: something new, late or not; something that becomes another thing; something that goes. */
const changes: readonly ((organizationId: string) => Promise<unknown>)[] = [
  (organizationId) =>
    database.insert(userActivities).values(
      Array.from({ length: 1 + below(4) }, () => ({
        organizationId,
        userId: oneOf(members),
        action: 'viewer',
        mutation: false,
        requestId: 'r',
        durationMs: below(100),
        error: oneOf([null, 'NOT_FOUND']),
        createdAt: sometime(),
      })),
    ),
  (organizationId) =>
    database.insert(analyticsEvents).values(
      Array.from({ length: 1 + below(4) }, () => ({
        organizationId,
        workspaceId: oneOf([...places, null]),
        name: oneOf(['page_view', 'signup']),
        source: 'CLIENT' as const,
        occurredAt: sometime(),
      })),
    ),
  async (organizationId) => {
    const [workspaceId, id, createdAt] = [oneOf(places), newId(), sometime()];
    await database.insert(conversations).values({ organizationId, id, workspaceId, title: 'Roses', createdAt });
    const answers = Array.from({ length: 1 + below(3) }, () => newId());
    const said = { organizationId, workspaceId, conversationId: id, content: 'Roses' };
    await database.insert(messages).values(
      answers.map((answer) => ({
        ...said,
        id: answer,
        createdAt: sometime(),
        role: oneOf(['USER', 'ASSISTANT'] as const),
        status: oneOf(['STREAMING', 'COMPLETED'] as const),
      })),
    );
    await database.insert(feedback).values({
      organizationId,
      workspaceId,
      messageId: answers[0] ?? '',
      userId: oneOf(members),
      scale: 'STARS',
      score: 1 + below(5),
      createdAt: sometime(),
    });
  },
  (organizationId) =>
    database.insert(documents).values({
      organizationId,
      workspaceId: oneOf(places),
      title: 'Roses',
      mimeType: 'text/plain',
      createdAt: sometime(),
      readers: oneOf([null, [organizationId]]),
    }),
  (organizationId) =>
    database.insert(orders).values({
      organizationId,
      readers: [organizationId],
      number: below(2 ** 30),
      type: 'LOAN',
      // One of a workspace that is gone, too.
      originWorkspaceId: oneOf([...places, null, newId()]),
      createdAt: sometime(),
    }),
  (organizationId) =>
    database.insert(executionLogs).values({
      organizationId,
      workspaceId: oneOf([...places, null]),
      providerName: 'p',
      modelName: 'm',
      purpose: 'answer',
      createdAt: sometime(),
    }),
  () =>
    some(
      'execution_logs',
      sql`update execution_logs set status = ${oneOf(['SUCCESS', 'ERROR'])}, cost = ${`${below(1000)}.${String(below(10 ** 9)).padStart(12, '0')}`}::numeric,
        input_tokens = ${below(1000)}, output_tokens = ${below(1000)}, latency_ms = ${below(1000)}, time_to_first_token_ms = ${below(100)}`,
    ),
  () =>
    some(
      'orders',
      sql`update orders set status = 'COMPLETED', completed_at = ${sometime()}, cancelled_at = null, cancellation_reason = null`,
    ),
  () => some('orders', sql`update orders set status = 'CANCELLED', completed_at = null, cancelled_at = ${sometime()}`),
  () => some('orders', sql`update orders set deleted_at = ${oneOf([null, sometime()])}`),
  () => some('orders', sql`update orders set origin_workspace_id = ${oneOf(places)}`),
  () => some('messages', sql`update messages set status = 'COMPLETED'`),
  () => some('messages', sql`update messages set role = 'ASSISTANT', created_at = ${sometime()}`),
  () => some('feedback', sql`update feedback set score = ${1 + below(5)}`),
  () => some('analytics_events', sql`update analytics_events set occurred_at = ${sometime()}, name = 'page_view'`),
  () => some('documents', sql`update documents set workspace_id = ${oneOf(places)}`),
  () => some('documents', sql`update documents set readers = null`),
  () => some('user_activities', sql`update user_activities set error = null`),
  () => {
    const source = oneOf(rolledUpSources);
    return some(source, sql`delete from ${sql.identifier(source)}`);
  },
];

/** Changes a few rows of a table. */
const some = (source: string, change: ReturnType<typeof sql>): Promise<unknown> =>
  database.execute(sql`${change} where id in (select id from ${sql.identifier(source)} order by md5(id::text || ${String(random())})
    limit ${1 + below(3)})`);

/** The work of a few people at once, some of which comes to nothing. */
const work = async (times: number): Promise<void> => {
  for (let time = 0; time < times; time += 1) {
    const [list, fails] = [Array.from({ length: 1 + below(3) }, () => oneOf(changes)), random() < 0.1];
    const work = unit();
    await work
      .transact(async ({ organizationId }) => {
        for (const change of list) await change(organizationId);
        if (fails) throw new Error('Undone.');
      })
      .catch((error: unknown) => {
        // Of people who change the same rows in another order one is undone, too.
        if (!Error.isError(error) || !['Undone.', 'deadlock detected'].includes(error.message)) throw error;
      });
  }
};

/** What one pass over all rows gives, written apart from what the product does. */
const onePass = (timeZone: string): Promise<string[]> => {
  const figures: readonly [name: string, value: string, samples: string, at: string, place: string, from: string][] = [
    ['ACTIVITIES', 'count(*)', 'count(*)', 'created_at', 'null::uuid', 'user_activities'],
    [
      'FAILED_ACTIVITIES',
      'count(*)',
      'count(*)',
      'created_at',
      'null::uuid',
      'user_activities where error is not null',
    ],
    ['ACTIVE_USERS', 'count(distinct user_id)', 'count(*)', 'created_at', 'null::uuid', 'user_activities'],
    ['EVENTS', 'count(*)', 'count(*)', 'occurred_at', 'workspace_id', 'analytics_events'],
    ['PAGE_VIEWS', 'count(*)', 'count(*)', 'occurred_at', 'workspace_id', `analytics_events where name = 'page_view'`],
    ['CONVERSATIONS', 'count(*)', 'count(*)', 'created_at', 'workspace_id', 'conversations'],
    ['MESSAGES', 'count(*)', 'count(*)', 'created_at', 'workspace_id', 'messages'],
    [
      'ANSWERS',
      'count(*)',
      'count(*)',
      'created_at',
      'workspace_id',
      `messages where role = 'ASSISTANT' and status = 'COMPLETED'`,
    ],
    ['FEEDBACK', 'count(*)', 'count(*)', 'created_at', 'workspace_id', 'feedback'],
    [
      'FEEDBACK_SCORE',
      'round(sum((score - 1) * 0.25) / count(*), 6)',
      'count(*)',
      'created_at',
      'workspace_id',
      'feedback',
    ],
    [
      'DOCUMENTS_ADDED',
      'count(*)',
      'count(*)',
      'created_at',
      'case when readers is null then workspace_id end',
      'documents',
    ],
    ['ORDERS_CREATED', 'count(*)', 'count(*)', 'created_at', 'origin_workspace_id', 'orders where deleted_at is null'],
    [
      'ORDERS_COMPLETED',
      'count(*)',
      'count(*)',
      'completed_at',
      'origin_workspace_id',
      `orders where deleted_at is null and status = 'COMPLETED'`,
    ],
    [
      'ORDERS_CANCELLED',
      'count(*)',
      'count(*)',
      'cancelled_at',
      'origin_workspace_id',
      `orders where deleted_at is null and status = 'CANCELLED'`,
    ],
    [
      'HOURS_TO_COMPLETION',
      'round(avg(extract(epoch from completed_at - created_at) / 3600), 6)',
      'count(*)',
      'completed_at',
      'origin_workspace_id',
      `orders where deleted_at is null and status = 'COMPLETED'`,
    ],
    ['MODEL_CALLS', 'count(*)', 'count(*)', 'created_at', 'workspace_id', 'execution_logs'],
    [
      'MODEL_ERRORS',
      `count(*) filter (where status = 'ERROR')`,
      'count(*)',
      'created_at',
      'workspace_id',
      'execution_logs',
    ],
    ['INPUT_TOKENS', 'sum(input_tokens)', 'count(*)', 'created_at', 'workspace_id', 'execution_logs'],
    ['OUTPUT_TOKENS', 'sum(output_tokens)', 'count(*)', 'created_at', 'workspace_id', 'execution_logs'],
    ['COST', 'coalesce(sum(cost), 0)', 'count(*)', 'created_at', 'workspace_id', 'execution_logs'],
    [
      'LATENCY',
      'round(avg(latency_ms::numeric), 6)',
      'count(*)',
      'created_at',
      'workspace_id',
      'execution_logs where latency_ms is not null',
    ],
    [
      'TIME_TO_FIRST_TOKEN',
      'round(avg(time_to_first_token_ms::numeric), 6)',
      'count(*)',
      'created_at',
      'workspace_id',
      'execution_logs where time_to_first_token_ms is not null',
    ],
  ];
  expect(figures.map(([name]) => name).sort()).toEqual(
    Object.entries(registry)
      .flatMap(([name, { rolledUp }]) => (rolledUp ? [name] : []))
      .sort(),
  );
  const periods = { HOURLY: 'hour', DAILY: 'day', WEEKLY: 'week', MONTHLY: 'month' };
  const selects = figures.flatMap(([name, value, samples, at, place, from]) =>
    Object.entries(periods).flatMap(([period, grain]) => {
      const start = `date_trunc('${grain}', ${at}, '${timeZone}')`;
      const told = `'${name}' as name, '${period}' as period, ${start} as start`;
      const figure = `(${value})::numeric as value, (${samples})::bigint as samples`;
      const known = `${place} in (select id from workspaces)`;
      return [
        `select ${told}, null::uuid as place, ${figure} from ${from} group by 3`,
        `select ${told}, ${place} as place, ${figure} from ${from} ${from.includes(' where ') ? 'and' : 'where'} ${known} group by 3, 4`,
      ];
    }),
  );
  return asLines(`select * from (${selects.join(' union all ')}) figures`);
};
const rolledUp = (): Promise<string[]> =>
  asLines('select name, period, period_start as start, workspace_id as place, value, samples from metrics');
const asLines = async (select: string): Promise<string[]> => {
  const rows = await run(() =>
    database.execute<{ line: string }>(
      sql.raw(
        `select concat_ws(' ', name, period, start, coalesce(place::text, 'all'), trim_scale(value), samples) as line from (${select}) told order by 1`,
      ),
    ),
  );
  return rows.map(({ line }) => line);
};

const setTimeZone = (timeZone: string): Promise<unknown> =>
  unit().transact(({ organizationId }) =>
    database
      .update(organizations)
      .set({ settings: { ...kept, timeZone, callRetentionDays: 3650 } })
      .where(eq(organizations.id, organizationId)),
  );

/** The embedded database has one connection: nobody else does anything meanwhile. */
const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? test.skip : test;
const parallel = process.env.TEST_POSTGRES_URL === undefined ? 1 : 3;

test('whatever comes late, changes or goes, roll-ups are what one pass over all rows gives', async () => {
  for (const timeZone of ['UTC', 'Europe/Berlin', 'Asia/Kathmandu']) {
    await setTimeZone(timeZone);
    for (let round = 0; round < 3; round += 1) {
      const workers = Array.from({ length: parallel }, async () => work(10));
      const makers = Array.from({ length: parallel }, async () => rollUp(unit()));
      await Promise.all([...workers, ...makers]);
      // Some crash in the middle: what they took away is there again.
      await unit()
        .transact(async () => {
          await database.execute(sql`delete from stale_windows`);
          await database.execute(sql`delete from metrics`);
          throw new Error('Crashed.');
        })
        .catch(() => undefined);
      await Promise.all(Array.from({ length: parallel }, async () => rollUp(unit())));
      const [due, made] = [await onePass(timeZone), await rolledUp()];
      expect(due.length).toBeGreaterThan(0);
      expect(made).toEqual(due);
      expect(await run(() => database.select().from(staleWindows))).toEqual([]);
    }
  }
  expect((await rolledUp()).length).toBeGreaterThan(300);
});

onPostgres('a long transaction that ends after its hour was rolled up is not forgotten', async () => {
  const occurredAt = '2026-04-20T10:30:00Z';
  await unit().transact(async ({ organizationId }) => {
    const row = { organizationId, name: 'late', source: 'SERVER' as const, occurredAt };
    await database.insert(analyticsEvents).values(row);
    await database.execute(sql`delete from user_activities where id in (select id from user_activities limit 2)`);
    await rollUp(unit());
    expect((await rolledUp()).filter((line) => line.includes('2026-04-20 10:'))).toEqual([]);
  });
  await rollUp(unit());
  expect((await rolledUp()).filter((line) => line.includes('2026-04-20 10:'))).toHaveLength(1);
  expect(await rolledUp()).toEqual(await onePass('Asia/Kathmandu'));
});

test('what is rolled up again stays the same row, and a figure that stays is not written', async () => {
  const rows = () =>
    run(() => database.select({ id: metrics.id, updatedAt: metrics.updatedAt }).from(metrics).orderBy(metrics.id));
  const before = await rows();
  const from = new Date(Date.UTC(2025, 11, 1)).toISOString();
  const to = new Date(Date.UTC(2026, 5, 1)).toISOString();
  const answer: Data = await ada.want(
    'mutation ($input: RebuildMetricsInput!) { rebuildMetrics(input: $input) { job { id kind state } } }',
    { input: { from, to } },
  );
  expect(answer.rebuildMetrics.job).toMatchObject({ kind: 'analytics.rebuild-metrics', state: 'QUEUED' });
  // What somebody has spoiled is mended, and what is right is left alone.
  const [spoiled, surplus] = before;
  await unit().transact(async ({ organizationId }) => {
    await database
      .update(metrics)
      .set({ value: '-1' })
      .where(eq(metrics.id, spoiled?.id ?? ''));
    await database.insert(metrics).values({
      organizationId,
      name: 'EVENTS',
      category: 'EVENTS',
      period: 'HOURLY',
      periodStart: '2026-01-31T00:15:00Z',
      value: '7',
      samples: 7,
    });
  });
  const { jobs } = bed.server.installation.services;
  const job = jobs['analytics.rebuild-metrics'];
  const work = { unit: unit(), services: bed.server.installation.services };
  const signal = new AbortController().signal;
  const nothing = async () => undefined;
  await job?.run(
    work,
    { from, to },
    { jobId: newId(), attempt: 1, signal, kept: null, progress: nothing, keep: nothing },
  );
  expect(await rolledUp()).toEqual(await onePass('Asia/Kathmandu'));
  const after = await rows();
  expect(after.map(({ id }) => id)).toEqual(before.map(({ id }) => id));
  expect(after.find(({ id }) => id === surplus?.id)).toEqual(surplus);
});

test('figures of calls stay when the calls go into the sums of their days', async () => {
  const before = await run(() => database.select().from(metrics).where(eq(metrics.category, 'MODELS')));
  expect(before.length).toBeGreaterThan(0);
  const settings = { ...kept, timeZone: 'Asia/Kathmandu', callRetentionDays: 30 };
  await unit().transact(({ organizationId }) =>
    database.update(organizations).set({ settings }).where(eq(organizations.id, organizationId)),
  );
  await unit().transact(() =>
    database.execute(sql`update execution_logs set status = 'SUCCESS' where status = 'PENDING'`),
  );
  await rollUp(unit());
  const left = await run(() => database.select().from(metrics).where(eq(metrics.category, 'MODELS')));
  const signal = new AbortController().signal;
  expect(await sumUpOldCalls(unit(), 30, signal)).toBeGreaterThan(0);
  // Kept for longer again: what is gone is not there again.
  await setTimeZone('Asia/Kathmandu');
  await rollUp(unit());
  const after = await run(() => database.select().from(metrics).where(eq(metrics.category, 'MODELS')));
  expect(new Set(after.map(({ id, value }) => `${id} ${value}`))).toEqual(
    new Set(left.map(({ id, value }) => `${id} ${value}`)),
  );
  expect(await run(() => database.select().from(staleWindows))).toEqual([]);
  const [state] = await run(() =>
    database
      .select()
      .from(rollUps)
      .where(and(eq(rollUps.source, 'execution_logs'))),
  );
  expect(state?.keptSince).not.toBeNull();
});

test('one sees the roll-ups of the workspaces that one sees, and those of the organization with all of them', async () => {
  await unit().transact(({ organizationId }) =>
    database.insert(analyticsEvents).values(
      [...places, null].map((workspaceId) => ({
        organizationId,
        workspaceId,
        name: 'seen',
        source: 'SERVER' as const,
        occurredAt: '2026-05-04T10:30:00Z',
      })),
    ),
  );
  await rollUp(unit());
  const [garden] = await run(() =>
    database
      .select()
      .from(workspaces)
      .where(eq(workspaces.id, places[0] ?? '')),
  );
  expect(garden?.name).toBe('Garden');
  const mo = await joined(bed, ada.organizationId, 'Mo', 'MANAGER', null, 'VIEWER');
  const text = `query ($filter: MetricFilter) { rolledUpMetrics(first: 100, filter: $filter) { totalCount edges { node {
    id name category period periodStart value samples workspace { name } } } } }`;
  const filter = {
    name: { eq: 'EVENTS' },
    period: { in: ['HOURLY', 'MONTHLY'] },
    periodStart: { gte: '2026-04-30T00:00:00Z', lt: '2026-06-01T00:00:00Z' },
  };
  const { rolledUpMetrics }: Data = await ada.want(text, { filter });
  expect(
    rolledUpMetrics.edges.map(({ node }: Data) => [
      node.period,
      node.periodStart,
      node.workspace?.name ?? null,
      node.value,
      node.samples,
    ]),
  ).toEqual(
    expect.arrayContaining([
      ['HOURLY', '2026-05-04T10:15:00.000Z', null, '3', '3'],
      ['HOURLY', '2026-05-04T10:15:00.000Z', 'Garden', '1', '1'],
      ['MONTHLY', '2026-04-30T18:15:00.000Z', null, '3', '3'],
    ]),
  );
  expect(rolledUpMetrics.totalCount).toBe(6);
  const none: Data = await mo.want(text, { filter });
  expect(none.rolledUpMetrics.edges).toEqual([]);
  const whole = rolledUpMetrics.edges.find(({ node }: Data) => node.workspace === null).node.id;
  expect(await mo.codes('query ($id: ID!) { node(id: $id) { id } }', { id: whole })).toEqual(['NOT_FOUND']);
  const member = await joined(bed, ada.organizationId, 'Kim', 'MEMBER', null, 'VIEWER');
  expect(await member.codes(text, { filter })).toEqual(['FORBIDDEN']);
  expect(
    await mo.codes('mutation ($input: RebuildMetricsInput!) { rebuildMetrics(input: $input) { job { id } } }', {
      input: { from: '2026-01-01T00:00:00Z', to: '2026-02-01T00:00:00Z' },
    }),
  ).toEqual(['FORBIDDEN']);
});

onPostgres('one roll-up waits for the other, so that none writes what it saw before', async () => {
  const { promise: ended, resolve: end } = Promise.withResolvers<void>();
  const { promise: begun, resolve: begin } = Promise.withResolvers<void>();
  const other = unit().transact(async ({ organizationId }) => {
    await database.execute(
      sql`select pg_advisory_xact_lock(hashtextextended('metrics ' || ${organizationId}::text, 0))`,
    );
    begin();
    await ended;
  });
  await begun;
  let made = false;
  const rolling = rollUp(unit()).then(() => (made = true));
  await new Promise((resolve) => setTimeout(resolve, 500));
  expect(made).toBe(false);
  end();
  await Promise.all([other, rolling]);
  expect(made).toBe(true);
});

test('the schedule rolls up all organizations, also when one of them cannot be', async () => {
  const other = await bed.signUp('Eve');
  const services = bed.server.installation.services;
  const ofOther = unitOfJobs(services, uuidOf(other.organizationId));
  await ofOther.transact(({ organizationId }) =>
    database
      .insert(analyticsEvents)
      .values({ organizationId, name: 'seen', source: 'SERVER', occurredAt: '2026-05-04T10:30:00Z' }),
  );
  await setTimeZone('Antarctica/Troll');
  await unit().transact(() =>
    database.execute(
      sql`update organizations set settings = '{"timeZone": 7}' where id = ${uuidOf(ada.organizationId)}`,
    ),
  );
  await schedules['analytics.roll-up-metrics']?.run({ unit: unit(), services }, new AbortController().signal);
  const made = await ofOther.run(() => database.select().from(metrics));
  await ofOther.rest();
  expect(made.map(({ period, value }) => `${period} ${value}`).sort()).toEqual([
    'DAILY 1',
    'HOURLY 1',
    'MONTHLY 1',
    'WEEKLY 1',
  ]);
});
