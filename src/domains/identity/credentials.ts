import { eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { newId } from '../../ids.ts';
import { hashPassword, needsRehash, verifyNobody, verifyPassword } from '../../secrets/passwords.ts';
import type { Services } from '../services.ts';
import { renewHash } from './passwords.ts';
import { loginText, named, type Login } from './people.ts';
import { ownUnit } from './recovery-codes.ts';
import { passwords, users } from './tables.ts';
import { confirmedFactor, useCode, type Factor } from './two-factor.ts';

/** What somebody shows to be let in. */
export interface Credentials {
  readonly login: Login;
  readonly password: string;
  /** Of the second factor, or a recovery code. */
  readonly code: string | null;
}

export type Refusal = 'unknown_account' | 'wrong_password' | 'wrong_code' | 'suspended';

/** What credentials come to. */
export type Verdict =
  | { readonly result: 'fit'; readonly userId: string }
  | { readonly result: 'code_needed'; readonly userId: string }
  | { readonly result: 'refused'; readonly userId: string | null; readonly reason: Refusal };

/**
 * Judges credentials: whatever is wrong, the work is the same, with one comparison of a slow hash. Tries are counted before it. A code is used
 * up, and an old hash is replaced by one at today's cost. No unit may be open. Throws RateLimited.
 */
export const judge = async (
  unit: UnitOfWork,
  services: Services,
  { login, password, code }: Credentials,
): Promise<Verdict> => {
  const { throttles } = services;
  const typed = loginText(login);
  // Twice: by what was typed, which a flood repeats, and by the account, which has two names.
  await throttles.signIn.spend([typed]);
  await throttles.signInByAddress.spend([`address ${unit.options.origin.address}`]);
  const { found, factor } = await look(unit, login);
  await throttles.signIn.spend([`account ${found?.userId ?? typed}`]);

  const fits = await (found === undefined ? verifyNobody(password) : verifyPassword(found.hash, password));
  if (found === undefined) return { result: 'refused', userId: null, reason: 'unknown_account' };
  const { userId } = found;
  if (!fits) return { result: 'refused', userId, reason: 'wrong_password' };
  if (found.barred) return { result: 'refused', userId, reason: 'suspended' };
  if (factor !== null) {
    if (code === null) return { result: 'code_needed', userId };
    if (!(await fitsFactor(unit, services, userId, factor, code)))
      return { result: 'refused', userId, reason: 'wrong_code' };
  }
  for (const key of [typed, `account ${userId}`]) await throttles.signIn.forgive(key);
  if (needsRehash(found.hash)) await renewHash(unit.as(nowhere), userId, await hashPassword(password), found.hash);
  return { result: 'fit', userId };
};

/** The account with its second factor; for an unknown one the same statements are run. */
const look = async (unit: UnitOfWork, login: Login) => {
  const reading = unit.as(nowhere);
  const [found] = await reading.run(() =>
    database
      .select({
        userId: users.id,
        hash: passwords.hash,
        barred: sql<boolean>`${users.suspendedAt} is not null or ${users.deletedAt} is not null`,
      })
      .from(users)
      .innerJoin(passwords, eq(passwords.userId, users.id))
      .where(named(login)),
  );
  await reading.rest();
  const userId = found?.userId ?? newId();
  const own = ownUnit(unit, userId);
  const factor = await confirmedFactor(own, userId);
  await own.rest();
  return { found, factor };
};

const fitsFactor = async (
  unit: UnitOfWork,
  { throttles, keyRing }: Services,
  userId: string,
  factor: Factor,
  code: string,
): Promise<boolean> => {
  await throttles.code.spend([`account ${userId}`]);
  const secret = await keyRing.decrypt(factor.secret);
  const own = ownUnit(unit, userId);
  const fits = await own.transact(() => useCode(own, userId, secret, factor, code));
  if (fits) await throttles.code.forgive(`account ${userId}`);
  return fits;
};
