/** Carries short-lived messages to subscribers, in this process and, with a database server, in all others. */
export interface Bus {
  /** Delivers to who listens at this moment; nothing is kept. Payloads are JSON, some kilobytes at most. */
  publish(topic: string, message: object): void;
  /** Messages of a topic from now on, in order; ends when the iterator is returned or the bus closes. Fails with FellBehind. */
  subscribe(topic: string, terms?: SubscriptionTerms): AsyncIterableIterator<object>;
  /** Subscribers in this process at the moment. */
  readonly size: number;
  /** Ends all subscriptions; what was published before still leaves. Harmless when repeated. */
  close(): Promise<void>;
}

/** What a subscriber asks for; what is left out is as for everybody. */
export interface SubscriptionTerms {
  /** How many messages may wait for the subscriber before it has fallen behind; 10,000. */
  readonly maxWaiting?: number;
  /**
   * The subscriber can look up what it has missed: it is told that it fell behind also where the process was cut off from the others for a moment.
   * False: it goes on without what was lost.
   */
  readonly looksUpMissed?: boolean;
}
