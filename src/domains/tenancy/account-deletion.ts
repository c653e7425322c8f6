import { and, eq, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type Scope, type UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, NotFound, Unauthenticated } from '../../errors.ts';
import type { RestoreAccountInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { deletedAccountOf, requireOwnPassword, restorableDays } from '../identity/accounts.ts';
import { removeAvatarsOf } from '../identity/avatars.ts';
import { accessTokens, devices, extensionKeys, sessions, users } from '../identity/tables.ts';
import { requireOtherSuperAdmin } from '../identity/super-admins.ts';
import type { Services } from '../services.ts';
import { eraseRows, erasureHasBegun, removeFiles } from './organization-erasure.ts';
import { apiKeys, memberships, organizations, userOrganizations } from './tables.ts';
import { discovery } from './viewers.ts';

/** Sees what is one person's own, and what belongs to no tenant; what is recorded goes to the platform's log. */
const personal = (userId: string): Scope => ({ ...nowhere, userId });

/** Where a person stands in one of their organizations when they go. */
interface Place {
  readonly organizationId: string;
  readonly name: string;
  readonly deleted: boolean;
  /** Nobody else belongs to it, so it goes with them. */
  readonly lone: boolean;
  /** Others belong to it, and none of them may act as an owner. */
  readonly keepsIt: boolean;
}

/**
 * The person's places, each locked against changes of its owners until the running transaction ends. In the order of their ids, so that two
 * who go at a time do not wait for each other.
 */
const placesOf = async (unit: UnitOfWork, userId: string): Promise<Place[]> => {
  const found = await database
    .select({
      organizationId: userOrganizations.organizationId,
      name: organizations.name,
      deleted: sql<boolean>`${organizations.deletedAt} is not null`,
    })
    .from(userOrganizations)
    .innerJoin(organizations, eq(organizations.id, userOrganizations.organizationId))
    .where(eq(userOrganizations.userId, userId))
    .orderBy(userOrganizations.organizationId);
  const places: Place[] = [];
  for (const place of found) {
    const standing = await unit.nested(discovery(place.organizationId, userId), () =>
      standingIn(place.organizationId, userId),
    );
    places.push({ ...place, ...standing });
  }
  return places;
};

/** The lock is the one that the guard of the last owner takes (`app_keep_owner`). */
const standingIn = async (organizationId: string, userId: string): Promise<Pick<Place, 'lone' | 'keepsIt'>> => {
  await database.execute(sql`select pg_advisory_xact_lock(hashtextextended(${organizationId}, 0))`);
  const owns = sql`${memberships.role} = 'OWNER' and ${memberships.suspendedAt} is null`;
  const isSelf = sql`${memberships.userId} = ${userId}`;
  const counted = sole(
    await database
      .select({
        others: sql<number>`count(*) filter (where not (${isSelf}))`.mapWith(Number),
        otherOwners: sql<number>`count(*) filter (where not (${isSelf}) and ${owns})`.mapWith(Number),
        isOwner: sql<boolean>`coalesce(bool_or(${isSelf} and ${owns}), false)`,
      })
      .from(memberships)
      .where(eq(memberships.organizationId, organizationId)),
  );
  const lone = counted.others === 0;
  return { lone, keepsIt: !lone && counted.isOwner && counted.otherOwners === 0 };
};

/** Throws Conflict naming the organizations that would be left without an owner. */
const requireLeavable = (places: readonly Place[]): void => {
  const kept = places.filter(({ keepsIt }) => keepsIt);
  if (kept.length === 0) return;
  throw new Conflict(
    'organizations',
    `Hand these organizations over first, for others belong to them: ${kept.map(({ name }) => name).join(', ')}.`,
    { organizations: kept.map(({ organizationId, name }) => ({ id: globalId('Organization', organizationId), name })) },
  );
};

/**
 * Deletes the viewer's account so that it may be brought back for 30 days, in one transaction: in organizations with others they stand
 * suspended from that moment, those that have nobody else are deleted along, and all credentials end. Gives the time until
 * which they may come back. Throws BadUserInput (wrong password), Conflict (last owner, last super admin), RateLimited.
 */
export const deleteAccount = async (context: Context, password: string): Promise<string> => {
  const { userId } = viewerOf(context);
  await requireOwnPassword(context, password);
  const unit = context.unit.as(personal(userId));
  const restorableUntil = await unit.transact(async () => {
    await requireOtherSuperAdmin(unit, userId);
    const places = await placesOf(unit, userId);
    // One that is deleted already keeps them as the owner who may bring it back.
    requireLeavable(places.filter(({ deleted }) => !deleted));
    for (const place of places)
      await unit.nested(discovery(place.organizationId, userId), () => leaveFor(place, userId));
    await endCredentials(userId);
    const [deleted] = await database
      .update(users)
      .set({ deletedAt: sql`now()` })
      .where(and(eq(users.id, userId), isNull(users.deletedAt)))
      .returning({ until: sql<string>`now() + make_interval(days => ${restorableDays})` });
    if (deleted === undefined) throw new Unauthenticated();
    unit.record({ action: 'user.deleted', type: 'User', id: userId });
    return deleted.until;
  });
  forget(context.services, userId);
  return restorableUntil;
};

/** What is marked with the moment of the account's deletion comes back with it. */
const leaveFor = async ({ organizationId, lone, deleted, keepsIt }: Place, userId: string): Promise<void> => {
  await database
    .update(apiKeys)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(apiKeys.organizationId, organizationId), eq(apiKeys.userId, userId), isNull(apiKeys.revokedAt)));
  if (lone && !deleted)
    await database
      .update(organizations)
      .set({ deletedAt: sql`now()` })
      .where(eq(organizations.id, organizationId));
  if (lone || keepsIt) return;
  await database
    .update(memberships)
    .set({ suspendedAt: sql`now()` })
    .where(
      and(
        eq(memberships.organizationId, organizationId),
        eq(memberships.userId, userId),
        isNull(memberships.suspendedAt),
      ),
    );
};

const endCredentials = async (userId: string): Promise<void> => {
  await database
    .update(sessions)
    .set({ revokedAt: sql`now()` })
    .where(and(eq(sessions.userId, userId), isNull(sessions.revokedAt)));
  await database.delete(devices).where(eq(devices.userId, userId));
  await database.delete(extensionKeys).where(eq(extensionKeys.userId, userId));
  await database.delete(accessTokens).where(eq(accessTokens.userId, userId));
};

const forget = ({ viewers }: Services, userId: string): void => viewers.forgetUser(userId);

/**
 * Brings a deleted account back, with the organizations deleted along and the places in the others. Credentials of before stay ended.
 * Throws Unauthenticated for whatever is wrong, after the same work, and RateLimited as a sign-in does.
 */
export const restoreAccount = async (context: Context, { email, password }: RestoreAccountInput): Promise<void> => {
  const { services } = context;
  await context.unit.rest();
  const userId = await deletedAccountOf(context.unit.as(nowhere), services, email, password);
  if (userId === null) throw new Unauthenticated('There is no deleted account of this address and password.');
  const unit = context.unit.as(personal(userId));
  await unit.transact(async () => {
    const [deleted] = await database
      .select({ at: users.deletedAt })
      .from(users)
      .where(eq(users.id, userId))
      .for('update');
    const at = deleted?.at ?? null;
    // Somebody else with the same credentials was faster.
    if (at === null) return;
    const places = await database.select().from(userOrganizations).where(eq(userOrganizations.userId, userId));
    for (const { organizationId } of places)
      await unit.nested(discovery(organizationId, userId), () => comeBack(organizationId, userId, at));
    await database.update(users).set({ deletedAt: null }).where(eq(users.id, userId));
    unit.record({ action: 'user.restored', type: 'User', id: userId });
  });
  forget(services, userId);
};

const comeBack = async (organizationId: string, userId: string, deletedAt: string): Promise<void> => {
  await database
    .update(memberships)
    .set({ suspendedAt: null })
    .where(
      and(
        eq(memberships.organizationId, organizationId),
        eq(memberships.userId, userId),
        eq(memberships.suspendedAt, deletedAt),
      ),
    );
  const [deletedAlong] = await database
    .select()
    .from(organizations)
    .where(and(eq(organizations.id, organizationId), eq(organizations.deletedAt, deletedAt)))
    .for('no key update');
  if (deletedAlong === undefined || (await erasureHasBegun(deletedAlong))) return;
  await database.update(organizations).set({ deletedAt: null }).where(eq(organizations.id, organizationId));
};

/** Erases the viewer's account at once and for good. Throws BadUserInput (wrong password), Conflict (last owner, last super admin), RateLimited. */
export const eraseAccount = async (context: Context, password: string): Promise<void> => {
  const { userId } = viewerOf(context);
  await requireOwnPassword(context, password);
  await eraseUser(context.unit.as(personal(userId)), context.services, userId);
};

/**
 * Erases a person in one transaction: their places, credentials and profile, and organizations that have nobody else. What they wrote
 * elsewhere stays and names somebody unknown. Files go afterwards; a crash in between leaves at most those. It takes as long as erasing those
 * organizations does. The unit is one of the person's own. Throws Conflict (last owner, last super admin), NotFound.
 */
export const eraseUser = async (unit: UnitOfWork, services: Services, userId: string): Promise<void> => {
  const lone = await unit.transact(async () => {
    await requireOtherSuperAdmin(unit, userId);
    const places = await placesOf(unit, userId);
    requireLeavable(places);
    for (const place of places)
      await unit.nested(discovery(place.organizationId, userId), (inner) =>
        place.lone ? eraseOrganization(inner) : removeMember(inner, userId),
      );
    const [gone] = await database.delete(users).where(eq(users.id, userId)).returning({ avatarKey: users.avatarKey });
    if (gone === undefined) throw new NotFound('User', userId);
    const organizations = places.filter((place) => !place.lone).map((place) => place.organizationId);
    unit.record({ action: 'user.erased', type: 'User', id: userId, data: { organizations } });
    for (const { organizationId: id } of places.filter((place) => place.lone))
      unit.record({ action: 'organization.erased', type: 'Organization', id });
    return places.filter((place) => place.lone);
  });
  forget(services, userId);
  for (const { organizationId } of lone) services.viewers.forgetOrganization(organizationId);
  await removeStored(services, userId, lone);
};

/** What fails is logged and stays: no row leads to it any more. */
const removeStored = async (services: Services, userId: string, lone: readonly Place[]): Promise<void> => {
  try {
    await removeAvatarsOf(services, `users/${userId}`);
    for (const { organizationId } of lone) await removeFiles(services, organizationId);
  } catch (error) {
    services.log.error({ err: error, userId }, 'Files of an erased account stay in the store.');
  }
};

/** All that hangs on the membership goes with it: workspaces, groups, grants, API keys. */
const removeMember = (unit: UnitOfWork, userId: string): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    const [left] = await database
      .delete(memberships)
      .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId)))
      .returning({ id: memberships.id });
    if (left !== undefined)
      unit.record({
        action: 'membership.removed',
        type: 'Membership',
        id: left.id,
        data: { reason: 'ACCOUNT_ERASED' },
      });
  });

/** Erases an organization that has nobody else, with its log. */
const eraseOrganization = (unit: UnitOfWork): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    await database
      .update(organizations)
      .set({ deletedAt: sql`now()` })
      .where(and(eq(organizations.id, organizationId), isNull(organizations.deletedAt)));
    await eraseRows(organizationId);
  });
