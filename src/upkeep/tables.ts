import type postgres from 'postgres';
import type { Migrations } from '../database/migrations.ts';

/** A table as it is stored: without columns that are computed from others. */
export interface StoredTable {
  /** With its schema, quoted where needed. */
  readonly name: string;
  readonly columns: readonly string[];
  /** The columns of its primary key, which its rows are sorted by. */
  readonly key: readonly string[];
}

interface Found extends StoredTable {
  /** The tables that its rows refer to, itself apart. */
  readonly parents: readonly string[];
}

/** The tables of a part, each behind those that it refers to. */
export const tablesOf = async (sql: postgres.ISql, { schemas }: Migrations): Promise<readonly StoredTable[]> => {
  const found = await sql<Found[]>`
    select format('%I.%I', n.nspname, c.relname) as name,
      array(select quote_ident(attname) from pg_attribute where attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''
        order by attnum) as columns,
      array(select quote_ident(attname) from pg_index, unnest(indkey::int2[]) with ordinality k(number, place) join pg_attribute a on a.attnum = k.number
        where indrelid = c.oid and indisprimary and attrelid = c.oid order by place) as key,
      array(select distinct format('%I.%I', pn.nspname, p.relname) from pg_constraint f join pg_class p on p.oid = f.confrelid
        join pg_namespace pn on pn.oid = p.relnamespace
        where f.conrelid = c.oid and f.contype = 'f' and f.confrelid <> c.oid) as parents
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = any(${schemas}) and c.relkind in ('r', 'p') and not c.relispartition
      and not exists (select from pg_depend d where d.objid = c.oid and d.deptype = 'e')
    order by name`;
  return parentsFirst(found);
};

/** Throws when tables refer to each other in a circle, which no migration makes. */
const parentsFirst = (tables: readonly Found[]): readonly StoredTable[] => {
  const sorted: StoredTable[] = [];
  const done = new Set<string>();
  let left = tables;
  while (left.length > 0) {
    const next = left.filter(({ parents }) => parents.every((parent) => done.has(parent)));
    if (next.length === 0) throw new Error(`Tables refer to each other: ${left.map(({ name }) => name).join(', ')}.`);
    for (const { name, columns, key } of next) {
      sorted.push({ name, columns, key });
      done.add(name);
    }
    left = left.filter(({ name }) => !done.has(name));
  }
  return sorted;
};

/** A sequence with the number that it gave last. */
export interface StoredSequence {
  readonly name: string;
  readonly last: string;
}

export const sequencesOf = (sql: postgres.ISql, { schemas }: Migrations) => sql<StoredSequence[]>`
  select format('%I.%I', schemaname, sequencename) as name, last_value::text as last from pg_sequences
  where schemaname = any(${schemas}) and last_value is not null order by name`;
