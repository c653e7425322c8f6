import type {
  LanguageModelV3,
  LanguageModelV3CallOptions,
  LanguageModelV3Prompt,
  LanguageModelV3StreamPart,
  LanguageModelV3Usage,
} from '@ai-sdk/provider';
import { z } from 'zod';
import { extractiveAnswer } from './extractive.ts';
import { countTokens } from './tokens.ts';

/** What the answerer reads, under `tessera` in the call's provider options, instead of parsing the prompt back. */
export const handedOver = z.object({
  question: z.string(),
  /** The user's message before this one, which a follow-up question may lean on. */
  earlier: z.string().optional(),
  /** ISO 639-1 code or a tag that begins with one. */
  language: z.string(),
  passages: z.array(z.object({ title: z.string(), text: z.string(), score: z.number() })),
});

const textOf = (prompt: LanguageModelV3Prompt): string =>
  prompt
    .map(({ content }) => {
      if (typeof content === 'string') return content;
      return content.map((part) => (part.type === 'text' ? part.text : '')).join('');
    })
    .join('\n');

/** Called without material of ours, the answerer still answers: it takes the prompt's last words as the question. */
const questionOf = ({ providerOptions, prompt }: LanguageModelV3CallOptions) =>
  handedOver.safeParse(providerOptions?.tessera).data ?? {
    question: textOf(prompt.slice(-1)),
    language: 'en',
    passages: [],
  };

const usageOf = async (prompt: LanguageModelV3Prompt, answer: string): Promise<LanguageModelV3Usage> => {
  const [input, output] = await Promise.all([countTokens(textOf(prompt)), countTokens(answer)]);
  return {
    inputTokens: { total: input, noCache: input, cacheRead: 0, cacheWrite: 0 },
    outputTokens: { total: output, text: output, reasoning: 0 },
  };
};

const stopped = { unified: 'stop', raw: 'stop' } as const;

/** Words with the white space after them: what a stream of tokens looks like to a reader. */
const pieces = (text: string): string[] => text.match(/\s*\S+\s*/gu) ?? [];

async function* parts(options: LanguageModelV3CallOptions): AsyncGenerator<LanguageModelV3StreamPart> {
  yield { type: 'stream-start', warnings: [] };
  const answer = extractiveAnswer(questionOf(options));
  yield { type: 'text-start', id: 'answer' };
  for (const delta of pieces(answer)) {
    options.abortSignal?.throwIfAborted();
    yield { type: 'text-delta', id: 'answer', delta };
  }
  yield { type: 'text-end', id: 'answer' };
  yield { type: 'finish', finishReason: stopped, usage: await usageOf(options.prompt, answer) };
}

/** The built-in answerer behind the AI SDK's language model interface. It needs no network and gives the same answer each time. */
export const builtinAnswerer = (modelId: string): LanguageModelV3 => ({
  specificationVersion: 'v3',
  provider: 'builtin',
  modelId,
  supportedUrls: {},
  async doGenerate(options) {
    const text = extractiveAnswer(questionOf(options));
    const usage = await usageOf(options.prompt, text);
    return { content: [{ type: 'text', text }], finishReason: stopped, usage, warnings: [] };
  },
  doStream: async (options) => ({ stream: ReadableStream.from(parts(options)) }),
});
