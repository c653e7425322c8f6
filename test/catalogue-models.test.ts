import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { asc, eq, sql } from 'drizzle-orm';
import { streamStep } from '../src/ai/agent-step.ts';
import { embedAll } from '../src/ai/embedding.ts';
import { database } from '../src/database/client.ts';
import { catalogueShape, readCatalogue } from '../src/domains/modelhub/catalogue.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { priceByModel } from '../src/domains/modelhub/loaders.ts';
import { modelPrices, models as modelTable } from '../src/domains/modelhub/tables.ts';
import { platformEvents } from '../src/events/tables.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

const createProvider =
  'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id slug } } }';
const updateProvider = `mutation ($input: UpdateProviderInput!) { updateProvider(input: $input) {
  provider { id name slug description website documentationUrl status baseUrl } } }`;
const createModel = 'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id config } } }';
const modelFields = `{ id name version description capabilities contextWindow maxOutputTokens config status retiresAt
  replacement { name } }`;
const updateModel = `mutation ($input: UpdateModelInput!) { updateModel(input: $input) { model ${modelFields} } }`;
const deprecateModel = `mutation ($input: DeprecateModelInput!) { deprecateModel(input: $input) { model ${modelFields} } }`;
const restoreModel = `mutation ($input: RestoreModelInput!) { restoreModel(input: $input) { model ${modelFields} } }`;
const priceFields = '{ effectiveFrom inputPrice cachedInputPrice outputPrice verified source readOn }';
const setModelPrice = `mutation ($input: SetModelPriceInput!) { setModelPrice(input: $input) { price ${priceFields} } }`;
const importCatalogue = `mutation ($input: ImportCatalogueInput!) { importCatalogue(input: $input) {
  providers { slug } models { id name } prices { id verified } } }`;
const oneModel = `query ($id: ID!) { model(id: $id) { status inputPrice outputPrice price ${priceFields}
  prices(first: 10) { totalCount edges { node ${priceFields} } } } }`;

type Member = Person & { readonly organizationId: string; readonly userId: string };

let bed: Testbed;
let server: OpenAiServer;
let ada: Member;
let eve: Member;
beforeAll(async () => {
  [bed, server] = await Promise.all([startTestbed({ MODEL_TIMEOUT_SECONDS: '20' }), startOpenAiServer()]);
  [ada, eve] = [await bed.signUp('Ada'), await bed.signUp('Eve')];
  await promote(bed, ada);
}, 60_000);
beforeEach(() => {
  server.reset();
});
afterAll(() => Promise.all([bed.stop(), server.stop()]));

let made = 0;
const providerOf = async (fields: object = {}): Promise<string> => {
  const slug = `provider-${(made += 1)}`;
  const { createProvider: created }: { createProvider: { provider: { id: string } } } = await ada.want(createProvider, {
    input: { name: slug, slug, dialect: 'OPENAI', ...fields },
  });
  return created.provider.id;
};
const modelOf = async (providerId: string, fields: object = {}): Promise<string> => {
  const { createModel: created }: { createModel: { model: { id: string } } } = await ada.want(createModel, {
    input: { providerId, name: `model-${(made += 1)}`, contextWindow: 8192, ...fields },
  });
  return created.model.id;
};
/** The fields of an input that were refused. */
const faults = async (text: string, input: object): Promise<unknown[]> => {
  const { errors } = await ada.ask(text, { input });
  const issues = (errors[0]?.extensions.issues ?? []) as { field: string }[];
  return [errors[0]?.extensions.code, ...issues.map(({ field }) => field)];
};

test('a provider is changed field by field, and only by who manages the platform', async () => {
  const id = await providerOf({ description: 'Old.', website: 'https://example.com' });
  const slug = `changed-${id}`.replace('_', '-');
  expect(await eve.codes(updateProvider, { input: { id, name: 'Mine' } })).toEqual(['FORBIDDEN']);
  expect(
    await ada.want(updateProvider, {
      input: { id, slug, documentationUrl: 'https://example.com/docs', website: null, status: 'DEPRECATED' },
    }),
  ).toMatchObject({
    updateProvider: {
      provider: {
        slug,
        description: 'Old.',
        website: null,
        documentationUrl: 'https://example.com/docs',
        status: 'DEPRECATED',
      },
    },
  });
  const wrong = {
    id,
    name: ' ',
    slug: null,
    description: 'x'.repeat(2001),
    website: 'ftp://example.com',
    baseUrl: 'https://user:password@example.com',
    status: null,
  };
  expect(await faults(updateProvider, wrong)).toEqual([
    'BAD_USER_INPUT',
    'name',
    'slug',
    'description',
    'website',
    'baseUrl',
    'status',
  ]);
  expect(await ada.codes(updateProvider, { input: { id, slug: 'tessera' } })).toEqual(['CONFLICT']);
  const server = await providerOf({ dialect: 'OPENAI_COMPATIBLE', baseUrl: 'http://127.0.0.1:9/v1' });
  expect(await faults(updateProvider, { id: server, baseUrl: null })).toEqual(['BAD_USER_INPUT', 'baseUrl']);
  expect(await ada.codes(updateProvider, { input: { id: await modelOf(id), name: 'x' } })).toEqual(['NOT_FOUND']);
  // What was refused changed nothing.
  expect(await eve.want('query ($id: ID!) { provider(id: $id) { slug website baseUrl } }', { id })).toEqual({
    provider: { slug, website: null, baseUrl: null },
  });
});

test('a model is changed field by field, with options that fit its provider', async () => {
  const id = await modelOf(await providerOf());
  expect(await eve.codes(updateModel, { input: { id, description: 'Mine.' } })).toEqual(['FORBIDDEN']);
  expect(
    await ada.want(updateModel, {
      input: {
        id,
        description: 'Thinks.',
        capabilities: ['REASONING', 'VISION', 'REASONING'],
        maxOutputTokens: 500,
        config: { openai: { reasoningEffort: 'low' } },
      },
    }),
  ).toMatchObject({
    updateModel: {
      model: {
        description: 'Thinks.',
        capabilities: ['REASONING', 'VISION'],
        contextWindow: 8192,
        maxOutputTokens: 500,
        config: { openai: { reasoningEffort: 'low' } },
        status: 'ACTIVE',
      },
    },
  });
  const wrong = {
    id,
    name: null,
    version: 'v'.repeat(51),
    contextWindow: 100,
    maxOutputTokens: 0,
    status: 'DEPRECATED',
  };
  expect(await faults(updateModel, wrong)).toEqual([
    'BAD_USER_INPUT',
    'name',
    'version',
    'contextWindow',
    'maxOutputTokens',
    'status',
  ]);
  const refused = [
    { anthropic: { effort: 'low' } },
    { openai: 'low' },
    ['openai'],
    { openai: { maxCompletionTokens: 100_000 } },
    { openai: { extra: { max_tokens: 100_000 } } },
    { openai: { user: 'x'.repeat(5000) } },
    { openai: { a: { b: { c: { d: { e: { f: 1 } } } } } } },
  ];
  for (const config of refused) expect(await faults(updateModel, { id, config })).toEqual(['BAD_USER_INPUT', 'config']);
  expect(await ada.want(updateModel, { input: { id, maxOutputTokens: null } })).toMatchObject({
    updateModel: { model: { maxOutputTokens: null, config: { openai: { reasoningEffort: 'low' } } } },
  });
});

test('providers and models are filtered and ordered', async () => {
  const providerId = await providerOf();
  await modelOf(providerId, { name: 'seeing', capabilities: ['VISION', 'TOOLS'] });
  await modelOf(providerId, { name: 'thinking', capabilities: ['REASONING'] });
  await modelOf(providerId, { name: 'vectors', type: 'EMBEDDING' });
  const names = async (filter: object, orderBy: object[] = []): Promise<string[]> => {
    const data: { models: { edges: { node: { name: string } }[] } } = await eve.want(
      'query ($filter: ModelFilter, $orderBy: [ModelOrder!]) { models(filter: $filter, orderBy: $orderBy) { edges { node { name } } } }',
      { filter: { providerId: { eq: providerId }, ...filter }, orderBy },
    );
    return data.models.edges.map(({ node }) => node.name);
  };
  expect(await names({}, [{ field: 'NAME', direction: 'DESC' }])).toEqual(['vectors', 'thinking', 'seeing']);
  expect(await names({ type: { eq: 'EMBEDDING' } })).toEqual(['vectors']);
  expect(await names({ capability: { eq: 'TOOLS' } })).toEqual(['seeing']);
  expect(await names({ capability: { in: ['VISION', 'REASONING'] } })).toEqual(['seeing', 'thinking']);
  expect(await names({ capability: { notIn: ['VISION', 'TOOLS'] } })).toEqual(['thinking', 'vectors']);
  expect(await names({ and: [{ capability: { eq: 'VISION' } }, { capability: { eq: 'TOOLS' } }] })).toEqual(['seeing']);
  expect(await names({ status: { ne: 'ACTIVE' } })).toEqual([]);
  expect(
    await eve.want(
      '{ providers(filter: { dialect: { eq: BUILTIN }, status: { in: [ACTIVE] } }, orderBy: [{ field: SLUG }]) { edges { node { slug } } } }',
    ),
  ).toEqual({ providers: { edges: [{ node: { slug: 'tessera' } }] } });
});

test('each level of providers, models and prices is one statement', async () => {
  const providerId = await providerOf();
  const [first, second] = [await modelOf(providerId, { inputPrice: '0.1' }), await modelOf(providerId)];
  await ada.want(deprecateModel, { input: { id: first, replacementId: second } });
  await eve.want('{ viewer { role } }');
  const { data, errors, statements } =
    await eve.ask(`{ providers { edges { node { slug models(first: 5) { edges { node {
    name price { inputPrice } prices(first: 3) { edges { node { inputPrice } } } replacement { name } } } } } } } }`);
  expect(errors).toEqual([]);
  expect(JSON.stringify(data)).toContain('"price":{"inputPrice":"0.1"}');
  // Providers, their models, what these cost, all their prices and what takes their place.
  expect(statements).toHaveLength(5);
});

test('a model gives way to its replacement once it is over, and can be brought back', async () => {
  const providerId = await providerOf();
  const [old, next, last] = [await modelOf(providerId), await modelOf(providerId), await modelOf(providerId)];
  const vectors = await modelOf(providerId, { type: 'EMBEDDING' });
  expect(await eve.codes(deprecateModel, { input: { id: old } })).toEqual(['FORBIDDEN']);
  expect(await faults(deprecateModel, { id: old, replacementId: old })).toEqual(['BAD_USER_INPUT', 'replacementId']);
  expect(await faults(deprecateModel, { id: old, replacementId: vectors })).toEqual([
    'BAD_USER_INPUT',
    'replacementId',
  ]);
  const workspaceId = await workspaceOf(eve);
  await eve.want(
    'mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { id } } }',
    {
      input: { workspaceId, modelId: old },
    },
  );

  const retiresAt = new Date(Date.now() + 3_600_000).toISOString();
  expect(await ada.want(deprecateModel, { input: { id: old, replacementId: next, retiresAt } })).toMatchObject({
    deprecateModel: {
      model: { status: 'DEPRECATED', retiresAt, replacement: { name: expect.stringMatching(/model-/) } },
    },
  });
  // Whoever uses it in a workspace sees so.
  expect(
    await eve.want('query ($id: ID!) { workspace(id: $id) { chatModel { status retiresAt replacement { id } } } }', {
      id: workspaceId,
    }),
  ).toEqual({ workspace: { chatModel: { status: 'DEPRECATED', retiresAt, replacement: { id: next } } } });
  const logged = await read(() =>
    database
      .select({ action: platformEvents.action, data: platformEvents.data, actorId: platformEvents.actorId })
      .from(platformEvents)
      .where(eq(platformEvents.targetId, uuidOf(old)))
      .orderBy(asc(platformEvents.id)),
  );
  expect(logged.at(-1)).toMatchObject({
    action: 'model.deprecated',
    actorId: uuidOf(ada.userId),
    data: { replacementId: uuidOf(next), retiresAt },
  });

  // What is deprecated takes nobody's place, so that no circle comes about.
  expect(await ada.codes(deprecateModel, { input: { id: next, replacementId: old } })).toEqual(['CONFLICT']);
  /** What would be called, and whether it could be, but for a key. */
  const inForce = async (modelId: string) => {
    const { routeExplanation }: { routeExplanation: { models: { called: { id: string }; fault: string }[] } } =
      await ada.want(
        'query ($modelId: ID!) { routeExplanation(input: { modelId: $modelId }) { models { called { id } fault } } }',
        { modelId },
      );
    const [found] = routeExplanation.models;
    return { id: found?.called.id, answers: found?.fault !== 'SWITCHED_OFF' };
  };
  expect(await inForce(old)).toEqual({ id: old, answers: true });
  await ada.want(deprecateModel, { input: { id: old, replacementId: next, retiresAt: '2026-01-01T00:00:00Z' } });
  expect(await inForce(old)).toEqual({ id: next, answers: true });
  await ada.want(deprecateModel, { input: { id: next, replacementId: last } });
  await ada.want(updateModel, { input: { id: next, status: 'INACTIVE' } });
  expect(await inForce(old)).toEqual({ id: last, answers: true });
  await ada.want(updateModel, { input: { id: last, status: 'INACTIVE' } });
  expect(await inForce(old)).toEqual({ id: last, answers: false });

  expect(await ada.codes(updateModel, { input: { id: next, status: 'ACTIVE' } })).toEqual(['CONFLICT']);
  expect(await eve.codes(restoreModel, { input: { id: next } })).toEqual(['FORBIDDEN']);
  expect(await ada.want(restoreModel, { input: { id: next } })).toMatchObject({
    restoreModel: { model: { status: 'ACTIVE', replacement: null, retiresAt: null } },
  });
  expect(await ada.codes(restoreModel, { input: { id: next } })).toEqual(['CONFLICT']);
  expect(await inForce(old)).toEqual({ id: next, answers: true });
});

test('two who replace each other at the same time make no circle', async () => {
  const providerId = await providerOf();
  const [one, other] = [await modelOf(providerId), await modelOf(providerId)];
  const codes = await Promise.all([
    ada.codes(deprecateModel, { input: { id: one, replacementId: other } }),
    ada.codes(deprecateModel, { input: { id: other, replacementId: one } }),
  ]);
  expect(codes.flat()).toEqual(['CONFLICT']);
});

/** Reads what belongs to the installation, and gives the connection back: there may be no other. */
const read = async <Result>(work: () => Promise<Result>, organization: string | null = null): Promise<Result> => {
  const unit = unitOf(bed, organization);
  const result = await unit.run(work);
  await unit.rest();
  return result;
};

const dollars = (text: string | null) => (text === null ? null : Number(text));

test('each call is rated with the price of its own moment, and no price ever changes', async () => {
  const providerId = await providerOf({ dialect: 'OPENAI_COMPATIBLE', baseUrl: server.url });
  const id = await modelOf(providerId, {
    inputPrice: '0.000001',
    outputPrice: '0.000002',
    config: { openaiCompatible: { reasoningEffort: 'low', seed: 7 } },
  });
  const workspaceId = await workspaceOf(eve);
  await eve.want(
    'mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { id } } }',
    {
      input: { workspaceId, modelId: id },
    },
  );
  const conversationId = await conversationIn(eve, workspaceId);
  const ask = () =>
    eve.want('mutation ($input: AskInput!) { ask(input: $input) { answer { status } } }', {
      input: { conversationId, text: 'Roses?' },
    });
  const ahead = new Date(Date.now() + 3_600_000).toISOString();
  const later = { modelId: id, effectiveFrom: ahead, inputPrice: '1', outputPrice: '1' };
  await ada.want(setModelPrice, { input: later });
  expect(await ask()).toEqual({ ask: { answer: { status: 'COMPLETED' } } });
  const page = { source: 'https://example.com/pricing', readOn: '2026-11-21' };
  expect(
    await ada.want(setModelPrice, {
      input: { modelId: id, inputPrice: '0.00001', cachedInputPrice: '0.000001', outputPrice: '0.00002', ...page },
    }),
  ).toMatchObject({ setModelPrice: { price: { inputPrice: '0.00001', verified: true, ...page } } });
  expect(await ask()).toEqual({ ask: { answer: { status: 'COMPLETED' } } });

  const calls = await read(
    () =>
      database
        .select()
        .from(executionLogs)
        .where(eq(executionLogs.modelId, uuidOf(id)))
        .orderBy(asc(executionLogs.id)),
    eve.organizationId,
  );
  expect(calls.map(({ inputPrice, outputPrice }) => [dollars(inputPrice), dollars(outputPrice)])).toEqual([
    [0.000001, 0.000002],
    [0.00001, 0.00002],
  ]);
  const [before, after] = calls;
  expect(before?.inputTokens).toBeGreaterThan(0);
  expect(dollars(before?.cost ?? null)).toBeCloseTo(
    (before?.inputTokens ?? 0) * 0.000001 + (before?.outputTokens ?? 0) * 0.000002,
    12,
  );
  expect(dollars(after?.cost ?? null)).toBeCloseTo(
    (after?.inputTokens ?? 0) * 0.00001 + (after?.outputTokens ?? 0) * 0.00002,
    12,
  );
  // The model's options went out with each call.
  expect(server.seen.map(({ body }) => [body.reasoning_effort, body.seed])).toEqual([
    ['low', 7],
    ['low', 7],
  ]);

  expect(await ada.codes(setModelPrice, { input: { ...later, inputPrice: '2' } })).toEqual(['CONFLICT']);
  expect(await eve.codes(setModelPrice, { input: { ...later, effectiveFrom: null } })).toEqual(['FORBIDDEN']);
  const wrong = { modelId: id, inputPrice: '-1', outputPrice: '0.0000000000001', readOn: '2026-01-01' };
  expect(await faults(setModelPrice, wrong)).toEqual(['BAD_USER_INPUT', 'inputPrice', 'outputPrice', 'readOn']);
  expect(await faults(setModelPrice, { modelId: id, source: page.source, readOn: '2999-01-01' })).toEqual([
    'BAD_USER_INPUT',
    'readOn',
  ]);
  expect(await eve.want(oneModel, { id })).toMatchObject({
    model: {
      inputPrice: '0.00001',
      outputPrice: '0.00002',
      price: { inputPrice: '0.00001', cachedInputPrice: '0.000001', verified: true },
      prices: {
        totalCount: 3,
        edges: [
          { node: { effectiveFrom: ahead, inputPrice: '1', verified: false, source: null } },
          { node: { inputPrice: '0.00001' } },
          { node: { inputPrice: '0.000001' } },
        ],
      },
    },
  });
});

test("a model's options go out with embeddings and the steps of agents too, and change nothing that is ours", async () => {
  const deployment = {
    dialect: 'openai-compatible' as const,
    model: 'text-embedding-3-small',
    baseUrl: server.url,
    timeoutMs: 20_000,
    providerOptions: { openaiCompatible: { user: 'tessera', dimensions: 5 } },
  };
  await embedAll(deployment, ['Roses']);
  const step = { deployment, system: 'Be short.', history: [], question: 'Roses?', earlier: [], tools: [] };
  for await (const part of streamStep(step)) expect(part.type).toMatch(/delta|result/);
  expect(server.seen.map(({ body }) => [body.user, body.dimensions])).toEqual([
    ['tessera', 1536],
    ['tessera', 5],
  ]);
});

test('a price holds from its very moment on, not a millisecond before', async () => {
  const id = uuidOf(await modelOf(await providerOf()));
  const unit = unitOf(bed, null);
  // Within a transaction the clock of the database stands still.
  const holds = await unit.transact(async () => {
    const at = (ms: number) => sql<string>`date_trunc('milliseconds', now()) + ${ms} * interval '1 millisecond'`;
    await database.insert(modelPrices).values([
      { modelId: id, effectiveFrom: at(-1), inputPrice: '1' },
      { modelId: id, effectiveFrom: at(0), inputPrice: '2' },
      { modelId: id, effectiveFrom: at(1), inputPrice: '3' },
    ]);
    return (await priceByModel(unit).load(id))?.inputPrice;
  });
  expect(dollars(holds ?? null)).toBe(2);
});

test('every entry of the list of well-known providers is sound', () => {
  const catalogue = readCatalogue();
  expect(catalogue.map(({ slug }) => slug)).toEqual(
    expect.arrayContaining(['openai', 'anthropic', 'google', 'mistral', 'groq', 'deepseek', 'ollama']),
  );
  for (const { models, slug } of catalogue)
    for (const { name, type, price, maxOutputTokens, contextWindow } of models) {
      expect([slug, name, (maxOutputTokens ?? 0) <= contextWindow]).toEqual([slug, name, true]);
      if (type === 'EMBEDDING' && price !== null) expect([name, Number(price.output)]).toEqual([name, 0]);
      // A day on which nothing could be read yet is an invention.
      if (price !== null) expect(Date.parse(price.readOn)).toBeLessThan(Date.now());
    }
  const [first] = catalogue;
  expect(catalogueShape.safeParse([first, first]).success).toBe(false);
  expect(catalogueShape.safeParse([{ ...first, baseUrl: 'file:///etc' }]).success).toBe(false);
});

test('the list is brought in once, and what an administrator changed stays', async () => {
  const catalogue = readCatalogue();
  expect(await eve.codes(importCatalogue, { input: {} })).toEqual(['FORBIDDEN']);
  expect(await faults(importCatalogue, { providers: ['nobody'] })).toEqual(['BAD_USER_INPUT', 'providers']);
  // Known under a name and slug of the administrator's own, with a model of the list that has a price of theirs.
  const mine = await providerOf({ name: 'OpenAI', slug: 'our-openai' });
  const listed = catalogue.find(({ slug }) => slug === 'openai')?.models.find(({ price }) => price !== null);
  const model = await modelOf(mine, { name: listed?.name, inputPrice: '5', contextWindow: 4096 });
  interface Imported {
    importCatalogue: { providers: { slug: string }[]; models: { id: string; name: string }[]; prices: object[] };
  }
  const first: Imported = await ada.want(importCatalogue, { input: { providers: ['openai', 'anthropic'] } });
  const of = (slug: string) => catalogue.find((entry) => entry.slug === slug)?.models ?? [];
  expect(first.importCatalogue.providers).toEqual([{ slug: 'anthropic' }]);
  expect(first.importCatalogue.models.map(({ name }) => name).sort()).toEqual(
    [...of('openai').filter(({ name }) => name !== listed?.name), ...of('anthropic')].map(({ name }) => name).sort(),
  );
  expect(first.importCatalogue.prices).toHaveLength(
    [...of('openai'), ...of('anthropic')].filter(({ name, price }) => price !== null && name !== listed?.name).length,
  );
  expect(await eve.want(oneModel, { id: model })).toMatchObject({
    model: { inputPrice: '5', prices: { totalCount: 1 } },
  });
  const [again] = first.importCatalogue.models;
  await ada.want(updateModel, { input: { id: again?.id, description: 'Ours.', status: 'INACTIVE' } });

  const rest: Imported = await ada.want(importCatalogue, { input: {} });
  expect(rest.importCatalogue.providers).toHaveLength(catalogue.length - 2);
  expect(await ada.want(importCatalogue, { input: {} })).toEqual({
    importCatalogue: { providers: [], models: [], prices: [] },
  });
  expect(
    await read(() =>
      database
        .select({ description: modelTable.description, status: modelTable.status })
        .from(modelTable)
        .where(eq(modelTable.id, uuidOf(again?.id ?? ''))),
    ),
  ).toEqual([{ description: 'Ours.', status: 'INACTIVE' }]);
  // Prices come as the pages give them, for a million tokens, and are stored for one.
  const priced = of('anthropic').find(({ price }) => price !== null);
  const shown: { models: { edges: { node: { price: { inputPrice: string } } }[] } } = await eve.want(
    'query ($name: String!) { models(filter: { name: { eq: $name } }) { edges { node { price { inputPrice verified source readOn } } } } }',
    { name: priced?.name },
  );
  expect(shown.models.edges).toHaveLength(1);
  expect(shown.models.edges[0]?.node.price).toMatchObject({
    verified: true,
    source: priced?.price?.source,
    readOn: priced?.price?.readOn,
  });
  expect(Number(shown.models.edges[0]?.node.price.inputPrice)).toBeCloseTo(Number(priced?.price?.input) / 1e6, 12);
  // Models without any key are listed like the others.
  expect(await eve.codes('{ models(first: 100) { edges { node { name status price { inputPrice } } } } }')).toEqual([]);
});
