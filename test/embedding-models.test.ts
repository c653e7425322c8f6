import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, jest, test } from '@jest/globals';
import { and, eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { reembed, reembedKind } from '../src/domains/content/reembedding.ts';
import { searchChunks } from '../src/domains/content/retrieval.ts';
import { dropKind, dropVectors, vectorRules } from '../src/domains/content/vectors.ts';
import { chunkEmbeddings, documentChunks } from '../src/domains/content/tables.ts';
import { builtinEmbedderId } from '../src/domains/modelhub/deployments.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { models, providers } from '../src/domains/modelhub/tables.ts';
import { workspaceById } from '../src/domains/tenancy/loaders.ts';
import { workspaces } from '../src/domains/tenancy/tables.ts';
import { globalId, newId } from '../src/ids.ts';
import { jobs } from '../src/queue/tables.ts';
import { hashingModel } from '../src/search/hashing-embedding.ts';
import { startOpenAiServer, textsOf, type OpenAiServer } from './openai-server.ts';
import { promote, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** A run that has written nothing down. */
const keptNothing = { kept: null, keep: async () => undefined };

let bed: Testbed;
let server: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  [bed, server] = [await startTestbed(), await startOpenAiServer()];
  ada = await bed.signUp();
  await promote(bed, ada);
}, 60_000);
beforeEach(() => {
  server.reset();
  server.always(byModel);
});
afterAll(async () => {
  await bed.stop();
  await server.stop();
  await closeParsers();
});

/** A unit that sees the whole organization, as jobs do. */
const unitOf = (): UnitOfWork => {
  const organizationId = uuidOf(ada.organizationId);
  const origin = { requestId: 'test', address: null, userAgent: null };
  const scope = { organizationId, userId: null, principals: [organizationId], workspaces: '*' as const };
  return new UnitOfWork(scope, { ...bed.server.installation.services, origin });
};
/** Writes past the operations, which would say that something has changed. */
const written = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  const result = await unitOf().transact(work);
  bed.server.installation.services.routing.forget(null);
  return result;
};

/**
 * A model `cosine-<percent>-<dimensions>-…` gives each query and each text the same two vectors, of that cosine: what a hit's similarity is tells which
 * model found it. Queries end in a question mark.
 */
const byModel = ({ model }: Record<string, unknown>) => {
  const [, percent, size] = String(model).split('-').map(Number);
  const cosine = (percent ?? 0) / 100;
  const rest = (length: number) => Array.from({ length: length - 2 }, () => 0);
  return {
    vectorOf: (text: string) =>
      text.endsWith('?') ? [1, 0, ...rest(size ?? 1536)] : [cosine, Math.sqrt(1 - cosine ** 2), ...rest(size ?? 1536)],
  };
};

interface Made {
  readonly id: string;
  readonly providerId: string;
}
const modelOf = async (cosine: number, dimensions = 1536, fields: object = {}): Promise<Made> => {
  const slug = `p-${randomUUID().slice(0, 8)}`;
  const provider = { name: slug, slug, dialect: 'OPENAI_COMPATIBLE', baseUrl: server.url, ...fields };
  const made: Data = await ada.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: provider },
  );
  const providerId = made.createProvider.provider.id;
  const name = `cosine-${cosine}-${dimensions}-${slug}`;
  const input = { providerId, name, type: 'EMBEDDING', contextWindow: 8192, inputPrice: '0.00000002' };
  const model: Data = await ada.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
    { input },
  );
  return { id: model.createModel.model.id, providerId };
};

const choose = `mutation ($input: SetEmbeddingModelInput!) { setEmbeddingModel(input: $input) {
  workspace { embeddingModel { id } nextEmbeddingModel { id } embeddingProgress } job { id state } } }`;
const chosen = async (workspaceId: string, modelId: string | null): Promise<Data> =>
  ((await ada.want(choose, { input: { workspaceId, modelId } })) as Data).setEmbeddingModel;
const refusedFor = async (workspaceId: string, modelId: string): Promise<[unknown, string]> => {
  const { errors } = await ada.ask(choose, { input: { workspaceId, modelId } });
  return [errors[0]?.extensions.code, errors[0]?.message ?? ''];
};

const state = async (workspaceId: string): Promise<Data> =>
  (
    (await ada.want(
      'query ($id: ID!) { workspace(id: $id) { embeddingModel { id } nextEmbeddingModel { id } embeddingProgress } }',
      { id: workspaceId },
    )) as Data
  ).workspace;
/** Waits until no change of the model is under way, and gives the model in use. */
const settledModel = async (workspaceId: string): Promise<string | null> => {
  for (;;) {
    const { embeddingModel, nextEmbeddingModel } = await state(workspaceId);
    if (nextEmbeddingModel === null) return embeddingModel?.id ?? null;
    await pause(30);
  }
};

const addDocument = async (workspaceId: string, title: string, text = `${title} grow.`): Promise<Data> =>
  (
    (await ada.want(
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id status failure } } }',
      { input: { workspaceId, title, text, wait: true } },
    )) as Data
  ).addDocument.document;

const search = async (workspaceId: string, query = 'roses?'): Promise<Data[]> =>
  (
    (await ada.want(
      `query ($workspaceId: ID!, $query: String!) { search(workspaceId: $workspaceId, query: $query, first: 50) {
        edges { similarity vectorRank lexicalRank node { document { id title } } } } }`,
      { workspaceId, query },
    )) as Data
  ).search.edges;
/** What the similarities of the hits are, each once, in percent. */
const cosines = (edges: readonly Data[]): (number | null)[] => [
  ...new Set(edges.map(({ similarity }) => (similarity === null ? null : Math.round(100 * similarity)))),
];

/** How many vectors a workspace has of each model. */
const vectorCounts = async (workspaceId: string): Promise<Record<string, number>> => {
  const rows = await written(() =>
    database
      .select({ model: chunkEmbeddings.model, count: sql<number>`count(*)::integer` })
      .from(chunkEmbeddings)
      .where(eq(chunkEmbeddings.workspaceId, uuidOf(workspaceId)))
      .groupBy(chunkEmbeddings.model),
  );
  return Object.fromEntries(rows.map(({ model, count }) => [model, count]));
};
/** Waits until a workspace has just these vectors. */
const whenVectors = async (workspaceId: string, expected: Record<string, number>): Promise<void> => {
  for (let tries = 0; tries < 200; tries++) {
    if (JSON.stringify(await vectorCounts(workspaceId)) === JSON.stringify(expected)) return;
    await pause(30);
  }
  expect(await vectorCounts(workspaceId)).toEqual(expected);
};

/** The texts that a model was given, queries apart. */
const embeddedTexts = (name = ''): string[] =>
  server.seen
    .filter(({ path, body }) => path.endsWith('/embeddings') && String(body.model).includes(name))
    .flatMap(({ body }) => textsOf(body))
    .filter((text) => !text.endsWith('?') && text !== 'Tessera');

test('the built-in model costs a search no statement of its own', async () => {
  const workspaceId = await workspaceOf(ada);
  await addDocument(workspaceId, 'Roses');
  const text = `{ search(workspaceId: "${workspaceId}", query: "roses") { edges { score } } }`;
  await ada.want(text);
  // The workspace, the settings of the search and the search.
  expect((await ada.ask(text)).statements).toHaveLength(3);
  expect(server.seen).toEqual([]);
});

test.each([384, 768, 1536])('a model of %i dimensions takes over and finds', async (dimensions) => {
  const workspaceId = await workspaceOf(ada);
  await addDocument(workspaceId, 'Roses');
  await addDocument(workspaceId, 'Tulips');
  const { id } = await modelOf(60, dimensions);
  const { workspace, job } = await chosen(workspaceId, id);
  expect(workspace).toEqual({
    embeddingModel: null,
    nextEmbeddingModel: { id },
    embeddingProgress: expect.any(Number),
  });
  expect(job).toMatchObject({ id: expect.stringMatching(/^job_/) });
  expect(await settledModel(workspaceId)).toBe(id);
  expect(await state(workspaceId)).toEqual({
    embeddingModel: { id },
    nextEmbeddingModel: null,
    embeddingProgress: null,
  });
  expect(cosines(await search(workspaceId, 'anything else?'))).toEqual([60]);
  expect(await search(workspaceId, 'anything else?')).toHaveLength(2);
  // A search that began before may still look for the vectors of before.
  expect(await vectorCounts(workspaceId)).toEqual({ [hashingModel]: 2, [uuidOf(id)]: 2 });
  const [later] = await written(() =>
    database.execute(sql`select start_after > now() + interval '30 seconds' as later from pgboss.job
      where name = ${dropKind} and data -> 'data' ->> 'workspaceId' = ${uuidOf(workspaceId)}`),
  );
  expect(later).toEqual({ later: true });
  const run = {
    jobId: randomUUID(),
    attempt: 1,
    signal: new AbortController().signal,
    progress: async () => undefined,
    ...keptNothing,
  };
  const services = bed.server.installation.services;
  await dropVectors({ unit: unitOf(), services }, { workspaceId: uuidOf(workspaceId), key: hashingModel }, run);
  expect(await vectorCounts(workspaceId)).toEqual({ [uuidOf(id)]: 2 });
  // What is needed is not removed.
  await dropVectors({ unit: unitOf(), services }, { workspaceId: uuidOf(workspaceId), key: uuidOf(id) }, run);
  expect(await vectorCounts(workspaceId)).toEqual({ [uuidOf(id)]: 2 });
  // And back again, by null or by the built-in model's own id.
  await chosen(workspaceId, dimensions === 384 ? null : globalId('Model', builtinEmbedderId));
  expect(await settledModel(workspaceId)).toBeNull();
  expect(await vectorCounts(workspaceId)).toEqual({ [hashingModel]: 2, [uuidOf(id)]: 2 });
});

test('every call is logged with its tokens and its price', async () => {
  const workspaceId = await workspaceOf(ada);
  await addDocument(workspaceId, 'Roses');
  const { id } = await modelOf(60);
  await chosen(workspaceId, id);
  await settledModel(workspaceId);
  await addDocument(workspaceId, 'Tulips');
  await search(workspaceId);
  server.script({ status: 400 });
  await search(workspaceId);
  const logs = await written(() =>
    database
      .select()
      .from(executionLogs)
      .where(eq(executionLogs.workspaceId, uuidOf(workspaceId)))
      .orderBy(executionLogs.createdAt),
  );
  const fine = { purpose: 'embedding', modelId: uuidOf(id), status: 'SUCCESS', inputTokens: 1, outputTokens: 0 };
  const row = { ...fine, cost: '0.000000020000', latencyMs: expect.any(Number), timeToFirstTokenMs: null };
  // The trial, the work of embedding all, a new document, two queries.
  expect(logs).toMatchObject([
    { ...row, targetId: null, userId: uuidOf(ada.userId) },
    { ...row, targetId: uuidOf(workspaceId) },
    row,
    { ...row, targetId: null },
    { purpose: 'embedding', status: 'ERROR', errorKind: 'REFUSED', cost: '0.000000000000' },
  ]);
  expect(logs).toHaveLength(5);
});

test('what cannot be used is refused, and nothing is changed', async () => {
  const workspaceId = await workspaceOf(ada);
  await addDocument(workspaceId, 'Roses');
  const before = await state(workspaceId);
  const text: Data = await ada.want('{ models(filter: { name: { eq: "extractive" } }) { edges { node { id } } } }');
  expect(await refusedFor(workspaceId, text.models.edges[0].node.id)).toEqual([
    'BAD_USER_INPUT',
    'This model embeds no texts.',
  ]);
  const { id: large } = await modelOf(60, 3072);
  expect(await refusedFor(workspaceId, large)).toEqual(['BAD_USER_INPUT', expect.stringContaining('3072 dimensions')]);
  const { id: keyless } = await modelOf(60, 1536, { dialect: 'OPENAI' });
  expect(await refusedFor(workspaceId, keyless)).toEqual([
    'CONFLICT',
    expect.stringMatching(/^There is no default key for p-/),
  ]);
  const { id: none } = await modelOf(60, 1536, { dialect: 'ANTHROPIC' });
  expect((await refusedFor(workspaceId, none))[0]).toBe('CONFLICT');
  const { id } = await modelOf(60);
  for (const [reply, code] of [
    [{ status: 401 }, 'CONFLICT'],
    [{ status: 400 }, 'BAD_USER_INPUT'],
    [{ embeddings: [] }, 'BAD_USER_INPUT'],
  ] as const) {
    server.script({ ...reply, ...('embeddings' in reply && { embeddings: [] }) } as object);
    expect((await refusedFor(workspaceId, id))[0]).toBe(code);
  }
  const { id: away } = await modelOf(60, 1536, { baseUrl: 'http://127.0.0.1:9/v1' });
  expect((await refusedFor(workspaceId, away))[0]).toBe('UNAVAILABLE');
  await written(() =>
    database
      .update(models)
      .set({ status: 'INACTIVE' })
      .where(eq(models.id, uuidOf(id))),
  );
  expect(await refusedFor(workspaceId, id)).toEqual(['UNAVAILABLE', expect.stringContaining('is switched off.')]);
  expect((await refusedFor(workspaceId, globalId('Model', randomUUID())))[0]).toBe('NOT_FOUND');
  const eve = await bed.signUp('Eve');
  expect(await eve.codes(choose, { input: { workspaceId, modelId: large } })).toEqual(['NOT_FOUND']);
  expect(await state(workspaceId)).toEqual(before);
  expect(await vectorCounts(workspaceId)).toEqual({ [hashingModel]: 1 });
});

test('searches find by one model at a time, and never less than before, while documents come and the model changes', async () => {
  const workspaceId = await workspaceOf(ada);
  const first = await modelOf(90, 768);
  const second = await modelOf(60, 384);
  await addDocument(workspaceId, 'Roses 0', 'Flowers.');
  await chosen(workspaceId, first.id);
  await settledModel(workspaceId);
  // Answers take a while, so that all that happens at once is under way at the same time.
  server.always((body) => ({ ...byModel(body), delayMs: 20 }));
  const over = new AbortController();
  const seen = new Set<string>();
  const searching = async () => {
    let ready = 1;
    while (!over.signal.aborted) {
      const before = ready;
      const edges = await search(workspaceId, 'what is not written?');
      seen.add(String(cosines(edges)));
      expect(cosines(edges)).toHaveLength(1);
      expect(edges.length).toBeGreaterThanOrEqual(before);
      ready = edges.length;
    }
  };
  const adding = async () => {
    for (let at = 1; at <= 12; at++)
      expect(await addDocument(workspaceId, `Roses ${at}`, 'Flowers.')).toMatchObject({ status: 'READY' });
  };
  const changing = async () => {
    await pause(100);
    await chosen(workspaceId, second.id);
    expect(await settledModel(workspaceId)).toBe(second.id);
  };
  const searches = [searching(), searching()];
  await Promise.all([adding(), changing()]).finally(() => over.abort());
  await Promise.all(searches);
  expect([...seen].sort()).toEqual(['60', '90']);
  const edges = await search(workspaceId, 'what is not written?');
  expect([edges.length, cosines(edges)]).toEqual([13, [60]]);
}, 30_000);

test('a document whose reading began before the change ends with the vectors that are needed then', async () => {
  const workspaceId = await workspaceOf(ada);
  const [first, second] = [await modelOf(90), await modelOf(60)];
  await chosen(workspaceId, first.id);
  await settledModel(workspaceId);
  let slow = true;
  server.always((body) => {
    const isText = textsOf(body).some((text) => text.includes('Slow'));
    if (isText && slow) return { ...byModel(body), delayMs: 1500 };
    return byModel(body);
  });
  const adding = addDocument(workspaceId, 'Slow roses');
  while (!embeddedTexts().some((text) => text.includes('Slow'))) await pause(10);
  slow = false;
  // The workspace is empty so far: the second model takes over while the first still embeds the document.
  await chosen(workspaceId, second.id);
  expect(await settledModel(workspaceId)).toBe(second.id);
  expect(await adding).toMatchObject({ status: 'READY' });
  expect(await vectorCounts(workspaceId)).toEqual({ [uuidOf(second.id)]: 1 });
  expect(cosines(await search(workspaceId, 'anything?'))).toEqual([60]);
});

test('a search that is overtaken by the change finds by the model it began with, or begins again', async () => {
  const workspaceId = await workspaceOf(ada);
  const [first, second] = [await modelOf(90), await modelOf(60)];
  await addDocument(workspaceId, 'Roses');
  await chosen(workspaceId, first.id);
  await settledModel(workspaceId);
  const slowQueries = (body: Record<string, unknown>) =>
    textsOf(body).includes('anything?') ? { ...byModel(body), delayMs: 800 } : byModel(body);
  server.always(slowQueries);
  const searching = search(workspaceId, 'anything?');
  while (!server.seen.some(({ body }) => textsOf(body).includes('anything?'))) await pause(10);
  await chosen(workspaceId, second.id);
  expect(await settledModel(workspaceId)).toBe(second.id);
  expect(cosines(await searching)).toEqual([90]);

  // One that takes longer than the vectors of before are kept.
  server.always(byModel);
  const services = bed.server.installation.services;
  const unit = unitOf();
  const workspace = await workspaceById(unit).load(uuidOf(workspaceId));
  if (workspace === null) throw new Error('The workspace is gone.');
  await unit.rest();
  const stale = { ...workspace, embeddingModelId: uuidOf(first.id) };
  await written(() => database.delete(chunkEmbeddings).where(eq(chunkEmbeddings.model, uuidOf(first.id))));
  const clock = jest.spyOn(performance, 'now');
  let now = 0;
  clock.mockImplementation(() => (now += 40_000));
  try {
    const { found } = await searchChunks({ unit, services }, { workspace: stale, query: 'anything?', first: 5 });
    expect(found.map(({ hit }) => Math.round(100 * (hit.similarity ?? 0)))).toEqual([60]);
  } finally {
    clock.mockRestore();
    await unit.rest();
  }
});

/** Writes chunks into a document past ingestion, without vectors. */
const addChunks = (workspaceId: string, documentId: string, ids: readonly string[]) =>
  written(() => database.insert(documentChunks).values(chunksOf(workspaceId, documentId, ids)));
const chunksOf = (workspaceId: string, documentId: string, ids: readonly string[]) =>
  ids.map((id, at) => ({
    organizationId: uuidOf(ada.organizationId),
    id,
    workspaceId: uuidOf(workspaceId),
    documentId: uuidOf(documentId),
    position: at + 1,
    text: `Part ${at}`,
    headings: [],
    start: 0,
    end: 1,
    tokens: 1,
    terms: ['part'],
    frequencies: [1],
    termCount: 1,
    hash: String(at),
  }));

/** Begins a change whose work no worker does but the test. Gives the job's id. */
const changeByHand = (workspaceId: string, modelId: string): Promise<string> =>
  written(async () => {
    const organizationId = uuidOf(ada.organizationId);
    const jobId = randomUUID();
    await database
      .update(workspaces)
      .set({ nextEmbeddingModelId: uuidOf(modelId) })
      .where(and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, uuidOf(workspaceId))));
    const target = { targetType: 'Workspace', targetId: uuidOf(workspaceId) };
    await database
      .insert(jobs)
      .values({ organizationId, id: jobId, readers: [organizationId], kind: reembedKind, state: 'RUNNING', ...target });
    return jobId;
  });

test('work that is broken off goes on with what is missing', async () => {
  const workspaceId = await workspaceOf(ada);
  const { id } = await modelOf(60);
  const { id: documentId } = await addDocument(workspaceId, 'Book');
  let total = 251;
  await addChunks(
    workspaceId,
    documentId,
    Array.from({ length: total - 1 }, () => newId()),
  );
  const jobId = await changeByHand(workspaceId, id);
  const work = { unit: unitOf(), services: bed.server.installation.services };
  const data = { workspaceId: uuidOf(workspaceId), modelId: uuidOf(id) };
  const progress: number[] = [];
  const runOf = (attempt: number, breakAfter: number) => ({
    jobId,
    attempt,
    signal: new AbortController().signal,
    ...keptNothing,
    progress: async (percent: number) => {
      progress.push(percent);
      if (progress.length === breakAfter) throw new Error('The process was killed.');
    },
  });
  await expect(reembed(work, data, runOf(1, 1))).rejects.toThrow('killed');
  const afterCrash = (await vectorCounts(workspaceId))[uuidOf(id)] ?? 0;
  expect(afterCrash).toBe(96);
  expect(await state(workspaceId)).toMatchObject({ embeddingModel: null, nextEmbeddingModel: { id } });
  expect(cosines(await search(workspaceId, 'number?'))).not.toContain(60);
  // What comes meanwhile is embedded by both models.
  await addDocument(workspaceId, 'Daisies');
  expect(await vectorCounts(workspaceId)).toEqual({ [hashingModel]: 2, [uuidOf(id)]: afterCrash + 1 });
  total += 1;
  // Broken off between the provider's answer and the writing of it.
  const stop = new AbortController();
  server.always((body) => {
    stop.abort();
    return byModel(body);
  });
  await expect(reembed(work, data, { ...runOf(2, 0), signal: stop.signal })).rejects.toThrow();
  server.always(byModel);
  expect(await reembed(work, data, runOf(3, 0))).toEqual({ status: 'SWITCHED', embedded: total - 1 - afterCrash });
  await work.unit.rest();
  const texts = embeddedTexts();
  expect(new Set(texts).size).toBe(total);
  expect(texts.length).toBeLessThanOrEqual(total + 96);
  expect(texts.length).toBeGreaterThan(total);
  expect(progress).toEqual([...progress].sort((a, b) => a - b));
  expect(progress.at(-1)).toBe(99);
  expect((await vectorCounts(workspaceId))[uuidOf(id)]).toBe(total);
  const pending = await written(() =>
    database
      .select({ id: executionLogs.id })
      .from(executionLogs)
      .where(and(eq(executionLogs.workspaceId, uuidOf(workspaceId)), eq(executionLogs.status, 'PENDING'))),
  );
  expect(pending).toEqual([]);
});

/** How work that the test does itself is run. */
const handRun = (jobId: string, onProgress: () => Promise<unknown> = async () => undefined) => ({
  jobId,
  attempt: 1,
  signal: new AbortController().signal,
  ...keptNothing,
  progress: async () => void (await onProgress()),
});

test('chunks that come behind the work are embedded before the change', async () => {
  const workspaceId = await workspaceOf(ada);
  const { id } = await modelOf(60);
  const { id: documentId } = await addDocument(workspaceId, 'Book');
  const jobId = await changeByHand(workspaceId, id);
  const work = { unit: unitOf(), services: bed.server.installation.services };
  const data = { workspaceId: uuidOf(workspaceId), modelId: uuidOf(id) };
  let progressed = 0;
  const run = handRun(jobId, async () => {
    progressed += 1;
    if (progressed === 1) await addChunks(workspaceId, documentId, ['00000000-0000-7000-8000-000000000001']);
  });
  expect(await reembed(work, data, run)).toEqual({ status: 'SWITCHED', embedded: 2 });
  await work.unit.rest();
  expect((await vectorCounts(workspaceId))[uuidOf(id)]).toBe(2);
});

/** The embedded database has one connection. */
const onPostgres = process.env.TEST_POSTGRES_URL && process.env.TEST_POOL_SIZE !== '1' ? test : test.skip;

onPostgres('the change waits for whoever is writing chunks', async () => {
  const workspaceId = await workspaceOf(ada);
  const { id } = await modelOf(60);
  const { id: documentId } = await addDocument(workspaceId, 'Book');
  const jobId = await changeByHand(workspaceId, id);
  const work = { unit: unitOf(), services: bed.server.installation.services };
  const data = { workspaceId: uuidOf(workspaceId), modelId: uuidOf(id) };
  let changing: Promise<unknown> | undefined;
  await written(async () => {
    await vectorRules(uuidOf(ada.organizationId), uuidOf(workspaceId), 'key share');
    await database.insert(documentChunks).values(chunksOf(workspaceId, documentId, [newId()]));
    changing = reembed(work, data, handRun(jobId));
    await pause(700);
  });
  expect(await changing).toEqual({ status: 'SWITCHED', embedded: 2 });
  await work.unit.rest();
  expect((await vectorCounts(workspaceId))[uuidOf(id)]).toBe(2);
});

test('the newest choice wins, and the one in use calls a change off', async () => {
  const workspaceId = await workspaceOf(ada);
  await addDocument(workspaceId, 'Roses');
  const [first, second] = [await modelOf(90), await modelOf(60)];
  server.always((body) => ({ ...byModel(body), delayMs: textsOf(body).includes('Tessera') ? 0 : 400 }));
  const { job } = await chosen(workspaceId, first.id);
  // The same once more is the same work.
  expect((await chosen(workspaceId, first.id)).job.id).toBe(job.id);
  expect((await chosen(workspaceId, second.id)).workspace.nextEmbeddingModel).toEqual({ id: second.id });
  const cancelled: Data = await ada.want('query ($id: ID!) { job(id: $id) { state } }', { id: job.id });
  expect(cancelled.job.state).toBe('CANCELLED');
  expect(await settledModel(workspaceId)).toBe(second.id);
  await whenVectors(workspaceId, { [uuidOf(second.id)]: 1, [hashingModel]: 1 });

  await chosen(workspaceId, first.id);
  expect(await chosen(workspaceId, second.id)).toEqual({
    workspace: { embeddingModel: { id: second.id }, nextEmbeddingModel: null, embeddingProgress: null },
    job: null,
  });
  await pause(600);
  expect(await state(workspaceId)).toMatchObject({ embeddingModel: { id: second.id }, nextEmbeddingModel: null });
  await whenVectors(workspaceId, { [uuidOf(second.id)]: 1, [hashingModel]: 1 });
});

test('a change that fails leaves the model in use, and no vectors of the other', async () => {
  const workspaceId = await workspaceOf(ada);
  await addDocument(workspaceId, 'Roses');
  const { id } = await modelOf(60);
  server.always((body) => (textsOf(body).includes('Tessera') ? byModel(body) : { status: 401 }));
  const { job } = await chosen(workspaceId, id);
  expect(await settledModel(workspaceId)).toBeNull();
  // A document that comes meanwhile does not suffer from it.
  expect(await addDocument(workspaceId, 'Tulips')).toMatchObject({ status: 'READY' });
  await whenVectors(workspaceId, { [hashingModel]: 2 });
  const ended: Data = await ada.want('query ($id: ID!) { job(id: $id) { result } }', { id: job.id });
  expect(ended.job.result).toMatchObject({ status: 'FAILED' });
  const failed = await written(() =>
    database.execute(sql`select data ->> 'reason' <> '' as told from events where action = 'workspace.reembedding_failed'
      and target_id = ${uuidOf(workspaceId)}`),
  );
  expect([...failed]).toEqual([{ told: true }]);
});

test('while the model is switched off, words alone are searched and documents fail with the reason', async () => {
  const workspaceId = await workspaceOf(ada);
  await addDocument(workspaceId, 'Roses');
  await addDocument(workspaceId, 'Tulips', 'Bulbs.');
  const { id, providerId } = await modelOf(60);
  await chosen(workspaceId, id);
  await settledModel(workspaceId);
  const setStatus = (status: 'ACTIVE' | 'INACTIVE') =>
    written(() =>
      database
        .update(providers)
        .set({ status })
        .where(eq(providers.id, uuidOf(providerId))),
    );
  await setStatus('INACTIVE');
  const edges = await search(workspaceId, 'roses?');
  expect(edges.map(({ similarity, vectorRank, node }) => [similarity, vectorRank, node.document.title])).toEqual([
    [null, null, 'Roses'],
  ]);
  expect(await addDocument(workspaceId, 'Daisies')).toMatchObject({
    status: 'FAILED',
    failure: expect.stringMatching(/is switched off\.$/),
  });
  await setStatus('ACTIVE');
  expect(await search(workspaceId, 'roses?')).toHaveLength(2);
  // The same for a fault of the provider, and for a model that is gone.
  server.script({ status: 400 });
  expect(await search(workspaceId, 'roses?')).toHaveLength(1);
  server.script({ status: 401 });
  expect(await addDocument(workspaceId, 'Daisies')).toMatchObject({ status: 'FAILED' });
  await written(() => database.delete(models).where(eq(models.id, uuidOf(id))));
  expect(await search(workspaceId, 'roses?')).toHaveLength(1);
  expect(await addDocument(workspaceId, 'Daisies')).toMatchObject({
    status: 'FAILED',
    failure: "The workspace's model is gone; choose another.",
  });
  // Another model leads out of it.
  const other = await modelOf(90);
  await chosen(workspaceId, other.id);
  expect(await settledModel(workspaceId)).toBe(other.id);
  expect(cosines(await search(workspaceId, 'anything?'))).toEqual([90]);
});

test('what did not change is embedded once by each model', async () => {
  const workspaceId = await workspaceOf(ada);
  const [first, second] = [await modelOf(90), await modelOf(60)];
  const part = (topic: string) => `## ${topic}\n\n${`${topic} grow in gardens. `.repeat(120)}`;
  await chosen(workspaceId, first.id);
  await settledModel(workspaceId);
  const input = { workspaceId, title: 'Garden', mimeType: 'text/markdown', wait: true };
  const added: Data = await ada.want(
    'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id chunkCount } } }',
    { input: { ...input, text: [part('Roses'), part('Tulips')].join('\n\n') } },
  );
  await chosen(workspaceId, second.id);
  await settledModel(workspaceId);
  const before = embeddedTexts().length;
  expect(before).toBe(2 * added.addDocument.document.chunkCount);
  const changed: Data = await ada.want(
    'mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { chunkCount } } }',
    {
      input: {
        id: added.addDocument.document.id,
        text: [part('Roses'), part('Tulips'), 'Daisies, too.'].join('\n\n'),
        wait: true,
      },
    },
  );
  const more = embeddedTexts().slice(before);
  expect(more.length).toBeGreaterThan(0);
  expect(more.length).toBeLessThan(changed.updateDocument.document.chunkCount);
  expect((await vectorCounts(workspaceId))[uuidOf(second.id)]).toBe(changed.updateDocument.document.chunkCount);
});
