import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden } from '../../errors.ts';
import type { ChangeMemberRoleInput, TransferOwnershipInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { confirmPassword } from '../identity/passwords.ts';
import { accessTokens, devices, extensionKeys, sessions, users } from '../identity/tables.ts';
import { organizationRanks } from '../permissions.ts';
import { goOnAsNow } from './entrance.ts';
import { disableInvitesOf } from './invites.ts';
import { isBelow, lockPair, mayRuleOver, wholeOrganization, type Pair } from './ranks.ts';
import { memberships, userOrganizations, type MembershipRow } from './tables.ts';

/** Runs a change of a member by who ranks above them, in one transaction. Throws Forbidden, NotFound, Conflict (the last owner). */
const rule = async <Result>(
  context: Context,
  userId: string,
  act: (pair: Pair, unit: UnitOfWork) => Promise<Result>,
): Promise<Result> => {
  const viewer = viewerOf(context);
  const unit = await wholeOrganization(context);
  const result = await keepingOwner(
    unit.transact(async () => act(await lockPair(unit, viewer, 'MEMBER_MANAGE', userId), unit)),
  );
  context.services.viewers.forgetUser(userId);
  if (userId === viewer.userId) await goOnAsNow(context);
  return result;
};

const keepingOwner = async <Result>(change: Promise<Result>): Promise<Result> => {
  try {
    return await change;
  } catch (error) {
    if (violates(error, 'memberships_owner_check'))
      throw new Conflict('userId', 'An organization keeps at least one owner who may enter it.');
    throw error;
  }
};

const change = async (
  member: MembershipRow,
  fields: Partial<Pick<MembershipRow, 'role'>> | { readonly suspendedAt: ReturnType<typeof sql> | null },
): Promise<MembershipRow> => {
  const ofMember = and(eq(memberships.organizationId, member.organizationId), eq(memberships.id, member.id));
  return sole(await database.update(memberships).set(fields).where(ofMember).returning());
};

/** Gives a member another role. Throws Forbidden, NotFound, Conflict (the last owner). */
export const changeMemberRole = (context: Context, { userId, role }: ChangeMemberRoleInput): Promise<MembershipRow> =>
  rule(context, userId, async ({ actor, target }, unit) => {
    if (!mayRuleOver(actor.role, role))
      throw new Forbidden('MEMBER_MANAGE', `Who has the role ${actor.role} gives roles below it, and ${role} is not.`);
    if (target.role === role) return target;
    const changed = await change(target, { role });
    if (isBelow(role, target.role))
      await disableInvitesOf(
        unit,
        userId,
        organizationRanks.filter((given) => !isBelow(given, role)),
      );
    const data = { userId, from: target.role, to: role };
    unit.record({ action: 'member.role_changed', type: 'Membership', id: target.id, data });
    return changed;
  });

/** Bars a member from the organization. Throws Forbidden, NotFound, Conflict (the last owner). */
export const suspendMember = (context: Context, userId: string): Promise<MembershipRow> =>
  rule(context, userId, async ({ target }, unit) => {
    if (target.suspendedAt !== null) return target;
    const suspended = await change(target, { suspendedAt: sql`now()` });
    await disableInvitesOf(unit, userId, organizationRanks);
    unit.record({ action: 'member.suspended', type: 'Membership', id: target.id, data: { userId } });
    return suspended;
  });

/** Lets a suspended member in again. Throws Forbidden, NotFound. */
export const resumeMember = (context: Context, userId: string): Promise<MembershipRow> =>
  rule(context, userId, async ({ target }, unit) => {
    if (target.suspendedAt === null) return target;
    const resumed = await change(target, { suspendedAt: null });
    unit.record({ action: 'member.resumed', type: 'Membership', id: target.id, data: { userId } });
    return resumed;
  });

/** Ends somebody's membership. Throws Forbidden, NotFound, Conflict (the last owner). */
export const removeMember = async (context: Context, userId: string): Promise<string> => {
  const { id } = await rule(context, userId, async ({ target }, unit) => {
    await endMembership(unit, target);
    await endCredentials(unit, target);
    const data = { userId, role: target.role };
    unit.record({ action: 'member.removed', type: 'Membership', id: target.id, data });
    return target;
  });
  return id;
};

/** Ends the viewer's own membership; the context goes on as nobody. Throws Conflict (the last owner). */
export const leaveOrganization = async (context: Context): Promise<string> => {
  const { organizationId, userId } = viewerOf(context);
  const unit = await wholeOrganization(context);
  const id = await keepingOwner(
    unit.transact(async () => {
      const ofMember = and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId));
      const [own] = await database.select().from(memberships).where(ofMember).for('update');
      if (own === undefined) throw new Forbidden('ACCOUNT_MANAGE');
      await endMembership(unit, own);
      await endCredentials(unit, own);
      unit.record({ action: 'member.left', type: 'Membership', id: own.id, data: { userId, role: own.role } });
      return own.id;
    }),
  );
  context.services.viewers.forgetUser(userId);
  await goOnAsNow(context);
  return id;
};

/** What hangs on a membership by foreign keys goes with it: places in workspaces and groups, permissions, API keys. */
const endMembership = async (unit: UnitOfWork, { organizationId, id, userId }: MembershipRow): Promise<void> => {
  await disableInvitesOf(unit, userId, organizationRanks);
  await database.delete(memberships).where(and(eq(memberships.organizationId, organizationId), eq(memberships.id, id)));
  await database
    .delete(userOrganizations)
    .where(and(eq(userOrganizations.organizationId, organizationId), eq(userOrganizations.userId, userId)));
  await database
    .delete(accessTokens)
    .where(and(eq(accessTokens.organizationId, organizationId), eq(accessTokens.userId, userId)));
  const next = sql`(select ${userOrganizations.organizationId} from ${userOrganizations}
    where ${userOrganizations.userId} = ${userId} order by ${userOrganizations.createdAt} limit 1)`;
  await database
    .update(users)
    .set({ defaultOrganizationId: next })
    .where(and(eq(users.id, userId), eq(users.defaultOrganizationId, organizationId)));
};

/** Seen by their user alone, and so by a unit of theirs. */
const endCredentials = (unit: UnitOfWork, { organizationId, userId }: MembershipRow): Promise<void> =>
  unit.nested({ ...nowhere, userId }, async () => {
    await database
      .update(sessions)
      .set({ revokedAt: sql`coalesce(${sessions.revokedAt}, now())` })
      .where(and(eq(sessions.userId, userId), eq(sessions.organizationId, organizationId)));
    for (const table of [devices, extensionKeys])
      await database.delete(table).where(and(eq(table.userId, userId), eq(table.organizationId, organizationId)));
  });

/**
 * Makes another member the owner and the viewer an ADMIN.
 * Throws Forbidden, NotFound, BadUserInput (oneself; a wrong password), Conflict (a suspended member), RateLimited.
 */
export const transferOwnership = async (
  context: Context,
  { userId, password }: TransferOwnershipInput,
): Promise<{ owner: MembershipRow; membership: MembershipRow }> => {
  const viewer = viewerOf(context);
  if (userId === viewer.userId) throw new BadUserInput('userId', 'One hands the organization over to somebody else.');
  await confirmPassword(context.unit, context.services, viewer.userId, 'password', password);
  const unit = await wholeOrganization(context);
  const result = await unit.transact(async () => {
    const { actor, target } = await lockPair(unit, viewer, 'ORGANIZATION_OWN', userId);
    if (target.suspendedAt !== null) throw new Conflict('userId', 'This member is suspended.');
    const owner = await change(target, { role: 'OWNER' });
    const membership = await change(actor, { role: 'ADMIN' });
    await disableInvitesOf(unit, viewer.userId, ['ADMIN', 'OWNER']);
    const data = { from: viewer.userId, to: userId };
    unit.record({ action: 'organization.transferred', type: 'Organization', id: viewer.organizationId, data });
    return { owner, membership };
  });
  for (const each of [userId, viewer.userId]) context.services.viewers.forgetUser(each);
  await goOnAsNow(context);
  return result;
};
