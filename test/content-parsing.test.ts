import { afterAll, describe, expect, test } from '@jest/globals';
import { Document, HeadingLevel, Packer, Paragraph, Table, TableCell, TableRow } from 'docx';
import { strToU8, zipSync } from 'fflate';
import { PDFDocument, StandardFonts } from 'pdf-lib';
import pptxgen from 'pptxgenjs';
import writeExcelFile from 'write-excel-file/node';
import { formats } from '../src/domains/content/parsing/formats.ts';
import { parsingLimits } from '../src/domains/content/parsing/limits.ts';
import { closeParsers, parse } from '../src/domains/content/parsing/parse.ts';
import type { ParsedDocument } from '../src/search/chunking/parsed-document.ts';
import { sniff } from '../src/domains/content/parsing/sniff.ts';
import { UnreadableDocument } from '../src/domains/content/parsing/unreadable-document.ts';
import { WorkerPool } from '../src/domains/content/parsing/worker-pool.ts';

const DOCX = 'application/vnd.openxmlformats-officedocument.wordprocessingml.document';
const XLSX = 'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet';
const PPTX = 'application/vnd.openxmlformats-officedocument.presentationml.presentation';

afterAll(closeParsers);

const read = (content: string | Uint8Array, mimeType: string, name = 'file'): Promise<ParsedDocument> =>
  parse({ bytes: typeof content === 'string' ? Buffer.from(content) : content, mimeType, name });

/** Why a file is refused; fails when it is read or when the parser's own error comes through. */
const refusal = async (content: string | Uint8Array, mimeType: string, name = 'file'): Promise<string> => {
  const error = await read(content, mimeType, name).catch((failure: unknown) => failure);
  expect(error).toBeInstanceOf(UnreadableDocument);
  return (error as UnreadableDocument).message;
};

/** Blocks as `[kind, headings, page, text]`. */
const outline = ({ text, blocks }: ParsedDocument): unknown[] =>
  blocks.map(({ kind, headings, page, start, end }) => [kind, headings.join(' > '), page, text.slice(start, end)]);

// The package's types describe its CommonJS build as if it were an ES module.
const Deck = pptxgen as unknown as typeof pptxgen.default;

const cells = (texts: string[]) =>
  new TableRow({ children: texts.map((text) => new TableCell({ children: [new Paragraph(text)] })) });

const wordFile = async (): Promise<Uint8Array> => {
  const children = [
    new Paragraph({ text: 'Handbook', heading: HeadingLevel.TITLE }),
    new Paragraph({ text: 'Leave', heading: HeadingLevel.HEADING_2 }),
    new Paragraph('Everyone has 30 days of leave.'),
    new Paragraph({ text: 'apply early', bullet: { level: 0 } }),
    new Paragraph({ text: 'tell your team', bullet: { level: 0 } }),
    new Table({ rows: [cells(['Country', 'Days']), cells(['France', '25']), cells(['Spain', '22'])] }),
  ];
  return new Uint8Array(await Packer.toBuffer(new Document({ title: 'Staff handbook', sections: [{ children }] })));
};

const pdfFile = async (
  pages: readonly (readonly [size: number, text: string][])[],
  title?: string,
): Promise<Uint8Array> => {
  const file = await PDFDocument.create();
  const font = await file.embedFont(StandardFonts.Helvetica);
  if (title) file.setTitle(title);
  for (const lines of pages) {
    const page = file.addPage([595, 842]);
    let y = 760;
    for (const [size, text] of lines) {
      page.drawText(text, { x: 50, y, size, font });
      y -= text === '' ? 20 : size * 1.2;
    }
  }
  return file.save();
};

const slidesFile = async (): Promise<Uint8Array> => {
  const deck = new Deck();
  deck.title = 'Quarter';
  deck.defineSlideMaster({
    title: 'WITH_TITLE',
    objects: [{ placeholder: { options: { name: 'head', type: 'title', x: 1, y: 0, w: 8, h: 1 }, text: '' } }],
  });
  const first = deck.addSlide({ masterName: 'WITH_TITLE' });
  first.addText('Results', { placeholder: 'head' });
  first.addText('Sales grew by 12 %.', { x: 1, y: 1, w: 8, h: 1 });
  first.addNotes('Mention the new shop.');
  const second = deck.addSlide({ masterName: 'WITH_TITLE' });
  second.addText('Plan', { placeholder: 'head' });
  second.addTable(
    [
      [{ text: 'Month' }, { text: 'Goal' }],
      [{ text: 'May' }, { text: '10' }],
    ],
    { x: 1, y: 2, w: 8 },
  );
  return new Uint8Array((await deck.write({ outputType: 'nodebuffer' })) as Uint8Array);
};

const workbook = async (): Promise<Uint8Array> => {
  const stock = [
    [{ value: 'Part' }, { value: 'Price' }, { value: 'Since' }],
    [
      { value: 'Bolt' },
      { type: Number, value: 3.5 },
      { type: Date, value: new Date(Date.UTC(2026, 0, 31)), format: 'yyyy-mm-dd' },
    ],
    [{ value: '=1+1' }, { type: Number, value: 4 }, null],
  ];
  const notes = [[{ value: 'Call the supplier.' }]];
  const written = writeExcelFile([
    { data: stock, sheet: 'Stock' },
    { data: notes, sheet: 'Notes' },
  ] as Parameters<typeof writeExcelFile>[0]);
  return new Uint8Array(await written.toBuffer());
};

describe('text', () => {
  test('is normalised: NFC, line ends, no NUL and no control characters', async () => {
    const parsed = await read('\ufeffCafe\u0301\r\nnext\0 li\u00adne  \r\r\rTwo\u0007\u2028end', 'text/plain');
    expect(parsed).toEqual({
      title: null,
      text: 'Café\nnext line\n\nTwo\nend',
      blocks: [
        { start: 0, end: 14, headings: [], page: null, kind: 'paragraph' },
        { start: 16, end: 23, headings: [], page: null, kind: 'paragraph' },
      ],
    });
  });

  test.each([
    ['UTF-16', Buffer.from('\ufeffGrüße', 'utf16le')],
    ['Latin-1', Buffer.from('Grüße', 'latin1')],
    ['UTF-8 with a mark', Buffer.from('\ufeffGrüße')],
  ])('in %s is decoded', async (_encoding, bytes) => {
    expect((await read(bytes, 'text/plain')).text).toBe('Grüße');
  });

  test('that begins like a picture or a program is text', async () => {
    expect((await read('BM25 ranks.', 'text/plain')).text).toBe('BM25 ranks.');
    expect((await read('MZ is a postal code.', '', 'a.txt')).text).toBe('MZ is a postal code.');
  });
});

test('Markdown is stored as a reader sees it', async () => {
  const source = [
    '---\ntitle: "The guide"\n---\n# Guide\n\nSee [the *site*](https://example.com).\n\n## Steps\n',
    '1. one\n2. two\n   - deep\n\n| Key | Value |\n|--|--|\n| a | 1 |\n| b | |\n\n```js\n  run();\n```\n',
    '# End\n\n<script>alert(1)</script>\n\n<b>Last</b> <!-- hidden --> words',
  ].join('\n');
  const parsed = await read(source, 'text/markdown');
  expect(parsed.title).toBe('The guide');
  expect(outline(parsed)).toEqual([
    ['paragraph', '', null, 'title: "The guide"'],
    ['heading', '', null, 'Guide'],
    ['paragraph', 'Guide', null, 'See the site.'],
    ['heading', 'Guide', null, 'Steps'],
    ['list', 'Guide > Steps', null, '1. one\n2. two\n  - deep'],
    ['table', 'Guide > Steps', null, 'Key: a; Value: 1\nKey: b'],
    ['code', 'Guide > Steps', null, '  run();'],
    ['heading', '', null, 'End'],
    ['paragraph', 'End', null, 'Last words'],
  ]);
});

test('an HTML article is read without what surrounds it', async () => {
  const prose =
    'The heron stands in shallow water for hours, and waits for fish, frogs, or insects to come near. '.repeat(6);
  const parsed = await read(
    `<!doctype html><html><head><title>Herons</title><script>steal()</script></head><body>
     <nav><a href="/">Home</a> <a href="/b">Birds</a></nav>
     <main><article><h1>Grey heron</h1><p>${prose}</p><h2>Food</h2><p>${prose}</p><p onclick="x()">Fish.<script>evil()</script></p></article></main>
     <aside class="sidebar ad">Buy now</aside><footer>Copyright</footer></body></html>`,
    'text/html; charset=utf-8',
  );
  expect(parsed.title).toBe('Herons');
  expect(outline(parsed)).toEqual([
    ['heading', '', null, 'Grey heron'],
    ['paragraph', 'Grey heron', null, prose.trim()],
    ['heading', 'Grey heron', null, 'Food'],
    ['paragraph', 'Grey heron > Food', null, prose.trim()],
    ['paragraph', 'Grey heron > Food', null, 'Fish.'],
  ]);
});

test('HTML without an article is read whole', async () => {
  const parsed = await read(
    '<title>T</title><h1>Hours</h1><div>Mon<br>9 to 5</div><table><tr><th>Day<th>Open<tr><td>Tue<td>yes</table>',
    'text/html',
  );
  expect(outline(parsed)).toEqual([
    ['heading', '', null, 'Hours'],
    ['paragraph', 'Hours', null, 'Mon\n9 to 5'],
    ['table', 'Hours', null, 'Day: Tue; Open: yes'],
  ]);
});

test.each([
  ['commas', 'Part,Note\nBolt,"long, ""thick"""\n=cmd|\'/c calc\'!A1,x\n', 'text/csv'],
  [
    'semicolons, named by Windows',
    'Part;Note\nBolt;"long, ""thick"""\n=cmd|\'/c calc\'!A1;x\n',
    'application/vnd.ms-excel',
  ],
  ['tabs', 'Part\tNote\nBolt\t"long, ""thick"""\n=cmd|\'/c calc\'!A1\tx\n', 'text/tab-separated-values'],
])('CSV with %s carries its column names in each row; formulas are text', async (_name, source, mimeType) => {
  const { text } = await read(source, mimeType, 'parts.csv');
  expect(text).toBe('Part: Bolt; Note: long, "thick"\nPart: =cmd|\'/c calc\'!A1; Note: x');
});

test('a table without a header keeps plain rows', async () => {
  expect((await read('1,2\n3,4\n', 'text/csv')).text).toBe('1 | 2\n3 | 4');
});

test('a Word document keeps headings, lists and tables', async () => {
  const parsed = await read(await wordFile(), DOCX);
  expect(parsed.title).toBe('Staff handbook');
  expect(outline(parsed)).toEqual([
    ['heading', '', null, 'Handbook'],
    ['heading', 'Handbook', null, 'Leave'],
    ['paragraph', 'Handbook > Leave', null, 'Everyone has 30 days of leave.'],
    ['list', 'Handbook > Leave', null, '- apply early\n- tell your team'],
    ['table', 'Handbook > Leave', null, 'Country: France; Days: 25\nCountry: Spain; Days: 22'],
  ]);
});

test('an Excel workbook keeps sheets, numbers and dates', async () => {
  expect(outline(await read(await workbook(), XLSX))).toEqual([
    ['heading', '', null, 'Stock'],
    ['table', 'Stock', null, 'Part: Bolt; Price: 3.5; Since: 2026-01-31\nPart: =1+1; Price: 4'],
    ['heading', '', null, 'Notes'],
    ['table', 'Notes', null, 'Call the supplier.'],
  ]);
});

test('a PowerPoint presentation keeps slide numbers, titles, tables and notes', async () => {
  const parsed = await read(await slidesFile(), PPTX);
  expect(parsed.title).toBe('Quarter');
  expect(outline(parsed)).toEqual([
    ['heading', '', 1, 'Results'],
    ['paragraph', 'Results', 1, 'Sales grew by 12 %.'],
    ['paragraph', 'Results', 1, 'Mention the new shop.'],
    ['heading', '', 2, 'Plan'],
    ['table', 'Plan', 2, 'Month: May; Goal: 10'],
  ]);
});

test('a PDF keeps pages, headings by size, paragraphs and divided words', async () => {
  const bytes = await pdfFile(
    [
      [
        [20, 'Tides'],
        [11, ''],
        [11, 'The sea rises and falls twice a day. This is a long phe-'],
        [11, 'nomenon of the moon.'],
        [11, ''],
        [11, '• spring tide'],
        [11, '• neap tide'],
      ],
      [
        [14, 'Tables of tides'],
        [11, ''],
        [11, 'They are printed for each harbour.'],
      ],
    ],
    'On tides',
  );
  const parsed = await read(bytes, 'application/pdf');
  expect(parsed.title).toBe('On tides');
  expect(outline(parsed)).toEqual([
    ['heading', '', 1, 'Tides'],
    ['paragraph', 'Tides', 1, 'The sea rises and falls twice a day. This is a long phenomenon of the moon.'],
    ['list', 'Tides', 1, '• spring tide\n• neap tide'],
    ['heading', 'Tides', 2, 'Tables of tides'],
    ['paragraph', 'Tides > Tables of tides', 2, 'They are printed for each harbour.'],
  ]);
});

const chapter = (number: number): [number, string][] => [
  [9, 'Annual report'],
  [9, ''],
  [11, `Text of chapter ${'ABCDE'[number]}.`],
  [11, ''],
  [9, `Page ${number}`],
];

test('running headers and page numbers of a PDF are left out', async () => {
  const { text } = await read(await pdfFile([0, 1, 2, 3, 4].map(chapter)), 'application/pdf');
  expect(text).toBe(['A', 'B', 'C', 'D', 'E'].map((letter) => `Text of chapter ${letter}.`).join('\n\n'));
});

describe('sniffing', () => {
  test('an undeclared type is found in the bytes, among texts by the name', async () => {
    expect(await sniff(await wordFile(), 'application/octet-stream', 'x')).toBe(DOCX);
    expect(await sniff(await workbook(), '', 'x.xlsx')).toBe(XLSX);
    expect(await sniff(Buffer.from('a,b'), '', 'x.csv')).toBe('text/csv');
    expect(await sniff(Buffer.from('# a'), 'text/plain', 'x.md')).toBe('text/markdown');
    expect(await sniff(Buffer.from('{}'), 'application/json', 'x.json')).toBe('text/plain');
  });

  test('a type or name that contradicts the bytes is refused', async () => {
    const png = Buffer.from(
      'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNkYPhfDwAChwGA60e6kgAAAABJRU5ErkJggg==',
      'base64',
    );
    const word = await wordFile();
    expect(await refusal('Just text.', DOCX)).toBe(
      'This is not a Word document although its type says so: it is plain text.',
    );
    expect(await refusal('Just text.', '', 'a.docx')).toBe(
      'This is not a Word document although its name says so: it is plain text.',
    );
    expect(await refusal(word, XLSX)).toBe(
      'This is not an Excel workbook although its type says so: it is a Word document.',
    );
    expect(await refusal(word, 'text/markdown')).toBe(
      'This is not a Markdown document although its type says so: it is a Word document.',
    );
    expect(await refusal(word, 'image/png')).toBe(
      'This is not image/png although its type says so: it is a Word document.',
    );
    expect(await refusal(png, 'application/pdf')).toBe('This is not a PDF although its type says so.');
    expect(await refusal(png, 'image/png')).toMatch(
      /^Files of this type \(image\/png\) cannot be read\. These can: CSV file, /,
    );
  });

  test.each(['image/svg+xml', 'text/plain', 'text/html', ''])('SVG declared as “%s” is refused', async (mimeType) => {
    const svg = '<?xml version="1.0"?>\n<!-- a -->\n<svg xmlns="http://www.w3.org/2000/svg"><script>x()</script></svg>';
    expect(await refusal(svg, mimeType)).toMatch(/image\/svg\+xml|although its type says so/);
  });

  test('no two formats claim one type or extension', async () => {
    const claims = (await formats()).flatMap(({ mimeTypes, extensions }) => [mimeTypes, extensions].flat());
    expect(new Set(claims).size).toBe(claims.length);
    expect(claims.every((claim) => claim === claim.toLowerCase())).toBe(true);
  });
});

describe('broken files', () => {
  const halves: [string, string, () => Promise<Uint8Array>, string][] = [
    ['DOCX', DOCX, wordFile, 'This Word document is damaged and cannot be read.'],
    ['XLSX', XLSX, workbook, 'This Excel workbook is damaged and cannot be read.'],
    ['PPTX', PPTX, slidesFile, 'This PowerPoint presentation is damaged and cannot be read.'],
  ];

  test.each(halves)('half of a %s file', async (_name, mimeType, make, reason) => {
    const bytes = await make();
    expect(await refusal(bytes.subarray(0, bytes.length / 2), mimeType)).toBe(reason);
  });

  test.each(halves)('a %s container without its parts', async (_name, mimeType, _make, reason) => {
    const types = `<?xml version="1.0"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Override PartName="/word/document.xml" ContentType="${mimeType}.main+xml"/></Types>`;
    expect(await refusal(zipSync({ '[Content_Types].xml': strToU8(types) }), mimeType)).toBe(reason);
  });

  test('a PDF of noise', async () => {
    expect(await refusal(`%PDF-1.7\n${'\u0000\u0001garbage'.repeat(500)}`, 'application/pdf')).toBe(
      'The PDF is damaged and cannot be read.',
    );
  });

  test('a PDF behind a password', async () => {
    const encryption =
      '<< /Filter /Standard /V 1 /R 2 /P -4 /O (xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx) /U (yyyyyyyyyyyyyyyyyyyyyyyyyyyyyyyy) >>';
    const source = `%PDF-1.4\n1 0 obj << /Type /Catalog /Pages 2 0 R >> endobj\n2 0 obj << /Type /Pages /Kids [] /Count 0 >> endobj\n3 0 obj ${encryption} endobj\ntrailer << /Root 1 0 R /Encrypt 3 0 R /ID [(a) (a)] >>\n%%EOF`;
    expect(await refusal(source, 'application/pdf')).toBe('The PDF is protected by a password.');
  });

  test('a PDF without text', async () => {
    expect(await refusal(await pdfFile([[]]), 'application/pdf')).toMatch(/^The PDF holds no text; it may be a scan\./);
  });

  test('an Office document behind a password, and one of an old version', async () => {
    const container = Buffer.alloc(2048);
    container.set([0xd0, 0xcf, 0x11, 0xe0, 0xa1, 0xb1, 0x1a, 0xe1]);
    expect(await refusal(container, 'application/msword', 'a.doc')).toMatch(/old Office version/);
    container.write('EncryptedPackage', 1024, 'utf16le');
    expect(await refusal(container, DOCX, 'a.docx')).toBe('This Office document is protected by a password.');
  });

  test.each(['text/plain', 'text/markdown', 'text/html', 'text/csv', 'application/pdf', DOCX])(
    'an empty file of type %s',
    async (mimeType) => {
      expect(await refusal('', mimeType)).toBe('This file is empty.');
    },
  );

  test.each([
    ['text/plain', ' \n\t\n'],
    ['text/markdown', '<!-- x -->'],
    ['text/html', '<script>x()</script>'],
    ['text/csv', ',,\n,,\n'],
  ])('a file of type %s without text', async (mimeType, source) => {
    expect(await refusal(source, mimeType)).toBe('This file holds no text.');
  });

  test('a quote that never closes, and tags nested without end', async () => {
    expect(await refusal('a,b\n"never closed,1\n2,3', 'text/csv')).toBe('This CSV file is damaged and cannot be read.');
    expect(await refusal('<div>'.repeat(200_000), 'text/html')).toBe(
      'The elements of this page are nested too deeply.',
    );
  });
});

/** A document of 5 MB of zeros whose directory states another size (APPNOTE.TXT 4.3.12). */
const bomb = (stated: number): Uint8Array => {
  const types = `<Types><Override PartName="/word/document.xml" ContentType="${DOCX}.main+xml"/></Types>`;
  const bytes = zipSync({ '[Content_Types].xml': strToU8(types), 'word/document.xml': new Uint8Array(5_000_000) });
  const view = new DataView(bytes.buffer, bytes.byteOffset);
  const entries = Array.from(bytes.keys()).filter(
    (at) => at + 4 < bytes.length && view.getUint32(at, true) === 0x02014b50,
  );
  view.setUint32((entries[1] ?? 0) + 24, stated, true);
  return bytes;
};

describe('limits', () => {
  test('a zip bomb is refused before it is unpacked', async () => {
    expect(await refusal(bomb(300 * 1024 * 1024), DOCX)).toBe('This document unpacks to too much data.');
  });

  test('a zip bomb that understates its size is cut at what it states', async () => {
    expect(await refusal(bomb(100), DOCX)).toBe('This Word document is damaged and cannot be read.');
  });

  test('a container of too many parts, and a file too large, are refused', async () => {
    const parts = Object.fromEntries(Array.from({ length: 10_001 }, (_, at) => [`word/${at}.xml`, new Uint8Array()]));
    expect(await refusal(zipSync(parts, { level: 0 }), DOCX)).toBe('This document holds too many parts.');
    expect(await refusal(Buffer.alloc(parsingLimits.maxBytes + 1, 'a'), 'text/plain')).toBe(
      'This file is larger than 100 MB.',
    );
  });

  const slow = {
    kind: 'parse',
    source: { bytes: Buffer.from('word,'.repeat(4_000_000)), mimeType: 'text/csv', name: 'a' },
  } as const;
  const quick = { kind: 'parse', source: { bytes: Buffer.from('word'), mimeType: 'text/plain', name: 'a' } } as const;
  const read = {
    title: null,
    text: 'word',
    blocks: [{ start: 0, end: 4, headings: [], page: null, kind: 'paragraph' }],
  };

  test.each([
    ['time', { timeoutMs: 1500 }, 'This file takes too long to read.'],
    ['heap', { maxHeapBytes: 64 * 1024 * 1024 }, 'This file needs too much memory to read.'],
    ['memory', { maxMemoryBytes: 150 * 1024 * 1024 }, 'This file needs too much memory to read.'],
  ])('a file beyond its %s ends so, and the next one is read', async (_name, limit, reason) => {
    const pool = new WorkerPool(1, { ...parsingLimits, ...limit });
    try {
      expect(await Promise.allSettled([pool.run(slow), pool.run(quick)])).toEqual([
        { status: 'rejected', reason: new UnreadableDocument(reason) },
        { status: 'fulfilled', value: read },
      ]);
    } finally {
      await pool.close();
    }
  });

  test('closing ends what is under way and what waits', async () => {
    const pool = new WorkerPool(1, parsingLimits);
    const tasks = [pool.run(slow), pool.run(quick)].map((task) => expect(task).rejects.toThrow(/closed|ended/));
    await pool.close();
    await Promise.all(tasks);
    await expect(pool.run(quick)).rejects.toThrow('closed');
  });
});
