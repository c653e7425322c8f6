import type { Permission } from '../../generated/resolvers.ts';
import type { OrganizationRole } from '../context.ts';
import type { UserRow } from '../identity/tables.ts';
import type { OrganizationRow } from './tables.ts';

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
