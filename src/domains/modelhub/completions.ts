import { estimatedUsage, streamChat, type ChatDelta } from '../../ai/chat.ts';
import { imagesIn, mostInputTokens, textsOf, type ChatMessage, type ChatWish } from '../../ai/chat-prompt.ts';
import type { Usage } from '../../ai/answer.ts';
import { ModelFailure } from '../../ai/failure.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, DomainError, NotFound } from '../../errors.ts';
import type { Services } from '../services.ts';
import { keepContent, type CallContent } from './call-contents.ts';
import { failed, settleCall, succeeded, unused, type ModelRequest, type Outcome } from './calls.ts';
import { beginAlone, streamCall, type CallServices, type ModelCall } from './model-call.ts';
import { modelOfName } from './model-names.ts';
import { knowledgeFor } from './routing-knowledge.ts';
import { routeFor, type Route } from './routing.ts';
import type { ModelRow } from './tables.ts';

/** What completions are made with. */
export interface CompletionMeans {
  readonly unit: UnitOfWork;
  readonly services: CallServices & Pick<Services, 'log'>;
}

/** A completion that a program asks for. */
export interface CompletionRequest {
  /** A model's name, `<provider's slug>/<name>`, or `auto`: as the routing rules say. */
  readonly model: string;
  readonly wish: ChatWish;
  /** Tokens of the answer at most; null: the usual bound. */
  readonly maxOutputTokens: number | null;
  readonly tags: readonly string[];
}

/** The name that leaves the choice to the routing rules. */
export const anyModel = 'auto';

/** The model that a program has named; null for `auto`. Throws NotFound. */
export const modelNamed = async ({ unit, services }: CompletionMeans, name: string): Promise<ModelRow | null> => {
  if (name === anyModel) return null;
  const known = modelOfName(await knowledgeFor(unit, services.routing), name);
  if (known === null) throw new NotFound('Model', name);
  return known.model;
};

/** What a program asks for that serves nothing that is kept here. */
export const ofPrograms = {
  purpose: 'chat',
  workspaceId: null,
  targetId: null,
  needs: [],
  stickyTo: null,
} as const satisfies Partial<ModelRequest>;

/** Beyond writing, what a wish needs of a model, and the field by which it does. */
const needsOf = ({ tools = [], messages, json }: ChatWish): (readonly [ModelRow['capabilities'][number], string])[] => [
  ...(tools.length > 0 ? [['TOOLS', 'tools'] as const] : []),
  ...(imagesIn(messages) > 0 ? [['VISION', 'messages'] as const] : []),
  ...(json?.schema === undefined ? [] : [['STRUCTURED_OUTPUT', 'response_format'] as const]),
];

/**
 * Reserves a completion in one transaction of one statement, once what routing needs to know is known. Throws NotFound (no
 * such model), BadUserInput (the model cannot do it), Conflict (no key), QuotaExceeded, SwitchedOff.
 */
export const beginCompletion = async (
  means: CompletionMeans,
  { model, wish, maxOutputTokens, tags }: CompletionRequest,
): Promise<ModelCall> => {
  const { unit, services } = means;
  const named = await modelNamed(means, model);
  if (named?.type === 'EMBEDDING') throw new BadUserInput('model', `The model ${model} writes no text.`);
  const needs = needsOf(wish);
  const request: ModelRequest = {
    ...ofPrograms,
    type: named?.type ?? 'TEXT',
    modelId: named?.id ?? null,
    needs: needs.map(([capability]) => capability),
    inputTokens: mostInputTokens(wish),
    maxOutputTokens,
    tags,
  };
  const route = await routeFor(unit, services, request);
  for (const [capability, field] of needs) requireCapability(route, capability, field);
  if (wish.messages.some(showsAddresses)) requireReaders(route);
  return beginAlone(unit, route, request);
};

const requireCapability = ({ callables }: Route, capability: ModelRow['capabilities'][number], field: string): void => {
  const lacking = callables.find(({ model }) => !model.capabilities.includes(capability));
  if (lacking === undefined) return;
  throw new BadUserInput(field, `The model ${lacking.model.name} is not known to have the capability ${capability}.`);
};

const showsAddresses = (message: ChatMessage): boolean =>
  message.role === 'user' && message.parts.some((part) => part.type === 'image' && part.data instanceof URL);

/** Companies whose own machines read images by their addresses. Another server may stand where it reaches what callers must not. */
const readers: ReadonlySet<string> = new Set(['openai', 'anthropic']);

const requireReaders = ({ callables }: Route): void => {
  const fits = callables.every(({ deployment: { dialect, baseUrl } }) => baseUrl === undefined && readers.has(dialect));
  if (!fits) throw new BadUserInput('messages', 'This model is sent images as data: URLs alone.');
};

/**
 * Makes a call that is reserved and gives what the model writes as it comes. The call is settled when the reader has had all of it, and likewise
 * when the reader leaves or the signal aborts: then with what was used as we count it. Throws ModelFailure, QuotaExceeded.
 */
export async function* completionOf(
  means: CompletionMeans,
  call: ModelCall,
  wish: ChatWish,
  signal: AbortSignal,
): AsyncGenerator<ChatDelta, void> {
  const began = performance.now();
  let text = '';
  let ended: (() => Promise<Outcome>) | undefined;
  const brokenOff = (failure: ModelFailure) => async () =>
    failed(failure.kind, failure.message, performance.now() - began, await usedBefore(failure, wish));
  try {
    for await (const part of streamCall(means, call, (deployment) => streamChat({ deployment, wish, signal }))) {
      if (part.type === 'text' || part.type === 'input') text += part.text;
      if (part.type === 'result') {
        const { usage, latencyMs, timeToFirstTokenMs } = part.result;
        ended = async () => succeeded(usage, latencyMs, timeToFirstTokenMs);
      }
      yield part;
    }
  } catch (error) {
    ended ??=
      error instanceof ModelFailure ? brokenOff(error) : async () => unexpected(error, performance.now() - began);
    throw error;
  } finally {
    const outcome = ended ?? brokenOff(new ModelFailure('CANCELLED', 'The answer was cancelled.', { text }));
    await settled(means, call, outcome, () => ({ input: toldIn(wish), output: text }));
  }
}

const toldIn = ({ messages, tools = [] }: ChatWish) => ({
  messages: messages.map((message) => ({ role: message.role, text: textsOf(message).join('\n') })),
  ...(tools.length > 0 && { tools: tools.map(({ name }) => name) }),
});

/** What a call that broke off has used: nothing where the provider refused it, all of the input where it may have read that. */
const usedBefore = ({ kind, text }: ModelFailure, wish: ChatWish): Promise<Usage> | Usage =>
  text !== '' || kind === 'CANCELLED' ? estimatedUsage(wish, text) : unused;

/** The outcome of a call that ended by no fault of a model's. */
export const unexpected = (error: unknown, latencyMs: number): Outcome =>
  error instanceof DomainError
    ? failed(String(error.extensions.code), error.message, latencyMs)
    : failed('INTERNAL_SERVER_ERROR', 'The call failed for a reason inside the server.', latencyMs);

/**
 * Settles a call, in one transaction of one statement, or two where its content is kept. Where that fails its lease runs out, and it is ended by whoever watches over
 * those.
 */
export const settled = async (
  { unit, services }: CompletionMeans,
  call: ModelCall,
  outcome: () => Promise<Outcome>,
  content: () => CallContent,
): Promise<void> => {
  try {
    const ended = await outcome();
    await unit.transact(async () => {
      await settleCall(unit, call.executionId, ended);
      await keepContent(unit, call, content);
    });
  } catch (error) {
    services.log.error({ err: error, executionId: call.executionId }, 'A call of a model could not be settled.');
  }
};
