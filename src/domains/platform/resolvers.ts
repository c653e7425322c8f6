import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Resolvers } from '../../generated/resolvers.ts';
import { jobTopic } from '../../queue/queue.ts';
import type { JobRow } from '../../queue/tables.ts';
import { globalId } from '../../ids.ts';
import { nextRunByJob } from '../../queue/waiting.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import { cancelJob } from './cancelling.ts';
import { withTargets } from './event-targets.ts';
import { isCancellable, isRetryable } from './job-rules.ts';
import { jobById, jobList } from './loaders.ts';
import { retryJob } from './retrying.ts';

const ended = new Set<JobRow['state']>(['SUCCEEDED', 'FAILED', 'CANCELLED']);

const jobNow = async (unit: UnitOfWork, id: string): Promise<JobRow> => {
  try {
    return await found('Job', id, jobById(unit));
  } finally {
    await unit.rest();
  }
};

/** The job as it is, then after each change; read anew each time, so that the viewer's rights at that moment decide. */
async function* jobProgress({ unit, services }: Context, id: string): AsyncGenerator<{ jobProgress: JobRow }> {
  const changes = services.bus.subscribe(jobTopic(id));
  try {
    for (;;) {
      const job = await jobNow(unit.as(unit.scope), id);
      yield { jobProgress: job };
      if (ended.has(job.state) || (await changes.next()).done === true) return;
    }
  } finally {
    await changes.return?.();
  }
}

export const resolvers: Resolvers = {
  Query: {
    job: (_root, { id }, { unit }) => found('Job', id, jobById(unit)),
    jobs: (_root, args, { unit }) => jobList<JobRow>(unit, { ...args, filter: withTargets(args.filter) }),
  },
  Mutation: {
    cancelJob: async (_root, { input }, context) => ({ job: await cancelJob(context, input.id) }),
    retryJob: async (_root, { input }, context) => ({ job: await retryJob(context, input.id) }),
  },
  Job: {
    targetId: ({ targetType, targetId }) =>
      targetType === null || targetId === null ? null : globalId(targetType, targetId),
    requestedBy: ({ requestedById }, _args, { unit }) =>
      requestedById === null ? null : memberUserById(unit).load(requestedById),
    nextRunAt: async ({ id, state }, _args, { unit }) =>
      state === 'QUEUED' ? ((await nextRunByJob(unit).load(id))?.at ?? null) : null,
    cancellable: (job, _args, context) => isCancellable(context.services.jobs, viewerOf(context), job),
    retryable: (job, _args, context) => isRetryable(context.services.jobs, viewerOf(context), job),
  },
  Subscription: { jobProgress: { subscribe: (_root, { id }, context) => jobProgress(context, id) } },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { Job: jobById };
