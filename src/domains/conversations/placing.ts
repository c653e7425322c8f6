import { and, eq, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, NotFound } from '../../errors.ts';
import { nextPlace, ofConversation } from './conversation-lock.ts';
import { conversations, messages, type ConversationRow } from './tables.ts';

/** Messages that stand beside each other: below one message, or at the beginning of a conversation. */
export const maxSiblings = 100;

/** A conversation that is locked, and where it goes on. */
export type Going = Pick<ConversationRow, 'id' | 'activeMessageId'>;

/**
 * Places the next message of a conversation that is locked: below `parentId`, at the beginning (null), or where the conversation goes on
 * (absent). Throws NotFound (no message of this conversation), Conflict (the parent is still being written, 100 messages stand there).
 */
export const placeIn = async (
  unit: UnitOfWork,
  { id, activeMessageId }: Going,
  parentId: string | null | undefined,
): Promise<ReturnType<typeof nextPlace>> => {
  const place = nextPlace(unit.organizationId, id);
  // The newest message has none below it, and nor has one that was chosen.
  if (parentId === undefined)
    return activeMessageId === null ? place : { ...place, parentId: sql`${activeMessageId}::uuid` };
  if (parentId !== null) await requireParent(unit.organizationId, id, parentId);
  await requireRoom(unit.organizationId, id, parentId);
  return { ...place, parentId: sql`${parentId}::uuid` };
};

const requireParent = async (organizationId: string, conversationId: string, id: string): Promise<void> => {
  const [parent] = await database
    .select({ status: messages.status })
    .from(messages)
    .where(
      and(
        eq(messages.organizationId, organizationId),
        eq(messages.id, id),
        eq(messages.conversationId, conversationId),
      ),
    );
  if (parent === undefined) throw new NotFound('Message', id);
  if (parent.status === 'STREAMING') throw new Conflict('parentId', 'This answer is still being written.');
};

/** Throws Conflict when below this message, or with null at the beginning of the conversation, as many stand as may. */
export const requireRoom = async (
  organizationId: string,
  conversationId: string,
  parentId: string | null,
): Promise<void> => {
  const there =
    parentId === null
      ? and(eq(messages.conversationId, conversationId), isNull(messages.parentId))
      : eq(messages.parentId, parentId);
  const siblings = await database
    .select({ id: messages.id })
    .from(messages)
    .where(and(eq(messages.organizationId, organizationId), there))
    .limit(maxSiblings);
  if (siblings.length === maxSiblings)
    throw new Conflict('messageId', `At most ${maxSiblings} messages stand beside each other.`, { limit: maxSiblings });
};

/** From here on a conversation that is locked goes on behind its newest message: one was added. */
export const goOnAtNewest = async (organizationId: string, { id, activeMessageId }: Going): Promise<void> => {
  if (activeMessageId === null) return;
  await database.update(conversations).set({ activeMessageId: null }).where(ofConversation(organizationId, id));
};
