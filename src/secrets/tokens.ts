import { createHash, randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';

/** What a token is for, in front of it, such as `tsr_session_`, so that people and scanners of leaked secrets recognise it. */
export type TokenPrefix = `tsr_${string}_`;

export interface IssuedToken {
  /** Shown once to its holder and kept nowhere. */
  token: string;
  /** What is stored and looked up. */
  hash: string;
}

const DIGITS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
/** 62^43 is the first power of 62 above 2^256. */
const SECRET_LENGTH = 43;
/** 62^6 is the first power of 62 above 2^32. */
const CHECKSUM_LENGTH = 6;
const TOKEN = new RegExp(`^(tsr_[a-z]+(?:_[a-z]+)*_)[${DIGITS}]{${SECRET_LENGTH + CHECKSUM_LENGTH}}$`);

/** A prefix, 256 random bits in base 62, and a checksum: one word for a double click, and no escaping in URLs. */
export function issueToken(prefix: TokenPrefix): IssuedToken {
  const secret = prefix + base62(BigInt(`0x${randomBytes(32).toString('hex')}`), SECRET_LENGTH);
  const token = secret + checksumOf(secret);
  return { token, hash: hashToken(token) };
}

/**
 * SHA-256 as 64 hexadecimal digits. A slow hash as for passwords would protect nothing: it makes guessing dear, and nobody
 * guesses 256 random bits; but it would cost every request its time.
 */
export function hashToken(token: string): string {
  return createHash('sha256').update(token).digest('hex');
}

/**
 * The prefix of a token that was issued here, as far as its form tells; undefined for all else. Refuses typing errors and noise
 * before any look-up, and proves nothing: the checksum has no key.
 */
export function tokenPrefix(text: string): string | undefined {
  const secret = text.slice(0, -CHECKSUM_LENGTH);
  return text.slice(-CHECKSUM_LENGTH) === checksumOf(secret) ? TOKEN.exec(text)?.[1] : undefined;
}

const checksumOf = (secret: string) => base62(BigInt(crc32(secret)), CHECKSUM_LENGTH);

function base62(value: bigint, length: number): string {
  let digits = '';
  for (let rest = value; digits.length < length; rest /= 62n) digits = DIGITS.charAt(Number(rest % 62n)) + digits;
  return digits;
}
