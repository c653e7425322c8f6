import type postgres from 'postgres';
import { recordOf } from './lines.ts';
import type { StoredPart } from './backup-file.ts';
import type { StoredTable } from './tables.ts';

/** Rows on their way into the tables of a part. */
export interface Loading {
  /** Adds the rows of a piece: lines as COPY writes them. Resolves with their number. */
  add(table: StoredTable, piece: string): Promise<number>;
  /** Checks what could not be checked row by row, and leaves the tables as the migrations made them. */
  finish(): Promise<void>;
}

/**
 * Empties the tables of a part, in the transaction given, and keeps triggers from changing what is loaded. References are checked: within a table at the
 * end, because its rows come in any order. Whoever owns the tables may do all of it.
 */
export const startLoading = async (sql: postgres.ISql, { schema, tables, sequences }: StoredPart): Promise<Loading> => {
  const names = tables.map(({ name }) => name);
  await sql.unsafe(`truncate ${names.join(', ')}`);
  const [triggered, circular] = [await triggeredOf(sql, names), await circularOf(sql, names)];
  for (const name of triggered) await sql.unsafe(`alter table ${name} disable trigger user`);
  for (const { table, constraint } of circular)
    await sql.unsafe(`alter table ${table} alter constraint ${constraint} deferrable initially deferred`);
  const shapes = new Map<string, string>();
  return {
    add: async (table, piece) => {
      const shape = shapes.get(table.name) ?? (await shapeOf(sql, table, `restored_${schema}_${shapes.size}`));
      shapes.set(table.name, shape);
      const rows = piece.split('\n').slice(0, -1).map(recordOf);
      await sql.unsafe(insertion(table, shape), [JSON.stringify(rows)]);
      return rows.length;
    },
    finish: async () => {
      await sql`set constraints all immediate`;
      for (const { table, constraint } of circular)
        await sql.unsafe(`alter table ${table} alter constraint ${constraint} not deferrable`);
      for (const name of triggered) await sql.unsafe(`alter table ${name} enable trigger user`);
      for (const { name, last } of sequences) await sql`select setval(${name}::regclass, ${last})`;
    },
  };
};

/** A type with the columns of the backup, in its order. */
const shapeOf = async (sql: postgres.ISql, { name, columns }: StoredTable, shape: string): Promise<string> => {
  await sql.unsafe(
    `create temporary table ${shape} on commit drop as select ${columns.join(', ')} from ${name} with no data`,
  );
  return `pg_temp.${shape}`;
};

/** OFFSET keeps the planner from casting a row once for each of its columns. */
const insertion = ({ name, columns }: StoredTable, shape: string): string =>
  `insert into ${name} (${columns.join(', ')}) overriding system value select (given.line).*
    from (select value::${shape} as line from json_array_elements_text($1::text::json) offset 0) given`;

const triggeredOf = async (sql: postgres.ISql, names: readonly string[]): Promise<readonly string[]> => {
  const rows = await sql<{ name: string }[]>`select distinct tgrelid::regclass::text as name from pg_trigger
    where not tgisinternal and tgenabled = 'O' and tgrelid = any(${names}::text[]::regclass[])`;
  return rows.map(({ name }) => name);
};

const circularOf = (sql: postgres.ISql, names: readonly string[]) => sql<{ table: string; constraint: string }[]>`
  select conrelid::regclass::text as table, quote_ident(conname) as constraint from pg_constraint
  where contype = 'f' and conrelid = confrelid and not condeferrable and conrelid = any(${names}::text[]::regclass[])`;
