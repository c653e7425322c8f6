import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { startTestbed, type Testbed } from './testbed.ts';
import { post, postDocument, production, refusalCodes, request } from './wire.ts';

// What graphql-cop (https://github.com/dolevf/graphql-cop) sends to a server and looks for, under its own names.

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed(production);
});
afterAll(() => bed.stop());

const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');
const byGet = (query: string) => request(bed, `/graphql?query=${encodeURIComponent(query)}`);

test('Alias Overloading', async () => {
  const answer = await postDocument(bed, `query cop { ${times(101, (index) => `alias${index}: __typename`)} }`);
  expect(refusalCodes(answer)).toEqual(['QUERY_TOO_COMPLEX']);
});

test('Array-based Query Batching', async () => {
  const batch = Array.from({ length: 11 }, () => ({ query: 'query cop { __typename }' }));
  expect(refusalCodes(await post(bed, JSON.stringify(batch)))).toEqual(['BAD_REQUEST']);
});

test('Field Duplication', async () => {
  const answer = await postDocument(bed, `query cop { ${times(500, () => '__typename')} }`);
  expect(refusalCodes(answer)).toEqual(['QUERY_TOO_COMPLEX']);
});

test('Directive Overloading', async () => {
  const answer = await postDocument(bed, `query cop { __typename ${'@aa'.repeat(10)} }`);
  expect(refusalCodes(answer)).toEqual(['QUERY_TOO_COMPLEX']);
});

test('Circular Fragment', async () => {
  const answer = await postDocument(
    bed,
    'query cop { ...A } fragment A on Query { __typename ...B } fragment B on Query { ...A }',
  );
  expect(refusalCodes(answer)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
});

test('Introspection-based Circular Query', async () => {
  const types = times(4, () => 'type { fields {') + ' type { name } ' + '} }'.repeat(4);
  const answer = await postDocument(bed, `query cop { __schema { types { fields { ${types} } } } }`);
  expect(refusalCodes(answer)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
});

test('Introspection', async () => {
  const answer = await postDocument(bed, 'query cop { __schema { types { name fields { name } } } }');
  expect(refusalCodes(answer)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
});

test('Field Suggestions', async () => {
  for (const query of [
    'query cop { __schema { directive } }',
    'query cop { viewr { user } }',
    '{ viewer { usr { id } } }',
  ])
    expect(refusalCodes(await postDocument(bed, query))).toEqual(['GRAPHQL_VALIDATION_FAILED']);
});

test.each(['/graphiql', '/playground', '/console', '/graphql', '/altair', '/voyager', '/'])(
  'GraphQL IDE at %s',
  async (path) => {
    const answer = await request(bed, path, { headers: { accept: 'text/html' } });
    refusalCodes(answer);
    expect(answer.body).not.toMatch(/graphiql|playground|apollo sandbox|altair/i);
  },
);

test('GET Method Query Support', async () => {
  expect(refusalCodes(await byGet('query cop { __typename }'))).toEqual(['BAD_REQUEST']);
});

test('Mutation is allowed over GET (possible CSRF)', async () => {
  expect(refusalCodes(await byGet('mutation cop { __typename }'))).toEqual(['BAD_REQUEST']);
});

test('POST based url-encoded query (possible CSRF)', async () => {
  const form = { 'content-type': 'application/x-www-form-urlencoded' };
  for (const document of ['query cop { __typename }', 'mutation cop { __typename }']) {
    const encoded = `query=${encodeURIComponent(document)}`;
    expect(refusalCodes(await post(bed, encoded, form))).toEqual(['BAD_REQUEST']);
    const inAddress = await request(bed, `/graphql?${encoded}`, { method: 'POST', headers: form });
    expect(refusalCodes(inAddress)).toEqual(['BAD_REQUEST']);
  }
});

test('Trace Mode', async () => {
  const answer = await postDocument(bed, 'query cop { __typename }', {}, { 'apollo-federation-include-trace': 'ftv1' });
  expect(JSON.parse(answer.body)).toEqual({
    data: { __typename: 'Query' },
    extensions: { cost: { requested: 1, actual: 1, limit: 10_000 } },
  });
});

test('Unhandled Errors Detection', async () => {
  const answer = await postDocument(bed, 'qwerty cop { abc }');
  expect(refusalCodes(answer)).toEqual(['GRAPHQL_PARSE_FAILED']);
  expect(answer.body).not.toContain('exception');
});
