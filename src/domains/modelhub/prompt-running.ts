import { setTimeout as pause } from 'node:timers/promises';
import { streamStep, type StepPart } from '../../ai/agent-step.ts';
import type { Usage } from '../../ai/answer.ts';
import type { Deployment } from '../../ai/deployment.ts';
import { ModelFailure } from '../../ai/failure.ts';
import { streamStructured, type ObjectSchema, type StructuredPart } from '../../ai/structured.ts';
import { countTokens } from '../../ai/tokens.ts';
import { DomainError, QuotaExceeded, Unavailable } from '../../errors.ts';
import { DeltaPublisher } from '../../events/deltas.ts';
import type { Services } from '../services.ts';
import { failed, succeeded, unused } from './calls.ts';
import { streamCall, type ModelCall } from './model-call.ts';
import { cancelRunTopic, promptTopic, tellRunAgainTopic, type RunNotice, type TellRunAgain } from './prompt-events.ts';
import { storable } from './prompt-rules.ts';
import { settleRun, type RunEnding, type RunMeans, type RunPlace } from './prompt-settling.ts';

/** What a model is asked. */
export interface Asked {
  /** Instructions and prompt, their placeholders filled. */
  readonly system: string;
  readonly question: string;
  /** What both have together, about. */
  readonly inputTokens: number;
  readonly schema: ObjectSchema | null;
  readonly temperature: number | null;
}

/** A run that is stored and reserved, and is to be made. */
export interface GoingRun extends RunPlace {
  readonly call: ModelCall;
  readonly asked: Asked;
}

/** A run that this process is at. */
interface Running {
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

const running = new Map<string, Running>();
const shutdown = new Error('The server stopped while answering.');

/** Stops a run that this process is at and waits until that is stored; false when it is at no such run. */
export const stopRun = async (runId: string): Promise<boolean> => {
  const found = running.get(runId);
  found?.abort.abort();
  await found?.done;
  return found !== undefined;
};

/** Stops runs wherever they are, without waiting for it. */
export const stopRunsOf = ({ bus }: Pick<Services, 'bus'>, runIds: readonly string[]): void => {
  for (const id of runIds) {
    running.get(id)?.abort.abort();
    bus.publish(cancelRunTopic(id), {});
  }
};

/** Lets the runs that this process is at come to their end, and after `graceMs` stops them; they are INTERRUPTED then. */
export const settleRunsWithin = async (graceMs: number): Promise<void> => {
  const timer = setTimeout(() => {
    for (const { abort } of running.values()) abort.abort(shutdown);
  }, graceMs);
  while (running.size > 0) await Promise.all([...running.values()].map(({ done }) => done));
  clearTimeout(timer);
};

/**
 * Makes a run, whether or not anybody goes on waiting for it. Resolves when it is settled, well or not, and never rejects. The unit is one of its
 * own, which sees the whole organization.
 */
export const makeRun = (means: RunMeans, going: GoingRun): Promise<void> => {
  const { services } = means;
  const { bus, log } = services;
  const { id: runId, promptId } = going;
  const publish = (notice: RunNotice) => bus.publish(promptTopic(promptId), notice);
  const deltas = new DeltaPublisher((text, position) => publish({ kind: 'delta', runId, text, position }));
  const abort = new AbortController();
  const wishes = [bus.subscribe(cancelRunTopic(runId)), bus.subscribe(tellRunAgainTopic(runId))] as const;
  const hear = async (): Promise<void> => {
    const cancelled = wishes[0].next().then(({ done }) => (done === true ? undefined : abort.abort()));
    // The cast is safe: only this domain publishes on the topic.
    for await (const wish of wishes[1]) deltas.tellAgain((wish as TellRunAgain).from);
    await cancelled;
  };
  hear().catch((error: unknown) => log.warn({ err: error, runId }, 'Wishes about a run are no longer heard.'));
  const done = work(means, going, deltas, abort.signal)
    .then((ending) => {
      deltas.flush();
      return settlePatiently(means, going, ending);
    })
    .catch((error: unknown) => {
      // The lease runs out, and a schedule ends the run.
      log.error({ err: error, runId }, 'A run could not be settled.');
    })
    .finally(() => {
      deltas.close();
      for (const each of wishes) void each.return?.();
      running.delete(runId);
    });
  running.set(runId, { abort, done });
  return done;
};

const settleTries = 5;
const settleAgainMs = 1000;

/** A database that is away for some seconds costs no answer that is there already. */
const settlePatiently = async (means: RunMeans, going: GoingRun, ending: RunEnding): Promise<void> => {
  for (let attempt = 1; ; attempt++)
    try {
      await settleRun(means, going, going.call, ending);
      return;
    } catch (error) {
      if (!(error instanceof Unavailable) || attempt === settleTries) throw error;
      await pause(settleAgainMs);
    }
};

/** Without NUL, which Postgres keeps in no text. */
const clean = (text: string): string => text.replaceAll('\0', '');

const streamFrom = (
  deployment: Deployment,
  { system, question, schema, temperature }: Asked,
  signal: AbortSignal,
): AsyncIterable<StepPart | StructuredPart> => {
  const request = { system, question, signal, ...(temperature !== null && { temperature }) };
  return schema === null
    ? streamStep({ deployment, history: [], earlier: [], tools: [], ...request })
    : streamStructured(deployment, { schema, ...request });
};

const toldIn = ({ system, question, schema }: Asked) => ({ system, question, ...(schema !== null && { schema }) });

/** Calls the model; every failure becomes an ending. */
const work = async (
  means: RunMeans,
  { call, asked }: GoingRun,
  deltas: DeltaPublisher,
  signal: AbortSignal,
): Promise<RunEnding> => {
  const began = performance.now();
  try {
    for await (const part of streamCall(means, call, (deployment) => streamFrom(deployment, asked, signal))) {
      if (part.type === 'delta') {
        deltas.add(clean(part.text));
        continue;
      }
      const { text, usage, latencyMs, timeToFirstTokenMs } = part.result;
      const object = 'object' in part.result ? storable(part.result.object) : null;
      const outcome = succeeded(usage, latencyMs, timeToFirstTokenMs);
      const content = { input: toldIn(asked), output: object ?? text };
      return { status: 'SUCCESS', text: clean(text), object, outcome, content };
    }
    throw new ModelFailure('INTERRUPTED', 'The model ended without an answer.');
  } catch (error) {
    const { text } = deltas;
    const usage = await usageOf(error, asked, text);
    const { kind, message } = signal.aborted ? stopped(signal) : causeOf(means.services, error);
    const outcome = failed(kind, message, performance.now() - began, usage);
    const content = { input: toldIn(asked), output: text === '' ? null : text };
    return { status: kind === 'CANCELLED' ? 'CANCELLED' : 'ERROR', text, object: null, outcome, content };
  } finally {
    await means.unit.rest();
  }
};

/** What a call used that did not end well: as it was told, or counted where some of the answer had come. */
const usageOf = async (error: unknown, { inputTokens }: Asked, text: string): Promise<Usage> => {
  if (error instanceof ModelFailure && error.usage !== undefined) return error.usage;
  if (text === '') return unused;
  return { inputTokens, cachedInputTokens: 0, outputTokens: await countTokens(text), estimated: true };
};

interface Cause {
  readonly kind: string;
  readonly message: string;
}

const stopped = ({ reason }: AbortSignal): Cause =>
  reason === shutdown
    ? { kind: 'INTERRUPTED', message: shutdown.message }
    : { kind: 'CANCELLED', message: 'The run was stopped.' };

const causeOf = ({ log }: Services, error: unknown): Cause => {
  if (error instanceof ModelFailure) return { kind: error.kind, message: error.message };
  if (error instanceof QuotaExceeded) return { kind: 'QUOTA_EXCEEDED', message: error.message };
  if (error instanceof DomainError) return { kind: 'UNAVAILABLE', message: error.message };
  log.error({ err: error }, 'A run failed.');
  return { kind: 'INTERRUPTED', message: 'The run could not be made.' };
};
