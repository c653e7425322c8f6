import { existsSync } from 'node:fs';
import { request } from 'node:http';
import { crc32, deflateRawSync, constants } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { strToU8, zipSync, type Zippable } from 'fflate';
import { parsingLimits } from '../src/domains/content/parsing/limits.ts';
import { UnreadableDocument } from '../src/domains/content/parsing/unreadable-document.ts';
import { WorkerPool } from '../src/domains/content/parsing/worker-pool.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { openUpload, sendBytes, uploaded } from './uploading.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const office = 'application/vnd.openxmlformats-officedocument';
const DOCX = `${office}.wordprocessingml.document`;
const XLSX = `${office}.spreadsheetml.sheet`;
const PPTX = `${office}.presentationml.presentation`;
const maxUploadBytes = 20_000_000;

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed({ MAX_UPLOAD_BYTES: String(maxUploadBytes) });
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
}, 60_000);
afterAll(() => bed.stop());

interface Read {
  readonly status: string;
  readonly failure: string | null;
  readonly mimeType: string;
  readonly text: string | null;
  readonly chunks: string;
}

const addDocument = async (fileId: string): Promise<Read> => {
  const { addDocument: added }: Data = await ada.want(
    `mutation ($input: AddDocumentInput!) { addDocument(input: $input) {
      document { status failure mimeType text chunks(first: 100) { edges { node { text } } } } } }`,
    { input: { workspaceId, title: 'Hostile', fileId, wait: true } },
  );
  const { chunks, ...document } = added.document;
  return { ...document, chunks: chunks.edges.map(({ node }: Data) => node.text).join('\n') };
};

/** Uploads a file and has it read; then a good one, which must be read whatever became of the first. */
const read = async (name: string, content: string | Uint8Array, mimeType: string): Promise<Read> => {
  const document = await addDocument(await uploaded(bed, ada, name, content, mimeType));
  const good = await addDocument(await uploaded(bed, ada, 'good.docx', wordFile('Good roses.'), DOCX));
  expect([good.status, good.text]).toEqual(['READY', 'Good roses.']);
  return document;
};
const failureOf = async (name: string, content: string | Uint8Array, mimeType: string) => {
  const { status, failure } = await read(name, content, mimeType);
  return [status, failure];
};

const declaration = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>';
const typesOf = (part: string, type: string): Uint8Array =>
  strToU8(
    `${declaration}<Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/${part}" ContentType="${type}.main+xml"/></Types>`,
  );
const relations = strToU8(
  `${declaration}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="word/document.xml"/></Relationships>`,
);
/** A Word document of one paragraph. */
const wordParts = (paragraph: string, doctype = ''): Zippable => ({
  '[Content_Types].xml': typesOf('word/document.xml', DOCX),
  '_rels/.rels': relations,
  'word/document.xml': strToU8(
    `${declaration}${doctype}<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body><w:p><w:r><w:t>${paragraph}</w:t></w:r></w:p></w:body></w:document>`,
  ),
});
const wordFile = (paragraph: string, doctype?: string): Uint8Array => zipSync(wordParts(paragraph, doctype));

const mebibyte = 1024 * 1024;

/** Blocks of deflate (RFC 1951) that unpack to 4,080 MiB of zeros: the same 16 MiB again and again. */
const makeZeros = (): { packed: Buffer; size: number } => {
  const block = deflateRawSync(Buffer.alloc(16 * mebibyte), { finishFlush: constants.Z_FULL_FLUSH });
  const blocks = Array.from({ length: 255 }, () => block);
  return { packed: Buffer.concat([...blocks, deflateRawSync(Buffer.alloc(0))]), size: 255 * 16 * mebibyte };
};
const zeros = makeZeros();

interface Entry {
  readonly name: string;
  readonly packed: Buffer;
  /** What it says that it unpacks to. */
  readonly size: number;
  readonly crc: number;
}

/** A ZIP archive (APPNOTE.TXT 4.3) that says what it is told to, whatever is in it. */
const archive = (entries: readonly Entry[]): Buffer => {
  const locals: Buffer[] = [];
  const directory: Buffer[] = [];
  let offset = 0;
  for (const { name, packed, size, crc } of entries) {
    const common = Buffer.alloc(26);
    common.writeUInt16LE(20, 0);
    common.writeUInt16LE(8, 4);
    common.writeUInt32LE(crc, 10);
    common.writeUInt32LE(packed.length, 14);
    common.writeUInt32LE(size, 18);
    common.writeUInt16LE(name.length, 22);
    const local = Buffer.concat([Buffer.from('PK\x03\x04', 'latin1'), common, Buffer.from(name), packed]);
    const tail = Buffer.alloc(14);
    tail.writeUInt32LE(offset, 10);
    directory.push(Buffer.from('PK\x01\x02\x14\x00', 'latin1'), common, tail, Buffer.from(name));
    locals.push(local);
    offset += local.length;
  }
  const listed = Buffer.concat(directory);
  const end = Buffer.alloc(22);
  end.write('PK\x05\x06', 'latin1');
  end.writeUInt16LE(entries.length, 8);
  end.writeUInt16LE(entries.length, 10);
  end.writeUInt32LE(listed.length, 12);
  end.writeUInt32LE(offset, 16);
  return Buffer.concat([...locals, listed, end]);
};
const entry = (name: string, content: Uint8Array): Entry => ({
  name,
  packed: deflateRawSync(content),
  size: content.length,
  crc: crc32(content),
});

describe('a container that unpacks to 4 GB', () => {
  const kinds: readonly (readonly [name: string, part: string, type: string, kind: string])[] = [
    ['a.docx', 'word/document.xml', DOCX, 'Word document'],
    ['a.xlsx', 'xl/workbook.xml', XLSX, 'Excel workbook'],
    ['a.pptx', 'ppt/presentation.xml', PPTX, 'PowerPoint presentation'],
  ];

  test.each(kinds)('%s that says so', async (name, part, type) => {
    const { packed, size } = zeros;
    const bytes = archive([entry('[Content_Types].xml', typesOf(part, type)), { name: part, packed, size, crc: 0 }]);
    expect(bytes.length).toBeLessThan(5_000_000);
    expect(await failureOf(name, bytes, type)).toEqual(['FAILED', 'This document unpacks to too much data.']);
  });

  test.each(kinds)('%s that says it is small', async (name, part, type, kind) => {
    const { packed } = zeros;
    const bytes = archive([
      entry('[Content_Types].xml', typesOf(part, type)),
      { name: part, packed, size: 1000, crc: 0 },
    ]);
    expect(await failureOf(name, bytes, type)).toEqual(['FAILED', `This ${kind} is damaged and cannot be read.`]);
  });

  test('by many parts that are each within bounds', async () => {
    const { packed } = zeros;
    const part = deflateRawSync(Buffer.alloc(mebibyte));
    const bytes = archive([
      entry('[Content_Types].xml', typesOf('word/document.xml', DOCX)),
      ...Array.from({ length: 300 }, (_, at) => ({ name: `word/${at}.xml`, packed: part, size: mebibyte, crc: 0 })),
    ]);
    expect(packed.length).toBeGreaterThan(bytes.length);
    expect(await failureOf('a.docx', bytes, DOCX)).toEqual(['FAILED', 'This document unpacks to too much data.']);
  });

  test('within another container, which is not unpacked', async () => {
    const { packed, size } = zeros;
    const inner = archive([{ name: 'zeros.xml', packed, size, crc: 0 }]);
    const outer = zipSync({ ...wordParts('Outer roses.'), 'word/embeddings/inner.docx': new Uint8Array(inner) });
    const { status, text } = await read('a.docx', outer, DOCX);
    expect([status, text]).toEqual(['READY', 'Outer roses.']);
  });
});

describe('an upload of 1 GB', () => {
  const gigabyte = 1_000_000_000;

  /** Sends zeros until the other side has had enough, or all has been sent; the length is declared or not. */
  const pour = (url: string, declared: boolean): Promise<{ status: number | null; sent: number }> =>
    new Promise((resolve) => {
      const chunk = Buffer.alloc(mebibyte);
      let [sent, status]: [number, number | null] = [0, null];
      const headers = declared ? { 'content-length': gigabyte } : { 'transfer-encoding': 'chunked' };
      const outgoing = request(new URL(url, bed.url), { method: 'PUT', headers });
      const more = (): void => {
        if (status !== null || outgoing.destroyed) return;
        if (sent >= gigabyte) return void outgoing.end();
        sent += chunk.length;
        outgoing.write(chunk, more);
      };
      outgoing.on('response', (response) => {
        status = response.statusCode ?? null;
        response.resume().once('end', () => outgoing.destroy());
      });
      outgoing.on('error', () => undefined).on('close', () => resolve({ status, sent }));
      more();
    });

  test('is not opened', async () => {
    const { errors } = await ada.ask(
      'mutation ($input: CreateUploadInput!) { createUpload(input: $input) { file { id } } }',
      { input: { name: 'a.bin', size: gigabyte, mimeType: 'application/octet-stream' } },
    );
    expect(errors.map(({ extensions, message }) => [extensions.field, message])).toEqual([
      ['size', `A file has 1 to ${maxUploadBytes} bytes.`],
    ]);
  });

  test.each([
    ['declared', true, 10],
    ['not declared', false, 10],
    ['not declared, where much is awaited', false, maxUploadBytes],
  ])('is cut off early: %s', async (_name, declared, size) => {
    const { id, url } = await openUpload(ada, 'a.bin', size, 'application/octet-stream');
    const before = process.memoryUsage.rss();
    const peak = { rss: before };
    const watch = setInterval(() => (peak.rss = Math.max(peak.rss, process.memoryUsage.rss())), 5);
    const { status, sent } = await pour(url, declared);
    clearInterval(watch);
    // Whoever goes on sending may find the connection closed before it reads the answer.
    expect([400, null]).toContain(status);
    expect(sent).toBeLessThan(gigabyte / 2);
    expect(peak.rss - before).toBeLessThan(200 * mebibyte);
    const { services } = bed.server.installation;
    expect(await Array.fromAsync(services.store.list(`incoming/${uuidOf(ada.organizationId)}`))).toEqual([]);
    const { file }: Data = await ada.want('query ($id: ID!) { file(id: $id) { status } }', { id });
    expect(file.status).toBe('AWAITED');
    // The server is well, and the upload still open.
    expect((await sendBytes(bed, url, new Uint8Array(size))).status).toBe(200);
  });
});

/** A PDF of these objects, the first of which is its catalogue. */
const pdf = (objects: readonly string[]): string => {
  const body = objects.map((object, at) => `${at + 1} 0 obj\n${object}\nendobj\n`).join('');
  return `%PDF-1.5\n${body}trailer << /Root 1 0 R /Size ${objects.length + 1} >>\n%%EOF`;
};
const stream = (dictionary: string, content: string): string =>
  `<< ${dictionary} /Length ${content.length} >>\nstream\n${content}\nendstream`;

describe('a PDF', () => {
  test.each([
    [
      'whose page tree holds itself',
      ['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [2 0 R] /Count 1 >>'],
    ],
    [
      'whose page tree goes in a circle',
      [
        '<< /Type /Catalog /Pages 2 0 R >>',
        '<< /Type /Pages /Kids [3 0 R] /Count 1000000 >>',
        '<< /Type /Pages /Kids [2 0 R 2 0 R] /Count 1000000 /Parent 2 0 R >>',
      ],
    ],
    [
      'whose object stream extends itself',
      [
        '<< /Type /Catalog /Pages 3 0 R >>',
        stream('/Type /ObjStm /N 1 /First 4 /Extends 2 0 R', '3 0 << /Type /Pages /Kids [3 0 R] /Count 1 >>'),
      ],
    ],
    [
      'that says it has a billion pages',
      ['<< /Type /Catalog /Pages 2 0 R >>', '<< /Type /Pages /Kids [] /Count 1000000000 >>'],
    ],
  ])('%s ends with a reason', async (_name, objects) => {
    const [status, failure] = await failureOf('a.pdf', pdf(objects), 'application/pdf');
    expect(status).toBe('FAILED');
    expect(failure).toMatch(/^The PDF is damaged|^The PDF holds no text/);
  });

  test('that would take for ever ends by its time, and the next file is read', async () => {
    // Each form draws the next one ten times: ten billion at the end.
    const levels = 10;
    const form = (at: number): string =>
      at === levels
        ? stream('/Type /XObject /Subtype /Form /BBox [0 0 9 9]', 'BT /F 9 Tf (x) Tj ET')
        : stream(
            `/Type /XObject /Subtype /Form /BBox [0 0 9 9] /Resources << /XObject << /X ${at + 5} 0 R >> >>`,
            '/X Do '.repeat(10),
          );
    const bytes = Buffer.from(
      pdf([
        '<< /Type /Catalog /Pages 2 0 R >>',
        '<< /Type /Pages /Kids [3 0 R] /Count 1 >>',
        '<< /Type /Page /Parent 2 0 R /MediaBox [0 0 9 9] /Contents 4 0 R /Resources << /XObject << /X 5 0 R >> >> >>',
        stream('', '/X Do'),
        ...Array.from({ length: levels + 1 }, (_, at) => form(at + 1)),
      ]),
    );
    const pool = new WorkerPool(1, { ...parsingLimits, timeoutMs: 4000 });
    try {
      const slow = pool.run({ kind: 'parse', source: { bytes, mimeType: 'application/pdf', name: 'a.pdf' } });
      const good = { bytes: Buffer.from('Good roses.'), mimeType: 'text/plain', name: 'a.txt' };
      const [refused, next] = await Promise.allSettled([slow, pool.run({ kind: 'parse', source: good })]);
      expect(refused).toEqual({
        status: 'rejected',
        reason: new UnreadableDocument('This file takes too long to read.'),
      });
      expect(next).toMatchObject({ status: 'fulfilled', value: { text: 'Good roses.' } });
    } finally {
      await pool.close();
    }
  });
});

test('of a page its text is read, and nothing in it runs', async () => {
  const trace = `/tmp/tessera-hostile-${process.pid}`;
  const page = `<html><head><script>require('fs').writeFileSync('${trace}', '')</script></head>
    <body onload="steal()"><h1>Roses</h1><script>steal()</script><style>p { background: url(//evil.example) }</style>
    <p>Water them <a href="javascript:steal()" onclick="steal()">every day</a>.</p>
    <iframe srcdoc="<script>steal()</script>"></iframe><svg><script>steal()</script><text>drawn</text></svg>
    <img src=x onerror="steal()"><object data="data:text/html,<script>steal()</script>"></object>
    <p>&lt;script&gt;told()&lt;/script&gt;</p></body></html>`;
  const { status, text, chunks } = await read('a.html', page, 'text/html');
  expect(status).toBe('READY');
  expect(text).toContain('Water them every day.');
  for (const told of [text, chunks]) expect(told).not.toMatch(/steal|javascript:|evil|onclick|require/);
  // What a reader sees as text is text.
  expect(text).toContain('<script>told()</script>');
  expect(existsSync(trace)).toBe(false);
});

test('formulas of a table are text like any other', async () => {
  const formulas = ['=HYPERLINK("http://evil.example";"x")', '+1+cmd|calc!A0', '-2+3', '@SUM(A1:A9)', '=1+1'];
  const rows = formulas.map((formula) => `note,"${formula.replaceAll('"', '""')}"`);
  const { status, text, chunks } = await read('a.csv', `kind,value\n${rows.join('\n')}\n`, 'text/csv');
  expect(status).toBe('READY');
  for (const formula of formulas) {
    expect(text).toContain(formula);
    expect(chunks).toContain(formula);
  }
});

test('parts of a container that climb out of it lead nowhere', async () => {
  const trace = '../'.repeat(12);
  const parts = {
    ...wordParts('Roses inside.'),
    [`${trace}tmp/tessera-climbed.xml`]: strToU8('<x/>'),
    '/tmp/tessera-climbed.xml': strToU8('<x/>'),
    'word/..\\..\\tessera-climbed.xml': strToU8('<x/>'),
    '__proto__/polluted.xml': strToU8('<x/>'),
  };
  const { status, text } = await read('a.docx', zipSync(parts), DOCX);
  expect([status, text, existsSync('/tmp/tessera-climbed.xml')]).toEqual(['READY', 'Roses inside.', false]);
  expect(Object.hasOwn(Object.prototype, 'polluted.xml')).toBe(false);
});

test('slides that refer to files outside are read without them', async () => {
  const parts = {
    '[Content_Types].xml': typesOf('ppt/presentation.xml', PPTX),
    'ppt/presentation.xml': strToU8(
      `${declaration}<p:presentation xmlns:p="http://schemas.openxmlformats.org/presentationml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><p:sldIdLst><p:sldId id="256" r:id="rId1"/></p:sldIdLst></p:presentation>`,
    ),
    'ppt/_rels/presentation.xml.rels': strToU8(
      `${declaration}<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="slide" Target="../../../../../../etc/passwd"/></Relationships>`,
    ),
  };
  const { status, failure } = await read('a.pptx', zipSync(parts), PPTX);
  expect([status, failure]).toEqual([
    'FAILED',
    expect.stringMatching(/^This (file holds no text|PowerPoint presentation is damaged)/),
  ]);
});

describe('entities', () => {
  const laughs = Array.from({ length: 9 }, (_, at) => `<!ENTITY l${at + 1} "${`&l${at};`.repeat(10)}">`).join('');
  const bomb = `<!DOCTYPE w:document [<!ENTITY l0 "laugh">${laughs}]>`;
  const reading = '<!DOCTYPE w:document [<!ENTITY passwd SYSTEM "file:///etc/passwd">]>';

  test.each([
    ['that multiply', '&l9;', bomb],
    ['that read files', '&passwd;', reading],
  ])('of a Word document, %s, are not followed', async (_name, paragraph, doctype) => {
    const { status, failure, text } = await read('a.docx', wordFile(`Roses ${paragraph}`, doctype), DOCX);
    expect((text ?? '').length).toBeLessThan(100);
    expect(text ?? '').not.toMatch(/laugh|root:/);
    expect(['READY', 'FAILED']).toContain(status);
    expect(status === 'FAILED').toBe(failure !== null);
  });

  test('of an SVG are not, for it is no document', async () => {
    const svg = `<?xml version="1.0"?>${bomb.replace('w:document', 'svg')}<svg xmlns="http://www.w3.org/2000/svg"><text>&l9;</text></svg>`;
    for (const mimeType of ['image/svg+xml', 'text/plain'])
      expect(await failureOf('a.svg', svg, mimeType)).toEqual([
        'FAILED',
        expect.stringMatching(/^Files of this type \(image\/svg\+xml\) cannot be read\./),
      ]);
  });
});

describe('a file that is not what it says', () => {
  const picture = Buffer.from('GIF89a\x01\x00\x01\x00\x00\x00\x00<script>x()</script>', 'latin1');
  const program = Buffer.concat([
    Buffer.from('MZ\x90\x00\x03\x00\x00\x00\x04\x00\x00\x00\xff\xff', 'latin1'),
    Buffer.alloc(2000),
  ]);

  test.each([
    ['a program as a PDF', 'a.pdf', program, 'application/pdf', /^Files of this type \(application\/x-msdownload\)/],
    ['a page as a PDF', 'a.pdf', '<html><script>x()</script></html>', 'application/pdf', /^This is not a PDF although/],
    [
      'a page behind the mark of a PDF',
      'a.html',
      '%PDF-1.4\n<html><script>x()</script></html>',
      'text/html',
      /^The PDF is/,
    ],
    ['a page behind a picture', 'a.html', picture, 'text/html', /^Files of this type \(image\/gif\) cannot be read/],
  ])('%s is refused', async (_name, name, content, mimeType, reason) => {
    expect(await failureOf(name, content, mimeType)).toEqual(['FAILED', expect.stringMatching(reason)]);
  });

  test('a document as a picture is the document that it is', async () => {
    const { status, mimeType, text } = await read('a.png', wordFile('Roses.'), 'image/png');
    expect([status, mimeType, text]).toEqual(['READY', DOCX, 'Roses.']);
  });

  test('a page as text is text, tags and all', async () => {
    const source = '<html><script>x()</script>Roses</html>';
    const { status, mimeType, text } = await read('a.txt', source, 'text/plain');
    expect([status, mimeType, text]).toEqual(['READY', 'text/plain', source]);
  });
});

test('bytes that are no UTF-8 are read as the likeliest letters, and whatever comes of them can be stored', async () => {
  const bytes = Buffer.concat([
    Buffer.from('Roses '),
    Buffer.from([0xc3, 0x28, 0xed, 0xa0, 0x80, 0xf8, 0x88, 0xfe, 0xff]),
    Buffer.from(' bloom in June.'),
  ]);
  const { status, text } = await read('a.txt', bytes, 'text/plain');
  expect(status).toBe('READY');
  expect(text).toMatch(/^Roses .* bloom in June\.$/s);
  expect(text?.isWellFormed()).toBe(true);
});
