import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { groupById, groupList, groupMembershipById, membersByGroup } from '../group-loaders.ts';
import { addGroupMembers, createGroup, deleteGroup, removeGroupMembers, updateGroup } from '../groups.ts';
import { memberUserById } from '../loaders.ts';
import type { GroupMembershipRow } from '../tables.ts';

export const resolvers: Resolvers = {
  Mutation: {
    createGroup: async (_root, { input }, context) => ({ group: await createGroup(context, input) }),
    updateGroup: async (_root, { input }, context) => ({ group: await updateGroup(context, input) }),
    deleteGroup: async (_root, { input }, context) => ({
      deletedId: globalId('Group', await deleteGroup(context, input.id)),
    }),
    addGroupMembers: async (_root, { input }, context) => ({ group: await addGroupMembers(context, input) }),
    removeGroupMembers: async (_root, { input }, context) => ({ group: await removeGroupMembers(context, input) }),
  },
  Organization: {
    groups: (_organization, args, { unit }) => groupList(unit, args),
  },
  Group: {
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    members: ({ id }, args, { unit }) => membersByGroup<GroupMembershipRow>(unit, args, id),
  },
  GroupMembership: {
    user: ({ userId }, _args, { unit }) => found('User', userId, memberUserById(unit)),
    group: ({ groupId }, _args, { unit }) => found('Group', groupId, groupById(unit)),
    addedBy: ({ addedById }, _args, { unit }) => (addedById === null ? null : memberUserById(unit).load(addedById)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Group: groupById, GroupMembership: groupMembershipById };
