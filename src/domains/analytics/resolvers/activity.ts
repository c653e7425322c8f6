import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { userActivityById, userActivityList, userEngagementById, userEngagementList } from '../activity-loaders.ts';
import { userActivitySummary } from '../activity-summary.ts';
import { userSessions } from '../user-sessions.ts';

export const resolvers: Resolvers = {
  Query: {
    userActivities: (_root, args, { unit }) => userActivityList(unit, args),
    userSessions: (_root, args, context) => userSessions(context, args),
    userEngagement: (_root, args, { unit }) => userEngagementList(unit, args),
    userActivitySummary: (_root, args, context) => userActivitySummary(context, args),
  },
  UserActivity: {
    user: ({ userId }, _args, { unit }) => memberUserById(unit).load(userId),
    workspace: ({ workspaceId }, _args, { unit }) =>
      workspaceId === null ? null : workspaceById(unit).load(workspaceId),
    resourceId: ({ resourceType, resourceId }) =>
      resourceType === null || resourceId === null ? null : globalId(resourceType, resourceId),
  },
  UserEngagement: {
    user: ({ userId }, _args, { unit }) => memberUserById(unit).load(userId),
  },
  UserActivitySummary: {
    user: ({ userId }, _args, { unit }) => found('User', userId, memberUserById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { UserActivity: userActivityById, UserEngagement: userEngagementById };
