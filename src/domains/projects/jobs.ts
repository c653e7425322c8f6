import { asItIs } from '../../queue/queue.ts';
import { writtenByJob } from '../content/written-files.ts';
import type { Jobs } from '../services.ts';
import { exportKind } from './task-export.ts';
import { runExport } from './task-export-run.ts';
import { importKind } from './task-import.ts';
import { runImport } from './task-import-run.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  [exportKind]: writtenByJob(runExport, 1),
  // What was made stays, and the job's result tells how much that is.
  [importKind]: {
    concurrency: 1,
    retries: 3,
    expireSeconds: 3600,
    run: runImport,
    giveUp: async () => undefined,
    revive: asItIs,
  },
};
