import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { AnswerConversationInput, TransferConversationInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { decisionIn, requireActive, requirePermission } from '../permissions.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import { discovery, viewerOfMember } from '../tenancy/viewers.ts';
import type { Asked, Means } from './asking.ts';
import { announce } from './conversation-events.ts';
import { lockConversation, ofConversation } from './conversation-lock.ts';
import { requireParticipant } from './conversation-rights.ts';
import { goOnAtNewest, placeIn } from './placing.ts';
import { refusal } from './refusal.ts';
import { changeConversation, makeMove } from './states.ts';
import { conversations, messages, type ConversationRow, type MessageRow } from './tables.ts';
import { titleFrom } from './titles.ts';
import { writtenText } from './written-text.ts';

const maxReason = 500;

/**
 * Hands a conversation over to a person: to the one named, or to whoever takes it. Throws BadUserInput (the assignee may not answer there),
 * Conflict (not ACTIVE, archived), Forbidden, NotFound (conversation, assignee).
 */
export const transferConversation = (
  context: Context,
  { conversationId, reason, assigneeId }: TransferConversationInput,
): Promise<ConversationRow> => {
  const transferReason = reason?.trim() ? writtenText('reason', reason, maxReason) : null;
  return context.unit.transact(async () => {
    const current = await lockConversation(context.unit, conversationId);
    requireParticipant(context, current);
    const assignedToId = assigneeId ?? null;
    if (assignedToId === null)
      return makeMove(context, current, 'transfer', { transferReason, waitingSince: sql`now()` });
    await requireAnswerer(context, current, assignedToId);
    return makeMove(context, current, 'transfer', { transferReason, assignedToId });
  });
};

/** Throws NotFound for who is no member, BadUserInput for who may not answer in the conversation's workspace. */
const requireAnswerer = async ({ unit }: Context, { workspaceId }: ConversationRow, userId: string): Promise<void> => {
  const { organizationId } = unit;
  const assignee = await unit.nested(discovery(organizationId, userId), (looking) =>
    viewerOfMember(looking, { organizationId, userId }),
  );
  if (assignee === null) throw new NotFound('User', userId);
  if (!decisionIn(assignee, 'CONVERSATION_ANSWER', workspaceId).allowed)
    throw new BadUserInput('assigneeId', 'This member may not answer conversations of this workspace.');
};

/**
 * Takes a waiting conversation, to answer in it; once it is the viewer's nothing changes. Throws Conflict (not TRANSFERRED, somebody has taken it,
 * archived), Forbidden, NotFound.
 */
export const takeConversation = (context: Context, id: string): Promise<ConversationRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  return unit.transact(async () => {
    const current = await lockConversation(unit, id);
    requirePermission(viewer, 'CONVERSATION_ANSWER', current.workspaceId);
    requireActive(viewer, current.workspaceId);
    const { status, assignedToId } = current;
    if (status !== 'TRANSFERRED') throw refusal('status', current);
    if (assignedToId === viewer.userId) return current;
    // Who has left the organization answers no more.
    const holder = assignedToId === null ? null : await memberUserById(unit).load(assignedToId);
    if (holder !== null)
      throw new Conflict('assignedTo', `${holder.name} has taken this conversation.`, {
        assignedTo: globalId('User', holder.id),
      });
    const fields = { assignedToId: viewer.userId, waitingSince: null };
    const row = await changeConversation(context, current, 'conversation.taken', fields);
    announce(context, id, { kind: 'status' });
    return row;
  });
};

/**
 * Adds the answer of the person who has taken a conversation. Throws BadUserInput, Conflict (not TRANSFERRED, not the viewer's, archived),
 * Forbidden, NotFound.
 */
export const answerConversation = (
  context: Context,
  { conversationId, content }: AnswerConversationInput,
): Promise<MessageRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const text = writtenText('content', content);
  return unit.transact(async ({ organizationId }) => {
    const current = await lockConversation(unit, conversationId);
    const { workspaceId, status, assignedToId } = current;
    requirePermission(viewer, 'CONVERSATION_ANSWER', workspaceId);
    requireActive(viewer, workspaceId);
    if (status !== 'TRANSFERRED') throw refusal('conversationId', current);
    if (assignedToId !== viewer.userId)
      throw new Conflict('assignedTo', 'Take this conversation first: another answers in it, or nobody yet.', {
        assignedTo: assignedToId === null ? null : globalId('User', assignedToId),
      });
    const { newest, parentId, createdAt } = await placeIn(unit, current, undefined);
    const row = { organizationId, workspaceId, conversationId, parentId, createdAt, content: text };
    const written = database
      .with(newest)
      .insert(messages)
      .values({ ...row, role: 'AGENT', senderId: viewer.userId })
      .returning();
    const message = sole(await written);
    await goOnAtNewest(organizationId, current);
    unit.record({ action: 'message.answered', type: 'Message', id: message.id, workspaceId });
    announce(context, conversationId, { kind: 'message', messageId: message.id });
    return message;
  });
};

/** Whoever answers in it, the workspace's admins, and while it waits whoever started it. Throws Conflict (archived), Forbidden. */
export const requireHandBack = (context: Context, { userId, workspaceId, assignedToId }: ConversationRow): void => {
  const viewer = viewerOf(context);
  const holder = assignedToId ?? userId;
  if (viewer.userId !== holder) requirePermission(viewer, 'CONVERSATION_MANAGE', workspaceId);
  requireActive(viewer, workspaceId);
};

/** Hands a conversation back to the model. Throws Conflict (not TRANSFERRED, archived), Forbidden, NotFound. */
export const handBackConversation = (context: Context, id: string): Promise<ConversationRow> =>
  context.unit.transact(async () => {
    const current = await lockConversation(context.unit, id);
    requireHandBack(context, current);
    return makeMove(context, current, 'handBack');
  });

/** What an answer, completed or not, is to its conversation. */
interface Outcome {
  /** Null where the model gave none. */
  readonly confidence: number | null;
  readonly belowThreshold: boolean;
}

/**
 * The conversation, locked, where the end of an answer may change it: a first exchange gives it its title, and too little confidence hands it over.
 * Asked before the answer's row is touched, as whoever deletes a conversation locks it before its messages. Null otherwise, and once it is gone.
 */
export const conversationToChange = async (
  { question, workspace }: Asked,
  { belowThreshold }: Pick<Outcome, 'belowThreshold'>,
): Promise<ConversationRow | null> => {
  if (question.parentId !== null && !(belowThreshold && workspace.handoverBelowThreshold)) return null;
  const [row] = await database
    .select()
    .from(conversations)
    .where(
      and(
        ofConversation(question.organizationId, question.conversationId),
        eq(conversations.workspaceId, workspace.id),
      ),
    )
    .for('update');
  return row ?? null;
};

/** Gives a locked conversation its title, and hands it over where the answer was too unsure, in the transaction that settles the answer. */
export const concludeExchange = async (
  means: Means,
  conversation: ConversationRow,
  { question, workspace }: Asked,
  { confidence, belowThreshold }: Outcome,
): Promise<void> => {
  if (conversation.titlePending) {
    const title = titleFrom(question.content);
    await changeConversation(means, conversation, 'conversation.titled', { title, titlePending: false });
    announce(means, conversation.id, { kind: 'title' });
  }
  if (!belowThreshold || !workspace.handoverBelowThreshold || conversation.status !== 'ACTIVE') return;
  const [sure, needed] = [confidence ?? 0, workspace.confidenceThreshold].map((value) => value.toFixed(2));
  const transferReason = `The confidence of an answer, ${sure}, is below the workspace's threshold of ${needed}.`;
  await makeMove(means, conversation, 'transfer', { transferReason, waitingSince: sql`now()` });
};
