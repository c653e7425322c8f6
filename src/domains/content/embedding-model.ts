import { and, desc, eq, sql } from 'drizzle-orm';
import { ModelFailure } from '../../ai/failure.ts';
import { database } from '../../database/client.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, Unavailable } from '../../errors.ts';
import type { SetEmbeddingModelInput } from '../../generated/resolvers.ts';
import { cancelJobs, liveJob } from '../../queue/live-jobs.ts';
import { jobs } from '../../queue/tables.ts';
import { viewerOf, type Context } from '../context.ts';
import { builtinEmbedderId } from '../modelhub/deployments.ts';
import { modelById } from '../modelhub/loaders.ts';
import { found } from '../nodes.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { workspaces, type WorkspaceRow } from '../tenancy/tables.ts';
import { lockActiveWorkspace, ofWorkspace } from '../tenancy/workspace-lock.ts';
import { embedded, embedderById, vectorKey } from '../modelhub/embedder.ts';
import { enqueueReembedding, reembedKind } from './reembedding.ts';
import { enqueueDrop } from './vectors.ts';

/** A workspace whose model was chosen, and the job that embeds its texts anew; null where there is nothing to embed. */
export interface Chosen {
  readonly workspace: WorkspaceRow;
  readonly jobId: string | null;
}

/**
 * Chooses the model that a workspace's texts and queries are embedded with; null for the built-in one. It is tried first, and takes over when all
 * texts are embedded; the newest choice wins, and that of the model in use calls the change off. Throws BadUserInput (no embedding model,
 * vectors too long), Conflict (archived, the model's key is missing or refused), Forbidden (needs ADMIN in it), NotFound,
 * Unavailable (the model is switched off or cannot be reached).
 */
export const setEmbeddingModel = async (context: Context, input: SetEmbeddingModelInput): Promise<Chosen> => {
  const { unit, services } = context;
  const { workspaceId } = input;
  const modelId = input.modelId ?? builtinEmbedderId;
  const current = await found('Workspace', workspaceId, workspaceById(unit));
  const viewer = viewerOf(context);
  requirePermission(viewer, 'WORKSPACE_MANAGE', workspaceId);
  requireActive(viewer, workspaceId);
  const { type } = await found('Model', modelId, modelById(unit));
  if (type !== 'EMBEDDING') throw new BadUserInput('modelId', 'This model embeds no texts.');
  if (vectorKey(modelId) !== vectorKey(current.embeddingModelId)) await tryOut(context, current, modelId);
  return unit.transact(async () => {
    const workspace = await lockActiveWorkspace(context, workspaceId);
    const { embeddingModelId, nextEmbeddingModelId } = workspace;
    const isInUse = vectorKey(modelId) === vectorKey(embeddingModelId);
    const isNext = nextEmbeddingModelId !== null && vectorKey(modelId) === vectorKey(nextEmbeddingModelId);
    if (isInUse && nextEmbeddingModelId === null) return { workspace, jobId: null };
    const running = isNext ? await liveJob(unit, reembedKind, workspaceId) : null;
    if (running !== null) return { workspace, jobId: running };
    await cancelJobs(unit, services.queue, reembedKind, workspaceId);
    if (nextEmbeddingModelId !== null && !isNext)
      await enqueueDrop(unit, services, { workspaceId, key: vectorKey(nextEmbeddingModelId) });
    const updated = sole(
      await database
        .update(workspaces)
        .set({ nextEmbeddingModelId: isInUse ? null : modelId })
        .where(ofWorkspace(unit.organizationId, workspaceId))
        .returning(),
    );
    const data = { fields: ['nextEmbeddingModel'], modelId: updated.nextEmbeddingModelId };
    unit.record({ action: 'workspace.updated', type: 'Workspace', id: workspaceId, workspaceId, data });
    const jobId = isInUse ? null : await enqueueReembedding(unit, services, workspaceId, modelId);
    return { workspace: updated, jobId };
  });
};

/** Embeds a word, so that a model that cannot be used is refused before anything is changed. */
const tryOut = async ({ unit, services }: Context, { id, language }: WorkspaceRow, modelId: string): Promise<void> => {
  const embedder = await embedderById(unit, services, modelId);
  await unit.rest();
  try {
    await embedded(unit, services, embedder, { workspaceId: id, targetId: null, texts: ['Tessera'], language });
  } catch (error) {
    throw error instanceof ModelFailure ? refusalOf(error) : error;
  } finally {
    await unit.recorded();
  }
};

const refusalOf = ({ kind, message, retryAfterSeconds }: ModelFailure): Error => {
  if (kind === 'INVALID_RESPONSE' || kind === 'REFUSED') return new BadUserInput('modelId', message);
  if (kind === 'UNAUTHORIZED') return new Conflict('embeddingModel', message);
  return new Unavailable(message, retryAfterSeconds);
};

/** How much of a workspace is embedded by the model that is to take over, 0 to 100, by the workspaces' ids. */
export const reembeddingProgress = loadOne(
  () =>
    database
      .selectDistinctOn([jobs.targetId], { id: sql<string>`${jobs.targetId}`.as('id'), percent: jobs.progress })
      .from(jobs)
      .where(
        and(
          eq(jobs.organizationId, bound.organizationId),
          sql`${jobs.targetId} = any(${bound.keys})`,
          eq(jobs.kind, reembedKind),
        ),
      )
      .orderBy(jobs.targetId, desc(jobs.id)),
  (progress) => progress.id,
);
