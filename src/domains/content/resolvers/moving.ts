import { eq, and } from 'drizzle-orm';
import { database } from '../../../database/client.ts';
import { sole } from '../../../database/rows.ts';
import type { UnitOfWork } from '../../../database/unit-of-work.ts';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { jobs, type JobRow } from '../../../queue/tables.ts';
import { bulkDocuments } from '../bulk.ts';
import { copyDocument, moveDocument } from '../moving.ts';

export const resolvers: Resolvers = {
  Mutation: {
    moveDocument: async (_root, { input }, context) => ({ document: await moveDocument(context, input) }),
    copyDocument: async (_root, { input }, context) => ({ document: await copyDocument(context, input) }),
    bulkDocuments: async (_root, { input }, context) => ({
      job: await jobOf(context.unit, await bulkDocuments(context, input)),
    }),
  },
};

const jobOf = async (unit: UnitOfWork, id: string): Promise<JobRow> => {
  const isJob = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.id, id));
  return sole(await unit.run(() => database.select().from(jobs).where(isJob)));
};
