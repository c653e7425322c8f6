import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf, type Context } from '../../context.ts';
import { accountById, liveSessionsByUser, sessionById, sessionsByUser } from '../../identity/account-loaders.ts';
import { avatarUrl, setAvatar } from '../../identity/avatars.ts';
import { markRecoveryCodesSeen, setWebPushSubscription, updateProfile } from '../../identity/profile.ts';
import { isLive, revokeOtherSessions, revokeSession } from '../../identity/sessions.ts';
import type { SessionRow } from '../../identity/tables.ts';
import { found } from '../../nodes.ts';
import { deleteAccount, eraseAccount, restoreAccount } from '../account-deletion.ts';
import { memberUserById, organizationById } from '../loaders.ts';
import { organizationsOfUser, ownOrganizationById } from '../own-organizations.ts';
import { switchOrganization } from '../switching.ts';

/** The viewer's own account, which is there as long as they are. */
const ownAccount = (context: Context) => {
  const { userId } = viewerOf(context);
  return found('User', userId, accountById(context.unit));
};

export const resolvers: Resolvers = {
  ViewerInfo: { account: (_viewer, _args, context) => ownAccount(context) },
  User: { avatarUrl: ({ avatarKey }, _args, { services }) => avatarUrl(services, avatarKey) },
  Mutation: {
    updateProfile: async (_root, { input }, context) => {
      await updateProfile(context, input);
      return { account: await ownAccount(context) };
    },
    setAvatar: async (_root, { input }, context) => {
      await setAvatar(context, input.image ?? null);
      return { account: await ownAccount(context) };
    },
    setWebPushSubscription: async (_root, { input }, context) => {
      await setWebPushSubscription(context, input.subscription ?? null);
      return { subscribed: (input.subscription ?? null) !== null };
    },
    markRecoveryCodesSeen: async (_root, _args, context) => {
      await markRecoveryCodesSeen(context);
      return { account: await ownAccount(context) };
    },
    revokeSession: async (_root, { input }, context) => ({ session: await revokeSession(context, input.id) }),
    revokeOtherSessions: async (_root, _args, context) => ({ count: await revokeOtherSessions(context) }),
    switchOrganization: async (_root, { input }, context) => {
      const { token, viewer } = await switchOrganization(context, input.organizationId);
      const { unit } = context;
      const [user, organization] = await Promise.all([
        found('User', viewer.userId, memberUserById(unit)),
        found('Organization', viewer.organizationId, organizationById(unit)),
      ]);
      return { token, user, organization };
    },
    deleteAccount: async (_root, { input }, context) => ({
      restorableUntil: await deleteAccount(context, input.password),
    }),
    restoreAccount: async (_root, { input }, context) => {
      await restoreAccount(context, input);
      return { restored: true };
    },
    eraseAccount: async (_root, { input }, context) => {
      await eraseAccount(context, input.password);
      return { erased: true };
    },
  },
  Account: {
    avatarUrl: ({ avatarKey }, _args, { services }) => avatarUrl(services, avatarKey),
    verified: ({ verifiedAt }) => verifiedAt !== null,
    active: ({ suspendedAt, deletedAt }) => suspendedAt === null && deletedAt === null,
    recoveryCodesSeen: ({ recoveryCodesSeenAt }) => recoveryCodesSeenAt !== null,
    organizations: ({ id }, args, { unit }) => organizationsOfUser(unit, args, id),
    sessions: ({ id }, args, { unit, services }) => {
      const ended = args.filter !== undefined && args.filter !== null;
      const list = ended ? sessionsByUser : liveSessionsByUser(services.settings.sessions.idleMs);
      return list<SessionRow>(unit, args, id);
    },
  },
  OwnOrganization: {
    id: ({ id }) => globalId('Organization', id),
    current: ({ id }, _args, { unit }) => id === unit.organizationId,
  },
  OwnOrganizationEdge: { joinedAt: ({ node }) => node.joinedAt },
  Session: {
    current: ({ id }, _args, context) => viewerOf(context).credential.id === id,
    active: (session, _args, { services }) => isLive(session, services.settings.sessions),
    organization: ({ organizationId }, _args, { unit }) => ownOrganizationById(unit).load(organizationId),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Session: sessionById };
