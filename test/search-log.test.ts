import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { SearchJournal } from '../src/domains/content/search-notes.ts';
import { schedules } from '../src/domains/content/schedules.ts';
import { whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { conversationIn, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let steward: Colleague;
let editor: Colleague;
let workspaceId: string;

const everyMs = 100;

beforeAll(async () => {
  bed = await startTestbed({ ACTIVITY_SECONDS: String(everyMs / 1000) });
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada, { name: 'Library' });
  steward = await colleagueOf(bed, ada.organizationId, 'Steward', 'MEMBER', { [workspaceId]: 'ADMIN' });
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
    input: { workspaceId, title: 'Tides', text: 'The tides turn twice a day.', wait: true },
  });
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

const search = (person: Person, query: string, filter?: object, place = workspaceId) =>
  person.ask(
    'query ($workspaceId: ID!, $query: String!, $filter: DocumentFilter) { search(workspaceId: $workspaceId, query: $query, filter: $filter) { edges { score } } }',
    { workspaceId: place, query, filter },
  );

const logText = `query ($id: ID!, $filter: SearchLogFilter, $first: Int) { workspace(id: $id) { searchLog(filter: $filter, first: $first) { totalCount edges { node {
  query filter hitCount topScore latencyMs user { name } createdAt } } } } }`;
const logOf = async (person: Person, filter?: object, place = workspaceId): Promise<Data[]> => {
  const data: Data = await person.want(logText, { id: place, filter, first: 100 });
  return data.workspace.searchLog.edges.map(({ node }: Data) => node);
};
const statistics = async (person: Person, from: string, to: string, place = workspaceId): Promise<Data> => {
  const text = `query ($id: ID!, $from: DateTime!, $to: DateTime!) { workspace(id: $id) { searchStatistics(from: $from, to: $to) {
    searches withoutHits frequentQueries { query searches withoutHits } } } }`;
  return ((await person.want(text, { id: place, from, to })) as Data).workspace.searchStatistics;
};
const written = async (place: string, count: number): Promise<void> => {
  for (let tries = 0; tries < 100; tries++) {
    const unit = whole(bed, ada.organizationId);
    const [row] = await unit.run(() =>
      database.execute<{ rows: number }>(
        sql`select count(*)::int as rows from search_logs where workspace_id = ${uuidOf(place)}`,
      ),
    );
    await unit.rest();
    if (row?.rows === count) return;
    await pause(20);
  }
  throw new Error('The searches were not written.');
};

test('a search is noted without a write of its own, and is there a moment later', async () => {
  const { statements, errors } = await search(editor, 'tides', { title: { eq: 'Tides' } });
  expect(errors).toEqual([]);
  expect(statements.filter((text) => text.includes('search_logs'))).toEqual([]);
  await search(steward, 'Quasar');
  // An answer searches too, and is no search of anybody.
  const conversationId = await conversationIn(editor, workspaceId);
  await editor.want('mutation ($input: AskInput!) { ask(input: $input) { answer { id } } }', {
    input: { conversationId, text: 'When do the tides turn?' },
  });
  await written(workspaceId, 2);
  const [quasar, tides] = await logOf(steward);
  expect(tides).toMatchObject({
    query: 'tides',
    filter: { title: { eq: 'Tides' } },
    hitCount: 1,
    topScore: expect.any(Number),
    user: { name: 'Editor' },
    createdAt: expect.stringMatching(/Z$/),
  });
  expect(tides.topScore).toBeGreaterThan(0);
  expect(tides.latencyMs).toBeGreaterThanOrEqual(0);
  expect(quasar).toMatchObject({ query: 'Quasar', filter: null, user: { name: 'Steward' } });
});

test('only administrators of the workspace read it', async () => {
  const from = '2020-01-01T00:00:00Z';
  const text = `query ($id: ID!) { workspace(id: $id) { searchStatistics(from: "${from}", to: "2100-01-01T00:00:00Z") { searches } } }`;
  for (const [person, codes] of [
    [ada, []],
    [steward, []],
    [editor, ['FORBIDDEN']],
  ] as const) {
    expect(await person.codes(logText, { id: workspaceId })).toEqual(codes);
    expect(await person.codes(text, { id: workspaceId })).toEqual(codes);
  }
});

test('it is filtered and counted', async () => {
  const place = await workspaceOf(ada, { name: 'Counted' });
  await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
    input: { workspaceId: place, title: 'Tides', text: 'The tides turn twice a day.', wait: true },
  });
  const add = 'mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { member { id } } }';
  await ada.want(add, { input: { workspaceId: place, userId: editor.userId, role: 'EDITOR' } });
  const before = new Date(Date.now() - 1000).toISOString();
  for (const query of ['Tides', 'tides ', 'TIDES']) await search(ada, query, undefined, place);
  for (const query of ['the of and', 'The of and']) await search(editor, query, undefined, place);
  await written(place, 5);
  const after = new Date(Date.now() + 1000).toISOString();
  expect((await logOf(ada, { hitCount: { eq: 0 } }, place)).map(({ query }) => query)).toEqual([
    'The of and',
    'the of and',
  ]);
  expect(await logOf(ada, { userId: { eq: editor.userId } }, place)).toHaveLength(2);
  expect(await logOf(ada, { createdAt: { gt: after } }, place)).toEqual([]);
  expect(await statistics(ada, before, after, place)).toEqual({
    searches: 5,
    withoutHits: 2,
    frequentQueries: [
      { query: 'tides', searches: 3, withoutHits: 0 },
      { query: 'the of and', searches: 2, withoutHits: 2 },
    ],
  });
  expect(await statistics(ada, after, '2100-01-01T00:00:00Z', place)).toEqual({
    searches: 0,
    withoutHits: 0,
    frequentQueries: [],
  });
  const text =
    'query ($id: ID!, $at: DateTime!) { workspace(id: $id) { searchStatistics(from: $at, to: $at) { searches } } }';
  expect(await ada.codes(text, { id: place, at: before })).toEqual(['BAD_USER_INPUT']);
});

const noted = (more: object) => ({
  organizationId: uuidOf(ada.organizationId),
  workspaceId: uuidOf(workspaceId),
  userId: uuidOf(ada.userId),
  query: 'noted',
  filter: null,
  hitCount: 0,
  topScore: null,
  latencyMs: 1,
  ...more,
});
const rowsOf = async (query: string): Promise<number> => {
  const unit = whole(bed, ada.organizationId);
  const [row] = await unit.run(() =>
    database.execute<{ rows: number }>(sql`select count(*)::int as rows from search_logs where query = ${query}`),
  );
  await unit.rest();
  return row?.rows ?? 0;
};

test('what is left is written at the end, a gone workspace costs nobody else their entry, and memory is bounded', async () => {
  const { services } = bed.server.installation;
  const journal = new SearchJournal(services, 86_400_000);
  journal.note(noted({ query: 'last words' }));
  journal.note(noted({ query: 'lost words', workspaceId: '0198c000-0000-7000-8000-000000000000' }));
  journal.note(noted({ query: 'odd words', organizationId: '0198c000-0000-7000-8000-000000000000' }));
  await journal.stop();
  expect([await rowsOf('last words'), await rowsOf('lost words'), await rowsOf('odd words')]).toEqual([1, 0, 0]);
  const flooded = new SearchJournal(services, 86_400_000);
  for (let at = 0; at < 5_100; at++) flooded.note(noted({ query: 'flood' }));
  await flooded.stop();
  expect(await rowsOf('flood')).toBe(5_000);
});

test('searches are kept for ninety days', async () => {
  const unit = whole(bed, ada.organizationId);
  await unit.transact(() =>
    database.execute(sql`insert into search_logs (organization_id, id, workspace_id, query, hit_count, latency_ms, created_at)
      select ${uuidOf(ada.organizationId)}::uuid, gen_random_uuid(), ${uuidOf(workspaceId)}::uuid, 'aged', 0, 1, now() - make_interval(days => days)
      from unnest(array[1, 89, 91, 400]) as days`),
  );
  const { services } = bed.server.installation;
  const platform = new UnitOfWork(nowhere, {
    ...services,
    origin: { requestId: 'test', address: null, userAgent: null },
  });
  await schedules['content.purge-search-logs']?.run({ unit: platform, services }, new AbortController().signal);
  expect(await rowsOf('aged')).toBe(2);
});
