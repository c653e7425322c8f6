import { once } from 'node:events';
import { Agent, request } from 'node:http';
import { connect } from 'node:net';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { WebSocket } from 'ws';
import { chanceFrom } from '../bench/faults/chance.ts';
import { runRounds } from '../bench/faults/rounds.ts';
import { startFragileInstallation, type FragileInstallation } from '../bench/faults/installation.ts';
import { startPostgres, type PostgresCluster } from '../scripts/postgres.ts';
import { createTesseraDatabase } from '../scripts/tessera-database.ts';
import { dataDirectory, startTessera, testEncryptionKey, type TesseraProcess } from '../scripts/tessera-process.ts';
import { conversationIn, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// These kill what they start, so that they need servers of their own.
const wherePostgresIs = process.env.TEST_POSTGRES_URL === undefined ? describe.skip : describe;

wherePostgresIs('kills', () => {
  let installation: FragileInstallation;
  beforeAll(async () => {
    installation = await startFragileInstallation();
  });
  afterAll(() => installation.stop());

  test('of a server, a worker and the database lose nothing that was acknowledged', async () => {
    const report = await runRounds(installation, {
      victims: ['server', 'worker', 'database'],
      chance: chanceFrom(7),
      visitors: 4,
      roundsPerLook: 3,
      patienceSeconds: 40,
      hasten: true,
      beforeKillMs: [300, 900],
      beforeRestartMs: [0, 300],
    });
    const { lost, halfDone, stuck, chronicle } = report;
    expect({ lost, halfDone, stuck, surprises: chronicle.surprises }).toEqual({
      lost: [],
      halfDone: [],
      stuck: [],
      surprises: [],
    });
    expect(chronicle.entries.length).toBeGreaterThan(20);
  }, 60_000);
});

wherePostgresIs('a database that is away', () => {
  let cluster: PostgresCluster;
  let bed: Testbed;
  let ada: Person;
  beforeAll(async () => {
    cluster = await startPostgres({ durable: true });
    const { url } = await createTesseraDatabase(cluster.superuserUrl, 'away');
    bed = await startTestbed({ DATABASE_URL: url });
    ada = await bed.signUp();
  });
  afterAll(async () => {
    await bed.stop();
    await cluster.stop();
  });
  const codesWithin = async (ms: number, text: string, variables: object = {}) => {
    const began = performance.now();
    const { errors, status } = await ada.ask(text, variables);
    expect(performance.now() - began).toBeLessThan(ms);
    expect([200, 503]).toContain(status);
    return errors.map(({ extensions }) => extensions.code);
  };
  const health = async (probe: string) => (await fetch(`${bed.url}/health/${probe}`)).status;

  test.each(['a crash', 'a restart'])('by %s is told of at once and works again by itself', async (how) => {
    const workspaceId = await workspaceOf(ada);
    const conversationId = await conversationIn(ada, workspaceId);
    await cluster.kill9();
    const ask = 'mutation ($id: ID!) { ask(input: { conversationId: $id, text: "Who?" }) { answer { status } } }';
    // Not even who asks is known now.
    bed.server.installation.services.viewers.forgetAll();
    const subscription = ada.subscribe('subscription ($id: ID!) { answerStream(conversationId: $id) { __typename } }', {
      id: conversationId,
    });
    await expect(subscription.results.next()).rejects.toMatchObject([{ extensions: { code: 'UNAVAILABLE' } }]);
    await subscription.stop();
    for (let look = 0; look < 10; look++) {
      expect(await codesWithin(1000, '{ viewer { user { name } } workspaces { totalCount } }')).toEqual([
        'UNAVAILABLE',
      ]);
      expect(await codesWithin(1000, ask, { id: conversationId })).toEqual(['UNAVAILABLE']);
      expect([await health('ready'), await health('live')]).toEqual([503, 200]);
      await pause(100);
    }
    await cluster.restart();
    // A restart in good order takes its leave of every connection, which the driver must not mistake for an answer.
    if (how === 'a restart') await cluster.restart();
    const back = performance.now();
    while ((await health('ready')) !== 200) expect(performance.now() - back).toBeLessThan(5000);
    // As many at once as there are connections, so that each is tried.
    const all = await Promise.all(
      Array.from({ length: 20 }, () => ada.codes('{ viewer { user { name } } workspaces { totalCount } }')),
    );
    expect(all.flat()).toEqual([]);
    expect(await codesWithin(5000, ask, { id: conversationId })).toEqual([]);
    const { addDocument }: { addDocument: { document: { status: string } } } = await ada.want(
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { status } } }',
      { input: { workspaceId, title: 'Roses', text: 'Roses need light.', wait: true } },
    );
    expect(addDocument.document.status).toBe('READY');
    await heardFromElsewhere(cluster, bed);
  });
});

/** Waits until the server hears again what other processes notify. */
const heardFromElsewhere = async (cluster: PostgresCluster, bed: Testbed): Promise<void> => {
  const { bus } = bed.server.installation.services;
  const other = postgres(Object.assign(new URL(cluster.superuserUrl), { pathname: '/away' }).href, { max: 1 });
  const messages = bus.subscribe('elsewhere');
  const heard = messages.next();
  const said = JSON.stringify({ from: 'another', topic: 'elsewhere', message: { said: true } });
  const speaking = new AbortController();
  const saying = (async () => {
    for (let attempt = 0; attempt < 30 && !speaking.signal.aborted; attempt++) {
      await other`select pg_notify('tessera', ${said})`;
      await pause(100);
    }
  })();
  expect(await Promise.race([heard, saying])).toEqual({ done: false, value: { said: true } });
  speaking.abort();
  await saying;
  await other.end();
};

wherePostgresIs('connections held by others', () => {
  test('are waited for no longer than set, and none is lost', async () => {
    const bed = await startTestbed({ DATABASE_POOL_SIZE: '2', DATABASE_ACQUIRE_TIMEOUT_SECONDS: '1' });
    const ada = await bed.signUp();
    const workspaceId = await workspaceOf(ada);
    const conversationId = await conversationIn(ada, workspaceId);
    const owner = postgres(bed.ownerUrl ?? '', { max: 2, onnotice: () => undefined });
    const connections = async () =>
      (
        await owner`select count(*)::int as count from pg_stat_activity where datname = current_database() and usename <> current_user`
      )[0]?.count as number;
    const before = await connections();
    const add = () =>
      ada.codes('mutation ($id: ID!) { addMessage(input: { conversationId: $id, content: "x" }) { message { id } } }', {
        id: conversationId,
      });
    const release = Promise.withResolvers<void>();
    const locked = Promise.withResolvers<void>();
    const holder = owner.begin(async (sql) => {
      await sql`select from conversations for update`;
      locked.resolve();
      await release.promise;
    });
    await locked.promise;
    // Two take both connections and wait for the lock; the others wait for a connection.
    const held = [add(), add()];
    await pause(200);
    const began = performance.now();
    const refused = await Promise.all([add(), add(), ada.codes('{ workspaces { totalCount } }')]);
    expect(refused).toEqual([['UNAVAILABLE'], ['UNAVAILABLE'], ['UNAVAILABLE']]);
    expect(performance.now() - began).toBeLessThan(3000);
    release.resolve();
    await holder;
    expect(await Promise.all(held)).toEqual([[], []]);
    expect(await Promise.all(Array.from({ length: 20 }, add))).toEqual(Array.from({ length: 20 }, () => []));
    expect(await connections()).toBeLessThanOrEqual(Math.max(before, 3));
    await owner.end();
    await bed.stop();
  });
});

interface Reply {
  readonly status: number;
  readonly body: string;
}

/** Sends one request on a connection that is kept alive; rejects when it breaks off. */
const post = (url: string, agent: Agent, token: string, body: object): Promise<Reply> =>
  new Promise((resolve, reject) => {
    const text = JSON.stringify(body);
    const headers = {
      'content-type': 'application/json',
      'content-length': Buffer.byteLength(text),
      authorization: `Bearer ${token}`,
    };
    const sent = request(`${url}/graphql`, { method: 'POST', agent, headers }, (response) => {
      let said = '';
      response.setEncoding('utf8').on('data', (piece: string) => (said += piece));
      response.on('end', () =>
        response.complete ? resolve({ status: response.statusCode ?? 0, body: said }) : reject(new Error('cut off')),
      );
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(text);
  });

wherePostgresIs('SIGTERM under load', () => {
  let servers: TesseraProcess[];
  let files: Awaited<ReturnType<typeof dataDirectory>>;
  let drop: () => Promise<void>;
  beforeAll(async () => {
    files = await dataDirectory();
    const database = await createTesseraDatabase(process.env.TEST_POSTGRES_URL ?? '', `drain_${Date.now()}`);
    ({ drop } = database);
    const environment = {
      NODE_ENV: 'production',
      DATABASE_URL: database.url,
      ENCRYPTION_KEYS: testEncryptionKey,
      TESSERA_DATA_DIR: files.path,
      RATE_LIMIT: 'off',
      LOG_LEVEL: 'warn',
      SHUTDOWN_GRACE_SECONDS: '5',
      // Whoever waits for a document waits to the end of the grace.
      WORKERS: 'off',
    };
    servers = await Promise.all([startTessera(environment), startTessera(environment)]);
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop('SIGKILL')));
    await drop();
    await files.remove();
  });

  test('breaks no request, closes sockets with a code and ends in time', async () => {
    const [stopping, staying] = servers;
    if (stopping === undefined || staying === undefined) throw new Error('There are two servers.');
    const agent = new Agent({ keepAlive: true });
    const want = async <Data>(token: string, query: string, variables: object = {}): Promise<Data> =>
      (JSON.parse((await post(stopping.url, agent, token, { query, variables })).body) as { data: Data }).data;
    const { signUp } = await want<{ signUp: { token: string } }>(
      '',
      'mutation { signUp(input: { email: "ada@example.com", password: "correct horse battery", name: "Ada", organizationName: "A" }) { token } }',
    );
    const { token } = signUp;
    const { createWorkspace } = await want<{ createWorkspace: { workspace: { id: string } } }>(
      token,
      'mutation { createWorkspace(input: { name: "Garden" }) { workspace { id } } }',
    );
    const workspaceId = createWorkspace.workspace.id;
    const { startConversation } = await want<{ startConversation: { conversation: { id: string } } }>(
      token,
      'mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }',
      { input: { workspaceId, title: 'Roses' } },
    );
    const conversationId = startConversation.conversation.id;
    const { createUpload } = await want<{ createUpload: { upload: { url: string } } }>(
      token,
      'mutation { createUpload(input: { name: "a.txt", size: 1000, mimeType: "text/plain" }) { upload { url } } }',
    );
    const deeds = [
      { query: '{ workspaces { totalCount } }' },
      {
        query: 'mutation ($id: ID!) { addMessage(input: { conversationId: $id, content: "x" }) { message { id } } }',
        variables: { id: conversationId },
      },
      {
        query: 'mutation ($id: ID!) { ask(input: { conversationId: $id, text: "Who?" }) { answer { status } } }',
        variables: { id: conversationId },
      },
    ];
    const counts = { answered: 0, faulty: 0, refused: 0, broken: 0 };
    const leaving = new AbortController();
    /** Goes to the other server once the first takes no more, as a balancer does. */
    const client = async (at: number): Promise<void> => {
      const own = new Agent({ keepAlive: true, maxSockets: 1 });
      let { url } = stopping;
      while (!leaving.signal.aborted) {
        const deed = deeds[at % deeds.length] ?? {};
        const reply = await post(url, own, token, deed).catch((error: NodeJS.ErrnoException) => error);
        if (Error.isError(reply)) {
          counts[reply.code === 'ECONNREFUSED' ? 'refused' : 'broken']++;
          ({ url } = staying);
        } else {
          const { data, errors } = JSON.parse(reply.body) as { data?: object; errors?: object[] };
          counts[reply.status === 200 && data !== undefined && errors === undefined ? 'answered' : 'faulty']++;
        }
        // Some are idle for a moment between their requests.
        await pause((at % 4) * 20);
      }
      own.destroy();
    };
    const socket = new WebSocket(`${stopping.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws');
    await once(socket, 'open');
    const closed = once(socket, 'close');
    const upload = uploadSlowly(createUpload.upload.url, 1000, 1500);
    const waiting = want<{ addDocument: { document: { status: string } } }>(
      token,
      'mutation ($id: ID!) { addDocument(input: { workspaceId: $id, title: "x", text: "x", wait: true }) { document { status } } }',
      { id: workspaceId },
    );
    const clients = Array.from({ length: 24 }, (_, at) => client(at));
    await pause(1500);
    const began = performance.now();
    const exit = await stopping.stop();
    const took = performance.now() - began;
    await pause(300);
    leaving.abort();
    await Promise.all(clients);
    agent.destroy();
    expect({ ...counts, answered: 0, refused: 0 }).toEqual({ answered: 0, faulty: 0, refused: 0, broken: 0 });
    expect(counts.answered).toBeGreaterThan(100);
    expect((await closed)[0]).toBe(1001);
    expect(await upload).toMatch(/^HTTP\/1.1 200 /);
    expect((await waiting).addDocument.document.status).toBe('PENDING');
    expect(exit).toBe(0);
    expect(took).toBeLessThan(5000);
  });
});

/** Sends a file by hand, the second half of it after a while; gives all that the server said. */
const uploadSlowly = async (url: string, size: number, afterMs: number): Promise<string> => {
  const { hostname, port, pathname } = new URL(url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(`PUT ${pathname} HTTP/1.1\r\nhost: x\r\ncontent-length: ${size}\r\n\r\n${'a'.repeat(size / 2)}`);
  let said = '';
  socket.setEncoding('utf8').on('data', (piece: string) => (said += piece));
  const ended = once(socket, 'close');
  await pause(afterMs + 500);
  socket.write('a'.repeat(size / 2));
  await ended;
  return said;
};
