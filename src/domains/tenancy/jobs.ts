import type { Jobs } from '../services.ts';
import { erase, eraseKind, giveUpErasure } from './organization-erasure.ts';
import { exportAll, exportKind, giveUpExport, reviveExport } from './organization-export.ts';

/** A large organization takes its time; whoever crashes is noticed by the silence. */
const expireSeconds = 20 * 3600;

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  [exportKind]: {
    concurrency: 1,
    retries: 3,
    expireSeconds,
    run: exportAll,
    giveUp: giveUpExport,
    revive: reviveExport,
  },
  [eraseKind]: {
    concurrency: 1,
    retries: 5,
    expireSeconds,
    cancellable: false,
    run: erase,
    giveUp: giveUpErasure,
    // It takes the owner's password.
    revive: { instead: 'Begin it again by `eraseOrganization`.' },
  },
};
