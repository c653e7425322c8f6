import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { requirePermission } from '../../permissions.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { deleteFeedback, feedbackById, feedbackByWorkspace, giveFeedback, reviewFeedback } from '../feedback.ts';
import { messageById } from '../loaders.ts';
import type { FeedbackRow } from '../tables.ts';

export const resolvers: Resolvers = {
  Mutation: {
    giveFeedback: async (_root, { input }, context) => ({ feedback: await giveFeedback(context, input) }),
    deleteFeedback: async (_root, { input }, context) => ({
      deletedId: globalId('Feedback', await deleteFeedback(context, input.id)),
    }),
    reviewFeedback: async (_root, { input }, context) => ({ feedback: await reviewFeedback(context, input) }),
  },
  Workspace: {
    feedback: ({ id }, args, context) => {
      requirePermission(viewerOf(context), 'FEEDBACK_REVIEW', id);
      return feedbackByWorkspace<FeedbackRow>(context.unit, args, id);
    },
  },
  Feedback: {
    message: ({ messageId }, _args, { unit }) => found('Message', messageId, messageById(unit)),
    givenBy: ({ userId }, _args, { unit }) => (userId === null ? null : memberUserById(unit).load(userId)),
    reviewedBy: ({ reviewedById }, _args, { unit }) =>
      reviewedById === null ? null : memberUserById(unit).load(reviewedById),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Feedback: feedbackById };
