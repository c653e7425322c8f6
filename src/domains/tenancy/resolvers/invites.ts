import type { Resolvers } from '../../../generated/resolvers.ts';
import { found } from '../../nodes.ts';
import { viewerOf } from '../../context.ts';
import { claimInvite, inviteByCode } from '../invite-claims.ts';
import { claimsByInvite, inviteById, inviteList, statusOf, workspacesByInvite } from '../invite-loaders.ts';
import { createInvite, disableInvite, inviteMember } from '../invites.ts';
import { memberUserById, organizationById, workspaceById } from '../loaders.ts';
import type { InviteClaimRow, InviteWorkspaceRow } from '../tables.ts';

export const resolvers: Resolvers = {
  Query: {
    invites: (_root, args, { unit }) => inviteList(unit, args),
    inviteByCode: (_root, { code }, context) => inviteByCode(context, code),
  },
  Mutation: {
    inviteMember: (_root, { input }, context) => inviteMember(context, input),
    createInvite: (_root, { input }, context) => createInvite(context, input),
    disableInvite: async (_root, { input }, context) => ({ invite: await disableInvite(context, input.id) }),
    claimInvite: async (_root, { input }, context) => {
      const joining = await claimInvite(context, input);
      const { userId, organizationId } = viewerOf(context);
      const [user, organization] = await Promise.all([
        found('User', userId, memberUserById(context.unit)),
        found('Organization', organizationId, organizationById(context.unit)),
      ]);
      return { ...joining, user, organization };
    },
  },
  Invite: {
    status: statusOf,
    createdBy: ({ createdById }, _args, { unit }) => memberUserById(unit).load(createdById),
    workspaces: ({ id }, args, { unit }) => workspacesByInvite<InviteWorkspaceRow>(unit, args, id),
    claimedBy: ({ id }, args, { unit }) => claimsByInvite<InviteClaimRow>(unit, args, id),
  },
  InviteWorkspace: {
    workspace: ({ workspaceId }, _args, { unit }) => found('Workspace', workspaceId, workspaceById(unit)),
  },
  InviteClaim: {
    user: ({ userId }, _args, { unit }) => memberUserById(unit).load(userId),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { Invite: inviteById };
