import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { startEmbedded } from '../src/database/embedded.ts';
import { knownMigrations, mainMigrations } from '../src/database/migrations.ts';
import { serverRole } from '../src/database/migrations.ts';
import { arrangements, newGround, runCommand, type Ground } from './operators.ts';

const newest = knownMigrations(mainMigrations).at(-1);

test.each(['db:status', 'db:verify'])('%s tells what it is for, and refuses what it does not know', async (name) => {
  const help = await runCommand({}, name, ['--help']);
  expect(help).toMatchObject({ code: 0, stderr: '' });
  expect(help.stdout).toContain(`npm run ${name}\n`);
  expect(help.stdout).toContain('Exit codes: 0 done, 1 failed, 2 wrong usage or settings.');
  expect(await runCommand({}, name, ['--colour'])).toEqual({
    code: 2,
    stdout: '',
    stderr: `Unknown option '--colour'. See: npm run ${name} -- --help\n`,
  });
  const url = 'postgres://nobody:secret@127.0.0.1:1/none';
  expect(await runCommand({ DATABASE_URL: url }, name, [])).toEqual({
    code: 2,
    stdout: '',
    stderr: 'Set DATABASE_OWNER_URL to the owner of the database.\n',
  });
  const away = await runCommand({ DATABASE_URL: url, DATABASE_OWNER_URL: url }, name, []);
  expect(away.code).toBe(1);
  expect(away.stderr).toContain('ECONNREFUSED');
  expect(away.stderr + away.stdout).not.toContain('secret');
});

describe.each(arrangements)('of a database (%s)', (arrangement) => {
  let ground: Ground;
  beforeAll(async () => {
    ground = await newGround(arrangement);
  }, 60_000);
  afterAll(() => ground.remove());

  /** Breaks something in the main database, asks, and mends it. */
  const broken = async (command: string, breaking: string, mending: string) => {
    await ground.each(async (sql) => (await isMain(sql)) && sql.unsafe(breaking));
    const outcome = await ground.run(command);
    await ground.each(async (sql) => (await isMain(sql)) && sql.unsafe(mending));
    return outcome;
  };
  const isMain = async (sql: Parameters<Parameters<Ground['each']>[0]>[0]) =>
    (await sql`select to_regclass('public.users') as found`)[0]?.found !== null;

  test('db:status tells versions, roles and migrations, and fails when one is pending', async () => {
    const { code, stdout } = await ground.run('db:status');
    expect(code).toBe(0);
    expect(stdout).toMatch(/: PostgreSQL \d+\.\d+.*, database \w+ as \w+\n {2}Extensions: .*vector \d/);
    expect(stdout).toContain(`  Role ${serverRole}: no rights of its own; members: `);
    const count = knownMigrations(mainMigrations).length;
    expect(stdout).toContain(`Schema public: ${count} of ${count} migrations applied, the newest ${newest?.name}\n`);
    expect(stdout).toMatch(/Schema knowledge: (\d+) of \1 migrations applied/);

    const { createdAt, hash, name } = newest ?? { createdAt: 0, hash: '', name: '' };
    const journal = 'drizzle.__drizzle_migrations';
    const pending = await broken(
      'db:status',
      `delete from ${journal} where created_at = ${createdAt}`,
      `insert into ${journal} (hash, created_at) values ('${hash}', ${createdAt})`,
    );
    expect(pending.code).toBe(1);
    expect(pending.stdout).toContain(`${count - 1} of ${count} migrations applied`);
    expect(pending.stdout).toContain(`    pending: ${name}\n`);

    const changed = await broken(
      'db:status',
      `update ${journal} set hash = 'other' where created_at = ${createdAt}`,
      `update ${journal} set hash = '${hash}' where created_at = ${createdAt}`,
    );
    expect(changed.code).toBe(1);
    expect(changed.stdout).toContain(`    changed after it was applied: ${name}\n`);

    const newer = await broken(
      'db:status',
      `insert into ${journal} (hash, created_at) values ('x', 4102444800000)`,
      `delete from ${journal} where created_at = 4102444800000`,
    );
    expect(newer.code).toBe(1);
    expect(newer.stdout).toContain('    not of this version: one of 2100-01-01T00:00:00.000Z\n');
  }, 60_000);

  test('db:verify finds nothing wrong, and each thing that is', async () => {
    const sound = await ground.run('db:verify');
    expect(sound.stdout).not.toContain('WRONG');
    expect(sound.code).toBe(0);
    expect(sound.stdout.match(/^ {2}ok /gm)).toHaveLength(arrangement === 'apart' ? 13 : 7);

    const faults: [breaking: string, mending: string, fault: string][] = [
      [
        'alter table rooms disable row level security',
        'alter table rooms enable row level security',
        'rooms: row security off',
      ],
      [
        'alter table rooms no force row level security',
        'alter table rooms force row level security',
        'rooms: row security not forced',
      ],
      [
        'alter table rooms add constraint odd unique (name)',
        'alter table rooms drop constraint odd',
        'odd: unique across tenants',
      ],
      [
        'alter table rooms disable trigger touch_updated_at',
        'alter table rooms enable trigger touch_updated_at',
        'rooms: trigger touch_updated_at is off',
      ],
      [
        'alter table rooms add constraint odd check (true) not valid',
        'alter table rooms drop constraint odd',
        'rooms: constraint odd is not validated',
      ],
      [`create table odd (); alter table odd owner to ${serverRole}`, 'drop table odd', `${serverRole} owns odd`],
      [
        `set session_replication_role = replica; insert into user_organizations (organization_id, user_id)
           values (gen_random_uuid(), '01900000-0000-7000-8000-000000000000'); set session_replication_role = default`,
        `delete from user_organizations where user_id = '01900000-0000-7000-8000-000000000000'`,
        'user_organizations: 1 rows without their users (user_organizations_user_id_fkey)',
      ],
    ];
    for (const [breaking, mending, fault] of faults) {
      const outcome = await broken('db:verify', breaking, mending);
      expect(outcome.stdout).toContain(`        ${fault}\n`);
      expect(outcome.code).toBe(1);
    }
    expect((await ground.run('db:verify')).code).toBe(0);
  }, 120_000);

  if (arrangement === 'embedded')
    test('while a server is running on the directory, that is said', async () => {
      const running = await startEmbedded(ground.directory, serverRole);
      for (const name of ['db:status', 'db:verify'])
        expect(await ground.run(name)).toMatchObject({
          code: 1,
          stderr: `${ground.directory} is in use by another Tessera process. Stop that one first, or set TESSERA_DATA_DIR to another directory.\n`,
        });
      await running.stop();
      expect((await ground.run('db:status')).code).toBe(0);
    }, 60_000);
  else
    test('an owner who is bound by row security is not told that all is well', async () => {
      const { DATABASE_OWNER_URL = '', ...rest } = ground.environment;
      await ground.each((sql) =>
        sql.unsafe(
          `do $$ begin create role bound_owner login password 'test'; exception when duplicate_object then null; end $$`,
        ),
      );
      const url = Object.assign(new URL(DATABASE_OWNER_URL), { username: 'bound_owner', password: 'test' }).href;
      await ground.each(
        async (sql) =>
          (await isMain(sql)) &&
          sql.unsafe(
            `grant usage on schema drizzle to bound_owner; grant select on all tables in schema drizzle to bound_owner`,
          ),
      );
      const outcome = await runCommand({ ...rest, DATABASE_OWNER_URL: url }, 'db:verify', []);
      await ground.each((sql) => sql.unsafe('drop owned by bound_owner'));
      expect(outcome.code).toBe(1);
      expect(outcome.stderr).toContain('bound_owner is bound by row security and sees no rows.');
    }, 60_000);
});
