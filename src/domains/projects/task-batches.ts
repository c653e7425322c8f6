import { BadUserInput, type InputIssue } from '../../errors.ts';
import type { TaskPatch, UpdateTasksInput } from '../../generated/resolvers.ts';
import { requireSeer, type ProjectMeans } from './project-rights.ts';
import { dateIssues } from './project-rules.ts';
import type { CompletionWarningRow } from './rows.ts';
import type { HeldTask, TaskFields } from './task-changes.ts';
import { overrideOf, passGuard } from './task-completion.ts';
import { asItIs, changeTasks, type LabelChange, type TaskEdit } from './task-edits.ts';
import { labelIdsOf, maxLabels, projectsOfLabels, requireFew } from './task-labels.ts';
import { lockTasks, requireTaskIds } from './task-locks.ts';
import { lastPlaces } from './task-places.ts';
import { timesOf } from './tasks.ts';
import type { TaskRow } from './task-tables.ts';
import { datesCross, requiredIssues } from './task-updates.ts';
import { watchAs } from './task-watching.ts';

/** Tasks after they were changed, and what was open of those that became DONE. */
export interface ChangedTasks {
  readonly tasks: TaskRow[];
  readonly warnings: CompletionWarningRow[];
}

const fieldOf = (index: number): string => `ids.${index}`;

/**
 * Changes many tasks in the same way, all or none. Throws BadUserInput, Conflict (the completion guard, archived), Forbidden (also an override), NotFound (task,
 * label, assignee); what is wrong with one names its place.
 */
export const updateTasks = (means: ProjectMeans, { ids, patch, ...input }: UpdateTasksInput): Promise<ChangedTasks> => {
  requireTaskIds(ids);
  requirePatch(patch);
  const reason = overrideOf(input.overrideReason);
  return means.unit.transact(async () => {
    const held = await lockTasks(means, ids, fieldOf);
    requireDates(held, patch);
    await requireSeers(means, held, patch);
    const labels = await labelChanges(means, held, patch);
    const completing = patch.status === 'DONE' ? held.map((each, index) => ({ ...each, field: fieldOf(index) })) : [];
    const { warnings, overridden } = await passGuard(means, completing, reason);
    const placed = await ownChanges(means, held, patch);
    const fields = fieldsOf(patch);
    const edits = held.map((each, index): TaskEdit => {
      const { id } = each.task;
      return {
        held: each,
        fields,
        own: placed[index] ?? asItIs(each.task),
        labels: labels[index] ?? { from: [], to: [] },
        reason: overridden.has(id) ? reason : null,
      };
    });
    const tasks = await changeTasks(means, edits);
    if (patch.assigneeId) await watchAs(means.unit, reassigned(held, patch), patch.assigneeId);
    return { tasks, warnings };
  });
};

/** Throws BadUserInput for a patch that is wrong whatever it is put to. */
const requirePatch = ({ status, priority, startDate, dueDate, addLabelIds, removeLabelIds }: TaskPatch): void => {
  const issues = [...requiredIssues({ status, priority }), ...dateIssues(startDate, dueDate)].map(
    ({ field, message }): InputIssue => ({ field: `patch.${field}`, message }),
  );
  if (issues.length > 0) throw new BadUserInput(issues);
  requireFew('patch.addLabelIds', addLabelIds ?? []);
  requireFew('patch.removeLabelIds', removeLabelIds ?? []);
  const both = (removeLabelIds ?? []).findIndex((id) => addLabelIds?.includes(id));
  if (both !== -1) throw new BadUserInput(`patch.removeLabelIds.${both}`, 'This label is to be put to them.');
};

const requireDates = (held: readonly HeldTask[], patch: TaskPatch): void => {
  const issues = held.flatMap(({ task }, index): InputIssue[] =>
    datesCross(task, patch) ? [{ field: fieldOf(index), message: 'Its due date would lie before its start.' }] : [],
  );
  if (issues.length > 0) throw new BadUserInput(issues);
};

const reassigned = (held: readonly HeldTask[], { assigneeId }: TaskPatch): TaskRow[] =>
  held.map(({ task }) => task).filter((task) => assigneeId !== undefined && task.assigneeId !== assigneeId);

/** Throws unless who is to work on tasks sees their projects. */
const requireSeers = async ({ unit }: ProjectMeans, held: readonly HeldTask[], patch: TaskPatch): Promise<void> => {
  if (!patch.assigneeId) return;
  const projectIds = new Set(reassigned(held, patch).map(({ projectId }) => projectId));
  const projects = new Map(held.map(({ project }) => [project.id, project]));
  for (const [id, project] of projects)
    if (projectIds.has(id)) await requireSeer(unit, project, patch.assigneeId, 'patch.assigneeId');
};

/** What becomes of the labels of tasks. Throws NotFound (label), BadUserInput (of another project, more than a task may have). */
const labelChanges = async (
  { unit }: ProjectMeans,
  held: readonly HeldTask[],
  { addLabelIds, removeLabelIds }: TaskPatch,
): Promise<LabelChange[]> => {
  const [added, removed] = [addLabelIds ?? [], removeLabelIds ?? []];
  if (added.length + removed.length === 0) return [];
  const projectOf = await projectsOfLabels(unit, added, (index) => `patch.addLabelIds.${index}`);
  await projectsOfLabels(unit, removed, (index) => `patch.removeLabelIds.${index}`);
  const current = await labelIdsOf(
    unit,
    held.map(({ task }) => task.id),
  );
  const changes = held.map(({ task }): LabelChange => {
    const from = current.get(task.id) ?? [];
    return { from, to: [...new Set([...from, ...added])].filter((id) => !removed.includes(id)) };
  });
  const issues = held.flatMap(({ project }, index): InputIssue[] => {
    const field = fieldOf(index);
    if (added.some((id) => projectOf.get(id) !== project.id))
      return [{ field, message: 'A label that it is to get belongs to another project.' }];
    const tooMany = (changes[index]?.to.length ?? 0) > maxLabels;
    return tooMany ? [{ field, message: `A task has at most ${maxLabels} labels.` }] : [];
  });
  if (issues.length > 0) throw new BadUserInput(issues);
  return changes;
};

/** The places and times of tasks that come to stand elsewhere, behind all others; of the others those they have. */
const ownChanges = async (
  { unit }: ProjectMeans,
  held: readonly HeldTask[],
  { status }: TaskPatch,
): Promise<TaskEdit['own'][]> => {
  const rows = held.map(({ task }) => task);
  if (!status) return rows.map(asItIs);
  const places = await lastPlaces(
    unit,
    rows.filter((task) => task.status !== status),
  );
  const { completedAt, cancelledAt } = timesOf(status);
  return rows.map((task) => {
    const position = places.get(task.id);
    return position === undefined ? asItIs(task) : { position, completedAt, cancelledAt };
  });
};

const fieldsOf = ({ status, priority, assigneeId, startDate, dueDate }: TaskPatch): TaskFields => ({
  ...(status && { status }),
  ...(priority && { priority }),
  ...(assigneeId !== undefined && { assigneeId }),
  ...(startDate !== undefined && { startDate }),
  ...(dueDate !== undefined && { dueDate }),
});
