import DataLoader from 'dataloader';
import { and, asc, count, desc, eq, sql, type SQL } from 'drizzle-orm';
import type { PgColumn, PgTable, SelectedFields } from 'drizzle-orm/pg-core';
import { BadUserInput } from '../errors.ts';
import { database } from './client.ts';
import { decodeCursor, encodeCursor, type Position } from './cursor.ts';
import { conditionOf, type Filterable } from './filter.ts';
import { bound, lazily, uuidArray, type Loader, type OneByKey } from './loader.ts';
import { Statement, type Selection } from './statement.ts';
import type { UnitOfWork } from './unit-of-work.ts';

/** A connection field's arguments, as clients give them. */
export interface ListArguments {
  readonly first?: number | null;
  readonly after?: string | null;
  readonly last?: number | null;
  readonly before?: string | null;
  readonly filter?: unknown;
  readonly orderBy?: readonly { readonly field: string; readonly direction?: 'ASC' | 'DESC' }[] | null;
}

export interface Edge<Row> {
  readonly node: Row;
  readonly cursor: string;
}

/** One page of a list, in the Relay connection shape; `totalCount` costs its statement only when called. */
export interface Connection<Row> {
  readonly edges: readonly Edge<Row>[];
  readonly pageInfo: {
    readonly hasNextPage: boolean;
    readonly hasPreviousPage: boolean;
    readonly startCursor: string | null;
    readonly endCursor: string | null;
  };
  totalCount(): Promise<number>;
}

interface ListOptions<Columns> {
  /** Rows of a table without `organizationId` belong to no tenant and are the same for all. */
  readonly from: PgTable & { organizationId?: PgColumn; id?: PgColumn };
  /** What tells apart rows that are equal in the order; the column `id` when absent. */
  readonly id?: PgColumn;
  /** Rows are one person's own in all organizations: `parent` is the column of the person, and the tenant does not bound them. */
  readonly personal?: true;
  /** The column that names the parent; absent for a list of the whole organization. */
  readonly parent?: PgColumn;
  /** The light columns a row is read with. They include those of the parent and of every order. */
  readonly columns: Columns;
  /** Not-null columns with an index (organization_id, parent, column, id). */
  readonly orders: Readonly<Record<string, PgColumn>>;
  readonly defaultOrder: { readonly field: string; readonly direction: 'ASC' | 'DESC' };
  readonly filters?: Filterable;
  /** A condition that belongs to the list itself. */
  readonly where?: SQL;
  /**
   * For each field of the row's GraphQL type that is no column: the columns it is made of. Then a page reads no other columns than
   * it is asked for, and the getter of one that was not read throws.
   */
  readonly needs?: Readonly<Record<string, readonly string[]>>;
  /**
   * Fields that are one other row each, and the column that names it. They are read for all rows of the level together with the page when
   * they are asked for, and stand in the rows: a batch would make promises for each row, which took a third of the time of a page.
   */
  readonly companions?: Readonly<Record<string, { readonly of: OneByKey<unknown>; readonly key: string }>>;
}

/** What is asked of a page: fields of the rows' GraphQL type, the number of all rows, and where the page lies. */
export interface Wanted {
  readonly fields: ReadonlySet<string>;
  /** Those of the fields that no condition can leave out. */
  readonly certain: ReadonlySet<string>;
  readonly totalCount: boolean;
  readonly pageInfo: boolean;
}

/** The shape of `needs` for a GraphQL type and its rows: a field that is forgotten does not compile. */
export type Needs<Type, Row> = {
  readonly [Field in Exclude<keyof Type, keyof Row | '__typename'>]: readonly (keyof Row)[];
};

/** Names of the columns to read, and a word for the set of them. */
interface Reading {
  readonly names: ReadonlySet<string>;
  readonly token: string;
}

/** A page that is asked for, checked: everything a statement depends on. */
interface Page {
  readonly size: number;
  readonly backward: boolean;
  readonly order: string;
  readonly field: string;
  readonly descending: boolean;
  readonly from: Position | null;
  readonly columns: Reading;
  /** Whether a row beyond the page is read too, which tells whether there are more. */
  readonly looksBeyond: boolean;
  /** Names of the companions to read with the rows. */
  readonly companions: readonly string[];
}

export const defaultPageSize = 20;
export const maxPageSize = 100;

/**
 * A list that is read by pages: one statement for the pages of all parents of a field level, each cut inside the statement
 * (LATERAL), and one for their counts. Keyset paging both ways; the order ends in the id and so is total.
 */
export const listOf = <Columns extends SelectedFields>(options: ListOptions<Columns>) => {
  type Row = { id: string } & Record<string, unknown>;
  const statements = new Map<string, Statement<Row>>();
  const countOfAll = lazily(() => countStatement(options, undefined));
  const parentKey = options.parent === undefined ? undefined : keyIn(options.columns, options.parent);

  const rowsOf = async (
    unit: UnitOfWork,
    page: Page,
    filter: SQL | undefined,
    keys: readonly string[],
  ): Promise<Row[]> => {
    const values = {
      organizationId: unit.organizationId,
      keys: uuidArray(keys),
      size: page.size + (page.looksBeyond ? 1 : 0),
      ...Object.fromEntries((page.from ?? []).map((value, index) => [`from${index}`, value])),
    };
    if (filter !== undefined)
      return unit.select(pageStatement<Row>(options, page, filter, parentsOf(keys)), { ...values, parentId: keys[0] });
    const shape = `${page.order} ${page.backward} ${page.from !== null} ${page.columns.token}`;
    const statement = statements.get(shape) ?? pageStatement<Row>(options, page, undefined);
    statements.set(shape, statement);
    return unit.select(statement, values);
  };

  const accompany = async (
    unit: UnitOfWork,
    rows: readonly Record<string, unknown>[],
    field: string,
  ): Promise<void> => {
    const companion = options.companions?.[field];
    if (companion === undefined) return;
    const keys = new Set(rows.map((row) => row[companion.key]).filter((key) => typeof key === 'string'));
    const found: ReadonlyMap<unknown, unknown> = keys.size === 0 ? new Map() : await companion.of.all(unit, [...keys]);
    for (const row of rows) row[field] = found.get(row[companion.key]) ?? null;
  };

  const pages = (unit: UnitOfWork, page: Page, filter: SQL | undefined, token: string): Loader<Row[]> =>
    kept(unit, options, `page ${token}`, async (keys) => {
      const rows = await rowsOf(unit, page, filter, keys);
      await Promise.all(page.companions.map((field) => accompany(unit, rows, field)));
      if (parentKey === undefined) return keys.map(() => rows);
      const groups = new Map<unknown, Row[]>(keys.map((key) => [key, []]));
      for (const row of rows) groups.get(row[parentKey])?.push(row);
      return keys.map((key) => groups.get(key) ?? []);
    });

  const counts = (unit: UnitOfWork, filter: SQL | undefined, token: string): Loader<number> =>
    kept(unit, options, `count ${token}`, async (keys) => {
      const statement = filter === undefined ? countOfAll() : countStatement(options, filter);
      const rows = await unit.select(statement, { organizationId: unit.organizationId, keys: uuidArray(keys) });
      const numbers = new Map(rows.map((row) => [row.parent ?? unit.organizationId, row.total]));
      return keys.map((key) => numbers.get(key) ?? 0);
    });

  /**
   * Without `wanted` all columns are read, and rows are counted when somebody asks.
   * @throws BadUserInput for a wrong page size, cursor, order or filter, before any statement.
   */
  return async <Result = Row>(
    unit: UnitOfWork,
    args: ListArguments,
    parentId = unit.organizationId,
    wanted?: Wanted,
  ): Promise<Connection<Result>> => {
    const page = pageOf(options, args, wanted);
    const filter = conditionOf(options.filters ?? {}, args.filter);
    const filterToken = filter === undefined ? '' : JSON.stringify(args.filter);
    const token = `${page.size} ${page.order} ${page.backward} ${page.from?.join() ?? ''} ${page.columns.token} ${page.looksBeyond} ${page.companions.join()} ${filterToken}`;
    const total = () => counts(unit, filter, filterToken).load(parentId);
    const rows = pages(unit, page, filter, token).load(parentId);
    // Sent together with the page; whoever asks for the number gets its failure.
    if (wanted?.totalCount === true) total().catch(() => undefined);
    const found = await rows;
    // The cast is safe where `Result` is the domain's row type for the same table.
    return connectionOf(found, page, keyIn(options.columns, options.orders[page.field]), total) as Connection<Result>;
  };
};

const kept = <Value>(
  unit: UnitOfWork,
  list: object,
  token: string,
  load: (keys: readonly string[]) => Promise<Value[]>,
): Loader<Value> => {
  // The casts are safe: what is stored under a list and token is made by the same call.
  const ofList = (unit.loaders.get(list) ?? new Map()) as Map<string, Loader<Value>>;
  unit.loaders.set(list, ofList);
  const loader = ofList.get(token) ?? new DataLoader<string, Value>(load, { maxBatchSize: 1000 });
  ofList.set(token, loader);
  return loader;
};

/** The name under which `columns` selects a column of the table. */
const keyIn = (columns: SelectedFields, column: PgColumn | undefined): string => {
  const found = Object.entries(columns).find(([, selected]) => selected === column);
  if (found === undefined) throw new Error(`A list does not select the column ${column?.name} that it needs.`);
  return found[0];
};

const uuidText = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const patterns: Record<string, RegExp> = {
  PgTimestampString: /^\d{4,}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{1,3})?\+00$/,
  PgDateString: /^\d{4,}-\d\d-\d\d$/,
  PgUUID: uuidText,
  PgInteger: /^-?\d{1,9}$/,
  PgBigInt53: /^-?\d{1,15}$/,
  PgDoublePrecision: /^-?\d+(\.\d+)?(e[+-]?\d+)?$/,
  // Postgres text holds no NUL.
  PgText: /^[^\0]*$/,
  // The one type of our own that orders: text in the order of its bytes.
  PgCustomColumn: /^[^\0]*$/,
};

const misses = (value: unknown) => value === undefined || value === null;

/** Columns by the fields they were asked for, for each list; those for all fields under the list itself. */
const asked = new WeakMap<object, WeakMap<object, Reading>>();

const columnsFor = (options: ListOptions<SelectedFields>, fields: ReadonlySet<string> | undefined): Reading => {
  const ofList = asked.get(options) ?? new WeakMap<object, Reading>();
  asked.set(options, ofList);
  const key = options.needs === undefined ? options : (fields ?? options);
  const found = ofList.get(key) ?? columnsOf(chosen(options, fields));
  ofList.set(key, found);
  return found;
};

const columnsOf = (names: readonly string[]): Reading => ({ names: new Set(names), token: names.join() });

const chosen = (
  { columns, needs, parent, orders }: ListOptions<SelectedFields>,
  fields: ReadonlySet<string> | undefined,
): readonly string[] => {
  const all = Object.keys(columns);
  if (needs === undefined || fields === undefined) return all;
  const ofFields = [...fields]
    .filter((field) => field !== '__typename')
    .map((field) => (all.includes(field) ? [field] : needs[field]));
  // A field nobody knows of may be made of anything.
  if (ofFields.includes(undefined)) return all;
  const ofList = [...Object.values(orders), ...(parent === undefined ? [] : [parent])].map((each) =>
    keyIn(columns, each),
  );
  const wanted = new Set(['id', ...ofList, ...ofFields.flatMap((each) => each ?? [])]);
  return all.filter((name) => wanted.has(name));
};

const accompanied = new WeakMap<Wanted, readonly string[]>();

/** What is wanted of one field of a document is the same at each call, and belongs to one list. */
const companionsOf = ({ companions = {} }: ListOptions<SelectedFields>, wanted: Wanted): readonly string[] => {
  const found = accompanied.get(wanted) ?? Object.keys(companions).filter((field) => wanted.certain.has(field));
  accompanied.set(wanted, found);
  return found;
};

const pageOf = (options: ListOptions<SelectedFields>, args: ListArguments, wanted: Wanted | undefined): Page => {
  const backward = args.last !== undefined && args.last !== null;
  if (backward && !(misses(args.first) && misses(args.after)))
    throw new BadUserInput('first', 'Give first and after, or last and before, not both.');
  if (!backward && !misses(args.before)) throw new BadUserInput('before', 'The argument before goes with last.');
  const size = (backward ? args.last : args.first) ?? defaultPageSize;
  if (size < 1 || size > maxPageSize)
    throw new BadUserInput(backward ? 'last' : 'first', `A page holds 1 to ${maxPageSize} entries.`);
  if ((args.orderBy?.length ?? 0) > 1) throw new BadUserInput('orderBy', 'A list has one order; its id breaks ties.');
  const { field, direction = 'ASC' } = args.orderBy?.[0] ?? options.defaultOrder;
  const column = options.orders[field];
  if (column === undefined) throw new BadUserInput('orderBy', `This list has no order ${field}.`);
  const order = `${field} ${direction}`;
  const cursor = (backward ? args.before : args.after) ?? null;
  const accepts = [patterns[column.columnType] ?? /(?!)/, uuidText];
  const from = cursor === null ? null : decodeCursor(backward ? 'before' : 'after', order, accepts, cursor);
  const columns = columnsFor(options, wanted?.fields);
  const looksBeyond = wanted?.pageInfo ?? true;
  const companions = wanted === undefined ? [] : companionsOf(options, wanted);
  return { size, backward, order, field, descending: direction === 'DESC', from, columns, looksBeyond, companions };
};

const idOf = ({ from, id = from.id }: ListOptions<SelectedFields>): PgColumn => {
  if (id === undefined) throw new Error('A list does not say what tells its rows apart.');
  return id;
};

const tenantOf = ({ from, personal }: ListOptions<SelectedFields>): SQL | undefined =>
  from.organizationId && personal !== true ? eq(from.organizationId, bound.organizationId) : undefined;

const anyParents = sql`unnest(${bound.keys}::uuid[]) as parent(id)`;
/** Postgres sees through it, so that its plan is one for this very parent. */
const oneParent = sql`(select ${sql.placeholder('parentId')}::uuid as id) as parent`;
const parentsOf = (keys: readonly string[]): SQL => (keys.length === 1 ? oneParent : anyParents);

const pageStatement = <Row>(
  options: ListOptions<SelectedFields>,
  page: Page,
  filter: SQL | undefined,
  parents = anyParents,
): Statement<Row> => {
  const { from: table, parent, orders } = options;
  const id = idOf(options);
  const column = orders[page.field] ?? id;
  // Reading backwards walks the same index the other way; the page is turned round afterwards.
  const down = page.descending !== page.backward;
  const after =
    page.from === null
      ? undefined
      : sql`(${column}, ${id}) ${sql.raw(down ? '<' : '>')} (${sql.placeholder('from0')}, ${sql.placeholder('from1')})`;
  const turn = down ? desc : asc;
  const columns = Object.fromEntries(Object.entries(options.columns).filter(([name]) => page.columns.names.has(name)));
  const absent = Object.keys(options.columns).filter((name) => !page.columns.names.has(name));
  const ofTenant = tenantOf(options);
  const rows = (ofParent: SQL | undefined) =>
    database
      .select(columns)
      .from(table)
      .where(and(ofTenant, ofParent, options.where, filter, after))
      .orderBy(turn(column), turn(id))
      .limit(sql.placeholder('size'));
  const reading = { plannedAnew: filter !== undefined, absent };
  // The casts are safe where `Row` has the types of `columns`.
  if (parent === undefined) return Statement.select(rows(undefined) as unknown as Selection<Row>, reading);
  const perParent = rows(sql`${parent} = parent.id`).as('page');
  const ofAllParents = database
    .select(perParent._.selectedFields as SelectedFields)
    .from(parents)
    .crossJoinLateral(perParent);
  return Statement.select(ofAllParents as unknown as Selection<Row>, reading);
};

const countStatement = (options: ListOptions<SelectedFields>, filter: SQL | undefined) => {
  const { from: table, parent, where } = options;
  const ofTenant = tenantOf(options);
  const rows = (ofParent: SQL | undefined) =>
    database
      .select({ total: count() })
      .from(table)
      .where(and(ofTenant, ofParent, where, filter));
  const total = (of: SQL | undefined) => sql`(${rows(of)})`.mapWith(Number);
  // A count for each parent, not one with groups, which would be sorted first.
  return Statement.select(
    parent === undefined
      ? database.select({ parent: sql<string | null>`null`, total: total(undefined) }).from(sql`(select) as once`)
      : database
          .select({ parent: sql<string | null>`parent.id`, total: total(sql`${parent} = parent.id`) })
          .from(sql`unnest(${bound.keys}::uuid[]) as parent(id)`),
    { plannedAnew: filter !== undefined },
  );
};

/** An edge computes its cursor only when it is asked for. */
class RowEdge<Row extends { id: string }> implements Edge<Row> {
  readonly node: Row;
  readonly #order: string;
  readonly #key: string;
  constructor(node: Row, order: string, key: string) {
    this.node = node;
    this.#order = order;
    this.#key = key;
  }
  get cursor(): string {
    return encodeCursor(this.#order, [(this.node as Record<string, unknown>)[this.#key], this.node.id]);
  }
}

const connectionOf = <Row extends { id: string }>(
  rows: readonly Row[],
  page: Page,
  key: string,
  totalCount: () => Promise<number>,
): Connection<Row> => {
  const more = rows.length > page.size;
  const cut = more ? rows.slice(0, page.size) : [...rows];
  if (page.backward) cut.reverse();
  const edges = cut.map((row) => new RowEdge(row, page.order, key));
  const pageInfo = {
    hasNextPage: page.backward ? page.from !== null : more,
    hasPreviousPage: page.backward ? more : page.from !== null,
    get startCursor() {
      return edges[0]?.cursor ?? null;
    },
    get endCursor() {
      return edges.at(-1)?.cursor ?? null;
    },
  };
  return { edges, pageInfo, totalCount };
};
