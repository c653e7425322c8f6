import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { Unavailable } from '../src/errors.ts';
import { globalId, newId } from '../src/ids.ts';
import { keptDays } from '../src/queue/queue.ts';
import { colleagueOf, type Colleague } from './company.ts';
import {
  cancel,
  hasEnded,
  jobNow,
  jobsAbout,
  jobWhen,
  lastTry,
  loggedOf,
  queuedRows,
  retry,
  shown,
  type ToldJob,
} from './job-talk.ts';
import { tamper } from './machines.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Colleague;
let viewer: Colleague;
let workspaceId: string;
beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
}, 120_000);
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

/** While it is set, no file can be read. */
let fault: Error | null;
beforeEach(() => {
  fault = null;
});
beforeAll(() => {
  const { store } = bed.server.installation.services;
  const read = store.read.bind(store);
  store.read = (...file) => (fault === null ? read(...file) : Promise.reject(fault));
});

const uploaded = async (person: Person): Promise<string> => {
  const { createUpload }: Data = await person.want(
    'mutation { createUpload(input: { name: "a.txt", size: 17, mimeType: "text/plain" }) { upload { url } file { id } } }',
  );
  await fetch(createUpload.upload.url, { method: 'PUT', body: 'Roses need light.' });
  return createUpload.file.id as string;
};

const documentNow = async (id: string): Promise<{ status: string; failure: string | null }> => {
  const { document }: Data = await ada.want('query ($id: ID!) { document(id: $id) { status failure } }', { id });
  return document;
};

/** A document whose only try to read it failed, and its job. */
const failedReading = async (person: Person = ada, why = new Error('The disk is away.')) => {
  const fileId = await uploaded(person);
  fault = why;
  const { addDocument }: Data = await person.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    { input: { workspaceId, title: 'Roses', fileId } },
  );
  const documentId = addDocument.document.id as string;
  const [{ id }] = (await jobsAbout(person, documentId)) as [ToldJob];
  // Between two tries it waits for a second or more.
  await jobWhen(person, id, ({ state, attempts }) => state === 'QUEUED' && attempts > 0);
  await lastTry(bed, id);
  await jobWhen(person, id, hasEnded);
  return { id, documentId };
};

const refusals = async (person: Person, id: string): Promise<{ code: unknown; field: unknown; message: string }[]> =>
  (await person.ask(retry, { id })).errors.map(({ message, extensions: { code, field } }) => ({
    code,
    field,
    message,
  }));

test('a reading that failed is done after all, as the same job with all its tries', async () => {
  const { id, documentId } = await failedReading(editor);
  const failed = await jobNow(editor, id);
  expect(failed).toMatchObject({
    state: 'FAILED',
    error: 'The work failed and was given up.',
    targetType: 'Document',
    targetId: documentId,
    requestedBy: { id: editor.userId },
    nextRunAt: null,
    cancellable: false,
    retryable: true,
  });
  expect((await documentNow(documentId)).status).toBe('FAILED');

  // It fails again, and waits for its second try: it has all of them.
  const { retryJob }: Data = await editor.want(retry, { id });
  expect(retryJob.job).toMatchObject({
    id,
    state: 'QUEUED',
    progress: 0,
    attempts: failed.attempts,
    error: null,
    result: null,
    startedAt: null,
    finishedAt: null,
    cancellable: true,
    retryable: false,
  });
  const waiting = await jobWhen(editor, id, ({ state, attempts }) => state === 'QUEUED' && attempts > failed.attempts);
  expect(await queuedRows(bed, id)).toEqual([{ state: 'retry', left: 3 }]);
  expect(Date.parse(waiting.nextRunAt ?? '')).toBeGreaterThan(Date.now() - 2000);
  fault = null;

  const done = await jobWhen(editor, id, hasEnded);
  expect(done).toMatchObject({ state: 'SUCCEEDED', progress: 100, error: null, retryable: false, cancellable: false });
  expect(done.attempts).toBeGreaterThan(waiting.attempts);
  expect(await documentNow(documentId)).toEqual({ status: 'READY', failure: null });
  expect(await queuedRows(bed, id)).toEqual([]);
  expect(await loggedOf(bed, ada, id)).toEqual(['job.retried']);
  expect(await loggedOf(bed, ada, documentId)).toEqual([
    'document.added',
    'document.failed',
    'document.reprocessed',
    'document.processed',
  ]);
  expect(await refusals(editor, id)).toEqual([
    { code: 'CONFLICT', field: 'state', message: 'This job has succeeded.' },
  ]);
});

test('what an error of the API says is told, of the last try and while the next is waited for', async () => {
  const { id } = await failedReading(ada, new Unavailable('The shelf is locked.'));
  expect(await jobNow(ada, id)).toMatchObject({ state: 'FAILED', error: 'The shelf is locked.' });
  await ada.want(retry, { id });
  const waiting = await jobWhen(ada, id, ({ state, error }) => state === 'QUEUED' && error !== null);
  expect(waiting.error).toBe('The shelf is locked.');
  await ada.want(cancel, { id });
});

test('who sees it and did not ask for it may not, and who sees nothing finds nothing', async () => {
  const { id, documentId } = await failedReading(editor);
  const stranger = await bed.signUp('Stranger');
  expect((await refusals(viewer, id)).map(({ code }) => code)).toEqual(['FORBIDDEN']);
  expect((await refusals(stranger, id)).map(({ code }) => code)).toEqual(['NOT_FOUND']);
  expect(await jobNow(viewer, id)).toMatchObject({ state: 'FAILED', retryable: false });
  expect((await documentNow(documentId)).status).toBe('FAILED');
  // Who holds the organization decides about all.
  fault = null;
  await ada.want(retry, { id });
  expect(await jobWhen(ada, id, hasEnded)).toMatchObject({ state: 'SUCCEEDED', requestedBy: { id: editor.userId } });
});

test('who asked for it and may not write there any more is refused', async () => {
  const { id, documentId } = await failedReading(editor);
  const ofEditor = sql`user_id = ${uuidOf(editor.userId)} and workspace_id = ${uuidOf(workspaceId)}`;
  await tamper(bed, ada, sql`update workspace_memberships set role = 'VIEWER' where ${ofEditor}`);
  expect((await refusals(editor, id)).map(({ code }) => code)).toEqual(['FORBIDDEN']);
  await tamper(bed, ada, sql`update workspace_memberships set role = 'EDITOR' where ${ofEditor}`);
  expect((await documentNow(documentId)).status).toBe('FAILED');
  expect((await jobNow(editor, id)).state).toBe('FAILED');
});

test('of many at once one puts it back', async () => {
  const { id, documentId } = await failedReading();
  const answers = await Promise.all(Array.from({ length: 6 }, () => ada.ask(retry, { id })));
  const codes = answers.flatMap(({ errors }) => errors.map(({ extensions: { code, field } }) => [code, field]));
  expect(codes).toEqual(Array.from({ length: 5 }, () => ['CONFLICT', 'state']));
  expect(await queuedRows(bed, id)).toHaveLength(1);
  fault = null;
  expect((await jobWhen(ada, id, hasEnded)).state).toBe('SUCCEEDED');
  expect((await loggedOf(bed, ada, id)).filter((action) => action === 'job.retried')).toHaveLength(1);
  expect((await loggedOf(bed, ada, documentId)).filter((action) => action === 'document.processed')).toHaveLength(1);
});

test('a document that has gone on is left alone', async () => {
  const { id, documentId } = await failedReading();
  const before = await jobNow(ada, id);
  fault = null;
  await tamper(bed, ada, sql`update documents set version = version + 1 where id = ${uuidOf(documentId)}`);
  expect(await refusals(ada, id)).toEqual([
    {
      code: 'CONFLICT',
      field: 'target',
      message: 'The document has another text by now, which is read by a job of its own.',
    },
  ]);
  await tamper(
    bed,
    ada,
    sql`update documents set version = version - 1, status = 'READY', failure = null where id = ${uuidOf(documentId)}`,
  );
  expect(await refusals(ada, id)).toEqual([
    { code: 'CONFLICT', field: 'target', message: 'Another job reads this document, or has read it.' },
  ]);
  const archive = (to: string) =>
    tamper(
      bed,
      ada,
      sql`update workspaces set archived_at = ${to === 'now' ? sql`now()` : sql`null`} where id = ${uuidOf(workspaceId)}`,
    );
  await tamper(
    bed,
    ada,
    sql`update documents set status = 'FAILED', failure = 'Gone.' where id = ${uuidOf(documentId)}`,
  );
  await archive('now');
  expect((await refusals(ada, id)).map(({ code }) => code)).toEqual(['CONFLICT']);
  await archive('never');
  expect(await documentNow(documentId)).toMatchObject({ status: 'FAILED' });
  await ada.want('mutation ($id: ID!) { deleteDocument(input: { id: $id }) { deletedId } }', { id: documentId });
  expect(await refusals(ada, id)).toEqual([{ code: 'CONFLICT', field: 'target', message: 'The document is gone.' }]);
  expect(await jobNow(ada, id)).toEqual(before);
  expect(await loggedOf(bed, ada, id)).toEqual([]);
  expect((await queuedRows(bed, id)).map(({ state }) => state)).toEqual(['failed']);
});

test('what the queue no longer knows stays as it is', async () => {
  const { id } = await failedReading();
  const { pool } = bed.server.installation.services;
  const rows: unknown = await pool.run(`select deletion_seconds as seconds from pgboss.job where id = $1`, [
    uuidOf(id),
  ]);
  expect(rows).toEqual([{ seconds: keptDays * 86_400 }]);
  await pool.run(`delete from pgboss.job where id = $1`, [uuidOf(id)]);
  expect(await refusals(ada, id)).toEqual([
    {
      code: 'CONFLICT',
      field: 'id',
      message: 'What this job was given is not known any more: it is kept for 30 days.',
    },
  ]);
  await tamper(
    bed,
    ada,
    sql`update jobs set finished_at = now() - make_interval(days => ${keptDays}) where id = ${uuidOf(id)}`,
  );
  expect(await jobNow(ada, id)).toMatchObject({ state: 'FAILED', retryable: false });
});

test('one that was called off while it waited goes on', async () => {
  const fileId = await uploaded(ada);
  fault = new Error('Away.');
  const { addDocument }: Data = await ada.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    { input: { workspaceId, title: 'Moss', fileId } },
  );
  const documentId = addDocument.document.id as string;
  const [{ id }] = (await jobsAbout(ada, documentId)) as [ToldJob];
  expect(await refusals(ada, id)).toEqual([{ code: 'CONFLICT', field: 'state', message: 'This job has not ended.' }]);
  const { cancelJob }: Data = await ada.want(cancel, { id });
  expect(cancelJob.job).toMatchObject({ state: 'CANCELLED', retryable: true, cancellable: false });
  fault = null;
  const changes = ada.subscribe(`subscription ($id: ID!) { jobProgress(id: $id) { state } }`, { id });
  const first = await changes.results.next();
  expect(first.value?.data).toEqual({ jobProgress: { state: 'CANCELLED' } });
  expect((await changes.results.next()).done).toBe(true);

  await ada.want(retry, { id });
  const again = ada.subscribe(`subscription ($id: ID!) { jobProgress(id: $id) { state } }`, { id });
  const seen: string[] = [];
  for await (const { data } of again.results) seen.push((data as Data).jobProgress.state);
  expect(seen.at(-1)).toBe('SUCCEEDED');
  expect((await documentNow(documentId)).status).toBe('READY');
  await changes.stop();
  await again.stop();
});

/** A job as an earlier time has left it, without a row of the queue's. */
const leftJob = async (kind: string, state = 'FAILED'): Promise<string> => {
  const id = newId();
  await tamper(
    bed,
    ada,
    sql`insert into jobs (organization_id, id, readers, kind, state, requested_by_id, finished_at)
      values (${uuidOf(ada.organizationId)}, ${id}, array[${uuidOf(ada.organizationId)}]::uuid[], ${kind}, ${state}, ${uuidOf(ada.userId)}, now())`,
  );
  return globalId('Job', id);
};

test('work that is begun another way says how', async () => {
  const { jobs } = bed.server.installation.services;
  const told = Object.entries(jobs).flatMap(([kind, { revive }]) =>
    typeof revive === 'function' ? [] : [[kind, revive.instead] as const],
  );
  expect(told.map(([kind]) => kind).sort()).toEqual([
    'content.reembed',
    'content.sync',
    'messaging.deliver-email',
    'tenancy.erase-organization',
  ]);
  const schema = readFileSync('schema.graphql', 'utf8');
  for (const [kind, message] of told) {
    const id = await leftJob(kind);
    expect(await refusals(ada, id)).toEqual([{ code: 'CONFLICT', field: 'kind', message }]);
    expect(await jobNow(ada, id)).toMatchObject({ state: 'FAILED', retryable: false });
    for (const [, mutation] of message.matchAll(/`(\w+)`/g)) expect(schema).toContain(`  ${mutation}(`);
  }
  expect(await refusals(ada, await leftJob('garden.water-roses'))).toEqual([
    { code: 'CONFLICT', field: 'kind', message: 'This version of Tessera does not know this kind of work.' },
  ]);
});

test('nothing is begun in a deleted organization', async () => {
  const eve = await bed.signUp('Eve');
  const uuid = newId();
  const row = sql`insert into jobs (organization_id, id, readers, kind, state, requested_by_id, finished_at)
    values (${uuidOf(eve.organizationId)}, ${uuid}, array[${uuidOf(eve.organizationId)}]::uuid[], 'content.bulk-documents', 'FAILED', ${uuidOf(eve.userId)}, now())`;
  await tamper(bed, eve, row);
  await tamper(bed, eve, sql`update organizations set deleted_at = now() where id = ${uuidOf(eve.organizationId)}`);
  const id = globalId('Job', uuid);
  expect(await refusals(eve, id)).toEqual([
    { code: 'CONFLICT', field: 'organization', message: 'Nothing is begun in a deleted organization.' },
  ]);
  expect(await jobNow(eve, id)).toMatchObject({ state: 'FAILED', retryable: false });
});

test('a list of jobs costs three statements with who asked and when they go on, and is filtered by its target', async () => {
  const ids = [await leftJob('a.b', 'QUEUED'), await leftJob('a.b', 'QUEUED'), await leftJob('a.b', 'QUEUED')];
  await ada.want('{ viewer { user { id } } }');
  const { data, statements } = await ada.ask(
    `{ jobs(first: 50, filter: { kind: { eq: "a.b" } }) { edges { node { ${shown} } } } }`,
  );
  expect((data as Data).jobs.edges.map((edge: Data) => edge.node.id).sort()).toEqual(ids.sort());
  expect(statements).toHaveLength(3);
  const elsewhere = globalId('Document', newId());
  expect(await jobsAbout(ada, elsewhere)).toEqual([]);
  expect(await ada.codes('{ jobs(filter: { targetId: { eq: "nothing" } }) { totalCount } }')).toEqual([
    'BAD_USER_INPUT',
  ]);
});
