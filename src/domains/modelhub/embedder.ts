import { embedAll } from '../../ai/embedding.ts';
import type { Deployment } from '../../ai/deployment.ts';
import { ModelFailure } from '../../ai/failure.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, DomainError, QuotaExceeded } from '../../errors.ts';
import { hashingModel } from '../../search/hashing-embedding.ts';
import { hashingWeight, modelWeight, type QueryVector } from '../../search/hybrid-search.ts';
import type { Work } from '../services.ts';
import { failed, settledCall, succeeded, type ModelRequest, type Outcome } from './calls.ts';
import { builtinEmbedderId, SwitchedOff } from './deployments.ts';
import { beginOn, makeCall, type CallServices } from './model-call.ts';
import { routeFor, type Route, type RoutingServices } from './routing.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';

/** A model that texts and queries are embedded with. */
export interface Embedder {
  /** The name its vectors are stored under. */
  readonly key: string;
  /** How much its ranking counts beside that of the words, which counts 1. */
  readonly weight: number;
  /** What is asked of the model hub, and where its calls go; null for the built-in embedder, which calls nobody. */
  readonly hub: { readonly request: ModelRequest; readonly route: Route } | null;
}

const builtinDeployment: Deployment = { dialect: 'builtin', model: hashingModel, timeoutMs: 60_000 };

/** The embedder that needs neither network nor key. */
const builtin: Embedder = { key: hashingModel, weight: hashingWeight, hub: null };

const isBuiltin = (modelId: string | null): modelId is null => modelId === null || modelId === builtinEmbedderId;

/** The name under which the vectors of a model are stored; null stands for the built-in embedder, as its row does. */
export const vectorKey = (modelId: string | null): string => (isBuiltin(modelId) ? hashingModel : modelId);

/** The keys of the models that a workspace's chunks need vectors of: the one in use, and the one that is to take over. */
export const neededKeys = (models: Pick<WorkspaceRow, 'embeddingModelId' | 'nextEmbeddingModelId'>): string[] => {
  const { embeddingModelId, nextEmbeddingModelId } = models;
  const keys = [
    vectorKey(embeddingModelId),
    ...(nextEmbeddingModelId === null ? [] : [vectorKey(nextEmbeddingModelId)]),
  ];
  return [...new Set(keys)];
};

/** The embedder of a model; the built-in one costs no statement. Throws Conflict (gone, key missing or unreadable), SwitchedOff. */
export const embedderById = async (
  unit: UnitOfWork,
  services: RoutingServices,
  modelId: string | null,
): Promise<Embedder> => {
  if (isBuiltin(modelId)) return builtin;
  const request: ModelRequest = {
    purpose: 'embedding',
    type: 'EMBEDDING',
    modelId,
    workspaceId: null,
    targetId: null,
    needs: [],
    inputTokens: null,
    maxOutputTokens: 0,
    tags: [],
    stickyTo: null,
  };
  return { key: modelId, weight: modelWeight, hub: { request, route: await routeFor(unit, services, request) } };
};

/** The embedder whose vectors are stored under a key. Throws Conflict, SwitchedOff. */
export const embedderByKey = (unit: UnitOfWork, services: RoutingServices, key: string) =>
  embedderById(unit, services, key === hashingModel ? null : key);

/** Texts of one call: the built-in embedder works in this thread, which other requests need too; few providers take more than 100. */
export const batchSize = ({ hub }: Embedder): number => (hub === null ? 32 : 96);

/** What texts are embedded for. */
export interface Embedding extends Pick<ModelRequest, 'workspaceId' | 'targetId'> {
  readonly texts: readonly string[];
  /** Of the texts; the built-in embedder stems by it. */
  readonly language: string;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds, where nobody waits as long as the deployment's own limit. */
  readonly timeoutMs?: number;
}

/**
 * Embeds texts, one vector for each. A call of a provider is written to the log before it is made and when it has ended; the unit holds
 * no connection meanwhile. Throws Conflict, ModelFailure, QuotaExceeded.
 */
export const embedded = async (
  unit: UnitOfWork,
  services: CallServices,
  { hub }: Embedder,
  embedding: Embedding,
): Promise<number[][]> => {
  const { texts, language, signal, workspaceId, targetId } = embedding;
  const embed = (deployment: Deployment) => {
    const timeoutMs = Math.min(deployment.timeoutMs, embedding.timeoutMs ?? Infinity);
    return embedAll({ ...deployment, timeoutMs }, texts, signal, language);
  };
  if (hub === null) return (await embed(builtinDeployment)).vectors;
  // No tokenizer makes more tokens of a text than it has bytes.
  const inputTokens = texts.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
  const request = { ...hub.request, workspaceId, targetId, inputTokens };
  // What reads may write in between: other fields of the same operation may read at the same time, which no transaction of its own allows.
  unit.recordReads();
  const call = await unit.run(() => beginOn(unit, hub.route, request).catch(refusal));
  await unit.recorded();
  if (call instanceof DomainError) throw call;
  const began = performance.now();
  const settle = async (outcome: Outcome): Promise<void> => {
    const changes = await unit.run(() => settledCall(unit, call.executionId, outcome));
    for (const change of changes) {
      const { statement, values } = unit.options.ledger.entry(change, unit);
      await unit.select(statement, values);
    }
    // At once, because others who use the same budgets wait for its end.
    await unit.recorded();
    unit.options.ledger.announce(changes, unit);
  };
  try {
    const { vectors, tokens } = await makeCall({ unit, services }, call, embed);
    const usage = { inputTokens: tokens, cachedInputTokens: 0, outputTokens: 0, estimated: false };
    await settle(succeeded(usage, performance.now() - began, null));
    return vectors;
  } catch (error) {
    if (error instanceof ModelFailure) await settle(failed(error.kind, error.message, performance.now() - began));
    throw error;
  }
};

/** A refusal is no fault of the transaction, which goes on. */
const refusal = (error: unknown): DomainError => {
  if (error instanceof DomainError) return error;
  throw error;
};

const lastingKinds: ReadonlySet<string> = new Set(['UNAUTHORIZED', 'REFUSED', 'INVALID_RESPONSE']);

/** Why a model cannot be used, for a person; null for any other failure. */
export const modelFault = (error: unknown): string | null =>
  (error instanceof ModelFailure && error.kind !== 'CANCELLED') ||
  error instanceof SwitchedOff ||
  error instanceof QuotaExceeded ||
  (error instanceof Conflict && error.extensions.field === 'embeddingModel')
    ? error.message
    : null;

/** The same for what does not pass by itself, so that trying again is of no use. */
export const lastingFault = (error: unknown): string | null =>
  (error instanceof ModelFailure && !lastingKinds.has(error.kind)) || error instanceof QuotaExceeded
    ? null
    : modelFault(error);

/** Longest time for the call of a model that a search waits for; it is made twice at most. */
const queryTimeoutMs = 10_000;

/** What is looked for, and by which model, null being the built-in one. */
export interface EmbeddedQuery extends Pick<ModelRequest, 'workspaceId' | 'modelId'> {
  readonly query: string;
  /** What its words are stemmed by, where the built-in embedder does so. */
  readonly language: string;
}

/** A query as a vector; null when it has none, or when the model cannot be called. The unit holds no connection meanwhile. */
export const queryVector = async (
  { unit, services }: Work,
  { workspaceId, modelId, query, language }: EmbeddedQuery,
): Promise<QueryVector | null> => {
  try {
    const embedder = await embedderById(unit, services, modelId);
    const texts = { workspaceId, targetId: null, texts: [query], language, timeoutMs: queryTimeoutMs };
    const [embedding = []] = await embedded(unit, services, embedder, texts);
    const { key: model, weight } = embedder;
    return embedding.some((value) => value !== 0) ? { model, embedding, weight } : null;
  } catch (error) {
    if (modelFault(error) === null) throw error;
    return null;
  }
};
