import { and, asc, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { conditionOf } from '../../database/filter.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { globalId } from '../../ids.ts';
import type { JobHandler, Run } from '../../queue/queue.ts';
import { AccessEnded, requesterOf, writeFileFor, type Requester } from '../content/written-files.ts';
import type { Work } from '../services.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import { projectById, projectsUnit } from './project-loaders.ts';
import { projectLabels } from './project-tables.ts';
import { identifierOf } from './task-changes.ts';
import { exportWork, type ExportWork } from './task-export.ts';
import { taskById, taskFilters } from './task-loaders.ts';
import { fieldLabel, labelsCell, linesOf, sheetFields, type SheetField } from './task-sheet.ts';
import { taskLabels, tasks, type TaskRow } from './task-tables.ts';

/** Rows that are held at a time. */
const pageSize = 500;
/** Rows of one file; spreadsheets take hardly more. */
const maxRows = 1_000_000;

/** What a file says of a task. */
interface Told extends Readonly<Record<Exclude<SheetField, 'LABELS'>, string | null>> {
  readonly id: string;
  readonly project: string;
  readonly LABELS: readonly string[];
  readonly createdAt: string;
  readonly completedAt: string | null;
}

interface Tally {
  rows: number;
  /** Whether there were no more rows than a file takes. */
  complete: boolean;
}

/**
 * Writes tasks into a file, as far as who asked sees them while it is written: each page is read with their rights at that time. Its row and the job's result are
 * written together, so that a run after a crash makes no second one.
 */
export const runExport: JobHandler<Work>['run'] = async (work, data, run) => {
  if (run.kept !== null) return run.kept;
  const asked = exportWork.parse(data);
  const requester = requesterOf(work, asked.credential, 'PROJECT_READ');
  try {
    const unit = projectsUnit({ unit: await requester.unit() });
    const total = Math.min(maxRows, await unit.run(() => database.$count(tasks, selected(unit, asked))));
    await unit.rest();
    const tally: Tally = { rows: 0, complete: true };
    const file =
      asked.format === 'CSV'
        ? { name: 'tasks.csv', mimeType: 'text/csv' }
        : { name: 'tasks.jsonl', mimeType: 'application/jsonl' };
    const pieces = piecesOf(requester, asked, run, tally, total);
    const result = await writeFileFor(work, requester, file, pieces, async (writing, id) => {
      writing.record({ action: 'task.exported', type: 'File', id, data: { format: asked.format, ...tally } });
      const kept = { fileId: globalId('File', id), ...tally };
      await run.keep(writing, kept, 99);
      return kept;
    });
    return result ?? { fileId: null, ...tally };
  } catch (error) {
    if (error instanceof AccessEnded) return { fileId: null, stopped: 'ACCESS_ENDED' };
    throw error;
  }
};

const header = [...sheetFields.map(fieldLabel), 'project', 'id', 'createdAt', 'completedAt'];

async function* piecesOf(
  requester: Requester,
  asked: ExportWork,
  run: Run,
  tally: Tally,
  total: number,
): AsyncGenerator<string> {
  const write = asked.format === 'CSV' ? csvOf : jsonOf;
  if (asked.format === 'CSV') yield linesOf([header]);
  for await (const page of pagesOf(requester, asked)) {
    run.signal.throwIfAborted();
    const rows = page.slice(0, maxRows - tally.rows);
    yield write(rows);
    tally.rows += rows.length;
    tally.complete = rows.length === page.length;
    if (!tally.complete) return;
    await run.progress(Math.min(99, (100 * tally.rows) / Math.max(total, 1)));
  }
}

const csvOf = (rows: readonly Told[]): string =>
  linesOf(
    rows.map((row) => [
      ...sheetFields.map((field) => (field === 'LABELS' ? labelsCell(row.LABELS) : row[field])),
      row.project,
      row.id,
      row.createdAt,
      row.completedAt,
    ]),
  );

const jsonOf = (rows: readonly Told[]): string =>
  rows
    .map((row) => {
      const { project, id, createdAt, completedAt } = row;
      const fields = Object.fromEntries(sheetFields.map((field) => [fieldLabel(field), row[field]]));
      return `${JSON.stringify({ id, project, ...fields, createdAt, completedAt })}\n`;
    })
    .join('');

const selected = (unit: UnitOfWork, { projectId, filter }: ExportWork): SQL | undefined =>
  and(
    eq(tasks.organizationId, unit.organizationId),
    projectId === null ? undefined : eq(tasks.projectId, projectId),
    conditionOf(taskFilters, filter),
  );

/** Tasks of a project as they stand on the board, those of all projects in the order in which they were opened. */
async function* pagesOf(requester: Requester, asked: ExportWork): AsyncGenerator<readonly Told[]> {
  const [order, key] =
    asked.projectId === null ? ([tasks.createdAt, 'createdAt'] as const) : ([tasks.position, 'position'] as const);
  let last: TaskRow | undefined;
  do {
    const unit = projectsUnit({ unit: await requester.unit() });
    const after = last && sql`(${order}, ${tasks.id}) > (${last[key]}, ${last.id})`;
    const page = await unit.run(() =>
      database
        .select()
        .from(tasks)
        .where(and(selected(unit, asked), after))
        .orderBy(asc(order), asc(tasks.id))
        .limit(pageSize),
    );
    const told = await toldOf(unit, page);
    await unit.rest();
    if (told.length > 0) yield told;
    last = page.length < pageSize ? undefined : page.at(-1);
  } while (last !== undefined);
}

const toldOf = async (unit: UnitOfWork, page: readonly TaskRow[]): Promise<readonly Told[]> => {
  if (page.length === 0) return [];
  const projects = await projectById.all(unit, [...new Set(page.map(({ projectId }) => projectId))]);
  const people = await memberUserById.all(unit, [...new Set(page.flatMap(({ assigneeId }) => assigneeId ?? []))]);
  const parents = await taskById.all(unit, [...new Set(page.flatMap(({ parentId }) => parentId ?? []))]);
  const labels = await labelsOf(unit, page);
  return page.map((task) => {
    const key = projects.get(task.projectId)?.key ?? '';
    const parent = task.parentId === null ? undefined : parents.get(task.parentId);
    return {
      id: globalId('Task', task.id),
      project: key,
      IDENTIFIER: identifierOf(key, task),
      TITLE: task.title,
      DESCRIPTION: task.description,
      STATUS: task.status,
      PRIORITY: task.priority,
      ASSIGNEE: task.assigneeId === null ? null : (people.get(task.assigneeId)?.email ?? null),
      ESTIMATED_HOURS: task.estimatedHours,
      START_DATE: task.startDate,
      DUE_DATE: task.dueDate,
      LABELS: labels.get(task.id) ?? [],
      PARENT: parent === undefined ? null : identifierOf(key, parent),
      createdAt: momentOf(task.createdAt),
      completedAt: task.completedAt === null ? null : momentOf(task.completedAt),
    };
  });
};

const momentOf = (at: string): string => new Date(at).toISOString();

const labelsOf = async (unit: UnitOfWork, page: readonly TaskRow[]): Promise<ReadonlyMap<string, string[]>> => {
  const { organizationId } = unit;
  const rows = await unit.run(() =>
    database
      .select({ taskId: taskLabels.taskId, name: projectLabels.name })
      .from(taskLabels)
      .innerJoin(
        projectLabels,
        and(eq(projectLabels.organizationId, organizationId), eq(projectLabels.id, taskLabels.labelId)),
      )
      .where(
        and(
          eq(taskLabels.organizationId, organizationId),
          sql`${taskLabels.taskId} = any(${sql.param(page.map(({ id }) => id))}::uuid[])`,
        ),
      )
      .orderBy(projectLabels.name, projectLabels.id),
  );
  const labels = new Map<string, string[]>();
  for (const { taskId, name } of rows) labels.set(taskId, [...(labels.get(taskId) ?? []), name]);
  return labels;
};
