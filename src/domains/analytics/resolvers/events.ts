import type { Resolvers } from '../../../generated/resolvers.ts';
import { jobOf } from '../../conversations/lifecycle-loaders.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import { analyticsEventById, analyticsEventList, eventNames } from '../event-loaders.ts';
import { exportAnalytics } from '../exporting.ts';
import { recordEvents } from '../recording.ts';

export const resolvers: Resolvers = {
  Query: {
    analyticsEvents: (_root, args, { unit }) => analyticsEventList(unit, args),
    eventNames: (_root, args, { unit }) => eventNames(unit, args),
  },
  Mutation: {
    recordEvents: (_root, { input }, context) => recordEvents(context, input),
    exportAnalytics: async (_root, { input }, context) => ({
      job: await jobOf(context.unit, await exportAnalytics(context, input)),
    }),
  },
  AnalyticsEvent: {
    workspace: ({ workspaceId }, _args, { unit }) =>
      workspaceId === null ? null : workspaceById(unit).load(workspaceId),
    user: ({ userId }, _args, { unit }) => (userId === null ? null : memberUserById(unit).load(userId)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { AnalyticsEvent: analyticsEventById };
