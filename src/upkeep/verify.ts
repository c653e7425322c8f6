import { mainMigrations, serverRole, type Migrations } from '../database/migrations.ts';
import { catalogueFaults } from './catalogue-faults.ts';
import { refuseFilteredRows } from './rights.ts';
import type { Terminal } from './command.ts';
import { brokenChains } from './event-chains.ts';
import { migrationStateOf } from './migration-state.ts';
import { orphans } from './orphans.ts';
import type { Place } from './places.ts';

/** One thing that must be so. */
export interface Check {
  /** What is looked at, as the report names it. */
  readonly what: string;
  /** The part that it is about; absent: whatever stands in the place. */
  readonly part?: Migrations;
  /** What is wrong, a sentence each; none when all is well. */
  faults(place: Place, terminal: Terminal): Promise<readonly string[]>;
}

const migrations: Check = {
  what: 'migrations are those of the repository',
  faults: async ({ sql, parts }) => {
    const states = await Promise.all(parts.map((part) => migrationStateOf(sql, part)));
    return [
      ...states.flatMap(({ pending }) => pending.map(({ name }) => `${name} is pending`)),
      ...states.flatMap(({ changed }) => changed.map(({ name }) => `${name} was changed after it was applied`)),
      ...states.flatMap(({ unknown }) =>
        unknown.map(({ createdAt }) => `one of ${new Date(createdAt).toISOString()} is not of this version`),
      ),
    ];
  },
};

const extensions: Check = {
  what: 'extensions',
  faults: async ({ sql }) => {
    const found = await sql`select from pg_extension where extname = 'vector'`;
    return found.length === 0 ? ['the extension vector is missing'] : [];
  },
};

const shape: Check = {
  what: 'row security and keys of every table',
  faults: async ({ sql }) => {
    const rows = await sql.unsafe<{ broken: string; what: string }[]>(catalogueFaults);
    return rows.map(({ broken, what }) => `${what}: ${broken}`);
  },
};

const validity: Check = {
  what: 'constraints, indexes and triggers are in force',
  faults: async ({ sql, parts }) => {
    const schemas = parts.flatMap((part) => part.schemas);
    const rows = await sql<{ fault: string }[]>`
      select format('%s: constraint %s is not validated', conrelid::regclass, conname) as fault from pg_constraint
        where not convalidated and connamespace::regnamespace::text = any(${schemas})
      union all select format('%s: the index is not valid', indexrelid::regclass) from pg_index join pg_class on pg_class.oid = indrelid
        where not indisvalid and relnamespace::regnamespace::text = any(${schemas})
      union all select format('%s: trigger %s is off', tgrelid::regclass, tgname) from pg_trigger join pg_class on pg_class.oid = tgrelid
        where tgenabled = 'D' and relnamespace::regnamespace::text = any(${schemas})
      order by fault`;
    return rows.map(({ fault }) => fault);
  },
};

const roles: Check = {
  what: "the server's role owns nothing and bypasses nothing",
  faults: async ({ sql, serverLogin }) => {
    const [role] = await sql<{ mighty: boolean; owns: string[]; login: boolean | null }[]>`
      select rolsuper or rolbypassrls or rolcreaterole or rolcreatedb as mighty,
        array(select oid::regclass::text from pg_class where relowner = pg_roles.oid order by 1) as owns,
        (select pg_has_role(oid, ${serverRole}, 'member') from pg_roles where rolname = ${serverLogin}) as login
      from pg_roles where rolname = ${serverRole}`;
    if (role === undefined) return [`the role ${serverRole} is missing`];
    return [
      ...(role.mighty ? [`${serverRole} may more than its grants say`] : []),
      ...role.owns.map((name) => `${serverRole} owns ${name}`),
      ...(role.login === false ? [`${serverLogin} is no member of ${serverRole}`] : []),
    ];
  },
};

const references: Check = {
  what: 'no row refers to one that is missing',
  faults: async ({ sql, parts }, terminal) => {
    await refuseFilteredRows(sql);
    return orphans(sql, parts, terminal);
  },
};

const eventChains: Check = {
  what: 'the logs of events are what was sealed',
  part: mainMigrations,
  faults: async ({ sql }, terminal) => {
    const { pending } = await migrationStateOf(sql, mainMigrations);
    if (pending.length > 0) return ['migrations are pending: the logs were not looked at'];
    await refuseFilteredRows(sql);
    return brokenChains(sql, terminal);
  },
};

/** In the order they run. What is verified further is one more entry here. */
const checks: readonly Check[] = [migrations, extensions, shape, validity, roles, references, eventChains];

/** Runs all checks on a database and tells their outcome. False when one found a fault. */
export const verifyPlace = async (place: Place, terminal: Terminal): Promise<boolean> => {
  terminal.say(`${place.what}:`);
  let sound = true;
  for (const check of checks.filter(({ part }) => part === undefined || place.parts.includes(part))) {
    terminal.progress(`Looking: ${check.what}`);
    const faults = await check.faults(place, terminal);
    terminal.say(`  ${faults.length === 0 ? 'ok   ' : 'WRONG'} ${check.what}`);
    for (const fault of faults) terminal.say(`        ${fault}`);
    sound &&= faults.length === 0;
  }
  return sound;
};
