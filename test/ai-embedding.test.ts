import { inspect } from 'node:util';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Deployment } from '../src/ai/deployment.ts';
import { embedAll } from '../src/ai/embedding.ts';
import { embedText } from '../src/search/hashing-embedding.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';

const key = 'sk-marker-51e0bd';
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
  model: 'fake-embedding',
  timeoutMs: 2_000,
  ...changes,
});

const failureOf = async (deployment: Deployment, texts: string[], signal?: AbortSignal): Promise<unknown> => {
  const error: unknown = await embedAll(deployment, texts, signal).then(
    () => undefined,
    (reason: unknown) => reason,
  );
  expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(key);
  return error;
};

/** The server writes a text's length at the first place and 1 at the second; the ratio survives the scaling. */
const lengthOf = ([first = 0, second = 1]: number[]): number => Math.round(first / second);

const vector = (length: number, first = 1): number[] => Array.from({ length }, (_, place) => (place === 0 ? first : 0));

test('texts are embedded in batches, their order kept, their tokens counted, each vector of unit length', async () => {
  const texts = Array.from({ length: 23 }, (_, index) => 'x'.repeat(index + 1));
  const { vectors, tokens } = await embedAll(deploymentOf({ maxBatch: 5 }), texts);

  expect(server.seen.map(({ body }) => (body.input as string[]).length)).toEqual([5, 5, 5, 5, 3]);
  expect(vectors.map(lengthOf)).toEqual(texts.map((text) => text.length));
  expect(vectors.map((one) => Math.hypot(...one).toFixed(6))).toEqual(texts.map(() => '1.000000'));
  expect(tokens).toBe(23);
});

test('no texts make no call', async () => {
  expect(await embedAll(deploymentOf(), [])).toEqual({ vectors: [], tokens: 0 });
  expect(server.seen).toHaveLength(0);
});

test('vectors sent out of order are put back by their index', async () => {
  server.script({
    embeddings: [
      { index: 1, embedding: vector(1536, -1) },
      { index: 0, embedding: vector(1536) },
    ],
  });
  const { vectors } = await embedAll(deploymentOf(), ['a', 'b']);
  expect(vectors.map(([first]) => first)).toEqual([1, -1]);
});

test('shorter vectors end in zeros, longer ones are refused with their number', async () => {
  for (const length of [1, 384, 768]) {
    server.script({ embeddings: [{ embedding: Array.from({ length }, () => 2) }] });
    const { vectors } = await embedAll(deploymentOf(), ['a']);
    expect(vectors[0]).toHaveLength(1536);
    expect(vectors[0]?.slice(length)).toEqual(Array.from({ length: 1536 - length }, () => 0));
    expect(Math.hypot(...(vectors[0] ?? []))).toBeCloseTo(1);
  }
  for (const length of [0, 1537, 3072]) {
    server.script({ embeddings: [{ embedding: vector(length) }] });
    expect(await failureOf(deploymentOf(), ['a'])).toMatchObject({
      kind: 'INVALID_RESPONSE',
      message: `The embedding model gives ${length} dimensions; Tessera takes 1 to 1536. Choose another model.`,
      dimensions: length,
    });
  }
  server.script({ embeddings: [{ embedding: vector(768) }, { embedding: vector(384) }] });
  expect(await failureOf(deploymentOf(), ['a', 'b'])).toMatchObject({ kind: 'INVALID_RESPONSE' });
});

test('a missing vector is refused', async () => {
  server.script({ embeddings: [{ embedding: vector(1536) }] });
  expect(await failureOf(deploymentOf(), ['a', 'b'])).toMatchObject({
    kind: 'INVALID_RESPONSE',
    message: 'The embedding model sent 1 vectors for 2 texts.',
  });
});

test('models that can cut their vectors are asked for 1536 dimensions, others are not asked', async () => {
  await embedAll(deploymentOf({ model: 'text-embedding-3-large' }), ['a']);
  await embedAll(deploymentOf({ model: 'text-embedding-3-large', dialect: 'openai' }), ['a']);
  await embedAll(deploymentOf(), ['a']);
  expect(server.seen.map(({ body }) => body.dimensions)).toEqual([1536, 1536, undefined]);
});

test('a fault is tried again, a refused key is not', async () => {
  server.script({ status: 500, headers: { 'retry-after-ms': '5' } });
  expect((await embedAll(deploymentOf(), ['abc'])).vectors.map(lengthOf)).toEqual([3]);
  server.script({ status: 401, body: { error: { message: key } } });
  expect(await failureOf(deploymentOf(), ['a'])).toMatchObject({ kind: 'UNAUTHORIZED' });
  expect(server.seen).toHaveLength(3);
});

test('a slow call is TIMEOUT, a cancelled one CANCELLED', async () => {
  server.script({ delayMs: 1_000 }, { delayMs: 1_000 });
  expect(await failureOf(deploymentOf({ timeoutMs: 50 }), ['a'])).toMatchObject({ kind: 'TIMEOUT' });
  expect(await failureOf(deploymentOf(), ['a'], AbortSignal.timeout(50))).toMatchObject({ kind: 'CANCELLED' });
  expect(await failureOf(deploymentOf(), ['a'], AbortSignal.abort())).toMatchObject({ kind: 'CANCELLED' });
  expect(server.seen).toHaveLength(2);
});

test('a provider without embedding models says so', async () => {
  expect(await failureOf(deploymentOf({ dialect: 'anthropic' }), ['a'])).toMatchObject({ kind: 'UNAVAILABLE' });
});

test('the built-in embedder gives what search computes, in the language of the texts', async () => {
  const builtin: Deployment = { dialect: 'builtin', model: 'hashing', timeoutMs: 1_000 };
  const { vectors } = await embedAll(builtin, ['Running dogs', 'laufende Hunde'], undefined, 'en');
  expect(vectors).toEqual([embedText('Running dogs', 'en'), embedText('laufende Hunde', 'en')]);
});
