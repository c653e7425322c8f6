import type { Schedules } from '../services.ts';
import { catchUpAll } from './catching-up.ts';
import { forgetErased, sweepForgotten } from './forgetting.ts';

/** Lets the bank keep up with the rest of the data, which may be in another database. */
export const schedules: Schedules = {
  'knowledge.carry-changes': {
    cron: '* * * * *',
    expireSeconds: 600,
    run: async ({ services: { outbox } }, signal) => outbox?.carryAll(signal),
  },
  'knowledge.forget-erased': { cron: '* * * * *', expireSeconds: 600, run: forgetErased },
  'knowledge.sweep-forgotten': { cron: '17 4 * * *', expireSeconds: 3600, run: sweepForgotten },
  'knowledge.begin-catching-up': { cron: '* * * * *', expireSeconds: 300, run: catchUpAll },
};
