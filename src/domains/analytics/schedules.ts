import { isNull } from 'drizzle-orm';
import { removeOldWritten } from '../content/written-expiry.ts';
import type { Schedules, Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { organizations } from '../tenancy/tables.ts';
import { makeEngagements } from './engagement.ts';
import { exportKind } from './exporting.ts';
import { purgeAnalytics } from './retention.ts';
import { rollUp } from './rolling-up.ts';
import { tellServerEvents } from './server-events.ts';

/** Makes the days of members anew in every organization. One that fails is logged and tried again the next time. */
const makeAll = async ({ services }: Work, signal: AbortSignal): Promise<void> => {
  for await (const organization of organizationsWhere(services, isNull(organizations.deletedAt))) {
    if (signal.aborted) return;
    const unit = unitOf(services, organization.id);
    await makeEngagements(unit, settingsOf(organization).timeZone, signal).catch((error: unknown) => {
      services.log.error({ err: error, organizationId: organization.id }, 'Engagement could not be made.');
    });
    await unit.rest();
  }
};

/** Rolls up what has changed in each organization. One that fails is logged and tried again the next time. */
const rollUpAll = async ({ services }: Work, signal: AbortSignal): Promise<void> => {
  for await (const { id } of organizationsWhere(services, isNull(organizations.deletedAt))) {
    if (signal.aborted) return;
    try {
      await rollUp(unitOf(services, id), signal);
    } catch (error) {
      services.log.error({ err: error, organizationId: id }, 'Metrics could not be rolled up.');
    }
  }
};

const removeOldExports = (work: Work, signal: AbortSignal): Promise<void> => removeOldWritten(exportKind, work, signal);

/** Work of this domain that comes again and again: events of the server every five minutes, figures every ten, days of members each hour, the rest each night, when few are awake. */
export const schedules: Schedules = {
  'analytics.make-engagements': { cron: '7 * * * *', expireSeconds: 3600, run: makeAll },
  'analytics.tell-server-events': { cron: '*/5 * * * *', expireSeconds: 3600, run: tellServerEvents },
  'analytics.purge-analytics': { cron: '17 4 * * *', expireSeconds: 2 * 3600, run: purgeAnalytics },
  'analytics.remove-old-exports': { cron: '2 4 * * *', expireSeconds: 3600, run: removeOldExports },
  'analytics.roll-up-metrics': { cron: '*/10 * * * *', expireSeconds: 3600, run: rollUpAll },
};
