import { and, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { verifyNobody, verifyPassword } from '../../secrets/passwords.ts';
import { viewerOf, type Context } from '../context.ts';
import { confirmPassword } from './passwords.ts';
import type { Services, ViewerCache } from '../services.ts';
import { requireOtherSuperAdmin } from './super-admins.ts';
import { passwords, users } from './tables.ts';

/**
 * Keeps a person out of the whole installation, at once and wherever they are signed in; their credentials sleep until `resumeUser`.
 * Harmless when repeated. The event goes to the log of the unit's scope. Throws Conflict (the last super admin), NotFound.
 */
export const suspendUser = (unit: UnitOfWork, viewers: ViewerCache, userId: string): Promise<void> =>
  changeSuspension(unit, viewers, userId, true);

/** Lets a suspended person in again, with the credentials of before. Harmless when repeated. Throws NotFound. */
export const resumeUser = (unit: UnitOfWork, viewers: ViewerCache, userId: string): Promise<void> =>
  changeSuspension(unit, viewers, userId, false);

const changeSuspension = (unit: UnitOfWork, viewers: ViewerCache, userId: string, suspended: boolean): Promise<void> =>
  unit.transact(async () => {
    if (suspended) await requireOtherSuperAdmin(unit, userId);
    const isOther = suspended ? isNull(users.suspendedAt) : isNotNull(users.suspendedAt);
    const changed = await database
      .update(users)
      .set({ suspendedAt: suspended ? sql`now()` : null })
      .where(and(eq(users.id, userId), isOther))
      .returning({ id: users.id });
    if (changed.length === 0) return requireUser(userId);
    unit.record({ action: suspended ? 'user.suspended' : 'user.resumed', type: 'User', id: userId });
    unit.afterCommit(() => viewers.forgetUser(userId));
  });

const requireUser = async (userId: string): Promise<void> => {
  const found = await database.select({ id: users.id }).from(users).where(eq(users.id, userId));
  if (found.length === 0) throw new NotFound('User', userId);
};

/** What tries to prove oneself are counted under, whichever operation they are for. */
const triesOf = (userId: string): string => `account ${userId}`;

/** Asks the viewer for their password once more. Throws BadUserInput, RateLimited. */
export const requireOwnPassword = async ({ unit, services, ...context }: Context, password: string): Promise<void> => {
  const { userId } = viewerOf(context);
  await confirmPassword(unit, services, userId, 'password', password);
  await services.throttles.code.forgive(`account ${userId}`);
};

/** How long a deleted account may be brought back. */
export const restorableDays = 30;

/**
 * The deleted account that these credentials belong to, as long as it may be brought back; null alike for everything else, after the same
 * work. Tries are counted before it, with those to sign in. The unit belongs to no tenant. Throws RateLimited.
 */
export const deletedAccountOf = async (
  unit: UnitOfWork,
  { throttles }: Pick<Services, 'throttles'>,
  email: string,
  password: string,
): Promise<string | null> => {
  const typed = email.toLowerCase();
  await throttles.signInByAddress.spend([`address ${unit.options.origin.address}`]);
  await throttles.signIn.spend([`e-mail ${typed}`]);
  const [found] = await unit.run(() =>
    database
      .select({
        userId: users.id,
        hash: passwords.hash,
        restorable: sql<boolean>`${users.suspendedAt} is null and coalesce(
          ${users.deletedAt} > now() - make_interval(days => ${restorableDays}), false)`,
      })
      .from(users)
      .innerJoin(passwords, eq(passwords.userId, users.id))
      .where(eq(sql`lower(${users.email})`, typed)),
  );
  await unit.rest();
  await throttles.signIn.spend([triesOf(found?.userId ?? typed)]);
  const fits = await (found === undefined ? verifyNobody(password) : verifyPassword(found.hash, password));
  if (found !== undefined && fits && found.restorable) return found.userId;
  const target = found?.userId ?? newId();
  await unit.transact(async () => unit.record({ action: 'user.restoration_failed', type: 'User', id: target }));
  return null;
};
