import { and, eq, getTableColumns, inArray, not, sql, type SQL, type SQLWrapper } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import { projectLabels } from './project-tables.ts';
import { openStatuses, taskLabels, tasks, taskWatchers } from './task-tables.ts';

export const projectLabelById = loadOne(
  () =>
    database
      .select()
      .from(projectLabels)
      .where(
        and(eq(projectLabels.organizationId, bound.organizationId), sql`${projectLabels.id} = any(${bound.keys})`),
      ),
  (label) => label.id,
);

/** Labels of tasks, by name; a task has few. */
export const labelsByTask = loadMany(
  () =>
    database
      .select({ ...getTableColumns(projectLabels), taskId: taskLabels.taskId })
      .from(taskLabels)
      .innerJoin(
        projectLabels,
        and(eq(projectLabels.organizationId, taskLabels.organizationId), eq(projectLabels.id, taskLabels.labelId)),
      )
      .where(and(eq(taskLabels.organizationId, bound.organizationId), sql`${taskLabels.taskId} = any(${bound.keys})`))
      .orderBy(projectLabels.name, projectLabels.id),
  (label) => label.taskId,
);

/** Who watches tasks, those who came first first. */
export const watchersByTask = listOf({
  from: taskWatchers,
  parent: taskWatchers.taskId,
  columns: getTableColumns(taskWatchers),
  orders: { CREATED_AT: taskWatchers.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

/** Whether the viewer watches a task: a row, or none. */
export const ownWatchByTask = loadOne(
  () =>
    database
      .select()
      .from(taskWatchers)
      .where(
        and(
          eq(taskWatchers.organizationId, bound.organizationId),
          eq(taskWatchers.userId, bound.userId),
          sql`${taskWatchers.taskId} = any(${bound.keys})`,
        ),
      ),
  (watcher) => watcher.taskId,
);

/** How many parts tasks have; a task without any has no row. */
export const partCountsByTask = loadOne(
  () =>
    database
      .select({
        // The cast is safe: the parent is one of the keys.
        taskId: sql<string>`${tasks.parentId}`,
        total: sql<number>`count(*)`.mapWith(Number),
        open: sql<number>`count(*) filter (where ${inArray(tasks.status, [...openStatuses])})`.mapWith(Number),
      })
      .from(tasks)
      .where(and(eq(tasks.organizationId, bound.organizationId), sql`${tasks.parentId} = any(${bound.keys})`))
      .groupBy(tasks.parentId),
  (counts) => counts.taskId,
);

/**
 * Whether there is such a row for each task that is looked at. It stays a look-up in an index: joined, it was read by nested loops over all of them
 * while statistics were old, which ran into the time limit with ten thousand tasks.
 */
const lookedUp = (rows: SQLWrapper): SQL => sql`exists (${rows} offset 0)`;

const hasLabel = (which: SQL | undefined): SQL =>
  lookedUp(
    database
      .select({ found: sql`1` })
      .from(taskLabels)
      .where(and(eq(taskLabels.organizationId, tasks.organizationId), eq(taskLabels.taskId, tasks.id), which)),
  );

/** Tasks by their labels: to be one of some means to have it, or one of them. */
export const byLabel = (comparator: string, operand: unknown): SQL | undefined => {
  if (comparator === 'isNull') return operand === true ? not(hasLabel(undefined)) : hasLabel(undefined);
  const wanted = (Array.isArray(operand) ? operand : [operand]).filter((id) => id !== null).map(String);
  const has = wanted.length === 0 ? sql`false` : hasLabel(inArray(taskLabels.labelId, wanted));
  return comparator === 'ne' || comparator === 'notIn' ? not(has) : has;
};

/** Tasks that the viewer watches, or does not. */
export const byWatching = (comparator: string, operand: unknown): SQL | undefined => {
  if (operand === null) return undefined;
  const watched = lookedUp(
    database
      .select({ found: sql`1` })
      .from(taskWatchers)
      .where(
        and(
          eq(taskWatchers.organizationId, tasks.organizationId),
          eq(taskWatchers.taskId, tasks.id),
          sql`${taskWatchers.userId} = nullif(current_setting('app.user_id', true), '')::uuid`,
        ),
      ),
  );
  return (comparator === 'eq') === (operand === true) ? watched : not(watched);
};
