import type { UnitOfWork } from '../database/unit-of-work.ts';
import type { Services } from './services.ts';

/** What is looked through: `find` gives what is due, and `look` puts it off first, so that one that fails is not in the way of others. */
export interface DueWork<Due> {
  /** What is due, at most so many. */
  readonly find: (atOnce: number) => Promise<readonly Due[]>;
  readonly look: (due: Due) => Promise<void>;
  /** What is logged where looking fails. */
  readonly failure: string;
}

const atOnce = 100;

/** Looks at what is due, of all tenants, one after the other until nothing is; what fails is logged. Gives the number of those that it looked at. */
export const lookThrough = async <Due>(
  { unit, services: { log } }: { readonly unit: UnitOfWork; readonly services: Pick<Services, 'log'> },
  signal: AbortSignal,
  { find, look, failure }: DueWork<Due>,
): Promise<number> => {
  for (let looked = 0; ;) {
    const found = await unit.run(() => find(atOnce));
    await unit.rest();
    for (const due of found) {
      if (signal.aborted) return looked;
      looked++;
      await look(due).catch((error: unknown) => log.error({ err: error, due }, failure));
    }
    if (found.length < atOnce) return looked;
  }
};
