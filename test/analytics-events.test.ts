import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { tellServerEvents } from '../src/domains/analytics/server-events.ts';
import { throttlesOn } from '../src/domains/identity/throttle.ts';
import { countersInPostgres } from '../src/domains/identity/counters.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { tamper } from './machines.ts';
import { conversationIn, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let manager: Colleague;
let member: Colleague;
let guest: Colleague;
let garden: string;
let cellar: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  garden = await workspaceOf(ada);
  cellar = await workspaceOf(ada, { name: 'Cellar' });
  manager = await colleagueOf(bed, ada.organizationId, 'Manager', 'MANAGER', { [garden]: 'VIEWER' });
  member = await colleagueOf(bed, ada.organizationId, 'Member', 'MEMBER', { [cellar]: 'VIEWER' });
  guest = await colleagueOf(bed, ada.organizationId, 'Guest', 'GUEST', { [garden]: 'VIEWER' });
}, 120_000);
afterAll(() => bed.stop());

const record = 'mutation ($input: RecordEventsInput!) { recordEvents(input: $input) { recorded duplicates } }';
const recorded = async (person: Person, ...events: object[]): Promise<Data> => {
  const data: Data = await person.want(record, { input: { events } });
  return data.recordEvents;
};
const refused = async (person: Person, events: readonly object[]): Promise<Data> => {
  const { errors } = await person.ask(record, { input: { events } });
  return errors[0]?.extensions;
};
const list = `query ($filter: AnalyticsEventFilter, $orderBy: [AnalyticsEventOrder!]) { analyticsEvents(first: 50, filter: $filter, orderBy: $orderBy) {
  totalCount edges { node { id name source session clientId properties occurredAt user { name } workspace { id } } } } }`;
const seen = async (person: Person, filter: object, orderBy?: object): Promise<Data[]> => {
  const { analyticsEvents }: Data = await person.want(list, { filter, ...(orderBy && { orderBy: [orderBy] }) });
  expect(analyticsEvents.totalCount).toBe(analyticsEvents.edges.length);
  return analyticsEvents.edges.map(({ node }: Data) => node);
};
const ago = (ms: number): string => new Date(Date.now() - ms).toISOString();
const minute = 60_000;
const day = 24 * 60 * minute;

test('a batch is recorded whole, in one insert, and read back', async () => {
  const session = randomUUID();
  const id = randomUUID();
  const events = Array.from({ length: 99 }, (_, at) => ({
    name: 'step',
    session,
    workspaceId: garden,
    properties: { at },
  }));
  const occurredAt = ago(day);
  const { data, errors, statements }: Data = await guest.ask(record, {
    input: {
      events: [{ id: id.toUpperCase(), name: 'page_view', session, occurredAt, properties: { path: '/a' } }, ...events],
    },
  });
  expect(errors).toEqual([]);
  expect(data.recordEvents).toEqual({ recorded: 100, duplicates: 0 });
  expect(statements.filter((text: string) => text.startsWith('insert'))).toHaveLength(1);
  // Beside those that let the guest in, one looks which workspaces they see, and one records.
  const ofEvents = statements.filter(
    (text: string) => / from "workspaces" |"analytics_events"/.test(text) && !text.includes('"memberships"'),
  );
  expect(ofEvents).toHaveLength(2);
  const [first] = await seen(ada, { session: { eq: session }, name: { eq: 'page_view' } });
  expect(first).toMatchObject({
    id: expect.stringMatching(/^analytics_event_/),
    source: 'CLIENT',
    clientId: id,
    occurredAt,
    properties: { path: '/a' },
    user: { name: 'Guest' },
    workspace: null,
  });
  const node: Data = await ada.want('query ($id: ID!) { node(id: $id) { ... on AnalyticsEvent { name } } }', {
    id: first.id,
  });
  expect(node.node).toEqual({ name: 'page_view' });
});

describe('an event that has an id of its client', () => {
  test('is recorded once, however often and however parallel it is sent', async () => {
    const session = randomUUID();
    const events = Array.from({ length: 10 }, () => ({ id: randomUUID(), name: 'click', session }));
    const answers = await Promise.all(Array.from({ length: 20 }, () => recorded(member, ...events)));
    expect(answers.reduce((sum, each) => sum + each.recorded, 0)).toBe(10);
    expect(answers.reduce((sum, each) => sum + each.duplicates, 0)).toBe(190);
    expect(await seen(ada, { session: { eq: session } })).toHaveLength(10);
  });

  test('is one of its member: another may use the same', async () => {
    const [event, session] = [{ id: randomUUID(), name: 'click' }, randomUUID()];
    expect(await recorded(member, { ...event, session }, { ...event, session })).toEqual({
      recorded: 1,
      duplicates: 1,
    });
    expect(await recorded(guest, { ...event, session })).toEqual({ recorded: 1, duplicates: 0 });
    expect(await seen(ada, { session: { eq: session } })).toHaveLength(2);
  });
});

describe('a batch with a fault', () => {
  test('is refused with all of its faults, and nothing of it is recorded', async () => {
    const session = randomUUID();
    const deep = { a: { b: { c: {} } } };
    const faulty: [object, string][] = [
      [{ name: 'Page View' }, 'name'],
      [{ name: '' }, 'name'],
      [{ name: 'x'.repeat(101) }, 'name'],
      [{ name: 'server.order.created' }, 'name'],
      [{ name: 'x', id: 'no' }, 'id'],
      [{ name: 'x', session: '' }, 'session'],
      [{ name: 'x', session: 's'.repeat(101) }, 'session'],
      [{ name: 'x', occurredAt: ago(7 * day + minute) }, 'occurredAt'],
      [{ name: 'x', occurredAt: ago(-6 * minute) }, 'occurredAt'],
      [{ name: 'x', properties: [] }, 'properties'],
      [{ name: 'x', properties: { a: 'ä'.repeat(2050) } }, 'properties'],
      [{ name: 'x', properties: deep }, 'properties'],
    ];
    const events = [{ name: 'fine', session }, ...faulty.map(([event]) => event)];
    const { code, issues } = await refused(member, events);
    expect(code).toBe('BAD_USER_INPUT');
    expect(issues.map(({ field }: Data) => field)).toEqual(faulty.map(([, field], at) => `events.${at + 1}.${field}`));
    expect(await seen(ada, { session: { eq: session } })).toEqual([]);
  });

  test('may stand just within its bounds', async () => {
    const properties = { a: { b: { c: '\\u0000' } } };
    const long = { p: 'p'.repeat(4096 - JSON.stringify({ p: '' }).length) };
    const events = [
      { name: `x${'y'.repeat(99)}`, session: 's'.repeat(100), properties },
      { name: 'a.b_c.d1', occurredAt: ago(7 * day - minute), properties: long },
      { name: 'servers', occurredAt: ago(-4 * minute) },
    ];
    expect(await recorded(guest, ...events)).toEqual({ recorded: 3, duplicates: 0 });
  });

  test('has 1 to 100 events', async () => {
    expect(await refused(member, [])).toMatchObject({ code: 'BAD_USER_INPUT', field: 'events' });
    const many = Array.from({ length: 101 }, () => ({ name: 'x' }));
    expect(await refused(member, many)).toMatchObject({ code: 'BAD_USER_INPUT', field: 'events' });
  });

  test('names workspaces that one sees', async () => {
    const session = randomUUID();
    const events = [
      { name: 'x', session, workspaceId: cellar },
      { name: 'x', session, workspaceId: garden },
    ];
    expect(await refused(member, events)).toMatchObject({ code: 'NOT_FOUND', field: 'events.1.workspaceId' });
    const stranger = await bed.signUp('Stranger');
    expect(await refused(stranger, [{ name: 'x', workspaceId: garden }])).toMatchObject({ code: 'NOT_FOUND' });
    expect(await seen(ada, { session: { eq: session } })).toEqual([]);
  });
});

test('batches of a member are counted', async () => {
  const { services } = bed.server.installation;
  const { throttles } = services;
  Object.assign(services, { throttles: throttlesOn(countersInPostgres(services.pool)) });
  try {
    const answers = await Promise.all(
      Array.from({ length: 125 }, () => member.ask(record, { input: { events: [{ name: 'flood' }] } })),
    );
    const codes = answers.flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code));
    expect(codes).toEqual(Array.from({ length: 5 }, () => 'RATE_LIMITED'));
    expect(await recorded(guest, { name: 'flood' })).toMatchObject({ recorded: 1 });
  } finally {
    Object.assign(services, { throttles });
  }
}, 30_000);

describe('events are seen', () => {
  test('in workspaces that one sees, outside of them by who did it, and all of them by administrators', async () => {
    const session = randomUUID();
    await recorded(
      ada,
      { name: 'a', session, workspaceId: garden },
      { name: 'b', session, workspaceId: cellar },
      { name: 'c', session },
    );
    await recorded(manager, { name: 'd', session });
    const names = async (person: Person) => {
      const found: string[] = (await seen(person, { session: { eq: session } })).map(({ name }) => name);
      return found.toSorted();
    };
    expect(await names(ada)).toEqual(['a', 'b', 'c', 'd']);
    expect(await names(manager)).toEqual(['a', 'd']);
    const stranger = await bed.signUp('Stranger');
    expect(await names(stranger)).toEqual([]);
    for (const person of [member, guest])
      expect(await person.codes(list, { filter: { session: { eq: session } } })).toEqual(['FORBIDDEN']);
    const time = `from: "${ago(day)}", to: "${ago(-day)}"`;
    const counted: Data = await manager.want(
      `{ eventNames(${time}, workspaceId: "${garden}", first: 100) { name source count } }`,
    );
    expect(counted.eventNames).toContainEqual({ name: 'a', source: 'CLIENT', count: 1 });
    expect(counted.eventNames).toContainEqual({ name: 'step', source: 'CLIENT', count: 99 });
    expect(counted.eventNames.map(({ name }: Data) => name)).not.toContain('b');
    expect(await manager.codes(`{ eventNames(from: "${ago(0)}", to: "${ago(day)}") { name } }`)).toEqual([
      'BAD_USER_INPUT',
    ]);
    expect(await manager.codes(`{ eventNames(${time}, first: 101) { name } }`)).toEqual(['BAD_USER_INPUT']);
  });

  test('by filters and in order, with one statement for each level', async () => {
    const session = randomUUID();
    await recorded(
      ada,
      ...[3, 1, 2].map((hours) => ({
        name: `h${hours}`,
        session,
        workspaceId: garden,
        occurredAt: ago(hours * 60 * minute),
      })),
    );
    const inOrder = await seen(ada, { session: { eq: session } }, { field: 'OCCURRED_AT', direction: 'ASC' });
    expect(inOrder.map(({ name }) => name)).toEqual(['h3', 'h2', 'h1']);
    const some = await seen(ada, {
      session: { eq: session },
      userId: { eq: ada.userId },
      workspaceId: { eq: garden },
      source: { eq: 'CLIENT' },
      occurredAt: { gt: ago(150 * minute) },
    });
    expect(some.map(({ name }) => name)).toEqual(['h1', 'h2']);
    const { statements } = await ada.ask(list.replace('totalCount', ''), { filter: { session: { eq: session } } });
    expect(statements).toHaveLength(3);
  });
});

describe('what the product does', () => {
  const told = async (): Promise<void> => {
    const { services } = bed.server.installation;
    const unit = new UnitOfWork(nowhere, {
      ...services,
      origin: { requestId: 'test', address: null, userAgent: null },
    });
    await tellServerEvents({ unit, services }, new AbortController().signal);
  };
  const ofServer = async (person: Person): Promise<Data[]> => {
    const names = [
      'conversation.created',
      'message.asked',
      'message.answered',
      'document.ready',
      'order.created',
      'order.transitioned',
    ];
    const nodes = await seen(person, { source: { eq: 'SERVER' }, name: { in: names.map((name) => `server.${name}`) } });
    return nodes.map(({ name, user, workspace, properties }) => ({ name, user, workspace, properties }));
  };

  test('becomes events of the server once, however often and by however many it is told', async () => {
    const conversationId = await conversationIn(member, cellar);
    const { addDocument }: Data = await ada.want(
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
      { input: { workspaceId: cellar, title: 'Wine', text: 'Wine is kept cool in a secret place.', wait: true } },
    );
    const { ask }: Data = await member.want('mutation ($input: AskInput!) { ask(input: $input) { answer { id } } }', {
      input: { conversationId, text: 'How is wine kept?' },
    });
    const { createOrder }: Data = await member.want(
      'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } } }',
      { input: { type: 'LOAN', conversationId, metadata: { secret: 'secret' } } },
    );
    await ada.want('mutation ($input: TransitionOrderInput!) { transitionOrder(input: $input) { order { id } } }', {
      input: { id: createOrder.order.id, to: 'CANCELLED', version: 1, reason: 'A secret reason' },
    });
    await told();
    await Promise.all([told(), told()]);
    const events = await ofServer(ada);
    const [user, workspace] = [{ name: 'Member' }, { id: cellar }];
    const orderId = createOrder.order.id;
    const expected = [
      { name: 'server.conversation.created', user, properties: { type: 'Conversation', id: conversationId } },
      {
        name: 'server.document.ready',
        user: expect.anything(),
        properties: { type: 'Document', id: addDocument.document.id },
      },
      { name: 'server.message.answered', user, properties: { type: 'Message', id: ask.answer.id } },
      { name: 'server.message.asked', user, properties: { type: 'Message', id: expect.stringMatching(/^message_/) } },
      { name: 'server.order.created', user, properties: { type: 'Order', id: orderId } },
      {
        name: 'server.order.transitioned',
        user: { name: 'Ada' },
        properties: { type: 'Order', id: orderId, from: 'PENDING', to: 'CANCELLED' },
      },
    ];
    expect(events).toHaveLength(expected.length);
    for (const each of expected) expect(events).toContainEqual({ ...each, workspace });
    expect(JSON.stringify(events).toLowerCase()).not.toContain('secret');
    // The manager sees another workspace alone.
    expect(await ofServer(manager)).toEqual([]);
    await conversationIn(member, cellar);
    await told();
    expect(await ofServer(ada)).toHaveLength(expected.length + 1);
  }, 30_000);

  test('is told in pages, from a little before where it stopped', async () => {
    const log = (number: number, at: string) => sql`insert into events
      (organization_id, id, workspace_id, action, target_type, target_id, request_id, created_at)
      select ${uuidOf(ada.organizationId)}, (lpad(to_hex((extract(epoch from ${at}::timestamptz) * 1000)::bigint), 12, '0') || '7000' || '8000' || lpad(to_hex(n), 12, '0'))::uuid,
        ${uuidOf(garden)}, 'conversation.started', 'Conversation', gen_random_uuid(), 'test', ${at}::timestamptz from generate_series(1, ${number}) n`;
    await tamper(bed, ada, log(1203, ago(5 * minute)));
    await told();
    // The log gives entries of an hour ago that come late ids of now, so that they are not passed over.
    await tamper(bed, ada, log(2, ago(60 * minute)));
    await told();
    const { analyticsEvents }: Data = await ada.want(
      '{ analyticsEvents(first: 1, filter: { name: { eq: "server.conversation.created" } }) { totalCount } }',
    );
    expect(analyticsEvents.totalCount).toBe(1205 + (await conversationsTold()));
    const unit = unitOf(bed, ada.organizationId);
    const [row] = await unit.run(() =>
      database.execute<{ recent: boolean }>(
        sql`select looked_until > now() - interval '1 minute' as recent from roll_ups where source = 'server_events'`,
      ),
    );
    await unit.rest();
    expect(row?.recent).toBe(true);
  }, 30_000);

  const conversationsTold = async (): Promise<number> => {
    const { analyticsEvents }: Data = await ada.want(
      `{ analyticsEvents(first: 1, filter: { name: { eq: "server.conversation.created" }, userId: { isNull: false } }) { totalCount } }`,
    );
    return analyticsEvents.totalCount;
  };
});

describe('an organization', () => {
  const change = `mutation ($settings: OrganizationSettingsInput!) { updateOrganization(input: { settings: $settings }) {
    organization { settings { timeZone activityDays eventDays metricDays } } } }`;

  test('has a time zone and keeps analytics as long as it wants', async () => {
    const put = async (settings: object): Promise<Data> => {
      const data: Data = await ada.want(change, { settings });
      return data.updateOrganization.organization.settings;
    };
    const usual = { timeZone: 'UTC', activityDays: 90, eventDays: 365, metricDays: 1095 };
    expect(await put({})).toEqual(usual);
    const own = { timeZone: 'Europe/Berlin', activityDays: 1, eventDays: 3650, metricDays: 10 };
    expect(await put(own)).toEqual(own);
    expect(await put({ timeZone: null, activityDays: null, eventDays: null, metricDays: null })).toEqual(usual);
  });

  test.each([
    ['timeZone', 'Europe/Atlantis'],
    ['timeZone', '+01:00'],
    ['timeZone', 'UTC+1'],
    ['timeZone', ''],
    ['activityDays', 0],
    ['eventDays', 3651],
    ['metricDays', -1],
  ])('has no %s %s', async (name, value) => {
    const { errors } = await ada.ask(change, { settings: { [name]: value } });
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: `settings.${name}` });
  });
});
