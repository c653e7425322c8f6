import { BadUserInput, NotFound } from '../../errors.ts';
import type { AnswerPositionInput, ResolversTypes, SubscriptionAnswerStreamArgs } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { renewSubscriber } from '../tenancy/subscribers.ts';
import type { AnswerNotice } from './events.ts';
import { followAnswers, type AnswerPosition } from './following.ts';
import { conversationById, messageById } from './loaders.ts';

/** How old the knowledge of a subscriber's rights may be at a delivery. */
const recheckMs = 3000;

type Event = Awaited<ResolversTypes['AnswerEvent']>;

/** Positions that a subscriber may go on from: answers of one conversation that are written at the same time. */
const maxPositions = 20;

/**
 * What happens to a conversation's answers: after what the subscriber has, or without that from now on, beginning with what there is of those
 * being written. Ends when the subscriber may no longer see the conversation. Between events no connection is held. Throws NotFound
 * (the conversation, or a message that is not in it), BadUserInput (too many positions, or a negative one).
 */
export const answerStream = async (
  context: Context,
  { conversationId, after: given }: SubscriptionAnswerStreamArgs,
): Promise<AsyncIterableIterator<{ answerStream: Event }>> => {
  await found('Conversation', conversationId, conversationById(context.unit));
  const after = await positionsIn(context, conversationId, given ?? []);
  await context.unit.rest();
  const notices = followAnswers(context.services, conversationId, { reader: context, after });
  let checkedAt = Date.now();

  const stillVisible = async (): Promise<boolean> => {
    if (Date.now() - checkedAt < recheckMs) return true;
    checkedAt = Date.now();
    return seesConversation(context, conversationId);
  };
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
    await notices.return?.();
    await context.unit.rest();
    return { done: true, value: undefined };
  };
  const events: AsyncIterableIterator<{ answerStream: Event }> = {
    [Symbol.asyncIterator]: () => events,
    next: async () => {
      for (;;) {
        // The event before has been delivered: what its fields have read is given back and forgotten.
        await context.unit.rest();
        const notice = await notices.next();
        if (notice.done === true || !(await stillVisible())) return finish();
        const event = await eventOf(context, notice.value);
        if (event !== undefined) return { done: false, value: { answerStream: event } };
      }
    },
    return: finish,
  };
  return events;
};

const positionsIn = async (
  { unit }: Context,
  conversationId: string,
  given: readonly AnswerPositionInput[],
): Promise<AnswerPosition[]> => {
  if (given.length > maxPositions) throw new BadUserInput('after', `At most ${maxPositions} positions.`);
  return Promise.all(
    given.map(async ({ messageId, position = null }, index) => {
      if (position !== null && position < 0)
        throw new BadUserInput(`after.${index}.position`, 'A position is not negative.');
      const message = await found('Message', messageId, messageById(unit));
      if (message.conversationId !== conversationId) throw new NotFound('Message', messageId);
      return { messageId, position };
    }),
  );
};

/** Looks up the subscriber's rights anew; the context goes on with them. */
const seesConversation = async (context: Context, conversationId: string): Promise<boolean> => {
  if (!(await renewSubscriber(context, 'CONVERSATION_READ'))) return false;
  const conversation = await conversationById(context.unit).load(conversationId);
  await context.unit.rest();
  return conversation !== null;
};

/** The event as clients see it; undefined for a completed answer that is gone again. */
const eventOf = async (context: Context, notice: AnswerNotice): Promise<Event | undefined> => {
  const messageId = globalId('Message', notice.messageId);
  if (notice.kind === 'started') return { __typename: 'AnswerStarted', messageId };
  if (notice.kind === 'delta') {
    const { text, position } = notice;
    return { __typename: 'AnswerDelta', messageId, text, position, end: position + text.length };
  }
  if (notice.kind === 'failed') return { __typename: 'AnswerFailed', messageId, error: notice.error };
  if (notice.kind === 'cancelled') return { __typename: 'AnswerCancelled', messageId };
  // A fresh unit, whose loaders know nothing from before the answer.
  context.unit = context.unit.as(context.unit.scope);
  const message = await messageById(context.unit).load(notice.messageId);
  return message === null ? undefined : { __typename: 'AnswerCompleted', message };
};
