import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import { jobs, type JobRow } from '../../queue/tables.ts';
import { viewerOf, type Context } from '../context.ts';
import { isJob, lockedJob } from './job-rules.ts';

/**
 * Ends a job that waits or runs, and leaves what it worked on in a final state. What it has done stays done; where it runs it stops soon.
 * Throws NotFound, Forbidden (neither the requester nor whoever holds the organization), Conflict (it has ended, or its kind is never cancelled).
 */
export const cancelJob = (context: Context, id: string): Promise<JobRow> => {
  const { unit, services } = context;
  return unit.transact(async ({ organizationId }) => {
    const job = await lockedJob(context, id);
    const handler = services.jobs[job.kind];
    if (handler?.cancellable === false) throw new Conflict('kind', 'A job of this kind cannot be cancelled.');
    const ended = await services.queue.cancel(unit, job);
    if (ended === null) throw new Conflict('state', 'This job has ended.', { state: job.state });
    const { data } = ended;
    // As when it fails, with the sight of the whole organization that jobs have.
    if (data !== null)
      await unit.nested(wholeOf(organizationId, viewerOf(context).userId), async (inner) =>
        handler?.giveUp({ unit: inner, services }, data, 'CANCELLED'),
      );
    unit.record({ action: 'job.cancelled', type: 'Job', id, data: { kind: job.kind } });
    return sole(await database.select().from(jobs).where(isJob(organizationId, id)));
  });
};
