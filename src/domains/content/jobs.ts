import type { Jobs } from '../services.ts';
import { ingestKind } from './document-changes.ts';
import { giveUpIngestion, ingest } from './ingestion.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // Two at once: reading is bound by the processor, which the server needs too.
  [ingestKind]: { concurrency: 2, retries: 3, expireSeconds: 900, run: ingest, giveUp: giveUpIngestion },
};
