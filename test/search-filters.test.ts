import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { PgDialect } from 'drizzle-orm/pg-core';
import postgres from 'postgres';
import { database } from '../src/database/client.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { retrieve, searchChunks } from '../src/domains/content/retrieval.ts';
import { searchTables } from '../src/domains/content/tables.ts';
import { workspaceById } from '../src/domains/tenancy/loaders.ts';
import { hybridSearch, searchSettings } from '../src/search/hybrid-search.ts';
import { quiet, whole } from './access/cast.ts';
import { colleagueOf } from './company.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

let bed: Testbed & { readonly ownerUrl: string | undefined };
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let workspaceId: string;
const ids: Record<string, string> = {};

const add = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';
const added = async (person: Person, input: object): Promise<string> =>
  ((await person.want(add, { input: { workspaceId, ...input } })) as Data).addDocument.document.id;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada, { name: 'Library' });
  // The word searched for is everywhere, and stands thickest where a filter does not look.
  for (let at = 0; at < 30; at++)
    ids[`Loud ${at}`] = await added(ada, {
      title: `Loud ${at}`,
      text: `Tides, tides and tides again: tides of harbour ${at}.`,
    });
  ids.Quiet = await added(ada, {
    title: 'Quiet',
    text: 'A long description of a harbour, of its cranes, its sheds, its people, and at the very end of it the tides.',
  });
  ids.Other = await added(ada, { title: 'Other', text: 'Nothing about water at all.' });
  await quiet(bed, ada.organizationId);
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

const searchText = `query ($workspaceId: ID!, $query: String!, $first: Int!, $filter: DocumentFilter) {
  search(workspaceId: $workspaceId, query: $query, first: $first, filter: $filter) { edges { score bm25 node { document { title } } } } }`;
const titles = async (person: Person, filter?: object, first = 5, query = 'tides'): Promise<string[]> => {
  const data: Data = await person.want(searchText, { workspaceId, query, first, filter });
  return data.search.edges.map(({ node }: Data) => node.document.title);
};

describe('a filter', () => {
  test('leaves what it lets through, however many others fit better', async () => {
    expect(await titles(ada)).not.toContain('Quiet');
    expect(await titles(ada, { title: { eq: 'Quiet' } })).toEqual(['Quiet']);
    expect((await titles(ada, { title: { in: ['Quiet', 'Loud 3'] } })).sort()).toEqual(['Loud 3', 'Quiet']);
    expect(await titles(ada, { or: [{ title: { eq: 'Quiet' } }, { title: { eq: 'Other' } }] })).toContain('Quiet');
    expect(await titles(ada, { not: { title: { ne: 'Quiet' } } })).toEqual(['Quiet']);
    expect(await titles(ada, { status: { eq: 'FAILED' } })).toEqual([]);
    expect(await titles(ada, { createdAt: { lt: '2020-01-01T00:00:00Z' } })).toEqual([]);
    expect(await titles(ada, {}, 50)).toHaveLength(31);
    expect(await titles(ada, { status: { eq: 'READY' } }, 50)).toHaveLength(31);
  });

  test('does the same where every vector is compared', async () => {
    const set = 'mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }';
    for (const vectorSearchMode of ['EXACT', 'IVFFLAT', 'HNSW']) {
      await ada.want(set, { input: { id: workspaceId, vectorSearchMode } });
      expect(await titles(ada, { title: { eq: 'Quiet' } })).toEqual(['Quiet']);
    }
  });

  test('changes no BM25', async () => {
    const bm25Of = async (filter?: object): Promise<Record<string, number>> => {
      const data: Data = await ada.want(searchText, { workspaceId, query: 'harbour tides', first: 50, filter });
      return Object.fromEntries(data.search.edges.map(({ bm25, node }: Data) => [node.document.title, bm25]));
    };
    const all = await bm25Of();
    const some = await bm25Of({ title: { in: ['Quiet', 'Loud 3'] } });
    expect(Object.keys(some).sort()).toEqual(['Loud 3', 'Quiet']);
    for (const [title, bm25] of Object.entries(some)) expect(bm25).toBeCloseTo(all[title] ?? 0, 10);
  });

  test('is refused as that of the list is', async () => {
    const deep = { and: [{ and: [{ and: [{ title: { eq: 'x' } }] }] }] };
    expect(await ada.codes(searchText, { workspaceId, query: 'x', first: 5, filter: deep })).toEqual([
      'BAD_USER_INPUT',
    ]);
    const many = { title: { in: Array.from({ length: 101 }, (_, at) => `t${at}`) } };
    expect(await ada.codes(searchText, { workspaceId, query: 'x', first: 5, filter: many })).toEqual([
      'BAD_USER_INPUT',
    ]);
  });

  test('finds no document that the viewer may not read', async () => {
    const reader = await colleagueOf(bed, ada.organizationId, 'Reader', 'MEMBER', { [workspaceId]: 'VIEWER' });
    const filter = { title: { eq: 'Quiet' } };
    expect(await titles(reader, filter)).toEqual(['Quiet']);
    const set = 'mutation ($input: SetDocumentAccessInput!) { setDocumentAccess(input: $input) { document { id } } }';
    await ada.want(set, { input: { id: ids.Quiet, access: 'RESTRICTED' } });
    expect(await titles(reader, filter)).toEqual([]);
    expect(await titles(ada, filter)).toEqual(['Quiet']);
    await ada.want(set, { input: { id: ids.Quiet, access: 'WORKSPACE' } });
  });
});

test('documents can be left out of a retrieval', async () => {
  const unit = whole(bed, ada.organizationId);
  const workspace = await workspaceById(unit).load(uuidOf(workspaceId));
  if (workspace === null) throw new Error('The workspace is gone.');
  const { services } = bed.server.installation;
  const found = async (more: object) => {
    const passages = await retrieve({ unit, services }, { workspace, query: 'tides', first: 50, ...more });
    await unit.rest();
    return passages.map(({ title }) => title);
  };
  const all = await found({});
  expect(all).toContain('Loud 3');
  const excludeDocumentIds = [uuidOf(ids['Loud 3'] ?? ''), uuidOf(ids['Loud 4'] ?? '')];
  expect((await found({ excludeDocumentIds })).sort()).toEqual(
    all.filter((title) => title !== 'Loud 3' && title !== 'Loud 4').sort(),
  );
  expect(await found({ excludeDocumentIds, filter: { title: { in: ['Loud 3', 'Quiet'] } } })).toEqual(['Quiet']);
});

describe('an explanation', () => {
  const numbers = 'text lexicalRank bm25 lexicalScore lexicalShare vectorRank similarity weight vectorShare score';
  const term = '{ term idf frequency weight contribution }';
  const ask = (selection: string) =>
    ada.ask(
      `query ($id: ID!) { search(workspaceId: $id, query: "harbour cranes tides tides", first: 10) { edges {
        score lexicalRank vectorRank bm25 similarity node { id } ${selection} } } }`,
      { id: workspaceId },
    );

  test('adds up to the ranks and scores of the search', async () => {
    const { data, errors }: Data = await ask(`explanation { ${numbers} terms ${term} feedbackTerms ${term} }`);
    expect(errors).toEqual([]);
    const { edges } = data.search;
    expect(edges).toHaveLength(10);
    const sum = (terms: Data[]): number => terms.reduce((total, { contribution }) => total + contribution, 0);
    for (const { explanation: reason, ...edge } of edges) {
      expect(reason).toMatchObject({
        lexicalRank: edge.lexicalRank,
        vectorRank: edge.vectorRank,
        similarity: edge.similarity,
        bm25: edge.bm25,
        score: edge.score,
      });
      expect(((reason.lexicalShare + reason.vectorShare) * 61) / (1 + reason.weight)).toBeCloseTo(edge.score, 10);
      expect(sum(reason.terms)).toBeCloseTo(edge.bm25, 10);
      expect(reason.lexicalScore).toBeCloseTo((0.5 * edge.bm25) / 4 + sum(reason.feedbackTerms), 10);
    }
    const ranked = edges.filter(({ lexicalRank }: Data) => lexicalRank !== null);
    ranked.sort((one: Data, other: Data) => one.lexicalRank - other.lexicalRank);
    const scores = ranked.map(({ explanation }: Data) => explanation.lexicalScore);
    expect(scores).toEqual([...scores].sort((one, other) => other - one));
    const best = edges.find(({ explanation }: Data) => explanation.terms.some((each: Data) => each.term === 'crane'));
    expect(best.explanation.terms.find((each: Data) => each.term === 'tide')).toMatchObject({
      frequency: 1,
      weight: 2,
    });
    expect(best.explanation.text).toMatch(/^Score 0\.\d+: place \d+ by words for “crane”, .*\(BM25 \d+\.\d+\), .*\.$/);
  });

  test('costs one statement for all hits, and none where nobody asks', async () => {
    const plain = await ask('');
    const explained = await ask(`explanation { ${numbers} terms ${term} feedbackTerms ${term} }`);
    const heavy = ({ statements }: { statements: readonly string[] }) =>
      statements.filter((text) => text.includes('first_pass'));
    expect(heavy(plain)).toHaveLength(1);
    expect(heavy(explained)).toHaveLength(2);
  });
});

test('a search without a filter is the statement it was', () => {
  const scope = { organizationId: uuidOf(ada.organizationId), workspaceIds: [uuidOf(workspaceId)] };
  const vector = { model: 'any', embedding: [1], weight: 1 };
  const textOf = (more: object) =>
    new PgDialect({ casing: 'snake_case' }).sqlToQuery(
      hybridSearch(searchTables, { ...scope, terms: ['x'], vector, first: 5, ...more }),
    ).sql;
  expect(textOf({})).not.toMatch(/allowed|excluded/);
  expect(textOf({ documents: sql`select 1` })).toMatch(/allowed/);
});

/** A workspace of so many chunks that the approximate index is asked. */
const many = 6000;

onPostgres('a narrow filter of a large workspace reads the vectors it leaves and no others', async () => {
  const [organizationId, large] = [uuidOf(ada.organizationId), uuidOf(await workspaceOf(ada, { name: 'Large' }))];
  const owner = postgres(bed.ownerUrl ?? '', { max: 1, onnotice: () => undefined });
  // The rows are given as they are. IVFFlat takes them in faster than HNSW does.
  await owner.unsafe(`set session_replication_role = replica;
    update workspaces set vector_search_mode = 'IVFFLAT' where id = '${large}';
    insert into documents (organization_id, id, workspace_id, title, mime_type, status, chunk_count, term_count)
      select '${organizationId}', md5('d' || n)::uuid, '${large}', 't' || n, 'text/plain', 'READY', 20, 20 from generate_series(0, ${many / 20 - 1}) n;
    insert into document_chunks (organization_id, id, workspace_id, document_id, position, text, headings, start, "end", tokens, terms, frequencies, term_count, hash)
      select '${organizationId}', md5('c' || n)::uuid, '${large}', md5('d' || n / 20)::uuid, n % 20, 'tides', '{}', 0, 5, 1, '{tide}', '{1}', 1, '' from generate_series(0, ${many - 1}) n;
    insert into chunk_postings (organization_id, workspace_id, term, chunk_id, frequency, term_count)
      select '${organizationId}', '${large}', 'tide', md5('c' || n)::uuid, 1, 1 from generate_series(0, ${many - 1}) n;
    insert into chunk_embeddings (organization_id, workspace_id, chunk_id, model, embedding, indexed_by)
      select '${organizationId}', '${large}', md5('c' || n)::uuid, model, embedding, 'IVFFLAT'
      from generate_series(0, ${many - 1}) n cross join (select model, embedding from chunk_embeddings limit 1) one;
    analyze documents, document_chunks, chunk_postings, chunk_embeddings`);
  await owner.end();
  const unit = whole(bed, ada.organizationId);
  const workspace = await workspaceById(unit).load(large);
  if (workspace === null) throw new Error('The workspace is gone.');
  const { found, asked } = await searchChunks(
    { unit, services: bed.server.installation.services },
    {
      workspace,
      query: 'tides',
      first: 50,
      filter: { title: { in: ['t7', 't8'] } },
    },
  );
  expect(new Set(found.map(({ title }) => title))).toEqual(new Set(['t7', 't8']));
  expect(found).toHaveLength(40);
  const rows = await unit.run(async () => {
    await database.execute(searchSettings);
    return database.execute(sql`explain (analyze, format json) ${hybridSearch(searchTables, asked)}`);
  });
  await unit.rest();
  interface Node {
    readonly 'Relation Name'?: string;
    readonly 'Actual Rows': number;
    readonly 'Actual Loops': number;
    readonly 'Rows Removed by Filter'?: number;
    readonly Plans?: readonly Node[];
  }
  const nodesOf = (node: Node): Node[] => [node, ...(node.Plans ?? []).flatMap(nodesOf)];
  const [plan] = rows as unknown as { 'QUERY PLAN': { Plan: Node }[] }[];
  const scans = nodesOf(plan?.['QUERY PLAN'][0]?.Plan as Node).filter(
    (node) => node['Relation Name'] === 'chunk_embeddings',
  );
  const read = scans.reduce(
    (total, node) => total + (node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0)) * node['Actual Loops'],
    0,
  );
  // Forty to compare, and once more for each hit's cosine.
  expect(read).toBeLessThanOrEqual(2 * 40 + 40);
});
