import type { Permission } from '../../generated/resolvers.ts';
import type { OrganizationRole } from '../context.ts';

const guest: readonly Permission[] = [
  'WORKSPACE_READ',
  'DOCUMENT_READ',
  'CONVERSATION_READ',
  'CONVERSATION_WRITE',
  'MODEL_READ',
  'JOB_READ',
];
const member: readonly Permission[] = [...guest, 'MEMBER_READ', 'DOCUMENT_WRITE'];
const manager: readonly Permission[] = [...member, 'WORKSPACE_CREATE'];
const admin: readonly Permission[] = [...manager, 'MEMBER_MANAGE', 'MODEL_MANAGE'];

/** What each role of an organization allows; what it allows in one workspace is decided by the role there. */
export const permissionsOfRole: Readonly<Record<OrganizationRole, readonly Permission[]>> = {
  OWNER: admin,
  ADMIN: admin,
  MANAGER: manager,
  MEMBER: member,
  GUEST: guest,
};

/** What a platform role adds. */
export const permissionsOfPlatformRole: Readonly<Record<string, readonly Permission[]>> = {
  NONE: [],
  ADMIN: ['PLATFORM_MANAGE'],
  SUPERADMIN: ['PLATFORM_MANAGE'],
};
