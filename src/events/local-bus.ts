import type { Bus, SubscriptionTerms } from './bus.ts';

/** Messages that wait for a slow subscriber; a slower one loses its place and starts over. */
const manyWaiting = 10_000;

/** A subscriber that has missed messages: it was too slow, or asked to be told when the process was cut off from the others. */
export class FellBehind extends Error {
  constructor() {
    super('The subscriber fell too far behind.');
  }
}

interface Subscriber {
  readonly looksUpMissed: boolean;
  push(message: object): void;
  /** Something was missed. */
  fail(): void;
  end(): void;
}

/** Carries messages inside this process. */
export class LocalBus implements Bus {
  readonly #topics = new Map<string, Set<Subscriber>>();

  publish(topic: string, message: object): void {
    this.deliver(topic, message);
  }

  /** Hands a message to the subscribers in this process. */
  deliver(topic: string, message: object): void {
    for (const subscriber of this.#topics.get(topic) ?? []) subscriber.push(message);
  }

  /** Tells those who can look up what they missed that something may have been. */
  interrupt(): void {
    for (const subscribers of this.#topics.values())
      for (const subscriber of subscribers) if (subscriber.looksUpMissed) subscriber.fail();
  }

  subscribe(topic: string, terms: SubscriptionTerms = {}): AsyncIterableIterator<object> {
    const subscribers = this.#topics.get(topic) ?? new Set();
    this.#topics.set(topic, subscribers);
    const leave = (subscriber: Subscriber) => {
      subscribers.delete(subscriber);
      if (subscribers.size === 0 && this.#topics.get(topic) === subscribers) this.#topics.delete(topic);
    };
    return waiting(terms, (subscriber) => {
      subscribers.add(subscriber);
      return () => leave(subscriber);
    });
  }

  get size(): number {
    return [...this.#topics.values()].reduce((sum, subscribers) => sum + subscribers.size, 0);
  }

  async close(): Promise<void> {
    for (const subscribers of this.#topics.values()) for (const subscriber of subscribers) subscriber.end();
  }
}

/** An iterator over what is pushed from now on, whether or not somebody waits at that moment. */
const waiting = (
  { maxWaiting = manyWaiting, looksUpMissed = false }: SubscriptionTerms,
  join: (subscriber: Subscriber) => () => void,
): AsyncIterableIterator<object> => {
  const messages: object[] = [];
  let waiter: { resolve(result: IteratorResult<object>): void; reject(error: Error): void } | undefined;
  let failure: Error | undefined;
  let ended = false;
  const done: IteratorResult<object> = { value: undefined, done: true };
  const end = () => {
    ended = true;
    leave();
    waiter?.resolve(done);
    waiter = undefined;
  };
  const push = (message: object) => {
    if (waiter !== undefined) {
      waiter.resolve({ value: message, done: false });
      waiter = undefined;
    } else if (messages.push(message) > maxWaiting) fail();
  };
  const fail = () => {
    failure = new FellBehind();
    messages.length = 0;
    waiter?.reject(failure);
    waiter = undefined;
    end();
  };
  const leave = join({ looksUpMissed, push, fail, end });
  return {
    [Symbol.asyncIterator]() {
      return this;
    },
    next: () => {
      if (failure !== undefined) return Promise.reject(failure);
      const message = messages.shift();
      if (message !== undefined) return Promise.resolve({ value: message, done: false });
      if (ended) return Promise.resolve(done);
      return new Promise((resolve, reject) => (waiter = { resolve, reject }));
    },
    return: () => {
      messages.length = 0;
      end();
      return Promise.resolve(done);
    },
    throw: (error: Error) => {
      end();
      return Promise.reject(error);
    },
  };
};
