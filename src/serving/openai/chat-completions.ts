import type { ChatDelta, ChatResult } from '../../ai/chat.ts';
import { imagesIn } from '../../ai/chat-prompt.ts';
import {
  askWorkspace,
  type CompletionCitation,
  type WorkspaceDelta,
} from '../../domains/conversations/workspace-completions.ts';
import { beginCompletion, completionOf } from '../../domains/modelhub/completions.ts';
import type { Callable } from '../../domains/modelhub/deployments.ts';
import { BadUserInput } from '../../errors.ts';
import { globalId, newId } from '../../ids.ts';
import { json } from '../../refusal.ts';
import { chatBody, mostTokensOf, wishOf, type ChatBody } from './chat-request.ts';
import { toldFault, unknownFault } from './faults.ts';
import { sendPart, type Program } from './program.ts';
import { readBody, tagsOf } from './request-body.ts';

/** An answer that has begun, and what is said of it. */
interface Begun {
  readonly parts: AsyncGenerator<WorkspaceDelta, void>;
  /** Which call of the ledger it is, and which model answers; known for good with the first part. */
  readonly label: () => { readonly id: string; readonly model: string };
}

/** `POST /v1/chat/completions`. */
export const completeChat = async (program: Program): Promise<void> => {
  const body = await readBody(program.request, chatBody);
  const begun = await begin(program, body);
  await (body.stream === true ? stream(program, body, begun) : whole(program, begun));
};

const workspaceModel = /^workspace\/(.+)$/;

/** The name by which a model is called, which is also told of the answer. */
export const nameOf = ({ provider, model }: Callable): string => `${provider.slug}/${model.name}`;

const begin = async ({ context, request, signal }: Program, body: ChatBody): Promise<Begun> => {
  const wish = wishOf(body);
  const tags = tagsOf(request, body.metadata);
  const maxOutputTokens = mostTokensOf(body);
  const slug = workspaceModel.exec(body.model)?.[1];
  if (slug === undefined) {
    const call = await beginCompletion(context, { model: body.model, wish, maxOutputTokens, tags });
    return {
      parts: completionOf(context, call, wish, signal),
      label: () => ({ id: call.executionId, model: nameOf(call.callable) }),
    };
  }
  requireWords(wish);
  const { messages, temperature } = wish;
  const answer = await askWorkspace(context, { slug, messages, temperature, maxOutputTokens, tags });
  const unreserved = newId();
  return {
    parts: answer.parts(signal),
    label: () => ({ id: answer.call?.executionId ?? unreserved, model: body.model }),
  };
};

/** A workspace answers in words from its documents: what asks for something else is refused. */
const requireWords = ({ messages, tools, json, stop }: ReturnType<typeof wishOf>): void => {
  const issues = [
    ...((tools ?? []).length > 0 ? [{ field: 'tools', message: 'A workspace uses no tools of its callers.' }] : []),
    ...(json === undefined ? [] : [{ field: 'response_format', message: 'A workspace answers in text.' }]),
    ...(stop === undefined ? [] : [{ field: 'stop', message: 'The answer of a workspace is not stopped by words.' }]),
    ...(imagesIn(messages) === 0 ? [] : [{ field: 'messages', message: 'A workspace is asked in words.' }]),
  ];
  if (issues.length > 0) throw new BadUserInput(issues);
};

const finishReasons: Readonly<Record<ChatResult['finishReason'], string>> = {
  stop: 'stop',
  length: 'length',
  'tool-calls': 'tool_calls',
  'content-filter': 'content_filter',
};

const usageOf = ({ usage }: ChatResult) => ({
  prompt_tokens: usage.inputTokens,
  completion_tokens: usage.outputTokens,
  total_tokens: usage.inputTokens + usage.outputTokens,
  prompt_tokens_details: { cached_tokens: usage.cachedInputTokens, audio_tokens: 0 },
  completion_tokens_details: {
    reasoning_tokens: usage.reasoningTokens,
    audio_tokens: 0,
    accepted_prediction_tokens: 0,
    rejected_prediction_tokens: 0,
  },
});

/** Citations as programs read them; clients that know nothing of them read over them. */
const citedIn = (citations: readonly CompletionCitation[] | undefined) =>
  citations && {
    citations: citations.map(({ marker, documentId, knowledgeEntryId, title, url, quote }) => ({
      marker,
      ...(documentId !== null && { document_id: globalId('Document', documentId) }),
      ...(knowledgeEntryId !== null && { knowledge_entry_id: globalId('KnowledgeEntry', knowledgeEntryId) }),
      title,
      url,
      quote,
    })),
  };

const nowSeconds = (): number => Math.floor(Date.now() / 1000);

/** Answers in one piece. */
const whole = async ({ response }: Program, { parts, label }: Begun): Promise<void> => {
  let citations: CompletionCitation[] | undefined;
  for await (const part of parts) {
    if (part.type === 'citations') citations = part.citations;
    if (part.type !== 'result') continue;
    const { id, model } = label();
    const { result } = part;
    const toolCalls = result.calls.map(({ id, tool, input }) => ({
      id,
      type: 'function',
      function: { name: tool, arguments: input },
    }));
    const message = {
      role: 'assistant',
      content: result.text === '' && toolCalls.length > 0 ? null : result.text,
      refusal: null,
      ...(toolCalls.length > 0 && { tool_calls: toolCalls }),
      ...citedIn(citations),
    };
    json(response, 200, {
      id: `chatcmpl-${id}`,
      object: 'chat.completion',
      created: nowSeconds(),
      model,
      choices: [{ index: 0, message, logprobs: null, finish_reason: finishReasons[result.finishReason] }],
      usage: usageOf(result),
      system_fingerprint: null,
    });
  }
};

const streamHeaders = {
  'content-type': 'text/event-stream; charset=utf-8',
  'x-accel-buffering': 'no',
  'x-content-type-options': 'nosniff',
};

/** Writes the chunks of one answer as events. */
const chunkWriter = ({ id, model }: ReturnType<Begun['label']>, tellsUsage: boolean) => {
  const head = { id: `chatcmpl-${id}`, object: 'chat.completion.chunk', created: nowSeconds(), model };
  const event = (choices: readonly object[], usage: object | null): string =>
    `data: ${JSON.stringify({ ...head, system_fingerprint: null, choices, ...(tellsUsage && { usage }) })}\n\n`;
  return {
    delta: (delta: object, finishReason: string | null = null) =>
      event([{ index: 0, delta, logprobs: null, finish_reason: finishReason }], null),
    usage: (result: ChatResult) => (tellsUsage ? event([], usageOf(result)) : ''),
  };
};

const deltaOf = (part: Exclude<ChatDelta, { type: 'result' }>): object => {
  if (part.type === 'text') return { content: part.text };
  const { index } = part;
  return part.type === 'input'
    ? { tool_calls: [{ index, function: { arguments: part.text } }] }
    : { tool_calls: [{ index, id: part.id, type: 'function', function: { name: part.tool, arguments: '' } }] };
};

/** Answers piece by piece, each sent as it comes. What fails before the first piece is told by the status, later by an event. */
const stream = async (program: Program, body: ChatBody, { parts, label }: Begun): Promise<void> => {
  const { response, services, origin } = program;
  let citations: CompletionCitation[] | undefined;
  let writer: ReturnType<typeof chunkWriter> | undefined;
  try {
    for await (const part of parts) {
      let text = '';
      if (writer === undefined) {
        writer = chunkWriter(label(), body.stream_options?.include_usage === true);
        text = writer.delta({ role: 'assistant', content: '', refusal: null });
        response.writeHead(200, streamHeaders);
      }
      if (part.type === 'citations') citations = part.citations;
      else if (part.type === 'result')
        text += `${writer.delta({ ...citedIn(citations) }, finishReasons[part.result.finishReason])}${writer.usage(part.result)}data: [DONE]\n\n`;
      else text += writer.delta(deltaOf(part));
      // The program need not wait until the call is settled.
      if (part.type === 'result') response.end(text);
      else if (text !== '' && !(await sendPart(response, text))) return;
    }
  } catch (error) {
    if (!response.headersSent) throw error;
    const told = toldFault(error);
    if (told === null) services.log.error({ err: error, requestId: origin.requestId }, 'An answer broke off.');
    if (!response.writableEnded)
      response.end(`data: ${JSON.stringify({ error: (told ?? unknownFault(origin.requestId)).error })}\n\n`);
  }
};
