import { createHash } from 'node:crypto';
import { and, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { byLabel, byWatching } from './task-marks.ts';
import { taskActivities, tasks, type TaskRow } from './task-tables.ts';

export const taskById = loadOne(
  () =>
    database
      .select()
      .from(tasks)
      .where(and(eq(tasks.organizationId, bound.organizationId), sql`${tasks.id} = any(${bound.keys})`)),
  (task) => task.id,
);

export const taskActivityById = loadOne(
  () =>
    database
      .select()
      .from(taskActivities)
      .where(
        and(eq(taskActivities.organizationId, bound.organizationId), sql`${taskActivities.id} = any(${bound.keys})`),
      ),
  (activity) => activity.id,
);

const columns = getTableColumns(tasks);

/** What tasks can be filtered by; saved views and exports use the same. */
export const taskFilters = {
  projectId: tasks.projectId,
  parentId: tasks.parentId,
  status: tasks.status,
  priority: tasks.priority,
  assigneeId: tasks.assigneeId,
  createdById: tasks.createdById,
  conversationId: tasks.conversationId,
  startDate: tasks.startDate,
  dueDate: tasks.dueDate,
  createdAt: tasks.createdAt,
  completedAt: tasks.completedAt,
  labelId: byLabel,
  watching: byWatching,
};

const orders = { CREATED_AT: tasks.createdAt, DUE_DATE: tasks.dueOrder, PRIORITY: tasks.priorityRank };

/** Tasks of all projects that the viewer sees. */
export const taskList = listOf({
  from: tasks,
  columns,
  orders,
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: taskFilters,
});

/** Tasks of projects. */
export const tasksByProject = listOf({
  from: tasks,
  parent: tasks.projectId,
  columns,
  orders: { ...orders, NUMBER: tasks.number, POSITION: tasks.position },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: taskFilters,
});

/** Tasks of columns of boards, from the top; `boardColumnId` gives the key of a column. */
export const tasksByBoardColumn = listOf({
  from: tasks,
  parent: tasks.boardColumnId,
  columns,
  orders: { POSITION: tasks.position },
  defaultOrder: { field: 'POSITION', direction: 'ASC' },
  filters: taskFilters,
});

/** The key of a project's column, as the database computes it. */
export const boardColumnId = (projectId: string, status: TaskRow['status']): string =>
  createHash('md5')
    .update(projectId + status)
    .digest('hex')
    .replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');

/** Parts of tasks, in the order of the board. */
export const partsByTask = listOf({
  from: tasks,
  parent: tasks.parentId,
  columns,
  orders: { POSITION: tasks.position },
  defaultOrder: { field: 'POSITION', direction: 'ASC' },
  filters: taskFilters,
});

export const tasksByConversation = listOf({
  from: tasks,
  parent: tasks.conversationId,
  columns,
  orders: { CREATED_AT: tasks.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: taskFilters,
});

/** What happened to tasks, oldest first. */
export const activitiesByTask = listOf({
  from: taskActivities,
  parent: taskActivities.taskId,
  columns: getTableColumns(taskActivities),
  orders: { CREATED_AT: taskActivities.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});
