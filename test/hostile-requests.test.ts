import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { deflateSync, gzipSync } from 'node:zlib';
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import {
  dial,
  expectHonestAnswer,
  failureCodes,
  post,
  postDocument,
  production,
  quickMs,
  refusalCodes,
  request,
  sendBytes,
} from './wire.ts';

let bed: Testbed;
let ada: Person;
beforeAll(async () => {
  bed = await startTestbed(production);
  ada = await bed.signUp();
});
afterAll(() => bed.stop());

const times = (count: number, text: (index: number) => string): string =>
  Array.from({ length: count }, (_, index) => text(index)).join(' ');
const nested = (count: number, open: string, inside: string, close: string): string =>
  open.repeat(count) + inside + close.repeat(count);
const chain = (length: number, link: (next: string) => string): string =>
  `{ ...F0 } ${times(length, (at) => `fragment F${at} on Query { ${link(`...F${at + 1}`)} }`)} ` +
  `fragment F${length} on Query { __typename }`;
const long = 'x'.repeat(30_000);

describe('a document', () => {
  const tooComplex = 'QUERY_TOO_COMPLEX';
  const invalid = 'GRAPHQL_VALIDATION_FAILED';
  test.each<[string, string, string]>([
    ['of 1000 aliases', `{ ${times(1000, (at) => `a${at}: viewer { user { id } }`)} }`, tooComplex],
    ['of 1000 aliases of __typename', `{ ${times(1000, (at) => `a${at}: __typename`)} }`, tooComplex],
    ['of one endless alias, which each object of a list would repeat', `{ ${long}: __typename }`, tooComplex],
    [
      'with the variable __proto__',
      'query ($__proto__: Int) { workspaces(first: $__proto__) { edges { cursor } } }',
      invalid,
    ],
    ['with the alias __proto__', '{ __proto__: viewer { user { id } } }', invalid],
    ['of 1000 repeated fields', `{ viewer { user { ${times(1000, () => 'id')} } } }`, tooComplex],
    ['of 1000 repeated objects', `{ ${times(600, () => 'viewer { user { id } }')} }`, tooComplex],
    ['of 1000 directives on a field', `{ __typename ${times(1000, () => '@skip(if: false)')} }`, tooComplex],
    ['of 1000 unknown directives', `{ __typename ${times(1000, (at) => `@a${at}`)} }`, tooComplex],
    ['of an unknown directive', '{ __typename @skp(if: true) }', invalid],
    [
      'of 100 fields with a directive each',
      `{ viewer { ${times(100, () => 'user @skip(if: true) { id }')} } }`,
      tooComplex,
    ],
    ['of 1000 operations', times(1000, (at) => `query Q${at} { __typename }`), tooComplex],
    ['of 1000 fragments', `{ __typename } ${times(700, (at) => `fragment F${at} on Query { a }`)}`, tooComplex],
    ['of 1000 variables', `query (${times(900, (at) => `$v${at}: Int`)}) { __typename }`, tooComplex],
    ['of deep selections', nested(1500, '{ viewer ', '{ id }', '}'), tooComplex],
    ['of deep inline fragments', `{ ${nested(1000, '... { ', '__typename', ' }')} }`, tooComplex],
    ['of deep list literals', `{ nodes(ids: ${nested(1800, '[', '"x"', ']')}) { id } }`, tooComplex],
    [
      'of deep object literals',
      `{ workspaces(filter: ${nested(900, '{ not: ', '{}', ' }')}) { edges { cursor } } }`,
      tooComplex,
    ],
    ['of deep variable types', `query ($v: ${nested(1500, '[', 'Int', ']')}) { __typename }`, tooComplex],
    ['of a deep chain of fragments', chain(55, (next) => `viewer { user { ${next} } }`), tooComplex],
    ['of fragments that double 55 times', chain(55, (next) => `${next} ${next}`), tooComplex],
    [
      'of fragments that double in inline fragments',
      chain(55, (next) => `... { ${next} } ... { ${next} }`),
      tooComplex,
    ],
    ['of a fragment that spreads itself', '{ ...A } fragment A on Query { ...A }', invalid],
    [
      'of a circle of fragments',
      `{ ...F0 } ${times(15, (at) => `fragment F${at} on Query { __typename ...F${(at + 1) % 15} }`)}`,
      invalid,
    ],
    ['with an operation name of 30,000 characters', `query ${long} { __typename }`, tooComplex],
    ['with an operation name of 100,000 characters', `query ${'Q'.repeat(100_000)} { __typename }`, tooComplex],
    ['with an unknown field of 30,000 characters', `{ ${long} }`, invalid],
    ['with a number of 30,000 digits', `{ workspaces(first: ${'9'.repeat(30_000)}) { edges { cursor } } }`, invalid],
    ['with a number beyond 32 bits', '{ workspaces(first: 2147483648) { edges { cursor } } }', invalid],
    ['that asks for more than it may cost', '{ workspaces(first: 2000000000) { edges { cursor } } }', tooComplex],
    ['with an id that is a list', '{ workspace(id: [["x"]]) { id } }', invalid],
    ['with an id that is a fraction', '{ workspace(id: 1.5) { id } }', invalid],
    ['with a null character in an id', String.raw`{ workspace(id: "\u0000") { id } }`, 'BAD_USER_INPUT'],
    ['with half a surrogate pair', String.raw`{ workspace(id: "\ud800") { id } }`, 'GRAPHQL_PARSE_FAILED'],
    ['with a null character in a block string', '{ workspace(id: """a\0b""") { id } }', 'BAD_USER_INPUT'],
    ['with a null character between names', '{ view\0er { user { id } } }', 'GRAPHQL_PARSE_FAILED'],
    ['without an operation', 'fragment F on Query { __typename }', invalid],
    ['of the type system', 'extend type Query { secret: Int }', invalid],
    ['with a subscription', 'subscription { jobProgress(id: "job_01h455vb4pex5vsknk084sn02q") { id } }', 'BAD_REQUEST'],
    ['of nothing', ' ', 'GRAPHQL_PARSE_FAILED'],
  ])('%s is refused', async (_what, query, code) => {
    const answer = await postDocument(bed, query, {}, ada.headers);
    expect(new Set(refusalCodes(answer))).toEqual(new Set([code]));
    expect(answer.body).not.toContain(long.slice(0, 201));
    await expectHonestAnswer(bed);
  });

  test.each([
    ['a field', '{ viewr { user { id } } }'],
    ['a field of an object', '{ viewer { usr { id } } }'],
    ['an argument', '{ workspaces(frst: 1) { edges { cursor } } }'],
    ['a value', '{ workspaces(orderBy: { field: SLG }) { edges { cursor } } }'],
    ['a type', '{ ... on Queri { __typename } }'],
    ['a type of a variable', 'query ($id: IDD) { __typename }'],
    ['a directive', '{ __typename @inclde(if: true) }'],
    ['a field of an input', 'mutation { createWorkspace(input: { nam: "x", name: "y" }) { workspace { id } } }'],
    ['a selection', '{ viewer }'],
  ])('gets no proposal for %s', async (_what, query) => {
    // `refusalCodes` looks for proposals.
    expect(refusalCodes(await postDocument(bed, query, {}, ada.headers))).toContain('GRAPHQL_VALIDATION_FAILED');
  });

  test('gets no proposal for what stands in a variable', async () => {
    const query = 'mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id } } }';
    const variables = { input: { name: 'x', langage: 'en' } };
    expect(refusalCodes(await postDocument(bed, query, { variables }, ada.headers))).toEqual(['BAD_USER_INPUT']);
  });

  test.each([
    ['in a fragment', '{ ...F } fragment F on Query { ...G } fragment G on Query { __schema { types { name } } }'],
    ['of a type, in inline fragments', '{ ... { ... on Query { __type(name: "User") { fields { name } } } } }'],
    ['by an alias', '{ schema: __schema { types { name } } }'],
    ['in an operation that is not run', 'query A { __typename } query B { __schema { types { name } } }'],
    ['in a mutation', 'mutation { __schema { types { name } } }'],
    ['in a subscription', 'subscription { __schema { types { name } } }'],
    ['below the root', '{ viewer { __schema { types { name } } } }'],
  ])('that asks for the schema %s is refused by every door', async (_where, query) => {
    const beside = query.startsWith('query A') ? { operationName: 'A' } : {};
    const accept = { accept: 'application/json' };
    const preflighted = { 'apollo-require-preflight': 'yes' };
    const search = new URLSearchParams({ query, ...beside }).toString();
    const answers = [
      await postDocument(bed, query, beside, ada.headers),
      await postDocument(bed, query, beside, accept),
      await request(bed, `/graphql?${search}`, { headers: preflighted }),
    ];
    for (const answer of answers) expect(refusalCodes(answer)).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });
});

describe('variables', () => {
  const node = 'query ($id: ID!) { node(id: $id) { id } }';
  const page = 'query ($first: Int) { workspaces(first: $first) { edges { cursor } } }';
  const make = 'mutation ($input: CreateWorkspaceInput!) { createWorkspace(input: $input) { workspace { id } } }';
  const signIn =
    'mutation ($email: EmailAddress!) { signIn(input: { email: $email, password: "correct horse" }) { token } }';
  const before = 'query ($at: DateTime) { workspaces(filter: { createdAt: { lt: $at } }) { edges { cursor } } }';
  test.each<[string, string, string, string]>([
    ['100,000 values', node, `{"id":[${'1,'.repeat(99_999)}1]}`, 'QUERY_TOO_COMPLEX'],
    ['100,000 names', node, `{${Array.from({ length: 60_000 }, (_, at) => `"v${at}":1`).join()}}`, 'QUERY_TOO_COMPLEX'],
    ['lists 100,000 deep', node, `{"id":${nested(100_000, '[', '1', ']')}}`, 'QUERY_TOO_COMPLEX'],
    ['objects 100,000 deep', node, `{"id":${nested(100_000, '{"a":', '1', '}')}}`, 'QUERY_TOO_COMPLEX'],
    ['a missing id', node, '{}', 'BAD_USER_INPUT'],
    ['null for an id', node, '{"id":null}', 'BAD_USER_INPUT'],
    ['true for an id', node, '{"id":true}', 'BAD_USER_INPUT'],
    ['an object for an id', node, '{"id":{"toString":"x"}}', 'BAD_USER_INPUT'],
    ['a list for an id', node, '{"id":["x"]}', 'BAD_USER_INPUT'],
    ['a fraction for an id', node, '{"id":0.1}', 'BAD_USER_INPUT'],
    ['a null character in an id', node, String.raw`{"id":"workspace_\u0000"}`, 'BAD_USER_INPUT'],
    ['half a surrogate pair in an id', node, String.raw`{"id":"\udc00"}`, 'BAD_USER_INPUT'],
    ['a null character in a name', make, String.raw`{"input":{"name":"a\u0000b"}}`, 'BAD_USER_INPUT'],
    ['half a surrogate pair in a name', make, String.raw`{"input":{"name":"a\ud800b"}}`, 'BAD_USER_INPUT'],
    ['a name as prototype', make, '{"input":{"__proto__":{"name":"x"}}}', 'BAD_USER_INPUT'],
    [
      'an unknown field of 200,000 characters',
      make,
      `{"input":{"name":"a","${'x'.repeat(200_000)}":1}}`,
      'BAD_USER_INPUT',
    ],
    ['text for a number', page, '{"first":"5"}', 'BAD_USER_INPUT'],
    ['a number that is infinite', page, '{"first":1e400}', 'QUERY_TOO_COMPLEX'],
    ['a number beyond 32 bits', page, '{"first":-2147483649}', 'BAD_USER_INPUT'],
    ['an address without a domain', signIn, '{"email":"ada"}', 'BAD_USER_INPUT'],
    ['an address of 200,000 characters', signIn, `{"email":"${'a@'.repeat(100_000)}"}`, 'BAD_USER_INPUT'],
    ['a time that is none', before, '{"at":"yesterday"}', 'BAD_USER_INPUT'],
    ['a time of 200,000 characters', before, `{"at":"${'2'.repeat(200_000)}"}`, 'BAD_USER_INPUT'],
  ])('with %s are refused', async (_what, query, variables, code) => {
    const answer = await post(bed, `{"query":${JSON.stringify(query)},"variables":${variables}}`, ada.headers);
    expect(new Set(refusalCodes(answer))).toEqual(new Set([code]));
    await expectHonestAnswer(bed);
  });

  test.each<[string, string, object, string]>([
    ['an id of 900,000 characters', node, { id: 'x'.repeat(900_000) }, 'NOT_FOUND'],
    ['an id that holds SQL', node, { id: "workspace_' or true; drop table users; --" }, 'NOT_FOUND'],
    ['an id that is a number', node, { id: -9_007_199_254_740_991 }, 'NOT_FOUND'],
    ['an id beyond 128 bits', node, { id: `workspace_${'z'.repeat(26)}` }, 'NOT_FOUND'],
    ['a page of -1', page, { first: -1 }, 'BAD_USER_INPUT'],
    ['a page of 101', page, { first: 101 }, 'BAD_USER_INPUT'],
  ])('with %s are answered with an error of the field', async (_what, query, variables, code) => {
    const answer = await postDocument(bed, query, { variables }, ada.headers);
    expect(failureCodes(answer.body)).toEqual([code]);
    expect(answer.tookMs).toBeLessThan(quickMs);
  });

  test.each(['0000-01-01T00:00:00Z', '9999-12-31T23:59:59.999Z', '0001-01-01T00:00:00-23:59'])(
    'with the time %s find nothing or are refused',
    async (at) => {
      const { body } = await postDocument(bed, before, { variables: { at } }, ada.headers);
      if (body.includes('"errors"')) expect(failureCodes(body)).toEqual(['BAD_USER_INPUT']);
    },
  );

  test('may have the names of what every object has', async () => {
    const query =
      'query ($constructor: Int, $toString: Int = 1) { a: workspaces(first: $constructor) { edges { cursor } } ' +
      'b: workspaces(first: $toString) { edges { cursor } } }';
    const edges = { edges: [] };
    expect(await ada.want(query)).toEqual({ a: edges, b: edges });
  });

  test('of a type that holds itself are read', async () => {
    const eve = await bed.signUp('Eve');
    await workspaceOf(eve, { name: 'Garden' });
    await workspaceOf(eve, { name: 'Meadow' });
    const query = 'query ($filter: WorkspaceFilter) { workspaces(filter: $filter) { edges { node { name } } } }';
    const filter = { or: [{ slug: { eq: 'garden' } }, { not: { slug: { in: ['garden', 'meadow'] } } }] };
    expect(await eve.want(query, { filter })).toEqual({ workspaces: { edges: [{ node: { name: 'Garden' } }] } });
    expect(await eve.codes(query, { filter: { or: [{ and: [{ slg: { eq: 'a' } }] }] } })).toEqual(['BAD_USER_INPUT']);
  });
});

describe('a body', () => {
  const operation = '{"query":"{ __typename }"}';
  const bomb = `{"query":"${' '.repeat(30_000_000)}{ __typename }"}`;
  test.each<[string, string | Uint8Array<ArrayBuffer>, Record<string, string>, number]>([
    ['that unpacks to 30 MB', Uint8Array.from(gzipSync(bomb)), { 'content-encoding': 'gzip' }, 415],
    ['that is deflated', Uint8Array.from(deflateSync(operation)), { 'content-encoding': 'deflate' }, 415],
    ['that says it is compressed twice', operation, { 'content-encoding': 'gzip, gzip' }, 415],
    ['of 500,000 brackets', '['.repeat(250_000) + ']'.repeat(250_000), {}, 400],
    ['that is a number', '1', {}, 400],
    ['that is a batch of nothing', '[]', {}, 400],
    ['that is two objects', operation + operation, {}, 400],
    ['that says its query as prototype', `{"__proto__":${operation}}`, {}, 400],
    ['that says its query twice, the last one as a list', '{"query":"{ __typename }","query":[]}', {}, 400],
    ['in UTF-16', Uint8Array.from(Buffer.from(operation, 'utf16le')), {}, 400],
    ['that says UTF-16', operation, { 'content-type': 'application/json; charset=utf-16' }, 415],
    ['with an overlong form of UTF-8', Uint8Array.from([0x7b, 0x22, 0xc0, 0xaf, 0x22, 0x7d]), {}, 400],
    ['of a related type', operation, { 'content-type': 'application/json-patch+json' }, 415],
    ['of two types', operation, { 'content-type': 'application/json, text/plain' }, 415],
    ['of a type that is none', operation, { 'content-type': '/' }, 415],
    ['of GraphQL alone', '{ __typename }', { 'content-type': 'application/graphql' }, 415],
    ['that maps uploads', operation, { 'content-type': 'multipart/form-data; boundary="x"' }, 415],
    ['whose variables are a list', '{"query":"{ __typename }","variables":[1]}', {}, 400],
    ['whose operation name is an object', '{"query":"{ __typename }","operationName":{"a":1}}', {}, 400],
    ['whose extensions are a list', '{"query":"{ __typename }","extensions":[]}', {}, 400],
    ['for whom nothing is acceptable', operation, { accept: 'image/png' }, 406],
  ])('%s is refused', async (_what, body, headers, status) => {
    const answer = await post(bed, body, headers);
    expect([answer.status, refusalCodes(answer)]).toEqual([status, ['BAD_REQUEST']]);
    await expectHonestAnswer(bed);
  });

  test.each<[string, object]>([
    ['a hash that is an object', { version: 1, sha256Hash: { toString: 1 } }],
    ['a hash that is a list', { version: 1, sha256Hash: ['a'] }],
    ['a hash of 900,000 characters', { version: 1, sha256Hash: 'a'.repeat(900_000) }],
    ['no hash', { version: 1 }],
    ['an unknown version', { version: 2, sha256Hash: 'a'.repeat(64) }],
    ['only a prototype', JSON.parse('{"__proto__":{"version":1}}') as object],
  ])('with a persisted query of %s is refused', async (_what, persistedQuery) => {
    for (const query of [undefined, '{ __typename }']) {
      const answer = await post(bed, JSON.stringify({ query, extensions: { persistedQuery } }));
      expect(refusalCodes(answer)).toEqual(['BAD_REQUEST']);
    }
    await expectHonestAnswer(bed);
  });

  test('with the hash of another document does not replace it', async () => {
    const hashOf = (text: string) => createHash('sha256').update(text).digest('hex');
    const persisted = (query: string | undefined, of: string) =>
      post(bed, JSON.stringify({ query, extensions: { persistedQuery: { version: 1, sha256Hash: hashOf(of) } } }));
    const victim = '{ victim: __typename }';
    expect(refusalCodes(await persisted('{ evil: __typename }', victim))).toEqual(['BAD_REQUEST']);
    expect(failureCodes((await persisted(undefined, victim)).body)).toEqual(['PERSISTED_QUERY_NOT_FOUND']);
    expect(refusalCodes(await persisted('{ __schema { types { name } } }', '{ __schema { types { name } } }'))).toEqual(
      ['GRAPHQL_VALIDATION_FAILED'],
    );
  });

  test('with deep and many extensions is answered as without', async () => {
    const extensions = `{"a":${nested(100_000, '{"a":', '1', '}')},"tracing":true,"__proto__":{"persistedQuery":1}}`;
    const { status, body, tookMs } = await post(bed, `{"query":"{ __typename }","extensions":${extensions}}`);
    expect([status, JSON.parse(body)]).toMatchObject([200, { data: { __typename: 'Query' } }]);
    expect(Object.keys((JSON.parse(body) as { extensions: object }).extensions)).toEqual(['cost']);
    expect(tookMs).toBeLessThan(quickMs);
  });
});

describe('a GET', () => {
  const preflighted = { 'apollo-require-preflight': 'yes' };
  const mutation = encodeURIComponent('mutation { signOut { ok: __typename } }');
  test.each<[string, string, number]>([
    ['of a mutation', `query=${mutation}`, 405],
    [
      'of a mutation behind a query',
      `query=${encodeURIComponent('query A { __typename } mutation B { __typename }')}&operationName=B`,
      405,
    ],
    ['of 8 kB', `query=${encodeURIComponent(`{ ${'a '.repeat(2500)}}`)}`, 400],
    ['of 20 kB', `query=${'x'.repeat(20_000)}`, 431],
    ['of two queries', 'query=%7B__typename%7D&query=%7B__typename%7D', 400],
    ['of variables that are no JSON', 'query=%7B__typename%7D&variables=%7B', 400],
    ['of variables that are a list', 'query=%7B__typename%7D&variables=%5B%5D', 400],
    ['of extensions that are no JSON', 'query=%7B__typename%7D&extensions=x', 400],
    [
      'of a false hash',
      `extensions=${encodeURIComponent('{"persistedQuery":{"version":1,"sha256Hash":{"toString":1}}}')}`,
      400,
    ],
    ['of a null character', 'query=%00', 400],
    ['of broken percent signs', 'query=%E0%A4%A&variables=%', 400],
    ['of nothing', '', 400],
  ])('%s is refused', async (_what, search, status) => {
    const answer = await request(bed, `/graphql?${search}`, { headers: preflighted });
    expect(answer.status).toBe(status);
    refusalCodes(answer);
    await expectHonestAnswer(bed);
  });

  test.each(['query=%7B__typename%7D', `query=${mutation}`])(
    'that any page can send is refused: %s',
    async (search) => {
      for (const headers of [{}, { 'content-type': 'text/plain' }, { accept: 'text/html' }])
        expect(refusalCodes(await request(bed, `/graphql?${search}`, { headers }))).toEqual(['BAD_REQUEST']);
    },
  );
});

describe('on the wire', () => {
  const body = '{"query":"{ __typename }"}';
  const message = (line: string, ...headers: string[]) => [line, ...headers, '', ''].join('\r\n');
  const posting = (...headers: string[]) =>
    message('POST /graphql HTTP/1.1', 'host: x', 'content-type: application/json', ...headers);
  const whole = posting(`content-length: ${body.length}`) + body;
  const chunk = `100000\r\n${' '.repeat(0x100000)}\r\n`;

  test.each<[string, string | Uint8Array, number]>([
    ['10 GB that are announced', posting('content-length: 10737418240'), 413],
    ['30 MB', posting('content-length: 30000000') + ' '.repeat(30_000_000), 413],
    ['30 MB in chunks', posting('transfer-encoding: chunked') + chunk.repeat(29), 413],
    ['a length below 0', posting('content-length: -1') + body, 400],
    ['a length beyond all numbers', posting(`content-length: ${'9'.repeat(40)}`), 400],
    ['two lengths', posting('content-length: 26', 'content-length: 27') + body, 400],
    ['a length beside chunks', posting('content-length: 26', 'transfer-encoding: chunked') + body, 400],
    ['chunks that are none', `${posting('transfer-encoding: chunked')}zz\r\n`, 400],
    ['a chunk with 20 kB of extensions', `${posting('transfer-encoding: chunked')}1;${'x'.repeat(20_000)}\r\n`, 400],
    ['an unknown transfer encoding', posting('transfer-encoding: gzip') + body, 400],
    ['no host', message('POST /graphql HTTP/1.1', 'content-type: application/json', 'content-length: 26') + body, 400],
    ['2000 headers', posting(...Array.from({ length: 2000 }, (_, at) => `${(at % 36).toString(36)}:`)), 431],
    ['101 headers', posting(...Array.from({ length: 99 }, (_, at) => `x-${at}: 1`), 'content-length: 26') + body, 431],
    ['20 kB in a header', posting(`cookie: ${'x'.repeat(20_000)}`), 431],
    ['20 kB in an address', message(`GET /graphql?query=${'x'.repeat(20_000)} HTTP/1.1`, 'host: x'), 431],
    ['a null character in a header', posting('x: a\0b'), 400],
    ['a header that goes on in the next line', posting('x: a\r\n\tb', 'content-length: 26') + body, 400],
    ['lines that end without a return', posting('content-length: 26').replaceAll('\r', '') + body, 400],
    ['an expectation', posting('expect: wonders', 'content-length: 26') + body, 417],
    ['an unknown version', message('GET /graphql HTTP/9.9', 'host: x'), 400],
    ['the start of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400],
    ['the start of TLS', Uint8Array.from([0x16, 3, 1, 2, 0, 1, 0, 1, 0xfc, 3, 3, 0x0d, 0x0a]), 400],
    ['an unknown method', message('HACK /graphql HTTP/1.1', 'host: x'), 400],
    ['a method in small letters', message('post /graphql HTTP/1.1', 'host: x'), 400],
    ['CONNECT', message('CONNECT evil.example:443 HTTP/1.1', 'host: evil.example'), 405],
    ['TRACE', message('TRACE /graphql HTTP/1.1', 'host: x', 'cookie: secret'), 405],
    ['DELETE', message('DELETE /graphql HTTP/1.1', 'host: x'), 405],
    ['PROPFIND', message('PROPFIND /graphql HTTP/1.1', 'host: x'), 405],
    ['the address of another server', message('GET http://evil.example/graphql HTTP/1.1', 'host: x'), 404],
    ['a host in the path', message('GET //evil.example/graphql HTTP/1.1', 'host: x'), 404],
    ['a path that climbs', message('GET /graphql/../../../etc/passwd HTTP/1.1', 'host: x'), 404],
    ['a path that climbs, encoded', message('GET /%2e%2e/%2e%2e/etc/passwd HTTP/1.1', 'host: x'), 404],
    ['a path that is encoded twice', message('GET /%252e%252e%252fetc%252fpasswd HTTP/1.1', 'host: x'), 404],
    ['the endpoint, encoded twice', message('GET /%2567raphql HTTP/1.1', 'host: x'), 404],
    ['a path that is a name of every object', message('GET constructor HTTP/1.1', 'host: x'), 400],
    ['a path with a backslash', message('GET \\..\\..\\etc\\passwd HTTP/1.1', 'host: x'), 400],
    ['a null character in a path', message('GET /graphql%00.html HTTP/1.1', 'host: x'), 404],
    ['an upload that climbs', message('PUT /uploads/../../etc/passwd HTTP/1.1', 'host: x', 'content-length: 0'), 404],
    ['an upload by an unknown token', message('PUT /uploads/%00 HTTP/1.1', 'host: x', 'content-length: 0'), 404],
    ['an upload by POST', message('POST /uploads/x HTTP/1.1', 'host: x', 'content-length: 0'), 405],
  ])('%s: refused', async (_what, bytes, status) => {
    const answer = await sendBytes(bed, bytes);
    expect(answer.status).toBe(status);
    refusalCodes(answer);
    await expectHonestAnswer(bed);
  });

  test.each<[string, string]>([
    ['HTTP/1.0', message('POST /graphql HTTP/1.0', 'content-type: application/json', 'content-length: 26') + body],
    ['a proposal of HTTP/2', posting('connection: upgrade', 'upgrade: h2c', 'content-length: 26') + body],
    ['100 headers', posting(...Array.from({ length: 97 }, (_, at) => `x-${at}: 1`), 'content-length: 26') + body],
  ])('%s: answered', async (_what, bytes) => {
    expect(await sendBytes(bed, bytes)).toMatchObject({ status: 200, body: expect.stringContaining('"Query"') });
  });

  test('500 requests at once on one connection are answered in order', async () => {
    const socket = await dial(bed, whole.repeat(500));
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await expectHonestAnswer(bed);
    while (said.split('"__typename":"Query"').length <= 500) await once(socket, 'data');
    expect(said.match(/HTTP\/1\.1 200 OK/g)).toHaveLength(500);
    socket.destroy();
  });

  test('what follows a refused request on its connection is not smuggled in', async () => {
    const inner = whole.replace('{ __typename }', '{ smuggled: __typename }');
    const socket = await dial(bed, posting('content-length: 5', 'transfer-encoding: chunked') + `0\r\n\r\n${inner}`);
    let said = '';
    socket.on('data', (chunk: Buffer) => (said += chunk.toString()));
    await once(socket, 'close');
    expect(said).toMatch(/^HTTP\/1\.1 400 /);
    expect(said).not.toContain('smuggled');
  });
});
