import type { Resolvers } from '../../../generated/resolvers.ts';
import { viewerOf } from '../../context.ts';
import {
  confirmTwoFactor,
  createRecoveryCodes,
  disableTwoFactor,
  enableTwoFactor,
  twoFactorState,
} from '../two-factor.ts';

export const resolvers: Resolvers = {
  ViewerInfo: {
    twoFactor: (_info, _args, context) => twoFactorState(context.unit, viewerOf(context).userId),
  },
  Mutation: {
    enableTwoFactor: (_root, _args, context) =>
      enableTwoFactor(context.unit, context.services, viewerOf(context).userId),
    confirmTwoFactor: async (_root, { input }, context) => {
      const { userId } = viewerOf(context);
      const recoveryCodes = await confirmTwoFactor(context.unit, context.services, userId, input.code);
      return { recoveryCodes, twoFactor: await twoFactorState(context.unit, userId) };
    },
    disableTwoFactor: async (_root, { input }, context) => {
      const { userId } = viewerOf(context);
      await disableTwoFactor(context.unit, context.services, userId, input);
      return { twoFactor: await twoFactorState(context.unit, userId) };
    },
    createRecoveryCodes: async (_root, { input }, context) => ({
      recoveryCodes: await createRecoveryCodes(
        context.unit,
        context.services,
        viewerOf(context).userId,
        input.password,
      ),
    }),
  },
};
