import type { Jobs } from '../services.ts';
import { rebuild, rebuildKind } from './rebuilding.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // Marks that are left are found by the schedule.
  [rebuildKind]: { concurrency: 1, retries: 3, expireSeconds: 3 * 3600, run: rebuild, giveUp: async () => undefined },
};
