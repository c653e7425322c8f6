import { asItIs } from '../../queue/queue.ts';
import { writtenByJob } from '../content/written-files.ts';
import { withPermission } from '../reviving.ts';
import type { Jobs } from '../services.ts';
import { exportKind } from './event-log-export.ts';
import { runExport } from './event-log-export-run.ts';
import { runVerification, verifyKind } from './event-log-verifying.ts';
import { sendKind, sendLaterKind } from './webhook-sending-soon.ts';
import { sendWebhook } from './webhook-sending.ts';

const sending = {
  retries: 3,
  expireSeconds: 300,
  run: sendWebhook,
  // What is due stays so, and the clock finds it.
  giveUp: async () => undefined,
  revive: asItIs,
};

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // One server that takes its time leaves places to others.
  [sendKind]: { ...sending, concurrency: 8 },
  [sendLaterKind]: { ...sending, concurrency: 2 },
  [exportKind]: writtenByJob(runExport),
  // It only reads.
  [verifyKind]: {
    concurrency: 1,
    retries: 2,
    expireSeconds: 6 * 3600,
    run: runVerification,
    giveUp: async () => undefined,
    revive: withPermission('EVENT_LOG_READ'),
  },
};
