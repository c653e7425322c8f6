import { RateLimiterMemory, RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import type { Context } from '../domains/context.ts';
import type { Counters } from '../domains/identity/counters.ts';
import { RateLimited } from '../errors.ts';

/** Cost units that one user, or one anonymous address, may spend in a minute; an organization has ten times as many. */
const unitsPerMinute = 200_000;

const spend = async (limiter: RateLimiterAbstract, key: string, cost: number): Promise<number> => {
  try {
    return (await limiter.consume(key, Math.max(1, cost))).remainingPoints;
  } catch (error) {
    if (error instanceof RateLimiterRes) throw new RateLimited(error.msBeforeNext / 1000);
    throw error;
  }
};

/**
 * Charges the cost of each operation to its user and organization, before it runs: of all processes together where that takes little, otherwise each
 * process by itself. Throws RateLimited.
 */
export const meter = (counters: Counters) => {
  const limiter = (name: string, points: number): RateLimiterAbstract =>
    counters.countsAll
      ? counters.limiter({ name, points, seconds: 60 })
      : new RateLimiterMemory({ keyPrefix: name, points, duration: 60 });
  const users = limiter('cost-user', unitsPerMinute);
  const organizations = limiter('cost-organization', unitsPerMinute * 10);
  return async ({ viewer, origin }: Context, cost: number): Promise<number> => {
    const ofUser = await spend(users, viewer?.userId ?? `address ${origin.address}`, cost);
    return viewer === null ? ofUser : Math.min(ofUser, await spend(organizations, viewer.organizationId, cost));
  };
};
