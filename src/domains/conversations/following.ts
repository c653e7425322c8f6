import { setTimeout as pause } from 'node:timers/promises';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Unavailable } from '../../errors.ts';
import { FellBehind } from '../../events/local-bus.ts';
import type { Services } from '../services.ts';
import { toldOf, toldSoFar } from './answering.ts';
import {
  answersTopic,
  tellAgainTopic,
  type AnswerFailure,
  type AnswerNotice,
  type EndNotice,
  type TellAgain,
} from './events.ts';
import {
  answersAfter,
  answersUnderWay,
  isLater,
  newestPlace,
  type Place,
  type StoredAnswer,
} from './stored-answers.ts';
import { ToldAnswers } from './told-answers.ts';

/** How far somebody has been told of an answer. */
export interface AnswerPosition {
  readonly messageId: string;
  /** End of the text that they have, in UTF-16 code units; null: all of it and how it ended, or it is a message that nobody writes. */
  readonly position: number | null;
}

/** How a conversation is followed. */
export interface Following {
  /** Reads what is stored, as the listener sees it. Without one, what other processes wrote before is not told, and what is missed is lost. */
  readonly reader?: { readonly unit: UnitOfWork };
  /**
   * What the listener has: they are told the rest of these answers, however they went on, and all that were begun after the newest of them. Without
   * any, what there is of the answers being written, and what is begun from now on.
   */
  readonly after?: readonly AnswerPosition[];
  /** Silence during an answer after which is looked whether its end was missed: notifications between processes can be lost. 10,000. */
  readonly silenceMs?: number;
}

/** Notices that wait for a slow listener, of some kilobytes at most; a slower one goes on with what is stored by then. */
const maxWaiting = 200;
/** How long the writer of an answer has to tell a missing piece again. */
const againMs = 500;
/** Between two tries to read while the database is away. */
const awayMs = 1000;
/** Answers read at a time. */
const pageSize = 20;

const beginning: Place = { createdAt: '-infinity', id: '00000000-0000-0000-0000-000000000000' };
const done: IteratorReturnResult<undefined> = { done: true, value: undefined };

/**
 * What happens to a conversation's answers: every piece once and in order, whichever process writes. It asks nobody whether the listener may see
 * the conversation, and ends when it is returned or the bus closes. Between notices it holds no connection.
 */
export const followAnswers = (
  services: Pick<Services, 'bus'>,
  conversationId: string,
  following: Following = {},
): AsyncIterableIterator<AnswerNotice> => new AnswerFollower(services, conversationId, following);

type Heard = AnswerNotice | 'missed' | 'silence' | 'end';

class AnswerFollower implements AsyncIterableIterator<AnswerNotice> {
  readonly #bus: Services['bus'];
  readonly #conversationId: string;
  readonly #reader: Following['reader'];
  readonly #silenceMs: number;
  readonly #told = new ToldAnswers();
  /** When the writer of an answer was last asked for a missing piece of it. */
  readonly #askedAt = new Map<string, number>();
  #source: AsyncIterableIterator<object>;
  /** What comes next from the source, while it is awaited. */
  #coming: Promise<Heard> | undefined;
  #ready: AnswerNotice[] = [];
  /** Answers that were begun up to here have been looked at. */
  #place: Place | undefined;
  /** What is to be read before listening goes on. */
  #toRead: 'underWay' | 'after' | undefined = 'underWay';
  #over = false;

  constructor({ bus }: Pick<Services, 'bus'>, conversationId: string, following: Following) {
    const { reader, after = [], silenceMs = 10_000 } = following;
    this.#bus = bus;
    this.#silenceMs = silenceMs;
    this.#conversationId = conversationId;
    this.#reader = reader;
    for (const { messageId, position } of after) this.#told.has(messageId, position);
    // Before anything is read, so that nothing falls in between; what comes twice is known by its position.
    this.#source = this.#subscribe();
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<AnswerNotice>> {
    while (!this.#over) {
      const ready = this.#ready.shift();
      if (ready !== undefined) return { done: false, value: ready };
      if (this.#toRead === undefined) await this.#listen();
      else await this.#patiently(() => this.#read());
    }
    return done;
  }

  async return(): Promise<IteratorResult<AnswerNotice>> {
    this.#over = true;
    await this.#source.return?.();
    return done;
  }

  #subscribe(): AsyncIterableIterator<object> {
    this.#coming = undefined;
    return this.#bus.subscribe(answersTopic(this.#conversationId), { maxWaiting, looksUpMissed: true });
  }

  async #listen(): Promise<void> {
    const heard = await this.#hear();
    if (heard === 'end') this.#over = true;
    else if (heard === 'silence') this.#toRead = 'underWay';
    else if (heard !== 'missed') await this.#receive(heard);
    else if (!this.#over) {
      this.#source = this.#subscribe();
      this.#toRead = 'underWay';
    }
  }

  async #hear(): Promise<Heard> {
    this.#coming ??= this.#source.next().then(
      // The cast is safe: only this domain publishes on the topic.
      ({ done: ended, value }) => (ended === true ? 'end' : (value as AnswerNotice)),
      (error: unknown) => {
        if (error instanceof FellBehind) return 'missed';
        throw error;
      },
    );
    const heard = await (this.#awaitsMore() ? orSilence(this.#coming, this.#silenceMs) : this.#coming);
    if (heard !== 'silence') this.#coming = undefined;
    return heard;
  }

  #awaitsMore(): boolean {
    return this.#reader !== undefined && this.#told.unfinished.length > 0;
  }

  async #receive(notice: AnswerNotice): Promise<void> {
    const reception = this.#told.receive(notice);
    if (reception.kind === 'news') this.#tell(reception.notice);
    if (reception.kind !== 'gap') return;
    if (notice.kind === 'delta') this.#askAgain(notice.messageId, reception.from);
    else if (notice.kind !== 'started') await this.#endOf(notice);
  }

  #tell(notice: AnswerNotice): void {
    this.#askedAt.delete(notice.messageId);
    this.#ready.push(notice);
  }

  /** The writer tells the missing piece and all behind it again; should that fail, what is stored is read. */
  #askAgain(messageId: string, from: number): void {
    const askedAt = this.#askedAt.get(messageId);
    if (askedAt !== undefined && Date.now() - askedAt < againMs) return;
    if (askedAt !== undefined) this.#toRead = 'underWay';
    this.#askedAt.set(messageId, Date.now());
    const wish: TellAgain = { from };
    this.#bus.publish(tellAgainTopic(messageId), wish);
  }

  /** Tells the rest of an answer that has ended, as it is stored, and how it ended. */
  async #endOf(notice: EndNotice): Promise<void> {
    await this.#patiently(() => this.#readUnderWay([notice.messageId]));
    const reception = this.#told.close(notice);
    if (reception.kind === 'news') this.#tell(reception.notice);
  }

  /** Reads, and while the database is away tries again. */
  async #patiently(read: () => Promise<void>): Promise<void> {
    for (;;) {
      try {
        await read();
        return;
      } catch (error) {
        if (!(error instanceof Unavailable) || this.#over) throw error;
        await pause(awayMs);
      } finally {
        await this.#reader?.unit.rest();
      }
    }
  }

  async #read(): Promise<void> {
    if (this.#toRead === 'after') return this.#readAfter();
    await this.#readUnderWay([]);
    this.#toRead = this.#reader === undefined ? undefined : 'after';
  }

  /** Tells what there is of the answers being written, and of those whose end has not been told. */
  async #readUnderWay(also: readonly string[]): Promise<void> {
    if (this.#reader === undefined) {
      for (const { messageId, text } of toldSoFar(this.#conversationId))
        await this.#receive({ kind: 'delta', messageId, text, position: 0 });
      return;
    }
    const { unit } = this.#reader;
    const awaited = [...this.#told.unfinished, ...also];
    const last = this.#told.last;
    const rows = await answersUnderWay(unit, this.#conversationId, last === undefined ? awaited : [...awaited, last]);
    const knownPlace = rows.findLast((row) => this.#told.endOf(row.id) !== undefined);
    if (knownPlace !== undefined && isBehind(knownPlace, this.#place)) this.#place = knownPlace;
    this.#place ??= (await newestPlace(unit, this.#conversationId)) ?? beginning;
    const found = new Set(rows.map(({ id }) => id));
    // Deleted, or out of the listener's sight.
    for (const id of awaited) if (!found.has(id)) this.#told.has(id, null);
    // Those begun later are read in their order.
    for (const row of rows) if (!isBehind(row, this.#place) || awaited.includes(row.id)) this.#tellStored(row);
  }

  /** Tells of answers that were begun after all that are known. */
  async #readAfter(): Promise<void> {
    if (this.#reader === undefined || this.#place === undefined) return;
    const rows = await answersAfter(this.#reader.unit, this.#conversationId, this.#place, pageSize);
    for (const row of rows) this.#tellStored(row);
    this.#place = rows.at(-1) ?? this.#place;
    if (rows.length < pageSize) this.#toRead = undefined;
  }

  #tellStored(answer: StoredAnswer): void {
    const { id: messageId, role, status, content } = answer;
    if (role !== 'ASSISTANT') return this.#told.has(messageId, null);
    // What is written in this process is known here up to the piece that was told last.
    const text = (status === 'STREAMING' ? toldOf(messageId) : undefined) ?? content;
    const receptions = [
      this.#told.receive({ kind: 'started', messageId }),
      this.#told.receive({ kind: 'delta', messageId, text, position: 0 }),
    ];
    const end = endOfStored(answer);
    if (end !== undefined) receptions.push(this.#told.close(end));
    for (const reception of receptions) if (reception.kind === 'news') this.#tell(reception.notice);
  }
}

const orSilence = (coming: Promise<Heard>, silenceMs: number): Promise<Heard> => {
  const { promise, resolve } = Promise.withResolvers<Heard>();
  const timer = setTimeout(() => resolve('silence'), silenceMs);
  return Promise.race([coming, promise]).finally(() => clearTimeout(timer));
};

/** A conversation without messages has no place that anything could be before. */
const isBehind = (place: Place, than: Place | undefined): boolean =>
  than === undefined || than === beginning || isLater(place, than);

const endOfStored = ({
  id: messageId,
  status,
  content: { length },
  errorCode,
  errorMessage,
}: StoredAnswer): EndNotice | undefined => {
  if (status === 'STREAMING') return undefined;
  if (status === 'COMPLETED') return { kind: 'completed', messageId, length };
  if (status === 'CANCELLED') return { kind: 'cancelled', messageId, length };
  // The cast is safe: the code was written as one of the family.
  const error = { code: errorCode as AnswerFailure['code'], message: errorMessage ?? '' };
  return { kind: 'failed', messageId, length, error };
};
