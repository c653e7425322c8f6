import { drizzle } from 'drizzle-orm/postgres-js';
import type { Sql } from 'postgres';
import { isPrepared, type Database } from './client.ts';
import type { Pool } from './pool.ts';

/**
 * A database outside any unit of work, for counters that stand whatever becomes of the operation: each statement is a transaction of its
 * own, committed when it has answered, and sees no row of any tenant. It takes a connection for itself, so no unit may be open meanwhile.
 */
export const autocommitting = (pool: Pool): Database => {
  const client = {
    options: { parsers: {}, serializers: {} },
    unsafe(text: string, values: readonly unknown[] = []) {
      const answer = pool.run(text, values, isPrepared(text)).then(rowsOf);
      return Object.assign(answer, { values: () => answer });
    },
  };
  // The cast is safe: of a postgres.js client, Drizzle's session calls `unsafe` alone.
  return drizzle(client as unknown as Sql, { casing: 'snake_case' });
};

/** Rows as Drizzle reads them: values in the order of the columns. */
const rowsOf = (result: unknown): unknown[][] =>
  Array.isArray(result) ? result.map((row: object) => Object.values(row) as unknown[]) : [];
