import { isNull } from 'drizzle-orm';
import type { Schedules, Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { organizations } from '../tenancy/tables.ts';
import { makeEngagements } from './engagement.ts';

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

/** Work of this domain that comes again each hour. */
export const schedules: Schedules = {
  'analytics.make-engagements': { cron: '7 * * * *', expireSeconds: 3600, run: makeAll },
};
