import { and, eq, getTableColumns, inArray, or, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { viewerOf } from '../context.ts';
import { tellBoard } from './board-events.ts';
import type { ProjectMeans } from './project-rights.ts';
import { changeEvent, taskChangesOf, type HeldTask, type TaskFields } from './task-changes.ts';
import { taskActivities, taskLabels, tasks, type TaskActivityRow, type TaskRow } from './task-tables.ts';

/** Ids of the labels of a task, before and after. */
export interface LabelChange {
  readonly from: readonly string[];
  readonly to: readonly string[];
}

/** What is to change of a task that is locked. */
export interface TaskEdit {
  readonly held: HeldTask;
  /** What is the same for all tasks of an edit. */
  readonly fields: TaskFields;
  /** What is this one's: its place, and the times of its status. */
  readonly own: Pick<TaskRow, 'position' | 'completedAt' | 'cancelledAt'>;
  readonly labels: LabelChange;
  /** Why the completion guard was passed over; null: it was not. */
  readonly reason: string | null;
}

/** An edit that changes something. */
interface Change extends TaskEdit, Pick<TaskActivityRow, 'kind' | 'changes'> {}

/** What stays as it is. */
export const asItIs = ({ position, completedAt, cancelledAt }: TaskRow): TaskEdit['own'] => ({
  position,
  completedAt,
  cancelledAt,
});

/**
 * Changes tasks that are locked, all by the same fields, with their labels, activities and events, in the running transaction: in as many statements whatever their number, and
 * one for each event. What changes nothing leaves no trace. Gives the tasks as they are then.
 */
export const changeTasks = async (means: ProjectMeans, edits: readonly TaskEdit[]): Promise<TaskRow[]> => {
  const changes = edits.map(changeOf).filter(({ changes: changed }) => Object.keys(changed).length > 0);
  const written = new Map((await write(means, changes)).map((task) => [task.id, task]));
  await writeLabels(means, changes);
  await noteChanges(means, changes);
  return edits.map(({ held: { task } }) => written.get(task.id) ?? task);
};

const changeOf = (edit: TaskEdit): Change => {
  const { held, fields, own, labels } = edit;
  const said = taskChangesOf(held.task, { ...fields, ...own });
  const [from, to] = [labels.from.toSorted(), labels.to.toSorted()];
  const changes = from.join() === to.join() ? said : { ...said, labelIds: { from, to } };
  return { ...edit, kind: changes.status === undefined ? 'CHANGED' : 'MOVED', changes };
};

const write = async ({ unit }: ProjectMeans, changes: readonly Change[]): Promise<TaskRow[]> => {
  const [first] = changes;
  if (first === undefined) return [];
  const own = changes.map(({ held, own: { position, completedAt, cancelledAt } }) => ({
    id: held.task.id,
    position,
    completed_at: completedAt,
    cancelled_at: cancelledAt,
  }));
  const given = sql`jsonb_to_recordset(${JSON.stringify(own)}::jsonb)
    as given (id uuid, position text, completed_at timestamptz, cancelled_at timestamptz)`;
  return database
    .update(tasks)
    .set({
      ...first.fields,
      position: sql`given.position`,
      completedAt: sql`given.completed_at`,
      cancelledAt: sql`given.cancelled_at`,
      version: sql`${tasks.version} + 1`,
    })
    .from(given)
    .where(and(eq(tasks.organizationId, unit.organizationId), sql`${tasks.id} = given.id`))
    .returning(getTableColumns(tasks));
};

const writeLabels = async ({ unit }: ProjectMeans, changes: readonly Change[]): Promise<void> => {
  const { organizationId } = unit;
  const lost = changes.flatMap(({ held, labels }) => {
    const labelIds = labels.from.filter((id) => !labels.to.includes(id));
    return labelIds.length === 0
      ? []
      : [and(eq(taskLabels.taskId, held.task.id), inArray(taskLabels.labelId, labelIds))];
  });
  if (lost.length > 0)
    await database.delete(taskLabels).where(and(eq(taskLabels.organizationId, organizationId), or(...lost)));
  const won = changes.flatMap(({ held: { task }, labels }) =>
    labels.to
      .filter((id) => !labels.from.includes(id))
      .map((labelId) => ({ organizationId, projectId: task.projectId, taskId: task.id, labelId })),
  );
  if (won.length > 0) await database.insert(taskLabels).values(won);
};

const noteChanges = async (means: ProjectMeans, changes: readonly Change[]): Promise<void> => {
  if (changes.length === 0) return;
  const { unit, services } = means;
  const { organizationId } = unit;
  const actorId = viewerOf(means).userId;
  await database.insert(taskActivities).values(
    changes.map(({ held: { task }, kind, changes: changed, reason }) => ({
      organizationId,
      projectId: task.projectId,
      taskId: task.id,
      actorId,
      kind,
      changes: changed,
      reason,
    })),
  );
  for (const change of changes) {
    const { id: taskId, projectId } = change.held.task;
    tellBoard(unit, services, { kind: change.kind === 'MOVED' ? 'moved' : 'changed', projectId, taskId });
    unit.record(changeEvent(change.held, change));
  }
};
