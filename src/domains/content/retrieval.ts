import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { conditionOf } from '../../database/filter.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { analyze } from '../../search/analysis.ts';
import { termShares, type TermShare } from '../../search/explanation.ts';
import {
  hybridSearch,
  searchSettings,
  searchSettingsOf,
  type Hit,
  type HybridQuery,
  type QueryVector,
} from '../../search/hybrid-search.ts';
import type { Work } from '../services.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import { queryVector, vectorKey } from '../modelhub/embedder.ts';
import { chunkFields, documentFilters } from './loaders.ts';
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
  /** A filter of documents, as their list takes it; all are looked in when absent. */
  readonly filter?: unknown;
  /** Documents that are left out, such as those whose whole text is given to the model already. */
  readonly excludeDocumentIds?: readonly string[];
}

/** A hit with its chunk's row and what a citation needs of its document. */
export interface Found {
  readonly hit: Hit;
  readonly chunk: DocumentChunkRow;
  readonly title: string;
  readonly documentVersion: number;
}

/** Passages that were found, and the query's vector that found them; null without one. */
export interface Retrieved {
  readonly passages: readonly Passage[];
  readonly vector: QueryVector | null;
}

/** Whether a hit is a ground for an answer: it holds a word of the query, or is near enough to it by its vector. */
export const isGround = ({ bm25, similarity }: Hit, { similarityThreshold }: WorkspaceRow): boolean =>
  bm25 > 0 || (similarity ?? 0) >= similarityThreshold;

/**
 * The best passages of a workspace for a query, best first; only what the unit's viewer sees is found or counted. What
 * neither holds a word of the query nor is near enough to it by its vector is no ground for an answer: feedback alone, which
 * widens a search, finds such passages too.
 */
export const retrieveBy = async (work: Work, retrieval: Retrieval): Promise<Retrieved> => {
  const { asked, found } = await searchChunks(work, retrieval);
  const grounded = found.filter(({ hit }) => isGround(hit, retrieval.workspace));
  const passages = grounded.map(({ hit, chunk, title, documentVersion }) => ({
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
  return { passages, vector: asked.vector };
};

/** The passages alone. */
export const retrieve = async (work: Work, retrieval: Retrieval): Promise<readonly Passage[]> =>
  (await retrieveBy(work, retrieval)).passages;

/** What a search found, and what it asked for, by which it is explained. */
export interface Searched {
  readonly asked: HybridQuery;
  readonly found: readonly Found[];
}

/** Seconds for which the vectors of a model are kept that a workspace was searched with until now. */
export const graceSeconds = 60;

/** A search that took longer looks whether the vectors it was made with are still there. */
const patienceMs = (graceSeconds * 1000) / 2;

/**
 * The same with all there is to know of each hit. The query is embedded first, with no connection held, and compared with vectors of the same
 * model; one that cannot be called leaves the words to rank alone. Throws BadUserInput for a filter that is too large.
 */
export const searchChunks = async (work: Work, retrieval: Retrieval): Promise<Searched> => {
  const { unit } = work;
  const condition = conditionOf(documentFilters, retrieval.filter);
  for (let { workspace } = retrieval; ;) {
    const began = performance.now();
    await unit.rest();
    const { id: workspaceId, embeddingModelId: modelId, language } = workspace;
    const vector = await queryVector(work, { workspaceId, modelId, query: retrieval.query, language });
    const searched = await searchedIn(unit, { ...retrieval, workspace }, condition, vector);
    if (performance.now() - began < patienceMs) return searched;
    const now = await workspaceById(unit).clear(workspace.id).load(workspace.id);
    if (now === null || vectorKey(now.embeddingModelId) === vectorKey(workspace.embeddingModelId)) return searched;
    workspace = now;
  }
};

const ivfflatSettings = searchSettingsOf('chunk_embeddings_ivfflat_index');

const searchedIn = async (
  unit: UnitOfWork,
  { workspace, query, first, excludeDocumentIds }: Retrieval,
  condition: SQL | undefined,
  vector: QueryVector | null,
): Promise<Searched> => {
  const { organizationId } = unit;
  const index = indexOf(workspace);
  const asked: HybridQuery = {
    organizationId,
    workspaceIds: [workspace.id],
    documents: condition && documentsWhere(organizationId, workspace.id, condition),
    excludedDocumentIds: excludeDocumentIds,
    terms: analyze(query, workspace.language).map(({ term }) => term),
    vector,
    first,
    minimumSimilarity: workspace.similarityThreshold,
    exact: workspace.vectorSearchMode === 'EXACT',
    index,
  };
  const statement = foundBy(hybridSearch(searchTables, asked), organizationId);
  const settings = index === 'IVFFLAT' ? ivfflatSettings : searchSettings;
  const found = await unit.runUnder(settings, statement);
  return { asked, found };
};

const documentsWhere = (organizationId: string, workspaceId: string, condition: SQL): SQL => sql`
  select ${documents.id} from ${documents}
  where ${documents.organizationId} = ${organizationId} and ${documents.workspaceId} = ${workspaceId} and ${condition}`;

/** What each term adds to each hit of a search, by the hits' chunks, in one statement. */
export const explained = async (unit: UnitOfWork, { asked, found }: Searched): Promise<Map<string, TermShare[]>> => {
  const chunkIds = found.map(({ hit }) => hit.chunkId);
  if (chunkIds.length === 0) return new Map();
  const statement = database.execute<{ [Name in keyof TermShare]: TermShare[Name] }>(
    termShares(searchTables, asked, chunkIds),
  );
  const rows = await unit.runUnder(searchSettings, statement);
  return Map.groupBy(rows, ({ chunkId }) => chunkId);
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
