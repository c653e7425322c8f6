import { sql, type SQL } from 'drizzle-orm';
import type { SearchTables } from './tables.ts';

/** Saturation and length normalisation of BM25 (Robertson et al., TREC-3, 1994; the values most collections are reported with). */
const saturation = 1.2;
const lengthNormalisation = 0.75;

/**
 * Relevance feedback by RM3 (Lavrenko and Croft, SIGIR 2001; Abdul-Jaleel et al., TREC 2004): the ten likeliest terms of
 * the best five chunks, each chunk weighted by its score, share half of the weight. Ten terms and one half are the
 * defaults of Anserini (Yang, Fang and Lin, 2017).
 */
const feedbackChunks = 5;
const feedbackTerms = 10;
const originalWeight = 0.5;

/** Where to look: all of it bound to one organization, within workspaces and, if given, within documents. */
export interface Scope {
  readonly organizationId: string;
  readonly workspaceIds: readonly string[];
  readonly documentIds?: readonly string[] | undefined;
}

export const array = (values: readonly string[], type: 'text' | 'uuid'): SQL =>
  sql`${`{${values.map((value) => `"${value.replaceAll(/["\\]/gu, String.raw`\$&`)}"`).join(',')}}`}::${sql.raw(type)}[]`;

/**
 * Number and mean length of the chunks that the viewer sees. Never less than one chunk of one term, so that nothing is
 * divided by zero.
 */
const corpus = ({ documents }: SearchTables, { organizationId, workspaceIds }: Scope): SQL => sql`
  corpus as materialized (
    select greatest(chunks, 1) as chunks, greatest(terms / greatest(chunks, 1), 1) as mean_length
    from (
      select coalesce(sum(${documents.chunkCount}), 0)::float8 as chunks, coalesce(sum(${documents.termCount}), 0)::float8 as terms
      from ${documents}
      where ${documents.organizationId} = ${organizationId} and ${documents.workspaceId} = any(${array(workspaceIds, 'uuid')})
    ) as visible
  )`;

/** The chunks a document filter leaves. */
const allowed = ({ chunks }: SearchTables, { organizationId, documentIds }: Scope): SQL =>
  documentIds === undefined
    ? sql`true`
    : sql`chunk_id in (
      select ${chunks.id} from ${chunks}
      where ${chunks.organizationId} = ${organizationId} and ${chunks.documentId} = any(${array(documentIds, 'uuid')})
    )`;

/**
 * The postings of the terms in `terms(term)` that the viewer sees. One index scan for each workspace and term: the offset
 * keeps the planner from joining any other way, which it would now and then do for a rare estimate.
 */
const postingsOf = ({ postings }: SearchTables, { organizationId, workspaceIds }: Scope, terms: SQL): SQL => sql`
  select wanted.term, posting.chunk_id, posting.frequency, posting.term_count
  from ${terms} as wanted
  cross join unnest(${array(workspaceIds, 'uuid')}) as place (workspace_id)
  cross join lateral (
    select ${postings.chunkId} as chunk_id, ${postings.frequency}::float8 as frequency, ${postings.termCount}::float8 as term_count
    from ${postings}
    where ${postings.organizationId} = ${organizationId}
      and ${postings.workspaceId} = place.workspace_id and ${postings.term} = wanted.term
    offset 0
  ) as posting`;

/** What each posting of `found` adds to its chunk: IDF by the viewer's own counts, times the saturated frequency. */
const gains = (name: SQL, found: SQL): SQL => sql`
  ${name} as materialized (
    select term, chunk_id, gain * ln(1 + (greatest(chunks, df) - df + 0.5) / (df + 0.5)) as gain
    from (
      select term, chunk_id, chunks, count(*) over (partition by term) as df,
        frequency * ${sql.raw(String(saturation + 1))} / (frequency + ${sql.raw(String(saturation))}
          * (${sql.raw(String(1 - lengthNormalisation))} + ${sql.raw(String(lengthNormalisation))} * term_count / mean_length)) as gain
      from (${found}) as found cross join corpus
    ) as counted
  )`;

/**
 * Common table expressions that end in `lexical (chunk_id, score, bm25, rank)`: the best `depth` chunks by BM25 of the
 * query widened by feedback, with the plain BM25 of the query's own terms beside it. `terms` are the analysed query's,
 * repetitions included.
 */
export const lexicalCandidates = (tables: SearchTables, scope: Scope, terms: readonly string[], depth: number): SQL => {
  const { chunks } = tables;
  return sql`${corpus(tables, scope)},
  query as materialized (
    select term, count(*)::float8 as times, count(*)::float8 / sum(count(*)) over () as weight
    from unnest(${array(terms, 'text')}) as asked (term) group by term
  ),
  ${gains(sql`query_gains`, postingsOf(tables, scope, sql`query`))},
  first_pass as materialized (
    select chunk_id, sum(gain * times) as bm25
    from query_gains join query using (term)
    where ${allowed(tables, scope)}
    group by chunk_id
  ),
  relevant as materialized (
    select chunk_id, bm25 / sum(bm25) over () as weight
    from (select chunk_id, bm25 from first_pass order by bm25 desc, chunk_id limit ${feedbackChunks}) as best
  ),
  feedback as materialized (
    select term, sum(relevant.weight * frequency / ${chunks.termCount}) as weight
    from relevant
    join ${chunks} on ${chunks.organizationId} = ${scope.organizationId} and ${chunks.id} = relevant.chunk_id
    cross join lateral unnest(${chunks.terms}, ${chunks.frequencies}) as entry (term, frequency)
    group by term order by weight desc, term limit ${feedbackTerms}
  ),
  widened as materialized (
    select term, sum(weight) as weight from (
      select term, ${originalWeight}::float8 * weight as weight from query
      union all
      select term, ${1 - originalWeight}::float8 * weight / sum(weight) over () from feedback
    ) as parts group by term
  ),
  ${gains(sql`feedback_gains`, postingsOf(tables, scope, sql`(select term from feedback except all select term from query)`))},
  lexical as materialized (
    select chunk_id, score, coalesce(bm25, 0) as bm25, row_number() over (order by score desc, chunk_id) as rank
    from (
      select chunk_id, sum(gain * weight) as score
      from (select * from query_gains union all select * from feedback_gains) as all_gains join widened using (term)
      where ${allowed(tables, scope)}
      group by chunk_id order by score desc, chunk_id limit ${depth}
    ) as best left join first_pass using (chunk_id)
  )`;
};
