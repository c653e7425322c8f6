import type { Fixture, Fixtures } from './fixture.ts';

/** One's own affair: everybody who has signed in gets it for their own account, no key does. */
const personal = (field: string, shows: RegExp): Fixture => ({
  field,
  shows,
  gets: { anonymous: 'UNAUTHENTICATED', key: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN', otherwise: 'data' },
});

/** One's own affair that these arguments do not fit. */
const refusedToAll = (field: string, code: 'BAD_USER_INPUT' | 'CONFLICT'): Fixture => ({
  field,
  gets: { anonymous: 'UNAUTHENTICATED', key: 'FORBIDDEN', keyWithoutScope: 'FORBIDDEN', otherwise: code },
});

/** Open to all, whatever token they carry. */
const open = (field: string, outcome: 'data' | 'BAD_USER_INPUT' | 'UNAUTHENTICATED', shows?: RegExp): Fixture => ({
  field,
  ...(shows && { shows }),
  gets: { suspended: outcome, expired: outcome, otherwise: outcome },
});

/**
 * Tokens and codes that fit are mailed or shown to one person alone, so the fields that need one are asked with one that does not fit; what they
 * do with a fitting one is in the tests of signing in, passwords and the second factor.
 */
export const fixtures: Fixtures = {
  mutations: {
    requestEmailVerification: personal('requestEmailVerification { __typename }', /RequestEmailVerificationPayload/),
    changeEmail: refusedToAll(
      'changeEmail(input: { email: "moved@example.com", password: "wrong" }) { expiresAt }',
      'BAD_USER_INPUT',
    ),
    changePassword: refusedToAll(
      'changePassword(input: { currentPassword: "wrong", newPassword: "purple monkey dishwasher" }) { endedSessions }',
      'BAD_USER_INPUT',
    ),
    enableTwoFactor: personal('enableTwoFactor { uri }', /otpauth:\/\/totp/),
    confirmTwoFactor: refusedToAll('confirmTwoFactor(input: { code: "none" }) { recoveryCodes }', 'BAD_USER_INPUT'),
    disableTwoFactor: refusedToAll(
      'disableTwoFactor(input: { password: "wrong", code: "none" }) { twoFactor { enabled } }',
      'BAD_USER_INPUT',
    ),
    createRecoveryCodes: refusedToAll(
      'createRecoveryCodes(input: { password: "wrong" }) { recoveryCodes }',
      'BAD_USER_INPUT',
    ),
    verifyEmail: open('verifyEmail(input: { token: "none" }) { verified }', 'BAD_USER_INPUT'),
    requestPasswordReset: open(
      'requestPasswordReset(input: { email: "nobody@example.com" }) { requested }',
      'data',
      /requested/,
    ),
    resetPassword: open(
      'resetPassword(input: { token: "none", newPassword: "purple monkey dishwasher" }) { reset }',
      'BAD_USER_INPUT',
    ),
    resetPasswordWithRecoveryCodes: open(
      'resetPasswordWithRecoveryCodes(input: { email: "nobody@example.com", codes: ["a", "b"], newPassword: "purple monkey dishwasher" }) { reset }',
      'UNAUTHENTICATED',
    ),
  },
};
