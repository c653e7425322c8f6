import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { wholeOf } from '../src/database/unit-of-work.ts';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Colleague;
let viewer: Colleague;
let outsider: Colleague;
let manager: Colleague;
let workspaceId: string;
let projectId: string;

const create = `mutation ($input: CreateSavedViewInput!) { createSavedView(input: $input) { savedView { id version } } }`;
const update = `mutation ($input: UpdateSavedViewInput!) { updateSavedView(input: $input) { savedView { id name version filter orderBy { field direction } audience valid } } }`;
const remove = `mutation ($input: DeleteSavedViewInput!) { deleteSavedView(input: $input) { deletedId } }`;
const kept = async (person: Person, input: object): Promise<{ id: string; version: number }> => {
  const data: Data = await person.want(create, { input: { list: 'TASKS', name: 'Mine', ...input } });
  return data.createSavedView.savedView;
};
const issuesOf = async (person: Person, query: string, input: object): Promise<unknown> => {
  const { errors } = await person.ask(query, { input });
  expect(errors.map(({ extensions }) => extensions.code)).toEqual(['BAD_USER_INPUT']);
  return errors[0]?.extensions.issues;
};
const sees = async (person: Person, id: string): Promise<unknown> =>
  (await person.codes('query ($id: ID!) { savedView(id: $id) { id } }', { id }))[0] ?? true;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
  outsider = await colleagueOf(bed, ada.organizationId, 'Outsider', 'MEMBER');
  manager = await colleagueOf(bed, ada.organizationId, 'Manager', 'MANAGER');
  projectId = await projectOf(editor, { workspaceId, key: 'SEA' });
}, 60_000);
afterAll(() => bed.stop());

test('a view finds what each who asks it sees themselves, in its order and by pages', async () => {
  const own = await projectOf(outsider);
  for (const [title, dueDate] of [
    ['Third', '2026-03-03'],
    ['First', '2026-03-01'],
    ['Second', '2026-03-02'],
  ])
    await taskIn(editor, projectId, { title, dueDate, priority: 'HIGH' });
  await taskIn(editor, projectId, { title: 'Low', priority: 'LOW' });
  await taskIn(outsider, own, { title: 'Hidden', priority: 'HIGH', dueDate: '2026-03-01' });
  const filter = { or: [{ priority: { eq: 'HIGH' }, not: { status: { eq: 'DONE' } } }, { projectId: { eq: own } }] };
  const { id } = await kept(manager, {
    filter,
    orderBy: [{ field: 'DUE_DATE' }],
    audience: 'ORGANIZATION',
    name: '  Urgent ',
  });
  const query = `query ($id: ID!, $after: String) { savedView(id: $id) {
    list name filter orderBy { field direction } audience valid issues { field } owner { name } version
    tasks(first: 2, after: $after) { totalCount pageInfo { hasNextPage endCursor } edges { node { title } } }
    projects { totalCount } orders { totalCount } documents { totalCount } } }`;
  const { data, statements } = await editor.ask(query, { id });
  const { savedView }: Data = data;
  expect(savedView).toMatchObject({
    list: 'TASKS',
    name: 'Urgent',
    filter,
    orderBy: [{ field: 'DUE_DATE', direction: 'ASC' }],
    audience: 'ORGANIZATION',
    valid: true,
    issues: [],
    owner: { name: 'Manager' },
    version: 1,
    projects: null,
    orders: null,
    documents: null,
  });
  // The view, its owner, the tasks and their number.
  expect(statements).toHaveLength(4);
  const titles = (found: Data) => found.edges.map(({ node }: Data) => node.title);
  expect([savedView.tasks.totalCount, titles(savedView.tasks)]).toEqual([3, ['First', 'Second']]);
  const next: Data = await editor.want(query, { id, after: savedView.tasks.pageInfo.endCursor });
  expect(titles(next.savedView.tasks)).toEqual(['Third']);
  const others: Data = await outsider.want(query, { id });
  expect(titles(others.savedView.tasks)).toEqual(['Hidden']);
  const nobody: Data = await manager.want(query, { id });
  expect(nobody.savedView.tasks.totalCount).toBe(0);
});

test('time is asked likewise: that of the projects that one sees', async () => {
  const hidden = await projectOf(outsider);
  const places = [
    [editor, (await taskIn(editor, projectId)).id, '2026-01-01'],
    [editor, (await taskIn(editor, projectId)).id, '2026-01-03'],
    [outsider, (await taskIn(outsider, hidden)).id, '2026-01-02'],
  ] as const;
  for (const [person, taskId, day] of places)
    await person.want(
      'mutation ($input: CreateTimeEntryInput!) { createTimeEntry(input: $input) { timeEntry { id } } }',
      { input: { taskId, startedAt: `${day}T10:00:00.000Z`, endedAt: `${day}T11:00:00.000Z`, note: day } },
    );
  const { id } = await kept(manager, {
    list: 'TIME_ENTRIES',
    filter: { startedAt: { gte: '2026-01-01T00:00:00.000Z' }, running: { eq: false } },
    orderBy: [{ field: 'STARTED_AT', direction: 'ASC' }],
    audience: 'ORGANIZATION',
  });
  const query = `query ($id: ID!, $after: String) { savedView(id: $id) { valid tasks { totalCount }
    timeEntries(first: 1, after: $after) { totalCount pageInfo { endCursor } edges { node { note } } } } }`;
  const found = async (person: Person, after: string | null = null): Promise<Data> =>
    ((await person.want(query, { id, after })) as Data).savedView;
  const notes = ({ timeEntries }: Data) => [
    timeEntries.totalCount,
    timeEntries.edges.map(({ node }: Data) => node.note),
  ];
  const first = await found(editor);
  expect([first.valid, first.tasks, ...notes(first)]).toEqual([true, null, 2, ['2026-01-01']]);
  expect(notes(await found(viewer, first.timeEntries.pageInfo.endCursor))).toEqual([2, ['2026-01-03']]);
  expect(notes(await found(outsider))).toEqual([1, ['2026-01-02']]);
  expect(notes(await found(manager))).toEqual([0, []]);
  const tasks: Data = await editor.want(query, { id: (await kept(editor, {})).id });
  expect(tasks.savedView.timeEntries).toBeNull();
});

test('projects, orders and documents are asked likewise, each with its own types', async () => {
  const day = '2020-01-01T00:00:00.000Z';
  const views = {
    projects: await kept(editor, {
      list: 'PROJECTS',
      filter: { workspaceId: { in: [workspaceId] }, createdAt: { gte: day } },
    }),
    orders: await kept(editor, { list: 'ORDERS', filter: { customerId: { eq: editor.userId } } }),
    documents: await kept(editor, { list: 'DOCUMENTS', orderBy: [{ field: 'TITLE', direction: 'DESC' }] }),
    conversations: await kept(editor, { list: 'CONVERSATIONS', filter: { archived: { eq: true } } }),
  };
  const query = `query ($id: ID!) { savedView(id: $id) { valid projects { edges { node { key } } } orders { totalCount } documents { totalCount } tasks { totalCount } } }`;
  const found = await Promise.all(
    Object.values(views).map(async ({ id }) => {
      const data: Data = await editor.want(query, { id });
      return data.savedView;
    }),
  );
  const nothing = { valid: true, projects: null, orders: null, documents: null, tasks: null };
  expect(found).toEqual([
    { ...nothing, projects: { edges: [{ node: { key: 'SEA' } }] } },
    { ...nothing, orders: { totalCount: 0 } },
    { ...nothing, documents: { totalCount: 0 } },
    nothing,
  ]);
});

test('all faults of a filter and an order are told with their paths, and nothing is kept', async () => {
  const before = await fingerprint(bed, ada.organizationId);
  const faults = (input: object) => issuesOf(editor, create, { list: 'TASKS', name: 'x', ...input });
  expect(
    await faults({
      filter: {
        colour: { eq: 'red' },
        status: { eq: 'OPEN' },
        dueDate: { lt: 'tomorrow' },
        or: [{ assigneeId: { in: [editor.userId, projectId, 'x'] } }, { priority: { startsWith: 'H' } }],
      },
      orderBy: [{ field: 'COLOUR' }],
    }),
  ).toEqual([
    { field: 'filter.or.1.priority.startsWith', message: expect.stringContaining('is not defined by type') },
    { field: 'filter.status.eq', message: 'Value "OPEN" does not exist in "TaskStatus" enum.' },
    { field: 'filter.dueDate.lt', message: 'Value is not a valid LocalDate: tomorrow' },
    { field: 'filter.colour', message: 'Field "colour" is not defined by type "TaskFilter".' },
    { field: 'filter.or.0.assigneeId.in.1', message: 'This is no id of the type User.' },
    { field: 'filter.or.0.assigneeId.in.2', message: 'This is no id of the type User.' },
    { field: 'orderBy.0.field', message: 'Value "COLOUR" does not exist in "TaskOrderField" enum.' },
  ]);
  const status = { status: { eq: 'TODO' } };
  expect(await faults({ filter: { not: { and: [{ or: [{ not: status }] }] } } })).toEqual([
    { field: 'filter', message: 'A filter nests at most 3 levels.' },
  ]);
  expect(await faults({ filter: { or: Array.from({ length: 31 }, () => status) } })).toEqual([
    { field: 'filter', message: 'A filter holds at most 30 comparisons.' },
  ]);
  const many = Array.from({ length: 101 }, () => 'TODO');
  expect(await faults({ filter: { status: { in: many } } })).toEqual([
    { field: 'filter.status', message: 'A filter compares with at most 100 values.' },
  ]);
  expect(await faults({ filter: [status] })).toEqual([{ field: 'filter', message: 'A filter is an object.' }]);
  expect(await faults({ orderBy: [{ field: 'DUE_DATE' }, { field: 'PRIORITY' }] })).toEqual([
    { field: 'orderBy', message: 'A list has one order; its id breaks ties.' },
  ]);
  expect(await faults({ name: ' ', audience: 'PROJECT' })).toEqual([
    { field: 'name', message: 'This takes 1 to 200 characters, and no NUL.' },
    { field: 'projectId', message: 'A view that is shared with a project names it.' },
  ]);
  expect(await faults({ audience: 'WORKSPACE' })).toEqual([
    { field: 'workspaceId', message: 'A view that is shared with a workspace names it.' },
  ]);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('a view is seen by its audience, and shared by who may share it', async () => {
  const own = await kept(editor, { projectId });
  const inProject = await kept(editor, { audience: 'PROJECT', projectId });
  const inWorkspace = await kept(editor, { audience: 'WORKSPACE', workspaceId });
  const forAll = await kept(manager, { audience: 'ORGANIZATION' });
  const people = [editor, viewer, outsider, ada];
  const seen = async (id: string) => Promise.all(people.map((person) => sees(person, id)));
  expect(await seen(own.id)).toEqual([true, 'NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']);
  expect(await seen(inProject.id)).toEqual([true, true, 'NOT_FOUND', true]);
  expect(await seen(inWorkspace.id)).toEqual([true, true, 'NOT_FOUND', true]);
  expect(await seen(forAll.id)).toEqual([true, true, true, true]);
  expect(await sees(await bed.signUp('Stranger'), forAll.id)).toBe('NOT_FOUND');

  const list = `query ($filter: SavedViewFilter) { savedViews(filter: $filter, orderBy: [{ field: NAME }]) { totalCount edges { node { id project { id } } } } }`;
  const { data, statements } = await viewer.ask(list, {
    filter: { projectId: { eq: projectId }, list: { eq: 'TASKS' }, audience: { in: ['PROJECT', 'OWNER'] } },
  });
  expect((data as Data).savedViews).toEqual({
    totalCount: 1,
    edges: [{ node: { id: inProject.id, project: { id: projectId } } }],
  });
  expect(statements).toHaveLength(3);

  const before = await fingerprint(bed, ada.organizationId);
  const refused = (person: Person, input: object) =>
    person.codes(create, { input: { list: 'TASKS', name: 'x', ...input } });
  expect(await refused(viewer, { audience: 'PROJECT', projectId })).toEqual(['FORBIDDEN']);
  expect(await refused(viewer, { audience: 'WORKSPACE', workspaceId })).toEqual(['FORBIDDEN']);
  expect(await refused(editor, { audience: 'ORGANIZATION' })).toEqual(['FORBIDDEN']);
  expect(await refused(outsider, { audience: 'PROJECT', projectId })).toEqual(['NOT_FOUND']);
  expect(await refused(outsider, { projectId })).toEqual(['NOT_FOUND']);
  expect(await refused(outsider, { workspaceId })).toEqual(['NOT_FOUND']);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('a view is changed and deleted by its owner alone, from the version that they saw', async () => {
  const { id, version } = await kept(editor, {
    audience: 'WORKSPACE',
    workspaceId,
    filter: { status: { eq: 'TODO' } },
  });
  const before = await fingerprint(bed, ada.organizationId);
  expect(await viewer.codes(update, { input: { id, version, name: 'x' } })).toEqual(['FORBIDDEN']);
  expect(await ada.codes(update, { input: { id, version, name: 'x' } })).toEqual(['FORBIDDEN']);
  expect(await viewer.codes(remove, { input: { id } })).toEqual(['FORBIDDEN']);
  expect(await outsider.codes(remove, { input: { id } })).toEqual(['NOT_FOUND']);
  expect(await editor.codes(update, { input: { id, version, audience: 'ORGANIZATION' } })).toEqual(['FORBIDDEN']);
  expect(await issuesOf(editor, update, { id, version, name: null, audience: null, filter: { a: 1 } })).toEqual([
    { field: 'name', message: 'This cannot be empty.' },
    { field: 'audience', message: 'This cannot be empty.' },
    { field: 'filter.a', message: 'Field "a" is not defined by type "TaskFilter".' },
  ]);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);

  const changed: Data = await editor.want(update, {
    input: { id, version, name: 'Later', filter: null, orderBy: [{ field: 'PRIORITY', direction: 'DESC' }] },
  });
  expect(changed.updateSavedView.savedView).toEqual({
    id,
    name: 'Later',
    version: 2,
    filter: {},
    orderBy: [{ field: 'PRIORITY', direction: 'DESC' }],
    audience: 'WORKSPACE',
    valid: true,
  });
  const { errors } = await editor.ask(update, { input: { id, version, name: 'x' } });
  expect(errors[0]?.extensions).toMatchObject({
    code: 'CONFLICT',
    field: 'version',
    current: { id, name: 'Later', version: 2 },
  });
  const gone: Data = await editor.want(remove, { input: { id } });
  expect(gone.deleteSavedView.deletedId).toBe(id);
  expect(await sees(editor, id)).toBe('NOT_FOUND');
});

test('a view whose filter no longer fits the list says so and is not asked', async () => {
  const { id } = await kept(editor, { filter: { status: { eq: 'TODO' } } });
  await unitOf(bed, ada.organizationId)
    .as(wholeOf(uuidOf(ada.organizationId)))
    .transact(() =>
      database.execute(sql`update saved_views set filter = '{"colour": {"eq": "red"}}' where id = ${uuidOf(id)}`),
    );
  const query = `query ($id: ID!) { savedView(id: $id) { valid issues { field message } filter tasks { totalCount } } }`;
  const { data, errors, statements } = await editor.ask(query, { id });
  expect(errors).toEqual([]);
  expect((data as Data).savedView).toEqual({
    valid: false,
    issues: [{ field: 'filter.colour', message: 'Field "colour" is not defined by type "TaskFilter".' }],
    filter: { colour: { eq: 'red' } },
    tasks: null,
  });
  expect(statements).toHaveLength(1);
  // Its name changes all the same.
  expect(await editor.codes(update, { input: { id, version: 1, name: 'Old' } })).toEqual([]);
});
