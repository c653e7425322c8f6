import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { and, eq, sql } from 'drizzle-orm';
import postgres from 'postgres';
import { clusteredVectors } from '../bench/clustered-vectors.ts';
import { database } from '../src/database/client.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { chunkEmbeddings, searchTables } from '../src/domains/content/tables.ts';
import { trainIvfflat } from '../src/domains/content/vectors.ts';
import { hybridSearch, searchSettings, searchSettingsOf } from '../src/search/hybrid-search.ts';
import type { VectorIndex } from '../src/search/tables.ts';
import { newId } from '../src/ids.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed & { ownerUrl: string | undefined };
let ada: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

/** A unit that sees the whole organization, as jobs do. */
const unitOf = (): UnitOfWork => {
  const organizationId = uuidOf(ada.organizationId);
  const origin = { requestId: 'test', address: null, userAgent: null };
  const scope = { organizationId, userId: null, principals: [organizationId], workspaces: '*' as const };
  return new UnitOfWork(scope, { ...bed.server.installation.services, origin });
};

const ofWorkspace = (workspaceId: string) =>
  and(
    eq(chunkEmbeddings.organizationId, uuidOf(ada.organizationId)),
    eq(chunkEmbeddings.workspaceId, uuidOf(workspaceId)),
  );

/** How many vectors of a workspace stand in which index. */
const standing = async (workspaceId: string): Promise<Record<string, number>> => {
  const rows = await unitOf().transact(() =>
    database
      .select({ index: chunkEmbeddings.indexedBy, count: sql<number>`count(*)::integer` })
      .from(chunkEmbeddings)
      .where(ofWorkspace(workspaceId))
      .groupBy(chunkEmbeddings.indexedBy),
  );
  return Object.fromEntries(rows.map(({ index, count }) => [index, count]));
};

type Mode = VectorIndex | 'EXACT';
const setMode = (workspaceId: string, vectorSearchMode: Mode) =>
  ada.want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
    input: { id: workspaceId, vectorSearchMode },
  });

/** Waits until the newest work of moving a workspace's vectors has ended, and gives its result. */
const moved = async (workspaceId: string): Promise<Data> => {
  for (;;) {
    const [job] = await unitOf().transact(() =>
      database.execute<{ state: string; result: unknown }>(
        sql`select state, result from jobs where kind = 'content.reindex' and target_id = ${uuidOf(workspaceId)} order by id desc limit 1`,
      ),
    );
    if (job?.state === 'SUCCEEDED') return job.result;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

test('the mode changes nothing that is found in a small workspace, and all vectors move', async () => {
  const workspaceId = await workspaceOf(ada);
  for (const [title, text] of Object.entries({
    Boats: 'A sailing boat needs wind and a keel.',
    Trains: 'Trains run on rails and need electricity.',
    Planes: 'Planes need runways, and some sailing planes need wind.',
  }))
    await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
      input: { workspaceId, title, text, wait: true },
    });
  const find = async () => {
    const { data, statements } = await ada.ask(
      `{ search(workspaceId: "${workspaceId}", query: "sailing boats") { edges { score similarity vectorRank node { id } } } }`,
    );
    return {
      data,
      asked: ['HNSW', 'IVFFLAT'].filter((index) =>
        statements.join().includes(`and "chunk_embeddings"."indexed_by" = '${index}' and not`),
      ),
    };
  };
  const { data: before, asked } = await find();
  expect((before as Data).search.edges.length).toBeGreaterThan(1);
  expect(asked).toEqual(['HNSW']);
  await setMode(workspaceId, 'IVFFLAT');
  expect(await moved(workspaceId)).toMatchObject({ moved: 3 });
  expect(await standing(workspaceId)).toEqual({ IVFFLAT: 3 });
  expect(await find()).toEqual({ data: before, asked: ['IVFFLAT'] });
  // What comes later stands where the others are.
  await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
    input: { workspaceId, title: 'Cats', text: 'Cats sleep.', wait: true },
  });
  expect(await standing(workspaceId)).toEqual({ IVFFLAT: 4 });
  await setMode(workspaceId, 'EXACT');
  expect(await moved(workspaceId)).toMatchObject({ moved: 4 });
  expect(await standing(workspaceId)).toEqual({ HNSW: 4 });
  expect(await find()).toEqual({ data: before, asked: ['HNSW'] });
});

/** The embedded database takes too long for so many. */
const wherePostgresIs = process.env.TEST_POSTGRES_URL ? describe : describe.skip;

wherePostgresIs('in a workspace with more vectors than are all compared', () => {
  const count = 5_400;
  const model = 'clustered';
  let workspaceId: string;
  let owner: postgres.Sql;
  const source = clusteredVectors(3);
  const queries = Array.from({ length: 15 }, () => [...source()]);

  beforeAll(async () => {
    owner = postgres(bed.ownerUrl ?? '', { max: 1, onnotice: () => undefined });
    workspaceId = await workspaceOf(ada, { name: 'Large' });
    const place = { organization_id: uuidOf(ada.organizationId), workspace_id: uuidOf(workspaceId) };
    const documentId = newId();
    await owner`insert into documents ${owner({ ...place, id: documentId, title: 'Large', mime_type: 'text/plain', status: 'READY', chunk_count: count })}`;
    const ids = Array.from({ length: count }, () => newId());
    await owner`
      insert into document_chunks (organization_id, workspace_id, document_id, id, position, text, headings, start, "end", tokens, terms, frequencies, term_count, hash)
      select ${place.organization_id}, ${place.workspace_id}, ${documentId}, id, place, '', '{}', 0, 1, 0, '{}', '{}', 0, '' from unnest(${ids}::uuid[]) with ordinality as given (id, place)`;
    const [index] = await owner<
      { indexdef: string }[]
    >`select indexdef from pg_indexes where indexname = 'chunk_embeddings_hnsw_index'`;
    await owner`drop index chunk_embeddings_hnsw_index`;
    const vector = clusteredVectors(2);
    for (let from = 0; from < count; from += 300) {
      const some = ids.slice(from, from + 300);
      const vectors = some.map(() => `[${Array.from(vector(), (value) => value.toFixed(4)).join(',')}]`);
      await owner`
        insert into chunk_embeddings (organization_id, workspace_id, chunk_id, model, embedding)
        select ${place.organization_id}, ${place.workspace_id}, id, ${model}, vector::vector from unnest(${some}::uuid[], ${vectors}::text[]) as given (id, vector)`;
    }
    await owner.unsafe(`set maintenance_work_mem = '256MB'`);
    await owner.unsafe(index?.indexdef ?? '');
    await owner.unsafe('vacuum analyze documents, document_chunks, chunk_embeddings');
  }, 60_000);
  afterAll(() => owner?.end());

  const statementOf = (embedding: readonly number[], index: VectorIndex, exact: boolean) =>
    hybridSearch(searchTables, {
      organizationId: uuidOf(ada.organizationId),
      workspaceIds: [uuidOf(workspaceId)],
      terms: [],
      vector: { model, embedding, weight: 1 },
      first: 20,
      index,
      exact,
    });
  /** So few the planner compares rather than asking HNSW; sorting is made dear, so that it asks. IVFFlat it asks by itself. */
  const prepare = async (index: VectorIndex): Promise<void> => {
    await database.execute(index === 'HNSW' ? searchSettings : searchSettingsOf('chunk_embeddings_ivfflat_index'));
    if (index === 'HNSW') await database.execute(sql`set local enable_sort = off`);
  };

  /** The chunks that each query finds. */
  const findAll = async (index: VectorIndex, exact: boolean): Promise<string[][]> => {
    const unit = unitOf();
    const found: string[][] = [];
    for (const query of queries) {
      const rows = await unit.run(async () => {
        await prepare(index);
        return database.execute(statementOf(query, index, exact));
      });
      found.push(rows.map(({ chunkId }) => String(chunkId)));
      await unit.rest();
    }
    return found;
  };
  const recall = (found: readonly string[][], wanted: readonly string[][]): number =>
    found.reduce((sum, ids, at) => sum + ids.filter((id) => wanted[at]?.includes(id)).length / ids.length, 0) /
    found.length;

  /** The names of the indexes that a search is planned with. */
  const plannedWith = async (index: VectorIndex): Promise<string[]> => {
    const unit = unitOf();
    const lines = await unit.run(async () => {
      await prepare(index);
      return database.execute(sql`explain (costs off) ${statementOf(queries[0] ?? [], index, false)}`);
    });
    await unit.rest();
    const text = lines.map((line) => String(line['QUERY PLAN'])).join('\n');
    return ['hnsw', 'ivfflat'].filter((name) => text.includes(`Index Scan using chunk_embeddings_${name}_index`));
  };

  test('each mode asks its own index, and finds nine of ten', async () => {
    const exact = await findAll('HNSW', true);
    expect(await plannedWith('HNSW')).toEqual(['hnsw']);
    expect(recall(await findAll('HNSW', false), exact)).toBeGreaterThan(0.9);

    await setMode(workspaceId, 'IVFFLAT');
    expect(await moved(workspaceId)).toEqual({ moved: count, trained: true });
    expect(await standing(workspaceId)).toEqual({ IVFFLAT: count });
    expect(await plannedWith('IVFFLAT')).toEqual(['ivfflat']);
    const approximate = await findAll('IVFFLAT', false);
    expect(recall(approximate, exact)).toBeGreaterThan(0.9);
    // It is the index that was asked, and not all that was compared.
    expect(approximate).not.toEqual(exact);
    expect(await findAll('IVFFLAT', true)).toEqual(exact);
  }, 60_000);

  test('the index is built anew when it has grown to twice its size', async () => {
    const indexOf = async () => {
      const [row] = await owner<{ lists: string; comment: string; oid: number }[]>`
        select (select option_value from pg_options_to_table(reloptions) where option_name = 'lists') as lists,
          obj_description(oid) as comment, oid from pg_class where relname = 'chunk_embeddings_ivfflat_index'`;
      return row;
    };
    const built = await indexOf();
    expect(built).toMatchObject({ lists: '10', comment: expect.stringMatching(/^Built from 5\d{3} vectors\.$/) });
    expect(await trainIvfflat(unitOf())).toBe(false);
    expect((await indexOf())?.oid).toBe(built?.oid);
    await owner`comment on index chunk_embeddings_ivfflat_index is 'Built from 2000 vectors.'`;
    expect(await trainIvfflat(unitOf())).toBe(true);
    expect(await indexOf()).toMatchObject({ lists: '10', comment: built?.comment });
    expect((await indexOf())?.oid).not.toBe(built?.oid);
  });

  test('while vectors are being moved, all are compared', async () => {
    const exact = await findAll('IVFFLAT', true);
    await owner`update chunk_embeddings set indexed_by = 'HNSW' where model = ${model} and chunk_id in (
      select chunk_id from chunk_embeddings where model = ${model} order by chunk_id limit 200)`;
    expect(await findAll('IVFFLAT', false)).toEqual(exact);
    expect(await findAll('HNSW', false)).toEqual(exact);
  }, 30_000);
});
