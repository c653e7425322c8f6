import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import * as fc from 'fast-check';
import { database } from '../src/database/client.ts';
import { scheduleOf, type Activity, type Edge } from '../src/domains/projects/critical-path.ts';
import { newId } from '../src/ids.ts';
import { fingerprint, whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { answering, projectOf, taskIn } from './project-talk.ts';
import { act } from './room-talk.ts';
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

/** Puts tasks to a project, and two edges to each but the first ones, straight into the tables. */
const fill = async (projectId: string, size: number): Promise<void> => {
  const [organizationId, project] = [uuidOf(ada.organizationId), uuidOf(projectId)];
  const ids = Array.from({ length: size }, newId);
  const ends = ids.flatMap((id, at) => [1, 2].flatMap((back) => (at < back ? [] : [[id, ids[at - back] ?? '']])));
  const listed = (uuids: readonly (string | undefined)[]) => sql`${`{${uuids.join()}}`}::uuid[]`;
  await whole(bed, ada.organizationId).transact(() =>
    database.execute(sql`insert into tasks (organization_id, id, project_id, number, title, position, estimated_hours)
      select ${organizationId}, id, ${project}, n, 'x', lpad(n::text, 8, '0'), 1 from unnest(${listed(ids)}) with ordinality as made (id, n)`),
  );
  // Some at a time, and said as what makes no cycle: the search for one takes as long as the row behind a task.
  for (let from = 0; from < ends.length; from += 2000) {
    const some = ends.slice(from, from + 2000);
    await whole(bed, ada.organizationId).transact(() =>
      database.execute(sql`insert into task_dependencies (organization_id, id, project_id, task_id, depends_on_project_id, depends_on_id, kind)
        select ${organizationId}, gen_random_uuid(), ${project}, later, ${project}, earlier, 'RELATES'
        from unnest(${listed(some.map(([later]) => later))}, ${listed(some.map(([, earlier]) => earlier))}) as said (later, earlier)`),
    );
  }
  await whole(bed, ada.organizationId).transact(() =>
    database.execute(sql`update task_dependencies set kind = 'BLOCKS' where project_id = ${project}`),
  );
};

// The first one: the server plans its statements and foreign keys once, for tables as large as they are then.
test('10,000 tasks with 20,000 edges take the same statements and a moment; one more is too many', async () => {
  const id = await projectOf(editor, { workspaceId });
  await fill(id, 10_000);
  const ask = () =>
    viewer.ask(
      'query ($id: ID!) { criticalPath(projectId: $id) { totalHours openTaskCount criticalTaskCount tasks(last: 1) { edges { node { task { number } } } } } }',
      { id },
    );
  await ask();
  const began = performance.now();
  const { data, errors, statements }: Data = await ask();
  const tookMs = performance.now() - began;
  expect(errors).toEqual([]);
  expect(data.criticalPath).toEqual({
    totalHours: '10000',
    openTaskCount: 10_000,
    criticalTaskCount: 10_000,
    tasks: { edges: [{ node: { task: { number: 10_000 } } }] },
  });
  // What the background does meanwhile is not of the answer.
  expect(statements.filter((text: string) => /from "(projects|tasks|task_dependencies)"/.test(text))).toHaveLength(4);
  // Two seconds on a machine with ten times the load that it has room for.
  expect(tookMs).toBeLessThan(10_000);
  await whole(bed, ada.organizationId).transact(() =>
    database.execute(sql`insert into tasks (organization_id, id, project_id, number, title, position)
      values (${uuidOf(ada.organizationId)}, gen_random_uuid(), ${uuidOf(id)}, 10001, 'x', 'z')`),
  );
  const { errors: refusals } = await ask();
  expect(refusals[0]).toMatchObject({
    message: 'This schedules projects of at most 10,000 open tasks.',
    extensions: { code: 'CONFLICT', field: 'projectId', limit: 10_000 },
  });
}, 120_000);

/** Durations, and edges from a smaller to a greater place of a shuffled order: any directed graph without cycles. */
const graphs = fc.integer({ min: 1, max: 9 }).chain((size) =>
  fc.record({
    durations: fc.array(fc.nat({ max: 6 }), { minLength: size, maxLength: size }),
    order: fc.shuffledSubarray(
      Array.from({ length: size }, (_, node) => node),
      { minLength: size },
    ),
    pairs: fc.array(fc.tuple(fc.nat({ max: size - 1 }), fc.nat({ max: size - 1 })), { maxLength: 20 }),
  }),
);

/** All rows of tasks that begin with one that waits for nobody and end with one that nobody waits for, by trying all. */
const allPaths = (size: number, edges: readonly Edge[]): number[][] => {
  const beginnings = Array.from({ length: size }, (_, node) => node).filter(
    (node) => !edges.some(([, after]) => after === node),
  );
  const onward = (path: readonly number[]): number[][] => {
    const next = edges.filter(([before]) => before === path.at(-1)).map(([, after]) => after);
    return next.length === 0 ? [[...path]] : next.flatMap((node) => onward([...path, node]));
  };
  return beginnings.flatMap((node) => onward([node]));
};

test('times and path are those of all ways through the graph', () => {
  fc.assert(
    fc.property(graphs, ({ durations, order, pairs }) => {
      const activities: Activity[] = durations.map((duration, node) => ({ id: `${node}`, number: node + 1, duration }));
      const edges = [
        ...new Map(
          pairs
            .filter(([a, b]) => a !== b)
            .map(([a, b]): Edge => {
              const [before = 0, after = 0] = [Math.min(a, b), Math.max(a, b)].map((place) => order[place] ?? 0);
              return [before, after];
            })
            .map((edge) => [edge.join(), edge]),
        ).values(),
      ];
      const lengthOf = (nodes: readonly number[]): number =>
        nodes.reduce((sum, node) => sum + (durations[node] ?? 0), 0);
      const paths = allPaths(durations.length, edges);
      const total = Math.max(...paths.map(lengthOf));
      const schedule = scheduleOf(activities, edges);
      expect(schedule.total).toBe(total);
      expect(lengthOf(schedule.path.map(({ index }) => index))).toBe(total);
      const shown = schedule.path.map(({ index }) => index);
      expect(paths.map((path) => path.join())).toContain(shown.join());
      expect(schedule.timings).toHaveLength(durations.length);
      const places = schedule.timings.map(({ index }) => index);
      for (const [before, after] of edges) expect(places.indexOf(before)).toBeLessThan(places.indexOf(after));
      for (const { index, earliestStart, earliestFinish, latestStart, latestFinish, slack } of schedule.timings) {
        const through = paths.filter((path) => path.includes(index));
        const before = Math.max(...through.map((path) => lengthOf(path.slice(0, path.indexOf(index)))));
        const behind = Math.max(...through.map((path) => lengthOf(path.slice(path.indexOf(index)))));
        const own = durations[index] ?? 0;
        expect({ earliestStart, earliestFinish, latestStart, latestFinish, slack }).toEqual({
          earliestStart: before,
          earliestFinish: before + own,
          latestStart: total - behind,
          latestFinish: total - behind + own,
          slack: total - Math.max(...through.map(lengthOf)),
        });
      }
    }),
    { numRuns: 500 },
  );
});

test('a circle is refused, and nothing takes no time', () => {
  const activities = [1, 2, 3].map((number) => ({ id: `${number}`, number, duration: 1 }));
  const circle: Edge[] = [
    [0, 1],
    [1, 2],
    [2, 1],
  ];
  expect(() => scheduleOf(activities, circle)).toThrow('The tasks wait for each other in a circle.');
  expect(scheduleOf([], [])).toEqual({ total: 0, timings: [], path: [] });
});

const query = `query ($id: ID!, $hours: Decimal) { criticalPath(projectId: $id, defaultHours: $hours) { totalHours openTaskCount criticalTaskCount
  unestimatedTaskCount externalBlockerCount project { id } path { totalCount edges { node { task { number } } } }
  tasks { edges { node { task { number } earliestStartHours earliestFinishHours latestStartHours latestFinishHours slackHours critical estimated externalBlockerCount } } } } }`;
const waits = (person: Person, taskId: string, dependsOnId: string) =>
  act(person, 'addTaskDependency', { taskId, dependsOnId, kind: 'BLOCKS' }, 'task { id }');
const numbers = (connection: Data): number[] => connection.edges.map(({ node }: Data) => node.task.number);

test('the path of a project, with the times of its tasks, in four statements', async () => {
  const [id, elsewhere] = [await projectOf(editor, { workspaceId }), await projectOf(editor, { workspaceId })];
  const of = async (input: object): Promise<string> => (await taskIn(editor, id, input)).id;
  const draft = await of({ estimatedHours: '2.5' });
  const build = await of({ estimatedHours: '4' });
  const paint = await of({});
  const ship = await of({ estimatedHours: '1.25' });
  const done = await of({ estimatedHours: '100', status: 'DONE' });
  const dropped = await of({ estimatedHours: '100', status: 'CANCELLED' });
  const other = (await taskIn(editor, elsewhere, { estimatedHours: '50' })).id;
  const closed = (await taskIn(editor, elsewhere, { status: 'DONE' })).id;
  for (const [task, before] of [
    [build, draft],
    [paint, draft],
    [ship, build],
    [ship, paint],
    [draft, done],
    [ship, dropped],
    [done, other],
    [build, other],
    [build, closed],
  ] as const)
    await waits(editor, task, before);
  // Neither makes anybody wait.
  for (const kind of ['RELATES', 'DUPLICATES'])
    await act(editor, 'addTaskDependency', { taskId: draft, dependsOnId: ship, kind }, 'task { id }');
  await viewer.want(query, { id });
  const { data, statements }: Data = await viewer.ask(query, { id });
  const row = (
    number: number,
    hours: readonly [string, string, string, string, string],
    estimated: boolean,
    externalBlockerCount: number,
  ) => {
    const [earliestStartHours, earliestFinishHours, latestStartHours, latestFinishHours, slackHours] = hours;
    const times = { earliestStartHours, earliestFinishHours, latestStartHours, latestFinishHours, slackHours };
    return { node: { task: { number }, critical: slackHours === '0', estimated, externalBlockerCount, ...times } };
  };
  expect(data.criticalPath).toEqual({
    totalHours: '11.75',
    openTaskCount: 4,
    criticalTaskCount: 3,
    unestimatedTaskCount: 1,
    externalBlockerCount: 1,
    project: { id },
    path: { totalCount: 3, edges: [1, 3, 4].map((number) => ({ node: { task: { number } } })) },
    tasks: {
      edges: [
        row(1, ['0', '2.5', '0', '2.5', '0'], true, 0),
        row(2, ['2.5', '6.5', '6.5', '10.5', '4'], true, 1),
        row(3, ['2.5', '10.5', '2.5', '10.5', '0'], false, 0),
        row(4, ['10.5', '11.75', '10.5', '11.75', '0'], true, 0),
      ],
    },
  });
  // The project, its open tasks, what they wait for, and the tasks that are shown.
  expect(answering(statements)).toHaveLength(4);
  const short: Data = await viewer.want(query, { id, hours: '1' });
  expect([short.criticalPath.totalHours, numbers(short.criticalPath.path)]).toEqual(['7.75', [1, 2, 4]]);
});

test('pages both ways hold every task once', async () => {
  const id = await projectOf(editor, { workspaceId });
  const made: string[] = [];
  // Some take no time, so that several stand at the same hour.
  for (const estimatedHours of ['1', '0', '0', '2', '0', '4', '0'])
    made.push((await taskIn(editor, id, { estimatedHours })).id);
  for (const [task, before] of [
    [3, 0],
    [2, 1],
    [1, 4],
    [5, 2],
    [6, 5],
  ])
    await waits(editor, made[task ?? 0] ?? '', made[before ?? 0] ?? '');
  const page = async (list: string, args: string): Promise<Data> =>
    (
      (await viewer.want(
        `query ($id: ID!) { criticalPath(projectId: $id) { ${list}(${args}) { totalCount edges { cursor node { task { number } } }
          pageInfo { hasNextPage hasPreviousPage startCursor endCursor } } } }`,
        { id },
      )) as Data
    ).criticalPath[list];
  const all = numbers(await page('tasks', 'first: 100'));
  expect(all).toEqual([1, 5, 2, 3, 6, 4, 7]);
  const forward: number[] = [];
  for (let after = '', more = true; more;) {
    const { pageInfo, ...rest } = await page('tasks', `first: 2${after}`);
    forward.push(...numbers(rest));
    [after, more] = [`, after: "${pageInfo.endCursor}"`, pageInfo.hasNextPage];
  }
  expect(forward).toEqual(all);
  const backward: number[] = [];
  for (let before = '', more = true; more;) {
    const { pageInfo, ...rest } = await page('tasks', `last: 3${before}`);
    backward.unshift(...numbers(rest));
    [before, more] = [`, before: "${pageInfo.startCursor}"`, pageInfo.hasPreviousPage];
  }
  expect(backward).toEqual(all);
  expect(numbers(await page('path', 'first: 100'))).toEqual([5, 2, 3, 6, 7]);
  expect(numbers(await page('tasks', 'critical: true'))).toEqual([5, 2, 3, 6, 7]);
  expect(await page('tasks', 'critical: false, first: 1')).toMatchObject({
    totalCount: 2,
    edges: [{ node: { task: { number: 1 } } }],
  });
});

test('what is refused', async () => {
  const [open, own] = [await projectOf(editor, { workspaceId }), await projectOf(outsider)];
  const before = await fingerprint(bed, ada.organizationId);
  const codes = (person: Person, id: string, list = '') =>
    person.codes(`query ($id: ID!) { criticalPath(projectId: $id) { totalHours ${list} } }`, { id });
  expect(await codes(viewer, open)).toEqual([]);
  expect(await codes(viewer, own)).toEqual(['NOT_FOUND']);
  expect(await codes(viewer, open, 'path(first: 0) { totalCount }')).toEqual(['BAD_USER_INPUT']);
  expect(await codes(viewer, open, 'path(first: 101) { totalCount }')).toEqual(['BAD_USER_INPUT']);
  expect(await codes(viewer, open, 'tasks(first: 1, last: 1) { totalCount }')).toEqual(['BAD_USER_INPUT']);
  expect(await codes(viewer, open, 'tasks(before: "x") { totalCount }')).toEqual(['BAD_USER_INPUT']);
  expect(await codes(viewer, open, 'tasks(after: "x") { totalCount }')).toEqual(['BAD_USER_INPUT']);
  for (const hours of ['-1', '0.001', '10000000'])
    expect(await viewer.codes(query, { id: open, hours })).toEqual(['BAD_USER_INPUT']);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
});

test('the computation alone is fast', () => {
  const activities = Array.from({ length: 10_000 }, (_, at) => ({ id: `${at}`, number: at, duration: at % 7 }));
  const edges = activities.flatMap((_, at): Edge[] =>
    at < 2
      ? []
      : [
          [at - 1, at],
          [at - 2, at],
        ],
  );
  const began = performance.now();
  expect(scheduleOf(activities, edges).path.length).toBeGreaterThan(9000);
  expect(performance.now() - began).toBeLessThan(2000);
});
