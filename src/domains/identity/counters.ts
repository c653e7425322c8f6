import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import {
  RateLimiterDrizzle,
  RateLimiterMemory,
  RateLimiterRedis,
  type RateLimiterAbstract,
} from 'rate-limiter-flexible';
import { autocommitting } from '../../database/autocommit.ts';
import type { Pool } from '../../database/pool.ts';
import { throttleCounters } from './tables.ts';

/** So many tries for a key in a window of so many seconds, which begins with the first of them. */
export interface Window {
  readonly name: string;
  readonly points: number;
  readonly seconds: number;
}

/** Where all processes count together. */
export interface Counters {
  /** Whether counting takes so little that every operation can be counted. */
  readonly countsAll: boolean;
  /** Counts here what belongs to a window. Without the store each process counts by itself until it is back. */
  limiter(window: Window): RateLimiterAbstract;
  close(): void;
}

/** A key out of tries is refused from memory until its window ends, so that a flood costs no statement. */
const options = ({ name, points, seconds: duration }: Window) => ({
  keyPrefix: name,
  points,
  duration,
  inMemoryBlockOnConsumed: points,
  insuranceLimiter: new RateLimiterMemory({ keyPrefix: name, points, duration }),
});

/** Counts in the table `throttle_counters`. */
export const countersInPostgres = (pool: Pool): Counters => {
  const storeClient = autocommitting(pool);
  let clearsTable = true;
  return {
    countsAll: false,
    limiter: (window) => {
      const clearExpiredByTimeout = clearsTable;
      // The first one clears the table for all.
      clearsTable = false;
      return new RateLimiterDrizzle({
        ...options(window),
        storeClient,
        schema: throttleCounters,
        clearExpiredByTimeout,
      });
    },
    close: () => undefined,
  };
};

const redisTimeoutMs = 2000;

/** Counts in Redis, which several installations may share by numbers of databases. */
export const countersInRedis = async (url: string, log: Logger): Promise<Counters> => {
  const storeClient = new Redis(url, {
    lazyConnect: true,
    enableOfflineQueue: false,
    maxRetriesPerRequest: 1,
    connectTimeout: redisTimeoutMs,
    commandTimeout: redisTimeoutMs,
    disconnectTimeout: 200,
    retryStrategy: (attempt) => Math.min(attempt * 100, 2000),
  });
  storeClient.on('error', (error: Error) => log.warn({ message: error.name }, 'Redis cannot be reached.'));
  // While it is away, and from the start, each process counts by itself.
  await storeClient.connect().catch(() => undefined);
  return {
    countsAll: true,
    limiter: (window) => new RateLimiterRedis({ ...options(window), storeClient, rejectIfRedisNotReady: true }),
    close: () => storeClient.disconnect(),
  };
};
