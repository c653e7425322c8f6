import { z } from 'zod';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import type { ImportTasksInput } from '../../generated/resolvers.ts';
import { fileById } from '../content/loaders.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { lockToWork } from './project-rights.ts';
import { sheetFields } from './task-sheet.ts';

/** The job that makes tasks of a sheet; `task-import-run.ts` handles it. */
export const importKind = 'projects.import-tasks';

const maxBytes = 10_000_000;
const maxColumn = 200;

/** What the job is given: the sheet, how it is read, and what its requester showed, whose limits hold for it. */
export const importWork = z.object({
  projectId: z.string(),
  fileId: z.string(),
  mapping: z.array(z.object({ column: z.string(), field: z.enum(sheetFields) })),
  mode: z.enum(['ALL_OR_NOTHING', 'VALID_ROWS']),
  dryRun: z.boolean(),
  credential: z.object({ kind: z.enum(['SESSION', 'API_KEY', 'DEVICE', 'EXTENSION_KEY']), id: z.string() }),
});
export type ImportWork = z.infer<typeof importWork>;

/**
 * Begins to make tasks of a sheet in the background; gives the job's id. Throws BadUserInput, Conflict (archived; the file's bytes have not arrived), Forbidden,
 * NotFound (project, file).
 */
export const importTasks = (context: Context, input: ImportTasksInput): Promise<string> => {
  const { unit, services } = context;
  const { self, credential } = viewerOf(context);
  const mapping = (input.mapping ?? []).map(({ column, field }) => ({ column: column.trim(), field }));
  const issues = mappingIssues(mapping);
  if (issues.length > 0) throw new BadUserInput(issues);
  const work: ImportWork = {
    projectId: input.projectId,
    fileId: input.fileId,
    mapping,
    mode: input.mode ?? 'ALL_OR_NOTHING',
    dryRun: input.dryRun ?? false,
    credential: { kind: credential.kind, id: credential.id },
  };
  return unit.transact(async () => {
    const { project } = await lockToWork(context, input.projectId);
    const file = await found('File', input.fileId, fileById(unit));
    if (file.status !== 'STORED') throw new Conflict('fileId', 'The bytes of this file have not arrived yet.');
    if (file.size > maxBytes) throw new BadUserInput('fileId', 'A sheet has at most 10 MB.');
    const target = { type: 'Project', id: project.id };
    const data = { mode: work.mode, dryRun: work.dryRun };
    unit.record({ action: 'task.import_requested', ...target, workspaceId: project.workspaceId, data });
    return services.queue.enqueue(unit, { kind: importKind, data: work, target, readers: [self] });
  });
};

const mappingIssues = (mapping: ImportWork['mapping']): InputIssue[] => {
  if (mapping.length > sheetFields.length)
    return [
      { field: 'mapping', message: `A sheet has at most ${sheetFields.length} columns that stand for something.` },
    ];
  return mapping.flatMap(({ column, field }, index) => [
    ...(column.length >= 1 && column.length <= maxColumn && !column.includes('\0')
      ? []
      : [{ field: `mapping.${index}.column`, message: 'This takes 1 to 200 characters, and no NUL.' }]),
    ...(mapping.findIndex((other) => other.field === field) < index
      ? [{ field: `mapping.${index}.field`, message: 'Another column stands for this.' }]
      : []),
    ...(mapping.findIndex((other) => other.column === column) < index
      ? [{ field: `mapping.${index}.column`, message: 'This column is named twice.' }]
      : []),
  ]);
};
