import { isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { organizations } from '../tenancy/tables.ts';

/** What the log tells when its beginning was deleted for its age. */
export const trimmedAction = 'event_log.trimmed';

/** What was deleted: up to which seal, and how many entries. The chain begins behind it. */
interface Trimmed extends Record<string, unknown> {
  readonly sequence: number;
  readonly digest: string;
  readonly lastEventId: string;
  readonly entries: number;
}

/** Deletes what is older than its organization keeps its log. What fails is logged and tried again the next time. */
export const trimAll = async ({ services }: Work, signal: AbortSignal): Promise<void> => {
  for await (const organization of organizationsWhere(services, isNull(organizations.deletedAt))) {
    if (signal.aborted) return;
    if (settingsOf(organization).eventLogDays === null) continue;
    try {
      await trimOld(unitOf(services, organization.id), signal);
    } catch (error) {
      services.log.error({ err: error, organizationId: organization.id }, 'The log could not be trimmed.');
    }
  }
};

/** Deletes old seals with their entries, some at a time, and tells the log of it in the same transaction. */
const trimOld = async (unit: UnitOfWork, signal: AbortSignal): Promise<void> => {
  while (!signal.aborted && (await unit.transact(() => trimSome(unit)))) continue;
};

const trimSome = async (unit: UnitOfWork): Promise<boolean> => {
  const { organizationId } = unit;
  const { trimmed } = sole(
    await database.execute<{ trimmed: Trimmed | null }>(sql`select app_trim_events(${organizationId}) as trimmed`),
  );
  if (trimmed === null) return false;
  unit.record({ action: trimmedAction, type: 'Organization', id: organizationId, data: trimmed });
  return true;
};
