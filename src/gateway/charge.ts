import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import type { Context } from '../domains/context.ts';
import { RateLimited } from '../errors.ts';

/** Cost units that one user, or one anonymous address, may spend in a minute; an organization has ten times as many. */
const unitsPerMinute = 200_000;

const spend = async (limiter: RateLimiterMemory, key: string, cost: number): Promise<number> => {
  try {
    return (await limiter.consume(key, Math.max(1, cost))).remainingPoints;
  } catch (error) {
    if (error instanceof RateLimiterRes) throw new RateLimited(error.msBeforeNext / 1000);
    throw error;
  }
};

/** Charges the cost of each operation to its user and organization, before it runs. Throws RateLimited. */
export const meter = () => {
  const users = new RateLimiterMemory({ points: unitsPerMinute, duration: 60 });
  const organizations = new RateLimiterMemory({ points: unitsPerMinute * 10, duration: 60 });
  return async ({ viewer, origin }: Context, cost: number): Promise<number> => {
    const ofUser = await spend(users, viewer?.userId ?? `address ${origin.address}`, cost);
    return viewer === null ? ofUser : Math.min(ofUser, await spend(organizations, viewer.organizationId, cost));
  };
};
