import { and, eq, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import { hashPassword, needsRehash, verifyNobody, verifyPassword } from '../../secrets/passwords.ts';
import { issueToken } from '../../secrets/tokens.ts';
import { accessTokens, passwords, sessions, users, type platformRoles } from './tables.ts';
import { newId } from '../../ids.ts';

export interface NewUser {
  readonly email: string;
  readonly name: string;
  readonly passwordHash: string;
  readonly defaultOrganizationId: string;
  readonly platformRole?: (typeof platformRoles)[number];
  /** Who makes the account for them. */
  readonly createdById?: string;
}

/** Faults of a new password, for a person with this e-mail and name. */
export const passwordIssues = (field: string, password: string, about: readonly string[]): InputIssue[] => {
  const issues: InputIssue[] = [];
  if (password.length < 8 || password.length > 250)
    issues.push({ field, message: 'A password has 8 to 250 characters.' });
  if (about.some((word) => word.toLowerCase() === password.toLowerCase()))
    issues.push({ field, message: 'A password must not be the e-mail address or the name.' });
  return issues;
};

/** Throws BadUserInput when the password is too short, too long or the person's own name. */
export const newPasswordHash = async (field: string, password: string, about: readonly string[]): Promise<string> => {
  const issues = passwordIssues(field, password, about);
  if (issues.length > 0) throw new BadUserInput(issues);
  return hashPassword(password);
};

/** Makes a user with a password, in the running transaction. Throws Conflict when the e-mail is taken in any case. */
export const createUser = (unit: UnitOfWork, { passwordHash, ...user }: NewUser): Promise<string> =>
  unit.transact(async () => {
    const userId = newId();
    try {
      await database.insert(users).values({ id: userId, ...user });
    } catch (error) {
      if (violates(error, 'users_email_key'))
        throw new Conflict('email', 'This e-mail address has an account already.');
      throw error;
    }
    await database.insert(passwords).values({ userId, hash: passwordHash });
    return userId;
  });

/** An account that may sign in. */
export interface Account {
  readonly userId: string;
  readonly organizationId: string;
}

/**
 * The account that these credentials open; null alike for unknown, suspended and deleted accounts and wrong passwords,
 * after the same work. An old hash is replaced by one at today's cost.
 */
export const accountOf = async (unit: UnitOfWork, email: string, password: string): Promise<Account | null> => {
  const [found] = await unit.run(() =>
    database
      .select({
        userId: users.id,
        organizationId: users.defaultOrganizationId,
        hash: passwords.hash,
        barred: sql<boolean>`${users.suspendedAt} is not null or ${users.deletedAt} is not null`,
      })
      .from(users)
      .innerJoin(passwords, eq(passwords.userId, users.id))
      .where(eq(sql`lower(${users.email})`, email.toLowerCase())),
  );
  await unit.rest();
  if (found === undefined) {
    await verifyNobody(password);
    return null;
  }
  if (!(await verifyPassword(found.hash, password)) || found.barred || found.organizationId === null) return null;
  if (needsRehash(found.hash)) await replaceHash(unit, found.userId, await hashPassword(password));
  return { userId: found.userId, organizationId: found.organizationId };
};

/** Gives a user another password. */
export const replacePassword = async (unit: UnitOfWork, userId: string, password: string): Promise<void> => {
  await replaceHash(unit, userId, await hashPassword(password));
};

const replaceHash = (unit: UnitOfWork, userId: string, hash: string): Promise<unknown> =>
  unit.transact(() => database.update(passwords).set({ hash }).where(eq(passwords.userId, userId)));

/** How long sessions of this installation last. */
export interface SessionLimits {
  /** From the sign-in to the end. */
  readonly lifeMs: number;
  /** Without any request. */
  readonly idleMs: number;
}

/**
 * Starts a session of the unit's user in its organization and gives the bearer token, which is kept nowhere. One that is handed over
 * holds no personal permissions.
 */
export const startSession = (
  unit: UnitOfWork,
  { lifeMs }: Pick<SessionLimits, 'lifeMs'>,
  { handedOver = false }: { readonly handedOver?: boolean } = {},
): Promise<{ token: string; sessionId: string }> =>
  unit.transact(async ({ organizationId, userId }) => {
    if (userId === null) throw new Error('A session needs a user.');
    const { token, hash } = issueToken('tsr_session_');
    const { address, userAgent } = unit.options.origin;
    const expiresAt = new Date(Date.now() + lifeMs).toISOString();
    const session = sole(
      await database
        .insert(sessions)
        .values({ organizationId, userId, address, userAgent, expiresAt, handedOver })
        .returning(),
    );
    await database
      .insert(accessTokens)
      .values({ hash, kind: 'SESSION', organizationId, userId, subjectId: session.id, expiresAt });
    await database
      .update(users)
      .set({ lastLoginAt: sql`now()`, lastLoginAddress: address })
      .where(eq(users.id, userId));
    unit.record({ action: 'session.started', type: 'Session', id: session.id });
    return { token, sessionId: session.id };
  });

/** Ends a session of the unit's user with its token; false when it had been ended before. */
export const endSession = (unit: UnitOfWork, sessionId: string): Promise<boolean> =>
  unit.transact(async () => {
    const ended = await database
      .update(sessions)
      .set({ revokedAt: sql`now()` })
      .where(and(eq(sessions.id, sessionId), isNull(sessions.revokedAt)))
      .returning({ id: sessions.id });
    await database.delete(accessTokens).where(eq(accessTokens.subjectId, sessionId));
    if (ended.length > 0) unit.record({ action: 'session.ended', type: 'Session', id: sessionId });
    return ended.length > 0;
  });

/** What the token of a hash leads to; null when it is unknown or has run out. */
export const tokenTarget = async (unit: UnitOfWork, hash: string) => {
  const [found] = await unit.run(() => targetByHash.execute({ hash }));
  return found === undefined || Date.parse(found.expiresAt) < Date.now() ? null : found;
};

const targetByHash = database
  .select()
  .from(accessTokens)
  .where(eq(accessTokens.hash, sql.placeholder('hash')))
  .prepare('targetByHash');
