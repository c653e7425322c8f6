import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { noticeMail, verificationMail } from '../identity/mails.ts';
import { confirmPassword } from '../identity/passwords.ts';
import { ableById, type Addressee } from '../identity/people.ts';
import { accessTokens, users } from '../identity/tables.ts';
import { grantToken, readToken, redeemToken } from '../identity/tokens.ts';
import type { Services } from '../services.ts';
import { postLetter } from './letters.ts';
import { inTheNameOf } from './places.ts';

const verificationHours = 24;
const inHours = (hours: number): Date => new Date(Date.now() + hours * 3_600_000);

/** An address that a person wants instead of theirs, kept in their metadata until its token is redeemed. */
interface PendingEmail {
  /** What the token leads to. */
  readonly id: string;
  readonly email: string;
}

const pendingOf = sql<PendingEmail | null>`${users.metadata} -> 'pendingEmail'`;

/**
 * Mails a token that proves an address, in the running transaction of a unit with an organization; earlier ones are void. The token leads to the
 * user, or with `changeId` to a change of their address. Gives its end.
 */
export const mailVerification = (
  unit: UnitOfWork,
  services: Services,
  { userId, email }: Pick<Addressee, 'userId' | 'email'>,
  changeId?: string,
): Promise<Date> =>
  unit.transact(async () => {
    await dropVerifications(userId);
    const expiresAt = inHours(verificationHours);
    const target = { organizationId: null, userId, subjectId: changeId ?? userId };
    const token = await grantToken(unit, 'EMAIL_VERIFICATION', target, expiresAt);
    await postLetter(unit, services, verificationMail(services, email, token), { type: 'User', id: userId });
    return expiresAt;
  });

const dropVerifications = (userId: string): Promise<unknown> =>
  database
    .delete(accessTokens)
    .where(and(eq(accessTokens.userId, userId), eq(accessTokens.kind, 'EMAIL_VERIFICATION')));

/** Mails the viewer a new token for their address; null when it is proven already. Throws RateLimited. */
export const requestEmailVerification = async ({ unit, services, viewer, origin }: Context): Promise<Date | null> => {
  const { userId } = viewerOf({ viewer });
  await unit.rest();
  await services.throttles.verificationMail.spend([`account ${userId}`, `address ${origin.address}`]);
  const person = await ableById(unit, userId);
  if (person === null || person.verifiedAt !== null) return null;
  return unit.transact(async () => {
    unit.record({ action: 'user.verification_requested', type: 'User', id: userId });
    return mailVerification(unit, services, person);
  });
};

/**
 * Mails a token to another address of the viewer's, which takes the place of theirs once it is redeemed; asks for their password.
 * Throws BadUserInput, Conflict (address taken), RateLimited.
 */
export const changeEmail = async (
  { unit, services, viewer, origin }: Context,
  { email, password }: { readonly email: string; readonly password: string },
): Promise<Date> => {
  const { userId } = viewerOf({ viewer });
  await unit.rest();
  await services.throttles.verificationMail.spend([`account ${userId}`, `address ${origin.address}`]);
  await confirmPassword(unit, services, userId, 'password', password);
  await services.throttles.code.forgive(`account ${userId}`);
  const person = await ableById(unit, userId);
  if (person?.email === email) throw new BadUserInput('email', 'This is your e-mail address already.');
  const other = await anybodyWith(unit, email);
  if (other !== null && other !== userId) throw emailTaken();
  return unit.transact(async () => {
    const pending: PendingEmail = { id: newId(), email };
    await database
      .update(users)
      .set({ metadata: sql`${users.metadata} || ${JSON.stringify({ pendingEmail: pending })}::jsonb` })
      .where(eq(users.id, userId));
    unit.record({ action: 'user.email_change_requested', type: 'User', id: userId });
    return mailVerification(unit, services, { userId, email }, pending.id);
  });
};

const emailTaken = () => new Conflict('email', 'This e-mail address has an account already.');

const anybodyWith = async (unit: UnitOfWork, email: string): Promise<string | null> => {
  const reading = unit.as(nowhere);
  const [found] = await reading.run(() =>
    database
      .select({ id: users.id })
      .from(users)
      .where(eq(sql`lower(${users.email})`, email.toLowerCase())),
  );
  await reading.rest();
  return found?.id ?? null;
};

/**
 * Redeems a mailed token: the address is proven, and where it is another one, it takes the place of the old one, which is told so.
 * Throws BadUserInput (token unknown, used, expired or for an address given up), Conflict (address taken meanwhile), RateLimited.
 */
export const verifyEmail = async ({ unit, services, origin }: Context, token: string): Promise<void> => {
  await unit.rest();
  await services.throttles.claim.spend([`address ${origin.address}`]);
  const anonymous = unit.as(nowhere);
  const target = await readToken(anonymous, 'EMAIL_VERIFICATION', token);
  await anonymous.rest();
  const person = target === null || target.userId === null ? null : await ableById(unit, target.userId);
  if (person === null) throw tokenUseless();
  const acting = await inTheNameOf(unit, services, person.userId);
  await acting.unit.transact(async () => {
    const redeemed = await redeemToken(acting.unit, 'EMAIL_VERIFICATION', token);
    if (redeemed === null) throw tokenUseless();
    if (redeemed.subjectId === person.userId) {
      await database
        .update(users)
        .set({ verifiedAt: sql`now()` })
        .where(eq(users.id, person.userId));
      acting.unit.record({ action: 'user.email_verified', type: 'User', id: person.userId });
    } else {
      await takeAddress(person, redeemed.subjectId);
      acting.unit.record({ action: 'user.email_changed', type: 'User', id: person.userId });
      const told = noticeMail(
        person,
        'Your e-mail address was changed',
        'Your account has another e-mail address now; this one no longer signs you in.',
      );
      await acting.notify(told);
    }
  });
};

/** Puts the pending address in the old one's place, in the running transaction. */
const takeAddress = async (person: Addressee, changeId: string): Promise<void> => {
  const ofPerson = eq(users.id, person.userId);
  const [row] = await database.select({ pending: pendingOf }).from(users).where(ofPerson).for('update');
  if (row?.pending?.id !== changeId) throw tokenUseless();
  const { email } = row.pending;
  try {
    await database
      .update(users)
      .set({ email, verifiedAt: sql`now()`, metadata: sql`${users.metadata} - 'pendingEmail'` })
      .where(ofPerson);
  } catch (error) {
    if (violates(error, 'users_email_key')) throw emailTaken();
    throw error;
  }
  await database
    .delete(accessTokens)
    .where(and(eq(accessTokens.userId, person.userId), eq(accessTokens.kind, 'PASSWORD_RESET')));
};

const tokenUseless = () =>
  new BadUserInput('token', 'This token is unknown, was used, or is over its time; ask for another one.');
