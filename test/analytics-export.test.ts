import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { sql } from 'drizzle-orm';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { exportKind } from '../src/domains/analytics/exporting.ts';
import { removeOldWritten } from '../src/domains/content/written-expiry.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { tamper } from './machines.ts';
import { uuidOf, workspaceOf } from './talk.ts';
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

const from = '2026-01-01T00:00:00.000Z';
const to = '2026-02-01T00:00:00.000Z';

/** Rows of January, written past the API: as many requests as three pages, days, metrics and events, each part of them somebody else's. */
const fill = async (): Promise<void> => {
  const organization = uuidOf(ada.organizationId);
  const whose = sql`(array[${uuidOf(ada.userId)}, ${uuidOf(manager.userId)}, ${uuidOf(member.userId)}]::uuid[])[n % 3 + 1]`;
  const where = sql`(array[${uuidOf(garden)}, ${uuidOf(cellar)}, null]::uuid[])[n % 3 + 1]`;
  // Some fall on the same moment, so that pages end among equals.
  const at = sql`${from}::timestamptz + (n / 7) * interval '1 minute'`;
  await tamper(
    bed,
    ada,
    sql`insert into user_activities (organization_id, id, created_at, user_id, action, mutation, duration_ms, request_id, user_agent, resource_type, resource_id)
      select ${organization}, gen_random_uuid(), ${at}, ${whose}, 'viewer', false, n, 'r' || n, '=1+1', 'User', ${whose} from generate_series(0, 1202) n`,
  );
  await tamper(
    bed,
    ada,
    sql`insert into analytics_events (organization_id, id, occurred_at, user_id, workspace_id, name, source, session, properties)
      select ${organization}, gen_random_uuid(), ${at}, ${whose}, ${where}, 'page_view', 'CLIENT', '@s', '{"a": "b, \\"c\\""}' from generate_series(0, 599) n`,
  );
  await tamper(
    bed,
    ada,
    sql`insert into user_engagements (organization_id, id, user_id, date, sessions, session_seconds, requests, page_views, conversations, messages, orders)
      select ${organization}, gen_random_uuid(), whose, date '2025-12-30' + d, 1, 60, 2, 3, 4, 5, 6
      from generate_series(0, 40) d, unnest(array[${uuidOf(ada.userId)}, ${uuidOf(member.userId)}]::uuid[]) whose`,
  );
  await tamper(
    bed,
    ada,
    sql`insert into metrics (organization_id, id, workspace_id, name, category, period, period_start, value, samples)
      select ${organization}, gen_random_uuid(), ${where}, 'messages', 'chat', (array['HOURLY', 'DAILY'])[n % 2 + 1], ${from}::timestamptz + n * interval '1 hour', n + 0.25, 3
      from generate_series(0, 59) n`,
  );
};

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  garden = await workspaceOf(ada);
  cellar = await workspaceOf(ada, { name: 'Cellar' });
  manager = await colleagueOf(bed, ada.organizationId, 'Manager', 'MANAGER', { [garden]: 'VIEWER' });
  member = await colleagueOf(bed, ada.organizationId, '=Member', 'MEMBER', { [cellar]: 'VIEWER' });
  guest = await colleagueOf(bed, ada.organizationId, 'Guest', 'GUEST');
  await fill();
}, 120_000);
afterAll(() => bed.stop());

const begin = 'mutation ($input: ExportAnalyticsInput!) { exportAnalytics(input: $input) { job { id } } }';

const ended = async (person: Person, id: string): Promise<Data> => {
  for (let tries = 0; tries < 400; tries++) {
    const { job }: Data = await person.want('query ($id: ID!) { job(id: $id) { id state progress result error } }', {
      id,
    });
    if (job.state === 'FAILED') throw new Error(job.error);
    if (job.state === 'SUCCEEDED') return job;
    await pause(50);
  }
  throw new Error('The export did not end.');
};
const exported = async (
  person: Person,
  input: object,
): Promise<{ job: Data; rows: Data[]; fileId: string; url: string }> => {
  const { exportAnalytics }: Data = await person.want(begin, { input: { from, to, ...input } });
  const job = await ended(person, exportAnalytics.job.id);
  const { createFileLink }: Data = await person.want(
    'mutation ($input: CreateFileLinkInput!) { createFileLink(input: $input) { url } }',
    { input: { id: job.result.fileId } },
  );
  const answer = await fetch(createFileLink.url);
  expect(answer.headers.get('content-type')).toContain('text/csv');
  const rows: Data[] = parse(await answer.text(), { columns: true });
  expect(job).toMatchObject({ progress: 100, result: { rows: rows.length, complete: true } });
  return { job, rows, fileId: job.result.fileId, url: createFileLink.url };
};

describe('activities', () => {
  test('come in pages, each once, as far as one sees them', async () => {
    const all = await exported(ada, { kind: 'ACTIVITIES' });
    expect(all.rows).toHaveLength(1203);
    expect(new Set(all.rows.map(({ requestId }) => requestId)).size).toBe(1203);
    const times: string[] = all.rows.map(({ createdAt }) => createdAt);
    expect(times).toEqual(times.toSorted());
    const own = await exported(member, { kind: 'ACTIVITIES' });
    expect(own.rows).toHaveLength(401);
    expect(new Set(own.rows.map(({ userId }) => userId))).toEqual(new Set([member.userId]));
    expect(own.rows.find(({ requestId }) => requestId === 'r2')).toEqual({
      createdAt: from,
      userId: member.userId,
      action: 'viewer',
      operation: '',
      mutation: 'false',
      resourceType: 'User',
      resourceId: member.userId,
      workspaceId: '',
      error: '',
      durationMs: '2',
      requestId: 'r2',
      address: '',
      // Neither names nor what clients sent is a formula.
      userName: "'=Member",
      userAgent: "'=1+1",
    });
    const foreign = await exported(member, { kind: 'ACTIVITIES', filter: { userId: ada.userId } });
    expect(foreign.rows).toEqual([]);
  }, 30_000);

  test('are a file of their requester, and of administrators, for a week', async () => {
    const { fileId, url, job } = await exported(member, { kind: 'ACTIVITIES' });
    const file = 'query ($id: ID!) { file(id: $id) { name mimeType } }';
    const data: Data = await member.want(file, { id: fileId });
    expect(data.file).toEqual({ name: 'activities.csv', mimeType: 'text/csv' });
    expect(Date.parse(job.result.expiresAt) - Date.now()).toBeGreaterThan(6.9 * 86_400_000);
    expect([await ada.codes(file, { id: fileId }), await manager.codes(file, { id: fileId })]).toEqual([
      [],
      ['NOT_FOUND'],
    ]);
    const { services } = bed.server.installation;
    const unit = new UnitOfWork(nowhere, {
      ...services,
      origin: { requestId: 'test', address: null, userAgent: null },
    });
    const remove = () => removeOldWritten(exportKind, { unit, services }, new AbortController().signal);
    const age = (days: number) =>
      tamper(
        bed,
        ada,
        sql`update jobs set finished_at = now() - make_interval(days => ${days}) where id = ${uuidOf(job.id)}`,
      );
    await age(6);
    await remove();
    expect((await fetch(url)).status).toBe(200);
    await age(8);
    await remove();
    await remove();
    expect((await fetch(url)).status).toBe(404);
    expect(await member.codes(file, { id: fileId })).toEqual(['NOT_FOUND']);
    expect((await ended(member, job.id)).result).toMatchObject({ removed: true });
  }, 30_000);
});

test('events are those that the list shows', async () => {
  const listed = async (person: Person): Promise<string[]> => {
    const ids: string[] = [];
    let after: string | null = null;
    for (;;) {
      const data: Data = await person.want(
        `query ($after: String, $filter: AnalyticsEventFilter) { analyticsEvents(first: 100, after: $after, filter: $filter, orderBy: [{ field: OCCURRED_AT, direction: ASC }]) {
          edges { node { id } } pageInfo { hasNextPage endCursor } } }`,
        { after, filter: { occurredAt: { gte: from, lt: to } } },
      );
      ids.push(...data.analyticsEvents.edges.map(({ node }: Data) => node.id));
      if (!data.analyticsEvents.pageInfo.hasNextPage) return ids;
      after = data.analyticsEvents.pageInfo.endCursor;
    }
  };
  for (const [person, number] of [
    [ada, 600],
    [manager, 200],
  ] as const) {
    const { rows } = await exported(person, { kind: 'EVENTS' });
    expect(rows.map(({ id }) => id)).toEqual(await listed(person));
    expect(rows).toHaveLength(number);
  }
  const { rows } = await exported(manager, {
    kind: 'EVENTS',
    filter: { name: 'page_view', source: 'CLIENT', workspaceId: garden, userId: ada.userId },
  });
  expect(rows).toHaveLength(200);
  expect(rows[0]).toMatchObject({
    session: "'@s",
    workspaceId: garden,
    properties: '{"a":"b, \\"c\\""}',
    clientId: '',
  });
}, 30_000);

test('days are those that begin in the time, in the time zone of the organization', async () => {
  const { rows } = await exported(ada, { kind: 'ENGAGEMENT' });
  const dates = [...new Set(rows.map(({ date }) => date))];
  expect([rows.length, dates[0], dates.at(-1)]).toEqual([62, '2026-01-01', '2026-01-31']);
  const put = (timeZone: string | null) =>
    ada.want(
      'mutation ($zone: String) { updateOrganization(input: { settings: { timeZone: $zone } }) { organization { id } } }',
      { zone: timeZone },
    );
  await put('Europe/Berlin');
  try {
    const there = (await exported(member, { kind: 'ENGAGEMENT' })).rows.map(({ date }) => date);
    // The first of January had begun there an hour before.
    expect([there.length, there[0], there.at(-1)]).toEqual([31, '2026-01-02', '2026-02-01']);
  } finally {
    await put(null);
  }
}, 30_000);

test('a summary has a line for each member that one sees the days of', async () => {
  const { rows } = await exported(ada, { kind: 'SUMMARY' });
  expect(new Map(rows.map(({ userName, activeDays, pageViews }) => [userName, [activeDays, pageViews]]))).toEqual(
    new Map([
      ['Ada', ['31', '93']],
      ['Manager', ['0', '0']],
      ["'=Member", ['31', '93']],
      ['Guest', ['0', '0']],
    ]),
  );
  expect(rows.find(({ userName }) => userName === 'Ada')).toEqual({
    userId: ada.userId,
    userName: 'Ada',
    role: 'OWNER',
    activeDays: '31',
    requests: '62',
    sessions: '31',
    sessionSeconds: '1860',
    pageViews: '93',
    conversations: '124',
    messages: '155',
    orders: '186',
    lastDate: '2026-01-31',
  });
  const own = await exported(manager, { kind: 'SUMMARY' });
  expect(own.rows.map(({ userName }) => userName)).toEqual(['Manager']);
  expect((await exported(manager, { kind: 'SUMMARY', filter: { userId: ada.userId } })).rows).toEqual([]);
}, 30_000);

test('metrics are those of workspaces that one sees, one kind of period after the other', async () => {
  const { rows } = await exported(ada, { kind: 'METRICS' });
  expect(rows.map(({ period }) => period)).toEqual([...Array(30).fill('HOURLY'), ...Array(30).fill('DAILY')]);
  expect(rows[0]).toEqual({
    period: 'HOURLY',
    periodStart: from,
    name: 'messages',
    category: 'chat',
    workspaceId: garden,
    value: '0.25',
    samples: '3',
  });
  const some = await exported(manager, { kind: 'METRICS', filter: { period: 'DAILY' } });
  expect(new Set(some.rows.map(({ period, workspaceId }) => `${period} ${workspaceId}`))).toEqual(
    new Set([`DAILY ${garden}`]),
  );
  expect(some.rows).toHaveLength(10);
}, 30_000);

test('an export of who may see such figures no longer holds nothing', async () => {
  const leaving = await colleagueOf(bed, ada.organizationId, 'Leaving', 'MANAGER', { [garden]: 'VIEWER' });
  const { exportAnalytics }: Data = await leaving.want(begin, { input: { kind: 'EVENTS', from, to } });
  const { id } = exportAnalytics.job;
  // As after a crash in between: it runs once more when they are a member only.
  await ended(leaving, id);
  await tamper(bed, ada, sql`update memberships set role = 'MEMBER' where user_id = ${uuidOf(leaving.userId)}`);
  bed.server.installation.services.viewers.forgetAll();
  const { services } = bed.server.installation;
  const [organizationId, userId] = [uuidOf(ada.organizationId), uuidOf(leaving.userId)];
  const scope = { organizationId, userId, principals: [organizationId], workspaces: '*' as const };
  const unit = new UnitOfWork(scope, { ...services, origin: { requestId: 'test', address: null, userAgent: null } });
  const run = {
    jobId: uuidOf(id),
    attempt: 2,
    signal: new AbortController().signal,
    kept: null,
    progress: async () => undefined,
    keep: async () => undefined,
  };
  const filter = { workspaceId: null, userId: null, name: null, source: null, period: null };
  const data = { kind: 'EVENTS', from, to, filter, credential: { kind: 'SESSION', id } };
  const result = await services.jobs['analytics.export-analytics']?.run({ unit, services }, data, run);
  expect(result).toEqual({ fileId: null, stopped: 'ACCESS_ENDED' });
}, 30_000);

test('an export is refused to who may not see what is in it, and without a time', async () => {
  const code = (person: Person, input: object) =>
    person.codes(begin, { input: { kind: 'ACTIVITIES', from, to, ...input } });
  expect(await code(guest, {})).toEqual(['FORBIDDEN']);
  expect(await code(member, { kind: 'EVENTS' })).toEqual(['FORBIDDEN']);
  expect(await code(member, { kind: 'METRICS' })).toEqual(['FORBIDDEN']);
  expect(await code(manager, { kind: 'EVENTS', filter: { workspaceId: cellar } })).toEqual(['NOT_FOUND']);
  expect(await code(ada, { to: from })).toEqual(['BAD_USER_INPUT']);
  expect(await code(ada, { from: '2000-01-01T00:00:00Z' })).toEqual(['BAD_USER_INPUT']);
  expect(await code(ada, { filter: { name: 'x' } })).toEqual(['BAD_USER_INPUT']);
  expect(await code(ada, { kind: 'SUMMARY', filter: { workspaceId: garden } })).toEqual(['BAD_USER_INPUT']);
});
