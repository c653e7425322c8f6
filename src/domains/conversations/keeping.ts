import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Context } from '../context.ts';
import { lockConversation } from './conversation-lock.ts';
import { requireOwner } from './conversation-rights.ts';
import { goOnAtNewest } from './placing.ts';
import { refusal } from './refusal.ts';
import { changeConversation } from './states.ts';
import { messages, type ConversationRow } from './tables.ts';

/** Sets a moment or clears it; one that is so already stays as it is. */
const marked = (
  context: Context,
  id: string,
  column: 'pinnedAt' | 'archivedAt',
  set: boolean,
  action: string,
): Promise<ConversationRow> =>
  context.unit.transact(async () => {
    const current = await lockConversation(context.unit, id);
    requireOwner(context, current);
    if ((current[column] !== null) === set) return current;
    return changeConversation(context, current, action, { [column]: set ? sql`now()` : null });
  });

/** Pins a conversation. Throws Conflict (archived workspace), Forbidden, NotFound. */
export const pinConversation = (context: Context, id: string): Promise<ConversationRow> =>
  marked(context, id, 'pinnedAt', true, 'conversation.pinned');

/** Pins a conversation no longer. Throws Conflict (archived workspace), Forbidden, NotFound. */
export const unpinConversation = (context: Context, id: string): Promise<ConversationRow> =>
  marked(context, id, 'pinnedAt', false, 'conversation.unpinned');

/** Takes a conversation out of the list. Throws Conflict (archived workspace), Forbidden, NotFound. */
export const archiveConversation = (context: Context, id: string): Promise<ConversationRow> =>
  marked(context, id, 'archivedAt', true, 'conversation.archived');

/** Brings a conversation back into the list. Throws Conflict (archived workspace), Forbidden, NotFound. */
export const unarchiveConversation = (context: Context, id: string): Promise<ConversationRow> =>
  marked(context, id, 'archivedAt', false, 'conversation.unarchived');

/**
 * Takes all messages of a conversation out of its history, in one statement; they stay where they are. Throws Conflict (ENDED, archived
 * workspace), Forbidden, NotFound.
 */
export const resetConversation = (
  context: Context,
  id: string,
): Promise<{ conversation: ConversationRow; messages: number }> => {
  const { unit } = context;
  return unit.transact(async ({ organizationId }) => {
    const conversation = await lockConversation(unit, id);
    requireOwner(context, conversation);
    if (conversation.status === 'ENDED') throw refusal('id', conversation);
    const ofHistory = and(
      eq(messages.organizationId, organizationId),
      eq(messages.conversationId, id),
      eq(messages.includedInHistory, true),
    );
    const left = await database
      .update(messages)
      .set({ includedInHistory: false })
      .where(ofHistory)
      .returning({ one: sql`1` });
    await goOnAtNewest(organizationId, conversation);
    const { workspaceId } = conversation;
    const data = { messages: left.length };
    unit.record({ action: 'conversation.reset', type: 'Conversation', id, workspaceId, data });
    return { conversation, messages: left.length };
  });
};
