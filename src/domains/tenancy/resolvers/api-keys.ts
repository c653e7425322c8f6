import type { Resolvers } from '../../../generated/resolvers.ts';
import { found } from '../../nodes.ts';
import { apiKeyById, apiKeyList, workspacesOfApiKey } from '../api-key-loaders.ts';
import { createApiKey, revokeApiKey, rotateApiKey, statusOf, updateApiKey } from '../api-keys.ts';
import { memberUserById } from '../loaders.ts';
import type { ApiKeyRow } from '../tables.ts';

export const resolvers: Resolvers = {
  Query: {
    apiKeys: (_root, args, { unit }) => apiKeyList<ApiKeyRow>(unit, args),
  },
  Mutation: {
    createApiKey: (_root, { input }, context) => createApiKey(context, input),
    rotateApiKey: (_root, { input }, context) => rotateApiKey(context, input),
    updateApiKey: async (_root, { input }, context) => ({ apiKey: await updateApiKey(context, input) }),
    revokeApiKey: async (_root, { input }, context) => ({ apiKey: await revokeApiKey(context, input.id) }),
  },
  ApiKey: {
    workspaces: ({ id }, args, { unit }) => workspacesOfApiKey(unit, args, id),
    owner: ({ userId }, _args, { unit }) => found('User', userId, memberUserById(unit)),
    status: (key) => statusOf(key),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { ApiKey: apiKeyById };
