import { and, eq, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, Forbidden } from '../../errors.ts';
import { users } from './tables.ts';

/** Those who may act as super admins now. */
const acting = and(eq(users.platformRole, 'SUPERADMIN'), isNull(users.suspendedAt), isNull(users.deletedAt));

/** Until the running transaction ends, nobody else changes who administers the installation. */
const lock = () => database.execute(sql`select pg_advisory_xact_lock(hashtextextended('super admins', 0))`);

/**
 * Makes sure, in the running transaction, that a super admin is left when this person no longer is one; of parallel changes each sees what
 * those before it left. Throws Conflict.
 */
export const requireOtherSuperAdmin = (unit: UnitOfWork, userId: string): Promise<void> =>
  unit.transact(async () => {
    await lock();
    const [first, second] = await database.select({ id: users.id }).from(users).where(acting).limit(2);
    if (first?.id === userId && second === undefined)
      throw new Conflict('userId', 'The installation keeps at least one super admin.');
  });

/** Makes sure that the unit's user is a super admin and stays one until the running transaction ends. Throws Forbidden. */
export const requireSuperAdmin = (unit: UnitOfWork): Promise<string> =>
  unit.transact(async ({ userId }) => {
    if (userId === null) throw new Forbidden('PLATFORM_ADMINISTER');
    await lock();
    const found = await database
      .select({ id: users.id })
      .from(users)
      .where(and(acting, eq(users.id, userId)));
    if (found.length === 0) throw new Forbidden('PLATFORM_ADMINISTER');
    return userId;
  });
