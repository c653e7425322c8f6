import type { Jobs } from '../services.ts';
import { deliverEmail, deliveryRetries, giveUpDelivery } from './email-delivery.ts';
import { deliverKind } from './email-sending.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  [deliverKind]: {
    // A mail server that hangs holds one of them for a while.
    concurrency: 3,
    retries: deliveryRetries,
    expireSeconds: 900,
    // Who wrote it takes it back by `cancelEmail`.
    cancellable: false,
    run: deliverEmail,
    giveUp: giveUpDelivery,
    // Sending is bounded, and may be seen in the mailbox.
    revive: { instead: 'Send the e-mail again by `retryEmail`.' },
  },
};
