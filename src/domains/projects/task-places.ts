import { and, asc, eq, gt, inArray, lt, max, min, ne, sql, type SQL } from 'drizzle-orm';
import { generateKeyBetween, generateNKeysBetween } from 'fractional-indexing';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import type { Services } from '../services.ts';
import { tellBoard } from './board-events.ts';
import { boardColumnId } from './task-loaders.ts';
import { tasks, type TaskRow } from './task-tables.ts';

/** Keys that would be longer are laid out anew, all of a project. */
const maxKeyLength = 100;

/** Where in a column a task is to stand. */
export interface Place {
  readonly status: TaskRow['status'];
  /** Right behind this one; null: at the top. */
  readonly afterId?: string | null | undefined;
  readonly beforeId?: string | null | undefined;
}

/** Between which keys of a column a task is to stand; null: there is none. */
interface Gap {
  readonly above: string | null;
  readonly below: string | null;
}

type Neighbour = Pick<TaskRow, 'id' | 'projectId' | 'status' | 'position'>;

/**
 * The place on the board that a task is to have, whose project is locked: the one it has where that lies there. Throws NotFound, BadUserInput (a neighbour in
 * another project), Conflict (a neighbour that is elsewhere by now).
 */
export const placeFor = async (
  unit: UnitOfWork,
  services: Pick<Services, 'bus'>,
  task: TaskRow,
  place: Place,
): Promise<string> => {
  const gap = await gapFor(unit, task, place);
  if (lies(task.position, gap)) return task.position;
  const key = await keyIn(unit, task, gap);
  if (key.length <= maxKeyLength) return key;
  await layOutAnew(unit, services, task.projectId);
  return keyIn(unit, task, await gapFor(unit, task, place));
};

const lies = (key: string, { above, below }: Gap): boolean =>
  (above === null || above < key) && (below === null || key < below);

const gapFor = async (unit: UnitOfWork, task: TaskRow, { status, afterId, beforeId }: Place): Promise<Gap> => {
  const neighbours = await neighboursOf(unit, [afterId, beforeId]);
  const named = (id: string | null | undefined, field: string): string | null =>
    id === undefined || id === null ? null : standing(neighbours.get(id), { task, status, id, field }).position;
  const [after, before] = [named(afterId, 'afterId'), named(beforeId, 'beforeId')];
  if (after !== null && before !== null && before <= after)
    throw new Conflict('beforeId', 'This task does not stand behind the other any more.');
  const column = and(othersOf(unit, task), eq(tasks.boardColumnId, boardColumnId(task.projectId, status)));
  if (after !== null) return { above: after, below: await lowest(column, gt(tasks.position, after)) };
  if (afterId === null) return { above: null, below: await lowest(column) };
  if (before !== null) return { above: await highest(column, lt(tasks.position, before)), below: before };
  return { above: await highest(column), below: null };
};

const neighboursOf = async (
  { organizationId }: UnitOfWork,
  ids: readonly (string | null | undefined)[],
): Promise<ReadonlyMap<string, Neighbour>> => {
  const wanted = ids.filter((id) => typeof id === 'string');
  if (wanted.length === 0) return new Map();
  const rows = await database
    .select({ id: tasks.id, projectId: tasks.projectId, status: tasks.status, position: tasks.position })
    .from(tasks)
    .where(and(eq(tasks.organizationId, organizationId), inArray(tasks.id, wanted)));
  return new Map(rows.map((row) => [row.id, row]));
};

const standing = (
  neighbour: Neighbour | undefined,
  { task, status, id, field }: { task: TaskRow; status: TaskRow['status']; id: string; field: string },
): Neighbour => {
  if (neighbour === undefined) throw new NotFound('Task', id, field);
  if (neighbour.projectId !== task.projectId) throw new BadUserInput(field, 'This task belongs to another project.');
  if (neighbour.status !== status)
    throw new Conflict(field, `This task is ${neighbour.status} by now: it stands in another column.`, {
      current: { id: globalId('Task', neighbour.id), status: neighbour.status },
    });
  return neighbour;
};

/**
 * A key in a gap of a column that no task of the project has. At the ends of a column it lies at the end of the whole project, where keys stay short; between two tasks next to
 * the one above, where no task of another column can have it.
 */
const keyIn = async (unit: UnitOfWork, task: TaskRow, { above, below }: Gap): Promise<string> => {
  const others = othersOf(unit, task);
  if (below === null) return generateKeyBetween(await highest(others), null);
  if (above === null) return generateKeyBetween(null, await lowest(others));
  return generateKeyBetween(above, await lowest(others, gt(tasks.position, above)));
};

const othersOf = ({ organizationId }: UnitOfWork, { id, projectId }: TaskRow): SQL | undefined =>
  and(eq(tasks.organizationId, organizationId), eq(tasks.projectId, projectId), ne(tasks.id, id));

const lowest = async (...conditions: (SQL | undefined)[]): Promise<string | null> => {
  const statement = database.select({ key: min(tasks.position) }).from(tasks);
  return sole(await statement.where(and(...conditions))).key;
};

const highest = async (...conditions: (SQL | undefined)[]): Promise<string | null> => {
  const statement = database.select({ key: max(tasks.position) }).from(tasks);
  return sole(await statement.where(and(...conditions))).key;
};

/** Gives all tasks of a locked project short keys in the order that they have, and tells who follows its board to read it anew. */
const layOutAnew = async (unit: UnitOfWork, services: Pick<Services, 'bus'>, projectId: string): Promise<void> => {
  const { organizationId } = unit;
  const rows = await database
    .select({ id: tasks.id, position: tasks.position })
    .from(tasks)
    .where(and(eq(tasks.organizationId, organizationId), eq(tasks.projectId, projectId)))
    .orderBy(asc(tasks.position));
  // Behind all that there are, so that none meets one that is still to be replaced. Whole numbers stay short there.
  const keys = generateNKeysBetween(rows.at(-1)?.position, null, rows.length);
  const ids = rows.map(({ id }) => id);
  await database
    .update(tasks)
    .set({ position: sql`given.position` })
    .from(sql`unnest(${uuidArray(ids)}::uuid[], ${`{${keys.join(',')}}`}::text[]) as given (id, position)`)
    .where(and(eq(tasks.organizationId, organizationId), eq(tasks.projectId, projectId), sql`${tasks.id} = given.id`));
  tellBoard(unit, services, { kind: 'updated', projectId });
};

/** Places for tasks behind all others of their projects, which are locked, in the order of the tasks. */
export const lastPlaces = async (
  { organizationId }: UnitOfWork,
  moved: readonly Pick<TaskRow, 'id' | 'projectId'>[],
): Promise<ReadonlyMap<string, string>> => {
  if (moved.length === 0) return new Map();
  const projectIds = [...new Set(moved.map(({ projectId }) => projectId))];
  const rows = await database
    .select({ projectId: tasks.projectId, last: max(tasks.position) })
    .from(tasks)
    .where(and(eq(tasks.organizationId, organizationId), inArray(tasks.projectId, projectIds)))
    .groupBy(tasks.projectId);
  return new Map(
    rows.flatMap(({ projectId, last }) => {
      const ids = moved.filter((task) => task.projectId === projectId).map(({ id }) => id);
      const keys = generateNKeysBetween(last, null, ids.length);
      return ids.map((id, index): [string, string] => [id, keys[index] ?? '']);
    }),
  );
};
