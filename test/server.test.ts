import { connect, type Socket } from 'node:net';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { PassThrough } from 'node:stream';
import { setTimeout as pause } from 'node:timers/promises';
import { text } from 'node:stream/consumers';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { WebSocket } from 'ws';
import { BodyFault, readJsonBody } from '../src/body.ts';
import { conversationIn, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

type Bed = Awaited<ReturnType<typeof startTestbed>>;
let bed: Bed;
let production: Bed;
beforeAll(async () => {
  bed = await startTestbed({ CORS_ORIGINS: 'https://app.example' });
  production = await startTestbed({
    NODE_ENV: 'production',
    ENCRYPTION_KEYS: `test:${'A'.repeat(43)}`,
  });
});
afterAll(async () => {
  await bed.stop();
  await production.stop();
});

const json = { 'content-type': 'application/json' };
const send = (at: Testbed, body: string | Uint8Array<ArrayBuffer>, headers: Record<string, string> = json) =>
  fetch(`${at.url}/graphql`, { method: 'POST', headers, body });
const honest = async (at: Testbed) => (await at.anonymous.ask('{ __typename }')).data;

interface Failure {
  readonly message: string;
  readonly extensions: { readonly code: string; readonly requestId?: string };
}
/** What a refusal says, after a look that it is GraphQL's JSON and gives nothing away. */
const refusalOf = async (response: Response): Promise<Failure[]> => {
  expect(response.headers.get('content-type')).toMatch(/^application\/(graphql-response\+)?json/);
  const said = await response.text();
  expect(said).not.toMatch(/stacktrace|node_modules|\.ts\b|at .*:\d+/);
  expect(said.length).toBeLessThan(2000);
  return (JSON.parse(said) as { errors: Failure[] }).errors;
};

/** A connection that speaks HTTP by hand. */
const raw = async (at: Testbed, head: string): Promise<Socket> => {
  const { hostname, port } = new URL(at.url);
  const socket = connect(Number(port), hostname);
  await once(socket, 'connect');
  socket.write(head.replaceAll('\n', '\r\n'));
  return socket;
};
const answerOn = async (socket: Socket): Promise<{ status: number; body: string }> => {
  const said = await text(socket);
  return { status: Number(said.slice(9, 12)), body: said.slice(said.indexOf('\r\n\r\n') + 4) };
};

describe('what no honest client sends', () => {
  const operation = JSON.stringify({ query: '{ __typename }' });
  const bytes = (...values: number[]) => Uint8Array.from(values);
  test.each<[string, string | Uint8Array<ArrayBuffer>, Record<string, string>, number]>([
    ['malformed JSON', '{"query":', json, 400],
    ['an empty body', '', json, 400],
    ['a batch', `[${operation},${operation}]`, json, 400],
    ['a string', '"{ __typename }"', json, 400],
    ['null', 'null', json, 400],
    ['invalid UTF-8', bytes(0x7b, 0x22, 0x61, 0x22, 0x3a, 0x22, 0xff, 0x22, 0x7d), json, 400],
    ['an object without a query', '{}', json, 400],
    ['a query that is no string', '{"query":{"a":1}}', json, 400],
    ['variables that are no object', '{"query":"{ __typename }","variables":"x"}', json, 400],
    ['extensions that are no object', '{"query":"{ __typename }","extensions":1}', json, 400],
    ['a form', 'query=%7B__typename%7D', { 'content-type': 'application/x-www-form-urlencoded' }, 415],
    ['plain text', operation, { 'content-type': 'text/plain' }, 415],
    ['a multipart form', operation, { 'content-type': 'multipart/form-data; boundary=x' }, 415],
    ['a compressed body', operation, { ...json, 'content-encoding': 'gzip' }, 415],
    ['a body beyond 1 MB', JSON.stringify({ query: '#'.repeat(1_000_001) }), json, 413],
    ['a body of 30 MB', `{"query":"${'#'.repeat(30_000_000)}"}`, json, 413],
    ['a document of 100,000 characters', JSON.stringify({ query: `{ ${'a '.repeat(50_000)}}` }), json, 400],
    [
      'a huge operation name',
      JSON.stringify({ query: '{ __typename }', operationName: 'x'.repeat(100_000) }),
      json,
      400,
    ],
    [
      'an operation that is not there',
      JSON.stringify({ query: 'query A { __typename }', operationName: 'B' }),
      json,
      400,
    ],
    ['brackets without end', JSON.stringify({ query: '{a'.repeat(15_000) }), json, 400],
  ])('%s', async (_what, body, headers, status) => {
    const started = performance.now();
    const response = await send(production, body, headers);
    expect(response.status).toBe(status);
    expect((await refusalOf(response))[0]?.extensions.code).not.toBe('INTERNAL_SERVER_ERROR');
    expect(performance.now() - started).toBeLessThan(4000);
    expect(await honest(production)).toEqual({ __typename: 'Query' });
  });

  test('what is no HTTP, or has too large headers, is answered in JSON', async () => {
    const noise = await answerOn(await raw(production, 'HELLO\n\n'));
    expect(noise.status).toBe(400);
    expect(JSON.parse(noise.body)).toEqual({
      errors: [{ message: 'This is not HTTP.', extensions: { code: 'BAD_REQUEST' } }],
    });
    expect((await answerOn(await raw(production, `GET / HTTP/1.1\nx: ${'x'.repeat(20_000)}\n\n`))).status).toBe(431);
  });

  test('a mutation by GET is refused, and a query by GET needs a header that no form can send', async () => {
    const address = (query: string) => `${bed.url}/graphql?query=${encodeURIComponent(query)}`;
    const preflighted = { 'apollo-require-preflight': 'yes' };
    const signOut = await fetch(address('mutation { signOut { ok: __typename } }'), { headers: preflighted });
    expect(signOut.status).toBe(405);
    await refusalOf(signOut);
    const simple = await fetch(address('{ __typename }'));
    expect(simple.status).toBe(400);
    expect((await refusalOf(simple))[0]?.message).toContain('CSRF');
    const fine = await fetch(address('{ __typename }'), { headers: preflighted });
    expect(await fine.json()).toMatchObject({ data: { __typename: 'Query' } });
  });

  test.each(['PUT', 'DELETE', 'PATCH'])('the method %s is refused', async (method) => {
    const response = await fetch(`${bed.url}/graphql`, { method, headers: json });
    expect(response.status).toBe(405);
    await refusalOf(response);
  });

  test('an unknown path is not found', async () => {
    const response = await fetch(`${bed.url}/etc/passwd`, { method: 'POST', body: 'x'.repeat(100_000) });
    expect(response.status).toBe(404);
    expect(await refusalOf(response)).toEqual([
      { message: 'There is nothing here.', extensions: { code: 'NOT_FOUND' } },
    ]);
  });

  test('a body that does not arrive is given up', async () => {
    const request = Object.assign(new PassThrough(), { headers: json });
    request.write('{');
    await expect(readJsonBody(request as never, 20)).rejects.toEqual(
      new BodyFault(408, 'The body did not arrive in time.'),
    );
    expect(request.destroyed).toBe(false);
  });
});

describe('pages of other origins', () => {
  const preflight = (origin: string) =>
    fetch(`${bed.url}/graphql`, {
      method: 'OPTIONS',
      headers: { origin, 'access-control-request-method': 'POST', 'access-control-request-headers': 'content-type' },
    });
  test('one that is allowed passes the preflight', async () => {
    const response = await preflight('https://app.example');
    expect(response.status).toBe(204);
    expect(response.headers.get('access-control-allow-origin')).toBe('https://app.example');
    expect(response.headers.get('access-control-allow-headers')).toBe('content-type');
  });
  test.each(['https://evil.example', 'https://app.example.evil', 'http://app.example', 'null'])(
    '%s does not',
    async (origin) => {
      expect((await preflight(origin)).headers.get('access-control-allow-origin')).toBeNull();
      const answered = await send(bed, '{"query":"{ __typename }"}', { ...json, origin });
      expect(answered.headers.get('access-control-allow-origin')).toBeNull();
    },
  );
});

describe('what production keeps to itself', () => {
  test('the schema cannot be asked for, by any door', async () => {
    for (const query of ['{ __schema { types { name } } }', '{ __type(name: "User") { name } }'])
      expect(await production.anonymous.codes(query)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
    expect(await bed.anonymous.want('{ __schema { queryType { name } } }')).toEqual({
      __schema: { queryType: { name: 'Query' } },
    });
  });
  test('a wrong name gets no proposal', async () => {
    const messages = async (at: Testbed) => (await at.anonymous.ask('{ viewr { id } }')).errors.map((e) => e.message);
    expect(await messages(production)).toEqual(['Cannot query field "viewr" on type "Query".']);
    expect((await messages(bed))[0]).toContain('Did you mean "viewer"');
  });
  test('GraphiQL is served in development only', async () => {
    const page = await fetch(`${bed.url}/graphiql`);
    expect([page.status, page.headers.get('content-type')]).toEqual([200, expect.stringContaining('text/html')]);
    expect((await fetch(`${production.url}/graphiql`)).status).toBe(404);
    const landing = await fetch(`${production.url}/graphql`, { headers: { accept: 'text/html' } });
    expect(landing.headers.get('content-type')).toMatch(/json/);
  });
});

test('a fault of ours shows its code and the request, nothing else', async () => {
  const { throttles } = production.server.installation.services;
  const spend = throttles.signIn.spend.bind(throttles.signIn);
  throttles.signIn.spend = () => Promise.reject(new Error('password=hunter2 at /srv/secret.ts'));
  const query = 'mutation { signIn(input: { email: "a@example.com", password: "wrong horse" }) { token } }';
  const response = await send(production, JSON.stringify({ query }));
  throttles.signIn.spend = spend;
  const [error, ...others] = await refusalOf(response);
  expect(others).toEqual([]);
  expect(error).toMatchObject({ message: 'Something went wrong on our side.' });
  expect(error?.extensions).toEqual({
    code: 'INTERNAL_SERVER_ERROR',
    requestId: response.headers.get('x-request-id'),
  });
});

test('each answer has an id of its own and tells its cost', async () => {
  const responses = await Promise.all([1, 2].map(() => send(bed, '{"query":"{ __typename }"}')));
  const ids = responses.map((response) => response.headers.get('x-request-id'));
  expect(ids[0]).toMatch(/^[0-9a-f-]{36}$/);
  expect(ids[0]).not.toBe(ids[1]);
  const ada = await bed.signUp();
  const { extensions } = await ada.ask('{ viewer { user { id } } }');
  expect(extensions.cost).toEqual({ requested: expect.any(Number), actual: expect.any(Number), limit: 10_000 });
});

test('a document that was sent once goes by its hash', async () => {
  const query = '{ known: __typename }';
  const sha256Hash = createHash('sha256').update(query).digest('hex');
  const extensions = { persistedQuery: { version: 1, sha256Hash } };
  const ask = async (body: object) => (await send(production, JSON.stringify(body))).json();
  expect(await ask({ extensions })).toMatchObject({ errors: [{ extensions: { code: 'PERSISTED_QUERY_NOT_FOUND' } }] });
  expect(await ask({ query, extensions })).toMatchObject({ data: { known: 'Query' } });
  expect(await ask({ extensions })).toMatchObject({ data: { known: 'Query' } });
  expect(await ask({ query: '{ other: __typename }', extensions })).toMatchObject({
    errors: [{ extensions: { code: 'BAD_REQUEST' } }],
  });
});

test('the probes answer', async () => {
  const live = await fetch(`${bed.url}/health/live`);
  expect([live.status, await live.json()]).toEqual([200, { status: 'live' }]);
  const ready = await fetch(`${bed.url}/health/ready`);
  expect([ready.status, await ready.json()]).toEqual([200, { status: 'ready' }]);
});

describe('sockets', () => {
  const open = (at: Testbed, headers: Record<string, string> = {}) =>
    new WebSocket(`${at.url.replace('http', 'ws')}/graphql`, 'graphql-transport-ws', { headers });
  const say = (socket: WebSocket, message: object) => socket.send(JSON.stringify(message));
  const heard = async (socket: WebSocket): Promise<Record<string, unknown>> => {
    const [data] = (await once(socket, 'message')) as [Buffer];
    return JSON.parse(data.toString()) as Record<string, unknown>;
  };
  const greeted = async (at: Testbed, payload: object = {}) => {
    const socket = open(at);
    await once(socket, 'open');
    say(socket, { type: 'connection_init', payload });
    expect(await heard(socket)).toEqual({ type: 'connection_ack' });
    return socket;
  };
  const ask = async (socket: WebSocket, payload: object) => {
    say(socket, { id: '1', type: 'subscribe', payload });
    return heard(socket);
  };

  test('a page of a foreign origin gets none', async () => {
    const socket = open(bed, { origin: 'https://evil.example' });
    const [, response] = (await once(socket, 'unexpected-response')) as [unknown, { statusCode: number }];
    expect(response.statusCode).toBe(403);
    socket.on('error', () => undefined).terminate();
    const fine = open(bed, { origin: 'https://app.example' });
    await once(fine, 'open');
    fine.terminate();
  });

  test('a wrong token is refused', async () => {
    const socket = open(bed);
    await once(socket, 'open');
    say(socket, { type: 'connection_init', payload: { authorization: `Bearer tess_${'a'.repeat(43)}` } });
    expect((await once(socket, 'close'))[0]).toBe(4403);
  });

  test('a message of 10 MB closes it', async () => {
    const socket = await greeted(production);
    socket.on('error', () => undefined);
    socket.send('x'.repeat(10_000_000));
    expect((await once(socket, 'close'))[0]).toBe(1009);
    expect(await honest(production)).toEqual({ __typename: 'Query' });
  });

  test('noise closes it', async () => {
    const socket = await greeted(production);
    socket.send('{"type":');
    expect((await once(socket, 'close'))[0]).toBe(4400);
  });

  test('whoever did not sign in is told so', async () => {
    const socket = await greeted(production);
    const answer = await ask(socket, { query: '{ viewer { user { id } } }' });
    expect(answer).toMatchObject({ payload: { errors: [{ extensions: { code: 'UNAUTHENTICATED' } }] } });
    socket.terminate();
  });

  test.each<[string, object, string]>([
    [
      '51 aliases',
      { query: `{ ${Array.from({ length: 51 }, (_, i) => `a${i}: __typename`).join(' ')} }` },
      'QUERY_TOO_COMPLEX',
    ],
    ['a huge operation name', { query: '{ __typename }', operationName: 'x'.repeat(101) }, 'QUERY_TOO_COMPLEX'],
    [
      'deep variables',
      { query: '{ __typename }', variables: { a: JSON.parse('['.repeat(20) + ']'.repeat(20)) } },
      'QUERY_TOO_COMPLEX',
    ],
    ['introspection', { query: '{ __schema { types { name } } }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['a wrong field', { query: '{ viewr { id } }' }, 'GRAPHQL_VALIDATION_FAILED'],
    ['no GraphQL', { query: '{' }, 'GRAPHQL_PARSE_FAILED'],
    [
      'an operation that is not there',
      { query: 'query A { __typename }', operationName: 'B' },
      'OPERATION_RESOLUTION_FAILURE',
    ],
    ['a missing variable', { query: 'query ($id: ID!) { node(id: $id) { id } }' }, 'BAD_USER_INPUT'],
  ])('%s is refused as over HTTP', async (_what, payload, code) => {
    const socket = await greeted(production);
    const overHttp = (await (await send(production, JSON.stringify(payload))).json()) as { errors: Failure[] };
    const { type, payload: said } = await ask(socket, payload);
    const errors = type === 'error' ? (said as Failure[]) : (said as { errors: Failure[] }).errors;
    expect(errors.map((error) => error.extensions.code)).toEqual([code]);
    expect(overHttp.errors.map((error) => error.extensions.code)).toEqual([code]);
    expect(JSON.stringify(errors)).not.toMatch(/Did you mean|stacktrace/);
    socket.terminate();
  });

  test('more than 100 operations at a time are too many', async () => {
    const ada = await bed.signUp();
    const socket = await greeted(bed, ada.headers);
    const refused = new Promise<Record<string, unknown>>((resolve) => {
      socket.on('message', (data: Buffer) => {
        const message = JSON.parse(data.toString()) as Record<string, unknown>;
        if (message.type === 'error') resolve(message);
      });
    });
    const conversationId = await conversationIn(ada, await workspaceOf(ada));
    const query =
      'subscription ($conversationId: ID!) { answerStream(conversationId: $conversationId) { __typename } }';
    for (let id = 1; id <= 101; id++)
      say(socket, { id: String(id), type: 'subscribe', payload: { query, variables: { conversationId } } });
    expect(await refused).toMatchObject({ id: '101', payload: [{ extensions: { code: 'RATE_LIMITED' } }] });
    socket.terminate();
  });
});

test('a stop lets the running request finish and takes no other', async () => {
  const own = await startTestbed();
  const body = JSON.stringify({ query: '{ __typename }' });
  const head = `POST /graphql HTTP/1.1\nhost: x\ncontent-type: application/json\ncontent-length: ${body.length}\n\n`;
  const running = await raw(own, head + body.slice(0, 5));
  await pause(100);
  const stopped = own.stop();
  await pause(100);
  const refusal = (await raw(own, '').catch((error: unknown) => error)) as { code?: string };
  expect(refusal.code).toBe('ECONNREFUSED');
  running.write(body.slice(5));
  const { status, body: said } = await answerOn(running);
  expect(status).toBe(200);
  expect(said).toContain('"__typename":"Query"');
  await stopped;
});
