import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { and, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { beginDueSyncs } from '../src/domains/content/sync-due.ts';
import { dueSyncs, syncExecutions, syncQueues } from '../src/domains/content/sync-tables.ts';
import { jobs } from '../src/queue/tables.ts';
import './source-connector.ts';
import { SourceServer } from './source-server.ts';
import { begin, connect, documentsOf, ended, failuresOf, runOf, sync } from './sync-talk.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let source: SourceServer;
let workspaceId: string;
let datasource: Data;

beforeAll(async () => {
  [bed, source] = [await startTestbed(), await SourceServer.start()];
  ada = await bed.signUp();
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await source.stop();
  await closeParsers();
});
afterEach(() => {
  source.refusals.clear();
  source.before = async () => undefined;
  source.asked.length = 0;
});

/** A workspace of its own with a datasource of the source's url. */
const start = async (texts: Readonly<Record<string, string>>): Promise<void> => {
  source.hold(texts);
  workspaceId = await workspaceOf(ada);
  datasource = await connect(ada, workspaceId, { configuration: { url: source.url } });
};

const ingestions = async (): Promise<Data[]> => {
  const own = unitOf(bed, ada.organizationId);
  const unit = own.as({ ...own.scope, principals: [own.organizationId] });
  const ofKind = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.kind, 'content.ingest-document'));
  const rows = await unit.run(() =>
    database.select({ result: jobs.result }).from(jobs).where(ofKind).orderBy(jobs.createdAt, jobs.id),
  );
  await unit.rest();
  return rows.map(({ result }) => result);
};

const sentences = (topic: string): string =>
  Array.from({ length: 20 }, (_, at) => `The ${topic} number ${at} is told in sentence ${at} of ${topic}.`).join(' ');
const animals = (...names: string[]): string => names.map((name) => `# The ${name}\n\n${sentences(name)}`).join('\n\n');

test('everything in a source becomes documents, in several pages', async () => {
  await start({ a: 'Apples are red.', b: 'Beans are green.', c: 'Carrots are orange.' });
  const run = await sync(ada, datasource.id);
  expect(run).toMatchObject({ trigger: 'REQUEST', status: 'SUCCEEDED', failure: null, outstanding: 0 });
  expect(run).toMatchObject({ found: 3, added: 3, updated: 0, unchanged: 0, removed: 0, failed: 0, chunksNew: 3 });
  expect(run.queue).toMatchObject({ status: 'ACTIVE', failuresInARow: 0, nextSyncAt: null });
  expect(run.queue.lastSyncedAt).not.toBeNull();
  const documents = await documentsOf(ada, workspaceId);
  expect(documents.map(({ title, text, status }) => [title, text, status])).toEqual([
    ['Thing a', 'Apples are red.', 'READY'],
    ['Thing b', 'Beans are green.', 'READY'],
    ['Thing c', 'Carrots are orange.', 'READY'],
  ]);
  expect(documents[0]).toMatchObject({ sourceUri: `${source.url}/things/a`, datasource: { id: datasource.id } });
});

test('what is unchanged is neither read nor embedded again', async () => {
  await start({ a: 'Apples are red.', b: 'Beans are green.' });
  source.things.set('c', { text: 'Told by the list.', version: '1', listsVersion: true });
  await sync(ada, datasource.id);
  const before = await documentsOf(ada, workspaceId);
  const read = (await ingestions()).length;
  expect(read).toBeGreaterThanOrEqual(3);
  source.fetched();
  // Another version of the same content.
  source.things.set('b', { text: 'Beans are green.', version: '2' });
  const run = await sync(ada, datasource.id);
  expect(run).toMatchObject({ status: 'UNCHANGED', found: 3, added: 0, updated: 0, unchanged: 3, outstanding: 0 });
  expect(run).toMatchObject({ chunksNew: 0, chunksReused: 0, chunksRemoved: 0 });
  expect(source.fetched().sort()).toEqual(['/things/a', '/things/b']);
  expect(await ingestions()).toHaveLength(read);
  expect(await documentsOf(ada, workspaceId)).toEqual(before);
});

test('a source that lists nothing any more loses no document', async () => {
  await start({ a: 'Apples are red.', b: 'Beans are green.' });
  await sync(ada, datasource.id);
  source.hold({});
  const run = await sync(ada, datasource.id);
  expect(run).toMatchObject({ status: 'FAILED', failure: expect.stringContaining('lists nothing'), removed: 0 });
  expect(await documentsOf(ada, workspaceId)).toHaveLength(2);
  // A new source may be empty.
  await start({});
  expect(await sync(ada, datasource.id)).toMatchObject({ status: 'UNCHANGED', found: 0 });
});

test('of a changed document the changed passage alone is embedded', async () => {
  await start({ a: animals('otter', 'beaver', 'badger', 'marten') });
  expect(await sync(ada, datasource.id)).toMatchObject({ chunksNew: 4, chunksReused: 0 });
  const [former] = await documentsOf(ada, workspaceId);
  source.hold({ a: animals('otter', 'lynx', 'badger', 'marten') });
  const run = await sync(ada, datasource.id);
  expect(run).toMatchObject({ status: 'SUCCEEDED', added: 0, updated: 1, unchanged: 0 });
  expect(run).toMatchObject({ chunksReused: 3, chunksNew: 1, chunksRemoved: 1 });
  // The job's own end comes a moment after the document's.
  for (const deadline = Date.now() + 5000; Date.now() < deadline; await pause(20))
    if ((await ingestions()).at(-1) !== null) break;
  expect((await ingestions()).at(-1)).toEqual({ status: 'READY', chunks: 4, embedded: 1 });
  const [changed] = await documentsOf(ada, workspaceId);
  expect(changed).toMatchObject({ id: former.id, version: 2, status: 'READY' });
  expect(changed.updatedAt > former.updatedAt).toBe(true);
  expect(changed.text).toContain('lynx');
});

test('what is no longer there is removed, and never after a run that broke off', async () => {
  await start({ a: 'Apples.', b: 'Beans.', c: 'Carrots.' });
  await sync(ada, datasource.id);
  source.hold({ a: 'Apples.', d: 'Dates.', e: 'Eggs.' });
  source.refusals.set('/list?from=2', { refused: 'UNAVAILABLE', message: 'The source is away.' });
  expect(await sync(ada, datasource.id)).toMatchObject({
    status: 'FAILED',
    failure: 'The source is away.',
    removed: 0,
  });
  expect((await documentsOf(ada, workspaceId)).map(({ title }) => title)).toEqual(
    ['a', 'b', 'c', 'd'].map((id) => `Thing ${id}`),
  );
  source.refusals.clear();
  expect(await sync(ada, datasource.id)).toMatchObject({ status: 'SUCCEEDED', removed: 2, added: 1, unchanged: 2 });
  expect((await documentsOf(ada, workspaceId)).map(({ title }) => title)).toEqual(
    ['a', 'd', 'e'].map((id) => `Thing ${id}`),
  );
});

const retry = 'mutation ($id: ID!) { retrySyncFailure(input: { id: $id }) { execution { id trigger } job { state } } }';

test('what cannot be fetched or read waits on a list, is tried again and goes when it succeeds', async () => {
  await start({ a: 'Apples.', b: 'Beans.', c: '' });
  source.refusals.set('/things/b', { refused: 'REFUSED', message: 'Robots may not read this.' });
  source.things.set('d.pdf', { text: 'no pdf', type: 'application/pdf' });
  expect(await sync(ada, datasource.id)).toMatchObject({ status: 'SUCCEEDED', found: 4, added: 2, failed: 3 });
  const failed = await failuresOf(ada, datasource.id);
  expect(failed.map(({ externalId, attempts }) => [externalId, attempts])).toEqual([
    ['b', 1],
    ['c', 1],
    ['d.pdf', 1],
  ]);
  expect(failed.map(({ reason }) => reason)).toEqual([
    'Robots may not read this.',
    'It is empty.',
    expect.stringContaining('plain text'),
  ]);
  const [b, , d] = failed;
  const again = async ({ id }: Data): Promise<Data> =>
    ended(ada, ((await ada.want(retry, { id })) as Data).retrySyncFailure.execution.id);
  expect(await again(b)).toMatchObject({ trigger: 'RETRY', status: 'SUCCEEDED', found: 1, failed: 1 });
  expect((await failuresOf(ada, datasource.id))[0]).toMatchObject({ id: b.id, attempts: 2 });
  source.refusals.clear();
  source.asked.length = 0;
  expect(await again(b)).toMatchObject({ status: 'SUCCEEDED', added: 1, failed: 0, removed: 0 });
  expect(source.asked).toEqual(['/things/b']);
  // The same bytes are read once more when somebody asks for it, and not by themselves.
  expect(await sync(ada, datasource.id)).toMatchObject({ unchanged: 3, failed: 1, updated: 0 });
  expect(await again(d)).toMatchObject({ updated: 1, failed: 1 });
  expect((await failuresOf(ada, datasource.id)).map(({ externalId, attempts }) => [externalId, attempts])).toEqual([
    ['c', 2],
    ['d.pdf', 2],
  ]);
  source.things.delete('d.pdf');
  source.things.set('b', { text: 'Broad beans.' });
  expect(await sync(ada, datasource.id)).toMatchObject({ updated: 1, failed: 1, removed: 1 });
  expect((await failuresOf(ada, datasource.id)).map(({ externalId }) => externalId)).toEqual(['c']);
  // What is no longer there has not failed.
  source.things.delete('c');
  await sync(ada, datasource.id);
  expect(await failuresOf(ada, datasource.id)).toEqual([]);
});

test('a failure can be taken off the list', async () => {
  await start({ a: '' });
  await sync(ada, datasource.id);
  const [{ id }] = await failuresOf(ada, datasource.id);
  const dismiss = 'mutation ($id: ID!) { dismissSyncFailure(input: { id: $id }) { deletedId } }';
  expect(await ada.want(dismiss, { id })).toEqual({ dismissSyncFailure: { deletedId: id } });
  expect(await failuresOf(ada, datasource.id)).toEqual([]);
  expect(await ada.codes(dismiss, { id })).toEqual(['NOT_FOUND']);
});

test('five runs that fail one after the other pause the queue, and one that succeeds begins the count anew', async () => {
  await start({ a: 'Apples.' });
  const refuse = () =>
    source.refusals.set('/list?from=0', { refused: 'UNAUTHORIZED', message: 'The token is no good.' });
  refuse();
  await sync(ada, datasource.id);
  await sync(ada, datasource.id);
  source.refusals.clear();
  expect((await sync(ada, datasource.id)).queue).toMatchObject({ failuresInARow: 0 });
  refuse();
  for (let run = 1; run <= 4; run++)
    expect((await sync(ada, datasource.id)).queue).toMatchObject({ status: 'ACTIVE', failuresInARow: run });
  expect((await sync(ada, datasource.id)).queue).toMatchObject({
    status: 'PAUSED',
    failuresInARow: 5,
    pausedReason: '5 runs failed one after the other, the last because: The token is no good.',
  });
  const resume =
    'mutation ($id: ID!) { resumeSync(input: { id: $id }) { queue { status pausedReason failuresInARow } } }';
  expect(await ada.want(resume, { id: datasource.sync.id })).toEqual({
    resumeSync: { queue: { status: 'ACTIVE', pausedReason: null, failuresInARow: 0 } },
  });
});

test('a source that is asked too often says when it may be asked again', async () => {
  source.hold({ a: 'Apples.', b: 'Beans.' });
  workspaceId = await workspaceOf(ada);
  datasource = await connect(ada, workspaceId, { configuration: { url: source.url }, schedule: '0 3 1 1 *' });
  source.refusals.set('/things/b', { refused: 'RATE_LIMITED', message: 'Too many.', retryAfterSeconds: 300 });
  const before = Date.now();
  const run = await sync(ada, datasource.id);
  // What came before is kept, and nothing more is asked.
  expect(run).toMatchObject({ status: 'FAILED', failure: 'Too many.', failed: 0, removed: 0 });
  const waits = new Date(run.queue.nextSyncAt).getTime() - before;
  expect(waits).toBeGreaterThanOrEqual(300_000);
  expect(waits).toBeLessThan(330_000);
  expect(await failuresOf(ada, datasource.id)).toEqual([]);
});

test('of twenty who ask at a time one begins a run', async () => {
  await start({ a: 'Apples.' });
  const release = Promise.withResolvers<void>();
  source.before = () => release.promise;
  const text =
    'mutation ($id: ID!) { syncDatasource(input: { id: $id }) { execution { id status } job { kind state } } }';
  const answers = await Promise.all(Array.from({ length: 20 }, () => ada.ask(text, { id: datasource.id })));
  const begun = answers.filter(({ errors }) => errors.length === 0).map(({ data }: Data) => data.syncDatasource);
  expect(begun).toHaveLength(1);
  expect(begun[0]).toMatchObject({ execution: { status: 'QUEUED' }, job: { kind: 'content.sync' } });
  const refused = answers.flatMap(({ errors }) => errors.map(({ extensions }) => extensions));
  expect(refused).toHaveLength(19);
  for (const extensions of refused)
    expect(extensions).toMatchObject({ code: 'CONFLICT', executionId: begun[0].execution.id });
  release.resolve();
  await ended(ada, begun[0].execution.id);
  const unit = unitOf(bed, ada.organizationId);
  const ofQueue = eq(syncExecutions.queueId, uuidOf(datasource.sync.id));
  expect(await unit.run(() => database.$count(syncExecutions, ofQueue))).toBe(1);
  await unit.rest();
});

test('a run that is called off ends at once, and removes nothing', async () => {
  await start({ a: 'Apples.', b: 'Beans.', c: 'Carrots.' });
  await sync(ada, datasource.id);
  source.hold({ d: 'Dates.' });
  const asked = Promise.withResolvers<void>();
  source.before = async (path) => {
    if (path !== '/things/d') return;
    asked.resolve();
    await new Promise(() => undefined);
  };
  const { id } = await begin(ada, datasource.id);
  await asked.promise;
  const cancel = 'mutation ($id: ID!) { cancelSync(input: { id: $id }) { execution { id status } } }';
  expect(await ada.want(cancel, { id: datasource.sync.id })).toEqual({
    cancelSync: { execution: { id, status: 'CANCELLED' } },
  });
  expect(await ada.codes(cancel, { id: datasource.sync.id })).toEqual(['CONFLICT']);
  source.before = async () => undefined;
  // The one who did it has let go: the next run begins.
  expect(await sync(ada, datasource.id)).toMatchObject({ status: 'SUCCEEDED', added: 1, removed: 3 });
  expect(await runOf(ada, id)).toMatchObject({ status: 'CANCELLED', added: 0, removed: 0 });
});

/** Looks for what is due as the schedule does. */
const lookForDue = async (): Promise<void> => {
  const { services } = bed.server.installation;
  const unit = unitOf(bed, null);
  await beginDueSyncs({ unit, services }, new AbortController().signal);
};
/** Lets a queue be due since an hour. */
const letBeDue = async (queue: string): Promise<void> => {
  const unit = unitOf(bed, ada.organizationId);
  const due = new Date(Date.now() - 3_600_000).toISOString();
  await unit.transact(async () => {
    await database
      .update(syncQueues)
      .set({ nextSyncAt: due })
      .where(eq(syncQueues.id, uuidOf(queue)));
    await database
      .update(dueSyncs)
      .set({ dueAt: due })
      .where(eq(dueSyncs.queueId, uuidOf(queue)));
  });
};
const executionsOf = async (id: string): Promise<Data[]> => {
  const text = `query ($id: ID!) { datasource(id: $id) { sync { nextSyncAt executions(first: 10) { edges { node { id trigger status } } } } } }`;
  return ((await ada.want(text, { id })) as Data).datasource.sync.executions.edges.map(({ node }: Data) => node);
};

test('a datasource is fetched when it is due, by age and by a crontab', async () => {
  source.hold({ a: 'Apples.' });
  workspaceId = await workspaceOf(ada);
  const place = { configuration: { url: source.url } };
  const byAge = await connect(ada, workspaceId, { ...place, staleAfterSeconds: 3600 });
  const bySchedule = await connect(ada, workspaceId, {
    ...place,
    staleAfterSeconds: undefined,
    schedule: '30 4 * * *',
  });
  const byDefault = await connect(ada, workspaceId, { ...place, staleAfterSeconds: undefined });
  expect(byDefault.sync.staleAfterSeconds).toBe(604_800);
  expect(bySchedule.sync.nextSyncAt).toMatch(/T04:30:00.000Z$/);
  await lookForDue();
  // What never was fetched is due at once; a schedule waits for its time.
  const [first] = await executionsOf(byAge.id);
  expect(first).toMatchObject({ trigger: 'SCHEDULE' });
  expect(await executionsOf(bySchedule.id)).toEqual([]);
  const { queue } = await ended(ada, first.id);
  const wait = new Date(queue.nextSyncAt).getTime() - new Date(queue.lastSyncedAt).getTime();
  expect(wait).toBe(3_600_000);
  await lookForDue();
  expect(await executionsOf(byAge.id)).toHaveLength(1);
  await letBeDue(bySchedule.sync.id);
  await lookForDue();
  const [scheduled] = await executionsOf(bySchedule.id);
  expect((await ended(ada, scheduled.id)).queue.nextSyncAt).toBe(bySchedule.sync.nextSyncAt);
});

test('what became due while it was paused or running is not lost', async () => {
  await start({ a: 'Apples.' });
  const schedule = `mutation ($input: UpdateSyncScheduleInput!) { updateSyncSchedule(input: $input) { queue { nextSyncAt schedule } } }`;
  await ada.want(schedule, { input: { id: datasource.sync.id, schedule: '0 0 1 1 *' } });
  const pauseSync = 'mutation ($id: ID!) { pauseSync(input: { id: $id }) { queue { status pausedReason } } }';
  const resume = 'mutation ($id: ID!) { resumeSync(input: { id: $id }) { queue { status } } }';
  await ada.want(pauseSync, { id: datasource.sync.id });
  await letBeDue(datasource.sync.id);
  await lookForDue();
  expect(await executionsOf(datasource.id)).toEqual([]);
  await ada.want(resume, { id: datasource.sync.id });
  await lookForDue();
  const [afterPause] = await executionsOf(datasource.id);
  expect(afterPause).toMatchObject({ trigger: 'SCHEDULE' });
  await ended(ada, afterPause.id);

  const release = Promise.withResolvers<void>();
  source.before = () => release.promise;
  const { id } = await begin(ada, datasource.id);
  await letBeDue(datasource.sync.id);
  await lookForDue();
  expect(await executionsOf(datasource.id)).toHaveLength(2);
  release.resolve();
  await ended(ada, id);
  await lookForDue();
  const [afterRun, ...others] = await executionsOf(datasource.id);
  expect(afterRun).toMatchObject({ trigger: 'SCHEDULE' });
  expect(others).toHaveLength(2);
  await ended(ada, afterRun.id);
});

test('nothing begins by itself in an archived workspace, and nothing is changed there', async () => {
  await start({ a: 'Apples.' });
  await ada.want('mutation ($input: UpdateSyncScheduleInput!) { updateSyncSchedule(input: $input) { queue { id } } }', {
    input: { id: datasource.sync.id, staleAfterSeconds: 3600 },
  });
  const archive = 'mutation ($id: ID!) { archiveWorkspace(input: { id: $id }) { workspace { id } } }';
  await ada.want(archive, { id: workspaceId });
  await letBeDue(datasource.sync.id);
  await lookForDue();
  expect(await executionsOf(datasource.id)).toEqual([]);
  expect(
    await ada.codes('mutation ($id: ID!) { syncDatasource(input: { id: $id }) { execution { id } } }', {
      id: datasource.id,
    }),
  ).toEqual(['CONFLICT']);
});

test('a run that waits for a document that somebody deleted is ended when it is looked at', async () => {
  await start({ a: 'Apples.', b: '' });
  await sync(ada, datasource.id);
  const [document] = await documentsOf(ada, workspaceId);
  const unit = unitOf(bed, ada.organizationId);
  const row = {
    organizationId: unit.organizationId,
    workspaceId: uuidOf(workspaceId),
    queueId: uuidOf(datasource.sync.id),
  };
  const now = new Date().toISOString();
  await unit.transact(async () => {
    await database.insert(syncExecutions).values({
      ...row,
      trigger: 'REQUEST',
      status: 'RUNNING',
      outstanding: 1,
      added: 1,
      startedAt: now,
      fetchedAt: now,
    });
    await database.insert(dueSyncs).values({ queueId: row.queueId, organizationId: row.organizationId, dueAt: now });
  });
  await ada.want('mutation ($id: ID!) { deleteDocument(input: { id: $id }) { deletedId } }', { id: document.id });
  await lookForDue();
  expect((await executionsOf(datasource.id))[0]).toMatchObject({ status: 'SUCCEEDED' });
});

test('a watched document is kept up to date with its page, under its id', async () => {
  workspaceId = await workspaceOf(ada);
  source.hold({ page: 'The first words of the page.' });
  const uri = `${source.url}/things/page`;
  const add =
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id watched sync { id } } } }';
  const added = async (sourceUri?: string): Promise<Data> =>
    (
      (await ada.want(add, {
        input: { workspaceId, title: 'Mine', text: 'Old words.', wait: true, ...(sourceUri && { sourceUri }) },
      })) as Data
    ).addDocument.document;
  const document = await added(uri);
  expect(document).toMatchObject({ watched: false, sync: null });
  const watch = `mutation ($id: ID!) { watchDocument(input: { id: $id }) { document { watched sync { id staleAfterSeconds document { id } } } } }`;
  expect(await ada.codes(watch, { id: (await added()).id })).toEqual(['BAD_USER_INPUT']);
  const { watchDocument }: Data = await ada.want(watch, { id: document.id });
  expect(watchDocument.document).toMatchObject({
    watched: true,
    sync: { staleAfterSeconds: 604_800, document: { id: document.id } },
  });
  const syncNow = 'mutation ($id: ID!) { syncDocument(input: { id: $id }) { execution { id } } }';
  const run = async (): Promise<Data> =>
    ended(ada, ((await ada.want(syncNow, { id: document.id })) as Data).syncDocument.execution.id);
  expect(await run()).toMatchObject({ status: 'SUCCEEDED', found: 1, updated: 1 });
  expect(await run()).toMatchObject({ status: 'UNCHANGED', found: 1 });
  const now = (await documentsOf(ada, workspaceId)).find(({ id }) => id === document.id);
  expect(now).toMatchObject({ title: 'Mine', version: 2, text: 'The first words of the page.', status: 'READY' });
  source.things.delete('page');
  expect(await run()).toMatchObject({ status: 'FAILED', failure: 'The page is no longer there.' });
  const unwatch = 'mutation ($id: ID!) { unwatchDocument(input: { id: $id }) { document { watched sync { id } } } }';
  for (let time = 0; time < 2; time++)
    expect(await ada.want(unwatch, { id: document.id })).toEqual({
      unwatchDocument: { document: { watched: false, sync: null } },
    });
  expect(await ada.codes(syncNow, { id: document.id })).toEqual(['CONFLICT']);
});

test('progress is told to those who see the datasource', async () => {
  await start({ a: 'Apples.', b: 'Beans.', c: 'Carrots.' });
  const query = 'subscription ($id: ID!) { syncProgress(datasourceId: $id) { id status found } }';
  const { results, stop } = ada.subscribe(query, { id: datasource.id });
  const first = results.next();
  await pause(200);
  const { id } = await begin(ada, datasource.id);
  const seen: Data[] = [];
  for (let next = await first; ; next = await results.next()) {
    const { syncProgress }: Data = next.value.data;
    expect(syncProgress.id).toBe(id);
    seen.push(syncProgress);
    if (!['QUEUED', 'RUNNING'].includes(syncProgress.status)) break;
  }
  expect(seen.at(-1)).toEqual({ id, status: 'SUCCEEDED', found: 3 });
  await stop();
  const mallory = await bed.signUp('Mallory');
  const refused = mallory.subscribe(query, { id: datasource.id });
  await expect(refused.results.next()).rejects.toMatchObject([{ extensions: { code: 'NOT_FOUND' } }]);
  await refused.stop();
});
