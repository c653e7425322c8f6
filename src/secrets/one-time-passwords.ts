import { generateSecret, generateURI, verify } from 'otplib';
import { toDataURL } from 'qrcode';

/** Seconds that a code is valid before and after its own half minute, for clocks that differ. */
const toleranceSeconds = 30;

/** A new shared secret of 160 bits, in base 32, for time-based one-time passwords (RFC 6238). */
export const newSharedSecret = (): string => generateSecret();

/** What authenticator apps read: the secret with its issuer and the account's name. */
export const enrolmentUri = (secret: string, account: string): string =>
  generateURI({ issuer: 'Tessera', label: account, secret });

/** A picture of a text for a camera, as a data URI that holds a PNG. */
export const qrCode = (text: string): Promise<string> => toDataURL(text, { errorCorrectionLevel: 'M', margin: 2 });

/** The time step (30 seconds each since 1970) that a code belongs to; null when it is wrong or not from after `lastStep`. */
export const stepOf = async (secret: string, code: string, lastStep: number): Promise<number | null> => {
  const digits = code.replaceAll(/\s/g, '');
  if (!/^\d{6}$/.test(digits)) return null;
  const result = await verify({ secret, token: digits, epochTolerance: toleranceSeconds });
  return result.valid && 'timeStep' in result && result.timeStep > lastStep ? result.timeStep : null;
};
