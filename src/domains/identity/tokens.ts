import { and, eq, gt, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { hashToken, issueToken, tokenPrefix, type TokenPrefix } from '../../secrets/tokens.ts';
import { accessTokens, type tokenKinds } from './tables.ts';

export type TokenKind = (typeof tokenKinds)[number];

/** What each kind of token begins with, so that people and scanners of leaked secrets recognise it. */
export const tokenPrefixes: Readonly<Record<TokenKind, TokenPrefix>> = {
  SESSION: 'tsr_session_',
  UPLOAD: 'tsr_upload_',
  API_KEY: 'tsr_key_',
  DEVICE: 'tsr_device_',
  EXTENSION_KEY: 'tsr_extension_',
  PAIRING: 'tsr_pairing_',
  LOGIN_LINK: 'tsr_login_',
  INVITE: 'tsr_invite_',
  EMAIL_VERIFICATION: 'tsr_verify_',
  PASSWORD_RESET: 'tsr_reset_',
  DOWNLOAD: 'tsr_download_',
  FILE: 'tsr_file_',
};

/** What a token leads to. */
export interface TokenTarget {
  readonly organizationId: string | null;
  readonly userId: string | null;
  readonly subjectId: string;
}

/** Issues a token in the running transaction; it is kept nowhere and given back once. */
export const grantToken = (
  unit: UnitOfWork,
  kind: TokenKind,
  { organizationId, userId, subjectId }: TokenTarget,
  expiresAt: Date,
): Promise<string> =>
  unit.transact(async () => {
    const { token, hash } = issueToken(tokenPrefixes[kind]);
    const row = { hash, kind, organizationId, userId, subjectId, expiresAt: expiresAt.toISOString() };
    await database.insert(accessTokens).values(row);
    return token;
  });

const hashOf = (kind: TokenKind, token: string): string | null =>
  tokenPrefix(token) === tokenPrefixes[kind] ? hashToken(token) : null;

const alive = (kind: TokenKind, hash: string) =>
  and(eq(accessTokens.hash, hash), eq(accessTokens.kind, kind), gt(accessTokens.expiresAt, sql`now()`));

/** What a token leads to, which stays valid; null when it is unknown, of another kind, used up or over its time. */
export const readToken = async (unit: UnitOfWork, kind: TokenKind, token: string): Promise<TokenTarget | null> => {
  const hash = hashOf(kind, token);
  if (hash === null) return null;
  const [found] = await unit.run(() => database.select().from(accessTokens).where(alive(kind, hash)));
  return found ?? null;
};

/** Uses a token up in the running transaction: of two at a time one gets its target, and the other null, as for an unknown one. */
export const redeemToken = (unit: UnitOfWork, kind: TokenKind, token: string): Promise<TokenTarget | null> =>
  unit.transact(async () => {
    const hash = hashOf(kind, token);
    if (hash === null) return null;
    const [used] = await database.delete(accessTokens).where(alive(kind, hash)).returning();
    return used ?? null;
  });

/** Revokes the tokens of one kind that lead to something, one user's or with null everybody's, in the running transaction; gives their number. */
export const revokeTokensOf = (
  unit: UnitOfWork,
  kind: TokenKind,
  subjectId: string,
  userId: string | null,
): Promise<number> =>
  unit.transact(async () => {
    const ofUser = userId === null ? undefined : eq(accessTokens.userId, userId);
    const ofSubject = and(eq(accessTokens.subjectId, subjectId), eq(accessTokens.kind, kind), ofUser);
    return (await database.delete(accessTokens).where(ofSubject).returning({ hash: accessTokens.hash })).length;
  });

/** Revokes all tokens that lead to these sessions, keys, devices and the like, in the running transaction. */
export const revokeTokens = (unit: UnitOfWork, subjectIds: readonly string[]): Promise<void> =>
  unit.transact(async () => {
    await database.delete(accessTokens).where(inArray(accessTokens.subjectId, [...subjectIds]));
  });
