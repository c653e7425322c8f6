import { setTimeout as pause } from 'node:timers/promises';
import { createClient } from 'graphql-ws';
import { WebSocket } from 'ws';
import { readPieces } from './piece.ts';

/** What a listener has heard of an answer. */
export interface HeardAnswer {
  text: string;
  /** How it ended; null until that was heard. */
  end: 'AnswerCompleted' | 'AnswerFailed' | 'AnswerCancelled' | null;
}

interface Event {
  readonly __typename: 'AnswerStarted' | 'AnswerDelta' | NonNullable<HeardAnswer['end']>;
  readonly messageId?: string;
  readonly text?: string;
  readonly position?: number;
  readonly end?: number;
  readonly message?: { readonly id: string; readonly content: string };
}

const query = `subscription ($conversationId: ID!, $after: [AnswerPositionInput!]) {
  answerStream(conversationId: $conversationId, after: $after) { __typename
    ... on AnswerStarted { messageId } ... on AnswerDelta { messageId text position end } ... on AnswerFailed { messageId }
    ... on AnswerCancelled { messageId } ... on AnswerCompleted { message { id content } } } }`;

/** Between two tries to connect. */
const againMs = 200;

/** A subscriber with a socket of its own, which goes on where it was whenever it is cut off, and finds fault with what it hears. */
export class Listener {
  readonly answers = new Map<string, HeardAnswer>();
  /** What was missed, told twice, or in the wrong order. */
  readonly faults: string[] = [];
  /** Microseconds from the model's sending of each piece to its arrival here, since the last `forgetAges`. */
  ages: number[] = [];
  deltas = 0;
  /** How often it was cut off. */
  cuts = 0;
  /** Resolves when it is connected for the first time. */
  readonly connected: Promise<void>;
  /** Global id. */
  readonly conversationId: string;
  #stop: () => void = () => undefined;
  #stopped = false;

  constructor(url: string, token: string, conversationId: string) {
    this.conversationId = conversationId;
    const { promise, resolve } = Promise.withResolvers<void>();
    this.connected = promise;
    void this.#follow(url, token, resolve);
  }

  stop(): void {
    this.#stopped = true;
    this.#stop();
  }

  /** Answers whose end was not heard. */
  get open(): number {
    return [...this.answers.values()].filter(({ end }) => end === null).length;
  }

  async #follow(url: string, token: string, connected: () => void): Promise<void> {
    while (!this.#stopped) {
      const client = createClient({
        url: `${url.replace('http', 'ws')}/graphql`,
        webSocketImpl: WebSocket,
        connectionParams: { authorization: `Bearer ${token}` },
        retryAttempts: 0,
        on: { connected },
      });
      this.#stop = () => void client.dispose();
      const variables = { conversationId: this.conversationId, after: this.#after() };
      try {
        for await (const { data, errors } of client.iterate<{ answerStream: Event }>({ query, variables })) {
          if (data === null || data === undefined) throw new Error(JSON.stringify(errors));
          this.#take(data.answerStream);
        }
      } catch {
        // Cut off: it goes on where it was.
      }
      void client.dispose();
      if (this.#stopped) return;
      this.cuts++;
      await pause(againMs);
    }
  }

  #after(): { messageId: string; position: number | null }[] | null {
    const last = [...this.answers.keys()].at(-1);
    const needed = [...this.answers].filter(([messageId, { end }]) => end === null || messageId === last);
    const positions = needed.map(([messageId, { text, end }]) => ({
      messageId,
      position: end === null ? text.length : null,
    }));
    return positions.length === 0 ? null : positions;
  }

  #take(event: Event): void {
    const messageId = event.message?.id ?? event.messageId ?? '';
    const known = this.answers.get(messageId);
    if (event.__typename === 'AnswerStarted') {
      if (known !== undefined) this.faults.push(`${messageId} was begun twice`);
      else this.answers.set(messageId, { text: '', end: null });
      return;
    }
    if (known === undefined || known.end !== null) {
      this.faults.push(
        `${messageId} ${known === undefined ? 'was not begun' : 'had ended'} before ${event.__typename}`,
      );
      return;
    }
    if (event.__typename === 'AnswerDelta') this.#grow(messageId, known, event);
    else this.#end(messageId, known, event);
  }

  #grow(messageId: string, known: HeardAnswer, { text = '', position = -1, end }: Event): void {
    const from = known.text.length;
    if (position !== from || end !== from + text.length)
      this.faults.push(`${messageId} went on at ${position} in place of ${from}`);
    known.text += text;
    this.deltas++;
    const { ages, misplaced } = readPieces(known.text, from);
    this.ages.push(...ages);
    if (misplaced > 0) this.faults.push(`${messageId} has ${misplaced} pieces that are not in their place`);
  }

  #end(messageId: string, known: HeardAnswer, { __typename, message }: Event): void {
    known.end = __typename as HeardAnswer['end'];
    if (message !== undefined && message.content !== known.text)
      this.faults.push(`${messageId} was told otherwise than it is stored`);
  }
}
