import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { platformKeyList, quotasByKey } from '../key-loaders.ts';
import { testPlatformProviderKey, testProviderKey } from '../key-tests.ts';
import { providerById, providerKeyById, providerKeyList } from '../loaders.ts';
import { createPlatformProviderKey, deletePlatformProviderKey, updatePlatformProviderKey } from '../platform-keys.ts';
import { createProviderKey, deleteProviderKey, updateProviderKey } from '../provider-keys.ts';

export const resolvers: Resolvers = {
  Query: {
    providerKeys: (_root, args, { unit }) => providerKeyList(unit, args),
    platformProviderKeys: (_root, args, { unit }) => platformKeyList(unit, args),
  },
  Mutation: {
    createProviderKey: async (_root, { input }, context) => ({ providerKey: await createProviderKey(context, input) }),
    updateProviderKey: async (_root, { input }, context) => ({ providerKey: await updateProviderKey(context, input) }),
    deleteProviderKey: async (_root, { input }, context) => ({
      deletedId: globalId('ProviderKey', await deleteProviderKey(context, input.id)),
    }),
    testProviderKey: (_root, { input }, context) => testProviderKey(context, input),
    createPlatformProviderKey: async (_root, { input }, context) => ({
      platformProviderKey: await createPlatformProviderKey(context, input),
    }),
    updatePlatformProviderKey: async (_root, { input }, context) => ({
      platformProviderKey: await updatePlatformProviderKey(context, input),
    }),
    deletePlatformProviderKey: async (_root, { input }, context) => ({
      deletedId: globalId('PlatformProviderKey', await deletePlatformProviderKey(context, input.id)),
    }),
    testPlatformProviderKey: (_root, { input }, context) => testPlatformProviderKey(context, input),
  },
  ProviderKey: {
    provider: (key, _args, { unit }) => found('Provider', key.providerId, providerById(unit)),
    dailyQuota: async ({ id }, _args, { unit }) => (await quotasByKey(unit).load(id))?.daily ?? null,
    monthlyQuota: async ({ id }, _args, { unit }) => (await quotasByKey(unit).load(id))?.monthly ?? null,
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
  },
  PlatformProviderKey: {
    id: ({ id }) => globalId('PlatformProviderKey', id),
    provider: (key, _args, { unit }) => found('Provider', key.providerId, providerById(unit)),
    createdById: ({ createdById }) => (createdById === null ? null : globalId('User', createdById)),
  },
};

/** How `node(id)` finds keys. */
export const nodes = { ProviderKey: providerKeyById };
