import { randomBytes } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { describe, expect, test } from '@jest/globals';
import argon2 from 'argon2';
import { CompactEncrypt, decodeProtectedHeader } from 'jose';
import { bounded, TooBusy } from '../src/secrets/bounded.ts';
import { openKeyRing, Undecipherable } from '../src/secrets/encryption.ts';
import { hashPassword, needsRehash, verifyNobody, verifyPassword } from '../src/secrets/passwords.ts';
import { hashToken, issueToken, tokenPrefix } from '../src/secrets/tokens.ts';

describe('a key ring', () => {
  const keys = { old: randomBytes(32), new: randomBytes(32) };
  const ring = openKeyRing({ keys, current: 'new' });
  const text = 'sk-ключ 🔑';

  test('decrypts what it encrypted, differently each time', async () => {
    const [first, second] = await Promise.all([ring.encrypt(text), ring.encrypt(text)]);
    expect(first).not.toBe(second);
    expect(decodeProtectedHeader(first)).toEqual({ alg: 'dir', enc: 'A256GCM', kid: 'new' });
    expect([await ring.decrypt(first), await ring.decrypt(second)]).toEqual([text, text]);
    expect(await ring.decrypt(await ring.encrypt(''))).toBe('');
  });

  test('still reads an older key and asks for a newer one', async () => {
    const old = await openKeyRing({ keys, current: 'old' }).encrypt(text);
    expect(await ring.decrypt(old)).toBe(text);
    expect([ring.needsReencryption(old), ring.needsReencryption(await ring.encrypt(text))]).toEqual([true, false]);
  });

  test('refuses an unknown key', async () => {
    const jwe = await openKeyRing({ keys: { lost: randomBytes(32) }, current: 'lost' }).encrypt(text);
    await expect(ring.decrypt(jwe)).rejects.toEqual(new Undecipherable('The key lost is not on the ring.'));
  });

  test('refuses another key of the same name', async () => {
    const jwe = await openKeyRing({ keys: { new: randomBytes(32) }, current: 'new' }).encrypt(text);
    await expect(ring.decrypt(jwe)).rejects.toBeInstanceOf(Undecipherable);
  });

  test('notices a change of any part', async () => {
    const parts = (await ring.encrypt(text)).split('.');
    for (const [index, part] of parts.entries()) {
      const changed = part === '' ? 'AAAA' : (part.startsWith('A') ? 'B' : 'A') + part.slice(1);
      await expect(ring.decrypt(parts.with(index, changed).join('.'))).rejects.toBeInstanceOf(Undecipherable);
    }
  });

  test('refuses another way of encrypting, even by a key of its own', async () => {
    const header = { alg: 'A256KW', enc: 'A256GCM', kid: 'new' };
    const jwe = await new CompactEncrypt(Buffer.from(text)).setProtectedHeader(header).encrypt(keys.new);
    await expect(ring.decrypt(jwe)).rejects.toBeInstanceOf(Undecipherable);
  });

  test.each(['', 'plain text', '....', 'e30....'])('refuses %j, which is no JWE of ours', async (text) => {
    await expect(ring.decrypt(text)).rejects.toBeInstanceOf(Undecipherable);
  });

  test('insists on 32 bytes and on having the current key', () => {
    expect(() => openKeyRing({ keys: { short: randomBytes(31) }, current: 'short' })).toThrow(
      'The key short has not 32 bytes.',
    );
    expect(() => openKeyRing({ keys, current: 'toString' })).toThrow('The current key toString is not on the ring.');
  });
});

describe('a token', () => {
  test('is recognised by its prefix and stored as its hash', () => {
    const { token, hash } = issueToken('tsr_session_');
    expect(token).toMatch(/^tsr_session_[0-9A-Za-z]{49}$/);
    expect(tokenPrefix(token)).toBe('tsr_session_');
    expect(hash).toBe(hashToken(token));
    expect(hash).toMatch(/^[0-9a-f]{64}$/);
  });

  test('is never the same and keeps its length', () => {
    const tokens = Array.from({ length: 2000 }, () => issueToken('tsr_api_key_').token);
    expect(new Set(tokens).size).toBe(2000);
    expect(new Set(tokens.map((token) => token.length))).toEqual(new Set([61]));
    expect(tokens.every((token) => tokenPrefix(token) === 'tsr_api_key_')).toBe(true);
  });

  test('ends in the checksum of the rest, in base 62', () => {
    const { token } = issueToken('tsr_session_');
    const value = token
      .slice(-6)
      .split('')
      .reduce((sum, digit) => sum * 62 + valueOf(digit), 0);
    expect(value).toBe(crc32(token.slice(0, -6)));
  });

  test('hashes by SHA-256 (FIPS 180-2, appendix B.1)', () => {
    expect(hashToken('abc')).toBe('ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad');
  });

  test('with a typing error, a foreign form or nothing at all is none', () => {
    const { token } = issueToken('tsr_session_');
    const mistyped = token.slice(0, 20) + (token[20] === 'x' ? 'y' : 'x') + token.slice(21);
    const others = [
      mistyped,
      token.slice(0, -1),
      `${token}0`,
      token.replace('session', 'device'),
      'Bearer',
      '',
      'tsr_session_',
      '000000',
    ];
    expect(others.map(tokenPrefix)).toEqual(others.map(() => undefined));
  });
});

const valueOf = (digit: string) => '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz'.indexOf(digit);

describe('a password', () => {
  test('is hashed by argon2id at the cost that OWASP gives, with a salt', async () => {
    const [first, second] = await Promise.all([hashPassword('correct horse'), hashPassword('correct horse')]);
    expect(first).toMatch(/^\$argon2id\$v=19\$m=19456,p=1,t=2\$/);
    expect(first).not.toBe(second);
    expect(await verifyPassword(first, 'correct horse')).toBe(true);
    expect(await verifyPassword(first, 'correct horse ')).toBe(false);
    expect(await verifyPassword(first, '')).toBe(false);
  });

  test('is the same however its letters are composed', async () => {
    expect(await verifyPassword(await hashPassword('gr\u00fcn'), 'gru\u0308n')).toBe(true);
  });

  test('of nobody fits nothing and costs the same', async () => {
    const hash = await hashPassword('secret');
    const real: number[] = [];
    const nobody: number[] = [];
    for (let round = 0; round < 5; round += 1) {
      real.push(await processorTime(() => verifyPassword(hash, 'wrong')));
      nobody.push(await processorTime(() => verifyNobody('wrong')));
    }
    const ratio = Math.min(...nobody) / Math.min(...real);
    expect(await verifyNobody('')).toBe(false);
    expect(ratio).toBeGreaterThan(1 / 3);
    expect(ratio).toBeLessThan(3);
  });

  test('is hashed again when cost or kind were different', async () => {
    const cheap = { memoryCost: 1024, timeCost: 2, parallelism: 1 };
    expect(needsRehash(await hashPassword('secret'))).toBe(false);
    expect(needsRehash(await argon2.hash('secret', cheap))).toBe(true);
    expect(
      needsRehash(
        await argon2.hash('secret', { memoryCost: 19_456, timeCost: 2, parallelism: 1, type: argon2.argon2i }),
      ),
    ).toBe(true);
  });

  test('is not compared to what is no hash', async () => {
    await expect(verifyPassword('secret', 'secret')).rejects.toThrow();
  });
});

/** In µs, of all threads of this process; on a busy machine it says more than the time on the clock. */
async function processorTime(work: () => Promise<unknown>): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return user + system;
}

test('bounded work runs so many at a time, in order, and is refused beyond the queue', async () => {
  const inTurn = bounded(2, 3);
  const begun: number[] = [];
  const endings: (() => void)[] = [];
  const works = [1, 2, 3, 4, 5, 6, 7].map((name) =>
    inTurn(() => {
      begun.push(name);
      return new Promise<void>((resolve) => endings.push(resolve));
    }),
  );
  await expect(works[5]).rejects.toBeInstanceOf(TooBusy);
  await expect(works[6]).rejects.toBeInstanceOf(TooBusy);
  expect(begun).toEqual([1, 2]);

  endings[0]?.();
  await works[0];
  await new Promise(setImmediate);
  expect(begun).toEqual([1, 2, 3]);
  const later = inTurn(() => Promise.resolve('done'));
  for (let index = 1; index < 5; index += 1) {
    endings[index]?.();
    await works[index];
    await new Promise(setImmediate);
  }
  expect(await later).toBe('done');
});
