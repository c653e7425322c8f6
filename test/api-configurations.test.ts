import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { joined } from './access/cast.ts';
import { apiFields, apiOf, groupOf, key, mutations, operationOf, refusals, texts, type Data } from './apis.ts';
import { insightOf } from './colleagues.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { WebServer } from './web-server.ts';

let bed: Testbed;
let web: WebServer;
let elsewhere: WebServer;
let owner: Awaited<ReturnType<Testbed['signUp']>>;
const log: string[] = [];

beforeAll(async () => {
  [bed, web, elsewhere] = await Promise.all([
    startTestbed({ ALLOW_PRIVATE_ADDRESSES: 'on', LOG_LEVEL: 'debug' }, (line) => log.push(line)),
    new WebServer().start(),
    new WebServer().start(),
  ]);
}, 120_000);
beforeEach(async () => {
  owner = await bed.signUp('Olga');
  for (const server of [web, elsewhere]) server.requests.length = 0;
});
afterEach(() => {
  web.routes = {};
  elsewhere.routes = {};
});
afterAll(async () => {
  web.stop();
  elsewhere.stop();
  await bed.stop();
});

const root = () => web.url('/v1');
const member = (name: string) => joined(bed, owner.organizationId, name, 'MEMBER', null, 'VIEWER');
const see = (person: Person, id: string) =>
  person.codes('query ($id: ID!) { apiConfiguration(id: $id) { name operations { name } } }', { id });
const listed = async (person: Person, args = ''): Promise<string[]> => {
  const { apiConfigurations }: Data = await person.want(
    `{ apiConfigurations${args} { totalCount edges { node { name } } } }`,
  );
  const names = apiConfigurations.edges.map(({ node }: Data) => node.name);
  expect(apiConfigurations.totalCount).toBe(names.length);
  return names;
};
const updated = async (person: Person, input: object): Promise<Data> =>
  ((await person.want(mutations.update, { input })) as Data).updateApiConfiguration.apiConfiguration;
const tested = async (person: Person, input: object): Promise<Data> =>
  ((await person.want(mutations.test, { input })) as Data).testApiConfiguration.apiConfiguration;
/** All that the database has of the organization's APIs, and of what happened to them. */
const stored = async (): Promise<string> => {
  const unit = insightOf(bed, owner.organizationId, owner.organizationId);
  const rows = await unit.run(() =>
    database.execute(sql`select to_jsonb(api)::text as row from api_configurations api
      union all select to_jsonb(event)::text from events event where target_type in ('ApiConfiguration', 'ApiOperation')`),
  );
  await unit.rest();
  return JSON.stringify(rows);
};

describe('an API', () => {
  test('is made, changed by version, and deleted; its key is seen by nobody again', async () => {
    const made = await apiOf(owner, {
      name: ' Customers ',
      provider: 'Acme',
      endpoint: `${root()}/`,
      configuration: { headers: { 'X-Team': 'blue' }, query: { lang: 'de' } },
    });
    expect(made).toMatchObject({
      name: 'Customers',
      kind: 'CRM',
      provider: 'Acme',
      endpoint: root(),
      authentication: 'BEARER',
      authenticationName: null,
      lastFour: '-key',
      configuration: { headers: { 'X-Team': 'blue' }, query: { lang: 'de' } },
      group: null,
      isActive: true,
      createdBy: { id: owner.userId },
      lastUsedAt: null,
      testedAt: null,
      version: 1,
    });
    const { id } = made;
    const { node }: Data = await owner.want(
      `query ($id: ID!) { node(id: $id) { ... on ApiConfiguration { ${apiFields} } } }`,
      { id },
    );
    expect(node).toEqual(made);

    const changed = await updated(owner, { id, version: 1, name: 'Clients', isActive: false, provider: null });
    expect(changed).toMatchObject({ name: 'Clients', isActive: false, provider: '', lastFour: '-key', version: 2 });
    expect(await refusals(owner, mutations.update, { id, version: 1, name: 'Late' })).toEqual(['CONFLICT version']);

    const rows = await stored();
    expect(rows).toContain('Clients');
    expect(rows).toContain('api_configuration.updated');
    for (const text of [rows, log.join('')]) expect(text).not.toContain('Marzipan');

    await owner.want(mutations.remove, { input: { id } });
    expect(await see(owner, id)).toEqual(['NOT_FOUND']);
    expect(await refusals(owner, mutations.remove, { id })).toEqual(['NOT_FOUND']);
  });

  test('keeps its key as long as it is not taken away, and sends it to no other host', async () => {
    const { id } = await apiOf(owner, { endpoint: root() });
    expect(await refusals(owner, mutations.update, { id, version: 1, endpoint: elsewhere.url('/v1') })).toEqual([
      'BAD_USER_INPUT key',
    ]);
    const moved = await updated(owner, { id, version: 1, endpoint: elsewhere.url('/v1'), key: 'another-key-9999' });
    expect(moved).toMatchObject({ lastFour: '9999', version: 2 });
    const sameHost = await updated(owner, { id, version: 2, endpoint: elsewhere.url('/v2') });
    expect(sameHost).toMatchObject({ lastFour: '9999' });
    const named = await updated(owner, { id, version: 3, authentication: 'HEADER', authenticationName: 'X-Api-Key' });
    expect(named).toMatchObject({ authenticationName: 'X-Api-Key', lastFour: '9999' });
    const bare = await updated(owner, { id, version: 4, key: null });
    expect(bare).toMatchObject({ authentication: 'NONE', authenticationName: null, lastFour: null });
    expect(await refusals(owner, mutations.update, { id, version: 5, authentication: 'BEARER' })).toEqual([
      'BAD_USER_INPUT key',
    ]);
  });

  test.each<[string, object]>([
    ['name', { name: '  ' }],
    ['name', { name: 'x'.repeat(101) }],
    ['provider', { provider: 'x'.repeat(101) }],
    ['endpoint', { endpoint: 'ftp://example.com' }],
    ['endpoint', { endpoint: 'https://user:secret@example.com' }],
    ['endpoint', { endpoint: 'https://example.com/?key=1' }],
    ['endpoint', { endpoint: 'https://example.com/#a' }],
    ['key', { key: 'short' }],
    ['key', { key: 'line\r\nX-Other: 1' }],
    ['key', { key: null }],
    ['key', { authentication: 'NONE' }],
    ['authenticationName', { authenticationName: 'x' }],
    ['authenticationName', { authentication: 'HEADER' }],
    ['authenticationName', { authentication: 'HEADER', authenticationName: 'Host' }],
    ['authenticationName', { authentication: 'HEADER', authenticationName: 'X: y\r\nZ' }],
    ['authenticationName', { authentication: 'BASIC', authenticationName: 'a:b' }],
    ['configuration.headers.Authorization', { configuration: { headers: { Authorization: 'Bearer x' } } }],
    ['configuration.headers.X-Api-Key', { configuration: { headers: { 'X-Api-Key': 'x' } } }],
    ['configuration.headers.cookie', { configuration: { headers: { cookie: 'a=b' } } }],
    ['configuration.headers.Host', { configuration: { headers: { Host: 'other' } } }],
    ['configuration.headers.X-A', { configuration: { headers: { 'X-A': 'a\r\nB: c' } } }],
    ['configuration.query.access_token', { configuration: { query: { access_token: 'x' } } }],
    ['configuration.query.accessToken', { configuration: { query: { accessToken: 'x' } } }],
    ['configuration', { configuration: { cookies: {} } }],
    ['configuration.headers.X-A', { configuration: { headers: { 'X-A': 1 } } }],
  ])('with a wrong %s is refused: %j', async (field, input) => {
    const given = {
      name: 'Wrong',
      kind: 'ERP',
      endpoint: 'https://example.com',
      authentication: 'BEARER',
      key,
      ...input,
    };
    expect(await refusals(owner, mutations.create, given)).toEqual([`BAD_USER_INPUT ${field}`]);
    expect(await listed(owner)).toEqual([]);
  });

  test('has a name of its own', async () => {
    await apiOf(owner, { endpoint: root() });
    expect(await refusals(owner, mutations.create, { name: 'Customers', kind: 'CRM', endpoint: root() })).toEqual([
      'CONFLICT name',
    ]);
  });
});

describe('an API of a group', () => {
  test('is seen by its members and administrators alone, and so are its operations', async () => {
    const [bob, eve] = [await member('Bob'), await member('Eve')];
    const groupId = await groupOf(owner, 'Sales', bob.userId);
    const { id } = await apiOf(owner, { name: 'Secretive', endpoint: root(), groupId });
    const operation = await operationOf(owner, id, { name: 'ping', path: '/ping' });
    await apiOf(owner, { name: 'Open', endpoint: root() });
    const stranger = await bed.signUp('Mallory');
    for (const person of [owner, bob]) {
      expect(await listed(person)).toEqual(['Secretive', 'Open']);
      expect(await see(person, id)).toEqual([]);
    }
    expect(await listed(eve)).toEqual(['Open']);
    expect(await listed(stranger)).toEqual([]);
    expect(await listed(eve, `(filter: { groupId: { eq: "${groupId}" } })`)).toEqual([]);
    expect(
      await listed(bob, `(filter: { groupId: { eq: "${groupId}" }, kind: { in: [CRM] } }, orderBy: [{ field: NAME }])`),
    ).toEqual(['Secretive']);
    const nodeOf = (person: Person, nodeId: string) =>
      person.codes('query ($id: ID!) { node(id: $id) { id } }', { id: nodeId });
    for (const person of [eve, stranger]) {
      expect(await see(person, id)).toEqual(['NOT_FOUND']);
      for (const hidden of [id, operation.id]) expect(await nodeOf(person, hidden)).toEqual(['NOT_FOUND']);
    }
    expect(await refusals(stranger, mutations.update, { id, version: 1, name: 'Mine' })).toEqual(['NOT_FOUND']);
    expect(await refusals(stranger, mutations.test, { id })).toEqual(['NOT_FOUND']);
    expect(await refusals(stranger, mutations.removeOperation, { id: operation.id })).toEqual(['NOT_FOUND']);
    expect(await refusals(stranger, mutations.importOperations, { id, document: '{}' })).toEqual(['NOT_FOUND']);
    expect(await refusals(bob, mutations.update, { id, version: 1, name: 'Mine' })).toEqual(['FORBIDDEN']);

    // It goes to everybody, and back to others.
    await updated(owner, { id, version: 1, groupId: null });
    expect(await nodeOf(eve, operation.id)).toEqual([]);
    const others = await groupOf(owner, 'Support', eve.userId);
    await updated(owner, { id, version: 2, groupId: others });
    expect(await nodeOf(bob, operation.id)).toEqual(['NOT_FOUND']);
    expect(await see(bob, id)).toEqual(['NOT_FOUND']);
    expect(await nodeOf(eve, operation.id)).toEqual([]);
    expect(await refusals(owner, mutations.update, { id, version: 3, groupId: id })).toEqual(['NOT_FOUND']);
  });

  test('is managed by members with the right in their own group, and given to no other', async () => {
    const bob = await member('Bob');
    await owner.want(
      'mutation ($input: GrantPermissionInput!) { grantPermission(input: $input) { userPermission { id } } }',
      {
        input: { userId: bob.userId, permission: 'API_MANAGE' },
      },
    );
    const [own, foreign] = [await groupOf(owner, 'Sales', bob.userId), await groupOf(owner, 'Board')];
    const { id } = await apiOf(bob, { endpoint: root(), groupId: own });
    expect(await refusals(bob, mutations.update, { id, version: 1, groupId: foreign })).toEqual(['FORBIDDEN']);
    const asked = { name: 'Other', kind: 'CRM', endpoint: root(), groupId: foreign };
    expect(await refusals(bob, mutations.create, asked)).toEqual(['FORBIDDEN']);
    expect(await updated(bob, { id, version: 1, name: 'Ours' })).toMatchObject({ group: { id: own } });
  });

  test('is nobody’s but the administrators’ while the group is inactive, and gone with it', async () => {
    const bob = await member('Bob');
    const groupId = await groupOf(owner, 'Sales', bob.userId);
    const { id } = await apiOf(owner, { endpoint: root(), groupId });
    const operation = await operationOf(owner, id, { name: 'ping', path: '/ping' });
    const change = 'mutation ($input: UpdateGroupInput!) { updateGroup(input: $input) { group { id } } }';
    await owner.want(change, { input: { id: groupId, active: false } });
    expect(await see(bob, id)).toEqual(['NOT_FOUND']);
    expect(await see(owner, id)).toEqual([]);
    await owner.want(change, { input: { id: groupId, active: true } });
    expect(await see(bob, id)).toEqual([]);
    await owner.want('mutation ($input: DeleteGroupInput!) { deleteGroup(input: $input) { deletedId } }', {
      input: { id: groupId },
    });
    expect(await see(owner, id)).toEqual(['NOT_FOUND']);
    expect(await refusals(owner, mutations.removeOperation, { id: operation.id })).toEqual(['NOT_FOUND']);
  });
});

test('a page of APIs with groups, makers and operations is one statement for each of them', async () => {
  const groupId = await groupOf(owner, 'Sales');
  for (const name of ['One', 'Two', 'Three']) {
    const { id } = await apiOf(owner, { name, endpoint: root(), groupId });
    await operationOf(owner, id, { name: 'ping', path: '/ping' });
  }
  const { statements, errors } = await owner.ask(
    '{ apiConfigurations(first: 2) { edges { node { name group { name } createdBy { id } operations { name apiConfiguration { id } } } } } }',
  );
  expect(errors).toEqual([]);
  expect(statements).toHaveLength(5);
});

describe('a test call', () => {
  test.each<[string, object, Record<string, string | undefined>]>([
    ['NONE', { authentication: 'NONE', key: null }, { authorization: undefined }],
    ['BEARER', {}, { authorization: `Bearer ${key}` }],
    [
      'HEADER',
      { authentication: 'HEADER', authenticationName: 'X-Api-Key' },
      { 'x-api-key': key, authorization: undefined },
    ],
    [
      'BASIC',
      { authentication: 'BASIC', authenticationName: 'tessera' },
      { authorization: `Basic ${Buffer.from(`tessera:${key}`).toString('base64')}` },
    ],
  ])('shows the key as %s says, with what every call carries', async (_way, input, headers) => {
    const configuration = { headers: { 'X-Team': 'blue' }, query: { lang: 'de' } };
    const { id } = await apiOf(owner, { endpoint: root(), configuration, ...input });
    web.routes = { '/v1': { body: `You sent ${key}` } };
    const result = await tested(owner, { id });
    expect(result).toMatchObject({ testStatus: 200, testError: null, testedAt: expect.any(String), version: 1 });
    expect(web.paths).toEqual(['/v1?lang=de']);
    expect(web.requests[0]?.headers).toMatchObject({
      'x-team': 'blue',
      ...(headers.authorization !== undefined && headers),
    });
    for (const [name, value] of Object.entries(headers)) expect(web.requests[0]?.headers[name]).toBe(value);
    expect(JSON.stringify(result)).not.toContain('Marzipan');
    expect(await updated(owner, { id, version: 1, name: 'New' })).toMatchObject({ testStatus: 200 });
    expect(await updated(owner, { id, version: 2, endpoint: `${root()}/new` })).toMatchObject({
      testedAt: null,
      testStatus: null,
    });
  });

  test('says what is wrong, and neither follows a redirect nor shows a body', async () => {
    const { id } = await apiOf(owner, { endpoint: root() });
    web.routes = { '/v1': { status: 401, body: `Wrong key ${key}` } };
    expect(await tested(owner, { id })).toMatchObject({
      testStatus: 401,
      testError: expect.stringContaining('does not take the key'),
    });
    web.routes = { '/v1': { status: 302, headers: { location: elsewhere.url('/stolen') } } };
    expect(await tested(owner, { id })).toMatchObject({
      testStatus: 302,
      testError: expect.stringContaining('redirects'),
    });
    expect(elsewhere.paths).toEqual([]);
    web.routes = { '/v1': { status: 500, body: key } };
    expect(await tested(owner, { id })).toMatchObject({
      testStatus: 500,
      testError: 'The API answers with status 500.',
    });
    web.routes = { '/v1': (_request, response) => void response.destroy() };
    expect(await tested(owner, { id })).toMatchObject({
      testStatus: null,
      testError: 'The API cannot be reached, or broke off.',
    });
    const closed = await apiOf(owner, { name: 'Closed', endpoint: 'http://127.0.0.1:9/' });
    expect(await tested(owner, { id: closed.id })).toMatchObject({
      testStatus: null,
      testError: expect.stringContaining('cannot be reached'),
    });
    expect(log.join('') + (await stored())).not.toContain('Marzipan');
  });

  test('says nothing of an API that was changed meanwhile', async () => {
    const { id } = await apiOf(owner, { endpoint: root() });
    const released = Promise.withResolvers<void>();
    web.routes = { '/v1': (_request, response) => void released.promise.then(() => response.end('Fine.')) };
    const asked = owner.codes(mutations.test, { input: { id } });
    while (web.paths.length === 0) await new Promise((resolve) => setTimeout(resolve, 20));
    await updated(owner, { id, version: 1, key: 'another-key-9999' });
    released.resolve();
    expect(await asked).toEqual(['CONFLICT']);
  });

  test('takes an operation that reads and needs nothing', async () => {
    const { id } = await apiOf(owner, { endpoint: root() });
    const other = await apiOf(owner, { name: 'Other', endpoint: root() });
    const status = await operationOf(owner, id, { name: 'status', path: '/status' });
    const one = await operationOf(owner, id, { name: 'one', path: '/one/{id}', parameters: texts('id') });
    const odd = await operationOf(owner, id, { name: 'odd', path: '/odd', changes: true });
    web.routes = { '/v1/status': 'Fine.' };
    expect(await tested(owner, { id, operationId: status.id })).toMatchObject({ testStatus: 200, testError: null });
    for (const { id: operationId } of [one, odd])
      expect(await refusals(owner, mutations.test, { id, operationId })).toEqual(['BAD_USER_INPUT operationId']);
    expect(await refusals(owner, mutations.test, { id: other.id, operationId: status.id })).toEqual(['NOT_FOUND']);
    expect(web.paths).toEqual(['/v1/status']);
  });

  test('reaches no private address where the installation allows none, and is made 20 times at most', async () => {
    const closed = await startTestbed({ RATE_LIMIT: 'on', ALLOW_PRIVATE_ADDRESSES: 'off' });
    try {
      const person = await closed.signUp('Paul');
      const { id } = await apiOf(person, { endpoint: root() });
      const refused = 'The API is at an address that requests may not go to.';
      expect(await tested(person, { id })).toMatchObject({ testStatus: null, testError: refused });
      expect(web.paths).toEqual([]);
      const codes: unknown[] = [];
      for (let tries = 0; tries < 20; tries++) codes.push(...(await person.codes(mutations.test, { input: { id } })));
      expect(codes).toEqual(['RATE_LIMITED']);
    } finally {
      await closed.stop();
    }
  }, 60_000);
});
