import { setImmediate as breathe } from 'node:timers/promises';
import { and, asc, eq, gt, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { isLive } from '../../queue/live-jobs.ts';
import type { JobHandler, Run } from '../../queue/queue.ts';
import { abandonCalls } from '../modelhub/calls.ts';
import type { Services, Work } from '../services.ts';
import { workspaces } from '../tenancy/tables.ts';
import { ofWorkspace } from '../tenancy/workspace-lock.ts';
import { batchSize, embedded, embedderByKey, lastingFault, vectorKey } from '../modelhub/embedder.ts';
import { indexedText } from '../../search/chunking/chunk.ts';
import { graceSeconds } from './retrieval.ts';
import { documentChunks, documents } from './tables.ts';
import { enqueueDrop, indexOf, storeVectors, vectorRules } from './vectors.ts';

/** The job that embeds a workspace's chunks by the model that is to take over; `jobs.ts` handles it. */
export const reembedKind = 'content.reembed';

/** One change of a workspace's model. */
interface Change {
  readonly workspaceId: string;
  /** The model that is to take over, by its row. */
  readonly modelId: string;
  readonly key: string;
}

const changeOf = (data: Readonly<Record<string, unknown>>): Change => {
  const modelId = String(data.modelId);
  return { workspaceId: String(data.workspaceId), modelId, key: vectorKey(modelId) };
};

/** Has a workspace embedded anew, in the unit's running transaction. Gives the job's id. */
export const enqueueReembedding = (
  unit: UnitOfWork,
  { queue }: Pick<Services, 'queue'>,
  workspaceId: string,
  modelId: string,
): Promise<string> =>
  queue.enqueue(unit, {
    kind: reembedKind,
    data: { workspaceId, modelId },
    target: { type: 'Workspace', id: workspaceId },
    workspaceId,
  });

const beforeAll = '00000000-0000-0000-0000-000000000000';

/**
 * Embeds the chunks of a workspace that lack a vector of the model that is to take over, and lets it take over once none does: until then search
 * and its vectors stay as they are. Begun again, it goes on with what is missing. It ends without effect when something else was chosen, and
 * at once with a model that cannot be used, which is then given up.
 */
export const reembed: JobHandler<Work>['run'] = async (work, data, run) => {
  const change = changeOf(data);
  try {
    return await embedAllChunks(work, change, run);
  } catch (error) {
    const reason = lastingFault(error);
    if (reason === null) throw error;
    await work.unit.transact(() => giveUp(work, change, reason));
    return { status: 'FAILED', reason };
  }
};

/** Leaves the model in use as it is, and removes the vectors of the other. */
export const giveUpReembedding: JobHandler<Work>['giveUp'] = (work, data) =>
  giveUp(work, changeOf(data), 'The model could not be called.');

const embedAllChunks = async (work: Work, change: Change, run: Run): Promise<Record<string, unknown>> => {
  const { unit, services } = work;
  const { workspaceId, key } = change;
  if (run.attempt > 1) await unit.transact(() => abandonCalls(unit, workspaceId));
  const { total, missing } = await unit.run(() => countOf(unit.organizationId, change));
  const without = new Set<string>();
  let count = 0;
  for (let after = beforeAll; ;) {
    run.signal.throwIfAborted();
    const embedder = await embedderByKey(unit, services, key);
    const chunks = await unit.run(() =>
      lacking(unit.organizationId, change, after, without).limit(batchSize(embedder)),
    );
    await unit.rest();
    if (chunks.length === 0) {
      const outcome = await takeOver(work, change, run, without);
      if (outcome !== 'LACKING') return { status: outcome, embedded: count };
      after = beforeAll;
      continue;
    }
    const vectors = await vectorsOf(work, change, chunks, run.signal);
    for (const { id } of chunks) if (!vectors.has(id)) without.add(id);
    if (!(await stored(unit, change, run, vectors))) return { status: 'REPLACED', embedded: count };
    count += vectors.size;
    after = chunks.at(-1)?.id ?? after;
    await run.progress(Math.min(99, (100 * (total - missing + count)) / Math.max(1, total)));
    await breathe();
  }
};

type Lacking = Awaited<ReturnType<typeof lacking>>[number];

/** Vectors of chunks by their ids, in the languages that they were analysed in; those of zeros are left out. */
const vectorsOf = async ({ unit, services }: Work, change: Change, chunks: readonly Lacking[], signal: AbortSignal) => {
  const { workspaceId, key } = change;
  const vectors = new Map<string, readonly number[]>();
  for (const [language, some] of Map.groupBy(chunks, (chunk) => chunk.language ?? chunk.workspaceLanguage)) {
    const texts = some.map((chunk) => indexedText(chunk.title, chunk));
    const embedder = await embedderByKey(unit, services, key);
    await unit.rest();
    const given = await embedded(unit, services, embedder, {
      workspaceId,
      targetId: workspaceId,
      texts,
      language,
      signal,
    });
    for (const [at, { id }] of some.entries()) {
      const vector = given[at] ?? [];
      if (vector.some((value) => value !== 0)) vectors.set(id, vector);
    }
  }
  return vectors;
};

const ofModel = (key: string): SQL => sql`(
  select from chunk_embeddings embedding
  where embedding.organization_id = ${documentChunks.organizationId} and embedding.chunk_id = ${documentChunks.id} and embedding.model = ${key}
)`;

/**
 * Chunks of a workspace without a vector of a model, in the order of their ids from one on; those of which it is known that they can have none are
 * left out.
 */
export const lacking = (
  organizationId: string,
  { workspaceId, key }: Pick<Change, 'workspaceId' | 'key'>,
  after: string,
  without: ReadonlySet<string>,
) =>
  database
    .select({
      id: documentChunks.id,
      text: documentChunks.text,
      headings: documentChunks.headings,
      title: documents.title,
      language: documents.language,
      workspaceLanguage: workspaces.language,
    })
    .from(documentChunks)
    .innerJoin(
      documents,
      and(eq(documents.organizationId, organizationId), eq(documents.id, documentChunks.documentId)),
    )
    .innerJoin(workspaces, ofWorkspace(organizationId, workspaceId))
    .where(
      and(
        eq(documentChunks.organizationId, organizationId),
        eq(documentChunks.workspaceId, workspaceId),
        gt(documentChunks.id, after),
        sql`not exists ${ofModel(key)}`,
        sql`not ${documentChunks.id} = any(${sql.param([...without])}::uuid[])`,
      ),
    )
    .orderBy(asc(documentChunks.id));

const countOf = async (organizationId: string, { workspaceId, key }: Change) => {
  const [counts] = await database
    .select({
      total: sql<number>`count(*)::integer`,
      missing: sql<number>`count(*) filter (where not exists ${ofModel(key)})::integer`,
    })
    .from(documentChunks)
    .where(and(eq(documentChunks.organizationId, organizationId), eq(documentChunks.workspaceId, workspaceId)));
  return counts ?? { total: 0, missing: 0 };
};

/** Writes vectors, unless something else was chosen meanwhile: false then. */
const stored = (
  unit: UnitOfWork,
  { workspaceId, modelId, key }: Change,
  { jobId }: Run,
  vectors: ReadonlyMap<string, readonly number[]>,
): Promise<boolean> =>
  unit.transact(async ({ organizationId }) => {
    const rules = await vectorRules(organizationId, workspaceId, 'key share');
    if (rules?.nextEmbeddingModelId !== modelId || !(await isLive(organizationId, jobId))) return false;
    await storeVectors({ organizationId, workspaceId, indexedBy: indexOf(rules), key }, vectors);
    return true;
  });

/** Lets the model take over unless a chunk lacks its vector. Nobody writes chunks of the workspace meanwhile. */
const takeOver = (
  { unit, services }: Work,
  change: Change,
  { jobId }: Run,
  without: ReadonlySet<string>,
): Promise<'SWITCHED' | 'LACKING' | 'REPLACED'> =>
  unit.transact(async ({ organizationId }) => {
    const { workspaceId, modelId, key } = change;
    const rules = await vectorRules(organizationId, workspaceId, 'update');
    if (rules?.nextEmbeddingModelId !== modelId || !(await isLive(organizationId, jobId))) return 'REPLACED';
    const [missing] = await lacking(organizationId, change, beforeAll, without).limit(1);
    if (missing !== undefined) return 'LACKING';
    const before = vectorKey(rules.embeddingModelId);
    // The built-in embedder is nobody's choice.
    const chosen = key === modelId ? modelId : null;
    await database
      .update(workspaces)
      .set({ embeddingModelId: chosen, nextEmbeddingModelId: null })
      .where(ofWorkspace(organizationId, workspaceId));
    if (before !== key) await enqueueDrop(unit, services, { workspaceId, key: before }, graceSeconds);
    unit.record({
      action: 'workspace.reembedded',
      type: 'Workspace',
      id: workspaceId,
      workspaceId,
      data: { modelId: chosen },
    });
    return 'SWITCHED';
  });

const giveUp = async (
  { unit, services }: Work,
  { workspaceId, modelId, key }: Change,
  reason: string,
): Promise<void> => {
  const rules = await vectorRules(unit.organizationId, workspaceId, 'update');
  if (rules?.nextEmbeddingModelId !== modelId) return;
  await database
    .update(workspaces)
    .set({ nextEmbeddingModelId: null })
    .where(ofWorkspace(unit.organizationId, workspaceId));
  await enqueueDrop(unit, services, { workspaceId, key });
  const data = { modelId, reason };
  unit.record({ action: 'workspace.reembedding_failed', type: 'Workspace', id: workspaceId, workspaceId, data });
};
