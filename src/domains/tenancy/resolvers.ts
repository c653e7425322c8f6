import { Forbidden, Unauthenticated } from '../../errors.ts';
import type { Resolvers } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { endSession } from '../identity/operations.ts';
import { found } from '../nodes.ts';
import { signIn, signUp } from './entrance.ts';
import { memberList, memberUserById, membershipById, organizationById } from './loaders.ts';

/** The viewer's own user and organization, which are always there. */
const own = async ({ unit, viewer }: Context) => {
  if (viewer === null) throw new Unauthenticated();
  const [user, organization] = await Promise.all([
    found('User', viewer.userId, memberUserById(unit)),
    found('Organization', viewer.organizationId, organizationById(unit)),
  ]);
  return { user, organization };
};

export const resolvers: Resolvers = {
  Query: {
    viewer: async (_root, _args, context) => {
      const { role, permissions } = viewerOf(context);
      return { ...(await own(context)), role, permissions: [...permissions].sort() };
    },
  },
  Mutation: {
    signUp: async (_root, { input }, context) => {
      const { token } = await signUp(context, input);
      return { token, ...(await own(context)) };
    },
    signIn: async (_root, { input }, context) => {
      const { token } = await signIn(context, input);
      return { token, ...(await own(context)) };
    },
    signOut: async (_root, _args, context) => {
      const { credential } = viewerOf(context);
      if (credential.kind !== 'SESSION')
        throw new Forbidden('ACCOUNT_MANAGE', 'Only a session signs out; keys and devices are revoked.');
      await endSession(context.unit, credential.id);
      context.services.viewers.forgetCredential(credential.id);
      return { signedOut: true };
    },
  },
  Organization: {
    members: (_organization, args, { unit }) => memberList(unit, args),
  },
  Membership: {
    user: (membership, _args, { unit }) => found('User', membership.userId, memberUserById(unit)),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = {
  User: memberUserById,
  Organization: organizationById,
  Membership: membershipById,
};
