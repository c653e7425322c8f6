import type { Schedules } from '../services.ts';
import { catchUpAll } from './catching-up.ts';

/** Work of this domain that comes again and again. */
export const schedules: Schedules = {
  'knowledge.begin-catching-up': { cron: '* * * * *', expireSeconds: 300, run: catchUpAll },
};
