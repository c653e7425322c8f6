import { sql, type SQL } from 'drizzle-orm';
import type { HybridQuery } from './hybrid-search.ts';
import { array, bounds, inWorkspaces, lexicalCandidates } from './lexical.ts';
import type { SearchTables } from './tables.ts';

/** What one term adds to one chunk's rank by words. */
export interface TermShare {
  readonly chunkId: string;
  /** QUERY: the parts of the hit's `bm25`. FEEDBACK: what the likeliest terms of the best chunks add, those of the query among them. */
  readonly origin: 'QUERY' | 'FEEDBACK';
  readonly term: string;
  /** How rare it is among the chunks that the viewer sees. */
  readonly idf: number;
  /** How often the chunk holds it. */
  readonly frequency: number;
  /** How often the query holds it, or its weight by feedback, of which all together are one half. */
  readonly weight: number;
  /** Saturated frequency × idf × weight. */
  readonly contribution: number;
}

/**
 * One statement for all hits of a search: its rows are `TermShare`s, largest first within each chunk and origin. The numbers are those of
 * `hybridSearch` with the same query, as far as nothing was written in between; `searchSettings` go before it.
 */
export const termShares = (tables: SearchTables, query: HybridQuery, chunkIds: readonly string[]): SQL => {
  const { postings } = tables;
  const hits = array(chunkIds, 'uuid');
  const shares = (origin: TermShare['origin'], gains: SQL, idf: SQL, terms: SQL, weight: SQL) => sql`
    select ${sql.raw(`'${origin}'`)} as origin, chunk_id, term, idf, ${weight} as weight, gain * idf * ${weight} as contribution
    from ${gains} join ${idf} using (number) join ${terms} using (number) where chunk_id = any(${hits})`;
  return sql`with ${bounds(tables, query)} ${lexicalCandidates(tables, query, query.terms, query.first)},
  shares as materialized (
    ${shares('QUERY', sql`asked_gains`, sql`asked_idf`, sql`query`, sql`times`)}
    union all ${shares('FEEDBACK', sql`asked_gains`, sql`asked_idf`, sql`feedback`, sql`weight`)}
    union all ${shares('FEEDBACK', sql`added_gains`, sql`added_idf`, sql`feedback`, sql`weight`)}
  )
  select shares.chunk_id as "chunkId", shares.origin, shares.term, shares.idf, ${postings.frequency}::integer as frequency, shares.weight, shares.contribution
  from shares
  join ${postings} on ${postings.organizationId} = ${query.organizationId} ${inWorkspaces(postings.workspaceId, query)}
    and ${postings.term} = shares.term and ${postings.chunkId} = shares.chunk_id
  order by shares.chunk_id, shares.origin desc, shares.contribution desc, shares.term`;
};
