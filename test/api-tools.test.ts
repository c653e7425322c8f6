import type { RequestListener } from 'node:http';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { joined } from './access/cast.ts';
import { agentPlace, decide, quiet, settingsMutation, start, toldResults } from './agents.ts';
import { apiFields, apiOf, groupOf, key, mutations, operationOf, texts, type Data } from './apis.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { WebServer } from './web-server.ts';

let bed: Testbed;
let models: OpenAiServer;
let web: WebServer;
let elsewhere: WebServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let place: Awaited<ReturnType<typeof agentPlace>>;
/** For whom runs act: an EDITOR of the workspace, and in the group `sales`. */
let bob: Awaited<ReturnType<typeof joined>>;
let sales: string;
let board: string;
/** The API that all see, with operations `get`, `find`, `add` and `echo`. */
let customers: Data;
const log: string[] = [];
const tools = ['list_apis', 'read_api', 'call_api'];

beforeAll(async () => {
  [bed, models, web, elsewhere] = await Promise.all([
    startTestbed({ ALLOW_PRIVATE_ADDRESSES: 'on', LOG_LEVEL: 'debug' }, (line) => log.push(line)),
    startOpenAiServer(),
    new WebServer().start(),
    new WebServer().start(),
  ]);
  ada = await bed.signUp('Ada');
  place = await agentPlace(bed, ada, models);
  bob = await joined(bed, ada.organizationId, 'Bob', 'MEMBER', place.workspaceId, 'EDITOR');
  [sales, board] = [await groupOf(ada, 'Sales', bob.userId), await groupOf(ada, 'Board')];
  customers = await apiOf(ada, { endpoint: web.url('/v1'), provider: 'Acme' });
  await operationOf(ada, customers.id, { name: 'get', path: '/customers/{id}', parameters: texts('id') });
  await operationOf(ada, customers.id, { name: 'find', path: '/customers', parameters: texts('q') });
  await operationOf(ada, customers.id, { name: 'add', path: '/customers', method: 'POST', parameters: texts('name') });
  await operationOf(ada, customers.id, { name: 'echo', path: '/echo' });
  await allow({ tools });
}, 120_000);
beforeEach(() => {
  models.reset();
  for (const server of [web, elsewhere]) server.requests.length = 0;
  web.routes = {};
});
afterAll(async () => {
  web.stop();
  elsewhere.stop();
  await models.stop();
  await bed.stop();
});

const allow = (input: object) => ada.want(settingsMutation, { input: { workspaceId: place.workspaceId, ...input } });
const use = (name: string, api: string, operation: string, given: unknown = {}) => ({
  name,
  input: { api, operation, arguments: given },
});
/** Has a model want tools used at once, in the name of a person, and gives the run. */
const run = async (person: Person, ...toolCalls: object[]): Promise<Data> => {
  const conversationId = await conversationIn(person, place.workspaceId);
  models.script({ toolCalls: toolCalls as { name: string; input: unknown }[] }, { deltas: ['Done.'] });
  return start(person, { conversationId, text: 'What do the customers want?' });
};
const outcomes = ({ steps }: Data): string[] =>
  steps[0].calls.map(({ status, failure, result }: Data) => `${status}: ${failure ?? result}`);
const apiNow = async (id: string): Promise<Data> =>
  ((await ada.want(`query ($id: ID!) { apiConfiguration(id: $id) { ${apiFields} } }`, { id })) as Data)
    .apiConfiguration;
const echo: RequestListener = (request, response) => {
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(JSON.stringify({ url: request.url, headers: request.headers }));
};

test('an agent finds APIs, reads at once, and changes something once a person allows it', async () => {
  web.routes = {
    '/v1/customers/7': { headers: { 'content-type': 'application/json' }, body: '{"name":"Grace"}' },
    '/v1/customers': { status: 201, headers: { 'content-type': 'text/plain' }, body: 'Added.' },
  };
  models.script(
    {
      toolCalls: [
        { name: 'list_apis', input: {} },
        { name: 'list_apis', input: { api: 'Customers', operation: 'get' } },
      ],
    },
    {
      toolCalls: [
        use('read_api', 'Customers', 'get', { id: '7' }),
        use('call_api', 'Customers', 'add', { name: 'Ada' }),
      ],
    },
    { deltas: ['Grace.'] },
  );
  const conversationId = await conversationIn(bob, place.workspaceId);
  const waiting = await start(bob, { conversationId, text: 'Who is 7?' });
  expect(waiting).toMatchObject({ status: 'WAITING_FOR_APPROVAL' });
  const [{ calls: found }, { calls }] = waiting.steps;
  expect(found[0].result).toContain('Customers (CRM, Acme)\n- add (by call_api): Does it.\n- echo (by read_api)');
  expect(found[0].result).not.toContain('"type"');
  expect(found[1].result).toContain('"required":["id"]');
  expect(found[1].result).not.toContain('- add');
  expect(calls[0]).toMatchObject({ tool: 'read_api', status: 'COMPLETED', changes: false });
  expect(calls[0].result).toContain('Status 200, application/json.\n{"name":"Grace"}');
  expect(calls[1]).toMatchObject({ tool: 'call_api', status: 'WAITING_FOR_APPROVAL', changes: true });
  expect(web.requests.map(({ method, url }) => `${method} ${url}`)).toEqual(['GET /v1/customers/7']);
  expect(web.requests[0]?.headers.authorization).toBe(`Bearer ${key}`);
  expect((await apiNow(customers.id)).lastUsedAt).not.toBeNull();

  await decide(bob, calls[1].id, true);
  const ended = await quiet(bob, waiting.id);
  expect(ended).toMatchObject({ status: 'COMPLETED', message: { content: 'Grace.' } });
  expect(ended.steps[1].calls[1]).toMatchObject({ status: 'COMPLETED', result: expect.stringContaining('Added.') });
  expect(web.requests.map(({ method, url }) => `${method} ${url}`).slice(1)).toEqual(['POST /v1/customers']);
});

test('what is not allowed is not sent', async () => {
  models.script({ toolCalls: [use('call_api', 'Customers', 'add', { name: 'Ada' })] }, { deltas: ['Not allowed.'] });
  const conversationId = await conversationIn(bob, place.workspaceId);
  const waiting = await start(bob, { conversationId, text: 'Add Ada.' });
  await decide(bob, waiting.steps[0].calls[0].id, false);
  expect(await quiet(bob, waiting.id)).toMatchObject({ status: 'COMPLETED' });
  expect(web.paths).toEqual([]);
});

test('an obedient model reaches nothing beyond what was set, and nothing of others', async () => {
  const mallory = await bed.signUp('Mallory');
  const foreign = await apiOf(mallory, { name: 'Foreign', endpoint: web.url('/foreign') });
  await operationOf(mallory, foreign.id, { name: 'get', path: '/x' });
  const hidden = await apiOf(ada, { name: 'Minutes', endpoint: web.url('/board'), groupId: board });
  await operationOf(ada, hidden.id, { name: 'get', path: '/x' });
  const resting = await apiOf(ada, { name: 'Resting', endpoint: web.url('/resting'), isActive: false });
  await operationOf(ada, resting.id, { name: 'get', path: '/x' });
  web.routes = { '/v1/echo': echo, '/v1/customers': echo };
  const calls = [
    use('read_api', 'Customers', 'get', { id: '../../admin' }),
    use('read_api', 'Customers', 'get', { id: '..%2f..%2fadmin' }),
    use('read_api', 'Customers', 'get', { id: 'x\r\nHost: evil' }),
    use('read_api', 'Customers', 'get', { id: '7', extra: '1' }),
    use('read_api', 'Customers', 'get', { id: 7 }),
    use('read_api', 'Customers', 'get', {}),
    use('read_api', 'Customers', 'add', { name: 'Ada' }),
    use('read_api', 'Customers', 'GET /admin'),
    use('read_api', elsewhere.url('/'), 'get'),
    use('read_api', 'Foreign', 'get'),
    use('read_api', 'Minutes', 'get'),
    use('read_api', 'Resting', 'get'),
    { name: 'list_apis', input: { api: 'Minutes' } },
    { name: 'list_apis', input: {} },
    use('read_api', 'Customers', 'find', { q: '&x=1#\r\nCookie: a=b' }),
  ];
  const said = outcomes(await run(bob, ...calls));
  for (const place of [0, 1, 2]) expect(said[place]).toContain('would lead elsewhere');
  for (const place of [3, 4, 5]) expect(said[place]).toContain('does not take this');
  expect(said[6]).toContain('use call_api');
  for (const place of [7, 8, 9, 10, 11]) expect(said[place]).toMatch(/^FAILED: .*does not exist/);
  expect(said[12]).toContain('nothing of this name');
  for (const name of ['Foreign', 'Minutes', 'Resting']) expect(said[13]).not.toContain(name);
  expect(said[14]).toContain('COMPLETED');
  expect(web.paths).toEqual(['/v1/customers?q=%26x%3D1%23%0D%0ACookie%3A+a%3Db']);
  expect(web.requests[0]?.headers).not.toHaveProperty('cookie');
  expect(elsewhere.paths).toEqual([]);
  // Who belongs to all groups by their role reaches what they see.
  web.routes = { '/board/x': { headers: { 'content-type': 'text/plain' }, body: 'Minutes of the board.' } };
  expect(outcomes(await run(ada, use('read_api', 'Minutes', 'get')))[0]).toContain('Minutes of the board.');
});

test('a key is not told, whatever the API answers, and goes to no other host', async () => {
  const basic = await apiOf(ada, {
    name: 'Basic',
    endpoint: web.url('/basic'),
    authentication: 'BASIC',
    authenticationName: 'tessera',
  });
  await operationOf(ada, basic.id, { name: 'echo', path: '/echo' });
  for (const name of ['away', 'denied', 'huge', 'picture', 'broken'])
    await operationOf(ada, customers.id, { name, path: `/${name}` });
  const type = { 'content-type': 'text/plain' };
  web.routes = {
    '/v1/echo': echo,
    '/basic/echo': echo,
    '/v1/away': { status: 307, headers: { location: elsewhere.url('/stolen') } },
    '/v1/denied': { status: 403, headers: type, body: `The key ${key} is wrong.` },
    '/v1/huge': { headers: type, body: 'word '.repeat(400_000) },
    '/v1/picture': { headers: { 'content-type': 'image/png' }, body: key },
    '/v1/broken': (_request, response) => void response.destroy(),
  };
  const names = ['echo', 'away', 'denied', 'huge', 'picture', 'broken'];
  const ended = await run(
    bob,
    ...names.map((name) => use('read_api', 'Customers', name)),
    use('read_api', 'Basic', 'echo'),
  );
  const [echoed, away, denied, huge, picture, broken, basically] = outcomes(ended);
  expect(echoed).toContain('"authorization":"Bearer [secret]"');
  expect(basically).toContain('"authorization":"Basic [secret]');
  expect(away).toMatch(/^FAILED: .*redirects/);
  expect(elsewhere.paths).toEqual([]);
  expect(denied).toMatch(/^FAILED: .*does not take the key.*\[secret\]/);
  expect(huge).toContain('[The rest is left out.]');
  expect(huge?.length).toBeLessThan(20_200);
  expect(picture).toContain('neither text nor JSON');
  expect(broken).toMatch(/^FAILED: .*cannot be reached/);
  const read = [JSON.stringify(ended), ...toldResults(models, 1), log.join('')].join('');
  expect(read).not.toContain('Marzipan');
  expect(read).not.toContain(Buffer.from(`tessera:${key}`).toString('base64').slice(0, 24));
  expect(JSON.stringify(models.seen)).not.toContain('Marzipan');
});

test('an API that goes to another group while the model writes, or while a call waits, is not asked', async () => {
  const { id } = await apiOf(ada, { name: 'Moving', endpoint: web.url('/moving'), groupId: sales });
  await operationOf(ada, id, { name: 'get', path: '/x' });
  await operationOf(ada, id, { name: 'set', path: '/x', method: 'PUT' });
  web.routes = { '/moving/x': { headers: { 'content-type': 'text/plain' }, body: 'Here.' } };
  models.script(
    { toolCalls: [use('read_api', 'Moving', 'get'), use('call_api', 'Moving', 'set')] },
    { deltas: ['Done.'] },
  );
  const conversationId = await conversationIn(bob, place.workspaceId);
  const waiting = await start(bob, { conversationId, text: 'Move.' });
  expect(outcomes(waiting)[0]).toContain('Here.');
  await ada.want(mutations.update, { input: { id, version: 1, groupId: board } });
  await decide(bob, waiting.steps[0].calls[1].id, true);
  const ended = await quiet(bob, waiting.id);
  expect(outcomes(ended)[1]).toMatch(/^FAILED: .*does not exist/);
  expect(web.requests.map(({ method }) => method)).toEqual(['GET']);

  await ada.want(mutations.update, { input: { id, version: 2, groupId: sales } });
  models.script({ toolCalls: [use('read_api', 'Moving', 'get')], delayMs: 700 }, { deltas: ['Done.'] });
  const begun: Data = await bob.want(
    'mutation ($input: StartAgentRunInput!) { startAgentRun(input: $input) { invocation { id } } }',
    { input: { conversationId: await conversationIn(bob, place.workspaceId), text: 'Again.' } },
  );
  const before = models.seen.length;
  for (let tries = 0; models.seen.length === before && tries < 200; tries++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  const change = 'mutation ($input: UpdateGroupInput!) { updateGroup(input: $input) { group { id } } }';
  await ada.want(change, { input: { id: sales, active: false } });
  expect(outcomes(await quiet(bob, begun.startAgentRun.invocation.id))[0]).toMatch(/^FAILED: .*does not exist/);
  expect(web.requests.map(({ method }) => method)).toEqual(['GET']);
  await ada.want(change, { input: { id: sales, active: true } });
});

test('the tools are offered where the workspace names them, to who may see APIs', async () => {
  const offered = async (person: Person): Promise<Data> => {
    const { agentTools }: Data = await person.want(
      'query ($id: ID!) { agentTools(workspaceId: $id) { name withheld changes } }',
      { id: place.workspaceId },
    );
    return agentTools.filter(({ name }: Data) => tools.includes(name));
  };
  const withheld = async (person: Person) => new Set((await offered(person)).map((tool: Data) => tool.withheld));
  expect(await offered(bob)).toContainEqual({ name: 'call_api', withheld: null, changes: true });
  const denial = { userId: bob.userId, permission: 'API_READ' };
  await ada.want(
    'mutation ($input: DenyPermissionInput!) { denyPermission(input: $input) { userPermission { id } } }',
    {
      input: denial,
    },
  );
  expect(await withheld(bob)).toEqual(new Set(['NO_PERMISSION']));
  await allow({ tools: null });
  expect(await withheld(ada)).toEqual(new Set(['NOT_ALLOWED']));
  expect(outcomes(await run(ada, use('read_api', 'Customers', 'echo')))[0]).toContain('no such tool');
  await allow({ tools });
});
