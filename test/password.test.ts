import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { accessTokens, users } from '../src/domains/identity/tables.ts';
import { grantToken, redeemToken } from '../src/domains/identity/tokens.ts';
import { newId } from '../src/ids.ts';
import { weaknessOf } from '../src/secrets/password-strength.ts';
import {
  alter,
  asUser,
  enrol,
  hashesOf,
  isIn,
  logOf,
  mutate,
  password,
  platformLog,
  refusals,
  signIn,
  trySignIn,
} from './account.ts';
import { mailsTo, mailTo, tokenIn } from './outbox.ts';
import { uuidOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed({ APP_URL: 'https://app.example' });
});
afterAll(() => bed.stop());

const another = 'purple monkey dishwasher';
const weak = [
  ['short', 'A password has 8 to 250 characters.'],
  ['x'.repeat(251), 'A password has 8 to 250 characters.'],
  ['password', 'This is a heavily used password.'],
  ['aaaaaaaaaaaa', 'Repeated characters like "aaa" are easy to guess.'],
  ['P4ssw0rd!1', ''],
] as const;

/** The token of a device of somebody's, as pairing gives it. */
const deviceToken = (person: { userId: string; organizationId: string }): Promise<string> =>
  asUser(bed, person.userId, (unit) =>
    grantToken(
      unit,
      'DEVICE',
      { organizationId: uuidOf(person.organizationId), userId: uuidOf(person.userId), subjectId: newId() },
      new Date(Date.now() + 60_000),
    ),
  );
const tokensOf = (userId: string): Promise<string[]> =>
  asUser(bed, userId, async () => {
    const rows = await database
      .select({ kind: accessTokens.kind })
      .from(accessTokens)
      .where(eq(accessTokens.userId, uuidOf(userId)))
      .orderBy(accessTokens.kind);
    return rows.map(({ kind }) => kind);
  });

describe('strength', () => {
  test('is judged by guesses, and by what others know of the person', async () => {
    for (const strong of [password, another, 'ChangeMe123!', 'Tr0ub4dor&3-and-more'])
      expect(await weaknessOf(strong, ['ada@example.com', 'Ada'])).toBeNull();
    const name = 'Wilhelmina Featherstonehaugh';
    expect(await weaknessOf('featherstonehaugh', ['Somebody'])).toBeNull();
    expect(await weaknessOf('featherstonehaugh', [name])).not.toBeNull();
    expect(await weaknessOf('wilhelmina1', [`wilhelmina@example.com`])).not.toBeNull();
  });

  test('takes no time that a flood could use', async () => {
    await weaknessOf('warm', []);
    const began = performance.now();
    for (const part of ['@4$5&%(){}[]', 'P@ssw0rd1!s$e3', 'qwertyuiop1234567890'])
      await weaknessOf(part.repeat(25), []);
    expect(performance.now() - began).toBeLessThan(1500);
  });

  test('is asked of a sign-up, which otherwise makes nothing', async () => {
    const email = `weak-${newId()}@example.com`;
    const names = { email, name: 'Zebulon', organizationName: 'Quagmire Holdings' };
    for (const [bad, message] of [...weak, ['Quagmire Holdings', ''], [email.toUpperCase(), '']] as const) {
      const [answer, work] = await hashesOf(() => mutate(bed.anonymous, 'signUp', { ...names, password: bad }));
      const [error] = refusals(answer);
      expect(error).toMatchObject({ code: 'BAD_USER_INPUT', field: 'password' });
      expect(error?.message).toContain(message);
      expect(work).toEqual({ made: 0, compared: 0 });
    }
    expect((await mutate(bed.anonymous, 'signUp', { ...names, password })).errors).toEqual([]);
    const taken = await mutate(bed.anonymous, 'signUp', { ...names, email: email.toUpperCase(), password });
    expect(refusals(taken)).toEqual([expect.objectContaining({ code: 'CONFLICT', field: 'email' })]);
  });
});

describe('a change', () => {
  test('ends all other sign-ins', async () => {
    const ada = await bed.signUp();
    const other = await signIn(bed, { email: ada.email, password });
    await deviceToken(ada);
    expect([await isIn(ada), await isIn(other)]).toEqual([true, true]);

    const input = { currentPassword: password, newPassword: another };
    const [answer, work] = await hashesOf(() => mutate(ada, 'changePassword', input, 'endedSessions'));

    expect(answer.data).toEqual({ changePassword: { endedSessions: 1 } });
    expect(work).toEqual({ made: 1, compared: 1 });
    expect([await isIn(ada), await isIn(other)]).toEqual([true, false]);
    expect(await tokensOf(ada.userId)).toEqual(['EMAIL_VERIFICATION', 'SESSION']);
    expect(refusals(await trySignIn(bed, { email: ada.email, password }))).toHaveLength(1);
    await signIn(bed, { email: ada.email, password: another });
    expect((await mailTo(bed, ada.email, /replaced/)).text).not.toContain(another);
    expect(await logOf(bed, ada.organizationId, ada.userId)).toEqual(['user.created', 'password.changed']);
  });

  test('is refused without the password, and with a weak one, and changes nothing', async () => {
    const ada = await bed.signUp();
    const other = await signIn(bed, { email: ada.email, password });
    const wrong = await mutate(ada, 'changePassword', { currentPassword: 'wrong', newPassword: another });
    expect(refusals(wrong)).toEqual([expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'currentPassword' })]);
    for (const [newPassword] of [...weak, [ada.email]] as const)
      expect(refusals(await mutate(ada, 'changePassword', { currentPassword: password, newPassword }))).toEqual([
        expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'newPassword' }),
      ]);
    expect(await isIn(other)).toBe(true);
    await signIn(bed, { email: ada.email, password });
    expect(await mailsTo(bed, ada.email)).toHaveLength(1);
  });

  test('of two at once, one succeeds', async () => {
    const ada = await bed.signUp();
    const answers = await Promise.all(
      [another, `${another} too`].map((newPassword) =>
        mutate(ada, 'changePassword', { currentPassword: password, newPassword }),
      ),
    );
    expect(answers.filter(({ errors }) => errors.length === 0)).toHaveLength(1);
  });
});

describe('a reset by mail', () => {
  const request = (email: string) => mutate(bed.anonymous, 'requestPasswordReset', { email }, 'requested');

  test('tells nobody whether there is an account', async () => {
    const [ada, eve] = [await bed.signUp(), await bed.signUp('Eve')];
    await alter(bed, eve.userId, { suspendedAt: new Date().toISOString() });
    for (const email of [ada.email, eve.email, 'nobody@example.com']) {
      const began = performance.now();
      const [answer, work] = await hashesOf(() => request(email));
      expect(performance.now() - began).toBeGreaterThan(290);
      expect([answer.data, answer.errors]).toEqual([{ requestPasswordReset: { requested: true } }, []]);
      expect(work).toEqual({ made: 0, compared: 0 });
    }
    await mailTo(bed, ada.email, /new password/);
    expect(await mailsTo(bed, eve.email)).toHaveLength(1);
    expect(await mailsTo(bed, 'nobody@example.com')).toEqual([]);
  });

  test('takes the newest token once, and ends all sign-ins', async () => {
    const ada = await bed.signUp();
    await deviceToken(ada);
    await request(ada.email);
    const first = tokenIn(await mailTo(bed, ada.email, /new password/));
    await request(ada.email.toUpperCase());
    const mail = await mailTo(bed, ada.email, /new password/, 2);
    const token = tokenIn(mail);
    expect(mail.text).toContain(`https://app.example/reset-password?token=${token}`);
    const reset = (with_: object) => mutate(bed.anonymous, 'resetPassword', { token, newPassword: another, ...with_ });
    const useless = expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'token' });
    for (const bad of [first, 'tsr_reset_x', ada.token])
      expect(refusals(await reset({ token: bad }))).toEqual([useless]);
    for (const [newPassword] of [...weak, [ada.email]] as const)
      expect(refusals(await reset({ newPassword }))).toEqual([expect.objectContaining({ field: 'newPassword' })]);
    expect(await isIn(ada)).toBe(true);

    const answers = await Promise.all([reset({}), reset({}), reset({})]);
    expect(answers.filter(({ errors }) => errors.length === 0)).toHaveLength(1);
    expect(refusals(await reset({}))).toEqual([useless]);
    expect(await isIn(ada)).toBe(false);
    expect(await tokensOf(ada.userId)).toEqual(['EMAIL_VERIFICATION']);
    expect(refusals(await trySignIn(bed, { email: ada.email, password }))).toHaveLength(1);
    await signIn(bed, { email: ada.email, password: another });
    await mailTo(bed, ada.email, /replaced/);
  });

  test('ends with its time, and with a change of the password', async () => {
    const ada = await bed.signUp();
    await request(ada.email);
    const late = tokenIn(await mailTo(bed, ada.email, /new password/));
    await asUser(bed, ada.userId, () =>
      database
        .update(accessTokens)
        .set({ expiresAt: new Date(Date.now() - 1000).toISOString() })
        .where(eq(accessTokens.kind, 'PASSWORD_RESET')),
    );
    await expectUseless(late);
    await request(ada.email);
    const voided = tokenIn(await mailTo(bed, ada.email, /new password/, 2));
    await mutate(ada, 'changePassword', { currentPassword: password, newPassword: another });
    await expectUseless(voided);
    await signIn(bed, { email: ada.email, password: another });
  });

  const expectUseless = async (token: string) =>
    expect(refusals(await mutate(bed.anonymous, 'resetPassword', { token, newPassword: 'yet another horse' }))).toEqual(
      [expect.objectContaining({ field: 'token' })],
    );
});

describe('a reset by recovery codes', () => {
  const reset = (input: object) =>
    mutate(bed.anonymous, 'resetPasswordWithRecoveryCodes', { newPassword: another, ...input });

  test('takes two different ones, and all go with them', async () => {
    const ada = await bed.signUp();
    const { createRecoveryCodes }: { createRecoveryCodes: { recoveryCodes: string[] } } = await ada.want(
      'mutation ($password: String!) { createRecoveryCodes(input: { password: $password }) { recoveryCodes } }',
      { password },
    );
    const [a = '', b = '', c = ''] = createRecoveryCodes.recoveryCodes;
    const { email } = ada;
    const bad = [
      { email: 'nobody@example.com', codes: [a, b] },
      { email, codes: [a] },
      { email, codes: [] },
      { email, codes: [a, a] },
      { email, codes: [a, `${a.toUpperCase()} `] },
      { email, codes: [a, 'wrong'] },
      { email, codes: [a, b, c] },
    ];
    for (const input of bad) {
      const [answer, work] = await hashesOf(() => reset(input));
      expect(refusals(answer)).toEqual([
        { code: 'UNAUTHENTICATED', message: 'The account or the recovery codes are wrong.' },
      ]);
      expect(work).toEqual({ made: 0, compared: 0 });
    }
    expect(await platformLog(bed, 1)).toEqual([{ action: 'recovery.failed', targetId: uuidOf(ada.userId), data: {} }]);
    expect(refusals(await reset({ email, codes: [a, b], newPassword: 'password' }))).toEqual([
      expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'newPassword' }),
    ]);
    expect(await isIn(ada)).toBe(true);
    await signIn(bed, { email, password });

    const answers = await Promise.all([reset({ email, codes: [a, b] }), reset({ email, codes: [b, c] })]);
    expect(answers.filter(({ errors }) => errors.length === 0)).toHaveLength(1);
    expect(await isIn(ada)).toBe(false);
    expect(refusals(await reset({ email, codes: createRecoveryCodes.recoveryCodes.slice(4, 6) }))).toHaveLength(1);
    await signIn(bed, { email, password: another });
    const seen = await asUser(bed, ada.userId, async () => {
      const [row] = await database
        .select({ at: users.recoveryCodesSeenAt })
        .from(users)
        .where(eq(users.id, uuidOf(ada.userId)));
      return row?.at;
    });
    expect(seen).toBeNull();
    await mailTo(bed, email, /replaced/);
  });

  test('leaves the second factor', async () => {
    const ada = await bed.signUp();
    const username = `ada-${Date.now()}`;
    await alter(bed, ada.userId, { username });
    const { recoveryCodes } = await enrol(ada);
    expect((await reset({ username, codes: recoveryCodes.slice(0, 2) })).errors).toEqual([]);
    const answer = await trySignIn(bed, { email: ada.email, password: another });
    expect(refusals(answer)).toEqual([expect.objectContaining({ twoFactorRequired: true })]);
  });
});

test('only a person signed in changes their password', async () => {
  const anonymous = new Person(bed, null);
  const answer = await mutate(anonymous, 'changePassword', { currentPassword: password, newPassword: another });
  expect(refusals(answer)).toEqual([expect.objectContaining({ code: 'UNAUTHENTICATED' })]);
});

test('a token is redeemed by one of several at once, and then by nobody', async () => {
  const ada = await bed.signUp();
  const target = { organizationId: null, userId: uuidOf(ada.userId), subjectId: uuidOf(ada.userId) };
  const soon = new Date(Date.now() + 60_000);
  const token = await asUser(bed, ada.userId, (unit) => grantToken(unit, 'PASSWORD_RESET', target, soon));
  const redeem = () => asUser(bed, ada.userId, (unit) => redeemToken(unit, 'PASSWORD_RESET', token));
  const redeemed = await Promise.all(Array.from({ length: 5 }, redeem));
  expect(redeemed.filter((each) => each !== null)).toEqual([expect.objectContaining(target)]);
  expect(await redeem()).toBeNull();
});
