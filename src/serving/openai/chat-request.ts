import { z } from 'zod';
import type { ChatMessage, ChatPart, ChatWish } from '../../ai/chat-prompt.ts';
import { BadUserInput } from '../../errors.ts';
import { metadataFields, unsupported } from './request-body.ts';

/** A model's name, and `workspace/<slug>`. */
export const modelField = z.string().min(1).max(300);

const textPart = z.object({ type: z.literal('text'), text: z.string() });
const texts = z.union([z.string(), z.array(textPart)]);
const imagePart = z.object({ type: z.literal('image_url'), image_url: z.object({ url: z.string() }) });
const userPart = z.discriminatedUnion('type', [textPart, imagePart], {
  error: 'Parts are of the type text or image_url; no others are taken.',
});

const toolName = z
  .string()
  .regex(/^[a-zA-Z0-9_.-]{1,128}$/, 'A tool has a name of 1 to 128 of a-z, A-Z, 0-9, _, . and -.');
const called = z.object({
  id: z.string().min(1).max(200),
  type: z.literal('function').optional(),
  function: z.object({ name: toolName, arguments: z.string() }),
});

const message = z.discriminatedUnion(
  'role',
  [
    z.object({ role: z.enum(['system', 'developer']), content: texts }),
    z.object({ role: z.literal('user'), content: z.union([z.string(), z.array(userPart).min(1)]) }),
    z.object({
      role: z.literal('assistant'),
      content: texts.nullish(),
      tool_calls: z.array(called).max(128).nullish(),
    }),
    z.object({ role: z.literal('tool'), tool_call_id: z.string(), content: texts }),
  ],
  { error: 'A message is of one of the roles system, developer, user, assistant and tool.' },
);

const tool = z.object({
  type: z.literal('function', { error: 'Tools are functions; no others are taken.' }),
  function: z.object({
    name: toolName,
    description: z.string().optional(),
    parameters: z.record(z.string(), z.unknown()).optional(),
    strict: z.boolean().nullish(),
  }),
});

const format = z.discriminatedUnion('type', [
  z.object({ type: z.literal('text') }),
  z.object({ type: z.literal('json_object') }),
  z.object({
    type: z.literal('json_schema'),
    json_schema: z.object({
      name: z.string().regex(/^[a-zA-Z0-9_-]{1,64}$/),
      description: z.string().optional(),
      schema: z.record(z.string(), z.unknown()).optional(),
      strict: z.boolean().nullish(),
    }),
  }),
]);

const penalty = z.number().min(-2).max(2).nullish();
const tokens = z.int().min(1).max(10_000_000).nullish();
const isNothing = (value: unknown): boolean => value === false || value === 0;
const isEmpty = (value: unknown): boolean => typeof value === 'object' && Object.keys(Object(value)).length === 0;

/** The body of a chat completion. What is not named is read over, as OpenAI does; what would change the answer and is not done here is refused. */
export const chatBody = z.object({
  model: modelField,
  messages: z.array(message).min(1).max(2000),
  stream: z.boolean().nullish(),
  stream_options: z.object({ include_usage: z.boolean().nullish() }).nullish(),
  temperature: z.number().min(0).max(2).nullish(),
  top_p: z.number().min(0).max(1).nullish(),
  max_tokens: tokens,
  max_completion_tokens: tokens,
  stop: z.union([z.string().min(1), z.array(z.string().min(1)).min(1).max(4)]).nullish(),
  seed: z.int().nullish(),
  presence_penalty: penalty,
  frequency_penalty: penalty,
  reasoning_effort: z.string().max(20).nullish(),
  user: z.string().max(256).nullish(),
  tools: z.array(tool).max(128).nullish(),
  tool_choice: z
    .union([
      z.enum(['auto', 'none', 'required']),
      z.object({ type: z.literal('function'), function: z.object({ name: toolName }) }),
    ])
    .nullish(),
  parallel_tool_calls: z.boolean().nullish(),
  response_format: format.nullish(),
  metadata: metadataFields,
  n: unsupported('One choice is made for each request: n is 1.', (n) => n === 1),
  logprobs: unsupported('No log probabilities are given.', isNothing),
  top_logprobs: unsupported('No log probabilities are given.', isNothing),
  logit_bias: unsupported('Tokens are not biased.', isEmpty),
  modalities: unsupported('Answers are text alone.', (all) => Array.isArray(all) && all.every((one) => one === 'text')),
  audio: unsupported('Answers are text alone.', () => false),
  functions: unsupported('Functions are offered as `tools`.', () => false),
  function_call: unsupported('Functions are chosen by `tool_choice`.', () => false),
  web_search_options: unsupported('The web is not searched.', () => false),
});
export type ChatBody = z.output<typeof chatBody>;

/** Tokens of the answer at most; null where nothing is said. */
export const mostTokensOf = ({ max_completion_tokens: most, max_tokens: older }: ChatBody): number | null =>
  most ?? older ?? null;

/** What the body asks a model for. Throws BadUserInput. */
export const wishOf = (body: ChatBody): ChatWish => {
  const { response_format: wanted, tool_choice: choice, tools } = body;
  const offered = tools?.map(({ function: { name, description, parameters, strict } }) => ({
    name,
    description,
    parameters: parameters ?? { type: 'object', properties: {} },
    strict: strict ?? undefined,
  }));
  const forced = typeof choice === 'object' ? choice?.function.name : undefined;
  if (forced !== undefined && !offered?.some(({ name }) => name === forced))
    throw new BadUserInput('tool_choice', `tool_choice: no tool ${forced} is offered.`);
  return {
    messages: messagesOf(body.messages),
    tools: offered,
    toolChoice: forced !== undefined ? { tool: forced } : typeof choice === 'string' ? choice : undefined,
    parallelTools: body.parallel_tool_calls ?? undefined,
    json: jsonOf(wanted),
    temperature: body.temperature ?? undefined,
    topP: body.top_p ?? undefined,
    stop: typeof body.stop === 'string' ? [body.stop] : (body.stop ?? undefined),
    seed: body.seed ?? undefined,
    presencePenalty: body.presence_penalty ?? undefined,
    frequencyPenalty: body.frequency_penalty ?? undefined,
    reasoningEffort: body.reasoning_effort ?? undefined,
    user: body.user ?? undefined,
  };
};

const jsonOf = (wanted: ChatBody['response_format']): ChatWish['json'] => {
  if (wanted?.type === 'json_object') return {};
  if (wanted?.type !== 'json_schema') return undefined;
  const { name, description, schema, strict } = wanted.json_schema;
  return { schema: schema ?? {}, name, description, strict: strict ?? undefined };
};

const messagesOf = (given: ChatBody['messages']): ChatMessage[] => {
  /** The tool of each call that has been made so far, by the call's id. */
  const tools = new Map<string, string>();
  return given.map((each, at): ChatMessage => {
    if (each.role === 'user') return { role: 'user', parts: partsOf(each.content, at) };
    if (each.role === 'tool') {
      const tool = tools.get(each.tool_call_id);
      if (tool === undefined)
        throw new BadUserInput(
          `messages[${at}].tool_call_id`,
          `messages[${at}].tool_call_id: no earlier message of the assistant has this call.`,
        );
      return { role: 'tool', callId: each.tool_call_id, tool, text: joined(each.content) };
    }
    if (each.role !== 'assistant') return { role: 'system', text: joined(each.content) };
    const calls = (each.tool_calls ?? []).map(({ id, function: { name, arguments: input } }, place) => {
      tools.set(id, name);
      if (!isJson(input))
        throw new BadUserInput(
          `messages[${at}].tool_calls[${place}].function.arguments`,
          `messages[${at}].tool_calls[${place}].function.arguments: this is not JSON.`,
        );
      return { id, tool: name, input: input.trim() === '' ? '{}' : input };
    });
    return { role: 'assistant', text: joined(each.content ?? ''), calls };
  });
};

const isJson = (text: string): boolean => {
  try {
    return text.trim() === '' || JSON.parse(text) !== undefined;
  } catch {
    return false;
  }
};

const joined = (content: z.output<typeof texts>): string =>
  typeof content === 'string' ? content : content.map(({ text }) => text).join('');

const partsOf = (content: string | readonly z.output<typeof userPart>[], at: number): ChatPart[] =>
  typeof content === 'string'
    ? [{ type: 'text', text: content }]
    : content.map((part, place) => (part.type === 'text' ? part : imageOf(part.image_url.url, at, place)));

const dataUrl = /^data:(image\/[a-z0-9.+-]{1,40});base64,([A-Za-z0-9+/]+={0,2})$/;

const imageOf = (url: string, at: number, place: number): ChatPart => {
  const [, mediaType, data] = dataUrl.exec(url) ?? [];
  if (mediaType !== undefined && data !== undefined) return { type: 'image', mediaType, data };
  const address = url.length > 2000 ? null : URL.parse(url);
  if (address?.protocol === 'https:' || address?.protocol === 'http:')
    return { type: 'image', mediaType: 'image/*', data: address };
  const field = `messages[${at}].content[${place}].image_url.url`;
  throw new BadUserInput(field, `${field}: an image is a data: URL in base64, or an http or https address.`);
};
