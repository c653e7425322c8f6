import type { UnitOfWork } from '../database/unit-of-work.ts';

/** Work to be done later. `data` is JSON and holds ids, never secrets. */
export interface Enqueued {
  /** Name of the kind of work, `<domain>.<verb>-<thing>`; a domain's `jobs.ts` handles it. */
  readonly kind: string;
  readonly data: Readonly<Record<string, string | number | boolean | null>>;
  /** What it works on: GraphQL type and UUID. */
  readonly target: { readonly type: string; readonly id: string };
  /** Whose members may see the job's row, besides the requester. */
  readonly workspaceId?: string;
  /** It is begun so many seconds later at the earliest; at once when absent. */
  readonly startAfterSeconds?: number;
}

/** What a handler gets besides the data. */
export interface Run {
  readonly jobId: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** Aborts when the process shuts down. */
  readonly signal: AbortSignal;
  /** Percent done, 0 to 100. */
  progress(percent: number): Promise<void>;
}

/** How one kind of work is done. It may run twice for one job (a crash in between), so it is idempotent. */
export interface JobHandler<Work> {
  readonly concurrency: number;
  /** Tries after the first. */
  readonly retries: number;
  /** A run that takes longer is taken for crashed and tried again. */
  readonly expireSeconds: number;
  /** Does the work; the unit sees the whole organization. What it returns becomes the job's result. */
  run(work: Work, data: Readonly<Record<string, unknown>>, run: Run): Promise<Record<string, unknown> | undefined>;
  /**
   * Leaves what the job worked on in a final state after its last run failed or never came back (a crash), in the transaction that
   * marks the job FAILED.
   */
  giveUp(work: Work, data: Readonly<Record<string, unknown>>): Promise<void>;
}

/**
 * Work that comes again and again, in the platform's name: its unit sees what belongs to no tenant. Of all processes one does it at a time; when
 * that one crashes it is done again, so it is idempotent.
 */
export interface Schedule<Work> {
  /** When: minute, hour, day of month, month and day of week (crontab), UTC. */
  readonly cron: string;
  /** A run that takes longer is taken for crashed and tried again. */
  readonly expireSeconds: number;
  /** The signal aborts when the process shuts down. */
  run(work: Work, signal: AbortSignal): Promise<void>;
}

export interface Queue {
  /** Adds a job and its row in the unit's running transaction; it exists exactly when that commits. Gives the job's id. */
  enqueue(unit: UnitOfWork, work: Enqueued): Promise<string>;
}

/** Where the bus tells that a job's row has changed. */
export const jobTopic = (jobId: string): string => `job:${jobId}`;
