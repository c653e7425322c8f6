import { BadUserInput, NotFound } from '../../../errors.ts';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf } from '../../context.ts';
import { avatarUrl } from '../../identity/avatars.ts';
import { found } from '../../nodes.ts';
import { roleIn } from '../../permissions.ts';
import { memberUserById, workspaceById, workspaceBySlug, workspaceList } from '../loaders.ts';
import type { WorkspaceMembershipRow } from '../tables.ts';
import { membersByWorkspace, settingsByWorkspace, workspaceMembershipById } from '../workspace-loaders.ts';
import {
  addWorkspaceMember,
  changeWorkspaceMemberRole,
  leaveWorkspace,
  removeWorkspaceMember,
  setWorkspaceMembers,
} from '../workspace-members.ts';
import { untouchedSettings, updateWorkspaceSettings } from '../workspace-settings.ts';
import {
  archiveWorkspace,
  createWorkspace,
  deleteWorkspace,
  restoreWorkspace,
  setWorkspaceAvatar,
  updateWorkspace,
} from '../workspaces.ts';

const maxSlug = 100;

const gone = (id: string) => ({ deletedId: globalId('WorkspaceMembership', id) });

export const resolvers: Resolvers = {
  Query: {
    workspace: (_root, { id }, { unit }) => found('Workspace', id, workspaceById(unit)),
    workspaceBySlug: async (_root, { slug }, { unit }) => {
      if (slug.length > maxSlug) throw new BadUserInput('slug', `A short name has at most ${maxSlug} characters.`);
      const workspace = await workspaceBySlug(unit, slug);
      if (workspace === null) throw new NotFound('Workspace', slug);
      return workspace;
    },
    workspaces: (_root, args, { unit }) => workspaceList(unit, args),
  },
  Mutation: {
    createWorkspace: async (_root, { input }, context) => ({ workspace: await createWorkspace(context, input) }),
    updateWorkspace: async (_root, { input }, context) => ({ workspace: await updateWorkspace(context, input) }),
    deleteWorkspace: async (_root, { input }, context) => ({
      deletedId: globalId('Workspace', await deleteWorkspace(context, input.id)),
    }),
    setWorkspaceAvatar: async (_root, { input }, context) => ({ workspace: await setWorkspaceAvatar(context, input) }),
    archiveWorkspace: async (_root, { input }, context) => ({ workspace: await archiveWorkspace(context, input.id) }),
    restoreWorkspace: async (_root, { input }, context) => ({ workspace: await restoreWorkspace(context, input.id) }),
    updateWorkspaceSettings: async (_root, { input }, context) => {
      const settings = await updateWorkspaceSettings(context, input);
      return { settings, workspace: await found('Workspace', input.workspaceId, workspaceById(context.unit)) };
    },
    addWorkspaceMember: async (_root, { input }, context) => ({ member: await addWorkspaceMember(context, input) }),
    changeWorkspaceMemberRole: async (_root, { input }, context) => ({
      member: await changeWorkspaceMemberRole(context, input),
    }),
    removeWorkspaceMember: async (_root, { input }, context) => gone(await removeWorkspaceMember(context, input)),
    setWorkspaceMembers: async (_root, { input }, context) => {
      await setWorkspaceMembers(context, input);
      return { workspace: await workspaceById(context.unit).load(input.workspaceId) };
    },
    leaveWorkspace: async (_root, { input }, context) => gone(await leaveWorkspace(context, input.workspaceId)),
  },
  Workspace: {
    avatarUrl: ({ avatarKey }, _args, { services }) => avatarUrl(services, avatarKey),
    viewerRole: ({ id }, _args, context) => roleIn(viewerOf(context), id),
    settings: async ({ id }, _args, { unit }) => (await settingsByWorkspace(unit).load(id)) ?? untouchedSettings(id),
    members: ({ id }, args, { unit }) => membersByWorkspace<WorkspaceMembershipRow>(unit, args, id),
  },
  WorkspaceMembership: {
    user: ({ userId }, _args, { unit }) => found('User', userId, memberUserById(unit)),
    workspace: ({ workspaceId }, _args, { unit }) => found('Workspace', workspaceId, workspaceById(unit)),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = {
  Workspace: workspaceById,
  WorkspaceMembership: workspaceMembershipById,
};
