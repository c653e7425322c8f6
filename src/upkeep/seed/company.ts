import { passwords, users } from '../../domains/identity/tables.ts';
import {
  groupMemberships,
  groups,
  memberships,
  organizations,
  userOrganizations,
  userPermissions,
  workspaceMemberships,
  workspaceSettings,
  workspaces,
} from '../../domains/tenancy/tables.ts';
import { Chance, firstDay, madeAt, rows, sampleId } from './chance.ts';
import type { Fill } from './fill.ts';

export const organizationId = sampleId('organization', 0);
export const userOf = (number: number): string => sampleId('user', number);
export const groupOf = (number: number): string => sampleId('group', number);
export const workspaceOf = (number: number): string => sampleId('workspace', number);

/** Everybody's address; the first is the owner. */
export const emailOf = (number: number): string => `person-${number}@sample.example`;

const firstNames = ['Ada', 'Grace', 'Edsger', 'Barbara', 'Donald', 'Frances', 'Tony', 'Margaret', 'Alan', 'Katherine'];
const lastNames = ['Adams', 'Brandt', 'Costa', 'Dubois', 'Eriksen', 'Fischer', 'Garcia', 'Haddad', 'Ito', 'Jansen'];
const places = 3;

/** The organization with its people, groups and workspaces. All have the same password. */
export const fillCompany = async ({ size, put }: Fill, passwordHash: string): Promise<void> => {
  const base = madeAt(0, 1);
  await put(organizations, [
    { ...base, id: organizationId, name: 'Sample Company', slug: 'sample-company', type: 'TEAM' },
  ]);
  const chance = new Chance('people');
  await put(
    users,
    rows(size.users, (number) => {
      const [firstName, lastName] = [chance.of(firstNames), chance.of(lastNames)];
      const named = { name: `${firstName} ${lastName}`, firstName, lastName };
      const verifiedAt = new Date(firstDay).toISOString();
      return {
        ...base,
        ...named,
        id: userOf(number),
        email: emailOf(number),
        defaultOrganizationId: organizationId,
        verifiedAt,
      };
    }),
  );
  await put(
    passwords,
    rows(size.users, (number) => ({ userId: userOf(number), hash: passwordHash, changedAt: base.createdAt })),
  );
  await put(
    memberships,
    rows(size.users, (number) => ({
      ...base,
      organizationId,
      id: sampleId('membership', number),
      userId: userOf(number),
      role: number === 0 ? ('OWNER' as const) : number % 10 === 1 ? ('ADMIN' as const) : ('MEMBER' as const),
    })),
  );
  await put(
    userOrganizations,
    rows(size.users, (number) => ({ organizationId, userId: userOf(number), createdAt: base.createdAt })),
  );
  await put(userPermissions, [
    {
      ...base,
      organizationId,
      id: sampleId('user permission', 0),
      readers: [userOf(2), organizationId],
      userId: userOf(2),
      permission: 'MEMBER_INVITE',
      reason: 'Hires for the company.',
      grantedById: userOf(0),
    },
  ]);
  await put(
    groups,
    rows(size.groups, (number) => ({ ...base, organizationId, id: groupOf(number), name: `Team ${number + 1}` })),
  );
  await put(
    groupMemberships,
    rows(size.users, (number) => ({
      ...base,
      organizationId,
      id: sampleId('group membership', number),
      groupId: groupOf(number % size.groups),
      userId: userOf(number),
    })),
  );
  await fillWorkspaces({ size, put });
};

const fillWorkspaces = async ({ size, put }: Pick<Fill, 'size' | 'put'>): Promise<void> => {
  const base = madeAt(0, 1);
  await put(
    workspaces,
    rows(size.workspaces, (number) => ({
      ...base,
      organizationId,
      id: workspaceOf(number),
      name: `Workspace ${number + 1}`,
      slug: `workspace-${number + 1}`,
    })),
  );
  await put(
    workspaceSettings,
    rows(size.workspaces, (number) => ({
      ...base,
      organizationId,
      id: sampleId('workspace settings', number),
      workspaceId: workspaceOf(number),
      tone: 'Friendly and short.',
    })),
  );
  const perUser = Math.min(places, size.workspaces);
  await put(
    workspaceMemberships,
    rows(size.users * perUser, (number) => {
      const user = Math.floor(number / perUser);
      return {
        ...base,
        organizationId,
        id: sampleId('workspace membership', number),
        workspaceId: workspaceOf((user + (number % perUser)) % size.workspaces),
        userId: userOf(user),
        role: number % perUser === 0 ? ('EDITOR' as const) : ('VIEWER' as const),
      };
    }),
  );
};
