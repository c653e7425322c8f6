import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { groupsByUser } from '../group-loaders.ts';
import { memberUserById } from '../loaders.ts';
import {
  changeMemberRole,
  leaveOrganization,
  removeMember,
  resumeMember,
  suspendMember,
  transferOwnership,
} from '../members.ts';
import type { GroupMembershipRow } from '../tables.ts';

export const resolvers: Resolvers = {
  Mutation: {
    changeMemberRole: async (_root, { input }, context) => ({ membership: await changeMemberRole(context, input) }),
    suspendMember: async (_root, { input }, context) => ({ membership: await suspendMember(context, input.userId) }),
    resumeMember: async (_root, { input }, context) => ({ membership: await resumeMember(context, input.userId) }),
    removeMember: async (_root, { input }, context) => ({
      deletedId: globalId('Membership', await removeMember(context, input.userId)),
    }),
    leaveOrganization: async (_root, _args, context) => ({
      deletedId: globalId('Membership', await leaveOrganization(context)),
    }),
    transferOwnership: (_root, { input }, context) => transferOwnership(context, input),
  },
  Membership: {
    invitedBy: ({ invitedById }, _args, { unit }) =>
      invitedById === null ? null : memberUserById(unit).load(invitedById),
    groups: ({ userId }, args, { unit }) => groupsByUser<GroupMembershipRow>(unit, args, userId),
  },
};
