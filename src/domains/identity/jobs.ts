import { sendMailKind } from '../../mail/postbox.ts';
import { asItIs } from '../../queue/queue.ts';
import type { Jobs } from '../services.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  [sendMailKind]: {
    concurrency: 1,
    // With back-off this is about a quarter of an hour, in which a mail server may be away.
    retries: 10,
    expireSeconds: 120,
    cancellable: false,
    run: async ({ services }, { sealed }, { jobId }) => {
      await services.mail.send(String(sealed), jobId);
      return undefined;
    },
    giveUp: async ({ unit }, { type, id }) =>
      unit.record({ action: 'mail.failed', type: String(type), id: String(id) }),
    // A link in it may have expired meanwhile, and says so.
    revive: asItIs,
  },
};
