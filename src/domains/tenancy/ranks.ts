import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Forbidden, NotFound } from '../../errors.ts';
import type { Permission } from '../../generated/resolvers.ts';
import { viewerOf, type Context, type OrganizationRole, type Viewer } from '../context.ts';
import { decisionOn, organizationRanks } from '../permissions.ts';
import { memberships, type MembershipRow } from './tables.ts';
import { discovery } from './viewers.ts';

/** Whether a role stands below another one. */
export const isBelow = (role: OrganizationRole, other: OrganizationRole): boolean =>
  organizationRanks.indexOf(role) < organizationRanks.indexOf(other);

/** Whether who has a role may give another one, or change somebody who has it: those below their own, and an OWNER all. */
export const mayRuleOver = (own: OrganizationRole, other: OrganizationRole): boolean =>
  own === 'OWNER' || isBelow(other, own);

/**
 * A unit of the viewer that sees their whole organization, for acts that reach further than the viewer's sight. The context goes on with a
 * fresh unit, in which nothing is older than the act.
 */
export const wholeOrganization = async (context: Context): Promise<UnitOfWork> => {
  const { organizationId, userId } = viewerOf(context);
  await context.unit.rest();
  context.unit = context.unit.as(context.unit.scope);
  return context.unit.as(discovery(organizationId, userId));
};

/** Who acts and on whom, both as they are now and locked until the end of the transaction. */
export interface Pair {
  readonly actor: MembershipRow;
  readonly target: MembershipRow;
}

/**
 * Locks the memberships of who acts and of whom they act on, in one order for all, so that the roles which decide are those of this moment.
 * Throws NotFound, and Forbidden when the actor has lost the permission or the target ranks too high.
 */
export const lockPair = async (
  unit: UnitOfWork,
  viewer: Viewer,
  permission: Permission,
  userId: string,
): Promise<Pair> => {
  const rows = await database
    .select()
    .from(memberships)
    .where(
      and(eq(memberships.organizationId, unit.organizationId), inArray(memberships.userId, [viewer.userId, userId])),
    )
    .orderBy(memberships.userId)
    .for('update');
  const actor = stillHolding(viewer, permission, rows);
  const target = rows.find((row) => row.userId === userId);
  if (target === undefined) throw new NotFound('User', userId);
  if (!mayRuleOver(actor.role, target.role))
    throw new Forbidden(permission, `A member with the role ${target.role} ranks too high for this.`);
  return { actor, target };
};

/** The viewer's own membership, which stays as it is until the end of the transaction. Throws Forbidden when they have lost the permission. */
export const lockOwn = async (unit: UnitOfWork, viewer: Viewer, permission: Permission): Promise<MembershipRow> => {
  const rows = await database
    .select()
    .from(memberships)
    .where(and(eq(memberships.organizationId, unit.organizationId), eq(memberships.userId, viewer.userId)))
    .for('share');
  return stillHolding(viewer, permission, rows);
};

/** A viewer is kept for some seconds; their role may have changed since. */
const stillHolding = (viewer: Viewer, permission: Permission, rows: readonly MembershipRow[]): MembershipRow => {
  const own = rows.find(({ userId }) => userId === viewer.userId);
  if (own === undefined || own.suspendedAt !== null) throw new Forbidden(permission);
  if (!decisionOn({ ...viewer.standing, role: own.role }, permission).allowed) throw new Forbidden(permission);
  return own;
};
