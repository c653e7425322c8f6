import { and, eq, getTableColumns, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { openStatuses, taskDependencies, tasks } from './task-tables.ts';

export const taskDependencyById = loadOne(
  () =>
    database
      .select()
      .from(taskDependencies)
      .where(
        and(
          eq(taskDependencies.organizationId, bound.organizationId),
          sql`${taskDependencies.id} = any(${bound.keys})`,
        ),
      ),
  (dependency) => dependency.id,
);

const dependencyList = {
  from: taskDependencies,
  columns: getTableColumns(taskDependencies),
  orders: { CREATED_AT: taskDependencies.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  filters: { kind: taskDependencies.kind },
} as const;

/** What tasks have to do with others. */
export const dependenciesByTask = listOf({ ...dependencyList, parent: taskDependencies.taskId });

/** What others have to do with tasks. */
export const dependentsByTask = listOf({ ...dependencyList, parent: taskDependencies.dependsOnId });

/** How many open tasks one waits for, of those that the viewer sees. */
export const openBlockersByTask = loadOne(
  () =>
    database
      .select({ taskId: taskDependencies.taskId, count: sql<number>`count(*)`.mapWith(Number) })
      .from(taskDependencies)
      .innerJoin(
        tasks,
        and(eq(tasks.organizationId, taskDependencies.organizationId), eq(tasks.id, taskDependencies.dependsOnId)),
      )
      .where(
        and(
          eq(taskDependencies.organizationId, bound.organizationId),
          sql`${taskDependencies.taskId} = any(${bound.keys})`,
          eq(taskDependencies.kind, 'BLOCKS'),
          inArray(tasks.status, [...openStatuses]),
        ),
      )
      .groupBy(taskDependencies.taskId),
  (row) => row.taskId,
);
