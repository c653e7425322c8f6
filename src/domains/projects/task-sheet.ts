import { parse } from 'csv-parse/sync';
import { stringify } from 'csv-stringify/sync';

/** What a column of a sheet of tasks is about. */
export const sheetFields = [
  'IDENTIFIER',
  'TITLE',
  'DESCRIPTION',
  'STATUS',
  'PRIORITY',
  'ASSIGNEE',
  'ESTIMATED_HOURS',
  'START_DATE',
  'DUE_DATE',
  'LABELS',
  'PARENT',
] as const;
export type SheetField = (typeof sheetFields)[number];

/** Other names for columns, as other trackers write them. */
const alsoCalled: Readonly<Record<string, SheetField>> = {
  START: 'START_DATE',
  DUE: 'DUE_DATE',
  SUMMARY: 'TITLE',
  ESTIMATE: 'ESTIMATED_HOURS',
};

/** The field that a column is about by its name: `estimatedHours`, `Estimated hours` and `ESTIMATED_HOURS` are the same; undefined for an unknown one. */
export const fieldNamed = (column: string): SheetField | undefined => {
  const name = column
    .trim()
    .replace(/(?<=[a-z])(?=[A-Z])/g, '_')
    .replace(/[\s_-]+/g, '_')
    .toUpperCase();
  return sheetFields.find((field) => field === name) ?? alsoCalled[name];
};

/** How a fault names a field. */
export const fieldLabel = (field: SheetField): string =>
  field.toLowerCase().replace(/_(.)/g, (_, letter: string) => letter.toUpperCase());

/** A spreadsheet takes what begins like this for a formula. Apostrophes before it are doubled too, so that what is disarmed can be read back. */
const formula = /^'*[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/u;
const disarmed = /^'+[=+\-@\t\r\uFF1D\uFF0B\uFF0D\uFF20]/u;

/** A cell that is no formula for a spreadsheet; `unguarded` gives the text back. */
export const guarded = (text: string): string => (formula.test(text) ? `'${text}` : text);
export const unguarded = (text: string): string => (disarmed.test(text) ? text.slice(1) : text);

/** Rows of CSV, each ended by a line feed. */
export const linesOf = (rows: readonly (readonly (string | number | null)[])[]): string =>
  stringify(
    rows.map((row) => row.map((cell) => (typeof cell === 'string' ? guarded(cell) : cell))),
    { quoted_match: /[\r\n]/ },
  );

/** Names of labels as one cell: CSV itself, with semicolons. */
export const labelsCell = (names: readonly string[]): string =>
  names.length === 0 ? '' : stringify([[...names]], { delimiter: ';', quoted_match: /[\s']/, eof: false });

/** The names in a cell of labels; null for a cell that cannot be read. */
export const labelsIn = (cell: string): readonly string[] | null => {
  try {
    const rows: string[][] = parse(cell, { delimiter: ';', trim: true });
    const names = rows.flat().map((name) => name.trim());
    return rows.length > 1 ? null : [...new Set(names.filter((name) => name !== ''))];
  } catch {
    // The package throws its own errors for quotes that do not match.
    return null;
  }
};
