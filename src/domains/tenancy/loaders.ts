import { and, eq, getTableColumns, isNotNull, isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { mentions } from '../../database/filter.ts';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import { bound, lazily, loadOne } from '../../database/loader.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { users } from '../identity/tables.ts';
import { memberships, organizations, workspaces, type WorkspaceRow } from './tables.ts';

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

const ofSlug = lazily(() =>
  Statement.select<WorkspaceRow>(
    database
      .select()
      .from(workspaces)
      .where(and(eq(workspaces.organizationId, bound.organizationId), eq(workspaces.slug, sql.placeholder('slug')))),
  ),
);

/** The workspace of a short name, as it is written; null for one that the viewer does not see. */
export const workspaceBySlug = async (unit: UnitOfWork, slug: string): Promise<WorkspaceRow | null> => {
  const [workspace] = await unit.select(ofSlug(), { organizationId: unit.organizationId, slug });
  return workspace ?? null;
};

const seen = lazily(() =>
  Statement.select<Pick<WorkspaceRow, 'slug' | 'createdAt'>>(
    database
      .select({ slug: workspaces.slug, createdAt: workspaces.createdAt })
      .from(workspaces)
      .where(and(eq(workspaces.organizationId, bound.organizationId), isNull(workspaces.archivedAt)))
      .orderBy(workspaces.slug)
      .limit(sql.placeholder('most')),
  ),
);

/** The short names of the workspaces that the viewer sees and that are not archived, in their order, at most `most`. */
export const seenWorkspaces = (unit: UnitOfWork, most: number): Promise<Pick<WorkspaceRow, 'slug' | 'createdAt'>[]> =>
  unit.select(seen(), { organizationId: unit.organizationId, most });

const workspacesWhere = (where?: SQL) =>
  listOf({
    from: workspaces,
    columns: getTableColumns(workspaces),
    orders: { NAME: workspaces.name, CREATED_AT: workspaces.createdAt, SLUG: workspaces.slug },
    defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
    filters: {
      name: workspaces.name,
      slug: workspaces.slug,
      language: workspaces.language,
      published: workspaces.published,
      archived: sql`(${workspaces.archivedAt} is not null)`,
      createdAt: workspaces.createdAt,
    },
    ...(where && { where }),
  });
const allWorkspaces = workspacesWhere();
const activeWorkspaces = workspacesWhere(isNull(workspaces.archivedAt));

/** Archived workspaces are left out where the filter says nothing of them. */
export const workspaceList = (unit: UnitOfWork, args: ListArguments): Promise<Connection<WorkspaceRow>> =>
  (mentions(args.filter, 'archived') ? allWorkspaces : activeWorkspaces)(unit, args);

export const memberList = listOf({
  from: memberships,
  columns: getTableColumns(memberships),
  orders: { CREATED_AT: memberships.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  filters: {
    role: memberships.role,
    suspended: (comparator, value) =>
      (value === true) === (comparator === 'eq') ? isNotNull(memberships.suspendedAt) : isNull(memberships.suspendedAt),
    userId: memberships.userId,
    createdAt: memberships.createdAt,
  },
});
