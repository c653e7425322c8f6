import { and, asc, eq, lte, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { cacheEntries } from './cache-tables.ts';

const atOnce = 500;

/** Removes what has expired, of all organizations, some at a time. One that fails is logged and tried again the next time. */
export const removeExpired = async ({ services }: Pick<Work, 'services'>, signal: AbortSignal): Promise<void> => {
  for await (const { id } of organizationsWhere(services)) {
    if (signal.aborted) return;
    const unit = unitOf(services, id);
    try {
      for (let removed = atOnce; removed === atOnce && !signal.aborted;) removed = await removeSome(unit);
    } catch (error) {
      services.log.error({ err: error, organizationId: id }, 'Expired cache entries could not be removed.');
    }
  }
};

const removeSome = (unit: UnitOfWork): Promise<number> =>
  unit.transact(async ({ organizationId }) => {
    const expired = and(eq(cacheEntries.organizationId, organizationId), lte(cacheEntries.expiresAt, sql`now()`));
    const some = database
      .select({ id: cacheEntries.id })
      .from(cacheEntries)
      .where(expired)
      .orderBy(asc(cacheEntries.expiresAt), asc(cacheEntries.id))
      .limit(atOnce)
      .for('update', { skipLocked: true });
    const gone = await database
      .delete(cacheEntries)
      .where(and(expired, sql`${cacheEntries.id} = any(array(${some}))`))
      .returning({ id: cacheEntries.id });
    return gone.length;
  });
