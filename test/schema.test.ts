import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { expect, test } from '@jest/globals';
import { printSchemaWithDirectives } from '@graphql-tools/utils';
import { buildSchema } from '../src/gateway/schema.ts';
import { assertDescribed } from '../src/gateway/described.ts';
import { withAccessRules } from '../src/gateway/access.ts';
import { withDecodedIds } from '../src/gateway/decoded-ids.ts';
import { unsizedLists } from '../src/gateway/cost-facts.ts';
import { buildSchema as fromText } from 'graphql';

test('the committed schema is the one that the server answers with', async () => {
  const committed = readFileSync(fileURLToPath(new URL('../schema.graphql', import.meta.url)), 'utf8');
  expect(`${printSchemaWithDirectives(await buildSchema())}\n`).toBe(committed);
});

test('no list of the schema is without a bound', async () => {
  expect(unsizedLists(await buildSchema())).toEqual([]);
});

test('a root field without an access rule is refused', () => {
  expect(() => withAccessRules(fromText('type Query { open: Int }'))).toThrow(
    'Query.open needs either @allow or @public.',
  );
});

test('whatever has no description is named', () => {
  const text = '"Reads." type Query { "A number." a("One." b: Int c: Int): Int d: E } enum E { F }';
  expect(() => assertDescribed(fromText(text))).toThrow('Query.a(c), Query.d, E, E.F.');
});

test('an id that names no type is refused', () => {
  const text =
    'directive @id(of: String!) on ARGUMENT_DEFINITION | INPUT_FIELD_DEFINITION type Query { a(i: I): Int } input I { id: ID }';
  expect(() => withDecodedIds(fromText(text))).toThrow('I.id needs @id(of: …) with a type of the schema.');
});
