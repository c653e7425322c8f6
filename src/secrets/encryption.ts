import { CompactEncrypt, compactDecrypt, decodeProtectedHeader } from 'jose';

/** Keeps text unreadable to whoever sees only the database: JWE (RFC 7516), `dir` with `A256GCM`, the key named in the header. */
export interface KeyRing {
  encrypt(text: string): Promise<string>;
  /** Throws Undecipherable when the text was altered, is no JWE of ours, or its key is not on the ring. */
  decrypt(jwe: string): Promise<string>;
  /** Whether it was encrypted by an older key than the current one. Throws Undecipherable when it is no JWE. */
  needsReencryption(jwe: string): boolean;
  /** The name of the key that encrypted it, which may not be on the ring. Throws Undecipherable when it is no JWE of ours. */
  nameOf(jwe: string): string;
  /** Names of the keys, the current one first. */
  readonly names: readonly [string, ...string[]];
}

export interface KeyRingSettings {
  /** Keys of 32 bytes by their names. A key stays as long as anything is encrypted by it. */
  keys: Readonly<Record<string, Uint8Array>>;
  /** The name of the key that encrypts from now on. */
  current: string;
}

/** The text cannot be decrypted. The message holds neither text nor key. */
export class Undecipherable extends Error {}

const CIPHER = 'A256GCM';
const KEY_BYTES = 32;

/** Throws when a key has the wrong length or the current one is missing. */
export function openKeyRing({ keys, current }: KeyRingSettings): KeyRing {
  // A map, because a plain object would also answer to names such as `constructor`, which an attacker may choose.
  const ring = new Map(Object.entries(keys));
  for (const [name, key] of ring)
    if (key.length !== KEY_BYTES) throw new Error(`The key ${name} has not ${KEY_BYTES} bytes.`);
  const currentKey = ring.get(current);
  if (!currentKey) throw new Error(`The current key ${current} is not on the ring.`);

  const keyNamed = (name: string | undefined) => {
    const key = name === undefined ? undefined : ring.get(name);
    if (!key) throw new Undecipherable(`The key ${name ?? '(none)'} is not on the ring.`);
    return key;
  };

  return {
    encrypt: (text) =>
      new CompactEncrypt(new TextEncoder().encode(text))
        .setProtectedHeader({ alg: 'dir', enc: CIPHER, kid: current })
        .encrypt(currentKey),
    decrypt: async (jwe) => {
      const key = keyNamed(keyNameOf(jwe));
      // Named, so that a forged header cannot choose a weaker way.
      const allowed = { keyManagementAlgorithms: ['dir'], contentEncryptionAlgorithms: [CIPHER] };
      const { plaintext } = await compactDecrypt(jwe, key, allowed).catch((cause: unknown) => {
        throw new Undecipherable('The text was altered, or encrypted by another key of this name.', { cause });
      });
      return new TextDecoder().decode(plaintext);
    },
    needsReencryption: (jwe) => keyNameOf(jwe) !== current,
    nameOf: (jwe) => {
      const name = keyNameOf(jwe);
      if (name === undefined) throw new Undecipherable('The text names no key.');
      return name;
    },
    names: [current, ...[...ring.keys()].filter((name) => name !== current)],
  };
}

function keyNameOf(jwe: string): string | undefined {
  try {
    return decodeProtectedHeader(jwe).kid;
  } catch (cause) {
    throw new Undecipherable('This is no JWE.', { cause });
  }
}
