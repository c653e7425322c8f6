import type { Schedules } from '../services.ts';
import { removeOldExports } from './export-expiry.ts';
import { purgeAnalytics } from './retention.ts';
import { tellServerEvents } from './server-events.ts';

/** Work of this domain that comes again and again: events of the server every five minutes, the rest each night, when few are awake where most servers are. */
export const schedules: Schedules = {
  'analytics.tell-server-events': { cron: '*/5 * * * *', expireSeconds: 3600, run: tellServerEvents },
  'analytics.purge-analytics': { cron: '17 4 * * *', expireSeconds: 2 * 3600, run: purgeAnalytics },
  'analytics.remove-old-exports': { cron: '2 4 * * *', expireSeconds: 3600, run: removeOldExports },
};
