import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { users } from '../identity/tables.ts';
import { memberships, organizations, workspaces } from './tables.ts';

/** Users by id, as far as they are members of the viewer's organization. */
export const memberUserById = loadOne(
  () =>
    database
      .select({
        id: users.id,
        email: users.email,
        username: users.username,
        name: users.name,
        bio: users.bio,
        avatarKey: users.avatarKey,
        active: sql<boolean>`${users.suspendedAt} is null and ${users.deletedAt} is null`.as('active'),
        createdAt: users.createdAt,
        updatedAt: users.updatedAt,
      })
      .from(memberships)
      .innerJoin(users, eq(users.id, memberships.userId))
      .where(
        and(eq(memberships.organizationId, bound.organizationId), sql`${memberships.userId} = any(${bound.keys})`),
      ),
  (user) => user.id,
);

/** The viewer's own organization; any other id gives null. */
export const organizationById = loadOne(
  () =>
    database
      .select()
      .from(organizations)
      .where(and(sql`${organizations.id} = any(${bound.keys})`, eq(organizations.id, bound.organizationId))),
  (organization) => organization.id,
);

export const workspaceById = loadOne(
  () =>
    database
      .select()
      .from(workspaces)
      .where(and(eq(workspaces.organizationId, bound.organizationId), sql`${workspaces.id} = any(${bound.keys})`)),
  (workspace) => workspace.id,
);

export const membershipById = loadOne(
  () =>
    database
      .select()
      .from(memberships)
      .where(and(eq(memberships.organizationId, bound.organizationId), sql`${memberships.id} = any(${bound.keys})`)),
  (membership) => membership.id,
);

export const workspaceList = listOf({
  from: workspaces,
  columns: getTableColumns(workspaces),
  orders: { CREATED_AT: workspaces.createdAt, SLUG: workspaces.slug },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { slug: workspaces.slug, createdAt: workspaces.createdAt },
});

export const memberList = listOf({
  from: memberships,
  columns: getTableColumns(memberships),
  orders: { CREATED_AT: memberships.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});
