import { randomBytes, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { createTesseraDatabase, type TesseraDatabase } from '../scripts/tessera-database.ts';
import { startPgBouncer, wherePgBouncerIs } from './neighbours.ts';
import { act, channelOf, listen, sent, until } from './room-talk.ts';
import { workspaceOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

const serverConnections = 3;

wherePgBouncerIs('behind PgBouncer in transaction mode', () => {
  const stack = new AsyncDisposableStack();
  const user = `pooled_${randomUUID().replaceAll('-', '')}`;
  const password = randomBytes(12).toString('hex');
  let database: TesseraDatabase;
  let pooled: Record<string, string>;
  let bed: Testbed;

  /** As the administrator of the database server. */
  const administer = async <Result>(work: (sql: postgres.Sql) => Promise<Result>): Promise<Result> => {
    const sql = postgres(database.ownerUrl, { max: 1, onnotice: () => undefined });
    try {
      return await work(sql);
    } finally {
      await sql.end();
    }
  };

  beforeAll(async () => {
    database = await createTesseraDatabase(
      process.env.TEST_POSTGRES_URL ?? '',
      `pooled_${randomUUID().replaceAll('-', '')}`,
    );
    stack.defer(() => database.drop());
    await administer((sql) => sql.unsafe(`create role ${user} login password '${password}' in role tessera_server`));
    stack.defer(() => administer((sql) => sql.unsafe(`drop role ${user}`)).then(() => undefined));
    const bouncer = await startPgBouncer(database.url, { user, password, serverConnections });
    stack.defer(bouncer.stop);
    const through = Object.assign(new URL(database.url), { username: user, password, port: String(bouncer.port) });
    pooled = { DATABASE_URL: through.href, DATABASE_DIRECT_URL: database.url, DATABASE_PREPARE: 'off' };
  }, 60_000);
  afterAll(() => stack.disposeAsync(), 60_000);

  test('a login that does not take the role by itself is refused in a sentence', async () => {
    await expect(startTestbed(pooled)).rejects.toThrow(
      `sessions act as ${user}, although they ask for tessera_server: a pooler in between has dropped that.`,
    );
  });

  test('with more units at a time than the pooler has connections all is answered, each with the rows of its own', async () => {
    await administer(async (sql) => {
      await sql.unsafe(`alter role ${user} set role = tessera_server`);
      await sql.unsafe(`alter role ${user} set plan_cache_mode = force_generic_plan`);
      await sql.unsafe(`alter role ${user} set statement_timeout = '30s'`);
      await sql.unsafe(`alter role ${user} set idle_in_transaction_session_timeout = '60s'`);
      // The pooler keeps its connections, which have begun without.
      await sql`select pg_terminate_backend(pid) from pg_stat_activity where usename = ${user}`;
    });
    bed = await startTestbed(pooled);
    stack.defer(() => bed.stop());
    const people = await Promise.all(['Ada', 'Ben', 'Cyd', 'Dot', 'Eve', 'Fay'].map((name) => bed.signUp(name)));
    await Promise.all(people.map((person, index) => workspaceOf(person, { name: `Garden ${index}` })));
    const query = '{ workspaces(first: 10) { edges { node { name } } } viewer { user { name } } }';
    const rounds = Array.from({ length: 30 }, () => people).flat();
    const answers = await Promise.all(
      rounds.map((person) =>
        person
          .want(query)
          .then(({ workspaces, viewer }: Names) => [
            viewer.user.name,
            ...workspaces.edges.map(({ node }) => node.name),
          ]),
      ),
    );
    const names = ['Ada', 'Ben', 'Cyd', 'Dot', 'Eve', 'Fay'];
    expect(answers).toEqual(rounds.map((_, index) => [names[index % 6], `Garden ${index % 6}`]));
    const [{ connections } = { connections: 0 }] = await administer(
      (sql) =>
        sql<
          { connections: number }[]
        >`select count(*)::integer as connections from pg_stat_activity where usename = ${user}`,
    );
    expect(connections).toBeGreaterThan(0);
    expect(connections).toBeLessThanOrEqual(serverConnections);
  }, 60_000);

  test('jobs are done, and what another process tells is heard by the direct connection', async () => {
    const other = await startTestbed({ ...pooled, WORKERS: 'off' });
    stack.defer(() => other.stop());
    const ada = await bed.signUp('Ada');
    const workspaceId = await workspaceOf(ada);
    const input = { workspaceId, title: 'Roses', text: 'Roses need light.', wait: true };
    expect(await act(ada, 'addDocument', input, 'document { status }')).toEqual({ document: { status: 'READY' } });
    const room = await channelOf(ada);
    const listener = await listen(new Person(other, ada.token), [room]);
    const listening = await administer(
      (sql) =>
        sql<
          { usename: string }[]
        >`select usename from pg_stat_activity where query = 'listen tessera' and datname = current_database()`,
    );
    expect(listening.map(({ usename }) => usename)).toEqual(['tessera_login', 'tessera_login']);
    const id = await sent(ada, room, 'Hello');
    await until(() => listener.heard.length > 0);
    expect(listener.heard[0]).toMatchObject({ message: { id } });
    await listener.stop();
  }, 60_000);
});

interface Names {
  readonly workspaces: { readonly edges: readonly { readonly node: { readonly name: string } }[] };
  readonly viewer: { readonly user: { readonly name: string } };
}
