import { eq, and, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { Unavailable } from '../../errors.ts';
import type { AskInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { deploymentFor, type Callable } from '../modelhub/deployments.ts';
import { reserveExecution } from '../modelhub/executions.ts';
import { found } from '../nodes.ts';
import { requireActive } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';
import { lockActiveConversation, nextPlace } from './conversation-lock.ts';
import { messageById } from './loaders.ts';
import { messages, runningAnswers, type MessageRow } from './tables.ts';
import { writtenText } from './written-text.ts';
import { newId } from '../../ids.ts';

/** How long an answer may go without a word of the process that writes it. */
export const leaseSeconds = 30;
export const leaseEnd = sql`now() + make_interval(secs => ${leaseSeconds})`;

/** A question that is stored, and what is needed to answer it. */
export interface Asked {
  readonly question: MessageRow;
  readonly answer: MessageRow;
  readonly workspace: WorkspaceRow;
  readonly callable: Callable;
  readonly executionId: string;
}

/**
 * Stores a question with its empty answer and the reservation of a model call, in one transaction.
 * Throws BadUserInput, Conflict (conversation not ACTIVE, workspace archived, key missing), NotFound, Unavailable (model switched off).
 */
export const storeQuestion = (context: Context, { conversationId, text }: AskInput): Promise<Asked> => {
  const { unit, services } = context;
  const viewer = viewerOf(context);
  const { userId } = viewer;
  const content = writtenText('text', text);
  return unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const { workspaceId } = await lockActiveConversation(unit, conversationId);
    requireActive(viewer, workspaceId);
    const workspace = await found('Workspace', workspaceId, workspaceById(unit));
    const callable = await deploymentFor(unit, services, workspace);
    const { newest, parentId, createdAt } = nextPlace(organizationId, conversationId);
    const shared = { organizationId, workspaceId, conversationId, createdAt };
    const questionId = newId();
    const [question, answer] = await database
      .with(newest)
      .insert(messages)
      .values([
        {
          ...shared,
          id: questionId,
          parentId,
          role: 'USER' as const,
          senderId: userId,
          content,
        },
        {
          ...shared,
          id: newId(),
          parentId: questionId,
          role: 'ASSISTANT' as const,
          content: '',
          status: 'STREAMING' as const,
          model: callable.model.name,
          modelId: callable.model.id,
          leaseUntil: leaseEnd,
        },
      ])
      .returning();
    if (question === undefined || answer === undefined) throw new Error('A question and its answer are two rows.');
    await database.insert(runningAnswers).values({ messageId: answer.id, organizationId, leaseUntil: leaseEnd });
    const executionId = await reserveExecution(transaction, callable, {
      workspaceId,
      purpose: 'answer',
      targetId: answer.id,
    });
    unit.record({ action: 'message.asked', type: 'Message', id: question.id, workspaceId });
    return { question, answer, workspace, callable, executionId };
  });
};

/** An answer that was written. Throws NotFound when its conversation was deleted meanwhile, Unavailable when it could not be stored. */
export const answerNow = async (context: Context, id: string): Promise<MessageRow> => {
  const answer = await found('Message', id, messageById(context.unit).clear(id));
  if (answer.status === 'STREAMING') throw new Unavailable('The answer could not be stored.');
  return answer;
};

/** Promises for another lease's time that the answer is being written; false when it is no longer awaited. */
export const renewLease = async ({ question, answer }: Asked, unit: Context['unit']): Promise<boolean> =>
  unit.transact(async ({ organizationId }) => {
    const renewed = await database
      .update(messages)
      .set({ leaseUntil: leaseEnd })
      .where(
        and(
          eq(messages.organizationId, organizationId),
          eq(messages.id, answer.id),
          eq(messages.conversationId, question.conversationId),
          eq(messages.status, 'STREAMING'),
        ),
      )
      .returning({ id: messages.id });
    if (renewed.length === 0) return false;
    await database.update(runningAnswers).set({ leaseUntil: leaseEnd }).where(eq(runningAnswers.messageId, answer.id));
    return true;
  });
