import type { OrganizationRole } from '../context.ts';

/** Requests of a member that are less than half an hour apart. */
export interface UserSessionRow {
  readonly begin: string;
  /** When the last request began. */
  readonly end: string;
  readonly seconds: number;
  readonly requests: number;
}

/** How active a member is. */
export interface UserActivitySummaryRow {
  /** Of the membership. */
  readonly id: string;
  readonly userId: string;
  readonly name: string;
  readonly role: OrganizationRole;
  readonly totalActivities: number;
  /** Null where no request is kept. */
  readonly lastActivity: string | null;
  readonly activeDays: number;
}
