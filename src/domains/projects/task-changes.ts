import { isDeepStrictEqual } from 'node:util';
import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Change } from '../../database/unit-of-work.ts';
import { Conflict, NotFound } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { tellBoard, type BoardNotice } from './board-events.ts';
import { projectsUnit } from './project-loaders.ts';
import { lockToWork, type HeldProject, type ProjectMeans } from './project-rights.ts';
import { taskById } from './task-loaders.ts';
import { taskActivities, tasks, type TaskActivityRow, type TaskRow } from './task-tables.ts';

/** A task and its project, both locked, in which the viewer works. */
export interface HeldTask extends HeldProject {
  readonly task: TaskRow;
}

/** What is written down of a change to a task. */
export type Activity = Pick<TaskActivityRow, 'kind'> &
  Partial<Pick<TaskActivityRow, 'changes' | 'reason' | 'subjectId'>>;

export type TaskFields = Partial<
  Omit<TaskRow, 'organizationId' | 'id' | 'version' | 'priorityRank' | 'boardColumnId' | 'dueOrder'>
>;

/** Condition for one task. */
export const isTask = (organizationId: string, id: string) =>
  and(eq(tasks.organizationId, organizationId), eq(tasks.id, id));

/** A task to change, with its project: the project's lock comes first. Throws NotFound, Conflict (archived), Forbidden. */
export const lockTask = async (means: ProjectMeans, id: string): Promise<HeldTask> => {
  const unit = projectsUnit(means);
  const { projectId } = await found('Task', id, taskById(unit));
  const held = await lockToWork(means, projectId).catch((error: unknown) => {
    // Its project went since, and it with it.
    throw error instanceof NotFound ? new NotFound('Task', id) : error;
  });
  const [task] = await database.select().from(tasks).where(isTask(unit.organizationId, id)).for('no key update');
  if (task === undefined) throw new NotFound('Task', id);
  return { ...held, task };
};

/** How a task is called. */
export const identifierOf = (key: string, { number }: Pick<TaskRow, 'number'>): string => `${key}-${number}`;

/** Throws Conflict, with how it stands, unless the task is at the version named; none is at any. */
export const requireTaskVersion = ({ task }: HeldTask, version: number | null | undefined): void => {
  if (version === undefined || version === null || task.version === version) return;
  const current = { id: globalId('Task', task.id), status: task.status, version: task.version, title: task.title };
  throw new Conflict('version', `The task has been changed since: its version is ${task.version}.`, { current });
};

/** What changes between a task and what it is to be. */
export const taskChangesOf = (task: TaskRow, fields: TaskFields): TaskActivityRow['changes'] =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, to]) => {
      // The cast is safe: the names are those of the row.
      const from = task[name as keyof TaskRow];
      return isDeepStrictEqual(from, to) ? [] : [[name, { from, to }]];
    }),
  );

/** Writes down what happened to a task, and tells who follows its board, in the running transaction. */
export const noteActivity = async (
  means: ProjectMeans,
  { id, projectId }: Pick<TaskRow, 'id' | 'projectId'>,
  activity: Activity,
  notice: Extract<BoardNotice, { taskId: string }>['kind'],
): Promise<void> => {
  const { unit } = means;
  const { organizationId } = unit;
  const actorId = viewerOf(means).userId;
  await database.insert(taskActivities).values({ organizationId, projectId, taskId: id, actorId, ...activity });
  tellBoard(unit, means.services, { kind: notice, projectId, taskId: id });
};

/**
 * Changes fields of a task that is locked, with its activity and its event, in the running transaction; a change that changes nothing leaves no trace. `how` is CHANGED, or
 * MOVED for what changes its place or status.
 */
export const changeTask = async (
  means: ProjectMeans,
  { task, project }: HeldTask,
  fields: TaskFields,
  { kind = 'CHANGED', reason = null }: { kind?: 'CHANGED' | 'MOVED'; reason?: string | null } = {},
): Promise<TaskRow> => {
  const { unit } = means;
  const changes = taskChangesOf(task, fields);
  const names = Object.keys(changes);
  if (names.length === 0) return task;
  const version = task.version + 1;
  const changed = sole(
    await database
      .update(tasks)
      .set({ ...fields, version })
      .where(isTask(unit.organizationId, task.id))
      .returning(),
  );
  await noteActivity(means, task, { kind, changes, reason }, kind === 'MOVED' ? 'moved' : 'changed');
  unit.record(changeEvent({ task, project }, { kind, changes, reason }));
  return changed;
};

/** What is told of a change to a task; `task` is as it was before. */
export const changeEvent = (
  { task, project }: Pick<HeldTask, 'task' | 'project'>,
  { kind, changes, reason }: Pick<TaskActivityRow, 'kind' | 'changes' | 'reason'>,
): Change => {
  const moved = changes.status === undefined ? {} : { from: task.status, to: changes.status.to };
  const data = { fields: Object.keys(changes), version: task.version + 1, ...moved };
  return {
    action: kind === 'MOVED' ? 'task.moved' : 'task.updated',
    type: 'Task',
    id: task.id,
    workspaceId: project.workspaceId,
    data: reason === null ? data : { ...data, overrideReason: reason },
  };
};
