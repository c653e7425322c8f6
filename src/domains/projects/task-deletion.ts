import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { Conflict } from '../../errors.ts';
import { renewFileReaders } from '../content/file-readers.ts';
import { filesOfTasks } from './attachment-loaders.ts';
import { tellBoard } from './board-events.ts';
import type { ProjectMeans } from './project-rights.ts';
import { projects } from './project-tables.ts';
import type { HeldTask } from './task-changes.ts';
import { lockTasks, requireTaskIds, type FieldOf } from './task-locks.ts';
import { tasks } from './task-tables.ts';
import { timeEntries } from './time-tables.ts';

/** A task that is to go because of one that is named: that one itself, or a part of it. */
interface Doomed extends Record<string, unknown> {
  readonly root: string;
  readonly id: string;
}

/**
 * Deletes tasks with all that belongs to them, all or none, and with `withParts` their parts; gives the number of parts that were not named. Throws Conflict (time was recorded
 * on one or on a part of it, it has parts, archived), Forbidden, NotFound, with the place of the task at fault.
 */
export const deleteTasks = (
  means: ProjectMeans,
  { ids, withParts = false }: { readonly ids: readonly string[]; readonly withParts?: boolean | undefined },
  fieldOf: FieldOf = (index) => `ids.${index}`,
): Promise<number> => {
  requireTaskIds(ids);
  const { unit } = means;
  return unit.transact(async ({ organizationId }) => {
    const held = await lockTasks(means, ids, fieldOf);
    const doomed = await withAllParts(organizationId, ids);
    const parts = new Set(doomed.map(({ id }) => id).filter((id) => !ids.includes(id)));
    const fieldOfRoot = (at: readonly Doomed[]) => fieldOf(Math.min(...at.map(({ root }) => ids.indexOf(root))));
    const partly = doomed.filter(({ id }) => parts.has(id));
    if (partly.length > 0 && !withParts)
      throw new Conflict(fieldOfRoot(partly), 'This task has parts: delete them with it, or first.', {
        partCount: new Set(partly.map(({ id }) => id)).size,
      });
    const timed = await withTime(organizationId, [...ids, ...parts]);
    if (timed.size > 0)
      throw new Conflict(
        fieldOfRoot(doomed.filter(({ id }) => timed.has(id))),
        'Time was recorded on this task, or on a part of it.',
      );
    const files = await filesOfTasks(organizationId, ids);
    await database.delete(tasks).where(and(eq(tasks.organizationId, organizationId), inArray(tasks.id, [...ids])));
    await renewFileReaders(unit, files);
    await touchProjects(organizationId, held);
    tell(means, held, doomed);
    return parts.size;
  });
};

/** Tasks with their parts, and theirs. */
const withAllParts = async (organizationId: string, ids: readonly string[]): Promise<Doomed[]> => {
  const rows = await database.execute<Doomed>(sql`
    with recursive doomed (root, id) as (
      select wanted.id, wanted.id from unnest(${uuidArray(ids)}::uuid[]) as wanted (id)
      union all
      select doomed.root, ${tasks.id} from doomed
      join ${tasks} on ${tasks.organizationId} = ${organizationId} and ${tasks.parentId} = doomed.id
    )
    select root, id from doomed`);
  return [...rows];
};

/** Those of tasks on which time was recorded; none is recorded on them from here on. */
const withTime = async (organizationId: string, ids: readonly string[]): Promise<ReadonlySet<string>> => {
  const named = sql`any(${uuidArray(ids)}::uuid[])`;
  await database
    .select({ id: tasks.id })
    .from(tasks)
    .where(and(eq(tasks.organizationId, organizationId), sql`${tasks.id} = ${named}`))
    .orderBy(asc(tasks.id))
    .for('update');
  const rows = await database
    .selectDistinct({ id: timeEntries.taskId })
    .from(timeEntries)
    .where(and(eq(timeEntries.organizationId, organizationId), sql`${timeEntries.taskId} = ${named}`));
  return new Set(rows.map(({ id }) => id));
};

/** Moves on when the projects were last changed: a task that is gone says nothing itself to who comes back to a board. */
const touchProjects = async (organizationId: string, held: readonly HeldTask[]): Promise<void> => {
  const ids = [...new Set(held.map(({ project }) => project.id))];
  await database
    .update(projects)
    .set({ lastTaskNumber: sql`${projects.lastTaskNumber}` })
    .where(and(eq(projects.organizationId, organizationId), inArray(projects.id, ids)));
};

const tell = ({ unit, services }: ProjectMeans, held: readonly HeldTask[], doomed: readonly Doomed[]): void => {
  for (const { task, project } of held) {
    const gone = doomed.filter(({ root }) => root === task.id);
    const { id: projectId, workspaceId } = project;
    tellBoard(unit, services, ...gone.map(({ id }) => ({ kind: 'deleted' as const, projectId, taskId: id })));
    unit.record({
      action: 'task.deleted',
      type: 'Task',
      id: task.id,
      workspaceId,
      data: { number: task.number, projectId, partCount: gone.length - 1 },
    });
  }
};
