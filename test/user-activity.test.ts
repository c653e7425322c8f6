import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { pino } from 'pino';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import { database } from '../src/database/client.ts';
import { maxNoted, RequestJournal } from '../src/domains/analytics/request-journal.ts';
import { userActivities } from '../src/domains/analytics/tables.ts';
import type { NotedRequest } from '../src/domains/services.ts';
import { globalId, newId } from '../src/ids.ts';
import { startServer } from '../src/server.ts';
import { readSettings } from '../src/settings.ts';
import { whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { conversationIn, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let eve: Awaited<ReturnType<Testbed['signUp']>>;
let manager: Colleague;
let member: Colleague;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  eve = await bed.signUp('Eve');
  manager = await colleagueOf(bed, ada.organizationId, 'Mona', 'MANAGER');
  member = await colleagueOf(bed, ada.organizationId, 'Max', 'MEMBER');
}, 120_000);
afterAll(() => bed.stop());

const flush = () => bed.server.installation.services.requests?.flush();

const rowsOf = async (organization = ada.organizationId) => {
  await flush();
  const unit = whole(bed, organization);
  const rows = await unit.run(() =>
    database.select().from(userActivities).orderBy(userActivities.createdAt, userActivities.id),
  );
  await unit.rest();
  return rows;
};

const activitiesText = `query ($filter: UserActivityFilter, $first: Int, $after: String) { userActivities(filter: $filter, first: $first, after: $after) {
  totalCount pageInfo { hasNextPage endCursor } edges { node { action operation resourceType resourceId mutation error durationMs credentialId requestId address
  userAgent createdAt user { id } workspace { id } } } } }`;
const activitiesOf = async (person: Person, filter?: object): Promise<Data[]> => {
  await flush();
  const data: Data = await person.want(activitiesText, { filter, first: 100 });
  return data.userActivities.edges.map(({ node }: Data) => node);
};

test('a request is noted without a write of its own, with what it was about and nothing of what was said', async () => {
  const workspaceId = await workspaceOf(ada, { name: 'Marker Quagmire' });
  const id = await conversationIn(ada, workspaceId);
  const { statements } = await ada.ask(
    'query Look($id: ID!) { again: conversation(id: $id) { title } ...more } fragment more on Query { viewer { user { name } } }',
    { id },
    { 'user-agent': 'Tests/1' },
  );
  expect(statements.filter((text) => /activit/.test(text))).toEqual([]);
  await ada.ask(`{ conversation(id: "${id}") { title } }`);
  await ada.ask('mutation ($input: AskInput!) { ask(input: $input) { answer { id } } }', {
    input: { conversationId: id, text: 'Marker Quagmire' },
  });
  await ada.ask(`{ conversation(id: "quagmire_${id.slice(-26)}") { title } }`);
  await ada.ask('query ($id: ID!) { conversation(id: $id) { title } }', { id: 'Quagmire' });
  await ada.ask('mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id } } }', {
    input: { name: '' },
  });
  const rows = (await rowsOf()).slice(2);
  const looked = { resourceType: 'Conversation', resourceId: uuidOf(id), mutation: false, error: null };
  const unknown = { action: 'conversation', resourceType: null, resourceId: null, error: 'NOT_FOUND' };
  expect(rows).toMatchObject([
    { ...looked, action: 'conversation,viewer', operation: 'Look', userAgent: 'Tests/1', userId: uuidOf(ada.userId) },
    { ...looked, action: 'conversation', operation: null, address: expect.stringMatching(/127\.0\.0\.1|::1/) },
    { action: 'ask', mutation: true, resourceType: null, error: null, workspaceId: null },
    unknown,
    unknown,
    { action: 'createWorkspace', mutation: true, error: 'BAD_USER_INPUT' },
  ]);
  expect((await rowsOf()).slice(0, 2)).toMatchObject([
    { action: 'createWorkspace', workspaceId: null, mutation: true },
    { action: 'startConversation', workspaceId: uuidOf(workspaceId), mutation: true },
  ]);
  expect(JSON.stringify(await rowsOf())).not.toMatch(/quagmire/i);
  expect(rows.every((row) => row.durationMs >= 0 && row.credentialId !== null && row.requestId !== '')).toBe(true);
});

test('neither passwords nor tokens are recorded, and nobody who is not signed in', async () => {
  const before = (await rowsOf()).length;
  const input = { email: 'nobody@example.com', password: 'Quagmire-password' };
  await bed.anonymous.ask('mutation ($input: SignInInput!) { signIn(input: $input) { token } }', { input });
  expect(await rowsOf()).toHaveLength(before);
  await ada.ask('mutation ($input: ChangePasswordInput!) { changePassword(input: $input) { __typename } }', {
    input: { currentPassword: 'Quagmire-password', newPassword: 'Quagmire-password-2' },
  });
  await ada.ask('query Named($text: String!) { searchRoomMessages(text: $text) { edges { node { id } } } }', {
    text: 'Quagmire',
  });
  const text = JSON.stringify(await rowsOf());
  expect(text).not.toMatch(/quagmire/i);
  for (const person of [ada, eve, member]) expect(text).not.toContain(person.token);
});

test('members see their own requests, administrators those of all, and nobody those of other organizations', async () => {
  await member.want('{ viewer { user { name } } }');
  await manager.want('{ viewer { user { id } } }');
  const seen = async (person: Person) => new Set((await activitiesOf(person)).map((node) => node.user.id));
  expect(await seen(member)).toEqual(new Set([member.userId]));
  expect(await seen(manager)).toEqual(new Set([manager.userId]));
  expect(await seen(ada)).toEqual(new Set([ada.userId, manager.userId, member.userId]));
  await eve.want('{ viewer { user { id } } }');
  expect(await seen(eve)).toEqual(new Set([eve.userId]));
  const filter = { userId: { eq: ada.userId } };
  expect(await activitiesOf(member, filter)).toEqual([]);
  const [row] = await rowsOf();
  const id = globalId('UserActivity', row?.id ?? '');
  expect(await member.codes(`{ node(id: "${id}") { id } }`)).toEqual(['NOT_FOUND']);
  expect(await ada.want(`{ node(id: "${id}") { ... on UserActivity { action } } }`)).toEqual({
    node: { action: 'createWorkspace' },
  });
});

test('requests are found by what was asked, by whom, where, when, and whether it failed', async () => {
  const actions = async (filter: object) => (await activitiesOf(ada, filter)).map((node) => node.action);
  expect(new Set(await actions({ action: { eq: 'startConversation' } }))).toEqual(new Set(['startConversation']));
  expect(await actions({ mutation: { eq: true }, failed: { eq: true } })).toEqual([
    'changePassword',
    'createWorkspace',
  ]);
  expect((await actions({ failed: { eq: false } })).length).toBeGreaterThan(3);
  const [begun] = await activitiesOf(ada, { action: { eq: 'startConversation' } });
  expect(await actions({ workspaceId: { eq: begun.workspace.id } })).toEqual(['startConversation']);
  expect(await actions({ createdAt: { lt: '2020-01-01T00:00:00Z' } })).toEqual([]);
  const page: Data = await ada.want(activitiesText, { first: 2 });
  const next: Data = await ada.want(activitiesText, { first: 2, after: page.userActivities.pageInfo.endCursor });
  expect(next.userActivities.edges[0].node.createdAt <= page.userActivities.edges[1].node.createdAt).toBe(true);
});

test('a page of requests with their people and workspaces costs one statement a level', async () => {
  await flush();
  const { statements } = await ada.ask(
    '{ userActivities(first: 50) { edges { node { action user { name } workspace { name } } } } }',
  );
  expect(statements).toHaveLength(3);
});

/** A request of somebody, as the gateway notes it. */
const request = (organizationId: string, userId: string): NotedRequest => ({
  viewer: { organizationId, userId, credential: { kind: 'SESSION', id: newId(), allowedAddresses: null } },
  origin: { requestId: 'r', address: null, userAgent: null },
  action: 'planted',
  operation: null,
  mutation: false,
  subject: null,
  workspace: null,
  typeOf: () => undefined,
  beganAt: Date.now(),
  durationMs: 1,
  error: null,
});

/** A journal of its own on the server's database, which tells its statements. */
const journalOf = (everyMs: number) => {
  const { pool, ledger } = bed.server.installation.services;
  const statements: { text: string; at: number }[] = [];
  const lines: Data[] = [];
  const journal = new RequestJournal(
    {
      pool,
      ledger,
      log: pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line)) }),
      onStatement: (text) => void statements.push({ text, at: performance.now() }),
    },
    everyMs,
  );
  return { journal, statements, lines };
};

const counted = async (organization: string): Promise<number> =>
  (await rowsOf(organization)).filter(({ action }) => action === 'planted').length;

test('one statement writes the requests of all organizations, and at most one is begun in each period', async () => {
  const everyMs = 300;
  const { journal, statements } = journalOf(everyMs);
  const [first, second] = [uuidOf(ada.organizationId), uuidOf(eve.organizationId)];
  for (let end = performance.now() + 4 * everyMs; performance.now() < end; await pause(10)) {
    journal.note(request(first, uuidOf(ada.userId)));
    journal.note(request(second, uuidOf(eve.userId)));
    // Of who is no member there, and of an organization that is none: they are left out, and the others are written.
    journal.note(request(first, uuidOf(eve.userId)));
    journal.note(request(newId(), uuidOf(eve.userId)));
  }
  const begun = [...statements];
  await journal.stop();
  expect(begun.length).toBeGreaterThanOrEqual(1);
  expect(begun.length).toBeLessThanOrEqual(4);
  expect(new Set(begun.map(({ text }) => text))).toEqual(
    new Set(['select app_record_activities($1::json, $2::boolean)']),
  );
  const [own, others] = [await counted(ada.organizationId), await counted(eve.organizationId)];
  expect(own).toBe(others);
  expect(own).toBeGreaterThan(10);
}, 30_000);

test('a time without requests costs no statement', async () => {
  const { journal, statements } = journalOf(20);
  await pause(100);
  await journal.stop();
  expect(statements).toEqual([]);
});

test('beyond what is kept, requests are counted and the log says how many', async () => {
  const { journal, lines, statements } = journalOf(86_400_000);
  const before = await counted(eve.organizationId);
  const one = request(uuidOf(eve.organizationId), uuidOf(eve.userId));
  for (let number = 0; number < maxNoted + 7; number++) journal.note(one);
  await journal.stop();
  expect(lines).toMatchObject([{ requests: 7, msg: 'Requests were not recorded: there were too many.' }]);
  expect(statements).toHaveLength(2);
  expect((await counted(eve.organizationId)) - before).toBe(maxNoted);
}, 60_000);

test('while the database is away requests are kept, and each is written once', async () => {
  const { pool, ledger } = bed.server.installation.services;
  let [away, lost] = [true, false];
  const failing = new Proxy(pool, {
    get: (target, name) =>
      name === 'lend' && away
        ? () => Promise.reject(Object.assign(new Error('away'), { code: 'CONNECTION_CLOSED' }))
        : Reflect.get(target, name).bind(target),
  });
  const journal = new RequestJournal(
    {
      pool: failing,
      ledger,
      log: pino({ level: 'silent' }),
      onStatement: () => {
        // The answer to the first statement that arrives is lost: it is written, and written again.
        lost = true;
      },
    },
    86_400_000,
  );
  const before = await counted(ada.organizationId);
  journal.note(request(uuidOf(ada.organizationId), uuidOf(ada.userId)));
  await journal.flush();
  expect(lost).toBe(false);
  expect(await counted(ada.organizationId)).toBe(before);
  away = false;
  await journal.stop();
  expect((await counted(ada.organizationId)) - before).toBe(1);
});

test('a batch that is written twice stands there once, and no organization sees rows of another', async () => {
  const u = uuidOf(ada.userId);
  const row = {
    users: [u],
    i: [newId()],
    t: [new Date().toISOString()],
    u: [u],
    a: ['twice'],
    m: [false],
    d: [1],
    r: ['r'],
  };
  const batch = JSON.stringify({ [uuidOf(ada.organizationId)]: row });
  const written = async (unit: ReturnType<typeof unitOf>, again: boolean) => {
    const [answer] = await unit.transact(() =>
      database.execute<{ number: number; organization: string }>(
        sql`select app_record_activities(${batch}::json, ${again}) as number, current_setting('app.organization_id') as organization`,
      ),
    );
    return answer;
  };
  expect(await written(unitOf(bed, null), false)).toEqual({ number: 1, organization: '' });
  // Whoever calls it sees afterwards what they saw before.
  expect(await written(unitOf(bed, eve.organizationId), true)).toEqual({
    number: 0,
    organization: uuidOf(eve.organizationId),
  });
  const unit = unitOf(bed, eve.organizationId);
  const seen = await unit.run(() => database.execute(sql`select 1 from user_activities where action = 'twice'`));
  await unit.rest();
  expect([...seen]).toEqual([]);
});

const sessionsText = `query ($userId: ID, $from: DateTime!, $to: DateTime!, $first: Int!, $after: String) {
  userSessions(userId: $userId, from: $from, to: $to, first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor }
    edges { node { begin end seconds requests } } } }`;

test('requests less than half an hour apart are one session', async () => {
  const [organizationId, userId] = [uuidOf(ada.organizationId), uuidOf(member.userId)];
  const plant = (times: readonly string[]) =>
    whole(bed, ada.organizationId).transact(() =>
      database.insert(userActivities).values(
        times.map((createdAt) => ({
          organizationId,
          userId,
          createdAt,
          action: 'x',
          mutation: false,
          durationMs: 1,
          requestId: 'r',
        })),
      ),
    );
  const at = (time: string) => `2026-05-05T${time}Z`;
  // 29:59 later is the same session, 30:00 later another; two at the same moment are one session's.
  await plant(
    [
      '10:00:00.000',
      '10:29:59.000',
      '10:59:59.000',
      '10:59:59.000',
      '11:29:59.000',
      '11:59:58.999',
      '15:00:00.000',
    ].map(at),
  );
  const time = { from: at('00:00:00'), to: at('23:59:59'), first: 100 };
  // Who asks is looked up before, and then known.
  await member.want('{ viewer { user { id } } }');
  const { statements, data } = await member.ask(sessionsText.replace('totalCount ', ''), time);
  expect(statements).toHaveLength(1);
  expect((data as Data).userSessions.edges.map(({ node }: Data) => node)).toEqual([
    { begin: at('10:00:00.000'), end: at('10:29:59.000'), seconds: 1799, requests: 2 },
    { begin: at('10:59:59.000'), end: at('10:59:59.000'), seconds: 0, requests: 2 },
    { begin: at('11:29:59.000'), end: at('11:59:58.999'), seconds: 1800, requests: 2 },
    { begin: at('15:00:00.000'), end: at('15:00:00.000'), seconds: 0, requests: 1 },
  ]);
  const walked: string[] = [];
  for (let after: string | null = null, more = true; more;) {
    const { userSessions: page }: Data = await ada.want(sessionsText, {
      ...time,
      userId: member.userId,
      first: 1,
      after,
    });
    expect(page.totalCount).toBe(4);
    walked.push(...page.edges.map(({ node }: Data) => node.begin));
    [after, more] = [page.pageInfo.endCursor, page.pageInfo.hasNextPage];
  }
  expect(walked).toEqual(['10:00:00.000', '10:59:59.000', '11:29:59.000', '15:00:00.000'].map(at));
  // Of a session that reaches beyond the time, what lies within it.
  const part: Data = await member.want(sessionsText, { ...time, from: at('10:10:00'), to: at('10:59:59') });
  expect(part.userSessions.edges.map(({ node }: Data) => node.requests)).toEqual([1]);
});

test("a member's sessions are theirs and administrators' to see, in a bounded time", async () => {
  const time = { from: '2026-05-01T00:00:00Z', to: '2026-06-01T00:00:00Z', first: 10 };
  expect(await manager.codes(sessionsText, { ...time, userId: member.userId })).toEqual(['FORBIDDEN']);
  expect(await eve.codes(sessionsText, { ...time, userId: member.userId })).toEqual(['NOT_FOUND']);
  expect(await member.codes(sessionsText, { ...time, to: '2026-06-01T00:00:01Z' })).toEqual(['BAD_USER_INPUT']);
  expect(await member.codes(sessionsText, { ...time, to: time.from })).toEqual(['BAD_USER_INPUT']);
  expect(await member.codes(sessionsText, { ...time, first: 0 })).toEqual(['BAD_USER_INPUT']);
  expect(await member.codes(sessionsText, { ...time, after: 'x' })).toEqual(['BAD_USER_INPUT']);
});

test('a subscription is noted when it has begun, and a call of a program under its address', async () => {
  const workspaceId = await workspaceOf(ada, {});
  const conversationId = await conversationIn(ada, workspaceId);
  const { results, stop } = ada.subscribe(
    'subscription Follow($id: ID!) { conversationEvents(conversationId: $id) { __typename } }',
    { id: conversationId },
  );
  const first = results.next();
  await pause(300);
  await stop();
  await first.catch(() => undefined);
  await fetch(`${bed.url}/v1/models`, { headers: ada.headers });
  const [called, followed] = await activitiesOf(ada, { action: { in: ['conversationEvents', 'v1/models'] } });
  expect([followed, called]).toMatchObject([
    { action: 'conversationEvents', operation: 'Follow', mutation: false, error: null },
    { action: 'v1/models', operation: null, mutation: false, error: null },
  ]);
}, 30_000);

test('a server that stops writes what it has noted, and one that records nothing notes nothing', async () => {
  const directory = await mkdtemp(join(tmpdir(), 'tessera-activity-'));
  const superuserUrl = process.env.TEST_POSTGRES_URL;
  const fresh =
    superuserUrl === undefined
      ? undefined
      : await createTesseraDatabase(superuserUrl, `test_${randomUUID().replaceAll('-', '')}`);
  const start = async (more: Record<string, string> = {}) => {
    const settings = readSettings({
      NODE_ENV: 'test',
      PORT: '0',
      TESSERA_DATA_DIR: directory,
      ACTIVITY_RECORDS_SECONDS: '86400',
      WORKERS: 'off',
      ...(fresh && { DATABASE_URL: fresh.url }),
      ...more,
    });
    return startServer({ settings, log: pino({ level: 'silent' }) });
  };
  const send = async (url: string, query: string, token?: string): Promise<Data> => {
    const headers = { 'content-type': 'application/json', ...(token && { authorization: `Bearer ${token}` }) };
    const answer = await fetch(`${url}/graphql`, { method: 'POST', headers, body: JSON.stringify({ query }) });
    return ((await answer.json()) as Data).data;
  };
  const listed = '{ userActivities { edges { node { action } } } }';
  const first = await start();
  const { signUp } = await send(
    first.url,
    'mutation { signUp(input: { email: "ada@example.com", password: "correct horse battery", name: "Ada", organizationName: "A" }) { token } }',
  );
  await send(first.url, '{ viewer { user { name } } }', signUp.token);
  await first.stop();
  const second = await start({ ACTIVITY_RECORDS: 'off' });
  const found = await send(second.url, listed, signUp.token);
  expect(found.userActivities.edges).toEqual([{ node: { action: 'viewer' } }]);
  expect(second.installation.services.requests).toBe(null);
  await second.stop();
  await fresh?.drop();
  await rm(directory, { recursive: true, force: true });
}, 240_000);
