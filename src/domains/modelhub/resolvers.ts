import type { Resolvers } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { found } from '../nodes.ts';
import { modelById, providerById, providerKeyById, providerKeyList } from './loaders.ts';
import { createProviderKey, deleteProviderKey, setWorkspaceModel } from './operations.ts';

export const resolvers: Resolvers = {
  Query: {
    providerKeys: (_root, args, { unit }) => providerKeyList(unit, args),
  },
  Mutation: {
    createProviderKey: async (_root, { input }, context) => ({ providerKey: await createProviderKey(context, input) }),
    deleteProviderKey: async (_root, { input }, context) => ({
      deletedId: globalId('ProviderKey', await deleteProviderKey(context, input.id)),
    }),
    setWorkspaceModel: async (_root, { input }, context) => ({ workspace: await setWorkspaceModel(context, input) }),
  },
  ProviderKey: {
    provider: (key, _args, { unit }) => found('Provider', key.providerId, providerById(unit)),
  },
  Workspace: {
    chatModel: ({ chatModelId }, _args, { unit }) => (chatModelId === null ? null : modelById(unit).load(chatModelId)),
    agentModel: ({ agentModelId }, _args, { unit }) =>
      agentModelId === null ? null : modelById(unit).load(agentModelId),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { ProviderKey: providerKeyById };
