import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

let bed: Testbed & { ownerUrl: string | undefined };
let ada: Person;
let workspaceId: string;
beforeAll(async () => {
  // Work begins when a test says so.
  bed = await startTestbed({ WORKERS: 'off' });
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
});
afterAll(() => bed.stop());

interface Document {
  readonly id: string;
  readonly status: string;
  readonly failure: string | null;
}

const addDocument = async (input: object): Promise<Document> => {
  const data: { addDocument: { document: Document } } = await ada.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id status failure } } }',
    { input: { workspaceId, title: 'Roses', ...input } },
  );
  return data.addDocument.document;
};
const ended = async (id: string): Promise<Document> => {
  for (;;) {
    const { document }: { document: Document } = await ada.want(
      'query ($id: ID!) { document(id: $id) { id status failure } }',
      { id },
    );
    if (document.status === 'READY' || document.status === 'FAILED') return document;
    await pause(50);
  }
};

// The embedded database has one session, and nobody else can look into it.
const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? test.skip : test;

onPostgres('a job whose last run never came back ends FAILED, with what it worked on', async () => {
  const owner = postgres(bed.ownerUrl ?? '', { max: 1 });
  const { id } = await addDocument({ text: 'Roses need light.' });
  const uuid = uuidOf(id);
  // As a worker leaves it that is killed at the last try.
  await owner`update documents set status = 'PROCESSING' where id = ${uuid}`;
  const [job] = await owner`update jobs set state = 'RUNNING', attempts = 4 where target_id = ${uuid} returning id`;
  await owner`update pgboss.job set state = 'active', retry_count = retry_limit, started_on = now(),
    heartbeat_on = now() - interval '1 hour' where id = ${job?.id as string}`;
  await owner`update pgboss.queue set monitor_claim_on = null`;
  await bed.server.installation.work();

  const document = await ended(id);

  expect(document.failure).toBe('This document could not be processed. Try again later.');
  const rows =
    await owner`select j.state, j.error, b.state as queue from jobs j join pgboss.job b on b.id = j.id where j.id = ${job?.id as string}`;
  expect(rows).toEqual([{ state: 'FAILED', error: 'The work failed and was given up.', queue: 'failed' }]);
  const log = await owner`select action from events where target_id = ${uuid} order by id`;
  expect(log.map(({ action }) => action as string)).toEqual(['document.added', 'document.failed']);
  await owner.end();
});

test('a run that fails is tried again within seconds', async () => {
  const { installation } = bed.server;
  // On Postgres the test before has begun the work.
  if (process.env.TEST_POSTGRES_URL === undefined) await installation.work();
  const { createUpload }: { createUpload: { upload: { url: string }; file: { id: string } } } = await ada.want(
    'mutation { createUpload(input: { name: "a.txt", size: 17, mimeType: "text/plain" }) { upload { url } file { id } } }',
  );
  await fetch(createUpload.upload.url, { method: 'PUT', body: 'Roses need light.' });
  const { store } = installation.services;
  const read = store.read.bind(store);
  let failures = 0;
  store.read = (...file) => (failures++ === 0 ? Promise.reject(new Error('The disk is away.')) : read(...file));
  const began = performance.now();

  const { id } = await addDocument({ fileId: createUpload.file.id });
  const document = await ended(id);

  store.read = read;
  expect([document.status, failures]).toEqual(['READY', 2]);
  // Were the queue not told of the failure, it would wait for 20 seconds of silence.
  expect(performance.now() - began).toBeLessThan(12_000);
});
