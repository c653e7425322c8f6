import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { createClient } from 'graphql-ws';
import postgres from 'postgres';
import { WebSocket } from 'ws';
import { dataDirectory, startTessera, testEncryptionKey } from '../scripts/tessera-process.ts';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import { database } from '../src/database/client.ts';
import { forgetKeys } from '../src/domains/platform/idempotency.ts';
import { colleagueOf } from './company.ts';
import { unitOf, workspaceOf } from './talk.ts';
import { startTestbed, type Answer, type Person, type Testbed } from './testbed.ts';

const superuserUrl = process.env.TEST_POSTGRES_URL;
// One connection lets nothing run side by side.
const onPostgres = superuserUrl !== undefined && process.env.TEST_POOL_SIZE !== '1' ? test : test.skip;

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any
type Owner = Awaited<ReturnType<Testbed['signUp']>>;

let bed: Testbed;
let ada: Owner;
beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
}, 120_000);
afterAll(() => bed.stop());

const make = 'mutation ($name: String!) { createGroup(input: { name: $name }) { group { id name } } }';
const under = (person: Person, key: string, query: string, variables: object = {}): Promise<Answer> =>
  person.ask(query, variables, { 'idempotency-key': key });
const told = ({ data, errors }: Answer) => ({ data, errors });
const groups = async (person: Person): Promise<string[]> => {
  const { viewer }: Data = await person.want(
    '{ viewer { organization { groups(first: 100) { edges { node { name } } } } } }',
  );
  return viewer.organization.groups.edges.map(({ node }: Data) => node.name);
};
/** Rows of the table, and what they hold. */
const rows = async (): Promise<Record<string, unknown>[]> => {
  const unit = unitOf(bed, null);
  const found = await unit.run(() => database.execute(sql`select * from idempotency_keys`));
  await unit.rest();
  return [...found];
};
const change = (statement: ReturnType<typeof sql>) => unitOf(bed, null).transact(() => database.execute(statement));

describe('a repeat', () => {
  test('gets the answer of the first, and does nothing', async () => {
    const first = await under(ada, 'one', make, { name: 'One' });
    expect(first.errors).toEqual([]);
    const again = await under(ada, 'one', make, { name: 'One' });
    expect(told(again)).toEqual(told(first));
    expect((await groups(ada)).filter((name) => name === 'One')).toEqual(['One']);
    // It looks up the key, and nothing more.
    expect(again.statements).toHaveLength(1);
  });

  test('with another input is refused, and does nothing', async () => {
    await under(ada, 'two', make, { name: 'Two' });
    const other = await under(ada, 'two', make, { name: 'Another' });
    expect(other.errors).toMatchObject([{ extensions: { code: 'CONFLICT', field: 'Idempotency-Key' } }]);
    const otherText = await under(ada, 'two', make.replace(' name }', ' }'), { name: 'Two' });
    expect(otherText.errors).toMatchObject([{ extensions: { code: 'CONFLICT', field: 'Idempotency-Key' } }]);
    expect(await groups(ada)).not.toContain('Another');
  });

  test('under the key of somebody else is no repeat', async () => {
    const bob = await bed.signUp('Bob');
    const admin = await colleagueOf(bed, ada.organizationId, 'Admin', 'ADMIN');
    await under(ada, 'three', make, { name: 'Three' });
    expect((await under(bob, 'three', make, { name: 'Three' })).errors).toEqual([]);
    expect(await groups(bob)).toEqual(['Three']);
    expect((await under(admin, 'three', make, { name: 'Third' })).errors).toEqual([]);
    expect(await groups(ada)).toContain('Third');
  });

  test('after a failure is carried out: the key is free', async () => {
    const failed = await under(ada, 'four', make, { name: '' });
    expect(failed.errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT' } }]);
    expect((await under(ada, 'four', make, { name: 'Four' })).errors).toEqual([]);
    expect(await groups(ada)).toContain('Four');
  });

  test('of several fields carries out what is missing', async () => {
    const several = (second: string) =>
      `mutation { a: createGroup(input: { name: "Five" }) { group { name } } b: createGroup(input: { name: "${second}" }) { group { id } } }`;
    const first = await under(ada, 'five', several('Six'));
    expect(told(await under(ada, 'five', several('Six')))).toEqual(told(first));
    // As if a crash had come between the fields.
    const made = await rows();
    const { b }: Data = first.data;
    const last = made.toSorted((one, other) => String(one.created_at).localeCompare(String(other.created_at))).at(-1);
    await change(sql`delete from idempotency_keys where id = ${last?.id}`);
    await ada.want('mutation ($id: ID!) { deleteGroup(input: { id: $id }) { deletedId } }', { id: b.group.id });
    const again: Data = (await under(ada, 'five', several('Six'))).data;
    expect(again.a).toEqual({ group: { name: 'Five' } });
    expect(again.b.group.id).not.toBe(b.group.id);
    expect((await groups(ada)).filter((name) => name === 'Five' || name === 'Six').toSorted()).toEqual(['Five', 'Six']);
  });

  test('over a socket is known, too', async () => {
    const client = createClient({
      url: `${bed.url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      connectionParams: ada.headers,
      retryAttempts: 0,
    });
    const ask = async (): Promise<Data> => {
      const operation = { query: make, variables: { name: 'Socket' }, extensions: { idempotencyKey: 'socket' } };
      const { value } = await client.iterate(operation).next();
      return value.data;
    };
    const first = await ask();
    expect(first.createGroup.group.name).toBe('Socket');
    expect(await ask()).toEqual(first);
    expect((await under(ada, 'socket', make, { name: 'Socket' })).data).toEqual(first);
    await client.dispose();
  });

  test('gets an error again that came after something was done', async () => {
    const workspaceId = await workspaceOf(ada, { name: 'Erring' });
    const rename =
      'mutation ($id: ID!) { updateWorkspace(input: { id: $id, name: "Renamed" }) { workspace { name document: id } } }';
    const first = await under(ada, 'seven', rename, { id: workspaceId });
    expect(told(await under(ada, 'seven', rename, { id: workspaceId }))).toEqual(told(first));
  });
});

describe('a key', () => {
  test('costs one statement and one transaction more, and nothing where there is none', async () => {
    const { statements: without } = await ada.ask(make, { name: 'Without' });
    const { statements: given } = await under(ada, 'cost', make, { name: 'With' });
    expect(without.filter((text) => text.includes('idempotency_keys'))).toEqual([]);
    expect(given.filter((text) => text.includes('idempotency_keys'))).toHaveLength(3);
    expect(given).toHaveLength(without.length + 3);
  });

  test.each(['white space', 'ö', 'x'.repeat(256)])('is refused where it is none: %#', async (key) => {
    const before = await groups(ada);
    const { errors } = await under(ada, Buffer.from(key).toString('latin1'), make, { name: 'Refused' });
    expect(errors).toMatchObject([{ extensions: { code: 'BAD_USER_INPUT', field: 'Idempotency-Key' } }]);
    expect(await groups(ada)).toEqual(before);
  });

  test('keeps no answer in plain text, such as a key that is shown once', async () => {
    const issue = 'mutation { createApiKey(input: { label: "Robot", scopes: [MODEL_READ] }) { secret } }';
    const first: Data = (await under(ada, 'secret', issue)).data;
    const again: Data = (await under(ada, 'secret', issue)).data;
    expect(again).toEqual(first);
    const { secret } = first.createApiKey;
    expect(secret.length).toBeGreaterThan(20);
    const stored = JSON.stringify(await rows());
    expect(stored).toContain('"encrypted_result":"ey');
    expect(stored).not.toContain(secret);
  });

  test('is known for a day', async () => {
    await under(ada, 'day', make, { name: 'Day' });
    const before = (await rows()).length;
    const work = { unit: unitOf(bed, null), services: bed.server.installation.services };
    await forgetKeys(work, new AbortController().signal);
    expect(await rows()).toHaveLength(before);
    await change(sql`update idempotency_keys set created_at = now() - interval '25 hours'`);
    expect((await under(ada, 'day', make, { name: 'Night' })).errors).toEqual([]);
    expect(await groups(ada)).toContain('Night');
    await forgetKeys(work, new AbortController().signal);
    expect(await rows()).toHaveLength(1);
  });

  test('whose answer a crash has lost is never carried out again', async () => {
    await under(ada, 'crash', make, { name: 'Crash' });
    await change(sql`update idempotency_keys set encrypted_result = null`);
    const again = await under(ada, 'crash', make, { name: 'Crash' });
    expect(again.errors).toMatchObject([
      { extensions: { code: 'CONFLICT', field: 'Idempotency-Key', requestId: expect.any(String) } },
    ]);
    expect((await groups(ada)).filter((name) => name === 'Crash')).toEqual(['Crash']);
  }, 60_000);
});

onPostgres(
  '1,000 repeats at once over two processes have one effect and one answer',
  async () => {
    const fresh = await createTesseraDatabase(superuserUrl ?? '', `test_${crypto.randomUUID().replaceAll('-', '')}`);
    const directories = await Promise.all([dataDirectory(), dataDirectory()]);
    const environment = (path: string) => ({
      DATABASE_URL: fresh.url,
      ENCRYPTION_KEYS: testEncryptionKey,
      TESSERA_DATA_DIR: path,
      RATE_LIMIT: 'off',
      SCHEDULES: 'off',
      LOG_LEVEL: 'warn',
    });
    const servers = await Promise.all(directories.map(({ path }) => startTessera(environment(path))));
    try {
      const ask = async (
        at: number,
        query: string,
        variables: object,
        headers: Record<string, string> = {},
      ): Promise<Data> => {
        const response = await fetch(`${servers[at % 2]?.url}/graphql`, {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify({ query, variables }),
        });
        return response.json();
      };
      const input = { email: 'ada@example.com', password: 'correct horse battery', name: 'Ada', organizationName: 'A' };
      const { data } = await ask(0, 'mutation ($input: SignUpInput!) { signUp(input: $input) { token } }', { input });
      const headers = { authorization: `Bearer ${data.signUp.token}`, 'idempotency-key': 'all-at-once' };
      const answers = await Promise.all(
        Array.from({ length: 1000 }, (_, at) => ask(at, make, { name: 'Once' }, headers)),
      );
      const distinct = new Set(answers.map(({ data: each, errors }) => JSON.stringify({ each, errors })));
      expect([...distinct]).toEqual([expect.stringContaining('"name":"Once"')]);
      const owner = postgres(fresh.ownerUrl, { max: 1, onnotice: () => undefined });
      const counted = await owner.begin(async (transaction) => {
        const [organization] = await transaction`select id from organizations`;
        await transaction.unsafe(
          `set local app.organization_id = '${organization?.id}'; set local app.workspaces = '*'`,
        );
        const [groupsMade] = await transaction`select count(*)::int as count from groups`;
        const [eventsTold] =
          await transaction`select count(*)::int as count from events where action = 'group.created'`;
        return [groupsMade?.count, eventsTold?.count];
      });
      await owner.end();
      expect(counted).toEqual([1, 1]);
    } finally {
      await Promise.all(servers.map((server) => server.stop()));
      await Promise.all(directories.map(({ remove }) => remove()));
      await fresh.drop();
    }
  },
  180_000,
);
