import type { Permission } from '../../generated/resolvers.ts';
import type { OrganizationRole, WorkspaceRole } from '../context.ts';
import type { UserRow } from '../identity/tables.ts';
import type { Decider } from '../permissions.ts';
import type { OrganizationRow, UserPermissionRow } from './tables.ts';

/** Who is asking; what else is known of them is looked up when it is asked for. */
export interface ViewerInfoRow {
  readonly user: UserRow;
  readonly organization: OrganizationRow;
  readonly role: OrganizationRole;
  readonly permissions: readonly Permission[];
}

/** An organization that the viewer's person belongs to, whichever the viewer is in. */
export interface OwnOrganizationRow extends Pick<OrganizationRow, 'id' | 'name' | 'slug' | 'type'> {
  readonly active: boolean;
  readonly joinedAt: string;
}

/** The grant or denial that decided about a permission. */
export type DecidingGrantRow = UserPermissionRow;

/** Whether somebody holds a permission, and what decided. */
export interface PermissionExplanationRow {
  readonly permission: Permission;
  readonly allowed: boolean;
  readonly decidedBy: Decider;
  /** Null for who has no way in now. */
  readonly role: OrganizationRole | null;
  /** Null without a workspace, and for who does not see it. */
  readonly workspaceRole: WorkspaceRole | null;
  readonly grant: DecidingGrantRow | null;
  readonly sentence: string;
}
