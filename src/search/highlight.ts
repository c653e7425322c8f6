import { analyze, type Term } from './analysis.ts';

/** A part of a text: UTF-16 offsets, `end` exclusive. */
export interface Span {
  readonly start: number;
  readonly end: number;
}

/** A part of the text that shows why it was found, and the matched words in it, as offsets into the whole text. */
export interface Highlight {
  readonly snippet: Span;
  readonly matches: readonly Span[];
}

/** Characters of a snippet, about two lines. */
const snippetLength = 240;

/** The distance over which a snippet's edge moves to the nearest gap between words. */
const slack = 24;

/** Every word of the text whose term is one of the query's, in reading order. */
export const matchesOf = (text: string, query: string, language?: string | null): Term[] => {
  const wanted = new Set(analyze(query, language).map(({ term }) => term));
  return wanted.size === 0 ? [] : analyze(text, language).filter(({ term }) => wanted.has(term));
};

/** The matches that stand in the best window: most distinct terms, then most matches, then the earliest. */
const densest = (matches: readonly Term[], length: number): readonly Term[] => {
  const inside = new Map<string, number>();
  let best: readonly Term[] = [];
  let bestDistinct = 0;
  let from = 0;
  for (const [to, match] of matches.entries()) {
    inside.set(match.term, (inside.get(match.term) ?? 0) + 1);
    for (
      let first = matches[from];
      first && first !== match && match.end - first.start > length;
      first = matches[++from]
    ) {
      const left = (inside.get(first.term) ?? 1) - 1;
      if (left === 0) inside.delete(first.term);
      else inside.set(first.term, left);
    }
    const count = to + 1 - from;
    if (inside.size < bestDistinct || (inside.size === bestDistinct && count <= best.length)) continue;
    bestDistinct = inside.size;
    best = matches.slice(from, to + 1);
  }
  return best;
};

const gap = /\s/u;
const lowSurrogate = /[\udc00-\udfff]/;

/** The nearest place at or behind `offset` where a word begins; `offset` itself, kept out of a character's middle, when none is near. */
const wordStart = (text: string, offset: number): number => {
  if (offset <= 0) return 0;
  for (let at = offset; at < Math.min(offset + slack, text.length); at++) if (gap.test(text[at - 1] ?? '')) return at;
  return lowSurrogate.test(text[offset] ?? '') ? offset - 1 : offset;
};

const wordEnd = (text: string, offset: number): number => {
  if (offset >= text.length) return text.length;
  for (let at = offset; at > Math.max(offset - slack, 0); at--) if (gap.test(text[at] ?? '')) return at;
  return lowSurrogate.test(text[offset] ?? '') ? offset - 1 : offset;
};

/** The window around the matches, as long as `length` allows, with what is left shared between both sides. */
const windowAround = (text: string, matches: readonly Term[], length: number): Span => {
  const first = matches[0]?.start ?? 0;
  const last = matches.at(-1)?.end ?? 0;
  const margin = Math.max(0, Math.floor((length - (last - first)) / 2));
  const start = Math.max(0, Math.min(first - margin, text.length - length));
  const end = Math.max(last, start + length);
  return { start: Math.min(first, wordStart(text, start)), end: Math.max(last, wordEnd(text, end)) };
};

/**
 * Where a text answers a query: the words that share a stem with it, and the window of about `length` characters (never
 * within a character, seldom within a word) that holds most of the query. The beginning of the text when nothing matches.
 */
export const highlight = (text: string, query: string, language?: string | null, length = snippetLength): Highlight => {
  const matches = matchesOf(text, query, language);
  const snippet = windowAround(text, densest(matches, length), length);
  return { snippet, matches: matches.map(({ start, end }) => ({ start, end })) };
};
