import { Document, HeadingLevel, Packer, Paragraph } from 'docx';
import { PDFDocument, StandardFonts } from 'pdf-lib';
import pptxgen from 'pptxgenjs';
import writeExcelFile from 'write-excel-file/node';
import { chanceFrom, type Chance } from '../faults/chance.ts';

/** A file to be brought in, and what should come of it. */
export interface GeneratedFile {
  /** Unlike that of every other. */
  readonly name: string;
  readonly mimeType: string;
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** Whether it was damaged on purpose, so that reading it has to fail. */
  readonly damaged: boolean;
}

/** What a file is made from, whatever its kind. */
interface Content {
  readonly title: string;
  readonly sections: readonly { readonly heading: string; readonly paragraphs: readonly string[] }[];
}

type Write = (content: Content) => Promise<Uint8Array>;

const words =
  `harbour lantern meadow copper winter orchard ledger signal canvas river engine marble silver pepper thunder velvet anchor
   basket candle dragon ember falcon garden hollow island jacket kettle lemon mirror needle ocean pillow quartz ribbon saddle
   timber umbrella valley willow yellow zephyr amber bridge castle desert`.split(/\s+/);

const sentenceFrom = (chance: Chance): string => {
  const chosen = Array.from({ length: chance.between(6, 16) }, () => words[chance.between(0, words.length - 1)] ?? '');
  const text = chosen.join(' ');
  return `${text.charAt(0).toUpperCase()}${text.slice(1)} ${chance.between(1, 9999)}.`;
};
const times = <Value>(count: number, make: (index: number) => Value): Value[] =>
  Array.from({ length: count }, (_, index) => make(index));

const contentFrom = (chance: Chance, index: number): Content => ({
  title: `Report ${index}`,
  sections: times(chance.between(1, 6), (section) => ({
    heading: `Part ${section + 1} of report ${index}`,
    paragraphs: times(chance.between(1, 5), () => times(chance.between(2, 6), () => sentenceFrom(chance)).join(' ')),
  })),
});

const rowsOf = ({ sections }: Content): string[][] => [
  ['part', 'remark'],
  ...sections.flatMap(({ heading, paragraphs }) => paragraphs.map((paragraph) => [heading, paragraph])),
];
const text = (parts: readonly string[], separator: string): Promise<Uint8Array> =>
  Promise.resolve(Buffer.from(parts.join(separator)));

/** Lines of at most so many characters, broken at spaces. */
const wrapped = (paragraph: string, width: number): string[] =>
  paragraph.split(' ').reduce<string[]>((lines, word) => {
    const last = lines.at(-1);
    if (last === undefined || last.length + word.length >= width) lines.push(word);
    else lines[lines.length - 1] = `${last} ${word}`;
    return lines;
  }, []);

const writePdf: Write = async ({ title, sections }) => {
  const file = await PDFDocument.create();
  const font = await file.embedFont(StandardFonts.Helvetica);
  file.setTitle(title);
  for (const { heading, paragraphs } of sections) {
    const page = file.addPage([595, 842]);
    page.drawText(heading, { x: 50, y: 790, size: 18, font });
    let y = 760;
    for (const paragraph of paragraphs) {
      for (const line of wrapped(paragraph, 90)) {
        if (y > 40) page.drawText(line, { x: 50, y, size: 10, font });
        y -= 13;
      }
      y -= 13;
    }
  }
  return file.save();
};

const writeDocx: Write = async ({ title, sections }) => {
  const children = sections.flatMap(({ heading, paragraphs }) => [
    new Paragraph({ text: heading, heading: HeadingLevel.HEADING_1 }),
    ...paragraphs.map((paragraph) => new Paragraph(paragraph)),
  ]);
  return new Uint8Array(await Packer.toBuffer(new Document({ title, sections: [{ children }] })));
};

// The package's types describe its CommonJS build as if it were an ES module.
const Deck = pptxgen as unknown as typeof pptxgen.default;
const writePptx: Write = async ({ title, sections }) => {
  const deck = new Deck();
  deck.title = title;
  for (const { heading, paragraphs } of sections) {
    const slide = deck.addSlide();
    slide.addText(heading, { x: 1, y: 0.2, w: 8, h: 0.8 });
    slide.addText(paragraphs.join('\n'), { x: 1, y: 1.2, w: 8, h: 4 });
  }
  return new Uint8Array((await deck.write({ outputType: 'nodebuffer' })) as Uint8Array);
};

const writeXlsx: Write = async (content) => {
  const data = rowsOf(content).map((row) => row.map((value) => ({ value })));
  // The package's types know its cells by a union that rows of objects alone do not match.
  const written = writeExcelFile([{ data, sheet: 'Remarks' }] as Parameters<typeof writeExcelFile>[0]);
  return new Uint8Array(await written.toBuffer());
};

const escaped = (value: string): string => value.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
const office = 'application/vnd.openxmlformats-officedocument';

/** The nine kinds, by extension. */
const kinds: readonly (readonly [extension: string, mimeType: string, write: Write])[] = [
  ['txt', 'text/plain', ({ title, sections }) => text([title, ...sections.flatMap(paragraphsOf)], '\n\n')],
  ['md', 'text/markdown', ({ title, sections }) => text([`# ${title}`, ...sections.flatMap(markdownOf)], '\n\n')],
  ['html', 'text/html', ({ title, sections }) => text([pageOf(title, sections)], '')],
  [
    'csv',
    'text/csv',
    (content) =>
      text(
        rowsOf(content).map((row) => row.map((cell) => `"${cell}"`).join(',')),
        '\n',
      ),
  ],
  ['json', 'application/json', (content) => text([JSON.stringify(content, null, 1)], '')],
  ['pdf', 'application/pdf', writePdf],
  ['docx', `${office}.wordprocessingml.document`, writeDocx],
  ['xlsx', `${office}.spreadsheetml.sheet`, writeXlsx],
  ['pptx', `${office}.presentationml.presentation`, writePptx],
];
type Section = Content['sections'][number];
const paragraphsOf = ({ heading, paragraphs }: Section): string[] => [heading, ...paragraphs];
const markdownOf = ({ heading, paragraphs }: Section): string[] => [`## ${heading}`, ...paragraphs];
const pageOf = (title: string, sections: readonly Section[]): string =>
  `<!doctype html><title>${escaped(title)}</title><main>${sections
    .map(
      ({ heading, paragraphs }) => `<h2>${heading}</h2>${paragraphs.map((one) => `<p>${escaped(one)}</p>`).join('')}`,
    )
    .join('')}</main>`;

/** Ways to spoil a file of whatever kind. */
const damages: readonly [(bytes: Uint8Array) => Uint8Array, ...((bytes: Uint8Array) => Uint8Array)[]] = [
  // Blanks alone hold no text.
  () => Buffer.from(' \n\t \n'),
  // A program for Windows, whatever its name says.
  () => Buffer.concat([Buffer.from('MZ\x90\0\x03\0\0\0\x04\0\0\0\xff\xff\0\0', 'latin1'), Buffer.alloc(512)]),
];
/** Containers and PDFs can be cut off too. */
const cut = (bytes: Uint8Array): Uint8Array => bytes.subarray(0, Math.floor(bytes.length / 3));

/** Of a hundred files so many are damaged. */
const damagedShare = 4;

/** Files of nine kinds in turn, of some kilobytes each; the seed repeats their contents. */
export async function* filesFrom(seed: number, count: number): AsyncGenerator<GeneratedFile> {
  const source = chanceFrom(seed);
  for (let index = 0; index < count; index++) {
    const chance = source.split();
    const [extension, mimeType, write] = kinds[index % kinds.length] ?? ['txt', 'text/plain', () => text([''], '')];
    const whole = await write(contentFrom(chance, index));
    const damaged = chance.percent(damagedShare);
    const damage =
      mimeType.startsWith('application/') && extension !== 'json'
        ? chance.oneOf([cut, ...damages])
        : chance.oneOf(damages);
    yield {
      name: `report-${index}.${extension}`,
      mimeType,
      bytes: new Uint8Array(damaged ? damage(whole) : whole),
      damaged,
    };
  }
}
