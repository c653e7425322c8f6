import type { PgTable } from 'drizzle-orm/pg-core';
import { getTableName, type SQL } from 'drizzle-orm';
import type { PostgresJsDatabase } from 'drizzle-orm/postgres-js';
import type { Terminal } from '../command.ts';
import type { Size } from './sizes.ts';

/** Where the rows of the sample go, and how many there are to be. */
export interface Fill {
  readonly size: Size;
  /** Adds rows to a table of everything but the knowledge bank, many in a statement. */
  readonly put: Put;
  /** Adds rows to a table of the knowledge bank. */
  readonly putInBank: Put;
  /** Runs a statement that gives nothing, beside everything but the knowledge bank. */
  readonly run: (statement: SQL) => Promise<void>;
  /** Encrypts what the installation keeps secret. */
  readonly encrypt: (text: string) => Promise<string>;
}

/** What is not the sample's own may be there already, and then stays. */
export type Put = <Table extends PgTable>(
  table: Table,
  rows: Iterable<Table['$inferInsert']>,
  unless?: 'unless there',
) => Promise<void>;

/** Values in a statement: Postgres takes 65,535, and one with few is planned and sent sooner. */
const valuesAtOnce = 12_000;
const maxRows = 500;

/** Adds rows in the transaction given, and tells how far it is. `counted` hears of each statement's rows. */
export const putter =
  (transaction: Pick<PostgresJsDatabase, 'insert'>, { progress }: Terminal, counted: (rows: number) => void): Put =>
  async (table, rows, unless) => {
    let [batch, count]: [(typeof table)['$inferInsert'][], number] = [[], 0];
    const flush = async () => {
      if (batch.length === 0) return;
      const insertion = transaction.insert(table).values(batch);
      await (unless === undefined ? insertion : insertion.onConflictDoNothing());
      counted(batch.length);
      count += batch.length;
      batch = [];
      progress(`${getTableName(table)}: ${count} rows`, 'often');
    };
    for (const row of rows) {
      batch.push(row);
      if (batch.length === maxRows || batch.length * Object.keys(row).length > valuesAtOnce) await flush();
    }
    await flush();
  };
