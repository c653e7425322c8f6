import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { arrangements, newGround, rowsOf, runCommand, serverOn, type Ground } from './operators.ts';
import { Person } from './testbed.ts';

/** What is new each time: the salt of a password's hash, and ids of rows that triggers and migrations make. */
const momentary: Readonly<Record<string, readonly string[]>> = {
  'public.passwords': ['hash'],
  'public.stale_windows': ['id'],
  'public.model_prices': ['id', 'effective_from', 'starts_at'],
  // Encrypted with the installation's key.
  'public.webhook_subscriptions': ['encrypted_secret'],
  'knowledge.entry_versions': ['id'],
  'knowledge.prompt_template_versions': ['id'],
};

/** Rows without what depends on the moment, of every table: `schema.table count hash`. */
const contentOf = async (ground: Ground): Promise<string[]> => {
  const places = await ground.each(async (sql) => {
    const tables = await sql<{ name: string }[]>`select format('%I.%I', n.nspname, relname) as name
      from pg_class c join pg_namespace n on n.oid = relnamespace where nspname in ('public', 'knowledge') and relkind = 'r'`;
    const lines: string[] = [];
    for (const { name } of tables) {
      const row = ['created_at', 'updated_at', ...(momentary[name] ?? [])].reduce(
        (left, column) => `${left} - '${column}'`,
        'to_jsonb(r)',
      );
      const [found] = await sql.unsafe<{ line: string }[]>(
        `select concat_ws(' ', count(*), md5(string_agg((${row})::text, chr(10) order by (${row})::text collate "C"))) as line from ${name} r`,
      );
      lines.push(`${name} ${found?.line}`);
    }
    return lines;
  });
  return places.flat().sort();
};

/** Tables of an organization that the sample leaves empty, and why. */
const left: Readonly<Record<string, string>> = {
  ...ofReason('nobody would hold the code or key that opens it', [
    'api_keys',
    'api_key_workspaces',
    'conversation_shares',
    'embed_conversations',
    'embed_widgets',
    'inbound_email_sources',
    'invites',
    'invite_claims',
    'invite_workspaces',
    'provider_keys',
  ]),
  ...ofReason('its bytes would be missing from the store of files', [
    'email_attachments',
    'files',
    'parsed_files',
    'room_attachments',
    'task_attachments',
  ]),
  ...ofReason('it would fetch from, or send to, a place that there is not', [
    'api_configurations',
    'api_operations',
    'datasources',
    'sync_executions',
    'sync_failures',
    'sync_queues',
  ]),
  ...ofReason('the schedules make it from the other rows', [
    'metrics',
    'model_usage_days',
    'roll_ups',
    'user_engagements',
  ]),
  ...ofReason('it counts what models are doing at the moment', ['quota_counters', 'quota_reservations']),
};

function ofReason(why: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [`public.${name}`, why]));
}

/** Tables of nobody's or of persons that the sample has rows in. */
const others = [
  'users',
  'passwords',
  'organizations',
  'user_organizations',
  'system_setting_values',
  'user_setting_values',
]
  .concat(['due_job_schedules', 'webhook_logs'])
  .map((name) => `public.${name}`);

/** Tables whose key begins with the organization, as the catalogue has them. */
const tablesOfTenants = async (ground: Ground): Promise<string[]> => {
  const places = await ground.each(
    (sql) => sql<{ name: string }[]>`select format('%I.%I', n.nspname, relname) as name
      from pg_class c join pg_namespace n on n.oid = relnamespace
      join pg_index i on indrelid = c.oid and indisprimary join pg_attribute a on attrelid = c.oid and attnum = indkey[0]
      where nspname in ('public', 'knowledge') and relkind in ('r', 'p') and not relispartition and attname = 'organization_id'`,
  );
  return places.flat().map(({ name }) => name);
};

test('db:seed tells what it is for, and takes the sizes there are', async () => {
  expect((await runCommand({}, 'db:seed', ['--help'])).stdout).toContain('npm run db:seed -- --size demo|large\n');
  expect(await runCommand({}, 'db:seed', [])).toMatchObject({
    code: 2,
    stderr: expect.stringContaining('--size is missing'),
  });
  expect(await runCommand({}, 'db:seed', ['--size', 'huge'])).toMatchObject({
    code: 2,
    stderr: '--size must be one of demo, large.\n',
  });
  expect(await runCommand({ NODE_ENV: 'production' }, 'db:seed', ['--size', 'demo'])).toMatchObject({
    code: 1,
    stderr: 'This is production, where no sample belongs.\n',
  });
});

describe.each(arrangements)('the sample (%s)', (arrangement) => {
  let ground: Ground;
  let other: Ground;
  beforeAll(async () => {
    [ground, other] = [await newGround(arrangement), await newGround(arrangement)];
  }, 180_000);
  afterAll(async () => {
    await ground.remove();
    await other.remove();
  }, 180_000);

  test('has the same rows in each run, of all domains, and comes once', async () => {
    for (const each of [ground, other]) {
      const outcome = await each.run('db:seed', '--size', 'demo');
      expect(outcome.stderr).toContain('15 of 15: the log of events\n');
      expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+ rows in .* Sign in as person-0@/) });
    }
    const content = await contentOf(ground);
    expect(await contentOf(other)).toEqual(content);
    const counts = new Map(content.map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]));
    const tables = await tablesOfTenants(ground);
    expect(tables.length).toBeGreaterThan(100);
    const lacking = [...tables, ...others].filter((name) => (counts.get(name) ?? 0) === 0);
    expect(lacking.sort()).toEqual(Object.keys(left).sort());
    const before = await rowsOf(ground);
    expect(await ground.run('db:seed', '--size', 'demo')).toMatchObject({
      code: 1,
      stderr: 'The sample is there already. See: npm run db:reset -- --help\n',
    });
    expect(await rowsOf(ground)).toEqual(before);
    expect(await ground.run('db:verify')).toMatchObject({
      code: 0,
      stderr: expect.stringContaining('1 organizations, 1 seals, 20 entries\n'),
    });
  }, 240_000);

  test('is what its people can work with', async () => {
    const bed = await serverOn(ground);
    try {
      const data: { signIn: { token: string } } = await bed.anonymous.want(
        'mutation { signIn(input: { email: "person-0@sample.example", password: "ChangeMe123!" }) { token } }',
      );
      const owner = new Person(bed, data.signIn.token);
      expect(
        await owner.want(`{
          workspaces { totalCount }
          rooms { edges { node { messages { totalCount } } } }
          orders { totalCount edges { node { number } } }
        }`),
      ).toMatchObject({ workspaces: { totalCount: 2 }, orders: { totalCount: 30 } });
    } finally {
      await bed.server.stop();
    }
  }, 180_000);
});
