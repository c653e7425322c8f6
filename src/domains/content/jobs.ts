import type { Jobs } from '../services.ts';
import { bulkKind } from './bulk.ts';
import { runBulk } from './bulk-run.ts';
import { ingestKind } from './document-changes.ts';
import { giveUpIngestion, ingest } from './ingestion.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // Two at once: reading is bound by the processor, which the server needs too.
  [ingestKind]: { concurrency: 2, retries: 3, expireSeconds: 900, run: ingest, giveUp: giveUpIngestion },
  // What was done stays done, and its row tells how far that is.
  [bulkKind]: { concurrency: 2, retries: 5, expireSeconds: 6 * 3600, run: runBulk, giveUp: async () => undefined },
};
