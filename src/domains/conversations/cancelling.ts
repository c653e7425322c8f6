import { eq, sql } from 'drizzle-orm';
import { setTimeout as pause } from 'node:timers/promises';
import { database } from '../../database/client.ts';
import { Conflict } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { abandonCalls } from '../modelhub/calls.ts';
import { nothingUsed, settleQuota } from '../modelhub/quotas.ts';
import { found } from '../nodes.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { agentInvocationByMessage } from './agent-loaders.ts';
import { endRunOf } from './agent-records.ts';
import { stopAnswer } from './answering.ts';
import { answerNow } from './asking.ts';
import { answersTopic, cancelTopic, type AnswerNotice } from './events.ts';
import { messageById } from './loaders.ts';
import { streaming } from './settling.ts';
import { messages, runningAnswers, type MessageRow } from './tables.ts';

/** How long another process has to say that it stopped, before it is taken for dead. */
const patienceMs = 3000;

/**
 * Stops an answer, wherever it is being written, and gives it as it then is.
 * Throws Conflict (it is not being written, the workspace is archived), Forbidden (asked by another, and not an EDITOR of the workspace), NotFound.
 */
export const cancelAnswer = async (context: Context, messageId: string): Promise<MessageRow> => {
  const { unit, services } = context;
  const answer = await found('Message', messageId, messageById(unit));
  const question = answer.parentId === null ? null : await messageById(unit).load(answer.parentId);
  await unit.rest();
  const viewer = viewerOf(context);
  if (question?.senderId !== viewer.userId) requirePermission(viewer, 'CONVERSATION_ANSWER', answer.workspaceId);
  requireActive(viewer, answer.workspaceId);
  if (answer.status !== 'STREAMING') throw new Conflict('messageId', 'This answer is not being written.');
  const run = await agentInvocationByMessage(unit).load(messageId);
  await unit.rest();
  // Nobody is at work on it.
  if (run?.status === 'WAITING_FOR_APPROVAL') return markCancelled(context, answer);
  if (await stopAnswer(messageId)) {
    const now = await found('Message', messageId, messageById(unit).clear(messageId));
    await unit.rest();
    // An agent may have set it aside at that moment.
    return now.status === 'STREAMING' ? markCancelled(context, answer) : now;
  }
  services.bus.publish(cancelTopic(messageId), {});
  for (const deadline = Date.now() + patienceMs; Date.now() < deadline; await pause(200)) {
    const now = await found('Message', messageId, messageById(unit).clear(messageId));
    await unit.rest();
    if (now.status !== 'STREAMING') return now;
  }
  return markCancelled(context, answer);
};

const markCancelled = async (context: Context, { id, workspaceId, conversationId }: MessageRow) => {
  const { unit, services } = context;
  await unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const stopped = await database
      .update(messages)
      .set({ status: 'CANCELLED', leaseUntil: null, processedAt: sql`now()` })
      .where(streaming(organizationId, eq(messages.id, id)))
      .returning({ id: messages.id });
    if (stopped.length === 0) return;
    await database.delete(runningAnswers).where(eq(runningAnswers.messageId, id));
    await abandonCalls(unit, id);
    await settleQuota(transaction, id, { ...nothingUsed, MESSAGES: 1 });
    await endRunOf(unit, services, id, { status: 'CANCELLED' });
    unit.record({ action: 'answer.cancelled', type: 'Message', id, workspaceId });
    const notice: AnswerNotice = { kind: 'cancelled', messageId: id };
    unit.afterCommit(() => services.bus.publish(answersTopic(conversationId), notice));
  });
  return answerNow(context, id);
};
