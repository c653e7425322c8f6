import { eq, sql } from 'drizzle-orm';
import { fromDrizzle, type JobWithMetadata, type PgBoss } from 'pg-boss';
import { database } from '../database/client.ts';
import type { UnitOfWork } from '../database/unit-of-work.ts';
import { DomainError } from '../errors.ts';
import { inScope } from '../telemetry/log.ts';
import type { WorkRecord } from '../telemetry/work-record.ts';
import { listenForCancelling } from './cancelling.ts';
import { tellEnd } from './ends.ts';
import { mark, now, type Marks } from './marks.ts';
import { carriedBy, messageOf, unitOfJob, type BossOptions, type Carried, type Payload } from './payload.ts';
import { JobEnded, type JobHandler, type Run } from './queue.ts';
import { jobs } from './tables.ts';

/** What it takes to carry jobs out in this process. */
export interface Means {
  readonly boss: PgBoss;
  readonly options: BossOptions;
  /** Aborts when the process shuts down. */
  readonly stopping: AbortSignal;
}

type Given = JobWithMetadata<Payload>;

/** Runs a job once. Each line it logs names the request that asked for the job, and its trace. */
export const carryOut = <Work>(
  means: Means,
  job: Given,
  handler: JobHandler<Work>,
  workOf: (unit: UnitOfWork) => Work,
): Promise<void> => {
  const asked = job.data.asked ?? { requestId: `job ${carriedBy(job).jobId}` };
  const record = means.options.observer.job(asked);
  const scope = { requestId: asked.requestId, traceId: record.trace?.traceId ?? asked.trace?.traceId ?? '' };
  return inScope(scope, () => tried(means, job, handler, workOf, record));
};

const tried = async <Work>(
  { boss, options, stopping }: Means,
  job: Given,
  handler: JobHandler<Work>,
  workOf: (unit: UnitOfWork) => Work,
  record: WorkRecord,
): Promise<void> => {
  const carried = carriedBy(job);
  const unit = unitOfJob(options, carried, job.data, record);
  const attempt = job.retryCount + 1;
  const note = (values: Marks) => mark(unit, options.bus, carried, values);
  const cancelling = listenForCancelling(options.bus, carried);
  const told = tellEnd(job.name, (outcome) => {
    const attributes = { 'tessera.job_id': carried.jobId, 'tessera.attempt': attempt, 'tessera.outcome': outcome };
    record.end(`job ${job.name}`, attributes, outcome === 'failed');
  });
  let begun: Awaited<ReturnType<typeof note>> = null;
  try {
    const attempts = sql`${jobs.attempts} + 1`;
    begun = await note({ state: 'RUNNING', attempts, error: null, startedAt: now() });
    // It has ended already when the end was written and only the package's word of it was lost, or when it was cancelled.
    if (begun === null) return;
    const run: Run = {
      jobId: carried.jobId,
      attempt,
      kept: begun.result,
      // The package's aborts when the time of the run is up.
      signal: AbortSignal.any([stopping, cancelling.signal, job.signal]),
      // The bus may have lost the word of it.
      progress: async (percent) => void ((await note({ progress: Math.round(percent) })) ?? cancelling.cancel()),
      keep: (other, result, percent) => keep(other, options, carried, cancelling.cancel, result, percent),
    };
    const result = await handler.run(workOf(unit), job.data.data, run);
    await unit.transact(async () => {
      await note({ state: 'SUCCEEDED', progress: 100, result: result ?? null, finishedAt: now() });
      // Here and not by the package afterwards, so that both say the same at every moment. Our row tells all that is still of interest.
      await boss.deleteJob(job.name, job.id, { db: fromDrizzle(database, sql) });
    });
    told('succeeded');
  } catch (error) {
    // Whatever it was doing, nobody waits for it.
    if (cancelling.signal.aborted) return told('cancelled');
    told('failed');
    const { jobId } = carried;
    options.log.warn({ kind: job.name, jobId, attempt, message: messageOf(error) }, 'A job failed.');
    if (begun !== null) await noteFailure(unit, options, job, begun.attempts, error);
    throw new Error(messageOf(error), { cause: error });
  } finally {
    cancelling.stop();
    await unit.rest();
  }
};

const keep = async (
  unit: UnitOfWork,
  { bus }: BossOptions,
  carried: Carried,
  cancel: () => void,
  result: Readonly<Record<string, unknown>>,
  percent: number,
): Promise<void> => {
  if ((await mark(unit, bus, carried, { result, progress: Math.round(percent) })) !== null) return;
  cancel();
  throw new JobEnded('The job has ended.');
};

/**
 * Says why a run failed, as far as that is meant for people: the errors of the API. The job waits for its next run; after the last it goes on to
 * the dead letters, as it does after a crash. Another run, begun because the time of this one was up, is not disturbed.
 */
const noteFailure = async (
  unit: UnitOfWork,
  { bus }: BossOptions,
  job: Given,
  attempts: number,
  error: unknown,
): Promise<void> => {
  const isLast = job.retryCount >= job.retryLimit;
  const why = { error: error instanceof DomainError ? error.message : null };
  const values: Marks = isLast ? why : { ...why, state: 'QUEUED' };
  await mark(unit, bus, carriedBy(job), values, eq(jobs.attempts, attempts));
};
