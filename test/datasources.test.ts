import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { datasources } from '../src/domains/content/datasource-tables.ts';
import { dueSyncs, syncExecutions } from '../src/domains/content/sync-tables.ts';
import { events } from '../src/events/tables.ts';
import { jobs } from '../src/queue/tables.ts';
import './source-connector.ts';
import { SourceServer } from './source-server.ts';
import { connect, documentsOf, sync } from './sync-talk.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let source: SourceServer;
let workspaceId: string;
const logged: string[] = [];

beforeAll(async () => {
  [bed, source] = [await startTestbed({ LOG_LEVEL: 'debug' }, (line) => logged.push(line)), await SourceServer.start()];
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
  source.hold({ a: 'Apples.', b: 'Beans.' });
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await source.stop();
  await closeParsers();
});

const shown = 'id name kind configuration secretsSet sync { id status schedule staleAfterSeconds }';
const create = `mutation ($input: CreateDatasourceInput!) { createDatasource(input: $input) { datasource { ${shown} } } }`;
const update = `mutation ($input: UpdateDatasourceInput!) { updateDatasource(input: $input) { datasource { ${shown} } } }`;
const remove = 'mutation ($input: DeleteDatasourceInput!) { deleteDatasource(input: $input) { deletedId } }';
const issuesOf = ({ errors }: Awaited<ReturnType<typeof ada.ask>>): unknown[] =>
  errors.flatMap(({ extensions }) =>
    (extensions.issues as { field: string }[]).map(({ field }) => [extensions.code, field]),
  );
const secret = 'sesame-9d4c2b';
const withToken = (token: string | null | undefined = secret) => ({
  url: source.url,
  ...(token !== undefined && { token }),
});

test('secrets are used, and never shown, logged or told', async () => {
  const { id } = await connect(ada, workspaceId, { configuration: withToken() });
  const read = `query ($id: ID!) { datasource(id: $id) { ${shown} createdBy { id } } }`;
  const { datasource }: Data = await ada.want(read, { id });
  expect(datasource).toMatchObject({
    configuration: { url: source.url },
    secretsSet: ['token'],
    createdBy: { id: ada.userId },
  });
  source.tokens.length = 0;
  await sync(ada, id);
  expect(new Set(source.tokens)).toEqual(new Set([secret]));

  const change = (configuration: object) => ada.want(update, { input: { id, configuration } });
  // Absent, a secret stays; null takes it away.
  expect(await change({ url: source.url, filter: { depth: 3 } })).toEqual({
    updateDatasource: {
      datasource: expect.objectContaining({
        configuration: { url: source.url, filter: { depth: 3 } },
        secretsSet: ['token'],
      }),
    },
  });
  source.tokens.length = 0;
  await sync(ada, id);
  expect(new Set(source.tokens)).toEqual(new Set([secret]));
  // It goes to no other host than the one it was given for.
  const elsewhere = await ada.ask(update, { input: { id, configuration: { url: 'https://example.com/api' } } });
  expect(issuesOf(elsewhere)).toEqual([['BAD_USER_INPUT', 'configuration.token']]);
  await change({ url: source.url, token: null });
  source.tokens.length = 0;
  await sync(ada, id);
  expect(new Set(source.tokens)).toEqual(new Set(['']));
  await change(withToken());

  const own = unitOf(bed, ada.organizationId);
  const whole = own.as({ ...own.scope, principals: [own.organizationId] });
  const [rows, told, work, runs] = [
    await whole.run(() => database.select().from(datasources)),
    await whole.run(() => database.select().from(events)),
    await whole.run(() => database.select().from(jobs)),
    await whole.run(() => database.select().from(syncExecutions)),
  ];
  await whole.rest();
  expect(told.map(({ action }) => action)).toEqual(
    expect.arrayContaining(['datasource.created', 'datasource.updated', 'sync.succeeded']),
  );
  expect(rows.some(({ encryptedSecrets }) => encryptedSecrets !== null)).toBe(true);
  for (const text of [rows, told, work, runs, datasource, elsewhere].map((each) => JSON.stringify(each)))
    expect(text).not.toContain(secret);
  expect(logged.join('\n')).not.toContain(secret);
});

test('a secret of another key ring has to be given again', async () => {
  const { id } = await connect(ada, workspaceId, { configuration: withToken() });
  const whole = unitOf(bed, ada.organizationId);
  await whole.transact(() =>
    database
      .update(datasources)
      .set({ encryptedSecrets: 'eyJhbGciOiJkaXIiLCJlbmMiOiJBMjU2R0NNIiwia2lkIjoibG9zdCJ9..a.b.c' })
      .where(eq(datasources.id, uuidOf(id))),
  );
  const { datasource }: Data = await ada.want('query ($id: ID!) { datasource(id: $id) { secretsSet } }', { id });
  expect(datasource).toEqual({ secretsSet: [] });
  expect(await sync(ada, id)).toMatchObject({
    status: 'FAILED',
    failure: 'The secrets can no longer be read; store them again.',
  });
});

test.each([
  [{ configuration: { url: 'no address' } }, ['configuration.url']],
  [{ configuration: { url: 'https://example.com', filter: { depth: 10 } } }, ['configuration.filter.depth']],
  [{ configuration: { url: 'https://example.com', other: 1 } }, ['configuration']],
  [{ configuration: [] }, ['configuration']],
  [{ configuration: { url: `https://example.com/${'x'.repeat(33_000)}` } }, ['configuration']],
  [{ name: ' ' }, ['name']],
  [{ schedule: 'every day', staleAfterSeconds: null }, ['schedule']],
  [{ schedule: '* * * * * *', staleAfterSeconds: null }, ['schedule']],
  [{ schedule: '0 0 31 2 *', staleAfterSeconds: null }, ['schedule']],
  // A time that is drawn by lot each time it is read.
  [{ schedule: 'H 3 * * *', staleAfterSeconds: null }, ['schedule']],
  [{ staleAfterSeconds: 3599 }, ['staleAfterSeconds']],
  [{ schedule: '0 3 * * *', staleAfterSeconds: 3600 }, ['staleAfterSeconds']],
  [{ kind: 'MANUAL', configuration: {}, staleAfterSeconds: 3600 }, ['staleAfterSeconds']],
])('what cannot be is refused (%#)', async (input, fields) => {
  const good = { workspaceId, name: crypto.randomUUID(), kind: 'JSON_API', configuration: { url: source.url } };
  const answer = await ada.ask(create, { input: { ...good, staleAfterSeconds: null, ...input } });
  expect(issuesOf(answer)).toEqual(fields.map((field) => ['BAD_USER_INPUT', field]));
});

test('a name is taken once in a workspace', async () => {
  const { name, id } = await connect(ada, workspaceId, { configuration: withToken(undefined) });
  const input = { workspaceId, name, kind: 'MANUAL', configuration: {} };
  expect(await ada.codes(create, { input })).toEqual(['CONFLICT']);
  const other = await connect(ada, workspaceId, { kind: 'MANUAL', configuration: {} });
  expect(await ada.codes(update, { input: { id: other.id, name } })).toEqual(['CONFLICT']);
  expect(await ada.codes(update, { input: { id, name } })).toEqual([]);
});

test('documents are put into MANUAL datasources by hand, and syncing leaves them', async () => {
  const own = await workspaceOf(ada);
  const { id, sync: queue } = await connect(ada, own, {
    kind: 'MANUAL',
    configuration: {},
    staleAfterSeconds: undefined,
  });
  expect(queue).toMatchObject({ schedule: null, staleAfterSeconds: null, nextSyncAt: null });
  const fetched = await connect(ada, own, { configuration: withToken(undefined) });
  const add = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { datasource { id } } } }';
  const input = { workspaceId: own, title: 'Mine', text: 'By hand.', wait: true };
  expect(await ada.want(add, { input: { ...input, datasourceId: id } })).toEqual({
    addDocument: { document: { datasource: { id } } },
  });
  expect(await ada.codes(add, { input: { ...input, datasourceId: fetched.id } })).toEqual(['CONFLICT']);
  expect(await ada.codes(add, { input: { ...input, workspaceId, datasourceId: id } })).toEqual(['NOT_FOUND']);
  expect(await sync(ada, id)).toMatchObject({ status: 'UNCHANGED', found: 0, removed: 0 });
  expect(await documentsOf(ada, own)).toHaveLength(1);
});

test('a datasource is deleted with its documents or without', async () => {
  const own = await workspaceOf(ada);
  const keeping = await connect(ada, own, { configuration: withToken(), schedule: '0 0 1 1 *' });
  await sync(ada, keeping.id);
  await ada.want(remove, { input: { id: keeping.id } });
  const kept = await documentsOf(ada, own);
  expect(kept.map(({ title, status, datasource }) => [title, status, datasource])).toEqual([
    ['Thing a', 'READY', null],
    ['Thing b', 'READY', null],
  ]);
  const dropping = await connect(ada, own, { configuration: withToken() });
  await sync(ada, dropping.id);
  expect(await documentsOf(ada, own)).toHaveLength(4);
  await ada.want(remove, { input: { id: dropping.id, deleteDocuments: true } });
  expect(await documentsOf(ada, own)).toEqual(kept);
  expect(await ada.codes(remove, { input: { id: dropping.id } })).toEqual(['NOT_FOUND']);
  const unit = unitOf(bed, null);
  const queues = new Set([keeping, dropping].map((each) => uuidOf(each.sync.id)));
  const due = await unit.run(() => database.select({ queueId: dueSyncs.queueId }).from(dueSyncs));
  await unit.rest();
  expect(due.filter(({ queueId }) => queues.has(queueId))).toEqual([]);
});

test('a datasource that is deleted in the middle of a run is gone, and the run with it', async () => {
  const own = await workspaceOf(ada);
  const { id } = await connect(ada, own, { configuration: withToken() });
  const asked = Promise.withResolvers<void>();
  source.before = async (path) => {
    if (path !== '/things/b') return;
    asked.resolve();
    await new Promise(() => undefined);
  };
  const begin = 'mutation ($id: ID!) { syncDatasource(input: { id: $id }) { execution { id } } }';
  await ada.want(begin, { id });
  await asked.promise;
  source.before = async () => undefined;
  await ada.want(remove, { input: { id, deleteDocuments: true } });
  expect(await documentsOf(ada, own)).toEqual([]);
});

test('another organization sees nothing and changes nothing', async () => {
  const own = await workspaceOf(ada);
  source.hold({ a: 'Apples.', b: '' });
  const { id, sync: queue } = await connect(ada, own, { configuration: withToken() });
  const { id: execution } = await sync(ada, id);
  const [document] = await documentsOf(ada, own);
  const failing: Data = await ada.want(
    'query ($id: ID!) { datasource(id: $id) { failures { edges { node { id } } } } }',
    { id },
  );
  const failure = failing.datasource.failures.edges[0].node.id;
  const mallory = await bed.signUp('Mallory');
  const asked: [string, string][] = [
    ['query ($id: ID!) { datasource(id: $id) { id } }', id],
    ['query ($id: ID!) { node(id: $id) { id } }', id],
    ['query ($id: ID!) { node(id: $id) { id } }', queue.id],
    ['query ($id: ID!) { node(id: $id) { id } }', execution],
    ['query ($id: ID!) { node(id: $id) { id } }', failure],
    ['mutation ($id: ID!) { updateDatasource(input: { id: $id, name: "x" }) { datasource { id } } }', id],
    ['mutation ($id: ID!) { deleteDatasource(input: { id: $id }) { deletedId } }', id],
    ['mutation ($id: ID!) { syncDatasource(input: { id: $id }) { job { id } } }', id],
    ['mutation ($id: ID!) { pauseSync(input: { id: $id }) { queue { id } } }', queue.id],
    ['mutation ($id: ID!) { resumeSync(input: { id: $id }) { queue { id } } }', queue.id],
    ['mutation ($id: ID!) { cancelSync(input: { id: $id }) { execution { id } } }', queue.id],
    ['mutation ($id: ID!) { updateSyncSchedule(input: { id: $id }) { queue { id } } }', queue.id],
    ['mutation ($id: ID!) { retrySyncFailure(input: { id: $id }) { job { id } } }', failure],
    ['mutation ($id: ID!) { dismissSyncFailure(input: { id: $id }) { deletedId } }', failure],
    ['mutation ($id: ID!) { watchDocument(input: { id: $id }) { document { id } } }', document.id],
    ['mutation ($id: ID!) { unwatchDocument(input: { id: $id }) { document { id } } }', document.id],
    ['mutation ($id: ID!) { syncDocument(input: { id: $id }) { job { id } } }', document.id],
  ];
  for (const [text, given] of asked)
    expect([text, await mallory.codes(text, { id: given })]).toEqual([text, ['NOT_FOUND']]);
  // A datasource keeps its own documents up to date.
  expect(
    await ada.codes('mutation ($id: ID!) { watchDocument(input: { id: $id }) { document { id } } }', {
      id: document.id,
    }),
  ).toEqual(['CONFLICT']);
});

test('datasources are listed by kind and name, one statement a level', async () => {
  const own = await workspaceOf(ada);
  source.hold({ a: 'Apples.', b: '' });
  for (const name of ['Zebra', 'Ant']) {
    const { id } = await connect(ada, own, { name, configuration: withToken() });
    await sync(ada, id);
  }
  await connect(ada, own, { name: 'Hand', kind: 'MANUAL', configuration: {} });
  const text = `query ($id: ID!, $filter: DatasourceFilter) { workspace(id: $id) { datasources(first: 10, filter: $filter, orderBy: [{ field: NAME }]) {
    totalCount edges { node { name secretsSet createdBy { id } sync { status executions(first: 2) { edges { node { status requestedBy { id } } } } }
      failures(first: 2) { edges { node { externalId datasource { name } } } } } } } } }`;
  const { data, statements }: { data: Data; statements: readonly string[] } = await ada.ask(text, { id: own });
  const names = data.workspace.datasources.edges.map(({ node }: Data) => [
    node.name,
    node.sync.executions.edges.length,
  ]);
  expect(names).toEqual([
    ['Ant', 1],
    ['Hand', 0],
    ['Zebra', 1],
  ]);
  // Workspace, datasources and their number, people, secrets, queues, runs, failures and where these belong.
  expect(statements.length).toBeLessThanOrEqual(10);
  const some = async (filter: object): Promise<string[]> =>
    ((await ada.want(text, { id: own, filter })) as Data).workspace.datasources.edges.map(
      ({ node }: Data) => node.name,
    );
  expect(await some({ kind: { eq: 'MANUAL' } })).toEqual(['Hand']);
  expect(await some({ name: { eq: 'Ant' } })).toEqual(['Ant']);
});
