import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { setTimeout as pause } from 'node:timers/promises';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import './source-connector.ts';
import { SourceServer } from './source-server.ts';
import { connect, sync } from './sync-talk.ts';
import { promote, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let models: OpenAiServer;
let source: SourceServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  [bed, models, source] = [await startTestbed(), await startOpenAiServer(), await SourceServer.start()];
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
}, 60_000);
afterAll(async () => {
  await bed.stop();
  await models.stop();
  await source.stop();
  await closeParsers();
});

/** A workspace that embeds with a provider's model. */
const embeddingWorkspace = async (): Promise<string> => {
  const slug = `p-${randomUUID().slice(0, 8)}`;
  const make = async (name: string, type: string, input: object, selection: string): Promise<Data> =>
    ada.want(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, { input });
  const provider = { name: slug, slug, dialect: 'OPENAI_COMPATIBLE', baseUrl: models.url };
  const { createProvider } = await make('createProvider', 'CreateProviderInput', provider, 'provider { id }');
  const model = { providerId: createProvider.provider.id, name: slug, type: 'EMBEDDING', contextWindow: 8192 };
  const { createModel } = await make('createModel', 'CreateModelInput', model, 'model { id }');
  const workspaceId = await workspaceOf(ada);
  const modelId = createModel.model.id;
  await make('setEmbeddingModel', 'SetEmbeddingModelInput', { workspaceId, modelId }, 'workspace { id }');
  for (;;) {
    const { workspace }: Data = await ada.want(
      'query ($id: ID!) { workspace(id: $id) { embeddingModel { id } nextEmbeddingModel { id } } }',
      { id: workspaceId },
    );
    if (workspace.embeddingModel?.id === modelId && workspace.nextEmbeddingModel === null) return workspaceId;
    await pause(30);
  }
};

/** Texts that the provider was given to embed, and starts to count anew. */
const embedded = (): string[] => models.seen.splice(0).flatMap(({ body }) => [body.input].flat() as string[]);

test('a provider is asked for what is new alone: for nothing when nothing has changed', async () => {
  const workspaceId = await embeddingWorkspace();
  const parts = (animal: string) =>
    ['otter', animal, 'badger'].map((name) => `# The ${name}\n\n${`The ${name} swims and dives. `.repeat(60)}`);
  source.hold({ a: parts('beaver').join('\n\n'), b: 'Beans are green.' });
  const datasource: Data = await connect(ada, workspaceId, { configuration: { url: source.url } });
  embedded();
  const first = await sync(ada, datasource.id);
  expect(first).toMatchObject({ status: 'SUCCEEDED', added: 2 });
  expect(embedded()).toHaveLength(first.chunksNew);
  expect(await sync(ada, datasource.id)).toMatchObject({ status: 'UNCHANGED', unchanged: 2 });
  expect(embedded()).toEqual([]);
  source.hold({ a: parts('lynx').join('\n\n'), b: 'Beans are green.' });
  const second = await sync(ada, datasource.id);
  expect(second).toMatchObject({ status: 'SUCCEEDED', updated: 1, unchanged: 1 });
  const texts = embedded();
  expect(texts).toHaveLength(second.chunksNew);
  expect(second.chunksReused).toBeGreaterThan(0);
  expect(texts.every((text) => text.includes('lynx'))).toBe(true);
});
