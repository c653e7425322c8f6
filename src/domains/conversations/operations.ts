import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, lazily, uuidArray } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput } from '../../errors.ts';
import { logged } from '../../events/ledger.ts';
import type {
  AddMessageInput,
  GiveFeedbackInput,
  StartConversationInput,
  UpdateConversationInput,
} from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { giveUpAnswersOf } from './answering.ts';
import { lockActiveConversation, lockConversation, nextPlace, ofConversation } from './conversation-lock.ts';
import { messageById } from './loaders.ts';
import { goOnAtNewest, placeIn } from './placing.ts';
import {
  conversations,
  feedback,
  messages,
  type ConversationRow,
  type FeedbackRow,
  type MessageRow,
} from './tables.ts';
import { writtenText } from './written-text.ts';
import { newId } from '../../ids.ts';

/** Characters of a title of a conversation. */
export const maxTitle = 255;
const maxComment = 2000;

/** Begins a conversation. Throws BadUserInput, Conflict (archived), NotFound (workspace). */
export const startConversation = (
  context: Context,
  { workspaceId, title }: StartConversationInput,
): Promise<ConversationRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const { userId } = viewer;
  const written = writtenText('title', title, maxTitle);
  return unit.transact(async ({ organizationId }) => {
    await found('Workspace', workspaceId, workspaceById(unit));
    requireActive(viewer, workspaceId);
    const row = sole(
      await database.insert(conversations).values({ organizationId, workspaceId, userId, title: written }).returning(),
    );
    unit.record({ action: 'conversation.started', type: 'Conversation', id: row.id, workspaceId });
    return row;
  });
};

/** Whoever started a conversation may change it, and the workspace's admins. */
const requireOwner = (context: Context, { userId, workspaceId }: ConversationRow): void => {
  const viewer = viewerOf(context);
  if (viewer.userId !== userId) requirePermission(viewer, 'CONVERSATION_MANAGE', workspaceId);
  requireActive(viewer, workspaceId);
};

/** Changes a conversation. Throws BadUserInput, Conflict (archived), Forbidden, NotFound. */
export const updateConversation = (
  context: Context,
  { id, title, status }: UpdateConversationInput,
): Promise<ConversationRow> => {
  if (title === null) throw new BadUserInput('title', 'A conversation has a title.');
  if (status === null) throw new BadUserInput('status', 'A conversation has a status.');
  const fields = {
    ...(title !== undefined && { title: writtenText('title', title, maxTitle) }),
    ...(status !== undefined && { status, endedAt: status === 'ACTIVE' ? null : sql`now()` }),
  };
  return context.unit.transact(async ({ organizationId }) => {
    const current = await lockConversation(context.unit, id);
    requireOwner(context, current);
    if (Object.keys(fields).length === 0) return current;
    const changed = database.update(conversations).set(fields).where(ofConversation(organizationId, id)).returning();
    const row = sole(await changed);
    context.unit.record({
      action: 'conversation.updated',
      type: 'Conversation',
      id,
      workspaceId: row.workspaceId,
      data: { fields: Object.keys(fields) },
    });
    return row;
  });
};

/** Deletes a conversation with its messages and gives up answers being written here. Throws Conflict (archived), Forbidden, NotFound. */
export const deleteConversation = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const { workspaceId, ...current } = await lockConversation(context.unit, id);
    requireOwner(context, { workspaceId, ...current });
    await database.delete(conversations).where(ofConversation(organizationId, id));
    context.unit.record({ action: 'conversation.deleted', type: 'Conversation', id, workspaceId });
    context.unit.afterCommit(() => giveUpAnswersOf(id));
    return id;
  });

const { organizationId: ofTenant, userId: byViewer } = bound;
const ofConversationId = sql.placeholder('conversationId');

/**
 * The next message of a conversation that is locked, behind its newest. Its workspace is null, which fails, where the conversation takes none or
 * goes on elsewhere.
 */
const nextMessage = lazily(() => {
  const { newest, parentId, createdAt } = nextPlace(ofTenant, ofConversationId);
  return logged(
    { action: 'message.added', type: 'Message' },
    messages,
    database
      .with(newest)
      .insert(messages)
      .values({
        organizationId: ofTenant,
        id: sql.placeholder('id'),
        workspaceId: sql`(select ${conversations.workspaceId} from ${conversations}
          where ${conversations.organizationId} = ${ofTenant} and ${conversations.id} = ${ofConversationId} and ${conversations.status} = 'ACTIVE'
            and ${conversations.activeMessageId} is null and ${conversations.workspaceId} <> all(${sql.placeholder('archivedWorkspaces')}))`,
        conversationId: ofConversationId,
        parentId,
        role: 'USER',
        senderId: byViewer,
        content: sql.placeholder('content'),
        createdAt,
      })
      .returning(),
  );
});

/** The conversation goes on behind a message that was chosen, and not behind its newest. */
class GoesOnElsewhere extends Error {}

/** Adds a message without an answer. Throws BadUserInput, Conflict (not ACTIVE, archived, no room below the parent), NotFound. */
export const addMessage = async (context: Context, input: AddMessageInput): Promise<MessageRow> => {
  const content = writtenText('content', input.content);
  if (input.parentId !== undefined) return addMessageAt(context, input, content);
  try {
    return await addNextMessage(context, input.conversationId, content);
  } catch (error) {
    if (error instanceof GoesOnElsewhere) return addMessageAt(context, input, content);
    throw error;
  }
};

const addNextMessage = (context: Context, conversationId: string, content: string): Promise<MessageRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const { userId } = viewer;
  return unit.transact(async ({ organizationId, conclude }) => {
    // Not one statement: what waits for a lock does not see what was committed meanwhile, such as the message before this one.
    const [locked, added] = await Promise.allSettled([
      lockActiveConversation(unit, conversationId),
      conclude(nextMessage(), {
        organizationId,
        userId,
        id: newId(),
        conversationId,
        content,
        archivedWorkspaces: uuidArray([...viewer.archivedWorkspaces]),
      }),
    ]);
    if (added.status === 'fulfilled') return sole(added.value);
    // Where the conversation takes no message, the insert fails without saying why.
    if (locked.status === 'rejected') throw locked.reason;
    requireActive(viewer, locked.value.workspaceId);
    if (locked.value.activeMessageId !== null) throw new GoesOnElsewhere();
    throw added.reason;
  });
};

/** Adds a message at another place than behind the newest. */
const addMessageAt = (
  context: Context,
  { conversationId, parentId: behind }: AddMessageInput,
  content: string,
): Promise<MessageRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  return unit.transact(async ({ organizationId, userId: senderId }) => {
    const conversation = await lockActiveConversation(unit, conversationId);
    const { workspaceId } = conversation;
    requireActive(viewer, workspaceId);
    const { newest, parentId, createdAt } = await placeIn(unit, conversation, behind);
    const row = { organizationId, workspaceId, conversationId, role: 'USER' as const, senderId, content };
    const insert = database.with(newest).insert(messages);
    const added = sole(await insert.values({ ...row, parentId, createdAt }).returning());
    await goOnAtNewest(organizationId, conversation);
    unit.record({ action: 'message.added', type: 'Message', id: added.id, workspaceId });
    return added;
  });
};

/** Takes a member's opinion of a message, in place of the one before. Throws BadUserInput, Conflict (archived), NotFound. */
export const giveFeedback = (
  context: Context,
  { messageId, score, comment }: GiveFeedbackInput,
): Promise<FeedbackRow> => {
  if (score !== 1 && score !== -1) throw new BadUserInput('score', 'A score is 1 or -1.');
  const words = comment?.trim() ? writtenText('comment', comment, maxComment) : null;
  const { unit } = context;
  const viewer = viewerOf(context);
  const { userId } = viewer;
  return unit.transact(async ({ organizationId }) => {
    const { workspaceId } = await found('Message', messageId, messageById(unit));
    requireActive(viewer, workspaceId);
    const row = sole(
      await database
        .insert(feedback)
        .values({ organizationId, workspaceId, messageId, userId, score, comment: words })
        .onConflictDoUpdate({
          target: [feedback.organizationId, feedback.messageId, feedback.userId],
          set: { score, comment: words },
        })
        .returning(),
    );
    unit.record({ action: 'feedback.given', type: 'Message', id: messageId, workspaceId, data: { score } });
    return row;
  });
};
