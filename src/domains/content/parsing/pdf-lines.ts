/** One item of text as pdf.js gives it: `transform[4]` and `[5]` are its left and baseline in points. */
export type TextItem = { str: string; transform: number[]; height: number; hasEOL: boolean };

/** A line of a page: baseline and height of its largest letters in points; y grows upwards. */
export type Line = { text: string; x: number; y: number; height: number };

/** Lines of one page in reading order. */
export const linesOf = (items: readonly TextItem[]): Line[] => {
  const lines: Line[] = [];
  let line: Line | null = null;
  for (const item of items) {
    if (item.str !== '') {
      line ??= { text: '', x: item.transform[4] ?? 0, y: item.transform[5] ?? 0, height: 0 };
      line.text += item.str;
      line.height = Math.max(line.height, item.height);
    }
    if (item.hasEOL && line) {
      lines.push(line);
      line = null;
    }
  }
  if (line) lines.push(line);
  return lines.filter(({ text }) => text.trim() !== '');
};

/** Height in which most of the document's text is set. */
export const bodyHeight = (pages: readonly (readonly Line[])[]): number => {
  const lengths = new Map<number, number>();
  for (const { height, text } of pages.flat()) {
    lengths.set(rounded(height), (lengths.get(rounded(height)) ?? 0) + text.length);
  }
  return [...lengths].reduce((best, entry) => (entry[1] > best[1] ? entry : best), [0, 0])[0];
};

/** Heights of headings, largest first: a height's place is its level. At most six. */
export const headingHeights = (pages: readonly (readonly Line[])[], body: number): number[] => {
  const heights = new Set(
    pages
      .flat()
      .filter((line) => isHeading(line, body))
      .map(({ height }) => rounded(height)),
  );
  return [...heights].toSorted((one, other) => other - one).slice(0, 6);
};

const MAX_HEADING_LENGTH = 150;

/** PDF marks no headings; a short line with letters set clearly larger than the body is taken for one. */
export const isHeading = ({ text, height }: Line, body: number): boolean =>
  rounded(height) >= body * 1.15 && text.length <= MAX_HEADING_LENGTH && /\p{L}/u.test(text);

export const rounded = (height: number): number => Math.round(height * 2) / 2;

const BULLET = /^\s*(?:[•◦▪●○■–*-]|\d{1,3}[.)])\s+\S/;

/** Whether a line begins a list item. */
export const isItem = (line: Line): boolean => BULLET.test(line.text);

/** Whether `line` begins a paragraph: a gap of more than half a line, a jump upwards (next column), other letters. */
export const startsParagraph = (line: Line, above: Line): boolean => {
  const gap = above.y - line.y;
  const height = Math.max(line.height, above.height, 1);
  return gap > height * 1.7 || gap < -height || Math.abs(rounded(line.height) - rounded(above.height)) > height * 0.2;
};

/** Lines as running text; a word divided at a line's end is joined. */
export const joinLines = (lines: readonly Line[]): string =>
  lines
    .map(({ text }) => text.trim())
    .reduce((text, line) =>
      /\p{L}-$/u.test(text) && /^\p{Ll}/u.test(line) ? text.slice(0, -1) + line : `${text} ${line}`,
    );
