import type { Services } from '../services.ts';
import { toldSoFar } from './answering.ts';
import { answersTopic, type AnswerNotice } from './events.ts';

/**
 * What happens to a conversation's answers from now on, beginning with what there is of those being written in this process. It asks nobody
 * whether the listener may see the conversation, and ends when it is returned or the bus closes.
 */
export const followAnswers = (
  { bus }: Pick<Services, 'bus'>,
  conversationId: string,
): AsyncIterableIterator<AnswerNotice> => {
  // Joined and looked up without a pause in between, so that no piece is missed or told twice.
  const source = bus.subscribe(answersTopic(conversationId));
  const waiting = toldSoFar(conversationId).map(({ messageId, text }): AnswerNotice => ({
    kind: 'delta',
    messageId,
    text,
    position: 0,
  }));
  const notices: AsyncIterableIterator<AnswerNotice> = {
    [Symbol.asyncIterator]: () => notices,
    next: async () => {
      const first = waiting.shift();
      if (first !== undefined) return { done: false, value: first };
      const { done, value } = await source.next();
      // The cast is safe: only this domain publishes on the topic.
      return done ? { done: true, value: undefined } : { done: false, value: value as AnswerNotice };
    },
    return: async () => {
      await source.return?.();
      return { done: true, value: undefined };
    },
  };
  return notices;
};
