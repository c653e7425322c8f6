import { and, eq, ne, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { JobHandler } from '../../queue/queue.ts';
import type { VectorIndex } from '../../search/tables.ts';
import type { Services, Work } from '../services.ts';
import { workspaces, type WorkspaceRow } from '../tenancy/tables.ts';
import { ofWorkspace } from '../tenancy/workspace-lock.ts';
import { neededKeys } from '../modelhub/embedder.ts';
import { chunkEmbeddings } from './tables.ts';

/** The job that removes the vectors of a model that a workspace no longer needs; `jobs.ts` handles it. */
export const dropKind = 'content.drop-vectors';

/** Rows of one statement: a vector is some kilobytes as text. */
const rowsAtOnce = 200;

/** What decides about a workspace's vectors, and about the words of its texts. */
export interface VectorRules extends Pick<
  WorkspaceRow,
  'embeddingModelId' | 'nextEmbeddingModelId' | 'vectorSearchMode' | 'language'
> {}

/**
 * What decides about a workspace's vectors; null when it is gone. `key share` keeps it as it is until the running transaction ends where
 * whoever switches asks for `update`, which waits until all who write vectors are done.
 */
export const vectorRules = async (
  organizationId: string,
  workspaceId: string,
  strength: 'key share' | 'update',
): Promise<VectorRules | null> => {
  const [rules] = await database
    .select({
      embeddingModelId: workspaces.embeddingModelId,
      nextEmbeddingModelId: workspaces.nextEmbeddingModelId,
      vectorSearchMode: workspaces.vectorSearchMode,
      language: workspaces.language,
    })
    .from(workspaces)
    .where(ofWorkspace(organizationId, workspaceId))
    .for(strength);
  return rules ?? null;
};

/** The index that a workspace's vectors stand in; exact search needs none. */
export const indexOf = ({ vectorSearchMode }: Pick<WorkspaceRow, 'vectorSearchMode'>): VectorIndex =>
  vectorSearchMode === 'IVFFLAT' ? 'IVFFLAT' : 'HNSW';

/** Where vectors belong, and the key of their model. */
export interface VectorPlace {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly indexedBy: VectorIndex;
  readonly key: string;
}

/**
 * Writes vectors of chunks, by the chunks' ids, in the running transaction. What has one already keeps it, and chunks that are gone or have
 * left the workspace are passed over.
 */
export const storeVectors = async (
  { organizationId, workspaceId, indexedBy, key }: VectorPlace,
  vectors: ReadonlyMap<string, readonly number[]>,
): Promise<void> => {
  const given = [...vectors];
  for (let from = 0; from < given.length; from += rowsAtOnce) {
    const batch = given.slice(from, from + rowsAtOnce);
    const ids = batch.map(([id]) => id);
    const texts = batch.map(([, vector]) => `[${vector.join(',')}]`);
    await database.execute(sql`
      insert into chunk_embeddings (organization_id, workspace_id, readers, chunk_id, model, embedding, enabled, indexed_by)
      select chunk.organization_id, chunk.workspace_id, chunk.readers, chunk.id, ${key}, given.embedding::vector, chunk.enabled, ${indexedBy}
      from unnest(${sql.param(ids)}::uuid[], ${sql.param(texts)}::text[]) as given (id, embedding)
      join document_chunks chunk
        on chunk.organization_id = ${organizationId} and chunk.id = given.id and chunk.workspace_id = ${workspaceId}
      for key share of chunk
      on conflict do nothing`);
  }
};

/** Has the vectors of a model removed, in the unit's running transaction; after so many seconds where searches may still use them. */
export const enqueueDrop = (
  unit: UnitOfWork,
  { queue }: Pick<Services, 'queue'>,
  { workspaceId, key }: Pick<VectorPlace, 'workspaceId' | 'key'>,
  startAfterSeconds = 0,
): Promise<string> =>
  queue.enqueue(unit, {
    kind: dropKind,
    data: { workspaceId, key },
    target: { type: 'Workspace', id: workspaceId },
    workspaceId,
    startAfterSeconds,
  });

const removedAtOnce = 500;

/** Removes the vectors of a model, as long as the workspace does not need them again. */
export const dropVectors: JobHandler<Work>['run'] = async ({ unit }, data, { signal }) => {
  const { organizationId } = unit;
  const [workspaceId, key] = [String(data.workspaceId), String(data.key)];
  // Whoever still writes vectors of the model began before it was given up, and is waited for.
  await unit.transact(() => vectorRules(organizationId, workspaceId, 'update'));
  for (let removed = 0; ;) {
    signal.throwIfAborted();
    const count = await unit.transact(async () => {
      const rules = await vectorRules(organizationId, workspaceId, 'key share');
      if (rules === null || neededKeys(rules).includes(key)) return 0;
      const some = ofVectors(organizationId, workspaceId, eq(chunkEmbeddings.model, key), removedAtOnce);
      return (
        await database
          .delete(chunkEmbeddings)
          .where(some)
          .returning({ one: sql`1` })
      ).length;
    });
    removed += count;
    if (count < removedAtOnce) return { removed };
  }
};

const movedAtOnce = 200;

/** Brings a workspace's vectors into the index that its search mode asks for. Search compares all of them meanwhile. */
export const moveVectors: JobHandler<Work>['run'] = async ({ unit, services }, data, { signal }) => {
  const { organizationId } = unit;
  const workspaceId = String(data.workspaceId);
  let moved = 0;
  const move = (strength: 'key share' | 'update') =>
    unit.transact(async () => {
      const rules = await vectorRules(organizationId, workspaceId, strength);
      if (rules === null) return null;
      const indexedBy = indexOf(rules);
      const others = ofVectors(organizationId, workspaceId, ne(chunkEmbeddings.indexedBy, indexedBy), movedAtOnce);
      const rows = await database
        .update(chunkEmbeddings)
        .set({ indexedBy })
        .where(others)
        .returning({ one: sql`1` });
      moved += rows.length;
      return { indexedBy, count: rows.length };
    });
  for (;;) {
    signal.throwIfAborted();
    if (((await move('key share'))?.count ?? 0) > 0) continue;
    // Whoever writes vectors meanwhile may have begun before the mode was changed.
    const last = await move('update');
    if (last !== null && last.count > 0) continue;
    const trained = last?.indexedBy === 'IVFFLAT' && moved > 0 && (await trainIvfflat(unit).catch(logged(services)));
    return { moved, trained };
  }
};

/** The nightly run tries again. */
const logged =
  ({ log }: Services) =>
  (error: unknown): boolean => {
    log.warn({ err: error }, 'The IVFFlat index could not be trained.');
    return false;
  };

const ofVectors = (organizationId: string, workspaceId: string, which: SQL, limit: number): SQL =>
  sql`(${chunkEmbeddings.organizationId}, ${chunkEmbeddings.chunkId}, ${chunkEmbeddings.model}) in ${database
    .select({
      organizationId: chunkEmbeddings.organizationId,
      chunkId: chunkEmbeddings.chunkId,
      model: chunkEmbeddings.model,
    })
    .from(chunkEmbeddings)
    .where(and(eq(chunkEmbeddings.organizationId, organizationId), eq(chunkEmbeddings.workspaceId, workspaceId), which))
    .limit(limit)}`;

/**
 * Builds the IVFFlat index anew when it holds at least twice as many vectors as at its last building: its lists are the centres of what was there
 * then. Searches go on meanwhile; whoever writes vectors waits. True when it was built.
 */
export const trainIvfflat = (unit: UnitOfWork): Promise<boolean> =>
  unit.transact(async () => {
    await database.execute(sql`set local statement_timeout = 0`);
    const [row] = await database.execute<{ trained: boolean }>(sql`select app_train_ivfflat() as trained`);
    return row?.trained === true;
  });

/** What remains to be done is done by the next run; nothing is wrong meanwhile. */
export const giveUpVectors: JobHandler<Work>['giveUp'] = async () => undefined;
