import { z } from 'zod';
import { found } from '../nodes.ts';
import { scheduled, type ScheduledWorks } from '../scheduled-work.ts';
import { projectById, projectsUnit } from './project-loaders.ts';
import { beginTaskExport } from './task-export.ts';

/** Work of this domain that members can have begun by a clock. */
export const scheduledWork: ScheduledWorks = {
  EXPORT_TASKS: scheduled({
    permission: 'PROJECT_READ',
    input: z.object({ projectId: z.string(), format: z.enum(['CSV', 'JSONL']) }),
    ids: { projectId: 'Project' },
    check: async (context, { projectId }) => {
      await found('Project', projectId, projectById(projectsUnit(context)));
    },
    begin: ({ context }, { projectId, format }) => beginTaskExport(context, { projectId, format, filter: null }),
  }),
};
