import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { and, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { documents, documentVersions } from '../src/domains/content/tables.ts';
import { keepVersion } from '../src/domains/content/versions.ts';
import { whole } from './access/cast.ts';
import { colleagueOf } from './company.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
});
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

const fields = 'id version title text mimeType status file { id }';
const add = async (input: object): Promise<Data> => {
  const text = `mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { ${fields} } } }`;
  return ((await ada.want(text, { input: { workspaceId, title: 'Letter', wait: true, ...input } })) as Data).addDocument
    .document;
};
const update = async (id: string, text: string): Promise<Data> => {
  const mutation = `mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { ${fields} } } }`;
  return ((await ada.want(mutation, { input: { id, text, wait: true } })) as Data).updateDocument.document;
};
const restoreText = `mutation ($input: RestoreDocumentVersionInput!) { restoreDocumentVersion(input: $input) { document { ${fields} } } }`;
const restore = async (id: string, version: number): Promise<Data> =>
  ((await ada.want(restoreText, { input: { id, version, wait: true } })) as Data).restoreDocumentVersion.document;
const versionsText = `query ($id: ID!, $first: Int) { document(id: $id) { versions(first: $first) { totalCount edges { node {
  id version title text mimeType contentHash createdAt replacedBy { id } file { id } document { id } } } } } }`;
const versionsOf = async (id: string): Promise<Data[]> =>
  ((await ada.want(versionsText, { id })) as Data).document.versions.edges.map(({ node }: Data) => node);
const compareText = `query ($id: ID!, $from: Int!, $to: Int!) { compareDocumentVersions(id: $id, from: $from, to: $to) {
  from to added removed hunks { oldStart oldLines newStart newLines lines } } }`;

describe('the texts a document had', () => {
  test('are kept, listed newest first and brought back as new versions', async () => {
    const { id } = await add({ text: 'First text.' });
    expect(await versionsOf(id)).toEqual([]);
    await update(id, 'Second text.');
    await update(id, 'Third text.');
    const kept = await versionsOf(id);
    expect(kept).toMatchObject([
      {
        version: 2,
        title: 'Letter',
        text: 'Second text.',
        replacedBy: { id: ada.userId },
        file: null,
        document: { id },
      },
      { version: 1, text: 'First text.', contentHash: expect.stringMatching(/^[0-9a-f]{64}$/) },
    ]);
    expect(await restore(id, 1)).toMatchObject({ version: 4, text: 'First text.', status: 'READY' });
    expect((await versionsOf(id)).map(({ version }) => version)).toEqual([3, 2, 1]);
    const search =
      'query ($id: ID!) { search(workspaceId: $id, query: "first text", first: 1) { edges { node { text } } } }';
    expect(((await ada.want(search, { id: workspaceId })) as Data).search.edges[0].node.text).toBe('First text.');
    const one = 'query ($id: ID!) { documentVersion(id: $id) { version } node(id: $id) { id } }';
    expect(await ada.want(one, { id: kept[0].id })).toEqual({
      documentVersion: { version: 2 },
      node: { id: kept[0].id },
    });
    expect(await ada.codes(restoreText, { input: { id, version: 4 } })).toEqual(['CONFLICT']);
    expect(await ada.codes(restoreText, { input: { id, version: 9 } })).toEqual(['NOT_FOUND']);
  });

  test('are not kept where the text stays', async () => {
    const { id } = await add({ text: 'Stays.' });
    const text = 'mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { version } } }';
    await ada.want(text, { input: { id, title: 'Other', tags: ['x'], metadata: { a: 1 }, wait: true } });
    expect(await versionsOf(id)).toEqual([]);
  });

  test('that were read out of HTML come back as they were read', async () => {
    const { id, text } = await add({ text: '<h1>Tea</h1><p>One &lt; two.</p><p>Three.</p>', mimeType: 'text/html' });
    expect(text).toBe('Tea\n\nOne < two.\n\nThree.');
    await update(id, '<p>Other</p>');
    expect(await restore(id, 1)).toMatchObject({ text, mimeType: 'text/html' });
    // A change of title reads the text of an earlier reading once more.
    const rename = `mutation ($id: ID!) { updateDocument(input: { id: $id, title: "New", wait: true }) { document { text status } } }`;
    expect(((await ada.want(rename, { id })) as Data).updateDocument.document).toEqual({ text, status: 'READY' });
    expect(await update(id, '<p>Still <b>HTML</b></p>')).toMatchObject({ text: 'Still HTML', mimeType: 'text/html' });
  });

  test('that came in files come back with them', async () => {
    const bytes = Buffer.from('# Manual\n\nTurn it off and on.');
    const opened: Data = await ada.want(
      'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { upload { url } file { id } } }',
      { input: { name: 'manual.md', size: bytes.length, mimeType: 'text/markdown' } },
    );
    const { upload, file } = opened.createUpload;
    await fetch(new URL(upload.url, bed.url), { method: 'PUT', body: bytes });
    const { id, text } = await add({ fileId: file.id });
    expect(await update(id, 'By hand.')).toMatchObject({ file: null, mimeType: 'text/plain' });
    expect(await versionsOf(id)).toMatchObject([{ file: { id: file.id }, mimeType: 'text/markdown', text }]);
    expect(await restore(id, 1)).toMatchObject({ version: 3, file: { id: file.id }, mimeType: 'text/markdown', text });
    expect(await restore(id, 2)).toMatchObject({ version: 4, file: null, mimeType: 'text/plain', text: 'By hand.' });
  });

  test('are fifty at most', async () => {
    const { id } = await add({ text: 'Much changed.' });
    const unit = whole(bed, ada.organizationId);
    const organizationId = uuidOf(ada.organizationId);
    const isDocument = and(eq(documents.organizationId, organizationId), eq(documents.id, uuidOf(id)));
    await unit.transact(async (transaction) => {
      for (let version = 2; version <= 54; version += 1) {
        await keepVersion(transaction, { id: uuidOf(id) });
        await database.update(documents).set({ version }).where(isDocument);
      }
    });
    const ofDocument = and(
      eq(documentVersions.organizationId, organizationId),
      eq(documentVersions.documentId, uuidOf(id)),
    );
    const kept = await unit.run(() => database.select().from(documentVersions).where(ofDocument));
    await unit.rest();
    const numbers = kept.map(({ version }) => version).sort((a, b) => a - b);
    expect([numbers.length, numbers[0], numbers.at(-1)]).toEqual([50, 4, 53]);
    expect(kept[0]?.replacedById).toBeNull();
  });

  test('are for EDITORs to bring back and for all who see the document to read', async () => {
    const { id } = await add({ text: 'One.' });
    await update(id, 'Two.');
    const viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
    expect(await viewer.codes(restoreText, { input: { id, version: 1 } })).toEqual(['FORBIDDEN']);
    expect(((await viewer.want(versionsText, { id })) as Data).document.versions.totalCount).toBe(1);
    const eve = await bed.signUp('Eve');
    const [{ id: version }] = await versionsOf(id);
    expect(await eve.codes('query ($id: ID!) { documentVersion(id: $id) { id } }', { id: version })).toEqual([
      'NOT_FOUND',
    ]);
    expect(await eve.codes(compareText, { id, from: 1, to: 2 })).toEqual(['NOT_FOUND']);
    const { statements } = await ada.ask(
      '{ documents { edges { node { versions { edges { node { text document { id } replacedBy { id } file { id } } } } } } } }',
    );
    // Documents, versions, texts, documents of versions, people and files.
    expect(statements).toHaveLength(6);
  });
});

describe('a comparison', () => {
  const lines = (count: number, changed: readonly number[] = []) =>
    Array.from({ length: count }, (_, at) => `Line ${at}${changed.includes(at) ? ' is new' : ''}.`).join('\n');

  test('tells what differs, line by line', async () => {
    const { id } = await add({ text: lines(30) });
    await update(id, `${lines(30, [4, 20])}\nAnd one more.`);
    const compare = async (from: number, to: number) =>
      ((await ada.want(compareText, { id, from, to })) as Data).compareDocumentVersions;
    const forth = await compare(1, 2);
    expect(forth).toMatchObject({ from: 1, to: 2, added: 3, removed: 2 });
    expect(forth.hunks).toHaveLength(3);
    expect(forth.hunks[0]).toEqual({
      oldStart: 2,
      oldLines: 7,
      newStart: 2,
      newLines: 7,
      lines: [' Line 1.', ' Line 2.', ' Line 3.', '-Line 4.', '+Line 4 is new.', ' Line 5.', ' Line 6.', ' Line 7.'],
    });
    expect(forth.hunks[2].lines.at(-1)).toBe('+And one more.');
    expect(await compare(2, 1)).toMatchObject({ added: 2, removed: 3 });
    expect(await compare(2, 2)).toMatchObject({ added: 0, removed: 0, hunks: [] });
    expect(await ada.codes(compareText, { id, from: 1, to: 7 })).toEqual(['NOT_FOUND']);
  });

  test('has its bounds', async () => {
    const { id } = await add({ text: 'x' });
    await update(id, 'y');
    const texts = async (before: string, after: string) => {
      const unit = whole(bed, ada.organizationId);
      await unit.transact(async () => {
        await database
          .update(documentVersions)
          .set({ text: before })
          .where(eq(documentVersions.documentId, uuidOf(id)));
        await database
          .update(documents)
          .set({ text: after })
          .where(eq(documents.id, uuidOf(id)));
      });
      const began = performance.now();
      const { errors } = await ada.ask(compareText, { id, from: 1, to: 2 });
      return [errors[0]?.extensions.code, performance.now() - began < 4000];
    };
    const many = (word: string) => Array.from({ length: 100_000 }, (_, at) => `${word} ${at}`).join('\n');
    expect(await texts(many('a'), many('b'))).toEqual(['BAD_USER_INPUT', true]);
    expect(await texts('x'.repeat(2_000_001), 'y')).toEqual(['BAD_USER_INPUT', true]);
    expect(await texts(`${many('a')}\nx`, `${many('a')}\ny`)).toEqual([undefined, true]);
  });
});
