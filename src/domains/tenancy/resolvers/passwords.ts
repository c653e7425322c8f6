import type { Resolvers } from '../../../generated/resolvers.ts';
import { loginOf } from '../../identity/people.ts';
import { changePassword, requestPasswordReset, resetPassword, resetPasswordWithRecoveryCodes } from '../passwords.ts';

export const resolvers: Resolvers = {
  Mutation: {
    changePassword: async (_root, { input }, context) => ({ endedSessions: await changePassword(context, input) }),
    requestPasswordReset: async (_root, { input }, context) => {
      await requestPasswordReset(context, input.email);
      return { requested: true };
    },
    resetPassword: async (_root, { input }, context) => {
      await resetPassword(context, input);
      return { reset: true };
    },
    resetPasswordWithRecoveryCodes: async (_root, { input }, context) => {
      await resetPasswordWithRecoveryCodes(context, { ...input, login: loginOf(input) });
      return { reset: true };
    },
  },
};
