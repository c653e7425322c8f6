import { and, eq, lt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork, wholeOf } from '../../database/unit-of-work.ts';
import { abandonCalls } from '../modelhub/calls.ts';
import { nothingUsed, settleQuota } from '../modelhub/quotas.ts';
import type { Services } from '../services.ts';
import { agentInvocationByMessage } from './agent-loaders.ts';
import { endRunOf, patienceHours } from './agent-records.ts';
import { settleWithin } from './answering.ts';
import { answersTopic, type AnswerFailure, type AnswerNotice } from './events.ts';
import { streaming } from './settling.ts';
import { messages, runningAnswers } from './tables.ts';

const everyMs = 15_000;
const atOnce = 100;
const stopped: AnswerFailure = { code: 'UNAVAILABLE', message: 'The server stopped while answering.' };
const undecided: AnswerFailure = {
  code: 'CONFLICT',
  message: `The agent waited ${patienceHours} hours for a decision on the use of a tool.`,
};
const origin = { requestId: 'abandoned-answers', address: null, userAgent: null };
const overdue = lt(runningAnswers.leaseUntil, sql`now()`);

/** Ends the answers whose writers have not reported in time, of all tenants, each in a unit of its own. Gives their number. */
export const failAbandonedAnswers = async (services: Services): Promise<number> => {
  let ended = 0;
  for (let some = atOnce; some === atOnce; ended += some) some = await failSome(services);
  return ended;
};

const failSome = async (services: Services): Promise<number> => {
  const everywhere = new UnitOfWork(nowhere, { ...services, origin });
  const found = await everywhere.run(() =>
    database
      .select({ messageId: runningAnswers.messageId, organizationId: runningAnswers.organizationId })
      .from(runningAnswers)
      .where(overdue)
      .limit(atOnce),
  );
  await everywhere.rest();
  for (const each of found) await failAnswer(services, each);
  return found.length;
};

const failAnswer = (
  services: Services,
  { messageId, organizationId }: { messageId: string; organizationId: string },
): Promise<void> => {
  const unit = new UnitOfWork(wholeOf(organizationId), { ...services, origin });
  return unit.transact(async (transaction) => {
    const [gone] = await database
      .delete(runningAnswers)
      .where(and(eq(runningAnswers.messageId, messageId), overdue))
      .returning({ messageId: runningAnswers.messageId });
    // Another process was faster, or the writer has reported after all.
    if (gone === undefined) return;
    const run = await agentInvocationByMessage(unit).load(messageId);
    const waited = run?.status === 'WAITING_FOR_APPROVAL';
    const failure = waited ? undecided : stopped;
    const { code: errorCode, message: errorMessage } = failure;
    const [failed] = await database
      .update(messages)
      .set({ status: 'FAILED', errorCode, errorMessage, leaseUntil: null, processedAt: sql`now()` })
      .where(streaming(organizationId, eq(messages.id, messageId)))
      .returning({ conversationId: messages.conversationId, workspaceId: messages.workspaceId });
    await abandonCalls(unit, messageId);
    await settleQuota(transaction, messageId, nothingUsed);
    const reason = waited ? 'NOT_DECIDED' : 'INTERRUPTED';
    await endRunOf(unit, services, messageId, { status: 'FAILED', reason, message: errorMessage });
    if (failed === undefined) return;
    const { conversationId, workspaceId } = failed;
    unit.record({ action: 'answer.failed', type: 'Message', id: messageId, workspaceId });
    const notice: AnswerNotice = { kind: 'failed', messageId, error: failure };
    unit.afterCommit(() => services.bus.publish(answersTopic(conversationId), notice));
  });
};

/**
 * Watches over abandoned answers, now and every 15 seconds; `stop` ends that, lets the answers being written here come to their end,
 * and after the grace stops them.
 */
export const startConversations = (services: Services): { stop(graceMs: number): Promise<void> } => {
  let sweep = Promise.resolve();
  const look = () => {
    sweep = failAbandonedAnswers(services).then(
      () => undefined,
      (error: unknown) => services.log.error({ err: error }, 'Abandoned answers could not be looked for.'),
    );
  };
  look();
  const timer = setInterval(look, everyMs);
  return {
    stop: async (graceMs) => {
      clearInterval(timer);
      await sweep;
      await settleWithin(graceMs);
    },
  };
};
