import { connect } from 'node:net';
import { Readable } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, jest, test } from '@jest/globals';
import { Document, HeadingLevel, Packer, Paragraph } from 'docx';
import { and, eq, sql } from 'drizzle-orm';
import { PDFDocument, StandardFonts } from 'pdf-lib';
import pptxgen from 'pptxgenjs';
import writeExcelFile from 'write-excel-file/node';
import { database } from '../src/database/client.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import {
  chunkEmbeddings,
  chunkPostings,
  documentChunks,
  documents,
  searchTables,
} from '../src/domains/content/tables.ts';
import { ingest } from '../src/domains/content/ingestion.ts';
import { retrieve } from '../src/domains/content/retrieval.ts';
import { receiveUpload } from '../src/domains/content/uploads.ts';
import { workspaceById } from '../src/domains/tenancy/loaders.ts';
import { parseGlobalId } from '../src/ids.ts';
import { jobs } from '../src/queue/tables.ts';
import { hybridSearch, searchSettings } from '../src/search/hybrid-search.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let workspaceId: string;

const createWorkspace = async (person: Person, name = 'Handbook'): Promise<string> => {
  const text = `mutation CreateWorkspace($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id slug name } } }`;
  return ((await person.want(text, { input: { name } })) as Data).createWorkspace.workspace.id;
};

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  workspaceId = await createWorkspace(ada);
});
afterAll(async () => {
  await bed.stop();
  await closeParsers();
});

const uuidOf = (id: string): string => parseGlobalId(id)?.uuid ?? '';

/** A unit that sees the whole organization of a person, as jobs do. */
const unitOf = (person: { organizationId: string }): UnitOfWork => {
  const organizationId = uuidOf(person.organizationId);
  const origin = { requestId: 'test', address: null, userAgent: null };
  const scope = { organizationId, userId: null, principals: [organizationId], workspaces: '*' as const };
  return new UnitOfWork(scope, { ...bed.server.installation.services, origin });
};

const addDocument = async (person: Person, input: object): Promise<Data> => {
  const text = `mutation AddDocument($input: AddDocumentInput!) { addDocument(input: $input) { document {
    id status failure version mimeType chunkCount tokenCount processedAt text } } }`;
  return ((await person.want(text, { input: { workspaceId, wait: true, ...input } })) as Data).addDocument.document;
};

const openUpload = async (person: Person, input: object): Promise<Data> =>
  (
    (await person.want(
      `mutation ($input: CreateUploadInput!) { createUpload(input: $input) {
        upload { url method headers } file { id name status size sha256 mimeType } } }`,
      { input },
    )) as Data
  ).createUpload;

/** Sends bytes to an upload's address as a client does; `length` is what the request declares, chunked without it. */
const send = async (url: string, bytes: Uint8Array, length?: number): Promise<[status: number, body: Data]> => {
  const body = length === undefined ? ReadableStream.from([bytes]) : Buffer.from(bytes);
  const response = await fetch(new URL(url, bed.url), { method: 'PUT', body, duplex: 'half' });
  return [response.status, await response.json()];
};

const uploaded = async (person: Person, name: string, bytes: Uint8Array, mimeType: string): Promise<string> => {
  const { upload, file } = await openUpload(person, { name, size: bytes.length, mimeType });
  expect(await send(upload.url, bytes, bytes.length)).toMatchObject([200, { size: bytes.length }]);
  return file.id;
};

const search = async (person: Person, query: string, first = 5, inWorkspace = workspaceId): Promise<Data[]> => {
  const text = `query Search($workspaceId: ID!, $query: String!, $first: Int!) {
    search(workspaceId: $workspaceId, query: $query, first: $first) {
      edges { score lexicalRank vectorRank bm25 similarity snippet { text } highlights { start end text }
        node { id text document { id title } } } } }`;
  return ((await person.want(text, { workspaceId: inWorkspace, query, first })) as Data).search.edges;
};

const sentences = (topic: string, count: number): string =>
  Array.from(
    { length: count },
    (_, at) => `The ${topic} number ${at} is described in sentence ${at} of ${topic}.`,
  ).join(' ');

test('a text is read, listed and found', async () => {
  const person = await bed.signUp('Grace');
  const own = await createWorkspace(person);
  const document = await addDocument(person, {
    workspaceId: own,
    title: 'Leave',
    text: '# Leave\n\nEveryone has thirty days of holiday.\n\n# Pay\n\nSalaries are paid on the 25th.',
    mimeType: 'text/markdown',
  });
  expect(document).toMatchObject({ status: 'READY', failure: null, version: 1, chunkCount: 1 });
  expect(document.text).toBe('Leave\n\nEveryone has thirty days of holiday.\n\nPay\n\nSalaries are paid on the 25th.');
  await addDocument(person, { workspaceId: own, title: 'Cats', text: 'Cats sleep most of the day.' });

  const page: Data = await person.want(
    `query Workspace($id: ID!, $first: Int!, $after: String) { workspace(id: $id) { id documents(first: $first, after: $after) {
      totalCount edges { cursor node { id title status chunkCount } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`,
    { id: own, first: 1 },
  );
  expect(page.workspace.documents).toMatchObject({
    totalCount: 2,
    edges: [{ node: { title: 'Cats', status: 'READY', chunkCount: 1 } }],
    pageInfo: { hasNextPage: true, hasPreviousPage: false },
  });

  const [first] = await search(person, 'When are salaries paid?', 5, own);
  expect(first).toMatchObject({
    lexicalRank: 1,
    vectorRank: 1,
    node: { document: { id: document.id, title: 'Leave' } },
  });
  expect(first.score).toBeCloseTo(1, 10);
  expect(first.similarity).toBeGreaterThan(0.25);
  expect(first.highlights.map(({ text }: Data) => text)).toEqual(['Salaries', 'paid']);
});

test('without waiting a document is PENDING first', async () => {
  const document = await addDocument(ada, { title: 'Later', text: 'Read this later.', wait: false });
  expect(document).toMatchObject({ status: 'PENDING', chunkCount: 0, processedAt: null });
});

test('a backlog is read without waiting for the next poll after each document', async () => {
  const started = performance.now();
  const texts = Array.from({ length: 20 }, (_, at) => ({
    title: `Berth ${at}`,
    text: `Berth ${at} lies on the quay.`,
  }));
  const added: Data[] = await Promise.all(texts.map((input) => addDocument(ada, input)));
  expect(new Set(added.map(({ status }) => status))).toEqual(new Set(['READY']));
  // Two workers that slept a second after each would take nine.
  expect(performance.now() - started).toBeLessThan(7000);
});

// The package's types describe its CommonJS build as if it were an ES module.
const Deck = pptxgen as unknown as typeof pptxgen.default;

const wordFile = async (text: string): Promise<Uint8Array> => {
  const children = [new Paragraph({ text: 'Terms', heading: HeadingLevel.HEADING_1 }), new Paragraph(text)];
  return new Uint8Array(await Packer.toBuffer(new Document({ sections: [{ children }] })));
};
const pdfFile = async (text: string): Promise<Uint8Array> => {
  const file = await PDFDocument.create();
  const font = await file.embedFont(StandardFonts.Helvetica);
  file.addPage([595, 842]).drawText('First page.', { x: 50, y: 760, size: 12, font });
  file.addPage([595, 842]).drawText(text, { x: 50, y: 760, size: 12, font });
  return file.save();
};
const slidesFile = async (text: string): Promise<Uint8Array> => {
  const deck = new Deck();
  deck.addSlide().addText(text, { x: 1, y: 1, w: 8, h: 1 });
  return new Uint8Array((await deck.write({ outputType: 'nodebuffer' })) as Uint8Array);
};
const workbook = async (text: string): Promise<Uint8Array> => {
  const sheets = [{ data: [[{ value: 'Note' }], [{ value: text }]], sheet: 'Notes' }];
  return new Uint8Array(await writeExcelFile(sheets as Parameters<typeof writeExcelFile>[0]).toBuffer());
};
const office = 'application/vnd.openxmlformats-officedocument';

test.each([
  ['a.txt', 'text/plain', async (text: string) => Buffer.from(text)],
  ['a.md', 'text/markdown', async (text: string) => Buffer.from(`# Terms\n\n${text}`)],
  ['a.html', 'text/html', async (text: string) => Buffer.from(`<html><body><p>${text}</p></body></html>`)],
  ['a.csv', 'text/csv', async (text: string) => Buffer.from(`note,number\n${text},1\n`)],
  ['a.pdf', 'application/pdf', pdfFile],
  ['a.docx', `${office}.wordprocessingml.document`, wordFile],
  ['a.xlsx', `${office}.spreadsheetml.sheet`, workbook],
  ['a.pptx', `${office}.presentationml.presentation`, slidesFile],
])('%s is uploaded, read and found', async (name, mimeType, make) => {
  const word = `marmoset${name.replace('a.', '')}`;
  const bytes = await make(`The ${word} eats fruit.`);
  const fileId = await uploaded(ada, name, bytes, 'application/octet-stream');
  const document = await addDocument(ada, { title: name, fileId });
  expect(document).toMatchObject({ status: 'READY', failure: null, mimeType });
  const [hit] = await search(ada, word);
  expect(hit.node.document).toEqual({ id: document.id, title: name });
  expect(hit.node.text).toContain(`The ${word} eats fruit.`);
});

describe('an upload', () => {
  test('tells type, size and hash of what arrived, and works once', async () => {
    const bytes = Buffer.from('# Title\n\nSome text.');
    const opened = await openUpload(ada, {
      name: 'notes.md',
      size: bytes.length,
      mimeType: 'application/octet-stream',
    });
    expect(opened).toMatchObject({
      upload: { method: 'PUT', headers: { 'content-type': 'application/octet-stream' } },
      file: { name: 'notes.md', status: 'AWAITED', sha256: null },
    });
    expect(opened.upload.url).toMatch(/\/uploads\/tsr_upload_[0-9A-Za-z]{49}$/);
    await send(opened.upload.url, bytes);
    const data: Data = await ada.want('query ($id: ID!) { file(id: $id) { status mimeType size sha256 } }', {
      id: opened.file.id,
    });
    expect(data.file).toEqual({
      status: 'STORED',
      mimeType: 'text/markdown',
      size: 19,
      sha256: 'db77ff97e885190610ee11cc239c8684a257e907bc73cfd24dd2dd32b06029ae',
    });
    expect((await send(opened.upload.url, bytes))[0]).toBe(404);
  });

  test('of two at a time one wins', async () => {
    const bytes = Buffer.from('Twice the same.');
    const { upload } = await openUpload(ada, { name: 'twice.txt', size: bytes.length, mimeType: 'text/plain' });
    const answers = await Promise.all([send(upload.url, bytes), send(upload.url, bytes)]);
    const statuses = answers.map(([status]) => status).sort((a, b) => a - b);
    expect(statuses[0]).toBe(200);
    // The loser comes too late (404), or at the same time (409).
    expect([404, 409]).toContain(statuses[1]);
  });

  test.each([
    ['longer', 'A longer text than was declared.'],
    ['shorter', 'abc'],
  ])('that is %s than declared is refused and can be sent again', async (_kind, text) => {
    const { upload, file } = await openUpload(ada, { name: 'a.txt', size: 10, mimeType: 'text/plain' });
    expect((await send(upload.url, Buffer.from(text)))[0]).toBe(400);
    expect((await send(upload.url, Buffer.from(text), text.length))[0]).toBe(400);
    expect((await send(upload.url, Buffer.from('0123456789')))[0]).toBe(200);
    const data: Data = await ada.want('query ($id: ID!) { file(id: $id) { status } }', { id: file.id });
    expect(data.file.status).toBe('STORED');
  });

  test('that breaks off leaves the file AWAITED', async () => {
    const { upload, file } = await openUpload(ada, { name: 'a.txt', size: 10, mimeType: 'text/plain' });
    const broken = Readable.from(
      (function* () {
        yield Buffer.from('01234');
        throw new Error('gone');
      })(),
    );
    const token = upload.url.split('/').at(-1);
    const origin = { requestId: 'test', address: null, userAgent: null };
    await expect(receiveUpload(bed.server.installation.services, origin, token, broken, 10)).rejects.toThrow('gone');
    expect(
      await ada.codes('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
        input: { workspaceId, title: 'x', fileId: file.id },
      }),
    ).toEqual(['CONFLICT']);
  });

  test('whose connection is dropped is no fault of ours', async () => {
    const { upload } = await openUpload(ada, { name: 'a.txt', size: 100_000, mimeType: 'text/plain' });
    const { hostname, port, pathname } = new URL(upload.url, bed.url);
    const logged = jest.spyOn(bed.server.installation.services.log, 'error');
    const socket = connect(Number(port), hostname);
    socket.write(`PUT ${pathname} HTTP/1.1\r\nhost: ${hostname}\r\ncontent-length: 100000\r\n\r\n${'a'.repeat(1000)}`);
    await pause(100);
    socket.destroy();
    await pause(200);
    expect(logged).not.toHaveBeenCalled();
    logged.mockRestore();
  });

  test.each([['tsr_upload_x'], [''], [`tsr_session_${'a'.repeat(49)}`]])(
    'with the token %j is unknown',
    async (token) => {
      expect((await send(`/uploads/${token}`, Buffer.from('a'), 1))[0]).toBe(404);
    },
  );

  test.each([
    [{ name: '', size: 1, mimeType: 'text/plain' }, 'name'],
    [{ name: 'a', size: 0, mimeType: 'text/plain' }, 'size'],
    [{ name: 'a', size: 2_000_000_000, mimeType: 'text/plain' }, 'size'],
    [{ name: 'a', size: 1, mimeType: 'nothing' }, 'mimeType'],
  ])('of %j is refused', async (input, field) => {
    const { errors } = await ada.ask(
      'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { file { id } } }',
      { input },
    );
    expect(errors.map(({ extensions }) => [extensions.code, extensions.field])).toEqual([['BAD_USER_INPUT', field]]);
  });
});

describe('a file that cannot be read', () => {
  test('ends FAILED with a reason, and can be read again after that', async () => {
    const fileId = await uploaded(ada, 'report.pdf', Buffer.from('not a pdf at all'), 'application/pdf');
    const document = await addDocument(ada, { title: 'Report', fileId });
    expect(document).toMatchObject({
      status: 'FAILED',
      failure: 'This is not a PDF although its name says so: it is plain text.',
      chunkCount: 0,
    });
    const again = `mutation ($input: ReprocessDocumentInput!) { reprocessDocument(input: $input) { document { status failure } } }`;
    const data: Data = await ada.want(again, { input: { id: document.id, wait: true } });
    expect(data.reprocessDocument.document).toEqual({ status: 'FAILED', failure: document.failure });
  });

  test('is not tried again when it is READY', async () => {
    const document = await addDocument(ada, { title: 'Fine', text: 'All is well.' });
    const again = `mutation ($input: ReprocessDocumentInput!) { reprocessDocument(input: $input) { document { status } } }`;
    expect(await ada.codes(again, { input: { id: document.id } })).toEqual(['CONFLICT']);
  });
});

const chunksOf = async (id: string): Promise<Data[]> => {
  const text = `query ($id: ID!) { document(id: $id) { text chunks(first: 100) { edges { node { id position text start end } } } } }`;
  const { document }: Data = await ada.want(text, { id });
  const nodes = document.chunks.edges.map(({ node }: Data) => node);
  for (const node of nodes) expect(document.text.slice(node.start, node.end)).toBe(node.text);
  return nodes;
};

test('a new text keeps what did not change, with ids and vectors', async () => {
  const sections = ['otter', 'beaver', 'badger', 'marten'].map(
    (animal) => `# The ${animal}\n\n${sentences(animal, 20)}`,
  );
  const document = await addDocument(ada, { title: 'Animals', mimeType: 'text/markdown', text: sections.join('\n\n') });
  const before = await chunksOf(document.id);
  expect(before.map(({ position }) => position)).toEqual([0, 1, 2, 3]);

  const [otter = '', beaver = '', , marten = ''] = sections;
  const changed = [marten, beaver, `# The lynx\n\n${sentences('lynx', 20)}`, otter];
  const update = `mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { status version chunkCount } } }`;
  const data: Data = await ada.want(update, { input: { id: document.id, wait: true, text: changed.join('\n\n') } });
  expect(data.updateDocument.document).toEqual({ status: 'READY', version: 2, chunkCount: 4 });

  const after = await chunksOf(document.id);
  expect(after.map(({ id }) => before.findIndex((chunk) => chunk.id === id))).toEqual([3, 1, -1, 0]);

  const unit = unitOf(ada);
  const { organizationId } = unit;
  const id = uuidOf(document.id);
  const results = await unit.run(() =>
    database
      .select({ result: jobs.result })
      .from(jobs)
      .where(and(eq(jobs.organizationId, organizationId), eq(jobs.targetId, id)))
      .orderBy(jobs.createdAt),
  );
  expect(results.map(({ result }) => result)).toEqual([
    { status: 'READY', chunks: 4, embedded: 4 },
    { status: 'READY', chunks: 4, embedded: 1 },
  ]);
  await unit.rest();
  expect((await search(ada, 'badger')).length).toBe(0);
  expect((await search(ada, 'lynx')).length).toBeGreaterThan(0);
});

test('a deleted document leaves nothing behind', async () => {
  const person = await bed.signUp('Edsger');
  const own = await createWorkspace(person);
  const document = await addDocument(person, { workspaceId: own, title: 'Gone', text: sentences('quagga', 100) });
  const text = `mutation ($input: DeleteDocumentInput!) { deleteDocument(input: $input) { deletedId } }`;
  const data: Data = await person.want(text, { input: { id: document.id } });
  expect(data.deleteDocument.deletedId).toBe(document.id);
  expect(await search(person, 'quagga', 5, own)).toEqual([]);
  const unit = unitOf(person);
  const counts = [];
  for (const table of [documents, documentChunks, chunkPostings, chunkEmbeddings])
    counts.push(await unit.run(() => database.$count(table, eq(table.organizationId, unit.organizationId))));
  expect(counts).toEqual([0, 0, 0, 0]);
  // A job that comes late does nothing.
  const run = {
    jobId: '',
    attempt: 1,
    signal: new AbortController().signal,
    kept: null,
    progress: async () => undefined,
    keep: async () => undefined,
  };
  const late = { documentId: uuidOf(document.id), version: 1 };
  expect(await ingest({ unit, services: bed.server.installation.services }, late, run)).toBeUndefined();
  await unit.rest();
});

test('search ranks what holds the words before what does not, and finds by parts of words', async () => {
  const person = await bed.signUp('Barbara');
  const own = await createWorkspace(person);
  const texts = {
    Boats: 'Sailing boats need wind. The keel keeps a boat upright.',
    Trains: 'Trains run on rails and need electricity.',
    Planes: 'Planes need runways, and some sailing planes need wind.',
  };
  for (const [title, text] of Object.entries(texts)) await addDocument(person, { workspaceId: own, title, text });
  const titles = (await search(person, 'sailing boat keel', 5, own)).map(({ node }) => node.document.title);
  expect(titles.slice(0, 2)).toEqual(['Boats', 'Planes']);
  const scores = (await search(person, 'need wind', 5, own)).map(({ score }) => score);
  expect(scores).toEqual([...scores].sort((a, b) => b - a));
  expect((await search(person, 'electricity', 1, own)).map(({ node }) => node.document.title)).toEqual(['Trains']);
  expect(await search(person, 'the of and', 5, own)).toEqual([]);

  const unit = unitOf(person);
  const workspace = await workspaceById(unit).load(uuidOf(own));
  if (workspace === null) throw new Error('The workspace is gone.');
  const passages = await retrieve(
    { unit, services: bed.server.installation.services },
    { workspace, query: 'keel', first: 1 },
  );
  await unit.rest();
  expect(passages).toMatchObject([
    { title: 'Boats', text: texts.Boats, start: 0, headings: [], page: null, documentVersion: 1, lexicalRank: 1 },
  ]);
});

test('search is planned for its tenant each time, never once for all', async () => {
  const organizationId = uuidOf(ada.organizationId);
  const vector = { model: 'any', embedding: Array.from({ length: 1536 }, () => 0.1), weight: 1 };
  const scope = { organizationId, workspaceIds: [uuidOf(workspaceId)] };
  const statement = hybridSearch(searchTables, { ...scope, terms: ['plan'], vector, first: 7 });
  const unit = unitOf(ada);
  const plans = await unit.run(async () => {
    // What Postgres chooses by itself from the sixth run on, where most tenants are small.
    await database.execute(sql`set local plan_cache_mode = force_generic_plan`);
    await database.execute(searchSettings);
    for (let run = 0; run < 3; run++) await database.execute(statement);
    // The connection may have searched before.
    return database.execute(sql`select max(custom_plans) >= 3 as custom, max(generic_plans)::integer as generic
      from pg_prepared_statements where statement like '%aim as materialized%'`);
  });
  await unit.rest();
  expect([...plans]).toEqual([{ custom: true, generic: 0 }]);
});

test.each([
  [{ query: '' }, 'BAD_USER_INPUT'],
  [{ query: 'x '.repeat(1001) }, 'BAD_USER_INPUT'],
  [{ query: 'x', first: 0 }, 'BAD_USER_INPUT'],
  [{ query: 'x', first: 51 }, 'BAD_USER_INPUT'],
])('a search that is too short, too long or too wide is refused (%#)', async (variables, code) => {
  const text = `query ($workspaceId: ID!, $query: String!, $first: Int = 10) { search(workspaceId: $workspaceId, query: $query, first: $first) { edges { score } } }`;
  expect(await ada.codes(text, { workspaceId, ...variables })).toEqual([code]);
});

test.each([
  [{ title: 'x' }, 'text'],
  [{ title: 'x', text: ' ' }, 'text'],
  [{ title: 'x', text: 'a\0b' }, 'text'],
  [{ title: '', text: 'a' }, 'title'],
  [{ title: 'x', text: 'a', mimeType: 'nothing' }, 'mimeType'],
  [{ title: 'x', text: 'a', fileId: 'file_01h2xcejqtf2nbrexx3vqjhp41' }, 'text'],
])('a document of %j is refused', async (input, field) => {
  const text = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';
  const { errors } = await ada.ask(text, { input: { workspaceId, ...input } });
  expect(errors.map(({ extensions }) => [extensions.code, extensions.field])).toEqual([['BAD_USER_INPUT', field]]);
});

test('another organization sees nothing', async () => {
  const document = await addDocument(ada, { title: 'Secret', text: 'The wombat is secret.' });
  const [{ id: chunkId }] = await chunksOf(document.id);
  const fileId = await uploaded(ada, 'secret.txt', Buffer.from('wombat'), 'text/plain');
  const mallory = await bed.signUp('Mallory');
  const own = await createWorkspace(mallory);
  const asked: [string, object][] = [
    ['query ($id: ID!) { document(id: $id) { id } }', { id: document.id }],
    ['query ($id: ID!) { node(id: $id) { id } }', { id: document.id }],
    ['query ($id: ID!) { node(id: $id) { id } }', { id: chunkId }],
    ['query ($id: ID!) { file(id: $id) { id } }', { id: fileId }],
    ['query ($id: ID!) { search(workspaceId: $id, query: "wombat") { edges { score } } }', { id: workspaceId }],
    [
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
      { input: { workspaceId, title: 'x', text: 'y' } },
    ],
    [
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
      { input: { workspaceId: own, title: 'x', fileId } },
    ],
    [
      'mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { id } } }',
      { input: { id: document.id, title: 'x' } },
    ],
    [
      'mutation ($input: DeleteDocumentInput!) { deleteDocument(input: $input) { deletedId } }',
      { input: { id: document.id } },
    ],
    [
      'mutation ($input: ReprocessDocumentInput!) { reprocessDocument(input: $input) { document { id } } }',
      { input: { id: document.id } },
    ],
  ];
  for (const [text, variables] of asked)
    expect([text, await mallory.codes(text, variables)]).toEqual([text, ['NOT_FOUND']]);
  expect(await search(mallory, 'wombat', 5, own)).toEqual([]);
  expect((await search(ada, 'wombat')).map(({ node }) => node.document.title)).toContain('Secret');
});

test('workspaces with documents with chunks cost one statement a level', async () => {
  const person = await bed.signUp('Alan');
  for (const name of ['One', 'Two']) {
    const own = await createWorkspace(person, name);
    for (const title of ['A', 'B']) await addDocument(person, { workspaceId: own, title, text: sentences(title, 5) });
  }
  const { data, statements } = (await person.ask(`{ workspaces(first: 10) { edges { node { name documents(first: 5) {
    totalCount edges { node { title chunks(first: 3) { edges { node { position document { title } } } } } } } } } } }`)) as Data;
  const shape = data.workspaces.edges.map(({ node }: Data) => [
    node.name,
    node.documents.totalCount,
    node.documents.edges.map((edge: Data) => [edge.node.title, edge.node.chunks.edges.length]),
  ]);
  const own = [
    ['B', 1],
    ['A', 1],
  ];
  expect(shape).toEqual([
    ['Two', 2, own],
    ['One', 2, own],
  ]);
  expect(statements).toHaveLength(5);
});
