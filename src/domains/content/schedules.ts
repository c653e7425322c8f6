import type { Schedules } from '../services.ts';
import { purgeSearchLogs } from './search-log.ts';

/** Each night, when few are awake where most servers are. */
export const schedules: Schedules = {
  'content.purge-search-logs': { cron: '7 3 * * *', expireSeconds: 3600, run: purgeSearchLogs },
};
