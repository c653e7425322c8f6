import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { ChooseMessageInput, SetMessageIncludedInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { lockActiveConversation, ofConversation } from './conversation-lock.ts';
import { messageById } from './loaders.ts';
import { conversations, messages, type ConversationRow, type MessageRow } from './tables.ts';

/** Messages below a chosen one among which the newest is looked for, the nearest first. */
const maxLooked = 10_000;

/**
 * Lets a conversation go on along the path through a message: behind the newest message below it, or behind itself where none is. It does until
 * a message is added, which is the newest then. Throws Conflict (not ACTIVE, archived), NotFound.
 */
export const chooseMessage = (context: Context, { messageId }: ChooseMessageInput): Promise<ConversationRow> => {
  const { unit } = context;
  return unit.transact(async ({ organizationId }) => {
    const { conversationId } = await found('Message', messageId, messageById(unit));
    const { workspaceId } = await lockActiveConversation(unit, conversationId);
    requireActive(viewerOf(context), workspaceId);
    const activeMessageId = await newestBelow(organizationId, conversationId, messageId);
    const changed = database
      .update(conversations)
      .set({ activeMessageId })
      .where(ofConversation(organizationId, conversationId))
      .returning();
    const row = sole(await changed);
    unit.record({ action: 'message.chosen', type: 'Message', id: messageId, workspaceId });
    return row;
  });
};

/** The newest message from this one down; null where it is the newest of the conversation, behind which that goes on anyway. */
const newestBelow = async (
  organizationId: string,
  conversationId: string,
  messageId: string,
): Promise<string | null> => {
  const rows = await database.execute<{ id: string; newest: boolean }>(sql`
    with recursive below as (
      select m.id, m.created_at from ${messages} m where m.organization_id = ${organizationId} and m.id = ${messageId}
      union all
      select m.id, m.created_at from below join ${messages} m on m.organization_id = ${organizationId} and m.parent_id = below.id
    )
    select id, id = (
      select m.id from ${messages} m where m.organization_id = ${organizationId} and m.conversation_id = ${conversationId}
      order by m.created_at desc, m.id desc limit 1
    ) as newest
    from (select * from below limit ${maxLooked}) as looked
    order by created_at desc, id desc limit 1`);
  const { id, newest } = sole(rows);
  return newest ? null : id;
};

/**
 * Takes a message out of what models are told of the conversation, or back into it; for whoever wrote it or asked for it, and EDITORs of the
 * workspace. Throws Conflict (not ACTIVE, archived), Forbidden, NotFound.
 */
export const setMessageIncluded = (
  context: Context,
  { messageId, included }: SetMessageIncludedInput,
): Promise<MessageRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const message = await found('Message', messageId, messageById(unit));
    const question = message.parentId === null ? null : await messageById(unit).load(message.parentId);
    const asker = message.role === 'ASSISTANT' && message.senderId === null ? question?.senderId : message.senderId;
    const { workspaceId, conversationId } = message;
    if (viewer.userId !== asker) requirePermission(viewer, 'CONVERSATION_ANSWER', workspaceId);
    await lockActiveConversation(unit, conversationId);
    requireActive(viewer, workspaceId);
    const changed = database
      .update(messages)
      .set({ includedInHistory: included })
      .where(and(eq(messages.organizationId, organizationId), eq(messages.id, messageId)))
      .returning();
    const row = sole(await changed);
    unit.record({
      action: included ? 'message.included' : 'message.excluded',
      type: 'Message',
      id: messageId,
      workspaceId,
    });
    return row;
  });
};
