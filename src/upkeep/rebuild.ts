import { readMigrationFiles } from 'drizzle-orm/migrator';
import type postgres from 'postgres';
import type { Migrations } from '../database/migrations.ts';
import { appliedIn } from './migration-state.ts';

/** Applies what is pending of a part, up to the moment `until`, in the transaction given; the same as `migrateDatabase` otherwise. */
export const migratePart = async (sql: postgres.ISql, part: Migrations, until = Infinity): Promise<void> => {
  const { folder, table } = part;
  const journal = sql(`drizzle.${table}`);
  await sql`create schema if not exists drizzle`;
  await sql`create table if not exists ${journal} (id serial primary key, hash text not null, created_at bigint)`;
  const newest = (await appliedIn(sql, part)).at(-1)?.createdAt ?? -1;
  const files = readMigrationFiles({ migrationsFolder: folder });
  for (const { sql: statements, hash, folderMillis } of files) {
    if (folderMillis <= newest || folderMillis > until) continue;
    for (const statement of statements) await sql.unsafe(statement);
    await sql`insert into ${journal} (hash, created_at) values (${hash}, ${folderMillis})`;
  }
};

/** Removes all that the migrations of a part have made, with all rows, in the transaction given. Roles and extensions stay. */
export const dropPart = async (sql: postgres.ISql, { table, schema, schemas }: Migrations): Promise<void> => {
  for (const each of schemas) if (each !== 'public') await sql.unsafe(`drop schema if exists ${each} cascade`);
  if (schema === 'public') for (const drop of await ownInPublic(sql)) await sql.unsafe(drop);
  await sql.unsafe(`drop table if exists drizzle.${table}`);
};

/** Not the schema as a whole: on hosted databases it is not the owner's, and extensions stand in it. */
const ownInPublic = async (sql: postgres.ISql): Promise<readonly string[]> => {
  const rows = await sql<{ drop: string }[]>`
    with own as (select 'public'::regnamespace as schema)
    select drop from (
      select 1 as place, format('drop table if exists %s cascade', c.oid::regclass) as drop, c.oid
        from pg_class c, own where relnamespace = schema and relkind in ('r', 'p') and not relispartition
      union all select 2, format('drop sequence if exists %s cascade', c.oid::regclass), c.oid
        from pg_class c, own where relnamespace = schema and relkind = 'S'
      union all select 3, format('drop routine if exists %s cascade', p.oid::regprocedure), p.oid
        from pg_proc p, own where pronamespace = schema
      union all select 4, format('drop type if exists %s cascade', c.oid::regclass), c.oid
        from pg_class c, own where relnamespace = schema and relkind = 'c'
      union all select 5, format('drop type if exists %s cascade', t.oid::regtype), t.oid
        from pg_type t, own where typnamespace = schema and typtype in ('e', 'd')
    ) found
    where not exists (select from pg_depend d where d.objid = found.oid and d.deptype = 'e')
    order by place, drop`;
  return rows.map(({ drop }) => drop);
};
