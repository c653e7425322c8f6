import { and, eq, inArray, isNull, ne, sql } from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import { issueToken } from '../../secrets/tokens.ts';
import { accessTokens, passwords, sessions, users, type platformRoles } from './tables.ts';
import { newId } from '../../ids.ts';

export interface NewUser {
  /** Made here when absent. */
  readonly id?: string;
  readonly email: string;
  readonly name: string;
  readonly passwordHash: string;
  readonly defaultOrganizationId: string;
  readonly platformRole?: (typeof platformRoles)[number];
  /** Who makes the account for them. */
  readonly createdById?: string;
}

/** Makes a user with a password, in the running transaction. Throws Conflict when the e-mail is taken in any case. */
export const createUser = (
  unit: UnitOfWork,
  { passwordHash, id: userId = newId(), ...user }: NewUser,
): Promise<string> =>
  unit.transact(async () => {
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

/** A user where they are. */
export interface Account {
  readonly userId: string;
  readonly organizationId: string;
}

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

/**
 * Ends all sign-ins of a user but one session, and forgets their devices' tokens, in the running transaction of a unit of theirs; gives how
 * many sessions it ended. Whoever calls it forgets the user's viewers afterwards.
 */
export const endSignIns = (unit: UnitOfWork, userId: string, keptSessionId: string | null): Promise<number> =>
  unit.transact(async () => {
    const ended = await database
      .update(sessions)
      .set({ revokedAt: sql`now()` })
      .where(and(eq(sessions.userId, userId), isNull(sessions.revokedAt), allBut(sessions.id, keptSessionId)))
      .returning({ id: sessions.id });
    await database
      .delete(accessTokens)
      .where(
        and(
          eq(accessTokens.userId, userId),
          inArray(accessTokens.kind, ['SESSION', 'DEVICE']),
          allBut(accessTokens.subjectId, keptSessionId),
        ),
      );
    return ended.length;
  });

const allBut = (column: PgColumn, id: string | null) => (id === null ? undefined : ne(column, id));

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
