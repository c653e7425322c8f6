import { setTimeout as pause } from 'node:timers/promises';
import { z } from 'zod';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { DomainError } from '../../errors.ts';
import { globalId, parseGlobalId } from '../../ids.ts';
import { JobEnded, type JobHandler, type Run } from '../../queue/queue.ts';
import { viewerNow } from '../content/bulk-run.ts';
import { viewerOf, type Context } from '../context.ts';
import { requirePermission } from '../permissions.ts';
import type { Work } from '../services.ts';
import { scopeOf } from '../tenancy/viewers.ts';
import { startsRun, storeRun } from './agent-asking.ts';
import { agentInvocationByMessage } from './agent-loaders.ts';
import { workOnRun } from './agent-run.ts';
import { stopAnswer, writeAnswer } from './answering.ts';
import { storeQuestion, type Asked } from './asking.ts';
import { messageById } from './loaders.ts';
import { startConversation } from './operations.ts';
import { regenerate } from './regenerating.ts';
import { askWork, type AskWork } from './scheduled-question.ts';
import type { MessageRow } from './tables.ts';

/** What was asked, in the job's result: written in the transaction that asks, so that a run after a crash asks nothing twice. */
const told = z.object({ conversationId: z.string(), questionId: z.string(), answerId: z.string() });
type Told = z.infer<typeof told>;

/** An answer that is to be written by this process. */
interface ToWrite {
  readonly asked: Asked;
  readonly write: (unit: UnitOfWork) => Promise<void>;
}

const lookAgainMs = 2000;
const percent = 50;

/**
 * Asks the question of a schedule as its owner, with the rights and within the bounds that they have now, and sees to its answer. One that a model
 * or a crash left FAILED is written anew by the next try; the run of an agent is not, for what its tools did would happen twice.
 */
export const runScheduledQuestion: JobHandler<Work>['run'] = async (work, data, run) => {
  const context = await contextOf(work);
  if (context === null) return { stopped: 'ACCESS_ENDED' };
  return understood(async () => {
    requirePermission(viewerOf(context), 'CONVERSATION_WRITE');
    return run.kept === null
      ? await writtenBy(context, run, await ask(context, askWork.parse(data), run))
      : await goneOn(context, run, told.parse(run.kept));
  });
};

const contextOf = async (work: Work): Promise<Context | null> => {
  const { userId } = work.unit.scope;
  const viewer = await viewerNow(work, { kind: 'SESSION', id: userId ?? '' });
  if (viewer === null) return null;
  const unit = work.unit.as(scopeOf(viewer));
  return { viewer, unit, services: work.services, origin: unit.options.origin };
};

type Outcome = Told | { readonly stopped: string; readonly message: string };

/** What nobody but the owner can mend is told at once; the rest is tried again. */
const understood = async (work: () => Promise<Outcome>): Promise<Outcome> => {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof DomainError) || error.extensions.code === 'UNAVAILABLE') throw error;
    return { stopped: String(error.extensions.code), message: error.message };
  }
};

const toldOf = ({ question, answer }: Asked): Told => ({
  conversationId: globalId('Conversation', question.conversationId),
  questionId: globalId('Message', question.id),
  answerId: globalId('Message', answer.id),
});

/** Asks as `ask` does, in a new conversation where none goes on, and writes down that it is asked. */
const ask = (context: Context, { text, ...work }: AskWork, run: Run): Promise<ToWrite> => {
  const { unit, services } = context;
  return unit.transact(async () => {
    const { title, workspaceId } = work;
    const conversationId = work.conversationId ?? (await startConversation(context, { workspaceId, title })).id;
    const question = { conversationId, text };
    if (await startsRun(context, conversationId, text)) {
      const going = await storeRun(context, question);
      await run.keep(unit, toldOf(going.asked), percent);
      return { asked: going.asked, write: (own) => workOnRun(services, own, going) };
    }
    const asker = { userId: viewerOf(context).userId, visitorId: null };
    const asked = await storeQuestion(context, asker, question);
    await run.keep(unit, toldOf(asked), percent);
    return { asked, write: (own) => writeAnswer(services, own, asked) };
  });
};

/** Writes an answer, until the job is called off. Throws where it is to be written anew. */
const writtenBy = async ({ unit }: Context, run: Run, { asked, write }: ToWrite): Promise<Told> => {
  const answerId = asked.answer.id;
  const written = write(unit.as(unit.scope));
  // A process that shuts down lets what it writes come to its end first.
  const stop = () => void (run.signal.reason instanceof JobEnded && stopAnswer(answerId));
  run.signal.addEventListener('abort', stop);
  if (run.signal.aborted) stop();
  await written.finally(() => run.signal.removeEventListener('abort', stop));
  const answer = await answerNow(unit, answerId);
  if (await isToBeWrittenAnew(unit, answer)) throw new AnswerFailed();
  return toldOf(asked);
};

/** Sees to the answer that an earlier try began. */
const goneOn = async (context: Context, run: Run, before: Told): Promise<Told> => {
  const { unit, services } = context;
  const answerId = parseGlobalId(before.answerId)?.uuid ?? '';
  const answer = await ended(unit, run, answerId);
  if (!(await isToBeWrittenAnew(unit, answer))) return before;
  const again = await unit.transact(async () => {
    const asked = await regenerate(context, answerId);
    await run.keep(unit, toldOf(asked), percent);
    return asked;
  });
  return writtenBy(context, run, { asked: again, write: (own) => writeAnswer(services, own, again) });
};

/** The answer once nobody writes it any more: whoever did has ended it, or is found to have died. Null where it is gone. */
const ended = async (unit: UnitOfWork, run: Run, answerId: string): Promise<MessageRow | null> => {
  for (;;) {
    run.signal.throwIfAborted();
    const answer = await answerNow(unit, answerId);
    if (answer?.status !== 'STREAMING' || (await waitsForPerson(unit, answerId))) return answer;
    await pause(lookAgainMs);
  }
};

const answerNow = async (unit: UnitOfWork, answerId: string): Promise<MessageRow | null> => {
  const answer = await messageById(unit).clear(answerId).load(answerId);
  await unit.rest();
  return answer;
};

const waitsForPerson = async (unit: UnitOfWork, answerId: string): Promise<boolean> => {
  const invocation = await agentInvocationByMessage(unit).clear(answerId).load(answerId);
  await unit.rest();
  return invocation?.status === 'WAITING_FOR_APPROVAL';
};

const passing: ReadonlySet<string | null> = new Set(['UNAVAILABLE', 'RATE_LIMITED', 'INTERNAL_SERVER_ERROR']);

/** Whether an answer failed for a reason that may be over, and no agent wrote it. */
const isToBeWrittenAnew = async (unit: UnitOfWork, answer: MessageRow | null): Promise<boolean> => {
  if (answer?.status !== 'FAILED' || !passing.has(answer.errorCode)) return false;
  const invocation = await agentInvocationByMessage(unit).load(answer.id);
  await unit.rest();
  return invocation === null;
};

/** The answer came to a bad end that may be over at the next try. */
class AnswerFailed extends Error {}
