import type { Resolvers } from '../../../generated/resolvers.ts';
import { found } from '../../nodes.ts';
import { importCatalogue } from '../catalogue-import.ts';
import { deprecateModel, restoreModel } from '../deprecation.ts';
import { modelById, modelList, modelsByProvider, priceByModel, providerById, providerList } from '../loaders.ts';
import { createModel, updateModel } from '../models.ts';
import { modelPriceById, pricesByModel, setModelPrice } from '../prices.ts';
import { createProvider, updateProvider } from '../providers.ts';
import type { ModelPriceRow, ModelRow, ProviderRow } from '../tables.ts';

export const resolvers: Resolvers = {
  Query: {
    providers: (_root, args, { unit }) => providerList<ProviderRow>(unit, args),
    provider: (_root, { id }, { unit }) => found('Provider', id, providerById(unit)),
    models: (_root, args, { unit }) => modelList<ModelRow>(unit, args),
    model: (_root, { id }, { unit }) => found('Model', id, modelById(unit)),
  },
  Mutation: {
    createProvider: async (_root, { input }, context) => ({ provider: await createProvider(context, input) }),
    updateProvider: async (_root, { input }, context) => ({ provider: await updateProvider(context, input) }),
    createModel: async (_root, { input }, context) => ({ model: await createModel(context, input) }),
    updateModel: async (_root, { input }, context) => ({ model: await updateModel(context, input) }),
    deprecateModel: async (_root, { input }, context) => ({ model: await deprecateModel(context, input) }),
    restoreModel: async (_root, { input }, context) => ({ model: await restoreModel(context, input.id) }),
    setModelPrice: (_root, { input }, context) => setModelPrice(context, input),
    importCatalogue: (_root, { input }, context) => importCatalogue(context, input),
  },
  Provider: {
    models: (provider, args, { unit }) => modelsByProvider<ModelRow>(unit, args, provider.id),
  },
  Model: {
    provider: (model, _args, { unit }) => found('Provider', model.providerId, providerById(unit)),
    inputPrice: async ({ id }, _args, { unit }) => (await priceByModel(unit).load(id))?.inputPrice ?? null,
    outputPrice: async ({ id }, _args, { unit }) => (await priceByModel(unit).load(id))?.outputPrice ?? null,
    price: ({ id }, _args, { unit }) => priceByModel(unit).load(id),
    prices: ({ id }, args, { unit }) => pricesByModel<ModelPriceRow>(unit, args, id),
    replacement: ({ replacementId }, _args, { unit }) =>
      replacementId === null ? null : modelById(unit).load(replacementId),
  },
  ModelPrice: {
    model: ({ modelId }, _args, { unit }) => found('Model', modelId, modelById(unit)),
    verified: ({ source, readOn }) => source !== null && readOn !== null,
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Provider: providerById, Model: modelById, ModelPrice: modelPriceById };
