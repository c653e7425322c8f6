import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { analyticsEvents, userActivities } from '../src/domains/analytics/tables.ts';
import { documents } from '../src/domains/content/tables.ts';
import { conversations, feedback, messages } from '../src/domains/conversations/tables.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { orders } from '../src/domains/orders/tables.ts';
import { organizations } from '../src/domains/tenancy/tables.ts';
import { globalId, newId } from '../src/ids.ts';
import { joined } from './access/cast.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let garden: string;
let kitchen: string;
/** A MANAGER who belongs to the garden alone. */
let mo: Awaited<ReturnType<typeof joined>>;

const [from, to] = ['2026-03-01T00:00:00.000Z', '2026-04-01T00:00:00.000Z'];

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  [garden, kitchen] = [await workspaceOf(ada, { name: 'Garden' }), await workspaceOf(ada, { name: 'Kitchen' })];
  mo = await joined(bed, ada.organizationId, 'Mo', 'MANAGER', garden, 'EDITOR');
  await plant();
}, 120_000);
afterAll(() => bed.stop());

/** Rows of March in two workspaces, of two people. */
const plant = async (): Promise<void> => {
  const organizationId = uuidOf(ada.organizationId);
  const [adaId, moId, gardenId, kitchenId] = [ada.userId, mo.userId, garden, kitchen].map(uuidOf) as [
    string,
    string,
    string,
    string,
  ];
  const readers = (workspaceId: string) => [organizationId, adaId, workspaceId];
  const on = (day: number, hour = 12): string => new Date(Date.UTC(2026, 2, day, hour)).toISOString();
  const unit = unitOf(bed, ada.organizationId).as({
    organizationId,
    userId: adaId,
    principals: [organizationId],
    workspaces: '*',
  });
  await unit.transact(async () => {
    const activity = { organizationId, action: 'viewer', mutation: false, requestId: 'r' };
    await database.insert(userActivities).values([
      { ...activity, userId: adaId, createdAt: on(2), durationMs: 10 },
      { ...activity, userId: adaId, createdAt: on(2, 13), durationMs: 20, error: 'NOT_FOUND' },
      { ...activity, userId: adaId, createdAt: on(3), durationMs: 30 },
      { ...activity, userId: moId, createdAt: on(3), durationMs: 40, action: 'orders' },
    ]);
    const event = { organizationId, source: 'CLIENT' as const, userId: adaId };
    await database.insert(analyticsEvents).values([
      { ...event, workspaceId: gardenId, name: 'page_view', occurredAt: on(2) },
      { ...event, workspaceId: gardenId, name: 'signup', occurredAt: on(2) },
      { ...event, workspaceId: kitchenId, name: 'page_view', occurredAt: on(4) },
      { ...event, workspaceId: null, name: 'page_view', occurredAt: on(4) },
      { ...event, workspaceId: null, userId: moId, name: 'page_view', occurredAt: on(5) },
    ]);
    for (const [workspaceId, day, scores] of [
      [gardenId, 2, [1, -1]],
      [kitchenId, 3, [1]],
    ] as const) {
      const conversationId = newId();
      await database
        .insert(conversations)
        .values({ organizationId, id: conversationId, workspaceId, userId: adaId, title: 'Roses', createdAt: on(day) });
      const said = { organizationId, workspaceId, conversationId, content: 'Roses', createdAt: on(day) };
      const answers = scores.map(() => newId());
      await database
        .insert(messages)
        .values([
          { ...said, role: 'USER', senderId: adaId },
          ...answers.map((id) => ({ ...said, id, role: 'ASSISTANT' as const, model: 'rose' })),
          { ...said, role: 'ASSISTANT', status: 'CANCELLED' },
        ]);
      await database.insert(feedback).values(
        answers.map((messageId, index) => ({
          organizationId,
          workspaceId,
          messageId,
          userId: adaId,
          score: scores[index] ?? 1,
          createdAt: on(day),
        })),
      );
    }
    const text = { organizationId, title: 'Roses', mimeType: 'text/plain', addedById: adaId };
    await database.insert(documents).values([
      { ...text, workspaceId: gardenId, createdAt: on(2) },
      { ...text, workspaceId: gardenId, createdAt: on(2), readers: [organizationId, adaId] },
      { ...text, workspaceId: kitchenId, createdAt: on(6) },
    ]);
    const order = { organizationId, type: 'LOAN' as const, customerId: adaId };
    await database.insert(orders).values([
      { ...order, number: 1, originWorkspaceId: gardenId, readers: readers(gardenId), createdAt: on(2) },
      {
        ...order,
        number: 2,
        originWorkspaceId: kitchenId,
        readers: readers(kitchenId),
        createdAt: on(2),
        status: 'COMPLETED',
        completedAt: on(4),
      },
      {
        ...order,
        number: 3,
        type: 'INSURANCE',
        originWorkspaceId: gardenId,
        readers: readers(gardenId),
        createdAt: on(2),
        status: 'COMPLETED',
        completedAt: on(3),
      },
      {
        ...order,
        number: 4,
        originWorkspaceId: gardenId,
        readers: readers(gardenId),
        createdAt: on(3),
        status: 'CANCELLED',
        cancelledAt: on(5),
      },
      { ...order, number: 5, readers: [organizationId, adaId], createdAt: on(3), deletedAt: on(4) },
    ]);
    const call = { organizationId, providerName: 'p', modelName: 'm', purpose: 'answer' };
    await database.insert(executionLogs).values([
      {
        ...call,
        workspaceId: gardenId,
        userId: adaId,
        createdAt: on(2),
        status: 'SUCCESS',
        cost: '0.000000000001',
        inputTokens: 5,
        outputTokens: 7,
        latencyMs: 100,
        timeToFirstTokenMs: 10,
      },
      {
        ...call,
        workspaceId: kitchenId,
        userId: adaId,
        createdAt: on(3),
        status: 'SUCCESS',
        cost: '1.1',
        inputTokens: 50,
        outputTokens: 70,
        latencyMs: 300,
      },
      { ...call, workspaceId: kitchenId, createdAt: on(3), status: 'ERROR', purpose: 'agent' },
      { ...call, workspaceId: null, userId: moId, createdAt: on(4), status: 'PENDING' },
    ]);
  });
};

const text = `query ($input: MetricsInput!) { metrics(input: $input) { truncated timeZone rows { start
  keys { dimension value user { id } workspace { name } }
  values { measure value percentiles { percentile value } } } } }`;
const asked = (input: object) => ({ input: { from, to, ...input } });
const rowsFor = async (person: Person, input: object): Promise<Data[]> =>
  ((await person.want(text, asked(input))) as Data).metrics.rows;
/** The figures of each row as text, behind its bucket and keys. */
const figuresFor = async (person: Person, input: object): Promise<unknown[][]> =>
  (await rowsFor(person, input)).map(({ start, keys, values }) =>
    [
      start === null ? [] : [start],
      keys.map(({ value }: Data) => value),
      values.map(({ value }: Data) => value),
    ].flat(),
  );
const refused = async (input: object, person: Person = ada): Promise<Data> =>
  (await person.ask(text, asked(input))).errors[0]?.extensions;

const everything = {
  ACTIVITIES: ['4', '1'],
  FAILED_ACTIVITIES: ['1', '0'],
  ACTIVITY_DURATION: ['25', '40'],
  ACTIVE_USERS: ['2', '1'],
  EVENTS: ['5', '3'],
  PAGE_VIEWS: ['4', '2'],
  CONVERSATIONS: ['2', '1'],
  MESSAGES: ['7', '4'],
  ANSWERS: ['3', '2'],
  FEEDBACK: ['3', '2'],
  FEEDBACK_SCORE: ['0.666667', '0.5'],
  DOCUMENTS_ADDED: ['3', '1'],
  ORDERS_CREATED: ['4', '3'],
  ORDERS_COMPLETED: ['2', '1'],
  ORDERS_CANCELLED: ['1', '1'],
  HOURS_TO_COMPLETION: ['36', '24'],
  MODEL_CALLS: ['4', '2'],
  MODEL_ERRORS: ['1', '0'],
  INPUT_TOKENS: ['55', '5'],
  OUTPUT_TOKENS: ['77', '7'],
  COST: ['1.100000000001', '0.000000000001'],
  LATENCY: ['200', '100'],
  TIME_TO_FIRST_TOKEN: ['10', '10'],
};

/** At most ten can be asked for at once. */
const tens = (list: readonly string[]): string[][] =>
  list.length === 0 ? [] : [list.slice(0, 10), ...tens(list.slice(10))];

test('every measure counts what is there, and for each person what they see alone', async () => {
  for (const [person, place] of [
    [ada, 0],
    [mo, 1],
  ] as const) {
    const told: Record<string, unknown> = {};
    for (const measures of tens(Object.keys(everything))) {
      const [row] = await rowsFor(person, { measures });
      for (const { measure, value } of row.values) told[measure] = value;
    }
    expect(told).toEqual(Object.fromEntries(Object.entries(everything).map(([name, both]) => [name, both[place]])));
  }
});

test('figures of several tables stand side by side, and are asked for in one statement', async () => {
  const measures = ['ORDERS_CREATED', 'ORDERS_COMPLETED', 'COST', 'MESSAGES'];
  const input = { measures, grain: 'DAY', timeZone: 'UTC', dimensions: ['WORKSPACE'] };
  expect(await figuresFor(ada, input)).toEqual([
    ['2026-03-02T00:00:00.000Z', garden, '2', '0', '0.000000000001', '4'],
    ['2026-03-02T00:00:00.000Z', kitchen, '1', '0', '0', '0'],
    ['2026-03-03T00:00:00.000Z', garden, '1', '1', '0', '0'],
    ['2026-03-03T00:00:00.000Z', kitchen, '0', '0', '1.1', '3'],
    ['2026-03-04T00:00:00.000Z', kitchen, '0', '1', '0', '0'],
    ['2026-03-04T00:00:00.000Z', null, '0', '0', '0', '0'],
  ]);
  const { statements } = await ada.ask(
    `query ($input: MetricsInput!) { metrics(input: $input) { rows { values { value } } } }`,
    asked(input),
  );
  expect(statements).toHaveLength(1);
});

test('groups have the ids and names of what they are of', async () => {
  const rows = await rowsFor(ada, { measures: ['EVENTS'], dimensions: ['USER', 'WORKSPACE', 'EVENT_NAME'] });
  expect(rows.map(({ keys }) => keys.map((key: Data) => key.value))).toEqual(
    expect.arrayContaining([
      [mo.userId, null, 'page_view'],
      [ada.userId, garden, 'signup'],
    ]),
  );
  const [row] = await rowsFor(ada, {
    measures: ['EVENTS'],
    dimensions: ['USER', 'WORKSPACE'],
    filter: { eventName: { eq: 'signup' } },
  });
  expect(row.keys).toEqual([
    { dimension: 'USER', value: ada.userId, user: { id: ada.userId }, workspace: null },
    { dimension: 'WORKSPACE', value: garden, user: null, workspace: { name: 'Garden' } },
  ]);
  // Who does not see the workspace learns nothing of it.
  const names = (await rowsFor(mo, { measures: ['EVENTS'], dimensions: ['WORKSPACE'] })).map(
    ({ keys }) => keys[0].value,
  );
  expect(new Set(names)).toEqual(new Set([garden, null]));
});

test('filters, orders and bounds hold, and what is cut off is told', async () => {
  const measures = ['ORDERS_CREATED', 'ORDERS_COMPLETED'];
  expect(await figuresFor(ada, { measures, filter: { orderType: { eq: 'LOAN' } } })).toEqual([['3', '1']]);
  const byType = { measures, dimensions: ['ORDER_TYPE'] };
  expect(await figuresFor(ada, { ...byType, orderBy: { measure: 'ORDERS_CREATED', direction: 'ASC' } })).toEqual([
    ['INSURANCE', '1', '1'],
    ['LOAN', '3', '1'],
  ]);
  const cut: Data = await ada.want(text, asked({ ...byType, first: 1 }));
  expect(cut.metrics).toMatchObject({ truncated: true, rows: [{ keys: [{ value: 'LOAN' }] }] });
  const exact: Data = await ada.want(text, asked({ ...byType, first: 2 }));
  expect(exact.metrics).toMatchObject({ truncated: false, timeZone: 'UTC' });
  const days = { measures: ['ORDERS_CREATED'], grain: 'DAY', orderBy: { direction: 'DESC' } };
  expect((await figuresFor(ada, days)).map(([start]) => start)).toEqual([
    '2026-03-03T00:00:00.000Z',
    '2026-03-02T00:00:00.000Z',
  ]);
});

test('percentiles are those of Postgres, and stand at the measures that have them', async () => {
  const input = { measures: ['LATENCY', 'HOURS_TO_COMPLETION', 'COST'], percentiles: [50, 95, 99] };
  const [row] = await rowsFor(ada, input);
  expect(row.values.map(({ percentiles }: Data) => percentiles.map(({ value }: Data) => value))).toEqual([
    [200, 290, 298],
    [36, 46.8, 47.76],
    [],
  ]);
});

describe('buckets', () => {
  test('begin by the clock on the wall, also where it changes', async () => {
    const organizationId = uuidOf(ada.organizationId);
    const at = [
      '2026-03-28T22:30:00Z',
      '2026-03-28T23:30:00Z',
      '2026-03-29T21:30:00Z',
      '2026-03-29T22:30:00Z',
      '2026-10-25T00:30:00Z',
      '2026-10-25T01:30:00Z',
    ];
    await unitOf(bed, ada.organizationId).transact(() =>
      database
        .insert(analyticsEvents)
        .values(at.map((occurredAt) => ({ organizationId, source: 'SERVER' as const, name: 'clock', occurredAt }))),
    );
    const ask = (grain: string, timeZone: string, month: string) =>
      figuresFor(ada, {
        measures: ['EVENTS'],
        grain,
        timeZone,
        filter: { eventName: { eq: 'clock' } },
        from: `2026-${month}-20T00:00:00Z`,
        to: `2026-${month}-31T00:00:00Z`,
      });
    // The 29th of March had 23 hours in Berlin.
    expect(await ask('DAY', 'Europe/Berlin', '03')).toEqual([
      ['2026-03-27T23:00:00.000Z', '1'],
      ['2026-03-28T23:00:00.000Z', '2'],
      ['2026-03-29T22:00:00.000Z', '1'],
    ]);
    expect(await ask('WEEK', 'Europe/Berlin', '03')).toEqual([
      ['2026-03-22T23:00:00.000Z', '3'],
      ['2026-03-29T22:00:00.000Z', '1'],
    ]);
    expect(await ask('MONTH', 'Europe/Berlin', '03')).toEqual([['2026-02-28T23:00:00.000Z', '4']]);
    // The hour that comes twice is two hours.
    expect(await ask('HOUR', 'Europe/Berlin', '10')).toEqual([
      ['2026-10-25T00:00:00.000Z', '1'],
      ['2026-10-25T01:00:00.000Z', '1'],
    ]);
    expect(await ask('HOUR', 'Asia/Kathmandu', '10')).toEqual([
      ['2026-10-25T00:15:00.000Z', '1'],
      ['2026-10-25T01:15:00.000Z', '1'],
    ]);
  });

  test('are left out where nothing happened, or filled', async () => {
    const input = {
      measures: ['ORDERS_CREATED', 'HOURS_TO_COMPLETION'],
      grain: 'DAY',
      timeZone: 'Europe/Berlin',
      from: '2026-03-01T23:00:00Z',
      to: '2026-03-05T23:00:00Z',
    };
    expect(await figuresFor(ada, input)).toEqual([
      ['2026-03-01T23:00:00.000Z', '3', null],
      ['2026-03-02T23:00:00.000Z', '1', '24'],
      ['2026-03-03T23:00:00.000Z', '0', '48'],
    ]);
    expect(await figuresFor(ada, { ...input, fillEmpty: true })).toEqual([
      ['2026-03-01T23:00:00.000Z', '3', null],
      ['2026-03-02T23:00:00.000Z', '1', '24'],
      ['2026-03-03T23:00:00.000Z', '0', '48'],
      ['2026-03-04T23:00:00.000Z', '0', null],
    ]);
    const hours = {
      measures: ['EVENTS'],
      grain: 'HOUR',
      timeZone: 'Europe/Berlin',
      from: '2026-03-28T23:00:00Z',
      to: '2026-03-29T22:00:00Z',
      fillEmpty: true,
    };
    expect(await rowsFor(ada, hours)).toHaveLength(23);
  });

  test("are the organization's unless told otherwise", async () => {
    const organizationId = uuidOf(ada.organizationId);
    const set = (settings: object) =>
      unitOf(bed, ada.organizationId).transact(() =>
        database
          .update(organizations)
          .set({ settings: sql`${JSON.stringify(settings)}::jsonb` })
          .where(eq(organizations.id, organizationId)),
      );
    await set({ timeZone: 'America/New_York' });
    const { metrics }: Data = await ada.want(text, asked({ measures: ['CONVERSATIONS'], grain: 'MONTH' }));
    expect(metrics).toMatchObject({ timeZone: 'America/New_York', rows: [{ start: '2026-03-01T05:00:00.000Z' }] });
    await set({});
  });
});

test.each([
  ['dimensions', { measures: ['MESSAGES'], dimensions: ['ORDER_TYPE'] }],
  ['dimensions', { measures: ['ORDERS_CREATED', 'COST'], dimensions: ['ORDER_TYPE'] }],
  ['dimensions', { measures: ['COST'], dimensions: ['USER', 'USER'] }],
  ['dimensions', { measures: ['COST'], dimensions: ['USER', 'MODEL', 'STATUS', 'PURPOSE'] }],
  ['filter.orderType', { measures: ['COST'], filter: { not: { orderType: { eq: 'LOAN' } } } }],
  ['measures', { measures: [] }],
  ['measures', { measures: ['COST', 'COST'] }],
  ['percentiles', { measures: ['COST'], percentiles: [50] }],
  ['percentiles', { measures: ['LATENCY'], percentiles: [100] }],
  ['percentiles', { measures: ['LATENCY'], percentiles: [1, 2, 3, 4, 5, 6] }],
  ['to', { measures: ['COST'], to: from }],
  ['to', { measures: ['COST'], to: '2030-01-01T00:00:00Z' }],
  ['grain', { measures: ['COST'], grain: 'HOUR', to: '2026-06-01T00:00:00Z' }],
  ['timeZone', { measures: ['COST'], timeZone: 'Europe/Atlantis' }],
  ['timeZone', { measures: ['COST'], timeZone: '+01:00' }],
  ['first', { measures: ['COST'], first: 0 }],
  ['first', { measures: ['COST'], first: 501 }],
  ['fillEmpty', { measures: ['COST'], fillEmpty: true }],
  ['fillEmpty', { measures: ['COST'], grain: 'DAY', dimensions: ['USER'], fillEmpty: true }],
  ['orderBy', { measures: ['COST'], orderBy: { measure: 'EVENTS' } }],
])('a question that makes no sense is refused at %s: %j', async (field, input) => {
  expect(await refused(input)).toMatchObject({
    code: 'BAD_USER_INPUT',
    issues: [expect.objectContaining({ field: `input.${field}` })],
  });
});

test('figures are for those who may ask for them', async () => {
  const member = await joined(bed, ada.organizationId, 'Kim', 'MEMBER', garden, 'EDITOR');
  expect(await refused({ measures: ['COST'] }, member)).toMatchObject({ code: 'FORBIDDEN' });
  const stranger = await bed.signUp('Stranger');
  expect(await figuresFor(stranger, { measures: ['EVENTS', 'COST', 'ORDERS_CREATED'] })).toEqual([['0', '0', '0']]);
  const of = globalId('Workspace', newId());
  expect(await figuresFor(ada, { measures: ['EVENTS'], filter: { workspaceId: { eq: of } } })).toEqual([['0']]);
});
