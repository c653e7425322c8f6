import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { ChunkTerms } from '../../search/chunk-terms.ts';
import { idOf, type CurrentChunk, type KeptChunk, type PlannedChunk } from '../../search/chunking/plan.ts';
import { neededKeys } from '../modelhub/embedder.ts';
import { documentChunks, documents } from './tables.ts';
import { indexOf, storeVectors, vectorRules, type VectorRules } from './vectors.ts';

/** Whose chunks they are, and what their vectors must be. */
export interface Owner {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly readers: string[] | null;
  readonly documentId: string;
  /** What it is called now. */
  readonly title: string;
  readonly rules: VectorRules;
}

/** The chunks a document has now, without their texts. */
export const currentChunks = (organizationId: string, documentId: string): Promise<CurrentChunk[]> =>
  database
    .select({
      id: documentChunks.id,
      position: documentChunks.position,
      hash: documentChunks.hash,
      termCount: documentChunks.termCount,
      embeddedBy: sql<string[]>`array(
        select embedding.model from chunk_embeddings embedding
        where embedding.organization_id = ${documentChunks.organizationId} and embedding.chunk_id = ${documentChunks.id}
      )`,
    })
    .from(documentChunks)
    .where(and(eq(documentChunks.organizationId, organizationId), eq(documentChunks.documentId, documentId)))
    .orderBy(documentChunks.position);

/** Vectors by the keys of their models and the ids of their chunks. */
export type Vectors = ReadonlyMap<string, ReadonlyMap<string, readonly number[]>>;

/** Rows of one statement: chunks are some kilobytes each. */
const batchSize = 200;

/** Replaces a document's chunks by those planned, in the running transaction, with the document locked. */
export const replaceChunks = async (
  owner: Owner,
  plan: readonly PlannedChunk[],
  terms: ReadonlyMap<string, ChunkTerms>,
  vectors: Vectors,
): Promise<void> => {
  const kept = plan.filter((each) => each.kind === 'kept');
  const disabled = await disabledHashes(owner);
  await removeOthers(owner, kept);
  await moveKept(owner, kept);
  const { organizationId, workspaceId, readers, documentId, rules } = owner;
  const place = { organizationId, workspaceId, readers };
  const rows = plan.flatMap((each) => {
    const indexed = terms.get(idOf(each));
    const enabled = !disabled.has(each.chunk.hash);
    return each.kind === 'new' && indexed
      ? [{ ...place, documentId, ...each.chunk, ...indexed, id: each.id, enabled }]
      : [];
  });
  for (const batch of batches(rows)) await database.insert(documentChunks).values(batch);
  for (const key of neededKeys(rules))
    await storeVectors({ organizationId, workspaceId, indexedBy: indexOf(rules), key }, vectors.get(key) ?? new Map());
};

/** Hashes of passages that somebody has disabled: they stay so as long as their words do, also where they become new rows. */
const disabledHashes = async (owner: Owner): Promise<ReadonlySet<string>> => {
  const rows = await database
    .select({ hash: documentChunks.hash })
    .from(documentChunks)
    .where(and(ofDocument(owner), eq(documentChunks.enabled, false)));
  return new Set(rows.map(({ hash }) => hash));
};

function* batches<Row>(rows: readonly Row[]): Generator<Row[]> {
  for (let from = 0; from < rows.length; from += batchSize) yield rows.slice(from, from + batchSize);
}

const ofDocument = ({ organizationId, documentId }: Owner): SQL | undefined =>
  and(eq(documentChunks.organizationId, organizationId), eq(documentChunks.documentId, documentId));

const removeOthers = (owner: Owner, kept: readonly KeptChunk[]): Promise<unknown> =>
  database
    .delete(documentChunks)
    .where(and(ofDocument(owner), sql`not ${documentChunks.id} = any(${sql.param(kept.map(idOf))}::uuid[])`));

const column = (values: readonly unknown[], type: string) => sql`${sql.param(values)}::${sql.raw(type)}[]`;

/** Moved chunks first leave their places (below 0), so that none is in the way of another. */
const moveKept = async (owner: Owner, kept: readonly KeptChunk[]): Promise<void> => {
  if (kept.length === 0) return;
  const moved = kept.filter(({ chunk, current }) => chunk.position !== current.position).map(idOf);
  if (moved.length > 0)
    await database
      .update(documentChunks)
      .set({ position: sql`-1 - ${documentChunks.position}` })
      .where(and(ofDocument(owner), sql`${documentChunks.id} = any(${sql.param(moved)}::uuid[])`));
  const places = sql`unnest(
    ${column(kept.map(idOf), 'uuid')}, ${column(
      kept.map(({ chunk }) => chunk.position),
      'integer',
    )},
    ${column(
      kept.map(({ chunk }) => chunk.start),
      'integer',
    )}, ${column(
      kept.map(({ chunk }) => chunk.end),
      'integer',
    )},
    ${column(
      kept.map(({ chunk }) => chunk.page),
      'integer',
    )}
  ) as place (id, position, starts, ends, page)`;
  await database
    .update(documentChunks)
    .set({
      position: sql`place.position`,
      start: sql`place.starts`,
      end: sql`place.ends`,
      page: sql`place.page`,
    })
    .from(places)
    .where(and(ofDocument(owner), sql`${documentChunks.id} = place.id`));
};

/**
 * Locks the document if it is still this version and being read, and tells where it is now and what its vectors must be, which stays so until
 * the running transaction ends; null otherwise.
 */
export const stillWanted = async (organizationId: string, id: string, version: number): Promise<Owner | null> => {
  const [locked] = await database
    .select({
      version: documents.version,
      status: documents.status,
      workspaceId: documents.workspaceId,
      readers: documents.readers,
      title: documents.title,
    })
    .from(documents)
    .where(and(eq(documents.organizationId, organizationId), eq(documents.id, id)))
    .for('update');
  if (locked?.version !== version || locked.status !== 'PROCESSING') return null;
  const { workspaceId, readers, title } = locked;
  const rules = await vectorRules(organizationId, workspaceId, 'key share');
  return rules && { organizationId, workspaceId, readers, documentId: id, title, rules };
};
