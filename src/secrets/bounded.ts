import pLimit from 'p-limit';

/** More work is waiting than will be done in useful time; try again later. */
export class TooBusy extends Error {}

/** Does `atOnce` pieces of work at a time, first come first served, and refuses with TooBusy when `maxWaiting` more are waiting. */
export function bounded(atOnce: number, maxWaiting: number): <Result>(work: () => Promise<Result>) => Promise<Result> {
  const limit = pLimit(atOnce);
  return async (work) => {
    if (limit.activeCount === atOnce && limit.pendingCount >= maxWaiting)
      throw new TooBusy('Too much work is waiting.');
    return limit(work);
  };
}
