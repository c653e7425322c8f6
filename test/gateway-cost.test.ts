import { ApolloServer } from '@apollo/server';
import { expect, test } from '@jest/globals';
import { buildSchema, parse, validate } from 'graphql';
import type { GraphQLSchema } from 'graphql';
import { compileCost, operationCosts } from '../src/gateway/cost.ts';
import { costPlugin } from '../src/gateway/cost-plugin.ts';
import { productionLimits } from '../src/gateway/limits.ts';
import { unsizedLists } from '../src/gateway/cost-facts.ts';

const directives = `
  directive @cost(weight: String!) on ARGUMENT_DEFINITION | ENUM | FIELD_DEFINITION | INPUT_FIELD_DEFINITION | OBJECT | SCALAR
  directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
`;

const schema = buildSchema(`${directives}
  type Query {
    shelf(id: ID!): Shelf
    shelves(ids: [ID!]!): [Shelf!]! @listSize(slicingArguments: ["ids"])
    search(text: String @cost(weight: "2"), first: Int, filter: Filter): BookConnection @listSize(slicingArguments: ["first"], sizedFields: ["edges"]) @cost(weight: "5")
    node(id: ID!): Node
    total: Int @cost(weight: "3")
    digest: Digest
  }
  type Mutation { shelve(input: Filter): Shelf log: Int read: Shelf @cost(weight: "1") }
  type Subscription { shelved: Shelf }
  input Filter { text: String @cost(weight: "1") and: [Filter!] by: String }
  scalar Digest @cost(weight: "4")
  interface Node { id: ID! owner: Person }
  type Person implements Node @cost(weight: "2") { id: ID! owner: Person name: String }
  type Shelf implements Node {
    id: ID!
    owner: Person
    name: String
    books(first: Int, after: String, last: Int, before: String): BookConnection! @listSize(slicingArguments: ["first", "last"], sizedFields: ["edges", "nodes"])
    recent(first: Int = 7): [Book!]! @listSize(slicingArguments: ["first"])
    top: [Book!]! @listSize(assumedSize: 3)
    loose: [Book!]!
  }
  type BookConnection { edges: [BookEdge!]! nodes: [Book!]! totalCount: Int }
  type BookEdge { cursor: String node: Book! }
  type Book implements Node { id: ID! owner: Person title: String shelf: Shelf digests: [Digest!] @listSize(assumedSize: 2) }
`);

const requested = (source: string, variables: Record<string, unknown> = {}): number => {
  const document = parse(source);
  expect(validate(schema, document)).toEqual([]);
  return compileCost(schema, document).requested(variables);
};

test.each([
  ['the root alone', '{ __typename }', 1],
  ['an object', '{ shelf(id: 1) { id name } }', 2],
  ['a weighted object', '{ shelf(id: 1) { owner { name } } }', 4],
  ['a weighted leaf field', '{ total }', 4],
  ['a weighted scalar', '{ digest }', 5],
  ['a list of weighted scalars', '{ shelf(id: 1) { top { digests } } }', 2 + 3 * (1 + 2 * 4)],
  ['the default page', '{ shelf(id: 1) { books { totalCount edges { cursor node { id } } } } }', 3 + 20 * 2],
  ['a page by first', '{ shelf(id: 1) { books(first: 5) { edges { node { id } } } } }', 3 + 5 * 2],
  ['a page by last', '{ shelf(id: 1) { books(last: 4) { nodes { id } } } }', 3 + 4],
  ['edges and nodes', '{ shelf(id: 1) { books(first: 2) { edges { node { id } } nodes { id } } } }', 3 + 4 + 2],
  ['both sizes: the larger', '{ shelf(id: 1) { books(first: 2, last: 6) { nodes { id } } } }', 3 + 6],
  ['nothing of a list', '{ shelf(id: 1) { books(first: 0) { edges { node { id } } } } }', 3],
  ['a negative size', '{ shelf(id: 1) { books(first: -9) { nodes { id } } } }', 3],
  ['null as size', '{ shelf(id: 1) { books(first: null) { nodes { id } } } }', 3 + 20],
  ['the default of the schema', '{ shelf(id: 1) { recent { id } } }', 2 + 7],
  ['an assumed size', '{ shelf(id: 1) { top { id } } }', 2 + 3],
  ['a list of no known size', '{ shelf(id: 1) { loose { id } } }', 2 + 20],
  [
    'lists in lists',
    '{ shelf(id: 1) { top { shelf { books(first: 4) { edges { node { id } } } } } } }',
    2 + 3 * (3 + 4 * 2),
  ],
  ['as many as ids', '{ shelves(ids: [1, 2, 3]) { id owner { id } } }', 1 + 3 * 3],
  [
    'a weighted field with weighted arguments',
    '{ search(first: 2, text: "a") { nodes { id } edges { cursor } } }',
    1 + 5 + 2 + 1 + 20 + 2,
  ],
  [
    'weighted input fields',
    '{ search(first: 0, filter: { text: "a", and: [{ text: "b" }, { by: "c" }] }) { totalCount } }',
    1 + 5 + 2 + 1,
  ],
  ['a mutation', 'mutation { shelve { id } }', 1 + 10 + 1],
  ['mutations', 'mutation { a: log b: log }', 1 + 10 + 10],
  ['a mutation with a weight of its own', 'mutation { read { id } }', 1 + 1 + 1],
  ['a subscription', 'subscription { shelved { id } }', 2],
  ['aliases', '{ a: shelf(id: 1) { id } b: shelf(id: 2) { id } }', 3],
  [
    'merged fields, once',
    '{ shelf(id: 1) { owner { id } owner { name } ...F } } fragment F on Shelf { owner { id } }',
    4,
  ],
  ['merged fields with lists', '{ shelf(id: 1) { top { owner { id } } top { shelf { id } } } }', 2 + 3 * (1 + 2 + 1)],
  [
    'both branches of conditions',
    '{ shelf(id: 1) @skip(if: true) { id } other: shelf(id: 2) @include(if: false) { id } }',
    3,
  ],
  ['an interface: its heaviest member', '{ node(id: 1) { id } }', 3],
  [
    'the dearest branch of an interface',
    '{ node(id: 1) { ... on Shelf { top { id } } ... on Book { shelf { id } } owner { id } } }',
    1 + 2 + 2 + 3,
  ],
  ['conditions that always hold', '{ node(id: 1) { ... on Node { owner { id } ... { owner { name } } } } }', 1 + 2 + 2],
  ['introspection', '{ __schema { types { name fields { name } } } }', 1],
])('%s', (_what, source, cost) => {
  expect(requested(source)).toBe(cost);
});

test('sizes come from variables, their defaults, and the defaults of the schema', () => {
  const books =
    'query ($first: Int, $last: Int) { shelf(id: 1) { books(first: $first, last: $last) { nodes { id } } } }';
  const byDefault = 'query ($first: Int = 9) { shelf(id: 1) { recent(first: $first) { id } } }';
  const bySchema = 'query ($first: Int) { shelf(id: 1) { recent(first: $first) { id } } }';

  expect(requested(books, { first: 5 })).toBe(8);
  expect(requested(books, { last: 6, first: null })).toBe(9);
  expect(requested(books)).toBe(23);
  expect(requested(books, { first: 'many' })).toBe(23);
  expect(requested(books, { first: 1e9 })).toBe(1e9 + 3);
  expect(requested(byDefault)).toBe(11);
  expect(requested(byDefault, { first: 4 })).toBe(6);
  expect(requested(bySchema)).toBe(9);
  expect(requested('query ($ids: [ID!]!) { shelves(ids: $ids) { id } }', { ids: ['a', 'b'] })).toBe(3);
});

test('weighted input is found in variables', () => {
  const search = 'query ($filter: Filter) { search(first: 0, filter: $filter) { totalCount } }';

  expect(requested(search)).toBe(7);
  expect(requested(search, { filter: { text: 'a', and: [{ text: 'b', and: [{ text: 'c' }] }] } })).toBe(10);
});

const edge = (shelf: object | null) => ({ node: { id: 'b', shelf } });

test('actual cost counts what the answer holds', () => {
  const document = parse(`query ($first: Int) {
    shelf(id: 1) { owner { id } books(first: $first) { totalCount edges { node { id shelf { id } } } } } total
  }`);
  const cost = compileCost(schema, document);
  const books = { totalCount: 2, edges: [edge(null), edge({ id: 's' })] };

  expect(cost.actual({ first: 10 }, { shelf: { owner: { id: 'p' }, books }, total: 1 })).toBe(
    1 + 1 + 2 + 1 + 4 + 1 + 3,
  );
  expect(cost.requested({ first: 10 })).toBe(1 + 1 + 2 + 1 + 10 * 3 + 3);
  expect(cost.actual({ first: 10 }, { shelf: null, total: null })).toBe(4);
  expect(cost.actual({}, null)).toBe(0);
});

test('each operation of a document is compiled once', () => {
  const document = parse('query A { shelf(id: 1) { id } } query B { total }');
  const costOf = operationCosts(schema);

  expect(costOf(document, 'A')).toBe(costOf(document, 'A'));
  expect(costOf(document, 'A')?.requested({})).toBe(2);
  expect(costOf(document, 'B')?.requested({})).toBe(4);
  expect(costOf(document)).toBeUndefined();
  expect(costOf(document, 'C')).toBeUndefined();
});

test('fragments that spread fragments are worked on once', () => {
  const links = Array.from(
    { length: 60 },
    (_, i) => `fragment F${i} on Shelf { a: top { shelf { ...F${i + 1} } } b: top { shelf { ...F${i + 1} } } }`,
  );
  const document = parse(`{ shelf(id: 1) { ...F0 } } ${links.join(' ')} fragment F60 on Shelf { id }`);
  const start = performance.now();

  const cost = compileCost(schema, document).requested({});

  expect(cost).toBeGreaterThan(6 ** 60);
  expect(performance.now() - start).toBeLessThan(2000);
});

const wrong = (field: string): GraphQLSchema => buildSchema(`${directives} type Query { ${field} a: Query }`);

test('lists of no known size are named, and directives that make no sense stop the start', () => {
  expect(unsizedLists(schema)).toEqual(['Shelf.loose']);
  expect(() => unsizedLists(wrong('b: Int @cost(weight: "heavy")'))).toThrow('@cost(weight: "heavy") is no weight');
  expect(() => unsizedLists(wrong('b: Int @cost(weight: "-1")'))).toThrow('@cost(weight: "-1") is no weight');
  expect(() => unsizedLists(wrong('b: [Query] @listSize(slicingArguments: ["first"])'))).toThrow(
    '@listSize on Query.b names the argument "first", which is missing',
  );
  expect(() => unsizedLists(wrong('b: Query @listSize(assumedSize: 2, sizedFields: ["edges"])'))).toThrow(
    '@listSize on Query.b names the field "edges", which is missing',
  );
});

test('through Apollo a costly operation is refused and every other answer tells its cost', async () => {
  const charged: number[] = [];
  const charge = async (_context: object, requested: number) => 1_000 - (charged.push(requested), requested);
  const limits = { ...productionLimits, cost: 50 };
  const server = new ApolloServer({
    schema,
    rootValue: { shelf: { id: 's', books: { nodes: [{ id: 'b' }, { id: 'c' }] } }, total: null },
    stopOnTerminationSignals: false,
    plugins: [costPlugin(operationCosts(schema), limits, charge)],
  });
  const ask = async (query: string, variables = {}) => {
    const { body, http } = await server.executeOperation({ query, variables });
    return { status: http.status, result: body.kind === 'single' ? body.singleResult : undefined };
  };
  const books = 'query ($first: Int) { shelf(id: 1) { books(first: $first) { nodes { id } } } }';

  const dear = await ask(books, { first: 48 });
  const cheap = await ask(books, { first: 47 });
  const missing = await ask('{ nothing }');

  expect(dear).toMatchObject({
    status: 400,
    result: {
      errors: [
        {
          message: 'The query is too complex: cost is limited to 50.',
          extensions: { code: 'QUERY_TOO_COMPLEX', limit: 50, actual: 51 },
        },
      ],
    },
  });
  expect(cheap.result?.extensions).toEqual({ cost: { requested: 50, actual: 5, limit: 50, remaining: 950 } });
  expect(missing.result?.extensions).toBeUndefined();
  expect(charged).toEqual([50]);
  await server.stop();
});
