import type { Jobs } from '../services.ts';
import { sendKind, sendLaterKind } from './webhook-sending-soon.ts';
import { sendWebhook } from './webhook-sending.ts';

const sending = {
  retries: 3,
  expireSeconds: 300,
  run: sendWebhook,
  // What is due stays so, and the clock finds it.
  giveUp: async () => undefined,
};

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // One server that takes its time leaves places to others.
  [sendKind]: { ...sending, concurrency: 8 },
  [sendLaterKind]: { ...sending, concurrency: 2 },
};
