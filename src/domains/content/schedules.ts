import type { Schedules } from '../services.ts';
import { beginDueSyncs } from './sync-due.ts';

/** Work of this domain that comes again and again. */
export const schedules: Schedules = {
  'content.begin-due-syncs': {
    cron: '* * * * *',
    expireSeconds: 600,
    run: async (work, signal) => void (await beginDueSyncs(work, signal)),
  },
};
