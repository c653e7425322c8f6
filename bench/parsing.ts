import { PDFDocument, StandardFonts } from 'pdf-lib';
import { chunk } from '../src/domains/content/parsing/chunk.ts';
import { chunkAside, closeParsers, parse } from '../src/domains/content/parsing/parse.ts';

/** Time and memory of parsing and chunking large files: `node bench/parsing.ts`. Nothing is asserted. */

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

/** Highest resident memory of the process while `work` is done, sampled every 20 ms. */
const watched = async <T>(work: () => Promise<T>): Promise<[result: T, ms: number, peakBytes: number]> => {
  let peak = process.memoryUsage.rss();
  const timer = setInterval(() => (peak = Math.max(peak, process.memoryUsage.rss())), 20);
  const begun = performance.now();
  const result = await work();
  clearInterval(timer);
  return [result, performance.now() - begun, peak];
};

const megabytes = (bytes: number): string => `${Math.round(bytes / 1e6)} MB`;

const files: [string, string, Uint8Array][] = [
  ['first file (starts the worker)', 'text/plain', textOf(1000)],
  ['300-page PDF', 'application/pdf', await pdfOf(300)],
  ['300-page PDF again', 'application/pdf', await pdfOf(300)],
  ['5 MB of text', 'text/plain', textOf(5_000_000)],
  ['5 MB of Markdown', 'text/markdown', textOf(5_000_000)],
  ['5 MB of text on one line', 'text/plain', Buffer.from(SENTENCE.repeat(55_000))],
];
for (const [name, mimeType, bytes] of files) {
  const rest = process.memoryUsage.rss();
  const [document, parseMs, parsePeak] = await watched(() => parse({ bytes, mimeType, name }));
  const [chunks, chunkMs, chunkPeak] = await watched(() => chunkAside(document));
  process.stdout.write(
    `${name}: ${megabytes(bytes.length)}, ${document.text.length} characters, ${document.blocks.length} blocks; ` +
      `parse ${Math.round(parseMs)} ms, chunk ${Math.round(chunkMs)} ms, ${chunks.length} chunks of ` +
      `${Math.round(chunks.reduce((sum, { tokens }) => sum + tokens, 0) / chunks.length)} tokens; ` +
      `resident ${megabytes(rest)} before, ${megabytes(Math.max(parsePeak, chunkPeak))} at most\n`,
  );
}
await closeParsers();
const begun = performance.now();
chunk(await parse({ bytes: textOf(1000), mimeType: 'text/plain', name: '' }));
process.stdout.write(`a short text from a cold worker, chunked: ${Math.round(performance.now() - begun)} ms\n`);
await closeParsers();
