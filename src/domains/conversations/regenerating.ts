import { sql } from 'drizzle-orm';
import { markersOf } from '../../ai/markers.ts';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction, UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import type { EditMessageInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { beginAnswer, workspaceFor, writeQuestion, type Asked } from './asking.ts';
import { lockActiveConversation } from './conversation-lock.ts';
import { copyCitations } from './copied-grounds.ts';
import { messageById } from './loaders.ts';
import { goOnAtNewest, placeIn, requireRoom } from './placing.ts';
import { messages, type MessageRow } from './tables.ts';
import { writtenText } from './written-text.ts';

/** Whoever asked may change what they asked, and the workspace's EDITORs. */
const requireAsker = (context: Context, { senderId, workspaceId }: MessageRow): void => {
  const viewer = viewerOf(context);
  if (viewer.userId !== senderId) requirePermission(viewer, 'CONVERSATION_ANSWER', workspaceId);
  requireActive(viewer, workspaceId);
};

/** The question that a message is, or that it answers. Throws BadUserInput, Conflict (the answer is still being written), NotFound. */
const questionOf = async (unit: UnitOfWork, messageId: string): Promise<MessageRow> => {
  const message = await found('Message', messageId, messageById(unit));
  if (message.role === 'USER') return message;
  if (message.status === 'STREAMING') throw stillWritten();
  const question = message.parentId === null ? null : await messageById(unit).load(message.parentId);
  if (message.role !== 'ASSISTANT' || question?.role !== 'USER')
    throw new BadUserInput('messageId', 'This is neither a question nor the answer to one.');
  return question;
};

const stillWritten = () => new Conflict('messageId', 'This answer is still being written.');

/**
 * Begins a new answer to a question, beside those that it has; named by the question or by one of its answers. Throws BadUserInput, Conflict
 * (the answer is still being written, 100 stand there, not ACTIVE, archived, key missing), Forbidden (asked by another, and no EDITOR),
 * NotFound, Unavailable (model switched off).
 */
export const regenerate = (context: Context, messageId: string): Promise<Asked> => {
  const { unit } = context;
  return unit.transact(async (transaction) => {
    const question = await questionOf(unit, messageId);
    requireAsker(context, question);
    const conversation = await lockActiveConversation(unit, question.conversationId);
    await requireRoom(transaction.organizationId, conversation.id, question.id);
    await goOnAtNewest(transaction.organizationId, conversation);
    const asked = await answerAgain(context, transaction, question);
    unit.record({
      action: 'answer.regenerated',
      type: 'Message',
      id: asked.answer.id,
      workspaceId: question.workspaceId,
    });
    return asked;
  });
};

const answerAgain = async (context: Context, transaction: Transaction, question: MessageRow): Promise<Asked> => {
  const asker = { userId: viewerOf(context).userId, visitorId: null };
  const choices = {};
  const workspace = await workspaceFor(context.unit, question.workspaceId, choices);
  const begun = await beginAnswer(context, transaction, workspace, question);
  return { asker, question, workspace, choices, ...begun };
};

/** A message whose text was written anew, and what is needed to answer it; null where nobody is to. */
export interface Edited {
  readonly message: MessageRow;
  readonly asked: Asked | null;
}

/**
 * Writes a message anew, beside the one there was. A question's is answered unless `answer` is false; an answer's stands as a person's own, for
 * EDITORs of the workspace. Throws BadUserInput, Conflict (still being written, 100 stand there, not ACTIVE, archived, key missing), Forbidden,
 * NotFound, Unavailable (model switched off).
 */
export const editMessage = (context: Context, { messageId, text, answer }: EditMessageInput): Promise<Edited> => {
  const { unit } = context;
  const content = writtenText('text', text);
  return unit.transact(async (transaction) => {
    const message = await found('Message', messageId, messageById(unit));
    if (message.role === 'ASSISTANT')
      return { message: await editAnswer(context, transaction, message, content), asked: null };
    if (message.role !== 'USER')
      throw new BadUserInput('messageId', 'Only questions and answers of models are written anew.');
    requireAsker(context, message);
    const conversation = await lockActiveConversation(unit, message.conversationId);
    const asker = { userId: viewerOf(context).userId, visitorId: null };
    const { parentId, id: editedFromId } = message;
    const question = await writeQuestion(context, asker, conversation, { content, parentId, editedFromId });
    return { message: question, asked: answer === false ? null : await answerAgain(context, transaction, question) };
  });
};

/** A person's own words in place of a model's: they cite what the model cited, as far as they still name its numbers. */
const editAnswer = async (
  context: Context,
  { organizationId, userId: senderId }: Transaction,
  original: MessageRow,
  content: string,
): Promise<MessageRow> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const { workspaceId, conversationId } = original;
  requirePermission(viewer, 'CONVERSATION_ANSWER', workspaceId);
  requireActive(viewer, workspaceId);
  if (original.status === 'STREAMING') throw stillWritten();
  const conversation = await lockActiveConversation(unit, conversationId);
  const { newest, parentId, createdAt } = await placeIn(unit, conversation, original.parentId);
  const row = { organizationId, workspaceId, conversationId, parentId, createdAt, editedFromId: original.id };
  const edited = sole(
    await database
      .with(newest)
      .insert(messages)
      .values({ ...row, role: 'ASSISTANT', senderId, content, processedAt: sql`now()` })
      .returning(),
  );
  await goOnAtNewest(organizationId, conversation);
  const { language } = await workspaceFor(unit, workspaceId, {});
  const markers = new Set(markersOf(content, language).map(({ number }) => number));
  await copyCitations(organizationId, new Map([[original.id, edited.id]]), { markers });
  unit.record({ action: 'answer.edited', type: 'Message', id: edited.id, workspaceId, data: { from: original.id } });
  return edited;
};
