import { wholeOf } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import { keptDays, type Ended, type Revive } from '../../queue/queue.ts';
import type { JobRow } from '../../queue/tables.ts';
import { viewerOf, type Context } from '../context.ts';
import type { Jobs, Reviving } from '../services.ts';
import { lockedJob } from './job-rules.ts';

/**
 * Puts a job back that failed or was cancelled, with what it worked on: it is begun at once, in its requester's name. Throws NotFound, Forbidden (neither
 * the requester nor whoever holds the organization, or the kind's own right is missing), Conflict (it has not ended, or has succeeded; its
 * kind is not put back; the queue no longer knows what it was given; what it worked on has gone on; the organization is deleted).
 */
export const retryJob = (context: Context, id: string): Promise<JobRow> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const job = await lockedJob(context, id);
    const ended = endedOf(job);
    const revive = reviverOf(services.jobs, job);
    if (viewer.standing.dormant) throw new Conflict('organization', 'Nothing is begun in a deleted organization.');
    // With the sight of the whole organization that jobs have.
    const queued = await services.queue.retry(unit, job, (data) =>
      unit.nested(wholeOf(organizationId, viewer.userId), (inner) =>
        revive({ unit: inner, services, viewer }, data, ended),
      ),
    );
    if (queued === null)
      throw new Conflict('id', `What this job was given is not known any more: it is kept for ${keptDays} days.`);
    unit.record({ action: 'job.retried', type: 'Job', id, data: { kind: job.kind, state: job.state } });
    return queued;
  });
};

const endedOf = (job: JobRow): Ended => {
  const { state, result } = job;
  if (state === 'FAILED' || state === 'CANCELLED') return { state, result };
  const message = state === 'SUCCEEDED' ? 'This job has succeeded.' : 'This job has not ended.';
  throw new Conflict('state', message, { state });
};

const reviverOf = (kinds: Jobs, { kind }: JobRow): Revive<Reviving> => {
  const revive = kinds[kind]?.revive;
  if (revive === undefined) throw new Conflict('kind', 'This version of Tessera does not know this kind of work.');
  if (typeof revive !== 'function') throw new Conflict('kind', revive.instead);
  return revive;
};
