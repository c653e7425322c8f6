import type { Resolvers } from '../../../generated/resolvers.ts';
import { boardEvents } from '../board-stream.ts';

export const resolvers: Resolvers = {
  Subscription: {
    boardEvents: {
      subscribe: (_root, { projectId, after }, context) => boardEvents(context, projectId, after ?? null),
    },
  },
};
