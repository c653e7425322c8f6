import DataLoader from 'dataloader';
import { sql } from 'drizzle-orm';
import { Statement, type Selection } from './statement.ts';
import type { UnitOfWork } from './unit-of-work.ts';

/** What every loader's statement binds. */
export interface Bound extends Record<string, unknown> {
  readonly organizationId: string | null;
  readonly userId: string | null;
  /** As {@link uuidArray} writes them. */
  readonly keys: string;
}

/** Placeholders for a statement that is built once: the tenant, the viewer's user and the batch's keys (`= any(…)`). */
export const bound = {
  organizationId: sql.placeholder('organizationId'),
  userId: sql.placeholder('userId'),
  keys: sql.placeholder('keys'),
};

/** UUIDs as the text of a Postgres array. They hold nothing to escape, for which the driver would search each of them. */
export const uuidArray = (uuids: readonly string[]): string => `{${uuids.join(',')}}`;

export type Loader<Value> = DataLoader<string, Value>;

/** Keeps one loader for each unit of work, so that fields asking for the same thing share a batch and its answer. */
const ofUnit = <Value>(token: object, unit: UnitOfWork, make: () => Loader<Value>): Loader<Value> => {
  // The cast is safe: a token is made together with the loader stored under it.
  const kept = unit.loaders.get(token) as Loader<Value> | undefined;
  if (kept !== undefined) return kept;
  const made = make();
  unit.loaders.set(token, made);
  return made;
};

const maxBatchSize = 1000;

const rowsOf = <Row>(unit: UnitOfWork, statement: Statement<Row>, keys: readonly string[]): Promise<Row[]> => {
  const values: Bound = { organizationId: unit.scope.organizationId, userId: unit.scope.userId, keys: uuidArray(keys) };
  return unit.select(statement, values);
};

/** A value that is made when it is first asked for. */
export const lazily = <Value>(make: () => Value): (() => Value) => {
  let made: { value: Value } | undefined;
  return () => (made ??= { value: make() }).value;
};

/** How one row is found for a key. */
export interface OneByKey<Row> {
  /** By batches: one statement for all keys of a field level. An unknown key gives null. */
  (unit: UnitOfWork): Loader<Row | null>;
  /** For who holds all keys of a field level at once: the rows by key, in one statement; unknown keys are left out. */
  readonly all: (unit: UnitOfWork, keys: readonly string[]) => Promise<Map<string, Row>>;
}

/** Loads at most one row for each key. */
export const loadOne = <Row>(build: () => Selection<Row>, keyOf: (row: Row) => string): OneByKey<Row> => {
  const token = {};
  const statement = lazily(() => Statement.select(build()));
  const all = async (unit: UnitOfWork, keys: readonly string[]): Promise<Map<string, Row>> => {
    const rows = new Map<string, Row>();
    for (const row of await rowsOf(unit, statement(), keys)) rows.set(keyOf(row), row);
    return rows;
  };
  const batched = (unit: UnitOfWork) => async (keys: readonly string[]) => {
    const rows = await all(unit, keys);
    return keys.map((key) => rows.get(key) ?? null);
  };
  const load = (unit: UnitOfWork) => ofUnit(token, unit, () => new DataLoader(batched(unit), { maxBatchSize }));
  return Object.assign(load, { all });
};

/** Loads the rows of each key, in the statement's order. Only for what is bounded by its nature; lists use `listOf`. */
export const loadMany = <Row>(build: () => Selection<Row>, keyOf: (row: Row) => string) => {
  const token = {};
  const statement = lazily(() => Statement.select(build()));
  return (unit: UnitOfWork): Loader<Row[]> =>
    ofUnit(
      token,
      unit,
      () =>
        new DataLoader(
          async (keys: readonly string[]) => {
            const groups = new Map<string, Row[]>(keys.map((key) => [key, []]));
            for (const row of await rowsOf(unit, statement(), keys)) groups.get(keyOf(row))?.push(row);
            return keys.map((key) => groups.get(key) ?? []);
          },
          { maxBatchSize },
        ),
    );
};
