import type { EmbeddingModelV3, EmbeddingModelV3CallOptions } from '@ai-sdk/provider';
import { embedText } from '../search/hashing-embedding.ts';

/** The language of the texts, under `tessera` in the call's provider options. */
const languageOf = ({ providerOptions }: EmbeddingModelV3CallOptions): string | null => {
  const language = providerOptions?.tessera?.language;
  return typeof language === 'string' ? language : null;
};

/** The built-in embedder behind the AI SDK's embedding model interface: 1536 dimensions, unit length, no network, no tokens. */
export const builtinEmbedder = (modelId: string): EmbeddingModelV3 => ({
  specificationVersion: 'v3',
  provider: 'builtin',
  modelId,
  maxEmbeddingsPerCall: 128,
  supportsParallelCalls: false,
  doEmbed: async (options) => ({
    embeddings: options.values.map((text) => embedText(text, languageOf(options))),
    usage: { tokens: 0 },
    warnings: [],
  }),
});
