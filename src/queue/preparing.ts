import type { PgBoss } from 'pg-boss';
import { newId } from '../ids.ts';
import { keptDays, type JobHandler, type Schedule } from './queue.ts';

/** Where jobs go whose last run failed, or never came back. */
export const deadLetters = 'dead-letters';

/** How soon it is noticed that a worker has crashed. */
export interface Pace {
  /** Seconds a worker may be silent before its job is given to another, at least 10. */
  readonly heartbeatSeconds: number;
  /** Seconds between two looks for such workers. */
  readonly superviseSeconds: number;
  /** Tries after the first to give a job up; at the last the job alone is ended. */
  readonly lettersRetried: number;
}

/** The tries to give a job up go on for an hour and a half. */
export const usualPace: Pace = { heartbeatSeconds: 20, superviseSeconds: 10, lettersRetried: 12 };

const day = 24 * 3600;
/** Work that waits is never lost: it is longer than anybody leaves an installation without workers. */
const retentionSeconds = 3650 * day;

export type Kinds = Readonly<Record<string, Pick<JobHandler<never>, 'retries' | 'expireSeconds'>>>;
export type Clocks = Readonly<Record<string, Pick<Schedule<never>, 'cron' | 'expireSeconds'>>>;

/** Makes the queues of these kinds of work, and brings those that an earlier version made up to date. */
export const prepareQueues = async (boss: PgBoss, kinds: Kinds, clocks: Clocks, pace: Pace): Promise<void> => {
  const { heartbeatSeconds } = pace;
  const letters = {
    retryLimit: pace.lettersRetried,
    retryDelay: 5,
    retryBackoff: true,
    retryDelayMax: 900,
    expireInSeconds: 300,
    retentionSeconds,
    heartbeatSeconds,
  };
  await boss.createQueue(deadLetters, letters);
  await boss.updateQueue(deadLetters, letters);
  for (const [kind, { retries, expireSeconds }] of Object.entries(kinds)) {
    const queue = {
      retryLimit: retries,
      retryDelay: 1,
      retryBackoff: true,
      expireInSeconds: expireSeconds,
      retentionSeconds,
      deleteAfterSeconds: keptDays * day,
      heartbeatSeconds,
      deadLetter: deadLetters,
    };
    await boss.createQueue(kind, queue);
    // One that an earlier version made stays as it was otherwise.
    await boss.updateQueue(kind, queue);
    // Brings the queue into the package's cache: looking it up inside a caller's transaction would need a second connection.
    await boss.findJobs(kind, { id: newId() });
  }
  for (const [kind, { cron, expireSeconds }] of Object.entries(clocks)) {
    const queue = { retryLimit: 2, retryDelay: 60, expireInSeconds: expireSeconds, heartbeatSeconds };
    await boss.createQueue(kind, { ...queue, policy: 'exclusive' });
    await boss.updateQueue(kind, queue);
    await boss.schedule(kind, cron, {});
  }
};
