import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { database } from '../src/database/client.ts';
import { providerKeys } from '../src/domains/modelhub/tables.ts';
import { conversationIn, modelFor, promote, unitOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const createProvider =
  'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id slug dialect baseUrl } } }';
const createModel =
  'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id type inputPrice provider { slug } } } }';
const createKey =
  'mutation ($input: CreateProviderKeyInput!) { createProviderKey(input: $input) { providerKey { id label lastFour isDefault } } }';
const deleteKey = 'mutation ($input: DeleteProviderKeyInput!) { deleteProviderKey(input: $input) { deletedId } }';
const setModel =
  'mutation ($input: SetWorkspaceModelInput!) { setWorkspaceModel(input: $input) { workspace { id chatModel { name } } } }';
const ask = 'mutation ($input: AskInput!) { ask(input: $input) { answer { status } } }';
const listKeys = '{ providerKeys { totalCount edges { node { label lastFour isDefault provider { slug } } } } }';

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let eve: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  bed = await startTestbed();
  [ada, eve] = [await bed.signUp('Ada'), await bed.signUp('Eve')];
  await promote(bed, ada);
}, 60_000);
afterAll(() => bed.stop());

interface Made {
  createProvider: { provider: { id: string } };
  createModel: { model: { id: string } };
  createProviderKey: { providerKey: { id: string } };
}
const providerOf = async (slug: string, fields: object = {}): Promise<string> => {
  const made: Made = await ada.want(createProvider, { input: { name: slug, slug, dialect: 'OPENAI', ...fields } });
  return made.createProvider.provider.id;
};

test('the built-in models are there from the start, and everybody sees them', async () => {
  // Knowing the viewer costs statements of its own, once in a few seconds.
  await eve.want('{ viewer { role } }');
  const { data, statements } = await eve.ask(
    '{ models(filter: { name: { in: ["extractive", "hashing-1536"] } }) { edges { node { name type inputPrice provider { slug dialect } } } } }',
  );
  const provider = { slug: 'tessera', dialect: 'BUILTIN' };
  expect(data).toEqual({
    models: {
      edges: [
        { node: { name: 'extractive', type: 'TEXT', inputPrice: '0', provider } },
        { node: { name: 'hashing-1536', type: 'EMBEDDING', inputPrice: '0', provider } },
      ],
    },
  });
  expect(statements).toHaveLength(3);
});

test('only who manages the platform makes providers and models known', async () => {
  const slug = 'forbidden';
  const input = { name: slug, slug, dialect: 'OPENAI' };
  expect(await eve.codes(createProvider, { input })).toEqual(['FORBIDDEN']);
  const made: object = await ada.want(createProvider, {
    input: { name: 'Local', slug: 'local', dialect: 'OPENAI_COMPATIBLE', baseUrl: 'http://127.0.0.1:11434/v1' },
  });
  expect(made).toMatchObject({
    createProvider: { provider: { slug: 'local', dialect: 'OPENAI_COMPATIBLE', baseUrl: 'http://127.0.0.1:11434/v1' } },
  });
  // Written into the document, too.
  const literal = `mutation { createProvider(input: { name: "Near", slug: "near", dialect: OPENAI_COMPATIBLE, baseUrl: "http://127.0.0.1:11435" }) { provider { baseUrl } } }`;
  expect(await ada.want(literal)).toEqual({ createProvider: { provider: { baseUrl: 'http://127.0.0.1:11435/' } } });
  const faulty = { name: '', slug: 'A b', dialect: 'OPENAI_COMPATIBLE', baseUrl: 'ftp://127.0.0.1' };
  const { errors } = await ada.ask(createProvider, { input: faulty });
  expect(errors[0]?.extensions.issues).toMatchObject([{ field: 'name' }, { field: 'slug' }, { field: 'baseUrl' }]);
  expect(await ada.codes(createProvider, { input: { ...input, name: 'Other', slug: 'local' } })).toEqual(['CONFLICT']);
  const providerId = await providerOf('priced');
  const model = { providerId, name: 'small', contextWindow: 8192, inputPrice: '0.00000015', outputPrice: '0.0000006' };
  expect(await ada.want(createModel, { input: model })).toMatchObject({
    createModel: { model: { type: 'TEXT', inputPrice: '0.00000015', provider: { slug: 'priced' } } },
  });
  expect(await ada.codes(createModel, { input: model })).toEqual(['CONFLICT']);
  expect(await eve.codes(createModel, { input: { ...model, name: 'other' } })).toEqual(['FORBIDDEN']);
});

/** A key of the list as it should be shown. */
const shownKey = (label: string, isDefault: boolean) => ({
  node: { label, lastFour: '1234', isDefault, provider: { slug: 'keyed' } },
});

test('a key is stored encrypted, shown by its end, and one is the default', async () => {
  const providerId = await providerOf('keyed');
  const key = (label: string, fields: object = {}) => ({
    input: { providerId, label, key: `sk-secret-${label}-1234`, ...fields },
  });
  expect(await ada.want(createKey, key('first'))).toMatchObject({
    createProviderKey: { providerKey: { label: 'first', lastFour: '1234', isDefault: true } },
  });
  const second: Made = await ada.want(createKey, key('second'));
  await ada.want(createKey, key('third', { isDefault: false }));
  expect(await ada.codes(createKey, key('first'))).toEqual(['CONFLICT']);
  expect(await ada.codes(createKey, key('fourth', { key: 'has a space' }))).toEqual(['BAD_USER_INPUT']);
  expect(await ada.want(listKeys)).toEqual({
    providerKeys: {
      totalCount: 3,
      edges: [shownKey('first', false), shownKey('second', true), shownKey('third', false)],
    },
  });
  const unit = unitOf(bed, ada.organizationId);
  const stored = await unit.run(() => database.select().from(providerKeys));
  await unit.rest();
  expect(JSON.stringify(stored)).not.toContain('sk-secret');

  // Another organization sees neither the keys nor their number, and cannot touch them.
  const { id } = second.createProviderKey.providerKey;
  expect(await eve.want(listKeys)).toEqual({ providerKeys: { totalCount: 0, edges: [] } });
  expect(await eve.codes(deleteKey, { input: { id } })).toEqual(['NOT_FOUND']);
  expect(await eve.codes('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
  expect(await ada.want(deleteKey, { input: { id } })).toEqual({ deleteProviderKey: { deletedId: id } });
  expect(await ada.want('{ providerKeys { totalCount } }')).toEqual({ providerKeys: { totalCount: 2 } });
});

test('a workspace answers with the model chosen for it, and says what is missing', async () => {
  const workspaceId = await workspaceOf(ada);
  const providerId = await providerOf('keyless');
  const made: Made = await ada.want(createModel, { input: { providerId, name: 'large', contextWindow: 8192 } });
  const modelId = made.createModel.model.id;
  expect(await ada.want(setModel, { input: { workspaceId, modelId } })).toEqual({
    setWorkspaceModel: { workspace: { id: workspaceId, chatModel: { name: 'large' } } },
  });
  const conversationId = await conversationIn(ada, workspaceId);
  const { errors } = await ada.ask(ask, { input: { conversationId, text: 'Roses?' } });
  expect(errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'chatModel' });
  // The refusal left no question behind.
  expect(
    await ada.want('query ($id: ID!) { conversation(id: $id) { messages { totalCount } } }', { id: conversationId }),
  ).toEqual({ conversation: { messages: { totalCount: 0 } } });

  expect(await ada.want(setModel, { input: { workspaceId, modelId: null } })).toMatchObject({
    setWorkspaceModel: { workspace: { chatModel: null } },
  });
  expect(await ada.want(ask, { input: { conversationId, text: 'Roses?' } })).toEqual({
    ask: { answer: { status: 'COMPLETED' } },
  });
  expect(await eve.codes(setModel, { input: { workspaceId, modelId } })).toEqual(['NOT_FOUND']);
  const embedder: Made = await ada.want(createModel, {
    input: { providerId, name: 'vectors', type: 'EMBEDDING', contextWindow: 8192 },
  });
  expect(await ada.codes(setModel, { input: { workspaceId, modelId: embedder.createModel.model.id } })).toEqual([
    'BAD_USER_INPUT',
  ]);
});

test('a server that cannot be reached leaves the answer FAILED', async () => {
  const workspaceId = await workspaceOf(ada);
  await modelFor(ada, workspaceId, 'http://127.0.0.1:9/v1');
  const conversationId = await conversationIn(ada, workspaceId);
  expect(
    await ada.want('mutation ($input: AskInput!) { ask(input: $input) { answer { status error { code } } } }', {
      input: { conversationId, text: 'Roses?' },
    }),
  ).toEqual({ ask: { answer: { status: 'FAILED', error: { code: 'UNAVAILABLE' } } } });
});
