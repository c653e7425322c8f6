import type { Resolvers } from '../../../generated/resolvers.ts';
import { jobOf } from '../lifecycle-loaders.ts';
import { conversationById, messageById } from '../loaders.ts';
import { createTrainingExample } from '../training.ts';
import { exportTrainingData } from '../training-export.ts';
import { createTrainingExamplesFromFeedback } from '../training-feedback.ts';

export const resolvers: Resolvers = {
  Mutation: {
    createTrainingExample: async (_root, { input }, context) => ({
      trainingExample: await createTrainingExample(context, input),
    }),
    createTrainingExamplesFromFeedback: async (_root, { input }, context) => ({
      job: await jobOf(context.unit, await createTrainingExamplesFromFeedback(context, input)),
    }),
    exportTrainingData: async (_root, { input }, context) => ({
      job: await jobOf(context.unit, await exportTrainingData(context, input)),
    }),
  },
  TrainingExample: {
    message: ({ messageId }, _args, { unit }) => (messageId === null ? null : messageById(unit).load(messageId)),
    conversation: ({ conversationId }, _args, { unit }) =>
      conversationId === null ? null : conversationById(unit).load(conversationId),
  },
};
