import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import { sealUpTo } from '../src/domains/platform/event-sealing.ts';
import { firstIdAt } from '../src/ids.ts';

/** Fills the tables of the platform, of an organization that the unit sees whole: a seal of what its log holds. */
export const fillPlatform = async (whole: UnitOfWork): Promise<void> => {
  await sealUpTo(whole, firstIdAt(Date.now() + 1000), new AbortController().signal);
};
