import { setTimeout as pause } from 'node:timers/promises';
import { streamAnswer, type AnswerResult } from '../../ai/answer.ts';
import { contextTokensOf } from '../../ai/deployment.ts';
import { ModelFailure } from '../../ai/failure.ts';
import { QuestionTooLong, type Prompt } from '../../ai/prompt.ts';
import { standaloneQuestion } from '../../ai/query-terms.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { DomainError, Unavailable, type ErrorCode } from '../../errors.ts';
import { pinnedPassages } from '../content/pinned.ts';
import type { Services } from '../services.ts';
import { settingsByWorkspace } from '../tenancy/workspace-loaders.ts';
import { streamCall } from '../modelhub/model-call.ts';
import { leaseSeconds, renewLease, type Asked, type Means } from './asking.ts';
import { DeltaPublisher } from '../../events/deltas.ts';
import {
  answersTopic,
  cancelTopic,
  tellAgainTopic,
  type AnswerFailure,
  type AnswerNotice,
  type TellAgain,
} from './events.ts';
import { foundGrounds } from './found-grounds.ts';
import { attachedGrounds, attachedTokens, groundsOf, type Ground } from './grounds.ts';
import { historyBefore } from './history.ts';
import { keepPartialText } from './partial-text.ts';
import { recentPassages } from './recent-passages.ts';
import { settle, type Ending, type Reached } from './settling.ts';
import { systemPromptFor } from './system-prompt.ts';
import { instructedBy, templateOf } from './template-instructions.ts';

/** What a workspace says that answers from its documents alone and has nothing of its own to say where they are silent. */
export const refusal = 'I found nothing about this in the documents of this workspace.';

/** An answer that this process is writing. */
interface Running {
  readonly conversationId: string;
  readonly deltas: DeltaPublisher;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

const running = new Map<string, Running>();

/** Stops an answer that this process is writing and waits until that is stored; false when it writes no such answer. */
export const stopAnswer = async (messageId: string): Promise<boolean> => {
  const found = running.get(messageId);
  found?.abort.abort();
  await found?.done;
  return found !== undefined;
};

/** Stops the answers of a conversation that is gone. */
export const giveUpAnswersOf = (conversationId: string): void => {
  for (const each of running.values()) if (each.conversationId === conversationId) each.abort.abort();
};

/** What subscribers have been told so far of the answers that this process is writing in a conversation. */
export const toldSoFar = (conversationId: string): { messageId: string; text: string }[] =>
  [...running]
    .filter(([, each]) => each.conversationId === conversationId && each.deltas.told !== '')
    .map(([messageId, { deltas }]) => ({ messageId, text: deltas.told }));

/** The same of one answer; undefined when this process does not write it. */
export const toldOf = (messageId: string): string | undefined => running.get(messageId)?.deltas.told;

/** Resolves when no answer is being written any more. */
export const settled = async (): Promise<void> => {
  while (running.size > 0) await Promise.all([...running.values()].map(({ done }) => done));
};

/** Why answers are stopped that are still being written when the process has to end. */
const shutdown = new Error('The server stopped while answering.');

/** Lets the answers being written come to their end, and after `graceMs` stops them; they are FAILED then. */
export const settleWithin = async (graceMs: number): Promise<void> => {
  const timer = setTimeout(() => {
    for (const { abort } of running.values()) abort.abort(shutdown);
  }, graceMs);
  await settled();
  clearTimeout(timer);
};

/** How an answer is written. */
export interface Author {
  /** Whether the answer begins now; false where writing goes on that was set aside. */
  readonly begins: boolean;
  /** Writes, and becomes an ending however it goes; null when the answer is set aside for now. */
  readonly write: (deltas: DeltaPublisher, signal: AbortSignal) => Promise<Ending | null>;
  /** Stores how it ended; false when the answer was no longer awaited. */
  readonly settle: (ending: Ending) => Promise<boolean>;
}

/**
 * Writes the answer to a stored question, whether or not anybody goes on waiting for it. Resolves when it is settled, well or not, or set aside,
 * and never rejects. The unit is one of its own.
 */
export const writeAnswer = (
  services: Services,
  unit: UnitOfWork,
  asked: Asked,
  author: Author = {
    begins: true,
    write: (deltas, signal) => work(services, unit, asked, deltas, signal),
    settle: (ending) => settle({ unit, services }, asked, ending),
  },
): Promise<void> => {
  const { answer, question } = asked;
  const publish = (notice: AnswerNotice) => services.bus.publish(answersTopic(question.conversationId), notice);
  const deltas = new DeltaPublisher((text, position) =>
    publish({ kind: 'delta', messageId: answer.id, text, position }),
  );
  const abort = new AbortController();
  const stopWatching = watch(services, unit, asked, abort);
  const stopTellingAgain = tellAgain(services, answer.id, deltas);
  const stopKeeping = keepPartialText(services, unit, answer, () => deltas.told);
  if (author.begins) publish({ kind: 'started', messageId: answer.id });
  const done = author
    .write(deltas, abort.signal)
    .then((ending) => {
      deltas.flush();
      if (ending === null) return undefined;
      return settlePatiently(() => author.settle(ending)).then((first) =>
        first ? publish(noticeOf(ending, answer.id)) : undefined,
      );
    })
    .catch((error: unknown) => {
      // The lease runs out, and the watch over abandoned answers ends this one.
      services.log.error({ err: error, messageId: answer.id }, 'An answer could not be settled.');
    })
    .finally(() => {
      deltas.close();
      stopWatching();
      stopTellingAgain();
      stopKeeping();
      running.delete(answer.id);
    });
  running.set(answer.id, { conversationId: question.conversationId, deltas, abort, done });
  return done;
};

const settleTries = 5;
const settleAgainMs = 1000;

/** A database that is away for some seconds costs no answer that is written already. */
const settlePatiently = async (settleOnce: () => Promise<boolean>): Promise<boolean> => {
  for (let attempt = 1; ; attempt++)
    try {
      return await settleOnce();
    } catch (error) {
      if (!(error instanceof Unavailable) || attempt === settleTries) throw error;
      await pause(settleAgainMs);
    }
};

/** Renews the lease and listens for a wish to stop, until the function returned is called. */
const watch = (services: Services, unit: UnitOfWork, asked: Asked, abort: AbortController): (() => void) => {
  const renew = () => {
    // A unit for each: one that is slow must not take the next into its transaction.
    renewLease(asked, unit.as(unit.scope)).then(
      (awaited) => (awaited ? undefined : abort.abort()),
      (error: unknown) => services.log.warn({ err: error, messageId: asked.answer.id }, 'A lease was not renewed.'),
    );
  };
  const timer = setInterval(renew, (leaseSeconds * 1000) / 3);
  const wishes = services.bus.subscribe(cancelTopic(asked.answer.id));
  wishes.next().then(
    ({ done }) => (done ? undefined : abort.abort()),
    (error: unknown) => services.log.warn({ err: error }, 'Wishes to stop an answer are no longer heard.'),
  );
  return () => {
    clearInterval(timer);
    void wishes.return?.();
  };
};

/** Tells pieces again that somebody has missed, until the function returned is called. */
const tellAgain = ({ bus, log }: Services, messageId: string, deltas: DeltaPublisher): (() => void) => {
  const wishes = bus.subscribe(tellAgainTopic(messageId));
  const hear = async () => {
    // The cast is safe: only this domain publishes on the topic.
    for await (const wish of wishes) deltas.tellAgain((wish as TellAgain).from);
  };
  hear().catch((error: unknown) => log.warn({ err: error, messageId }, 'Missed pieces are no longer told again.'));
  return () => void wishes.return?.();
};

/** Retrieves and answers; every failure becomes an ending. */
const work = async (
  services: Services,
  unit: UnitOfWork,
  asked: Asked,
  deltas: DeltaPublisher,
  signal: AbortSignal,
): Promise<Ending> => {
  const began = performance.now();
  // How far the work comes before it breaks off.
  const reached: { -readonly [Name in keyof Reached]: Reached[Name] } = { material: null, prompt: null };
  try {
    const material = await materialOf(services, unit, asked);
    reached.material = material;
    const { chatMode, queryRefusalResponse } = asked.workspace;
    if (chatMode === 'QUERY' && material.grounds.length === 0)
      return { kind: 'refused', text: queryRefusalResponse ?? refusal, material };
    const result = await answered({ unit, services }, asked, material, deltas, signal, (prompt) => {
      const { passages, turns, inputTokens } = prompt;
      reached.prompt = { passagesUsed: passages.length, turnsUsed: turns, inputTokens };
    });
    return { kind: 'answered', result, material };
  } catch (error) {
    return endingOf(services, error, deltas, signal, performance.now() - began, reached);
  } finally {
    await unit.rest();
  }
};

/** The ending of an answer whose writing threw; what there is of it stays. */
export const endingOf = (
  services: Services,
  error: unknown,
  deltas: DeltaPublisher,
  signal: AbortSignal,
  latencyMs: number,
  reached: Reached = { material: null, prompt: null },
): Ending => {
  const text = clean(error instanceof ModelFailure ? error.text : deltas.text);
  if (signal.aborted && signal.reason !== shutdown) return { kind: 'cancelled', text, latencyMs, ...reached };
  const failure = failureOf(error);
  if (failure.code === 'INTERNAL_SERVER_ERROR') services.log.error({ err: error }, 'An answer failed.');
  return { kind: 'failed', text, error: failure, cause: causeOf(error), latencyMs, ...reached };
};

/** What an answer is made from. */
export interface Material {
  /** The instructions, with their variables filled in. */
  readonly system: string;
  /** Whether a template stands in for the workspace's own. */
  readonly ofTemplate: boolean;
  /** What was searched for. */
  readonly searchQuery: string;
  readonly tone: string | null;
  readonly history: Awaited<ReturnType<typeof historyBefore>>;
  /** In the order in which they go into the prompt: files of the conversation, pinned documents, what was found, what was cited lately. */
  readonly grounds: readonly Ground[];
}

/** Of the model's window, what the pinned documents may take. Beside the files of the conversation a quarter is left for all else. */
export const pinnedShare = 0.25;

/** Reads what an answer is made from; the unit holds no connection afterwards. */
const materialOf = async (services: Services, unit: UnitOfWork, asked: Asked): Promise<Material> => {
  const { question, workspace, call, asker, choices } = asked;
  const window = contextTokensOf(call.callable.deployment);
  const means = { unit, services };
  // A prompt of the question's own goes before whatever the workspace has.
  const template = choices.systemPrompt === undefined ? await templateOf(means, workspace) : null;
  const [{ text: system, ofTemplate }, settings, history, attached, pinned] = await Promise.all([
    instructedBy(means, template, { userId: asker.userId, workspace }, () => systemPromptFor(means, asked)),
    settingsByWorkspace(unit).load(workspace.id),
    historyBefore(unit, question, workspace.historyLength),
    attachedGrounds(unit, question.conversationId, attachedTokens(window)),
    pinnedPassages(unit, workspace.id, Math.floor(window * pinnedShare)),
  ]);
  const query = standaloneQuestion({
    question: question.prompt ?? question.content,
    earlier: history.findLast(({ role }) => role === 'user')?.text,
    language: workspace.language,
  });
  const there = new Set(pinned.passages.map(({ chunkId }) => chunkId));
  const found = await foundGrounds(
    { unit, services },
    { workspace, query, pinnedChunkIds: there, excludeDocumentIds: pinned.wholeDocumentIds },
  );
  const recent = await recentPassages(unit, {
    workspaceId: workspace.id,
    messageIds: history.map(({ messageId }) => messageId),
    known: [...there, ...found.grounds.flatMap(({ chunkId }) => chunkId ?? [])],
    first: found.room,
  });
  await unit.rest();
  const grounds = [
    ...attached,
    ...groundsOf(pinned.passages, 'PINNED'),
    ...found.grounds,
    ...groundsOf(recent, 'RECENT'),
  ];
  return { system, ofTemplate, searchQuery: query, tone: settings?.tone ?? null, history, grounds };
};

/** Streams the answer; what it gives to subscribers and what it gives back are free of NUL, which Postgres keeps in no text. */
const answered = async (
  means: Means,
  { question, workspace, call }: Asked,
  { system, tone, history, grounds }: Material,
  deltas: DeltaPublisher,
  signal: AbortSignal,
  onPrompt: (prompt: Prompt) => void,
): Promise<AnswerResult> => {
  const parts = streamCall(means, call, (deployment) =>
    streamAnswer({
      deployment,
      system,
      tone,
      history,
      question: question.prompt ?? question.content,
      passages: grounds,
      generalKnowledge: workspace.chatMode !== 'QUERY',
      language: workspace.language,
      signal,
      onPrompt,
      ...(workspace.temperature !== null && { temperature: workspace.temperature }),
    }),
  );
  for await (const part of parts) {
    if (part.type === 'result') return { ...part.result, text: clean(part.result.text) };
    deltas.add(clean(part.text));
  }
  throw new ModelFailure('INTERRUPTED', 'The model ended without an answer.');
};

/** Without NUL, which Postgres keeps in no text. */
export const clean = (text: string): string => text.replaceAll('\0', '');

const failureOf = (error: unknown): AnswerFailure => {
  if (error instanceof ModelFailure && error.kind === 'CANCELLED')
    return { code: 'UNAVAILABLE', message: shutdown.message };
  if (error instanceof ModelFailure)
    return { code: error.kind === 'RATE_LIMITED' ? 'RATE_LIMITED' : 'UNAVAILABLE', message: error.message };
  if (error instanceof QuestionTooLong) return { code: 'BAD_USER_INPUT', message: error.message };
  // The cast is safe: only the family of errors sets the code, and its constructor takes nothing else.
  if (error instanceof DomainError) return { code: error.extensions.code as ErrorCode, message: error.message };
  return { code: 'INTERNAL_SERVER_ERROR', message: 'The answer failed for a reason inside the server.' };
};

const causeOf = (error: unknown): string => (error instanceof ModelFailure ? error.kind : failureOf(error).code);

const noticeOf = (ending: Ending, messageId: string): AnswerNotice => {
  const { length } = ending.kind === 'answered' ? ending.result.text : ending.text;
  if (ending.kind === 'failed') return { kind: 'failed', messageId, length, error: ending.error };
  return { kind: ending.kind === 'cancelled' ? 'cancelled' : 'completed', messageId, length };
};
