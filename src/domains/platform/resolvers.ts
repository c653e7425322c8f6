import type { Resolvers } from '../../generated/resolvers.ts';
import { jobTopic } from '../../queue/queue.ts';
import type { JobRow } from '../../queue/tables.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { jobById } from './loaders.ts';

const ended = new Set<JobRow['state']>(['SUCCEEDED', 'FAILED', 'CANCELLED']);

/** The job as it is, then after each change; read anew each time, so that the viewer's rights at that moment decide. */
async function* jobProgress({ unit, services }: Context, id: string): AsyncGenerator<{ jobProgress: JobRow }> {
  const changes = services.bus.subscribe(jobTopic(id));
  try {
    for (;;) {
      const fresh = unit.as(unit.scope);
      const job = await found('Job', id, jobById(fresh)).finally(() => fresh.rest());
      yield { jobProgress: job };
      if (ended.has(job.state) || (await changes.next()).done === true) return;
    }
  } finally {
    await changes.return?.();
  }
}

export const resolvers: Resolvers = {
  Query: { job: (_root, { id }, { unit }) => found('Job', id, jobById(unit)) },
  Subscription: { jobProgress: { subscribe: (_root, { id }, context) => jobProgress(context, id) } },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { Job: jobById };
