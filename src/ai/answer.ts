import { APICallError, type LanguageModelV3 } from '@ai-sdk/provider';
import { streamText, wrapLanguageModel, type FinishReason, type LanguageModelUsage } from 'ai';
import { watch, type Deadlines, type Timeouts } from './deadlines.ts';
import { longestPauseMsOf, maxOutputTokensOf, maxRetriesOf, type Deployment } from './deployment.ts';
import { retryAfterSeconds } from '../outbound/retry-after.ts';
import { failureFrom } from './diagnosis.ts';
import { ModelFailure } from './failure.ts';
import { languageModel } from './models.ts';
import { assemblePrompt, QuestionTooLong, type Material, type Prompt } from './prompt.ts';
import { countTokens } from './tokens.ts';

export type AnswerRequest = Material & {
  deployment: Deployment;
  /** 0 to 2; left to the provider when left out. */
  temperature?: number;
  /** Cancels the answer. */
  signal?: AbortSignal;
  /** Is told what found room in the prompt before the model is called, so that it is known even when the call fails. */
  onPrompt?: (prompt: Prompt) => void;
  /** What is left out: 30 s to the first byte, 20 s between two, the deployment's `timeoutMs` in total. */
  timeouts?: Partial<Timeouts>;
};

export type Usage = {
  inputTokens: number;
  /** Of these, those that the provider had kept from an earlier call. */
  cachedInputTokens: number;
  outputTokens: number;
  /** True when the provider gave no figures and these are our own count. */
  estimated: boolean;
};

export type AnswerResult = {
  text: string;
  /** `length` says that the answer ran into the limit of output tokens. */
  finishReason: FinishReason;
  usage: Usage;
  latencyMs: number;
  timeToFirstTokenMs: number;
  /** How many passages stood in the prompt: citations can name [1] to this number. */
  passagesUsed: number;
  /** How many earlier messages stood in the prompt. */
  turnsUsed: number;
};

/** The answer in pieces, in order, then the whole of it once. */
export type AnswerPart = { type: 'delta'; text: string } | { type: 'result'; result: AnswerResult };

/** The SDK turns a longer pause asked for by the provider into a short one of its own: such a call is not tried again. */
const longestPauseSeconds = 60;

/** A provider that asks for a longer pause than the caller waits is believed at once, not tried again too early. */
export const patientFor = (model: LanguageModelV3, waitMs: number): LanguageModelV3 =>
  wrapLanguageModel({
    model,
    middleware: {
      specificationVersion: 'v3',
      wrapStream: async ({ doStream }) => {
        try {
          return await doStream();
        } catch (error) {
          const pause = APICallError.isInstance(error) ? (retryAfterSeconds(error.responseHeaders) ?? 0) : 0;
          throw pause * 1000 >= Math.min(waitMs, longestPauseSeconds * 1000) ? failureFrom(error) : error;
        }
      },
    },
  });

const timeoutsOf = ({ deployment, timeouts }: AnswerRequest): Timeouts => ({
  firstByteMs: 30_000,
  gapMs: 20_000,
  totalMs: deployment.timeoutMs,
  ...timeouts,
});

/** What the built-in answerer reads; the other providers never see it. */
const handedOver = ({ question, history, language }: AnswerRequest, { passages }: Prompt) => {
  const earlier = history.findLast(({ role }) => role === 'user')?.text;
  return { tessera: { question, language, passages: [...passages], ...(earlier !== undefined && { earlier }) } };
};

const start = (request: AnswerRequest, prompt: Prompt, { firstByteMs }: Timeouts, signal: AbortSignal) => {
  // The SDK writes its warnings to the console, which belongs to the server's own log.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  const { deployment, temperature } = request;
  return streamText({
    model: patientFor(languageModel(deployment), Math.min(firstByteMs, longestPauseMsOf(deployment))),
    system: prompt.system,
    messages: prompt.messages,
    maxOutputTokens: maxOutputTokensOf(deployment),
    maxRetries: maxRetriesOf(deployment),
    abortSignal: signal,
    ...(temperature !== undefined && { temperature }),
    providerOptions:
      deployment.dialect === 'builtin' ? handedOver(request, prompt) : (deployment.providerOptions ?? {}),
    // Errors come as parts of the stream; without a handler the SDK also writes them, bodies and all, to the console.
    onError: () => undefined,
  }).fullStream;
};

/** What the provider says that a call used; null when it does not say. */
export const toldUsage = ({ inputTokens, outputTokens, inputTokenDetails }: LanguageModelUsage): Usage | null => {
  if (inputTokens === undefined || outputTokens === undefined) return null;
  const cachedInputTokens = Math.min(inputTokenDetails.cacheReadTokens ?? 0, inputTokens);
  return { inputTokens, cachedInputTokens, outputTokens, estimated: false };
};

const usageOf = async (usage: LanguageModelUsage, prompt: Prompt, text: string): Promise<Usage> => {
  return (
    toldUsage(usage) ?? {
      inputTokens: prompt.inputTokens,
      cachedInputTokens: 0,
      outputTokens: await countTokens(text),
      estimated: true,
    }
  );
};

type Finish = { finishReason: FinishReason; rawFinishReason: string | undefined; totalUsage: LanguageModelUsage };

/** Tells an answer that ended from one that only stopped coming. */
const checked = (finish: Finish | undefined, text: string): Finish => {
  // "other" without a word of the provider's own is what the SDK fills in when no reason ever came.
  if (!finish || (finish.finishReason === 'other' && finish.rawFinishReason === undefined))
    throw new ModelFailure('INTERRUPTED', 'The connection to the model broke before the answer was complete.');
  if (finish.finishReason === 'content-filter')
    throw new ModelFailure('REFUSED', 'The model provider withheld the answer by its content rules.');
  if (text.trim() === '') throw new ModelFailure('INVALID_RESPONSE', 'The model gave an empty answer.');
  return finish;
};

/** The deltas of one call; returns how it ended. */
async function* deltas(parts: ReturnType<typeof start>, limits: Deadlines): AsyncGenerator<string, Finish | undefined> {
  for await (const part of parts) {
    if (part.type === 'start') continue;
    if (part.type === 'error') throw part.error;
    if (limits.failure) throw limits.failure;
    limits.byte();
    if (part.type === 'text-delta') yield part.text;
    if (part.type === 'finish') return part;
  }
  return undefined;
}

/**
 * Asks a model and streams its answer. A call that fails before its first byte is tried again (`maxRetries`,
 * `Retry-After` honoured), later ones never, since the reader has seen the beginning. Whoever stops reading stops the call.
 * Throws ModelFailure with the text so far, and QuestionTooLong before any call.
 */
export async function* streamAnswer(request: AnswerRequest): AsyncGenerator<AnswerPart, void> {
  const began = performance.now();
  const timeouts = timeoutsOf(request);
  const limits = watch(timeouts, request.signal);
  let text = '';
  let firstTokenAt: number | undefined;
  try {
    const prompt = await assemblePrompt(request, request.deployment);
    request.onPrompt?.(prompt);
    if (limits.failure) throw limits.failure;
    const answer = deltas(start(request, prompt, timeouts, limits.signal), limits);
    let next = await answer.next();
    for (; !next.done; next = await answer.next()) {
      firstTokenAt ??= performance.now();
      text += next.value;
      yield { type: 'delta', text: next.value };
    }
    if (limits.failure) throw limits.failure;
    const { finishReason, totalUsage } = checked(next.value, text);
    const latencyMs = performance.now() - began;
    yield {
      type: 'result',
      result: {
        text,
        finishReason,
        usage: await usageOf(totalUsage, prompt, text),
        latencyMs,
        timeToFirstTokenMs: firstTokenAt === undefined ? latencyMs : firstTokenAt - began,
        passagesUsed: prompt.passages.length,
        turnsUsed: prompt.turns,
      },
    };
  } catch (error) {
    if (error instanceof QuestionTooLong) throw error;
    throw failureFrom(limits.failure ?? error, { begun: limits.begun, text });
  } finally {
    limits.end();
  }
}
