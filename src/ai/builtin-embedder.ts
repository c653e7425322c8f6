import type { EmbeddingModelV3 } from '@ai-sdk/provider';
import { hashingEmbedding } from '../search/hashing-embedding.ts';

/** The built-in embedder behind the AI SDK's embedding model interface: 1536 dimensions, unit length, no network. */
export const builtinEmbedder = (modelId: string): EmbeddingModelV3 => ({
  specificationVersion: 'v3',
  provider: 'builtin',
  modelId,
  maxEmbeddingsPerCall: 128,
  supportsParallelCalls: false,
  doEmbed: async ({ values }) => ({
    embeddings: values.map((text) => [...hashingEmbedding(text)]),
    usage: { tokens: 0 },
    warnings: [],
  }),
});
