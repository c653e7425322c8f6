import type { Jobs } from '../services.ts';
import { moveVectorsKind } from '../tenancy/workspaces.ts';
import { bulkKind } from './bulk.ts';
import { runBulk } from './bulk-run.ts';
import { ingestKind } from './document-changes.ts';
import { giveUpIngestion, ingest, ingestRetries } from './ingestion.ts';
import { giveUpReembedding, reembed, reembedKind } from './reembedding.ts';
import { syncKind } from './sync-beginning.ts';
import { giveUpSync, runSync } from './sync-run.ts';
import { dropKind, dropVectors, giveUpVectors, moveVectors } from './vectors.ts';

/** A large workspace takes its time; whoever crashes is noticed by the silence. */
const expireSeconds = 20 * 3600;

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // Two at once: reading is bound by the processor, which the server needs too.
  [ingestKind]: { concurrency: 2, retries: ingestRetries, expireSeconds: 900, run: ingest, giveUp: giveUpIngestion },
  // Its providers' faults pass, if only after some minutes.
  [reembedKind]: { concurrency: 1, retries: 8, expireSeconds, run: reembed, giveUp: giveUpReembedding },
  [dropKind]: { concurrency: 1, retries: 8, expireSeconds, run: dropVectors, giveUp: giveUpVectors },
  [moveVectorsKind]: { concurrency: 1, retries: 8, expireSeconds, run: moveVectors, giveUp: giveUpVectors },
  // What was done stays done, and its row tells how far that is.
  [bulkKind]: { concurrency: 2, retries: 5, expireSeconds: 6 * 3600, run: runBulk, giveUp: async () => undefined },
  // Runs wait for others most of the time. A stop of the server in the middle is a try, too.
  [syncKind]: { concurrency: 4, retries: 10, expireSeconds: 20 * 3600, run: runSync, giveUp: giveUpSync },
};
