import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { boardTopic } from '../src/domains/projects/board-events.ts';
import { fingerprint, whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { answering, projectOf, taskIn } from './project-talk.ts';
import { act, refused, until } from './room-talk.ts';
import { uuidOf, workspaceOf } from './talk.ts';
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
  const name = (person: Person, username: string) =>
    person.want('mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { account { name } } }', {
      input: { username },
    });
  await name(viewer, 'viola');
  await name(outsider, 'otto');
}, 60_000);
afterAll(() => bed.stop());

const comment = async (person: Person, taskId: string, text: string, mentionIds?: string[]): Promise<string> =>
  (await act(person, 'addTaskComment', { taskId, text, ...(mentionIds && { mentionIds }) }, 'comment { id }')).comment
    .id;
const commentOf = async (person: Person, id: string, selection: string): Promise<Data> =>
  ((await person.want(`query ($id: ID!) { node(id: $id) { ... on TaskComment { ${selection} } } }`, { id })) as Data)
    .node;
const taskOf = async (person: Person, id: string, selection: string): Promise<Data> =>
  ((await person.want(`query ($id: ID!) { task(id: $id) { ${selection} } }`, { id })) as Data).task;
const mentionsOf = async (person: Person, args = ''): Promise<Data[]> =>
  (
    (await person.want(
      `{ taskMentions${args} { edges { node { id readAt comment { id text } task { id } } } } }`,
    )) as Data
  ).taskMentions.edges.map(({ node }: Data) => node);
const unread = async (person: Person): Promise<number> =>
  ((await person.want('{ unreadTaskMentionCount }')) as Data).unreadTaskMentionCount;
const watchers = async (taskId: string): Promise<string[]> => {
  const unit = whole(bed, ada.organizationId);
  const rows = await unit.run(() =>
    database.execute<{ id: string }>(sql`select user_id as id from task_watchers where task_id = ${uuidOf(taskId)}`),
  );
  await unit.rest();
  return Array.from(rows, ({ id }) => id).toSorted();
};
const uuids = (...people: { userId: string }[]): string[] => people.map(({ userId }) => uuidOf(userId)).toSorted();

test('who sees a project comments on its tasks; they and who is mentioned watch, and the board and the log tell of it', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  const { id: taskId } = await taskIn(editor, projectId);
  const heard: unknown[] = [];
  const { bus } = bed.server.installation.services;
  const source = bus.subscribe(boardTopic(uuidOf(ada.organizationId), uuidOf(projectId)));
  const listening = (async () => {
    for await (const notice of source) heard.push(notice);
  })();
  const id = await comment(viewer, taskId, '  Wisteria by the wall  ');
  expect(await commentOf(editor, id, 'text author { id } task { id } mentions { id } editedAt deletedAt')).toEqual({
    text: 'Wisteria by the wall',
    author: { id: viewer.userId },
    task: { id: taskId },
    mentions: [],
    editedAt: null,
    deletedAt: null,
  });
  expect(await watchers(taskId)).toEqual(uuids(editor, viewer));
  await act(viewer, 'editTaskComment', { id, text: 'Roses', mentionIds: [ada.userId] }, 'comment { id }');
  expect(await commentOf(editor, id, 'text editedAt mentions { id }')).toEqual({
    text: 'Roses',
    editedAt: expect.any(String),
    mentions: [{ id: ada.userId }],
  });
  expect(await watchers(taskId)).toEqual(uuids(editor, viewer, ada));
  await act(viewer, 'deleteTaskComment', { id }, 'comment { id }');
  expect(await commentOf(editor, id, 'text deletedAt mentions { id }')).toEqual({
    text: '',
    deletedAt: expect.any(String),
    mentions: [],
  });
  expect(await refused(viewer, 'editTaskComment', { id, text: 'Again' }, '__typename')).toBe('CONFLICT id');
  expect(
    await taskOf(viewer, taskId, 'commentCount comments { totalCount } activities { edges { node { kind } } }'),
  ).toEqual({
    commentCount: 0,
    comments: { totalCount: 1 },
    activities: { edges: [{ node: { kind: 'CREATED' } }, { node: { kind: 'COMMENTED' } }] },
  });
  await until(() => heard.length >= 3);
  await source.return?.();
  await listening;
  const notice = { kind: 'commented', projectId: uuidOf(projectId), taskId: uuidOf(taskId) };
  expect(heard).toEqual([notice, notice, notice]);
  const unit = whole(bed, ada.organizationId);
  const events = await unit.run(() =>
    database.execute<{ action: string; entry: string }>(
      sql`select action, e::text as entry from events e where action like 'task_comment%' order by created_at, id`,
    ),
  );
  await unit.rest();
  expect(Array.from(events, ({ action }) => action)).toEqual([
    'task_comment.added',
    'task_comment.edited',
    'task_comment.deleted',
  ]);
  expect(Array.from(events).filter(({ entry }) => /wisteria|roses/i.test(entry))).toEqual([]);
});

test('mentions reach who sees the project, by name and by id, and are read by them alone', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  const { id: taskId } = await taskIn(editor, projectId);
  expect(await unread(viewer)).toBe(0);
  const first = await comment(editor, taskId, '@Viola. and @otto and @editor', [ada.userId, editor.userId]);
  expect((await commentOf(viewer, first, 'mentions { id }')).mentions.map(({ id }: Data) => id).toSorted()).toEqual(
    [viewer.userId, ada.userId].toSorted(),
  );
  const second = await comment(editor, taskId, 'You', [viewer.userId]);
  expect(await unread(viewer)).toBe(2);
  expect(await unread(outsider)).toBe(0);
  expect(await watchers(taskId)).toEqual(uuids(editor, viewer, ada));
  const [newest, oldest] = await mentionsOf(viewer);
  expect([newest, oldest]).toMatchObject([
    { readAt: null, comment: { id: second, text: 'You' }, task: { id: taskId } },
    { readAt: null, comment: { id: first } },
  ]);
  const mark = async (person: Person, ids?: string[]): Promise<number> =>
    (await act(person, 'markTaskMentionsRead', { ...(ids && { ids }) }, 'unreadCount')).unreadCount;
  expect(await mark(ada, [newest.id])).toBe(1);
  expect(await unread(viewer)).toBe(2);
  expect(await mark(viewer, [])).toBe(2);
  expect(await mark(viewer, [newest.id])).toBe(1);
  const listed = (args: string) => mentionsOf(viewer, args).then((all) => all.map(({ comment: { id } }) => id));
  expect(await listed('(filter: { unread: { eq: true } })')).toEqual([first]);
  expect(await listed('(filter: { unread: { eq: false } })')).toEqual([second]);
  // Whom an edit still mentions has read it as before; whom it does not is not mentioned any more.
  await act(editor, 'editTaskComment', { id: second, text: '@viola still' }, 'comment { id }');
  await act(editor, 'editTaskComment', { id: first, text: 'Nobody' }, 'comment { id }');
  expect(await mentionsOf(viewer)).toMatchObject([{ id: newest.id, readAt: expect.any(String) }]);
  expect([await unread(viewer), await mark(viewer)]).toEqual([0, 0]);
  // Nobody else sees whether somebody has read theirs.
  const node = 'query ($id: ID!) { node(id: $id) { id } }';
  expect(await viewer.codes(node, { id: newest.id })).toEqual([]);
  expect(await editor.codes(node, { id: newest.id })).toEqual(['NOT_FOUND']);
});

test('who is taken out of the workspace sees mentions there no more', async () => {
  const guest = await colleagueOf(bed, ada.organizationId, 'Gus', 'MEMBER', { [workspaceId]: 'VIEWER' });
  const { id: taskId } = await taskIn(editor, await projectOf(editor, { workspaceId }));
  await comment(editor, taskId, 'You', [guest.userId]);
  expect(await unread(guest)).toBe(1);
  await ada.want(
    'mutation ($input: RemoveWorkspaceMemberInput!) { removeWorkspaceMember(input: $input) { __typename } }',
    {
      input: { workspaceId, userId: guest.userId },
    },
  );
  expect([await unread(guest), await mentionsOf(guest)]).toEqual([0, []]);
});

test('what is refused changes nothing', async () => {
  const [open, own] = [await projectOf(editor, { workspaceId }), await projectOf(outsider)];
  const { id: taskId } = await taskIn(editor, open);
  const { id: hidden } = await taskIn(outsider, own);
  const id = await comment(viewer, taskId, 'Mine');
  const secret = await comment(outsider, hidden, 'Secret');
  const many = [];
  for (let at = 0; at < 21; at += 1) many.push(`user_01h2xcejqtf2nbrexx3vqjh${String(at).padStart(3, '0')}`);
  const marks = Array.from({ length: 101 }, () => 'task_mention_01h2xcejqtf2nbrexx3vqjhp41');
  const before = await fingerprint(bed, ada.organizationId);
  const tries: readonly (readonly [Person, string, object, string])[] = [
    [viewer, 'addTaskComment', { taskId, text: ' ' }, 'BAD_USER_INPUT text'],
    [viewer, 'addTaskComment', { taskId, text: 'x'.repeat(10_001) }, 'BAD_USER_INPUT text'],
    [viewer, 'addTaskComment', { taskId, text: 'x\0' }, 'BAD_USER_INPUT text'],
    [viewer, 'addTaskComment', { taskId, text: 'x', mentionIds: [outsider.userId] }, 'BAD_USER_INPUT mentionIds'],
    [viewer, 'addTaskComment', { taskId, text: 'x', mentionIds: many }, 'BAD_USER_INPUT mentionIds'],
    [viewer, 'addTaskComment', { taskId: hidden, text: 'x' }, 'NOT_FOUND'],
    [outsider, 'addTaskComment', { taskId, text: 'x' }, 'NOT_FOUND'],
    [editor, 'editTaskComment', { id, text: 'x' }, 'FORBIDDEN'],
    [ada, 'editTaskComment', { id, text: 'x' }, 'FORBIDDEN'],
    [viewer, 'editTaskComment', { id, text: '' }, 'BAD_USER_INPUT text'],
    [viewer, 'editTaskComment', { id, text: 'x', mentionIds: [outsider.userId] }, 'BAD_USER_INPUT mentionIds'],
    [viewer, 'editTaskComment', { id: secret, text: 'x' }, 'NOT_FOUND'],
    [viewer, 'deleteTaskComment', { id: secret }, 'NOT_FOUND'],
    [outsider, 'deleteTaskComment', { id }, 'NOT_FOUND'],
    [viewer, 'markTaskMentionsRead', { ids: marks }, 'BAD_USER_INPUT ids'],
  ];
  for (const [person, name, input, code] of tries)
    expect([name, input, await refused(person, name, input, '__typename')]).toEqual([name, input, code]);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  const ofEditor = await comment(editor, taskId, 'Of the editor');
  expect(await refused(viewer, 'deleteTaskComment', { id: ofEditor }, '__typename')).toBe('FORBIDDEN');
  // Who manages the project, and the administrators, delete any.
  await act(editor, 'deleteTaskComment', { id }, 'comment { id }');
  await act(ada, 'deleteTaskComment', { id: ofEditor }, 'comment { id }');
  const { id: last } = await taskIn(editor, open);
  const kept = await comment(viewer, last, 'Kept');
  await whole(bed, ada.organizationId).transact(() =>
    database.execute(sql`update projects set status = 'ARCHIVED', archived_at = now() where id = ${uuidOf(open)}`),
  );
  const archived = await fingerprint(bed, ada.organizationId);
  for (const [name, input] of [
    ['addTaskComment', { taskId: last, text: 'x' }],
    ['editTaskComment', { id: kept, text: 'x' }],
    ['deleteTaskComment', { id: kept }],
  ] as const)
    expect(await refused(viewer, name, input, '__typename')).toBe('CONFLICT projectId');
  expect(await fingerprint(bed, ada.organizationId)).toEqual(archived);
});

test('many tasks with their comments cost one statement a level', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  for (const texts of [['One', 'Two'], [], ['Three']]) {
    const { id } = await taskIn(editor, projectId);
    for (const text of texts) await comment(viewer, id, text, [editor.userId]);
  }
  const query = `query ($id: ID!) { project(id: $id) { tasks(orderBy: [{ field: NUMBER }]) { edges { node { commentCount
    comments { edges { node { text author { name } mentions { name } } } } } } } } }`;
  await editor.want(query, { id: projectId });
  const { data, statements }: Data = await editor.ask(query, { id: projectId });
  const said = (text: string) => ({ node: { text, author: { name: 'Viewer' }, mentions: [{ name: 'Editor' }] } });
  expect(data.project.tasks.edges.map(({ node }: Data) => node)).toEqual([
    { commentCount: 2, comments: { edges: [said('One'), said('Two')] } },
    { commentCount: 0, comments: { edges: [] } },
    { commentCount: 1, comments: { edges: [said('Three')] } },
  ]);
  // The project, its tasks, their counts and comments, the authors, who is mentioned, and these.
  expect(answering(statements)).toHaveLength(7);
  const { statements: ofMentions }: Data = await editor.ask(
    '{ unreadTaskMentionCount taskMentions { edges { node { comment { text } task { number } } } } }',
  );
  expect(answering(ofMentions)).toHaveLength(4);
});
