import { sql } from 'drizzle-orm';
import type { JobWithMetadata } from 'pg-boss';
import type { UnitOfWork } from '../database/unit-of-work.ts';
import { tellEnd } from './ends.ts';
import { mark, now } from './marks.ts';
import { carriedByLetter, messageOf, unitOfJob, type BossOptions, type Carried, type Payload } from './payload.ts';
import type { JobHandler } from './queue.ts';
import { jobs } from './tables.ts';

type Letter = JobWithMetadata<Payload>;

const unexplained = 'The work failed and was given up.';

/**
 * Ends a job for good, with what it worked on. Where that fails it is tried again with growing pauses, and at the last try the job alone is ended:
 * neither it nor a crash in between keeps it from coming to its end.
 */
export const giveUp = async <Work>(
  options: BossOptions,
  letter: Letter,
  handlers: Readonly<Record<string, JobHandler<Work>>>,
  workOf: (unit: UnitOfWork) => Work,
): Promise<void> => {
  const { data } = letter;
  const isLast = letter.retryCount >= letter.retryLimit;
  const carried = carriedByLetter(letter);
  const { jobId, kind } = carried;
  const told = tellEnd(kind);
  const unit = unitOfJob(options, carried, data);
  try {
    await unit.transact(async () => {
      const ended = await markFailed(unit, options, carried);
      if (ended !== null && !isLast) await handlers[kind]?.giveUp(workOf(unit), data.data, 'FAILED');
    });
  } catch (error) {
    options.log.error({ kind, jobId, message: messageOf(error) }, 'A job could not be given up.');
    throw new Error(messageOf(error), { cause: error });
  }
  if (isLast) options.log.error({ kind, jobId }, 'A job was given up, and what it worked on was left as it was.');
  else options.log.error({ kind, jobId }, 'A job was given up.');
  told('given_up');
};

/** Marks a job FAILED, by what its last run said of it; null when it has ended. */
export const markFailed = (unit: UnitOfWork, { bus }: BossOptions, carried: Carried, why = unexplained) =>
  mark(unit, bus, carried, { state: 'FAILED', error: sql`coalesce(${jobs.error}, ${why})`, finishedAt: now() });
