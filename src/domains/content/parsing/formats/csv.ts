import { decodeText } from '../decode.ts';
import { DocumentWriter } from '../document-writer.ts';
import type { Format } from '../format.ts';
import { tableText } from '../table-text.ts';

const DELIMITERS = [',', ';', '\t', '|'];
const SAMPLE_LENGTH = 10_000;

/** Comma-separated values (RFC 4180), also with semicolons, tabs or bars. A formula is text like any other. */
export const format: Format = {
  label: 'a CSV file',
  mimeTypes: ['text/csv', 'application/csv', 'text/tab-separated-values'],
  extensions: ['csv', 'tsv'],
  encoding: 'text',
  parse: async (bytes) => {
    const { parse } = await import('csv-parse/sync');
    const source = decodeText(bytes);
    const rows = parse(source, {
      delimiter: delimiterOf(source),
      bom: true,
      relaxColumnCount: true,
      relaxQuotes: true,
      skipEmptyLines: true,
    });
    const writer = new DocumentWriter();
    writer.block('table', tableText(rows));
    return writer.finish(null);
  },
};

/** The delimiter that most often stands outside quotes in the first lines. */
const delimiterOf = (source: string): string => {
  const sample = source.slice(0, SAMPLE_LENGTH).replace(/"[^"]*"/g, '');
  const count = (delimiter: string): number => sample.split(delimiter).length;
  return DELIMITERS.reduce((best, delimiter) => (count(delimiter) > count(best) ? delimiter : best));
};
