import { once } from 'node:events';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { refuseSocket } from '../src/refusal.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { dial, expectHonestAnswer, failureCodes, production, quickMs, refusalCodes, sendBytes } from './wire.ts';

let bed: Testbed;
let ada: Person;
/** Connections that came first and go on while the other tests run. */
let slow: Slow[];
beforeAll(async () => {
  bed = await startTestbed({ ...production, CORS_ORIGINS: 'https://app.example' });
  ada = await bed.signUp();
  const posting = 'POST /graphql HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\n';
  const live = 'GET /health/live HTTP/1.1\r\nhost: x\r\n';
  slow = [
    await slowly(bed, 'in silence', 408, ''),
    await slowly(bed, 'header by header', 408, `${posting}x: `, 'a'),
    await slowly(bed, 'byte by byte', 408, `${posting}content-length: 100000\r\n\r\n`, ' '),
    await slowly(bed, 'in small chunks', 408, `${posting}transfer-encoding: chunked\r\n\r\n`, '1\r\n \r\n'),
    await slowly(bed, 'without the rest of the body', 408, `${posting}content-length: 9\r\n\r\n{`),
    await slowly(bed, 'without the body that nobody reads', 200, `${live}content-length: 9\r\n\r\n{`),
    await slowly(bed, 'after an answer', 200, `${live}\r\n`),
    ...(await Promise.all(Array.from({ length: 200 }, () => slowly(bed, 'in a crowd', 408, posting)))),
  ];
});
afterAll(async () => {
  for (const { socket } of slow) socket.destroy();
  await bed.stop();
});

/** A connection that never ends its request, and what became of it. */
interface Slow {
  readonly how: string;
  readonly status: number;
  readonly socket: Socket;
  readonly closed: Promise<{ readonly status: number; readonly afterMs: number }>;
}

/** Opens a connection that sends `start` and then, twice a second, `more`; it is expected to end with `status`. */
const slowly = async (at: Testbed, how: string, status: number, start: string, more?: string): Promise<Slow> => {
  const socket = await dial(at, start);
  const opened = performance.now();
  let said = '';
  socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
  const timer = setInterval(() => more !== undefined && socket.writable && socket.write(more), 500);
  const closed = once(socket, 'close').then(() => {
    clearInterval(timer);
    return { status: Number(said.slice(9, 12)), afterMs: performance.now() - opened };
  });
  return { how, status, socket, closed };
};

const opened = async (
  protocol: string | string[] = 'graphql-transport-ws',
  headers: Record<string, string> = {},
): Promise<WebSocket> => {
  const socket = new WebSocket(`${bed.url.replace('http', 'ws')}/graphql`, protocol, { headers });
  socket.on('error', () => undefined);
  await once(socket, 'open');
  return socket;
};
const heard = async (socket: WebSocket): Promise<{ type: string; payload?: unknown }> => {
  const [data] = (await once(socket, 'message')) as [Buffer];
  return JSON.parse(data.toString()) as { type: string; payload?: unknown };
};
const greeting = '{"type":"connection_init"}';
const greeted = async (person?: Person): Promise<WebSocket> => {
  const socket = await opened();
  socket.send(JSON.stringify({ type: 'connection_init', payload: person?.headers ?? {} }));
  expect(await heard(socket)).toEqual({ type: 'connection_ack' });
  return socket;
};
const subscribe = (id: string, payload: object): string => JSON.stringify({ id, type: 'subscribe', payload });
/** An operation that lasts, and another one of the same id. */
const twice = (id: string): string[] => {
  const query = 'mutation { signIn(input: { email: "nobody@example.com", password: "x" }) { token } }';
  return [subscribe(id, { query }), subscribe(id, { query })];
};

describe('a socket', () => {
  const handshake = (...headers: string[]) =>
    [
      'GET /graphql HTTP/1.1',
      'host: x',
      'connection: upgrade',
      'upgrade: websocket',
      'sec-websocket-version: 13',
      'sec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==',
      ...headers,
      '',
      '',
    ].join('\r\n');

  test.each<[string, string, number, string]>([
    ['for a page of a foreign origin', handshake('origin: https://evil.example'), 403, 'FORBIDDEN'],
    ['for a page of an origin that begins alike', handshake('origin: https://app.example.evil'), 403, 'FORBIDDEN'],
    ['for a page without an origin of its own', handshake('origin: null'), 403, 'FORBIDDEN'],
    ['at another path', handshake().replace('/graphql', '/uploads/x'), 404, 'NOT_FOUND'],
    ['without a key', handshake().replace(/sec-websocket-key.*\r\n/, ''), 400, 'BAD_REQUEST'],
    ['of another version', handshake().replace('version: 13', 'version: 7'), 400, 'BAD_REQUEST'],
    ['by POST', handshake().replace('GET', 'POST'), 400, 'BAD_REQUEST'],
    ['with protocols that are none', handshake('sec-websocket-protocol: ,,'), 400, 'BAD_REQUEST'],
  ])('%s is refused in GraphQL’s JSON', async (_what, bytes, status, code) => {
    const answer = await sendBytes(bed, bytes);
    expect([answer.status, refusalCodes(answer)]).toEqual([status, [code]]);
    await expectHonestAnswer(bed);
  });

  test('that is refused may be gone already', async () => {
    const gone = new Duplex({ read: () => undefined, write: (_chunk, _encoding, done) => done(new Error('EPIPE')) });
    refuseSocket(gone, 403, {});
    await new Promise((resolve) => gone.once('close', resolve));
    // Without a listener the error would have ended the process.
    expect(gone.listenerCount('error')).toBe(1);
    expect(gone.destroyed).toBe(true);
  });

  test('opens for an allowed origin', async () => {
    const socket = await opened('graphql-transport-ws', { origin: 'https://app.example' });
    socket.terminate();
  });

  test('that does not say who it is, is closed', async () => {
    const socket = await opened();
    const started = performance.now();
    expect((await once(socket, 'close'))[0]).toBe(4408);
    expect(performance.now() - started).toBeLessThan(5000);
  });

  test.each<[string, readonly (string | Buffer)[], number]>([
    ['an operation before the greeting', [subscribe('1', { query: '{ __typename }' })], 4401],
    ['two greetings', [greeting, greeting], 4429],
    ['no JSON', ['{"type":'], 4400],
    ['an array', ['[]'], 4400],
    ['null', ['null'], 4400],
    ['an unknown type', ['{"type":"__proto__"}'], 4400],
    ['deep JSON', [`{"type":"connection_init","payload":${'['.repeat(90_000)}`], 4400],
    ['bytes', [Buffer.from([0xff, 0, 0xfe])], 4400],
    ['an operation without an id', [greeting, '{"type":"subscribe","payload":{"query":"{ __typename }"}}'], 4400],
    ['an operation whose query is an object', [greeting, subscribe('1', { query: { a: 1 } })], 4400],
    ['an operation whose variables are a list', [greeting, subscribe('1', { query: '{ a }', variables: [1] })], 4400],
    ['200 kB', [greeting, subscribe('1', { query: ' '.repeat(200_000) })], 1009],
    ['10 MB', [greeting, ' '.repeat(10_000_000)], 1009],
    ['an id of 90,000 characters twice', [greeting, ...twice('x'.repeat(90_000))], 4409],
  ])('that sends %s is closed', async (_what, messages, code) => {
    const socket = await opened();
    for (const message of messages) socket.send(message);
    const started = performance.now();
    const [closed, reason] = (await once(socket, 'close')) as [number, Buffer];
    expect([closed, reason.length < 60]).toEqual([code, true]);
    expect(performance.now() - started).toBeLessThan(quickMs);
    await expectHonestAnswer(bed);
  });

  test('of another protocol is closed', async () => {
    const socket = await opened([]);
    expect((await once(socket, 'close'))[0]).toBe(4406);
  });

  const list = (count: number, text: (at: number) => string) =>
    Array.from({ length: count }, (_, at) => text(at)).join(' ');
  test.each<[string, object, string]>([
    ['of 1000 aliases', { query: `{ ${list(1000, (at) => `a${at}: __typename`)} }` }, 'QUERY_TOO_COMPLEX'],
    ['of one endless alias', { query: `{ ${'a'.repeat(30_000)}: __typename }` }, 'QUERY_TOO_COMPLEX'],
    [
      'that doubles',
      { query: `{ ...F0 } ${list(55, (at) => `fragment F${at} on Query { __typename ...F${at + 1} ...F${at + 1} }`)}` },
      'QUERY_TOO_COMPLEX',
    ],
    ['of deep brackets', { query: '{a'.repeat(19_000) }, 'QUERY_TOO_COMPLEX'],
    ['that asks for the schema', { query: '{ a: __schema { types { name } } }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'that asks for the schema by a subscription',
      { query: 'subscription { ...F } fragment F on Subscription { __type(name: "User") { name } }' },
      'GRAPHQL_VALIDATION_FAILED',
    ],
    ['with a wrong name', { query: '{ viewr { id } }' }, 'GRAPHQL_VALIDATION_FAILED'],
    [
      'with a null character',
      { query: 'query ($id: ID!) { node(id: $id) { id } }', variables: { id: 'a\0' } },
      'BAD_USER_INPUT',
    ],
    [
      'with a wrong variable',
      { query: 'query ($id: ID!) { node(id: $id) { id } }', variables: { id: { a: 1 } } },
      'BAD_USER_INPUT',
    ],
    [
      'with a wrong address',
      {
        query: 'mutation ($to: EmailAddress!) { signIn(input: { email: $to, password: "x" }) { token } }',
        variables: { to: 'ada' },
      },
      'BAD_USER_INPUT',
    ],
    [
      'of nobody',
      { query: 'subscription { jobProgress(id: "job_01h455vb4pex5vsknk084sn02q") { id } }' },
      'UNAUTHENTICATED',
    ],
    ['of nothing', { query: '' }, 'GRAPHQL_PARSE_FAILED'],
  ])('gets an operation %s refused', async (_what, payload, code) => {
    const socket = await greeted();
    socket.send(subscribe('1', payload));
    const { type, payload: said } = await heard(socket);
    const errors = type === 'error' ? { errors: said } : said;
    expect(new Set(failureCodes(JSON.stringify(errors)))).toEqual(new Set([code]));
    socket.terminate();
    await expectHonestAnswer(bed);
  });

  test('with 1000 operations at once gets an answer to each, many of them refusals', async () => {
    const socket = await greeted(ada);
    const ended = new Map<string, number>();
    const codes = new Set<unknown>();
    socket.on('message', (data: Buffer) => {
      const { id, type, payload } = JSON.parse(data.toString()) as { id: string; type: string; payload: unknown };
      if (type === 'error') codes.add((payload as { extensions: { code: string } }[])[0]?.extensions.code);
      if (type !== 'next') ended.set(id, (ended.get(id) ?? 0) + 1);
    });
    for (let id = 0; id < 1000; id++) socket.send(subscribe(String(id), { query: '{ viewer { user { id } } }' }));
    await expectHonestAnswer(bed);
    while (ended.size < 1000) await once(socket, 'message');
    expect([...ended.values()].every((count) => count === 1)).toBe(true);
    expect([...codes]).toEqual(['RATE_LIMITED']);
    socket.terminate();
  });

  test('that forgets its operations at once still runs no more than 100', async () => {
    const { throttles } = bed.server.installation.services;
    const spend = throttles.signIn.spend.bind(throttles.signIn);
    const released = Promise.withResolvers<void>();
    const begun: (readonly string[])[] = [];
    throttles.signIn.spend = async (keys) => {
      begun.push(keys);
      await released.promise;
      return spend(keys);
    };
    const socket = await greeted();
    const query = 'mutation { signIn(input: { email: "nobody@example.com", password: "x" }) { token } }';
    for (let id = 0; id < 300; id++) {
      socket.send(subscribe(String(id), { query }));
      socket.send(JSON.stringify({ id: String(id), type: 'complete' }));
    }
    // Refusals may come before it, of operations that were not forgotten yet.
    const allTaken = new Promise<void>((resolve) => {
      socket.on('message', (data: Buffer) => data.includes('"pong"') && resolve());
    });
    socket.send('{"type":"ping"}');
    await allTaken;
    while (begun.length < 100) await pause(10);
    await pause(100);
    expect(begun).toHaveLength(100);
    await expectHonestAnswer(bed);
    throttles.signIn.spend = spend;
    released.resolve();
    socket.terminate();
  });

  test('that sends and does not read is closed', async () => {
    const socket = await greeted();
    const closed = once(socket, 'close');
    socket.pause();
    const ping = JSON.stringify({ type: 'ping', payload: { text: 'x'.repeat(190_000) } });
    for (let sent = 0; sent < 250; sent++) socket.send(ping);
    while (socket.bufferedAmount > 0 && socket.readyState === WebSocket.OPEN) await pause(10);
    await pause(200);
    socket.resume();
    expect((await closed)[0]).toBe(1006);
    await expectHonestAnswer(bed);
  });

  test('is told to come later while nobody can look its token up', async () => {
    const { viewers } = bed.server.installation.services;
    const ofToken = viewers.ofToken.bind(viewers);
    const failing = () => Promise.reject(new Error('select secret from /srv/tessera.ts'));
    const early = await greeted(ada);
    viewers.ofToken = failing;
    const refused = heard(early);
    early.send(subscribe('1', { query: '{ viewer { user { id } } }' }));
    const late = await opened();
    late.send(JSON.stringify({ type: 'connection_init', payload: ada.headers }));
    const [closed, reason] = (await once(late, 'close')) as [number, Buffer];
    viewers.ofToken = ofToken;
    expect([closed, reason.toString()]).toEqual([1013, 'Try again later.']);
    expect(await refused).toEqual({
      id: '1',
      type: 'error',
      payload: [{ message: 'Something went wrong on our side.', extensions: { code: 'INTERNAL_SERVER_ERROR' } }],
    });
    early.terminate();
  });
});

test('connections that never end their request are closed within 30 seconds, the others answered meanwhile', async () => {
  await expectHonestAnswer(bed);
  const ended = await Promise.all(slow.map(async ({ how, closed }) => ({ how, ...(await closed) })));
  expect(ended.filter(({ afterMs }) => afterMs > 30_000)).toEqual([]);
  expect(ended.map(({ how, status }) => [how, status])).toEqual(slow.map(({ how, status }) => [how, status]));
  await expectHonestAnswer(bed);
}, 40_000);
