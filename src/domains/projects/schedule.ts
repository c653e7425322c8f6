import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import { found } from '../nodes.ts';
import { scheduleOf, type Edge, type Timing } from './critical-path.ts';
import { projectById } from './project-loaders.ts';
import { amountIssues } from './project-rules.ts';
import type { CriticalPathRow, ScheduledTaskRow } from './schedule-rows.ts';
import { openStatuses, taskDependencies, tasks } from './task-tables.ts';

/** Open tasks of a project that is scheduled. */
export const maxScheduledTasks = 10_000;
/** What these wait for, in the project and elsewhere. */
export const maxScheduledEdges = 100_000;
/** Hours of a task without an estimate: a day of work. */
const defaultHours = '8';

/**
 * The critical path of a project, over its open tasks and what of them waits for others of them: the project and two statements, whatever their
 * number. Throws BadUserInput, Conflict (too many), NotFound.
 */
export const criticalPath = async (
  unit: UnitOfWork,
  projectId: string,
  hours: string | null | undefined,
): Promise<CriticalPathRow> => {
  const issues = amountIssues('defaultHours', hours);
  if (issues.length > 0) throw new BadUserInput(issues);
  await found('Project', projectId, projectById(unit));
  const open = await openTasks(unit, projectId);
  bound(open.length, maxScheduledTasks, 'open tasks');
  const waits = await waitsIn(unit, projectId);
  bound(waits.length, maxScheduledEdges, 'dependencies');
  return criticalPathOf(projectId, open, waits, hours ?? defaultHours);
};

interface OpenTask {
  readonly id: string;
  readonly number: number;
  readonly estimatedHours: string | null;
}

/** A task of the project that waits for another. */
interface Wait {
  readonly taskId: string;
  readonly dependsOnId: string;
  /** Whether the other one is open and belongs to another project. */
  readonly elsewhere: boolean;
}

const openTasks = (unit: UnitOfWork, projectId: string): Promise<OpenTask[]> =>
  unit.run(() =>
    database
      .select({ id: tasks.id, number: tasks.number, estimatedHours: tasks.estimatedHours })
      .from(tasks)
      .where(
        and(
          eq(tasks.organizationId, unit.organizationId),
          eq(tasks.projectId, projectId),
          inArray(tasks.status, [...openStatuses]),
        ),
      )
      .limit(maxScheduledTasks + 1),
  );

const waitsIn = (unit: UnitOfWork, projectId: string): Promise<Wait[]> => {
  const { organizationId, taskId, dependsOnId, dependsOnProjectId } = taskDependencies;
  // Looked up for those of other projects alone, and by the id alone: a join took minutes where the planner knew nothing of the tables yet.
  const status = sql`(select ${tasks.status} from ${tasks}
    where ${tasks.organizationId} = ${organizationId} and ${tasks.id} = ${dependsOnId})`;
  const open = sql.join(
    openStatuses.map((each) => sql`${each}`),
    sql`, `,
  );
  return unit.run(() =>
    database
      .select({
        taskId,
        dependsOnId,
        elsewhere: sql<boolean>`case when ${dependsOnProjectId} = ${projectId} then false else ${status} in (${open}) end`,
      })
      .from(taskDependencies)
      .where(
        and(
          eq(organizationId, unit.organizationId),
          eq(taskDependencies.projectId, projectId),
          eq(taskDependencies.kind, 'BLOCKS'),
        ),
      )
      .limit(maxScheduledEdges + 1),
  );
};

const bound = (number: number, limit: number, what: string): void => {
  if (number > limit)
    throw new Conflict('projectId', `This schedules projects of at most ${limit.toLocaleString('en')} ${what}.`, {
      limit,
    });
};

/** Hundredths of hours are whole numbers, whose sums are exact. */
const hundredths = (hours: string): number => Math.round(Number(hours) * 100);
const hoursOf = (amount: number): string => String(amount / 100);

const criticalPathOf = (
  projectId: string,
  open: readonly OpenTask[],
  waits: readonly Wait[],
  hours: string,
): CriticalPathRow => {
  const indexes = new Map(open.map(({ id }, index) => [id, index]));
  const activities = open.map(({ id, number, estimatedHours }) => ({
    id,
    number,
    duration: hundredths(estimatedHours ?? hours),
  }));
  const edges: Edge[] = [];
  const external = new Map<string, number>();
  for (const { taskId, dependsOnId, elsewhere } of waits) {
    const [before, after] = [indexes.get(dependsOnId), indexes.get(taskId)];
    // What waits is done, or cancelled.
    if (after === undefined) continue;
    if (elsewhere) external.set(taskId, (external.get(taskId) ?? 0) + 1);
    else if (before !== undefined) edges.push([before, after]);
  }
  const { total, timings, path } = scheduleOf(activities, edges);
  const rows = new Map(timings.map((timing) => [timing.index, scheduledTask(open, timing, external)]));
  const rowOf = ({ index }: Timing): ScheduledTaskRow => present(rows.get(index));
  return {
    projectId,
    totalHours: hoursOf(total),
    unestimatedTaskCount: open.filter(({ estimatedHours }) => estimatedHours === null).length,
    externalBlockerCount: [...external.values()].reduce((sum, number) => sum + number, 0),
    criticalTaskCount: timings.filter(({ slack }) => slack === 0).length,
    onPath: path.map(rowOf),
    scheduled: timings.map(rowOf),
  };
};

/** What is known to be there. */
const present = <Value>(value: Value | undefined): Value => {
  if (value === undefined) throw new Error('A timing is of none of the tasks.');
  return value;
};

const scheduledTask = (
  open: readonly OpenTask[],
  timing: Timing,
  external: ReadonlyMap<string, number>,
): ScheduledTaskRow => {
  const { id, number, estimatedHours } = present(open[timing.index]);
  return {
    taskId: id,
    earliestStartHours: hoursOf(timing.earliestStart),
    earliestFinishHours: hoursOf(timing.earliestFinish),
    latestStartHours: hoursOf(timing.latestStart),
    latestFinishHours: hoursOf(timing.latestFinish),
    slackHours: hoursOf(timing.slack),
    critical: timing.slack === 0,
    estimated: estimatedHours !== null,
    externalBlockerCount: external.get(id) ?? 0,
    place: [timing.earliestStart, timing.depth, number],
  };
};
