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
import { BadUserInput, type InputIssue } from '../errors.ts';

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
/** Values that one comparison may name. */
const maxValues = 100;

/**
 * Compiles a filter input (`{ status: { in: [READY] }, or: [{…}, {…}] }`) to a condition; absent gives undefined.
 * @throws BadUserInput beyond 3 levels of and/or/not or 30 comparisons.
 */
export const conditionOf = (columns: Filterable, filter: unknown): SQL | undefined => {
  if (!isObject(filter)) return undefined;
  const issues = filterBoundIssues(filter);
  if (issues.length > 0) throw new BadUserInput(issues);
  return compile(columns, filter);
};

/** Faults of a filter of whatever list: more than 3 levels of and/or/not, more than 30 comparisons, or one with more than 100 values. */
export const filterBoundIssues = (filter: object): InputIssue[] => {
  const budget = { comparisons: maxComparisons };
  const issues = levelIssues(filter, 1, budget);
  if (budget.comparisons < 0)
    issues.push({ field: 'filter', message: `A filter holds at most ${maxComparisons} comparisons.` });
  // Each fault once, however often a filter has it.
  return [...new Map(issues.map((issue) => [`${issue.field} ${issue.message}`, issue])).values()];
};

const levelIssues = (filter: object, level: number, budget: { comparisons: number }): InputIssue[] => {
  if (level > maxLevels) return [{ field: 'filter', message: `A filter nests at most ${maxLevels} levels.` }];
  return Object.entries(filter).flatMap(([name, value]): InputIssue[] => {
    if (['and', 'or', 'not'].includes(name))
      return listed(value).flatMap((inner) => (isObject(inner) ? levelIssues(inner, level + 1, budget) : []));
    return isObject(value) ? comparisonIssues(name, value, budget) : [];
  });
};

const comparisonIssues = (name: string, comparison: object, budget: { comparisons: number }): InputIssue[] =>
  Object.values(comparison).flatMap((operand: unknown) => {
    if (operand === undefined) return [];
    budget.comparisons -= Array.isArray(operand) ? Math.max(1, Math.ceil(operand.length / 10)) : 1;
    return Array.isArray(operand) && operand.length > maxValues
      ? [{ field: `filter.${name}`, message: `A filter compares with at most ${maxValues} values.` }]
      : [];
  });

const compile = (columns: Filterable, filter: object): SQL | undefined => {
  const inner = (value: unknown) => (isObject(value) ? compile(columns, value) : undefined);
  const parts = Object.entries(filter).map(([name, value]): SQL | undefined => {
    if (value === null || value === undefined) return undefined;
    if (name === 'and') return and(...listed(value).map(inner));
    if (name === 'or') return or(...listed(value).map(inner));
    if (name === 'not') return negated(inner(value));
    const column = columns[name];
    if (column === undefined) throw new BadUserInput(`filter.${name}`, `This list has no filter ${name}.`);
    return compared(column, name, value);
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

const compared = (filterable: Comparable | Folded | Whole, name: string, value: unknown): SQL | undefined => {
  if (!isObject(value)) return undefined;
  const operands = Object.entries(value).filter(([, operand]) => operand !== undefined);
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
