import { cutsVectors, embedAll, type Embeddings } from '../../ai/embedding.ts';
import type { Deployment } from '../../ai/deployment.ts';
import { ModelFailure } from '../../ai/failure.ts';
import { BadUserInput } from '../../errors.ts';
import { failed, succeeded, type ModelRequest, type Outcome } from './calls.ts';
import { modelNamed, ofPrograms, settled, unexpected, type CompletionMeans } from './completions.ts';
import { beginAlone, makeCall } from './model-call.ts';
import { routeFor, type Route } from './routing.ts';
import type { Callable } from './deployments.ts';

/** Texts that a program wants embedded. */
export interface EmbeddingsRequest {
  /** As a completion names it. */
  readonly model: string;
  readonly texts: readonly string[];
  /** How many numbers each vector is to have; null: as many as the model gives. */
  readonly dimensions: number | null;
  readonly tags: readonly string[];
}

/** Vectors as the model gives them, and what made them. */
export interface MadeEmbeddings extends Embeddings {
  readonly callable: Callable;
}

/**
 * Embeds texts as the model itself does, neither padded nor scaled, within the time of one call. Throws NotFound (no such model), BadUserInput (it
 * makes no embeddings, or none of this length), Conflict (no key), QuotaExceeded, SwitchedOff, ModelFailure.
 */
export const embedTexts = async (
  means: CompletionMeans,
  { model, texts, dimensions, tags }: EmbeddingsRequest,
  signal: AbortSignal,
): Promise<MadeEmbeddings> => {
  const { unit, services } = means;
  const named = await modelNamed(means, model);
  if (named !== null && named.type !== 'EMBEDDING')
    throw new BadUserInput('model', `The model ${model} makes no embeddings.`);
  const request: ModelRequest = {
    ...ofPrograms,
    purpose: 'embedding',
    type: 'EMBEDDING',
    modelId: named?.id ?? null,
    // No tokenizer makes more tokens of a text than it has bytes.
    inputTokens: texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0),
    maxOutputTokens: 0,
    tags,
  };
  const route = await routeFor(unit, services, request);
  if (dimensions !== null) requireLength(route);
  const call = await beginAlone(unit, route, request);
  const began = performance.now();
  const tookMs = () => performance.now() - began;
  let outcome: Outcome | undefined;
  try {
    const embed = (deployment: Deployment) => inTime(deployment, signal, texts, dimensions);
    const { vectors, tokens } = await makeCall(means, call, embed);
    const usage = { inputTokens: tokens, cachedInputTokens: 0, outputTokens: 0, estimated: false };
    outcome = succeeded(usage, tookMs(), null);
    return { vectors, tokens, callable: call.callable };
  } catch (error) {
    outcome = error instanceof ModelFailure ? failed(error.kind, error.message, tookMs()) : unexpected(error, tookMs());
    throw error;
  } finally {
    const ended = outcome ?? unexpected(undefined, tookMs());
    // Vectors say nothing to a reader.
    const content = () => ({ input: texts, output: null });
    await settled(means, call, async () => ended, content);
  }
};

const requireLength = ({ callables }: Route): void => {
  if (callables.every(({ deployment }) => cutsVectors(deployment))) return;
  throw new BadUserInput('dimensions', 'This model gives vectors of one length; leave `dimensions` out.');
};

/** All batches together take no longer than one call may. */
const inTime = async (
  deployment: Deployment,
  signal: AbortSignal,
  texts: readonly string[],
  dimensions: number | null,
): Promise<Embeddings> => {
  const { timeoutMs } = deployment;
  const late = AbortSignal.timeout(timeoutMs);
  try {
    return await embedAll(deployment, texts, AbortSignal.any([signal, late]), undefined, { dimensions });
  } catch (error) {
    if (!late.aborted) throw error;
    throw new ModelFailure('TIMEOUT', `The embedding model did not answer within ${timeoutMs / 1000} s.`);
  }
};
