import type { Jobs } from '../services.ts';
import { exportKind } from './event-log-export.ts';
import { runExport } from './event-log-export-run.ts';
import { runVerification, verifyKind } from './event-log-verifying.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // Nothing is left of a file that was not finished.
  [exportKind]: { concurrency: 1, retries: 3, expireSeconds: 6 * 3600, run: runExport, giveUp: async () => undefined },
  // It only reads.
  [verifyKind]: {
    concurrency: 1,
    retries: 2,
    expireSeconds: 6 * 3600,
    run: runVerification,
    giveUp: async () => undefined,
  },
};
