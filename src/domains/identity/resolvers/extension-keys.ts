import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { createExtensionKey, extensionKeyExpiry, revokeExtensionKey } from '../extension-keys.ts';
import { extensionKeyById, extensionKeyList } from '../personal-loaders.ts';
import type { BrowserExtensionKeyRow } from '../tables.ts';

export const resolvers: Resolvers = {
  Mutation: {
    createExtensionKey: (_root, { input }, context) => createExtensionKey(context, input.label),
    revokeExtensionKey: async (_root, { input }, context) => ({
      revokedId: globalId('BrowserExtensionKey', await revokeExtensionKey(context, input.id)),
    }),
  },
  ViewerInfo: {
    extensionKeys: (_viewer, args, { unit }) => extensionKeyList<BrowserExtensionKeyRow>(unit, args),
  },
  BrowserExtensionKey: {
    expiresAt: ({ createdAt }) => extensionKeyExpiry(createdAt),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { BrowserExtensionKey: extensionKeyById };
