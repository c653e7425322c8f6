import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { sessions, users } from './tables.ts';

const { webPushSubscription: _subscription, metadata: _metadata, ...accountColumns } = getTableColumns(users);

/** The viewer's own account; any other id gives null. */
export const accountById = loadOne(
  () =>
    database
      .select(accountColumns)
      .from(users)
      .where(and(sql`${users.id} = any(${bound.keys})`, eq(users.id, bound.userId))),
  (account) => account.id,
);

/** The person's own sessions, ended ones too. */
export const sessionById = loadOne(
  () =>
    database
      .select()
      .from(sessions)
      .where(and(eq(sessions.userId, bound.userId), sql`${sessions.id} = any(${bound.keys})`)),
  (session) => session.id,
);

const listed = {
  from: sessions,
  personal: true,
  parent: sessions.userId,
  columns: getTableColumns(sessions),
  orders: { CREATED_AT: sessions.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
} as const;

/** A person's sessions, ended ones too. */
export const sessionsByUser = listOf({
  ...listed,
  filters: {
    createdAt: sessions.createdAt,
    lastActivityAt: sessions.lastActivityAt,
    expiresAt: sessions.expiresAt,
    revokedAt: sessions.revokedAt,
  },
});

const byIdleTime = new Map<number, ReturnType<typeof listOf<typeof listed.columns>>>();

/** A person's sessions that have not ended; the installation says how long one may be idle. */
export const liveSessionsByUser = (idleMs: number) => {
  const known = byIdleTime.get(idleMs) ?? listOf({ ...listed, where: liveSession(idleMs) });
  byIdleTime.set(idleMs, known);
  return known;
};

const liveSession = (idleMs: number) =>
  sql`${sessions.revokedAt} is null and ${sessions.expiresAt} > now()
    and ${sessions.lastActivityAt} > now() - make_interval(secs => ${sql.raw(String(idleMs / 1000))})`;
