import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { act, asked, boardOf, labelIn, newestActivity, refusal, waits } from './task-talk.ts';
import { workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

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
afterAll(() => bed?.stop());

const project = (input: object = {}): Promise<string> => projectOf(ada, { workspaceId, ...input });
const tasksIn = async (projectId: string, count: number, input: object = {}): Promise<string[]> => {
  const ids: string[] = [];
  for (let at = 0; at < count; at += 1) ids.push((await taskIn(editor, projectId, { title: `t${at}`, ...input })).id);
  return ids;
};
const told = `tasks { id status priority version dueDate completedAt assignee { id } labels { name } watchers { totalCount } }
  warnings { task { id } openBlockerCount openPartCount }`;

test('tasks of several projects change together, each with its history, in the order in which they are named', async () => {
  const [one, two] = [await project(), await project()];
  const [a = '', b = ''] = await tasksIn(one, 2);
  const [c = ''] = await tasksIn(two, 1);
  const done = await taskIn(editor, two, { title: 'already', status: 'DONE' });
  const patch = { status: 'DONE', priority: 'HIGH', assigneeId: viewer.userId, dueDate: '2026-05-05' };
  const { tasks, warnings } = await act(editor, 'updateTasks', { ids: [c, done.id, b, a], patch }, told);
  expect(warnings).toEqual([]);
  expect(tasks.map(({ id }: Data) => id)).toEqual([c, done.id, b, a]);
  for (const task of tasks)
    expect(task).toMatchObject({
      status: 'DONE',
      priority: 'HIGH',
      version: 2,
      dueDate: '2026-05-05',
      completedAt: expect.any(String),
      assignee: { id: viewer.userId },
      watchers: { totalCount: 2 },
    });
  expect(await boardOf(editor, one)).toEqual({ DONE: ['t1', 't0'] });
  expect(await boardOf(editor, two)).toEqual({ DONE: ['already', 't0'] });
  expect(await newestActivity(editor, a)).toMatchObject({ totalCount: 2, kind: 'MOVED' });
  const kept = await newestActivity(editor, done.id);
  expect(kept).toMatchObject({ totalCount: 2, kind: 'CHANGED' });
  expect(Object.keys(kept.changes).toSorted()).toEqual(['assigneeId', 'dueDate', 'priority']);
  // The same once more changes nothing; reopening clears when they were done.
  const before = await fingerprint(bed, ada.organizationId);
  await act(editor, 'updateTasks', { ids: [c, done.id, b, a], patch }, told);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  const reopened = await act(editor, 'updateTasks', { ids: [a, b], patch: { status: 'TODO', dueDate: null } }, told);
  expect(reopened.tasks.map(({ status, completedAt, dueDate }: Data) => [status, completedAt, dueDate])).toEqual([
    ['TODO', null, null],
    ['TODO', null, null],
  ]);
});

test('who works in a project without seeing its workspace gives work to the workspace’s people, and to nobody else', async () => {
  const projectId = await project();
  const worker = await colleagueOf(bed, ada.organizationId, 'Worker', 'MEMBER');
  await act(ada, 'addProjectCollaborators', { projectId, userIds: [worker.userId] }, 'collaborators { id }');
  const input = { projectId, title: 't', assigneeId: viewer.userId };
  const { task } = await act(worker, 'createTask', input, 'task { assignee { id } }');
  expect(task.assignee).toEqual({ id: viewer.userId });
  const [first = '', second = ''] = await tasksIn(projectId, 2);
  const one = await act(worker, 'updateTask', { id: first, assigneeId: viewer.userId }, 'task { assignee { id } }');
  expect(one.task.assignee).toEqual({ id: viewer.userId });
  const many = await act(
    worker,
    'updateTasks',
    { ids: [first, second], patch: { assigneeId: editor.userId } },
    'tasks { assignee { id } }',
  );
  expect(many.tasks).toEqual([{ assignee: { id: editor.userId } }, { assignee: { id: editor.userId } }]);
  const before = await fingerprint(bed, ada.organizationId);
  const assigneeId = outsider.userId;
  expect(await refusal(worker, 'createTask', { projectId, title: 't', assigneeId })).toBe('BAD_USER_INPUT assigneeId');
  expect(await refusal(worker, 'updateTask', { id: first, assigneeId })).toBe('BAD_USER_INPUT assigneeId');
  expect(await refusal(worker, 'updateTasks', { ids: [first], patch: { assigneeId } })).toBe(
    'BAD_USER_INPUT patch.assigneeId',
  );
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('labels are put to many tasks and taken from them', async () => {
  const projectId = await project();
  const [late, bug] = [
    await labelIn(bed, ada.organizationId, projectId, 'late'),
    await labelIn(bed, ada.organizationId, projectId, 'bug'),
  ];
  const [a = '', b = ''] = await tasksIn(projectId, 2);
  await act(editor, 'setTaskLabels', { id: a, labelIds: [late] }, 'task { id }');
  const { tasks } = await act(
    editor,
    'updateTasks',
    { ids: [a, b], patch: { addLabelIds: [bug], removeLabelIds: [late] } },
    told,
  );
  expect(tasks.map(({ labels, version }: Data) => [labels, version])).toEqual([
    [[{ name: 'bug' }], 3],
    [[{ name: 'bug' }], 2],
  ]);
  const before = await fingerprint(bed, ada.organizationId);
  await act(editor, 'updateTasks', { ids: [a, b], patch: { addLabelIds: [bug] } }, told);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('what is wrong with one task refuses all and names its place, and nothing changes', async () => {
  const [one, two] = [await project(), await project()];
  const [a = ''] = await tasksIn(one, 1);
  const [b = ''] = await tasksIn(two, 1, { startDate: '2026-03-10' });
  const hidden = await taskIn(outsider, await projectOf(outsider));
  const label = await labelIn(bed, ada.organizationId, one, 'late');
  const many: string[] = [];
  for (let at = 0; at < 20; at += 1) many.push(await labelIn(bed, ada.organizationId, one, `label ${at}`));
  await act(editor, 'setTaskLabels', { id: a, labelIds: many }, 'task { id }');
  const before = await fingerprint(bed, ada.organizationId);
  const to = (patch: object, ids: readonly string[] = [a, b]) => refusal(editor, 'updateTasks', { ids, patch });
  expect(await to({ priority: 'LOW' }, [])).toBe('BAD_USER_INPUT ids');
  expect(
    await to(
      { priority: 'LOW' },
      Array.from({ length: 101 }, () => a),
    ),
  ).toBe('BAD_USER_INPUT ids');
  expect(await to({ priority: 'LOW' }, [a, b, a])).toBe('BAD_USER_INPUT ids.2');
  expect(await to({ priority: 'LOW' }, [a, hidden.id])).toBe('NOT_FOUND ids.1');
  expect(await to({ status: null })).toBe('BAD_USER_INPUT patch.status');
  expect(await to({ priority: null })).toBe('BAD_USER_INPUT patch.priority');
  expect(await to({ dueDate: '2026-03-09' })).toBe('BAD_USER_INPUT ids.1');
  expect(await to({ startDate: '2026-03-09', dueDate: '2026-03-08' })).toBe('BAD_USER_INPUT patch.dueDate');
  expect(await to({ assigneeId: outsider.userId })).toBe('BAD_USER_INPUT patch.assigneeId');
  expect(await to({ addLabelIds: [label] })).toBe('BAD_USER_INPUT ids.0');
  expect(await to({ addLabelIds: [label], removeLabelIds: [many[0]] })).toBe('BAD_USER_INPUT ids.1');
  expect(await to({ addLabelIds: [label], removeLabelIds: [label] })).toBe('BAD_USER_INPUT patch.removeLabelIds.0');
  expect(await to({ addLabelIds: [...many, label] })).toBe('BAD_USER_INPUT patch.addLabelIds');
  expect(await refusal(viewer, 'updateTasks', { ids: [a, b], patch: { priority: 'LOW' } })).toBe('FORBIDDEN ids.0');
  expect(await refusal(outsider, 'updateTasks', { ids: [hidden.id, b], patch: { priority: 'LOW' } })).toBe(
    'NOT_FOUND ids.1',
  );
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('the completion guard of each project is asked, and what is done together is not open', async () => {
  const block = await project({ completionGuard: 'BLOCK' });
  const warn = await project({ completionGuard: 'WARN' });
  const [parent = '', blocker = ''] = await tasksIn(block, 2);
  const part = (await taskIn(editor, block, { parentId: parent })).id;
  const [warned = ''] = await tasksIn(warn, 1);
  await waits(bed, ada.organizationId, { id: parent, projectId: block }, { id: blocker, projectId: block });
  await waits(bed, ada.organizationId, { id: warned, projectId: warn }, { id: blocker, projectId: block });
  const before = await fingerprint(bed, ada.organizationId);
  const patch = { status: 'DONE' };
  const { errors } = await asked(editor, 'updateTasks', { ids: [warned, parent, part], patch }, told);
  expect(errors.map(({ extensions }) => extensions)).toEqual([
    {
      code: 'CONFLICT',
      field: 'ids.1',
      open: [{ id: parent, openBlockers: [blocker], openBlockerCount: 1, openPartCount: 0 }],
    },
  ]);
  const override = { ids: [warned, parent, part], patch, overrideReason: 'We ship' };
  expect(await refusal(editor, 'updateTasks', override)).toBe('FORBIDDEN');
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  const forced = await act(ada, 'updateTasks', override, told);
  expect(forced.warnings).toEqual([{ task: { id: warned }, openBlockerCount: 1, openPartCount: 0 }]);
  expect(await newestActivity(editor, parent)).toMatchObject({ kind: 'MOVED', reason: 'We ship' });
  expect(await newestActivity(editor, part)).toMatchObject({ kind: 'MOVED', reason: null });
  // All of them together leave nothing open.
  await act(editor, 'updateTasks', { ids: [warned, parent, part], patch: { status: 'TODO' } }, told);
  const together = await act(editor, 'updateTasks', { ids: [warned, parent, part, blocker], patch }, told);
  expect(together.warnings).toEqual([]);
});

test('a bulk edit costs as many statements whatever the number of tasks, and one event each', async () => {
  const projectId = await project();
  const label = await labelIn(bed, ada.organizationId, projectId, 'late');
  const [few, many] = [await tasksIn(projectId, 2), await tasksIn(projectId, 12)];
  const patch = { status: 'DONE', assigneeId: viewer.userId, addLabelIds: [label] };
  const cost = async (ids: readonly string[]): Promise<number> =>
    (await asked(editor, 'updateTasks', { ids, patch }, 'tasks { id }')).statements.length - ids.length;
  const first = await cost(few);
  expect(await cost(many)).toBe(first);
  expect(first).toBe(13);
  const deleting = async (ids: readonly string[]): Promise<number> =>
    (await asked(editor, 'deleteTasks', { ids }, 'deletedIds')).statements.length - ids.length;
  const firstDeleted = await deleting(few);
  expect(await deleting(many)).toBe(firstDeleted);
  expect(firstDeleted).toBe(10);
});

test('bulk edits of the same projects in any order at once all come through', async () => {
  const [one, two] = [await project(), await project()];
  const ids = [...(await tasksIn(one, 3)), ...(await tasksIn(two, 3))];
  const statuses = ['TODO', 'IN_PROGRESS', 'REVIEW'];
  const codes = await Promise.all(
    Array.from({ length: 20 }, (_, at) =>
      refusal(editor, 'updateTasks', {
        ids: at % 2 === 0 ? ids : ids.toReversed(),
        patch: { status: statuses[at % 3] },
      }),
    ),
  );
  expect(codes).toEqual(codes.map(() => undefined));
  const boards = await Promise.all([boardOf(editor, one), boardOf(editor, two)]);
  expect(boards.map((board) => Object.values(board).flat().length)).toEqual([3, 3]);
});
