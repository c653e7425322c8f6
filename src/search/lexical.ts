import { and, sql, type SQL, type SQLWrapper } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
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
export const originalWeight = 0.5;

/**
 * Where to look: all of it bound to one organization, within workspaces where the tables have them and, if given, within documents or outside
 * some.
 */
export interface Scope {
  readonly organizationId: string;
  readonly workspaceIds?: readonly string[] | undefined;
  /** A statement that selects the ids of the documents to look in; all when absent. */
  readonly documents?: SQL | undefined;
  /** Documents that are left out, few beside those that are looked in. */
  readonly excludedDocumentIds?: readonly string[] | undefined;
}

export const array = (values: readonly string[], type: 'text' | 'uuid'): SQL =>
  sql`${`{${values.map((value) => `"${value.replaceAll(/["\\]/gu, String.raw`\$&`)}"`).join(',')}}`}::${sql.raw(type)}[]`;

/** A condition behind others: that a row is in one of the workspaces looked in. Nothing for tables without workspaces. */
export const inWorkspaces = (workspaceId: PgColumn | undefined, { workspaceIds = [] }: Scope): SQL =>
  workspaceId === undefined ? sql`` : sql`and ${workspaceId} = any(${array(workspaceIds, 'uuid')})`;

/**
 * Number and mean length of the chunks that the viewer sees. Never less than one chunk of one term, so that nothing is
 * divided by zero.
 */
const corpus = ({ documents }: SearchTables, scope: Scope): SQL => sql`
  corpus as materialized (
    select greatest(chunks, 1) as chunks, greatest(terms / greatest(chunks, 1), 1) as mean_length
    from (
      select coalesce(sum(${documents.chunkCount}), 0)::float8 as chunks, coalesce(sum(${documents.termCount}), 0)::float8 as terms
      from ${documents}
      where ${documents.organizationId} = ${scope.organizationId} ${inWorkspaces(documents.workspaceId, scope)}
    ) as visible
  )`;

/**
 * `allowed (chunk_id)` and `excluded (chunk_id)`, as far as the scope needs them, with a comma behind. What is looked in is read once, so that
 * a filter is as cheap as the documents it leaves are few. Numbers of the whole corpus stay what they are: a filter changes no score.
 */
export const bounds = (
  { chunks, documentId }: SearchTables,
  { organizationId, documents, excludedDocumentIds = [] }: Scope,
): SQL => {
  const ofDocuments = (condition: SQL) => sql`
    select ${chunks.id} as chunk_id from ${chunks} where ${chunks.organizationId} = ${organizationId} and ${condition}`;
  const allowed = documents && sql`allowed as materialized (${ofDocuments(sql`${documentId} in (${documents})`)}),`;
  const excluded =
    excludedDocumentIds.length > 0 &&
    sql`excluded as materialized (${ofDocuments(sql`${documentId} = any(${array(excludedDocumentIds, 'uuid')})`)}),`;
  return sql`${allowed || sql``} ${excluded || sql``}`;
};

/** Whether a chunk is within the bounds. */
export const isWithin = (chunkId: SQLWrapper, { documents, excludedDocumentIds = [] }: Scope): SQL =>
  and(
    documents && sql`${chunkId} in (select chunk_id from allowed)`,
    excludedDocumentIds.length > 0 ? sql`${chunkId} not in (select chunk_id from excluded)` : undefined,
  ) ?? sql`true`;

const k1 = sql.raw(String(saturation));
const gained = sql.raw(String(saturation + 1));
const flat = sql.raw(String(1 - lengthNormalisation));
const sloped = sql.raw(String(lengthNormalisation));

/**
 * The postings that the viewer sees of `terms (number, term)`, each with its saturated frequency. One index-only scan for
 * each workspace and term: the offset keeps the planner from joining any other way, which a wrong estimate would tempt
 * it to.
 */
const postingsOf = ({ postings }: SearchTables, { organizationId, workspaceIds = [] }: Scope, terms: SQL): SQL => {
  const { workspaceId } = postings;
  const places = workspaceId && sql`cross join unnest(${array(workspaceIds, 'uuid')}) as place (workspace_id)`;
  const inPlace = workspaceId && sql`and ${workspaceId} = place.workspace_id`;
  return sql`
  select wanted.number, posting.chunk_id,
    posting.frequency * ${gained} / (posting.frequency + ${k1} * (${flat} + ${sloped} * posting.term_count / corpus.mean_length)) as gain
  from corpus cross join ${terms} as wanted
  ${places ?? sql``}
  cross join lateral (
    select ${postings.chunkId} as chunk_id, ${postings.frequency}::float8 as frequency, ${postings.termCount} as term_count
    from ${postings}
    where ${postings.organizationId} = ${organizationId}
      ${inPlace ?? sql``} and ${postings.term} = wanted.term
    offset 0
  ) as posting`;
};

/** `(number, idf)` by the counts of the postings found, never negative (the form of Lucene, which adds 1). */
const raritiesOf = (found: SQL): SQL => sql`
  select number, ln(1 + (greatest(chunks, df) - df + 0.5) / (df + 0.5)) as idf
  from (select number, count(*)::float8 as df from ${found} group by number) as counted cross join corpus`;

/** The terms that feedback adds, by number: those of the query keep theirs, so that no posting is read twice. */
const feedback = ({ chunks }: SearchTables, { organizationId }: Scope): SQL => sql`
  relevant as materialized (
    select chunk_id, bm25 / sum(bm25) over () as weight
    from (select chunk_id, bm25 from first_pass order by bm25 desc, chunk_id limit ${feedbackChunks}) as best
  ),
  likely as materialized (
    select entry.term, sum(relevant.weight * entry.frequency / ${chunks.termCount}) as weight
    from relevant
    join ${chunks} on ${chunks.organizationId} = ${organizationId} and ${chunks.id} = relevant.chunk_id
    cross join lateral unnest(${chunks.terms}, ${chunks.frequencies}) as entry (term, frequency)
    group by entry.term order by weight desc, term limit ${feedbackTerms}
  ),
  feedback as materialized (
    select coalesce(query.number, -row_number() over (order by likely.term)) as number, term,
      ${1 - originalWeight}::float8 * likely.weight / sum(likely.weight) over () as weight
    from likely left join query using (term)
  )`;

/**
 * Common table expressions that end in `first_pass (chunk_id, bm25)`, the plain BM25 of the query's own terms, and
 * `lexical (chunk_id, rank)`, the best `depth` chunks by BM25 of the query widened by feedback. `terms` are the analysed
 * query's, repetitions included. They stand behind `bounds`.
 */
export const lexicalCandidates = (
  tables: SearchTables,
  scope: Scope,
  terms: readonly string[],
  depth: number,
): SQL => sql`
  ${corpus(tables, scope)},
  query as materialized (
    select row_number() over () as number, term, count(*)::float8 as times, count(*)::float8 / sum(count(*)) over () as weight
    from unnest(${array(terms, 'text')}) as asked (term) group by term
  ),
  asked_gains as materialized (${postingsOf(tables, scope, sql`query`)}),
  asked_idf as materialized (${raritiesOf(sql`asked_gains`)}),
  first_pass as materialized (
    select chunk_id, sum(gain * idf * times) as bm25
    from asked_gains join asked_idf using (number) join query using (number)
    where ${isWithin(sql`chunk_id`, scope)}
    group by chunk_id
  ),
  ${feedback(tables, scope)},
  added_gains as materialized (${postingsOf(tables, scope, sql`(select number, term from feedback where number < 0)`)}),
  added_idf as materialized (${raritiesOf(sql`added_gains`)}),
  lexical as materialized (
    select chunk_id, row_number() over (order by score desc, chunk_id) as rank
    from (
      select chunk_id, sum(score) as score from (
        select chunk_id, bm25 * ${originalWeight}::float8 / ${Math.max(terms.length, 1)}::float8 as score from first_pass
        union all
        select chunk_id, gain * idf * weight from asked_gains join asked_idf using (number) join feedback using (number)
        union all
        select chunk_id, gain * idf * weight from added_gains join added_idf using (number) join feedback using (number)
      ) as parts
      where ${isWithin(sql`chunk_id`, scope)}
      group by chunk_id order by score desc, chunk_id limit ${depth}
    ) as best
  )`;
