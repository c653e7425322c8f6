import type { EventRow } from '../../events/tables.ts';
import { users } from '../identity/tables.ts';
import type { OrganizationRow } from '../tenancy/tables.ts';
import type { EventLogFault, Verification } from './event-verification.ts';

/** What administrators read of an account: not what its owner keeps there. */
export const platformUserColumns = {
  id: users.id,
  email: users.email,
  username: users.username,
  name: users.name,
  platformRole: users.platformRole,
  verifiedAt: users.verifiedAt,
  suspendedAt: users.suspendedAt,
  deletedAt: users.deletedAt,
  lastLoginAt: users.lastLoginAt,
  lastLoginAddress: users.lastLoginAddress,
  dailyMessageLimit: users.dailyMessageLimit,
  createdAt: users.createdAt,
  createdById: users.createdById,
};
export type PlatformUserRow = Pick<typeof users.$inferSelect, keyof typeof platformUserColumns>;

export type PlatformOrganizationRow = OrganizationRow;

/** That a person belongs to an organization. */
export interface PlatformUserOrganizationRow {
  /** The organization's. */
  readonly id: string;
  readonly userId: string;
}

/** An entry of the organization's own log. */
export type EventLogEntryRow = EventRow;

export type EventLogVerificationRow = Verification;
export type EventLogFaultRow = EventLogFault;
