import { violates } from '../../database/failures.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import type { UpdateTaskInput } from '../../generated/resolvers.ts';
import { requireSeer, type ProjectMeans } from './project-rights.ts';
import { dateIssues } from './project-rules.ts';
import { changeTask, lockTask, requireTaskVersion, type HeldTask, type TaskFields } from './task-changes.ts';
import { requireTaskOf, taskIssues } from './tasks.ts';
import type { TaskRow } from './task-tables.ts';
import { watchAs } from './task-watching.ts';

/**
 * Changes what is said of a task; absent fields stay, null clears. A new assignee watches it. Throws BadUserInput, Conflict (another version, a part of itself, archived),
 * Forbidden, NotFound (task, parent, assignee).
 */
export const updateTask = (means: ProjectMeans, input: UpdateTaskInput): Promise<TaskRow> => {
  const issues = inputIssues(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit } = means;
  return unit.transact(async () => {
    const held = await lockTask(means, input.id);
    requireTaskVersion(held, input.version);
    requireOrder(held.task, input);
    const fields = await fieldsOf(means, held, input);
    const task = await changeTask(means, held, fields).catch(cycleRefused);
    if (fields.assigneeId) await watchAs(unit, [task], fields.assigneeId);
    return task;
  });
};

const inputIssues = ({ title, description, ...input }: UpdateTaskInput): InputIssue[] => [
  ...requiredIssues({ title, priority: input.priority }),
  // Dates are compared with those that stay, once the task is locked.
  ...taskIssues({
    ...(title && { title }),
    ...(title === '' && { title }),
    ...(description && { description }),
    ...(input.estimatedHours && { estimatedHours: input.estimatedHours }),
    metadata: input.metadata,
  }),
  ...(input.parentId === input.id ? [{ field: 'parentId', message: 'A task is no part of itself.' }] : []),
];

/** Faults of fields that are null and may not be. */
export const requiredIssues = (fields: Readonly<Record<string, unknown>>): InputIssue[] =>
  Object.entries(fields).flatMap(([field, value]) =>
    value === null ? [{ field, message: 'This cannot be cleared.' }] : [],
  );

/** What dates a task is to have, of those that are given and those that stay. */
type GivenDates = Partial<Pick<UpdateTaskInput, 'startDate' | 'dueDate'>>;

/** Whether a task's dates are out of order with those that are given. */
export const datesCross = (task: TaskRow, { startDate, dueDate }: GivenDates): boolean =>
  dateIssues(startDate === undefined ? task.startDate : startDate, dueDate === undefined ? task.dueDate : dueDate)
    .length > 0;

const requireOrder = (task: TaskRow, given: GivenDates): void => {
  if (!datesCross(task, given)) return;
  const field = given.dueDate === undefined ? 'startDate' : 'dueDate';
  throw new BadUserInput(field, 'The due date lies before the start.');
};

const fieldsOf = async (means: ProjectMeans, held: HeldTask, input: UpdateTaskInput): Promise<TaskFields> => {
  const { title, description, priority, assigneeId, estimatedHours, startDate, dueDate, parentId, metadata } = input;
  const { task, project } = held;
  const { unit } = means;
  const reassigned = assigneeId !== undefined && assigneeId !== task.assigneeId;
  const regrouped = parentId !== undefined && parentId !== task.parentId;
  if (reassigned && assigneeId !== null) await requireSeer(unit, project, assigneeId, 'assigneeId');
  if (regrouped && parentId !== null) await requireTaskOf(unit.organizationId, task.projectId, parentId);
  return {
    ...(title && { title: title.trim() }),
    ...(description !== undefined && { description: description ?? '' }),
    ...(priority && { priority }),
    ...(reassigned && { assigneeId }),
    ...(estimatedHours !== undefined && { estimatedHours: hoursOf(estimatedHours) }),
    ...(startDate !== undefined && { startDate }),
    ...(dueDate !== undefined && { dueDate }),
    ...(regrouped && { parentId }),
    ...(metadata !== undefined && { metadata: (metadata ?? {}) as Record<string, unknown> }),
  };
};

/** Hours as the database writes them, so that what stays the same is no change. */
const hoursOf = (hours: string | null): string | null => (hours === null ? null : Number(hours).toFixed(2));

const cycleRefused = (error: unknown): never => {
  if (violates(error, 'tasks_parent_cycle_check'))
    throw new Conflict('parentId', 'This task is itself a part of that one, or of its parts.');
  throw error;
};
