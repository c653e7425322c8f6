import type { Schedules } from '../services.ts';
import { renewEncryption } from './reencryption.ts';

/** Work of the installation that comes again and again. */
export const schedules: Schedules = {
  /** Often, so that an old key can be dropped on the day it is replaced; it does nothing while there is one key. */
  'platform.renew-encryption': {
    cron: '27 * * * *',
    expireSeconds: 3500,
    run: async ({ services }, signal) => {
      await renewEncryption(services, signal);
    },
  },
};
