import { createHash } from 'node:crypto';
import { expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { chunk, embeddedText } from '../src/search/chunking/chunk.ts';
import type { Chunk, ChunkOptions } from '../src/search/chunking/chunk.ts';
import { DocumentWriter } from '../src/domains/content/parsing/document-writer.ts';
import type { ParsedDocument } from '../src/search/chunking/parsed-document.ts';
import { countTokens } from '../src/search/chunking/tokens.ts';

type Part = {
  kind: 'heading' | 'paragraph' | 'list' | 'table' | 'code';
  text: string;
  level: number;
  newPage: boolean;
};

const written = (parts: readonly Part[]): ParsedDocument => {
  const writer = new DocumentWriter();
  let page = 0;
  for (const { kind, text, level, newPage } of parts) {
    if (newPage) writer.page((page += 1));
    if (kind === 'heading') writer.heading(level, text);
    else writer.block(kind, text);
  }
  return writer.finish(null);
};

const paragraphs = (texts: readonly string[]): ParsedDocument =>
  written(texts.map((text) => ({ kind: 'paragraph', text, level: 1, newPage: false })));

const word = fc.oneof(
  { weight: 8, arbitrary: fc.constantFrom('bolt', 'Haus', 'the', 'été', 'e.g.', 'end.', 'why?', '中文字', '3.14') },
  { weight: 1, arbitrary: fc.string({ unit: 'binary', maxLength: 12 }) },
  { weight: 1, arbitrary: fc.constantFrom('👩‍👩‍👧', '\n', '\n\n', '  ', 'x'.repeat(700), '<|endoftext|>', '。') },
);
const prose = fc.array(word, { minLength: 1, maxLength: 400 }).map((words) => words.join(' '));
const part: fc.Arbitrary<Part> = fc.record({
  kind: fc.constantFrom('heading', 'paragraph', 'paragraph', 'paragraph', 'list', 'table', 'code'),
  text: prose,
  level: fc.integer({ min: 1, max: 6 }),
  newPage: fc.boolean(),
});
const document = fc
  .array(part, { minLength: 1, maxLength: 12 })
  .map((parts) => written([...parts, { kind: 'paragraph', text: 'end', level: 1, newPage: false }]));
const options = fc.record({
  maxTokens: fc.integer({ min: 16, max: 600 }),
  overlapTokens: fc.integer({ min: 0, max: 200 }),
});

const law = (check: (source: ParsedDocument, made: Chunk[], options: Required<ChunkOptions>) => void): void =>
  fc.assert(
    fc.property(document, options, (source, given) => check(source, chunk(source, given), given)),
    { numRuns: 60, seed: 20 },
  );

test('text is the slice between its offsets, in order, without blank ends', () => {
  law((source, made) => {
    for (const [index, { start, end, text, position }] of made.entries()) {
      expect(position).toBe(index);
      expect(text).toBe(source.text.slice(start, end));
      expect(text).toBe(text.trim());
      expect(text.isWellFormed()).toBe(true);
      expect(start).toBeGreaterThanOrEqual(made[index - 1]?.start ?? 0);
      expect(end).toBeGreaterThan(made[index - 1]?.end ?? 0);
    }
  });
});

test('chunks cover all text that is not blank', () => {
  law((source, made) => {
    let reached = 0;
    for (const { start, end } of made) {
      expect(source.text.slice(reached, Math.max(reached, start)).trim()).toBe('');
      reached = end;
    }
    expect(source.text.slice(reached).trim()).toBe('');
  });
});

test('no chunk holds more than maxTokens', () => {
  law((_source, made, { maxTokens }) => {
    for (const { text, tokens } of made) {
      expect(tokens).toBe(countTokens(text));
      expect(tokens).toBeLessThanOrEqual(maxTokens);
    }
  });
});

test('without overlap no text stands in two chunks', () => {
  law((source, _made, { maxTokens }) => {
    const made = chunk(source, { maxTokens, overlapTokens: 0 });
    for (const [index, { start }] of made.entries()) expect(start).toBeGreaterThanOrEqual(made[index - 1]?.end ?? 0);
  });
});

test('a chunk lies on one page and under its headings', () => {
  law((source, made) => {
    for (const { start, end, page, headings } of made) {
      const within = source.blocks.filter((block) => block.start < end && block.end > start);
      expect(new Set(within.map((block) => block.page))).toEqual(new Set([page]));
      for (const block of within) expect(block.headings.slice(0, headings.length)).toEqual(headings);
    }
  });
});

test('the same document gives the same chunks, whose hash is of headings and text', () => {
  law((source, made, given) => {
    expect(chunk(structuredClone(source), given)).toEqual(made);
    for (const one of made) expect(one.hash).toBe(createHash('sha256').update(embeddedText(one)).digest('hex'));
  });
});

const WORDS =
  'river stone engine letter garden winter signal copper window paper market bridge island mirror candle'.split(' ');
/** Paragraph `number` of a text without headings, 8 to 24 words that depend on the number only. */
const paragraph = (number: number): string => {
  let state = number * 2_654_435_761 + 1;
  const next = (): number => (state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0) >>> 8;
  const count = 8 + (next() % 16);
  return Array.from({ length: count }, (_, at) => `${WORDS[next() % WORDS.length]}${at % 11 === 10 ? '.' : ''}`).join(
    ' ',
  );
};

test('an edit changes chunks near it only', () => {
  const texts = Array.from({ length: 2000 }, (_, number) => paragraph(number));
  const before = chunk(paragraphs(texts));
  for (const at of [0, 70, 1000, 1999]) {
    for (const edited of [
      texts.toSpliced(at, 1),
      texts.toSpliced(at, 0, 'One more paragraph.'),
      texts.toSpliced(at, 1, 'Other.'),
    ]) {
      const kept = new Set(before.map(({ hash }) => hash));
      const changed = chunk(paragraphs(edited)).filter(({ hash }) => !kept.has(hash));
      expect(changed.length).toBeLessThanOrEqual(6);
    }
  }
});

test('sections that fill a quarter stay apart, smaller ones stay together, no heading stands last', () => {
  const long = Array.from({ length: 20 }, (_, at) => `Sentence number ${at} of this section.`).join(' ');
  const source = written(
    [
      ['heading', 'Guide'],
      ['heading', 'First'],
      ['paragraph', long],
      ['heading', 'Second'],
      ['paragraph', 'Short.'],
      ['heading', 'Third'],
      ['paragraph', 'Short too.'],
    ].map(([kind, text]) => ({ kind, text, level: text === 'Guide' ? 1 : 2, newPage: false }) as Part),
  );
  expect(chunk(source, { maxTokens: 256 }).map(({ headings, text }) => [headings, text])).toEqual([
    [[], `Guide\n\nFirst\n\n${long}`],
    [['Guide'], 'Second\n\nShort.\n\nThird\n\nShort too.'],
  ]);
});

test('overlap repeats whole sentences from the end of the chunk before', () => {
  const source = paragraphs([Array.from({ length: 30 }, (_, at) => `Here stands sentence ${at}.`).join(' ')]);
  const [first, second] = chunk(source, { maxTokens: 64, overlapTokens: 16 });
  expect(first && second && second.start < first.end).toBe(true);
  expect(second?.text.startsWith('Here stands sentence ')).toBe(true);
  expect(source.text.slice(second?.start, first?.end).split('. ')).toHaveLength(2);
});

test.each([
  ['one line of 5 MB without a blank', () => ['a'.repeat(5_000_000)]],
  ['one line of 1 MB of digits and points', () => ['1. '.repeat(333_333)]],
  ['1 MB of Chinese without a stop', () => ['中文字符'.repeat(250_000)]],
  ['5 MB of blanks in a row', () => [`a${' '.repeat(5_000_000)}b`]],
])('%s is cut in linear time', (_name, texts) => {
  const source = paragraphs(texts());
  const begun = performance.now();
  const made = chunk(source);
  expect(made.every(({ tokens }) => tokens <= 512)).toBe(true);
  expect(made.at(-1)?.end).toBe(source.text.length);
  expect(performance.now() - begun).toBeLessThan(20_000);
});

test('100,000 tiny blocks are cut in linear time', () => {
  const source = paragraphs(Array.from({ length: 100_000 }, (_, at) => `w${at}`));
  const begun = performance.now();
  expect(chunk(source).reduce((sum, { text }) => sum + text.split('\n\n').length, 0)).toBe(100_000);
  expect(performance.now() - begun).toBeLessThan(10_000);
});
