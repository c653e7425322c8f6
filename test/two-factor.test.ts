import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { hasTwoFactor } from '../src/domains/identity/two-factor.ts';
import { recoveryCodes, twoFactors, users } from '../src/domains/identity/tables.ts';
import { stepOf } from '../src/secrets/one-time-passwords.ts';
import { asUser, codeOf, enrol, forgetSteps, logOf, mutate, password, refusals, signIn, trySignIn } from './account.ts';
import { uuidOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed();
});
afterAll(() => bed.stop());

const stateOf = async (person: Person) => {
  const { viewer }: { viewer: { twoFactor: object } } = await person.want(
    '{ viewer { twoFactor { enabled recoveryCodesLeft } } }',
  );
  return viewer.twoFactor;
};

test('codes are those of RFC 6238, each for its own half minute and its neighbours', async () => {
  const at = async (seconds: number, code: string) => {
    const now = Date.now;
    Date.now = () => seconds * 1000;
    try {
      // The RFC's secret, 12345678901234567890.
      return await stepOf('GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ', code, 0);
    } finally {
      Date.now = now;
    }
  };
  // Appendix B, the last six of eight digits.
  expect(await at(1_111_111_109, '081804')).toBe(37_037_036);
  expect(await at(1_111_111_109 + 30, '081 804')).toBe(37_037_036);
  expect(await at(1_111_111_109 - 30, '081804')).toBe(37_037_036);
  expect(await at(1_111_111_109 + 61, '081804')).toBeNull();
  expect(await at(1_111_111_109, '081805')).toBeNull();
  for (const noCode of ['', '81804', '0818040', 'abcdef', '٠٨١٨٠٤']) expect(await at(1_111_111_109, noCode)).toBeNull();
});

test('a factor counts once a code of its app was shown', async () => {
  const ada = await bed.signUp();
  const begin = async () => {
    const answer = await mutate(ada, 'enableTwoFactor', null, 'secret uri qrCode');
    const { enableTwoFactor }: { enableTwoFactor: { secret: string; uri: string; qrCode: string } } = answer.data;
    return enableTwoFactor;
  };
  const early = await mutate(ada, 'confirmTwoFactor', { code: '123456' });
  expect(refusals(early)).toEqual([expect.objectContaining({ code: 'CONFLICT' })]);
  const first = await begin();
  const { secret, uri, qrCode } = await begin();
  expect(secret).toMatch(/^[A-Z2-7]{32}$/);
  expect(uri).toBe(`otpauth://totp/Tessera:${encodeURIComponent(ada.email)}?secret=${secret}&issuer=Tessera`);
  const [, picture = ''] = /^data:image\/png;base64,(.+)$/.exec(qrCode) ?? [];
  expect(Buffer.from(picture, 'base64').subarray(1, 4).toString()).toBe('PNG');

  for (const code of ['000000', await codeOf(first.secret)])
    expect(refusals(await mutate(ada, 'confirmTwoFactor', { code }))).toEqual([
      expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'code' }),
    ]);
  expect(await stateOf(ada)).toEqual({ enabled: false, recoveryCodesLeft: 0 });
  await signIn(bed, { email: ada.email, password });

  const code = await codeOf(secret);
  const confirmed = await mutate(
    ada,
    'confirmTwoFactor',
    { code },
    'recoveryCodes twoFactor { enabled recoveryCodesLeft }',
  );
  const { confirmTwoFactor }: { confirmTwoFactor: { recoveryCodes: string[]; twoFactor: object } } = confirmed.data;
  expect(confirmTwoFactor.twoFactor).toEqual({ enabled: true, recoveryCodesLeft: 10 });
  expect(new Set(confirmTwoFactor.recoveryCodes).size).toBe(10);
  for (const each of confirmTwoFactor.recoveryCodes) expect(each).toMatch(/^(?:[0-9a-hjkmnp-tv-z]{7}-?){4}$/);

  expect(refusals(await mutate(ada, 'enableTwoFactor', null))).toEqual([expect.objectContaining({ code: 'CONFLICT' })]);
  expect(refusals(await mutate(ada, 'confirmTwoFactor', { code }))).toEqual([
    expect.objectContaining({ code: 'CONFLICT' }),
  ]);
  expect(await logOf(bed, ada.organizationId, ada.userId)).toEqual([
    'user.created',
    'two_factor.enrolled',
    'two_factor.enrolled',
    'code.refused',
    'code.refused',
    'two_factor.enabled',
  ]);
});

test('secret and codes are stored unreadable, and seen by their user alone', async () => {
  const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
  const { secret, recoveryCodes: codes } = await enrol(ada);
  const seenBy = (userId: string) =>
    asUser(bed, userId, async () => {
      const of = uuidOf(ada.userId);
      return [
        ...(await database.select().from(twoFactors).where(eq(twoFactors.userId, of))),
        ...(await database.select().from(recoveryCodes).where(eq(recoveryCodes.userId, of))),
      ];
    });
  const own = await seenBy(ada.userId);
  expect(own).toHaveLength(11);
  for (const shown of [secret, ...codes]) expect(JSON.stringify(own)).not.toContain(shown);
  expect(await seenBy(bob.userId)).toEqual([]);
  expect(await asUser(bed, ada.userId, (unit) => hasTwoFactor(unit, uuidOf(ada.userId)))).toBe(true);
  expect(await asUser(bed, bob.userId, (unit) => hasTwoFactor(unit, uuidOf(bob.userId)))).toBe(false);
});

test('a factor goes by password and code together, with its recovery codes', async () => {
  const ada = await bed.signUp();
  const none = await mutate(ada, 'disableTwoFactor', { password, code: '123456' });
  expect(refusals(none)).toEqual([expect.objectContaining({ code: 'CONFLICT' })]);
  const { secret, recoveryCodes: codes } = await enrol(ada);
  const badly = [
    [{ password: 'wrong', code: await codeOf(secret, 1) }, 'password'],
    [{ password, code: '000000' }, 'code'],
    // It was used to confirm.
    [{ password, code: await codeOf(secret) }, 'code'],
  ] as const;
  for (const [input, field] of badly)
    expect(refusals(await mutate(ada, 'disableTwoFactor', input))).toEqual([
      expect.objectContaining({ code: 'BAD_USER_INPUT', field }),
    ]);
  expect(await stateOf(ada)).toEqual({ enabled: true, recoveryCodesLeft: 10 });

  const done = await mutate(
    ada,
    'disableTwoFactor',
    { password, code: codes[0] },
    'twoFactor { enabled recoveryCodesLeft }',
  );
  expect(done.data).toEqual({ disableTwoFactor: { twoFactor: { enabled: false, recoveryCodesLeft: 0 } } });
  await signIn(bed, { email: ada.email, password });
  await enrol(ada);
  await forgetSteps(bed, ada.userId);
  expect(refusals(await trySignIn(bed, { email: ada.email, password, code: await codeOf(secret) }))).toHaveLength(1);
});

test('a new set of recovery codes voids the old one', async () => {
  const ada = await bed.signUp();
  const { recoveryCodes: old } = await enrol(ada);
  const wrong = await mutate(ada, 'createRecoveryCodes', { password: 'wrong' });
  expect(refusals(wrong)).toEqual([expect.objectContaining({ code: 'BAD_USER_INPUT', field: 'password' })]);
  expect(await stateOf(ada)).toEqual({ enabled: true, recoveryCodesLeft: 10 });
  const { data }: { data: { createRecoveryCodes: { recoveryCodes: string[] } } } = await mutate(
    ada,
    'createRecoveryCodes',
    { password },
    'recoveryCodes',
  );
  const login = { email: ada.email, password };
  expect(refusals(await trySignIn(bed, { ...login, code: old[0] }))).toHaveLength(1);
  await signIn(bed, { ...login, code: data.createRecoveryCodes.recoveryCodes[0] });
  expect(await stateOf(ada)).toEqual({ enabled: true, recoveryCodesLeft: 9 });
  const seen = await asUser(bed, ada.userId, async () => {
    const [row] = await database
      .select({ at: users.recoveryCodesSeenAt })
      .from(users)
      .where(eq(users.id, uuidOf(ada.userId)));
    return row?.at;
  });
  expect(Date.now() - Date.parse(seen ?? '')).toBeLessThan(60_000);
});

test('nobody but a person signed in does any of it', async () => {
  const calls = [
    ['enableTwoFactor', null],
    ['confirmTwoFactor', { code: '123456' }],
    ['disableTwoFactor', { password, code: '123456' }],
    ['createRecoveryCodes', { password }],
  ] as const;
  for (const [field, input] of calls)
    expect(refusals(await mutate(bed.anonymous, field, input))).toEqual([
      expect.objectContaining({ code: 'UNAUTHENTICATED' }),
    ]);
});

test('a code lets one of several at once in', async () => {
  const ada = await bed.signUp();
  const { secret, recoveryCodes: codes } = await enrol(ada);
  await forgetSteps(bed, ada.userId);
  for (const code of [await codeOf(secret), codes[0]]) {
    const tries = await Promise.all(
      Array.from({ length: 5 }, () => trySignIn(bed, { email: ada.email, password, code })),
    );
    expect(tries.filter(({ errors }) => errors.length === 0)).toHaveLength(1);
  }
});
