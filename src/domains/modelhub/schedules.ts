import type { Schedules } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { removeOldContents, sumUpOldCalls } from './call-retention.ts';
import { endOverdueCalls } from './overdue-calls.ts';
import { endAbandonedRuns } from './prompt-ending.ts';
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
  'modelhub.sum-up-old-calls': {
    cron: '12 2 * * *',
    expireSeconds: 3 * 3600,
    run: async ({ services }, signal) => {
      for await (const organization of organizationsWhere(services)) {
        if (signal.aborted) return;
        const { callRetentionDays, contentRetentionDays } = settingsOf(organization);
        const unit = unitOf(services, organization.id);
        await removeOldContents(unit, contentRetentionDays, signal);
        await sumUpOldCalls(unit, callRetentionDays, signal);
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
