import type { Resolvers } from '../../../generated/resolvers.ts';
import { viewerOf } from '../../context.ts';
import { isVerified } from '../../identity/people.ts';
import { changeEmail, requestEmailVerification, verifyEmail } from '../verification.ts';

export const resolvers: Resolvers = {
  ViewerInfo: {
    emailVerified: (_info, _args, context) => isVerified(context.unit, viewerOf(context).userId),
  },
  Mutation: {
    verifyEmail: async (_root, { input }, context) => {
      await verifyEmail(context, input.token);
      return { verified: true };
    },
    requestEmailVerification: async (_root, _args, context) => ({
      expiresAt: (await requestEmailVerification(context))?.toISOString() ?? null,
    }),
    changeEmail: async (_root, { input }, context) => ({
      expiresAt: (await changeEmail(context, input)).toISOString(),
    }),
  },
};
