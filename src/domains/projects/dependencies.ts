import { and, count, eq, or } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { AddTaskDependencyInput } from '../../generated/resolvers.ts';
import { viewerOf } from '../context.ts';
import { projectsUnit } from './project-loaders.ts';
import type { ProjectMeans } from './project-rights.ts';
import { isTask, lockTask, noteActivity, type HeldTask } from './task-changes.ts';
import { taskDependencies, tasks, type TaskDependencyRow, type TaskRow } from './task-tables.ts';

/** What a task may wait for, be the same as, or have been said to have to do with. */
export const maxDependencies = 200;

/** A dependency with the task that it is of. */
export interface ToldDependency {
  readonly dependency: TaskDependencyRow;
  readonly task: TaskRow;
}

/**
 * Says what a task has to do with another that the viewer sees; once is enough. The database refuses cycles of a kind, one dependency of an organization
 * after the other: that lock comes last, behind those of the project and both tasks, so that whoever holds it waits for nobody. Throws BadUserInput (the
 * task itself), Conflict (a cycle; too many; archived), Forbidden, NotFound.
 */
export const addTaskDependency = (means: ProjectMeans, input: AddTaskDependencyInput): Promise<ToldDependency> => {
  const { taskId, dependsOnId, kind } = input;
  if (taskId === dependsOnId) throw new BadUserInput('dependsOnId', 'A task has nothing to do with itself.');
  const unit = projectsUnit(means);
  return unit.transact(async ({ organizationId }) => {
    const held = await lockTask(means, taskId);
    const other = await holdTask(unit, dependsOnId);
    const known = await dependencyBetween(organizationId, input);
    if (known !== null) return { dependency: known, task: held.task };
    await requireRoom(held);
    const dependency = sole(
      await database
        .insert(taskDependencies)
        .values({
          organizationId,
          projectId: held.task.projectId,
          taskId,
          dependsOnProjectId: other.projectId,
          dependsOnId,
          kind,
          createdById: viewerOf(means).userId,
        })
        .returning()
        .catch(refusedDependency),
    );
    await tellBoth(means, held, other, 'ADDED', kind);
    return { dependency, task: held.task };
  });
};

/** Takes back what a task has to do with another; of RELATES from either one. Throws Conflict (archived), Forbidden, NotFound. */
export const removeTaskDependency = (means: ProjectMeans, input: AddTaskDependencyInput): Promise<ToldDependency> => {
  const unit = projectsUnit(means);
  return unit.transact(async ({ organizationId }) => {
    const held = await lockTask(means, input.taskId);
    // Before the dependency, as whoever deletes the other task has it.
    const other = await holdTask(unit, input.dependsOnId);
    const [dependency] = await database.delete(taskDependencies).where(isBetween(organizationId, input)).returning();
    if (dependency === undefined) throw new NotFound('TaskDependency', input.dependsOnId, 'dependsOnId');
    await tellBoth(means, held, other, 'REMOVED', input.kind);
    return { dependency, task: held.task };
  });
};

/** Keeps a task that the viewer sees from going before the transaction ends. Throws NotFound. */
const holdTask = async ({ organizationId }: UnitOfWork, id: string): Promise<TaskRow> => {
  const [task] = await database.select().from(tasks).where(isTask(organizationId, id)).for('key share');
  if (task === undefined) throw new NotFound('Task', id, 'dependsOnId');
  return task;
};

const isBetween = (organizationId: string, { taskId, dependsOnId, kind }: AddTaskDependencyInput) => {
  const said = and(eq(taskDependencies.taskId, taskId), eq(taskDependencies.dependsOnId, dependsOnId));
  const turned = and(eq(taskDependencies.taskId, dependsOnId), eq(taskDependencies.dependsOnId, taskId));
  return and(
    eq(taskDependencies.organizationId, organizationId),
    eq(taskDependencies.kind, kind),
    kind === 'RELATES' ? or(said, turned) : said,
  );
};

const dependencyBetween = async (
  organizationId: string,
  input: AddTaskDependencyInput,
): Promise<TaskDependencyRow | null> => {
  const [known] = await database.select().from(taskDependencies).where(isBetween(organizationId, input));
  return known ?? null;
};

const requireRoom = async ({ task: { organizationId, id } }: HeldTask): Promise<void> => {
  const { number } = sole(
    await database
      .select({ number: count() })
      .from(taskDependencies)
      .where(and(eq(taskDependencies.organizationId, organizationId), eq(taskDependencies.taskId, id))),
  );
  if (number >= maxDependencies) throw new Conflict('taskId', `A task depends on at most ${maxDependencies} others.`);
};

const refusedDependency = (error: unknown): never => {
  if (violates(error, 'task_dependencies_cycle_check'))
    throw new Conflict(
      'dependsOnId',
      'This closes a cycle: the other task depends on this one, by itself or by others.',
    );
  // Two say it of both tasks at once.
  if (violates(error, 'task_dependencies_relates_key'))
    throw new Conflict('dependsOnId', 'Somebody has just said this of the other task.');
  throw error;
};

const tellBoth = async (
  means: ProjectMeans,
  { task, project }: HeldTask,
  other: TaskRow,
  what: 'ADDED' | 'REMOVED',
  kind: TaskDependencyRow['kind'],
): Promise<void> => {
  const changes = { dependency: what === 'ADDED' ? { from: null, to: kind } : { from: kind, to: null } };
  const activity = { kind: `DEPENDENCY_${what}`, changes } as const;
  await noteActivity(means, task, { ...activity, subjectId: other.id }, 'changed');
  await noteActivity(means, other, { ...activity, subjectId: task.id }, 'changed');
  means.unit.record({
    action: `task.dependency_${what.toLowerCase()}`,
    type: 'Task',
    id: task.id,
    workspaceId: project.workspaceId,
    data: { kind, dependsOnId: other.id },
  });
};
