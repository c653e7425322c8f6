import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import { models, providers } from '../../src/domains/modelhub/tables.ts';
import { globalId } from '../../src/ids.ts';
import { unitOf } from '../talk.ts';
import { byEverybody, byPlatform, type Fixture, type Fixtures } from './fixture.ts';
import type { Person, Testbed } from '../testbed.ts';

/** A provider with a model that is switched off, which nobody uses. */
const fresh = async (_owner: Person, _ids: Readonly<Record<string, string>>, bed: Testbed) => {
  const name = `fresh-${crypto.randomUUID()}`;
  return unitOf(bed, null).transact(async () => {
    const provider = sole(await database.insert(providers).values({ name, slug: name, dialect: 'OPENAI' }).returning());
    const row = { providerId: provider.id, name, type: 'TEXT', contextWindow: 4096, status: 'INACTIVE' } as const;
    const model = sole(await database.insert(models).values(row).returning());
    return { FreshProvider: globalId('Provider', provider.id), FreshModel: globalId('Model', model.id) };
  });
};

const onFresh = (field: string, selection = 'model { name }'): Fixture => ({
  gets: byPlatform,
  field: `${field} { ${selection} }`,
  shows: /fresh-/,
  target: fresh,
});

/** The catalogue belongs to the whole installation: everybody sees it, and its administrators change it. */
export const fixtures: Fixtures = {
  queries: {
    provider: { gets: byEverybody, field: 'provider(id: $Provider) { slug documentationUrl }', shows: /example/ },
    model: { gets: byEverybody, field: 'model(id: $Model) { name config price { inputPrice } }', shows: /example/ },
  },
  mutations: {
    updateProvider: onFresh(
      'updateProvider(input: { id: $FreshProvider, description: "Changed." })',
      'provider { name }',
    ),
    updateModel: onFresh('updateModel(input: { id: $FreshModel, description: "Changed." })'),
    deprecateModel: onFresh('deprecateModel(input: { id: $FreshModel })'),
    restoreModel: onFresh('restoreModel(input: { id: $FreshModel })'),
    setModelPrice: onFresh('setModelPrice(input: { modelId: $FreshModel, inputPrice: "1" })'),
    importCatalogue: {
      gets: byPlatform,
      field: 'importCatalogue(input: { providers: ["ollama"] }) { providers { slug } models { name } }',
      shows: /"providers":/,
    },
  },
  connections: { 'Model.prices': { gets: byEverybody } },
};
