import { setTimeout as pause } from 'node:timers/promises';
import { APICallError, type LanguageModelV3CallOptions, type LanguageModelV3StreamPart } from '@ai-sdk/provider';
import { retryAfterSeconds } from '../outbound/retry-after.ts';
import { patientFor, type Usage } from './answer.ts';
import { callOptionsOf, textsOf, type ChatToolCall, type ChatWish } from './chat-prompt.ts';
import { watch, type Timeouts } from './deadlines.ts';
import { longestPauseMsOf, maxRetriesOf, type Deployment } from './deployment.ts';
import { failureFrom } from './diagnosis.ts';
import { ModelFailure } from './failure.ts';
import { languageModel } from './models.ts';
import { countTokens } from './tokens.ts';

export type ChatRequest = {
  deployment: Deployment;
  wish: ChatWish;
  /** Cancels the call. */
  signal?: AbortSignal;
  /** What is left out: 30 s to the first byte, 20 s between two, the deployment's `timeoutMs` in total. */
  timeouts?: Partial<Timeouts>;
};

/** What a call used; `reasoningTokens` are those of the output that nobody reads. */
export type ChatUsage = Usage & { reasoningTokens: number };

export type ChatResult = {
  text: string;
  /** In the model's order. */
  calls: ChatToolCall[];
  /** `length`: the limit of output tokens was reached. `content-filter`: the provider withheld the rest. */
  finishReason: 'stop' | 'length' | 'tool-calls' | 'content-filter';
  usage: ChatUsage;
  latencyMs: number;
  timeToFirstTokenMs: number;
};

/** What the model writes, piece by piece as it comes, and then the whole of it once. Tool calls are counted from 0. */
export type ChatDelta =
  | { type: 'text'; text: string }
  | { type: 'call'; index: number; id: string; tool: string }
  | { type: 'input'; index: number; text: string }
  | { type: 'result'; result: ChatResult };

const firstPauseMs = 2000;

/** Calls the model, and again when that fails in a way that passes: nothing of an answer has come yet. */
const opened = async ({ deployment }: ChatRequest, options: LanguageModelV3CallOptions, { firstByteMs }: Timeouts) => {
  const model = patientFor(languageModel(deployment), Math.min(firstByteMs, longestPauseMsOf(deployment)));
  for (let tries = 0; ; tries += 1)
    try {
      return (await model.doStream(options)).stream;
    } catch (error) {
      if (!APICallError.isInstance(error) || !error.isRetryable || tries >= maxRetriesOf(deployment)) throw error;
      const wished = retryAfterSeconds(error.responseHeaders);
      const pauseMs = wished === undefined ? firstPauseMs * 2 ** tries : wished * 1000;
      await pause(pauseMs, undefined, options.abortSignal && { signal: options.abortSignal });
    }
};

type Finish = Extract<LanguageModelV3StreamPart, { type: 'finish' }>;

/** What has come so far. */
type Written = { text: string; calls: ChatToolCall[]; firstAt: number | undefined };

/** Notes a part that has come; gives what of it the reader is told. */
const noted = (written: Written, part: LanguageModelV3StreamPart): ChatDelta[] => {
  const { calls } = written;
  if (part.type === 'text-delta' && part.delta !== '') {
    written.text += part.delta;
    return [{ type: 'text', text: part.delta }];
  }
  if (part.type === 'tool-input-start') return [begun(calls, part.id, part.toolName)];
  if (part.type === 'tool-input-delta' && part.delta !== '') return added(calls, part.id, part.delta);
  if (part.type !== 'tool-call') return [];
  const known = calls.find(({ id }) => id === part.toolCallId);
  // Some providers give a call in one piece.
  if (known === undefined)
    return [begun(calls, part.toolCallId, part.toolName), ...added(calls, part.toolCallId, part.input)];
  return part.input.startsWith(known.input) ? added(calls, known.id, part.input.slice(known.input.length)) : [];
};

const begun = (calls: ChatToolCall[], id: string, tool: string): ChatDelta => {
  calls.push({ id, tool, input: '' });
  return { type: 'call', index: calls.length - 1, id, tool };
};

const added = (calls: ChatToolCall[], id: string, text: string): ChatDelta[] => {
  const index = calls.findIndex((call) => call.id === id);
  const call = calls[index];
  if (call === undefined || text === '') return [];
  call.input += text;
  return [{ type: 'input', index, text }];
};

/** Why the model stopped. Throws where the answer only stopped coming. */
const reasonOf = ({ finishReason: { unified, raw } }: Finish): ChatResult['finishReason'] => {
  // "other" without a word of the provider's own is what the SDK fills in when no reason ever came.
  if (unified === 'error' || (unified === 'other' && raw === undefined))
    throw new ModelFailure('INTERRUPTED', 'The connection to the model broke before the answer was complete.');
  return unified === 'other' ? 'stop' : unified;
};

const usageOf = async ({ usage }: Finish, wish: ChatWish, written: Written): Promise<ChatUsage> => {
  const { inputTokens: input, outputTokens: output } = usage;
  if (input.total === undefined || output.total === undefined)
    return { ...(await estimatedUsage(wish, writtenText(written))), reasoningTokens: 0 };
  return {
    inputTokens: input.total,
    cachedInputTokens: Math.min(input.cacheRead ?? 0, input.total),
    outputTokens: output.total,
    reasoningTokens: output.reasoning ?? 0,
    estimated: false,
  };
};

const writtenText = ({ text, calls }: Pick<Written, 'text' | 'calls'>): string =>
  [text, ...calls.flatMap(({ tool, input }) => [tool, input])].join('\n').trim();

/** What a call has used as we count it, where the provider says nothing: all of its words, and what it wrote so far. */
export const estimatedUsage = async ({ messages, tools = [] }: ChatWish, text: string): Promise<Usage> => {
  const said = [...messages.flatMap(textsOf), ...tools.map((tool) => JSON.stringify(tool))].join('\n');
  const [inputTokens, outputTokens] = await Promise.all([countTokens(said), countTokens(text)]);
  return { inputTokens, cachedInputTokens: 0, outputTokens, estimated: true };
};

/**
 * Calls a model with messages and streams what it writes. A call that fails before its first byte is tried again (`maxRetries`, `Retry-After`
 * honoured), later ones never. Whoever stops reading stops the call; who reads slowly slows the provider, and has 20 s for each part.
 * Throws ModelFailure with all that was written so far.
 */
export async function* streamChat(request: ChatRequest): AsyncGenerator<ChatDelta, void> {
  // The SDK would write its warnings to the console, which belongs to the server's own log.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  const began = performance.now();
  const { deployment, wish } = request;
  const timeouts = { firstByteMs: 30_000, gapMs: 20_000, totalMs: deployment.timeoutMs, ...request.timeouts };
  const limits = watch(timeouts, request.signal);
  const written: Written = { text: '', calls: [], firstAt: undefined };
  try {
    if (limits.failure) throw limits.failure;
    const options = { ...callOptionsOf(deployment, wish), abortSignal: limits.signal };
    for await (const part of await opened(request, options, timeouts)) {
      if (part.type === 'stream-start') continue;
      if (part.type === 'error') throw part.error;
      if (limits.failure) throw limits.failure;
      limits.byte();
      for (const delta of noted(written, part)) {
        written.firstAt ??= performance.now();
        yield delta;
        // The time that the reader took is not the model's.
        limits.byte();
      }
      if (part.type !== 'finish') continue;
      const finishReason = reasonOf(part);
      const latencyMs = performance.now() - began;
      const usage = await usageOf(part, wish, written);
      const timeToFirstTokenMs = written.firstAt === undefined ? latencyMs : written.firstAt - began;
      const { text, calls } = written;
      yield { type: 'result', result: { text, calls, finishReason, usage, latencyMs, timeToFirstTokenMs } };
      return;
    }
    if (limits.failure) throw limits.failure;
    throw new ModelFailure('INTERRUPTED', 'The connection to the model broke before the answer was complete.');
  } catch (error) {
    throw failureFrom(limits.failure ?? error, { begun: limits.begun, text: writtenText(written) });
  } finally {
    limits.end();
  }
}
