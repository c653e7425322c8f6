import { readFile } from 'node:fs/promises';
import { PDFDocument, StandardFonts } from 'pdf-lib';
import { chunk } from '../src/search/chunking/chunk.ts';
import { chunkAside, closeParsers, parse } from '../src/domains/content/parsing/parse.ts';

/** Time and memory of parsing and chunking large files: `node bench/parsing.ts`, on Linux. Nothing is asserted. */

const SENTENCE = 'The harbour master writes the height of each tide into the book, and reads it out at noon. ';

const pdfOf = async (pages: number): Promise<Uint8Array> => {
  const file = await PDFDocument.create();
  const font = await file.embedFont(StandardFonts.TimesRoman);
  for (let number = 1; number <= pages; number += 1) {
    const page = file.addPage([595, 842]);
    page.drawText(`Chapter ${number}`, { x: 50, y: 780, size: 18, font });
    for (let line = 0; line < 40; line += 1) {
      page.drawText(`${number}.${line} ${SENTENCE}`, {
        x: 50,
        y: 740 - line * 14 - Math.floor(line / 8) * 14,
        size: 11,
        font,
      });
    }
  }
  return file.save();
};

const textOf = (length: number): Uint8Array => {
  const paragraphs = Array.from({ length: Math.ceil(length / 460) }, (_, at) => `Entry ${at}. ${SENTENCE.repeat(5)}`);
  return Buffer.from(paragraphs.join('\n\n').slice(0, length));
};

const timed = async <T>(work: () => Promise<T>): Promise<[result: T, ms: number]> => {
  const begun = performance.now();
  const result = await work();
  return [result, performance.now() - begun];
};

/** Highest resident memory that the worker process has had, by the kernel's own account. */
const workerPeak = async (): Promise<string> => {
  const children = await readFile(`/proc/self/task/${process.pid}/children`, 'utf8');
  const status = await readFile(`/proc/${children.trim().split(' ')[0]}/status`, 'utf8');
  return megabytes(Number(/VmHWM:\s*(\d+) kB/.exec(status)?.[1]) * 1024);
};

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

const files: [string, string, Uint8Array][] = [
  ['a short text', 'text/plain', textOf(1000)],
  ['300-page PDF', 'application/pdf', await pdfOf(300)],
  ['5 MB of text', 'text/plain', textOf(5_000_000)],
  ['5 MB of Markdown', 'text/markdown', textOf(5_000_000)],
  ['5 MB of text on one line', 'text/plain', Buffer.from(SENTENCE.repeat(55_000))],
];
for (const [name, mimeType, bytes] of files) {
  await parse({ bytes: textOf(1000), mimeType: 'text/plain', name: 'starts the worker' });
  const [document, parseMs] = await timed(() => parse({ bytes, mimeType, name }));
  const parsePeak = await workerPeak();
  const [chunks, chunkMs] = await timed(() => chunkAside(document));
  const tokens = chunks.reduce((sum, chunk) => sum + chunk.tokens, 0);
  process.stdout.write(
    `${name}: ${megabytes(bytes.length)}, ${document.text.length} characters, ${document.blocks.length} blocks; ` +
      `parsed in ${Math.round(parseMs)} ms, worker at ${parsePeak}; cut in ${Math.round(chunkMs)} ms, ` +
      `${chunks.length} chunks of ${Math.round(tokens / chunks.length)} tokens, worker at ${await workerPeak()}\n`,
  );
  await closeParsers();
}
const [, coldMs] = await timed(async () =>
  chunk(await parse({ bytes: textOf(1000), mimeType: 'text/plain', name: '' })),
);
process.stdout.write(`a short text with nothing loaded: ${Math.round(coldMs)} ms\n`);
await closeParsers();
