import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import {
  activitiesByUser,
  engagementsByUser,
  userActivityById,
  userActivityList,
  userEngagementById,
  userEngagementList,
} from '../activity-loaders.ts';
import { userActivitySummary } from '../activity-summary.ts';
import { seesAll, userSessions } from '../user-sessions.ts';

export const resolvers: Resolvers = {
  Query: {
    userActivities: (_root, args, context) =>
      seesAll(context)
        ? userActivityList(context.unit, args)
        : activitiesByUser(context.unit, args, viewerOf(context).userId),
    userSessions: (_root, args, context) => userSessions(context, args),
    userEngagement: (_root, args, context) =>
      seesAll(context)
        ? userEngagementList(context.unit, args)
        : engagementsByUser(context.unit, args, viewerOf(context).userId),
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
