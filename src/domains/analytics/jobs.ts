import { writtenByJob } from '../content/written-files.ts';
import { withPermission } from '../reviving.ts';
import type { Jobs } from '../services.ts';
import { runExport } from './export-run.ts';
import { exportKind } from './exporting.ts';
import { rebuild, rebuildKind } from './rebuilding.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  [exportKind]: writtenByJob(runExport),
  // Marks that are left are found by the schedule.
  [rebuildKind]: {
    concurrency: 1,
    retries: 3,
    expireSeconds: 3 * 3600,
    run: rebuild,
    giveUp: async () => undefined,
    revive: withPermission('ANALYTICS_MANAGE'),
  },
};
