import type { GraphQLSchema } from 'graphql';
import { z } from 'zod';
import { conditionOf } from '../../database/filter.ts';
import { BadUserInput } from '../../errors.ts';
import type { ExportTasksInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { projectById, projectsUnit } from './project-loaders.ts';
import { savedViewById } from './saved-view-loaders.ts';
import { taskFilters } from './task-loaders.ts';
import { askedWith } from './view-questions.ts';

/** The job that writes tasks into a file; `task-export-run.ts` handles it. */
export const exportKind = 'projects.export-tasks';

/** What the job is given: which tasks, how, and what its requester showed, whose limits hold for it. */
export const exportWork = z.object({
  projectId: z.string().nullable(),
  filter: z.json(),
  format: z.enum(['CSV', 'JSONL']),
  credential: z.object({ kind: z.enum(['SESSION', 'API_KEY', 'DEVICE', 'EXTENSION_KEY']), id: z.string() }),
});
export type ExportWork = z.infer<typeof exportWork>;

/** Which tasks, and how. */
interface Wanted {
  readonly projectId: string | null;
  readonly filter: unknown;
  readonly format: ExportWork['format'];
}

/** Begins to write tasks into a file of the viewer's own; gives the job's id. Throws BadUserInput, NotFound (project, view). */
export const exportTasks = (context: Context, schema: GraphQLSchema, input: ExportTasksInput): Promise<string> => {
  const projectId = input.projectId ?? null;
  if (projectId === null && !input.filter && !input.savedViewId)
    throw new BadUserInput('projectId', 'Give a project, a filter or a view.');
  if (input.filter && input.savedViewId) throw new BadUserInput('savedViewId', 'Give a filter or a view, not both.');
  const { format = 'CSV' } = input;
  return projectsUnit(context).transact(async () => {
    const filter = input.savedViewId ? await filterOf(context, schema, input.savedViewId) : input.filter;
    return beginTaskExport(context, { projectId, filter, format });
  });
};

/** Does so once it is known which tasks. Throws BadUserInput, NotFound (project). */
export const beginTaskExport = (context: Context, { projectId, filter, format }: Wanted): Promise<string> => {
  const { services } = context;
  const { self, credential } = viewerOf(context);
  const unit = projectsUnit(context);
  return unit.transact(async ({ organizationId }) => {
    // Checked as that of the list, and kept with the ids that it stands for.
    conditionOf(taskFilters, filter);
    const project = projectId === null ? null : await found('Project', projectId, projectById(unit));
    const target =
      project === null ? { type: 'Organization', id: organizationId } : { type: 'Project', id: project.id };
    const work: ExportWork = {
      projectId,
      filter: z.json().parse(JSON.parse(JSON.stringify(filter ?? null))),
      format,
      credential: { kind: credential.kind, id: credential.id },
    };
    const workspaceId = project?.workspaceId ?? null;
    unit.record({ action: 'task.export_requested', ...target, workspaceId, data: { format: work.format } });
    return services.queue.enqueue(unit, { kind: exportKind, data: work, target, readers: [self] });
  });
};

const filterOf = async (context: Context, schema: GraphQLSchema, id: string): Promise<unknown> => {
  const view = await found('SavedView', id, savedViewById(context.unit));
  const asked = view.list === 'TASKS' ? askedWith(schema, view) : null;
  if (asked === null) throw new BadUserInput('savedViewId', 'This is no valid view of tasks.');
  return asked.filter;
};
