import { repack, unpack } from '../container.ts';
import { DocumentWriter } from '../document-writer.ts';
import type { Format } from '../format.ts';
import { parseXml } from '../html-tree.ts';
import { tableText } from '../table-text.ts';

/** Excel workbooks: each sheet is a section under its name; blank rows part tables. Formulas show their stored values. */
export const format: Format = {
  label: 'an Excel workbook',
  mimeTypes: [
    'application/vnd.openxmlformats-officedocument.spreadsheetml.sheet',
    'application/vnd.ms-excel.sheet.macroenabled.12',
    'application/vnd.openxmlformats-officedocument.spreadsheetml.template',
  ],
  extensions: ['xlsx', 'xlsm', 'xltx'],
  encoding: 'binary',
  parse: async (bytes) => {
    const { default: readSheets } = await import('read-excel-file/universal');
    const parts = await unpack(bytes);
    const sheets = await readSheets((await repack(parts)).buffer);

    const writer = new DocumentWriter();
    for (const { sheet, data } of sheets) {
      const rows = data.map((row) => row.map(cellText));
      if (rows.every(isBlank)) continue;
      writer.endSections();
      writer.heading(1, sheet);
      for (const table of tablesIn(rows)) writer.block('table', tableText(table));
    }
    const properties = await parseXml(parts['docProps/core.xml']);
    return writer.finish(properties?.getElementsByTagName('dc:title')[0]?.textContent);
  },
};

/** A cell as read: dates without a time of day as `2026-01-31`, others in ISO 8601. */
const cellText = (cell: unknown): string => {
  if (cell instanceof Date) return cell.toISOString().replace(/T00:00:00\.000Z$/, '');
  return typeof cell === 'string' || typeof cell === 'number' || typeof cell === 'boolean' ? String(cell) : '';
};

const isBlank = (row: readonly string[]): boolean => row.every((cell) => cell.trim() === '');

const tablesIn = (rows: readonly string[][]): string[][][] => {
  const tables: string[][][] = [[]];
  for (const row of rows) {
    if (isBlank(row)) tables.push([]);
    else tables.at(-1)?.push(row);
  }
  return tables.filter((table) => table.length > 0);
};
