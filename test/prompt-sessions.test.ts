import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { join, type Colleague } from './colleagues.ts';
import { apiKeyOf } from './machines.ts';
import { runIn, runMutation, sessionBy, sessionMutation } from './prompt-talk.ts';
import { workspaceOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let host: Awaited<ReturnType<Testbed['signUp']>>;
let stranger: Awaited<ReturnType<Testbed['signUp']>>;
let olga: Colleague;
let emil: Colleague;
let cleo: Colleague;
let workspace: string;
let group: string;

beforeAll(async () => {
  bed = await startTestbed();
  [host, stranger] = [await bed.signUp('Host'), await bed.signUp('Stranger')];
  workspace = await workspaceOf(host);
  olga = await join(bed, host, 'MEMBER', { name: 'Olga' });
  emil = await join(bed, host, 'MEMBER', { name: 'Emil' });
  cleo = await join(bed, host, 'MEMBER', { name: 'Cleo', workspaceIds: [workspace] });
  const made: Data = await host.want(
    'mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id } } }',
    { input: { name: 'Gardeners' } },
  );
  group = made.createGroup.group.id;
  await host.want('mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) { group { id } } }', {
    input: { groupId: group, userIds: [emil.userId] },
  });
}, 120_000);
afterAll(() => bed.stop());

const create = (input: object = {}, fields?: string): Promise<Data> =>
  sessionBy(olga, 'createPromptSession', { title: 'Roses', ...input }, fields);
const whole =
  'id title description projectId modelType status prompt context metadata version mayChange promptCount cost lastPromptAt archivedAt creator { name } model { name } sharedWith { users { name } groups { name } workspaces { name } }';
const read = `query ($id: ID!) { promptSession(id: $id) { ${whole} prompts { totalCount edges { node { input runs { text } } } } } }`;
const share = (id: string, shareWith: object): Promise<Data> =>
  sessionBy(olga, 'sharePromptSession', { id, shareWith }, whole);

test('a session is made, changed by its version, set aside, brought back, doubled and deleted', async () => {
  const fields = { description: 'Of all kinds', prompt: 'Be brief.', context: { a: 1 }, metadata: { b: [2] } };
  const made = await create({ title: ' Tea roses ', modelType: 'CODE', ...fields }, whole);
  const nothing = { projectId: null, model: null, archivedAt: null, lastPromptAt: null };
  const own = { mayChange: true, creator: { name: 'Olga' }, sharedWith: { users: [], groups: [], workspaces: [] } };
  const start = { title: 'Tea roses', modelType: 'CODE', status: 'DRAFT', promptCount: 0, cost: '0', version: 1 };
  expect(made).toEqual({ id: expect.stringMatching(/^prompt_session_/), ...start, ...fields, ...nothing, ...own });
  const { id } = made;
  const changed = await sessionBy(
    olga,
    'updatePromptSession',
    { id, version: 1, title: 'Climbers', prompt: '' },
    whole,
  );
  expect(changed).toMatchObject({ title: 'Climbers', prompt: '', description: 'Of all kinds', version: 2 });
  const update = sessionMutation('updatePromptSession');
  const { errors } = await olga.ask(update, { input: { id, version: 1, title: 'Lost' } });
  const current = { id, version: 2, title: 'Climbers', context: { a: 1 } };
  expect(errors[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'version', current });
  const archived = await sessionBy(olga, 'archivePromptSession', { id }, 'status archivedAt version');
  expect(archived).toEqual({ status: 'ARCHIVED', archivedAt: expect.any(String), version: 3 });
  for (const [mutation, input] of [
    ['archivePromptSession', { id }],
    ['updatePromptSession', { id, version: 3, title: 'x' }],
  ] as const)
    expect(await olga.codes(sessionMutation(mutation), { input })).toEqual(['CONFLICT']);
  expect(await olga.codes(runMutation, { input: { sessionId: id, input: 'x' } })).toEqual(['CONFLICT']);
  const restored = await sessionBy(olga, 'restorePromptSession', { id }, 'status archivedAt');
  expect(restored).toEqual({ status: 'DRAFT', archivedAt: null });
  expect(await olga.codes(sessionMutation('restorePromptSession'), { input: { id } })).toEqual(['CONFLICT']);
  await runIn(olga, id);
  await share(id, { userIds: [emil.userId] });
  const double = await sessionBy(emil, 'duplicatePromptSession', { id }, whole);
  const ofEmil = { ...own, creator: { name: 'Emil' } };
  expect(double).toMatchObject({ ...start, ...fields, ...nothing, ...ofEmil, title: 'Climbers', prompt: '' });
  await sessionBy(olga, 'archivePromptSession', { id });
  expect(await sessionBy(olga, 'restorePromptSession', { id }, 'status')).toEqual({ status: 'ACTIVE' });
  const gone = 'mutation ($id: ID!) { deletePromptSession(input: { id: $id }) { deletedId } }';
  expect(await olga.want(gone, { id })).toEqual({ deletePromptSession: { deletedId: id } });
  expect(await olga.codes(read, { id })).toEqual(['NOT_FOUND']);
  expect(await olga.codes(gone, { id })).toEqual(['NOT_FOUND']);
});

test('what is shared is seen with all its prompts by those it is shared with, and by nobody else', async () => {
  const { id } = await create({ shareWith: { userIds: [], groupIds: [], workspaceIds: [] } });
  await runIn(olga, id, { input: 'The first' });
  const runsSeen = async (person: Person): Promise<unknown> => {
    const { data, errors }: Data = await person.ask(read, { id });
    return errors.length > 0
      ? errors[0].extensions.code
      : data.promptSession.prompts.edges.map(({ node }: Data) => [node.input, node.runs.length]);
  };
  const others = [emil, cleo, stranger];
  for (const person of others) expect(await runsSeen(person)).toBe('NOT_FOUND');
  expect(await runsSeen(host)).toEqual([['The first', 1]]);
  expect((await share(id, { groupIds: [group] })).sharedWith.groups).toEqual([{ name: 'Gardeners' }]);
  expect(await runsSeen(emil)).toEqual([['The first', 1]]);
  expect(await runsSeen(cleo)).toBe('NOT_FOUND');
  // Readers run prompts too, and see what is run; they change nothing.
  await runIn(emil, id, { input: 'The second' });
  expect(await runsSeen(olga)).toEqual([
    ['The second', 1],
    ['The first', 1],
  ]);
  for (const [mutation, input] of [
    ['updatePromptSession', { id, version: 2, title: 'x' }],
    ['archivePromptSession', { id }],
    ['sharePromptSession', { id, shareWith: { userIds: [cleo.userId] } }],
  ] as const)
    expect(await emil.codes(sessionMutation(mutation), { input })).toEqual(['FORBIDDEN']);
  const gone = 'mutation ($id: ID!) { deletePromptSession(input: { id: $id }) { deletedId } }';
  expect(await emil.codes(gone, { id })).toEqual(['FORBIDDEN']);
  // Only who sees a workspace shares with it.
  const shareIt = sessionMutation('sharePromptSession');
  const shareWith = { workspaceIds: [workspace] };
  expect(await olga.codes(shareIt, { input: { id, shareWith } })).toEqual(['NOT_FOUND']);
  expect(await host.codes(shareIt, { input: { id, shareWith } })).toEqual([]);
  expect(await runsSeen(emil)).toBe('NOT_FOUND');
  expect(await emil.codes(runMutation, { input: { sessionId: id, input: 'x' } })).toEqual(['NOT_FOUND']);
  expect(await runsSeen(cleo)).toHaveLength(2);
  await share(id, {});
  for (const person of others) expect(await runsSeen(person)).toBe('NOT_FOUND');
  expect(await olga.codes(shareIt, { input: { id, shareWith: { userIds: [stranger.userId] } } })).toEqual([
    'NOT_FOUND',
  ]);
  const many = Array.from({ length: 101 }, () => olga.userId);
  expect(await olga.codes(shareIt, { input: { id, shareWith: { userIds: many } } })).toEqual(['BAD_USER_INPUT']);
});

test('a key of some workspaces reaches no session', async () => {
  const { id } = await create();
  await host.want(sessionMutation('sharePromptSession'), { input: { id, shareWith: { workspaceIds: [workspace] } } });
  const { secret } = await apiKeyOf(host, { label: 'Confined', workspaceIds: [workspace], scopes: ['PROMPT_RUN'] });
  const key = new Person(bed, secret);
  expect(await key.codes('{ promptSessions { totalCount } }')).toEqual(['FORBIDDEN']);
  expect(await key.codes(read, { id })).toEqual(['FORBIDDEN']);
  expect(await key.codes(runMutation, { input: { sessionId: id, input: 'x' } })).toEqual(['FORBIDDEN']);
});

test('texts and values are bounded', async () => {
  const { id } = await create({
    title: 'x'.repeat(255),
    prompt: 'x'.repeat(100_000),
    context: { a: 'x'.repeat(63_000) },
  });
  for (const [fields, field] of [
    [{ title: ' ' }, 'title'],
    [{ title: 'x'.repeat(256) }, 'title'],
    [{ description: 'x'.repeat(2001) }, 'description'],
    [{ prompt: 'x'.repeat(100_001) }, 'prompt'],
    [{ context: { a: 'x'.repeat(64_000) } }, 'context'],
    [{ metadata: { a: 'x'.repeat(16_000) } }, 'metadata'],
    [{ metadata: 'text' }, 'metadata'],
    [{ modelType: 'IMAGE' }, 'modelType'],
  ] as const)
    for (const [mutation, input] of [
      ['createPromptSession', { title: 'x', ...fields }],
      ['updatePromptSession', { id, version: 1, ...fields }],
    ] as const) {
      const { errors } = await olga.ask(sessionMutation(mutation), { input });
      expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field });
    }
});

test('the list is cut, filtered and costs one statement for each level', async () => {
  const person = await join(bed, host, 'MEMBER', { name: 'Lister' });
  for (const title of ['One', 'Two', 'Three'])
    await sessionBy(person, 'createPromptSession', { title, shareWith: { userIds: [emil.userId] } });
  const shared = await create({ title: 'Shared', shareWith: { userIds: [person.userId] } });
  await runIn(person, shared.id);
  await runIn(person, shared.id);
  const list = `query ($filter: PromptSessionFilter, $orderBy: [PromptSessionOrder!]) {
    promptSessions(first: 10, filter: $filter, orderBy: $orderBy) { totalCount edges { node { title } } } }`;
  const titles = async (variables: object): Promise<string[]> => {
    const data: Data = await person.want(list, variables);
    expect(data.promptSessions.totalCount).toBe(data.promptSessions.edges.length);
    return data.promptSessions.edges.map(({ node }: Data) => node.title);
  };
  expect(await titles({})).toEqual(['Shared', 'Three', 'Two', 'One']);
  expect(await titles({ orderBy: [{ field: 'CREATED_AT', direction: 'ASC' }] })).toHaveLength(4);
  expect(await titles({ filter: { mine: { eq: true } } })).toEqual(['Three', 'Two', 'One']);
  expect(await titles({ filter: { mine: { eq: false } } })).toEqual(['Shared']);
  expect(await titles({ filter: { status: { eq: 'ACTIVE' } } })).toEqual(['Shared']);
  expect(await titles({ filter: { createdAt: { gt: '2999-01-01T00:00:00Z' } } })).toEqual([]);
  const deep = `{ promptSessions(first: 10) { edges { node { title creator { name } model { name }
    prompts(first: 5) { edges { node { input user { name } runs { text model { name } } } } } } } } }`;
  await person.want(deep);
  const { statements, data }: Data = await person.ask(deep);
  expect(data.promptSessions.edges[0].node.prompts.edges[1].node.runs[0].model.name).toEqual(expect.any(String));
  // Sessions, creators, prompts, who ran them (known already), runs and their models.
  expect(statements.length).toBeLessThanOrEqual(6);
});
