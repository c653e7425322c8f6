import { and, asc, eq, isNull, lt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { organizations } from '../tenancy/tables.ts';
import { orders } from './tables.ts';

/** Orders that go in one transaction, with their history and notes. */
const atOnce = 200;

/** Removes for good the orders that were deleted longer ago than their organization keeps deleted things. One that fails is logged and tried again the next time. */
export const purgeOrders = async ({ services }: Work, signal: AbortSignal): Promise<void> => {
  for await (const organization of organizationsWhere(services, isNull(organizations.deletedAt))) {
    if (signal.aborted) return;
    try {
      await purge(unitOf(services, organization.id), settingsOf(organization).retentionDays, signal);
    } catch (error) {
      services.log.error({ err: error, organizationId: organization.id }, 'Deleted orders could not be removed.');
    }
  }
};

const purge = async (unit: UnitOfWork, days: number, signal: AbortSignal): Promise<void> => {
  for (let removed = atOnce; removed === atOnce && !signal.aborted;)
    removed = await unit.transact(async ({ organizationId }) => {
      const overdue = and(
        eq(orders.organizationId, organizationId),
        lt(orders.deletedAt, sql`now() - make_interval(days => ${days})`),
      );
      const some = database
        .select({ id: orders.id })
        .from(orders)
        .where(overdue)
        .orderBy(asc(orders.deletedAt), asc(orders.id))
        .limit(atOnce)
        .for('update', { skipLocked: true });
      const gone = await database
        .delete(orders)
        .where(and(overdue, sql`${orders.id} = any(array(${some}))`))
        .returning({ id: orders.id });
      for (const { id } of gone)
        unit.record({ action: 'order.purged', type: 'Order', id, data: { reason: 'RETENTION' } });
      return gone.length;
    });
};
