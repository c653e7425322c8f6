import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import pLimit from 'p-limit';
import { WebSocket } from 'ws';
import { createTesseraDatabase, type TesseraDatabase } from '../../scripts/tessera-database.ts';
import {
  dataDirectory,
  startTessera,
  startWorker,
  testEncryptionKey,
  type StartedProcess,
} from '../../scripts/tessera-process.ts';
import type { Chance } from '../faults/chance.ts';
import { GraphqlClient } from '../graphql-client.ts';
import { childrenOf, memoryOf } from '../processes.ts';
import type { GeneratedFile } from './files.ts';

export interface RunOptions {
  readonly superuserUrl: string;
  /** Name of the database to be made. */
  readonly database: string;
  readonly files: readonly GeneratedFile[];
  /** How often the worker is killed, evenly over the documents. */
  readonly kills: number;
  readonly chance: Chance;
}

/** What one run of all files came to. The database stays. */
export interface RunReport {
  readonly database: TesseraDatabase;
  /** From the first upload to the last document. */
  readonly seconds: number;
  /** Proportional set size of the worker with its parsers, at its largest, in bytes. */
  readonly peakMemory: number;
  /** Of the server, in the same way. */
  readonly peakServerMemory: number;
  /** Documents that the subscription told of as READY or FAILED. */
  readonly told: number;
  readonly kills: number;
}

const uploadsAtOnce = 8;
const sampleMs = 250;

/** Brings files in through a server, has a worker of its own read them and kills it on the way, until all of them are READY or FAILED. */
export const ingest = async ({
  superuserUrl,
  database: name,
  files,
  kills,
  chance,
}: RunOptions): Promise<RunReport> => {
  const database = await createTesseraDatabase(superuserUrl, name);
  const data = await dataDirectory();
  const environment = {
    NODE_ENV: 'production',
    DATABASE_URL: database.url,
    ENCRYPTION_KEYS: testEncryptionKey,
    TESSERA_DATA_DIR: data.path,
    RATE_LIMIT: 'off',
    LOG_LEVEL: 'error',
  };
  const server = await startTessera({ ...environment, WORKERS: 'off' });
  let worker: StartedProcess = await startWorker(environment);
  const peaks = { worker: 0, server: 0 };
  const sampling = setInterval(() => {
    void familyMemory(worker.pid).then((bytes) => (peaks.worker = Math.max(peaks.worker, bytes)));
    void familyMemory(server.pid).then((bytes) => (peaks.server = Math.max(peaks.server, bytes)));
  }, sampleMs);
  try {
    const client = await new GraphqlClient(server.url).signedUp('ingest');
    const { createWorkspace } = await client.ask<{ createWorkspace: { workspace: { id: string } } }>(
      'mutation { createWorkspace(input: { name: "Ingest" }) { workspace { id } } }',
      {},
    );
    const workspaceId = createWorkspace.workspace.id;
    const following = follow(server.url, client.token, workspaceId);
    const began = performance.now();
    const bringing = bringIn(server.url, client, workspaceId, files);
    let killed = 0;
    for (;;) {
      const { done, finished } = await countsOf(client, workspaceId);
      if (killed < kills && done >= ((killed + 1) * files.length) / (kills + 1)) {
        await pause(chance.between(0, 400));
        await worker.stop('SIGKILL');
        killed++;
        worker = await startWorker(environment);
      } else if (done === files.length && finished) break;
      await pause(100);
    }
    await bringing;
    const seconds = (performance.now() - began) / 1000;
    // What was told of the last documents is on its way.
    await pause(1000);
    await following.stop();
    return {
      database,
      seconds,
      peakMemory: peaks.worker,
      peakServerMemory: peaks.server,
      told: following.ended.size,
      kills: killed,
    };
  } finally {
    clearInterval(sampling);
    await Promise.all([server.stop(), worker.stop()]);
    await data.remove();
  }
};

const familyMemory = async (pid: number): Promise<number> => {
  const pids = [pid, ...(await childrenOf(pid)).map((child) => child.pid)];
  const sizes = await Promise.all(pids.map(async (each) => (await memoryOf(each))?.pss ?? 0));
  return sizes.reduce((sum, size) => sum + size, 0);
};

const bringIn = async (
  url: string,
  client: GraphqlClient,
  workspaceId: string,
  files: readonly GeneratedFile[],
): Promise<void> => {
  const limit = pLimit(uploadsAtOnce);
  await limit.map([...files], async ({ name, mimeType, bytes }) => {
    const { createUpload } = await client.ask<{ createUpload: { upload: { url: string }; file: { id: string } } }>(
      'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { url method headers } file { id } } }',
      { input: { name, size: bytes.length, mimeType } },
    );
    const sent = await fetch(new URL(createUpload.upload.url, url), { method: 'PUT', body: bytes });
    if (!sent.ok) throw new Error(`${name} was refused: ${sent.status} ${await sent.text()}`);
    await client.ask('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
      input: { workspaceId, title: name, fileId: createUpload.file.id },
    });
  });
};

const countsOf = async (
  client: GraphqlClient,
  workspaceId: string,
): Promise<{ readonly done: number; readonly finished: boolean }> => {
  const { workspace } = await client.ask<{
    workspace: { documentCounts: { pending: number; processing: number; ready: number; failed: number } };
  }>('query ($id: ID!) { workspace(id: $id) { documentCounts { pending processing ready failed } } }', {
    id: workspaceId,
  });
  const { pending, processing, ready, failed } = workspace.documentCounts;
  return { done: ready + failed, finished: pending + processing === 0 };
};

/** A subscription to what becomes of a workspace's documents. */
interface Following {
  /** The ids of those told of as READY or FAILED, growing. */
  readonly ended: ReadonlySet<string>;
  stop(): Promise<void>;
}

const follow = (url: string, token: string | null, workspaceId: string): Following => {
  const ended = new Set<string>();
  const client = createClient({
    url: `${url.replace('http', 'ws')}/graphql`,
    webSocketImpl: WebSocket,
    connectionParams: { authorization: `Bearer ${token ?? ''}` },
  });
  client.subscribe<{ documentEvents: { document?: { id: string; status: string } } }>(
    {
      query:
        'subscription ($id: ID!) { documentEvents(workspaceId: $id) { ... on DocumentChanged { document { id status } } } }',
      variables: { id: workspaceId },
    },
    {
      next: ({ data }) => {
        const document = data?.documentEvents.document;
        if (document?.status === 'READY' || document?.status === 'FAILED') ended.add(document.id);
      },
      error: () => undefined,
      complete: () => undefined,
    },
  );
  return { ended, stop: async () => client.dispose() };
};
