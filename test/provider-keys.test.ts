import { afterAll, afterEach, beforeAll, expect, test } from '@jest/globals';
import { and, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { budgets } from '../src/domains/modelhub/quota-tables.ts';
import { platformProviderKeys, providerKeys, providers } from '../src/domains/modelhub/tables.ts';
import { organizations } from '../src/domains/tenancy/tables.ts';
import { platformEvents } from '../src/events/tables.ts';
import { RateLimited } from '../src/errors.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
let server: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let eve: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  [bed, server] = await Promise.all([startTestbed(), startOpenAiServer()]);
  [ada, eve] = [await bed.signUp('Ada'), await bed.signUp('Eve')];
  await promote(bed, ada);
}, 60_000);
afterEach(() => server.reset());
afterAll(async () => {
  await bed.stop();
  await server.stop();
});

const shown = 'id label lastFour isDefault dailyQuota monthlyQuota lastUsedAt';
/** A mutation of keys by its name. */
const mutation = (name: string, selection: string) => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  return `mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`;
};
const createKey = mutation('createProviderKey', `providerKey { ${shown} createdBy { name } provider { slug } }`);
const updateKey = mutation('updateProviderKey', `providerKey { ${shown} }`);
const deleteKey = mutation('deleteProviderKey', 'deletedId');
const tryKey = mutation('testProviderKey', 'ok latencyMs failure { code message }');
const createPlatformKey = mutation('createPlatformProviderKey', `platformProviderKey { ${shown} createdById }`);
const updatePlatformKey = mutation('updatePlatformProviderKey', `platformProviderKey { ${shown} }`);
const deletePlatformKey = mutation('deletePlatformProviderKey', 'deletedId');
const tryPlatformKey = mutation('testPlatformProviderKey', 'ok failure { code }');

interface Shown {
  readonly id: string;
  readonly label: string;
  readonly isDefault: boolean;
}
let made = 0;
/** A provider of its own, reached at the local server. */
const provider = async (fields: object = {}): Promise<string> => {
  const slug = `maker-${(made += 1)}`;
  const data: { createProvider: { provider: { id: string } } } = await ada.want(
    'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
    { input: { name: slug, slug, dialect: 'OPENAI', baseUrl: server.url, ...fields } },
  );
  return data.createProvider.provider.id;
};
const model = async (providerId: string, name: string, fields: object = {}): Promise<string> => {
  const data: { createModel: { model: { id: string } } } = await ada.want(
    'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
    { input: { providerId, name, contextWindow: 8192, ...fields } },
  );
  return data.createModel.model.id;
};
const keyFor = async (providerId: string, label: string, fields: object = {}): Promise<Shown> => {
  const data: { createProviderKey: { providerKey: Shown } } = await ada.want(createKey, {
    input: { providerId, label, key: `sk-own-${label}-1234`, ...fields },
  });
  return data.createProviderKey.providerKey;
};
const platformKeyFor = async (providerId: string, label: string, fields: object = {}): Promise<Shown> => {
  const data: { createPlatformProviderKey: { platformProviderKey: Shown } } = await ada.want(createPlatformKey, {
    input: { providerId, label, key: `sk-platform-${label}-1234`, ...fields },
  });
  return data.createPlatformProviderKey.platformProviderKey;
};
/** The bounds of a key, as the ledger asks them. */
const boundsOf = async (id: string) => {
  const unit = unitOf(bed, ada.organizationId);
  const rows = await unit.run(() =>
    database
      .select({ subject: budgets.subject, measure: budgets.measure, window: budgets.window, limit: budgets.limit })
      .from(budgets)
      .where(eq(budgets.subjectId, uuidOf(id)))
      .orderBy(budgets.window),
  );
  await unit.rest();
  return rows.map(({ subject, measure, window, limit }) => `${subject} ${measure} ${window} ${Number(limit)}`);
};
/** Calls that tried keys, newest first. */
const trials = async () => {
  const unit = unitOf(bed, ada.organizationId);
  const rows = await unit.run(() =>
    database.select().from(executionLogs).where(eq(executionLogs.purpose, 'test')).orderBy(executionLogs.id),
  );
  await unit.rest();
  return rows.toReversed();
};

test('a key is stored with its quotas, changed, replaced and deleted with them', async () => {
  const providerId = await provider();
  const { data } = await ada.ask(createKey, {
    input: {
      providerId,
      label: 'Main',
      key: 'sk-live-main-abcd',
      dailyQuota: '12.5',
      monthlyQuota: '250',
      isDefault: true,
    },
  });
  expect(data).toMatchObject({
    createProviderKey: {
      providerKey: {
        label: 'Main',
        lastFour: 'abcd',
        isDefault: true,
        dailyQuota: '12.5',
        monthlyQuota: '250',
        lastUsedAt: null,
        createdBy: { name: 'Ada' },
      },
    },
  });
  const { createProviderKey }: { createProviderKey: { providerKey: Shown } } = data;
  const { id } = createProviderKey.providerKey;
  expect(await boundsOf(id)).toEqual(['PROVIDER_KEY COST DAY 12.5', 'PROVIDER_KEY COST MONTH 250']);

  const input = { id, label: 'Second', dailyQuota: null, monthlyQuota: '0', key: 'sk-live-main-wxyz' };
  expect(await ada.want(updateKey, { input })).toMatchObject({
    updateProviderKey: {
      providerKey: { label: 'Second', lastFour: 'wxyz', isDefault: true, dailyQuota: null, monthlyQuota: '0' },
    },
  });
  expect(await boundsOf(id)).toEqual(['PROVIDER_KEY COST MONTH 0']);
  // What is absent stays.
  expect(await ada.want(updateKey, { input: { id, isDefault: false } })).toMatchObject({
    updateProviderKey: { providerKey: { label: 'Second', lastFour: 'wxyz', isDefault: false, monthlyQuota: '0' } },
  });

  const faulty = { id, label: ' ', key: 'has a space', dailyQuota: '-1', monthlyQuota: '0.1234567' };
  const { errors } = await ada.ask(updateKey, { input: faulty });
  expect(errors[0]?.extensions.issues).toMatchObject([
    { field: 'label' },
    { field: 'key' },
    { field: 'dailyQuota' },
    { field: 'monthlyQuota' },
  ]);
  await keyFor(providerId, 'Other');
  expect(await ada.codes(updateKey, { input: { id, label: 'Other', dailyQuota: '3' } })).toEqual(['CONFLICT']);
  expect(await boundsOf(id)).toEqual(['PROVIDER_KEY COST MONTH 0']);
  expect(await ada.codes(createKey, { input: { ...input, id: undefined, providerId, label: 'Other' } })).toEqual([
    'CONFLICT',
  ]);

  // Nobody else finds it, and members may do nothing with keys.
  for (const [operation, more] of [
    [updateKey, { label: 'Mine' }],
    [deleteKey, {}],
    [tryKey, {}],
  ] as const)
    expect(await eve.codes(operation, { input: { id, ...more } })).toEqual(['NOT_FOUND']);

  expect(await ada.want(deleteKey, { input: { id } })).toEqual({ deleteProviderKey: { deletedId: id } });
  expect(await boundsOf(id)).toEqual([]);
  expect(await ada.codes(updateKey, { input: { id, label: 'Gone' } })).toEqual(['NOT_FOUND']);
});

test('a list of keys costs one statement for all quotas', async () => {
  const providerId = await provider();
  await keyFor(providerId, 'a', { dailyQuota: '1' });
  await keyFor(providerId, 'b', { monthlyQuota: '2.000001' });
  const { data, statements } = await ada.ask(
    '{ providerKeys(last: 2) { edges { node { label dailyQuota monthlyQuota createdBy { name } provider { slug } } } } }',
  );
  const by = { createdBy: { name: 'Ada' } };
  expect(data).toMatchObject({
    providerKeys: {
      edges: [
        { node: { label: 'a', dailyQuota: '1', monthlyQuota: null, ...by } },
        { node: { label: 'b', dailyQuota: null, monthlyQuota: '2.000001', ...by } },
      ],
    },
  });
  // Keys, quotas, people, providers.
  expect(statements).toHaveLength(4);
});

test('no key is taken for a provider that is switched off, built in or unknown', async () => {
  const providerId = await provider();
  await unitOf(bed, null).transact(() =>
    database
      .update(providers)
      .set({ status: 'INACTIVE' })
      .where(eq(providers.id, uuidOf(providerId))),
  );
  const input = { providerId, label: 'Late', key: 'sk-live-late-1234', dailyQuota: '1' };
  for (const operation of [createKey, createPlatformKey]) {
    expect(await ada.codes(operation, { input })).toEqual(['CONFLICT']);
    const unknown = 'provider_01h455vb4pex5vsknk084sn02q';
    expect(await ada.codes(operation, { input: { ...input, providerId: unknown } })).toEqual(['NOT_FOUND']);
  }
  const unit = unitOf(bed, ada.organizationId);
  const stored = await unit.run(() =>
    database
      .select({ id: providerKeys.id })
      .from(providerKeys)
      .where(eq(providerKeys.providerId, uuidOf(providerId))),
  );
  await unit.rest();
  expect(stored).toEqual([]);
});

test('of keys that become the default at the same time one is it, and none is lost', async () => {
  const providerId = await provider();
  const labels = Array.from({ length: 6 }, (_, at) => `k${at}`);
  const keys = await Promise.all(labels.map((label) => keyFor(providerId, label)));
  const platformKeys = await Promise.all(labels.map((label) => platformKeyFor(providerId, label)));
  await Promise.all([
    ...keys.map(({ id }) => ada.want(updateKey, { input: { id, isDefault: true } })),
    ...platformKeys.map(({ id }) => ada.want(updatePlatformKey, { input: { id, isDefault: true } })),
  ]);
  const unit = unitOf(bed, ada.organizationId);
  const id = uuidOf(providerId);
  const own = await unit.run(() =>
    database.select({ isDefault: providerKeys.isDefault }).from(providerKeys).where(eq(providerKeys.providerId, id)),
  );
  const platform = await unit.run(() =>
    database
      .select({ isDefault: platformProviderKeys.isDefault })
      .from(platformProviderKeys)
      .where(eq(platformProviderKeys.providerId, id)),
  );
  await unit.rest();
  for (const rows of [own, platform]) {
    expect(rows).toHaveLength(6);
    expect(rows.filter(({ isDefault }) => isDefault)).toHaveLength(1);
  }
});

test("keys of the installation are its administrators' alone, and its log tells of them", async () => {
  const providerId = await provider();
  const key = await platformKeyFor(providerId, 'Shared', { dailyQuota: '100', monthlyQuota: '1000.5' });
  const { id } = key;
  expect(key).toMatchObject({ lastFour: '1234', dailyQuota: '100', monthlyQuota: '1000.5', createdById: ada.userId });
  const second = await platformKeyFor(providerId, 'Spare', { isDefault: false });
  expect(second).toMatchObject({ isDefault: false, dailyQuota: null });
  const input = { id, label: 'Main', key: 'sk-platform-new-9876', dailyQuota: null };
  expect(await ada.want(updatePlatformKey, { input })).toMatchObject({
    updatePlatformProviderKey: {
      platformProviderKey: { label: 'Main', lastFour: '9876', dailyQuota: null, monthlyQuota: '1000.5' },
    },
  });
  expect(await ada.codes(updatePlatformKey, { input: { id, label: 'Spare' } })).toEqual(['CONFLICT']);
  expect(await ada.want('{ platformProviderKeys(last: 2) { edges { node { label } } } }')).toMatchObject({
    platformProviderKeys: { edges: [{ node: { label: 'Main' } }, { node: { label: 'Spare' } }] },
  });
  expect(await eve.codes('{ platformProviderKeys { totalCount } }')).toEqual(['FORBIDDEN']);
  expect(await eve.codes(createPlatformKey, { input: { providerId, label: 'x', key: 'sk-12345678' } })).toEqual([
    'FORBIDDEN',
  ]);
  for (const operation of [updatePlatformKey, deletePlatformKey, tryPlatformKey])
    expect(await eve.codes(operation, { input: { id } })).toEqual(['FORBIDDEN']);
  expect(await ada.want(deletePlatformKey, { input: { id } })).toEqual({
    deletePlatformProviderKey: { deletedId: id },
  });
  expect(await ada.codes(deletePlatformKey, { input: { id } })).toEqual(['NOT_FOUND']);
  const unit = unitOf(bed, null);
  const told = await unit.run(() =>
    database
      .select({ action: platformEvents.action, actorId: platformEvents.actorId, data: platformEvents.data })
      .from(platformEvents)
      .where(eq(platformEvents.targetId, uuidOf(id)))
      .orderBy(platformEvents.id),
  );
  await unit.rest();
  const actorId = uuidOf(ada.userId);
  expect(told).toMatchObject([
    { action: 'platform_provider_key.created', actorId, data: { label: 'Shared' } },
    { action: 'platform_provider_key.updated', actorId, data: { fields: ['label', 'dailyQuota', 'key'] } },
    { action: 'platform_provider_key.deleted', actorId },
  ]);
});

test("the organization's strategy decides which key is sent", async () => {
  const ask = 'mutation ($input: AskInput!) { ask(input: $input) { answer { status } } }';
  const workspaceId = await workspaceOf(ada);
  const conversationId = await conversationIn(ada, workspaceId);
  const use = async (strategy: 'PLATFORM' | 'BYOK' | 'HYBRID') => {
    await unitOf(bed, ada.organizationId).transact(() =>
      database
        .update(organizations)
        .set({ apiKeyStrategy: strategy })
        .where(eq(organizations.id, uuidOf(ada.organizationId))),
    );
    // Nothing told the process of it.
    bed.server.installation.services.routing.forget(uuidOf(ada.organizationId));
  };
  /** Keys that the server was shown for one question, in order. */
  const sentFor = async (): Promise<(string | undefined)[]> => {
    server.seen.length = 0;
    const { errors } = await ada.ask(ask, { input: { conversationId, text: 'Roses?' } });
    if (errors.length > 0) return errors.map(({ extensions }) => String(extensions.code));
    return server.seen.map(({ authorization }) => authorization?.replace('Bearer ', ''));
  };
  const own = 'sk-own-main-1234';
  const platform = 'sk-platform-main-1234';
  /** Which keys there are: what is sent with PLATFORM, BYOK and HYBRID. */
  const expected: [('own' | 'platform')[], string[], string[], string[]][] = [
    [[], ['CONFLICT'], ['CONFLICT'], ['CONFLICT']],
    [['own'], [own], [own], [own]],
    [['platform'], [platform], ['CONFLICT'], [platform]],
    [['own', 'platform'], [platform], [own], [own]],
  ];
  for (const [present, withPlatform, withByok, withHybrid] of expected) {
    const providerId = await provider();
    const modelId = await model(providerId, 'fake');
    if (present.includes('own')) await keyFor(providerId, 'main');
    if (present.includes('platform')) await platformKeyFor(providerId, 'main');
    await ada.want(
      'mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { id } } }',
      { input: { workspaceId, modelId } },
    );
    for (const [strategy, sent] of [
      ['PLATFORM', withPlatform],
      ['BYOK', withByok],
      ['HYBRID', withHybrid],
    ] as const) {
      await use(strategy);
      expect([present, strategy, await sentFor()]).toEqual([present, strategy, sent]);
    }
  }
  // Both are there, and the strategy is HYBRID: what the own key is refused is asked with the platform's.
  server.script({ status: 401 });
  expect(await sentFor()).toEqual([own, platform]);
  // With BYOK the platform's key is never touched, with PLATFORM never the own one.
  await use('BYOK');
  server.always(() => ({ status: 401 }));
  expect(await sentFor()).toEqual([own]);
  await use('PLATFORM');
  expect(await sentFor()).toEqual([platform]);

  // When they were used is written down later, in one batch.
  await bed.server.installation.services.keyUses.flush();
  const unit = unitOf(bed, ada.organizationId);
  const used = await unit.run(() =>
    database
      .select({ lastUsedAt: providerKeys.lastUsedAt })
      .from(providerKeys)
      .where(and(eq(providerKeys.label, 'main'))),
  );
  const usedOfPlatform = await unit.run(() =>
    database
      .select({ lastUsedAt: platformProviderKeys.lastUsedAt })
      .from(platformProviderKeys)
      .where(eq(platformProviderKeys.label, 'main')),
  );
  await unit.rest();
  for (const rows of [used, usedOfPlatform]) {
    expect(rows).toHaveLength(2);
    for (const { lastUsedAt } of rows) expect(Date.now() - Date.parse(String(lastUsedAt))).toBeLessThan(60_000);
  }
}, 30_000);

test('a key is tried with the cheapest text model, and the ledger knows of it', async () => {
  const providerId = await provider({ dialect: 'OPENAI_COMPATIBLE' });
  const { id } = await keyFor(providerId, 'tried');
  // No model is known yet: the provider is asked for its list.
  expect(await ada.want(tryKey, { input: { id } })).toMatchObject({ testProviderKey: { ok: true, failure: null } });
  expect(server.seen.at(-1)).toMatchObject({ path: '/v1/models', authorization: 'Bearer sk-own-tried-1234' });
  expect((await trials())[0]).toMatchObject({
    status: 'SUCCESS',
    modelId: null,
    cost: '0.000000000000',
    providerKeyId: uuidOf(id),
    leaseUntil: null,
  });

  await model(providerId, 'unpriced');
  await model(providerId, 'dear', { inputPrice: '0.00002', outputPrice: '0.00003' });
  await model(providerId, 'cheap', { inputPrice: '0.000001', outputPrice: '0.000002' });
  const vectors = await model(providerId, 'vectors', { type: 'EMBEDDING', inputPrice: '0' });
  const picture = await model(providerId, 'picture', { type: 'IMAGE', inputPrice: '0' });
  const { data } = await ada.ask(tryKey, { input: { id } });
  expect(data).toMatchObject({ testProviderKey: { ok: true, failure: null } });
  expect(server.seen.at(-1)).toMatchObject({ path: '/v1/chat/completions', body: { model: 'cheap' } });
  const [tried] = await trials();
  expect(tried).toMatchObject({ status: 'SUCCESS', modelName: 'cheap', attempt: 1, providerKeyId: uuidOf(id) });
  expect(Number(tried?.cost)).toBeGreaterThan(0);
  expect(await ada.want(tryKey, { input: { id, modelId: vectors } })).toMatchObject({ testProviderKey: { ok: true } });
  expect(server.seen.at(-1)?.path).toBe('/v1/embeddings');
  expect(await ada.codes(tryKey, { input: { id, modelId: picture } })).toEqual(['BAD_USER_INPUT']);
  const others = await model(await provider(), 'other');
  expect(await ada.codes(tryKey, { input: { id, modelId: others } })).toEqual(['BAD_USER_INPUT']);

  const body = { error: { message: 'Incorrect API key provided: sk-own-tried-1234' } };
  for (const [status, code] of [
    [401, 'UNAUTHORIZED'],
    [429, 'RATE_LIMITED'],
    [500, 'UNAVAILABLE'],
    [400, 'REFUSED'],
  ] as const) {
    server.script({ status, body });
    const answer = await ada.ask(tryKey, { input: { id } });
    expect(answer.data).toMatchObject({ testProviderKey: { ok: false, failure: { code } } });
    expect(JSON.stringify(answer)).not.toContain('sk-own');
    expect((await trials())[0]).toMatchObject({ status: 'ERROR', errorKind: code, leaseUntil: null });
  }
  // One try each: what a refusal is worth is for whoever asked to judge.
  expect(server.seen.filter(({ body: sent }) => sent.model === 'cheap')).toHaveLength(5);
}, 30_000);

test('a key of the installation is tried in the same way, and the ledger names it', async () => {
  const providerId = await provider();
  await model(providerId, 'fake');
  const { id } = await platformKeyFor(providerId, 'tried');
  server.script({ status: 401 });
  expect(await ada.want(tryPlatformKey, { input: { id } })).toEqual({
    testPlatformProviderKey: { ok: false, failure: { code: 'UNAUTHORIZED' } },
  });
  expect((await trials())[0]).toMatchObject({
    platformKeyId: uuidOf(id),
    providerKeyId: null,
    errorKind: 'UNAUTHORIZED',
  });
  expect(await ada.want(tryPlatformKey, { input: { id } })).toEqual({
    testPlatformProviderKey: { ok: true, failure: null },
  });
});

test('while a key is tried its call stands in the ledger as reserved, and no transaction is open', async () => {
  const providerId = await provider();
  await model(providerId, 'fake');
  const { id } = await keyFor(providerId, 'slow');
  server.script({ delayMs: 400 });
  const trying = ada.want(tryKey, { input: { id } });
  while (server.seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 5));
  const [running] = await trials();
  expect(running).toMatchObject({ status: 'PENDING', providerKeyId: uuidOf(id) });
  expect(Date.parse(String(running?.leaseUntil))).toBeGreaterThan(Date.now());
  await trying;
  expect((await trials())[0]).toMatchObject({ id: running?.id, status: 'SUCCESS' });
});

test('an unreachable provider, a key that cannot be read and too many tries are told apart', async () => {
  const providerId = await provider({ dialect: 'OPENAI_COMPATIBLE', baseUrl: 'http://127.0.0.1:9/v1' });
  const { id } = await keyFor(providerId, 'lost');
  for (const named of [null, await model(providerId, 'fake')])
    expect(await ada.want(tryKey, { input: { id, ...(named && { modelId: named }) } })).toMatchObject({
      testProviderKey: { ok: false, failure: { code: 'UNAVAILABLE' } },
    });
  const before = (await trials()).length;
  await unitOf(bed, ada.organizationId).transact(() =>
    database
      .update(providerKeys)
      .set({ encryptedKey: 'eyJraWQiOiJnb25lIn0.....' })
      .where(eq(providerKeys.id, uuidOf(id))),
  );
  expect(await ada.want(tryKey, { input: { id } })).toMatchObject({
    testProviderKey: { ok: false, latencyMs: null, failure: { code: 'UNREADABLE' } },
  });
  expect(await trials()).toHaveLength(before);
  // Throttles are off in this suite: the one that is asked counts as used up.
  const { services } = bed.server.installation;
  const { throttles } = services;
  const refuse = () => Promise.reject(new RateLimited(60));
  Object.assign(services, { throttles: { ...throttles, keyTest: { spend: refuse } } });
  expect(await ada.codes(tryKey, { input: { id } })).toEqual(['RATE_LIMITED']);
  Object.assign(services, { throttles });
});
