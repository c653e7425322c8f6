import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { OwnOrganizationRow } from './rows.ts';
import { organizations, userOrganizations } from './tables.ts';

/** Organizations by id, as far as the viewer's person belongs to them, whichever the viewer is in. */
export const ownOrganizationById = loadOne(
  () =>
    database
      .select({
        id: organizations.id,
        name: organizations.name,
        slug: organizations.slug,
        type: organizations.type,
        active: sql<boolean>`${organizations.suspendedAt} is null and ${organizations.deletedAt} is null`.as('active'),
        joinedAt: userOrganizations.createdAt,
      })
      .from(userOrganizations)
      .innerJoin(organizations, eq(organizations.id, userOrganizations.organizationId))
      .where(
        and(eq(userOrganizations.userId, bound.userId), sql`${userOrganizations.organizationId} = any(${bound.keys})`),
      ),
  (organization) => organization.id,
);

/**
 * The organizations that people belong to, by their ids, which are in the order in which they were made, as is the key of the table. It
 * shows the places of whoever is named.
 */
export const placesByUser = listOf({
  from: userOrganizations,
  id: userOrganizations.organizationId,
  personal: true,
  parent: userOrganizations.userId,
  columns: { id: userOrganizations.organizationId, userId: userOrganizations.userId },
  orders: { ORGANIZATION: userOrganizations.organizationId },
  defaultOrder: { field: 'ORGANIZATION', direction: 'ASC' },
});

/** The organizations that a person belongs to, in the order in which they were made: two statements. Throws BadUserInput. */
export const organizationsOfUser = async (
  unit: UnitOfWork,
  args: ListArguments,
  userId: string,
): Promise<Connection<OwnOrganizationRow>> => {
  const page = await placesByUser<{ id: string }>(unit, args, userId);
  const rows = await Promise.all(page.edges.map(({ node }) => ownOrganizationById(unit).load(node.id)));
  const edges = page.edges.flatMap((edge, index) => {
    const node = rows[index] ?? null;
    return node === null ? [] : [{ node, cursor: edge.cursor }];
  });
  return { ...page, edges };
};
