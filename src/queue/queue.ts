import type { UnitOfWork } from '../database/unit-of-work.ts';
import type { QueueState } from '../telemetry/metrics.ts';
import type { JobRow } from './tables.ts';

export type Json = string | number | boolean | null | readonly Json[] | { readonly [name: string]: Json };

/** Work to be done later. `data` is JSON and holds ids, never secrets. */
export interface Enqueued {
  /** Name of the kind of work, `<domain>.<verb>-<thing>`; a domain's `jobs.ts` handles it. */
  readonly kind: string;
  readonly data: Readonly<Record<string, Json>>;
  /** What it works on: GraphQL type and UUID. */
  readonly target: { readonly type: string; readonly id: string };
  /** Whose members may see the job's row, besides the requester. */
  readonly workspaceId?: string;
  /** Who else may see it, such as the key that asked for it. */
  readonly readers?: readonly string[];
  /** It is begun so many seconds later at the earliest; at once when absent. */
  readonly startAfterSeconds?: number;
}

/** What a handler gets besides the data. */
export interface Run {
  readonly jobId: string;
  /** Counted from 1. */
  readonly attempt: number;
  /** Aborts when the job is cancelled, and when the process shuts down. */
  readonly signal: AbortSignal;
  /** What an earlier try kept of its work; null for the first. */
  readonly kept: Readonly<Record<string, unknown>> | null;
  /** Percent done, 0 to 100. */
  progress(percent: number): Promise<void>;
  /**
   * Writes down how far the work is in the unit's running transaction, which may be one of the requester's: what was done and that it was done
   * are then known together. It shows as the job's result. Throws JobEnded when the job has been cancelled, so that nothing is done any more.
   */
  keep(unit: UnitOfWork, result: Readonly<Record<string, unknown>>, percent: number): Promise<void>;
}

/** The job has ended meanwhile, such as by being cancelled. */
export class JobEnded extends Error {}

/** Why work is given up. */
export type GivenUp = 'FAILED' | 'CANCELLED';

/** A job that has ended and is to be put back. */
export interface Ended {
  readonly state: GivenUp;
  /** What it kept of its work; null for nothing. */
  readonly result: Readonly<Record<string, unknown>> | null;
}

/** How a job goes on that is put back. */
export interface Revived {
  /** What it is given from now on; as before when absent. */
  readonly data?: Readonly<Record<string, unknown>>;
  /** It begins anew, and what it kept is forgotten. */
  readonly anew?: true;
}

/**
 * Brings what a job worked on back from the final state that it was left in, in the transaction that puts the job back. Throws Conflict where
 * that has gone on meanwhile, Forbidden.
 */
export type Revive<Reviving> = (
  reviving: Reviving,
  data: Readonly<Record<string, unknown>>,
  ended: Ended,
) => Promise<Revived>;

/** Nothing was left in a final state: the job is put back as it is, and goes on with what it kept. */
export const asItIs = async (): Promise<Revived> => ({});

/** How one kind of work is done. It may run twice for one job (a crash in between), so it is idempotent. */
export interface JobHandler<Work, Reviving = never> {
  readonly concurrency: number;
  /** Tries after the first. */
  readonly retries: number;
  /** A run that takes longer is taken for crashed and tried again. */
  readonly expireSeconds: number;
  /** Whether it can be cancelled; it can when absent. */
  readonly cancellable?: boolean;
  /** Does the work; the unit sees the whole organization. What it returns becomes the job's result. */
  run(work: Work, data: Readonly<Record<string, unknown>>, run: Run): Promise<Record<string, unknown> | undefined>;
  /**
   * Leaves what the job worked on in a final state after its last run failed or never came back (a crash), in the transaction that
   * marks the job FAILED; or while it may still run, in the one that marks it CANCELLED.
   */
  giveUp(work: Work, data: Readonly<Record<string, unknown>>, why: GivenUp): Promise<void>;
  /** What is done when somebody has a job put back that has ended; or, where none of this kind is, a sentence that says what to do instead. */
  readonly revive: Revive<Reviving> | { readonly instead: string };
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
  /**
   * Ends a job that waits or runs in the unit's running transaction: it is not begun any more, and where it runs, in whatever process, its
   * signal aborts soon after the commit. Null when it has ended already.
   */
  cancel(unit: UnitOfWork, job: Pick<JobRow, 'id' | 'kind' | 'queueId'>): Promise<Cancelled | null>;
  /**
   * Puts a job that FAILED or was CANCELLED back in the unit's running transaction: its row keeps its id, and it is begun at once, with all its
   * tries. What still runs of it writes nothing more down. `prepare` gets what it was given and says how it goes on. Null when the queue no
   * longer knows that (see `keptDays`), or when the job has not ended so.
   */
  retry(
    unit: UnitOfWork,
    job: JobRow,
    prepare: (data: Readonly<Record<string, unknown>>) => Promise<Revived>,
  ): Promise<JobRow | null>;
  /** Ends what nobody would end: work of kinds that this version does not know and that waits for a day, and what could not be given up. */
  endForgotten(signal: AbortSignal): Promise<void>;
  /** What waits and runs, of all processes. One statement, on an index of the queue's. */
  figures(): Promise<QueueState[]>;
}

/** A job that was cancelled. */
export interface Cancelled {
  /** What it was given to work on; null when the queue no longer knows. */
  readonly data: Readonly<Record<string, unknown>> | null;
}

/** Where the bus tells that a job's row has changed. */
export const jobTopic = (jobId: string): string => `job:${jobId}`;

/** How long the queue knows what a job was given that failed or was cancelled; until then it can be put back. */
export const keptDays = 30;
