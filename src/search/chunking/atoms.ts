import type { Block, ParsedDocument } from './parsed-document.ts';
import { countTokens } from './tokens.ts';

/** How good a place is to begin a chunk: before a heading best, inside a sentence worst; right after a heading never. */
export const rank = { afterHeading: -1, word: 0, sentence: 1, block: 2, heading: 3 } as const;
export type Rank = (typeof rank)[keyof typeof rank];

/** A stretch of text that is not divided further. Atoms tile their block, blanks behind each included. */
export type Atom = { start: number; end: number; tokens: number; rank: Rank; block: Block };

/** Below this many characters a block is one atom: dividing it further gains nothing. */
const SHORT = 200;
const LEAST_LENGTH = 24;
/** A UTF-16 code unit is three bytes of UTF-8 at most, and no token is less than a byte. */
const MOST_TOKENS_A_CHARACTER = 3;
/** Intl.Segmenter is given no more at once, which bounds memory and the damage of a text without sentences. */
const MAX_SEGMENTED = 8192;

const sentences = new Intl.Segmenter(undefined, { granularity: 'sentence' });

/** The atoms of a document in order, each of at most `maxTokens` tokens. */
export function* atomsOf({ text, blocks }: ParsedDocument, maxTokens: number): Generator<Atom> {
  let previous: Block | undefined;
  for (const block of blocks) {
    let first = true;
    for (const [start, end, within] of pieces(text, block, maxTokens)) {
      const place = first ? blockRank(block, previous) : within;
      yield { start, end, tokens: countTokens(text.slice(start, end)) + Number(end === block.end), rank: place, block };
      first = false;
    }
    previous = block;
  }
}

const blockRank = (block: Block, previous: Block | undefined): Rank => {
  if (previous?.kind === 'heading') return rank.afterHeading;
  return block.kind === 'heading' ? rank.heading : rank.block;
};

type Span = [start: number, end: number];
type Piece = [start: number, end: number, rank: Rank];

function* pieces(text: string, block: Block, maxTokens: number): Generator<Piece> {
  for (const [start, end] of partsOf(text, block, Math.min(SHORT, maxTokens / MOST_TOKENS_A_CHARACTER))) {
    let place: Rank = rank.sentence;
    for (const [from, to] of wordsOf(text, start, end, maxTokens)) {
      yield [from, to, place];
      place = rank.word;
    }
  }
}

const partsOf = (text: string, block: Block, short: number): Iterable<Span> => {
  if (block.end - block.start <= short) return [[block.start, block.end]];
  return joined(block.kind === 'paragraph' ? sentencesOf(text, block) : linesOf(text, block));
};

/** Very short neighbours as one: a million sentences like “1.” are no million places to cut. */
function* joined(spans: Iterable<Span>): Generator<Span> {
  let open: Span | null = null;
  for (const [start, end] of spans) {
    open = [open?.[0] ?? start, end];
    if (open[1] - open[0] < LEAST_LENGTH) continue;
    yield open;
    open = null;
  }
  if (open) yield open;
}

/** Sentences by Unicode's rules (UAX 29). A line end counts as a blank: paragraphs of plain text are often wrapped. */
function* sentencesOf(text: string, { start, end }: Block): Generator<Span> {
  for (let from = start; from < end;) {
    const to = wordEnd(text, from, Math.min(end, from + MAX_SEGMENTED), end);
    for (const { index, segment } of sentences.segment(text.slice(from, to).replaceAll('\n', ' '))) {
      yield [from + index, from + index + segment.length];
    }
    from = to;
  }
}

/** Lines: items of a list, rows of a table, lines of code. */
function* linesOf(text: string, { start, end }: Block): Generator<Span> {
  for (let from = start; from < end;) {
    const line = text.indexOf('\n', from);
    const to = line < 0 || line >= end ? end : line + 1;
    yield [from, to];
    from = to;
  }
}

/** Parts of `[start, end)` of at most `maxTokens`, ended at blanks where there are any. */
function* wordsOf(text: string, start: number, end: number, maxTokens: number): Generator<Span> {
  for (let from = start; from < end;) {
    let to = wordEnd(text, from, Math.min(end, from + maxTokens * 4), end);
    // Scripts with more than a token a character need several steps; each halves the length.
    while (to - from > 1 && countTokens(text.slice(from, to)) > maxTokens) {
      to = wordEnd(text, from, from + Math.ceil((to - from) / 2), end);
    }
    yield [from, to];
    from = to;
  }
}

const HIGH_SURROGATE = /[\ud800-\udbff]/;

/** The last place after a blank in the second half of `[from, to)`, or `to`; never within a surrogate pair. */
const wordEnd = (text: string, from: number, to: number, end: number): number => {
  if (to >= end) return end;
  for (let place = to; place > (from + to) / 2; place -= 1) {
    if (/\s/.test(text.charAt(place - 1))) return place;
  }
  return HIGH_SURROGATE.test(text.charAt(to - 1)) ? (to - 1 > from ? to - 1 : to + 1) : to;
};
