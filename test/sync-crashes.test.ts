import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { and, asc, eq, inArray, isNotNull } from 'drizzle-orm';
import postgres from 'postgres';
import { createTesseraDatabase, type TesseraDatabase } from '../scripts/tessera-database.ts';
import { dataDirectory, startTessera, tesseraCommand, type TesseraProcess } from '../scripts/tessera-process.ts';
import { database } from '../src/database/client.ts';
import { UnitOfWork, type Transaction } from '../src/database/unit-of-work.ts';
import { ingest } from '../src/domains/content/ingestion.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { giveUpSync, runSync } from '../src/domains/content/sync-run.ts';
import { documentChunks, documents } from '../src/domains/content/tables.ts';
import './source-connector.ts';
import { SourceServer } from './source-server.ts';
import { begin, connect, documentsOf, failuresOf, runOf } from './sync-talk.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let source: SourceServer;
beforeAll(async () => {
  [bed, source] = [await startTestbed({ WORKERS: 'off' }), await SourceServer.start()];
  ada = await bed.signUp();
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await source.stop();
  await closeParsers();
});

class Crash extends Error {}

/** Crashes at its nth transaction, before it or after its commit; 0: never. */
class CrashingUnit extends UnitOfWork {
  crashAt = 0;
  crashes: 'before' | 'after' = 'before';
  #count = 0;
  #inside = false;

  override async transact<Result>(work: (transaction: Transaction) => Promise<Result>): Promise<Result> {
    if (this.#inside) return super.transact(work);
    const isLast = ++this.#count === this.crashAt;
    if (isLast && this.crashes === 'before') throw new Crash();
    this.#inside = true;
    try {
      const result = await super.transact(work);
      if (isLast) throw new Crash();
      return result;
    } finally {
      this.#inside = false;
    }
  }
}

const unitOfJobs = (): CrashingUnit => {
  const organizationId = uuidOf(ada.organizationId);
  const scope = { organizationId, userId: null, principals: [organizationId], workspaces: '*' as const };
  const origin = { requestId: 'test', address: null, userAgent: null };
  return new CrashingUnit(scope, { ...bed.server.installation.services, origin });
};
const run = {
  jobId: '',
  attempt: 1,
  signal: new AbortController().signal,
  kept: null,
  progress: async () => undefined,
  keep: async () => undefined,
};

/** Does the run's job once, as a worker would. */
const work = async (execution: string, crash: Partial<CrashingUnit> = {}, signal = run.signal): Promise<unknown> => {
  const unit = Object.assign(unitOfJobs(), crash);
  try {
    const data = { executionId: uuidOf(execution) };
    return await runSync({ unit, services: bed.server.installation.services }, data, { ...run, signal });
  } finally {
    await unit.rest();
  }
};

/** Reads the documents of a run that wait to be read, as workers would. */
const read = async (execution: string): Promise<void> => {
  const unit = unitOfJobs();
  const waiting = await unit.run(() =>
    database
      .select({ documentId: documents.id, version: documents.version })
      .from(documents)
      .where(and(eq(documents.seenInId, uuidOf(execution)), inArray(documents.status, ['PENDING', 'PROCESSING'])))
      .orderBy(asc(documents.externalId)),
  );
  await unit.rest();
  for (const each of waiting) {
    const own = unitOfJobs();
    const data = { ...each, executionId: uuidOf(execution) };
    await ingest({ unit: own, services: bed.server.installation.services }, data, run);
    await own.rest();
  }
};

/** What a source holds before and after: of all kinds of change one, over several pages. */
const before = { a: 'Apples.', b: 'Beans.', c: 'Carrots.', gone: 'Gone soon.', also: 'Gone, too.' };
const after = { a: 'Apples.', b: 'Beans are green now.', c: 'Carrots.', new: 'New here.', empty: '' };

/** A datasource that was fetched as it was before, and a run that waits to fetch what is there after. */
const prepared = async (): Promise<{ workspaceId: string; id: string; execution: string }> => {
  source.hold(before);
  const workspaceId = await workspaceOf(ada);
  const { id } = await connect(ada, workspaceId, { configuration: { url: source.url } });
  const first = (await begin(ada, id)).id;
  await work(first);
  await read(first);
  expect(await runOf(ada, first)).toMatchObject({ status: 'SUCCEEDED', added: 5 });
  source.hold(after);
  return { workspaceId, id, execution: (await begin(ada, id)).id };
};

/** Everything that a run leaves behind, but ids and times. */
const outcome = async ({ workspaceId, id, execution }: { workspaceId: string; id: string; execution: string }) => {
  const all: Data[] = await documentsOf(ada, workspaceId);
  const failures: Data[] = await failuresOf(ada, id);
  const {
    id: _id,
    startedAt: _startedAt,
    fetchedAt: _fetchedAt,
    finishedAt: _finishedAt,
    queue,
    ...counts
  } = await runOf(ada, execution);
  const unit = unitOfJobs();
  const chunks = await unit.run(() =>
    database
      .select({ text: documentChunks.text })
      .from(documentChunks)
      .innerJoin(documents, eq(documents.id, documentChunks.documentId))
      .where(and(eq(documents.workspaceId, uuidOf(workspaceId)), isNotNull(documents.externalId)))
      .orderBy(documentChunks.text),
  );
  await unit.rest();
  return {
    counts,
    queue: [queue.status, queue.failuresInARow],
    documents: all.map(({ title, text, status, version }) => [title, text, status, version]),
    failures: failures.map(({ externalId, reason, attempts }) => [externalId, reason, attempts]),
    chunks: chunks.map(({ text }) => text),
  };
};

let ofUndisturbed: ReturnType<typeof outcome> | undefined;
/** What a run leaves behind that nothing disturbs. */
const undisturbed = () => (ofUndisturbed ??= runUndisturbed());

const runUndisturbed = async () => {
  const place = await prepared();
  await work(place.execution);
  await read(place.execution);
  const end = await outcome(place);
  expect(end.counts).toMatchObject({
    status: 'SUCCEEDED',
    found: 5,
    added: 1,
    updated: 1,
    unchanged: 2,
    removed: 2,
    failed: 1,
  });
  expect(end.documents).toHaveLength(4);
  expect(end.failures).toEqual([['empty', 'It is empty.', 1]]);
  return end;
};

test.each(['before', 'after'] as const)(
  'a crash %s any transaction of a run changes nothing of its end',
  async (crashes) => {
    const expected = await undisturbed();
    let crashed = 0;
    for (let crashAt = 1; ; crashAt++) {
      const place = await prepared();
      const end = await work(place.execution, { crashAt, crashes }).catch((error: unknown) => {
        if (!(error instanceof Crash)) throw error;
        return 'crashed';
      });
      if (end === 'crashed') {
        crashed++;
        await work(place.execution);
      }
      await read(place.execution);
      expect([crashAt, await outcome(place)]).toEqual([crashAt, expected]);
      if (end !== 'crashed') break;
    }
    // The claim, three pages, the removal and the end.
    expect(crashed).toBe(6);
  },
  60_000,
);

test.each(['before', 'after'] as const)(
  'a crash %s any transaction of a reading changes nothing of the end',
  async (crashes) => {
    const expected = await undisturbed();
    for (const crashAt of [1, 2]) {
      const place = await prepared();
      await work(place.execution);
      const unit = unitOfJobs();
      const tasks = await unit.run(() =>
        database
          .select({ documentId: documents.id, version: documents.version })
          .from(documents)
          .where(and(eq(documents.seenInId, uuidOf(place.execution)), eq(documents.status, 'PENDING'))),
      );
      await unit.rest();
      expect(tasks).toHaveLength(2);
      for (const task of tasks) {
        const data = { ...task, executionId: uuidOf(place.execution) };
        const { services } = bed.server.installation;
        const first = Object.assign(unitOfJobs(), { crashAt, crashes });
        await expect(ingest({ unit: first, services }, data, run)).rejects.toThrow(Crash);
        const second = unitOfJobs();
        await ingest({ unit: second, services }, data, run);
        await second.rest();
      }
      expect([crashAt, await outcome(place)]).toEqual([crashAt, expected]);
    }
  },
);

test.each(['/list?from=2', '/things/b', '/things/new'])(
  'a process that stops while it asks for %s leaves the rest to the next',
  async (path) => {
    const expected = await undisturbed();
    const place = await prepared();
    const stopping = new AbortController();
    source.before = async (asked) => {
      if (asked === path) stopping.abort();
    };
    await expect(work(place.execution, {}, stopping.signal)).rejects.toThrow();
    source.before = async () => undefined;
    expect(await runOf(ada, place.execution)).toMatchObject({ status: 'RUNNING', fetchedAt: null, removed: 0 });
    await work(place.execution);
    await read(place.execution);
    expect(await outcome(place)).toEqual(expected);
  },
);

test('documents that are read before the source has come to its end do not end the run', async () => {
  const expected = await undisturbed();
  const place = await prepared();
  const stopping = new AbortController();
  source.before = async (asked) => {
    if (asked === '/list?from=4') stopping.abort();
  };
  await expect(work(place.execution, {}, stopping.signal)).rejects.toThrow();
  source.before = async () => undefined;
  await read(place.execution);
  expect(await runOf(ada, place.execution)).toMatchObject({ status: 'RUNNING', outstanding: 0 });
  await work(place.execution);
  await read(place.execution);
  expect(await outcome(place)).toEqual(expected);
  // Done once more it is as it was.
  expect(await work(place.execution)).toBeUndefined();
  expect(await outcome(place)).toEqual(expected);
});

test('a crash in the middle of a page leaves the rest of the page to the next', async () => {
  const names = Array.from({ length: 25 }, (_, at) => `n${String(at).padStart(2, '0')}`);
  source.hold({ ...Object.fromEntries(names.map((name) => [name, `All about ${name}.`])), n03: '' });
  source.pageSize = 50;
  const workspaceId = await workspaceOf(ada);
  const { id } = await connect(ada, workspaceId, { configuration: { url: source.url } });
  const execution = (await begin(ada, id)).id;
  // The claim is the first, the first twenty things are the second.
  await expect(work(execution, { crashAt: 2, crashes: 'after' })).rejects.toThrow(Crash);
  source.asked.length = 0;
  await work(execution);
  source.pageSize = 2;
  expect(source.fetched().toSorted()).toEqual(names.slice(20).map((name) => `/things/${name}`));
  expect(await runOf(ada, execution)).toMatchObject({ found: 25, added: 24, failed: 1, outstanding: 24 });
  const failures: Data[] = await failuresOf(ada, id);
  expect(failures.map(({ externalId, attempts }) => [externalId, attempts])).toEqual([['n03', 1]]);
});

test('two who do the same run at a time count nothing twice', async () => {
  const expected = await undisturbed();
  const place = await prepared();
  // The first one is taken for crashed while it waits.
  const release = Promise.withResolvers<void>();
  const waiting = Promise.withResolvers<void>();
  source.before = async (asked) => {
    if (asked !== '/things/b') return;
    waiting.resolve();
    await release.promise;
  };
  const first = work(place.execution);
  await waiting.promise;
  source.before = async () => undefined;
  await work(place.execution);
  release.resolve();
  await expect(first).rejects.toThrow('Another process does this run.');
  await read(place.execution);
  expect(await outcome(place)).toEqual(expected);
});

test('a run that is given up is FAILED, and removes nothing', async () => {
  const place = await prepared();
  const unit = unitOfJobs();
  await giveUpSync(
    { unit, services: bed.server.installation.services },
    { executionId: uuidOf(place.execution) },
    'FAILED',
  );
  await unit.rest();
  expect(await runOf(ada, place.execution)).toMatchObject({
    status: 'FAILED',
    failure: 'The run failed and was given up.',
    removed: 0,
    queue: { failuresInARow: 1 },
  });
});

const superuserUrl = process.env.TEST_POSTGRES_URL;
const onPostgres = superuserUrl === undefined ? describe.skip : describe;

onPostgres('a real process', () => {
  let fresh: TesseraDatabase;
  let files: Awaited<ReturnType<typeof dataDirectory>>;
  let server: TesseraProcess | undefined;
  afterAll(async () => {
    await server?.stop('SIGKILL');
    await fresh.drop();
    await files.remove();
  });

  test('that is killed in the middle of a run is followed by one that ends it well', async () => {
    fresh = await createTesseraDatabase(superuserUrl ?? '', `sync_${Date.now()}`);
    files = await dataDirectory();
    const environment = {
      DATABASE_URL: fresh.url,
      TESSERA_DATA_DIR: files.path,
      RATE_LIMIT: 'off',
      LOG_LEVEL: 'warn',
      SHUTDOWN_GRACE_SECONDS: '1',
    };
    const connector = fileURLToPath(new URL('source-connector.ts', import.meta.url));
    const start = () => startTessera(environment, tesseraCommand('--import', connector));
    server = await start();
    const names = Array.from({ length: 50 }, (_, at) => `t${String(at).padStart(2, '0')}`);
    source.pageSize = 30;
    source.hold(Object.fromEntries(names.map((name) => [name, `All about ${name}.`])));
    const person = await personAt(server);
    const workspaceId = await workspaceOf(person);
    const { id } = await connect(person, workspaceId, { configuration: { url: source.url } });
    const reached = Promise.withResolvers<void>();
    source.before = async (path) => {
      if (path !== '/things/t25') return;
      reached.resolve();
      await new Promise(() => undefined);
    };
    const execution = (await begin(person, id)).id;
    await reached.promise;
    // Twenty are in, and some of them are being read.
    await server.stop('SIGKILL');
    source.before = async () => undefined;
    source.asked.length = 0;
    const owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
    server = await start();
    const again = new Person({ url: server.url, statements: [] } as unknown as Testbed, person.token);
    let end: Data;
    for (const deadline = Date.now() + 40_000; Date.now() < deadline; await pause(200)) {
      // The silence of the one that was killed is noticed at once.
      await owner`update pgboss.job set heartbeat_on = now() - interval '1 hour'
        where state = 'active' and started_on < now() - interval '3 seconds' and retry_count = 0`;
      end = await runOf(again, execution);
      if (!['QUEUED', 'RUNNING'].includes(end.status)) break;
    }
    await owner.end();
    expect(end).toMatchObject({ status: 'SUCCEEDED', found: 50, added: 50, failed: 0, outstanding: 0, chunksNew: 50 });
    const all: Data[] = await documentsOf(again, workspaceId);
    expect(all.map(({ text, status, version }) => [text, status, version])).toEqual(
      names.map((name) => [`All about ${name}.`, 'READY', 1]),
    );
    // What was taken in before is not fetched again.
    expect(source.fetched().toSorted()).toEqual(names.slice(20).map((name) => `/things/${name}`));
  }, 90_000);
});

/** Signs somebody up at a server of another process. */
const personAt = async ({ url }: TesseraProcess): Promise<Person> => {
  // A person needs no more of a testbed than where it is.
  const there = { url, statements: [] } as unknown as Testbed;
  const input = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada', organizationName: 'A' };
  const { signUp }: Data = await new Person(there, null).want(
    'mutation ($input: SignUpInput!) { signUp(input: $input) { token } }',
    { input },
  );
  return new Person(there, signUp.token);
};
