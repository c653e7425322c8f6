import type { Person, Testbed } from '../testbed.ts';
import { join, password } from '../colleagues.ts';
import { byAdmins, type Fixture, type Fixtures } from './fixture.ts';

type Ids = Readonly<Record<string, string>>;

/** What nobody but a session may do, as an owner. */
const byOwner: Fixture['gets'] = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  owner: 'data',
};
/** Whoever invites; those of other organizations see none of these. */
const byInviters: Fixture['gets'] = { ...byAdmins, manager: 'data' };
/** A list of what all administrators see, and others of other organizations of their own. */
const listedToAdmins: Fixture['gets'] = { ...byAdmins, stranger: 'own', platformAdmin: 'own' };

/** What members see of each other, and guests do not. */
const ofMembers: Fixture['gets'] = {
  otherwise: 'data',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  guest: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
};

const freshMember = async (owner: Person, _ids: Ids, bed: Testbed) => {
  const { userId } = await join(bed, owner, 'MEMBER');
  return { Member: userId };
};
const freshInvite = async (owner: Person) => {
  const data: { createInvite: { invite: { id: string }; code: string } } = await owner.want(
    'mutation { createInvite(input: { role: MEMBER, seats: 20 }) { invite { id } code } }',
  );
  return { Invited: data.createInvite.invite.id, Code: data.createInvite.code };
};
const freshGroup = async (owner: Person, ids: Ids, bed: Testbed) => {
  const { Member } = await freshMember(owner, ids, bed);
  const input = { name: `Group of ${Member}` };
  const data: { createGroup: { group: { id: string } } } = await owner.want(
    'mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }',
    { input },
  );
  return { Member, FreshGroup: data.createGroup.group.id, Name: `Other of ${Member}` };
};
const granted = async (owner: Person, ids: Ids, bed: Testbed) => {
  const { Member } = await freshMember(owner, ids, bed);
  await owner.want(
    'mutation ($input: GrantPermissionInput!) { grantPermission(input: $input) { userPermission { id } } }',
    { input: { userId: Member, permission: 'MODEL_READ' } },
  );
  return { Member };
};

/** Members, invites, groups, and permissions given by hand. */
export const fixtures: Fixtures = {
  connections: {
    'Organization.groups': { gets: ofMembers },
    'Group.members': { gets: ofMembers },
    'Membership.groups': { gets: ofMembers },
    // Managers see the invites they made themselves.
    'Invite.claimedBy': { gets: { ...byAdmins, manager: 'NOT_FOUND' } },
    'Invite.workspaces': { gets: { ...byAdmins, manager: 'NOT_FOUND' } },
  },
  queries: {
    invites: {
      field: 'invites(first: 1) { edges { node { role } } }',
      gets: { ...listedToAdmins, manager: 'own' },
      shows: /MEMBER/,
      target: freshInvite,
    },
    inviteByCode: {
      // Whoever holds the code, whatever token they carry.
      field: 'inviteByCode(code: $Code) { organizationName role }',
      gets: { otherwise: 'data', suspended: 'data', expired: 'data' },
      shows: /"role":"MEMBER"/,
      target: freshInvite,
    },
    userPermissions: {
      field: 'userPermissions(first: 1) { edges { node { permission } } }',
      gets: listedToAdmins,
      shows: /MODEL_READ/,
      target: granted,
    },
    permissionExplanation: {
      field: 'permissionExplanation(permission: MODEL_READ, userId: $Member) { allowed decidedBy sentence }',
      gets: byAdmins,
      shows: /"decidedBy":"ORGANIZATION_ROLE"/,
      target: freshMember,
    },
  },
  mutations: {
    changeMemberRole: {
      field: 'changeMemberRole(input: { userId: $Member, role: MANAGER }) { membership { role } }',
      gets: byAdmins,
      shows: /MANAGER/,
      target: freshMember,
    },
    suspendMember: {
      field: 'suspendMember(input: { userId: $Member }) { membership { suspendedAt } }',
      gets: byAdmins,
      shows: /"suspendedAt":"\d/,
      target: freshMember,
    },
    resumeMember: {
      field: 'resumeMember(input: { userId: $Member }) { membership { suspendedAt } }',
      gets: byAdmins,
      shows: /"suspendedAt":null/,
      target: freshMember,
    },
    removeMember: {
      field: 'removeMember(input: { userId: $Member }) { deletedId }',
      gets: byAdmins,
      shows: /membership_/,
      target: freshMember,
    },
    transferOwnership: {
      field: `transferOwnership(input: { userId: $Member, password: "${password}" }) { owner { role } }`,
      gets: byOwner,
      shows: /OWNER/,
      target: freshMember,
    },
    leaveOrganization: {
      field: 'leaveOrganization { deletedId }',
      // The only owners of other organizations stay there.
      gets: {
        otherwise: 'data',
        anonymous: 'UNAUTHENTICATED',
        stranger: 'CONFLICT',
        platformAdmin: 'CONFLICT',
        key: 'FORBIDDEN',
        keyWithoutScope: 'FORBIDDEN',
      },
      shows: /membership_/,
    },
    inviteMember: {
      field: 'inviteMember(input: { email: "new@example.net", role: GUEST, workspaceIds: [] }) { invite { role } }',
      gets: { ...byInviters, stranger: 'data', platformAdmin: 'data' },
      shows: /GUEST/,
    },
    createInvite: {
      field: 'createInvite(input: { role: GUEST }) { invite { role } }',
      gets: { ...byInviters, stranger: 'data', platformAdmin: 'data' },
      shows: /GUEST/,
    },
    disableInvite: {
      field: 'disableInvite(input: { id: $Invited }) { invite { status } }',
      // Managers see those they made themselves.
      gets: { ...byAdmins, manager: 'NOT_FOUND' },
      shows: /DISABLED/,
      target: freshInvite,
    },
    claimInvite: {
      field: `claimInvite(input: { code: $Code, name: "New", email: $Email, password: "${password}" }) { membership { role } }`,
      // Whoever is no member yet; a token that is not valid stands for nobody.
      gets: {
        otherwise: 'CONFLICT',
        anonymous: 'data',
        stranger: 'data',
        platformAdmin: 'data',
        suspended: 'data',
        expired: 'data',
        key: 'FORBIDDEN',
        keyWithoutScope: 'FORBIDDEN',
      },
      shows: /MEMBER/,
      target: async (owner) => {
        const made = await freshInvite(owner);
        return { ...made, Email: `${made.Invited}@example.com` };
      },
    },
    createGroup: {
      field: 'createGroup(input: { name: $Name }) { group { active } }',
      gets: { ...byAdmins, stranger: 'data', platformAdmin: 'data' },
      shows: /true/,
      target: freshGroup,
    },
    updateGroup: {
      field: 'updateGroup(input: { id: $FreshGroup, active: false }) { group { active } }',
      gets: byAdmins,
      shows: /false/,
      target: freshGroup,
    },
    deleteGroup: {
      field: 'deleteGroup(input: { id: $FreshGroup }) { deletedId }',
      gets: byAdmins,
      shows: /group_/,
      target: freshGroup,
    },
    addGroupMembers: {
      field:
        'addGroupMembers(input: { groupId: $FreshGroup, userIds: [$Member] }) { group { members { totalCount } } }',
      gets: byAdmins,
      shows: /"totalCount":1/,
      target: freshGroup,
    },
    removeGroupMembers: {
      field:
        'removeGroupMembers(input: { groupId: $FreshGroup, userIds: [$Member] }) { group { members { totalCount } } }',
      gets: byAdmins,
      shows: /"totalCount":0/,
      target: freshGroup,
    },
    grantPermission: {
      field: 'grantPermission(input: { userId: $Member, permission: MODEL_READ }) { userPermission { effect } }',
      gets: byAdmins,
      shows: /ALLOW/,
      target: freshMember,
    },
    denyPermission: {
      field: 'denyPermission(input: { userId: $Member, permission: MODEL_READ }) { userPermission { effect } }',
      gets: byAdmins,
      shows: /DENY/,
      target: freshMember,
    },
    revokePermission: {
      field: 'revokePermission(input: { userId: $Member, permission: MODEL_READ }) { deletedId }',
      gets: byAdmins,
      shows: /user_permission_/,
      target: granted,
    },
  },
};
