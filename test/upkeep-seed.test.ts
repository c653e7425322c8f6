import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { arrangements, newGround, rowsOf, runCommand, serverOn, type Ground } from './operators.ts';
import { Person } from './testbed.ts';

/** What is new each time: the salt of a password's hash, and ids of rows that triggers and migrations make. */
const momentary: Readonly<Record<string, readonly string[]>> = {
  'public.passwords': ['hash'],
  'public.stale_windows': ['id'],
  'public.model_prices': ['id', 'effective_from', 'starts_at'],
  // The log dates what comes late.
  'public.events': ['id'],
  'knowledge.entry_versions': ['id'],
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

/** Tables of all domains, none of which the sample may leave empty. */
const filled =
  `users passwords memberships groups group_memberships workspaces workspace_memberships documents document_chunks
  chunk_embeddings chunk_postings conversations messages citations feedback rooms room_memberships room_messages room_message_terms
  email_threads emails email_terms orders order_events order_notes projects project_collaborators project_labels tasks task_labels
  task_activities task_dependencies task_comments time_entries execution_logs prompt_sessions prompts prompt_runs user_activities
  analytics_events events stale_windows`
    .split(/\s+/)
    .map((name) => `public.${name}`);
const filledInBank = 'entries entry_chunks entry_embeddings entry_postings training_examples'
  .split(' ')
  .map((name) => `knowledge.${name}`);

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
      expect(outcome.stderr).toContain('10 of 10: analytics\n');
      expect(outcome).toMatchObject({ code: 0, stdout: expect.stringMatching(/^\d+ rows in .* Sign in as person-0@/) });
    }
    const content = await contentOf(ground);
    expect(await contentOf(other)).toEqual(content);
    const counts = new Map(content.map((line) => [line.split(' ')[0], Number(line.split(' ')[1])]));
    const lacking = [...filled, ...filledInBank].filter((name) => (counts.get(name) ?? 0) === 0);
    expect(lacking).toEqual([]);
    const before = await rowsOf(ground);
    expect(await ground.run('db:seed', '--size', 'demo')).toMatchObject({
      code: 1,
      stderr: 'The sample is there already. See: npm run db:reset -- --help\n',
    });
    expect(await rowsOf(ground)).toEqual(before);
    expect(await ground.run('db:verify')).toMatchObject({ code: 0 });
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
