import { asItIs } from '../../queue/queue.ts';
import type { Jobs } from '../services.ts';
import { moveVectorsKind } from '../tenancy/workspaces.ts';
import { bulkKind } from './bulk.ts';
import { runBulk } from './bulk-run.ts';
import { ingestKind } from './document-changes.ts';
import { giveUpIngestion, ingest, ingestRetries } from './ingestion.ts';
import { reviveIngestion } from './ingestion-revival.ts';
import { giveUpReembedding, reembed, reembedKind } from './reembedding.ts';
import { syncKind } from './sync-beginning.ts';
import { giveUpSync, runSync } from './sync-run.ts';
import { dropKind, dropVectors, giveUpVectors, moveVectors } from './vectors.ts';

/** A large workspace takes its time; whoever crashes is noticed by the silence. */
const expireSeconds = 20 * 3600;

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // Two at once: reading is bound by the processor, which the server needs too.
  [ingestKind]: {
    concurrency: 2,
    retries: ingestRetries,
    expireSeconds: 900,
    run: ingest,
    giveUp: giveUpIngestion,
    revive: reviveIngestion,
  },
  // Its providers' faults pass, if only after some minutes.
  [reembedKind]: {
    concurrency: 1,
    retries: 8,
    expireSeconds,
    run: reembed,
    giveUp: giveUpReembedding,
    // Its vectors are being removed, and the model may not be usable any more.
    revive: { instead: 'Choose the model again by `setEmbeddingModel`.' },
  },
  [dropKind]: { concurrency: 1, retries: 8, expireSeconds, run: dropVectors, giveUp: giveUpVectors, revive: asItIs },
  [moveVectorsKind]: {
    concurrency: 1,
    retries: 8,
    expireSeconds,
    run: moveVectors,
    giveUp: giveUpVectors,
    revive: asItIs,
  },
  // What was done stays done, and its row tells how far that is.
  [bulkKind]: {
    concurrency: 2,
    retries: 5,
    expireSeconds: 6 * 3600,
    run: runBulk,
    giveUp: async () => undefined,
    // Each document is checked with the requester's rights at that time.
    revive: asItIs,
  },
  // Runs wait for others most of the time. A stop of the server in the middle is a try, too.
  [syncKind]: {
    concurrency: 4,
    retries: 10,
    expireSeconds: 20 * 3600,
    run: runSync,
    giveUp: giveUpSync,
    // Its run is told as ended, and another may be under way.
    revive: { instead: 'Begin another run by `syncDatasource`, `syncDocument` or `retrySyncFailure`.' },
  },
};
