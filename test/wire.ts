import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from '@jest/globals';
import type { Testbed } from './testbed.ts';

/** How long a refusal, and the honest request after it, may take: far less than what is bounded by a time-out, even on a busy machine. */
export const quickMs = 4000;

/** What came back over HTTP, and how long it took. */
export interface WireAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
  readonly tookMs: number;
}

const jsonType = { 'content-type': 'application/json' };

/** Posts a body as it is. */
export const post = (
  bed: Testbed,
  body: string | Uint8Array<ArrayBuffer>,
  headers: Record<string, string> = {},
): Promise<WireAnswer> => request(bed, '/graphql', { method: 'POST', body, headers: { ...jsonType, ...headers } });

/** Posts a document with what goes beside it. */
export const postDocument = (
  bed: Testbed,
  query: string,
  beside: object = {},
  headers: Record<string, string> = {},
): Promise<WireAnswer> => post(bed, JSON.stringify({ query, ...beside }), headers);

/** Sends what `fetch` can send. */
export const request = async (bed: Testbed, path: string, init: RequestInit = {}): Promise<WireAnswer> => {
  const started = performance.now();
  const response = await fetch(`${bed.url}${path}`, init);
  const body = await response.text();
  const type = response.headers.get('content-type') ?? '';
  return { status: response.status, type, body, tookMs: performance.now() - started };
};

/** Opens a connection and writes bytes to it. Answers and resets are left to whoever asked. */
export const dial = async ({ url }: Testbed, bytes: string | Uint8Array = ''): Promise<Socket> => {
  const { hostname, port } = new URL(url);
  const socket = connect(Number(port), hostname);
  socket.on('error', () => undefined);
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
};

/** Writes bytes as they are and reads the first answer, which must tell its length. The status is 0 when the connection is closed without one. */
export const sendBytes = async (bed: Testbed, bytes: string | Uint8Array): Promise<WireAnswer> => {
  const started = performance.now();
  const socket = await dial(bed, bytes);
  const received: Buffer[] = [];
  try {
    return await new Promise<WireAnswer>((resolve) => {
      socket.on('close', () => resolve({ status: 0, type: '', body: '', tookMs: performance.now() - started }));
      socket.on('data', (chunk: Buffer) => {
        received.push(chunk);
        const answer = firstAnswer(Buffer.concat(received).toString());
        if (answer !== undefined) resolve({ ...answer, tookMs: performance.now() - started });
      });
    });
  } finally {
    socket.destroy();
  }
};

const firstAnswer = (text: string): Omit<WireAnswer, 'tookMs'> | undefined => {
  const end = text.indexOf('\r\n\r\n');
  if (end < 0) return undefined;
  const head = text.slice(0, end);
  const length = Number(/^content-length: (\d+)$/im.exec(head)?.[1] ?? 0);
  const body = text.slice(end + 4, end + 4 + length);
  if (body.length < length) return undefined;
  return { status: Number(head.slice(9, 12)), type: /^content-type: (.*)$/im.exec(head)?.[1] ?? '', body };
};

/** What belongs to the server alone: stacks, files, statements, names that were not asked for. */
const internals =
  /stacktrace|node_modules|\.[cm]?[jt]s\b|\n? +at \S+ \(|\bselect\b.*\bfrom\b|\binsert into\b|postgres|pglite|Did you mean|\/(?:home|srv|src|tmp|usr|work)\//i;

interface Failure {
  readonly message: string;
  readonly extensions: { readonly code: string };
}

/**
 * The codes of a refusal, after a look that it is GraphQL's JSON with status 4xx, came quickly, tells nothing of the
 * inside and repeats at most a little of what was sent.
 */
export const refusalCodes = ({ status, type, body, tookMs }: WireAnswer): string[] => {
  expect(`${status} ${body}`).toMatch(/^4\d\d /);
  expect(type).toMatch(/^application\/(graphql-response\+)?json; charset=utf-8$/);
  const codes = failureCodes(body);
  expect(tookMs).toBeLessThan(quickMs);
  return codes;
};

/** The codes of the errors in an answer or in a socket's message, after the same look at what they tell. */
export const failureCodes = (body: string): string[] => {
  expect(body).not.toMatch(internals);
  expect(body.length).toBeLessThan(2000);
  const { errors } = JSON.parse(body) as { errors: Failure[] };
  for (const { message } of errors) expect(message.length).toBeLessThanOrEqual(200);
  const codes = errors.map(({ extensions }) => extensions.code);
  expect(codes).not.toHaveLength(0);
  expect(codes).not.toContain('INTERNAL_SERVER_ERROR');
  return codes;
};

/** Whether the server still answers an honest request, at once. */
export const expectHonestAnswer = async (bed: Testbed): Promise<void> => {
  const { status, body, tookMs } = await postDocument(bed, '{ __typename }');
  expect([status, JSON.parse(body)]).toMatchObject([200, { data: { __typename: 'Query' } }]);
  expect(tookMs).toBeLessThan(quickMs);
};

/** The settings of a server as it runs in production, on either database. */
export const production = { NODE_ENV: 'production', ENCRYPTION_KEYS: `test:${'A'.repeat(43)}` };
