import { and, eq, inArray, sql, type SQL } from 'drizzle-orm';
import type { PgUpdateSetSource } from 'drizzle-orm/pg-core';
import { database } from '../database/client.ts';
import type { UnitOfWork } from '../database/unit-of-work.ts';
import type { Bus } from '../events/bus.ts';
import type { Carried } from './payload.ts';
import { jobTopic } from './queue.ts';
import { jobs, type JobRow } from './tables.ts';

export type Marks = PgUpdateSetSource<typeof jobs>;
type Marked = Pick<JobRow, 'result' | 'attempts'>;

export const now = (): string => new Date().toISOString();

/** The queue's row that carries a job out. */
export const queueIdOf = ({ id, queueId }: Pick<JobRow, 'id' | 'queueId'>): string => queueId ?? id;

/**
 * Writes down how far a job is; null when it has ended, or was put back since, so that another row of the queue carries it out. The latter keeps
 * out runs that do not know it yet.
 */
export const mark = (
  unit: UnitOfWork,
  bus: Bus,
  { jobId, queueId }: Carried,
  values: Marks,
  only?: SQL,
): Promise<Marked | null> =>
  unit.transact(async ({ organizationId }) => {
    const ofJob = and(eq(jobs.organizationId, organizationId), eq(jobs.id, jobId));
    const carried = sql`coalesce(${jobs.queueId}, ${jobs.id}) = ${queueId}`;
    const [marked] = await database
      .update(jobs)
      .set(values)
      .where(and(ofJob, inArray(jobs.state, ['QUEUED', 'RUNNING']), carried, only))
      .returning({ result: jobs.result, attempts: jobs.attempts });
    if (marked === undefined) return null;
    unit.afterCommit(() => bus.publish(jobTopic(jobId), {}));
    return marked;
  });
