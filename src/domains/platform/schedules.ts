import { removeOldWritten } from '../content/written-expiry.ts';
import type { Schedules } from '../services.ts';
import { removeExpired } from './cache-expiry.ts';
import { exportKind } from './event-log-export.ts';
import { trimAll } from './event-retention.ts';
import { sealAll } from './event-sealing.ts';
import { forgetKeys } from './idempotency.ts';
import { beginDueJobs } from './job-schedule-clock.ts';
import { renewEncryption } from './reencryption.ts';
import { catchUpWebhooks } from './webhook-catching-up.ts';
import { purgeWebhooks } from './webhook-retention.ts';

/** Work of the installation that comes again and again. */
export const schedules: Schedules = {
  'platform.begin-due-jobs': {
    cron: '* * * * *',
    expireSeconds: 600,
    run: async (work, signal) => void (await beginDueJobs(work, signal)),
  },
  'platform.catch-up-webhooks': { cron: '* * * * *', expireSeconds: 600, run: catchUpWebhooks },
  'platform.purge-webhooks': { cron: '12 4 * * *', expireSeconds: 3600, run: purgeWebhooks },
  /** Often, so that an old key can be dropped on the day it is replaced; it does nothing while there is one key. */
  'platform.renew-encryption': {
    cron: '27 * * * *',
    expireSeconds: 3500,
    run: async ({ services }, signal) => {
      await renewEncryption(services, signal);
    },
  },
  'platform.seal-event-logs': { cron: '*/10 * * * *', expireSeconds: 3600, run: sealAll },
  /** Each night, when few are awake. */
  'platform.trim-event-logs': { cron: '37 3 * * *', expireSeconds: 3 * 3600, run: trimAll },
  'platform.remove-old-exports': {
    cron: '12 4 * * *',
    expireSeconds: 3600,
    run: (work, signal) => removeOldWritten(exportKind, work, signal),
  },
  /** What a version of before, or a fault, has left in the queue. */
  'platform.end-forgotten-jobs': {
    cron: '22 5 * * *',
    expireSeconds: 3600,
    run: ({ services }, signal) => services.queue.endForgotten(signal),
  },
  'platform.remove-expired-cache-entries': { cron: '22 * * * *', expireSeconds: 3500, run: removeExpired },
  'platform.forget-idempotency-keys': { cron: '47 * * * *', expireSeconds: 3500, run: forgetKeys },
};
