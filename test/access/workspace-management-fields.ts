import { byWorkspaceAdmins, inWorkspace, type Fixture, type Fixtures } from './fixture.ts';
import { secret } from './cast.ts';
import type { Person } from '../testbed.ts';

type Ids = Readonly<Record<string, string>>;

/** Brings the filled workspace into the archive or out of it, if it is not there yet. */
const moved = (field: 'archiveWorkspace' | 'restoreWorkspace') => async (owner: Person, ids: Ids) => {
  await owner.ask(`mutation { ${field}(input: { id: ${JSON.stringify(ids.Workspace)} }) { workspace { id } } }`);
  return {};
};

/** Gives the owner a role in the filled workspace, or takes it away; they hold the workspace without. */
const ownerIn = (belongs: boolean) => async (owner: Person, ids: Ids) => {
  const place = `workspaceId: ${JSON.stringify(ids.Workspace)}, userId: ${JSON.stringify(ids.User)}`;
  await owner.ask(
    belongs
      ? `mutation { addWorkspaceMember(input: { ${place}, role: ADMIN }) { member { id } } }`
      : `mutation { removeWorkspaceMember(input: { ${place} }) { deletedId } }`,
  );
  return {};
};

/** A workspace of the owner alone, which others of the organization do not see. */
const ofTheOwner = async (owner: Person) => {
  const data: { createWorkspace: { workspace: { id: string } } } = await owner.want(
    `mutation { createWorkspace(input: { name: "${secret} fresh" }) { workspace { id } } }`,
  );
  return { Fresh: data.createWorkspace.workspace.id };
};
const byItsOwner: Fixture['gets'] = {
  otherwise: 'NOT_FOUND',
  anonymous: 'UNAUTHENTICATED',
  keyWithoutScope: 'FORBIDDEN',
  admin: 'data',
  owner: 'data',
  key: 'data',
};

export const fixtures: Fixtures = {
  queries: {
    workspaceBySlug: {
      field: `workspaceBySlug(slug: "${secret.toLowerCase()}-one") { name settings { tone } members { totalCount } }`,
      gets: inWorkspace,
    },
  },
  connections: {
    'Workspace.members': { gets: inWorkspace },
  },
  mutations: {
    updateWorkspaceSettings: {
      field: `updateWorkspaceSettings(input: { workspaceId: $Workspace, tone: "${secret}" }) { settings { tone } }`,
      gets: byWorkspaceAdmins,
    },
    setWorkspaceAvatar: {
      field: 'setWorkspaceAvatar(input: { workspaceId: $Workspace, image: null }) { workspace { name } }',
      gets: byWorkspaceAdmins,
    },
    addWorkspaceMember: {
      field:
        'addWorkspaceMember(input: { workspaceId: $Workspace, userId: $User, role: ADMIN }) { member { user { name } } }',
      gets: byWorkspaceAdmins,
      target: ownerIn(false),
    },
    changeWorkspaceMemberRole: {
      field:
        'changeWorkspaceMemberRole(input: { workspaceId: $Workspace, userId: $User, role: EDITOR }) { member { user { name } } }',
      gets: byWorkspaceAdmins,
      target: ownerIn(true),
    },
    removeWorkspaceMember: {
      field: 'removeWorkspaceMember(input: { workspaceId: $Workspace, userId: $User }) { deletedId }',
      gets: byWorkspaceAdmins,
      shows: /workspace_membership_/,
      target: ownerIn(true),
    },
    setWorkspaceMembers: {
      field:
        'setWorkspaceMembers(input: { workspaceId: $Fresh, members: [{ userId: $User, role: ADMIN }] }) { workspace { name } }',
      gets: byItsOwner,
      target: ofTheOwner,
    },
    leaveWorkspace: {
      field: 'leaveWorkspace(input: { workspaceId: $Fresh }) { deletedId }',
      // An administrator sees it without having a role there, and no key leaves on anybody's behalf.
      gets: { ...byItsOwner, admin: 'CONFLICT', key: 'FORBIDDEN' },
      shows: /workspace_membership_/,
      target: ofTheOwner,
    },
    archiveWorkspace: {
      field: 'archiveWorkspace(input: { id: $Workspace }) { workspace { name } }',
      gets: byWorkspaceAdmins,
      target: moved('restoreWorkspace'),
    },
    // Right behind, so that what follows finds the workspace as it was.
    restoreWorkspace: {
      field: 'restoreWorkspace(input: { id: $Workspace }) { workspace { name } }',
      gets: byWorkspaceAdmins,
      target: moved('archiveWorkspace'),
    },
  },
};
