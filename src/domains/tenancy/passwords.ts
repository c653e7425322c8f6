import { setTimeout as pause } from 'node:timers/promises';
import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere } from '../../database/unit-of-work.ts';
import { BadUserInput, Unauthenticated } from '../../errors.ts';
import { newId } from '../../ids.ts';
import { hashPassword } from '../../secrets/passwords.ts';
import { viewerOf, type Context } from '../context.ts';
import { noticeMail, resetMail } from '../identity/mails.ts';
import { endSignIns } from '../identity/operations.ts';
import { confirmPassword, knownOf, newPasswordHash, passwordIssues, replaceHash } from '../identity/passwords.ts';
import { ableById, ableByLogin, loginText, type Addressee, type Login } from '../identity/people.ts';
import { dropRecoveryCodes, matchingCodes, ownUnit, useRecoveryCodes } from '../identity/recovery-codes.ts';
import { accessTokens } from '../identity/tables.ts';
import { grantToken, readToken, redeemToken } from '../identity/tokens.ts';
import { postLetter } from './letters.ts';
import { inTheNameOf } from './places.ts';

const resetMinutes = 20;
const codesNeeded = 2;
/** An answer takes at least so long, which hides whether there was an account to write to. */
const resetAnswerMs = 300;

/**
 * Changes the viewer's password; all their other sessions end, and the tokens of their devices. Gives how many sessions ended.
 * Throws BadUserInput (current password wrong, new one weak), RateLimited.
 */
export const changePassword = async (
  { unit, services, viewer }: Context,
  { currentPassword, newPassword }: { readonly currentPassword: string; readonly newPassword: string },
): Promise<number> => {
  const { userId, credential } = viewerOf({ viewer });
  const previous = await confirmPassword(unit, services, userId, 'currentPassword', currentPassword);
  const hash = await newPasswordHash('newPassword', newPassword, await knownOf(unit, userId));
  const person = await ableById(unit, userId);
  const ended = await unit.transact(async () => {
    if (!(await replaceHash(unit, userId, hash, previous)))
      throw new BadUserInput('currentPassword', 'The password was changed meanwhile.');
    const endedSessions = await endSignIns(unit, userId, credential.id);
    await dropResets(userId);
    unit.record({ action: 'password.changed', type: 'User', id: userId, data: { endedSessions } });
    if (person !== null) await postLetter(unit, services, passwordNotice(person, 'was changed'));
    return endedSessions;
  });
  services.viewers.forgetUser(userId);
  await services.throttles.code.forgive(`account ${userId}`);
  return ended;
};

const passwordNotice = (person: Addressee, what: string) =>
  noticeMail(
    person,
    'Your password was replaced',
    `The password of your account ${what}. All other sign-ins have been ended.`,
  );

const dropResets = (userId: string): Promise<unknown> =>
  database.delete(accessTokens).where(and(eq(accessTokens.userId, userId), eq(accessTokens.kind, 'PASSWORD_RESET')));

/** Mails a token by which the owner of an address may choose a new password; earlier ones are void. Tells nobody whether there is an account. */
export const requestPasswordReset = async (context: Context, email: string): Promise<void> => {
  const { unit, services, origin } = context;
  const login: Login = { by: 'email', email };
  await unit.rest();
  await services.throttles.resetMail.spend([`address ${origin.address}`, loginText(login)]);
  await Promise.all([postReset(context, login), pause(resetAnswerMs)]);
};

const postReset = async ({ unit, services }: Context, login: Login): Promise<void> => {
  const person = await ableByLogin(unit, login);
  if (person === null) {
    const platform = unit.as(nowhere);
    return platform.transact(async () =>
      platform.record({ action: 'password_reset.requested', type: 'User', id: newId(), data: { known: false } }),
    );
  }
  const { userId } = person;
  const acting = await inTheNameOf(unit, services, userId);
  await acting.unit.transact(async () => {
    await dropResets(userId);
    const expiresAt = new Date(Date.now() + resetMinutes * 60_000);
    const target = { organizationId: null, userId, subjectId: userId };
    const token = await grantToken(acting.unit, 'PASSWORD_RESET', target, expiresAt);
    acting.unit.record({ action: 'password_reset.requested', type: 'User', id: userId });
    await acting.notify(resetMail(services, person, token, resetMinutes));
  });
};

/**
 * Replaces a password by a mailed token; all sign-ins of the account end.
 * Throws BadUserInput (token unknown, used or expired; password weak), RateLimited.
 */
export const resetPassword = async (
  { unit, services, origin }: Context,
  { token, newPassword }: { readonly token: string; readonly newPassword: string },
): Promise<void> => {
  await unit.rest();
  await services.throttles.claim.spend([`address ${origin.address}`]);
  const anonymous = unit.as(nowhere);
  const target = await readToken(anonymous, 'PASSWORD_RESET', token);
  await anonymous.rest();
  const person = target === null || target.userId === null ? null : await ableById(unit, target.userId);
  if (person === null) throw tokenUseless();
  const { userId } = person;
  const hash = await newPasswordHash('newPassword', newPassword, await knownOf(unit, userId));
  const acting = await inTheNameOf(unit, services, userId);
  await acting.unit.transact(async () => {
    if ((await redeemToken(acting.unit, 'PASSWORD_RESET', token)) === null) throw tokenUseless();
    await replaceHash(acting.unit, userId, hash);
    const endedSessions = await endSignIns(acting.unit, userId, null);
    await dropResets(userId);
    acting.unit.record({ action: 'password.reset', type: 'User', id: userId, data: { by: 'mail', endedSessions } });
    await acting.notify(passwordNotice(person, 'was replaced by a link sent to this address'));
  });
  services.viewers.forgetUser(userId);
};

const tokenUseless = () =>
  new BadUserInput('token', 'This token is unknown, was used, or is over its time; ask for another one.');

/**
 * Replaces a password by two different recovery codes; all sign-ins end, and the whole set of codes with them.
 * Throws BadUserInput (password weak), Unauthenticated (account unknown, codes wrong or too few), RateLimited.
 */
export const resetPasswordWithRecoveryCodes = async (
  { unit, services, origin }: Context,
  {
    login,
    codes,
    newPassword,
  }: { readonly login: Login; readonly codes: readonly string[]; readonly newPassword: string },
): Promise<void> => {
  await unit.rest();
  await services.throttles.recovery.spend([`address ${origin.address}`, loginText(login)]);
  const typed = login.by === 'email' ? login.email : login.username;
  // By what was typed alone: advice about the person's name would tell that there is one.
  const issues = await passwordIssues('newPassword', newPassword, [typed]);
  if (issues.length > 0) throw new BadUserInput(issues);
  const person = await ableByLogin(unit, login);
  const userId = person?.userId ?? newId();
  await services.throttles.recovery.spend([`account ${person === null ? loginText(login) : userId}`]);
  const own = ownUnit(unit, userId);
  const matching = await matchingCodes(own, userId, codes.slice(0, codesNeeded));
  await own.rest();
  if (person === null || matching !== codesNeeded || codes.length !== codesNeeded) {
    const platform = unit.as(nowhere);
    await platform.transact(async () => platform.record({ action: 'recovery.failed', type: 'User', id: userId }));
    throw codesUseless();
  }
  const hash = await hashPassword(newPassword);
  const acting = await inTheNameOf(unit, services, userId);
  await acting.unit.transact(async () => {
    if ((await useRecoveryCodes(acting.unit, userId, codes)) !== codesNeeded) throw codesUseless();
    await replaceHash(acting.unit, userId, hash);
    const endedSessions = await endSignIns(acting.unit, userId, null);
    await dropResets(userId);
    await dropRecoveryCodes(acting.unit, userId);
    const data = { by: 'recovery codes', endedSessions };
    acting.unit.record({ action: 'password.reset', type: 'User', id: userId, data });
    await acting.notify(passwordNotice(person, 'was replaced by two recovery codes, which are void now'));
  });
  services.viewers.forgetUser(userId);
};

const codesUseless = () => new Unauthenticated('The account or the recovery codes are wrong.');
