import { encodeCursor } from '../../database/cursor.ts';
import { maxPageSize, type Connection } from '../../database/list.ts';
import { BadUserInput } from '../../errors.ts';

/** Throws BadUserInput for a page that holds nothing, or more than a page can. */
export const requirePageSize = (first: number): void => {
  if (first < 1 || first > maxPageSize) throw new BadUserInput('first', `A page holds 1 to ${maxPageSize} entries.`);
};

/** A page of what a statement reckons, of up to `first + 1` of its rows; `placeOf` gives the place of each in the order. */
export const forwardPage = <Row>(
  rows: readonly Row[],
  { first, after, order }: { readonly first: number; readonly after: boolean; readonly order: string },
  placeOf: (row: Row) => readonly unknown[],
  totalCount: () => Promise<number>,
): Connection<Row> => {
  const edges = rows.slice(0, first).map((node) => ({ node, cursor: encodeCursor(order, placeOf(node)) }));
  return {
    edges,
    pageInfo: {
      hasNextPage: rows.length > first,
      hasPreviousPage: after,
      startCursor: edges[0]?.cursor ?? null,
      endCursor: edges.at(-1)?.cursor ?? null,
    },
    totalCount,
  };
};
