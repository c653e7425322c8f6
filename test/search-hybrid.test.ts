import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { drizzle } from 'drizzle-orm/pglite';
import { v7 } from 'uuid';
import { termShares, type TermShare } from '../src/search/explanation.ts';
import { embedText, hashingModel } from '../src/search/hashing-embedding.ts';
import {
  hashingWeight,
  hybridSearch,
  searchSettings,
  type Hit,
  type HybridQuery,
} from '../src/search/hybrid-search.ts';
import { bm25, bm25WithFeedback, type ReferenceChunk } from './search-reference.ts';
import { searchSchema, searchTables } from './search-schema.ts';

const client = new PGlite({ extensions: { vector } });
const database = drizzle(client, { casing: 'snake_case' });

const organizations = [v7(), v7()] as const;
const [workspace, otherWorkspace, foreignWorkspace] = [v7(), v7(), v7()] as const;
const [someone, somebodyElse] = [v7(), v7()] as const;

interface Written extends ReferenceChunk {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly documentId: string;
  readonly readers: readonly string[] | null;
}

/** Deterministic numbers from 0 to 1 (a linear congruence), so that a failure can be looked at again. */
const random = (() => {
  let state = 20_240_817;
  return () => (state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0) / 2 ** 32;
})();

/** Words whose frequency falls like in a natural text: w0 is in most chunks, w39 in few. */
const word = () => `w${Math.floor(40 * random() ** 2)}`;

const randomFrequencies = (): Map<string, number> => {
  const frequencies = new Map<string, number>();
  for (let left = 3 + Math.floor(random() * 40); left > 0; left--) {
    const term = word();
    frequencies.set(term, (frequencies.get(term) ?? 0) + 1);
  }
  return frequencies;
};

const contentOf = ({ frequencies }: ReferenceChunk) =>
  [...frequencies].map(([term, count]) => `${term} `.repeat(count)).join('');

const writeDocument = async (organizationId: string, workspaceId: string, readers: readonly string[] | null) => {
  const documentId = v7();
  const written = Array.from({ length: 3 }, (): Written => {
    const frequencies = randomFrequencies();
    return { id: v7(), organizationId, workspaceId, documentId, readers, frequencies };
  });
  const rows = written.map((chunk, position) => {
    const frequencies = [...chunk.frequencies.values()];
    const termCount = frequencies.reduce((sum, count) => sum + count, 0);
    const place = { organizationId, workspaceId, readers: readers && [...readers] };
    const embedding = embedText(contentOf(chunk), 'xx');
    return {
      chunk: {
        ...place,
        id: chunk.id,
        documentId,
        position,
        content: '',
        terms: [...chunk.frequencies.keys()],
        frequencies,
        termCount,
      },
      embedding: { ...place, chunkId: chunk.id, model: hashingModel, embedding },
    };
  });
  const termCount = rows.reduce((sum, { chunk }) => sum + chunk.termCount, 0);
  const place = { organizationId, workspaceId, readers: readers && [...readers] };
  await database.insert(searchTables.documents).values({ ...place, id: documentId, chunkCount: 3, termCount });
  await database.insert(searchTables.chunks).values(rows.map(({ chunk }) => chunk));
  await database.insert(searchTables.embeddings).values(rows.map(({ embedding }) => embedding));
  return written;
};

const all: Written[] = [];

beforeAll(async () => {
  await client.exec('create extension vector; create schema search_test; set search_path to search_test, public');
  for (const statement of searchSchema) await client.exec(statement);
  for (let made = 0; made < 20; made++) {
    all.push(...(await writeDocument(organizations[0], workspace, null)));
    all.push(...(await writeDocument(organizations[0], workspace, random() < 0.5 ? [someone] : [somebodyElse])));
    all.push(...(await writeDocument(organizations[0], otherWorkspace, null)));
    all.push(...(await writeDocument(organizations[1], foreignWorkspace, null)));
  }
  await client.exec('set role search_reader');
});

afterAll(() => client.close());

type Unit = Parameters<Parameters<typeof database.transaction>[0]>[0];

const asViewer = <Result>(principal: string, work: (unit: Unit) => Promise<Result>): Promise<Result> =>
  database.transaction(async (unit) => {
    await unit.execute(sql.raw(`set local app.organization_id = '${organizations[0]}'`));
    await unit.execute(sql.raw(`set local app.workspaces = '${workspace},${otherWorkspace}'`));
    await unit.execute(sql.raw(`set local app.principals = '{${principal}}'`));
    await unit.execute(searchSettings);
    return work(unit);
  });

const searchAs = (principal: string, query: Omit<HybridQuery, 'organizationId'>): Promise<Hit[]> =>
  asViewer(principal, async (unit) => {
    const { rows } = await unit.execute(hybridSearch(searchTables, { organizationId: organizations[0], ...query }));
    return rows as unknown as Hit[];
  });

const seenBy = (principal: string, workspaceIds: readonly string[]) =>
  all.filter(
    ({ workspaceId, readers }) => workspaceIds.includes(workspaceId) && (readers?.includes(principal) ?? true),
  );

/** A filter that leaves one document. */
const only = (documentId: string) => sql`select ${documentId}::uuid`;

const rounded = (value: number) => Number(value.toPrecision(10));

test('ranks and scores are those of the formulas over exactly the chunks the viewer sees', async () => {
  for (let round = 0; round < 40; round++) {
    const principal = round % 2 === 0 ? someone : somebodyElse;
    const workspaceIds = round % 3 === 0 ? [workspace, otherWorkspace] : [workspace];
    const terms = Array.from({ length: 1 + Math.floor(random() * 4) }, word);
    const hits = await searchAs(principal, { workspaceIds, terms, vector: null, first: 100 });
    const visible = seenBy(principal, workspaceIds);
    expect(hits.map(({ chunkId }) => chunkId)).toEqual(
      bm25WithFeedback(visible, terms)
        .map(({ id }) => id)
        .slice(0, 100),
    );
    const plain = new Map(bm25(visible, terms).map(({ id, score }) => [id, rounded(score)]));
    expect(hits.map((hit) => rounded(hit.bm25))).toEqual(hits.map((hit) => plain.get(hit.chunkId) ?? 0));
    expect(hits.map(({ lexicalRank }) => lexicalRank)).toEqual(hits.map((_, index) => index + 1));
  }
});

test('a chunk that becomes invisible changes no number for those who never saw it', async () => {
  const query = { workspaceIds: [workspace], terms: ['w3', 'w20'], vector: null, first: 50 };
  const before = await searchAs(someone, query);
  await client.exec('reset role');
  const hidden = all.filter(({ readers }) => readers?.includes(somebodyElse) === true);
  for (const { id } of hidden)
    await client.query('update search_chunks set terms = $1, frequencies = $2 where id = $3', [['w3'], [9], id]);
  await client.exec('set role search_reader');
  expect(await searchAs(someone, query)).toEqual(before);
});

test('a narrowed document is to others as if it had never been there', async () => {
  const narrowed =
    all.find(({ workspaceId, readers }) => workspaceId === workspace && readers === null)?.documentId ?? '';
  const chunks = all.filter(({ documentId }) => documentId === narrowed);
  const terms = [...(chunks[0]?.frequencies.keys() ?? [])].slice(0, 4);
  const vector = { model: hashingModel, embedding: embedText(terms.join(' '), 'xx'), weight: 1 };
  const query = { workspaceIds: [workspace], terms, vector, first: 200 };
  const setReaders = async (readers: string | null) => {
    await client.exec('reset role');
    for (const [table, key] of [
      ['search_documents', 'id'],
      ['search_chunks', 'document_id'],
    ])
      await client.query(`update ${table} set readers = $1 where ${key} = $2`, [readers && `{${readers}}`, narrowed]);
    await client.exec('set role search_reader');
  };
  const before = await searchAs(someone, query);
  await setReaders(somebodyElse);
  const seen = await searchAs(someone, query);
  const hidden = new Set(chunks.map(({ id }) => id));
  expect(before.some(({ chunkId }) => hidden.has(chunkId))).toBe(true);
  const left = seenBy(someone, [workspace]).filter(({ id }) => !hidden.has(id));
  expect(
    seen
      .filter(({ lexicalRank }) => lexicalRank !== null)
      .map(({ chunkId }) => chunkId)
      .sort(),
  ).toEqual(
    bm25WithFeedback(left, terms)
      .map(({ id }) => id)
      .slice(0, 200)
      .sort(),
  );
  const plain = new Map(bm25(left, terms).map(({ id, score }) => [id, rounded(score)]));
  expect(seen.map((hit) => rounded(hit.bm25))).toEqual(seen.map((hit) => plain.get(hit.chunkId) ?? 0));
  // What it says has no influence either.
  await client.exec('reset role');
  await client.query('update search_chunks set terms = $1, frequencies = $2 where document_id = $3', [
    terms,
    terms.map(() => 9),
    narrowed,
  ]);
  await client.exec('set role search_reader');
  expect(await searchAs(someone, query)).toEqual(seen);
  await client.exec('reset role');
  for (const { id, frequencies } of chunks)
    await client.query('update search_chunks set terms = $1, frequencies = $2 where id = $3', [
      [...frequencies.keys()],
      [...frequencies.values()],
      id,
    ]);
  await setReaders(null);
  expect(await searchAs(someone, query)).toEqual(before);
});

const explainAs = (principal: string, query: Omit<HybridQuery, 'organizationId'>, hits: readonly Hit[]) =>
  asViewer(principal, async (unit) => {
    const asked = { organizationId: organizations[0], ...query };
    const { rows } = await unit.execute(
      termShares(
        searchTables,
        asked,
        hits.map(({ chunkId }) => chunkId),
      ),
    );
    return rows as unknown as TermShare[];
  });

test('the terms of an explanation add up to the scores of the formulas', async () => {
  for (let round = 0; round < 10; round++) {
    const workspaceIds = round % 2 === 0 ? [workspace, otherWorkspace] : [workspace];
    const terms = Array.from({ length: 1 + Math.floor(random() * 4) }, word);
    const visible = seenBy(someone, workspaceIds);
    const documents = round % 3 === 0 ? sql`select id from search_documents where term_count > 40` : undefined;
    const query = { workspaceIds, terms, vector: null, first: 20, documents };
    const hits = await searchAs(someone, query);
    expect(hits.length).toBeGreaterThan(0);
    const shares = await explainAs(someone, query, hits);
    const widened = new Map(bm25WithFeedback(visible, terms).map(({ id, score }) => [id, score]));
    const idfOf = (term: string) => {
      const holding = visible.filter(({ frequencies }) => frequencies.has(term)).length;
      return Math.log(1 + (visible.length - holding + 0.5) / (holding + 0.5));
    };
    for (const hit of hits) {
      const own = shares.filter(({ chunkId }) => chunkId === hit.chunkId);
      const sum = (origin: TermShare['origin']) =>
        own.filter((each) => each.origin === origin).reduce((total, { contribution }) => total + contribution, 0);
      expect(sum('QUERY')).toBeCloseTo(hit.bm25, 10);
      // A filter takes away the chunks that feedback learns from, which changes the rest.
      if (documents === undefined)
        expect((0.5 * hit.bm25) / terms.length + sum('FEEDBACK')).toBeCloseTo(widened.get(hit.chunkId) ?? 0, 10);
      const frequencies = all.find(({ id }) => id === hit.chunkId)?.frequencies;
      for (const { term, frequency, idf } of own) {
        expect(frequency).toBe(frequencies?.get(term));
        expect(idf).toBeCloseTo(idfOf(term), 10);
      }
    }
  }
});

test('a filter and an exclusion take away hits and change no BM25', async () => {
  const terms = ['w2', 'w9', 'w30'];
  const vector = { model: hashingModel, embedding: embedText(terms.join(' '), 'xx'), weight: 1 };
  const query = { workspaceIds: [workspace], terms, vector, first: 200 };
  const whole = await searchAs(someone, query);
  const documentIds = [...new Set(seenBy(someone, [workspace]).map(({ documentId }) => documentId))];
  const chosen = documentIds.slice(0, 3);
  const idsOf = (within: readonly string[]) =>
    all
      .filter(({ documentId }) => within.includes(documentId))
      .map(({ id }) => id)
      .sort();
  const cases = [
    [{ documents: sql`select unnest(${`{${chosen.join(',')}}`}::uuid[])` }, chosen],
    [{ excludedDocumentIds: chosen }, documentIds.slice(3)],
    [
      { documents: sql`select unnest(${`{${chosen.join(',')}}`}::uuid[])`, excludedDocumentIds: chosen.slice(1) },
      chosen.slice(0, 1),
    ],
  ] as const;
  for (const [within, expected] of cases)
    for (const exact of [false, true]) {
      const hits = await searchAs(someone, { ...query, ...within, exact });
      expect(hits.map(({ chunkId }) => chunkId).sort()).toEqual(idsOf(expected));
      const bm25Of = new Map(whole.map((hit) => [hit.chunkId, hit.bm25]));
      for (const hit of hits) expect(hit.bm25).toBeCloseTo(bm25Of.get(hit.chunkId) ?? 0, 10);
    }
});

const share = (rank: number | null) => (rank === null ? 0 : 1 / (60 + rank));

test('fused hits say their ranks, cosine and score', async () => {
  const terms = ['w7', 'w30', 'w31'];
  const embedding = embedText(terms.join(' '), 'xx');
  const vector = { model: hashingModel, embedding, weight: hashingWeight };
  const hits = await searchAs(someone, { workspaceIds: [workspace], terms, vector, first: 10 });
  expect(hits).toHaveLength(10);
  for (const { lexicalRank, vectorRank, score } of hits) {
    expect(score).toBeCloseTo(((share(lexicalRank) + 0.2 * share(vectorRank)) * 61) / 1.2, 10);
  }
  const first = all.find(({ id }) => id === hits[0]?.chunkId);
  const cosine = embedText(first ? contentOf(first) : '', 'xx').reduce(
    (sum, value, at) => sum + value * (embedding[at] ?? 0),
    0,
  );
  expect(hits[0]?.similarity).toBeCloseTo(cosine, 4);
});

test('a vector alone finds by cosine, a floor and a document filter bound it', async () => {
  const target = seenBy(someone, [workspace])[4];
  if (target === undefined) throw new Error('Too few chunks.');
  const vector = { model: hashingModel, embedding: embedText(contentOf(target), 'xx'), weight: 1 };
  const query = { workspaceIds: [workspace], terms: [], vector, first: 100 };
  const hits = await searchAs(someone, query);
  expect(hits[0]).toMatchObject({ chunkId: target.id, lexicalRank: null, vectorRank: 1, bm25: 0 });
  expect(hits).toHaveLength(seenBy(someone, [workspace]).length);
  const near = hits.filter(({ similarity }) => (similarity ?? 0) >= 0.5);
  expect(await searchAs(someone, { ...query, minimumSimilarity: 0.5 })).toEqual(near);
  const inDocument = await searchAs(someone, { ...query, terms: ['w1'], documents: only(target.documentId) });
  expect(inDocument.map(({ chunkId }) => chunkId).sort()).toEqual(
    all
      .filter(({ documentId }) => documentId === target.documentId)
      .map(({ id }) => id)
      .sort(),
  );
});

test('an approximate index that gives up early costs no hit', async () => {
  const words = 'w7 w30 w31';
  // Nearer than anything the viewer sees, and more than the index looks at before it gives up.
  const foreign = Array.from({ length: 600 }, (_, at) => ({
    organizationId: organizations[1],
    workspaceId: foreignWorkspace,
    chunkId: v7(),
    model: hashingModel,
    embedding: embedText(`${words} foreign${at}`, 'xx'),
  }));
  await client.exec('reset role');
  await database.insert(searchTables.embeddings).values(foreign);
  await client.exec(`create index search_test_hnsw on search_embeddings using hnsw (embedding vector_cosine_ops);
    update search_documents set chunk_count = chunk_count + 10000;
    set hnsw.max_scan_tuples = 1; set enable_sort = off; set enable_seqscan = off;
    set role search_reader`);
  const vector = { model: hashingModel, embedding: embedText(words, 'xx'), weight: 1 };
  const { documentId } = seenBy(someone, [workspace])[4] ?? { documentId: '' };
  for (const within of [{}, { documents: only(documentId) }]) {
    const query = { workspaceIds: [workspace], terms: [], vector, first: 100, ...within };
    const hits = await searchAs(someone, query);
    expect(hits).toEqual(await searchAs(someone, { ...query, exact: true }));
    expect(hits).toHaveLength('documents' in within ? 3 : seenBy(someone, [workspace]).length);
  }
  await client.exec(`reset role; drop index search_test_hnsw;
    update search_documents set chunk_count = chunk_count - 10000;
    reset hnsw.max_scan_tuples; reset enable_sort; reset enable_seqscan;
    set role search_reader`);
});

test('nothing of another organization or workspace is found, and no term finds nothing', async () => {
  const terms = ['w0', 'w1'];
  expect(await searchAs(someone, { workspaceIds: [foreignWorkspace], terms, vector: null, first: 10 })).toEqual([]);
  expect(
    await searchAs(someone, { workspaceIds: [workspace], terms: ['absent', 'q"\\{}'], vector: null, first: 10 }),
  ).toEqual([]);
  expect(await searchAs(someone, { workspaceIds: [], terms, vector: null, first: 10 })).toEqual([]);
});

test('postings follow their chunk when it moves and when it goes', async () => {
  await client.exec('reset role');
  const counted = async (id: string) =>
    (
      await client.query<{ workspace: string; postings: number }>(
        'select workspace_id as workspace, count(*)::integer as postings from search_postings where chunk_id = $1 group by 1',
        [id],
      )
    ).rows;
  const chunk = all.find(({ workspaceId }) => workspaceId === foreignWorkspace);
  if (chunk === undefined) throw new Error('Too few chunks.');
  const moved = v7();
  await client.query('update search_chunks set workspace_id = $1 where id = $2', [moved, chunk.id]);
  expect(await counted(chunk.id)).toEqual([{ workspace: moved, postings: chunk.frequencies.size }]);
  await client.query('delete from search_chunks where id = $1', [chunk.id]);
  expect(await counted(chunk.id)).toEqual([]);
  await client.exec('set role search_reader');
});
