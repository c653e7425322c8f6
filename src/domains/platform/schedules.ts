import type { Schedules } from '../services.ts';
import { renewEncryption } from './reencryption.ts';
import { catchUpWebhooks } from './webhook-catching-up.ts';
import { purgeWebhooks } from './webhook-retention.ts';

/** Work of the installation that comes again and again. */
export const schedules: Schedules = {
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
};
