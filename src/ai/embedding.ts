import type { EmbeddingModelV3, EmbeddingModelV3CallOptions, EmbeddingModelV3Result } from '@ai-sdk/provider';
import { embedMany } from 'ai';
import { maxRetriesOf, type Deployment, type ProviderOptions } from './deployment.ts';
import { failureFrom } from './diagnosis.ts';
import { ModelFailure } from './failure.ts';
import { dimensions } from '../search/hashing-embedding.ts';
import { embeddingModel } from './models.ts';

export type Embeddings = {
  /**
   * One vector for each text, in the order of the texts. STORED: of 1536 numbers, of unit length unless it is all zero; shorter ones of a
   * model end in zeros, which changes neither length nor cosine.
   */
  vectors: number[][];
  /** Input tokens as the provider counted them; 0 when it did not. */
  tokens: number;
};

const parallelCalls = 4;
const defaultBatch = 128;

/**
 * What the vectors are to be like: as they are stored, 1536 numbers of unit length; or as the model gives them, with a wished number of dimensions
 * (null: the model's own).
 */
export type VectorShape = 'STORED' | { dimensions: number | null };

/** The longest vector that is taken as the model gives it. */
const maxOwnDimensions = 16_384;

/** Whether a model can cut its vectors to a wished length. */
export const cutsVectors = ({ dialect, model }: Pick<Deployment, 'dialect' | 'model'>): boolean =>
  dialect === 'google' ||
  ((dialect === 'openai' || dialect === 'openai-compatible') && model.startsWith('text-embedding-3'));

/** Models that can cut their vectors to a wished length need to be asked for it. */
const wished = (deployment: Deployment, shape: VectorShape, language?: string): ProviderOptions => {
  if (deployment.dialect === 'builtin') return language === undefined ? {} : { tessera: { language } };
  const length = shape === 'STORED' ? dimensions : shape.dimensions;
  if (length === null || !cutsVectors(deployment)) return {};
  if (deployment.dialect === 'google') return { google: { outputDimensionality: length } };
  return { openai: { dimensions: length }, openaiCompatible: { dimensions: length } };
};

/** The deployment's own options, and over them what is wished for. */
const optionsOf = (deployment: Deployment, shape: VectorShape, language?: string): ProviderOptions => {
  const own = deployment.providerOptions ?? {};
  const wish = wished(deployment, shape, language);
  return {
    ...own,
    ...Object.fromEntries(Object.entries(wish).map(([name, options]) => [name, { ...own[name], ...options }])),
  };
};

/** Models that cut their vectors do not all stretch them again; what is of unit length but for rounding stays as it is. */
const unitLength = (vector: number[]): number[] => {
  const length = Math.hypot(...vector);
  return length === 0 || Math.abs(length - 1) < 1e-3 ? vector : vector.map((value) => value / length);
};

const padded = (vector: number[]): number[] =>
  vector.length === dimensions ? vector : [...vector, ...Array.from({ length: dimensions - vector.length }, () => 0)];

/** A server may send vectors out of order with an `index` beside each, which the SDK does not read. */
const inOrder = ({ embeddings, response }: EmbeddingModelV3Result): number[][] => {
  const { body } = response ?? {};
  const data: unknown = typeof body === 'object' && body !== null && 'data' in body ? body.data : undefined;
  const places = Array.isArray(data) ? data.map((item: unknown) => Object(item).index as unknown) : [];
  const valid = places.length === embeddings.length && new Set(places).size === places.length;
  if (!valid || !places.every((place) => typeof place === 'number')) return embeddings;
  return embeddings
    .map((vector, at) => ({ vector, place: places[at] ?? at }))
    .sort((a, b) => a.place - b.place)
    .map(({ vector }) => vector);
};

const checked = (vectors: number[][], texts: number, shape: VectorShape): number[][] => {
  if (vectors.length !== texts)
    throw new ModelFailure(
      'INVALID_RESPONSE',
      `The embedding model sent ${vectors.length} vectors for ${texts} texts.`,
    );
  const size = vectors[0]?.length ?? dimensions;
  if (vectors.some((vector) => vector.length !== size))
    throw new ModelFailure('INVALID_RESPONSE', 'The embedding model sent vectors of different dimensions.');
  const most = shape === 'STORED' ? dimensions : maxOwnDimensions;
  if (size === 0 || size > most)
    throw new ModelFailure(
      'INVALID_RESPONSE',
      `The embedding model gives ${size} dimensions; Tessera takes 1 to ${most}. Choose another model.`,
      { dimensions: size },
    );
  if (vectors.some((vector) => !vector.every(Number.isFinite)))
    throw new ModelFailure('INVALID_RESPONSE', 'The embedding model sent a vector with values that are no numbers.');
  return shape === 'STORED' ? vectors.map((vector) => padded(unitLength(vector))) : vectors;
};

/** Does one call, aborted at the deployment's time-out. */
const call = async (model: EmbeddingModelV3, options: EmbeddingModelV3CallOptions, timeoutMs: number) => {
  const timeout = AbortSignal.timeout(timeoutMs);
  const abortSignal = options.abortSignal ? AbortSignal.any([options.abortSignal, timeout]) : timeout;
  try {
    return await model.doEmbed({ ...options, abortSignal });
  } catch (error) {
    if (!timeout.aborted) throw error;
    throw new ModelFailure('TIMEOUT', `The embedding model did not answer within ${timeoutMs / 1000} s.`);
  }
};

/** The deployment's model with our batch size, time-out, order and checks. */
const guarded = (deployment: Deployment, most: number | undefined, shape: VectorShape): EmbeddingModelV3 => {
  const model = embeddingModel(deployment);
  return {
    specificationVersion: 'v3',
    provider: model.provider,
    modelId: model.modelId,
    supportsParallelCalls: model.supportsParallelCalls,
    maxEmbeddingsPerCall: Math.min(deployment.maxBatch ?? defaultBatch, most ?? Infinity),
    doEmbed: async (options) => {
      const result = await call(model, options, deployment.timeoutMs);
      const embeddings = checked(inOrder(result), options.values.length, shape);
      return { embeddings, usage: result.usage ?? { tokens: 0 }, warnings: [] };
    },
  };
};

/**
 * Embeds texts in batches of at most the provider's maximum, four calls at a time, each tried again as the deployment
 * says. `language` is that of the texts, for the built-in embedder's stems. Throws ModelFailure; the first failed batch stops the others.
 */
export const embedAll = async (
  deployment: Deployment,
  texts: readonly string[],
  signal?: AbortSignal,
  language?: string,
  shape: VectorShape = 'STORED',
): Promise<Embeddings> => {
  const stop = new AbortController();
  const abortSignal = signal ? AbortSignal.any([signal, stop.signal]) : stop.signal;
  globalThis.AI_SDK_LOG_WARNINGS = false;
  try {
    if (signal?.aborted) throw signal.reason;
    const most = await embeddingModel(deployment).maxEmbeddingsPerCall;
    const { embeddings, usage } = await embedMany({
      model: guarded(deployment, most, shape),
      values: [...texts],
      maxParallelCalls: parallelCalls,
      maxRetries: maxRetriesOf(deployment),
      providerOptions: optionsOf(deployment, shape, language),
      abortSignal,
    });
    return { vectors: embeddings, tokens: usage.tokens };
  } catch (error) {
    throw signal?.aborted ? new ModelFailure('CANCELLED', 'Embedding was cancelled.') : failureFrom(error);
  } finally {
    stop.abort();
  }
};
