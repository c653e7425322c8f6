import { and, eq, sql } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';

/** A table whose rows have places in a short list, from 0. */
type PlacedTable = PgTable & Record<'organizationId' | 'id' | 'position', PgColumn>;

/** A list with one of its members moved to a place, the last one where there are fewer. */
export const moved = (ids: readonly string[], id: string, position: number): string[] =>
  ids.filter((each) => each !== id).toSpliced(position, 0, id);

/** Gives the rows of these ids the places that they have in the list; whoever calls it holds the lock of the list. */
export const place = async (table: PlacedTable, organizationId: string, ids: readonly string[]): Promise<void> => {
  const placeOf = sql`array_position(${uuidArray(ids)}::uuid[], ${table.id}) - 1`;
  await database
    .update(table)
    .set({ position: placeOf })
    .where(
      and(
        eq(table.organizationId, organizationId),
        sql`${table.id} = any(${uuidArray(ids)}::uuid[])`,
        sql`${table.position} <> ${placeOf}`,
      ),
    );
};
