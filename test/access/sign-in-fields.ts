import { codeOf, password } from '../account.ts';
import { mailTo, tokenIn } from '../outbox.ts';
import type { Person, Testbed } from '../testbed.ts';
import type { Fixture, Fixtures } from './fixture.ts';

type Ids = Readonly<Record<string, string>>;

/** One's own affair: everybody who has signed in gets it for their own account, no key does. */
const personal = { anonymous: 'UNAUTHENTICATED', key: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN' } as const;
const byAllForThemselves: Fixture['gets'] = { ...personal, otherwise: 'data' };
/** What is made for the owner fits nobody else. */
const byOwnerAlone = (others: 'CONFLICT' | 'BAD_USER_INPUT'): Fixture['gets'] => ({
  ...personal,
  owner: 'data',
  otherwise: others,
});
/** Whoever holds the token or code, whatever else they carry. */
const byAnybody: Fixture['gets'] = { otherwise: 'data', suspended: 'data', expired: 'data' };
const newPassword = 'purple monkey dishwasher';

const mailed = async (_owner: Person, _ids: Ids, bed: Testbed) => {
  const { email } = await bed.signUp('Newcomer');
  return { Token: tokenIn(await mailTo(bed, email, /confirm/i)) };
};

const forgotten = async (_owner: Person, _ids: Ids, bed: Testbed) => {
  const { email } = await bed.signUp('Forgetful');
  await bed.anonymous.want(`mutation { requestPasswordReset(input: { email: "${email}" }) { requested } }`);
  return { Token: tokenIn(await mailTo(bed, email, /password/i)) };
};

/** Begins an enrolment and gives the code that confirms it; none fits where the factor is confirmed already. */
const enrolling = async (owner: Person) => {
  const { data, errors } = await owner.ask('mutation { enableTwoFactor { secret } }');
  if (errors.length > 0) return { Code: '000000' };
  return { Code: await codeOf((data as { enableTwoFactor: { secret: string } }).enableTwoFactor.secret) };
};

/** A confirmed factor, and two of its recovery codes. */
const enrolled = async (person: Person) => {
  const { Code } = await enrolling(person);
  const { data } = await person.ask(`mutation { confirmTwoFactor(input: { code: "${Code}" }) { recoveryCodes } }`);
  const [First = '', Second = ''] =
    (data as { confirmTwoFactor: { recoveryCodes: string[] } } | null)?.confirmTwoFactor.recoveryCodes ?? [];
  return { First, Second };
};

const factors = new WeakMap<Person, ReturnType<typeof enrolled>>();

/** Its codes are shown once, whoever asks with them. */
const enrolledOnce = (owner: Person) => {
  const made = factors.get(owner) ?? enrolled(owner);
  factors.set(owner, made);
  return made;
};

export const fixtures: Fixtures = {
  mutations: {
    requestEmailVerification: {
      gets: byAllForThemselves,
      field: 'requestEmailVerification { __typename }',
      shows: /RequestEmailVerificationPayload/,
    },
    changeEmail: {
      gets: byAllForThemselves,
      field: `changeEmail(input: { email: $Address, password: "${password}" }) { expiresAt }`,
      shows: /"expiresAt":"\d/,
      target: async () => ({ Address: `moved-${crypto.randomUUID()}@example.com` }),
    },
    changePassword: {
      gets: byAllForThemselves,
      field: `changePassword(input: { currentPassword: "${password}", newPassword: "${newPassword}" }) { endedSessions }`,
      shows: /"endedSessions":\d/,
    },
    enableTwoFactor: { gets: byAllForThemselves, field: 'enableTwoFactor { uri }', shows: /otpauth:\/\/totp/ },
    confirmTwoFactor: {
      // Nobody else has begun to enrol.
      gets: byOwnerAlone('CONFLICT'),
      field: 'confirmTwoFactor(input: { code: $Code }) { recoveryCodes }',
      shows: /"recoveryCodes":\["/,
      target: enrolling,
    },
    disableTwoFactor: {
      gets: byOwnerAlone('CONFLICT'),
      field: `disableTwoFactor(input: { password: "${password}", code: $First }) { twoFactor { enabled } }`,
      shows: /"enabled":false/,
      target: enrolledOnce,
    },
    createRecoveryCodes: {
      gets: byAllForThemselves,
      field: `createRecoveryCodes(input: { password: "${password}" }) { recoveryCodes }`,
      shows: /"recoveryCodes":\["/,
    },
    verifyEmail: {
      gets: byAnybody,
      field: 'verifyEmail(input: { token: $Token }) { verified }',
      shows: /true/,
      target: mailed,
    },
    requestPasswordReset: {
      gets: byAnybody,
      field: 'requestPasswordReset(input: { email: "nobody@example.com" }) { requested }',
      shows: /true/,
    },
    resetPassword: {
      gets: byAnybody,
      field: `resetPassword(input: { token: $Token, newPassword: "${newPassword}" }) { reset }`,
      shows: /true/,
      target: forgotten,
    },
    resetPasswordWithRecoveryCodes: {
      gets: byAnybody,
      field: `resetPasswordWithRecoveryCodes(input: { email: $Address, codes: [$First, $Second], newPassword: "${newPassword}" }) { reset }`,
      shows: /true/,
      target: async (_owner, _ids, bed) => {
        const person = await bed.signUp('Forgetful');
        return { Address: person.email, ...(await enrolled(person)) };
      },
    },
  },
};
