import { and, desc, eq, inArray } from 'drizzle-orm';
import { database } from '../database/client.ts';
import type { UnitOfWork } from '../database/unit-of-work.ts';
import type { Queue } from './queue.ts';
import { jobs } from './tables.ts';

const live = (organizationId: string, kind: string, targetId: string) =>
  and(
    eq(jobs.organizationId, organizationId),
    eq(jobs.targetId, targetId),
    eq(jobs.kind, kind),
    inArray(jobs.state, ['QUEUED', 'RUNNING']),
  );

/** The newest job of a kind for a target that has not ended; null without one. In the unit's running transaction. */
export const liveJob = async (
  { organizationId }: UnitOfWork,
  kind: string,
  targetId: string,
): Promise<string | null> => {
  const [job] = await database
    .select({ id: jobs.id })
    .from(jobs)
    .where(live(organizationId, kind, targetId))
    .orderBy(desc(jobs.id))
    .limit(1);
  return job?.id ?? null;
};

/** Cancels the jobs of a kind for a target, in the unit's running transaction. What they worked on is left to the caller. */
export const cancelJobs = async (unit: UnitOfWork, queue: Queue, kind: string, targetId: string): Promise<void> => {
  const found = await database
    .select({ id: jobs.id, queueId: jobs.queueId })
    .from(jobs)
    .where(live(unit.organizationId, kind, targetId));
  for (const { id, queueId } of found) await queue.cancel(unit, { id, kind, queueId });
};

/** Whether a job has not ended, be it by `cancelJobs`. */
export const isLive = async (organizationId: string, jobId: string): Promise<boolean> => {
  const [job] = await database
    .select({ id: jobs.id })
    .from(jobs)
    .where(
      and(eq(jobs.organizationId, organizationId), eq(jobs.id, jobId), inArray(jobs.state, ['QUEUED', 'RUNNING'])),
    );
  return job !== undefined;
};
