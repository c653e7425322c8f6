import type { Schedules } from '../services.ts';
import { purgeOrders } from './retention.ts';

/** Work of this domain that comes again each night, when few are awake where most servers are. */
export const schedules: Schedules = {
  'orders.purge-orders': { cron: '42 3 * * *', expireSeconds: 3600, run: purgeOrders },
};
