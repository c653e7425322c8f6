import { BadUserInput } from '../../errors.ts';
import type { JobHandler } from '../../queue/queue.ts';
import type { Context } from '../context.ts';
import type { Work } from '../services.ts';
import { markAll, rollUp } from './rolling-up.ts';

/** The queue's name of this work. */
export const rebuildKind = 'analytics.rebuild-metrics';

const maxDays = 1100;
const dayMs = 86_400_000;

/** Has the metrics of a time made anew; gives the job's id. Throws BadUserInput. */
export const rebuildMetrics = ({ unit, services }: Context, from: Date, to: Date): Promise<string> => {
  const days = (to.getTime() - from.getTime()) / dayMs;
  if (days <= 0) throw new BadUserInput('input.to', 'A time ends after it began.');
  if (days > maxDays)
    throw new BadUserInput('input.to', `Figures are made anew for at most ${maxDays} days at a time.`);
  return unit.transact(async ({ organizationId }) => {
    const data = { from: from.toISOString(), to: to.toISOString() };
    const target = { type: 'Organization', id: organizationId };
    const jobId = await services.queue.enqueue(unit, { kind: rebuildKind, data, target });
    unit.record({ action: 'metrics.rebuild_requested', type: 'Organization', id: organizationId, data });
    return jobId;
  });
};

/** Marks the hours, and makes their periods. Begun again, it does the same once more. */
export const rebuild: JobHandler<Work>['run'] = async ({ unit }, data, run) => {
  await markAll(unit, String(data.from), String(data.to));
  return { hours: await rollUp(unit, run.signal) };
};
