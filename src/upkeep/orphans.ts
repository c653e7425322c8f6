import type postgres from 'postgres';
import type { Migrations } from '../database/migrations.ts';
import type { Terminal } from './command.ts';

interface Reference {
  readonly name: string;
  readonly child: string;
  readonly parent: string;
  readonly childColumns: readonly string[];
  readonly parentColumns: readonly string[];
}

/** The foreign keys that rows break, a sentence each: one statement a key, which pairs both tables as a whole. */
export const orphans = async (
  sql: postgres.Sql,
  parts: readonly Migrations[],
  { progress }: Terminal,
): Promise<readonly string[]> => {
  const references = await referencesOf(sql, parts);
  const faults: string[] = [];
  for (const [at, reference] of references.entries()) {
    progress(`  ${at} of ${references.length} references`, 'often');
    const [found] = await sql.unsafe<{ lost: string }[]>(orphansOf(reference));
    if (found?.lost !== '0')
      faults.push(`${reference.child}: ${found?.lost} rows without their ${reference.parent} (${reference.name})`);
  }
  return faults;
};

const referencesOf = (sql: postgres.Sql, parts: readonly Migrations[]) => sql<Reference[]>`
  select conname as name, conrelid::regclass::text as child, confrelid::regclass::text as parent,
    array(select quote_ident(attname) from unnest(conkey) with ordinality k(number, place) join pg_attribute
      on attrelid = conrelid and attnum = k.number order by place) as "childColumns",
    array(select quote_ident(attname) from unnest(confkey) with ordinality k(number, place) join pg_attribute
      on attrelid = confrelid and attnum = k.number order by place) as "parentColumns"
  from pg_constraint
  where contype = 'f' and conparentid = 0 and connamespace::regnamespace::text = any(${parts.flatMap(({ schemas }) => schemas)})
  order by child, name`;

/** A key with a null in it refers to nothing. */
const orphansOf = ({ child, parent, childColumns, parentColumns }: Reference): string => {
  const pairs = childColumns.map((column, at) => `p.${parentColumns[at]} = c.${column}`);
  const given = childColumns.map((column) => `c.${column} is not null`);
  return `select count(*) as lost from ${child} c
    where ${given.join(' and ')} and not exists (select from ${parent} p where ${pairs.join(' and ')})`;
};
