import type { Schedules } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { endOverdueCalls } from './overdue-calls.ts';
import { removePastCounters, removePastPlatformCounters } from './quotas.ts';

/** Work of this domain that comes again and again. What is not urgent comes each night, when few are awake where most servers are. */
export const schedules: Schedules = {
  'modelhub.end-overdue-calls': {
    cron: '* * * * *',
    expireSeconds: 300,
    run: async ({ services }, signal) => {
      await endOverdueCalls(services, signal);
    },
  },
  'modelhub.remove-past-counters': {
    cron: '42 2 * * *',
    expireSeconds: 3600,
    run: async ({ unit, services }, signal) => {
      await unit.transact(removePastPlatformCounters);
      for await (const { id } of organizationsWhere(services)) {
        if (signal.aborted) return;
        await unitOf(services, id).transact(removePastCounters);
      }
    },
  },
};
