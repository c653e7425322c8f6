import type { Resolvers } from '../../../generated/resolvers.ts';
import { found } from '../../nodes.ts';
import { memberUserById, organizationById } from '../loaders.ts';
import { createLoginLink, signInWithLink } from '../login-links.ts';

export const resolvers: Resolvers = {
  Mutation: {
    createLoginLink: (_root, { input }, context) => createLoginLink(context, input),
    signInWithLink: async (_root, { input }, context) => {
      const { token, viewer } = await signInWithLink(context, input.token);
      const { unit } = context;
      const [user, organization] = await Promise.all([
        found('User', viewer.userId, memberUserById(unit)),
        found('Organization', viewer.organizationId, organizationById(unit)),
      ]);
      return { token, user, organization };
    },
  },
};
