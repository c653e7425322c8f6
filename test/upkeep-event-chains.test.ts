import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sealUpTo } from '../src/domains/platform/event-sealing.ts';
import { firstIdAt } from '../src/ids.ts';
import { arrangements, newGround, serverOn, type Ground } from './operators.ts';
import { unitOf, uuidOf } from './talk.ts';

describe.each(arrangements)('the logs of events (%s)', (arrangement) => {
  let ground: Ground;
  let organizationId: string;
  let named: string;
  /** In the order of the log. */
  let entries: string[];

  /** Statements in the main database, as whoever owns the tables. */
  const inMain = (...statements: string[]): Promise<Record<string, string>[]> =>
    ground
      .each(async (sql) => {
        const [found] = await sql`select to_regclass('public.events')::text as name`;
        const rows: Record<string, string>[] = [];
        for (const statement of found?.name === null ? [] : statements)
          rows.push(...(await sql.unsafe<Record<string, string>[]>(statement)));
        return rows;
      })
      .then((places) => places.flat());

  beforeAll(async () => {
    ground = await newGround(arrangement);
    // More than a page of them, all of which come before the one with a log.
    await inMain(
      `insert into organizations (id, name, slug, type) select ('00000000-0000-7000-8000-' || lpad(number::text, 12, '0'))::uuid,
         'Empty', 'empty-' || number, 'TEAM' from generate_series(1, 150) number`,
    );
    const bed = await serverOn(ground);
    const ada = await bed.signUp('Ada');
    organizationId = uuidOf(ada.organizationId);
    for (const name of ['First', 'Second'])
      await ada.want('mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }', {
        input: { name },
      });
    const unit = unitOf(bed, ada.organizationId);
    expect(await sealUpTo(unit, firstIdAt(Date.now() + 1000), new AbortController().signal)).toBe(1);
    await bed.server.stop();
    const [own] = await inMain(`select slug from organizations where id = '${organizationId}'`);
    named = `${own?.slug} (${organizationId})`;
    const rows = await inMain(`select id from events where organization_id = '${organizationId}' order by id`);
    entries = rows.map(({ id = '' }) => id);
    expect(entries.length).toBeGreaterThan(3);
  }, 120_000);
  afterAll(() => ground.remove());

  const sound = '  ok    the logs of events are what was sealed\n';

  test('are looked at by db:verify, all of them', async () => {
    const outcome = await ground.run('db:verify');
    expect(outcome.stdout).not.toContain('WRONG');
    expect(outcome.stdout.split(sound)).toHaveLength(2);
    expect(outcome.stderr).toContain(`  151 organizations, 1 seals, ${entries.length} entries\n`);
    expect(outcome.code).toBe(0);
  }, 120_000);

  const ofOrganization = () => `organization_id = '${organizationId}'`;
  const entry = (at: number) => `${ofOrganization()} and id = '${entries.at(at)}'`;
  /** Without the triggers that would date what is changed. */
  const quietly = (statement: string) =>
    `alter table events disable trigger user; ${statement}; alter table events enable trigger user`;
  const faults: [what: string, breaking: () => string, mending: () => string, fault: () => string][] = [
    [
      'an entry that was changed',
      () => quietly(`update events set data = data || '{"more": 1}' where ${entry(1)}`),
      () => quietly(`update events set data = data - 'more' where ${entry(1)}`),
      () => `entry ${entries[1]} was changed after it was sealed (seal 1)`,
    ],
    [
      'an entry that was removed',
      () => `create table drizzle.kept as select * from events where ${entry(2)}; delete from events where ${entry(2)}`,
      () => quietly('insert into events select * from drizzle.kept; drop table drizzle.kept'),
      () => `entry ${entries[2]} was removed after it was sealed (seal 1)`,
    ],
    [
      'an entry that was put between others',
      () =>
        quietly(`insert into events (organization_id, id, action, target_type, target_id, request_id)
          values ('${organizationId}', '00000000-0000-7000-8000-000000000001', 'x', 'X', '${organizationId}', 'x')`),
      () => `delete from events where ${ofOrganization()} and id = '00000000-0000-7000-8000-000000000001'`,
      () => `entry 00000000-0000-7000-8000-000000000001 came between those that were sealed (seal 1)`,
    ],
    [
      'a seal that was changed',
      () => `update event_seals set count = count + 1 where ${ofOrganization()}`,
      () => `update event_seals set count = count - 1 where ${ofOrganization()}`,
      () => 'seal 1 was changed',
    ],
  ];

  test.each(faults)(
    '%s is found and named',
    async (_what, breaking, mending, fault) => {
      await inMain(breaking());
      const outcome = await ground.run('db:verify');
      await inMain(mending());
      expect(outcome.stdout).toContain(
        `  WRONG the logs of events are what was sealed\n        ${named}: ${fault()}\n`,
      );
      expect(outcome.stdout.match(/WRONG/g)).toHaveLength(1);
      expect(outcome.code).toBe(1);
    },
    120_000,
  );

  test('are not looked at while migrations are pending', async () => {
    expect((await ground.run('db:rollback')).code).toBe(0);
    const outcome = await ground.run('db:verify');
    expect(outcome.stdout).toContain(
      '  WRONG the logs of events are what was sealed\n        migrations are pending: the logs were not looked at\n',
    );
    expect(outcome.code).toBe(1);
    expect((await ground.run('db:migrate')).code).toBe(0);
    expect(await ground.run('db:verify')).toMatchObject({ code: 0, stdout: expect.stringContaining(sound) });
  }, 120_000);
});
