import type { Resolvers } from '../../../generated/resolvers.ts';
import { quotasOf } from '../allowance.ts';

export const resolvers: Resolvers = {
  Query: {
    quotas: (_root, _args, { unit }) => quotasOf(unit),
  },
};
