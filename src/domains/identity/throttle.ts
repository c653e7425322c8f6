import { createHash } from 'node:crypto';
import { RateLimiterRes, type RateLimiterAbstract } from 'rate-limiter-flexible';
import { RateLimited } from '../../errors.ts';
import { bounded } from '../../secrets/bounded.ts';
import type { Counters } from './counters.ts';

/**
 * Counts tries inside the operation, so that aliases, sockets and parallel requests add up, in all processes together. Each count is
 * committed by itself: no unit may be open meanwhile (`await unit.rest()` first), for a pool may have one connection.
 */
export interface Throttle {
  /**
   * Counts one try for each key, such as `account <id>` or `address 192.0.2.7`, in this order. Throws RateLimited with
   * `retryAfterSeconds` once a key has had its tries; the keys behind it are not counted then, so the address comes first where
   * the other key is made up by who asks.
   */
  spend(keys: readonly string[]): Promise<void>;
  /** Gives the tries of a key back after a success. */
  forgive(key: string): Promise<void>;
}

/** Tries in a window: for each key, and for keys of addresses, which many people may share. */
interface Limit {
  readonly each: number;
  readonly address: number;
  readonly seconds: number;
}

/** What is throttled, and how much of it. */
export const limits = {
  signIn: { each: 10, address: 100, seconds: 900 },
  signInByAddress: { each: 100, address: 100, seconds: 900 },
  signUp: { each: 50, address: 50, seconds: 3600 },
  /** Codes of the second factor, and passwords that confirm an act of somebody signed in. */
  code: { each: 10, address: 100, seconds: 900 },
  /** Passwords replaced by recovery codes. */
  recovery: { each: 5, address: 50, seconds: 3600 },
  resetMail: { each: 5, address: 50, seconds: 3600 },
  verificationMail: { each: 5, address: 50, seconds: 3600 },
  /** Invites claimed, and tokens of mails redeemed. */
  claim: { each: 20, address: 100, seconds: 900 },
  loginLink: { each: 20, address: 100, seconds: 900 },
  /** E-mails of a member. */
  email: { each: 500, address: 500, seconds: 3600 },
  /** E-mails that a mail server hands over by one key. */
  inboundEmail: { each: 6000, address: 6000, seconds: 3600 },
  /** Keys of mail servers that nobody knows. */
  inboundKey: { each: 100, address: 100, seconds: 900 },
  /** Calls that try whether a key for a provider works. */
  keyTest: { each: 20, address: 20, seconds: 900 },
  /** Test calls of one API outside. */
  apiTest: { each: 20, address: 20, seconds: 900 },
  /** Tests of one webhook, and askings for its deliveries again. */
  webhookTest: { each: 60, address: 60, seconds: 900 },
  pairing: { each: 20, address: 100, seconds: 900 },
  /** Conversations shown by a link: read page by page, by many behind one address. */
  share: { each: 600, address: 600, seconds: 900 },
  /** Conversations that visitors of widgets begin. */
  visit: { each: 60, address: 60, seconds: 900 },
  /** What visitors send in a conversation, besides the limits of their widget. */
  visitorMessage: { each: 20, address: 120, seconds: 60 },
  /** Batches of analytics events of a member. */
  eventBatch: { each: 120, address: 120, seconds: 60 },
} as const satisfies Readonly<Record<string, Limit>>;

export type Throttles = Readonly<Record<keyof typeof limits, Throttle>>;

/** Counters asked at a time, so that a flood leaves connections to others; those behind learn from memory that a key is used up. */
const atOnce = 2;
const maxWaiting = 10_000;

/** All throttles, counting where the counters are. */
export const throttlesOn = (counters: Counters): Throttles => {
  const throttle = (name: string, { each, address, seconds }: Limit): Throttle => {
    const inTurn = bounded(atOnce, maxWaiting);
    const perKey = counters.limiter({ name, points: each, seconds });
    const perAddress = counters.limiter({ name: `${name}-address`, points: address, seconds });
    const limiterOf = (key: string) => (key.startsWith('address ') ? perAddress : perKey);
    return {
      spend: async (keys) => {
        for (const key of keys) await inTurn(() => spendOne(limiterOf(key), hashed(key)));
      },
      forgive: async (key) => {
        await limiterOf(key).delete(hashed(key));
      },
    };
  };
  const entries = Object.entries(limits).map(([name, limit]) => [name, throttle(name, limit)]);
  // The cast is safe: the entries are those of the limits.
  return Object.fromEntries(entries) as Throttles;
};

/** Neither e-mail addresses nor what was typed for one stand in the store. */
const hashed = (key: string): string => createHash('sha256').update(key).digest('base64url');

const spendOne = async (limiter: RateLimiterAbstract, key: string): Promise<void> => {
  try {
    await limiter.consume(key);
  } catch (error) {
    if (error instanceof RateLimiterRes)
      throw new RateLimited(error.msBeforeNext / 1000, 'Too many tries; wait a while.');
    throw error;
  }
};

const nothing: Throttle = { spend: async () => undefined, forgive: async () => undefined };

/** For load tests: counts nothing. */
// The cast is safe: the entries are those of the limits.
export const unthrottled = Object.fromEntries(Object.keys(limits).map((name) => [name, nothing])) as Throttles;
