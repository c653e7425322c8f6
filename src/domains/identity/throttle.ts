import { RateLimiterMemory, RateLimiterRes } from 'rate-limiter-flexible';
import { RateLimited } from '../../errors.ts';

/** Counts tries inside the operation, so that aliases, sockets and parallel requests add up. */
export interface Throttle {
  /** Counts one try for each key. Throws RateLimited once a key has had its tries. */
  spend(keys: readonly string[]): Promise<void>;
  /** Gives the tries of a key back after a success. */
  forgive(key: string): Promise<void>;
}

/** `points` tries for each key in a window of `seconds`, counted by this process. */
export const throttle = (points: number, seconds: number): Throttle => {
  const limiter = new RateLimiterMemory({ points, duration: seconds });
  const spendOne = async (key: string): Promise<void> => {
    try {
      await limiter.consume(key);
    } catch (error) {
      if (error instanceof RateLimiterRes)
        throw new RateLimited(error.msBeforeNext / 1000, 'Too many tries; wait a while.');
      throw error;
    }
  };
  return {
    spend: async (keys) => {
      for (const key of keys) await spendOne(key);
    },
    forgive: async (key) => {
      await limiter.delete(key);
    },
  };
};

/** For load tests: counts nothing. */
export const unthrottled: Throttle = { spend: async () => undefined, forgive: async () => undefined };
