import { afterAll, beforeAll, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import {
  getNamedType,
  getNullableType,
  isEnumType,
  isInputObjectType,
  isLeafType,
  isListType,
  isNonNullType,
  isObjectType,
  isRequiredArgument,
  type GraphQLArgument,
  type GraphQLField,
  type GraphQLInputField,
  type GraphQLInputType,
  type GraphQLOutputType,
} from 'graphql';
import { workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { expectHonestAnswer, post, production, quickMs, type WireAnswer } from './wire.ts';

/** The same cases in each run. */
const seed = 20_260_101;

let bed: Testbed;
let ada: Person;
let workspaceId: string;
beforeAll(async () => {
  bed = await startTestbed(production);
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
});
afterAll(async () => {
  await expectHonestAnswer(bed);
  await bed.stop();
});

/** Fails for what is no answer of GraphQL, for faults of ours and for whoever waits too long. */
const expectGraphqlJson = ({ status, type, body, tookMs }: WireAnswer): void => {
  expect(`${status} ${body}`).toMatch(/^[24]\d\d /);
  expect(type).toMatch(/^application\/(graphql-response\+)?json; charset=utf-8$/);
  const { data, errors } = JSON.parse(body) as { data?: unknown; errors?: { extensions: { code: string } }[] };
  expect(data !== undefined || errors !== undefined).toBe(true);
  for (const { extensions } of errors ?? []) {
    expect(extensions.code).toMatch(/^[A-Z_]+$/);
    expect([extensions.code, body]).not.toEqual(['INTERNAL_SERVER_ERROR', body]);
  }
  expect(body).not.toMatch(/Did you mean|stacktrace|node_modules/);
  expect(tookMs).toBeLessThan(quickMs);
};

const assertAll = async <Value>(
  arbitrary: fc.Arbitrary<Value>,
  runs: number,
  send: (value: Value) => Promise<WireAnswer>,
) =>
  fc.assert(
    fc.asyncProperty(arbitrary, async (value) => expectGraphqlJson(await send(value))),
    { numRuns: runs, seed, endOnFailure: true },
  );

const documents = [
  'query Q($first: Int = 5, $id: ID!) { workspaces(first: $first) { edges { cursor node { id name } } } node(id: $id) { id } }',
  '{ viewer { user { ...F } organization { id } } } fragment F on User { id name @include(if: true) }',
  'mutation { createWorkspace(input: { name: "a", language: "en" }) { workspace { id ... on Workspace { slug } } } }',
  'subscription S { jobProgress(id: "job_01h455vb4pex5vsknk084sn02q") { __typename } }',
];
const tokensOf = (document: string): string[] => document.match(/"[^"]*"|\.\.\.|[$\w]+|\S/g) ?? [];
const token = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom(...new Set(documents.flatMap(tokensOf))) },
  fc.constantFrom(
    '__schema',
    '__proto__',
    '"""',
    '\0',
    '\u{feff}',
    '\ud800',
    '#',
    '&',
    '|',
    '1e999',
    '-0',
    '$',
    '@',
    'null',
  ),
  fc.string({ unit: 'binary', maxLength: 5 }),
);
/** A document of which some tokens are others, are missing, or stand twice. */
const mutated = fc
  .tuple(
    fc.constantFrom(...documents),
    fc.array(fc.tuple(fc.nat(), fc.nat(2), fc.array(token, { maxLength: 3 })), { maxLength: 4 }),
  )
  .map(([document, changes]) => {
    const tokens = tokensOf(document);
    for (const [place, removed, inserted] of changes) tokens.splice(place % tokens.length, removed, ...inserted);
    return tokens.join(' ');
  });

test('documents of any tokens are answered', () =>
  assertAll(
    fc.oneof(
      mutated,
      fc.array(token, { maxLength: 60 }).map((tokens) => tokens.join(' ')),
    ),
    400,
    (query) => post(bed, JSON.stringify({ query, variables: { id: workspaceId } }), ada.headers),
  ));

const anyValue = fc.oneof(
  fc.constantFrom<unknown>('{ __typename }', 'Q', documents[0], {}, null),
  fc.jsonValue({ maxDepth: 4 }),
  fc.object({ key: fc.constantFrom('__proto__', 'constructor', 'persistedQuery', 'version', 'sha256Hash', 'id', 'a') }),
);
const bodyText = fc
  .record({ query: anyValue, variables: anyValue, operationName: anyValue, extensions: anyValue }, { requiredKeys: [] })
  .map((body) => JSON.stringify(body));
/** A body of which some characters are missing or others. */
const torn = fc
  .tuple(bodyText, fc.nat(), fc.nat(3), fc.string({ maxLength: 3 }))
  .map(([text, place, removed, inserted]) => {
    const at = place % (text.length + 1);
    return text.slice(0, at) + inserted + text.slice(at + removed);
  });
const bytes = fc.uint8Array({ maxLength: 200 }).map((array) => Uint8Array.from(array));

test('bodies of any bytes are answered', () =>
  assertAll(fc.oneof(bodyText, torn, bytes), 300, (body) => post(bed, body)));

const texts = fc.oneof(
  fc.constantFrom(
    '',
    ' ',
    "'; drop table users; --",
    '%_\\',
    '$1',
    '${a}',
    '\u202e',
    '\uffff',
    '👩‍👩‍👧',
    'x'.repeat(5000),
    'en',
    '0',
  ),
  fc.string({ unit: 'binary', maxLength: 30 }),
);
const ids = fc.oneof(
  fc
    .constantFrom('user', 'document', 'job', 'message', 'provider')
    .map((prefix) => `${prefix}_01h455vb4pex5vsknk084sn02q`),
  fc.constant('').map(() => workspaceId),
  texts,
);
const instants = [
  '0001-01-01T00:00:00Z',
  '9999-12-31T23:59:59.999-23:59',
  '0000-01-01T00:00:00Z',
  '2026-02-30T00:00:00Z',
  'x',
];
const scalars: Readonly<Record<string, fc.Arbitrary<unknown>>> = {
  ID: ids,
  String: texts,
  Boolean: fc.boolean(),
  Int: fc.oneof(fc.integer({ min: -2, max: 120 }), fc.constantFrom(2 ** 31 - 1, -(2 ** 31), 2 ** 31)),
  Float: fc.oneof(fc.double(), fc.constantFrom(-1, 2, 1e308)),
  DateTime: fc.constantFrom(...instants),
  Decimal: fc.constantFrom('0', '-1', '9'.repeat(30), `0.${'1'.repeat(20)}`, '1e5', ''),
  EmailAddress: fc.constantFrom('nobody@example.com', `${'a'.repeat(300)}@example.com`, 'a@b', 'ä@example.com'),
  URL: fc.constantFrom('https://example.com/a', 'javascript:alert(1)', 'http://[::1', 'https://example.com/%00', ''),
  JSON: fc.jsonValue({ maxDepth: 2 }),
};

/** Values of an input type, most of them of the right kind; below three objects only what is required. */
const valuesOf = (type: GraphQLInputType, depth = 0): fc.Arbitrary<unknown> => {
  const nullable = getNullableType(type);
  if (isListType(nullable)) return fc.array(valuesOf(nullable.ofType, depth), { maxLength: 3 });
  const named = getNamedType(nullable);
  if (isEnumType(named)) return fc.constantFrom(...named.getValues().map(({ name }) => name));
  if (isInputObjectType(named)) return recordOf(Object.values(named.getFields()), depth + 1);
  return fc.oneof({ weight: 9, arbitrary: scalars[named.name] ?? fc.constant('x') }, fc.jsonValue({ maxDepth: 1 }));
};
const recordOf = (inputs: readonly (GraphQLInputField | GraphQLArgument)[], depth: number): fc.Arbitrary<object> => {
  const isRequired = ({ type, defaultValue }: GraphQLInputField | GraphQLArgument) =>
    isNonNullType(type) && defaultValue === undefined;
  const kept = inputs.filter((input) => depth < 3 || isRequired(input));
  const values = Object.fromEntries(kept.map((input) => [input.name, valuesOf(input.type, depth)]));
  return fc.record(values, { requiredKeys: kept.filter(isRequired).map(({ name }) => name) });
};

/** All fields that need no arguments, two levels down. */
const selectionOf = (type: GraphQLOutputType, depth = 0): string => {
  const named = getNamedType(type);
  if (isLeafType(named)) return '';
  if (!isObjectType(named)) return '{ __typename }';
  const fields = Object.values(named.getFields()).filter(
    (field) => !field.args.some(isRequiredArgument) && (depth < 2 || isLeafType(getNamedType(field.type))),
  );
  return `{ __typename ${fields.map((field) => `${field.name} ${selectionOf(field.type, depth + 1)}`).join(' ')} }`;
};

/** Ends the session that all others need. */
const endsSession = new Set(['signOut']);

const callOf = (
  kind: string,
  field: GraphQLField<unknown, unknown>,
): fc.Arbitrary<{ query: string; variables: object }> => {
  const declared = field.args.map(({ name, type }) => `$${name}: ${String(type)}`).join(', ');
  const passed = field.args.map(({ name }) => `${name}: $${name}`).join(', ');
  const parenthesized = (inner: string) => (inner === '' ? '' : `(${inner})`);
  const query = `${kind} ${parenthesized(declared)} { ${field.name}${parenthesized(passed)} ${selectionOf(field.type)} }`;
  return recordOf(field.args, 0).map((variables) => ({ query, variables }));
};

test('every operation of the schema answers any arguments', async () => {
  const { schema } = bed.server.gateway;
  const fields = (['query', 'mutation'] as const).flatMap((kind) =>
    Object.values((kind === 'query' ? schema.getQueryType() : schema.getMutationType())?.getFields() ?? {})
      .filter(({ name }) => !endsSession.has(name))
      .map((field) => callOf(kind, field)),
  );
  expect(fields.length).toBeGreaterThan(30);
  for (const calls of fields) await assertAll(calls, 10, (call) => post(bed, JSON.stringify(call), ada.headers));
}, 240_000);
