import { randomBytes } from 'node:crypto';
import { and, count, eq, inArray, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { hashToken } from '../../secrets/tokens.ts';
import { recoveryCodes, users } from './tables.ts';

/** Codes in a set. */
export const codesInSet = 10;
/** Base 32 without letters that look like digits (Crockford); 28 of them are 140 bits. */
const alphabet = '0123456789abcdefghjkmnpqrstvwxyz';
const codeLength = 28;

/** Four groups of seven, such as `k3m9x2p-…`. */
const newCode = (): string =>
  [...randomBytes(codeLength)]
    .map((byte) => alphabet.charAt(byte % alphabet.length))
    .join('')
    .replace(/.{7}(?=.)/g, '$&-');

/** Capitals, blanks and letters that look like digits are what people make of a code on paper. */
const hashOf = (code: string): string =>
  hashToken(
    code
      .toLowerCase()
      .replaceAll(/[^0-9a-z]/g, '')
      .replaceAll('o', '0')
      .replaceAll(/[il]/g, '1'),
  );

/** What sees one person's own codes and second factor. */
export const ownUnit = (unit: UnitOfWork, userId: string): UnitOfWork => unit.as({ ...nowhere, userId });

/** Puts a new set in the place of the user's old one, in the running transaction of a unit of theirs; gives the codes, kept nowhere. */
export const replaceRecoveryCodes = (unit: UnitOfWork, userId: string): Promise<string[]> =>
  unit.transact(async () => {
    const codes = Array.from({ length: codesInSet }, newCode);
    await database.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId));
    await database.insert(recoveryCodes).values(codes.map((code) => ({ userId, hash: hashOf(code) })));
    await database
      .update(users)
      .set({ recoveryCodesSeenAt: sql`now()` })
      .where(eq(users.id, userId));
    return codes;
  });

/** Takes the user's codes away, in the running transaction of a unit of theirs. */
export const dropRecoveryCodes = (unit: UnitOfWork, userId: string): Promise<void> =>
  unit.transact(async () => {
    await database.delete(recoveryCodes).where(eq(recoveryCodes.userId, userId));
    await database.update(users).set({ recoveryCodesSeenAt: null }).where(eq(users.id, userId));
  });

const unused = (userId: string, codes: readonly string[]) =>
  and(
    eq(recoveryCodes.userId, userId),
    isNull(recoveryCodes.usedAt),
    inArray(
      recoveryCodes.hash,
      codes.map((code) => hashOf(code)),
    ),
  );

/** How many different unused codes of the user these are. The unit is one of theirs. */
export const matchingCodes = async (unit: UnitOfWork, userId: string, codes: readonly string[]): Promise<number> => {
  const { matching } = sole(
    await unit.run(() => database.select({ matching: count() }).from(recoveryCodes).where(unused(userId, codes))),
  );
  return matching;
};

/** Uses codes up in the running transaction of a unit of the user's; gives how many of them were unused. */
export const useRecoveryCodes = (unit: UnitOfWork, userId: string, codes: readonly string[]): Promise<number> =>
  unit.transact(async () => {
    const used = await database
      .update(recoveryCodes)
      .set({ usedAt: sql`now()` })
      .where(unused(userId, codes))
      .returning({ id: recoveryCodes.id });
    return used.length;
  });

/** How many codes are left to the unit's user. */
export const recoveryCodesLeft = async (unit: UnitOfWork, userId: string): Promise<number> => {
  const { left } = sole(
    await unit.run(() =>
      database
        .select({ left: count() })
        .from(recoveryCodes)
        .where(and(eq(recoveryCodes.userId, userId), isNull(recoveryCodes.usedAt))),
    ),
  );
  return left;
};
