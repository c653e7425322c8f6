import { and, eq, isNotNull, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import { verifyNobody, verifyPassword } from '../../secrets/passwords.ts';
import { viewerOf, type Context } from '../context.ts';
import type { ViewerCache } from '../services.ts';
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

/** What a try to prove oneself is counted under, whichever operation it is for. */
export const triesOf = (email: string): string => `account ${email.toLowerCase()}`;

/** Asks the viewer for their password once more. Throws BadUserInput, RateLimited. */
export const requireOwnPassword = async ({ unit, services, ...context }: Context, password: string): Promise<void> => {
  const { userId } = viewerOf(context);
  const { email, hash } = sole(
    await unit.run(() =>
      database
        .select({ email: users.email, hash: passwords.hash })
        .from(users)
        .innerJoin(passwords, eq(passwords.userId, users.id))
        .where(eq(users.id, userId)),
    ),
  );
  await unit.rest();
  await services.throttles.signIn.spend([triesOf(email)]);
  if (!(await verifyPassword(hash, password))) throw new BadUserInput('password', 'The password is wrong.');
  await services.throttles.signIn.forgive(triesOf(email));
};

/** How long a deleted account may be brought back. */
export const restorableDays = 30;

/**
 * The deleted account that these credentials belong to, as long as it may be brought back; null alike for everything else, after the same
 * work.
 */
export const deletedAccountOf = async (unit: UnitOfWork, email: string, password: string): Promise<string | null> => {
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
      .where(eq(sql`lower(${users.email})`, email.toLowerCase())),
  );
  await unit.rest();
  if (found === undefined) {
    await verifyNobody(password);
    return null;
  }
  return (await verifyPassword(found.hash, password)) && found.restorable ? found.userId : null;
};
