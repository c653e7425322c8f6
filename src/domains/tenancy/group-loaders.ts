import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { groupMemberships, groups } from './tables.ts';

export const groupById = loadOne(
  () =>
    database
      .select()
      .from(groups)
      .where(and(eq(groups.organizationId, bound.organizationId), sql`${groups.id} = any(${bound.keys})`)),
  (group) => group.id,
);

export const groupMembershipById = loadOne(
  () =>
    database
      .select()
      .from(groupMemberships)
      .where(
        and(
          eq(groupMemberships.organizationId, bound.organizationId),
          sql`${groupMemberships.id} = any(${bound.keys})`,
        ),
      ),
  (membership) => membership.id,
);

/** The groups of the viewer's organization. */
export const groupList = listOf({
  from: groups,
  columns: getTableColumns(groups),
  orders: { CREATED_AT: groups.createdAt, NAME: groups.name },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  filters: { name: groups.name, active: groups.active, createdAt: groups.createdAt },
});

const places = {
  from: groupMemberships,
  columns: getTableColumns(groupMemberships),
  orders: { CREATED_AT: groupMemberships.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
} as const;

/** The members of a group. */
export const membersByGroup = listOf({ ...places, parent: groupMemberships.groupId });

/** The places of a member in groups, by their user. */
export const groupsByUser = listOf({ ...places, parent: groupMemberships.userId });
