import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { FailureKind, ModelFailure } from './failure.ts';
import type { Bus } from '../events/bus.ts';
import { FellBehind } from '../events/local-bus.ts';

/** By what a deployment is judged; times in milliseconds. */
export const healthRules = {
  /** The window that calls are counted in slides by buckets: a minute tells a fault from a single bad call and is over soon after it. */
  bucketMs: 5_000,
  buckets: 12,
  /** A share of failures says nothing before there were so many calls. */
  minCalls: 5,
  /** From this share on a deployment cools down: half of the calls would have to be made twice. */
  failureShare: 0.5,
  /** The first cool-down; doubled each time the trial after it fails. Providers restart a server in about half a minute. */
  coolMs: 30_000,
  /** A key that is not accepted seldom mends itself: somebody has to act. */
  unauthorizedMs: 300_000,
  /** No cool-down is longer, whatever a provider asks for, so that what was mended is in use again after 5 minutes at most. */
  longestMs: 300_000,
  /** And none shorter. */
  shortestMs: 1_000,
  /** After so long a trial that never reported is made again. */
  trialMs: 60_000,
  /** Deployments remembered, those called last. */
  maxDeployments: 10_000,
} as const;

/** How a deployment is. */
export type HealthState =
  /** It is called. */
  | 'WELL'
  /** It is spared. */
  | 'COOLING'
  /** Its cool-down is over, and the next call shows how it is. */
  | 'TRIAL'
  /** That call is under way; others go elsewhere. */
  | 'TRYING';

/** What this process knows of a deployment. */
export interface DeploymentState {
  readonly state: HealthState;
  /** Calls that ended in the last minute, and how many of them failed. */
  readonly calls: number;
  readonly failures: number;
  /** Milliseconds since 1970; null where it is not cooling. */
  readonly coolingUntil: number | null;
}

/** A call under way. Only the first word of its end counts. */
export interface WatchedCall {
  succeeded(): void;
  failed(failure: ModelFailure): void;
  /** It ended without a sign of how the deployment is. */
  undecided(): void;
}

/** Outcomes of some seconds. */
interface Bucket {
  /** Which stretch of time. */
  readonly slot: number;
  calls: number;
  failures: number;
}

interface Record {
  buckets: Bucket[];
  /** When the cool-down began that is not yet proved to be over; null: it is well. */
  since: number | null;
  until: number;
  /** Until when a trial is believed to go on. */
  tryingUntil: number;
  /** Cool-downs in a row. */
  strikes: number;
}

/** What processes tell each other: a deployment cools down for so many milliseconds. Clocks differ, so that no time of day is told. */
interface Word {
  readonly from: string;
  readonly deployment: string;
  readonly forMs: number;
}

const topic = 'deployment-health';

/** Faults of a deployment. What lies in the request (REFUSED) or in the wish of who asked (CANCELLED) says nothing of it. */
const faults: ReadonlySet<FailureKind> = new Set<FailureKind>([
  'TIMEOUT',
  'RATE_LIMITED',
  'UNAUTHORIZED',
  'UNAVAILABLE',
  'INVALID_RESPONSE',
  'INTERRUPTED',
]);

/**
 * How well each deployment (a model with a key) answers, in the eyes of this process: a circuit breaker
 * (https://martinfowler.com/bliki/CircuitBreaker.html). One that fails too often in the last minute, has no more room or does not accept its key is spared
 * for a while; then one call shows whether it is well again. A cool-down is told to the other processes, as well as that can be.
 */
export class DeploymentHealth {
  readonly #known = new LRUCache<string, Record>({ max: healthRules.maxDeployments });
  readonly #name = randomUUID();
  readonly #bus: Bus;
  readonly #now: () => number;

  constructor(bus: Bus, now: () => number = Date.now) {
    this.#bus = bus;
    this.#now = now;
  }

  /** Hears from other processes which deployments cool down, until the bus closes. */
  async listen(): Promise<void> {
    for (;;)
      try {
        for await (const word of this.#bus.subscribe(topic)) this.#hear(word as Word);
        return;
      } catch (error) {
        if (!(error instanceof FellBehind)) throw error;
      }
  }

  stateOf(deployment: string): HealthState {
    const record = this.#known.peek(deployment);
    if (record === undefined || record.since === null) return 'WELL';
    const now = this.#now();
    if (now < record.until) return 'COOLING';
    return now < record.tryingUntil ? 'TRYING' : 'TRIAL';
  }

  /** Whether calls may go to a deployment. */
  isFree(deployment: string): boolean {
    const state = this.stateOf(deployment);
    return state === 'WELL' || state === 'TRIAL';
  }

  /** When its cool-down ends, in milliseconds since 1970; 0 where it is well. */
  coolingUntil(deployment: string): number {
    const record = this.#known.peek(deployment);
    return record === undefined || record.since === null ? 0 : record.until;
  }

  seen(deployment: string): DeploymentState {
    const state = this.stateOf(deployment);
    const buckets = this.#inWindow(this.#known.peek(deployment)?.buckets ?? []);
    return {
      state,
      calls: buckets.reduce((sum, bucket) => sum + bucket.calls, 0),
      failures: buckets.reduce((sum, bucket) => sum + bucket.failures, 0),
      coolingUntil: state === 'COOLING' ? this.coolingUntil(deployment) : null,
    };
  }

  /** A call is about to go there: where it is the one that shows whether the deployment is well again, others go elsewhere meanwhile. */
  choose(deployment: string): void {
    const record = this.#known.get(deployment);
    if (record !== undefined && this.stateOf(deployment) === 'TRIAL')
      record.tryingUntil = this.#now() + healthRules.trialMs;
  }

  /** Watches a call that begins now. */
  watch(deployment: string): WatchedCall {
    const begun = this.#now();
    let ended = false;
    const once = (end: () => void) => (): void => {
      if (!ended) end();
      ended = true;
    };
    this.choose(deployment);
    return {
      succeeded: once(() => this.#succeeded(deployment, begun)),
      failed: (failure) => once(() => this.#failed(deployment, begun, failure))(),
      undecided: once(() => this.#undecided(deployment)),
    };
  }

  #hear({ from, deployment, forMs }: Word): void {
    if (from === this.#name) return;
    const record = this.#recordOf(deployment);
    const now = this.#now();
    record.since ??= now;
    record.until = Math.max(record.until, now + Math.min(forMs, healthRules.longestMs));
    record.tryingUntil = 0;
  }

  #recordOf(deployment: string): Record {
    const known = this.#known.get(deployment);
    if (known !== undefined) return known;
    const record: Record = { buckets: [], since: null, until: 0, tryingUntil: 0, strikes: 0 };
    this.#known.set(deployment, record);
    return record;
  }

  #inWindow(buckets: readonly Bucket[]): Bucket[] {
    const oldest = Math.floor(this.#now() / healthRules.bucketMs) - healthRules.buckets;
    return buckets.filter(({ slot }) => slot > oldest);
  }

  #count(record: Record, failed: boolean): void {
    const slot = Math.floor(this.#now() / healthRules.bucketMs);
    record.buckets = this.#inWindow(record.buckets);
    let bucket = record.buckets.at(-1);
    if (bucket?.slot !== slot) record.buckets.push((bucket = { slot, calls: 0, failures: 0 }));
    bucket.calls += 1;
    bucket.failures += failed ? 1 : 0;
  }

  /** What began before the cool-down proves nothing about the time after it. */
  #succeeded(deployment: string, begun: number): void {
    const record = this.#recordOf(deployment);
    if (record.since !== null && begun >= record.since) {
      record.since = null;
      record.strikes = 0;
      record.buckets = [];
    }
    this.#count(record, false);
  }

  #failed(deployment: string, begun: number, failure: ModelFailure): void {
    if (!faults.has(failure.kind)) return this.#undecided(deployment);
    const record = this.#recordOf(deployment);
    this.#count(record, true);
    const again = record.since !== null;
    if (record.since !== null && begun < record.since) return undefined;
    if (again || failure.kind === 'RATE_LIMITED' || failure.kind === 'UNAUTHORIZED' || this.#failsTooOften(record))
      this.#cool(deployment, record, failure, again);
    return undefined;
  }

  #failsTooOften({ buckets }: Record): boolean {
    const calls = buckets.reduce((sum, bucket) => sum + bucket.calls, 0);
    const failures = buckets.reduce((sum, bucket) => sum + bucket.failures, 0);
    return calls >= healthRules.minCalls && failures >= healthRules.failureShare * calls;
  }

  #cool(deployment: string, record: Record, { kind, retryAfterSeconds }: ModelFailure, again: boolean): void {
    record.strikes = again ? record.strikes + 1 : 0;
    const usual = kind === 'UNAUTHORIZED' ? healthRules.unauthorizedMs : healthRules.coolMs * 2 ** record.strikes;
    const asked = retryAfterSeconds === undefined ? usual : retryAfterSeconds * 1000;
    const forMs = Math.min(Math.max(asked, healthRules.shortestMs), healthRules.longestMs);
    record.since = this.#now();
    record.until = record.since + forMs;
    record.tryingUntil = 0;
    const word: Word = { from: this.#name, deployment, forMs };
    this.#bus.publish(topic, word);
  }

  #undecided(deployment: string): void {
    const record = this.#known.get(deployment);
    if (record !== undefined) record.tryingUntil = 0;
  }
}
