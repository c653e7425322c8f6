import { randomUUID } from 'node:crypto';
import { LRUCache } from 'lru-cache';
import type { Bus } from './bus.ts';
import { FellBehind } from './local-bus.ts';

/** How long a change may go unnoticed whose word from another process was lost, in milliseconds. */
const keptMs = 5_000;
/** From this age on one reads anew while the others go on with what is there, so that they do not all read at once. */
const agingMs = 4_000;
/** Things kept, those asked for last. */
const maxKept = 1_000;

/** Who keeps it forgets what is under this key, or with null all. */
interface Word {
  readonly from: string;
  readonly key: string | null;
}

interface Kept<Value> {
  readonly value: Value;
  readonly readAt: number;
  /** Somebody reads it anew. */
  renewed: boolean;
}

/**
 * Keeps what is read often and seldom changes, for at most 5 seconds. What is forgotten is forgotten at once in this process, and within a moment in the
 * others. Whoever misses something reads it for themselves: were one to wait for what another reads, both could wait for the same connection.
 */
export class ShortMemory<Value> {
  readonly #kept = new LRUCache<string, Kept<Value>>({ max: maxKept, ttl: keptMs, ttlAutopurge: true });
  /** How often something was forgotten: what was begun to be read before may be older. */
  #forgotten = 0;
  readonly #name = randomUUID();
  readonly #bus: Bus;
  readonly #topic: string;
  readonly #now: () => number;

  /** Processes tell each other on `topic`, which belongs to this memory alone. */
  constructor(bus: Bus, topic: string, now: () => number = Date.now) {
    this.#bus = bus;
    this.#topic = topic;
    this.#now = now;
  }

  /** Hears from other processes what has changed, until the bus closes. */
  async listen(): Promise<void> {
    for (let missed = false; ; missed = true) {
      const words = this.#bus.subscribe(this.#topic);
      if (missed) this.#drop(null);
      try {
        // The cast is safe: only this class publishes on the topic.
        for await (const word of words as AsyncIterable<Word>) if (word.from !== this.#name) this.#drop(word.key);
        return;
      } catch (error) {
        if (!(error instanceof FellBehind)) throw error;
      }
    }
  }

  /** What is kept under a key; otherwise what `read` gives, which is kept where nothing was forgotten meanwhile. */
  async recall(key: string, read: () => Promise<Value>): Promise<Value> {
    const kept = this.#kept.get(key);
    const readAt = this.#now();
    if (kept !== undefined) {
      const age = readAt - kept.readAt;
      if (age < agingMs || (age < keptMs && kept.renewed)) return kept.value;
      kept.renewed = true;
    }
    const before = this.#forgotten;
    const value = await read();
    if (before === this.#forgotten) this.#kept.set(key, { value, readAt, renewed: false });
    return value;
  }

  /** Forgets what is kept under a key, or with null everything, here and in the other processes. */
  forget(key: string | null): void {
    this.#drop(key);
    const word: Word = { from: this.#name, key };
    this.#bus.publish(this.#topic, word);
  }

  #drop(key: string | null): void {
    this.#forgotten += 1;
    if (key === null) this.#kept.clear();
    else this.#kept.delete(key);
  }
}
