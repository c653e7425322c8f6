import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { explainPermission } from '../explanation.ts';
import {
  denyPermission,
  grantPermission,
  revokePermission,
  userPermissionById,
  userPermissionList,
} from '../grants.ts';
import { memberUserById } from '../loaders.ts';

export const resolvers: Resolvers = {
  Query: {
    userPermissions: (_root, args, { unit }) => userPermissionList(unit, args),
    permissionExplanation: (_root, args, context) => explainPermission(context, args),
  },
  Mutation: {
    grantPermission: async (_root, { input }, context) => ({ userPermission: await grantPermission(context, input) }),
    denyPermission: async (_root, { input }, context) => ({ userPermission: await denyPermission(context, input) }),
    revokePermission: async (_root, { input }, context) => ({
      deletedId: globalId('UserPermission', await revokePermission(context, input)),
    }),
  },
  UserPermission: {
    user: ({ userId }, _args, { unit }) => found('User', userId, memberUserById(unit)),
    grantedBy: ({ grantedById }, _args, { unit }) => memberUserById(unit).load(grantedById),
  },
  DecidingGrant: {
    grantedBy: ({ grantedById }, _args, { unit }) => memberUserById(unit).load(grantedById),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { UserPermission: userPermissionById };
