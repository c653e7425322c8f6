import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { ingest } from '../src/domains/content/ingestion.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { documents } from '../src/domains/content/tables.ts';
import { whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let viewer: Colleague;
let garden: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  garden = await workspaceOf(ada);
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [garden]: 'VIEWER' });
});
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

const add = async (input: object, person: Person = ada): Promise<Data> => {
  const text = `mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id version status tags metadata
    chunks { edges { node { id text enabled } } } } } }`;
  const given = { workspaceId: garden, title: 'Roses', text: 'Roses are red.', wait: true, ...input };
  return ((await person.want(text, { input: given })) as Data).addDocument.document;
};
const update = async (input: object): Promise<Data> => {
  const text = `mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { id version status tags metadata
    chunks { edges { node { id text enabled } } } } } }`;
  return ((await ada.want(text, { input: { wait: true, ...input } })) as Data).updateDocument.document;
};
const titlesOf = async (person: Person, workspaceId: string, filter: object): Promise<string[]> => {
  const text = `query ($id: ID!, $filter: DocumentFilter) { workspace(id: $id) {
    documents(filter: $filter, orderBy: [{ field: TITLE }]) { totalCount edges { node { title } } } } }`;
  const { documents: list }: Data = ((await person.want(text, { id: workspaceId, filter })) as Data).workspace;
  expect(list.totalCount).toBe(list.edges.length);
  return list.edges.map(({ node }: Data) => node.title);
};
const fieldsOf = async (text: string, input: object): Promise<unknown[]> =>
  (await ada.ask(text, { input })).errors.flatMap(({ extensions }) => [extensions.code, extensions.field]);
const addText = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';

test('a reading that began under another title does not come to an end before the one that goes by the new', async () => {
  const { id } = await add({ title: 'Roses', text: 'They are red.' });
  const unit = unitOf(bed, ada.organizationId);
  const isDocument = eq(documents.id, uuidOf(id));
  const set = (values: object) => unit.transact(() => database.update(documents).set(values).where(isDocument));
  await set({ status: 'PENDING', version: 2, text: 'They are white.' });
  const run = {
    jobId: '',
    attempt: 1,
    signal: new AbortController().signal,
    kept: null,
    keep: async () => undefined,
    // The text has been read, and another reading has begun for the new title.
    progress: async () => void (await set({ title: 'Lilies', status: 'PROCESSING' })),
  };
  const work = { unit, services: bed.server.installation.services };
  await ingest(work, { documentId: uuidOf(id), version: 2 }, run);
  const [row] = await unit.run(() => database.select().from(documents).where(isDocument));
  expect([row?.status, row?.title]).toEqual(['PROCESSING', 'Lilies']);
  await ingest(work, { documentId: uuidOf(id), version: 2 }, { ...run, progress: async () => undefined });
  const [last] = await unit.run(() => database.select().from(documents).where(isDocument));
  await unit.rest();
  expect(last?.status).toBe('READY');
  const found: Data = await ada.want(
    'query ($id: ID!) { search(workspaceId: $id, query: "lilies") { edges { node { text } } } }',
    { id: garden },
  );
  expect(found.search.edges.map(({ node }: Data) => node.text)).toContain('They are white.');
});

describe('tags and metadata', () => {
  test('are kept in their one form, and change without the document being read again', async () => {
    const { id, tags, metadata, chunks } = await add({
      tags: [' Roses ', 'roses', 'RED'],
      metadata: { author: 'Ada', pages: 3, deep: { a: [1, null] } },
    });
    expect([tags, metadata]).toEqual([['roses', 'red'], { author: 'Ada', pages: 3, deep: { a: [1, null] } }]);
    const processedAt = 'query ($id: ID!) { document(id: $id) { processedAt status } }';
    const before = await ada.want(processedAt, { id });
    const changed = await update({ id, tags: ['Blue'], metadata: { year: 1999 } });
    expect(changed).toEqual({ id, version: 1, status: 'READY', tags: ['blue'], metadata: { year: 1999 }, chunks });
    expect(await ada.want(processedAt, { id })).toEqual(before);
    expect(await update({ id, metadata: null })).toMatchObject({ tags: ['blue'], metadata: {} });
    expect(await update({ id, tags: null })).toMatchObject({ tags: [] });
  });

  test.each([
    ['too many tags', { tags: Array.from({ length: 51 }, (_, at) => `t${at}`) }, 'tags'],
    ['a tag of blanks', { tags: ['fine', '  '] }, 'tags.1'],
    ['a long tag', { tags: ['x'.repeat(101)] }, 'tags.0'],
    ['metadata that is a list', { metadata: [1] }, 'metadata'],
    ['metadata that is a word', { metadata: 'x' }, 'metadata'],
    [
      'too many names',
      { metadata: Object.fromEntries(Array.from({ length: 51 }, (_, at) => [`n${at}`, 1])) },
      'metadata',
    ],
    ['an empty name', { metadata: { '': 1 } }, 'metadata'],
    ['a long name', { metadata: { ['x'.repeat(101)]: 1 } }, 'metadata'],
    ['too much', { metadata: { a: 'ä'.repeat(8000) } }, 'metadata'],
  ])('%s is refused', async (_name, labels, field) => {
    const input = { workspaceId: garden, title: 'x', text: 'x', ...labels };
    expect(await fieldsOf(addText, input)).toEqual(['BAD_USER_INPUT', field]);
  });

  test('divide lists, each by an index', async () => {
    const workspaceId = await workspaceOf(ada);
    await add({
      workspaceId,
      title: 'A',
      tags: ['x', 'y'],
      metadata: { n: 5, s: 'five', b: true, long: 'l'.repeat(501) },
    });
    await add({ workspaceId, title: 'B', tags: ['y'], metadata: { n: 1.5e21, s: '5' }, mimeType: 'text/markdown' });
    const { id } = await add({ workspaceId, title: 'C', metadata: { y: 'y' } });
    const by = (filter: object) => titlesOf(ada, workspaceId, filter);
    expect(await by({ tags: { has: ' Y ' } })).toEqual(['A', 'B']);
    expect(await by({ tags: { hasAny: ['x', 'nowhere'] } })).toEqual(['A']);
    expect(await by({ tags: { hasAll: ['x', 'y'] } })).toEqual(['A']);
    expect(await by({ tags: { hasAll: ['x', 'nowhere'] } })).toEqual([]);
    expect(await by({ tags: { hasAny: [] } })).toEqual([]);
    expect(await by({ not: { tags: { has: 'x' } } })).toEqual(['B', 'C']);
    expect(await by({ metadata: { name: 'n', eq: 5 } })).toEqual(['A']);
    expect(await by({ metadata: { name: 'n', eq: 1.5e21 } })).toEqual(['B']);
    expect(await by({ metadata: { name: 's', in: ['five', '5'] } })).toEqual(['A', 'B']);
    expect(await by({ metadata: { name: 'b', eq: true } })).toEqual(['A']);
    expect(await by({ metadata: { name: 'y', eq: 'y' } })).toEqual(['C']);
    // The empty name is the tags'.
    expect(await by({ metadata: { name: '', eq: 'y' } })).toEqual([]);
    expect(await by({ metadata: { name: 'long', eq: 'l'.repeat(501) } })).toEqual([]);
    expect(await by({ mimeType: { eq: 'text/markdown' } })).toEqual(['B']);
    expect(await by({ id: { in: [id] } })).toEqual(['C']);
    const text =
      'query ($id: ID!, $filter: DocumentFilter) { workspace(id: $id) { documents(filter: $filter) { totalCount } } }';
    for (const metadata of [
      { name: 'n' },
      { name: 'n', eq: null },
      { name: 'n', eq: { a: 1 } },
      { name: 'n', in: [[1]] },
    ])
      expect(await ada.codes(text, { id: workspaceId, filter: { metadata } })).toEqual(['BAD_USER_INPUT']);
    const many = { hasAny: Array.from({ length: 101 }, String) };
    expect(await ada.codes(text, { id: workspaceId, filter: { tags: many } })).toEqual(['BAD_USER_INPUT']);
  });

  test("a workspace's tags are counted as far as their documents are seen", async () => {
    const workspaceId = await workspaceOf(ada);
    const reader = await colleagueOf(bed, ada.organizationId, 'Reader', 'MEMBER', { [workspaceId]: 'VIEWER' });
    for (const tags of [['b', 'a'], ['b'], ['c', 'b']]) await add({ workspaceId, tags });
    const hidden = await add({ workspaceId, tags: ['secret', 'b'] });
    await whole(bed, ada.organizationId).transact(() =>
      database
        .update(documents)
        .set({ readers: [uuidOf(ada.userId), uuidOf(ada.organizationId)] })
        .where(eq(documents.id, uuidOf(hidden.id))),
    );
    const page = `query ($id: ID!, $first: Int, $after: String, $last: Int) { workspace(id: $id) { documentTags(first: $first, after: $after, last: $last) {
      totalCount edges { cursor node { tag documentCount } } pageInfo { hasNextPage } } } }`;
    const tagsOf = async (person: Person, args: object) =>
      ((await person.want(page, { id: workspaceId, ...args })) as Data).workspace.documentTags;
    const all = await tagsOf(reader, {});
    expect(all.edges.map(({ node }: Data) => node)).toEqual([
      { tag: 'a', documentCount: 1 },
      { tag: 'b', documentCount: 3 },
      { tag: 'c', documentCount: 1 },
    ]);
    expect(all.totalCount).toBe(3);
    expect((await tagsOf(ada, {})).edges[1].node).toEqual({ tag: 'b', documentCount: 4 });
    const first = await tagsOf(reader, { first: 1 });
    expect(first.pageInfo.hasNextPage).toBe(true);
    const rest = await tagsOf(reader, { first: 5, after: first.edges[0].cursor });
    expect(rest.edges.map(({ node }: Data) => node.tag)).toEqual(['b', 'c']);
    expect((await tagsOf(reader, { last: 1 })).edges[0].node.tag).toBe('c');
    const { statements } = await ada.ask(
      '{ workspaces { edges { node { documentTags { edges { node { tag } } } } } } }',
    );
    expect(statements).toHaveLength(2);
  });
});

describe('documents of all workspaces', () => {
  test('are those that the viewer sees', async () => {
    const other = await workspaceOf(ada, { name: 'Other' });
    await add({ workspaceId: other, title: 'Elsewhere', tags: ['all-of-it'] });
    await add({ title: 'Here', tags: ['all-of-it'] });
    const text = `query ($filter: DocumentFilter, $orderBy: [DocumentOrder!]) { documents(filter: $filter, orderBy: $orderBy) {
      totalCount edges { node { title } } } }`;
    const titles = async (person: Person, variables: object) =>
      ((await person.want(text, variables)) as Data).documents.edges.map(({ node }: Data) => node.title);
    const filter = { tags: { has: 'all-of-it' } };
    expect(await titles(ada, { filter })).toEqual(['Here', 'Elsewhere']);
    expect(await titles(ada, { filter, orderBy: [{ field: 'TITLE' }] })).toEqual(['Elsewhere', 'Here']);
    expect(await titles(viewer, { filter })).toEqual(['Here']);
    expect(await titles(ada, { filter: { ...filter, workspaceId: { eq: other } } })).toEqual(['Elsewhere']);
    expect(await titles(await bed.signUp('Eve'), { filter })).toEqual([]);
  });
});

describe('a passage that is disabled', () => {
  const search = async (query: string): Promise<Data[]> => {
    const text =
      'query ($id: ID!, $query: String!) { search(workspaceId: $id, query: $query) { edges { vectorRank lexicalRank node { id text } } } }';
    return ((await ada.want(text, { id: garden, query })) as Data).search.edges;
  };
  const set = (name: 'disableChunk' | 'enableChunk', id: string, person: Person = ada) =>
    person.want(`mutation ($id: ID!) { ${name}(input: { id: $id }) { chunk { enabled } } }`, { id });
  const medlars = `Medlars ${'are eaten when they have gone soft. '.repeat(50)}`;
  const paragraphs = (last: string) =>
    [
      `Wisteria ${'climbs up walls and blossoms. '.repeat(60)}`,
      `Quinces ${'ripen late in autumn. '.repeat(80)}`,
      last,
    ].join('\n\n');

  test('is found by neither words nor vectors, and stays so as long as its words do', async () => {
    const { id, chunks } = await add({
      title: 'Trees',
      text: paragraphs(medlars),
    });
    const quince = chunks.edges.map(({ node }: Data) => node).find(({ text }: Data) => text.includes('Quinces'));
    const places = async () => (await search('quinces ripen')).find(({ node }) => node.id === quince.id);
    expect(await places()).toMatchObject({ lexicalRank: expect.any(Number), vectorRank: expect.any(Number) });
    expect(await set('disableChunk', quince.id)).toEqual({ disableChunk: { chunk: { enabled: false } } });
    expect(await places()).toBeUndefined();
    const filtered =
      'query ($id: ID!) { document(id: $id) { chunks(filter: { enabled: { eq: false } }) { totalCount edges { node { id } } } } }';
    expect(((await ada.want(filtered, { id })) as Data).document.chunks).toEqual({
      totalCount: 1,
      edges: [{ node: { id: quince.id } }],
    });

    // Its row stays where a text changes elsewhere, and is another after a change of title.
    const enabled = (document: Data) =>
      document.chunks.edges.map(({ node }: Data) => [node.text.includes('Quinces'), node.enabled]);
    const changed = await update({ id, text: paragraphs(`${medlars} And more.`) });
    expect(enabled(changed)).toContainEqual([true, false]);
    expect(enabled(changed)).not.toContainEqual([false, false]);
    const renamed = await update({ id, title: 'Old trees' });
    expect(enabled(renamed)).toContainEqual([true, false]);
    expect(renamed.chunks.edges.map(({ node }: Data) => node.id)).not.toContain(quince.id);
    expect((await search('quinces ripen')).filter(({ node }) => node.text.includes('Quinces'))).toEqual([]);
    const unit = unitOf(bed, ada.organizationId);
    const rows = await unit.run(() =>
      database.execute<{ enabled: boolean; vectors: boolean; postings: number }>(sql`
        select chunk.enabled, embedding.enabled as vectors, (select count(*)::integer from chunk_postings where chunk_id = chunk.id) as postings
        from document_chunks chunk join chunk_embeddings embedding on embedding.chunk_id = chunk.id
        where chunk.document_id = ${uuidOf(id)} and chunk.text like '%Quinces%'`),
    );
    await unit.rest();
    expect([...rows]).toEqual([{ enabled: false, vectors: false, postings: 0 }]);

    const again = renamed.chunks.edges.find(({ node }: Data) => node.text.includes('Quinces')).node.id;
    await set('enableChunk', again);
    expect((await search('quinces ripen'))[0].node.id).toBe(again);
    // The same words are a passage of their own: a new text does not take over what was said of other words.
    await set('disableChunk', again);
    const other = await update({ id, text: 'Quinces are something else now.' });
    expect(enabled(other)).toEqual([[true, true]]);
  });

  test('is disabled by EDITORs alone', async () => {
    const { chunks } = await add({ title: 'Lilies', text: 'Lilies are white.' });
    const text = 'mutation ($id: ID!) { disableChunk(input: { id: $id }) { chunk { id } } }';
    expect(await viewer.codes(text, { id: chunks.edges[0].node.id })).toEqual(['FORBIDDEN']);
    expect(await (await bed.signUp('Eve')).codes(text, { id: chunks.edges[0].node.id })).toEqual(['NOT_FOUND']);
  });
});

describe('a preview', () => {
  const preview =
    'query ($id: ID!, $from: Int!, $length: Int!) { document(id: $id) { text preview(from: $from, length: $length) { text start end length } } }';

  test.each([
    ['plain text', 'Plain text with an ä and a 漢.'],
    ['text with pairs', 'a😀b😀😀c 𝒳𝒴 end 😀'],
  ])('of %s is cut as JavaScript cuts it', async (_name, text) => {
    const { id } = await add({ title: 'Signs', text });
    const partOf = async (from: number, length: number) =>
      ((await ada.want(preview, { id, from, length })) as Data).document.preview;
    for (let from = 0; from <= text.length + 1; from += 1)
      for (const length of [2, 3, 7, 100]) {
        const part = await partOf(from, length);
        expect(part.length).toBe(text.length);
        expect(part.text).toBe(text.slice(part.start, part.end));
        expect(part.text.isWellFormed()).toBe(true);
        expect(part.start - Math.min(from, text.length)).toBeLessThanOrEqual(1);
        expect(Math.min(from + length, text.length) - part.end).toBeLessThanOrEqual(1);
      }
    let read = '';
    for (let from = 0; from < text.length;) {
      const part = await partOf(from, 2);
      expect(part.end).toBeGreaterThan(from);
      read += part.text;
      from = part.end;
    }
    expect(read).toBe(text);
  });

  test('has its bounds, and costs one statement for a page', async () => {
    const { id } = await add({ title: 'Bounds', text: 'Short.' });
    for (const [from, length] of [
      [-1, 10],
      [0, 1],
      [0, 100_001],
    ])
      expect(await ada.codes(preview, { id, from, length })).toEqual(['BAD_USER_INPUT']);
    const page = '{ documents { edges { node { preview(length: 10) { text } metadata tags pinned } } } }';
    const { statements, errors } = await ada.ask(page);
    expect(errors).toEqual([]);
    expect(statements).toHaveLength(3);
  });

  test('of what has not been read there is none', async () => {
    const { id } = await add({ title: 'Unread', text: 'Unread.' });
    await unitOf(bed, ada.organizationId).transact(() =>
      database
        .update(documents)
        .set({ contentHash: null })
        .where(eq(documents.id, uuidOf(id))),
    );
    expect(((await ada.want(preview, { id, from: 0, length: 10 })) as Data).document.preview).toBeNull();
  });
});

describe('a file', () => {
  const upload = async (name: string, bytes: Buffer, mimeType: string, arrives = true): Promise<string> => {
    const opened: Data = await ada.want(
      'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { url } file { id } } }',
      { input: { name, size: bytes.length, mimeType } },
    );
    const { upload: way, file } = opened.createUpload;
    if (arrives) expect((await fetch(new URL(way.url, bed.url), { method: 'PUT', body: bytes })).status).toBe(200);
    return file.id;
  };
  const text = `mutation ($id: ID!) { previewUpload(input: { fileId: $id }) { title mimeType text length tokenCount chunkCount } }`;

  test('is read for a preview, and nothing is kept', async () => {
    const id = await upload('garden.md', Buffer.from('# Garden\n\nRoses are red.'), 'text/markdown');
    const before: Data = await ada.want('{ documents { totalCount } }');
    const { previewUpload }: Data = await ada.want(text, { id });
    expect(previewUpload).toMatchObject({
      mimeType: 'text/markdown',
      text: 'Garden\n\nRoses are red.',
      length: 22,
      chunkCount: 1,
    });
    expect(previewUpload.tokenCount).toBeGreaterThan(3);
    expect(await ada.want('{ documents { totalCount } }')).toEqual(before);
  });

  test('that cannot be read says why', async () => {
    const broken = await upload('broken.pdf', Buffer.from('%PDF-1.7 and nothing more'), 'application/pdf');
    expect((await ada.ask(text, { id: broken })).errors[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      field: 'fileId',
    });
    const awaited = await upload('late.txt', Buffer.from('late'), 'text/plain', false);
    expect(await ada.codes(text, { id: awaited })).toEqual(['CONFLICT']);
    expect(await viewer.codes(text, { id: awaited })).toEqual(['NOT_FOUND']);
  });
});

test('documents are counted by state in one statement for all workspaces', async () => {
  const workspaceId = await workspaceOf(ada);
  for (let count = 0; count < 3; count += 1) await add({ workspaceId });
  await add({ workspaceId, text: '<p> </p>', mimeType: 'text/html' });
  const text = 'query ($id: ID!) { workspace(id: $id) { documentCounts { pending processing ready failed } } }';
  expect(((await ada.want(text, { id: workspaceId })) as Data).workspace.documentCounts).toEqual({
    pending: 0,
    processing: 0,
    ready: 3,
    failed: 1,
  });
  const { statements } = await ada.ask('{ workspaces { edges { node { documentCounts { ready } } } } }');
  expect(statements).toHaveLength(2);
});
