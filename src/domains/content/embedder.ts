import { embedAll } from '../../ai/embedding.ts';
import type { Deployment } from '../../ai/deployment.ts';
import { ModelFailure } from '../../ai/failure.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import { hashingModel } from '../../search/hashing-embedding.ts';
import { hashingWeight, modelWeight } from '../../search/hybrid-search.ts';
import { builtinEmbedderId, embeddingDeployment, SwitchedOff, type Callable } from '../modelhub/deployments.ts';
import { reserveExecution, settleExecution, type Purpose } from '../modelhub/executions.ts';
import type { Services } from '../services.ts';
import type { WorkspaceRow } from '../tenancy/tables.ts';

/** A model that texts and queries are embedded with. */
export interface Embedder {
  readonly deployment: Deployment;
  /** The name its vectors are stored under. */
  readonly key: string;
  /** How much its ranking counts beside that of the words, which counts 1. */
  readonly weight: number;
  /** What its calls are logged under; null for the built-in embedder, which calls nobody. */
  readonly callable: Callable | null;
}

/** The embedder that needs neither network nor key. */
const builtin: Embedder = {
  deployment: { dialect: 'builtin', model: hashingModel, timeoutMs: 60_000 },
  key: hashingModel,
  weight: hashingWeight,
  callable: null,
};

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
  services: Pick<Services, 'settings' | 'keyRing'>,
  modelId: string | null,
): Promise<Embedder> => {
  if (isBuiltin(modelId)) return builtin;
  const callable = await embeddingDeployment(unit, services, modelId);
  return { deployment: callable.deployment, key: modelId, weight: modelWeight, callable };
};

/** The embedder that a workspace is searched with. Throws Conflict, SwitchedOff. */
export const embedderOf = (
  unit: UnitOfWork,
  services: Pick<Services, 'settings' | 'keyRing'>,
  { embeddingModelId }: Pick<WorkspaceRow, 'embeddingModelId'>,
): Promise<Embedder> => embedderById(unit, services, embeddingModelId);

/** The embedder whose vectors are stored under a key. Throws Conflict, SwitchedOff. */
export const embedderByKey = (unit: UnitOfWork, services: Pick<Services, 'settings' | 'keyRing'>, key: string) =>
  embedderById(unit, services, key === hashingModel ? null : key);

/** Texts of one call: the built-in embedder works in this thread, which other requests need too; few providers take more than 100. */
export const batchSize = ({ callable }: Embedder): number => (callable === null ? 32 : 96);

/** What texts are embedded for. */
export interface Embedding extends Pick<Purpose, 'workspaceId' | 'targetId'> {
  readonly texts: readonly string[];
  /** Of the texts; the built-in embedder stems by it. */
  readonly language: string;
  readonly signal?: AbortSignal | undefined;
  /** Milliseconds, where nobody waits as long as the deployment's own limit. */
  readonly timeoutMs?: number;
}

/**
 * Embeds texts, one vector for each. A call of a provider is written to the log before it is made and when it has ended; the unit holds
 * no connection meanwhile, and writes the end down with what it reads next. Throws ModelFailure.
 */
export const embedded = async (unit: UnitOfWork, embedder: Embedder, embedding: Embedding): Promise<number[][]> => {
  const { texts, language, signal, workspaceId, targetId } = embedding;
  const { callable } = embedder;
  const timeoutMs = Math.min(embedder.deployment.timeoutMs, embedding.timeoutMs ?? Infinity);
  const call = () => embedAll({ ...embedder.deployment, timeoutMs }, texts, signal, language);
  if (callable === null) return (await call()).vectors;
  const writer = { organizationId: unit.organizationId, userId: unit.scope.userId };
  unit.recordReads();
  const id = await unit.run(() => reserveExecution(writer, callable, { workspaceId, targetId, purpose: 'embedding' }));
  await unit.recorded();
  const began = performance.now();
  const settle = (outcome: Parameters<typeof settleExecution>[2]) =>
    unit.run(() => settleExecution(writer, id, outcome, callable.price));
  try {
    const { vectors, tokens } = await call();
    const latencyMs = performance.now() - began;
    await settle({ status: 'SUCCESS', inputTokens: tokens, outputTokens: 0, latencyMs, timeToFirstTokenMs: null });
    return vectors;
  } catch (error) {
    if (!(error instanceof ModelFailure)) throw error;
    await settle({ status: 'ERROR', kind: error.kind, message: error.message, latencyMs: performance.now() - began });
    throw error;
  }
};

const lastingKinds: ReadonlySet<string> = new Set(['UNAUTHORIZED', 'REFUSED', 'INVALID_RESPONSE']);

/** Why a model cannot be used at all, for a person; null for any other failure. */
export const modelFault = (error: unknown): string | null =>
  (error instanceof ModelFailure && error.kind !== 'CANCELLED') ||
  error instanceof SwitchedOff ||
  (error instanceof Conflict && error.extensions.field === 'embeddingModel')
    ? error.message
    : null;

/** The same for what does not pass by itself, so that trying again is of no use. */
export const lastingFault = (error: unknown): string | null =>
  error instanceof ModelFailure && !lastingKinds.has(error.kind) ? null : modelFault(error);
