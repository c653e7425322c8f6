import type { Schedules } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { endAbandonedRuns } from './prompt-ending.ts';
import { removePastCounters } from './quotas.ts';

/** Work of this domain that comes again and again; what can wait each night, when few are awake where most servers are. */
export const schedules: Schedules = {
  'modelhub.remove-past-counters': {
    cron: '42 2 * * *',
    expireSeconds: 3600,
    run: async ({ services }, signal) => {
      for await (const { id } of organizationsWhere(services)) {
        if (signal.aborted) return;
        await unitOf(services, id).transact(removePastCounters);
      }
    },
  },
  'modelhub.end-abandoned-runs': {
    cron: '*/2 * * * *',
    expireSeconds: 600,
    run: async ({ services }, signal) => {
      await endAbandonedRuns(services, signal);
    },
  },
};
