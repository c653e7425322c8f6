import type { Jobs } from '../services.ts';
import { bulkKind } from './bulk.ts';
import { runBulk } from './bulk-run.ts';
import { ingestKind } from './document-changes.ts';
import { giveUpIngestion, ingest } from './ingestion.ts';
import { syncKind } from './sync-beginning.ts';
import { giveUpSync, runSync } from './sync-run.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // Two at once: reading is bound by the processor, which the server needs too.
  [ingestKind]: { concurrency: 2, retries: 3, expireSeconds: 900, run: ingest, giveUp: giveUpIngestion },
  // What was done stays done, and its row tells how far that is.
  [bulkKind]: { concurrency: 2, retries: 5, expireSeconds: 6 * 3600, run: runBulk, giveUp: async () => undefined },
  // Runs wait for others most of the time. A stop of the server in the middle is a try, too.
  [syncKind]: { concurrency: 4, retries: 10, expireSeconds: 20 * 3600, run: runSync, giveUp: giveUpSync },
};
