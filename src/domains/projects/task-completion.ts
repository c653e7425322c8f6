import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import type { ProjectMeans } from './project-rights.ts';
import type { CompletionWarningRow } from './rows.ts';
import type { HeldTask } from './task-changes.ts';
import { openStatuses, taskDependencies, tasks } from './task-tables.ts';

/** A task that is to be DONE, and where the input says so. */
export interface Completing extends HeldTask {
  readonly field: string;
}

/** What the guard lets pass: with what warnings, and which tasks by an override. */
export interface Completion {
  readonly warnings: CompletionWarningRow[];
  readonly overridden: ReadonlySet<string>;
}

const maxReason = 1_000;
const shownBlockers = 20;

/** Why somebody passes over the guard. Throws BadUserInput for an empty reason or one that is too long. */
export const overrideOf = (reason: string | null | undefined): string | null => {
  if (reason === undefined || reason === null) return null;
  const text = reason.trim();
  if (text === '' || text.length > maxReason || text.includes('\0'))
    throw new BadUserInput(
      'overrideReason',
      `A reason has 1 to ${maxReason.toLocaleString('en')} characters, and no NUL.`,
    );
  return text;
};

/**
 * Asks the guards of their projects, which are locked, whether tasks may be DONE together. What is done with them is not open. Throws Conflict for what BLOCK holds
 * back without a reason, Forbidden for a reason of who does not manage the project.
 */
export const passGuard = async (
  { unit }: ProjectMeans,
  completing: readonly Completing[],
  reason: string | null,
): Promise<Completion> => {
  const asked = completing.filter(({ task, project }) => task.status !== 'DONE' && project.completionGuard !== 'OFF');
  const open = await openWorkOf(
    unit,
    asked.map(({ task }) => task.id),
    completing.map(({ task }) => task.id),
  );
  const held = asked.filter(({ task, project }) => project.completionGuard === 'BLOCK' && open.has(task.id));
  requireOverride(held, open, reason);
  const warned = asked.filter(({ project }) => project.completionGuard === 'WARN');
  return {
    warnings: warned.map(({ task }) => open.get(task.id)).filter((each) => each !== undefined),
    overridden: new Set(held.map(({ task }) => task.id)),
  };
};

const requireOverride = (
  held: readonly Completing[],
  open: ReadonlyMap<string, CompletionWarningRow>,
  reason: string | null,
): void => {
  const [first] = held;
  if (first === undefined) return;
  if (reason === null)
    throw new Conflict(first.field, 'This task waits for others that are open, or has open parts.', {
      open: held.map(({ task }) => open.get(task.id)).map(toldOf),
    });
  if (held.some(({ standing }) => standing !== 'MANAGES'))
    throw new Forbidden('PROJECT_MANAGE', 'To override the completion guard needs the role ADMIN in the project.');
};

const toldOf = (row: CompletionWarningRow | undefined) =>
  row && {
    id: globalId('Task', row.taskId),
    openBlockers: row.blockerIds.map((id) => globalId('Task', id)),
    openBlockerCount: row.openBlockerCount,
    openPartCount: row.openPartCount,
  };

/** What is open of tasks, by task, besides those that are done with them; tasks of which nothing is are left out. */
const openWorkOf = async (
  unit: UnitOfWork,
  ids: readonly string[],
  doneWith: readonly string[],
): Promise<ReadonlyMap<string, CompletionWarningRow>> => {
  if (ids.length === 0) return new Map();
  const { organizationId } = unit;
  // As the organization: a task also waits for those that the viewer does not see.
  const counted = await unit.nested(wholeOf(organizationId), () => countOpen(organizationId, ids, doneWith));
  const waiting = counted.filter(({ blockers }) => blockers > 0).map(({ id }) => id);
  const seen = waiting.length === 0 ? [] : await seenBlockers(organizationId, waiting, doneWith);
  return new Map(
    counted
      .filter(({ blockers, parts }) => blockers + parts > 0)
      .map(({ id, blockers, parts }) => {
        const blockerIds = seen.filter(({ taskId }) => taskId === id).map(({ blockerId }) => blockerId);
        return [id, { taskId: id, blockerIds, openBlockerCount: blockers, openPartCount: parts }];
      }),
  );
};

const isOpen = (doneWith: readonly string[]) =>
  and(inArray(tasks.status, [...openStatuses]), sql`${tasks.id} <> all(${uuidArray(doneWith)}::uuid[])`);

/** Open tasks that the task `wanted.id` waits for. */
const openBlockers = (organizationId: string, doneWith: readonly string[]) =>
  and(
    eq(taskDependencies.organizationId, organizationId),
    sql`${taskDependencies.taskId} = wanted.id`,
    eq(taskDependencies.kind, 'BLOCKS'),
    eq(tasks.organizationId, organizationId),
    eq(tasks.id, taskDependencies.dependsOnId),
    isOpen(doneWith),
  );

const numberOf = (name: string) => sql<number>`count(*)`.mapWith(Number).as(name);

const countOpen = (organizationId: string, ids: readonly string[], doneWith: readonly string[]) => {
  const blockers = database
    .select({ total: numberOf('open_blockers') })
    .from(taskDependencies)
    .innerJoin(tasks, eq(tasks.id, taskDependencies.dependsOnId))
    .where(openBlockers(organizationId, doneWith))
    .as('blockers');
  const parts = database
    .select({ total: numberOf('open_parts') })
    .from(tasks)
    .where(and(eq(tasks.organizationId, organizationId), sql`${tasks.parentId} = wanted.id`, isOpen(doneWith)))
    .as('parts');
  return database
    .select({ id: sql<string>`wanted.id`, blockers: blockers.total, parts: parts.total })
    .from(sql`unnest(${uuidArray(ids)}::uuid[]) as wanted (id)`)
    .crossJoinLateral(blockers)
    .crossJoinLateral(parts);
};

const seenBlockers = (organizationId: string, ids: readonly string[], doneWith: readonly string[]) => {
  const blockers = database
    .select({ blockerId: taskDependencies.dependsOnId, createdAt: taskDependencies.createdAt, id: taskDependencies.id })
    .from(taskDependencies)
    .innerJoin(tasks, eq(tasks.id, taskDependencies.dependsOnId))
    .where(openBlockers(organizationId, doneWith))
    .orderBy(taskDependencies.createdAt, taskDependencies.id)
    .limit(shownBlockers)
    .as('blockers');
  return database
    .select({ taskId: sql<string>`wanted.id`, blockerId: blockers.blockerId })
    .from(sql`unnest(${uuidArray(ids)}::uuid[]) as wanted (id)`)
    .crossJoinLateral(blockers)
    .orderBy(blockers.createdAt, blockers.id);
};
