import { randomBytes } from 'node:crypto';
import { Webhook } from 'standardwebhooks';
import type { KeyRing } from '../../secrets/encryption.ts';

/** Standard Webhooks asks for 24 to 64 bytes. */
const secretBytes = 32;

/** A secret as the specification writes it, `whsec_` and base64. */
export const newSecret = (): string => `whsec_${randomBytes(secretBytes).toString('base64')}`;

/** What signs for a webhook. */
export interface Signing {
  readonly encryptedSecret: string;
  readonly encryptedPreviousSecret: string | null;
  readonly previousSecretUntil: string | null;
}

/** Signs a message for a webhook, by its secret and, while that counts, by the one before it. */
export type Sign = (id: string, at: Date, body: string) => Readonly<Record<string, string>>;

/**
 * Headers of the Standard Webhooks specification (https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md): signatures
 * of several secrets stand side by side. Throws Undecipherable when no key of the ring opens a secret.
 */
export const signerOf = async (keyRing: KeyRing, signing: Signing, now = Date.now()): Promise<Sign> => {
  const { encryptedSecret, encryptedPreviousSecret, previousSecretUntil } = signing;
  const former = previousSecretUntil !== null && Date.parse(previousSecretUntil) > now ? encryptedPreviousSecret : null;
  const sealed = [encryptedSecret, ...(former === null ? [] : [former])];
  const signers = await Promise.all(sealed.map(async (secret) => new Webhook(await keyRing.decrypt(secret))));
  return (id, at, body) => ({
    'webhook-id': id,
    'webhook-timestamp': String(Math.floor(at.getTime() / 1000)),
    'webhook-signature': signers.map((signer) => signer.sign(id, at, body)).join(' '),
  });
};
