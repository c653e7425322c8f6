import { pipeline, Readable } from 'node:stream';
import { CsvError, parse } from 'csv-parse';
import { fieldLabel, fieldNamed, unguarded, type SheetField } from './task-sheet.ts';

/** Rows that a sheet may have. */
export const maxRows = 10_000;

/** What is wrong in a sheet; `line` counts from 1, `row` counts the rows behind the header from 1 and is null for a fault of the whole. */
export interface SheetFault {
  readonly line: number;
  readonly row: number | null;
  readonly field: string;
  readonly message: string;
}

/** A row behind the header, with the text of its cells. */
export interface SheetRow {
  readonly line: number;
  readonly row: number;
  readonly cells: Partial<Readonly<Record<SheetField, string>>>;
  /** It has more cells than the header. */
  readonly tooLong: boolean;
}

export interface Sheet {
  readonly rows: readonly SheetRow[];
  /** Columns that stand for nothing. */
  readonly ignored: readonly string[];
}

/** A sheet that cannot be read at all. */
export class UnreadableSheet extends Error {
  readonly fault: SheetFault;
  constructor(line: number, field: string, message: string) {
    super(message);
    this.fault = { line, row: null, field, message };
  }
}

interface Parsed {
  readonly info: { readonly lines: number };
  readonly record: readonly string[];
}

/** Reads CSV with a header, piece by piece; columns are told by their names or by `mapping` from names to fields. Throws UnreadableSheet. */
export const readSheet = async (
  content: AsyncIterable<Uint8Array>,
  mapping: ReadonlyMap<string, SheetField>,
): Promise<Sheet> => {
  const parser = parse({ info: true, bom: true, relax_column_count: true, skip_empty_lines: true });
  // What goes wrong before it ends the parser, too, which is read below.
  pipeline(Readable.from(textOf(content)), parser, () => undefined);
  const rows: SheetRow[] = [];
  let columns: readonly (SheetField | undefined)[] | undefined;
  let ignored: readonly string[] = [];
  try {
    // The cast is safe: with `info` the parser gives records so.
    for await (const { info, record } of parser as AsyncIterable<Parsed>) {
      if (columns === undefined) {
        const header = columnsOf(record, mapping);
        columns = header;
        ignored = record.filter((_, index) => header[index] === undefined);
        continue;
      }
      if (record.every((cell) => cell.trim() === '')) continue;
      if (rows.length === maxRows)
        throw new UnreadableSheet(info.lines, 'file', `A sheet has at most ${maxRows.toLocaleString('en')} rows.`);
      rows.push(rowOf(columns, record, rows.length + 1, firstLineOf({ info, record })));
    }
  } catch (error) {
    throw unreadable(error);
  }
  if (columns === undefined)
    throw new UnreadableSheet(1, 'header', 'The file is empty: its first line names the columns.');
  return { rows, ignored };
};

async function* textOf(content: AsyncIterable<Uint8Array>): AsyncGenerator<string> {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
  for await (const piece of content) yield decoder.decode(piece, { stream: true });
  yield decoder.decode();
}

/** The parser tells the last line of a record. */
const firstLineOf = ({ info, record }: Parsed): number =>
  info.lines - record.reduce((lines, cell) => lines + cell.split('\n').length - 1, 0);

const columnsOf = (header: readonly string[], mapping: ReadonlyMap<string, SheetField>) => {
  const columns = header.map((name) => mapping.get(name.trim()) ?? fieldNamed(name));
  const named = new Set(header.map((name) => name.trim()));
  const missing = [...mapping.keys()].find((name) => !named.has(name));
  if (missing !== undefined) throw new UnreadableSheet(1, 'header', `There is no column “${missing}”.`);
  const twice = columns.find((field, index) => field !== undefined && columns.indexOf(field) !== index);
  if (twice !== undefined) throw new UnreadableSheet(1, 'header', `Two columns stand for ${fieldLabel(twice)}.`);
  if (!columns.includes('TITLE')) throw new UnreadableSheet(1, 'header', 'No column stands for title.');
  return columns;
};

const rowOf = (
  columns: readonly (SheetField | undefined)[],
  record: readonly string[],
  row: number,
  line: number,
): SheetRow => {
  const cells: Partial<Record<SheetField, string>> = {};
  for (const [index, field] of columns.entries())
    if (field !== undefined) cells[field] = unguarded(record[index] ?? '');
  return { line, row, cells, tooLong: record.length > columns.length };
};

const unreadable = (error: unknown): unknown => {
  if (error instanceof CsvError) {
    const line = typeof error.lines === 'number' ? error.lines : 1;
    return new UnreadableSheet(line, 'file', `This is no CSV: ${error.code.toLowerCase().replaceAll('_', ' ')}.`);
  }
  const isText = !(Error.isError(error) && 'code' in error && error.code === 'ERR_ENCODING_INVALID_ENCODED_DATA');
  return isText ? error : new UnreadableSheet(1, 'file', 'The file is no text in UTF-8.');
};
