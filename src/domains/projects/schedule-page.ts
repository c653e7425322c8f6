import { decodeCursor, encodeCursor } from '../../database/cursor.ts';
import { defaultPageSize, maxPageSize, type Connection, type ListArguments } from '../../database/list.ts';
import { BadUserInput } from '../../errors.ts';
import type { ScheduledTaskRow } from './schedule-rows.ts';

const order = 'SCHEDULE';
const wholeNumber = /^\d{1,15}$/;

type Place = readonly number[];

const compare = (a: Place, b: Place): number => {
  for (const [at, value] of a.entries()) if (value !== b[at]) return value - (b[at] ?? 0);
  return 0;
};

const placeIn = (field: string, cursor: string): Place =>
  decodeCursor(field, order, [wholeNumber, wholeNumber, wholeNumber], cursor).map(Number);

const given = (value: unknown): boolean => value !== undefined && value !== null;

/** A page of what was computed, in its order, as `listOf` makes pages of tables. Throws BadUserInput. */
export const schedulePage = (
  rows: readonly ScheduledTaskRow[],
  { first, after, last, before }: ListArguments,
): Connection<ScheduledTaskRow> => {
  const backward = given(last);
  if (backward && (given(first) || given(after)))
    throw new BadUserInput('first', 'Give first and after, or last and before, not both.');
  if (!backward && given(before)) throw new BadUserInput('before', 'The argument before goes with last.');
  const size = (backward ? last : first) ?? defaultPageSize;
  if (size < 1 || size > maxPageSize)
    throw new BadUserInput(backward ? 'last' : 'first', `A page holds 1 to ${maxPageSize} entries.`);
  const left = backward ? upTo(rows, before) : from(rows, after);
  const page = backward ? left.slice(-size) : left.slice(0, size);
  const edges = page.map((node) => ({ node, cursor: encodeCursor(order, node.place) }));
  const more = left.length > size;
  return {
    edges,
    pageInfo: {
      hasNextPage: backward ? given(before) : more,
      hasPreviousPage: backward ? more : given(after),
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
    totalCount: () => Promise.resolve(rows.length),
  };
};

const from = (rows: readonly ScheduledTaskRow[], after: string | null | undefined): readonly ScheduledTaskRow[] => {
  if (after === undefined || after === null) return rows;
  const place = placeIn('after', after);
  return rows.filter((row) => compare(row.place, place) > 0);
};

const upTo = (rows: readonly ScheduledTaskRow[], before: string | null | undefined): readonly ScheduledTaskRow[] => {
  if (before === undefined || before === null) return rows;
  const place = placeIn('before', before);
  return rows.filter((row) => compare(row.place, place) < 0);
};
