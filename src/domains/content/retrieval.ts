import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { analyze } from '../../search/analysis.ts';
import {
  hybridSearch,
  searchSettings,
  searchSettingsOf,
  type Hit,
  type QueryVector,
} from '../../search/hybrid-search.ts';
import type { Work } from '../services.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import { embedded, embedderOf, modelFault, vectorKey } from './embedder.ts';
import { chunkFields } from './loaders.ts';
import { documentChunks, documents, searchTables, type DocumentChunkRow } from './tables.ts';
import { indexOf } from './vectors.ts';

/** A chunk that was found, as models are given it and answers cite it. */
export interface Passage extends Omit<Hit, 'bm25'> {
  readonly documentId: string;
  readonly documentVersion: number;
  readonly title: string;
  readonly text: string;
  /** Where the chunk begins in the document's text, in UTF-16 code units. */
  readonly start: number;
  /** Headings above it, outermost first. */
  readonly headings: readonly string[];
  /** Page or slide, counted from 1. */
  readonly page: number | null;
}

/** What is looked for and where. */
export interface Retrieval {
  readonly workspace: WorkspaceRow;
  readonly query: string;
  /** How many passages at most. */
  readonly first: number;
}

/** A hit with its chunk's row and what a citation needs of its document. */
export interface Found {
  readonly hit: Hit;
  readonly chunk: DocumentChunkRow;
  readonly title: string;
  readonly documentVersion: number;
}

/**
 * The best passages of a workspace for a query, best first; only what the unit's viewer sees is found or counted. What
 * neither holds a word of the query nor is near enough to it by its vector is no ground for an answer: feedback alone, which
 * widens a search, finds such passages too.
 */
export const retrieve = async (work: Work, retrieval: Retrieval): Promise<Passage[]> => {
  const found = await searchChunks(work, retrieval);
  const { similarityThreshold } = retrieval.workspace;
  const grounded = found.filter(({ hit }) => hit.bm25 > 0 || (hit.similarity ?? 0) >= similarityThreshold);
  return grounded.map(({ hit, chunk, title, documentVersion }) => ({
    chunkId: chunk.id,
    documentId: chunk.documentId,
    documentVersion,
    title,
    text: chunk.text,
    start: chunk.start,
    headings: chunk.headings,
    page: chunk.page,
    score: hit.score,
    similarity: hit.similarity,
    lexicalRank: hit.lexicalRank,
    vectorRank: hit.vectorRank,
  }));
};

/** Seconds for which the vectors of a model are kept that a workspace was searched with until now. */
export const graceSeconds = 60;

/** A search that took longer looks whether the vectors it was made with are still there. */
const patienceMs = (graceSeconds * 1000) / 2;

/**
 * The same with all there is to know of each hit. The query is embedded first, with no connection held, and compared with vectors of the same
 * model; one that cannot be called leaves the words to rank alone.
 */
export const searchChunks = async (work: Work, retrieval: Retrieval): Promise<Found[]> => {
  const { unit } = work;
  for (let { workspace } = retrieval; ;) {
    const began = performance.now();
    await unit.rest();
    const found = await foundIn(
      work,
      { ...retrieval, workspace },
      await queryVector(work, { ...retrieval, workspace }),
    );
    if (performance.now() - began < patienceMs) return found;
    const now = await workspaceById(unit).clear(workspace.id).load(workspace.id);
    if (now === null || vectorKey(now.embeddingModelId) === vectorKey(workspace.embeddingModelId)) return found;
    workspace = now;
  }
};

/** Longest time for the call of a model that a search waits for; it is made twice at most. */
const queryTimeoutMs = 10_000;

/** The query as a vector; null when it has none, or when the model cannot be called. */
const queryVector = async ({ unit, services }: Work, { workspace, query }: Retrieval): Promise<QueryVector | null> => {
  try {
    const embedder = await embedderOf(unit, services, workspace);
    const { id: workspaceId, language } = workspace;
    const texts = { workspaceId, targetId: null, texts: [query], language, timeoutMs: queryTimeoutMs };
    const [embedding = []] = await embedded(unit, embedder, texts);
    const { key: model, weight } = embedder;
    return embedding.some((value) => value !== 0) ? { model, embedding, weight } : null;
  } catch (error) {
    if (modelFault(error) === null) throw error;
    return null;
  }
};

const ivfflatSettings = searchSettingsOf('chunk_embeddings_ivfflat_index');

const foundIn = async (
  { unit }: Work,
  { workspace, query, first }: Retrieval,
  vector: QueryVector | null,
): Promise<Found[]> => {
  const index = indexOf(workspace);
  const statement = foundBy(
    hybridSearch(searchTables, {
      organizationId: unit.organizationId,
      workspaceIds: [workspace.id],
      terms: analyze(query, workspace.language).map(({ term }) => term),
      vector,
      first,
      minimumSimilarity: workspace.similarityThreshold,
      exact: workspace.vectorSearchMode === 'EXACT',
      index,
    }),
    unit.organizationId,
  );
  const settings = index === 'IVFFLAT' ? ivfflatSettings : searchSettings;
  return unit.run(async () => {
    // Both are sent at once on the same connection, the settings first.
    const [, rows] = await Promise.all([database.execute(settings), statement]);
    return rows;
  });
};

/** The hits of a search with their chunks and documents, in one statement. */
const foundBy = (hits: SQL, organizationId: string) =>
  database
    .select({
      hit: {
        chunkId: documentChunks.id,
        score: sql<number>`hit.score`,
        lexicalRank: sql<number | null>`hit."lexicalRank"`,
        vectorRank: sql<number | null>`hit."vectorRank"`,
        bm25: sql<number>`hit.bm25`,
        similarity: sql<number | null>`hit.similarity`,
      },
      chunk: chunkFields,
      title: documents.title,
      documentVersion: documents.version,
    })
    .from(sql`(${hits}) as hit`)
    .innerJoin(
      documentChunks,
      and(eq(documentChunks.organizationId, organizationId), sql`${documentChunks.id} = hit."chunkId"`),
    )
    .innerJoin(
      documents,
      and(eq(documents.organizationId, organizationId), eq(documents.id, documentChunks.documentId)),
    )
    .orderBy(sql`hit.score desc`, documentChunks.id);
