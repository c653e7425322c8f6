import type { Jobs } from '../services.ts';
import { giveUpIngestion, ingest } from './ingestion.ts';
import { ingestKind } from './operations.ts';
import { syncKind } from './sync-beginning.ts';
import { giveUpSync, runSync } from './sync-run.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // Two at once: reading is bound by the processor, which the server needs too.
  [ingestKind]: { concurrency: 2, retries: 3, expireSeconds: 900, run: ingest, giveUp: giveUpIngestion },
  // Runs wait for others most of the time. A stop of the server in the middle is a try, too.
  [syncKind]: { concurrency: 4, retries: 10, expireSeconds: 20 * 3600, run: runSync, giveUp: giveUpSync },
};
