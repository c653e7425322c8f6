import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, type InputIssue } from '../../errors.ts';
import { weaknessOf } from '../../secrets/password-strength.ts';
import { hashPassword, verifyPassword } from '../../secrets/passwords.ts';
import type { Services } from '../services.ts';
import { passwords, users } from './tables.ts';

/** Faults of a new password, for a person of whom others know this. */
export const passwordIssues = async (
  field: string,
  password: string,
  about: readonly string[],
): Promise<InputIssue[]> => {
  if (password.length < 8 || password.length > 250) return [{ field, message: 'A password has 8 to 250 characters.' }];
  if (about.some((word) => word.toLowerCase() === password.toLowerCase()))
    return [{ field, message: 'A password must not be the e-mail address or the name.' }];
  const weakness = await weaknessOf(password, about);
  return weakness === null ? [] : [{ field, message: weakness.message }];
};

/** Hashes a new password. Throws BadUserInput when it is too short, too long or guessed too easily. No unit may be open. */
export const newPasswordHash = async (field: string, password: string, about: readonly string[]): Promise<string> => {
  const issues = await passwordIssues(field, password, about);
  if (issues.length > 0) throw new BadUserInput(issues);
  return hashPassword(password);
};

/** What others know of a person, which their password must not be made of. */
export const knownOf = async (unit: UnitOfWork, userId: string): Promise<string[]> => {
  const reading = unit.as(nowhere);
  const [known] = await reading.run(() =>
    database
      .select({ email: users.email, name: users.name, username: users.username })
      .from(users)
      .where(eq(users.id, userId)),
  );
  await reading.rest();
  return known === undefined ? [] : [known.email, known.name, ...(known.username === null ? [] : [known.username])];
};

/**
 * Gives a user another hash in the running transaction. With `previous` only while that is the hash: false when the password
 * was changed meanwhile.
 */
export const replaceHash = (unit: UnitOfWork, userId: string, hash: string, previous?: string): Promise<boolean> =>
  unit.transact(async () => {
    const same = and(eq(passwords.userId, userId), previous === undefined ? undefined : eq(passwords.hash, previous));
    const rows = await database
      .update(passwords)
      .set({ hash, changedAt: sql`now()` })
      .where(same)
      .returning({ userId: passwords.userId });
    return rows.length > 0;
  });

/** Puts a hash of today's cost in the place of an older one of the same password. */
export const renewHash = (unit: UnitOfWork, userId: string, hash: string, previous: string): Promise<unknown> =>
  unit.transact(() =>
    database
      .update(passwords)
      .set({ hash })
      .where(and(eq(passwords.userId, userId), eq(passwords.hash, previous))),
  );

/** Gives a user another password, whatever it is. */
export const replacePassword = async (unit: UnitOfWork, userId: string, password: string): Promise<void> => {
  const hash = await hashPassword(password);
  await unit.transact(() => replaceHash(unit, userId, hash));
};

/**
 * Asks somebody signed in for their password, as often as the throttle `code` allows; gives its hash.
 * Throws BadUserInput naming the field, RateLimited.
 */
export const confirmPassword = async (
  unit: UnitOfWork,
  { throttles }: Pick<Services, 'throttles'>,
  userId: string,
  field: string,
  password: string,
): Promise<string> => {
  await unit.rest();
  await throttles.code.spend([`account ${userId}`]);
  const reading = unit.as(nowhere);
  const [found] = await reading.run(() =>
    database.select({ hash: passwords.hash }).from(passwords).where(eq(passwords.userId, userId)),
  );
  await reading.rest();
  if (found !== undefined && (await verifyPassword(found.hash, password))) return found.hash;
  await unit.transact(async () => unit.record({ action: 'password.refused', type: 'User', id: userId }));
  throw new BadUserInput(field, 'The password is wrong.');
};
