import { eq, and, max, sql } from 'drizzle-orm';
import { generateNKeysBetween } from 'fractional-indexing';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateTaskInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { conversationById } from '../conversations/loaders.ts';
import { issuesOf } from '../content/validation.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive } from '../permissions.ts';
import { tellBoard } from './board-events.ts';
import { isProject, lockToWork, requireSeer, type ProjectMeans } from './project-rights.ts';
import { amountIssues, dateIssues, longTextIssues, metadataIssues } from './project-rules.ts';
import { projects } from './project-tables.ts';
import { isTask } from './task-changes.ts';
import { taskActivities, tasks, taskWatchers, type TaskRow } from './task-tables.ts';

export const maxTitle = 500;

/** Faults of what is said of a task; absent fields have none. */
export const taskIssues = (
  input: Partial<
    Pick<CreateTaskInput, 'title' | 'description' | 'startDate' | 'dueDate' | 'estimatedHours' | 'metadata'>
  >,
): InputIssue[] => [
  ...issuesOf('title', input.title, maxTitle),
  ...longTextIssues('description', input.description),
  ...dateIssues(input.startDate, input.dueDate),
  ...amountIssues('estimatedHours', input.estimatedHours),
  ...metadataIssues(input.metadata),
];

/** The times that a status brings with it. */
export const timesOf = (status: TaskRow['status'], now = new Date().toISOString()) => ({
  completedAt: status === 'DONE' ? now : null,
  cancelledAt: status === 'CANCELLED' ? now : null,
});

/** The place of the last task of a project that is locked; null where there is none. */
const highestPosition = async (organizationId: string, projectId: string): Promise<string | null> => {
  const { last } = sole(
    await database
      .select({ last: max(tasks.position) })
      .from(tasks)
      .where(and(eq(tasks.organizationId, organizationId), eq(tasks.projectId, projectId))),
  );
  return last;
};

/** A task that is to be put to the end of a board. */
export type NewTask = Pick<
  TaskRow,
  | 'id'
  | 'parentId'
  | 'title'
  | 'description'
  | 'status'
  | 'priority'
  | 'assigneeId'
  | 'estimatedHours'
  | 'startDate'
  | 'dueDate'
  | 'conversationId'
  | 'originWorkspaceId'
> &
  Partial<Pick<TaskRow, 'metadata'>>;

/**
 * Puts tasks to the end of the board of a project that is locked, under the next numbers and as they are given, with their first activity; who makes them and
 * their assignees watch them. Tells nobody.
 */
export const insertTasks = async (
  { organizationId }: UnitOfWork,
  projectId: string,
  userId: string,
  fresh: readonly NewTask[],
): Promise<readonly TaskRow[]> => {
  if (fresh.length === 0) return [];
  const { last } = sole(
    await database
      .update(projects)
      .set({ lastTaskNumber: sql`${projects.lastTaskNumber} + ${fresh.length}` })
      .where(isProject(organizationId, projectId))
      .returning({ last: projects.lastTaskNumber }),
  );
  const positions = generateNKeysBetween(await highestPosition(organizationId, projectId), null, fresh.length);
  const rows = fresh.map((task, index) =>
    Object.assign({}, task, timesOf(task.status), {
      organizationId,
      projectId,
      number: last - fresh.length + 1 + index,
      title: task.title.trim(),
      createdById: userId,
      position: positions[index] ?? '',
    }),
  );
  const made = await database.insert(tasks).values(rows).returning();
  await database
    .insert(taskActivities)
    .values(
      fresh.map(({ id }) => ({ organizationId, projectId, taskId: id, kind: 'CREATED' as const, actorId: userId })),
    );
  await database.insert(taskWatchers).values(
    fresh.flatMap(({ id, assigneeId }) =>
      [...new Set([userId, assigneeId ?? userId])].map((each) => ({
        organizationId,
        projectId,
        taskId: id,
        userId: each,
      })),
    ),
  );
  return made;
};

/**
 * Puts a task to the end of a project's board, under the next number; the viewer and its assignee watch it. Throws BadUserInput (also for an assignee who does not
 * see the project), Conflict (archived), Forbidden, NotFound (project, parent, assignee, conversation).
 */
export const createTask = (means: ProjectMeans, input: CreateTaskInput): Promise<TaskRow> => {
  const issues = taskIssues(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit } = means;
  const viewer = viewerOf(means);
  const { projectId, assigneeId, conversationId, parentId } = input;
  return unit.transact(async ({ organizationId }) => {
    const { project } = await lockToWork(means, projectId);
    if (assigneeId) await requireSeer(unit, project, assigneeId, 'assigneeId');
    if (parentId) await requireTaskOf(organizationId, projectId, parentId);
    const conversation = conversationId ? await found('Conversation', conversationId, conversationById(unit)) : null;
    if (conversation !== null) requireActive(viewer, conversation.workspaceId);
    const id = newId();
    const fresh: NewTask = {
      id,
      parentId: parentId ?? null,
      title: input.title,
      description: input.description ?? '',
      status: input.status ?? 'TODO',
      priority: input.priority ?? 'MEDIUM',
      assigneeId: assigneeId ?? null,
      estimatedHours: input.estimatedHours ?? null,
      startDate: input.startDate ?? null,
      dueDate: input.dueDate ?? null,
      metadata: (input.metadata ?? {}) as Record<string, unknown>,
      conversationId: conversation?.id ?? null,
      originWorkspaceId: conversation?.workspaceId ?? null,
    };
    const task = sole(await insertTasks(unit, projectId, viewer.userId, [fresh]));
    const { number } = task;
    tellBoard(unit, means.services, { kind: 'created', projectId, taskId: id });
    unit.record({
      action: 'task.created',
      type: 'Task',
      id,
      workspaceId: project.workspaceId,
      data: { number, projectId },
    });
    return task;
  });
};

/** Throws NotFound unless the task belongs to the project. */
export const requireTaskOf = async (organizationId: string, projectId: string, id: string): Promise<void> => {
  const [task] = await database
    .select({ id: tasks.id })
    .from(tasks)
    .where(and(isTask(organizationId, id), eq(tasks.projectId, projectId)))
    .for('key share');
  if (task === undefined) throw new NotFound('Task', id, 'parentId');
};
