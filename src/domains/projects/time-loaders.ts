import { and, eq, getTableColumns, isNotNull, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { projects } from './project-tables.ts';
import { tasks } from './task-tables.ts';
import { timeEntries } from './time-tables.ts';

const columns = getTableColumns(timeEntries);
const running = isNull(timeEntries.endedAt);

/** What time entries can be filtered by; saved views use the same. */
export const timeEntryFilters = {
  projectId: timeEntries.projectId,
  taskId: timeEntries.taskId,
  userId: timeEntries.userId,
  startedAt: timeEntries.startedAt,
  running: (comparator: string, value: unknown) =>
    (value === true) === (comparator === 'eq') ? running : isNotNull(timeEntries.endedAt),
};

const timeList = {
  from: timeEntries,
  columns,
  orders: { STARTED_AT: timeEntries.startedAt },
  defaultOrder: { field: 'STARTED_AT', direction: 'DESC' },
  filters: timeEntryFilters,
} as const;

/** Time tracked in the projects that the viewer sees, newest first. */
export const timeEntryList = listOf(timeList);

/** Time tracked on tasks, newest first. */
export const timeEntriesByTask = listOf({ ...timeList, parent: timeEntries.taskId });

export const timeEntryById = loadOne(
  () =>
    database
      .select()
      .from(timeEntries)
      .where(and(eq(timeEntries.organizationId, bound.organizationId), sql`${timeEntries.id} = any(${bound.keys})`)),
  (entry) => entry.id,
);

/** Timers that run, by whose they are. */
export const runningByUser = loadOne(
  () =>
    database
      .select()
      .from(timeEntries)
      .where(
        and(
          eq(timeEntries.organizationId, bound.organizationId),
          sql`${timeEntries.userId} = any(${bound.keys})`,
          running,
        ),
      ),
  (entry) => entry.userId,
);

// Of a timer that runs both are null, which sums pass over.
const seconds = sql`extract(epoch from ${timeEntries.endedAt} - ${timeEntries.startedAt})`;

/** Sums of time entries: hours, and US dollars, as they are told. */
export const hoursTracked = sql<string>`round(coalesce(sum(${seconds}), 0) / 3600, 4)`;
const cost = sql<string>`round(coalesce(sum(${seconds} * ${timeEntries.hourlyRate}), 0) / 3600, 4)`;

/** What projects have cost so far, in US dollars, and the hours that went into them. */
export const figuresByProject = loadOne(
  () => {
    const time = database
      .select({ hours: hoursTracked.as('hours'), cost: cost.as('cost') })
      .from(timeEntries)
      .where(and(eq(timeEntries.organizationId, bound.organizationId), eq(timeEntries.projectId, projects.id)))
      .as('time');
    const spent = sql<string>`(${time.cost} + ${projects.modelCost})`;
    return database
      .select({
        id: projects.id,
        hours: time.hours,
        timeCost: time.cost,
        spent,
        budgetUsed: sql<string | null>`round(${spent} * 100 / nullif(${projects.budget}, 0), 2)`,
        overBudget: sql<boolean | null>`${spent} > ${projects.budget}`,
      })
      .from(projects)
      .crossJoinLateral(time)
      .where(and(eq(projects.organizationId, bound.organizationId), sql`${projects.id} = any(${bound.keys})`));
  },
  (figures) => figures.id,
);

const countOf = (status: string) => sql<number>`(count(*) filter (where ${tasks.status} = ${status}))::integer`;

/** How tasks of projects stand, and the hours that they are thought to take. Projects without tasks are left out. */
export const taskFiguresByProject = loadOne(
  () =>
    database
      .select({
        projectId: tasks.projectId,
        todo: countOf('TODO'),
        inProgress: countOf('IN_PROGRESS'),
        review: countOf('REVIEW'),
        done: countOf('DONE'),
        cancelled: countOf('CANCELLED'),
        total: sql<number>`count(*)::integer`,
        estimatedHours: sql<string>`coalesce(sum(${tasks.estimatedHours}) filter (where ${tasks.status} <> 'CANCELLED'), 0)`,
      })
      .from(tasks)
      .where(and(eq(tasks.organizationId, bound.organizationId), sql`${tasks.projectId} = any(${bound.keys})`))
      .groupBy(tasks.projectId),
  (figures) => figures.projectId,
);

/** Hours and US dollars of tasks themselves. Those without time are left out. */
export const figuresByTask = loadOne(
  () =>
    database
      .select({ taskId: timeEntries.taskId, hours: hoursTracked, cost })
      .from(timeEntries)
      .where(and(eq(timeEntries.organizationId, bound.organizationId), sql`${timeEntries.taskId} = any(${bound.keys})`))
      .groupBy(timeEntries.taskId),
  (figures) => figures.taskId,
);

/**
 * Hours of tasks and all their parts. Those without time are left out. Parts and entries are looked up in their indexes: joined, as many parts were expected as to read
 * those of all tasks.
 */
export const hoursWithPartsByTask = loadOne(
  () =>
    database
      .select({ taskId: sql<string>`parts.root`, hours: hoursTracked })
      .from(
        sql`(
          with recursive parts (root, id) as (
            select root, root from unnest(${bound.keys}::uuid[]) as given (root)
            union
            select parts.root, part.id from parts cross join lateral (
              select ${tasks.id} from ${tasks}
              where ${tasks.organizationId} = ${bound.organizationId} and ${tasks.parentId} = parts.id offset 0
            ) as part
          )
          select root, id from parts
        ) as parts`,
      )
      .crossJoin(
        sql`lateral (
          select ${timeEntries.startedAt}, ${timeEntries.endedAt} from ${timeEntries}
          where ${timeEntries.organizationId} = ${bound.organizationId} and ${timeEntries.taskId} = parts.id offset 0
        ) as time_entries`,
      )
      .groupBy(sql`parts.root`),
  (figures) => figures.taskId,
);
