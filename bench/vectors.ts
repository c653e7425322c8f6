/**
 * Measures the vector side of search in tenants that share one approximate index: `npm run bench:vectors`, on a private Postgres;
 * `--vectors 20000` for a quick run. Recall is against a comparison with every vector. Nothing is asserted.
 */
import { cpus } from 'node:os';
import { parseArgs } from 'node:util';
import { sql } from 'drizzle-orm';
import postgres, { type Sql } from 'postgres';
import { startPostgres, type PostgresCluster } from '../scripts/postgres.ts';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import { database } from '../src/database/client.ts';
import { Pool } from '../src/database/pool.ts';
import { ledgerOn } from '../src/events/ledger.ts';
import { LocalBus } from '../src/events/local-bus.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { searchTables } from '../src/domains/content/tables.ts';
import { hybridSearch, searchSettings } from '../src/search/hybrid-search.ts';
import { cleanup } from './cleanup.ts';
import { clusteredVectors, recipe } from './clustered-vectors.ts';
import { markdownTable } from './markdown-table.ts';
import { mean, percentile, timed } from './statistics.ts';
import { model, writeTenants, type Tenant } from './vector-tenants.ts';

const queryCount = 200;
/** Queries before the first that counts. */
const warmUp = 20;
const depths = [10, 100] as const;
const sharedBuffers = '2GB';
const maintenanceMemory = '2GB';

type Query = readonly number[];

/** What is looked through: one workspace, perhaps some documents of it. */
interface Place {
  readonly name: string;
  /** Whether it is nearly all of a tenant's. */
  readonly whole: boolean;
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly documentIds?: readonly string[];
}

/** Gives the ids of the nearest chunks, best first. */
type Search = (query: Query, first: number) => Promise<readonly string[]>;

const textOf = (query: Query): string => `[${query.join(',')}]`;

const startCluster = async (released: AsyncDisposableStack): Promise<PostgresCluster> => {
  const cluster = await startPostgres();
  released.defer(() => cluster.stop());
  const superuser = postgres(cluster.superuserUrl, { max: 1 });
  await superuser.unsafe(`alter system set shared_buffers = '${sharedBuffers}'`);
  await superuser.end();
  await cluster.restart();
  return cluster;
};

/** Compares every vector of the place, or of all tenants. */
const nearestOf = (owner: Sql, place: Place | null): Search => {
  const within = place === null ? owner`true` : whereOf(owner, place);
  return (query, first) =>
    owner.begin(async (transaction) => {
      await transaction`set local enable_indexscan = off`;
      const rows = await transaction<{ id: string }[]>`
        select chunk_id as id from chunk_embeddings where ${within} order by embedding <=> ${textOf(query)}::vector limit ${first}`;
      return rows.map(({ id }) => id);
    });
};

const whereOf = (owner: Sql, { organizationId, workspaceId, documentIds }: Place) => {
  const ofDocuments = documentIds
    ? owner`and chunk_id in (select id from document_chunks where organization_id = ${organizationId} and document_id = any(${[...documentIds]}::uuid[]))`
    : owner``;
  return owner`organization_id = ${organizationId} and workspace_id = ${workspaceId} and model = ${model} ${ofDocuments}`;
};

/** The product's statement with a vector and no words, as the server's role under row security, sent as the server sends it. */
const searchOf = (pool: Pool, { organizationId, workspaceId, documentIds }: Place): Search => {
  const scope = { organizationId, userId: null, principals: [organizationId, workspaceId], workspaces: [workspaceId] };
  const ledger = ledgerOn(new LocalBus());
  const origin = { requestId: 'bench', address: null, userAgent: null };
  return async (embedding, first) => {
    const unit = new UnitOfWork(scope, { pool, ledger, origin });
    const vector = { model, embedding, weight: 1 };
    const documents = documentIds && sql`select unnest(${`{${documentIds.join(',')}}`}::uuid[])`;
    const where = { organizationId, workspaceIds: [workspaceId], documents };
    const statement = hybridSearch(searchTables, { ...where, terms: [], vector, first });
    const [, rows] = await unit.run(() => Promise.all([database.execute(searchSettings), database.execute(statement)]));
    await unit.rest();
    return rows.map(({ chunkId }) => String(chunkId));
  };
};

/** What an application without row security would write, with pgvector's defaults, by a role that sees everything. */
const plainOf = (owner: Sql, place: Place | null): Search => {
  const within = place === null ? owner`true` : whereOf(owner, place);
  return async (query, first) => {
    const rows = await owner<{ id: string }[]>`
      select chunk_id as id from chunk_embeddings where ${within} order by embedding <=> ${textOf(query)}::vector limit ${first}`;
    return rows.map(({ id }) => id);
  };
};

/** Recall, hits and times of a search, each query once after some that do not count. */
const rowOf = async (
  name: string,
  first: number,
  search: Search,
  queries: readonly Query[],
  truths: readonly (readonly string[])[],
): Promise<string[]> => {
  for (const query of queries.slice(0, warmUp)) await search(query, first);
  const runs: { recall: number; missing: number; ms: number }[] = [];
  for (const [at, query] of queries.entries()) {
    const { result, ms } = await timed(() => search(query, first));
    const wanted = new Set(truths[at]?.slice(0, first));
    const recall = wanted.size === 0 ? 1 : result.filter((id) => wanted.has(id)).length / wanted.size;
    runs.push({ recall, missing: wanted.size - result.length, ms });
  }
  const times = runs.map(({ ms }) => ms);
  return [
    name,
    String(first),
    mean(runs.map(({ recall }) => recall)).toFixed(3),
    Math.min(...runs.map(({ recall }) => recall)).toFixed(2),
    `${runs.filter(({ missing }) => missing > 0).length}`,
    `${Math.max(...runs.map(({ missing }) => missing))}`,
    percentile(times, 0.5).toFixed(1),
    percentile(times, 0.95).toFixed(1),
  ];
};

const placesOf = ({ share, organizationId, workspaceId, smallWorkspaceId, chosenDocumentIds }: Tenant): Place[] => {
  const tenant = `${share * 100} % tenant`;
  return [
    { name: tenant, whole: true, organizationId, workspaceId },
    {
      name: `${tenant}, 1 % of its documents`,
      whole: false,
      organizationId,
      workspaceId,
      documentIds: chosenDocumentIds,
    },
    { name: `${tenant}, workspace of 1 %`, whole: false, organizationId, workspaceId: smallWorkspaceId },
  ];
};

const measure = async (owner: Sql, pool: Pool, tenants: readonly Tenant[], queries: readonly Query[]) => {
  const rows: string[][] = [];
  const deepest = Math.max(...depths);
  const truthsOf = async (place: Place | null) => {
    const truths: (readonly string[])[] = [];
    for (const query of queries) truths.push(await nearestOf(owner, place)(query, deepest));
    return truths;
  };
  const everywhere = await truthsOf(null);
  for (const first of depths)
    rows.push(await rowOf('plain: all tenants', first, plainOf(owner, null), queries, everywhere));
  for (const place of tenants.flatMap(placesOf)) {
    const truths = await truthsOf(place);
    for (const first of depths) rows.push(await rowOf(place.name, first, searchOf(pool, place), queries, truths));
    // Within a filter or a small workspace the planner compares all for the plain query too.
    if (place.whole)
      for (const first of depths)
        rows.push(await rowOf(`plain: ${place.name}`, first, plainOf(owner, place), queries, truths));
  }
  return rows;
};

/** How near the neighbours of a query are: what tells whether the task is trivial or hopeless. */
const cosinesOf = async (owner: Sql, queries: readonly Query[]): Promise<string> => {
  const at = async (query: Query, rank: number) => {
    const [row] = await owner<{ cosine: number }[]>`
      select 1 - (embedding <=> ${textOf(query)}::vector) as cosine from chunk_embeddings order by 1 desc offset ${rank - 1} limit 1`;
    return row?.cosine ?? 0;
  };
  const total = Number((await owner<{ count: string }[]>`select count(*) from chunk_embeddings`)[0]?.count);
  const ranks = [1, 10, 100, Math.round(total / 2)];
  const sample = queries.slice(0, 10);
  const means: string[] = [];
  for (const rank of ranks) {
    const cosines: number[] = [];
    for (const query of sample) cosines.push(await at(query, rank));
    means.push(mean(cosines).toFixed(2));
  }
  return `mean cosine of the nearest, tenth, hundredth and median vector ${means.join(', ')}`;
};

const { values } = parseArgs({ options: { vectors: { type: 'string', default: '100000' } } });
const count = Number(values.vectors);
if (!Number.isInteger(count) || count < 1000) {
  process.stderr.write('Usage: npm run bench:vectors -- [--vectors <1000 or more>]\n');
  process.exit(2);
}
await using released = cleanup();
const cluster = await startCluster(released);
const fresh = await createTesseraDatabase(cluster.superuserUrl, 'vectors');
// Not prepared, as by most drivers' defaults: each plan knows its tenant.
const owner = postgres(fresh.ownerUrl, { max: 1, prepare: false, onnotice: () => undefined });
released.defer(() => owner.end({ timeout: 1 }));
await owner.unsafe(`set maintenance_work_mem = '${maintenanceMemory}'`);
const { tenants, indexMs } = await writeTenants(owner, count);
const pool = new Pool({
  url: fresh.url,
  role: 'tessera_server',
  size: 1,
  connectTimeoutMs: 10_000,
  acquireTimeoutMs: 10_000,
  statementTimeoutMs: 30_000,
  tls: 'off',
  prepare: true,
});
released.defer(() => pool.close());
const held = clusteredVectors(3);
const queries = Array.from({ length: queryCount }, () => [...held()]);
const cosines = await cosinesOf(owner, queries);
const rows = await measure(owner, pool, tenants.slice(0, 3), queries);
const [facts] = await owner<{ postgres: string; pgvector: string; heap: string; index: string }[]>`
  select current_setting('server_version') as postgres, (select extversion from pg_extension where extname = 'vector') as pgvector,
    pg_size_pretty(pg_table_size('chunk_embeddings')) as heap, pg_size_pretty(pg_relation_size('chunk_embeddings_hnsw_index')) as index`;
process.stdout.write(
  [
    `${count} vectors: ${recipe}; ${cosines}. ${queryCount} queries from the same source, one client, warm. PostgreSQL ${facts?.postgres}, ` +
      `pgvector ${facts?.pgvector}, shared_buffers ${sharedBuffers}, fsync off, ${cpus().length} processors, Node ${process.versions.node}.\n`,
    `Table ${facts?.heap}, HNSW index ${facts?.index}, built in ${(indexMs / 1000).toFixed(0)} s with maintenance_work_mem ${maintenanceMemory}.\n`,
    markdownTable(
      [
        'search',
        'hits wanted',
        'recall',
        'lowest recall',
        'queries with hits missing',
        'most missing',
        'p50 ms',
        'p95 ms',
      ],
      rows,
    ),
  ].join('\n'),
);
