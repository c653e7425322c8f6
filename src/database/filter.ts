import {
  and,
  eq,
  gt,
  gte,
  inArray,
  isNotNull,
  isNull,
  lt,
  lte,
  ne,
  not,
  notInArray,
  or,
  sql,
  type SQL,
  type SQLWrapper,
} from 'drizzle-orm';
import type { PgColumn } from 'drizzle-orm/pg-core';
import { BadUserInput } from '../errors.ts';

/** What a comparison (`eq`, `in`, …) with a value means for something that is no column, such as a state made of several. */
export type Meaning = (comparator: string, value: unknown) => SQL | undefined;

/**
 * Columns a list can be filtered by, under the names the API gives them, or what is computed of them. Only indexed ones belong here, and
 * what divides lists that are short.
 */
export type Filterable = Readonly<Record<string, Comparable | Folded | Whole>>;
type Comparable = PgColumn | SQL | Meaning;

/** Text compared without regard to case, by the index on its lower case. */
export interface Folded {
  readonly folded: PgColumn;
}

/** A comparison whose parts mean something together only, such as the name of a thing and the value it is to have. */
export interface Whole {
  readonly whole: (comparison: Readonly<Record<string, unknown>>) => SQL | undefined;
}

const maxLevels = 3;
const maxComparisons = 30;

/**
 * Compiles a filter input (`{ status: { in: [READY] }, or: [{…}, {…}] }`) to a condition; absent gives undefined.
 * @throws BadUserInput beyond 3 levels of and/or/not or 30 comparisons.
 */
export const conditionOf = (columns: Filterable, filter: unknown): SQL | undefined => {
  const budget = { comparisons: maxComparisons };
  return isObject(filter) ? compile(columns, filter, 1, budget) : undefined;
};

const compile = (
  columns: Filterable,
  filter: object,
  level: number,
  budget: { comparisons: number },
): SQL | undefined => {
  if (level > maxLevels) throw new BadUserInput('filter', `A filter nests at most ${maxLevels} levels.`);
  const inner = (value: unknown) => (isObject(value) ? compile(columns, value, level + 1, budget) : undefined);
  const parts = Object.entries(filter).map(([name, value]): SQL | undefined => {
    if (value === null || value === undefined) return undefined;
    if (name === 'and') return and(...listed(value).map(inner));
    if (name === 'or') return or(...listed(value).map(inner));
    if (name === 'not') return negated(inner(value));
    const column = columns[name];
    if (column === undefined) throw new BadUserInput(`filter.${name}`, `This list has no filter ${name}.`);
    return compared(column, name, value, budget);
  });
  return and(...parts);
};

const comparators: Record<string, (column: SQLWrapper, value: unknown) => SQL> = {
  eq: (column, value) => (value === null ? isNull(column) : eq(column, value)),
  ne: (column, value) => (value === null ? isNotNull(column) : ne(column, value)),
  in: (column, value) => inArray(column, listed(value)),
  notIn: (column, value) => notInArray(column, listed(value)),
  isNull: (column, value) => (value === true ? isNull(column) : isNotNull(column)),
  lt,
  lte,
  gt,
  gte,
};

const compared = (
  filterable: Comparable | Folded | Whole,
  name: string,
  value: unknown,
  budget: { comparisons: number },
): SQL | undefined => {
  if (!isObject(value)) return undefined;
  const operands = Object.entries(value).filter(([, operand]) => operand !== undefined);
  for (const [, operand] of operands) {
    budget.comparisons -= Array.isArray(operand) ? Math.max(1, Math.ceil(operand.length / 10)) : 1;
    if (budget.comparisons < 0)
      throw new BadUserInput('filter', `A filter holds at most ${maxComparisons} comparisons.`);
    if (Array.isArray(operand) && operand.length > 100)
      throw new BadUserInput(`filter.${name}`, 'A filter compares with at most 100 values.');
  }
  if ('whole' in filterable) return filterable.whole(Object.fromEntries(operands));
  const folds = 'folded' in filterable;
  const column = folds ? sql`lower(${filterable.folded})` : filterable;
  const parts = operands.map(([comparator, operand]) => {
    if (typeof column === 'function') return column(comparator, operand);
    const compare = comparators[comparator];
    if (compare === undefined) throw new BadUserInput(`filter.${name}`, `There is no comparison ${comparator}.`);
    return compare(column, folds ? inLowerCase(operand) : operand instanceof Date ? operand.toISOString() : operand);
  });
  return and(...parts);
};

const inLowerCase = (operand: unknown): unknown => {
  if (Array.isArray(operand)) return operand.map(inLowerCase);
  return typeof operand === 'string' ? operand.toLowerCase() : operand;
};

/** Whether a filter says something of a field, at whatever level. */
export const mentions = (filter: unknown, field: string): boolean =>
  isObject(filter) &&
  Object.entries(filter).some(([name, value]) =>
    ['and', 'or', 'not'].includes(name)
      ? listed(value).some((inner) => mentions(inner, field))
      : name === field && isObject(value),
  );

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null;
const listed = (value: unknown): unknown[] => (Array.isArray(value) ? value : [value]);
const negated = (condition: SQL | undefined): SQL | undefined => (condition === undefined ? undefined : not(condition));
