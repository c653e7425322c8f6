import { and, asc, eq, isNull, lt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { organizations } from '../tenancy/tables.ts';
import { officeDocuments } from './office-tables.ts';

/** Documents that go in one transaction, with all their versions. */
const atOnce = 50;
/** Transactions for one organization before the next has its turn. */
const inTurn = 20;

/**
 * Removes for good the office documents that were deleted longer ago than their organization keeps them. Each organization has its turn, and
 * those that have more left another one, so that a large one holds nobody up. One that fails is logged and tried again the next time.
 */
export const purgeOfficeDocuments = async ({ services }: Work, signal: AbortSignal): Promise<void> => {
  const unfinished: { id: string; days: number }[] = [];
  const turn = async (id: string, days: number): Promise<void> => {
    try {
      if (await purge(unitOf(services, id), days, signal)) unfinished.push({ id, days });
    } catch (error) {
      services.log.error({ err: error, organizationId: id }, 'Deleted office documents could not be removed.');
    }
  };
  for await (const organization of organizationsWhere(services, isNull(organizations.deletedAt))) {
    if (signal.aborted) return;
    await turn(organization.id, settingsOf(organization).officeRetentionDays);
  }
  for (let next = unfinished.shift(); next !== undefined && !signal.aborted; next = unfinished.shift())
    await turn(next.id, next.days);
};

/** One organization's turn; whether there may be more. */
const purge = async (unit: UnitOfWork, days: number, signal: AbortSignal): Promise<boolean> => {
  const overdue = and(
    eq(officeDocuments.organizationId, unit.organizationId),
    lt(officeDocuments.deletedAt, sql`now() - make_interval(days => ${days})`),
  );
  const first = await unit.run(() =>
    database.select({ id: officeDocuments.id }).from(officeDocuments).where(overdue).limit(1),
  );
  await unit.rest();
  if (first.length === 0) return false;
  for (let batch = 0; batch < inTurn && !signal.aborted; batch++) {
    const removed = await unit.transact(async () => {
      const some = database
        .select({ id: officeDocuments.id })
        .from(officeDocuments)
        .where(overdue)
        .orderBy(asc(officeDocuments.deletedAt), asc(officeDocuments.id))
        .limit(atOnce)
        .for('update', { skipLocked: true });
      const gone = await database
        .delete(officeDocuments)
        .where(and(overdue, sql`${officeDocuments.id} = any(array(${some}))`))
        .returning({ id: officeDocuments.id });
      for (const { id } of gone)
        unit.record({ action: 'office_document.purged', type: 'OfficeDocument', id, data: { reason: 'RETENTION' } });
      return gone.length;
    });
    if (removed < atOnce) return false;
  }
  return true;
};
