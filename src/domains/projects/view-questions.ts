import {
  coerceInputValue,
  getNamedType,
  isInputObjectType,
  type GraphQLInputField,
  type GraphQLInputObjectType,
  type GraphQLSchema,
} from 'graphql';
import { filterBoundIssues } from '../../database/filter.ts';
import type { ListArguments } from '../../database/list.ts';
import { NotFound, type InputIssue } from '../../errors.ts';
import { decodeId, idTypeOf, InputDecoders, isRecord } from '../input-ids.ts';
import type { SavedViewRow } from './project-tables.ts';

/** A question to a list, as clients write it. */
export type Question = Pick<SavedViewRow, 'list' | 'orderBy'> & { readonly filter: unknown };

/** What a list is asked with: read as the arguments of its field are, with UUIDs for global ids. */
export type Asked = Pick<ListArguments, 'filter' | 'orderBy'>;

/** What the lists are made of. Filters and orders are called after it. */
const typeOf: Readonly<Record<SavedViewRow['list'], string>> = {
  TASKS: 'Task',
  PROJECTS: 'Project',
  TIME_ENTRIES: 'TimeEntry',
  ORDERS: 'Order',
  CONVERSATIONS: 'Conversation',
  DOCUMENTS: 'Document',
};

const maxIssues = 100;

/** All faults of a question by the schema's own types: unknown fields, values that do not fit, malformed ids, too much of it; 100 at most. */
export const questionIssues = (schema: GraphQLSchema, { list, filter, orderBy }: Question): InputIssue[] => {
  const { filters, orders } = typesOf(schema, list);
  if (filters === undefined) return [{ field: 'list', message: 'There is no such list in this installation.' }];
  return [...filterIssues(schema, filters, filter), ...orderIssues(orders, orderBy)].slice(0, maxIssues);
};

/** What the list is asked with; null for a question that does not fit it. */
export const askedWith = (schema: GraphQLSchema, question: Question): Asked | null => {
  const { filters, orders } = typesOf(schema, question.list);
  if (filters === undefined || questionIssues(schema, question).length > 0) return null;
  const decode = decodersOf(schema).ofArguments(filters.name, { filter: { type: filters } });
  const read = { filter: coerceInputValue(question.filter, filters) };
  // The casts are safe: the decoder changes ids alone, and each order is what its own type made of it.
  const { filter } = (decode?.(read) ?? read) as { filter: unknown };
  const orderBy = orders && (question.orderBy.map((each) => coerceInputValue(each, orders)) as Asked['orderBy']);
  return orderBy === undefined || orderBy?.length === 0 ? { filter } : { filter, orderBy };
};

const typesOf = (schema: GraphQLSchema, list: SavedViewRow['list']) => ({
  filters: inputOf(schema, `${typeOf[list]}Filter`),
  orders: inputOf(schema, `${typeOf[list]}Order`),
});

const inputOf = (schema: GraphQLSchema, name: string): GraphQLInputObjectType | undefined => {
  const type = schema.getType(name);
  return isInputObjectType(type) ? type : undefined;
};

const decoders = new WeakMap<GraphQLSchema, InputDecoders>();
const decodersOf = (schema: GraphQLSchema): InputDecoders => {
  const found = decoders.get(schema) ?? new InputDecoders(schema);
  decoders.set(schema, found);
  return found;
};

const filterIssues = (schema: GraphQLSchema, type: GraphQLInputObjectType, filter: unknown): InputIssue[] => {
  if (!isRecord(filter)) return [{ field: 'filter', message: 'A filter is an object.' }];
  const bounds = filterBoundIssues(filter);
  // Deeper ones are read no further.
  if (bounds.length > 0) return bounds;
  const issues: InputIssue[] = [];
  const read: unknown = coerceInputValue(filter, type, (path, _value, { message }) =>
    issues.push({ field: pathOf('filter', path, message), message }),
  );
  return [...issues, ...idIssues(schema, type, read, 'filter')];
};

/** An unknown field is told at its own path, where graphql-js names the object that holds it. */
const pathOf = (root: string, path: readonly (string | number)[], message: string): string =>
  [root, ...path, ...(/^Field "([^"]*)" is not defined/.exec(message)?.slice(1) ?? [])].join('.');

/** Faults of the ids in what graphql-js has read. */
const idIssues = (schema: GraphQLSchema, type: GraphQLInputObjectType, value: unknown, path: string): InputIssue[] => {
  if (Array.isArray(value))
    return value.flatMap((each, index) => idIssues(schema, type, each, `${path}.${String(index)}`));
  if (!isRecord(value)) return [];
  return Object.values(type.getFields()).flatMap((field) => fieldIssues(schema, field, value[field.name], path));
};

const fieldIssues = (schema: GraphQLSchema, field: GraphQLInputField, value: unknown, parent: string): InputIssue[] => {
  const path = `${parent}.${field.name}`;
  const named = getNamedType(field.type);
  const of = idTypeOf(schema, field);
  if (of !== undefined) return texts(value, path).flatMap(([place, id]) => wrongId(of, id, place));
  return isInputObjectType(named) ? idIssues(schema, named, value, path) : [];
};

const wrongId = (type: string, id: string, field: string): InputIssue[] => {
  try {
    decodeId(type, id);
    return [];
  } catch (error) {
    if (!(error instanceof NotFound)) throw error;
    return [{ field, message: `This is no id of the type ${type}.` }];
  }
};

/** The texts in a value, with where each stands. */
const texts = (value: unknown, path: string): (readonly [string, string])[] => {
  if (typeof value === 'string') return [[path, value]];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([name, inner]) => texts(inner, `${path}.${name}`));
};

const orderIssues = (type: GraphQLInputObjectType | undefined, orderBy: Question['orderBy']): InputIssue[] => {
  if (orderBy.length > 1) return [{ field: 'orderBy', message: 'A list has one order; its id breaks ties.' }];
  const issues: InputIssue[] = [];
  for (const [index, order] of orderBy.entries())
    if (type === undefined) issues.push({ field: 'orderBy', message: 'This list has one order only.' });
    else
      coerceInputValue(order, type, (path, _value, { message }) =>
        issues.push({ field: ['orderBy', index, ...path].join('.'), message }),
      );
  return issues;
};
