import { afterAll, beforeAll, expect, test } from '@jest/globals';
import argon2 from 'argon2';
import { and, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { renewHash } from '../src/domains/identity/passwords.ts';
import { passwords } from '../src/domains/identity/tables.ts';
import { foundOrganization } from '../src/domains/tenancy/entrance.ts';
import { memberships, userOrganizations } from '../src/domains/tenancy/tables.ts';
import { needsRehash } from '../src/secrets/passwords.ts';
import {
  alter,
  asUser,
  codeOf,
  enrol,
  forgetSteps,
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
import { mailTo, mailsTo, tokenIn } from './outbox.ts';
import { unitOf, uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed({ APP_URL: 'https://app.example' });
});
afterAll(() => bed.stop());

const refused = { code: 'UNAUTHENTICATED', message: 'The account, the password or the code is wrong.' };

test('an account has two names, either of which signs in, in any case', async () => {
  const ada = await bed.signUp();
  const username = `ada.${Date.now()}`;
  await alter(bed, ada.userId, { username });
  for (const name of [{ email: ada.email.toUpperCase() }, { username }, { username: username.toUpperCase() }])
    expect(await isIn(await signIn(bed, { ...name, password }))).toBe(true);
  expect(refusals(await trySignIn(bed, { username: ada.email, password }))).toEqual([refused]);
  expect(await logOf(bed, ada.organizationId, ada.userId)).toEqual(['user.created']);
});

test('exactly one name is given', async () => {
  const both = await trySignIn(bed, { email: 'a@example.com', username: 'a', password });
  const none = await trySignIn(bed, { password });
  for (const answer of [both, none])
    expect(refusals(answer)).toEqual([expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'email' })]);
});

test('whatever is wrong, answer and hash work are the same', async () => {
  const [ada, bob, eve] = [await bed.signUp(), await bed.signUp('Bob'), await bed.signUp('Eve')];
  const { secret } = await enrol(bob);
  await alter(bed, eve.userId, { suspendedAt: new Date().toISOString() });
  const wrong = [
    ['unknown_account', null, { email: 'nobody@example.com', password }],
    ['unknown_account', null, { username: 'nobody', password, code: '123456' }],
    ['wrong_password', ada, { email: ada.email, password: 'wrong' }],
    ['wrong_password', bob, { email: bob.email, password: 'wrong', code: await codeOf(secret, 1) }],
    ['wrong_code', bob, { email: bob.email, password, code: '000000' }],
    ['wrong_code', bob, { email: bob.email, password, code: 'not a code' }],
    ['suspended', eve, { email: eve.email, password }],
  ] as const;
  for (const [reason, person, input] of wrong) {
    const [answer, work] = await hashesOf(() => trySignIn(bed, input));
    expect(refusals(answer)).toEqual([refused]);
    expect(work).toEqual({ made: 0, compared: 1 });
    const [entry] = await platformLog(bed, 1);
    expect(entry).toMatchObject({ action: 'sign_in.failed', data: { reason } });
    if (person !== null) expect(entry?.targetId).toBe(uuidOf(person.userId));
  }
  const [, work] = await hashesOf(() => signIn(bed, { email: ada.email, password }));
  expect(work).toEqual({ made: 0, compared: 1 });
});

test('a deleted account is as good as unknown', async () => {
  const ada = await bed.signUp();
  await alter(bed, ada.userId, { deletedAt: new Date().toISOString() });
  expect(refusals(await trySignIn(bed, { email: ada.email, password }))).toEqual([refused]);
});

test('with a second factor only password and code together let in, and a code does so once', async () => {
  const ada = await bed.signUp();
  const { secret, recoveryCodes } = await enrol(ada);
  const withoutCode = await trySignIn(bed, { email: ada.email, password });
  expect(refusals(withoutCode)).toEqual([
    { code: 'UNAUTHENTICATED', message: 'A code of the second factor is needed.', twoFactorRequired: true },
  ]);
  const code = await codeOf(secret, 1);
  expect(refusals(await trySignIn(bed, { email: ada.email, password: 'wrong', code }))).toEqual([refused]);
  await signIn(bed, { email: ada.email, password, code });
  expect(refusals(await trySignIn(bed, { email: ada.email, password, code }))).toEqual([refused]);
  // That of the half minute before was used to confirm, and is older now.
  expect(refusals(await trySignIn(bed, { email: ada.email, password, code: await codeOf(secret) }))).toEqual([refused]);

  const [first = '', second = ''] = recoveryCodes;
  await signIn(bed, { email: ada.email, password, code: first });
  expect(refusals(await trySignIn(bed, { email: ada.email, password, code: first }))).toEqual([refused]);
  await signIn(bed, { email: ada.email, password, code: ` ${second.toUpperCase().replaceAll('-', ' ')} ` });
});

test('of ten at once with one code, one gets in', async () => {
  const ada = await bed.signUp();
  const { secret, recoveryCodes } = await enrol(ada);
  for (const code of [await codeOf(secret, 1), recoveryCodes[0]]) {
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => trySignIn(bed, { email: ada.email, password, code })),
    );
    expect(answers.filter(({ errors }) => errors.length === 0)).toHaveLength(1);
    await forgetSteps(bed, ada.userId);
  }
});

/** Makes somebody a member of another organization too. */
const join = async (person: { userId: string }, organizationId: string): Promise<void> => {
  const unit = unitOf(bed, organizationId);
  const row = { organizationId: uuidOf(organizationId), userId: uuidOf(person.userId) };
  await unit.transact(async () => {
    await database.insert(memberships).values({ ...row, role: 'MEMBER' });
    await database.insert(userOrganizations).values(row);
  });
};

test('a sign-in enters the organization named, the default one, or another that is left', async () => {
  const [ada, bob, eve] = [await bed.signUp(), await bed.signUp('Bob'), await bed.signUp('Eve')];
  await join(ada, bob.organizationId);
  const login = { email: ada.email, password };
  expect((await signIn(bed, login)).organizationId).toBe(ada.organizationId);
  expect((await signIn(bed, { ...login, organizationId: bob.organizationId })).organizationId).toBe(bob.organizationId);
  const foreign = await trySignIn(bed, { ...login, organizationId: eve.organizationId });
  expect(refusals(foreign)).toEqual([expect.objectContaining({ code: 'NOT_FOUND', id: eve.organizationId })]);

  const leave = async (organizationId: string) => {
    const unit = unitOf(bed, organizationId);
    await unit.transact(async () => {
      const userId = uuidOf(ada.userId);
      await database
        .update(memberships)
        .set({ suspendedAt: new Date().toISOString() })
        .where(and(eq(memberships.organizationId, uuidOf(organizationId)), eq(memberships.userId, userId)));
    });
  };
  await leave(bob.organizationId);
  expect(refusals(await trySignIn(bed, { ...login, organizationId: bob.organizationId }))).toEqual([
    expect.objectContaining({ code: 'NOT_FOUND' }),
  ]);
  await alter(bed, ada.userId, { defaultOrganizationId: uuidOf(eve.organizationId) });
  expect((await signIn(bed, login)).organizationId).toBe(ada.organizationId);
  const unit = unitOf(bed, ada.organizationId);
  await unit.transact(() => database.delete(userOrganizations).where(eq(userOrganizations.userId, uuidOf(ada.userId))));
  expect(refusals(await trySignIn(bed, login))).toEqual([refused]);
});

test('an old hash is made anew at the next sign-in, and never over a newer password', async () => {
  const ada = await bed.signUp();
  const userId = uuidOf(ada.userId);
  const hashNow = () =>
    asUser(bed, ada.userId, async () => {
      const [row] = await database.select().from(passwords).where(eq(passwords.userId, userId));
      return row?.hash ?? '';
    });
  const old = await argon2.hash(password, { type: argon2.argon2id, memoryCost: 8192, timeCost: 2, parallelism: 1 });
  await asUser(bed, ada.userId, () =>
    database.update(passwords).set({ hash: old }).where(eq(passwords.userId, userId)),
  );
  expect(needsRehash(old)).toBe(true);
  const [, work] = await hashesOf(() => signIn(bed, { email: ada.email, password }));
  expect(work).toEqual({ made: 1, compared: 1 });
  const renewed = await hashNow();
  expect(needsRehash(renewed)).toBe(false);
  await signIn(bed, { email: ada.email, password });
  expect(await hashNow()).toBe(renewed);
  // A sign-in that compared the old hash, and comes to write when the password is another one.
  await renewHash(unitOf(bed, null), userId, 'late', old);
  expect(await hashNow()).toBe(renewed);
});

test('sign-up mails a token that proves the address once', async () => {
  const ada = await bed.signUp();
  const verified = async () => {
    const data: { viewer: { emailVerified: boolean } } = await ada.want('{ viewer { emailVerified } }');
    return data.viewer.emailVerified;
  };
  const mail = await mailTo(bed, ada.email, /Confirm/);
  const token = tokenIn(mail);
  expect(mail.text).toContain(`https://app.example/verify-email?token=${token}`);
  // It may have gone to a stranger, whom nobody is to write to through us.
  expect(mail.text).not.toContain('Ada');
  expect(await verified()).toBe(false);
  expect((await mutate(bed.anonymous, 'verifyEmail', { token })).errors).toEqual([]);
  expect(await verified()).toBe(true);
  for (const useless of [token, 'tsr_verify_x', ada.token ?? ''])
    expect(refusals(await mutate(bed.anonymous, 'verifyEmail', { token: useless }))).toEqual([
      expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'token' }),
    ]);
  expect(await logOf(bed, ada.organizationId, ada.userId)).toEqual(['user.created', 'user.email_verified']);
  const again = await mutate(ada, 'requestEmailVerification', null, 'expiresAt');
  expect(again.data).toEqual({ requestEmailVerification: { expiresAt: null } });
});

test('a token asked for again voids the one before', async () => {
  const ada = await bed.signUp();
  const first = tokenIn(await mailTo(bed, ada.email, /Confirm/));
  const { data }: { data: { requestEmailVerification: { expiresAt: string } } } = await mutate(
    ada,
    'requestEmailVerification',
    null,
    'expiresAt',
  );
  expect(Date.parse(data.requestEmailVerification.expiresAt) - Date.now()).toBeGreaterThan(23 * 3_600_000);
  const second = tokenIn(await mailTo(bed, ada.email, /Confirm/, 2));
  expect(refusals(await mutate(bed.anonymous, 'verifyEmail', { token: first }))).toHaveLength(1);
  expect((await mutate(bed.anonymous, 'verifyEmail', { token: second })).errors).toEqual([]);
});

test('another address takes the place of the old one when its token is redeemed', async () => {
  const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
  const email = `new-${ada.email}`;
  const badly = [
    [
      { email, password: 'wrong' },
      { code: 'BAD_USER_INPUT', field: 'password' },
    ],
    [
      { email: bob.email.toUpperCase(), password },
      { code: 'CONFLICT', field: 'email' },
    ],
    [
      { email: ada.email, password },
      { code: 'BAD_USER_INPUT', field: 'email' },
    ],
  ] as const;
  for (const [input, error] of badly)
    expect(refusals(await mutate(ada, 'changeEmail', input))).toEqual([expect.objectContaining(error)]);
  expect(await mailsTo(bed, email)).toEqual([]);

  expect((await mutate(ada, 'changeEmail', { email: `other-${email}`, password })).errors).toEqual([]);
  const givenUp = tokenIn(await mailTo(bed, `other-${email}`, /Confirm/));
  expect((await mutate(ada, 'changeEmail', { email, password })).errors).toEqual([]);
  const token = tokenIn(await mailTo(bed, email, /Confirm/));
  await signIn(bed, { email: ada.email, password });
  expect(refusals(await mutate(bed.anonymous, 'verifyEmail', { token: givenUp }))).toHaveLength(1);
  expect((await mutate(bed.anonymous, 'verifyEmail', { token })).errors).toEqual([]);

  expect(refusals(await trySignIn(bed, { email: ada.email, password }))).toEqual([refused]);
  await signIn(bed, { email, password });
  expect((await mailTo(bed, ada.email, /was changed/)).text).toContain('Ada');
  const { viewer }: { viewer: { emailVerified: boolean; user: { email: string } } } = await ada.want(
    '{ viewer { emailVerified user { email } } }',
  );
  expect(viewer).toEqual({ emailVerified: true, user: { email } });
});

test('an address taken meanwhile stays its owner’s', async () => {
  const ada = await bed.signUp();
  const email = `wanted-${ada.email}`;
  await mutate(ada, 'changeEmail', { email, password });
  const token = tokenIn(await mailTo(bed, email, /Confirm/));
  const owner = { email, name: 'Bob', passwordHash: 'none' };
  await foundOrganization(unitOf(bed, null), 'Quicker', owner);
  expect(refusals(await mutate(bed.anonymous, 'verifyEmail', { token }))).toEqual([
    expect.objectContaining({ code: 'CONFLICT', field: 'email' }),
  ]);
  await signIn(bed, { email: ada.email, password });
});
