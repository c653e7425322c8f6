import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { tasks } from '../src/domains/projects/task-tables.ts';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { createProject, createTask, projectOf, taskIn } from './project-talk.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let editor: Colleague;
let viewer: Colleague;
let outsider: Colleague;
let admin: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MEMBER', { [workspaceId]: 'EDITOR' });
  viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
  outsider = await colleagueOf(bed, ada.organizationId, 'Outsider', 'MEMBER');
  admin = await colleagueOf(bed, ada.organizationId, 'Admin', 'ADMIN');
}, 60_000);
afterAll(() => bed.stop());

const sees = async (person: Person, id: string): Promise<unknown> =>
  (await person.codes('query ($id: ID!) { project(id: $id) { id tasks { totalCount } } }', { id }))[0] ?? true;

test('a project of a workspace is seen by its people, one without by who works in it, and both by administrators', async () => {
  const open = await projectOf(editor, { workspaceId });
  const own = await projectOf(outsider);
  const people = [editor, viewer, outsider, admin, ada];
  expect(await Promise.all(people.map((person) => sees(person, open)))).toEqual([true, true, 'NOT_FOUND', true, true]);
  expect(await Promise.all(people.map((person) => sees(person, own)))).toEqual([
    'NOT_FOUND',
    'NOT_FOUND',
    true,
    true,
    true,
  ]);
  const stranger = await bed.signUp('Stranger');
  expect(await sees(stranger, open)).toBe('NOT_FOUND');
  const listed: Data = await outsider.want('{ projects { totalCount edges { node { id } } } }');
  expect(listed.projects).toEqual({ totalCount: 1, edges: [{ node: { id: own } }] });
});

test('who works in a project opens tasks; who only sees it is refused, and nothing changes', async () => {
  const id = await projectOf(editor, { workspaceId, name: 'Sea charts', key: 'sea' });
  expect(await taskIn(editor, id)).toMatchObject({ number: 1, identifier: 'SEA-1', status: 'TODO', version: 1 });
  expect(await taskIn(editor, id, { status: 'DONE', priority: 'HIGH' })).toMatchObject({
    identifier: 'SEA-2',
    status: 'DONE',
  });
  const before = await fingerprint(bed, ada.organizationId);
  const input = { projectId: id, title: 'No' };
  expect(await viewer.codes(createTask, { input })).toEqual(['FORBIDDEN']);
  expect(await outsider.codes(createTask, { input })).toEqual(['NOT_FOUND']);
  expect(await editor.codes(createTask, { input: { ...input, assigneeId: outsider.userId } })).toEqual([
    'BAD_USER_INPUT',
  ]);
  const stranger = await bed.signUp('Stranger');
  expect(await editor.codes(createTask, { input: { ...input, assigneeId: stranger.userId } })).toEqual(['NOT_FOUND']);
  expect(await editor.codes(createTask, { input: { ...input, estimatedHours: '-1' } })).toEqual(['BAD_USER_INPUT']);
  expect(
    await editor.codes(createTask, { input: { ...input, startDate: '2026-02-02', dueDate: '2026-02-01' } }),
  ).toEqual(['BAD_USER_INPUT']);
  expect(await editor.codes(createProject, { input: { name: 'Sea', key: 'SEA' } })).toEqual(['CONFLICT']);
  expect(await editor.codes('{ tasks(filter: { colour: { eq: "red" } }) { totalCount } }')).toEqual([
    'GRAPHQL_VALIDATION_FAILED',
  ]);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('tasks that are opened at the same time have numbers of their own, and the board their order', async () => {
  const id = await projectOf(editor, { workspaceId });
  const made = await Promise.all(Array.from({ length: 50 }, () => taskIn(editor, id)));
  expect(made.map(({ number }) => number).toSorted((a, b) => a - b)).toEqual(
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  const board = `query ($id: ID!) { project(id: $id) { board { status tasks(first: 50) { totalCount edges { node { number position } } } } } }`;
  const { data, statements } = await editor.ask(board, { id });
  const columns: Data[] = (data as Data).project.board;
  expect(columns.map(({ status, tasks: { totalCount } }) => [status, totalCount])).toEqual([
    ['TODO', 50],
    ['IN_PROGRESS', 0],
    ['REVIEW', 0],
    ['DONE', 0],
    ['CANCELLED', 0],
  ]);
  expect(columns[0].tasks.edges.map(({ node }: Data) => node.number)).toEqual(
    Array.from({ length: 50 }, (_, index) => index + 1),
  );
  // The project, the columns' tasks, and their numbers.
  expect(statements).toHaveLength(3);
});

test('who leaves the organization works on nothing in it any more, and the task says so', async () => {
  const leaver = await colleagueOf(bed, ada.organizationId, 'Leaver', 'MEMBER', { [workspaceId]: 'EDITOR' });
  const id = await projectOf(leaver, { workspaceId });
  const open = await taskIn(leaver, id, { assigneeId: leaver.userId });
  const done = await taskIn(leaver, id, { assigneeId: leaver.userId, status: 'DONE' });
  await ada.want('mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { deletedId } }', {
    input: { userId: leaver.userId },
  });
  const query = `query ($id: ID!) { task(id: $id) { version activities { edges { node { kind actor { name } changes } } } project { owner { id } } } }`;
  const told: Data = await editor.want(query, { id: open.id });
  expect(told.task).toMatchObject({ version: 2, project: { owner: null } });
  expect(told.task.activities.edges.map(({ node }: Data) => node)).toEqual([
    { kind: 'CREATED', actor: null, changes: {} },
    { kind: 'CHANGED', actor: null, changes: { assigneeId: { from: uuidOf(leaver.userId), to: null } } },
  ]);
  const unit = unitOf(bed, ada.organizationId);
  unit.enter('projects');
  const rows = await unit.run(() =>
    database
      .select({ assigneeId: tasks.assigneeId })
      .from(tasks)
      .where(eq(tasks.id, uuidOf(done.id))),
  );
  await unit.rest();
  expect(rows).toEqual([{ assigneeId: uuidOf(leaver.userId) }]);
});

test('projects that are called alike have keys of their own, also when they begin at the same time', async () => {
  const begun = await Promise.all(
    Array.from({ length: 12 }, () => editor.want(createProject, { input: { name: 'Cartography of the moon' } })),
  );
  const keys = begun.map((data: Data): string => data.createProject.project.key).toSorted();
  expect(keys).toEqual(
    [
      'CARTOGRAPH',
      ...Array.from({ length: 8 }, (_, index) => `CARTOGRAP${index + 2}`),
      'CARTOGRA10',
      'CARTOGRA11',
      'CARTOGRA12',
    ].toSorted(),
  );
});
