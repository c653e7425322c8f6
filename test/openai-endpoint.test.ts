import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { desc } from 'drizzle-orm';
import OpenAI, {
  APIError,
  AuthenticationError,
  BadRequestError,
  NotFoundError,
  PermissionDeniedError,
  RateLimitError,
} from 'openai';
import { database } from '../src/database/client.ts';
import { executionLogs, type ExecutionLogRow } from '../src/domains/modelhub/execution-tables.ts';
import type { Context } from '../src/domains/context.ts';
import { RateLimited } from '../src/errors.ts';
import { globalId } from '../src/ids.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

let bed: Testbed;
let server: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let reader: Colleague;
let workspaceId: string;
let secret: string;
let keyId: string;
let client: OpenAI;

interface Made {
  createProvider: { provider: { id: string } };
  createApiKey: { apiKey: { id: string }; secret: string };
}

const keyOf = async (person: Person, scopes: readonly string[], workspaceIds?: readonly string[]) => {
  const made: Made = await person.want(
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey { id } secret } }',
    { input: { label: 'program', scopes, ...(workspaceIds && { workspaceIds }) } },
  );
  return made.createApiKey;
};

const clientOf = (apiKey: string): OpenAI => new OpenAI({ apiKey, baseURL: `${bed.url}/v1`, maxRetries: 0 });

beforeAll(async () => {
  bed = await startTestbed();
  server = await startOpenAiServer();
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  const provider = { name: 'Fake', slug: 'fake', dialect: 'OPENAI_COMPATIBLE', baseUrl: server.url };
  const made: Made = await ada.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: provider },
  );
  const { id: providerId } = made.createProvider.provider;
  const model = (input: object) =>
    ada.want('mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }', {
      input: { providerId, contextWindow: 8192, inputPrice: '0.0000025', outputPrice: '0.00001', ...input },
    });
  await model({ name: 'talker', capabilities: ['TOOLS', 'STRUCTURED_OUTPUT', 'VISION'] });
  await model({ name: 'plain' });
  await model({ name: 'vectors', type: 'EMBEDDING' });
  await ada.want(
    'mutation ($input: CreateProviderKeyInput!) { createProviderKey(input: $input) { providerKey { id } } }',
    { input: { providerId, label: 'main', key: 'sk-test-12345678' } },
  );
  workspaceId = await workspaceOf(ada, { name: 'Handbook' });
  reader = await colleagueOf(bed, ada.organizationId, 'Reader', 'MEMBER', { [workspaceId]: 'VIEWER' });
  ({
    secret,
    apiKey: { id: keyId },
  } = await keyOf(ada, ['MODEL_CALL']));
  client = clientOf(secret);
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await server.stop();
});
beforeEach(() => server.reset());

const hello = [{ role: 'user' as const, content: 'Hello' }];
const talk = { model: 'talker', messages: hello };

/** The newest calls of the ledger once none is under way: an answer does not wait until its call is settled. */
const settledCalls = async (): Promise<ExecutionLogRow[]> => {
  for (const deadline = Date.now() + 8000; ; await pause(20)) {
    const unit = unitOf(bed, ada.organizationId);
    const rows = await unit.run(() => database.select().from(executionLogs).orderBy(desc(executionLogs.id)).limit(5));
    await unit.rest();
    if (rows.every(({ status }) => status !== 'PENDING') || Date.now() > deadline) return rows;
  }
};

/** What the client makes of a request that must fail. */
const refusalOf = (request: Promise<unknown>): Promise<unknown> =>
  request.then(
    (answer) => answer,
    (error: unknown) => error,
  );

describe('chat completions', () => {
  test('answer in one piece, and stand in the ledger under the key', async () => {
    const { data, response } = await client.chat.completions
      .create({ ...talk, metadata: { team: 'docs' } }, { headers: { 'x-tessera-tags': 'nightly, batch' } })
      .withResponse();
    expect(data).toMatchObject({
      object: 'chat.completion',
      model: 'fake/talker',
      choices: [{ index: 0, finish_reason: 'stop', message: { role: 'assistant', content: 'Hello there.' } }],
      usage: { prompt_tokens: 11, completion_tokens: 3, total_tokens: 14 },
    });
    expect(response.headers.get('x-request-id')).toMatch(/^[0-9a-f-]{36}$/);
    const [call] = await settledCalls();
    expect(`chatcmpl-${call?.id}`).toBe(data.id);
    expect(call).toMatchObject({
      purpose: 'chat',
      status: 'SUCCESS',
      userId: uuidOf(ada.userId),
      apiKeyId: uuidOf(keyId),
      workspaceId: null,
      modelName: 'talker',
      tags: ['nightly', 'batch', 'team=docs'],
      inputTokens: 11,
      outputTokens: 3,
      estimated: false,
      // 11 × 0.0000025 + 3 × 0.00001
      cost: '0.000057500000',
    });
    expect(call?.timeToFirstTokenMs).not.toBeNull();
  });

  test('come as they are written, chunk by chunk as OpenAI sends them', async () => {
    const response = await fetch(`${bed.url}/v1/chat/completions`, {
      method: 'POST',
      headers: { authorization: `Bearer ${secret}`, 'content-type': 'application/json' },
      body: JSON.stringify({ ...talk, stream: true, stream_options: { include_usage: true }, unheard_of: 1 }),
    });
    expect(response.headers.get('content-type')).toBe('text/event-stream; charset=utf-8');
    const events = (await response.text()).split('\n\n').map((event) => event.replace('data: ', ''));
    expect(events.splice(-2)).toEqual(['[DONE]', '']);
    const chunks = events.map((event) => JSON.parse(event) as OpenAI.ChatCompletionChunk);
    expect(new Set(chunks.map(({ id }) => id)).size).toBe(1);
    expect(chunks.map(({ choices }) => choices[0]?.delta)).toEqual([
      { role: 'assistant', content: '', refusal: null },
      { content: 'Hello' },
      { content: ' there' },
      { content: '.' },
      {},
      undefined,
    ]);
    expect(chunks.map(({ choices }) => choices[0]?.finish_reason ?? null)).toEqual([
      null,
      null,
      null,
      null,
      'stop',
      null,
    ]);
    expect(chunks.map(({ usage }) => usage?.total_tokens ?? null)).toEqual([null, null, null, null, null, 14]);
  });

  test('cost two statements, of which one is behind the answer', async () => {
    await client.chat.completions.create(talk);
    await settledCalls();
    bed.statements.length = 0;
    server.script({ gapMs: 300 });
    const stream = await client.chat.completions.create({ ...talk, stream: true });
    let before: string[] | undefined;
    for await (const chunk of stream) if (chunk.object !== undefined) before ??= [...bed.statements];
    const functions = (texts: readonly string[] | undefined) => texts?.map((text) => /app_\w+_call/.exec(text)?.[0]);
    expect(functions(before)).toEqual(['app_reserve_call']);
    for (const deadline = Date.now() + 8000; bed.statements.length < 2 && Date.now() < deadline; await pause(10));
    expect(functions(bed.statements)).toEqual(['app_reserve_call', 'app_settle_call']);
  });

  test('are kept word for word where the organization wants that', async () => {
    const keep = (kept: boolean) =>
      ada.want(
        'mutation ($kept: Boolean!) { updateOrganization(input: { settings: { keepCallContents: $kept } }) { organization { id } } }',
        { kept },
      );
    await keep(true);
    const { id } = await client.chat.completions.create(talk);
    await settledCalls();
    await keep(false);
    await client.chat.completions.create(talk);
    const [unkept] = await settledCalls();
    const contentOf = async (executionId: string): Promise<unknown> => {
      const { modelCall }: { modelCall: unknown } = await ada.want(
        'query ($id: ID!) { modelCall: node(id: $id) { ... on ModelCall { input output } } }',
        { id: globalId('ModelCall', executionId) },
      );
      return modelCall;
    };
    expect(await contentOf(id.replace('chatcmpl-', ''))).toEqual({
      input: JSON.stringify({ messages: [{ role: 'user', text: 'Hello' }] }),
      output: 'Hello there.',
    });
    expect(await contentOf(unkept?.id ?? '')).toEqual({ input: null, output: null });
  });

  test('are made by members, whose calls are in no workspace', async () => {
    const { secret: own } = await keyOf(reader, ['MODEL_CALL']);
    const { id } = await clientOf(own).chat.completions.create(talk);
    const [call] = await settledCalls();
    expect(id).toBe(`chatcmpl-${call?.id}`);
    expect(call).toMatchObject({ status: 'SUCCESS', userId: uuidOf(reader.userId), workspaceId: null });
  });

  test('hand on what the caller asks for', async () => {
    const image = { type: 'image_url' as const, image_url: { url: 'data:image/png;base64,iVBORw0KGgo=' } };
    await client.chat.completions.create({
      model: 'fake/talker',
      messages: [
        { role: 'developer', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'text', text: 'What is this?' }, image] },
      ],
      temperature: 0.5,
      top_p: 0.9,
      max_completion_tokens: 77,
      stop: ['END'],
      seed: 7,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      user: 'customer-1',
    });
    expect(server.seen[0]?.body).toMatchObject({
      model: 'talker',
      messages: [
        { role: 'system', content: 'Be brief.' },
        { role: 'user', content: [{ type: 'text', text: 'What is this?' }, image] },
      ],
      temperature: 0.5,
      top_p: 0.9,
      max_tokens: 77,
      stop: ['END'],
      seed: 7,
      presence_penalty: 0.1,
      frequency_penalty: 0.2,
      user: 'customer-1',
      stream: true,
    });
  });

  test('go round by tools, whose arguments come piece by piece', async () => {
    const chunkOf = (delta: object, finish: string | null = null) =>
      `data: ${JSON.stringify({ id: 'x', created: 1, model: 'fake', choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`;
    const begun = { index: 0, id: 'call_1', type: 'function', function: { name: 'weather', arguments: '' } };
    const pieces = ['{"city":', '"Oslo"}'].map((text) =>
      chunkOf({ tool_calls: [{ index: 0, function: { arguments: text } }] }),
    );
    const rawEvents = [chunkOf({ tool_calls: [begun] }), ...pieces, chunkOf({}, 'tool_calls'), 'data: [DONE]\n\n'];
    server.script({ deltas: [], rawEvents });
    const parameters = { type: 'object', properties: { city: { type: 'string' } } };
    const tools: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: { name: 'weather', parameters } }];
    const runner = client.chat.completions.stream({ ...talk, tools, tool_choice: 'required' });
    const heard: string[] = [];
    runner.on('tool_calls.function.arguments.delta', ({ arguments_delta: delta }) => heard.push(delta));
    const { choices } = await runner.finalChatCompletion();
    expect(heard.filter((text) => text !== '')).toEqual(['{"city":', '"Oslo"}']);
    const calls = choices[0]?.message.tool_calls ?? [];
    expect(choices[0]?.finish_reason).toBe('tool_calls');
    expect(calls).toMatchObject([{ id: 'call_1', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }]);
    expect(server.seen[0]?.body).toMatchObject({
      tools: [{ type: 'function', function: { name: 'weather', parameters } }],
      tool_choice: 'required',
    });
    // No usage came, and it was counted.
    expect((await settledCalls())[0]).toMatchObject({ status: 'SUCCESS', estimated: true });

    const messages: OpenAI.ChatCompletionMessageParam[] = [
      ...hello,
      {
        role: 'assistant',
        content: null,
        tool_calls: calls.map(({ id, function: called }) => ({ id, type: 'function', function: called })),
      },
      { role: 'tool', tool_call_id: 'call_1', content: 'Rain.' },
    ];
    const answer = await client.chat.completions.create({ model: 'talker', messages, tools });
    expect(answer.choices[0]?.message.content).toBe('Hello there.');
    expect(server.seen[1]?.body).toMatchObject({
      messages: [
        { role: 'user', content: 'Hello' },
        {
          role: 'assistant',
          tool_calls: [{ id: 'call_1', function: { name: 'weather', arguments: '{"city":"Oslo"}' } }],
        },
        { role: 'tool', tool_call_id: 'call_1', content: 'Rain.' },
      ],
    });
  });

  test('are JSON that fits a schema', async () => {
    server.script({ deltas: ['{"city":', '"Oslo"}'] });
    const schema = {
      type: 'object',
      properties: { city: { type: 'string' } },
      required: ['city'],
      additionalProperties: false,
    };
    const parsed = await client.chat.completions.parse({
      ...talk,
      response_format: {
        type: 'json_schema',
        json_schema: { name: 'place', schema, strict: true },
      },
    });
    expect(parsed.choices[0]?.message.parsed).toEqual({ city: 'Oslo' });
    expect(server.seen[0]?.body).toMatchObject({
      response_format: { type: 'json_schema', json_schema: { name: 'place', schema, strict: true } },
    });
  });

  test('are cancelled at the provider when the caller hangs up, and settled with what was used', async () => {
    server.script({ deltas: ['One', ' two'], stallAfter: 2 });
    const stream = await client.chat.completions.create({ ...talk, stream: true });
    for await (const chunk of stream) if (chunk.choices[0]?.delta.content === ' two') stream.controller.abort();
    const [call] = await settledCalls();
    expect(call).toMatchObject({
      status: 'ERROR',
      errorKind: 'CANCELLED',
      estimated: true,
      inputTokens: 1,
      outputTokens: 2,
    });
    expect(Number(call?.cost)).toBeCloseTo(0.0000225);
    for (const deadline = Date.now() + 8000; !server.seen[0]?.aborted && Date.now() < deadline; await pause(10));
    expect(server.seen[0]?.aborted).toBe(true);
  });

  test('whose provider dies in the middle end with an error, also in the ledger', async () => {
    server.script({ deltas: ['One', ' two'], cutAfter: 2 });
    const stream = await client.chat.completions.create({ ...talk, stream: true });
    let text = '';
    const read = async () => {
      for await (const chunk of stream) text += chunk.choices[0]?.delta.content ?? '';
    };
    const error = await refusalOf(read());
    expect(error).toBeInstanceOf(APIError);
    expect(error).toMatchObject({ code: 'provider_fault', type: 'server_error' });
    expect(text).toBe('One two');
    expect((await settledCalls())[0]).toMatchObject({
      status: 'ERROR',
      errorKind: 'INTERRUPTED',
      estimated: true,
      outputTokens: 2,
    });
  });
});

const monthsEnd = (at: Date): string => new Date(Date.UTC(at.getUTCFullYear(), at.getUTCMonth() + 1)).toISOString();

describe('refusals', () => {
  const refused = (body: object, with_ = client) => refusalOf(with_.chat.completions.create({ ...talk, ...body }));

  test('are the classes of the client', async () => {
    const unknown = await refused({}, clientOf('tsr_key_nobody'));
    expect(unknown).toBeInstanceOf(AuthenticationError);
    expect(unknown).toMatchObject({ status: 401, code: 'invalid_api_key' });
    const { secret: other } = await keyOf(ada, ['MODEL_READ']);
    const forbidden = await refused({}, clientOf(other));
    expect(forbidden).toBeInstanceOf(PermissionDeniedError);
    expect(forbidden).toMatchObject({ status: 403, code: 'insufficient_permissions' });
    const missing = await refused({ model: 'gpt-9' });
    expect(missing).toBeInstanceOf(NotFoundError);
    expect(missing).toMatchObject({ status: 404, code: 'model_not_found', param: 'model' });
    expect(server.seen).toEqual([]);
  });

  test.each([
    [{ messages: [] }, 'messages'],
    [{ messages: [{ role: 'user', content: [{ type: 'input_audio' }] }] }, 'messages[0].content'],
    [{ messages: [{ role: 'tool', tool_call_id: 'nowhere', content: '' }] }, 'messages[0].tool_call_id'],
    [{ temperature: 3 }, 'temperature'],
    [{ n: 2 }, 'n'],
    [{ logprobs: true }, 'logprobs'],
    [{ modalities: ['audio'] }, 'modalities'],
    [{ model: 'plain', tools: [{ type: 'function', function: { name: 'weather' } }] }, 'tools'],
    [{ model: 'vectors' }, 'model'],
    [
      { messages: [{ role: 'user', content: [{ type: 'image_url', image_url: { url: 'http://127.0.0.1/x' } }] }] },
      'messages',
    ],
  ])('%j names %s', async (body, param) => {
    const error = await refused(body);
    expect(error).toBeInstanceOf(BadRequestError);
    expect(error).toMatchObject({ status: 400, param });
    expect(server.seen).toEqual([]);
  });

  test('by a bound that is reached say when it begins anew', async () => {
    const { secret: bounded, apiKey } = await keyOf(ada, ['MODEL_CALL']);
    const budget = { subjectId: apiKey.id, measure: 'REQUESTS', window: 'MONTH', limit: '1' };
    await ada.want('mutation ($input: CreateBudgetInput!) { createBudget(input: $input) { budget { id } } }', {
      input: budget,
    });
    await clientOf(bounded).chat.completions.create(talk);
    const resetsAt = monthsEnd(new Date());
    const error = await refused({}, clientOf(bounded));
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'insufficient_quota', type: 'insufficient_quota' });
    const { headers, message } = error as RateLimitError;
    const secondsLeft = (Date.parse(resetsAt) - Date.now()) / 1000;
    expect(Math.abs(Number(headers.get('retry-after')) - secondsLeft)).toBeLessThan(10);
    expect(headers.get('x-should-retry')).toBe('false');
    expect(message).toContain(resetsAt);
    expect(server.seen).toHaveLength(1);
  });

  test('meet who asks too often, charged as operations of GraphQL are', async () => {
    const { gateway } = bed.server;
    const { charge } = gateway;
    const charged: unknown[] = [];
    Object.assign(gateway, {
      charge: async ({ viewer }: Context, cost: number) => {
        charged.push([viewer?.userId, cost]);
        throw new RateLimited(7);
      },
    });
    const error = await refused({});
    Object.assign(gateway, { charge });
    expect(error).toBeInstanceOf(RateLimitError);
    expect(error).toMatchObject({ status: 429, code: 'rate_limit_exceeded' });
    expect((error as RateLimitError).headers.get('retry-after')).toBe('7');
    expect(charged).toEqual([[uuidOf(ada.userId), 50]]);
    expect(server.seen).toEqual([]);
  });

  test('of the provider are told without its words', async () => {
    const fault = { status: 400, body: { error: { message: 'sk-test-12345678 is wrong' } } };
    server.script(fault);
    const bad = await refused({});
    expect(bad).toBeInstanceOf(BadRequestError);
    expect(JSON.stringify(bad)).not.toContain('sk-test');
    server.script({ ...fault, status: 429, headers: { 'retry-after': '120' } });
    const limited = await refused({});
    expect(limited).toBeInstanceOf(RateLimitError);
    expect(limited).toMatchObject({ code: 'rate_limit_exceeded' });
    server.script({ ...fault, status: 401 });
    expect(await refused({})).toMatchObject({ status: 502, code: 'provider_fault' });
    const calls = await settledCalls();
    expect(calls.slice(0, 3).map(({ errorKind }) => errorKind)).toEqual(['UNAUTHORIZED', 'RATE_LIMITED', 'REFUSED']);
    expect(calls.slice(0, 3).map(({ inputTokens }) => inputTokens)).toEqual([0, 0, 0]);
  });

  test('are JSON of the same shape for other paths and methods', async () => {
    const answerOf = async (path: string, init: object = {}) => {
      const response = await fetch(`${bed.url}/v1/${path}`, init);
      const { error } = (await response.json()) as { error: { code: string } };
      return [response.status, error.code];
    };
    expect(await answerOf('nothing')).toEqual([404, 'unknown_url']);
    expect(await answerOf('chat/completions')).toEqual([405, 'method_not_allowed']);
    expect(await answerOf('models')).toEqual([401, 'invalid_api_key']);
    const headers = { authorization: `Bearer ${secret}`, 'content-type': 'application/json' };
    expect(await answerOf('embeddings', { method: 'POST', headers, body: '[' })).toEqual([400, null]);
    const long = JSON.stringify({ model: 'vectors', input: 'x'.repeat(4_000_001) });
    expect(await answerOf('embeddings', { method: 'POST', headers, body: long })).toEqual([413, null]);
  });
});

describe('embeddings', () => {
  test("have the model's own dimensions, as numbers and as bytes", async () => {
    const vectorOf = (text: string) => [text.length, 0.5, -2];
    server.always(() => ({ vectorOf }));
    const bytes = await client.embeddings.create({ model: 'vectors', input: ['a', 'four'] });
    expect(bytes.data).toEqual([
      { object: 'embedding', index: 0, embedding: [1, 0.5, -2] },
      { object: 'embedding', index: 1, embedding: [4, 0.5, -2] },
    ]);
    expect(bytes).toMatchObject({
      object: 'list',
      model: 'fake/vectors',
      usage: { prompt_tokens: 2, total_tokens: 2 },
    });
    const numbers = await client.embeddings.create({ model: 'vectors', input: 'four', encoding_format: 'float' });
    expect(numbers.data[0]?.embedding).toEqual([4, 0.5, -2]);
    expect((await settledCalls())[0]).toMatchObject({
      purpose: 'embedding',
      modelType: 'EMBEDDING',
      apiKeyId: uuidOf(keyId),
      inputTokens: 1,
      status: 'SUCCESS',
    });
  });

  test.each([
    ['no text', { input: [] }, 'input'],
    ['too many texts', { input: Array.from({ length: 2049 }, () => 'x') }, 'input'],
    ['tokens', { input: [1, 2] }, 'input'],
    ['a length that the model does not give', { dimensions: 2 }, 'dimensions'],
    ['a model that writes', { model: 'talker' }, 'model'],
  ])('are refused for %s', async (_fault, body, param) => {
    const wish = { model: 'vectors', input: 'x', ...body } as OpenAI.EmbeddingCreateParams;
    expect(await refusalOf(client.embeddings.create(wish))).toMatchObject({ status: 400, param });
    expect(server.seen).toEqual([]);
  });
});

describe('workspaces', () => {
  const model = 'workspace/handbook';
  const ask = 'How much does the pilot earn?';
  const question = { model, messages: [{ role: 'user' as const, content: ask }] };
  let secretDocumentId: string;

  beforeAll(async () => {
    const added: { addDocument: { document: { id: string } } } = await ada.want(
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
      {
        input: {
          workspaceId,
          title: 'Salaries',
          text: 'The pilot earns nine thousand florins.',
          sourceUri: 'https://example.com/salaries',
          wait: true,
        },
      },
    );
    secretDocumentId = added.addDocument.document.id;
  }, 30_000);

  test('answer from their documents with citations', async () => {
    const { secret } = await keyOf(ada, ['MODEL_CALL', 'DOCUMENT_READ']);
    const answer = await clientOf(secret).chat.completions.create(question);
    const citation = {
      marker: 1,
      document_id: secretDocumentId,
      title: 'Salaries',
      url: 'https://example.com/salaries',
      quote: 'The pilot earns nine thousand florins.',
    };
    expect(answer.model).toBe(model);
    expect(answer.choices[0]?.message).toMatchObject({ citations: [citation] });
    expect(answer.choices[0]?.message.content).toContain('nine thousand florins');
    expect((await settledCalls())[0]).toMatchObject({
      purpose: 'chat',
      workspaceId: uuidOf(workspaceId),
      status: 'SUCCESS',
    });
    const streamed = await clientOf(secret).chat.completions.stream(question).finalMessage();
    expect(streamed).toMatchObject({ citations: [citation] });
  });

  test('use nothing that the asker does not read', async () => {
    const { secret } = await keyOf(reader, ['MODEL_CALL', 'DOCUMENT_READ']);
    const before = await clientOf(secret).chat.completions.create(question);
    expect(JSON.stringify(before)).toContain('florins');
    await ada.want(
      'mutation ($input: SetDocumentAccessInput!) { setDocumentAccess(input: $input) { document { id } } }',
      { input: { id: secretDocumentId, access: 'RESTRICTED' } },
    );
    const answer = await clientOf(secret).chat.completions.create(question);
    expect(JSON.stringify(answer)).not.toContain('florins');
    expect(answer.choices[0]?.message).toMatchObject({ citations: [] });
  });

  test('are there only for those who see them and may read', async () => {
    const elsewhere = await workspaceOf(ada, { name: 'Elsewhere' });
    const confined = clientOf((await keyOf(ada, ['MODEL_CALL', 'DOCUMENT_READ'], [elsewhere])).secret);
    expect(await refusalOf(confined.chat.completions.create(question))).toBeInstanceOf(NotFoundError);
    // A key for models alone gets at no documents.
    expect(await refusalOf(client.chat.completions.create(question))).toMatchObject({ status: 403 });
    const eve = await bed.signUp('Eve');
    expect(await refusalOf(clientOf(eve.token ?? '').chat.completions.create(question))).toMatchObject({ status: 404 });
    const ids = async (of: OpenAI) => (await of.models.list()).data.map(({ id }) => id);
    expect(await ids(confined)).toContain('workspace/elsewhere');
    expect(await ids(confined)).not.toContain(model);
    expect(await ids(client)).not.toContain(model);
  });

  test('are asked in words', async () => {
    const tools: OpenAI.ChatCompletionTool[] = [{ type: 'function', function: { name: 'weather' } }];
    expect(await refusalOf(client.chat.completions.create({ ...question, tools }))).toMatchObject({ param: 'tools' });
  });
});

test('models are those that can be called', async () => {
  const hosted = { name: 'Hosted', slug: 'hosted', dialect: 'OPENAI_COMPATIBLE', baseUrl: server.url, needsKey: true };
  const made: Made = await ada.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: hosted },
  );
  const { id: providerId } = made.createProvider.provider;
  await ada.want('mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }', {
    input: { providerId, name: 'far', contextWindow: 8192 },
  });
  const names = async () => (await client.models.list()).data.map(({ id }) => id);
  const ids = await names();
  expect(ids).toEqual(expect.arrayContaining(['auto', 'fake/talker', 'fake/vectors', 'tessera/extractive']));
  expect(ids).not.toContain('hosted/far');
  expect(await refusalOf(client.chat.completions.create({ ...talk, model: 'hosted/far' }))).toMatchObject({
    status: 404,
  });
  await ada.want(
    'mutation ($input: UpdateProviderInput!) { updateProvider(input: $input) { provider { needsKey } } }',
    { input: { id: providerId, needsKey: false } },
  );
  expect(await names()).toContain('hosted/far');
  expect(await client.models.retrieve('fake/talker')).toMatchObject({ id: 'fake/talker', owned_by: 'fake' });
  expect(await client.models.retrieve('talker')).toMatchObject({ id: 'fake/talker' });
  expect(await refusalOf(client.models.retrieve('gpt-9'))).toBeInstanceOf(NotFoundError);
});

test('nothing chosen, the routing rules choose', async () => {
  const session = clientOf(ada.token ?? '');
  const { model } = await session.chat.completions.create({ ...talk, model: 'auto' });
  expect(model).toBe('tessera/extractive');
  expect((await settledCalls())[0]).toMatchObject({ purpose: 'chat', apiKeyId: null, modelName: 'extractive' });
});
