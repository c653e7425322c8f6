import { oneLine } from './normalise.ts';

const NUMERIC = /^[\d\s.,:%+\-/$€£()]*\d[\d\s.,:%+\-/$€£()]*$/;

/**
 * A table as lines of text, one a row. With a header row each line reads `Name: Bolt; Price: 3.20`: a chunk may begin
 * in the middle of a table and must be an exact slice of the text, so only rows that carry their column names can be
 * found and understood alone. Without one, cells are joined by ` | `.
 */
export const tableText = (rows: readonly (readonly string[])[], hasHeader?: boolean): string => {
  const cells = rows.map((row) => row.map(oneLine)).filter((row) => row.some((cell) => cell !== ''));
  const [header, ...body] = cells;
  if (!header || body.length === 0 || !(hasHeader ?? looksLikeHeader(header))) {
    return cells.map((row) => row.filter((cell) => cell !== '').join(' | ')).join('\n');
  }
  return body.map((row) => labelled(header, row)).join('\n');
};

const labelled = (header: readonly string[], row: readonly string[]): string =>
  row
    .map((cell, column) => (cell === '' || !header[column] ? cell : `${header[column]}: ${cell}`))
    .filter((cell) => cell !== '')
    .join('; ');

/** A first row names columns when its cells are filled, different from one another and no numbers. */
const looksLikeHeader = (row: readonly string[]): boolean =>
  row.length > 1 && row.every((cell) => cell !== '' && !NUMERIC.test(cell)) && new Set(row).size === row.length;
