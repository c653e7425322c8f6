import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { fingerprint, whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { answering, projectOf, taskIn } from './project-talk.ts';
import { act, channelOf, refused } from './room-talk.ts';
import { conversationIn, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Colleague;
let viewer: Colleague;
let outsider: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
  outsider = await colleagueOf(bed, ada.organizationId, 'Outsider', 'MEMBER');
}, 60_000);
afterAll(() => bed.stop());

const documentIn = async (person: Person, workspace: string): Promise<string> =>
  (await act(person, 'addDocument', { workspaceId: workspace, title: 'Plan', text: 'Roses' }, 'document { id }'))
    .document.id;
const orderOf = async (person: Person): Promise<string> =>
  (await act(person, 'createOrder', { type: 'LOAN' }, 'order { id }')).order.id;
const linked = async (person: Person, input: object, name = 'linkTask'): Promise<string> =>
  (await act(person, name, input, 'link { id }')).link.id;
const selection = `{ totalCount edges { node { id kind title url task { id } target { __typename ... on Order { id } ... on Document { id }
  ... on Room { id } ... on Conversation { id } } } } }`;
const linksOf = async (person: Person, type: string, id: string): Promise<Data[]> =>
  (
    (await person.want(
      `query ($id: ID!) { node(id: $id) { ... on ${type} { links: ${/Task|Project/.test(type) ? 'links' : 'projectLinks'} ${selection} } } }`,
      { id },
    )) as Data
  ).node.links.edges.map(({ node }: Data) => node);

test('a task leads to things of all kinds, which show it, and who does not see one sees that there is one', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  const { id: taskId } = await taskIn(editor, projectId);
  const own = await workspaceOf(ada, { name: 'Secret' });
  await ada.want('mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { __typename } }', {
    input: { workspaceId: own, userId: editor.userId, role: 'EDITOR' },
  });
  const targets = {
    Order: await orderOf(editor),
    Document: await documentIn(editor, own),
    Room: await channelOf(editor),
    Conversation: await conversationIn(editor, own),
  };
  for (const [type, id] of Object.entries(targets)) {
    const link = await linked(editor, { taskId, [`${type.toLowerCase()}Id`]: id, title: type });
    expect(await linked(editor, { taskId, [`${type.toLowerCase()}Id`]: id })).toBe(link);
    expect(await linksOf(editor, type, id)).toMatchObject([{ id: link, title: type, task: { id: taskId } }]);
  }
  await linked(editor, { taskId, url: 'https://example.com/a b' });
  const shown = await linksOf(editor, 'Task', taskId);
  expect(shown.map(({ kind, url, target }) => [kind, url, target])).toEqual([
    ...Object.entries(targets).map(([type, id]) => [type.toUpperCase(), null, { __typename: type, id }]),
    ['URL', 'https://example.com/a%20b', null],
  ]);
  expect((await linksOf(viewer, 'Task', taskId)).map(({ kind, target }) => [kind, target])).toEqual([
    ['ORDER', null],
    ['DOCUMENT', null],
    ['ROOM', null],
    ['CONVERSATION', null],
    ['URL', null],
  ]);
  const onProject = await linked(editor, { projectId, orderId: targets.Order }, 'linkProject');
  expect(await linksOf(viewer, 'Project', projectId)).toMatchObject([{ id: onProject, task: null, target: null }]);
  expect(await act(editor, 'removeProjectLink', { id: onProject }, 'deletedId')).toEqual({ deletedId: onProject });
  await act(editor, 'removeProjectLink', { id: shown[0].id }, 'deletedId');
  expect(await linksOf(editor, 'Order', targets.Order)).toEqual([]);
  const { task }: Data = await viewer.want(
    'query ($id: ID!) { task(id: $id) { activities { edges { node { kind } } } } }',
    { id: taskId },
  );
  expect(task.activities.edges.map(({ node }: Data) => node.kind)).toEqual([
    'CREATED',
    ...Array.from({ length: 5 }, () => 'LINKED'),
    'UNLINKED',
  ]);
});

test('a conversation shows the tasks that came from it', async () => {
  const conversationId = await conversationIn(editor, workspaceId);
  const [open, own] = [await projectOf(editor, { workspaceId }), await projectOf(editor)];
  const { id } = await taskIn(editor, open, { conversationId });
  await taskIn(editor, own, { conversationId });
  const { conversation }: Data = await viewer.want(
    'query ($id: ID!) { conversation(id: $id) { tasks { totalCount edges { node { id } } } } }',
    { id: conversationId },
  );
  expect(conversation.tasks).toEqual({ totalCount: 1, edges: [{ node: { id } }] });
});

test('a link that is removed while it or its task goes is gone once', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  const faultsOf = async (name: string, input: object): Promise<unknown[]> => {
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input!`;
    const { errors } = await editor.ask(`mutation ($input: ${type}) { ${name}(input: $input) { deletedId } }`, {
      input,
    });
    return errors.map(({ extensions }) => [extensions.code, extensions.type]);
  };
  const gone = [['NOT_FOUND', 'ProjectLink']];
  for (let round = 0; round < 4; round += 1) {
    const { id: taskId } = await taskIn(editor, projectId);
    const id = await linked(editor, { taskId, url: `https://example.com/${round}` });
    const twice = await Promise.all([faultsOf('removeProjectLink', { id }), faultsOf('removeProjectLink', { id })]);
    expect(twice.toSorted((one, other) => one.length - other.length)).toEqual([[], gone]);
    const other = await linked(editor, { taskId, url: 'https://example.com' });
    const [removed, deleted] = await Promise.all([
      faultsOf('removeProjectLink', { id: other }),
      faultsOf('deleteTask', { id: taskId }),
    ]);
    expect(deleted).toEqual([]);
    expect([[], gone]).toContainEqual(removed);
  }
});

test('what is refused changes nothing', async () => {
  const [open, hidden] = [await projectOf(editor, { workspaceId }), await projectOf(outsider)];
  const { id: taskId } = await taskIn(editor, open);
  const full = (await taskIn(editor, open)).id;
  const roomId = await channelOf(outsider);
  const orderId = await orderOf(outsider);
  const link = await linked(editor, { taskId, url: 'https://example.com' });
  await whole(bed, ada.organizationId).transact(() =>
    database.execute(sql`insert into project_links (organization_id, id, project_id, task_id, kind, url)
      select ${uuidOf(ada.organizationId)}, gen_random_uuid(), ${uuidOf(open)}, ${uuidOf(full)}, 'URL', 'https://example.com/' || n
      from generate_series(1, 100) n`),
  );
  const before = await fingerprint(bed, ada.organizationId);
  const url = 'https://example.com';
  const tries: readonly (readonly [Person, string, object, string])[] = [
    [editor, 'linkTask', { taskId }, 'BAD_USER_INPUT url'],
    [editor, 'linkTask', { taskId, url, roomId }, 'BAD_USER_INPUT url'],
    [editor, 'linkTask', { taskId, url: 'ftp://example.com' }, 'BAD_USER_INPUT url'],
    [editor, 'linkTask', { taskId, url: 'javascript:alert(1)' }, 'BAD_USER_INPUT url'],
    [editor, 'linkTask', { taskId, url: `${url}/${'x'.repeat(2000)}` }, 'BAD_USER_INPUT url'],
    [editor, 'linkTask', { taskId, url, title: 'x'.repeat(201) }, 'BAD_USER_INPUT title'],
    [editor, 'linkTask', { taskId, roomId }, 'NOT_FOUND roomId'],
    [editor, 'linkTask', { taskId, orderId }, 'NOT_FOUND orderId'],
    [editor, 'linkTask', { taskId: full, url }, 'CONFLICT taskId'],
    [viewer, 'linkTask', { taskId, url }, 'FORBIDDEN'],
    [outsider, 'linkTask', { taskId, url }, 'NOT_FOUND'],
    [viewer, 'linkProject', { projectId: open, url }, 'FORBIDDEN'],
    [editor, 'linkProject', { projectId: hidden, url }, 'NOT_FOUND'],
    [viewer, 'removeProjectLink', { id: link }, 'FORBIDDEN'],
    [outsider, 'removeProjectLink', { id: link }, 'NOT_FOUND'],
  ];
  for (const [person, name, input, code] of tries)
    expect([name, input, await refused(person, name, input, '__typename')]).toEqual([name, input, code]);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('many tasks with their links cost one statement a level and kind', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  for (let at = 0; at < 3; at += 1) {
    const { id: taskId } = await taskIn(editor, projectId);
    await linked(editor, { taskId, orderId: await orderOf(editor) });
    await linked(editor, { taskId, roomId: await channelOf(editor, { name: `Garden ${at}` }) });
  }
  const query = `query ($id: ID!) { project(id: $id) { tasks { edges { node { links { edges { node { target { __typename } } } } } } } } }`;
  await editor.want(query, { id: projectId });
  const { data, statements }: Data = await editor.ask(query, { id: projectId });
  const kinds = data.project.tasks.edges.flatMap(({ node }: Data) =>
    node.links.edges.map((edge: Data) => edge.node.target),
  );
  expect(kinds).toEqual([1, 2, 3].flatMap(() => [{ __typename: 'Order' }, { __typename: 'Room' }]));
  // The project, its tasks, their links, the orders and the rooms.
  expect(answering(statements)).toHaveLength(5);
});
