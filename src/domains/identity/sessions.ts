import { and, eq, gt, isNull, ne, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { NotFound } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import type { SessionLimits } from './operations.ts';
import { sessions, type SessionRow } from './tables.ts';
import { revokeTokens } from './tokens.ts';

/** Whether a session still lets its client in. */
export const isLive = (session: SessionRow, { idleMs }: Pick<SessionLimits, 'idleMs'>): boolean => {
  const now = Date.now();
  const idleUntil = Date.parse(session.lastActivityAt) + idleMs;
  return session.revokedAt === null && Date.parse(session.expiresAt) > now && idleUntil > now;
};

/** Ends one of the viewer's sessions. Throws NotFound, also for one that was revoked before. */
export const revokeSession = ({ unit, services, ...context }: Context, id: string): Promise<SessionRow> => {
  const { userId } = viewerOf(context);
  return unit.transact(async () => {
    const [revoked] = await database
      .update(sessions)
      .set({ revokedAt: sql`now()` })
      .where(and(eq(sessions.userId, userId), eq(sessions.id, id), isNull(sessions.revokedAt)))
      .returning();
    if (revoked === undefined) throw new NotFound('Session', id);
    await revokeTokens(unit, [id]);
    unit.record({ action: 'session.revoked', type: 'Session', id });
    unit.afterCommit(() => services.viewers.forgetCredential(id));
    return revoked;
  });
};

/** Ends all sessions of the viewer but the one they ask with, in all organizations. Gives their number. */
export const revokeOtherSessions = ({ unit, services, ...context }: Context): Promise<number> => {
  const { userId, credential } = viewerOf(context);
  return unit.transact(async () => {
    const others = and(
      eq(sessions.userId, userId),
      ne(sessions.id, credential.id),
      isNull(sessions.revokedAt),
      gt(sessions.expiresAt, sql`now()`),
    );
    const revoked = await database
      .update(sessions)
      .set({ revokedAt: sql`now()` })
      .where(others)
      .returning({ id: sessions.id });
    const ids = revoked.map(({ id }) => id);
    if (ids.length === 0) return 0;
    await revokeTokens(unit, ids);
    for (const id of ids) unit.record({ action: 'session.revoked', type: 'Session', id });
    unit.afterCommit(() => ids.forEach((id) => services.viewers.forgetCredential(id)));
    return ids.length;
  });
};
