import { eq, and } from 'drizzle-orm';
import { database } from '../../../database/client.ts';
import { sole } from '../../../database/rows.ts';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { jobs } from '../../../queue/tables.ts';
import { modelById } from '../../modelhub/loaders.ts';
import { reembeddingProgress, setEmbeddingModel } from '../embedding-model.ts';

export const resolvers: Resolvers = {
  Mutation: {
    setEmbeddingModel: async (_root, { input }, context) => {
      const { unit } = context;
      const { workspace, jobId } = await setEmbeddingModel(context, input);
      if (jobId === null) return { workspace, job: null };
      const ofJob = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.id, jobId));
      return { workspace, job: sole(await unit.run(() => database.select().from(jobs).where(ofJob))) };
    },
  },
  Workspace: {
    embeddingModel: ({ embeddingModelId }, _args, { unit }) =>
      embeddingModelId === null ? null : modelById(unit).load(embeddingModelId),
    nextEmbeddingModel: ({ nextEmbeddingModelId }, _args, { unit }) =>
      nextEmbeddingModelId === null ? null : modelById(unit).load(nextEmbeddingModelId),
    embeddingProgress: async ({ id, nextEmbeddingModelId }, _args, { unit }) =>
      nextEmbeddingModelId === null ? null : ((await reembeddingProgress(unit).load(id))?.percent ?? 0) / 100,
  },
};
