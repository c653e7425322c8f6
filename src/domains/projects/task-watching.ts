import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive } from '../permissions.ts';
import { projectById, projectsUnit } from './project-loaders.ts';
import { requireOpen, type ProjectMeans } from './project-rights.ts';
import { isTask } from './task-changes.ts';
import { tasks, taskWatchers, type TaskRow } from './task-tables.ts';

/** Lets somebody watch tasks from now on, in the running transaction; whether they began to with one at least. */
export const watchAs = async (
  { organizationId }: UnitOfWork,
  watched: readonly Pick<TaskRow, 'id' | 'projectId'>[],
  userId: string,
): Promise<boolean> => {
  if (watched.length === 0) return false;
  const rows = watched.map(({ id, projectId }) => ({ organizationId, projectId, taskId: id, userId }));
  const made = await database.insert(taskWatchers).values(rows).onConflictDoNothing().returning();
  return made.length > 0;
};

/** Lets the viewer be told of what happens to a task that they see. Throws Conflict (archived), NotFound. */
export const watchTask = (means: ProjectMeans, id: string): Promise<TaskRow> =>
  means.unit.transact(async () => {
    const task = await holdToWatch(means, id);
    if (await watchAs(means.unit, [task], viewerOf(means).userId)) recordWatching(means, task, 'task.watched');
    return task;
  });

/** Ends that the viewer is told of what happens to a task. Throws Conflict (archived), NotFound. */
export const unwatchTask = (means: ProjectMeans, id: string): Promise<TaskRow> =>
  means.unit.transact(async ({ organizationId }) => {
    const task = await holdToWatch(means, id);
    const gone = await database
      .delete(taskWatchers)
      .where(
        and(
          eq(taskWatchers.organizationId, organizationId),
          eq(taskWatchers.taskId, id),
          eq(taskWatchers.userId, viewerOf(means).userId),
        ),
      )
      .returning();
    if (gone.length > 0) recordWatching(means, task, 'task.unwatched');
    return task;
  });

/** A task that stays until the end of the transaction, in a project where things change. */
const holdToWatch = async (means: ProjectMeans, id: string): Promise<TaskRow> => {
  const unit = projectsUnit(means);
  const [task] = await database.select().from(tasks).where(isTask(unit.organizationId, id)).for('key share');
  if (task === undefined) throw new NotFound('Task', id);
  const project = await found('Project', task.projectId, projectById(unit));
  if (project.workspaceId !== null) requireActive(viewerOf(means), project.workspaceId);
  requireOpen({ project });
  return task;
};

const recordWatching = (
  { unit }: ProjectMeans,
  { id, projectId }: TaskRow,
  action: 'task.watched' | 'task.unwatched',
): void => unit.record({ action, type: 'Task', id, data: { projectId } });
