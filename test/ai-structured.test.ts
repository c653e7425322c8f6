import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import type { Deployment } from '../src/ai/deployment.ts';
import { ModelFailure } from '../src/ai/failure.ts';
import {
  objectSchema,
  streamStructured,
  UnfitSchema,
  type StructuredRequest,
  type StructuredResult,
} from '../src/ai/structured.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';

let server: OpenAiServer;
beforeAll(async () => {
  server = await startOpenAiServer();
});
beforeEach(() => server.reset());
afterAll(() => server.stop());

const given = {
  type: 'object',
  properties: {
    name: { type: 'string', minLength: 1 },
    tags: { type: 'array', items: { enum: ['red', 'white'] }, maxItems: 2 },
    note: { anyOf: [{ type: 'string' }, { type: 'null' }] },
  },
  required: ['name'],
  additionalProperties: false,
};

const ask = async (
  request: Partial<StructuredRequest> = {},
  changes: Partial<Deployment> = {},
): Promise<StructuredResult> => {
  const deployment: Deployment = {
    dialect: 'openai-compatible',
    baseUrl: server.url,
    apiKey: 'key',
    model: 'fake',
    timeoutMs: 5000,
    ...changes,
  };
  const asked = { system: '', question: 'Which rose?', schema: objectSchema(given), ...request };
  for await (const part of streamStructured(deployment, asked)) if (part.type === 'result') return part.result;
  throw new Error('A call gives a result or throws.');
};
const failure = async (asked: Promise<unknown>): Promise<ModelFailure> => {
  const error: unknown = await asked.catch((thrown: unknown) => thrown);
  if (!(error instanceof ModelFailure)) throw error;
  return error;
};

test('a model is told the schema, and what it writes is read', async () => {
  server.script({ deltas: ['{"name":"Peace",', '"tags":["red"],"note":null}'] });
  const object = { name: 'Peace', tags: ['red'], note: null };
  const usage = { inputTokens: 11, cachedInputTokens: 0, outputTokens: 2, estimated: false };
  expect(await ask({ temperature: 0.2 }, { maxOutputTokens: 50 })).toMatchObject({ object, usage });
  const messages = [{ role: 'user', content: 'Which rose?' }];
  expect(server.seen[0]?.body).toMatchObject({
    temperature: 0.2,
    max_tokens: 50,
    messages,
    response_format: { type: 'json_schema', json_schema: { schema: given } },
  });
});

test.each([
  ['is broken off', '{"name":"Pea'],
  ['is no JSON', 'A rose.'],
  ['is of another type', '["Peace"]'],
  ['lacks what is required', '{"tags":[]}'],
  ['breaks a bound', '{"name":"Peace","tags":["red","red","red"]}'],
  ['holds what is not there', '{"name":"Peace","colour":"red"}'],
])('what %s is no answer, and its cost is told', async (_what, text) => {
  server.script({ deltas: [text] });
  const { kind, text: told, usage } = await failure(ask());
  expect({ kind, told, usage }).toMatchObject({ kind: 'INVALID_RESPONSE', told: text, usage: { outputTokens: 1 } });
  expect(server.seen).toHaveLength(1);
});

test('it is tried again, bounded in time and stopped as an answer is', async () => {
  server.script({ status: 500 }, { deltas: ['{"name":"Peace"}'] });
  expect((await ask()).object).toEqual({ name: 'Peace' });
  server.script({ delayMs: 3000 });
  expect((await failure(ask({ timeouts: { firstByteMs: 200 } }, { maxRetries: 0 }))).kind).toBe('TIMEOUT');
  server.script({ deltas: ['{', '}'], stallAfter: 1 });
  expect((await failure(ask({ signal: AbortSignal.timeout(300) }))).kind).toBe('CANCELLED');
});

test.each([
  ['no object', { type: 'array', items: {} }],
  ['a reference', { type: 'object', properties: { a: { $ref: '#' } } }],
  ['a pattern', { type: 'object', properties: { a: { type: 'string', pattern: '(a+)+$' } } }],
  ['an unknown type', { type: 'object', properties: { a: { type: 'date' } } }],
  ['another shape', { type: 'object', properties: { a: 'string' } }],
  ['a length', { type: 'object', description: 'x'.repeat(16_000) }],
  ['a depth', Array.from({ length: 13 }).reduce<object>((inner) => ({ type: 'object', properties: { a: inner } }), {})],
])('a schema with %s is refused', (_what, schema) => {
  expect(() => objectSchema(schema)).toThrow(UnfitSchema);
});
