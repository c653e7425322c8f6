import { asItIs } from '../../queue/queue.ts';
import type { Jobs } from '../services.ts';
import { catchUpKind } from './catching-up-soon.ts';
import { catchUp, giveUpCatchingUp } from './catching-up.ts';

/** Work of this domain that comes later. */
export const jobs: Jobs = {
  // A large bank takes its time; whoever crashes is noticed by the silence.
  [catchUpKind]: {
    concurrency: 1,
    retries: 5,
    expireSeconds: 20 * 3600,
    run: catchUp,
    giveUp: giveUpCatchingUp,
    revive: asItIs,
  },
};
