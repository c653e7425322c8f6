import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { streamAnswer, type AnswerRequest, type AnswerResult } from '../src/ai/answer.ts';
import type { Deployment } from '../src/ai/deployment.ts';
import { ModelFailure, type FailureKind } from '../src/ai/failure.ts';
import { QuestionTooLong } from '../src/ai/prompt.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';

const key = 'sk-marker-7f3a9c';
let server: OpenAiServer;

beforeAll(async () => {
  server = await startOpenAiServer();
});
beforeEach(() => server.reset());
afterAll(() => server.stop());

const deploymentOf = (changes: Partial<Deployment> = {}): Deployment => ({
  dialect: 'openai-compatible',
  baseUrl: server.url,
  apiKey: key,
  model: 'fake',
  timeoutMs: 5_000,
  ...changes,
});

const requestOf = (changes: Partial<AnswerRequest> = {}): AnswerRequest => ({
  deployment: deploymentOf(),
  system: 'You help.',
  history: [],
  question: 'How many days of leave?',
  passages: [{ title: 'Leave', text: 'Employees get 25 days of leave.', score: 0.9 }],
  language: 'en',
  ...changes,
});

const read = async (request: AnswerRequest) => {
  const deltas: string[] = [];
  let result: AnswerResult | undefined;
  for await (const part of streamAnswer(request)) {
    if (part.type === 'delta') deltas.push(part.text);
    else result = part.result;
  }
  return { deltas, result };
};

const failureOf = async (request: AnswerRequest): Promise<ModelFailure> => {
  const error: unknown = await read(request).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(error).toBeInstanceOf(ModelFailure);
  // Whatever went wrong, neither the failure nor anything reachable from it knows the key.
  expect(inspect(error, { depth: 20, showHidden: true, getters: true })).not.toContain(key);
  return error as ModelFailure;
};

test.each(['openai-compatible', 'openai'] as const)(
  '%s streams deltas, then the whole answer with usage',
  async (dialect) => {
    const { deltas, result } = await read(requestOf({ deployment: deploymentOf({ dialect }), temperature: 0.2 }));

    expect(deltas).toEqual(['Hello', ' there', '.']);
    expect(result).toMatchObject({
      text: 'Hello there.',
      finishReason: 'stop',
      usage: { inputTokens: 11, outputTokens: 3, estimated: false },
      passagesUsed: 1,
      turnsUsed: 0,
    });
    expect(server.seen[0]).toMatchObject({
      path: '/v1/chat/completions',
      authorization: `Bearer ${key}`,
      body: {
        model: 'fake',
        stream: true,
        stream_options: { include_usage: true },
        temperature: 0.2,
        max_tokens: 1024,
      },
    });
  },
);

test('usage is counted here when the provider gives none', async () => {
  server.script({ noUsage: true });
  const { result } = await read(requestOf());
  expect(result?.usage).toMatchObject({ outputTokens: 3, estimated: true });
  expect(result?.usage.inputTokens).toBeGreaterThan(100);
});

test('times are measured to the first delta and to the end', async () => {
  server.script({ delayMs: 60, gapMs: 60 });
  const { result } = await read(requestOf());
  expect(result?.timeToFirstTokenMs).toBeGreaterThanOrEqual(55);
  expect((result?.latencyMs ?? 0) - (result?.timeToFirstTokenMs ?? 0)).toBeGreaterThanOrEqual(100);
});

test('a slow first byte is TIMEOUT, and the call is given up', async () => {
  server.script({ delayMs: 1_000 });
  const failure = await failureOf(requestOf({ timeouts: { firstByteMs: 80 } }));
  expect(failure).toMatchObject({
    kind: 'TIMEOUT',
    text: '',
    message: 'The model did not begin to answer within 0.08 s.',
  });
  expect(server.seen).toHaveLength(1);
});

test('a stall in the middle is TIMEOUT with the text so far', async () => {
  server.script({ stallAfter: 2 });
  const failure = await failureOf(requestOf({ timeouts: { gapMs: 80 } }));
  expect(failure).toMatchObject({ kind: 'TIMEOUT', text: 'Hello there' });
});

test('an answer that never ends is TIMEOUT at the total', async () => {
  server.script({ deltas: Array.from({ length: 100 }, () => 'x'), gapMs: 20 });
  const failure = await failureOf(requestOf({ timeouts: { totalMs: 150 } }));
  expect(failure).toMatchObject({ kind: 'TIMEOUT', message: 'The model did not finish its answer within 0.15 s.' });
  expect(failure.text).toMatch(/^x{3,9}$/);
});

test.each([
  ['a cut connection', { cutAfter: 2 }, 'Hello there'],
  ['a cut before the end of the stream', { cutAfter: 3 }, 'Hello there.'],
  ['a stream without a finish part', { unfinished: true }, 'Hello there.'],
])('%s is INTERRUPTED with the text so far, not tried again', async (_what, reply, text) => {
  for (const dialect of ['openai-compatible', 'openai'] as const) {
    server.reset();
    server.script(reply);
    expect(await failureOf(requestOf({ deployment: deploymentOf({ dialect }) }))).toMatchObject({
      kind: 'INTERRUPTED',
      text,
    });
    expect(server.seen).toHaveLength(1);
  }
});

test.each<[number, FailureKind]>([
  [400, 'REFUSED'],
  [401, 'UNAUTHORIZED'],
  [403, 'UNAUTHORIZED'],
  [404, 'UNAVAILABLE'],
])('status %i is %s at once, and the body does not get out', async (status, kind) => {
  server.script({ status, body: { error: { message: `Incorrect key ${key}` } } });
  const failure = await failureOf(requestOf());
  expect(failure).toMatchObject({ kind, status });
  expect(server.seen).toHaveLength(1);
});

test('429 with Retry-After is tried once more after that time, then RATE_LIMITED', async () => {
  const limited = { status: 429, headers: { 'retry-after': '0.2' }, body: { error: { message: key } } };
  server.script(limited, { ...limited, headers: { 'retry-after': '7' } });
  const began = performance.now();
  const failure = await failureOf(requestOf());
  expect(failure).toMatchObject({ kind: 'RATE_LIMITED', status: 429, retryAfterSeconds: 7 });
  expect(performance.now() - began).toBeGreaterThanOrEqual(195);
  expect(server.seen).toHaveLength(2);
});

test('a Retry-After longer than the caller waits is believed at once', async () => {
  server.script({ status: 429, headers: { 'retry-after': '120' } });
  expect(await failureOf(requestOf())).toMatchObject({ kind: 'RATE_LIMITED', retryAfterSeconds: 120 });
  expect(server.seen).toHaveLength(1);
});

test('500 and then success is success', async () => {
  server.script({ status: 500, headers: { 'retry-after-ms': '10' } });
  const { result } = await read(requestOf());
  expect(result?.text).toBe('Hello there.');
  expect(server.seen).toHaveLength(2);
});

test('two 503 are UNAVAILABLE', async () => {
  const down = { status: 503, headers: { 'retry-after-ms': '10' } };
  server.script(down, down);
  expect(await failureOf(requestOf())).toMatchObject({ kind: 'UNAVAILABLE', status: 503 });
});

test('a server that is not there is UNAVAILABLE', async () => {
  const deployment = deploymentOf({ baseUrl: 'http://127.0.0.1:1/v1', maxRetries: 0 });
  expect(await failureOf(requestOf({ deployment }))).toMatchObject({
    kind: 'UNAVAILABLE',
    message: 'The model provider cannot be reached.',
  });
});

test.each([
  ['no JSON', 'data: {"choices":[{"delta":{"content":"ab\n\n'],
  ['the wrong shape', 'data: {"choices":"none"}\n\n'],
])('an event with %s is INVALID_RESPONSE with the text so far', async (_what, event) => {
  server.script({ deltas: ['Hello'], rawEvents: [event] });
  expect(await failureOf(requestOf())).toMatchObject({ kind: 'INVALID_RESPONSE', text: 'Hello' });
});

test('an error inside the stream is told by its code', async () => {
  server.script(
    { deltas: ['Hello'], rawEvents: [`data: {"error":{"message":"${key}","code":"rate_limit_exceeded"}}\n\n`] },
    { deltas: ['Hello'], rawEvents: [`data: {"error":{"message":"${key}","type":"server_error"}}\n\n`] },
  );
  expect(await failureOf(requestOf())).toMatchObject({ kind: 'RATE_LIMITED', text: 'Hello' });
  expect(await failureOf(requestOf())).toMatchObject({ kind: 'INTERRUPTED', text: 'Hello' });
});

test('an answer withheld by the provider is REFUSED, an empty one INVALID_RESPONSE', async () => {
  server.script({ deltas: ['I'], finishReason: 'content_filter' }, { deltas: [] });
  expect(await failureOf(requestOf())).toMatchObject({ kind: 'REFUSED', text: 'I' });
  expect(await failureOf(requestOf())).toMatchObject({ kind: 'INVALID_RESPONSE', text: '' });
});

test('an answer cut at the token limit says so', async () => {
  server.script({ finishReason: 'length' });
  expect((await read(requestOf())).result?.finishReason).toBe('length');
});

test('cancelling in the middle is CANCELLED with the text so far, and the provider is left', async () => {
  server.script({ stallAfter: 2 });
  const controller = new AbortController();
  const texts: string[] = [];
  const reading = (async () => {
    for await (const part of streamAnswer(requestOf({ signal: controller.signal }))) {
      if (part.type === 'delta') texts.push(part.text);
      if (texts.length === 2) controller.abort();
    }
  })();
  await expect(reading).rejects.toMatchObject({ kind: 'CANCELLED', text: 'Hello there' });
  while (server.seen[0]?.aborted === false) await new Promise(setImmediate);
  expect(server.seen[0]?.aborted).toBe(true);
});

test('a signal aborted beforehand makes no call', async () => {
  expect(await failureOf(requestOf({ signal: AbortSignal.abort() }))).toMatchObject({ kind: 'CANCELLED' });
  expect(server.seen).toHaveLength(0);
});

test('a reader that stops reading ends the call', async () => {
  server.script({ stallAfter: 1 });
  for await (const part of streamAnswer(requestOf())) if (part.type === 'delta') break;
  while (server.seen[0]?.aborted === false) await new Promise(setImmediate);
  expect(server.seen[0]?.aborted).toBe(true);
});

test('a question beyond the window is refused before any call', async () => {
  const request = requestOf({ question: 'word '.repeat(9_000) });
  await expect(read(request)).rejects.toThrow(QuestionTooLong);
  expect(server.seen).toHaveLength(0);
});

test('the built-in answerer streams through the same path', async () => {
  const deployment: Deployment = { dialect: 'builtin', model: 'extractive', timeoutMs: 5_000 };
  const { deltas, result } = await read(requestOf({ deployment }));
  expect(result?.text).toBe('According to “Leave”:\n\n“Employees get 25 days of leave.” [1]');
  expect(deltas.join('')).toBe(result?.text);
  expect(deltas.length).toBeGreaterThan(5);
  expect(result).toMatchObject({ finishReason: 'stop', usage: { estimated: false } });
});
