import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { answerOf, askApi, type ApiAnswer } from '../src/domains/modelhub/api-call.ts';
import { operationsOf } from '../src/domains/modelhub/api-document-reading.ts';
import { withoutSecret } from '../src/domains/modelhub/api-masking.ts';
import { requestFor } from '../src/domains/modelhub/api-request.ts';
import { faultOfArguments, faultOfSchema } from '../src/domains/modelhub/argument-schema.ts';
import { openOutboundTo } from '../src/outbound/open.ts';
import { apiOf, key, mutations, operationOf, refusals, texts, type Data } from './apis.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { WebServer } from './web-server.ts';

const api = {
  name: 'Customers',
  endpoint: 'https://api.example.com/v1',
  authentication: 'BEARER' as const,
  authenticationName: null,
  configuration: { headers: { 'X-Team': 'blue' }, query: { tenant: 'ours' } },
};
const get = (path: string, given: Record<string, unknown>) => requestFor(api, { method: 'GET', path }, given, key);

describe('a request', () => {
  test('has arguments in its path and query, and what is set stands above them', () => {
    const { url, headers, body } = get('/customers/{id}/notes', {
      id: 'a b/c?d#e&f',
      q: 'x&tenant=theirs\r\nHost: evil',
      tag: ['a', 'b'],
      tenant: 'theirs',
      page: 2,
      deep: { a: 1 },
      none: null,
    });
    expect(url.origin).toBe('https://api.example.com');
    expect(url.pathname).toBe('/v1/customers/a%20b%2Fc%3Fd%23e%26f/notes');
    expect([...url.searchParams]).toEqual([
      ['q', 'x&tenant=theirs\r\nHost: evil'],
      ['tag', 'a'],
      ['tag', 'b'],
      ['tenant', 'ours'],
      ['page', '2'],
      ['deep', '{"a":1}'],
    ]);
    expect(url.href).not.toMatch(/[\r\n]/);
    expect(headers).toEqual({
      accept: 'application/json, text/*;q=0.8',
      'x-team': 'blue',
      authorization: `Bearer ${key}`,
    });
    expect(body).toBeNull();
  });

  test('has the rest of its arguments as JSON where it changes something', () => {
    const given = { id: 7, name: 'Ada', headers: { authorization: 'x' } };
    const { url, headers, body } = requestFor(api, { method: 'PATCH', path: '/customers/{id}' }, given, null);
    expect(url.href).toBe('https://api.example.com/v1/customers/7?tenant=ours');
    expect(headers).toMatchObject({ 'content-type': 'application/json' });
    expect(headers).not.toHaveProperty('authorization');
    expect(body).toBe('{"name":"Ada","headers":{"authorization":"x"}}');
  });

  test.each([
    '',
    '.',
    '..',
    '../admin',
    '..\\admin',
    'a/../../admin',
    '%2e%2e',
    '%2E%2e%2Fadmin',
    '%252e%252e%252fadmin',
    '..;/admin',
    'a\r\nHost: evil',
    'nul\0',
    '\ud800',
    null,
    undefined,
    {},
    ['..'],
  ])('leads nowhere else by %j', (id) => {
    expect(() => get('/customers/{id}', { id })).toThrow('would lead elsewhere');
  });

  test('leads nowhere else by two arguments together', () => {
    expect(() => get('/customers/{a}{b}/x', { a: '.', b: '.' })).toThrow('would lead elsewhere');
    expect(get('/customers/{a}{b}/x', { a: '.', b: 'x' }).url.pathname).toBe('/v1/customers/.x/x');
    for (const id of ['https://evil.example/', '//evil.example', '@evil.example', ':8080', 'a..b', '...'])
      expect(get('/customers/{id}', { id }).url.href).toMatch(
        /^https:\/\/api\.example\.com\/v1\/customers\/[^/]+\?tenant=ours$/,
      );
  });
});

describe('a schema of arguments', () => {
  const deep = (levels: number): object =>
    levels === 0 ? { type: 'string' } : { type: 'array', items: deep(levels - 1) };
  test.each<[string, unknown]>([
    ['"type": "object"', null],
    ['"type": "object"', 'object'],
    ['"type": "object"', []],
    ['"type": "object"', { type: 'string' }],
    ['"type": "object"', { type: 'object', properties: [] }],
    ['no JSON Schema', { type: 'object', properties: { a: { type: 'text' } } }],
    ['no JSON Schema', { type: 'object', properties: { a: { pattern: '(' } } }],
    ['no JSON Schema', { type: 'object', properties: { a: { pattern: '(?=a)b' } } }],
    ['no JSON Schema', { type: 'object', required: 'a' }],
    ['refers to nothing', { type: 'object', properties: { a: { $ref: 'https://example.com/schema' } } }],
    ['refers to nothing', { $ref: '#', type: 'object' }],
    ['20 levels', { type: 'object', properties: { a: deep(30) } }],
    ['16,000 characters', { type: 'object', description: 'x'.repeat(16_000) }],
  ])('is refused: %s', (words, schema) => {
    expect(faultOfSchema(schema)).toContain(words);
  });

  test('takes what it names, and nothing besides unless it says so', () => {
    const schema = { type: 'object', properties: { id: { type: 'string', maxLength: 3 } }, required: ['id'] };
    expect(faultOfArguments(schema, { id: 'abc' })).toBeNull();
    expect(faultOfArguments(schema, { id: 'abcd' })).toContain('arguments/id');
    expect(faultOfArguments(schema, {})).toContain('id');
    expect(faultOfArguments(schema, { id: 'a', constructor: 1 })).toContain('constructor');
    expect(faultOfArguments(schema, JSON.parse('{"id":"a","__proto__":{"b":1}}'))).toContain('__proto__');
    expect(faultOfArguments({ ...schema, additionalProperties: true }, { id: 'a', more: 1 })).toBeNull();
    expect(faultOfArguments(texts('constructor'), {})).toContain('constructor');
  });

  test('matches patterns in time that grows with the text alone', () => {
    const schema = { type: 'object', properties: { a: { type: 'string', pattern: '^(a+)+$' } } };
    const began = performance.now();
    expect(faultOfArguments(schema, { a: `${'a'.repeat(20_000)}!` })).toContain('pattern');
    expect(performance.now() - began).toBeLessThan(4000);
  });
});

describe('what a model reads', () => {
  test.each<[string, string]>([
    ['as it is', key],
    ['in JSON', JSON.stringify({ authorization: key })],
    ['in a URL', encodeURIComponent(key)],
    ['in a URL in small letters', encodeURIComponent(key).replaceAll(/%../g, (code) => code.toLowerCase())],
    ['in base 64', Buffer.from(key).toString('base64')],
    ['in base 64 for URLs', Buffer.from(key).toString('base64url')],
    ['as BASIC sends it', Buffer.from(`tessera:${key}`).toString('base64')],
    ['in hexadecimal', Buffer.from(key).toString('hex')],
    ['with control characters', key.split('').join('\0')],
    ['with characters of no width', key.split('').join('\u200b')],
    [
      'as codes',
      key
        .split('')
        .map((letter) => `\\u00${letter.charCodeAt(0).toString(16)}`)
        .join(''),
    ],
    ['in HTML', key.replaceAll('&', '&amp;').replaceAll('"', '&quot;')],
  ])('holds no key: %s', (_how, form) => {
    const shown = withoutSecret(`before ${form} after`, key, 'tessera');
    expect(shown).toMatch(/^before \S*\[secret\]\S* after$/);
    expect(shown).not.toContain(form);
    expect(shown.toLowerCase()).not.toContain('marzipan');
  });

  test('is otherwise what came', () => {
    const text = 'Line\n\t"quoted" \\" \\n ünïcode 🌷';
    expect(withoutSecret(text, key)).toBe(text);
    expect(withoutSecret('"\\u0041\\u0022"', key)).toBe('"A\\""');
    expect(withoutSecret(text, null)).toBe(text);
  });
});

describe('an answer', () => {
  const web = new WebServer();
  const outbound = openOutboundTo(() => true);
  beforeAll(() => web.start());
  afterAll(async () => {
    web.stop();
    await outbound.close();
  });
  const asked = (signal = new AbortController().signal, longestMs = 4000): Promise<ApiAnswer> =>
    askApi(
      { outbound, signal, longestMs },
      { url: new URL(web.url('/a')), method: 'GET', headers: {}, body: null },
      answerOf,
    );

  test('is text or JSON of at most 200,000 bytes', async () => {
    const answered = (type: string, body: string | Uint8Array) => {
      web.routes = { '/a': { headers: { 'content-type': type }, body } };
      return asked();
    };
    expect(await answered('Application/Problem+JSON; charset="UTF-8"', '{}')).toEqual({
      status: 200,
      mimeType: 'application/problem+json',
      text: '{}',
      cut: false,
    });
    expect(await answered('text/plain', 'x'.repeat(900_000))).toMatchObject({ text: 'x'.repeat(200_000), cut: true });
    for (const type of ['image/png', 'application/octet-stream', 'text/plain; charset=utf-16', ''])
      expect(await answered(type, 'x')).toMatchObject({ text: null });
  });

  test('comes in time or not at all, also when it never ends', async () => {
    web.routes = { '/a': () => undefined };
    await expect(asked(undefined, 300)).rejects.toThrow('did not answer within');
    web.routes = {
      '/a': (_request, response) => {
        response.writeHead(200, { 'content-type': 'text/plain' });
        const dripping = setInterval(() => response.write('x'), 20);
        response.once('close', () => clearInterval(dripping));
      },
    };
    await expect(asked(undefined, 300)).rejects.toThrow('did not answer within');
    const stopped = new AbortController();
    setTimeout(() => stopped.abort(new Error('Stopped.')), 100);
    await expect(asked(stopped.signal)).rejects.toThrow('Stopped.');
  });
});

const responses = { 200: { description: 'Fine.' } };
const document = {
  openapi: '3.0.3',
  info: { title: 'Pets', version: '1' },
  servers: [{ url: 'https://evil.example' }],
  paths: {
    '/pets/{id}': {
      parameters: [{ $ref: '#/components/parameters/id' }],
      get: {
        operationId: 'get-pet',
        summary: 'One pet.',
        parameters: [
          { name: 'age', in: 'query', schema: { type: 'integer', minimum: 0, exclusiveMinimum: true, nullable: true } },
          { name: 'X-Trace', in: 'header', schema: { type: 'string' } },
        ],
        responses,
      },
      put: {
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Pet' } } },
        },
        responses,
      },
      delete: {
        parameters: [{ name: 'X-Reason', in: 'header', required: true, schema: { type: 'string' } }],
        responses,
      },
    },
    '/nodes': {
      post: {
        requestBody: {
          required: true,
          content: { 'application/json': { schema: { $ref: '#/components/schemas/Node' } } },
        },
        responses,
      },
    },
    '/upload': {
      post: { requestBody: { required: true, content: { 'text/csv': { schema: { type: 'string' } } } }, responses },
    },
    '/../admin': { get: { responses } },
  },
  components: {
    parameters: { id: { name: 'id', in: 'path', required: true, schema: { type: 'string' } } },
    schemas: {
      Pet: { type: 'object', properties: { name: { type: 'string' } }, required: ['name'] },
      Node: { type: 'object', properties: { next: { $ref: '#/components/schemas/Node' } } },
    },
  },
};

describe('an OpenAPI document', () => {
  test('gives operations, and says what it gives none for', async () => {
    const { operations, skipped } = await operationsOf(document);
    expect(operations).toEqual([
      {
        name: 'get_pet',
        description: 'One pet.',
        method: 'GET',
        path: '/pets/{id}',
        parameters: {
          type: 'object',
          properties: { id: { type: 'string' }, age: { type: ['integer', 'null'], exclusiveMinimum: 0 } },
          required: ['id'],
        },
        changes: false,
      },
      {
        name: 'put_pets_id',
        description: 'PUT /pets/{id}',
        method: 'PUT',
        path: '/pets/{id}',
        parameters: {
          type: 'object',
          properties: { id: { type: 'string' }, name: { type: 'string' } },
          required: ['id', 'name'],
        },
        changes: true,
      },
    ]);
    expect(skipped.map(({ operation }) => operation)).toEqual([
      'DELETE /pets/{id}',
      'POST /nodes',
      'POST /upload',
      'GET /../admin',
    ]);
    expect(skipped[1]?.reason).toContain('refer to themselves');
  });

  test('is read as YAML, too, and its outer references are never followed', async () => {
    const yaml =
      'openapi: 3.1.0\ninfo: { title: x, version: "1" }\npaths:\n  /a:\n    get: { responses: { "200": { description: ok } } }\n';
    expect((await operationsOf(yaml)).operations).toMatchObject([{ name: 'get_a' }]);
    const web = await new WebServer().start();
    const outer = { name: 'a', in: 'query', schema: { $ref: web.url('/schema.json') } };
    const leading = { ...document, paths: { '/a': { get: { parameters: [outer], responses } } } };
    await expect(operationsOf(leading)).rejects.toThrow('no valid OpenAPI document');
    expect(web.paths).toEqual([]);
    web.stop();
  });

  test('that grows when it is written out is not written out', async () => {
    const level = (place: number) => ({ $ref: `#/components/schemas/S${place + 1}` });
    const schemas = Object.fromEntries(
      Array.from({ length: 40 }, (_, place) => [
        `S${place}`,
        place === 39 ? { type: 'string' } : { type: 'object', properties: { a: level(place), b: level(place) } },
      ]),
    );
    const body = { required: true, content: { 'application/json': { schema: { $ref: '#/components/schemas/S0' } } } };
    const bomb = { ...document, paths: { '/b': { post: { requestBody: body, responses } } }, components: { schemas } };
    const began = performance.now();
    expect(await operationsOf(bomb)).toMatchObject({ operations: [], skipped: [{ operation: 'POST /b' }] });
    expect(performance.now() - began).toBeLessThan(8000);
  });

  test.each<{ given: unknown }>([
    { given: '' },
    {
      given: `openapi: 3.1.0\ninfo: { title: x, version: "1" }\npaths: {}\nx-a: &a ${'x'.repeat(100_000)}\nx-b: [${'*a, '.repeat(5000)}]`,
    },
    { given: '{' },
    { given: 'a: [' },
    { given: 42 },
    { given: { a: 1 } },
    { given: `{"openapi":"${'x'.repeat(500_000)}"}` },
  ])('is refused when it is none: %#', async ({ given }) => {
    await expect(operationsOf(given)).rejects.toMatchObject({
      extensions: { code: 'BAD_USER_INPUT', field: 'document' },
    });
  });
});

describe('operations', () => {
  let bed: Testbed;
  let owner: Awaited<ReturnType<Testbed['signUp']>>;
  let id: string;
  beforeAll(async () => {
    bed = await startTestbed();
  }, 120_000);
  beforeEach(async () => {
    owner = await bed.signUp('Olga');
    ({ id } = await apiOf(owner, { endpoint: 'https://api.example.com' }));
  });
  afterAll(() => bed.stop());

  test('are made, changed and deleted', async () => {
    const made = await operationOf(owner, id, { name: 'find', path: '/customers', parameters: texts('q') });
    expect(made).toMatchObject({
      name: 'find',
      method: 'GET',
      path: '/customers',
      parameters: texts('q'),
      changes: false,
    });
    const posting = await operationOf(owner, id, { name: 'add', path: '/customers', method: 'POST' });
    expect(posting).toMatchObject({ changes: true, parameters: { type: 'object', properties: {} } });
    const searching = await operationOf(owner, id, { name: 'search', path: '/search', method: 'POST', changes: false });
    expect(searching).toMatchObject({ changes: false });
    const change = async (input: object): Promise<Data> =>
      ((await owner.want(mutations.updateOperation, { input })) as Data).updateApiOperation.operation;
    expect(await change({ id: made.id, description: 'New.' })).toMatchObject({ description: 'New.', changes: false });
    expect(await change({ id: made.id, method: 'PUT' })).toMatchObject({ method: 'PUT', changes: true });
    expect(await change({ id: made.id, parameters: null })).toMatchObject({
      parameters: { type: 'object' },
      changes: true,
    });
    expect(await refusals(owner, mutations.updateOperation, { id: made.id, name: 'add' })).toEqual(['CONFLICT name']);
    await owner.want(mutations.removeOperation, { input: { id: made.id } });
    expect(await refusals(owner, mutations.removeOperation, { id: made.id })).toEqual(['NOT_FOUND']);
  });

  test.each<[string, object]>([
    ['name', { name: 'has space' }],
    ['name', { name: 'x'.repeat(65) }],
    ['description', { description: ' ' }],
    ['path', { path: 'customers' }],
    ['path', { path: '//evil.example' }],
    ['path', { path: '/\\evil.example' }],
    ['path', { path: '/a/../b' }],
    ['path', { path: '/a/%2e%2e/b' }],
    ['path', { path: '/a?b=c' }],
    ['path', { path: '/a#b' }],
    ['path', { path: '/{a' }],
    ['path', { path: '/{a}/{a}', parameters: texts('a') }],
    ['path', { path: '/a b' }],
    ['parameters', { path: '/{a}' }],
    ['parameters', { path: '/{a}', parameters: { type: 'object', properties: { a: { type: 'string' } } } }],
    ['parameters', { parameters: { type: 'array' } }],
  ])('with a wrong %s are refused: %j', async (field, input) => {
    const given = { configurationId: id, name: 'find', description: 'Finds.', method: 'GET', path: '/a', ...input };
    expect(await refusals(owner, mutations.createOperation, given)).toEqual([`BAD_USER_INPUT ${field}`]);
  });

  test('are imported all or none, up to 100, and those that are there stay', async () => {
    await operationOf(owner, id, { name: 'get_pet', path: '/mine' });
    const imported = async (given: unknown): Promise<Data> =>
      ((await owner.want(mutations.importOperations, { input: { id, document: given } })) as Data).importApiOperations;
    const first = await imported(JSON.stringify(document));
    expect(first.operations).toMatchObject([{ name: 'put_pets_id' }]);
    expect(first.skipped).toContainEqual({
      operation: 'GET /pets/{id}',
      reason: 'An operation of this name is there already.',
    });
    const many = (count: number) => ({
      ...document,
      paths: Object.fromEntries(Array.from({ length: count }, (_, place) => [`/p${place}`, { get: { responses } }])),
    });
    expect(await refusals(owner, mutations.importOperations, { id, document: many(99) })).toEqual([
      'CONFLICT configurationId',
    ]);
    expect((await imported(many(98))).operations).toHaveLength(98);
    const one = { configurationId: id, name: 'more', description: 'More.', method: 'GET', path: '/a' };
    expect(await refusals(owner, mutations.createOperation, one)).toEqual(['CONFLICT configurationId']);
    const { apiConfiguration }: Data = await owner.want(
      'query ($id: ID!) { apiConfiguration(id: $id) { endpoint operations { name } } }',
      { id },
    );
    expect(apiConfiguration.operations).toHaveLength(100);
    expect(apiConfiguration.endpoint).toBe('https://api.example.com');
  });
});
