import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { projectOf, taskIn } from './project-talk.ts';
import { act, asked, direct, hourOn, labelIn, newestActivity, refusal } from './task-talk.ts';
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
}, 60_000);
afterAll(() => bed?.stop());

const project = (input: object = {}): Promise<string> => projectOf(ada, { workspaceId, ...input });
const told = `task { id title description priority assignee { id } estimatedHours startDate dueDate parent { id } metadata version
  watchers { edges { node { user { id } } } } }`;
const update = (input: object): Promise<Data> => act(editor, 'updateTask', input, told);
const label = (projectId: string, name: string) => labelIn(bed, ada.organizationId, projectId, name);

test('an update changes what it names, null clears, and what stays the same is no change', async () => {
  const projectId = await project();
  const parent = await taskIn(editor, projectId);
  const { id } = await taskIn(editor, projectId);
  const full = {
    title: ' Chart the coast ',
    description: 'All of it',
    priority: 'HIGH',
    assigneeId: viewer.userId,
    estimatedHours: '2.5',
    startDate: '2026-03-01',
    dueDate: '2026-03-02',
    parentId: parent.id,
    metadata: { scale: 3, a: [1] },
  };
  const { task } = await update({ id, version: 1, ...full });
  expect(task).toEqual({
    id,
    title: 'Chart the coast',
    description: 'All of it',
    priority: 'HIGH',
    assignee: { id: viewer.userId },
    estimatedHours: '2.5',
    startDate: '2026-03-01',
    dueDate: '2026-03-02',
    parent: { id: parent.id },
    metadata: { scale: 3, a: [1] },
    version: 2,
    watchers: { edges: [{ node: { user: { id: editor.userId } } }, { node: { user: { id: viewer.userId } } }] },
  });
  const before = await fingerprint(bed, ada.organizationId);
  expect((await update({ id, ...full })).task.version).toBe(2);
  expect((await update({ id })).task.version).toBe(2);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  const cleared = Object.fromEntries(
    Object.keys(full)
      .filter((name) => !['title', 'priority'].includes(name))
      .map((name) => [name, null]),
  );
  const { task: bare } = await update({ id, ...cleared });
  expect(bare).toMatchObject({
    title: 'Chart the coast',
    description: '',
    assignee: null,
    estimatedHours: null,
    startDate: null,
    dueDate: null,
    parent: null,
    metadata: {},
    version: 3,
  });
  const { changes } = await newestActivity(editor, id);
  expect(Object.keys(changes).toSorted()).toEqual(Object.keys(cleared).toSorted());
  expect(changes.estimatedHours).toEqual({ from: '2.50', to: null });
});

test('an update that is wrong is refused, and nothing changes', async () => {
  const projectId = await project();
  const dated = await taskIn(editor, projectId, { startDate: '2026-03-10', dueDate: '2026-03-20' });
  const part = await taskIn(editor, projectId, { parentId: dated.id });
  const deeper = await taskIn(editor, projectId, { parentId: part.id });
  const elsewhere = await taskIn(editor, await project());
  const stranger = await bed.signUp('Stranger');
  const before = await fingerprint(bed, ada.organizationId);
  const to = (input: object) => refusal(editor, 'updateTask', { id: dated.id, ...input });
  expect(await to({ title: null })).toBe('BAD_USER_INPUT title');
  expect(await to({ title: ' ' })).toBe('BAD_USER_INPUT title');
  expect(await to({ title: '' })).toBe('BAD_USER_INPUT title');
  expect(await to({ title: 'x'.repeat(501) })).toBe('BAD_USER_INPUT title');
  expect(await to({ priority: null })).toBe('BAD_USER_INPUT priority');
  expect(await to({ description: 'x'.repeat(50_001) })).toBe('BAD_USER_INPUT description');
  expect(await to({ estimatedHours: '-1' })).toBe('BAD_USER_INPUT estimatedHours');
  expect(await to({ estimatedHours: '1.005' })).toBe('BAD_USER_INPUT estimatedHours');
  expect(await to({ metadata: [1] })).toBe('BAD_USER_INPUT metadata');
  expect(await to({ metadata: { a: 'x'.repeat(16_000) } })).toBe('BAD_USER_INPUT metadata');
  // Against the dates that stay, and those that are given together.
  expect(await to({ dueDate: '2026-03-09' })).toBe('BAD_USER_INPUT dueDate');
  expect(await to({ startDate: '2026-03-21' })).toBe('BAD_USER_INPUT startDate');
  expect(await to({ startDate: '2026-04-02', dueDate: '2026-04-01' })).toBe('BAD_USER_INPUT dueDate');
  expect(await to({ assigneeId: outsider.userId })).toBe('BAD_USER_INPUT assigneeId');
  expect(await to({ assigneeId: stranger.userId })).toBe('NOT_FOUND assigneeId');
  expect(await to({ parentId: elsewhere.id })).toBe('NOT_FOUND parentId');
  expect(await to({ parentId: dated.id })).toBe('BAD_USER_INPUT parentId');
  expect(await to({ parentId: part.id })).toBe('CONFLICT parentId');
  expect(await to({ parentId: deeper.id })).toBe('CONFLICT parentId');
  expect(await refusal(viewer, 'updateTask', { id: dated.id, title: 'No' })).toBe('FORBIDDEN');
  expect(await refusal(outsider, 'updateTask', { id: dated.id, title: 'No' })).toBe('NOT_FOUND');
  const { errors } = await asked(editor, 'updateTask', { id: dated.id, version: 2, title: 'Late' }, 'task { id }');
  expect(errors.map(({ extensions }) => extensions)).toEqual([
    {
      code: 'CONFLICT',
      field: 'version',
      current: { id: dated.id, status: 'TODO', version: 1, title: 'Draw the map' },
    },
  ]);
  expect(await refusal(editor, 'createTask', { projectId, title: 'No', metadata: 'text' })).toBe(
    'BAD_USER_INPUT metadata',
  );
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  // Both dates may pass the stored ones together.
  expect((await update({ id: dated.id, startDate: '2026-04-01', dueDate: '2026-04-02' })).task.version).toBe(2);
});

test('an archived project lets nothing of its tasks change', async () => {
  const projectId = await project();
  const { id } = await taskIn(editor, projectId);
  const labelId = await label(projectId, 'late');
  await direct(
    bed,
    ada.organizationId,
    sql`update projects set status = 'ARCHIVED', archived_at = now() where id = ${uuidOf(projectId)}`,
  );
  const before = await fingerprint(bed, ada.organizationId);
  const tried: [string, object][] = [
    ['updateTask', { id, title: 'No' }],
    ['moveTask', { id, status: 'DONE' }],
    ['deleteTask', { id }],
    ['setTaskLabels', { id, labelIds: [labelId] }],
    ['addTaskLabel', { id, labelId }],
    ['removeTaskLabel', { id, labelId }],
    ['watchTask', { id }],
    ['unwatchTask', { id }],
    ['updateTasks', { ids: [id], patch: { priority: 'LOW' } }],
    ['deleteTasks', { ids: [id] }],
  ];
  for (const [name, input] of tried)
    expect([name, await refusal(editor, name, input)]).toEqual([name, expect.stringMatching(/^CONFLICT/)]);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('two that make tasks parts of each other at once leave no cycle', async () => {
  const projectId = await project();
  for (let turn = 0; turn < 5; turn += 1) {
    const [a, b] = [await taskIn(editor, projectId), await taskIn(editor, projectId)];
    const codes = await Promise.all([
      refusal(editor, 'updateTask', { id: a.id, parentId: b.id }),
      refusal(ada, 'updateTask', { id: b.id, parentId: a.id }),
    ]);
    expect(codes.toSorted()).toEqual(['CONFLICT parentId', undefined]);
  }
});

test('of those who change one version at once one does', async () => {
  const { id } = await taskIn(editor, await project());
  const codes = await Promise.all(
    Array.from({ length: 10 }, (_, at) => refusal(editor, 'updateTask', { id, version: 1, title: `Title ${at}` })),
  );
  expect(codes.filter((code) => code === undefined)).toHaveLength(1);
  expect(codes.filter((code) => code === 'CONFLICT version')).toHaveLength(9);
});

const labels = 'task { version labels { name color } }';

test('labels are set, added and taken away, and found by', async () => {
  const projectId = await project();
  const [late, bug, ui] = [await label(projectId, 'late'), await label(projectId, 'bug'), await label(projectId, 'ui')];
  const { id } = await taskIn(editor, projectId);
  const other = await taskIn(editor, projectId);
  const bare = await taskIn(editor, projectId);
  const name = (...names: string[]) => names.map((each) => ({ name: each, color: '#00ff00' }));
  const set = await act(editor, 'setTaskLabels', { id, labelIds: [late, bug, late] }, labels);
  expect(set.task).toEqual({ version: 2, labels: name('bug', 'late') });
  const added = await act(editor, 'addTaskLabel', { id, labelId: ui }, labels);
  expect(added.task).toEqual({ version: 3, labels: name('bug', 'late', 'ui') });
  expect((await act(editor, 'addTaskLabel', { id, labelId: ui }, labels)).task.version).toBe(3);
  const removed = await act(editor, 'removeTaskLabel', { id, labelId: late }, labels);
  expect(removed.task).toEqual({ version: 4, labels: name('bug', 'ui') });
  expect((await act(editor, 'removeTaskLabel', { id, labelId: late }, labels)).task.version).toBe(4);
  const order = [bug, ui].map(uuidOf).toSorted();
  expect(await newestActivity(editor, id)).toMatchObject({
    totalCount: 4,
    kind: 'CHANGED',
    changes: { labelIds: { from: [...order, uuidOf(late)].toSorted(), to: order } },
  });
  await act(editor, 'addTaskLabel', { id: other.id, labelId: bug }, labels);
  const found = async (labelId: object): Promise<string[]> => {
    const data: Data = await editor.want(
      'query ($filter: TaskFilter!) { tasks(filter: $filter) { totalCount edges { node { id } } } }',
      { filter: { labelId, projectId: { eq: projectId } } },
    );
    expect(data.tasks.totalCount).toBe(data.tasks.edges.length);
    return data.tasks.edges.map(({ node }: Data) => node.id).toReversed();
  };
  expect(await found({ eq: bug })).toEqual([id, other.id]);
  expect(await found({ in: [ui, late] })).toEqual([id]);
  expect(await found({ in: [] })).toEqual([]);
  expect(await found({ ne: ui })).toEqual([other.id, bare.id]);
  expect(await found({ notIn: [ui, bug] })).toEqual([bare.id]);
  expect(await found({ isNull: true })).toEqual([bare.id]);
  expect(await found({ isNull: false })).toEqual([id, other.id]);
  await act(editor, 'setTaskLabels', { id, labelIds: [] }, labels);
  expect(await found({ eq: bug })).toEqual([other.id]);
  expect(await editor.want('query ($id: ID!) { node(id: $id) { ... on ProjectLabel { name } } }', { id: bug })).toEqual(
    {
      node: { name: 'bug' },
    },
  );
});

test('labels of another project, too many of them, or by who does not work there are refused', async () => {
  const projectId = await project();
  const { id } = await taskIn(editor, projectId);
  const own: string[] = [];
  for (let at = 0; at < 21; at += 1) own.push(await label(projectId, `label ${at}`));
  const foreign = await label(await project(), 'foreign');
  await act(editor, 'setTaskLabels', { id, labelIds: own.slice(0, 20) }, labels);
  const before = await fingerprint(bed, ada.organizationId);
  expect(await refusal(editor, 'setTaskLabels', { id, labelIds: own })).toBe('BAD_USER_INPUT labelIds');
  expect(await refusal(editor, 'addTaskLabel', { id, labelId: own[20] })).toBe('BAD_USER_INPUT labelId');
  expect(await refusal(editor, 'setTaskLabels', { id, labelIds: [own[0], foreign] })).toBe('NOT_FOUND labelIds.1');
  expect(await refusal(editor, 'addTaskLabel', { id, labelId: foreign })).toBe('NOT_FOUND labelId');
  expect(await refusal(editor, 'removeTaskLabel', { id, labelId: foreign })).toBe('NOT_FOUND labelId');
  expect(await refusal(viewer, 'removeTaskLabel', { id, labelId: own[0] })).toBe('FORBIDDEN');
  expect(await refusal(outsider, 'setTaskLabels', { id, labelIds: [] })).toBe('NOT_FOUND');
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('whoever sees a task watches it, sees so, and finds what they watch', async () => {
  const projectId = await project();
  const { id } = await taskIn(editor, projectId);
  const other = await taskIn(editor, projectId);
  const watching = 'task { watching version watchers { totalCount edges { node { user { id } } } } }';
  const begun = await act(viewer, 'watchTask', { id }, watching);
  expect(begun.task).toEqual({
    watching: true,
    version: 1,
    watchers: {
      totalCount: 2,
      edges: [{ node: { user: { id: editor.userId } } }, { node: { user: { id: viewer.userId } } }],
    },
  });
  const before = await fingerprint(bed, ada.organizationId);
  await act(viewer, 'watchTask', { id }, watching);
  await act(viewer, 'unwatchTask', { id: other.id }, watching);
  expect(await refusal(outsider, 'watchTask', { id })).toBe('NOT_FOUND');
  expect(await refusal(outsider, 'unwatchTask', { id })).toBe('NOT_FOUND');
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  const found = async (person: Person, comparison: object): Promise<string[]> => {
    const data: Data = await person.want(
      'query ($id: ID!, $watching: BooleanComparison!) { project(id: $id) { tasks(filter: { watching: $watching }) { edges { node { id } } } } }',
      { id: projectId, watching: comparison },
    );
    return data.project.tasks.edges.map(({ node }: Data) => node.id).toReversed();
  };
  expect(await found(viewer, { eq: true })).toEqual([id]);
  expect(await found(viewer, { eq: false })).toEqual([other.id]);
  expect(await found(viewer, { ne: true })).toEqual([other.id]);
  expect(await found(editor, { eq: true })).toEqual([id, other.id]);
  expect(await found(ada, { eq: true })).toEqual([]);
  expect((await act(viewer, 'unwatchTask', { id }, watching)).task).toMatchObject({
    watching: false,
    watchers: { totalCount: 1 },
  });
});

test('a task is found by what it is called', async () => {
  const projectId = await project({ key: 'CHARTS' });
  const { id } = await taskIn(editor, projectId);
  const query = 'query ($identifier: String!) { taskByIdentifier(identifier: $identifier) { id identifier } }';
  const called = { taskByIdentifier: { id, identifier: 'CHARTS-1' } };
  expect(await editor.want(query, { identifier: 'CHARTS-1' })).toEqual(called);
  expect(await viewer.want(query, { identifier: ' charts-1' })).toEqual(called);
  for (const identifier of ['CHARTS-2', 'NOPE-1', 'CHARTS-01', 'CHARTS', '-1', 'CHARTS-99999999999'])
    expect(await editor.codes(query, { identifier })).toEqual(['NOT_FOUND']);
  expect(await outsider.codes(query, { identifier: 'CHARTS-1' })).toEqual(['NOT_FOUND']);
  expect((await editor.ask(query, { identifier: 'CHARTS' })).statements).toHaveLength(0);
});

test('marks, watchers and numbers of parts of many tasks cost a statement each', async () => {
  const projectId = await project();
  const late = await label(projectId, 'late');
  for (let at = 0; at < 5; at += 1) {
    const { id } = await taskIn(editor, projectId, { title: `Task ${at}` });
    await act(editor, 'addTaskLabel', { id, labelId: late }, labels);
    for (let part = 0; part < at; part += 1)
      await taskIn(editor, projectId, { parentId: id, status: part % 2 === 0 ? 'TODO' : 'DONE' });
  }
  const { data, statements } = await editor.ask(
    `query ($filter: TaskFilter!) { tasks(filter: $filter, first: 10) { edges { node { title labels { name } watching partCount openPartCount watchers { edges { node { createdAt } } } } } } }`,
    { filter: { projectId: { eq: projectId }, parentId: { isNull: true } } },
  );
  const nodes: Data[] = (data as Data).tasks.edges.map(({ node }: Data) => node);
  expect(nodes.map(({ title, partCount, openPartCount }) => [title, partCount, openPartCount])).toEqual([
    ['Task 4', 4, 2],
    ['Task 3', 3, 2],
    ['Task 2', 2, 1],
    ['Task 1', 1, 1],
    ['Task 0', 0, 0],
  ]);
  expect(
    nodes.every((node) => node.watching && node.labels[0].name === 'late' && node.watchers.edges.length === 1),
  ).toBe(true);
  // The tasks, their labels, who watches them, whether one does oneself, and their parts.
  expect(statements).toHaveLength(5);
});

test('a task goes with its parts when that is wanted, and never when time was recorded on one', async () => {
  const projectId = await project();
  const root = await taskIn(editor, projectId);
  const part = await taskIn(editor, projectId, { parentId: root.id });
  const deeper = await taskIn(editor, projectId, { parentId: part.id });
  const timed = await taskIn(editor, projectId);
  const above = await taskIn(editor, projectId);
  const below = await taskIn(editor, projectId, { parentId: above.id });
  await hourOn(bed, ada.organizationId, { id: timed.id, projectId }, editor.userId);
  await hourOn(bed, ada.organizationId, { id: below.id, projectId }, viewer.userId);
  const before = await fingerprint(bed, ada.organizationId);
  const { errors } = await asked(editor, 'deleteTask', { id: root.id }, 'deletedId');
  expect(errors.map(({ extensions }) => extensions)).toEqual([{ code: 'CONFLICT', field: 'id', partCount: 2 }]);
  expect(await refusal(editor, 'deleteTask', { id: timed.id })).toBe('CONFLICT id');
  expect(await refusal(editor, 'deleteTask', { id: above.id, withParts: true })).toBe('CONFLICT id');
  expect(await refusal(editor, 'deleteTasks', { ids: [deeper.id, root.id] })).toBe('CONFLICT ids.1');
  expect(await refusal(editor, 'deleteTasks', { ids: [deeper.id, timed.id] })).toBe('CONFLICT ids.1');
  expect(await refusal(editor, 'deleteTasks', { ids: [deeper.id, deeper.id] })).toBe('BAD_USER_INPUT ids.1');
  expect(await refusal(editor, 'deleteTasks', { ids: [] })).toBe('BAD_USER_INPUT ids');
  expect(await refusal(viewer, 'deleteTask', { id: root.id })).toBe('FORBIDDEN id');
  expect(await refusal(outsider, 'deleteTask', { id: root.id })).toBe('NOT_FOUND id');
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  expect(await act(editor, 'deleteTask', { id: root.id, withParts: true }, 'deletedId deletedPartCount')).toEqual({
    deletedId: root.id,
    deletedPartCount: 2,
  });
  const left: Data = await editor.want('query ($id: ID!) { project(id: $id) { tasks { edges { node { id } } } } }', {
    id: projectId,
  });
  expect(left.project.tasks.edges.map(({ node }: Data) => node.id).toReversed()).toEqual([
    timed.id,
    above.id,
    below.id,
  ]);
  const events = await direct(
    bed,
    ada.organizationId,
    sql`select data from events where action = 'task.deleted' and target_id = ${uuidOf(root.id)}`,
  );
  expect(events).toEqual([{ data: { number: 1, projectId: uuidOf(projectId), partCount: 2 } }]);
  // All that is named, part or whole, goes together.
  const [one, two] = [await taskIn(editor, projectId), await taskIn(editor, await project())];
  const three = await taskIn(editor, projectId, { parentId: one.id });
  expect(await act(editor, 'deleteTasks', { ids: [three.id, two.id, one.id] }, 'deletedIds deletedPartCount')).toEqual({
    deletedIds: [three.id, two.id, one.id],
    deletedPartCount: 0,
  });
});
