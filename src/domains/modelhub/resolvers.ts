import type { Resolvers } from '../../generated/resolvers.ts';
import { found } from '../nodes.ts';
import { modelById, modelList, modelsByProvider, priceByModel, providerById, providerList } from './loaders.ts';
import { createModel, createProvider, setWorkspaceModel } from './operations.ts';

export const resolvers: Resolvers = {
  Query: {
    providers: (_root, args, { unit }) => providerList(unit, args),
    models: (_root, args, { unit }) => modelList(unit, args),
  },
  Mutation: {
    createProvider: async (_root, { input }, context) => ({ provider: await createProvider(context, input) }),
    createModel: async (_root, { input }, context) => ({ model: await createModel(context, input) }),
    setWorkspaceModel: async (_root, { input }, context) => ({ workspace: await setWorkspaceModel(context, input) }),
  },
  Provider: {
    models: (provider, args, { unit }) => modelsByProvider(unit, args, provider.id),
  },
  Model: {
    provider: (model, _args, { unit }) => found('Provider', model.providerId, providerById(unit)),
    inputPrice: async ({ id }, _args, { unit }) => (await priceByModel(unit).load(id))?.inputPrice ?? null,
    outputPrice: async ({ id }, _args, { unit }) => (await priceByModel(unit).load(id))?.outputPrice ?? null,
  },
  Workspace: {
    chatModel: ({ chatModelId }, _args, { unit }) => (chatModelId === null ? null : modelById(unit).load(chatModelId)),
    agentModel: ({ agentModelId }, _args, { unit }) =>
      agentModelId === null ? null : modelById(unit).load(agentModelId),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = {
  Provider: providerById,
  Model: modelById,
};
