import { boolean, integer, smallint, text, uuid, vector } from 'drizzle-orm/pg-core';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { dimensions } from './hashing-embedding.ts';

type Columns<Name extends string> = PgTable & { readonly [Column in Name]: PgColumn };

/**
 * The tables of a domain that `hybridSearch` reads. Rows of all four are visible to the same viewers. Where they have no workspaces, all that the
 * viewer sees is one corpus; where vectors stand in one index, none says which.
 */
export interface SearchTables {
  /** What holds chunks, with the sums that BM25 needs. */
  readonly documents: Columns<'organizationId' | 'chunkCount' | 'termCount'> & Partial<Columns<'workspaceId'>>;
  readonly chunks: Columns<'organizationId' | 'id' | 'terms' | 'frequencies' | 'termCount'>;
  /** Of a chunk: what holds it. */
  readonly documentId: PgColumn;
  readonly postings: Columns<'organizationId' | 'term' | 'chunkId' | 'frequency' | 'termCount'> &
    Partial<Columns<'workspaceId'>>;
  readonly embeddings: Columns<'organizationId' | 'chunkId' | 'model' | 'embedding' | 'enabled'> &
    Partial<Columns<'workspaceId' | 'indexedBy'>>;
}

/** What a table of documents carries for the statistics: sums over its chunks. */
export const documentColumns = () => ({
  chunkCount: integer().notNull().default(0),
  /** Terms of all chunks, repetitions counted. */
  termCount: integer().notNull().default(0),
});

/** What a table of chunks carries for the lexical side: its distinct terms and, beside each, how often it occurs. */
export const chunkColumns = () => ({
  terms: text().array().notNull(),
  frequencies: smallint().array().notNull(),
  /** Sum of the frequencies. */
  termCount: integer().notNull(),
  /** A disabled chunk is not found; triggers take its postings away and mark its vectors. */
  enabled: boolean().notNull().default(true),
});

/** The approximate indexes there are; a vector stands in one of them. */
export const vectorIndexes = ['HNSW', 'IVFFLAT'] as const;
export type VectorIndex = (typeof vectorIndexes)[number];

/**
 * One row for each distinct term of a chunk, kept by the trigger of `postingsTrigger`, with `organization_id` and without an
 * id: `postingKey` is its key.
 */
export const postingColumns = () => ({
  workspaceId: uuid().notNull(),
  readers: uuid().array(),
  term: text().notNull(),
  chunkId: uuid().notNull(),
  frequency: smallint().notNull(),
  /** Terms of the chunk, repetitions counted; repeated here so that scoring reads no other table. */
  termCount: integer().notNull(),
});

/**
 * One row for each chunk and model, so that two models can stand side by side while chunks are embedded anew; key
 * (organization_id, chunk_id, model), indexes (organization_id, workspace_id, indexed_by, model), and by cosine HNSW and IVFFlat, each over the rows it is named in. `embeddingStorage`
 * belongs to it.
 */
export const embeddingColumns = () => ({
  workspaceId: uuid().notNull(),
  readers: uuid().array(),
  chunkId: uuid().notNull(),
  model: text().notNull(),
  /** Unit length. */
  embedding: vector({ dimensions }).notNull(),
  /** As the chunk's, kept by a trigger. */
  enabled: boolean().notNull().default(true),
  /** Which of the two indexes, each over its own rows, holds the vector. */
  indexedBy: text({ enum: vectorIndexes }).notNull().default('HNSW'),
});
