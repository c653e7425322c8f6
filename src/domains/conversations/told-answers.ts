import type { AnswerNotice, DeltaNotice, EndNotice } from './events.ts';

/** Answers that have ended are remembered, so that what is told of them again is known for old; as many as can end within moments. */
const endedAnswers = 100;

interface Told {
  /** End of what was told, in UTF-16 code units. */
  end: number;
  over: boolean;
}

/** What came of a notice: to be told on, known already, or not to be understood before something that was missed. */
export type Reception =
  | { readonly kind: 'news'; readonly notice: AnswerNotice }
  | { readonly kind: 'known' }
  | {
      readonly kind: 'gap';
      /** Where what is missing begins, in UTF-16 code units. */ readonly from: number;
    };

const known: Reception = { kind: 'known' };
const news = (notice: AnswerNotice): Reception => ({ kind: 'news', notice });

/** How far one subscriber has been told of the answers of a conversation: each piece once and in order. */
export class ToldAnswers {
  readonly #answers = new Map<string, Told>();

  /** Takes note of what the subscriber has from before: the text up to a position, or with null all of the answer and how it ended. */
  has(messageId: string, position: number | null): void {
    this.#answers.set(messageId, { end: position ?? 0, over: position === null });
    this.#forget();
  }

  /** End of what was told of an answer; undefined when it is not known. */
  endOf(messageId: string): number | undefined {
    return this.#answers.get(messageId)?.end;
  }

  isOver(messageId: string): boolean {
    return this.#answers.get(messageId)?.over ?? false;
  }

  /** Answers that have begun and not ended, in the order in which they became known. */
  get unfinished(): string[] {
    return [...this.#answers].filter(([, { over }]) => !over).map(([messageId]) => messageId);
  }

  /** The answer that became known last. */
  get last(): string | undefined {
    return [...this.#answers.keys()].at(-1);
  }

  /** What a notice says beyond what was told; that counts as told from now on. */
  receive(notice: AnswerNotice): Reception {
    const { messageId } = notice;
    const told = this.#answers.get(messageId);
    if (told?.over === true) return known;
    if (notice.kind === 'delta') return this.#delta(notice, told);
    if (notice.kind !== 'started') return this.#end(notice, told);
    if (told !== undefined) return known;
    this.has(messageId, 0);
    return news(notice);
  }

  /** Takes the end of an answer although not all of its text was told: there is no more of it to be had. */
  close(notice: EndNotice): Reception {
    if (this.isOver(notice.messageId)) return known;
    this.#answers.set(notice.messageId, { end: notice.length ?? 0, over: true });
    this.#forget();
    return news(notice);
  }

  #delta({ messageId, text, position }: DeltaNotice, told: Told = { end: 0, over: false }): Reception {
    if (position > told.end) return { kind: 'gap', from: told.end };
    const rest = text.slice(told.end - position);
    if (rest === '') return known;
    const notice: AnswerNotice = { kind: 'delta', messageId, text: rest, position: told.end };
    this.#answers.set(messageId, { end: told.end + rest.length, over: false });
    return news(notice);
  }

  #end(notice: EndNotice, told: Told = { end: 0, over: false }): Reception {
    return notice.length !== undefined && notice.length <= told.end
      ? this.close(notice)
      : { kind: 'gap', from: told.end };
  }

  #forget(): void {
    let ended = this.#answers.size - this.unfinished.length;
    for (const [messageId, { over }] of this.#answers) {
      if (ended <= endedAnswers) return;
      if (over && this.#answers.delete(messageId)) ended--;
    }
  }
}
