import { randomUUID } from 'node:crypto';
import { Redis } from 'ioredis';
import type { Logger } from 'pino';
import type { Bus, SubscriptionTerms } from './bus.ts';
import { LocalBus } from './local-bus.ts';

interface Envelope {
  readonly from: string;
  /** Null: something this process told was lost on the way. */
  readonly topic: string | null;
  readonly message: object;
}

const timeoutMs = 2000;
/** How often it is made sure that the server still hears: a connection whose other end is gone without a word stays open. */
const pulseMs = 5000;
/** How long after a message was lost on a connection that stands the others are told. */
const againMs = 100;

/**
 * Carries messages to all processes that share a Redis, and a number of a database there: delivered here at once, elsewhere by the server. While Redis is
 * away each process hears itself alone; whoever can look up what they missed is told to as soon as it is back.
 */
export class RedisBus implements Bus {
  readonly #local = new LocalBus();
  readonly #name = randomUUID();
  readonly #log: Logger;
  readonly #channel: string;
  readonly #publisher: Redis;
  readonly #subscriber: Redis;
  readonly #sending = new Set<Promise<unknown>>();
  /** Something could not be told to the others, and they do not know yet. */
  #owesWord = false;
  #pulse: NodeJS.Timeout | undefined;
  #closed = false;

  constructor(url: string, log: Logger) {
    this.#log = log;
    const options = {
      lazyConnect: true,
      enableOfflineQueue: false,
      maxRetriesPerRequest: 0,
      connectTimeout: timeoutMs,
      commandTimeout: timeoutMs,
      disconnectTimeout: 200,
      autoResubscribe: false,
      retryStrategy: (attempt: number) => Math.min(attempt * 100, timeoutMs),
    };
    this.#publisher = new Redis(url, options);
    this.#subscriber = new Redis(url, options);
    // Redis carries channels to all of its databases.
    this.#channel = `tessera:${this.#publisher.options.db ?? 0}`;
  }

  /** Starts to listen. Where Redis cannot be reached yet it goes on trying. */
  async open(): Promise<this> {
    for (const client of [this.#publisher, this.#subscriber])
      client.on('error', (error: Error) => this.#log.warn({ message: error.name }, 'Redis cannot be reached.'));
    this.#subscriber.on('message', (_channel, payload: string) => this.#hear(payload));
    let listening: Promise<void> | undefined;
    this.#subscriber.on('ready', () => void (listening = this.#listen()));
    this.#publisher.on('ready', () => this.#confess());
    await Promise.allSettled([this.#publisher.connect(), this.#subscriber.connect()]);
    await listening;
    this.#pulse = setInterval(() => this.#feelPulse(), pulseMs).unref();
    return this;
  }

  publish(topic: string, message: object): void {
    this.#local.deliver(topic, message);
    if (!this.#closed) this.#send({ from: this.#name, topic, message });
  }

  subscribe(topic: string, terms?: SubscriptionTerms): AsyncIterableIterator<object> {
    return this.#local.subscribe(topic, terms);
  }

  get size(): number {
    return this.#local.size;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearInterval(this.#pulse);
    await Promise.allSettled(this.#sending);
    this.#publisher.disconnect();
    this.#subscriber.disconnect();
    await this.#local.close();
  }

  #send(envelope: Envelope): void {
    const sent = this.#publisher.publish(this.#channel, JSON.stringify(envelope)).catch((error: unknown) => {
      // Told once until the others know.
      if (!this.#owesWord) this.#log.warn({ message: Error.isError(error) ? error.name : '' }, 'Messages were lost.');
      this.#owesWord = true;
      // Later, and not at once: a connection that has just died may still call itself ready, and refuse at once.
      if (this.#publisher.status === 'ready') setTimeout(() => this.#confess(), againMs).unref();
    });
    this.#sending.add(sent);
    void sent.finally(() => this.#sending.delete(sent));
  }

  /** Lets the others know that they have missed something. */
  #confess(): void {
    if (!this.#owesWord || this.#closed || this.#publisher.status !== 'ready') return;
    this.#owesWord = false;
    this.#send({ from: this.#name, topic: null, message: {} });
  }

  #hear(payload: string): void {
    // The cast is safe: only this class publishes on the channel.
    const { from, topic, message } = JSON.parse(payload) as Envelope;
    if (from === this.#name) return;
    if (topic === null) this.#local.interrupt();
    else this.#local.deliver(topic, message);
  }

  /** Once it is known that everything is heard, those who can look up what came meanwhile are told to. */
  async #listen(): Promise<void> {
    try {
      await this.#subscriber.subscribe(this.#channel);
      this.#local.interrupt();
    } catch {
      if (!this.#closed) this.#subscriber.disconnect(true);
    }
  }

  #feelPulse(): void {
    for (const client of [this.#publisher, this.#subscriber])
      if (client.status === 'ready') client.ping().catch(() => !this.#closed && client.disconnect(true));
  }
}
