import type { Permission } from '../../generated/resolvers.ts';
import type { OrganizationRole } from '../context.ts';
import type { UserRow } from '../identity/tables.ts';
import type { OrganizationRow } from './tables.ts';

/** Who is asking, where, and what they may do there. */
export interface ViewerInfoRow {
  readonly user: UserRow;
  readonly organization: OrganizationRow;
  readonly role: OrganizationRole;
  readonly permissions: Permission[];
}

/** An organization that the viewer's person belongs to, whichever the viewer is in. */
export interface OwnOrganizationRow extends Pick<OrganizationRow, 'id' | 'name' | 'slug' | 'type'> {
  readonly active: boolean;
  readonly joinedAt: string;
}
