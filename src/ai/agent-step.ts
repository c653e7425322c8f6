import { jsonSchema, Output, streamText, tool, type JSONSchema7, type ModelMessage, type ToolSet } from 'ai';
import { patientFor, toldUsage, type Usage } from './answer.ts';
import { watch, type Timeouts } from './deadlines.ts';
import { longestPauseMsOf, maxOutputTokensOf, maxRetriesOf, type Deployment } from './deployment.ts';
import { failureFrom } from './diagnosis.ts';
import { ModelFailure } from './failure.ts';
import { languageModel } from './models.ts';
import { countTokens } from './tokens.ts';

/** A tool as a model is told of it. */
export type OfferedTool = {
  name: string;
  description: string;
  /** JSON Schema of what it takes. */
  parameters: unknown;
};

/** A tool that the model wants used; nothing of it is believed. */
export type WantedCall = { id: string; tool: string; input: unknown };

/** A tool that was used, and what the model is told came of it. */
export type UsedCall = WantedCall & { result: string };

/** An earlier step of the same run: what the model wrote, the tools it wanted used and what they gave. */
export type EarlierStep = { text: string; calls: readonly UsedCall[] };

export type StepRequest = {
  deployment: Deployment;
  system: string;
  /** Earlier messages of the conversation, oldest first. */
  history: readonly { role: 'user' | 'assistant'; text: string }[];
  question: string;
  earlier: readonly EarlierStep[];
  tools: readonly OfferedTool[];
  /** JSON Schema of an object that the model is to write as its text; whether it did is for the caller to see. */
  schema?: JSONSchema7;
  /** 0 to 2; left to the provider when left out. */
  temperature?: number;
  /** Cancels the step. */
  signal?: AbortSignal;
  /** What is left out: 30 s to the first byte, 20 s between two, the deployment's `timeoutMs` in total. */
  timeouts?: Partial<Timeouts>;
};

export type StepResult = {
  text: string;
  /** In the model's order; without any, the text is the answer. */
  calls: WantedCall[];
  usage: Usage;
  latencyMs: number;
  timeToFirstTokenMs: number;
};

/** What the model writes in pieces, in order, then the whole step once. */
export type StepPart = { type: 'delta'; text: string } | { type: 'result'; result: StepResult };

const messagesOf = ({ history, question, earlier }: StepRequest): ModelMessage[] => [
  ...history.map(({ role, text }): ModelMessage => ({ role, content: text })),
  { role: 'user', content: question },
  ...earlier.flatMap(({ text, calls }): ModelMessage[] => [
    {
      role: 'assistant',
      content: [
        ...(text === '' ? [] : [{ type: 'text' as const, text }]),
        ...calls.map(({ id, tool: toolName, input }) => ({
          type: 'tool-call' as const,
          toolCallId: id,
          toolName,
          input: input ?? {},
        })),
      ],
    },
    {
      role: 'tool',
      content: calls.map(({ id, tool: toolName, result }) => ({
        type: 'tool-result' as const,
        toolCallId: id,
        toolName,
        output: { type: 'text' as const, value: result },
      })),
    },
  ]),
];

/** Without a function to run them by: the SDK hands the calls over and uses no tool itself. */
const toolSet = (tools: readonly OfferedTool[]): ToolSet =>
  Object.fromEntries(
    tools.map(({ name, description, parameters }) => [
      name,
      // The cast is safe: it is what zod wrote as JSON Schema.
      tool({ description, inputSchema: jsonSchema(parameters as JSONSchema7) }),
    ]),
  );

/** Model tokens that a step will read, about: what its texts, tools and results have. */
export const stepTokens = async (
  request: Pick<StepRequest, 'system' | 'history' | 'question' | 'earlier' | 'tools'>,
): Promise<number> => {
  const { system, history, question, earlier, tools } = request;
  const texts = [system, question, JSON.stringify(tools), JSON.stringify(earlier), ...history.map(({ text }) => text)];
  const counted = await Promise.all(texts.map(countTokens));
  return counted.reduce((sum, tokens) => sum + tokens, 0);
};

const start = (request: StepRequest, { firstByteMs }: Timeouts, signal: AbortSignal) => {
  // The SDK writes its warnings to the console, which belongs to the server's own log.
  globalThis.AI_SDK_LOG_WARNINGS = false;
  const { deployment, system, schema, temperature } = request;
  return streamText({
    model: patientFor(languageModel(deployment), Math.min(firstByteMs, longestPauseMsOf(deployment))),
    // Some providers refuse an empty one.
    ...(system !== '' && { system }),
    ...(schema !== undefined && { output: Output.object({ schema: jsonSchema(schema) }) }),
    messages: messagesOf(request),
    tools: toolSet(request.tools),
    maxOutputTokens: maxOutputTokensOf(deployment),
    maxRetries: maxRetriesOf(deployment),
    abortSignal: signal,
    providerOptions: deployment.providerOptions ?? {},
    ...(temperature !== undefined && { temperature }),
    // Errors come as parts of the stream; without a handler the SDK also writes them, bodies and all, to the console.
    onError: () => undefined,
  }).fullStream;
};

/**
 * Calls a model once with tools that it may want used, and streams what it writes. No tool is used here: what comes of the calls goes into the
 * next step. Tried again and bounded in time as an answer is. Throws ModelFailure with the text so far.
 */
export async function* streamStep(request: StepRequest): AsyncGenerator<StepPart, void> {
  const began = performance.now();
  const timeouts = { firstByteMs: 30_000, gapMs: 20_000, totalMs: request.deployment.timeoutMs, ...request.timeouts };
  const limits = watch(timeouts, request.signal);
  const calls: WantedCall[] = [];
  let text = '';
  let firstAt: number | undefined;
  try {
    for await (const part of start(request, timeouts, limits.signal)) {
      if (part.type === 'start') continue;
      if (part.type === 'error') throw part.error;
      if (limits.failure) throw limits.failure;
      limits.byte();
      firstAt ??= performance.now();
      if (part.type === 'tool-call') calls.push({ id: part.toolCallId, tool: part.toolName, input: part.input });
      if (part.type === 'text-delta') {
        text += part.text;
        yield { type: 'delta', text: part.text };
      }
      if (part.type !== 'finish') continue;
      const { finishReason, rawFinishReason, totalUsage } = part;
      if (finishReason === 'other' && rawFinishReason === undefined) break;
      if (finishReason === 'content-filter')
        throw new ModelFailure('REFUSED', 'The model provider withheld the answer by its content rules.');
      if (text.trim() === '' && calls.length === 0)
        throw new ModelFailure('INVALID_RESPONSE', 'The model gave an empty answer.');
      const latencyMs = performance.now() - began;
      const usage = toldUsage(totalUsage) ?? {
        inputTokens: await stepTokens(request),
        cachedInputTokens: 0,
        outputTokens: await countTokens(text + JSON.stringify(calls)),
        estimated: true,
      };
      yield { type: 'result', result: { text, calls, usage, latencyMs, timeToFirstTokenMs: firstAt - began } };
      return;
    }
    throw new ModelFailure('INTERRUPTED', 'The connection to the model broke before the answer was complete.');
  } catch (error) {
    throw failureFrom(limits.failure ?? error, { begun: limits.begun, text });
  } finally {
    limits.end();
  }
}
