import { Column, is, Param, Placeholder, SQL, type DriverValueDecoder } from 'drizzle-orm';

/** A statement of Drizzle's, which gives rows when it is awaited. */
export interface Built<Row> extends PromiseLike<Row[]> {
  toSQL(): { readonly sql: string; readonly params: unknown[] };
}

/** A select of Drizzle's. */
export interface Selection<Row> extends Built<Row> {
  readonly _: { readonly selectedFields: object };
}

interface StatementOptions {
  readonly plannedAnew?: boolean;
  readonly absent?: readonly string[];
}

/** Where a value of a row goes, and how it gets its type; null where the driver's value is the row's. */
interface Place {
  readonly name: string;
  readonly group: string | null;
  readonly decoder: DriverValueDecoder<unknown, unknown> | null;
}

/**
 * A statement that Drizzle builds once. What Drizzle does again for each run of a prepared query (finding the placeholders, the decoder of
 * each column of each row, spans for tracing) is done here once: it took more time than the database for a page of rows.
 * Fields may stand in groups, one level deep, which must not be those of a left join.
 *
 * `plannedAnew` is for conditions whose best plan depends on the values given; otherwise the server keeps one plan for all.
 * `absent` names what a row might have and this selection leaves out: reading it throws.
 */
export class Statement<Row> {
  readonly text: string;
  readonly plannedAnew: boolean;
  readonly #bind: readonly ((values: Readonly<Record<string, unknown>>) => unknown)[];
  readonly #places: readonly Place[];
  readonly #groups: readonly string[];
  readonly #Row: new () => Record<string, unknown>;

  private constructor(
    statement: Built<Row>,
    fields: object,
    { plannedAnew = false, absent = [] }: StatementOptions = {},
  ) {
    this.#Row = rowClass(absent);
    this.plannedAnew = plannedAnew;
    const { sql, params } = statement.toSQL();
    this.text = sql;
    this.#bind = params.map(binding);
    this.#places = placesOf(fields, null);
    this.#groups = [...new Set(this.#places.flatMap(({ group }) => group ?? []))];
  }

  /** A select, whose fields Drizzle knows. */
  static select<Row>(selection: Selection<Row>, options?: StatementOptions): Statement<Row> {
    return new Statement(selection, selection._.selectedFields, options);
  }

  /** An insert, an update or a delete that returns these columns of each row. */
  static returning<Row>(change: Built<Row>, columns: object): Statement<Row> {
    return new Statement(change, columns);
  }

  /** The parameters in order, of the values that stand for its placeholders. */
  parameters(values: Readonly<Record<string, unknown>>): unknown[] {
    return this.#bind.map((bind) => bind(values));
  }

  /** A row as the statement's type has it, of what the driver gives: its values in order. */
  row(values: readonly unknown[]): Row {
    const row = new this.#Row();
    for (const group of this.#groups) row[group] = {};
    for (let index = 0; index < this.#places.length; index += 1) {
      const { name, group, decoder } = this.#places[index] as Place;
      const value = values[index];
      const target = group === null ? row : (row[group] as Record<string, unknown>);
      target[name] = decoder === null || value === null ? value : decoder.mapFromDriverValue(value);
    }
    // The cast is safe: names and decoders are those of the selection that gives `Row`.
    return row as Row;
  }
}

const rowClass = (absent: readonly string[]): new () => Record<string, unknown> => {
  class Row {
    [name: string]: unknown;
  }
  for (const name of absent)
    Object.defineProperty(Row.prototype, name, {
      get: () => {
        throw new Error(`The column ${name} was not read.`);
      },
    });
  return Row;
};

const binding = (param: unknown): ((values: Readonly<Record<string, unknown>>) => unknown) => {
  if (is(param, Placeholder)) return (values) => given(values, param.name);
  if (is(param, Param) && is(param.value, Placeholder)) {
    const { encoder } = param;
    const { name } = param.value;
    return (values) => encoder.mapToDriverValue(given(values, name));
  }
  return () => param;
};

const given = (values: Readonly<Record<string, unknown>>, name: string): unknown => {
  const value = values[name];
  if (value === undefined) throw new Error(`The statement was run without a value for ${name}.`);
  return value;
};

/** Columns whose values the driver gives as the row has them; Drizzle's decoders would look at each again. */
const plain = new Set([
  'PgText',
  'PgUUID',
  'PgBoolean',
  'PgTimestampString',
  'PgInteger',
  'PgDoublePrecision',
  'PgNumeric',
]);

const placesOf = (fields: object, group: string | null): Place[] =>
  Object.entries(fields).flatMap(([name, field]: [string, unknown]) => {
    if (is(field, Column)) return { name, group, decoder: plain.has(field.columnType) ? null : field };
    const sql = is(field, SQL.Aliased) ? field.sql : field;
    // The types of Drizzle leave the decoder out.
    if (is(sql, SQL)) return { name, group, decoder: (sql as unknown as Pick<Place, 'decoder'>).decoder };
    if (group !== null || typeof field !== 'object' || field === null)
      throw new Error(`A statement cannot select ${name}.`);
    return placesOf(field, name);
  });
