import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { createTesseraDatabase, type TesseraDatabase } from '../scripts/tessera-database.ts';
import { dataDirectory, startWorker, type StartedProcess } from '../scripts/tessera-process.ts';
import { workspaceOf } from './talk.ts';
import { startTestbed } from './testbed.ts';

const superuserUrl = process.env.TEST_POSTGRES_URL;
const onPostgres = superuserUrl === undefined ? describe.skip : describe;

let files: Awaited<ReturnType<typeof dataDirectory>>;
beforeAll(async () => {
  files = await dataDirectory();
});
afterAll(() => files.remove());

test('the embedded database is refused in a sentence', async () => {
  await expect(startWorker({ TESSERA_DATA_DIR: files.path })).rejects.toThrow(
    'Tessera did not become ready. The embedded database serves one process only',
  );
});

onPostgres('a worker alone', () => {
  let fresh: TesseraDatabase;
  let worker: StartedProcess;
  afterAll(async () => {
    await worker.stop('SIGKILL');
    await fresh.drop();
  });

  test('reads what a server without workers takes in, and stops in good order', async () => {
    fresh = await createTesseraDatabase(superuserUrl ?? '', `worker_${randomUUID().replaceAll('-', '')}`);
    const shared = { DATABASE_URL: fresh.url, TESSERA_DATA_DIR: files.path, WORKERS: 'off' };
    const bed = await startTestbed(shared);
    const ada = await bed.signUp();
    const workspaceId = await workspaceOf(ada);
    const added: { addDocument: { document: { id: string; status: string } } } = await ada.want(
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id status } } }',
      { input: { workspaceId, title: 'Roses', text: 'Roses need light.' } },
    );
    expect(added.addDocument.document.status).toBe('PENDING');
    worker = await startWorker(shared);
    const read: { addDocument: { document: { status: string } } } = await ada.want(
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { status } } }',
      { input: { workspaceId, title: 'Moss', text: 'Moss needs shade.', wait: true } },
    );
    expect(read.addDocument.document.status).toBe('READY');
    expect(await worker.stop()).toBe(0);
    await bed.stop();
  });
});
