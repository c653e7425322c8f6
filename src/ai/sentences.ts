/** A sentence where it stands: `text` is exactly `slice(start, end)` of the text it was found in. */
export type Sentence = {
  text: string;
  start: number;
  end: number;
  kind: 'heading' | 'item' | 'code' | 'prose';
  /** Sentences of one paragraph, list item, code block or heading share a block; blocks are counted from 0. */
  block: number;
};

type Block = { start: number; end: number; kind: Sentence['kind'] };
type Span = readonly [start: number, end: number];

/** A run of text without an end in sight is cut near this length, so that a quote stays one that people read. */
const longestSentence = 500;

const heading = /^\s{0,3}#{1,6}\s/u;
const item = /^\s*(?:[-*+•–▪◦]|\d{1,3}[.)]|[a-z][.)])\s/u;
const row = /^\s*\|/u;
const fence = /^\s*(?:```|~~~)/u;
/** Bold words at a paragraph's beginning that name what it is about. */
const boldLabel = /^\*\*[^*]{1,60}(?:\*\*)?$/u;
const ended = /[.!?:;…。！？]["'”’»)\]]*\s*$/u;
const capital = /^\s*["'“‘«(]?[\p{Lu}\p{Lt}\p{N}]/u;
/** Longest line that counts as a heading when nothing marks it as one. */
const shortLine = 60;

/** A full stop after one of these, after one letter or after a number ends no sentence. */
const abbreviation =
  /(?:^|[\s("“‘])(?:\p{L}|\p{Lu}\.\p{Lu}|\d{1,2}|e\.g|i\.e|cf|vs|etc|approx|ca|bzw|z\.\s?B|d\.\s?h|u\.\s?a|Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|No|Nr|Art|Abs|Fig|Abb|Sec|Vol|vol|pp|Inc|Ltd|Co|Corp|Bd|Str|Tel|M|Mme|Sra?|Dott)\.\s*$/u;

type Line = { start: number; end: number; kind: Sentence['kind'] | 'row' | 'blank' };

const kindOf = (line: string): Line['kind'] => {
  if (line.trim() === '') return 'blank';
  if (heading.test(line)) return 'heading';
  if (row.test(line)) return 'row';
  return item.test(line) ? 'item' : 'prose';
};

const linesOf = (text: string): Line[] => {
  let start = 0;
  let fenced = false;
  return text.split('\n').map((line) => {
    const marks = fence.test(line);
    const kind = fenced || marks ? 'code' : kindOf(line);
    if (marks) fenced = !fenced;
    const place = { start, end: start + line.length, kind };
    start = place.end + 1;
    return place;
  });
};

/** Whether a line goes on with the paragraph, list item or code of the line before it; many files wrap their lines. */
const continues = ({ kind }: Line, before: Line | undefined): boolean =>
  kind === 'code' ? before?.kind === 'code' : kind === 'prose' && (before?.kind === 'prose' || before?.kind === 'item');

/** Whether a line is a heading by its looks: short, without an end, alone or followed by something that begins anew. */
const looksLikeHeading = (text: string, { start, end }: Line, below: readonly Line[]): boolean => {
  const line = text.slice(start, end);
  if (line.trim().length > shortLine || ended.test(line)) return false;
  const [next, ...further] = below;
  if (next?.kind === 'blank') return further.some(({ kind }) => kind !== 'blank');
  return next !== undefined && capital.test(text.slice(next.start, next.end));
};

/** Paragraphs, list items, table rows, code blocks and headings. */
const blocksOf = (text: string): Block[] => {
  const blocks: Block[] = [];
  const lines = linesOf(text);
  for (const [index, line] of lines.entries()) {
    const last = blocks.at(-1);
    if (last && continues(line, lines[index - 1])) {
      last.end = line.end;
    } else if (line.kind !== 'blank') {
      if (line.kind === 'prose' && looksLikeHeading(text, line, lines.slice(index + 1, index + 4)))
        line.kind = 'heading';
      blocks.push({ start: line.start, end: line.end, kind: line.kind === 'row' ? 'item' : line.kind });
    }
  }
  return blocks;
};

const segmenters = new Map<string, Intl.Segmenter>();

const segmenterOf = (language: string): Intl.Segmenter => {
  const known = segmenters.get(language);
  if (known) return known;
  const [supported = 'en'] = Intl.Segmenter.supportedLocalesOf(/^[a-z]{2,3}$/u.test(language) ? language : 'en');
  const segmenter = new Intl.Segmenter(supported, { granularity: 'sentence' });
  // Only plain two or three letter codes are remembered, so that odd tags cannot fill the memory.
  if (supported === language) segmenters.set(language, segmenter);
  return segmenter;
};

/** Cuts what is longer than a sentence should be, at a clause's end or a space. */
const cut = (text: string, [start, end]: Span): Span[] => {
  const spans: Span[] = [];
  let from = start;
  while (end - from > longestSentence) {
    const head = text.slice(from, from + longestSentence);
    const at = Math.max(head.lastIndexOf('; ') + 1, head.lastIndexOf('\n'), 0);
    const space = head.lastIndexOf(' ');
    const length = at > longestSentence / 3 ? at : space > longestSentence / 3 ? space : longestSentence;
    spans.push([from, from + length]);
    from += length;
  }
  return [...spans, [from, end]];
};

const spansOf = (text: string, { start, end, kind }: Block, language: string): Span[] => {
  if (kind === 'code') return [[start, end]];
  // The segmenter ends a sentence at every line break; blanks of the same length keep the offsets.
  const flat = text.slice(start, end).replaceAll(/[\n\r\u2028\u2029]/gu, ' ');
  const spans: Span[] = [];
  for (const { segment, index } of segmenterOf(language).segment(flat)) {
    const last = spans.at(-1);
    if (last && abbreviation.test(flat.slice(last[0] - start, last[1] - start)))
      spans[spans.length - 1] = [last[0], start + index + segment.length];
    else spans.push([start + index, start + index + segment.length]);
  }
  return spans.flatMap((span) => cut(text, span));
};

const marks = /^\s*(?:[*_]{1,3}\s+|#{1,6}\s+|(?:[-*+•–▪◦]|\d{1,3}[.)])\s+|>\s*)*/u;

const sentenceAt = (text: string, [start, end]: Span, kind: Sentence['kind'], block: number): Sentence[] => {
  const raw = text.slice(start, end);
  const from = start + (marks.exec(raw)?.[0].length ?? 0);
  const to = start + raw.trimEnd().length;
  const labels = kind === 'prose' && boldLabel.test(text.slice(from, to));
  return to > from && /[\p{L}\p{N}]/u.test(text.slice(from, to))
    ? [{ text: text.slice(from, to), start: from, end: to, kind: labels ? 'heading' : kind, block }]
    : [];
};

/**
 * The sentences of a text in order, without list and heading marks. Boundaries are those of Unicode (UAX #29) with
 * abbreviations put right; line breaks inside a paragraph end nothing.
 */
export const sentencesOf = (text: string, language: string): Sentence[] =>
  blocksOf(text).flatMap((block, index) =>
    spansOf(text, block, language).flatMap((span) => sentenceAt(text, span, block.kind, index)),
  );
