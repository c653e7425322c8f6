import type { Schedules } from '../services.ts';
import { trainIvfflat } from './vectors.ts';

/** Each night, when few are awake where most servers are. */
export const schedules: Schedules = {
  'content.train-ivfflat': {
    cron: '27 3 * * *',
    expireSeconds: 4 * 3600,
    run: async ({ unit }) => void (await trainIvfflat(unit)),
  },
};
