import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { asc, eq } from 'drizzle-orm';
import { streamAnswer } from '../src/ai/answer.ts';
import { database } from '../src/database/client.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import type { ModelRequest } from '../src/domains/modelhub/calls.ts';
import { beginCall, streamCall } from '../src/domains/modelhub/model-call.ts';
import { routeFor } from '../src/domains/modelhub/routing.ts';
import { platformEvents } from '../src/events/tables.ts';
import { globalId } from '../src/ids.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let one: OpenAiServer;
let two: OpenAiServer;
let workspaceId: string;
/** Models of the two servers. */
let first: string;
let second: string;

const run = async (person: typeof ada, field: string, input: object): Promise<Data> => {
  const type = `${field.charAt(0).toUpperCase()}${field.slice(1)}Input`;
  const selection = field.startsWith('delete') ? 'deletedId' : 'routingRule { id name priority enabled }';
  return (await person.ask(`mutation ($input: ${type}!) { ${field}(input: $input) { ${selection} } }`, {
    input,
  })) as Data;
};
const make = async (input: object): Promise<string> => {
  const { data, errors } = await run(ada, 'createRoutingRule', input);
  expect(errors).toEqual([]);
  return data.createRoutingRule.routingRule.id;
};
const refused = async (field: string, input: object, person = ada): Promise<[unknown, unknown][]> =>
  (await run(person, field, input)).errors.map(({ extensions }: Data) => [extensions.code, extensions.field]);

const modelOn = async (server: OpenAiServer, slug: string, fields: object = {}): Promise<string> => {
  const provider: Data = await ada.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: { name: slug, slug, dialect: 'OPENAI_COMPATIBLE', baseUrl: server.url } },
  );
  const providerId = provider.createProvider.provider.id;
  const model: Data = await ada.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
    {
      input: {
        providerId,
        name: slug,
        contextWindow: 8192,
        inputPrice: '0.000001',
        outputPrice: '0.000002',
        ...fields,
      },
    },
  );
  return model.createModel.model.id;
};

const clear = async (): Promise<void> => {
  const { routingRules }: Data = await ada.want('{ routingRules(first: 100) { edges { node { id } } } }');
  for (const { node } of routingRules.edges) await run(ada, 'deleteRoutingRule', { id: node.id });
  const { platformRoutingRules }: Data = await ada.want(
    '{ platformRoutingRules(first: 100) { edges { node { id } } } }',
  );
  for (const { node } of platformRoutingRules.edges) await run(ada, 'deletePlatformRoutingRule', { id: node.id });
};

const ask = async (text = 'How often?'): Promise<Data> => {
  const conversationId = await conversationIn(ada, workspaceId);
  const data: Data = await ada.want(
    'mutation ($input: AskInput!) { ask(input: $input) { answer { id status content model } } }',
    { input: { conversationId, text } },
  );
  return data.ask.answer;
};

/** Reads from the organization's tables. */
const read = async <Result>(work: () => Promise<Result>): Promise<Result> => {
  const unit = unitOf(bed, ada.organizationId);
  try {
    return await unit.run(work);
  } finally {
    await unit.rest();
  }
};

/** What the ledger says of the calls for an answer. */
const calls = (answerId: string) =>
  read(() =>
    database
      .select({
        attempt: executionLogs.attempt,
        status: executionLogs.status,
        kind: executionLogs.errorKind,
        model: executionLogs.modelName,
        ruleId: executionLogs.ruleId,
      })
      .from(executionLogs)
      .where(eq(executionLogs.targetId, uuidOf(answerId)))
      .orderBy(asc(executionLogs.attempt)),
  );

const request: ModelRequest = {
  purpose: 'answer',
  workspaceId: null,
  targetId: null,
  type: 'TEXT',
  modelId: null,
  needs: [],
  inputTokens: null,
  maxOutputTokens: null,
  tags: [],
  stickyTo: null,
};

beforeAll(async () => {
  [bed, one, two] = await Promise.all([startTestbed(), startOpenAiServer(), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  workspaceId = await workspaceOf(ada, { chatMode: 'CHAT' });
  first = await modelOn(one, 'one');
  second = await modelOn(two, 'two');
}, 240_000);
beforeEach(async () => {
  one.reset();
  two.reset();
  await clear();
});
afterAll(async () => {
  await bed.stop();
  await Promise.all([one.stop(), two.stop()]);
});

const chain = () => [
  { modelId: first, weight: 1 },
  { modelId: second, weight: 0 },
];

test('a rule is made, changed as a whole, listed in its order and deleted', async () => {
  const conditions = {
    workspaceIds: [workspaceId],
    userIds: [ada.userId],
    purposes: ['answer'],
    capabilities: ['TOOLS'],
    minInputTokens: 1,
    maxInputTokens: 1,
    tags: ['x'],
    maxCost: '0.5',
    time: { days: [1, 7], from: '22:00', to: '06:00', timeZone: 'Europe/Berlin' },
  };
  const id = await make({ name: 'Late', priority: 60, conditions, models: chain() });
  const early = await make({ name: 'Early', priority: 10, enabled: false, models: [{ modelId: second }] });
  const fields = `id name priority enabled modelType
    conditions { workspaceIds userIds groupIds modelIds purposes capabilities minInputTokens maxInputTokens tags maxCost time { days from to timeZone } }
    models { weight notes tags model { name } }`;
  const listed: Data = await ada.ask(`{ routingRules { totalCount edges { node { ${fields} } } } }`);
  expect(listed.data.routingRules.edges.map(({ node }: Data) => node)).toMatchObject([
    { id: early, name: 'Early', enabled: false, modelType: 'TEXT', conditions: { workspaceIds: null, time: null } },
    {
      id,
      conditions: { ...conditions, groupIds: null, modelIds: null },
      models: [{ model: { name: 'one' } }, { weight: 0 }],
    },
  ]);
  // The page, its number, the entries and their models.
  expect(listed.statements).toHaveLength(4);
  const changed = await run(ada, 'updateRoutingRule', {
    id,
    priority: 5,
    conditions: {},
    models: [{ modelId: second, notes: 'Near', tags: ['eu', 'eu'] }],
  });
  expect(changed.errors).toEqual([]);
  expect(await ada.want(`{ routingRule(id: "${id}") { ${fields} } }`)).toMatchObject({
    routingRule: {
      name: 'Late',
      priority: 5,
      conditions: { workspaceIds: null, maxCost: null },
      models: [{ model: { name: 'two' }, weight: 1, notes: 'Near', tags: ['eu'] }],
    },
  });
  const filtered: Data = await ada.want(
    '{ routingRules(filter: { enabled: { eq: true }, modelType: { eq: TEXT } }, orderBy: [{ field: PRIORITY, direction: DESC }]) { edges { node { name } } } }',
  );
  expect(filtered.routingRules.edges).toEqual([{ node: { name: 'Late' } }]);
  await run(ada, 'deleteRoutingRule', { id });
  expect(await ada.codes(`{ routingRule(id: "${id}") { id } }`)).toEqual(['NOT_FOUND']);
});

test('what is wrong with a rule is said with its path, and nothing is changed', async () => {
  const vectors = await modelOn(one, 'vectors', { type: 'EMBEDDING' });
  const gone = (type: string) => globalId(type, '0198dddd-0000-7000-8000-000000000000');
  const on = (conditions: object, more: object = {}) => ({ name: 'X', models: chain(), conditions, ...more });
  const time = (fields: object) => on({ time: { days: [1], from: '08:00', to: '09:00', timeZone: 'UTC', ...fields } });
  const faults: readonly (readonly [object, unknown, unknown])[] = [
    [{ name: 'X', models: [] }, 'BAD_USER_INPUT', 'models'],
    [{ name: 'X', models: [{ modelId: first, weight: 0 }] }, 'BAD_USER_INPUT', 'models'],
    [{ name: 'X', models: [{ modelId: first, weight: 1001 }] }, 'BAD_USER_INPUT', 'models.0.weight'],
    [{ name: 'X', models: [{ modelId: first }, { modelId: first }] }, 'BAD_USER_INPUT', 'models'],
    [{ name: 'X', models: [{ modelId: vectors }] }, 'BAD_USER_INPUT', 'models.0.modelId'],
    [{ name: 'X', models: [{ modelId: first }, { modelId: gone('Model') }] }, 'NOT_FOUND', 'models.1.modelId'],
    [{ name: ' ', models: chain() }, 'BAD_USER_INPUT', 'name'],
    [{ name: 'X', priority: 0, models: chain() }, 'BAD_USER_INPUT', 'priority'],
    [on({ workspaceIds: [] }), 'BAD_USER_INPUT', 'conditions.workspaceIds'],
    [on({ workspaceIds: [gone('Workspace')] }), 'NOT_FOUND', 'conditions.workspaceIds.0'],
    [on({ userIds: [ada.userId, gone('User')] }), 'NOT_FOUND', 'conditions.userIds.1'],
    [on({ groupIds: [gone('Group')] }), 'NOT_FOUND', 'conditions.groupIds.0'],
    [on({ modelIds: [gone('Model')] }), 'NOT_FOUND', 'conditions.modelIds.0'],
    [on({ tags: Array.from({ length: 101 }, (_, each) => `t${each}`) }), 'BAD_USER_INPUT', 'conditions.tags'],
    [on({ purposes: ['x'.repeat(51)] }), 'BAD_USER_INPUT', 'conditions.purposes.0'],
    [on({ minInputTokens: 5, maxInputTokens: 4 }), 'BAD_USER_INPUT', 'conditions.maxInputTokens'],
    [on({ minInputTokens: -1 }), 'BAD_USER_INPUT', 'conditions.minInputTokens'],
    [on({ maxCost: '0' }), 'BAD_USER_INPUT', 'conditions.maxCost'],
    [time({ days: [0] }), 'BAD_USER_INPUT', 'conditions.time.days'],
    [time({ from: '24:00' }), 'BAD_USER_INPUT', 'conditions.time.from'],
    [time({ to: '8:00' }), 'BAD_USER_INPUT', 'conditions.time.to'],
    [time({ timeZone: 'Europe/Atlantis' }), 'BAD_USER_INPUT', 'conditions.time.timeZone'],
    [time({ timeZone: '+01:00' }), 'BAD_USER_INPUT', 'conditions.time.timeZone'],
    [
      on({ modelIds: [vectors] }, { modelType: 'EMBEDDING', models: [{ modelId: vectors }] }),
      'BAD_USER_INPUT',
      'conditions.modelIds',
    ],
  ];
  for (const [input, code, field] of faults) expect(await refused('createRoutingRule', input)).toEqual([[code, field]]);
  // Of the wrong type altogether.
  expect((await refused('createRoutingRule', on({ minInputTokens: 'many' })))[0]?.[0]).toBe('BAD_USER_INPUT');
  const id = await make({ name: 'There', models: chain() });
  expect(await refused('createRoutingRule', { name: 'There', models: chain() })).toEqual([['CONFLICT', 'name']]);
  expect(await refused('updateRoutingRule', { id, modelType: 'EMBEDDING' })).toEqual([
    ['BAD_USER_INPUT', 'models.0.modelId'],
  ]);
  expect(await refused('updateRoutingRule', { id, models: [] })).toEqual([['BAD_USER_INPUT', 'models']]);
  const eve = await bed.signUp('Eve');
  expect(await refused('updateRoutingRule', { id, priority: 1 }, eve)).toEqual([['NOT_FOUND', undefined]]);
  const strange = await workspaceOf(eve);
  expect(await refused('createRoutingRule', on({ workspaceIds: [strange] }))).toEqual([
    ['NOT_FOUND', 'conditions.workspaceIds.0'],
  ]);
  expect(await ada.want('{ routingRules { totalCount edges { node { models { weight } } } } }')).toEqual({
    routingRules: { totalCount: 1, edges: [{ node: { models: [{ weight: 1 }, { weight: 0 }] } }] },
  });
});

test('rules of the installation are asked after those of the organization, and may be for some organizations', async () => {
  const eve = await bed.signUp('Eve');
  const rule = { name: 'All', models: [{ modelId: second }] };
  expect(await refused('createPlatformRoutingRule', rule, eve)).toEqual([['FORBIDDEN', undefined]]);
  expect(
    await refused('createPlatformRoutingRule', {
      ...rule,
      conditions: { organizationIds: [globalId('Organization', '0198dddd-0000-7000-8000-000000000000')] },
    }),
  ).toEqual([['NOT_FOUND', 'conditions.organizationIds.0']]);
  const made = await run(ada, 'createPlatformRoutingRule', {
    ...rule,
    conditions: { organizationIds: [ada.organizationId] },
  });
  expect(made.errors).toEqual([]);
  const { id } = made.data.createPlatformRoutingRule.routingRule;
  const explain =
    'query ($input: RouteExplanationInput!) { routeExplanation(input: $input) { decidedBy rules { name ofPlatform decides } order { model { name } } } }';
  const explained = async (person: typeof ada): Promise<Data> =>
    ((await person.want(explain, { input: {} })) as Data).routeExplanation;
  expect(await explained(ada)).toEqual({
    decidedBy: 'PLATFORM_RULE',
    rules: [{ name: 'All', ofPlatform: true, decides: true }],
    order: [{ model: { name: 'two' } }],
  });
  expect(await explained(eve)).toMatchObject({
    decidedBy: 'BUILT_IN_MODEL',
    rules: [],
    order: [{ model: { name: 'extractive' } }],
  });
  await make({ name: 'Own', priority: 100, models: [{ modelId: first }] });
  expect(await explained(ada)).toMatchObject({ decidedBy: 'ORGANIZATION_RULE', order: [{ model: { name: 'one' } }] });
  expect((await run(ada, 'updatePlatformRoutingRule', { id, enabled: false, name: 'None' })).errors).toEqual([]);
  expect(
    await ada.want(`{ platformRoutingRule(id: "${id}") { name enabled conditions { organizationIds } } }`),
  ).toEqual({
    platformRoutingRule: { name: 'None', enabled: false, conditions: { organizationIds: [ada.organizationId] } },
  });
  const logged = await read(() =>
    database
      .select({ action: platformEvents.action })
      .from(platformEvents)
      .where(eq(platformEvents.targetId, uuidOf(id)))
      .orderBy(asc(platformEvents.id)),
  );
  expect(logged.at(-1)).toEqual({ action: 'platform_routing_rule.updated' });
});

test.each([
  ['an error', { status: 500 }, 'UNAVAILABLE'],
  ['a key that is not accepted', { status: 401 }, 'UNAUTHORIZED'],
  ['a long pause asked for', { status: 429, headers: { 'retry-after': '20' } }, 'RATE_LIMITED'],
  ['a connection that breaks before the first word', { cutAfter: 0 }, 'INTERRUPTED'],
])('after %s the next deployment answers, and each try is in the ledger', async (_name, reply, kind) => {
  const ruleId = await make({
    name: 'Chain',
    models: [{ modelId: await modelOn(one, `fails-${kind.toLowerCase().replace('_', '-')}`), weight: 1 }, chain()[1]],
  });
  one.always(() => reply);
  const began = performance.now();
  const answer = await ask();
  expect(answer).toMatchObject({ status: 'COMPLETED', content: 'Hello there.', model: 'two' });
  // The pause of 20 seconds was not waited for.
  expect(performance.now() - began).toBeLessThan(15_000);
  const rule = uuidOf(ruleId);
  expect(await calls(answer.id)).toEqual([
    { attempt: 1, status: 'ERROR', kind, model: `fails-${kind.toLowerCase().replace('_', '-')}`, ruleId: rule },
    { attempt: 2, status: 'SUCCESS', kind: null, model: 'two', ruleId: rule },
  ]);
});

test('a server that hangs before its first byte is left for the next', async () => {
  const hanging = await modelOn(one, 'hangs');
  await make({ name: 'Chain', models: [{ modelId: hanging }, chain()[1]] });
  one.always(() => ({ delayMs: 60_000 }));
  const { services } = bed.server.installation;
  const unit = unitOf(bed, ada.organizationId);
  const call = await unit.transact(() => beginCall({ unit, services }, request));
  const parts = streamCall({ unit, services }, call, (deployment) =>
    streamAnswer({
      deployment,
      system: '',
      tone: null,
      history: [],
      question: 'Well?',
      passages: [],
      generalKnowledge: true,
      language: 'en',
      timeouts: { firstByteMs: 300 },
    }),
  );
  let text = '';
  for await (const part of parts) if (part.type === 'delta') text += part.text;
  expect([text, call.attempt, call.callable.model.name]).toEqual(['Hello there.', 2, 'two']);
});

test('after the first word there is no going back', async () => {
  await make({ name: 'Chain', models: chain() });
  one.script({ cutAfter: 2 });
  const answer = await ask();
  expect(answer).toMatchObject({ status: 'FAILED', content: 'Hello there' });
  expect(await calls(answer.id)).toMatchObject([{ attempt: 1, status: 'ERROR', kind: 'INTERRUPTED' }]);
  expect(two.seen).toEqual([]);
});

test('what lies in the request is not tried elsewhere', async () => {
  await make({ name: 'Chain', models: chain() });
  one.script({ status: 400 });
  const answer = await ask();
  expect(await calls(answer.id)).toMatchObject([{ attempt: 1, status: 'ERROR', kind: 'REFUSED' }]);
  expect(two.seen).toEqual([]);
});

test('a deployment that has no room is spared, and admins see it', async () => {
  const full = await modelOn(one, 'full');
  await make({ name: 'Chain', models: [{ modelId: full }, chain()[1]] });
  one.always(() => ({ status: 429, headers: { 'retry-after': '120' } }));
  await ask();
  const { length } = one.seen;
  expect((await calls((await ask()).id)).map(({ model }) => model)).toEqual(['two']);
  expect(one.seen).toHaveLength(length);
  const health: Data = await ada.want(
    `{ deploymentHealth(modelIds: ["${full}", "${second}"]) { model { name } keySource state calls failures failureShare coolingUntil } }`,
  );
  expect(health.deploymentHealth).toMatchObject([
    { model: { name: 'full' }, keySource: 'NONE', state: 'COOLING', calls: 1, failures: 1, failureShare: 1 },
    { model: { name: 'two' }, state: 'WELL', failures: 0, coolingUntil: null },
  ]);
  expect(Date.parse(health.deploymentHealth[0].coolingUntil)).toBeGreaterThan(Date.now() + 60_000);
});

test('a route is found without a statement once it is known, and a committed change is noticed at once', async () => {
  const id = await make({ name: 'Chain', models: chain() });
  const { services } = bed.server.installation;
  const route = async () => {
    const unit = unitOf(bed, ada.organizationId);
    bed.statements.length = 0;
    const found = await routeFor(unit, services, request);
    await unit.rest();
    return [found.callables.map(({ model }) => model.name), bed.statements.length];
  };
  services.routing.forget(null);
  expect(await route()).toEqual([['one', 'two'], 2]);
  expect(await route()).toEqual([['one', 'two'], 0]);
  await run(ada, 'updateRoutingRule', { id, models: [{ modelId: second }] });
  // Of the organization alone; what all share is still known.
  expect(await route()).toEqual([['two'], 1]);
  await run(ada, 'updateRoutingRule', { id, enabled: false });
  expect(await route()).toEqual([['extractive'], 1]);
});

test('a key that is deleted is not used from that moment on, and the order of keys is that of the strategy', async () => {
  const { services } = bed.server.installation;
  const made: Data = await ada.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: { name: 'Keyed', slug: 'keyed', dialect: 'OPENAI', baseUrl: one.url } },
  );
  const providerId = made.createProvider.provider.id;
  const model: Data = await ada.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
    {
      input: { providerId, name: 'keyed', contextWindow: 8192 },
    },
  );
  const modelId = uuidOf(model.createModel.model.id);
  const key: Data = await ada.want(
    'mutation ($input: CreateProviderKeyInput!) { createProviderKey(input: $input) { providerKey { id } } }',
    { input: { providerId, label: 'main', key: 'sk-test-12345678' } },
  );
  const route = async () => {
    const unit = unitOf(bed, ada.organizationId);
    try {
      return await routeFor(unit, services, { ...request, modelId });
    } finally {
      await unit.rest();
    }
  };
  expect((await route()).callables.map(({ deployment }) => deployment.apiKey)).toEqual(['sk-test-12345678']);
  await ada.want('mutation ($input: DeleteProviderKeyInput!) { deleteProviderKey(input: $input) { deletedId } }', {
    input: { id: key.createProviderKey.providerKey.id },
  });
  await expect(route()).rejects.toThrow('There is no default key for Keyed.');
});

test('an explanation names every rule and model with what speaks for and against it, and writes nothing', async () => {
  const small = await modelOn(two, 'small', { contextWindow: 2048 });
  const dear = await modelOn(two, 'dear', { inputPrice: '1', outputPrice: '1' });
  const unpriced = await modelOn(two, 'unpriced', { inputPrice: null, outputPrice: null });
  await make({ name: 'Elsewhere', priority: 1, conditions: { purposes: ['agent'], tags: ['x'] }, models: chain() });
  await make({
    name: 'Here',
    priority: 2,
    conditions: { maxCost: '0.01', minInputTokens: 1000 },
    models: [
      { modelId: first, weight: 3 },
      { modelId: small, weight: 5 },
      { modelId: dear },
      { modelId: unpriced },
      { modelId: second, weight: 1 },
    ],
  });
  const query = `query ($input: RouteExplanationInput!) { routeExplanation(input: $input) {
    decidedBy
    rules { name fits failed decides }
    models { model { name } called { name } weight share usable fault keySource worstCost inputPrice health { state } }
    order { model { name } keySource }
    chargedTo { scope id }
  } }`;
  const input = { workspaceId, inputTokens: 3000, maxOutputTokens: 500, stickyTo: 'conversation' };
  await ada.ask(query, { input });
  const before = await read(() => database.$count(executionLogs));
  const { data, statements }: Data = await ada.ask(query, { input });
  expect(data.routeExplanation).toMatchObject({
    decidedBy: 'ORGANIZATION_RULE',
    rules: [
      { name: 'Elsewhere', fits: false, failed: ['PURPOSES', 'TAGS'], decides: false },
      { name: 'Here', fits: true, failed: [], decides: true },
    ],
    models: [
      {
        model: { name: 'one' },
        share: 0.75,
        usable: true,
        fault: null,
        worstCost: '0.004',
        inputPrice: '0.000001',
      },
      { model: { name: 'small' }, share: 0, usable: false, fault: 'WINDOW_TOO_SMALL' },
      { model: { name: 'dear' }, share: 0, usable: false, fault: 'TOO_DEAR' },
      { model: { name: 'unpriced' }, share: 0, usable: false, fault: 'PRICE_UNKNOWN' },
      { model: { name: 'two' }, share: 0.25, usable: true, keySource: 'NONE', health: [{ state: 'WELL' }] },
    ],
    chargedTo: [
      { scope: 'ORGANIZATION', id: ada.organizationId },
      { scope: 'WORKSPACE', id: workspaceId },
      { scope: 'USER', id: ada.userId },
    ],
  });
  expect(data.routeExplanation.order).toHaveLength(2);
  // The workspace, the caller's groups and the models that are shown.
  expect(statements.length).toBeLessThanOrEqual(3);
  expect(await read(() => database.$count(executionLogs))).toBe(before);
  expect([one.seen, two.seen]).toEqual([[], []]);
});

test('where a rule leaves nothing, the refusal names the reason of each model', async () => {
  const ruleId = await make({ name: 'Narrow', conditions: { maxCost: '0.000001' }, models: chain() });
  const conversationId = await conversationIn(ada, workspaceId);
  const { errors } = await ada.ask('mutation ($input: AskInput!) { ask(input: $input) { answer { id } } }', {
    input: { conversationId, text: 'Well?' },
  });
  expect(errors[0]?.extensions).toMatchObject({
    code: 'CONFLICT',
    ruleId,
    models: [
      { modelId: first, name: 'one', reason: 'TOO_DEAR' },
      { modelId: second, name: 'two', reason: 'TOO_DEAR' },
    ],
  });
});
