import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { wantedOf } from '../../selection.ts';
import { workspaceById } from '../../tenancy/loaders.ts';
import { clearCache, deleteCacheEntry, putCacheEntry } from '../cache-entries.ts';
import { cacheEntriesByOwner, cacheEntryById, cacheEntryByKey } from '../cache-loaders.ts';
import { ownerFor } from '../cache-owners.ts';
import { requireKey } from '../cache-rules.ts';

export const resolvers: Resolvers = {
  Query: {
    cacheEntry: async (_root, { owner, key }, context) => {
      requireKey(key);
      const { ownerId } = await ownerFor(context, 'CACHE_READ', owner);
      return cacheEntryByKey(context.unit, ownerId, key);
    },
    cacheEntries: async (_root, { owner, ...args }, context, info) => {
      const { ownerId } = await ownerFor(context, 'CACHE_READ', owner);
      return cacheEntriesByOwner(context.unit, args, ownerId, wantedOf(info));
    },
  },
  Mutation: {
    putCacheEntry: (_root, { input }, context) => putCacheEntry(context, input),
    deleteCacheEntry: async (_root, { input }, context) => {
      const id = await deleteCacheEntry(context, input);
      return { deletedId: id === null ? null : globalId('CacheEntry', id) };
    },
    clearCache: async (_root, { input }, context) => ({ count: await clearCache(context, input) }),
  },
  CacheEntry: {
    workspace: ({ workspaceId }, _args, { unit }) =>
      workspaceId === null ? null : workspaceById(unit).load(workspaceId),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { CacheEntry: cacheEntryById };
