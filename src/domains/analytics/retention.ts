import { isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { settingsOf, type OrganizationSettings } from '../tenancy/organization-settings.ts';
import { organizations } from '../tenancy/tables.ts';
import { analyticsEvents, metricPeriods, metrics, userActivities, userEngagements } from './tables.ts';

/** Rows that go in one transaction. */
const atOnce = 1000;

/** Removes what is older than its organization keeps it. What fails is logged and tried again the next time. */
export const purgeAnalytics = async ({ services }: Work, signal: AbortSignal): Promise<void> => {
  for await (const organization of organizationsWhere(services, isNull(organizations.deletedAt))) {
    if (signal.aborted) return;
    try {
      await purge(unitOf(services, organization.id), settingsOf(organization), signal);
    } catch (error) {
      services.log.error({ err: error, organizationId: organization.id }, 'Old analytics could not be removed.');
    }
  }
};

const ago = (days: number): SQL => sql`(now() - make_interval(days => ${days}))`;

const purge = async (unit: UnitOfWork, settings: OrganizationSettings, signal: AbortSignal): Promise<void> => {
  const { activityDays, eventDays, metricDays, timeZone } = settings;
  const { organizationId } = unit;
  const old: readonly SQL[] = [
    oldest(userActivities, organizationId, sql`created_at < ${ago(activityDays)}`, sql`created_at`),
    oldest(analyticsEvents, organizationId, sql`occurred_at < ${ago(eventDays)}`, sql`occurred_at`),
    oldest(userEngagements, organizationId, sql`date < (${ago(metricDays)} at time zone ${timeZone})::date`, sql`date`),
    // Each kind of period by itself, as their index has them.
    ...metricPeriods.map((period) =>
      oldest(metrics, organizationId, sql`period = ${period} and period_start < ${ago(metricDays)}`, sql`period_start`),
    ),
  ];
  for (const some of old)
    for (let removed = atOnce; removed === atOnce && !signal.aborted;)
      removed = (await unit.transact(() => database.execute(some))).length;
};

/** Deletes the oldest rows of those meant, which another run may be removing at the time. */
const oldest = (
  table: typeof userActivities | typeof analyticsEvents | typeof userEngagements | typeof metrics,
  organizationId: string,
  meant: SQL,
  order: SQL,
): SQL =>
  sql`delete from ${table} where organization_id = ${organizationId} and id = any(array(
    select id from ${table} where organization_id = ${organizationId} and ${meant}
    order by ${order}, id limit ${atOnce} for update skip locked)) returning 1`;
