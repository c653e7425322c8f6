import type {
  LanguageModelV3CallOptions,
  LanguageModelV3FunctionTool,
  LanguageModelV3Message,
  LanguageModelV3ToolResultPart,
} from '@ai-sdk/provider';
import { maxOutputTokensOf, type Deployment, type ProviderOptions } from './deployment.ts';

/** A part of what a user says. */
export type ChatPart =
  | { type: 'text'; text: string }
  /** `data` is base64, or the address that the provider itself is to read it from. */
  | { type: 'image'; mediaType: string; data: string | URL };

/** A tool that a model wants used; `input` is the JSON text that it wrote, of which nothing is believed. */
export type ChatToolCall = { id: string; tool: string; input: string };

/** One message of a chat, in the order in which they were said. */
export type ChatMessage =
  | { role: 'system'; text: string }
  | { role: 'user'; parts: readonly ChatPart[] }
  | { role: 'assistant'; text: string; calls: readonly ChatToolCall[] }
  | { role: 'tool'; callId: string; tool: string; text: string };

/** A tool that a model is offered. */
export type ChatTool = {
  name: string;
  description?: string | undefined;
  /** JSON Schema of what it takes. */
  parameters: object;
  /** Whether the provider is to hold the model to the schema. */
  strict?: boolean | undefined;
};

/** What a model is asked to write, and how. What is left out is left to the provider. */
export type ChatWish = {
  messages: readonly ChatMessage[];
  tools?: readonly ChatTool[] | undefined;
  /** Whether the model may, must or must not use tools; or the one that it has to use. */
  toolChoice?: 'auto' | 'none' | 'required' | { tool: string } | undefined;
  /** False: at most one tool at a time, where the provider knows the difference. */
  parallelTools?: boolean | undefined;
  /** JSON instead of text; with a schema, JSON that fits it. */
  json?:
    | {
        schema?: object | undefined;
        name?: string | undefined;
        description?: string | undefined;
        strict?: boolean | undefined;
      }
    | undefined;
  /** 0 to 2. */
  temperature?: number | undefined;
  /** 0 to 1. */
  topP?: number | undefined;
  stop?: readonly string[] | undefined;
  seed?: number | undefined;
  /** -2 to 2. */
  presencePenalty?: number | undefined;
  frequencyPenalty?: number | undefined;
  /** How much a model that reasons shall think, in the provider's own word. */
  reasoningEffort?: string | undefined;
  /** Whom the caller serves, for the provider's watch over abuse. */
  user?: string | undefined;
};

/** The wish as the AI SDK takes it. */
export const callOptionsOf = (deployment: Deployment, wish: ChatWish): LanguageModelV3CallOptions => {
  const { temperature, topP, stop, seed, presencePenalty, frequencyPenalty } = wish;
  return {
    prompt: promptOf(wish.messages),
    maxOutputTokens: maxOutputTokensOf(deployment),
    ...(temperature !== undefined && { temperature }),
    ...(topP !== undefined && { topP }),
    ...(stop !== undefined && { stopSequences: [...stop] }),
    ...(seed !== undefined && { seed }),
    ...(presencePenalty !== undefined && { presencePenalty }),
    ...(frequencyPenalty !== undefined && { frequencyPenalty }),
    ...toolOptions(wish),
    ...formatOption(wish),
    providerOptions: providerOptions(deployment, wish),
  };
};

const toolOptions = ({ tools = [], toolChoice }: ChatWish): Partial<LanguageModelV3CallOptions> =>
  tools.length === 0
    ? {}
    : {
        tools: tools.map(({ name, description, parameters, strict }): LanguageModelV3FunctionTool => ({
          type: 'function',
          name,
          inputSchema: parameters,
          ...(description !== undefined && { description }),
          ...(strict !== undefined && { strict }),
        })),
        toolChoice:
          typeof toolChoice === 'object'
            ? { type: 'tool', toolName: toolChoice.tool }
            : { type: toolChoice ?? ('auto' as const) },
      };

const formatOption = ({ json }: ChatWish): Partial<LanguageModelV3CallOptions> => {
  if (json === undefined) return {};
  const { schema, name, description } = json;
  return {
    responseFormat: {
      type: 'json',
      ...(schema !== undefined && { schema }),
      ...(name !== undefined && { name }),
      ...(description !== undefined && { description }),
    },
  };
};

/** What the SDK has no option of its own for, for those who speak OpenAI's protocol; the other providers never see it. */
const providerOptions = ({ providerOptions = {} }: Deployment, wish: ChatWish): ProviderOptions => {
  const wished = wishedOptions(wish);
  const dialects = new Set([...Object.keys(providerOptions), ...Object.keys(wished)]);
  // What the caller wishes goes before what the model is set to.
  return Object.fromEntries([...dialects].map((one) => [one, { ...providerOptions[one], ...wished[one] }]));
};

const wishedOptions = ({ user, reasoningEffort, parallelTools, json }: ChatWish): ProviderOptions => {
  const shared = {
    ...(user !== undefined && { user }),
    ...(reasoningEffort !== undefined && { reasoningEffort }),
    ...(json?.strict !== undefined && { strictJsonSchema: json.strict }),
  };
  const one = parallelTools === false;
  return {
    openai: { ...shared, ...(one && { parallelToolCalls: false }) },
    openaiCompatible: { ...shared, ...(one && { parallel_tool_calls: false }) },
    ...(one && { anthropic: { disableParallelToolUse: true } }),
  };
};

const promptOf = (messages: readonly ChatMessage[]): LanguageModelV3Message[] => {
  const prompt: LanguageModelV3Message[] = [];
  for (const message of messages) {
    const before = prompt.at(-1);
    // Some providers want the results of all calls of one step together.
    if (message.role === 'tool' && before?.role === 'tool') before.content.push(resultOf(message));
    else prompt.push(spoken(message));
  }
  return prompt;
};

const spoken = (message: ChatMessage): LanguageModelV3Message => {
  if (message.role === 'system') return { role: 'system', content: message.text };
  if (message.role === 'tool') return { role: 'tool', content: [resultOf(message)] };
  if (message.role === 'user')
    return {
      role: 'user',
      content: message.parts.map((part) =>
        part.type === 'text' ? part : { type: 'file', mediaType: part.mediaType, data: part.data },
      ),
    };
  return {
    role: 'assistant',
    content: [
      ...(message.text === '' ? [] : [{ type: 'text' as const, text: message.text }]),
      ...message.calls.map(({ id, tool, input }) => ({
        type: 'tool-call' as const,
        toolCallId: id,
        toolName: tool,
        input: JSON.parse(input) as unknown,
      })),
    ],
  };
};

const resultOf = ({ callId, tool, text }: Extract<ChatMessage, { role: 'tool' }>): LanguageModelV3ToolResultPart => ({
  type: 'tool-result',
  toolCallId: callId,
  toolName: tool,
  output: { type: 'text', value: text },
});

/** Beside its text a message costs some tokens; more than any provider is known to take. */
const tokensPerMessage = 16;
/**
 * The most that providers count for one image: OpenAI's large models take up to about 1,600 for the largest one
 * in high detail, its small ones up to about 49,000 (https://platform.openai.com/docs/guides/images-vision).
 */
const tokensPerImage = 50_000;

/**
 * Tokens that a call's input has at most, found without a tokenizer: no tokenizer makes more tokens of a text than it has bytes. An image
 * counts 50,000.
 */
export const mostInputTokens = ({ messages, tools = [], json }: ChatWish): number => {
  const described = [...tools, ...(json === undefined ? [] : [json])].map((each) => JSON.stringify(each));
  const texts = [...messages.flatMap(textsOf), ...described];
  const bytes = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  return bytes + imagesIn(messages) * tokensPerImage + (messages.length + described.length + 1) * tokensPerMessage;
};

/** All that a message says in words. */
export const textsOf = (message: ChatMessage): string[] => {
  if (message.role === 'system' || message.role === 'tool') return [message.text];
  if (message.role === 'assistant') return [message.text, ...message.calls.flatMap(({ tool, input }) => [tool, input])];
  return message.parts.flatMap((part) => (part.type === 'text' ? [part.text] : []));
};

/** How many images the messages show. */
export const imagesIn = (messages: readonly ChatMessage[]): number =>
  messages
    .flatMap((message) => (message.role === 'user' ? message.parts : []))
    .reduce((count, { type }) => count + (type === 'image' ? 1 : 0), 0);
