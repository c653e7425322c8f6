import { isNull } from 'drizzle-orm';
import type { Schedules, Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { organizations } from '../tenancy/tables.ts';
import { rollUp } from './rolling-up.ts';

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

/** Work of this domain that comes again and again. */
export const schedules: Schedules = {
  'analytics.roll-up-metrics': { cron: '*/10 * * * *', expireSeconds: 3600, run: rollUpAll },
};
