import { eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { BadUserInput } from '../../errors.ts';
import { verifyNobody, verifyPassword } from '../../secrets/passwords.ts';
import { viewerOf, type Context } from '../context.ts';
import { passwords } from './tables.ts';

/**
 * Makes sure that whoever is signed in knows their password, before something that cannot be undone. Not for use in a transaction: hashing
 * takes time. Throws BadUserInput naming `field`, RateLimited with the tries to sign in.
 */
export const confirmPassword = async (context: Context, field: string, password: string): Promise<void> => {
  const { throttles } = context.services;
  const { userId } = viewerOf(context);
  const key = `confirmation ${userId}`;
  await throttles.signIn.spend([key]);
  const [found] = await context.unit.run(() =>
    database.select({ hash: passwords.hash }).from(passwords).where(eq(passwords.userId, userId)),
  );
  await context.unit.rest();
  const right = found === undefined ? await verifyNobody(password) : await verifyPassword(found.hash, password);
  if (!right) throw new BadUserInput(field, 'The password is wrong.');
  await throttles.signIn.forgive(key);
};
