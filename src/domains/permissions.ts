import { Conflict, Forbidden } from '../errors.ts';
import type { Permission } from '../generated/resolvers.ts';
import type { OrganizationRole, PlatformRole, Viewer, WorkspaceRole } from './context.ts';

/** Roles from the least to the most; each holds what those before it hold. */
export const organizationRanks: readonly OrganizationRole[] = ['GUEST', 'MEMBER', 'MANAGER', 'ADMIN', 'OWNER'];
export const workspaceRanks: readonly WorkspaceRole[] = ['VIEWER', 'EDITOR', 'ADMIN'];
export const platformRanks: readonly PlatformRole[] = ['NONE', 'ADMIN', 'SUPERADMIN'];

/** Whether a role is at least another one of the same kind. */
export const atLeast = <Role>(ranks: readonly Role[], role: Role, least: Role): boolean =>
  ranks.indexOf(role) >= ranks.indexOf(least);

/** What holds a permission: a role of the organization or of the installation, and in a workspace a role there too. */
export interface PermissionRule {
  /** The least role of an organization that holds it. */
  readonly role?: OrganizationRole;
  /** The least role of the installation that holds it, whatever the role in the organization. */
  readonly platformRole?: PlatformRole;
  /** The least role in the workspace concerned. */
  readonly workspaceRole?: WorkspaceRole;
  /** It is one's own affair after a sign-in: no key or device holds it, and nobody can give or deny it. */
  readonly personal?: true;
  /** A key of some workspaces may hold it, though it is no matter of a workspace: it shows nothing that belongs elsewhere. */
  readonly forConfined?: true;
  /** The owners of a deleted organization hold it still. */
  readonly outlivesDeletion?: true;
  /** Who lacks the second factor that the organization asks for holds it still, to get one. */
  readonly leadsToTwoFactor?: true;
}

/** The one table of who may do what; the documentation prints it. */
export const permissionRules: Readonly<Record<Permission, PermissionRule>> = {
  ACCOUNT_MANAGE: { role: 'GUEST', personal: true, outlivesDeletion: true, leadsToTwoFactor: true },
  MEMBER_READ: { role: 'MEMBER' },
  MEMBER_INVITE: { role: 'MANAGER' },
  MEMBER_MANAGE: { role: 'ADMIN' },
  GROUP_MANAGE: { role: 'ADMIN' },
  PERMISSION_GRANT: { role: 'ADMIN' },
  API_KEY_CREATE: { role: 'MEMBER' },
  API_KEY_MANAGE: { role: 'ADMIN' },
  LOGIN_LINK_CREATE: { role: 'ADMIN' },
  ORGANIZATION_MANAGE: { role: 'ADMIN' },
  ORGANIZATION_OWN: { role: 'OWNER', personal: true, outlivesDeletion: true },
  WORKSPACE_READ: { role: 'GUEST', workspaceRole: 'VIEWER' },
  WORKSPACE_CREATE: { role: 'MANAGER' },
  WORKSPACE_MANAGE: { role: 'GUEST', workspaceRole: 'ADMIN' },
  DOCUMENT_READ: { role: 'GUEST', workspaceRole: 'VIEWER' },
  DOCUMENT_WRITE: { role: 'MEMBER', workspaceRole: 'EDITOR' },
  DATASOURCE_MANAGE: { role: 'MEMBER', workspaceRole: 'EDITOR' },
  SEARCH_LOG_READ: { role: 'MEMBER', workspaceRole: 'ADMIN' },
  PAGE_SAVE: { role: 'MEMBER', workspaceRole: 'EDITOR' },
  OFFICE_DOCUMENT_READ: { role: 'GUEST' },
  OFFICE_DOCUMENT_WRITE: { role: 'GUEST' },
  OFFICE_DOCUMENT_CREATE: { role: 'MEMBER' },
  CONVERSATION_READ: { role: 'GUEST', workspaceRole: 'VIEWER' },
  CONVERSATION_WRITE: { role: 'GUEST', workspaceRole: 'VIEWER' },
  CONVERSATION_MANAGE: { role: 'GUEST', workspaceRole: 'ADMIN' },
  CONVERSATION_ANSWER: { role: 'MEMBER', workspaceRole: 'EDITOR' },
  CONVERSATION_SHARE: { role: 'MEMBER', workspaceRole: 'VIEWER' },
  FEEDBACK_REVIEW: { role: 'MEMBER', workspaceRole: 'ADMIN' },
  PROMPT_READ: { role: 'GUEST', forConfined: true },
  PROMPT_MANAGE: { role: 'GUEST', workspaceRole: 'ADMIN' },
  PROMPT_LIBRARY_MANAGE: { role: 'ADMIN' },
  AGENT_RUN: { role: 'MEMBER', workspaceRole: 'VIEWER' },
  EMBED_MANAGE: { role: 'MEMBER', workspaceRole: 'ADMIN' },
  ROOM_READ: { role: 'GUEST' },
  ROOM_WRITE: { role: 'GUEST' },
  ROOM_CREATE: { role: 'MEMBER' },
  EMAIL_READ: { role: 'MEMBER' },
  EMAIL_WRITE: { role: 'MEMBER' },
  EMAIL_MANAGE: { role: 'ADMIN' },
  MODEL_READ: { role: 'GUEST', forConfined: true },
  MODEL_MANAGE: { role: 'ADMIN' },
  MODEL_CALL: { role: 'MEMBER', forConfined: true },
  BUDGET_READ: { role: 'MANAGER' },
  BUDGET_MANAGE: { role: 'ADMIN' },
  USAGE_READ: { role: 'MANAGER' },
  PROMPT_RUN: { role: 'MEMBER' },
  API_READ: { role: 'MEMBER' },
  API_MANAGE: { role: 'ADMIN' },
  ORDER_READ: { role: 'GUEST' },
  ORDER_CREATE: { role: 'GUEST' },
  ORDER_PROCESS: { role: 'MEMBER' },
  ORDER_MANAGE: { role: 'ADMIN' },
  PROJECT_READ: { role: 'GUEST', forConfined: true },
  PROJECT_CREATE: { role: 'MEMBER' },
  PROJECT_MANAGE: { role: 'ADMIN' },
  TASK_WRITE: { role: 'GUEST', forConfined: true },
  SAVED_VIEW_WRITE: { role: 'GUEST' },
  KNOWLEDGE_READ: { role: 'MEMBER' },
  KNOWLEDGE_WRITE: { role: 'MEMBER' },
  KNOWLEDGE_PUBLISH: { role: 'MANAGER' },
  TEMPLATE_READ: { role: 'MEMBER' },
  TEMPLATE_MANAGE: { role: 'MANAGER' },
  TRAINING_READ: { role: 'MANAGER' },
  TRAINING_MANAGE: { role: 'MANAGER' },
  ACTIVITY_READ: { role: 'MEMBER' },
  EVENT_RECORD: { role: 'GUEST' },
  ANALYTICS_READ: { role: 'MANAGER' },
  ANALYTICS_MANAGE: { role: 'ADMIN' },
  EVENT_LOG_READ: { role: 'ADMIN' },
  JOB_READ: { role: 'GUEST', forConfined: true, outlivesDeletion: true },
  JOB_SCHEDULE: { role: 'MEMBER', personal: true },
  SETTING_READ: { role: 'GUEST', forConfined: true },
  SETTING_WRITE: { role: 'GUEST', workspaceRole: 'VIEWER' },
  CACHE_READ: { role: 'GUEST', workspaceRole: 'VIEWER' },
  CACHE_WRITE: { role: 'GUEST', workspaceRole: 'EDITOR' },
  WEBHOOK_MANAGE: { role: 'MEMBER', workspaceRole: 'ADMIN' },
  PLATFORM_MANAGE: { platformRole: 'ADMIN', personal: true, outlivesDeletion: true },
  PLATFORM_ADMINISTER: { platformRole: 'SUPERADMIN', personal: true, outlivesDeletion: true },
};

// The cast is safe: the compiler checks that the table has each permission as a key and no other.
export const allPermissions = Object.keys(permissionRules) as Permission[];

/** A permission that a member was given or denied by hand. */
export interface Grant {
  readonly permission: Permission;
  readonly effect: 'ALLOW' | 'DENY';
}

/** Who asks for a permission: what a viewer is made of. */
export interface Standing {
  readonly role: OrganizationRole;
  readonly platformRole: PlatformRole;
  readonly grants: readonly Grant[];
  /** What the credential is limited to; null: nothing. */
  readonly scopes: ReadonlySet<Permission> | null;
  /** Whether the credential is limited to some workspaces: then it is good for matters of workspaces alone. */
  readonly confined: boolean;
  /** The organization is deleted: only what brings it back, takes its data out or ends it is left. */
  readonly dormant: boolean;
  /** The organization asks for a second factor, which this member has not confirmed: only what leads to one is left. */
  readonly lacksTwoFactor: boolean;
}

/** What decided about a permission; the first that applies, in this order. */
export type Decider =
  | 'CREDENTIAL'
  | 'DORMANT_ORGANIZATION'
  | 'TWO_FACTOR_MISSING'
  | 'DENIAL'
  | 'PLATFORM_ROLE'
  | 'ORGANIZATION_ROLE'
  | 'GRANT'
  | 'NOTHING'
  | 'WORKSPACE_ROLE';

export interface Decision {
  readonly allowed: boolean;
  readonly by: Decider;
}

/** Whether somebody holds a permission in their organization, and why. A workspace's own roles come on top: see `decisionIn`. */
export const decisionOn = (standing: Standing, permission: Permission): Decision => {
  const { role, platformRole, ...rule } = permissionRules[permission];
  const { personal = false, outlivesDeletion = false, leadsToTwoFactor = false } = rule;
  const grant = standing.grants.find((each) => each.permission === permission);
  const { scopes } = standing;
  if (scopes !== null && (personal || !scopes.has(permission))) return { allowed: false, by: 'CREDENTIAL' };
  if (standing.confined && rule.workspaceRole === undefined && rule.forConfined !== true)
    return { allowed: false, by: 'CREDENTIAL' };
  if (standing.dormant && !outlivesDeletion) return { allowed: false, by: 'DORMANT_ORGANIZATION' };
  if (standing.lacksTwoFactor && !leadsToTwoFactor) return { allowed: false, by: 'TWO_FACTOR_MISSING' };
  if (grant?.effect === 'DENY' && !personal) return { allowed: false, by: 'DENIAL' };
  if (platformRole !== undefined && atLeast(platformRanks, standing.platformRole, platformRole))
    return { allowed: true, by: 'PLATFORM_ROLE' };
  if (role !== undefined && atLeast(organizationRanks, standing.role, role))
    return { allowed: true, by: 'ORGANIZATION_ROLE' };
  if (grant?.effect === 'ALLOW' && !personal) return { allowed: true, by: 'GRANT' };
  return { allowed: false, by: 'NOTHING' };
};

/** All that somebody holds in their organization. */
export const permissionsOf = (standing: Standing): ReadonlySet<Permission> =>
  new Set(allPermissions.filter((permission) => decisionOn(standing, permission).allowed));

/** Who holds all workspaces acts as ADMIN in each; who sees a published one without being in it, as VIEWER. */
export const roleIn = (viewer: Viewer, workspaceId: string): WorkspaceRole =>
  viewer.holdsAllWorkspaces ? 'ADMIN' : (viewer.workspaceRoles.get(workspaceId) ?? 'VIEWER');

/** Whether the viewer, who sees the workspace, holds a permission in it, and why. */
export const decisionIn = (viewer: Viewer, permission: Permission, workspaceId: string): Decision => {
  const decision = decisionOn(viewer.standing, permission);
  const { workspaceRole } = permissionRules[permission];
  if (!decision.allowed || workspaceRole === undefined) return decision;
  return { allowed: atLeast(workspaceRanks, roleIn(viewer, workspaceId), workspaceRole), by: 'WORKSPACE_ROLE' };
};

/** Throws Forbidden when the viewer lacks the permission, or with a workspace, which they see, lacks it there. */
export const requirePermission = (viewer: Viewer, permission: Permission, workspaceId?: string): void => {
  if (!viewer.permissions.has(permission)) throw new Forbidden(permission);
  const { workspaceRole } = permissionRules[permission];
  if (workspaceId !== undefined && workspaceRole !== undefined && !decisionIn(viewer, permission, workspaceId).allowed)
    throw new Forbidden(permission, `This needs the role ${workspaceRole} in the workspace.`);
};

/** What an archived workspace answers to whoever wants to change something in it. */
export const archived = (): Conflict =>
  new Conflict('workspaceId', 'This workspace is archived: nothing in it changes.');

/** Whatever changes what a workspace holds asks this, beside the permission. Throws Conflict when the workspace is archived. */
export const requireActive = (viewer: Viewer, workspaceId: string): void => {
  if (viewer.archivedWorkspaces.has(workspaceId)) throw archived();
};
