import type { ResolversTypes } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import type { Services } from '../services.ts';
import { renewSubscriber } from '../tenancy/subscribers.ts';
import type { Means } from './asking.ts';
import { conversationById, messageById } from './loaders.ts';

/** What subscribers of a conversation are told besides its answers; rows are read at delivery. */
export type ConversationNotice =
  { readonly kind: 'message'; readonly messageId: string } | { readonly kind: 'status' } | { readonly kind: 'title' };

/** Where the notices of a conversation go. */
export const conversationTopic = (conversationId: string): string => `conversation:${conversationId}`;

/** Tells subscribers once the running transaction has committed. */
export const announce = ({ unit, services }: Means, conversationId: string, notice: ConversationNotice): void =>
  unit.afterCommit(() => services.bus.publish(conversationTopic(conversationId), notice));

/** How old the knowledge of a subscriber's rights may be at a delivery. */
const recheckMs = 3000;

type Event = Awaited<ResolversTypes['ConversationEvent']>;

/**
 * What happens to a conversation from now on, besides its answers. Ends when the subscriber may no longer see it. Between events no connection
 * is held. Throws NotFound.
 */
export const conversationEvents = async (
  context: Context,
  conversationId: string,
): Promise<AsyncIterableIterator<{ conversationEvents: Event }>> => {
  await found('Conversation', conversationId, conversationById(context.unit));
  await context.unit.rest();
  const notices = noticesOf(context.services, conversationId);
  let checkedAt = Date.now();
  const stillAllowed = async (): Promise<boolean> => {
    if (Date.now() - checkedAt < recheckMs) return true;
    checkedAt = Date.now();
    return renewSubscriber(context, 'CONVERSATION_READ');
  };
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
    await notices.return?.();
    await context.unit.rest();
    return { done: true, value: undefined };
  };
  const events: AsyncIterableIterator<{ conversationEvents: Event }> = {
    [Symbol.asyncIterator]: () => events,
    next: async () => {
      for (;;) {
        // The event before has been delivered: what its fields have read is given back and forgotten.
        await context.unit.rest();
        const notice = await notices.next();
        if (notice.done === true || !(await stillAllowed())) return finish();
        // A fresh unit, whose loaders know nothing from before.
        context.unit = context.unit.as(context.unit.scope);
        const conversation = await conversationById(context.unit).load(conversationId);
        if (conversation === null) return finish();
        if (notice.value.kind !== 'message')
          return { done: false, value: { conversationEvents: { __typename: names[notice.value.kind], conversation } } };
        const message = await messageById(context.unit).load(notice.value.messageId);
        if (message !== null)
          return { done: false, value: { conversationEvents: { __typename: 'ConversationMessageAdded', message } } };
      }
    },
    return: finish,
  };
  return events;
};

const names = { status: 'ConversationStatusChanged', title: 'ConversationTitleChanged' } as const;

const noticesOf = ({ bus }: Pick<Services, 'bus'>, conversationId: string) =>
  // The cast is safe: only `announce` publishes on the topic.
  bus.subscribe(conversationTopic(conversationId)) as AsyncIterableIterator<ConversationNotice>;
