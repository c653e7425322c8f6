import { expect, test } from '@jest/globals';
import {
  buildSchema,
  execute,
  getNamedType,
  getNullableType,
  isAbstractType,
  isCompositeType,
  isListType,
  isObjectType,
  parse,
  validate,
} from 'graphql';
import type { DocumentNode, GraphQLCompositeType, GraphQLField, GraphQLFieldResolver } from 'graphql';
import { compileCost } from '../src/gateway/cost.ts';

const schema = buildSchema(`
  directive @listSize(assumedSize: Int, slicingArguments: [String!], sizedFields: [String!], requireOneSlicingArgument: Boolean = true) on FIELD_DEFINITION
  type Query { shelf: Shelf node: Node things: [Thing] @listSize(assumedSize: 3) }
  interface Node { id: ID owner: Person shelves(first: Int): Shelves @listSize(slicingArguments: ["first"], sizedFields: ["edges"]) }
  union Thing = Person | Book | Shelf
  type Person implements Node { id: ID owner: Person shelves(first: Int): Shelves @listSize(slicingArguments: ["first"], sizedFields: ["edges"]) friend: Person }
  type Book implements Node { id: ID owner: Person shelves(first: Int): Shelves @listSize(slicingArguments: ["first"], sizedFields: ["edges"]) things: [Thing] @listSize(assumedSize: 2) }
  type Shelf { id: ID books(first: Int, last: Int): Books @listSize(slicingArguments: ["first", "last"], sizedFields: ["edges", "nodes"]) nodes: [Node] @listSize(assumedSize: 2) }
  type Books { edges: [BookEdge] nodes: [Book] }
  type BookEdge { id: ID node: Book }
  type Shelves { edges: [ShelfEdge] }
  type ShelfEdge { id: ID node: Shelf }
`);

/** Park and Miller's generator: the same numbers for the same seed. */
const randomNumbers = (seed: number): ((below: number) => number) => {
  let state = seed;
  return (below) => {
    state = (state * 48_271) % 2_147_483_647;
    return state % below;
  };
};

type Random = ReturnType<typeof randomNumbers>;
type Field = GraphQLField<unknown, unknown>;

/** A valid operation over the whole schema, with aliases, merged fields, fragments, conditions and variables. */
class RandomQuery {
  readonly #random: Random;
  readonly #fragments: string[] = [];
  #aliases = 0;

  constructor(random: Random) {
    this.#random = random;
  }

  document(): DocumentNode {
    const root = this.#selections(schema.getQueryType() ?? never(), 4);
    const variables = 'query ($small: Int, $large: Int = 4, $yes: Boolean!, $no: Boolean!)';
    // A variable that is not used is an error, so all are.
    const used =
      'used: __typename @include(if: $yes) @skip(if: $no) s: shelf { a: books(first: $small) { b: __typename } c: books(last: $large) { d: __typename } }';
    return parse([`${variables} { ${used} ${root} }`, ...this.#fragments].join('\n'));
  }

  #selections(type: GraphQLCompositeType, depth: number): string {
    const parts = Array.from({ length: 1 + this.#random(3) }, () => this.#selection(type, depth));
    return ['__typename', ...parts].join(' ');
  }

  #selection(type: GraphQLCompositeType, depth: number): string {
    const choice = this.#random(6);
    if (choice === 0) return `... ${this.#condition()} { ${this.#selections(type, depth - 1)} }`;
    if (choice <= 2 && isAbstractType(type)) return this.#narrowed(type, depth);
    if (choice === 1) return this.#spread(type, depth);
    const fields =
      isAbstractType(type) && !('getFields' in type)
        ? []
        : Object.values((type as { getFields(): Record<string, Field> }).getFields());
    const field = fields[this.#random(fields.length || 1)];
    return field ? this.#field(field, depth) : '__typename';
  }

  #narrowed(type: GraphQLCompositeType, depth: number): string {
    const members = isAbstractType(type) ? schema.getPossibleTypes(type) : [];
    const member = members[this.#random(members.length)] ?? never();
    return `... on ${member.name} ${this.#condition()} { ${this.#selections(member, depth)} }`;
  }

  #spread(type: GraphQLCompositeType, depth: number): string {
    const name = `F${this.#fragments.length}`;
    const place = this.#fragments.push('') - 1;
    this.#fragments[place] = `fragment ${name} on ${type.name} { ${this.#selections(type, depth - 1)} }`;
    return `...${name} ...${name}`;
  }

  #field(field: Field, depth: number): string {
    const type = getNamedType(field.type);
    if (!isCompositeType(type)) return field.name;
    if (depth <= 0) return '__typename';
    const sizes = field.args.map(({ name }) => name);
    const size = sizes[this.#random(sizes.length + 1)];
    const given = size ? `(${size}: ${['$small', '$large', '0', '1', '3'][this.#random(5)]})` : '';
    const written = `${field.name}${given} ${this.#condition()} { ${this.#selections(type, depth - 1)} }`;
    if (given === '' && this.#random(4) === 0)
      return `${written} ${field.name} { ${this.#selections(type, depth - 1)} }`;
    return `a${this.#aliases++}: ${written}`;
  }

  #condition(): string {
    return ['', '', '@include(if: $yes)', '@skip(if: $no)', '@include(if: $no)'][this.#random(5)] ?? '';
  }
}

const never = (): never => {
  throw new Error('The schema of this test lacks a type');
};

const assumedSizes: Readonly<Record<string, number>> = { 'Query.things': 3, 'Book.things': 2, 'Shelf.nodes': 2 };

/** Answers anything the schema allows: nulls, any member of an abstract type, lists up to their sizes. */
const randomData = (random: Random): GraphQLFieldResolver<unknown, unknown> => {
  const object = (type: GraphQLCompositeType, size: number): unknown => {
    if (random(12) === 0) return null;
    const members = isAbstractType(type) ? schema.getPossibleTypes(type) : [];
    const chosen = isObjectType(type) ? type : members[random(members.length)];
    return { __typename: chosen?.name, size };
  };
  return (parent, given, _context, { fieldName, parentType, returnType }) => {
    const type = getNamedType(returnType);
    if (!isCompositeType(type)) return 1;
    const size = Math.max(given.first ?? -1, given.last ?? -1);
    const passed = size < 0 ? 20 : size;
    if (!isListType(getNullableType(returnType))) return object(type, passed);
    const assumed = assumedSizes[`${parentType.name}.${fieldName}`];
    const largest = assumed ?? (parent as { size: number }).size;
    // Full lists often, since it is they that come near the bound.
    const length = random(2) === 0 ? largest : random(largest + 1);
    return Array.from({ length: Math.min(length, 4) }, () => object(type, 0));
  };
};

const objectsIn = (value: unknown): number => {
  if (typeof value !== 'object' || value === null) return 0;
  const inner = Object.values(value).reduce((sum: number, each) => sum + objectsIn(each), 0);
  return Array.isArray(value) ? inner : inner + 1;
};

test('no answer holds more objects than the cost that was asked for, and the actual cost is their number', async () => {
  const random = randomNumbers(20_251_120);
  const closeness: number[] = [];
  for (let round = 0; round < 300; round++) {
    const document = new RandomQuery(random).document();
    expect(validate(schema, document)).toEqual([]);
    const variables = { yes: true, no: false, ...(random(2) === 0 ? { small: random(4) } : {}) };
    const fieldResolver = randomData(random);

    const { data, errors } = await execute({
      schema,
      document,
      variableValues: variables,
      fieldResolver,
      rootValue: {},
    });
    const cost = compileCost(schema, document);
    const objects = objectsIn(data);

    expect(errors).toBeUndefined();
    expect(cost.actual(variables, data)).toBe(objects);
    expect(cost.requested(variables)).toBeGreaterThanOrEqual(objects);
    closeness.push(objects / cost.requested(variables));
  }
  // Otherwise the bound could hold because nothing is ever answered.
  expect(Math.max(...closeness)).toBe(1);
  expect(closeness.filter((share) => share > 0.25).length).toBeGreaterThan(50);
});
