import { createHash } from 'node:crypto';
import { existsSync } from 'node:fs';
import { stat, opendir } from 'node:fs/promises';
import { createReadStream } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import type postgres from 'postgres';
import type { Migrations } from '../database/migrations.ts';
import { asideFolder } from '../storage/store.ts';
import {
  filesFolder,
  format,
  manifestName,
  openBackup,
  summaryName,
  tablesFolder,
  type BackupWriter,
  type Manifest,
  type Measure,
  type StoredPart,
  type Summary,
} from './backup-file.ts';
import { Refused, type Terminal } from './command.ts';
import { lineOf } from './lines.ts';
import { appliedIn } from './migration-state.ts';
import type { Place } from './places.ts';
import { refuseFilteredRows } from './rights.ts';
import { sequencesOf, tablesOf, type StoredTable } from './tables.ts';

/** What a backup has become. */
export interface Backup extends Summary {
  /** Of the file. */
  readonly bytes: number;
}

interface PartOfBackup extends StoredPart {
  readonly sql: postgres.ISql;
}

/**
 * Writes all rows, and the files below `filesRoot` (null: they are elsewhere), to one file. Each database is read in one snapshot; servers may go
 * on working. Throws Refused when the file exists, the folder does not, or a database is not Tessera's.
 */
export const backUp = async (
  places: readonly Place[],
  filesRoot: string | null,
  path: string,
  terminal: Terminal,
): Promise<Backup> => {
  if (existsSync(path)) throw new Refused(`${path} exists already.`);
  if (!existsSync(dirname(path))) throw new Refused(`There is no folder ${dirname(path)}.`);
  for (const { sql } of places) await refuseFilteredRows(sql);
  const writer = openBackup(path);
  try {
    const tables = await inSnapshots(places, [], (parts) => writeTables(parts, filesRoot !== null, writer, terminal));
    const files = filesRoot === null ? { count: 0, bytes: 0 } : await writeFiles(filesRoot, writer, terminal);
    await writer.text(summaryName, JSON.stringify({ tables, files } satisfies Summary));
    return { tables, files, bytes: await writer.finish() };
  } catch (error) {
    await writer.abandon();
    throw error;
  }
};

/** Runs `work` with a snapshot of every place open, from which the parts are read. */
const inSnapshots = async <Result>(
  [place, ...rest]: readonly Place[],
  parts: readonly PartOfBackup[],
  work: (parts: readonly PartOfBackup[]) => Promise<Result>,
): Promise<Result> => {
  if (place === undefined) return work(parts);
  const outcome = await place.sql.begin('isolation level repeatable read read only', async (sql) => {
    const own: PartOfBackup[] = [];
    for (const part of place.parts) own.push(await partOf(sql, part));
    return { result: await inSnapshots(rest, [...parts, ...own], work) };
  });
  return outcome.result;
};

const partOf = async (sql: postgres.ISql, part: Migrations): Promise<PartOfBackup> => {
  const migrations = await appliedIn(sql, part);
  if (migrations.length === 0)
    throw new Refused(`${part.what} is empty, or not Tessera's. There is nothing to back up.`);
  const [tables, sequences] = [await tablesOf(sql, part), await sequencesOf(sql, part)];
  return { sql, schema: part.schema, migrations, tables, sequences };
};

const writeTables = async (
  parts: readonly PartOfBackup[],
  withFiles: boolean,
  writer: BackupWriter,
  { progress }: Terminal,
): Promise<Summary['tables']> => {
  const manifest: Manifest = {
    format,
    madeAt: new Date().toISOString(),
    parts: parts.map(({ schema, migrations, tables, sequences }) => ({ schema, migrations, tables, sequences })),
    files: withFiles ? 'here' : 'elsewhere',
  };
  await writer.text(manifestName, JSON.stringify(manifest));
  const measures: Record<string, Measure> = {};
  const count = parts.flatMap(({ tables }) => tables).length;
  for (const { sql, tables } of parts)
    for (const table of tables) {
      const ahead = `${Object.keys(measures).length + 1} of ${count} tables: ${table.name}`;
      measures[table.name] = await writeTable(sql, table, writer, (rows) =>
        progress(`${ahead}, ${rows} rows`, 'often'),
      );
    }
  return measures;
};

/** Rows fetched at once, and characters of lines that make a piece of a table. */
const fetchedRows = 200;
const pieceLength = 1024 * 1024;

/** A cursor rather than COPY, whose output the embedded database holds in memory as a whole. */
const writeTable = async (
  sql: postgres.ISql,
  { name, columns, key }: StoredTable,
  writer: BackupWriter,
  told: (rows: number) => void,
): Promise<Measure> => {
  const order = key.length === 0 ? columns : key;
  await sql.unsafe(
    `declare rows_of_table no scroll cursor for select ${columns.join(', ')} from ${name} order by ${order.join(', ')}`,
  );
  const digest = createHash('sha256');
  let [rows, pieces, piece] = [0, 0, ''];
  const put = async () => {
    pieces += 1;
    digest.update(piece);
    await writer.text(`${tablesFolder}${name}/${String(pieces).padStart(6, '0')}.copy`, piece);
    piece = '';
  };
  for (;;) {
    const fetched = await sql.unsafe(`fetch ${fetchedRows} from rows_of_table`).raw();
    // The cast is safe: raw rows are the bytes that Postgres sent, null where a field is.
    for (const fields of fetched as unknown as (Buffer | null)[][])
      piece += `${lineOf(fields.map((field) => field?.toString('utf8') ?? null))}\n`;
    rows += fetched.length;
    told(rows);
    if (piece.length >= pieceLength) await put();
    if (fetched.length < fetchedRows) break;
  }
  if (piece !== '') await put();
  await sql`close rows_of_table`;
  return { rows, sha256: digest.digest('hex') };
};

/** Files that are removed meanwhile are left out: nothing in a later state refers to them. */
const writeFiles = async (root: string, writer: BackupWriter, { progress }: Terminal): Promise<Summary['files']> => {
  let [count, bytes] = [0, 0];
  for await (const key of keysBelow(root)) {
    const path = join(root, key);
    const found = await stat(path).catch(() => undefined);
    if (found === undefined) continue;
    await writer.stream(`${filesFolder}${key}`, found.size, createReadStream(path));
    count += 1;
    bytes += found.size;
    progress(`${count} files, ${bytes} bytes`, 'often');
  }
  return { count, bytes };
};

/** The keys of all files that are at their place, not those on their way in. */
async function* keysBelow(root: string): AsyncGenerator<string> {
  if (!existsSync(root)) return;
  for await (const entry of await opendir(root, { recursive: true })) {
    const key = relative(root, join(entry.parentPath, entry.name)).replaceAll('\\', '/');
    if (entry.isFile() && !key.startsWith('.') && !key.startsWith(`${asideFolder}/`)) yield key;
  }
}
