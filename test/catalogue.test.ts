import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import postgres from 'postgres';
import { database } from '../src/database/client.ts';
import { catalogueFaults } from '../src/upkeep/catalogue-faults.ts';
import { unitOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

/** Planting faults takes a superuser's connection of one's own, which the embedded database does not give. */
const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

let bed: Testbed & { ownerUrl: string | undefined };
beforeAll(async () => {
  bed = await startTestbed();
});
afterAll(() => bed.stop());

const ask = async (text: string): Promise<Record<string, unknown>[]> => {
  const unit = unitOf(bed, null);
  const rows = await unit.run(() => database.execute(sql.raw(text)));
  await unit.rest();
  return [...rows];
};

test('every table keeps the rules of the schema', async () => {
  expect(await ask(catalogueFaults)).toEqual([]);
});

test('no schema escapes the check', async () => {
  // pgboss holds the queue's own tables and drizzle the migrations' journal: rows of no tenant, kept on the coordinator,
  // whose shape is not ours to decide. Whoever adds a schema adds it to the check.
  const schemas = await ask(
    `select nspname from pg_namespace where nspname !~ '^(pg_|information_schema$)' order by nspname`,
  );
  expect(schemas.map(({ nspname }) => nspname)).toEqual(['drizzle', 'knowledge', 'pgboss', 'public']);
});

test('the check looks at tables of every kind', async () => {
  const [counted] = await ask(`select
    count(*) filter (where relforcerowsecurity)::int as guarded,
    count(*) filter (where obj_description(oid, 'pg_class') ~ '@personal')::int as personal,
    count(*) filter (where obj_description(oid, 'pg_class') ~ '@(global|lookup|platform)')::int as marked, count(*)::int as total
    from pg_class where relnamespace in ('public'::regnamespace, 'knowledge'::regnamespace) and relkind = 'r'`);
  expect(counted).toEqual({ guarded: expect.any(Number), personal: 6, marked: 33, total: expect.any(Number) });
  expect(counted?.guarded).toBe(Number(counted?.total) - 33 + 6);
  expect(counted?.guarded).toBeGreaterThanOrEqual(30);
});

test("the server's role is bound by row security and owns nothing", async () => {
  // The embedded database's only login is its superuser, who takes the role when a session begins.
  const user = bed.ownerUrl === undefined ? 'current_user' : 'session_user';
  const [role] = await ask('select current_user::text as name');
  expect(role?.name).toMatch(bed.ownerUrl === undefined ? /^tessera_server$/ : /^tessera_(server|test_login)$/);
  const powers = `select rolname from pg_roles where pg_has_role(${user}, oid, 'member')
    and (rolsuper or rolbypassrls or rolcreaterole or rolcreatedb or rolreplication)`;
  expect(await ask(powers)).toEqual([]);
  const owned = `select o.classid::regclass::text as kind, o.objid from pg_shdepend o join pg_roles r on r.oid = o.refobjid
    where o.deptype = 'o' and pg_has_role(${user}, r.oid, 'member')`;
  expect(await ask(owned)).toEqual([]);
  const created = `select nspname from pg_namespace where has_schema_privilege(${user}, oid, 'create') and nspname !~ '^pg_temp'`;
  expect(await ask(created)).toEqual([]);
});

test('a log takes no change and no deletion', async () => {
  const ada = await bed.signUp();
  const logs = await ask(
    `select relname::text as name from pg_class where obj_description(oid, 'pg_class') ~ '@append' order by relname`,
  );
  expect(logs).toEqual([{ name: 'event_seals' }, { name: 'events' }, { name: 'platform_events' }]);
  for (const { name } of logs)
    for (const statement of [`update ${String(name)} set id = id`, `delete from ${String(name)}`]) {
      const unit = unitOf(bed, ada.organizationId);
      const refused = unit.transact(() => database.execute(sql.raw(statement)));
      await expect(refused).rejects.toMatchObject({ code: '42501' });
    }
});

const tenantTable = (name: string, more: string) =>
  `create table ${name} (organization_id uuid, id uuid, other_id uuid, primary key (organization_id, id)${more});
   alter table ${name} enable row level security; alter table ${name} force row level security`;
const referring = (key: string, action = '') =>
  tenantTable(
    'planted',
    `, constraint planted_fkey foreign key (${key}) references documents (organization_id, id) ${action}`,
  );

/** A statement that breaks a rule, and the name of the rule. */
const faults: readonly (readonly [rule: string, statement: string])[] = [
  ['no key', 'create table planted (number int)'],
  ['unmarked', 'create table planted (id uuid primary key)'],
  ['organization_id outside the key', 'create table planted (id uuid primary key, organization_id uuid)'],
  ['unique across tenants', 'alter table documents add constraint planted unique (title)'],
  ['reference across tenants', referring('other_id, organization_id')],
  [
    'references in a circle',
    'alter table workspaces add planted uuid, add constraint planted_fkey foreign key (organization_id, planted) references documents (organization_id, id)',
  ],
  ['rows that outlive their organization', tenantTable('planted', '')],
  // Rows without the other one would stay.
  ['rows that outlive their organization', referring('organization_id, other_id', 'on delete cascade')],
  ['rows that outlive their organization', 'alter table sessions drop constraint sessions_organization_id_fkey'],
  ['reference without index', referring('organization_id, other_id')],
  [
    'reference out of the knowledge bank, or into it',
    'alter table knowledge.entries add constraint planted_fkey foreign key (organization_id, group_id) references groups (organization_id, id)',
  ],
  ['row security off', 'alter table knowledge.entries disable row level security'],
  [
    'action that a distributed key cannot take',
    referring('organization_id, other_id', 'on delete set null (other_id)'),
  ],
  [
    'reference in the wrong direction',
    'alter table users add planted uuid, add constraint planted_fkey foreign key (planted, id) references documents (organization_id, id)',
  ],
  [
    'trigger that a shard cannot run',
    'create trigger planted before update on users for each row execute function app_touch_updated_at()',
  ],
  [
    'trigger that a shard cannot run',
    `create function planted() returns trigger language plpgsql as 'begin perform pg_notify(''a'', ''b''); return new; end';
     create trigger planted before update on documents for each row execute function planted()`,
  ],
  ['row security off', 'alter table documents disable row level security'],
  ['row security not forced', 'alter table documents no force row level security'],
  ['no policy for SELECT', 'drop policy documents_granted on documents'],
  ['no policy for UPDATE', 'grant update on events to tessera_server'],
  ['log that can be changed', 'grant delete on platform_events to tessera_server'],
  ['right past row security', 'grant truncate on messages to tessera_server'],
  ['policy without the tenant', 'create policy planted on documents using (true)'],
  ['policy without the user', 'create policy planted on devices using (true)'],
  ['row security off', 'alter table two_factors disable row level security'],
  [
    'policy that a shard cannot run',
    'create policy planted on documents using (exists (select from users where id = documents.id))',
  ],
  ['identity not bigint', 'alter table documents add planted int generated always as identity'],
  ['name too long for a shard', `alter table documents add constraint ${'planted'.repeat(8)} check (true)`],
  ['index that no order uses', 'create index planted on documents (organization_id, created_at desc nulls last)'],
];

onPostgres('each rule catches what breaks it', async () => {
  const owner = postgres(bed.ownerUrl ?? '', { max: 1, onnotice: () => undefined });
  for (const [rule, statement] of faults) {
    await owner.unsafe('begin');
    await owner.unsafe(statement);
    const found = await owner.unsafe<{ broken: string }[]>(catalogueFaults);
    await owner.unsafe('rollback');
    expect({ statement, broken: found.map((row) => row.broken) }).toMatchObject({
      broken: expect.arrayContaining([rule]),
    });
  }
  expect(await owner.unsafe(catalogueFaults)).toEqual([]);
  await owner.end();
});
