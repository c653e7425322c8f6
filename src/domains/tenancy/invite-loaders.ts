import { and, eq, getTableColumns, gt, inArray, lte, or, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Meaning } from '../../database/filter.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { inviteClaims, invites, inviteStatuses, inviteWorkspaces, type InviteRow } from './tables.ts';

export type InviteStatus = (typeof inviteStatuses)[number];

/** The status at this moment: one whose time is over is EXPIRED. */
export const statusOf = ({ status, expiresAt }: InviteRow): InviteStatus =>
  status === 'PENDING' && Date.parse(expiresAt) <= Date.now() ? 'EXPIRED' : status;

const now = sql`now()`;
const conditions: Readonly<Record<InviteStatus, SQL | undefined>> = {
  PENDING: and(eq(invites.status, 'PENDING'), gt(invites.expiresAt, now)),
  EXPIRED: or(eq(invites.status, 'EXPIRED'), and(eq(invites.status, 'PENDING'), lte(invites.expiresAt, now))),
  CLAIMED: eq(invites.status, 'CLAIMED'),
  DISABLED: eq(invites.status, 'DISABLED'),
};

/** Each status by the column and the time, so that the index of the column serves. */
const status: Meaning = (comparator, value) => {
  const named: readonly unknown[] = Array.isArray(value) ? value : [value];
  const wanted = comparator === 'eq' || comparator === 'in';
  const statuses = inviteStatuses.filter((each) => named.includes(each) === wanted);
  // None of the words: no row, as for a column.
  return or(...statuses.map((each) => conditions[each])) ?? inArray(invites.status, []);
};

export const inviteById = loadOne(
  () =>
    database
      .select()
      .from(invites)
      .where(and(eq(invites.organizationId, bound.organizationId), sql`${invites.id} = any(${bound.keys})`)),
  (invite) => invite.id,
);

/** Invites in the viewer's sight: their own, and for administrators all. */
export const inviteList = listOf({
  from: invites,
  columns: getTableColumns(invites),
  orders: { CREATED_AT: invites.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { status, createdAt: invites.createdAt },
});

/** The workspaces of an invite. */
export const workspacesByInvite = listOf({
  from: inviteWorkspaces,
  parent: inviteWorkspaces.inviteId,
  columns: getTableColumns(inviteWorkspaces),
  orders: { CREATED_AT: inviteWorkspaces.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

/** Who claimed an invite. */
export const claimsByInvite = listOf({
  from: inviteClaims,
  parent: inviteClaims.inviteId,
  columns: getTableColumns(inviteClaims),
  orders: { CREATED_AT: inviteClaims.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});
