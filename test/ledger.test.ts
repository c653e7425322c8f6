import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { and, eq, gte, lt, ne, sql, sum } from 'drizzle-orm';
import { setTimeout as pause } from 'node:timers/promises';
import { database } from '../src/database/client.ts';
import { toldSoFar } from '../src/domains/conversations/answering.ts';
import { messages } from '../src/domains/conversations/tables.ts';
import { agentInvocations } from '../src/domains/conversations/agent-tables.ts';
import { builtinAnswererId } from '../src/domains/modelhub/deployments.ts';
import { removeOldContents } from '../src/domains/modelhub/call-retention.ts';
import { executionContents, executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { budgets, quotaCounters } from '../src/domains/modelhub/quota-tables.ts';
import { modelPrices, platformProviderKeys, providerKeys } from '../src/domains/modelhub/tables.ts';
import { unitOf as unitOfJobs } from '../src/domains/tenancy/organization-purge.ts';
import { organizations } from '../src/domains/tenancy/tables.ts';
import { globalId } from '../src/ids.ts';
import { joined } from './access/cast.ts';
import { agentPlace, start } from './agents.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let place: Awaited<ReturnType<typeof agentPlace>>;
let priced: { providerId: string; modelId: string };

const prices = { inputPrice: '0.000002500001', outputPrice: '0.00001' };
const raised = { inputPrice: '0.000003700007', outputPrice: '0.000021' };

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed({ MODEL_TIMEOUT_SECONDS: '20' }), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  place = await agentPlace(bed, ada, models);
  priced = await chatModel();
  await setBudgets();
  await mixture();
}, 120_000);
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const whole = () => unitOf(bed, ada.organizationId);
/** Sees what readers are named of, too. */
const asJobs = () => unitOfJobs(bed.server.installation.services, uuidOf(ada.organizationId));
const read = async <Row>(work: () => Promise<Row>): Promise<Row> => {
  const unit = whole();
  return unit.run(work).finally(() => void unit.rest());
};

/** A model with a key of the organization's that is refused, and one of the platform's that is not. */
const chatModel = async () => {
  const made: Data = await ada.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: { name: 'Mock', slug: 'mock', dialect: 'OPENAI_COMPATIBLE', baseUrl: models.url } },
  );
  const providerId = made.createProvider.provider.id;
  const model: Data = await ada.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
    { input: { providerId, name: 'mock', contextWindow: 8192, ...prices } },
  );
  const modelId = model.createModel.model.id;
  await ada.want(
    'mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { id } } }',
    {
      input: { workspaceId: place.workspaceId, modelId },
    },
  );
  return { providerId, modelId };
};

/** Bounds that nothing reaches. One on money leaves out where a model without a price is asked. */
const setBudgets = () =>
  whole().transact(() => {
    const organizationId = uuidOf(ada.organizationId);
    const each = { organizationId, window: 'MONTH', limit: '1000000' } as const;
    return database.insert(budgets).values([
      { ...each, subject: 'WORKSPACE', subjectId: uuidOf(place.workspaceId), measure: 'COST' },
      { ...each, subject: 'USER', subjectId: uuidOf(ada.userId), measure: 'TOKENS' },
      { ...each, subject: 'ORGANIZATION', subjectId: organizationId, measure: 'REQUESTS' },
    ]);
  });

const ask = async (conversationId: string, asker: Person = ada): Promise<Data> =>
  (
    (await asker.want(
      'mutation ($input: AskInput!) { ask(input: $input) { answer { id status content inputTokens outputTokens cost } } }',
      { input: { conversationId, text: 'How often are roses watered in summer?' } },
    )) as Data
  ).ask.answer;
const callsOf = (messageId: string) =>
  read(() =>
    database
      .select()
      .from(executionLogs)
      .where(eq(executionLogs.targetId, uuidOf(messageId)))
      .orderBy(executionLogs.createdAt, executionLogs.id),
  );

/** Waits until something holds; the machine may be busy. */
const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; !holds(); tries++) {
    if (tries > 1000) throw new Error('It did not come to that.');
    await pause(20);
  }
};

/** Asks, and stops the answer when it has begun. */
const askAndStop = async (conversationId: string): Promise<Data> => {
  models.script({ deltas: ['Roses ', 'are ', 'red'], stallAfter: 2 });
  const asking = ask(conversationId);
  await until(() => toldSoFar(uuidOf(conversationId)).some(({ text }) => text === 'Roses are '));
  const [{ messageId } = { messageId: '' }] = toldSoFar(uuidOf(conversationId));
  await ada.want('mutation ($input: CancelAnswerInput!) { cancelAnswer(input: $input) { message { id } } }', {
    input: { messageId: globalId('Message', messageId) },
  });
  return asking;
};

const cachedEnd = [
  { choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] },
  {
    choices: [],
    usage: {
      prompt_tokens: 100,
      completion_tokens: 7,
      total_tokens: 107,
      prompt_tokens_details: { cached_tokens: 64 },
    },
  },
].map(
  (part) =>
    `data: ${JSON.stringify({ id: 'c', object: 'chat.completion.chunk', created: 1, model: 'fake', ...part })}\n\n`,
);

const ended: Record<string, Data> = {};

/** Calls of all kinds and ends, with another price and another key in between. */
const mixture = async (): Promise<void> => {
  const conversationId = await conversationIn(ada, place.workspaceId);
  ended.answered = await ask(conversationId);
  models.script({ deltas: ['Every three days [1].'], rawEvents: [...cachedEnd, 'data: [DONE]\n\n'] });
  ended.cached = await ask(conversationId);
  models.script({ deltas: ['Every ', 'three '], noUsage: true });
  ended.uncounted = await ask(conversationId);
  ended.cancelled = await askAndStop(conversationId);
  models.script({ deltas: ['Roses ', 'are ', 'red'], cutAfter: 2 });
  ended.cut = await ask(conversationId);
  models.script({ status: 400 });
  ended.refused = await ask(conversationId);
  models.script(
    {
      toolCalls: [{ name: 'search_workspace', input: { query: 'How often are roses watered?' } }],
      deltas: ['Let me look.'],
    },
    { deltas: ['Every three days [1].'], rawEvents: [...cachedEnd, 'data: [DONE]\n\n'] },
  );
  ended.run = await start(ada, {
    conversationId: place.conversationId,
    text: 'How often are roses watered in summer?',
  });
  // Another workspace is embedded by a model that counts its tokens.
  const embedder: Data = await ada.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
    {
      input: {
        providerId: priced.providerId,
        name: 'vectors',
        type: 'EMBEDDING',
        contextWindow: 8192,
        inputPrice: '0.00000002',
      },
    },
  );
  await ada.want('mutation ($input: SetEmbeddingModelInput!) { setEmbeddingModel(input: $input) { job { id } } }', {
    input: { workspaceId: place.workspaceId, modelId: embedder.createModel.model.id },
  });
  const chosen = async (): Promise<boolean> => {
    const { workspace }: Data = await ada.want(
      'query ($id: ID!) { workspace(id: $id) { nextEmbeddingModel { id } } }',
      {
        id: place.workspaceId,
      },
    );
    return workspace.nextEmbeddingModel === null;
  };
  for (let tries = 0; tries < 300 && !(await chosen()); tries++) await pause(50);
  // From here on the price is another one.
  await unitOf(bed, null).transact(() =>
    database
      .insert(modelPrices)
      .values({ modelId: uuidOf(priced.modelId), effectiveFrom: new Date().toISOString(), ...raised }),
  );
  for (let tries = 0; tries < 50; tries++) {
    ended.raised = await ask(conversationId);
    if (Number((await callsOf(ended.raised.id))[0]?.inputPrice) === Number(raised.inputPrice)) break;
    await pause(200);
  }
  await fallBack(conversationId);
  // A model without a price, and the built-in one.
  const free: Data = await ada.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
    {
      input: { providerId: priced.providerId, name: 'free', contextWindow: 8192 },
    },
  );
  for (const modelId of [free.createModel.model.id, null]) {
    const workspaceId = await workspaceOf(ada, { name: `Other ${String(modelId)}` });
    await ada.want(
      'mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { id } } }',
      {
        input: { workspaceId, modelId },
      },
    );
    ended[modelId === null ? 'builtin' : 'unrated'] = await ask(await conversationIn(ada, workspaceId));
  }
};

/** The organization's key is refused, and the platform's takes its place. */
const fallBack = async (conversationId: string): Promise<void> => {
  const providerId = uuidOf(priced.providerId);
  const { keyRing } = bed.server.installation.services;
  const key = { providerId, label: 'main', lastFour: '1234', isDefault: true };
  const encryptedKey = await keyRing.encrypt('sk-test-00001234');
  await unitOf(bed, null).transact(() => database.insert(platformProviderKeys).values({ ...key, encryptedKey }));
  await whole().transact(async () => {
    const organizationId = uuidOf(ada.organizationId);
    await database.insert(providerKeys).values({ ...key, encryptedKey, organizationId });
    await database.update(organizations).set({ apiKeyStrategy: 'HYBRID' }).where(eq(organizations.id, organizationId));
  });
  for (let tries = 0; tries < 50; tries++) {
    let refusals = 1;
    // The query is embedded first, by the same server.
    models.always((body) => (body.messages !== undefined && refusals-- > 0 ? { status: 401 } : {}));
    ended.fallen = await ask(conversationId);
    if ((await callsOf(ended.fallen.id)).length === 2) return;
    // What routing knows of keys may be some seconds old.
    models.reset();
    await pause(200);
  }
};

const day = 86_400_000;
const scale = 10n ** 12n;
const moneyOf = (text: string | null): bigint => {
  const [whole = '0', part = ''] = (text ?? '0').split('.');
  return BigInt(whole) * scale + BigInt(part.padEnd(12, '0').slice(0, 12));
};
const add = (texts: readonly (string | null)[]): bigint => texts.reduce((all, text) => all + moneyOf(text), 0n);

/** All calls, page by page. */
const allCalls = async (): Promise<Data[]> => {
  const calls: Data[] = [];
  for (let after: string | null = null, more = true; more;) {
    const { modelCalls }: Data = await ada.want(
      `query ($after: String) { modelCalls(first: 7, after: $after, orderBy: [{ field: CREATED_AT }]) { pageInfo { endCursor hasNextPage }
        edges { node { id purpose status errorKind targetId attempt inputTokens cachedInputTokens outputTokens inputPrice cachedInputPrice outputPrice
          cost estimated keySource modelName createdAt endedAt } } } }`,
      { after },
    );
    calls.push(...modelCalls.edges.map(({ node }: Data) => node));
    ({ endCursor: after, hasNextPage: more } = modelCalls.pageInfo);
  }
  return calls;
};
const around = () => ({ from: new Date(Date.now() - day).toISOString(), to: new Date(Date.now() + day).toISOString() });

test('the mixture is what it is meant to be', async () => {
  expect(Object.entries(ended).map(([name, { status }]) => [name, status])).toEqual([
    ['answered', 'COMPLETED'],
    ['cached', 'COMPLETED'],
    ['uncounted', 'COMPLETED'],
    ['cancelled', 'CANCELLED'],
    ['cut', 'FAILED'],
    ['refused', 'FAILED'],
    ['run', 'COMPLETED'],
    ['raised', 'COMPLETED'],
    ['fallen', 'COMPLETED'],
    ['unrated', 'COMPLETED'],
    ['builtin', 'COMPLETED'],
  ]);
  const calls = await allCalls();
  expect(calls.filter(({ status }) => status === 'PENDING')).toEqual([]);
  expect(new Set(calls.map(({ purpose }) => purpose))).toEqual(new Set(['answer', 'agent', 'embedding']));
  expect(new Set(calls.map(({ keySource }) => keySource))).toEqual(new Set(['NONE', 'ORGANIZATION', 'PLATFORM']));
  const fallen = await callsOf(ended.fallen.id);
  expect(fallen.map(({ status, attempt }) => [status, attempt])).toEqual([
    ['ERROR', 1],
    ['SUCCESS', 2],
  ]);
  const [cached] = await callsOf(ended.cached.id);
  expect(cached).toMatchObject({ inputTokens: 100, cachedInputTokens: 64, outputTokens: 7 });
});

test.each(['cancelled', 'cut'])('an answer that is %s costs what was read and written so far', async (name) => {
  const message = ended[name];
  const [call, ...others] = await callsOf(message.id);
  expect(others).toEqual([]);
  expect(call).toMatchObject({ status: 'ERROR', estimated: true, outputTokens: 4 });
  expect(call?.inputTokens).toBeGreaterThan(50);
  expect(moneyOf(call?.cost ?? null)).toBeGreaterThan(0n);
  expect(message).toMatchObject({ content: 'Roses are ', inputTokens: call?.inputTokens, outputTokens: 4 });
  expect(moneyOf(message.cost)).toBe(moneyOf(call?.cost ?? null));
});

test('what calls say is kept where the organization wants that, for the caller and administrators, and not for long', async () => {
  const content = async (person: Person, messageId: string): Promise<Data[]> => {
    const { modelCalls }: Data = await person.want(
      'query ($id: ID!) { modelCalls(filter: { messageId: { eq: $id } }) { edges { node { input output } } } }',
      { id: messageId },
    );
    return modelCalls.edges.map(({ node }: Data) => node);
  };
  const nothing = [{ input: null, output: null }];
  expect(await content(ada, ended.answered.id)).toEqual(nothing);
  await ada.want(
    'mutation { updateOrganization(input: { settings: { keepCallContents: true } }) { organization { id } } }',
  );
  const conversationId = await conversationIn(ada, place.workspaceId);
  models.always(({ messages: asked }) => (asked === undefined ? {} : { deltas: [`Roses\0 ${'é'.repeat(40_000)}`] }));
  const kept = await ask(conversationId);
  models.reset();
  const [{ input, output }] = await content(ada, kept.id);
  expect(JSON.parse(input)).toMatchObject({
    question: 'How often are roses watered in summer?',
    passages: [{ title: 'Garden book' }],
  });
  expect(Buffer.byteLength(output)).toBeLessThanOrEqual(65_536);
  expect(output).toMatch(/^Roses é+ … \[cut\]$/);
  // A manager sees the call, and not what another said.
  const manager = await joined(bed, ada.organizationId, 'Mo', 'MANAGER', place.workspaceId, 'EDITOR');
  expect(await content(manager, kept.id)).toEqual(nothing);
  const own = await ask(await conversationIn(manager, place.workspaceId), manager);
  expect((await content(manager, own.id))[0].output).toBe('Hello there.');
  const { signal } = new AbortController();
  expect(await removeOldContents(asJobs(), 1, signal)).toBe(0);
  await asJobs().transact(() =>
    database.update(executionContents).set({ createdAt: new Date(Date.now() - 2 * day).toISOString() }),
  );
  expect(await removeOldContents(asJobs(), 1, signal)).toBe(2);
  expect(await content(ada, kept.id)).toEqual(nothing);
});

test('a call that was refused before it began costs nothing', async () => {
  expect(await callsOf(ended.refused.id)).toMatchObject([{ status: 'ERROR', inputTokens: 0, cost: '0.000000000000' }]);
  expect(ended.refused).toMatchObject({ inputTokens: null, cost: null });
});

test('each call costs its tokens at the prices that it was rated with', async () => {
  const calls = await allCalls();
  for (const {
    inputTokens,
    cachedInputTokens,
    outputTokens,
    inputPrice,
    cachedInputPrice,
    outputPrice,
    cost,
  } of calls) {
    if (inputPrice === null) {
      expect(cost).toBeNull();
      continue;
    }
    const due =
      BigInt(inputTokens - cachedInputTokens) * moneyOf(inputPrice) +
      BigInt(cachedInputTokens) * moneyOf(cachedInputPrice ?? inputPrice) +
      BigInt(outputTokens) * moneyOf(outputPrice);
    expect(moneyOf(cost)).toBe(due);
  }
  const rates = new Set(calls.filter(({ modelName }) => modelName === 'mock').map(({ inputPrice }) => inputPrice));
  expect(rates).toEqual(new Set([prices.inputPrice, raised.inputPrice]));
});

const groupings = ['MODEL', 'PROVIDER', 'USER', 'WORKSPACE', 'PURPOSE', 'API_KEY', 'STATUS', 'KEY_SOURCE'];
const grains = [null, 'HOUR', 'DAY', 'WEEK', 'MONTH'];

test('usage by every grouping and grain comes to the sum of the calls', async () => {
  const calls = await allCalls();
  const due = {
    calls: calls.length,
    cost: add(calls.map(({ cost }) => cost)),
    inputTokens: calls.reduce((all, { inputTokens }) => all + BigInt(inputTokens), 0n),
    outputTokens: calls.reduce((all, { outputTokens }) => all + BigInt(outputTokens), 0n),
    unratedCalls: calls.filter(({ cost }) => cost === null).length,
  };
  expect(due.cost).toBeGreaterThan(0n);
  expect(due.unratedCalls).toBe(1);
  const query = `query ($groupBy: [ModelUsageGrouping!]!, $grain: ModelUsageGrain, $from: DateTime!, $to: DateTime!) {
    modelUsage(groupBy: $groupBy, grain: $grain, from: $from, to: $to) {
      rows { calls cost inputTokens outputTokens unratedCalls } total { calls cost inputTokens outputTokens unratedCalls } } }`;
  const addedUp = (rows: Data[]) => ({
    calls: rows.reduce((all, row) => all + row.calls, 0),
    cost: add(rows.map(({ cost }) => cost)),
    inputTokens: rows.reduce((all, row) => all + BigInt(row.inputTokens), 0n),
    outputTokens: rows.reduce((all, row) => all + BigInt(row.outputTokens), 0n),
    unratedCalls: rows.reduce((all, row) => all + row.unratedCalls, 0),
  });
  for (const grain of grains)
    for (const groupBy of [[], ...groupings.map((each) => [each]), ['MODEL', 'USER', 'STATUS']]) {
      const { modelUsage }: Data = await ada.want(query, { groupBy, grain, ...around() });
      expect({ groupBy, grain, ...addedUp(modelUsage.rows) }).toEqual({ groupBy, grain, ...due });
      expect({ groupBy, grain, ...addedUp([modelUsage.total]) }).toEqual({ groupBy, grain, ...due });
    }
});

test('what messages and runs say that they cost is what their calls cost', async () => {
  const calls = await allCalls();
  const stored = await read(() =>
    database.select({ id: messages.id, cost: messages.cost }).from(messages).where(eq(messages.role, 'ASSISTANT')),
  );
  const served = calls.filter(({ purpose }) => purpose !== 'embedding');
  const costs = new Map(stored.map(({ id, cost }) => [id, moneyOf(cost)]));
  for (const [id, cost] of costs) {
    const ofMessage = served.filter(({ targetId }) => targetId === id);
    expect(ofMessage.length).toBeGreaterThan(0);
    expect({ id, cost: add(ofMessage.map((call) => call.cost)) }).toEqual({ id, cost });
  }
  expect([...costs.values()].reduce((all, cost) => all + cost, 0n)).toBe(add(served.map(({ cost }) => cost)));
  const runs = await read(() => database.select({ cost: sum(agentInvocations.cost) }).from(agentInvocations));
  expect(moneyOf(runs[0]?.cost ?? null)).toBe(
    add(calls.filter(({ purpose }) => purpose === 'agent').map(({ cost }) => cost)),
  );
});

test('what bounds have counted is what their calls come to', async () => {
  const counters = await read(() => database.select().from(quotaCounters).where(ne(quotaCounters.measure, 'MESSAGES')));
  const bounded = {
    WORKSPACE: executionLogs.workspaceId,
    USER: executionLogs.userId,
    ORGANIZATION: executionLogs.organizationId,
  };
  const measured = {
    COST: executionLogs.cost,
    // The built-in models use no tokens that anybody bounds.
    TOKENS: sql`case when ${executionLogs.modelId} <> ${builtinAnswererId} then ${executionLogs.inputTokens} + ${executionLogs.outputTokens} end`,
    REQUESTS: sql`1`,
  };
  const told = await Promise.all(
    counters.map(async ({ subject, subjectKey, measure, startsAt, endsAt, used, reserved }) => {
      // The casts are safe: there are no other bounds here.
      const column = bounded[subject as keyof typeof bounded];
      const inWindow = and(
        eq(column, subjectKey),
        gte(executionLogs.createdAt, startsAt),
        lt(executionLogs.createdAt, endsAt),
      );
      const [row] = await read(() =>
        database
          .select({ amount: sum(measured[measure as keyof typeof measured]) })
          .from(executionLogs)
          .where(inWindow),
      );
      return { subject, used: moneyOf(used), reserved: moneyOf(reserved), due: moneyOf(row?.amount ?? null) };
    }),
  );
  expect(new Set(told.map(({ subject }) => subject))).toEqual(new Set(['WORKSPACE', 'USER', 'ORGANIZATION']));
  for (const { subject, used, reserved, due } of told) {
    expect(used).toBeGreaterThan(0n);
    expect({ subject, used, reserved }).toEqual({ subject, used: due, reserved: 0n });
  }
});
