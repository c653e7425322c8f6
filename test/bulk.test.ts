import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { and, eq, like, sql } from 'drizzle-orm';
import { pino } from 'pino';
import { database } from '../src/database/client.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { bulkKind } from '../src/domains/content/bulk.ts';
import { ingestKind } from '../src/domains/content/document-changes.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { documents } from '../src/domains/content/tables.ts';
import { globalId } from '../src/ids.ts';
import { openInstallation, type Installation } from '../src/installation.ts';
import type { Work } from '../src/domains/services.ts';
import type { JobHandler, Run } from '../src/queue/queue.ts';
import { jobs, type JobRow } from '../src/queue/tables.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { apiKeyOf, tamper, unitOfAll } from './machines.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Colleague;
let [garden, kitchen] = ['', ''];
beforeAll(async () => {
  // Work begins when a test says so.
  bed = await startTestbed({ WORKERS: 'off' });
  ada = await bed.signUp();
  garden = await workspaceOf(ada, { name: 'Garden' });
  kitchen = await workspaceOf(ada, { name: 'Kitchen' });
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [garden]: 'EDITOR', [kitchen]: 'EDITOR' });
});
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

const read = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  const unit = unitOfAll(bed, ada);
  const result = await unit.run(work);
  await unit.rest();
  return result;
};

/** Documents that are there at once, as if they had been read; their ids in the order of their titles. */
const fill = async (workspaceId: string, count: number, title: string): Promise<string[]> => {
  await tamper(
    bed,
    ada,
    sql`insert into documents (organization_id, id, workspace_id, title, mime_type, text, status, language, created_at)
      select ${uuidOf(ada.organizationId)}, gen_random_uuid(), ${uuidOf(workspaceId)}, ${title} || lpad(n::text, 4, '0'), 'text/plain', 'Roses.',
        'READY', 'en', now() - interval '1 hour' + (n / 3) * interval '1 second'
      from generate_series(1, ${count}::integer) n`,
  );
  const rows = await read(() =>
    database
      .select({ id: documents.id })
      .from(documents)
      .where(and(eq(documents.workspaceId, uuidOf(workspaceId)), like(documents.title, `${title}%`)))
      .orderBy(documents.title),
  );
  return rows.map(({ id }) => globalId('Document', id));
};

const shown = 'id kind state progress result error attempts';
const ask = `mutation ($input: BulkDocumentsInput!) { bulkDocuments(input: $input) { job { ${shown} } } }`;
const begun = async (input: object, person: Person = ada): Promise<Data> =>
  ((await person.want(ask, { input })) as Data).bulkDocuments.job;
const cancel = `mutation ($id: ID!) { cancelJob(input: { id: $id }) { job { ${shown} finishedAt } } }`;
const jobNow = async (id: string, person: Person = ada): Promise<Data> =>
  ((await person.want(`query ($id: ID!) { job(id: $id) { ${shown} } }`, { id })) as Data).job;
const until = async (id: string, fine: (job: Data) => boolean): Promise<Data> => {
  for (;;) {
    const job = await jobNow(id);
    if (fine(job)) return job;
    await pause(20);
  }
};
const ended = (id: string) => until(id, ({ state }) => !['QUEUED', 'RUNNING'].includes(state));

const rowOf = async (id: string): Promise<JobRow> => {
  const [row] = await read(() =>
    database
      .select()
      .from(jobs)
      .where(eq(jobs.id, uuidOf(id))),
  );
  if (row === undefined) throw new Error('No such job.');
  return row;
};
const inWorkspace = (workspaceId: string) =>
  read(() =>
    database
      .select()
      .from(documents)
      .where(eq(documents.workspaceId, uuidOf(workspaceId))),
  );

/** Runs a job in place of a worker, which is killed before it writes down its `lifetime`th document. */
const runUntil = async (id: string, lifetime: number): Promise<unknown> => {
  const { services } = bed.server.installation;
  const row = await rowOf(id);
  const scope = {
    organizationId: row.organizationId,
    userId: row.requestedById,
    principals: [row.organizationId],
    workspaces: '*' as const,
  };
  const unit = new UnitOfWork(scope, { ...services, origin: { requestId: 'job', address: null, userAgent: null } });
  const [payload] = await read(() =>
    database.execute<{ data: { data: Record<string, unknown> } }>(
      sql`select data from pgboss.job where id = ${row.id}`,
    ),
  );
  let left = lifetime;
  const run: Run = {
    jobId: row.id,
    attempt: 1,
    kept: row.result,
    signal: new AbortController().signal,
    progress: async () => undefined,
    keep: (other, result, progress) =>
      other.transact(async () => {
        if (left-- <= 0) throw new Error('Killed.');
        const isJob = and(eq(jobs.organizationId, row.organizationId), eq(jobs.id, row.id));
        await database
          .update(jobs)
          .set({ result, progress: Math.round(progress) })
          .where(isJob);
      }),
  };
  try {
    return await services.jobs[bulkKind]?.run({ unit, services }, payload?.data.data ?? {}, run);
  } finally {
    await unit.rest();
  }
};

test('300 documents are copied once each, though the worker is killed in the middle twice', async () => {
  const attic = await workspaceOf(ada, { name: 'Attic' });
  await fill(attic, 300, 'Copied ');
  // Into the same workspace: the copies are not copied in turn.
  const job = await begun({ documents: { workspaceId: attic }, operation: { copy: { workspaceId: attic } } });
  expect(job).toMatchObject({ kind: bulkKind, state: 'QUEUED', progress: 0, result: null });

  await expect(runUntil(job.id, 130)).rejects.toThrow('Killed.');
  expect(await jobNow(job.id)).toMatchObject({ progress: 43, result: { total: 300, done: 130, failedCount: 0 } });
  await expect(runUntil(job.id, 70)).rejects.toThrow('Killed.');
  const result = await runUntil(job.id, 1000);

  expect(result).toEqual({ total: 300, done: 300, failedCount: 0, failed: [] });
  const rows = await inWorkspace(attic);
  const byTitle = Map.groupBy(rows, ({ title }) => title);
  expect([rows.length, byTitle.size]).toEqual([600, 300]);
  for (const same of byTitle.values()) expect(same).toHaveLength(2);
  await ada.want(cancel, { id: job.id });
}, 60_000);

test('what is refused is told, and the rights of the moment decide', async () => {
  const ids = await fill(garden, 4, 'Rights ');
  const foreign = await workspaceOf(await bed.signUp('Stranger'));
  const [first = '', second = '', third = '', fourth = ''] = ids;
  await tamper(bed, ada, sql`update documents set status = 'FAILED', failure = 'No.' where id = ${uuidOf(second)}`);
  const hidden = await fill(await workspaceOf(ada, { name: 'Hidden' }), 1, 'Hidden ');
  const again = await begun({ documents: { ids: [first, second, ...hidden] }, operation: { reprocess: true } }, editor);
  expect(await runUntil(again.id, 100)).toEqual({
    total: 3,
    done: 1,
    failedCount: 2,
    failed: [
      { id: first, reason: 'Only a FAILED document can be read again.' },
      { id: hidden[0], reason: `Document ${hidden[0]} does not exist.` },
    ],
  });

  const tagging = await begun(
    { documents: { ids: [third, fourth] }, operation: { tag: { add: [' A ', 'b'] } } },
    editor,
  );
  const role = `mutation ($role: WorkspaceRole!) { changeWorkspaceMemberRole(input: {
    workspaceId: ${JSON.stringify(garden)}, userId: ${JSON.stringify(editor.userId)}, role: $role }) { member { id } } }`;
  await ada.want(role, { role: 'VIEWER' });
  expect(await runUntil(tagging.id, 100)).toMatchObject({ done: 0, failedCount: 2 });
  await ada.want(role, { role: 'EDITOR' });

  const late = await begun({ documents: { ids: [third] }, operation: { delete: true } }, editor);
  await tamper(
    bed,
    ada,
    sql`update memberships set suspended_at = now() where user_id = ${uuidOf(editor.userId)} and organization_id = ${uuidOf(ada.organizationId)}`,
  );
  expect(await runUntil(late.id, 100)).toMatchObject({ done: 0, stopped: 'ACCESS_ENDED' });
  await tamper(bed, ada, sql`update memberships set suspended_at = null where user_id = ${uuidOf(editor.userId)}`);
  expect((await inWorkspace(garden)).some(({ id }) => id === uuidOf(third))).toBe(true);

  for (const [input, code] of [
    [{ documents: {}, operation: { delete: true } }, 'BAD_USER_INPUT'],
    [{ documents: { ids: [first], workspaceId: garden }, operation: { delete: true } }, 'BAD_USER_INPUT'],
    [{ documents: { ids: [] }, operation: { delete: true } }, 'BAD_USER_INPUT'],
    [{ documents: { ids: Array.from({ length: 101 }, () => first) }, operation: { delete: true } }, 'BAD_USER_INPUT'],
    [{ documents: { ids: [first], filter: {} }, operation: { delete: true } }, 'BAD_USER_INPUT'],
    [{ documents: { ids: [first] }, operation: {} }, 'BAD_USER_INPUT'],
    [{ documents: { ids: [first] }, operation: { delete: false } }, 'BAD_USER_INPUT'],
    [{ documents: { ids: [first] }, operation: { delete: true, pin: true } }, 'BAD_USER_INPUT'],
    [{ documents: { ids: [first] }, operation: { tag: {} } }, 'BAD_USER_INPUT'],
    [{ documents: { ids: [first] }, operation: { tag: { add: [''] } } }, 'BAD_USER_INPUT'],
    [
      {
        documents: { workspaceId: garden, filter: { not: { not: { not: { not: {} } } } } },
        operation: { delete: true },
      },
      'BAD_USER_INPUT',
    ],
    [{ documents: { workspaceId: foreign }, operation: { delete: true } }, 'NOT_FOUND'],
    [{ documents: { ids: [first] }, operation: { move: { workspaceId: foreign } } }, 'NOT_FOUND'],
  ] as const)
    expect([input, await ada.codes(ask, { input })]).toEqual([input, [code]]);
});

test('a key reaches no further in the background than by itself', async () => {
  const [inside = ''] = await fill(garden, 1, 'Key ');
  const [outside = ''] = await fill(kitchen, 1, 'Key ');
  const scopes = ['DOCUMENT_WRITE', 'DOCUMENT_READ', 'WORKSPACE_READ', 'JOB_READ'];
  const { id, secret } = await apiKeyOf(ada, { label: 'Bulk', scopes, workspaceIds: [garden] });
  const key = new Person(bed, secret);
  const input = { documents: { ids: [inside, outside] }, operation: { pin: true } };
  const job = await begun(input, key);
  expect(await jobNow(job.id, key)).toMatchObject({ state: 'QUEUED' });
  expect(await runUntil(job.id, 100)).toMatchObject({ done: 1, failed: [{ id: outside }] });

  const late = await begun({ ...input, operation: { delete: true } }, key);
  await ada.want('mutation ($id: ID!) { revokeApiKey(input: { id: $id }) { __typename } }', { id });
  expect(await runUntil(late.id, 100)).toMatchObject({ done: 0, stopped: 'ACCESS_ENDED' });
});

test('a job that waits is cancelled for good, by who may, with what it worked on', async () => {
  const ids = await fill(garden, 2, 'Queued ');
  const job = await begun({ documents: { ids }, operation: { delete: true } }, editor);
  const other = await colleagueOf(bed, ada.organizationId, 'Other', 'MEMBER', { [garden]: 'EDITOR' });
  expect(await other.codes(cancel, { id: job.id })).toEqual(['NOT_FOUND']);
  const data: Data = await editor.want(cancel, { id: job.id });
  expect(data.cancelJob.job).toMatchObject({ id: job.id, state: 'CANCELLED', finishedAt: expect.any(String) });
  expect(await editor.codes(cancel, { id: job.id })).toEqual(['CONFLICT']);
  const queued = sql`select state from pgboss.job where id = ${uuidOf(job.id)}`;
  expect([...(await read(() => database.execute(queued)))]).toEqual([{ state: 'cancelled' }]);

  const { addDocument }: Data = await editor.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
    { input: { workspaceId: garden, title: 'Read', text: 'Roses.' } },
  );
  const { id } = addDocument.document;
  const [reading] = await read(() =>
    database
      .select()
      .from(jobs)
      .where(and(eq(jobs.kind, ingestKind), eq(jobs.targetId, uuidOf(id)))),
  );
  const own = (await other.want(
    '{ jobs(filter: { kind: { eq: "content.ingest-document" } }) { edges { node { id kind } } } }',
  )) as Data;
  const readingId = own.jobs.edges[0].node.id;
  expect(uuidOf(readingId)).toBe(reading?.id);
  // They see it in their workspace, and did not ask for it.
  expect(await other.codes(cancel, { id: readingId })).toEqual(['FORBIDDEN']);
  await ada.want(cancel, { id: readingId });
  const { document }: Data = await ada.want('query ($id: ID!) { document(id: $id) { status failure } }', { id });
  expect(document).toEqual({ status: 'FAILED', failure: 'Reading this document was cancelled.' });

  const fixed = '0189cccc-0000-7000-8000-000000000001';
  await tamper(
    bed,
    ada,
    sql`insert into jobs (organization_id, id, readers, kind, requested_by_id) values (${uuidOf(ada.organizationId)}, ${fixed},
      array[${uuidOf(ada.organizationId)}]::uuid[], 'tenancy.erase-organization', ${uuidOf(ada.userId)})`,
  );
  const { jobs: listed }: Data = await ada.want(
    '{ jobs(filter: { kind: { eq: "tenancy.erase-organization" } }) { edges { node { id } } } }',
  );
  expect(await ada.codes(cancel, { id: listed.edges[0].node.id })).toEqual(['CONFLICT']);
  await tamper(bed, ada, sql`delete from jobs where id = ${fixed}`);

  await bed.server.installation.work();
  const next = await begun({ documents: { ids: ids.slice(0, 1) }, operation: { pin: true } });
  // Asked for later, done already: the cancelled one is not waiting any more.
  expect(await ended(next.id)).toMatchObject({ state: 'SUCCEEDED', result: { done: 1 } });
  expect(await jobNow(job.id, editor)).toMatchObject({ state: 'CANCELLED', attempts: 0, result: null });
  expect((await inWorkspace(garden)).filter(({ title }) => title.startsWith('Queued '))).toHaveLength(2);
});

test('a job that runs stops when it is cancelled, and what it did stays', async () => {
  const shed = await workspaceOf(ada, { name: 'Shed' });
  await fill(shed, 300, 'Running ');
  const job = await begun({ documents: { workspaceId: shed }, operation: { copy: { workspaceId: shed } } });
  await until(job.id, ({ result }) => (result?.done ?? 0) > 5);
  await ada.want(cancel, { id: job.id });
  const first = await jobNow(job.id);
  await pause(1500);
  const then = await jobNow(job.id);
  const copies = (await inWorkspace(shed)).length - 300;

  expect(first.state).toBe('CANCELLED');
  expect(then).toEqual(first);
  expect(copies).toBe(first.result.done);
  expect(copies).toBeLessThan(300);
});

test('a filter, a move and tags, as workers do them', async () => {
  const cellar = await workspaceOf(ada, { name: 'Cellar' });
  await fill(cellar, 30, 'Moved ');
  const filter = { title: { in: Array.from({ length: 10 }, (_, at) => `Moved ${String(at + 1).padStart(4, '0')}`) } };
  const tags = { add: ['Dry', 'dark'], remove: ['wet'] };
  const tagged = await begun({ documents: { workspaceId: cellar, filter }, operation: { tag: tags } });
  expect(await ended(tagged.id)).toMatchObject({ state: 'SUCCEEDED', progress: 100, result: { total: 10, done: 10 } });
  const moving = await begun({
    documents: { workspaceId: cellar, filter },
    operation: { move: { workspaceId: kitchen } },
  });
  expect((await ended(moving.id)).result).toEqual({ total: 10, done: 10, failedCount: 0, failed: [] });
  const moved = (await inWorkspace(kitchen)).filter(({ title }) => title.startsWith('Moved '));
  expect(moved).toHaveLength(10);
  for (const { tags: own } of moved) expect(own).toEqual(['dry', 'dark']);
  expect(await inWorkspace(cellar)).toHaveLength(20);
});

test('jobs are listed to who may see them', async () => {
  const text =
    'query ($filter: JobFilter) { jobs(first: 100, filter: $filter) { totalCount edges { node { id kind state } } } }';
  const seen = async (person: Person, filter: object | null = null): Promise<Data[]> =>
    ((await person.want(text, { filter })) as Data).jobs.edges.map(({ node }: Data) => node);
  const all = await seen(ada);
  const own = await seen(editor);
  expect(own.length).toBeGreaterThan(0);
  expect(all.length).toBeGreaterThan(own.length);
  const known = new Set(all.map(({ id }) => id));
  expect((await seen(await bed.signUp('Nobody'))).filter(({ id }) => known.has(id))).toEqual([]);
  const cancelled = await seen(ada, { state: { in: ['CANCELLED'] }, kind: { eq: bulkKind } });
  expect(cancelled).toEqual(all.filter(({ state, kind }) => state === 'CANCELLED' && kind === bulkKind));
  expect(cancelled.length).toBeGreaterThan(1);
});

const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

onPostgres('the signal of a job aborts in whatever process it runs', async () => {
  const { services } = bed.server.installation;
  // A process of its own as far as the bus and the queue can tell.
  const other: Installation = await openInstallation(services.settings, pino({ level: 'silent' }));
  const handler = services.jobs[bulkKind];
  if (handler === undefined) throw new Error('No handler.');
  const before = { ...handler };
  const reasons: unknown[] = [];
  const running: AbortSignal[] = [];
  const wait: JobHandler<Work>['run'] = (_work, _data, { signal }) => {
    running.push(signal);
    return new Promise((_resolve, reject) => {
      signal.addEventListener('abort', () => {
        reasons.push(signal.reason);
        reject(signal.reason as Error);
      });
    });
  };
  Object.assign(handler, { run: wait });
  try {
    await other.work();
    const ids = await fill(garden, 1, 'Signal ');
    const made: Data[] = [];
    for (let each = 0; each < 4; each++) made.push(await begun({ documents: { ids }, operation: { pin: true } }));
    // Two workers in each of the two.
    for (let tries = 0; running.length < 4 && tries < 500; tries++) await pause(20);
    for (const { id } of made) await ada.want(cancel, { id });
    const began = performance.now();
    while (reasons.length < 4 && performance.now() - began < 5000) await pause(20);
    expect(performance.now() - began).toBeLessThan(2000);
    await pause(200);
    for (const { id } of made) expect(await jobNow(id)).toMatchObject({ state: 'CANCELLED', attempts: 1 });
  } finally {
    Object.assign(handler, before);
    await other.close(1000);
  }
});
