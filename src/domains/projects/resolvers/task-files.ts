import type { Resolvers } from '../../../generated/resolvers.ts';
import { jobOf } from '../../conversations/lifecycle-loaders.ts';
import { exportTasks } from '../task-export.ts';
import { importTasks } from '../task-import.ts';

export const resolvers: Resolvers = {
  Mutation: {
    exportTasks: async (_root, { input }, context, { schema }) => ({
      job: await jobOf(context.unit, await exportTasks(context, schema, input)),
    }),
    importTasks: async (_root, { input }, context) => ({
      job: await jobOf(context.unit, await importTasks(context, input)),
    }),
  },
};
