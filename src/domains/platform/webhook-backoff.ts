import { randomInt } from 'node:crypto';

const [minute, hour] = [60, 3600];
/** Seconds between a try and the next, as Standard Webhooks proposes; after the last there is none. */
const pauses = [5, 5 * minute, 30 * minute, 2 * hour, 5 * hour, 10 * hour, 14 * hour, 20 * hour, 24 * hour];
/** A server that asks for more is asked sooner. */
const maxAskedSeconds = 24 * hour;
/** Each pause is longer or shorter by up to so many percent, so that what failed together does not come again together. */
const jitterPercent = 20;

/** Milliseconds until the next try, after so many; null: that was the last. `askedSeconds` is what the server asked for. */
export const pauseAfter = (attempts: number, askedSeconds = 0): number | null => {
  const seconds = pauses[attempts - 1];
  if (seconds === undefined) return null;
  const drawn = (seconds * 1000 * (100 + randomInt(-jitterPercent, jitterPercent + 1))) / 100;
  return Math.round(Math.max(drawn, Math.min(askedSeconds, maxAskedSeconds) * 1000));
};

/** Failures one after the other, of whatever deliveries, after which a webhook rests. */
export const failuresBeforeRest = 10;
const [shortestRestMs, longestRestMs] = [30_000, hour * 1000];
/** A webhook that has failed for so long without a success is disabled. */
export const failingDays = 5;

/** Milliseconds for which a webhook rests, as long as it has failed so far within bounds; null: it goes on. */
export const restAfter = (failures: number, failedForMs: number): number | null =>
  failures < failuresBeforeRest ? null : Math.min(longestRestMs, Math.max(shortestRestMs, failedForMs));
