/**
 * Compares two lexical indexes on a real Postgres: postings, as the product keeps them, and BM25 weights in pgvector's
 * `sparsevec` with the IDF on the query's side. Usage: `node bench/lexical.ts <url of a scratch database, as a superuser>
 * <docs.jsonl> <queries.jsonl>`; each line of the files is `{ id, title, text }`. Drops and creates the schema
 * `search_test`. Prints one JSON line for each figure.
 */
import { readFileSync } from 'node:fs';
import { sql, type SQL } from 'drizzle-orm';
import { drizzle, type PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import postgres from 'postgres';
import { v7 } from 'uuid';
import { analyze } from '../src/search/analysis.ts';
import { chunkTerms } from '../src/search/chunk-terms.ts';
import { hybridSearch } from '../src/search/hybrid-search.ts';
import { searchSchema, searchTables } from '../test/search-schema.ts';

interface Line {
  readonly title?: string;
  readonly text: string;
}

const [url = '', documentsFile = '', queriesFile = ''] = process.argv.slice(2);
const linesOf = (file: string): Line[] =>
  readFileSync(file, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);

const documents = linesOf(documentsFile);
const queries = linesOf(queriesFile).map(({ text }) => analyze(text, 'en').map(({ term }) => term));
const client = postgres(url, { max: 1, onnotice: () => undefined });
const database = drizzle(client, { casing: 'snake_case' });

const say = (figure: string, value: number | string) => process.stdout.write(`${JSON.stringify({ figure, value })}\n`);
const timed = async (work: () => Promise<unknown>): Promise<number> => {
  const started = performance.now();
  await work();
  return performance.now() - started;
};

/** Tenants by the number of copies of the documents that their one workspace holds; about 50,000 chunks with Cranfield. */
const tenants = [20, 4, 4, 4, 4].map((copies) => ({ copies, organizationId: v7(), workspaceId: v7() }));

let state = 7;
const random = () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
/** A fifth of the words goes at random, so that copies are no duplicates. */
const thinned = (text: string) =>
  text
    .split(' ')
    .filter(() => random() > 0.2)
    .join(' ');

const writeTenant = async ({ copies, organizationId, workspaceId }: (typeof tenants)[number]) => {
  for (let copy = 0; copy < copies; copy++) {
    const rows = documents.map(({ title = '', text }, position) => {
      const content = thinned(`${title}\n${text}`);
      const place = { organizationId, workspaceId, readers: null };
      return { ...place, id: v7(), documentId: v7(), position, content, ...chunkTerms(content, 'en') };
    });
    for (let from = 0; from < rows.length; from += 500)
      await database.insert(searchTables.chunks).values(rows.slice(from, from + 500));
    await database.insert(searchTables.documents).values(
      rows.map(({ documentId, termCount }) => ({
        organizationId,
        workspaceId,
        id: documentId,
        chunkCount: 1,
        termCount,
      })),
    );
  }
};

const sparseSchema = [
  `create table search_sparse (organization_id uuid not null, workspace_id uuid not null, readers uuid[], chunk_id uuid not null,
    weights sparsevec(536870912) not null, primary key (organization_id, chunk_id))`,
  `create index on search_sparse (organization_id, workspace_id)`,
  `create table search_terms (organization_id uuid not null, workspace_id uuid not null, term text not null, df integer not null,
    primary key (organization_id, workspace_id, term))`,
  ...['search_sparse', 'search_terms'].flatMap((name) => [
    `alter table ${name} enable row level security`,
    `alter table ${name} force row level security`,
    `create policy granted on ${name} using (organization_id = nullif(current_setting('app.organization_id', true), '')::uuid
      and search_app_sees(workspace_id)${name === 'search_sparse' ? ' and (readers is null or readers && search_app_principals())' : ''})`,
    `grant select on ${name} to search_reader`,
  ]),
];

const fillPostings = `insert into search_postings (organization_id, workspace_id, readers, term, chunk_id, frequency, term_count)
  select organization_id, workspace_id, readers, entry.term, id, entry.frequency, term_count
  from search_chunks cross join lateral unnest(terms, frequencies) as entry (term, frequency)`;

const dimension = `(hashtext(term) & 536870911) + 1`;

const fillSparse = `insert into search_sparse
  select c.organization_id, c.workspace_id, c.readers, c.id, (
    select '{' || string_agg(dimension || ':' || weight, ',') || '}/536870912' from (
      select ${dimension} as dimension, sum(frequency * 2.2 / (frequency + 1.2 * (0.25 + 0.75 * c.term_count / mean)))::float4 as weight
      from unnest(c.terms, c.frequencies) as entry (term, frequency) group by 1) as weights)::sparsevec
  from search_chunks as c join (select organization_id, avg(term_count) as mean from search_chunks group by 1) as means using (organization_id)
  where c.term_count > 0`;

const fillTerms = `insert into search_terms select organization_id, workspace_id, term, count(*) from search_postings group by 1, 2, 3`;

/** The same ranking as the postings give, by two passes over the weights; counts come from a table all members share. */
const sparseSearch = (organizationId: string, workspaceId: string, terms: readonly string[]): SQL => {
  const vectorOf = (weights: SQL) => sql`
    select ('{' || string_agg(dimension || ':' || weight, ',') || '}/536870912')::sparsevec as vector from (
      select ${sql.raw(dimension)} as dimension, sum(weight * ln(1 + (chunks - df + 0.5) / (df + 0.5)))::float4 as weight
      from ${weights} as weights join search_terms using (term) cross join corpus
      where organization_id = ${organizationId} and workspace_id = ${workspaceId} group by 1) as dimensions`;
  const best = (vector: SQL, limit: number) => sql`
    select chunk_id, -(weights <#> (select vector from ${vector})) as score from search_sparse
    where organization_id = ${organizationId} and workspace_id = ${workspaceId}
    order by weights <#> (select vector from ${vector}) limit ${limit}`;
  return sql`with corpus as materialized (
      select sum(chunk_count)::float8 as chunks from search_documents where organization_id = ${organizationId} and workspace_id = ${workspaceId}),
    query as materialized (select term, count(*)::float8 / sum(count(*)) over () as weight from unnest(${sql.param(`{${terms.map((term) => JSON.stringify(term)).join(',')}}`)}::text[]) as asked (term) group by term),
    first_vector as materialized (${vectorOf(sql`query`)}),
    relevant as materialized (select chunk_id, score / sum(score) over () as weight from (${best(sql`first_vector`, 5)}) as best),
    feedback as materialized (
      select term, sum(weight * frequency / term_count) as weight from relevant
      join search_chunks on organization_id = ${organizationId} and id = chunk_id
      cross join lateral unnest(terms, frequencies) as entry (term, frequency) group by term order by 2 desc, 1 limit 10),
    widened as materialized (
      select term, sum(weight) as weight from (select term, 0.5 * weight as weight from query
        union all select term, 0.5 * weight / sum(weight) over () from feedback) as parts group by term),
    second_vector as materialized (${vectorOf(sql`widened`)})
    select chunk_id as "chunkId", score from (${best(sql`second_vector`, 100)}) as best order by score desc, chunk_id limit 10`;
};

type Statement = (terms: readonly string[]) => SQL;

const viewedBy = <Result>(
  organizationId: string,
  work: (unit: PostgresJsDatabase) => Promise<Result>,
): Promise<Result> =>
  database.transaction(async (unit) => {
    for (const line of [
      `set local role search_reader`,
      `set local app.organization_id = '${organizationId}'`,
      `set local app.workspaces = '*'`,
      `set local hnsw.iterative_scan = 'strict_order'`,
    ])
      await unit.execute(sql.raw(line));
    return work(unit);
  });

/** Median and 95th percentile of one run over all queries, after a warm-up of 20. */
const measure = async (figure: string, organizationId: string, statement: Statement) => {
  const times: number[] = [];
  const tops: string[][] = [];
  await viewedBy(organizationId, async (unit) => {
    for (const terms of queries.slice(0, 20)) await unit.execute(statement(terms));
    for (const terms of queries)
      times.push(
        await timed(async () => {
          const rows: Iterable<Record<string, unknown>> = await unit.execute(statement(terms));
          tops.push(Array.from(rows, (row) => String(row['chunkId'])));
        }),
      );
  });
  times.sort((left, right) => left - right);
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(1);
  say(`${figure}, ms p50 / p95`, `${at(0.5)} / ${at(0.95)}`);
  return tops;
};

const sizeOf = async (table: string) => {
  const [row] = await client<[{ heap: string; indexes: string }]>`
    select pg_size_pretty(pg_table_size(${table}::regclass)) as heap, pg_size_pretty(pg_indexes_size(${table}::regclass)) as indexes`;
  say(`${table}, table + indexes`, `${row.heap} + ${row.indexes}`);
};

await client.unsafe(
  'drop schema if exists search_test cascade; create schema search_test; set search_path to search_test, public',
);
for (const statement of [...searchSchema, ...sparseSchema]) await client.unsafe(statement);
await client.unsafe('alter table search_chunks disable trigger user');
for (const tenant of tenants) await writeTenant(tenant);
say('chunks', tenants.reduce((sum, { copies }) => sum + copies, 0) * documents.length);
say('fill postings, ms', Math.round(await timed(() => client.unsafe(fillPostings))));
await client.unsafe(fillTerms);
say('fill sparsevec, ms', Math.round(await timed(() => client.unsafe(fillSparse))));
await client.unsafe('analyze');
await client.unsafe('vacuum analyze search_postings');
await sizeOf('search_postings');
await sizeOf('search_sparse');

const runs = tenants.slice(0, 2).map(({ copies, organizationId, workspaceId }) => {
  const size = `${copies * documents.length} chunks`;
  const scope = { organizationId, workspaceIds: [workspaceId] };
  const byPostings: Statement = (terms) => hybridSearch(searchTables, { ...scope, terms, vector: null, first: 10 });
  const bySparse: Statement = (terms) => sparseSearch(organizationId, workspaceId, terms);
  return { size, organizationId, byPostings, bySparse };
});
const overlap = (left: string[][], right: string[][]) =>
  left.reduce((sum, ids, at) => sum + ids.filter((id) => right[at]?.includes(id)).length / 10, 0) / left.length;

for (const { size, organizationId, byPostings, bySparse } of runs) {
  const exact = await measure(`${size}, postings`, organizationId, byPostings);
  const sparse = await measure(`${size}, sparsevec without index`, organizationId, bySparse);
  say(`${size}, share of the first ten in common`, overlap(exact, sparse).toFixed(3));
}
const build = await timed(() => client.unsafe('create index on search_sparse using hnsw (weights sparsevec_ip_ops)'));
say('build HNSW on sparsevec, ms', Math.round(build));
await sizeOf('search_sparse');
for (const { size, organizationId, byPostings, bySparse } of runs) {
  const exact = await measure(`${size}, postings again`, organizationId, byPostings);
  const sparse = await measure(`${size}, sparsevec with HNSW`, organizationId, bySparse);
  say(`${size}, share of the first ten in common`, overlap(exact, sparse).toFixed(3));
}
await client.end();
