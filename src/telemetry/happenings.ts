import { channel, subscribe, unsubscribe } from 'node:diagnostics_channel';

/** A kind of thing that happens in this process. While nobody hears of it, telling costs next to nothing. */
export interface Happening<Message extends object> {
  /** Whether anybody hears. */
  readonly heard: boolean;
  tell(message: Message): void;
  /** Calls the listener with each from now on, until the function returned is called. */
  hear(listener: (message: Message) => void): () => void;
}

const happening = <Message extends object>(name: string): Happening<Message> => {
  const own = channel(`tessera:${name}`);
  return {
    get heard() {
      return own.hasSubscribers;
    },
    tell: (message) => own.publish(message),
    hear: (listener) => {
      // The cast is safe: only `tell` publishes on the channel.
      const heard = (message: unknown) => listener(message as Message);
      subscribe(own.name, heard);
      return () => void unsubscribe(own.name, heard);
    },
  };
};

/** An HTTP request was answered, or its client went away. */
export const requestEnded = happening<{
  /** What was asked for, one of a few words, such as `graphql`. */
  readonly route: string;
  readonly method: string;
  /** Null where the answer did not get through. */
  readonly status: number | null;
  readonly durationMs: number;
}>('request');

/** An operation was carried out, or was refused before; a subscription was begun. */
export const operationEnded = happening<{
  readonly type: 'query' | 'mutation' | 'subscription' | 'refused';
  /** `OK`, or the code of the first error. */
  readonly code: string;
  readonly durationMs: number;
  /** Null where none could run. */
  readonly statements: number | null;
}>('operation');

/** A job ran to an end, or was tried and failed; work that comes by the clock likewise. */
export const jobEnded = happening<{
  readonly kind: string;
  readonly outcome: 'succeeded' | 'failed' | 'cancelled' | 'given_up';
  readonly durationMs: number;
}>('job');

/** A message was sent to the server of a webhook. */
export const webhookTried = happening<{
  /** `failed` where the server did not take it, or did not answer. */
  readonly outcome: 'delivered' | 'failed';
  readonly durationMs: number;
}>('webhook');

/** A call of a model was settled. */
export const modelCallEnded = happening<{
  /** Names that a platform admin gave. */
  readonly provider: string;
  readonly type: string;
  readonly status: string;
  readonly inputTokens: number;
  readonly outputTokens: number;
  /** US dollars; null: unknown. */
  readonly cost: number | null;
  readonly durationMs: number | null;
}>('model-call');
