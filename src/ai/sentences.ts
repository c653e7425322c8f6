/** A sentence where it stands: `text` is exactly `slice(start, end)` of the text it was found in. */
export type Sentence = {
  text: string;
  start: number;
  end: number;
  kind: 'heading' | 'item' | 'prose';
  /** Sentences of one paragraph, list item or heading share a block; blocks are counted from 0. */
  block: number;
};

type Block = { start: number; end: number; kind: Sentence['kind'] };
type Span = readonly [start: number, end: number];

/** A run of text without an end in sight is cut near this length, so that a quote stays one that people read. */
const longestSentence = 500;

const heading = /^\s{0,3}#{1,6}\s/u;
const item = /^\s*(?:[-*+•–▪◦]|\d{1,3}[.)]|[a-z][.)])\s/u;
const row = /^\s*\|/u;
const ended = /[.!?:;…。！？]["'”’»)\]]*\s*$/u;
const capital = /^\s*["'“‘«(]?[\p{Lu}\p{Lt}\p{N}]/u;
/** Longest line that counts as a heading when nothing marks it as one. */
const shortLine = 60;

/** A full stop after one of these, after one letter or after a number ends no sentence. */
const abbreviation =
  /(?:^|[\s("“‘])(?:\p{L}|\p{Lu}\.\p{Lu}|\d{1,2}|e\.g|i\.e|cf|vs|etc|approx|ca|bzw|z\.\s?B|d\.\s?h|u\.\s?a|Dr|Mr|Mrs|Ms|Prof|St|Jr|Sr|No|Nr|Art|Abs|Fig|Abb|Sec|Vol|vol|pp|Inc|Ltd|Co|Corp|Bd|Str|Tel|M|Mme|Sra?|Dott)\.\s*$/u;

const linesOf = (text: string): Span[] =>
  [...text.matchAll(/[^\n]+/gu)].map(({ 0: line, index }) => [index, index + line.length] as const);

const kindOf = (line: string): Sentence['kind'] => {
  if (heading.test(line)) return 'heading';
  return item.test(line) || row.test(line) ? 'item' : 'prose';
};

/** Whether a line is a heading by its looks: short, without an end, and something new begins below it. */
const looksLikeHeading = (line: string, next: string | undefined, alone: boolean): boolean =>
  line.trim().length <= shortLine && !ended.test(line) && next !== undefined && (alone || capital.test(next));

/** Paragraphs, list items, table rows and headings. Lines of one paragraph stay together, since many files wrap them. */
const blocksOf = (text: string): Block[] => {
  const blocks: Block[] = [];
  const lines = linesOf(text);
  let open = false;
  for (const [index, [start, end]] of lines.entries()) {
    const line = text.slice(start, end);
    const previous = lines[index - 1];
    const next = lines[index + 1];
    if (line.trim() === '') {
      open = false;
      continue;
    }
    const kind = kindOf(line);
    const apart = previous === undefined || text.slice(previous[1], start).length > 1;
    const last = blocks.at(-1);
    if (kind === 'prose' && open && !apart && last) {
      last.end = end;
    } else {
      const alone = next !== undefined && text.slice(end, next[0]).length > 1;
      const following = next && text.slice(next[0], next[1]);
      const isHeading = kind === 'prose' && looksLikeHeading(line, following, alone);
      blocks.push({ start, end, kind: isHeading ? 'heading' : kind });
    }
    open = blocks.at(-1)?.kind !== 'heading' && !row.test(line);
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

const spansOf = (text: string, { start, end }: Block, language: string): Span[] => {
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

const marks = /^\s*(?:#{1,6}\s+|(?:[-*+•–▪◦]|\d{1,3}[.)])\s+|>\s*)*/u;

const sentenceAt = (text: string, [start, end]: Span, kind: Sentence['kind'], block: number): Sentence[] => {
  const raw = text.slice(start, end);
  const from = start + (marks.exec(raw)?.[0].length ?? 0);
  const to = start + raw.trimEnd().length;
  return to > from && /[\p{L}\p{N}]/u.test(text.slice(from, to))
    ? [{ text: text.slice(from, to), start: from, end: to, kind, block }]
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
