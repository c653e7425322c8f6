import { afterAll, beforeAll, expect, test } from '@jest/globals';
import {
  getNamedType,
  isInputObjectType,
  isNonNullType,
  type GraphQLField,
  type GraphQLInputObjectType,
  type GraphQLSchema,
} from 'graphql';
import { buildSchema } from '../src/gateway/schema.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { promote } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** Lists without a filter, and why. */
const unfiltered: Readonly<Record<string, string>> = {
  userSessions: 'computed from requests of a time, which its arguments name',
  savingPlaces: 'the few workspaces that a browser extension saves to',
  searchMessages: 'a search: ranked by words, narrowed by arguments',
  searchEmails: 'a search: ranked by words, narrowed by arguments',
  searchRoomMessages: 'a search: ranked by words, narrowed by arguments',
  knowledgeCategories: 'counts by name, narrowed by what it begins with',
  templateCategories: 'counts by name',
  knowledgeVersions: 'versions of one entry',
  inboundEmailSources: 'the few that an organization sets up',
  providerKeys: 'the few that an organization sets up',
  platformProviderKeys: 'the few that an installation sets up',
};
/** Filters of another grammar, and why. */
const otherwise: Readonly<Record<string, string>> = {
  searchKnowledge: 'narrows a search, which knows no alternatives',
};
/** Switches of lists that are no comparisons, and why. */
const switches: Readonly<Record<string, string>> = {
  'OfficeDocumentFilter.deleted': 'says whether the trash is listed in place of the rest',
};
/** What may be compared, in all lists; words of a few lists stand beside what they are made for. */
const comparators = new Set(['eq', 'ne', 'in', 'notIn', 'isNull', 'lt', 'lte', 'gt', 'gte', 'startsWith', 'contains']);
const ownComparators: Readonly<Record<string, readonly string[]>> = {
  TagComparison: ['has', 'hasAny', 'hasAll'],
  MetadataComparison: ['name', 'eq', 'in'],
  TitleComparison: ['words'],
};

type Field = GraphQLField<unknown, unknown>;
let bed: Testbed;
let schema: GraphQLSchema;
let lists: Field[];

beforeAll(async () => {
  bed = await startTestbed();
  schema = await buildSchema();
  lists = Object.values(schema.getQueryType()?.getFields() ?? {}).filter(({ type }) =>
    getNamedType(type).name.endsWith('Connection'),
  );
}, 60_000);
afterAll(() => bed.stop());

const filterOf = ({ args }: Field): GraphQLInputObjectType | undefined => {
  const type = args.find(({ name }) => name === 'filter')?.type;
  const named = type && getNamedType(type);
  return isInputObjectType(named) ? named : undefined;
};

test('each list has a filter, or a reason for none', () => {
  expect(lists.length).toBeGreaterThan(45);
  const without = lists.filter((field) => filterOf(field) === undefined).map(({ name }) => name);
  expect(without.toSorted()).toEqual(Object.keys(unfiltered).toSorted());
});

test('the filters of all lists have one grammar', () => {
  const faults = lists.flatMap((field) => {
    const filter = filterOf(field);
    if (filter === undefined || otherwise[field.name] !== undefined) return [];
    const { and, or, not, ...others } = filter.getFields();
    const combined = [and, or, not].map((each) => String(each?.type));
    const wanted = [`[${filter.name}!]`, `[${filter.name}!]`, filter.name];
    const odd = Object.values(others).filter(
      ({ name, type }) =>
        switches[`${filter.name}.${name}`] === undefined && !isComparison(getNamedType(type) as GraphQLInputObjectType),
    );
    return [
      ...(combined.join() === wanted.join() ? [] : [`${filter.name}: and, or, not`]),
      ...odd.map(({ name }) => `${filter.name}.${name}`),
    ];
  });
  expect(faults).toEqual([]);
});

const isComparison = (type: GraphQLInputObjectType): boolean =>
  isInputObjectType(type) &&
  type.name.endsWith('Comparison') &&
  Object.keys(type.getFields()).every((name) => comparators.has(name) || ownComparators[type.name]?.includes(name));

test('no list takes more than 3 levels or 30 comparisons', async () => {
  const ada = await bed.signUp('Ada');
  await promote(bed, ada, 'SUPERADMIN');
  const asked: string[] = [];
  const wrong: unknown[] = [];
  for (const field of lists) {
    const filter = filterOf(field);
    const needs = field.args.filter(({ type, defaultValue }) => isNonNullType(type) && defaultValue === undefined);
    if (filter === undefined || otherwise[field.name] !== undefined || needs.length > 0) continue;
    const compared = Object.values(filter.getFields()).find(({ type }) => {
      const named = getNamedType(type);
      return isInputObjectType(named) && named.getFields().isNull !== undefined;
    });
    const query = `query ($filter: ${filter.name}) { ${field.name}(filter: $filter) { totalCount } }`;
    const messages = async (value: object) =>
      (await ada.ask(query, { filter: value })).errors.map((each) => each.message);
    const deep = await messages({ not: { not: { not: {} } } });
    const fine = await messages({ not: { not: {} } });
    if (deep.join() !== 'A filter nests at most 3 levels.' || fine.length > 0) wrong.push([field.name, deep, fine]);
    asked.push(field.name);
    if (compared === undefined) continue;
    const each = { [compared.name]: { isNull: true } };
    const many = await messages({ or: Array.from({ length: 31 }, () => each) });
    const enough = await messages({ or: Array.from({ length: 30 }, () => each) });
    if (many.join() !== 'A filter holds at most 30 comparisons.' || enough.length > 0)
      wrong.push([field.name, many, enough]);
  }
  expect(wrong).toEqual([]);
  expect(asked.length).toBeGreaterThan(25);
}, 60_000);

test('deleted orders are filtered like the others', async () => {
  const ada = await bed.signUp('Ada');
  const ids: string[] = [];
  for (const priority of ['LOW', 'URGENT']) {
    const { createOrder }: Data = await ada.want(
      'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id } } }',
      { input: { type: 'LOAN', priority } },
    );
    ids.push(createOrder.order.id);
    await ada.want('mutation ($id: ID!) { deleteOrder(input: { id: $id }) { deletedId } }', { id: ids.at(-1) });
  }
  const query = `{ deletedOrders(filter: { or: [{ priority: { eq: URGENT } }, { priority: { notIn: [LOW, URGENT] } }] }) { totalCount edges { node { id } } } }`;
  const data: Data = await ada.want(query);
  expect(data.deletedOrders).toEqual({ totalCount: 1, edges: [{ node: { id: ids[1] } }] });
});

test('a column of a board is read page by page, each task once', async () => {
  const ada = await bed.signUp('Ada');
  const id = await projectOf(ada);
  for (let made = 0; made < 7; made++) await taskIn(ada, id);
  const query = `query ($id: ID!, $after: String) { project(id: $id) { board { tasks(first: 3, after: $after) { pageInfo { hasNextPage endCursor } edges { node { number } } } } } }`;
  const numbers: number[] = [];
  let after: string | null = null;
  do {
    const data: Data = await ada.want(query, { id, after });
    const { edges, pageInfo } = data.project.board[0].tasks;
    numbers.push(...edges.map(({ node }: Data) => node.number));
    after = pageInfo.hasNextPage ? pageInfo.endCursor : null;
  } while (after !== null);
  expect(numbers).toEqual([1, 2, 3, 4, 5, 6, 7]);
});
