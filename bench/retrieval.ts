/**
 * Measures search on a test collection, through the API of a server started for it: `npm run bench:retrieval -- <folder>`, on a
 * private Postgres or with `--embedded` on the embedded database. Nothing is asserted; a faulty collection exits with 2.
 */
import { cpus } from 'node:os';
import { setTimeout as sleep } from 'node:timers/promises';
import { parseArgs } from 'node:util';
import pLimit from 'p-limit';
import { startPostgres } from '../scripts/postgres.ts';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import { dataDirectory, startTessera, testEncryptionKey } from '../scripts/tessera-process.ts';
import { cleanup } from './cleanup.ts';
import { GraphqlClient } from './graphql-client.ts';
import { markdownTable } from './markdown-table.ts';
import { ndcg, recall, reciprocalRank, type Judgements } from './ranking-metrics.ts';
import { mean, percentile, timed } from './statistics.ts';
import {
  FaultyCollection,
  readTestCollection,
  type CollectionDocument,
  type TestCollection,
} from './test-collection.ts';

/** Requests under way while documents are added. */
const parallelMutations = 8;
/** What a person asks for, and what is timed. */
const page = 10;
/** The most that one search gives; the API has no further pages. */
const mostHits = 50;
/** Searches before the first that counts. */
const warmUp = 20;

interface Hit {
  readonly node: { readonly document: { readonly id: string } };
}

const searchQuery = `query ($workspaceId: ID!, $query: String!, $first: Int!) {
  search(workspaceId: $workspaceId, query: $query, first: $first) { edges { node { document { id } } } }
}`;

const refuse = (error: unknown): never => {
  if (!(error instanceof FaultyCollection)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exit(2);
};

/** Rate limits are off, since one person sends thousands of requests. */
const startServer = async (released: AsyncDisposableStack, embedded: boolean): Promise<GraphqlClient> => {
  const data = await dataDirectory();
  released.defer(data.remove);
  const environment: Record<string, string> = {
    NODE_ENV: 'production',
    ENCRYPTION_KEYS: testEncryptionKey,
    TESSERA_DATA_DIR: data.path,
    RATE_LIMIT: 'off',
    LOG_LEVEL: 'warn',
  };
  if (!embedded) {
    const cluster = await startPostgres();
    released.defer(() => cluster.stop());
    environment['DATABASE_URL'] = (await createTesseraDatabase(cluster.superuserUrl, 'retrieval')).url;
  }
  const server = await startTessera(environment);
  released.defer(async () => void (await server.stop()));
  return new GraphqlClient(server.url);
};

/** One workspace for each language, because a workspace has one. */
const createWorkspaces = async (client: GraphqlClient, { documents }: TestCollection): Promise<Map<string, string>> => {
  const workspaces = new Map<string, string>();
  for (const language of new Set(documents.map((document) => document.language))) {
    const { createWorkspace } = await client.ask<{ createWorkspace: { workspace: { id: string } } }>(
      'mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id } } }',
      { input: { name: `Collection ${language}`, language } },
    );
    workspaces.set(language, createWorkspace.workspace.id);
  }
  return workspaces;
};

const isEmpty = ({ title, text }: CollectionDocument) => title.trim() === '' && text.trim() === '';

/** Adds all documents that hold anything, and gives the collection's ids by Tessera's. A title or text that is missing gets a stand-in without new words. */
const addDocuments = async (
  client: GraphqlClient,
  documents: readonly CollectionDocument[],
  workspaces: ReadonlyMap<string, string>,
): Promise<Map<string, string>> => {
  const limit = pLimit(parallelMutations);
  const added = documents.map(({ id, language, title, text }) =>
    limit(async (): Promise<[string, string]> => {
      const input = { workspaceId: workspaces.get(language), title: title.trim() || '–', text: text.trim() || title };
      const { addDocument } = await client.ask<{ addDocument: { document: { id: string } } }>(
        'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
        { input },
      );
      return [addDocument.document.id, id];
    }),
  );
  const ids = new Map(await Promise.all(added));
  for (const workspaceId of workspaces.values()) await allReady(client, workspaceId);
  return ids;
};

const allReady = async (client: GraphqlClient, workspaceId: string): Promise<void> => {
  const count = async (statuses: readonly string[]) => {
    const { workspace } = await client.ask<{ workspace: { documents: { totalCount: number } } }>(
      `query ($workspaceId: ID!, $statuses: [DocumentStatus!]) {
        workspace(id: $workspaceId) { documents(first: 1, filter: { status: { in: $statuses } }) { totalCount } }
      }`,
      { workspaceId, statuses },
    );
    return workspace.documents.totalCount;
  };
  while ((await count(['PENDING', 'PROCESSING'])) > 0) await sleep(250);
  const failed = await count(['FAILED']);
  if (failed > 0) throw new Error(`${failed} documents could not be read.`);
};

interface Searched {
  readonly judgements: Judgements;
  readonly hits: readonly Hit[];
  /** Of the request for the first page, in milliseconds. */
  readonly ms: number;
}

/** Asks every judged query for a page, and once more for all that can be had, one request after the other. */
const searchAll = async (
  client: GraphqlClient,
  { queries, judgements }: TestCollection,
  workspaces: ReadonlyMap<string, string>,
): Promise<Searched[]> => {
  const search = async (text: string, language: string, first: number) => {
    const variables = { workspaceId: workspaces.get(language), query: text, first };
    return (await client.ask<{ search: { edges: Hit[] } }>(searchQuery, variables)).search.edges;
  };
  for (const { text, language } of queries.slice(0, warmUp)) await search(text, language, page);
  const searched: Searched[] = [];
  for (const { id, text, language } of queries) {
    const judged = judgements.get(id);
    if (judged === undefined) continue;
    const { result, ms } = await timed(() => search(text, language, page));
    const further = await search(text, language, mostHits);
    searched.push({ judgements: judged, hits: [...result, ...further.slice(result.length)], ms });
  }
  return searched;
};

/** Documents in the order of their best passages. */
const documentsOf = (hits: readonly Hit[], ids: ReadonlyMap<string, string>): string[] => [
  ...new Set(hits.map(({ node }) => ids.get(node.document.id) ?? '')),
];

/** Least cosine of what vectors alone may find; 1 leaves words alone, 0 lets every vector vote. */
const setSimilarityThreshold = async (
  client: GraphqlClient,
  workspaces: ReadonlyMap<string, string>,
  similarityThreshold: number,
): Promise<void> => {
  for (const id of workspaces.values())
    await client.ask(
      'mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }',
      { input: { id, similarityThreshold } },
    );
};

const qualityRow = (name: string, searched: readonly Searched[], ids: ReadonlyMap<string, string>): string[] => {
  const average = (metric: typeof ndcg, depth: number) =>
    mean(searched.map(({ hits, judgements }) => metric(documentsOf(hits, ids), judgements, depth))).toFixed(3);
  return [name, average(ndcg, 10), average(reciprocalRank, 10), average(recall, 10), average(recall, mostHits)];
};

const { values, positionals } = parseArgs({ options: { embedded: { type: 'boolean' } }, allowPositionals: true });
const [folder] = positionals;
if (folder === undefined || positionals.length > 1) {
  process.stderr.write('Usage: npm run bench:retrieval -- <folder> [--embedded]\n');
  process.exit(2);
}
const collection = await readTestCollection(folder).catch(refuse);
const { embedded = false } = values;
await using released = cleanup();
const visitor = await startServer(released, embedded);
const client = await visitor.signedUp('measurer');
const workspaces = await createWorkspaces(client, collection);
const documents = collection.documents.filter((document) => !isEmpty(document));
const { result: ids, ms: ingestMs } = await timed(() => addDocuments(client, documents, workspaces));
const searched = await searchAll(client, collection, workspaces);
await setSimilarityThreshold(client, workspaces, 0);
const byEveryVector = await searchAll(client, collection, workspaces);
await setSimilarityThreshold(client, workspaces, 1);
const byWordsAlone = await searchAll(client, collection, workspaces);
const times = searched.map(({ ms }) => ms);
const left = collection.documents.length - documents.length;
process.stdout.write(
  [
    `${documents.length} documents${left > 0 ? ` (${left} without title and text left out)` : ''}, ${searched.length} queries with a relevant document of ` +
      `${collection.queries.length}; ${embedded ? 'embedded database' : 'private Postgres without fsync'}, rate limits off, ${cpus().length} processors, Node ${process.versions.node}. ` +
      'nDCG with linear gain, as ndcg_cut of trec_eval.\n',
    markdownTable(
      ['ranking', 'nDCG@10', 'MRR@10', 'recall@10', `recall@${mostHits}`],
      [
        qualityRow('search as it comes', searched, ids),
        qualityRow('`similarityThreshold` 0: every vector votes', byEveryVector, ids),
        qualityRow('`similarityThreshold` 1: words alone', byWordsAlone, ids),
      ],
    ),
    markdownTable(
      ['time', 'ms'],
      [
        [`search of ${page} hits, p50`, percentile(times, 0.5).toFixed(1)],
        [`search of ${page} hits, p95`, percentile(times, 0.95).toFixed(1)],
        ['to add all documents until READY', ingestMs.toFixed(0)],
        ['the same, for each document', (ingestMs / documents.length).toFixed(1)],
      ],
    ),
  ].join('\n'),
);
