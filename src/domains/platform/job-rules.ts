import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { Forbidden, NotFound } from '../../errors.ts';
import { keptDays } from '../../queue/queue.ts';
import { jobs, type JobRow } from '../../queue/tables.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import type { Jobs } from '../services.ts';

const dayMs = 24 * 3600 * 1000;

export const isJob = (organizationId: string, id: string) =>
  and(eq(jobs.organizationId, organizationId), eq(jobs.id, id));

/** Whether somebody decides about a job: who asked for it, and who holds the organization. */
const decidesOn = ({ userId, principals, organizationId }: Viewer, { requestedById }: JobRow): boolean =>
  requestedById === userId || principals.includes(organizationId);

/** Locks a job that the viewer decides about. Throws NotFound, Forbidden. */
export const lockedJob = async (context: Context, id: string): Promise<JobRow> => {
  const { organizationId } = context.unit;
  const [job] = await database.select().from(jobs).where(isJob(organizationId, id)).for('update');
  if (job === undefined) throw new NotFound('Job', id);
  if (!decidesOn(viewerOf(context), job))
    throw new Forbidden('JOB_READ', 'About a job decides who asked for it, or an administrator.');
  return job;
};

const open = new Set<JobRow['state']>(['QUEUED', 'RUNNING']);
const unfinished = new Set<JobRow['state']>(['FAILED', 'CANCELLED']);

/** Whether the viewer could call a job off at this moment. */
export const isCancellable = (kinds: Jobs, viewer: Viewer, job: JobRow): boolean =>
  open.has(job.state) && kinds[job.kind]?.cancellable !== false && decidesOn(viewer, job);

/** Whether the viewer could have a job put back at this moment, as far as the job itself goes. */
export const isRetryable = (kinds: Jobs, viewer: Viewer, job: JobRow): boolean => {
  const revive = kinds[job.kind]?.revive;
  return (
    unfinished.has(job.state) &&
    typeof revive === 'function' &&
    job.finishedAt !== null &&
    Date.now() - Date.parse(job.finishedAt) < keptDays * dayMs &&
    !viewer.standing.dormant &&
    decidesOn(viewer, job)
  );
};
