import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { taskDependencies } from '../src/domains/projects/task-tables.ts';
import { newId } from '../src/ids.ts';
import { fingerprint, whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { answering, projectOf, taskIn } from './project-talk.ts';
import { act, refused } from './room-talk.ts';
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
afterAll(() => bed.stop());

const add = (person: Person, taskId: string, dependsOnId: string, kind = 'BLOCKS') =>
  act(person, 'addTaskDependency', { taskId, dependsOnId, kind }, 'dependency { id kind } task { id }');
const refusal = (person: Person, taskId: string, dependsOnId: string, kind = 'BLOCKS', name = 'addTaskDependency') =>
  refused(person, name, { taskId, dependsOnId, kind }, '__typename');
const idsIn = async (person: Person, projectId: string, number: number): Promise<string[]> => {
  const ids: string[] = [];
  for (let at = 0; at < number; at += 1) ids.push((await taskIn(person, projectId)).id);
  return ids;
};
const shown = async (person: Person, id: string, selection: string): Promise<Data> =>
  ((await person.want(`query ($id: ID!) { task(id: $id) { ${selection} } }`, { id })) as Data).task;

test('a task waits for another, also of another project, and both tell of it until it is taken back', async () => {
  const [here, there] = [await projectOf(editor, { workspaceId }), await projectOf(editor, { workspaceId })];
  const [first = ''] = await idsIn(editor, here, 1);
  const [second = ''] = await idsIn(editor, there, 1);
  const { dependency, task } = await add(editor, first, second);
  expect([dependency.kind, task.id]).toEqual(['BLOCKS', first]);
  expect((await add(editor, first, second)).dependency.id).toBe(dependency.id);
  const lists = `openBlockerCount isBlocked
    dependencies { totalCount edges { node { id kind task { id } dependsOn { id } createdBy { id } } } }
    dependents { totalCount edges { node { id dependsOn { id } } } }
    activities { edges { node { kind changes otherTask { id } } } }`;
  const told = { kind: 'DEPENDENCY_ADDED', changes: { dependency: { from: null, to: 'BLOCKS' } } };
  const created = { kind: 'CREATED', changes: {}, otherTask: null };
  expect(await shown(viewer, first, lists)).toEqual({
    openBlockerCount: 1,
    isBlocked: true,
    dependencies: {
      totalCount: 1,
      edges: [
        {
          node: {
            id: dependency.id,
            kind: 'BLOCKS',
            task: { id: first },
            dependsOn: { id: second },
            createdBy: { id: editor.userId },
          },
        },
      ],
    },
    dependents: { totalCount: 0, edges: [] },
    activities: { edges: [{ node: created }, { node: { ...told, otherTask: { id: second } } }] },
  });
  expect(await shown(viewer, second, lists)).toEqual({
    openBlockerCount: 0,
    isBlocked: false,
    dependencies: { totalCount: 0, edges: [] },
    dependents: { totalCount: 1, edges: [{ node: { id: dependency.id, dependsOn: { id: second } } }] },
    activities: { edges: [{ node: created }, { node: { ...told, otherTask: { id: first } } }] },
  });
  expect(
    ((await viewer.want('query ($id: ID!) { node(id: $id) { id } }', { id: dependency.id })) as Data).node,
  ).toEqual({ id: dependency.id });
  const removed = await act(
    editor,
    'removeTaskDependency',
    { taskId: first, dependsOnId: second, kind: 'BLOCKS' },
    'deletedId task { isBlocked }',
  );
  expect(removed).toEqual({ deletedId: dependency.id, task: { isBlocked: false } });
  expect(await shown(viewer, second, 'dependents { totalCount } activities { totalCount }')).toEqual({
    dependents: { totalCount: 0 },
    activities: { totalCount: 3 },
  });
  const unit = whole(bed, ada.organizationId);
  const events = await unit.run(() =>
    database.execute<{ action: string; data: object }>(
      sql`select action, data from events where action like 'task.dependency%' order by created_at, id`,
    ),
  );
  await unit.rest();
  const data = { kind: 'BLOCKS', dependsOnId: uuidOf(second) };
  expect(Array.from(events, ({ action, data: said }) => [action, said])).toEqual([
    ['task.dependency_added', data],
    ['task.dependency_removed', data],
  ]);
});

test('what is refused changes nothing', async () => {
  const [open, own] = [await projectOf(editor, { workspaceId }), await projectOf(outsider)];
  const [a = '', b = '', c = '', d = ''] = await idsIn(editor, open, 4);
  const [hidden = ''] = await idsIn(outsider, own, 1);
  await add(editor, a, b);
  await add(editor, b, c);
  await add(editor, a, c, 'DUPLICATES');
  await add(editor, a, d, 'RELATES');
  const before = await fingerprint(bed, ada.organizationId);
  const tries: readonly (readonly [Person, string, string, string, string])[] = [
    [editor, a, a, 'BLOCKS', 'BAD_USER_INPUT dependsOnId'],
    [editor, a, a, 'RELATES', 'BAD_USER_INPUT dependsOnId'],
    [editor, b, a, 'BLOCKS', 'CONFLICT dependsOnId'],
    [editor, c, a, 'BLOCKS', 'CONFLICT dependsOnId'],
    [editor, c, a, 'DUPLICATES', 'CONFLICT dependsOnId'],
    [viewer, d, a, 'BLOCKS', 'FORBIDDEN'],
    [editor, a, hidden, 'BLOCKS', 'NOT_FOUND dependsOnId'],
    [editor, hidden, a, 'BLOCKS', 'NOT_FOUND'],
    [outsider, hidden, a, 'BLOCKS', 'NOT_FOUND dependsOnId'],
  ];
  for (const [person, taskId, dependsOnId, kind, code] of tries)
    expect(await refusal(person, taskId, dependsOnId, kind)).toBe(code);
  const remove = (person: Person, taskId: string, dependsOnId: string, kind: string) =>
    refusal(person, taskId, dependsOnId, kind, 'removeTaskDependency');
  expect(await remove(editor, b, a, 'BLOCKS')).toBe('NOT_FOUND dependsOnId');
  expect(await remove(editor, a, b, 'DUPLICATES')).toBe('NOT_FOUND dependsOnId');
  expect(await remove(viewer, a, b, 'BLOCKS')).toBe('FORBIDDEN');
  expect(await remove(outsider, a, b, 'BLOCKS')).toBe('NOT_FOUND');
  // The same again, also a RELATES from the other side.
  await add(editor, a, b);
  await add(editor, d, a, 'RELATES');
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  // A cycle of another kind is none, and RELATES makes none.
  await add(editor, c, a, 'RELATES');
  await act(editor, 'removeTaskDependency', { taskId: d, dependsOnId: a, kind: 'RELATES' }, 'deletedId');
  expect(await shown(editor, a, 'dependencies(filter: { kind: { eq: RELATES } }) { totalCount }')).toEqual({
    dependencies: { totalCount: 0 },
  });
});

test('a task of a project that one does not see is left out, and still refuses a cycle', async () => {
  const [open, secret] = [await projectOf(editor, { workspaceId }), await projectOf(editor)];
  const [a = '', b = ''] = await idsIn(editor, open, 2);
  const [hidden = ''] = await idsIn(editor, secret, 1);
  await add(editor, a, hidden);
  await add(editor, hidden, b);
  const lists =
    'openBlockerCount dependencies { totalCount } activities { edges { node { changes otherTask { id } } } }';
  expect(await shown(viewer, a, lists)).toEqual({
    openBlockerCount: 0,
    dependencies: { totalCount: 0 },
    activities: {
      edges: [
        { node: { changes: {}, otherTask: null } },
        { node: { changes: { dependency: { from: null, to: 'BLOCKS' } }, otherTask: null } },
      ],
    },
  });
  const other = await colleagueOf(bed, ada.organizationId, 'Other', 'MEMBER', { [workspaceId]: 'EDITOR' });
  expect(await refusal(other, b, a)).toBe('CONFLICT dependsOnId');
});

test('a task takes 200, and done ones block nothing', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  const [a = '', b = ''] = await idsIn(editor, projectId, 2);
  const done = (await taskIn(editor, projectId, { status: 'DONE' })).id;
  await add(editor, a, done);
  expect(await shown(editor, a, 'openBlockerCount isBlocked')).toEqual({ openBlockerCount: 0, isBlocked: false });
  const organizationId = uuidOf(ada.organizationId);
  const unit = whole(bed, ada.organizationId);
  await unit.transact(() =>
    database.execute(sql`with made as (
        insert into tasks (organization_id, id, project_id, number, title, position)
        select ${organizationId}, gen_random_uuid(), ${uuidOf(projectId)}, 1000 + n, 'x', 'zz' || n from generate_series(1, 199) n
        returning id)
      insert into task_dependencies (organization_id, id, project_id, task_id, depends_on_project_id, depends_on_id, kind)
      select ${organizationId}, gen_random_uuid(), ${uuidOf(projectId)}, ${uuidOf(a)}, ${uuidOf(projectId)}, id, 'RELATES' from made`),
  );
  expect(await refusal(editor, a, b)).toBe('CONFLICT taskId');
  expect(await refusal(editor, b, a)).toBeUndefined();
});

test('many tasks with what they have to do with each other cost one statement a level', async () => {
  const projectId = await projectOf(editor, { workspaceId });
  const ids = await idsIn(editor, projectId, 4);
  for (const [at, id] of ids.slice(1).entries()) await add(editor, id, ids[at] ?? '');
  const asked = async (selection: string): Promise<{ tasks: Data[]; statements: number }> => {
    const { data, statements } = await editor.ask(
      `query ($id: ID!) { project(id: $id) { tasks(orderBy: [{ field: NUMBER }]) { edges { node { ${selection} } } } } }`,
      { id: projectId },
    );
    const tasks = (data as Data).project.tasks.edges.map(({ node }: Data) => node);
    return { tasks, statements: answering(statements).length };
  };
  const waiting = await asked(
    'openBlockerCount isBlocked dependencies { edges { node { kind dependsOn { number } } } }',
  );
  expect(
    waiting.tasks.map(({ openBlockerCount, isBlocked, dependencies }) => [
      openBlockerCount,
      isBlocked,
      dependencies.edges.map(({ node }: Data) => node.dependsOn.number),
    ]),
  ).toEqual([
    [0, false, []],
    [1, true, [1]],
    [1, true, [2]],
    [1, true, [3]],
  ]);
  // The project, its tasks, their blockers, the dependencies, and the tasks at their other ends.
  expect(waiting.statements).toBe(5);
  const awaited = await asked('dependents { edges { node { task { number } } } }');
  expect(awaited.tasks.map(({ dependents }) => dependents.edges.map(({ node }: Data) => node.task.number))).toEqual([
    [2],
    [3],
    [4],
    [],
  ]);
  expect(awaited.statements).toBe(4);
});

/** Whether edges from a task to the one it waits for form no cycle: takes tasks away that wait for nobody, until none is left or none can be. */
const isAcyclic = (edges: readonly (readonly [string, string])[]): boolean => {
  let left = edges;
  for (;;) {
    const waiting = new Set(left.map(([from]) => from));
    const further = left.filter(([, to]) => waiting.has(to));
    if (further.length === 0) return true;
    if (further.length === left.length) return false;
    left = further;
  }
};

const edgesOf = async (kind: 'BLOCKS' | 'DUPLICATES'): Promise<[string, string][]> => {
  const unit = whole(bed, ada.organizationId);
  const rows = await unit.run(() =>
    database
      .select({ from: taskDependencies.taskId, to: taskDependencies.dependsOnId })
      .from(taskDependencies)
      .where(eq(taskDependencies.kind, kind)),
  );
  const cyclic = await unit.run(() =>
    database.execute<{ id: string }>(sql`with recursive reached (start, id) as (
        select task_id, depends_on_id from task_dependencies where kind = ${kind}
        union select start, depends_on_id from reached join task_dependencies on task_id = reached.id where kind = ${kind})
      select id from reached where start = id`),
  );
  await unit.rest();
  expect(Array.from(cyclic)).toEqual([]);
  return rows.map(({ from, to }) => [from, to]);
};

test('the reference knows a cycle', () => {
  const [a, b, c] = [newId(), newId(), newId()];
  expect(
    isAcyclic([
      [a, b],
      [b, c],
      [a, c],
    ]),
  ).toBe(true);
  expect(
    isAcyclic([
      [a, b],
      [b, c],
      [c, a],
    ]),
  ).toBe(false);
});

test('fifty that close a cycle together at once leave none, across projects, and none hangs', async () => {
  const projects = [];
  for (let at = 0; at < 5; at += 1) projects.push(await projectOf(editor, { workspaceId }));
  const ring: string[] = [];
  for (let at = 0; at < 50; at += 1) ring.push((await taskIn(editor, projects[at % 5] ?? '')).id);
  const answers = await Promise.all(ring.map((id, at) => refusal(editor, id, ring[(at + 1) % 50] ?? '')));
  expect(answers.filter((answer) => answer !== undefined)).toEqual(['CONFLICT dependsOnId']);
  const chain = await edgesOf('BLOCKS');
  expect(isAcyclic(chain)).toBe(true);
  const inRing = new Set(ring.map(uuidOf));
  expect(chain.filter(([from]) => inRing.has(from))).toHaveLength(49);
  // Pairs both ways at once, each of another project: one of the two stands.
  const pairs = Array.from({ length: 25 }, (_, at) => [ring[at * 2] ?? '', ring[at * 2 + 1] ?? ''] as const);
  const both = await Promise.all(
    pairs.flatMap(([a, b]) => [refusal(editor, a, b, 'DUPLICATES'), refusal(editor, b, a, 'DUPLICATES')]),
  );
  expect(both.filter((answer) => answer === undefined)).toHaveLength(25);
  expect(both.filter((answer) => answer === 'CONFLICT dependsOnId')).toHaveLength(25);
  expect(isAcyclic(await edgesOf('DUPLICATES'))).toBe(true);
  // What holds both ways stands once, whoever says it first.
  await Promise.all(pairs.flatMap(([a, b]) => [refusal(editor, a, b, 'RELATES'), refusal(editor, b, a, 'RELATES')]));
  const unit = whole(bed, ada.organizationId);
  const related = await unit.run(() =>
    database
      .select({ from: taskDependencies.taskId })
      .from(taskDependencies)
      .where(eq(taskDependencies.kind, 'RELATES')),
  );
  await unit.rest();
  expect(related.filter(({ from }) => inRing.has(from))).toHaveLength(25);
}, 60_000);
