import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound } from '../../errors.ts';
import type { ProjectMeans } from './project-rights.ts';
import { projectLabels } from './project-tables.ts';
import { lockTask } from './task-changes.ts';
import { asItIs, changeTasks } from './task-edits.ts';
import { taskLabels, type TaskRow } from './task-tables.ts';

/** Labels that a task has at most. */
export const maxLabels = 20;

/** Throws BadUserInput for a list of labels that is too long. */
export const requireFew = (field: string, labelIds: readonly string[]): void => {
  if (labelIds.length > maxLabels) throw new BadUserInput(field, `A task has at most ${maxLabels} labels.`);
};

/** The projects of labels, which stay until the end of the transaction. Throws NotFound with the place under `fieldOf` of one that the viewer does not see. */
export const projectsOfLabels = async (
  { organizationId }: UnitOfWork,
  labelIds: readonly string[],
  fieldOf: (index: number) => string,
): Promise<ReadonlyMap<string, string>> => {
  if (labelIds.length === 0) return new Map();
  const rows = await database
    .select({ id: projectLabels.id, projectId: projectLabels.projectId })
    .from(projectLabels)
    .where(and(eq(projectLabels.organizationId, organizationId), inArray(projectLabels.id, [...labelIds])))
    .for('key share');
  const projectOf = new Map(rows.map(({ id, projectId }) => [id, projectId]));
  const unknown = labelIds.findIndex((id) => !projectOf.has(id));
  if (unknown !== -1) throw new NotFound('ProjectLabel', labelIds[unknown] ?? '', fieldOf(unknown));
  return projectOf;
};

/** Ids of the labels of tasks, by task; of one without any it is missing. */
export const labelIdsOf = async (
  { organizationId }: UnitOfWork,
  taskIds: readonly string[],
): Promise<ReadonlyMap<string, readonly string[]>> => {
  const rows = await database
    .select({ taskId: taskLabels.taskId, labelId: taskLabels.labelId })
    .from(taskLabels)
    .where(and(eq(taskLabels.organizationId, organizationId), inArray(taskLabels.taskId, [...taskIds])));
  const labels = new Map<string, string[]>(rows.map(({ taskId }) => [taskId, []]));
  for (const { taskId, labelId } of rows) labels.get(taskId)?.push(labelId);
  return labels;
};

/** What becomes of the labels that a task has. */
type Labelling = (current: readonly string[]) => readonly string[];

/**
 * Changes the labels of a task by some of its project's. Throws BadUserInput (more than it may have), Conflict (archived), Forbidden, NotFound (task, label of its
 * project).
 */
const label = (
  means: ProjectMeans,
  id: string,
  { labelIds, fieldOf }: { labelIds: readonly string[]; fieldOf: (index: number) => string },
  labelling: Labelling,
): Promise<TaskRow> =>
  means.unit.transact(async () => {
    const held = await lockTask(means, id);
    const projectOf = await projectsOfLabels(means.unit, labelIds, fieldOf);
    const foreign = labelIds.findIndex((each) => projectOf.get(each) !== held.project.id);
    if (foreign !== -1) throw new NotFound('ProjectLabel', labelIds[foreign] ?? '', fieldOf(foreign));
    const from = (await labelIdsOf(means.unit, [id])).get(id) ?? [];
    const to = [...new Set(labelling(from))];
    requireFew(fieldOf(0), to);
    const edit = { held, fields: {}, own: asItIs(held.task), labels: { from, to }, reason: null };
    const [task = held.task] = await changeTasks(means, [edit]);
    return task;
  });

/** Gives a task these labels and no others. */
export const setTaskLabels = (means: ProjectMeans, id: string, labelIds: readonly string[]): Promise<TaskRow> => {
  requireFew('labelIds', labelIds);
  return label(means, id, { labelIds, fieldOf: (index) => `labelIds.${index}` }, () => labelIds);
};

/** Puts a label to a task. */
export const addTaskLabel = (means: ProjectMeans, id: string, labelId: string): Promise<TaskRow> =>
  label(means, id, { labelIds: [labelId], fieldOf: () => 'labelId' }, (current) => [...current, labelId]);

/** Takes a label from a task. */
export const removeTaskLabel = (means: ProjectMeans, id: string, labelId: string): Promise<TaskRow> =>
  label(means, id, { labelIds: [labelId], fieldOf: () => 'labelId' }, (current) =>
    current.filter((each) => each !== labelId),
  );
