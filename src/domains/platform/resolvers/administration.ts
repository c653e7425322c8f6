import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import {
  makerById,
  membershipOfPlace,
  organizationOfPlace,
  organizationsOfPerson,
  platformOrganization,
  platformOrganizations,
  platformUser,
  platformUsers,
} from '../directory.ts';
import { dataOf, platformEventList, targetOf } from '../events.ts';
import {
  changeOrganizationType,
  createPlatformOrganization,
  deletePlatformOrganization,
  restorePlatformOrganization,
  resumeOrganization,
  suspendOrganization,
} from '../organizations.ts';
import { platformUsage, usageByOrganization } from '../usage.ts';
import {
  createPlatformUser,
  endUserSessions,
  resumeUser,
  setPlatformRole,
  suspendUser,
  updatePlatformUser,
} from '../users.ts';

export const resolvers: Resolvers = {
  Query: {
    platformUsers: (_root, args, { unit }) => platformUsers(unit, args),
    platformUser: (_root, { id }, { unit }) => platformUser(unit, id),
    platformOrganizations: (_root, args, { unit }) => platformOrganizations(unit, args),
    platformOrganization: (_root, { id }, { unit }) => platformOrganization(unit, id),
    platformUsage: (_root, args, { unit }) => platformUsage(unit, args),
    platformEvents: (_root, args, { unit }) => platformEventList(unit, args),
  },
  Mutation: {
    createPlatformUser: async (_root, { input }, context) => ({ user: await createPlatformUser(context, input) }),
    updatePlatformUser: async (_root, { input }, context) => ({ user: await updatePlatformUser(context, input) }),
    setPlatformRole: async (_root, { input }, context) => ({ user: await setPlatformRole(context, input) }),
    suspendUser: async (_root, { input }, context) => ({ user: await suspendUser(context, input.userId) }),
    resumeUser: async (_root, { input }, context) => ({ user: await resumeUser(context, input.userId) }),
    endUserSessions: async (_root, { input }, context) => ({ count: await endUserSessions(context, input.userId) }),
    createPlatformOrganization: async (_root, { input }, context) => ({
      organization: await createPlatformOrganization(context, input),
    }),
    changeOrganizationType: async (_root, { input }, context) => ({
      organization: await changeOrganizationType(context, input),
    }),
    suspendOrganization: async (_root, { input }, context) => ({
      organization: await suspendOrganization(context, input.organizationId),
    }),
    resumeOrganization: async (_root, { input }, context) => ({
      organization: await resumeOrganization(context, input.organizationId),
    }),
    deletePlatformOrganization: async (_root, { input }, context) => ({
      organization: await deletePlatformOrganization(context, input.organizationId),
    }),
    restorePlatformOrganization: async (_root, { input }, context) => ({
      organization: await restorePlatformOrganization(context, input.organizationId),
    }),
  },
  PlatformUser: {
    id: ({ id }) => globalId('User', id),
    createdBy: ({ createdById }, _args, { unit }) => (createdById === null ? null : makerById(unit).load(createdById)),
    organizations: ({ id }, args, { unit }) => organizationsOfPerson(unit, args, id),
  },
  PlatformUserOrganizationEdge: {
    node: ({ node }, _args, { unit }) => organizationOfPlace(node, unit),
    role: async ({ node }, _args, { unit }) => (await membershipOfPlace(node, unit)).role,
    joinedAt: async ({ node }, _args, { unit }) => (await membershipOfPlace(node, unit)).createdAt,
    suspendedAt: async ({ node }, _args, { unit }) => (await membershipOfPlace(node, unit)).suspendedAt,
  },
  PlatformOrganization: {
    id: ({ id }) => globalId('Organization', id),
    usage: ({ id }, _args, { unit }) => found('Organization', id, usageByOrganization(unit)),
  },
  PlatformEvent: {
    id: ({ id }) => globalId('PlatformEvent', id),
    targetId: targetOf,
    actorId: ({ actorId }) => (actorId === null ? null : globalId('User', actorId)),
    data: dataOf,
  },
};
