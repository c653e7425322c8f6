import type { Permission } from '../../generated/resolvers.ts';
import type { OrganizationRole } from '../context.ts';
import type { UserRow } from '../identity/tables.ts';
import type { OrganizationRow } from './tables.ts';

/** Who is asking, as far as it is known without a look at their lists. */
export interface ViewerInfoRow {
  readonly user: UserRow;
  readonly organization: OrganizationRow;
  readonly role: OrganizationRole;
  readonly permissions: readonly Permission[];
}
