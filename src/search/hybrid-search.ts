import { sql, type SQL } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { bounds, inWorkspaces, isWithin, lexicalCandidates, type Scope } from './lexical.ts';
import type { SearchTables, VectorIndex } from './tables.ts';

/** A query as a vector, and how much its ranking counts beside the lexical one's, which counts 1. */
export interface QueryVector {
  readonly model: string;
  readonly embedding: readonly number[];
  readonly weight: number;
}

/** The model-free embedding sees little that BM25 does not: a fifth of a vote. */
export const hashingWeight = 0.2;
/** A trained model's ranking counts as much as the lexical one's, as in the paper on reciprocal rank fusion. */
export const modelWeight = 1;

export interface HybridQuery extends Scope {
  /** Terms of the analysed query, repetitions included. */
  readonly terms: readonly string[];
  /** Null when there is no vector, or one of zeros; then BM25 ranks alone. */
  readonly vector: QueryVector | null;
  /** How many hits to return, best first. */
  readonly first: number;
  /** Cosine below which a chunk is no vector candidate; lexical candidates stay. */
  readonly minimumSimilarity?: number | undefined;
  /** Compares every vector however many there are; the approximate index is left out. */
  readonly exact?: boolean | undefined;
  /** The approximate index to ask; HNSW when absent. As long as a vector stands in the other one, all are compared. */
  readonly index?: VectorIndex | undefined;
}

/** A hit with the reasons for its place. */
export interface Hit {
  readonly chunkId: string;
  /** Weighted reciprocal ranks, as a share of what first place on every side would give: above 0, at most 1. */
  readonly score: number;
  /** Place among the lexical candidates, from 1; null when it is none. */
  readonly lexicalRank: number | null;
  /** Place among the vector candidates, from 1; null when it is none. */
  readonly vectorRank: number | null;
  /** BM25 of the query's own terms, without feedback; 0 when the chunk holds none of them. */
  readonly bm25: number;
  /** Cosine of query and chunk; null when there is no query vector or the chunk has none of that model. */
  readonly similarity: number | null;
}

/** Damping of reciprocal rank fusion (Cormack, Clarke and Büttcher, SIGIR 2009). */
export const damping = 60;

/** Candidates from each side, more when more hits are wanted. */
const candidates = 100;

/** Up to so many visible chunks, or chunks that a filter leaves, every vector is compared, which is exact; beyond, the approximate index is asked. */
const exactScanChunks = 5_000;

/**
 * Sent before `hybridSearch` in the same transaction; what each is worth stands in `docs/retrieval.md`. Iterative scans keep the
 * tenant's filter from starving the approximate index of results; their order need not be exact, since hits are sorted
 * afterwards, and an exact one would drop what a later round finds nearer. The index's list is as long as the candidates
 * wanted. A plan made once for all tenants would compare every vector of a large one. The index's estimated cost passes the threshold
 * of the just-in-time compiler, which would take longer than the search.
 */
export const searchSettings = sql.raw(`do $$ begin
  set local hnsw.iterative_scan = 'relaxed_order';
  set local hnsw.ef_search = ${candidates};
  set local plan_cache_mode = force_custom_plan;
  set local jit = off;
end $$`);

/** Lists that are looked through at first, however few there are: of 24,000 vectors in 24 lists it found 0.94 of the twenty nearest. */
const leastProbes = 6;

/**
 * The same for a search that asks an IVFFlat index, by its name: at first a tenth of its lists is looked through (pgvector's README), then further ones
 * until there are as many candidates as wanted.
 */
export const searchSettingsOf = (ivfflatIndex: string): SQL =>
  sql.raw(`do $$ begin
  set local ivfflat.iterative_scan = 'relaxed_order';
  execute format('set local ivfflat.probes = %s', (
    select greatest(${leastProbes}, option_value::integer / 10)
    from pg_class, pg_options_to_table(reloptions) where oid = '${ivfflatIndex}'::regclass and option_name = 'lists'
  ));
  set local plan_cache_mode = force_custom_plan;
  set local jit = off;
end $$`);

/** Bound once, since it is long. */
const aim = ({ embedding }: QueryVector): SQL =>
  sql`aim as materialized (select ${`[${embedding.join(',')}]`}::vector as embedding)`;
const distanceTo = ({ embeddings }: SearchTables): SQL => sql`${embeddings.embedding} <=> (select embedding from aim)`;

/** Written out, so that the planner sees which of the partial indexes it means. */
const indexedIn = (indexedBy: PgColumn, index: VectorIndex): SQL => sql`${indexedBy} = ${sql.raw(`'${index}'`)}`;

const comparesAll = ({ exact = false, documents }: HybridQuery): SQL => {
  const few = documents === undefined ? sql`` : sql` or (select count(*) <= ${exactScanChunks} from allowed)`;
  return sql`(${exact}::boolean or (select chunks <= ${exactScanChunks} from corpus)${few} or (select found from astray))`;
};

/**
 * Both ways stand in the statement, each under a one-time condition. The index is asked where the corpus is large; it gives
 * up after `hnsw.max_scan_tuples` entries, most of them other tenants' or outside the filter, and then may have found too
 * few: every vector is compared after all. The same while vectors are being moved from one index to the other.
 */
const vectorCandidates = (tables: SearchTables, query: HybridQuery, vector: QueryVector, depth: number): SQL => {
  const { embeddings } = tables;
  const distance = distanceTo(tables);
  const visible = sql`
    select ${embeddings.chunkId} as chunk_id, ${distance} as distance from ${embeddings}
    where ${embeddings.organizationId} = ${query.organizationId}
      ${inWorkspaces(embeddings.workspaceId, query)} and ${embeddings.model} = ${vector.model} and ${embeddings.enabled}
      and ${isWithin(embeddings.chunkId, query)}`;
  const index = query.index ?? 'HNSW';
  const { indexedBy } = embeddings;
  const elsewhere = indexedBy && indexedIn(indexedBy, index === 'HNSW' ? 'IVFFLAT' : 'HNSW');
  const astray = elsewhere === undefined ? sql`false` : sql`exists (${visible} and ${elsewhere})`;
  const here = indexedBy === undefined ? sql`` : sql` and ${indexedIn(indexedBy, index)}`;
  return sql`${aim(vector)},
  astray as materialized (select ${astray} as found),
  nearest as materialized (${visible}${here} and not ${comparesAll(query)} order by ${distance} limit ${depth}),
  found as materialized (select count(*) = ${depth} as enough from nearest),
  compared as materialized (${visible} and not (select enough from found)),
  semantic as materialized (
    select chunk_id, row_number() over (order by distance, chunk_id) as rank
    from (
      select * from (select * from compared union all select * from nearest where (select enough from found)) as either
      where distance <= 1 - ${query.minimumSimilarity ?? -1}::float8
      order by distance, chunk_id limit ${depth}
    ) as near
  )`;
};

const noVectorCandidates = sql`semantic as (select null::uuid as chunk_id, null::bigint as rank where false)`;

const similarity = (tables: SearchTables, query: HybridQuery, vector: QueryVector): SQL => {
  const { embeddings } = tables;
  return sql`(
    select 1 - (${distanceTo(tables)}) from ${embeddings}
    where ${embeddings.organizationId} = ${query.organizationId} and ${embeddings.chunkId} = best.chunk_id and ${embeddings.model} = ${vector.model}
  )`;
};

/**
 * One statement for a whole search: the best chunks by BM25 with feedback and by cosine, fused by weighted reciprocal
 * rank; its rows are `Hit`s, best first. Row security decides what is found and also what is counted, so that no number
 * depends on a chunk the viewer may not see. `searchSettings` go before it.
 */
export const hybridSearch = (tables: SearchTables, query: HybridQuery): SQL => {
  const { vector, first } = query;
  const depth = Math.max(candidates, first);
  const weight = vector?.weight ?? 0;
  return sql`with ${bounds(tables, query)} ${lexicalCandidates(tables, query, query.terms, depth)},
  ${vector === null ? noVectorCandidates : vectorCandidates(tables, query, vector, depth)},
  best as (
    select chunk_id, max(lexical_rank) as lexical_rank, max(vector_rank) as vector_rank,
      least(sum(share) * ${(damping + 1) / (1 + weight)}::float8, 1) as score
    from (
      select chunk_id, rank as lexical_rank, null::bigint as vector_rank, 1 / (${damping}::float8 + rank) as share from lexical
      union all
      select chunk_id, null, rank, ${weight}::float8 / (${damping}::float8 + rank) from semantic
    ) as votes
    group by chunk_id order by score desc, chunk_id limit ${first}
  )
  select best.chunk_id as "chunkId", best.score, best.lexical_rank::integer as "lexicalRank", best.vector_rank::integer as "vectorRank",
    coalesce(first_pass.bm25, 0) as "bm25", ${vector === null ? sql`null::float8` : similarity(tables, query, vector)} as "similarity"
  from best left join first_pass using (chunk_id)
  order by best.score desc, best.chunk_id`;
};
