import { and, eq, isNotNull, isNull, lt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import { enrolmentUri, newSharedSecret, qrCode, stepOf } from '../../secrets/one-time-passwords.ts';
import type { Services } from '../services.ts';
import { confirmPassword } from './passwords.ts';
import { dropRecoveryCodes, recoveryCodesLeft, replaceRecoveryCodes, useRecoveryCodes } from './recovery-codes.ts';
import { twoFactors, users } from './tables.ts';

/** How somebody is guarded besides their password. */
export interface TwoFactorState {
  readonly enabled: boolean;
  readonly recoveryCodesLeft: number;
}

/** Everything an authenticator app needs; shown once. */
export interface Enrolment {
  readonly secret: string;
  readonly uri: string;
  readonly qrCode: string;
}

/** Whether a code of the second factor is asked of a user at their sign-in. The unit is one of theirs. */
export const hasTwoFactor = async (unit: UnitOfWork, userId: string): Promise<boolean> =>
  (await confirmedFactor(unit, userId)) !== null;

/** What a user may know of their own second factor. The unit is one of theirs. */
export const twoFactorState = async (unit: UnitOfWork, userId: string): Promise<TwoFactorState> => {
  const [enabled, left] = await Promise.all([hasTwoFactor(unit, userId), recoveryCodesLeft(unit, userId)]);
  return { enabled, recoveryCodesLeft: left };
};

/** A confirmed factor: its encrypted secret and the newest time step used. */
export interface Factor {
  readonly secret: string;
  readonly lastStep: number;
}

/** The confirmed factor of the unit's user; null without one. */
export const confirmedFactor = async (unit: UnitOfWork, userId: string): Promise<Factor | null> => {
  const [factor] = await unit.run(() =>
    database
      .select({ secret: twoFactors.secret, lastStep: twoFactors.lastStep })
      .from(twoFactors)
      .where(and(eq(twoFactors.userId, userId), isNotNull(twoFactors.confirmedAt))),
  );
  return factor ?? null;
};

/**
 * Uses up a code of the factor, or an unused recovery code instead, in the running transaction of a unit of the user's; false when it is
 * wrong or was used before. Of two at a time one succeeds.
 */
export const useCode = (
  unit: UnitOfWork,
  userId: string,
  secret: string,
  factor: Factor,
  code: string,
): Promise<boolean> =>
  unit.transact(async () => {
    const step = await stepOf(secret, code, factor.lastStep);
    if (step === null) {
      const used = (await useRecoveryCodes(unit, userId, [code])) > 0;
      if (used) unit.record({ action: 'recovery_code.used', type: 'User', id: userId });
      return used;
    }
    const used = await database
      .update(twoFactors)
      .set({ lastStep: step })
      .where(and(eq(twoFactors.userId, userId), isNotNull(twoFactors.confirmedAt), lt(twoFactors.lastStep, step)))
      .returning({ id: twoFactors.id });
    return used.length > 0;
  });

/** Begins anew with a secret that counts once `confirmTwoFactor` has shown that an app holds it. Throws Conflict when there is a factor. */
export const enableTwoFactor = async (unit: UnitOfWork, services: Services, userId: string): Promise<Enrolment> => {
  const [user] = await unit.run(() => database.select({ email: users.email }).from(users).where(eq(users.id, userId)));
  await unit.rest();
  const plain = newSharedSecret();
  const uri = enrolmentUri(plain, user?.email ?? '');
  const [secret, picture] = await Promise.all([services.keyRing.encrypt(plain), qrCode(uri)]);
  await unit.transact(async () => {
    const begun = await database
      .insert(twoFactors)
      .values({ userId, secret })
      .onConflictDoUpdate({
        target: twoFactors.userId,
        set: { secret, lastStep: 0, updatedAt: sql`now()` },
        setWhere: isNull(twoFactors.confirmedAt),
      })
      .returning({ id: twoFactors.id });
    if (begun.length === 0) throw new Conflict('twoFactor', 'A second factor is in use; disable it first.');
    unit.record({ action: 'two_factor.enrolled', type: 'User', id: userId });
  });
  return { secret: plain, uri, qrCode: picture };
};

/**
 * Puts the secret into force by a code made from it, and gives new recovery codes, shown once.
 * Throws BadUserInput (wrong code), Conflict (nothing to confirm), RateLimited.
 */
export const confirmTwoFactor = async (
  unit: UnitOfWork,
  services: Services,
  userId: string,
  code: string,
): Promise<string[]> => {
  await unit.rest();
  await services.throttles.code.spend([`account ${userId}`]);
  const pending = and(eq(twoFactors.userId, userId), isNull(twoFactors.confirmedAt));
  const [begun] = await unit.run(() => database.select({ secret: twoFactors.secret }).from(twoFactors).where(pending));
  await unit.rest();
  if (begun === undefined) throw new Conflict('twoFactor', 'There is nothing to confirm; begin by enableTwoFactor.');
  const step = await stepOf(await services.keyRing.decrypt(begun.secret), code, 0);
  if (step === null) throw await refused(unit, userId);
  const codes = await unit.transact(async () => {
    const confirmed = await database
      .update(twoFactors)
      .set({ confirmedAt: sql`now()`, lastStep: step })
      .where(and(pending, eq(twoFactors.secret, begun.secret)))
      .returning({ id: twoFactors.id });
    if (confirmed.length === 0) throw new Conflict('twoFactor', 'The second factor was changed meanwhile.');
    unit.record({ action: 'two_factor.enabled', type: 'User', id: userId });
    return replaceRecoveryCodes(unit, userId);
  });
  await services.throttles.code.forgive(`account ${userId}`);
  return codes;
};

/**
 * Takes the second factor away with its recovery codes; asks for the password and a code of either kind.
 * Throws BadUserInput (password or code wrong), Conflict (there is none), RateLimited.
 */
export const disableTwoFactor = async (
  unit: UnitOfWork,
  services: Services,
  userId: string,
  { password, code }: { readonly password: string; readonly code: string },
): Promise<void> => {
  await confirmPassword(unit, services, userId, 'password', password);
  const factor = await confirmedFactor(unit, userId);
  await unit.rest();
  if (factor === null) throw new Conflict('twoFactor', 'There is no second factor.');
  const secret = await services.keyRing.decrypt(factor.secret);
  const fits = await unit.transact(async () => {
    if (!(await useCode(unit, userId, secret, factor, code))) return false;
    await database.delete(twoFactors).where(eq(twoFactors.userId, userId));
    await dropRecoveryCodes(unit, userId);
    unit.record({ action: 'two_factor.disabled', type: 'User', id: userId });
    return true;
  });
  if (!fits) throw await refused(unit, userId);
  await services.throttles.code.forgive(`account ${userId}`);
};

/** Gives a new set of recovery codes, shown once; the old ones are void. Throws BadUserInput (wrong password), RateLimited. */
export const createRecoveryCodes = async (
  unit: UnitOfWork,
  services: Services,
  userId: string,
  password: string,
): Promise<string[]> => {
  await confirmPassword(unit, services, userId, 'password', password);
  const codes = await unit.transact(async () => {
    unit.record({ action: 'recovery_codes.created', type: 'User', id: userId });
    return replaceRecoveryCodes(unit, userId);
  });
  await services.throttles.code.forgive(`account ${userId}`);
  return codes;
};

/** Writes a wrong code down; gives the error to throw. */
const refused = async (unit: UnitOfWork, userId: string): Promise<BadUserInput> => {
  await unit.transact(async () => unit.record({ action: 'code.refused', type: 'User', id: userId }));
  return new BadUserInput('code', 'The code is wrong or was used before.');
};
