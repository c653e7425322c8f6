import type postgres from 'postgres';
import { serverRole } from '../database/migrations.ts';
import type { Terminal } from './command.ts';
import { migrationStateOf } from './migration-state.ts';
import type { Place } from './places.ts';

/** Tells what the database is and which migrations it has. False when some are pending, were changed or are not known here. */
export const tellStatus = async (place: Place, { say }: Terminal): Promise<boolean> => {
  say(`${place.what}: ${await serverOf(place.sql)}`);
  say(`  Extensions: ${await extensionsOf(place.sql)}`);
  say(`  ${await roleOf(place.sql)}`);
  let current = true;
  for (const part of place.parts) {
    const { applied, pending, changed, unknown } = await migrationStateOf(place.sql, part);
    const newest = applied.at(-1)?.name ?? 'none';
    say(
      `  Schema ${part.schema}: ${applied.length} of ${applied.length + pending.length} migrations applied, the newest ${newest}`,
    );
    for (const { name } of pending) say(`    pending: ${name}`);
    for (const { name } of changed) say(`    changed after it was applied: ${name}`);
    for (const { createdAt } of unknown) say(`    not of this version: one of ${new Date(createdAt).toISOString()}`);
    current &&= pending.length + changed.length + unknown.length === 0;
  }
  return current;
};

const serverOf = async (sql: postgres.Sql): Promise<string> => {
  const [server] = await sql<{ version: string; database: string; owner: string }[]>`
    select current_setting('server_version') as version, current_database() as database, current_user as owner`;
  return `PostgreSQL ${server?.version}, database ${server?.database} as ${server?.owner}`;
};

const extensionsOf = async (sql: postgres.Sql): Promise<string> => {
  const rows = await sql<
    { name: string }[]
  >`select extname || ' ' || extversion as name from pg_extension order by extname`;
  return rows.map(({ name }) => name).join(', ');
};

const roleOf = async (sql: postgres.Sql): Promise<string> => {
  const [role] = await sql<{ rights: string; members: string | null }[]>`
    select concat_ws(', ', case when rolsuper then 'superuser' end, case when rolbypassrls then 'bypasses row security' end,
        case when rolcanlogin then 'may log in' end) as rights,
      (select string_agg(pg_get_userbyid(member), ', ' order by pg_get_userbyid(member)) from pg_auth_members where roleid = pg_roles.oid) as members
    from pg_roles where rolname = ${serverRole}`;
  if (role === undefined) return `Role ${serverRole}: missing`;
  return `Role ${serverRole}: ${role.rights || 'no rights of its own'}; members: ${role.members ?? 'none'}`;
};
