/** Carries short-lived messages to subscribers, in this process and, with a database server, in all others. */
export interface Bus {
  /** Delivers to who listens at this moment; nothing is kept. Payloads are JSON, some kilobytes at most. */
  publish(topic: string, message: object): void;
  /** Messages of a topic from now on, in order; ends when the iterator is returned or the bus closes. */
  subscribe(topic: string): AsyncIterableIterator<object>;
  /** Ends all subscriptions; what was published before still leaves. Harmless when repeated. */
  close(): Promise<void>;
}
