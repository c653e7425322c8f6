import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import type { Logger } from 'pino';
import type { Pool } from '../database/pool.ts';
import type { Bus, SubscriptionTerms } from './bus.ts';
import { LocalBus } from './local-bus.ts';

const channel = 'tessera';
/** Postgres takes 8,000 bytes for a notification. */
const maxBytes = 7900;

/** How long a message may wait for others: notifying takes a lock that all of the server's databases share. */
const gatherMs = 10;
/** How long after messages were lost it is tried to let the others know. */
const againMs = 1000;

interface Envelope {
  readonly from: string;
  /** Null: something this process told was lost on the way. */
  readonly topic: string | null;
  readonly message: object;
}

/**
 * Carries messages to all processes of a database by LISTEN and NOTIFY: delivered here at once, elsewhere by the server. A message too
 * large for a notification stays in this process; whoever listens elsewhere finds its outcome in the tables. What cannot be sent is lost; as soon as
 * something can be, whoever can look up what they missed is told to.
 */
export class PostgresBus implements Bus {
  readonly #local = new LocalBus();
  readonly #name = randomUUID();
  readonly #pool: Pick<Pool, 'run' | 'listen'>;
  readonly #log: Logger;
  readonly #waiting: string[] = [];
  #sending: Promise<void> | undefined;
  #closed = false;
  #stopListening: (() => Promise<void>) | undefined;

  constructor(pool: Pick<Pool, 'run' | 'listen'>, log: Logger) {
    this.#pool = pool;
    this.#log = log;
  }

  /** Starts to listen, on a connection of its own that reconnects by itself. */
  async open(): Promise<this> {
    const heard = (payload: string) => {
      // The cast is safe: only this class notifies on the channel, and the server's role alone can reach this database.
      const { from, topic, message } = JSON.parse(payload) as Envelope;
      if (from === this.#name) return;
      if (topic === null) this.#local.interrupt();
      else this.#local.deliver(topic, message);
    };
    this.#stopListening = await this.#pool.listen(channel, heard, () => this.#local.interrupt());
    return this;
  }

  publish(topic: string, message: object): void {
    this.#local.deliver(topic, message);
    const envelope: Envelope = { from: this.#name, topic, message };
    const payload = JSON.stringify(envelope);
    if (Buffer.byteLength(payload) > maxBytes) return;
    this.#waiting.push(payload);
    this.#sending ??= this.#send().finally(() => (this.#sending = undefined));
  }

  /** Sends what waits until nothing does, in order, all that has gathered meanwhile at once. */
  async #send(): Promise<void> {
    while (this.#waiting.length > 0) {
      await pause(gatherMs);
      if (!(await this.#notify(this.#waiting.splice(0)))) await this.#confess();
    }
  }

  /** False when the messages were lost. */
  async #notify(payloads: readonly string[]): Promise<boolean> {
    const notified = 'select pg_notify($1, payload) from unnest($2::text[]) as payload';
    try {
      await this.#pool.run(notified, [channel, payloads], true);
      return true;
    } catch (error) {
      this.#log.warn({ message: Error.isError(error) ? error.message : '' }, 'Notifications were lost.');
      return false;
    }
  }

  /** Lets the others know that they have missed something, as soon as that can be told; what comes meanwhile is missed, too. */
  async #confess(): Promise<void> {
    const word: Envelope = { from: this.#name, topic: null, message: {} };
    do {
      if (this.#closed) return;
      await pause(againMs);
      this.#waiting.length = 0;
    } while (!(await this.#notify([JSON.stringify(word)])));
  }

  subscribe(topic: string, terms?: SubscriptionTerms): AsyncIterableIterator<object> {
    return this.#local.subscribe(topic, terms);
  }

  get size(): number {
    return this.#local.size;
  }

  /** Sends what is under way, and ends all subscriptions. */
  async close(): Promise<void> {
    this.#closed = true;
    await this.#sending;
    await this.#stopListening?.();
    await this.#local.close();
  }
}
