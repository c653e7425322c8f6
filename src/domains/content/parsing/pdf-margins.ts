import type { Line } from './pdf-lines.ts';

/** With fewer pages a repetition says little. */
const MIN_PAGES = 4;
const MIN_SHARE = 0.6;

/**
 * Pages without their running headers, footers and page numbers: first and last lines that stand on most pages at the
 * same height with the same text, numbers aside. Kept, they would stand in every chunk and blur search.
 */
export const withoutMargins = (pages: readonly Line[][]): Line[][] => {
  if (pages.length < MIN_PAGES) return [...pages];
  const counts = new Map<string, number>();
  for (const page of pages) {
    for (const key of new Set(edgesOf(page).map(keyOf))) counts.set(key, (counts.get(key) ?? 0) + 1);
  }
  const isMargin = (line: Line): boolean => (counts.get(keyOf(line)) ?? 0) >= pages.length * MIN_SHARE;
  return pages.map((page) => {
    const edges = new Set(edgesOf(page).filter(isMargin));
    return page.filter((line) => !edges.has(line));
  });
};

/** The topmost and the lowest two lines. */
const edgesOf = (page: readonly Line[]): Line[] => {
  const byHeight = page.toSorted((one, other) => other.y - one.y);
  return [...new Set([...byHeight.slice(0, 2), ...byHeight.slice(-2)])];
};

const keyOf = ({ text, y }: Line): string => `${Math.round(y)} ${text.replace(/\d+/g, '#').trim()}`;
