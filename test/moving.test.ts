import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { ingestKind } from '../src/domains/content/document-changes.ts';
import { chunkEmbeddings, chunkPostings, documentChunks, documents, files } from '../src/domains/content/tables.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { jobs } from '../src/queue/tables.ts';
import { eventsOf } from './colleagues.ts';
import { colleagueOf } from './company.ts';
import { tamper, unitOfAll } from './machines.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let [garden, kitchen, jardin] = ['', '', ''];
beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  garden = await workspaceOf(ada, { name: 'Garden' });
  kitchen = await workspaceOf(ada, { name: 'Kitchen' });
  jardin = await workspaceOf(ada, { name: 'Jardin', language: 'fr' });
});
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

const shown = 'document { id title status version chunkCount tokenCount workspace { id } addedBy { id } text }';
const added = async (input: object = {}): Promise<Data> => {
  const text = `mutation ($input: AddDocumentInput!) { addDocument(input: $input) { ${shown} } }`;
  const given = { workspaceId: garden, title: 'Roses', text: 'Roses are watered every three days.', wait: true };
  return ((await ada.want(text, { input: { ...given, ...input } })) as Data).addDocument.document;
};
const move = `mutation ($input: MoveDocumentInput!) { moveDocument(input: $input) { ${shown} } }`;
const copy = `mutation ($input: CopyDocumentInput!) { copyDocument(input: $input) { ${shown} } }`;
const moved = async (input: object): Promise<Data> => ((await ada.want(move, { input })) as Data).moveDocument.document;
const copied = async (input: object): Promise<Data> =>
  ((await ada.want(copy, { input })) as Data).copyDocument.document;

const found = async (workspaceId: string, query = 'watered roses'): Promise<string[]> => {
  const text = `query ($workspaceId: ID!, $query: String!) {
    search(workspaceId: $workspaceId, query: $query) { edges { lexicalRank vectorRank node { document { id } } } } }`;
  const { search }: Data = await ada.want(text, { workspaceId, query });
  return search.edges.flatMap(({ lexicalRank, vectorRank, node }: Data) =>
    lexicalRank !== null && vectorRank !== null ? [node.document.id] : [],
  );
};

const read = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  const unit = unitOfAll(bed, ada);
  const result = await unit.run(work);
  await unit.rest();
  return result;
};
const readings = (): Promise<number> => read(() => database.$count(jobs, eq(jobs.kind, ingestKind)));
const rowOf = async (id: string) => {
  const [row] = await read(() =>
    database
      .select()
      .from(documents)
      .where(eq(documents.id, uuidOf(id))),
  );
  if (row === undefined) throw new Error('No such document.');
  return row;
};
/** Chunks and vectors of a document as they stand, and where. */
const partsOf = async (id: string) => {
  const rows = await read(() =>
    database
      .select({ chunk: documentChunks, embedding: chunkEmbeddings })
      .from(documentChunks)
      .leftJoin(chunkEmbeddings, eq(chunkEmbeddings.chunkId, documentChunks.id))
      .where(eq(documentChunks.documentId, uuidOf(id)))
      .orderBy(documentChunks.position),
  );
  return rows.map(({ chunk, embedding }) => ({ chunk, embedding }));
};
/** Vectors that no model makes: where they turn up again, nothing was embedded. */
const markVectors = (id: string) =>
  tamper(
    bed,
    ada,
    sql`update chunk_embeddings set embedding = (select array_agg(case when n = 7 then 1 else 0 end order by n)::vector
      from generate_series(1, vector_dims(chunk_embeddings.embedding)) n)
      where chunk_id in (select id from document_chunks where document_id = ${uuidOf(id)})`,
  );

test('a move takes everything along and embeds nothing', async () => {
  const { id } = await added();
  await tamper(
    bed,
    ada,
    sql`update documents set tags = '{care}', metadata = '{"season": "summer"}', pinned = true where id = ${uuidOf(id)}`,
  );
  expect(await found(garden)).toEqual([id]);
  await markVectors(id);
  const [before, count] = [await partsOf(id), await readings()];

  const document = await moved({ id, workspaceId: kitchen });

  expect(document).toMatchObject({ id, status: 'READY', version: 1, workspace: { id: kitchen } });
  const place = uuidOf(kitchen);
  const here = { workspaceId: place, updatedAt: expect.any(String) };
  expect(await partsOf(id)).toEqual(
    before.map(({ chunk, embedding }) => ({
      chunk: { ...chunk, ...here },
      embedding: { ...embedding, workspaceId: place },
    })),
  );
  expect(before[0]?.embedding?.embedding[6]).toBe(1);
  expect(await rowOf(id)).toMatchObject({ tags: ['care'], metadata: { season: 'summer' }, pinned: true });
  const postings = await read(() =>
    database
      .selectDistinct({ workspaceId: chunkPostings.workspaceId })
      .from(chunkPostings)
      .where(eq(chunkPostings.chunkId, before[0]?.chunk.id ?? '')),
  );
  expect(postings).toEqual([{ workspaceId: place }]);
  expect(await found(garden)).toEqual([]);
  expect(await readings()).toBe(count);
  expect(await eventsOf(bed, ada.organizationId, 'document.moved')).toEqual([
    expect.objectContaining({ target: uuidOf(id), data: { from: uuidOf(garden) } }),
  ]);
  // There already: nothing happens.
  await moved({ id, workspaceId: kitchen });
  expect(await eventsOf(bed, ada.organizationId, 'document.moved')).toHaveLength(1);
});

test('a copy has chunks and vectors of its own and embeds nothing', async () => {
  const original = await added({
    title: 'Tulips',
    text: '# Tulips\n\nTulips stand in the shade.',
    mimeType: 'text/markdown',
  });
  await tamper(
    bed,
    ada,
    sql`update documents set tags = '{care}', metadata = '{"season": "spring"}', pinned = true where id = ${uuidOf(original.id)}`,
  );
  await markVectors(original.id);
  const [before, count] = [await partsOf(original.id), await readings()];
  for (const workspaceId of [kitchen, garden]) {
    const document = await copied({ id: original.id, workspaceId });

    expect(document).toEqual({
      ...original,
      id: document.id,
      workspace: { id: workspaceId },
      addedBy: { id: ada.userId },
    });
    expect(document.id).not.toBe(original.id);
    const after = await partsOf(document.id);
    expect(after.map(({ chunk }) => chunk)).toEqual(
      before.map(({ chunk }, at) => ({
        ...chunk,
        id: after[at]?.chunk.id,
        documentId: uuidOf(document.id),
        workspaceId: uuidOf(workspaceId),
        createdAt: expect.any(String),
        updatedAt: expect.any(String),
      })),
    );
    expect(after.map(({ embedding }) => embedding?.embedding)).toEqual(
      before.map(({ embedding }) => embedding?.embedding),
    );
    expect(after.map(({ embedding }) => embedding?.workspaceId)).toEqual(after.map(() => uuidOf(workspaceId)));
    expect(await rowOf(document.id)).toMatchObject({ tags: ['care'], metadata: { season: 'spring' }, pinned: false });
    expect(await read(() => database.$count(sql`document_labels`, sql`document_id = ${uuidOf(document.id)}`))).toBe(2);
  }
  expect(await readings()).toBe(count);
  expect(await partsOf(original.id)).toEqual(before);
  // Each stands alone.
  await ada.want('mutation ($id: ID!) { deleteDocument(input: { id: $id }) { deletedId } }', { id: original.id });
  expect(await found(kitchen, 'tulips shade')).toHaveLength(0);
});

const ready = async (id: string): Promise<Data> => {
  for (;;) {
    const { document }: Data = await ada.want(
      `query ($id: ID!) { ${shown.replace('document', 'document(id: $id)')} }`,
      {
        id,
      },
    );
    if (document.status === 'READY' || document.status === 'FAILED') return document;
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
};

test('what would come out otherwise is read anew', async () => {
  const { id } = await added({ title: 'Lilies', text: 'Lilies are planted in autumn.' });
  await markVectors(id);
  const french = await copied({ id, workspaceId: jardin });
  const titled = await copied({ id, workspaceId: garden, title: 'Orchids' });
  expect([french.status, titled.status, titled.title]).toEqual(['PENDING', 'PENDING', 'Orchids']);
  for (const each of [french.id, titled.id]) {
    expect((await ready(each)).status).toBe('READY');
    const [part] = await partsOf(each);
    expect(part?.embedding?.embedding.filter((value) => value !== 0).length).toBeGreaterThan(1);
  }
  const there = await moved({ id, workspaceId: jardin });
  expect(there.status).toBe('PENDING');
  expect(await ready(id)).toMatchObject({ status: 'READY', version: 1 });
  expect(await rowOf(id)).toMatchObject({ language: 'fr' });

  // While the other workspace changes its model, what comes in is read there.
  const model = '0189aaaa-0000-7000-8000-000000000001';
  await tamper(bed, ada, sql`update workspaces set next_embedding_model_id = ${model} where id = ${uuidOf(kitchen)}`);
  const other = await added({ title: 'Ferns', text: 'Ferns like shade.' });
  expect((await copied({ id: other.id, workspaceId: kitchen })).status).toBe('PENDING');
  await tamper(bed, ada, sql`update workspaces set next_embedding_model_id = null where id = ${uuidOf(kitchen)}`);
});

test('a document that is being read is moved as it is, and its copy is read by itself', async () => {
  const { id } = await added({ title: 'Moss', text: 'Moss grows on stones.' });
  await tamper(bed, ada, sql`update documents set status = 'PROCESSING' where id = ${uuidOf(id)}`);
  expect((await moved({ id, workspaceId: kitchen })).status).toBe('PROCESSING');
  const document = await copied({ id, workspaceId: garden });
  expect(document).toMatchObject({ status: 'PENDING', chunkCount: 0 });
  expect((await ready(document.id)).status).toBe('READY');
});

test('files are seen where the document is', async () => {
  const { createUpload }: Data = await ada.want(
    'mutation { createUpload(input: { name: "a.txt", size: 17, mimeType: "text/plain" }) { upload { url } file { id } } }',
  );
  await fetch(new URL(createUpload.upload.url, bed.url), { method: 'PUT', body: 'Roses need light.' });
  const { id } = await added({ text: undefined, fileId: createUpload.file.id });
  await moved({ id, workspaceId: kitchen });
  await copied({ id, workspaceId: jardin });
  const [file] = await read(() =>
    database
      .select()
      .from(files)
      .where(eq(files.id, uuidOf(createUpload.file.id))),
  );
  for (const workspaceId of [kitchen, jardin]) expect(file?.readers).toContain(uuidOf(workspaceId));
  expect(file?.readers).not.toContain(uuidOf(garden));
});

test('whoever was named stays named, and nobody else comes to see it', async () => {
  const named = await colleagueOf(bed, ada.organizationId, 'Named', 'MEMBER', {
    [garden]: 'EDITOR',
    [kitchen]: 'EDITOR',
  });
  const other = await colleagueOf(bed, ada.organizationId, 'Other', 'MEMBER', {
    [garden]: 'EDITOR',
    [kitchen]: 'EDITOR',
  });
  const { id } = await added({ title: 'Secret' });
  const readers = [uuidOf(named.userId), uuidOf(ada.organizationId)];
  await tamper(bed, ada, sql`update documents set readers = ${sql.param(readers)}::uuid[] where id = ${uuidOf(id)}`);
  const { id: second } = await copied({ id, workspaceId: kitchen });
  await named.want(move, { input: { id, workspaceId: kitchen } });
  for (const each of [id, second]) {
    expect((await rowOf(each)).readers).toEqual(readers);
    for (const { chunk, embedding } of await partsOf(each))
      expect([chunk.readers, embedding?.readers]).toEqual([readers, readers]);
    const text = 'query ($id: ID!) { document(id: $id) { title } }';
    expect(await named.codes(text, { id: each })).toEqual([]);
    expect(await other.codes(text, { id: each })).toEqual(['NOT_FOUND']);
    expect(await other.codes(copy, { input: { id: each, workspaceId: garden } })).toEqual(['NOT_FOUND']);
  }
});

test('both need EDITOR here and there, and what is archived or synced stays', async () => {
  const { id } = await added({ title: 'Ivy' });
  const places = { [garden]: 'EDITOR', [kitchen]: 'VIEWER' } as const;
  const half: Person = await colleagueOf(bed, ada.organizationId, 'Half', 'MEMBER', places);
  const stranger = await bed.signUp('Stranger');
  const foreign = await workspaceOf(stranger);
  const attic = await workspaceOf(ada, { name: 'Attic' });
  const kept = await added({ title: 'Old', workspaceId: attic });
  await ada.want('mutation ($id: ID!) { archiveWorkspace(input: { id: $id }) { workspace { id } } }', { id: attic });
  for (const operation of [move, copy]) {
    expect(await half.codes(operation, { input: { id, workspaceId: kitchen } })).toEqual(['FORBIDDEN']);
    expect(await half.codes(operation, { input: { id, workspaceId: jardin } })).toEqual(['NOT_FOUND']);
    expect(await ada.codes(operation, { input: { id, workspaceId: foreign } })).toEqual(['NOT_FOUND']);
    expect(await stranger.codes(operation, { input: { id, workspaceId: foreign } })).toEqual(['NOT_FOUND']);
    expect(await ada.codes(operation, { input: { id, workspaceId: attic } })).toEqual(['CONFLICT']);
    expect(await ada.codes(operation, { input: { id: kept.id, workspaceId: kitchen } })).toEqual(['CONFLICT']);
  }
  expect(await ada.codes(copy, { input: { id, workspaceId: kitchen, title: ' ' } })).toEqual(['BAD_USER_INPUT']);

  const source = '0189bbbb-0000-7000-8000-000000000001';
  await tamper(
    bed,
    ada,
    sql`insert into datasources (organization_id, id, workspace_id, name, kind)
      values (${uuidOf(ada.organizationId)}, ${source}, ${uuidOf(garden)}, 'Site', 'SITEMAP')`,
  );
  await tamper(
    bed,
    ada,
    sql`update documents set datasource_id = ${source}, external_id = 'x', source_hash = 'y' where id = ${uuidOf(id)}`,
  );
  expect(await ada.codes(move, { input: { id, workspaceId: kitchen } })).toEqual(['CONFLICT']);
  const alone = await copied({ id, workspaceId: kitchen });
  expect(await rowOf(alone.id)).toMatchObject({ datasourceId: null, externalId: null, sourceHash: null });
});
