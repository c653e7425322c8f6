import { createHash, type Hash } from 'node:crypto';
import { text } from 'node:stream/consumers';
import type postgres from 'postgres';
import { knownMigrations, type Migrations } from '../database/migrations.ts';
import type { FileStore } from '../storage/store.ts';
import {
  filesFolder,
  format,
  manifestName,
  readBackup,
  summaryName,
  tablesFolder,
  type Entry,
  type Manifest,
  type StoredPart,
  type Summary,
} from './backup-file.ts';
import { Refused, type Terminal } from './command.ts';
import { startLoading, type Loading } from './loading.ts';
import { appliedIn } from './migration-state.ts';
import type { Place } from './places.ts';
import { dropPart, migratePart } from './rebuild.ts';
import { refuseFilteredRows } from './rights.ts';
import type { StoredTable } from './tables.ts';

export interface Restoring {
  readonly path: string;
  /** Takes the place of whatever is in the databases. */
  readonly force: boolean;
  /** Where files go. */
  readonly store: FileStore;
}

/**
 * Fills the databases from a backup, each in one transaction: at any failure they stay as they were. What was backed up by an older
 * version is loaded into the tables of then, and migrated. Files are written as they come and stay.
 * Throws Refused when the backup is damaged or of a newer version, or when a database is not empty.
 */
export const restore = async (
  places: readonly Place[],
  { path, force, store }: Restoring,
  terminal: Terminal,
): Promise<Summary> => {
  for (const place of places) {
    await refuseFilteredRows(place.sql);
    await refuseStrangers(place);
    if (!force) await refuseOccupied(place);
  }
  const entries = readBackup(path);
  try {
    const manifest = await manifestOf(entries);
    const summary = await inTransactions(places, new Map(), async (homes) => {
      const loads = await startAll(manifest, homes, terminal);
      const found = await loadAll(entries, loads, store, terminal);
      for (const { part, home, loading } of loads) {
        await loading.finish();
        await migratePart(home.sql, home.part);
        terminal.progress(`Schema ${part.schema} is loaded.`);
      }
      return found;
    });
    for (const { sql } of places) await sql`analyze`;
    return summary;
  } finally {
    await entries.return(undefined);
  }
};

/** Where a part goes. */
interface Home {
  readonly sql: postgres.ISql;
  readonly part: Migrations;
}

/** Runs `work` with a transaction of every place open; all commit when it succeeds. */
const inTransactions = async <Result>(
  [place, ...rest]: readonly Place[],
  homes: ReadonlyMap<string, Home>,
  work: (homes: ReadonlyMap<string, Home>) => Promise<Result>,
): Promise<Result> => {
  if (place === undefined) return work(homes);
  const outcome = await place.sql.begin(async (sql) => {
    const own = place.parts.map((part): [string, Home] => [part.schema, { sql, part }]);
    return { result: await inTransactions(rest, new Map([...homes, ...own]), work) };
  });
  return outcome.result;
};

const refuseStrangers = async ({ what, sql, parts }: Place): Promise<void> => {
  for (const part of parts) {
    if ((await appliedIn(sql, part)).length > 0) continue;
    const [found] = await sql<{ name: string }[]>`select c.oid::regclass::text as name from pg_class c
      where relnamespace = to_regnamespace(${part.schema}) and relkind in ('r', 'p')
        and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e') limit 1`;
    if (found !== undefined) throw new Refused(`${what} holds tables that are not Tessera's, such as ${found.name}.`);
  }
};

/** What people make; everything else of the main database may come with the migrations. */
const madeByPeople = new Set(['public.users', 'public.organizations', 'public.events']);

const refuseOccupied = async ({ what, sql, parts }: Place): Promise<void> => {
  for (const part of parts) {
    const rows = await sql<
      { name: string }[]
    >`select format('%I.%I', ${part.schema}::text, relname) as name from pg_class
      where relnamespace = to_regnamespace(${part.schema}) and relkind = 'r'`;
    const names = rows.map(({ name }) => name).filter((name) => part.schema !== 'public' || madeByPeople.has(name));
    for (const name of names) {
      const [row] = await sql.unsafe(`select from ${name} limit 1`);
      if (row !== undefined)
        throw new Refused(`${what} is not empty: there are rows in ${name}. With --force they are all replaced.`);
    }
  }
};

const manifestOf = async (entries: AsyncGenerator<Entry>): Promise<Manifest> => {
  const first = await entries.next();
  if (first.done === true || first.value.name !== manifestName) throw new Refused('This is no backup of Tessera.');
  // The cast is safe: `format` says that it is one of ours.
  const manifest = JSON.parse(await text(first.value.content)) as Manifest;
  if (manifest.format !== format) throw new Refused('The backup has a format that this version does not know.');
  return manifest;
};

interface Load {
  readonly part: StoredPart;
  readonly home: Home;
  readonly loading: Loading;
}

const startAll = async (
  { parts }: Manifest,
  homes: ReadonlyMap<string, Home>,
  { progress }: Terminal,
): Promise<readonly Load[]> => {
  const loads: Load[] = [];
  for (const part of parts) {
    const home = homes.get(part.schema);
    if (home === undefined)
      throw new Refused(`The backup has a part ${part.schema}, which this version does not know.`);
    progress(`Making the tables of the schema ${part.schema}.`);
    await shapeFor(part, home);
    loads.push({ part, home, loading: await startLoading(home.sql, part) });
  }
  return loads;
};

/** Gives the part the tables of the time when it was backed up. */
const shapeFor = async ({ schema, migrations }: StoredPart, { sql, part }: Home): Promise<void> => {
  const known = new Set(knownMigrations(part).map(({ createdAt, hash }) => `${createdAt} ${hash}`));
  const stored = migrations.map(({ createdAt, hash }) => `${createdAt} ${hash}`);
  if (!stored.every((each) => known.has(each)))
    throw new Refused(
      `The backup is of a newer version: this one does not know all migrations of the schema ${schema}.`,
    );
  const present = (await appliedIn(sql, part)).map(({ createdAt, hash }) => `${createdAt} ${hash}`);
  if (present.join() === stored.join()) return;
  await dropPart(sql, part);
  await migratePart(sql, part, migrations.at(-1)?.createdAt);
};

interface Target {
  readonly table: StoredTable;
  readonly loading: Loading;
  readonly digest: Hash;
  rows: number;
}

/** Loads all entries and gives the summary at their end. Throws Refused when there is none, or when it tells of other rows. */
const loadAll = async (
  entries: AsyncGenerator<Entry>,
  loads: readonly Load[],
  store: FileStore,
  { progress }: Terminal,
): Promise<Summary> => {
  const targets = new Map<string, Target>();
  for (const { part, loading } of loads)
    for (const table of part.tables) targets.set(table.name, { table, loading, digest: createHash('sha256'), rows: 0 });
  const files = { count: 0, bytes: 0 };
  for await (const { name, size, content } of entries) {
    if (name === summaryName) return sameSummary(JSON.parse(await text(content)) as Summary, targets, files);
    if (name.startsWith(filesFolder)) {
      await store.write(name.slice(filesFolder.length), content, { maxBytes: size });
      files.count += 1;
      files.bytes += size;
      progress(`${files.count} files, ${files.bytes} bytes`, 'often');
    } else {
      const target = targets.get(name.slice(tablesFolder.length, name.lastIndexOf('/')));
      if (target === undefined) throw new Refused(`The backup is damaged: nothing is known of ${name}.`);
      const piece = await text(content);
      target.digest.update(piece);
      target.rows += await target.loading.add(target.table, piece);
      progress(`${target.table.name}, ${target.rows} rows`, 'often');
    }
  }
  throw new Refused('The backup is damaged: its end is missing.');
};

const sameSummary = (summary: Summary, targets: ReadonlyMap<string, Target>, files: Summary['files']): Summary => {
  for (const [name, { rows, digest }] of targets) {
    const stored = summary.tables[name];
    if (stored?.rows !== rows || stored.sha256 !== digest.digest('hex'))
      throw new Refused(`The backup is damaged: the rows of ${name} are not those that were backed up.`);
  }
  if (summary.files.count !== files.count || summary.files.bytes !== files.bytes)
    throw new Refused('The backup is damaged: files are missing.');
  return summary;
};
