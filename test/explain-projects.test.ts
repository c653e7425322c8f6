import { afterAll, beforeAll, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { encodeCursor } from '../src/database/cursor.ts';
import type { Scope, UnitOfWork } from '../src/database/unit-of-work.ts';
import { projectList } from '../src/domains/projects/project-loaders.ts';
import { commentsByTask, mentionsByUser } from '../src/domains/projects/comment-loaders.ts';
import { dependenciesByTask, dependentsByTask } from '../src/domains/projects/dependency-loaders.ts';
import { savedViewList } from '../src/domains/projects/saved-view-loaders.ts';
import {
  boardColumnId,
  partsByTask,
  taskList,
  tasksByBoardColumn,
  tasksByProject,
} from '../src/domains/projects/task-loaders.ts';
import {
  figuresByProject,
  figuresByTask,
  hoursWithPartsByTask,
  timeEntriesByTask,
  timeEntryList,
} from '../src/domains/projects/time-loaders.ts';
import { effort, explained } from './plans.ts';
import { startTestbed, type Testbed } from './testbed.ts';

/** 200,000 rows and their plans say nothing on the embedded database, and take too long there. */
const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

const tenants = 4;
const taskCount = 200_000;
/** Of what belongs to tasks: each twentieth row of a tenant to its first task, the others to one of their own. */
const partCount = 100_000;
const idOf = (kind: number, number: number): string =>
  `0189${String(kind).padStart(4, '0')}-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
const inSql = (kind: number, number: string) =>
  `('0189${String(kind).padStart(4, '0')}-0000-7000-8000-' || lpad(to_hex((${number})::bigint), 12, '0'))::uuid`;
const [organization, user, workspace, membership, project, task, view, label] = [1, 2, 3, 4, 5, 6, 7, 8] as const;
const [entry, comment, mention, dependency, marked, watcher] = [9, 10, 11, 12, 13, 14] as const;
const time = (number: string) => `timestamptz '2026-01-01' + (${number}) * interval '1 second'`;

let bed: Testbed & { ownerUrl: string | undefined };

const fillParts = async (run: (text: string) => Promise<unknown>, by: (what: number) => string): Promise<void> => {
  const rows = (table: string, columns: string, kind: number, values: string, count = partCount) =>
    run(`insert into ${table} (organization_id, id, created_at, ${columns})
      select ${inSql(organization, `n % ${tenants}`)}, ${inSql(kind, 'n')}, ${time('n')}, ${values} from generate_series(0, ${count - 1}) n`);
  const placeOf = (number: string) =>
    inSql(project, `case when ${number} / ${tenants} % 10 < 7 then n % ${tenants} else ${number} % 80 end`);
  const own = placeOf('n');
  const first = inSql(project, `n % ${tenants}`);
  const isFirst = (rest: number) => `n / ${tenants} % 20 = ${rest}`;
  const ofTask = (rest = 1) =>
    `case when ${isFirst(rest)} then ${first} else ${own} end, case when ${isFirst(rest)} then ${inSql(task, `n % ${tenants}`)} else ${inSql(task, 'n')} end`;
  const somebody = inSql(user, `${by(13)} % 50 * ${tenants}`);
  const started = time('n * 10');
  await rows(
    'time_entries',
    'project_id, task_id, user_id, started_at, ended_at, hourly_rate',
    entry,
    `${ofTask()}, ${somebody}, ${started}, ${started} + interval '9 seconds', 60`,
  );
  await rows('task_comments', 'project_id, task_id, author_id, text', comment, `${ofTask()}, ${somebody}, 'c'`);
  await rows(
    'task_mentions',
    'project_id, task_id, comment_id, user_id, read_at',
    mention,
    `${ofTask()}, ${inSql(comment, 'n')}, ${somebody}, case when ${by(14)} % 2 = 0 then now() end`,
  );
  // Nothing has to do with itself.
  const later = `(n + 100 * ${tenants})`;
  await rows(
    'task_dependencies',
    'project_id, task_id, depends_on_project_id, depends_on_id, kind',
    dependency,
    `case when ${isFirst(1)} then ${first} else ${placeOf(later)} end, case when ${isFirst(1)} then ${inSql(task, `n % ${tenants}`)} else ${inSql(task, later)} end,
      case when ${isFirst(2)} then ${first} else ${placeOf(later)} end,
      case when ${isFirst(1)} then ${inSql(task, later)} when ${isFirst(2)} then ${inSql(task, `n % ${tenants}`)} else ${inSql(task, `${later} - 20 * ${tenants}`)} end, 'BLOCKS'`,
  );
  await rows('project_labels', 'project_id, name, color', label, `${first}, 'l' || n, '#00ff00'`, 200);
  const marks = `${own}, ${inSql(task, 'n')}`;
  await rows(
    'task_labels',
    'project_id, task_id, label_id',
    marked,
    `${marks}, ${inSql(label, `n % ${tenants} + ${by(16)} % 20 * ${tenants}`)}`,
  );
  await rows(
    'task_watchers',
    'project_id, task_id, user_id',
    watcher,
    `${marks}, ${inSql(user, `${by(17)} % 10 * ${tenants}`)}`,
  );
};

/** Row n belongs to tenant n mod 4. The first project of each has most of its tasks, the first task of each has one part of each twenty tasks. */
const fill = async (url: string): Promise<void> => {
  const owner = postgres(url, { max: 1, onnotice: () => undefined });
  const run = (text: string) => owner.unsafe(text);
  const tenant = inSql(organization, `n % ${tenants}`);
  // The rows are given as they are: what triggers and references would add is not what is measured.
  await run(`set session_replication_role = replica; set synchronous_commit = off`);
  await run(
    `insert into organizations (id, name, slug) select ${inSql(organization, 'n')}, 'o', 'o' || n from generate_series(0, ${tenants - 1}) n`,
  );
  await run(
    `insert into users (id, email, name) select ${inSql(user, 'n')}, n || '@example.com', 'u' from generate_series(0, 399) n`,
  );
  await run(`insert into memberships (organization_id, id, user_id, role, created_at)
    select ${tenant}, ${inSql(membership, 'n')}, ${inSql(user, 'n')}, 'MEMBER', ${time('n')} from generate_series(0, 399) n`);
  await run(`insert into workspaces (organization_id, id, name, slug, created_at)
    select ${tenant}, ${inSql(workspace, 'n')}, 'w', 'w-' || n, ${time('n')} from generate_series(0, 7) n`);
  await run(`insert into projects (organization_id, id, workspace_id, key, name, due_date, priority, owner_id, created_at, last_task_number)
    select ${tenant}, ${inSql(project, 'n')}, ${inSql(workspace, 'n % 8')}, 'P' || n, 'p' || md5(n::text), date '2026-01-01' + n % 365,
      (array['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'])[n / 8 % 4 + 1], ${inSql(user, '0')}, ${time('n')}, 1000000 from generate_series(0, 7999) n`);
  // Numbers that have nothing to do with each other.
  const by = (what: number) => `abs(hashint4(n * 20 + ${what}) / 2)`;
  const status = `(array['TODO', 'IN_PROGRESS', 'REVIEW', 'DONE', 'CANCELLED'])[${by(10)} % 5 + 1]`;
  await run(`insert into tasks (organization_id, id, project_id, number, parent_id, title, status, completed_at, cancelled_at, priority, assignee_id, position, due_date, created_at)
    select ${tenant}, ${inSql(task, 'n')}, ${inSql(project, `case when n / ${tenants} % 10 < 7 then n % ${tenants} else n % 80 end`)}, n + 1,
      case when n / ${tenants} % 20 = 1 then ${inSql(task, `n % ${tenants}`)} end, 't', ${status},
      case when ${status} = 'DONE' then now() end, case when ${status} = 'CANCELLED' then now() end,
      (array['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'])[${by(11)} % 4 + 1],
      case when ${by(12)} % 3 > 0 then ${inSql(user, `${by(13)} % 50 * ${tenants}`)} end, 'a' || lpad(to_hex(n), 8, '0'),
      case when ${by(14)} % 8 > 0 then date '2026-01-01' + ${by(15)} % 365 end, ${time('n')}
    from generate_series(0, ${taskCount - 1}) n`);
  await run(`insert into saved_views (organization_id, id, user_id, list, name, audience, created_at)
    select ${tenant}, ${inSql(view, 'n')}, ${inSql(user, `case when n / ${tenants} % 8 = 0 then 0 else n % 400 end`)}, 'TASKS', md5(n::text), case when n / ${tenants} % 8 = 1 then 'ORGANIZATION' else 'OWNER' end, ${time('n')}
    from generate_series(0, 19999) n`);
  await fillParts(run, by);
  await run('analyze');
  await owner.end();
};

beforeAll(async () => {
  if (process.env.TEST_POSTGRES_URL === undefined) return;
  bed = await startTestbed();
  await fill(bed.ownerUrl ?? '');
}, 180_000);
afterAll(() => bed?.stop());

const tenant = idOf(organization, 0);
const member: Scope = {
  organizationId: tenant,
  userId: idOf(user, 0),
  principals: [idOf(user, 0), idOf(workspace, 0)],
  workspaces: [idOf(workspace, 0)],
};
const administrator: Scope = { ...member, principals: [idOf(user, 0), tenant], workspaces: '*' };

const at = (number: number): string =>
  new Date(Date.UTC(2026, 0, 1) + number * 1000)
    .toISOString()
    .replace('T', ' ')
    .replace(/\.\d+Z/, '+00');
const middle = idOf(task, 100_000);
const cursors: Readonly<Record<string, string>> = {
  CREATED_AT: at(100_000),
  DUE_DATE: '2026-06-01',
  PRIORITY: '2',
  NUMBER: '100001',
  POSITION: 'a000186a0',
};

type Read = (unit: UnitOfWork, args: object) => Promise<unknown>;
const big = idOf(project, 0);
const column = boardColumnId(big, 'REVIEW');
const whole = idOf(task, 0);
const ofAll: Read = (unit, args) => taskList(unit, args);
const ofProject: Read = (unit, args) => tasksByProject(unit, args, big);
const ofColumn: Read = (unit, args) => tasksByBoardColumn(unit, args, column);
const partsOf: Read = (unit, args) => partsByTask(unit, args, whole);

/** What people keep as views: open ones that are urgent or late; theirs or nobody's; not done. */
const filters = {
  'all of them': undefined,
  'open and urgent or late': {
    not: { status: { in: ['DONE', 'CANCELLED'] } },
    or: [{ priority: { in: ['HIGH', 'CRITICAL'] } }, { dueDate: { lt: '2026-06-01' } }],
  },
  'mine or nobody’s': { or: [{ assigneeId: { eq: idOf(user, 0) } }, { assigneeId: { isNull: true } }] },
  'not done, since a time': {
    and: [{ not: { status: { eq: 'DONE' } } }, { createdAt: { gte: '2026-01-01T00:00:00.000Z' } }],
  },
};
/** The one that Postgres takes for much narrower than it is; see below what that does to a column. */
const scanty = 'mine or nobody’s';
/** Lists by their orders, each with the indexes that give it. */
const orders: readonly (readonly [string, Read, string, readonly string[]])[] = [
  ['all tasks', ofAll, 'CREATED_AT', ['tasks_created_at_index']],
  ['all tasks', ofAll, 'DUE_DATE', ['tasks_due_date_index']],
  ['all tasks', ofAll, 'PRIORITY', ['tasks_priority_index']],
  ['tasks of a project', ofProject, 'CREATED_AT', ['tasks_project_created_at_index']],
  ['tasks of a project', ofProject, 'DUE_DATE', ['tasks_project_due_date_index']],
  ['tasks of a project', ofProject, 'PRIORITY', ['tasks_project_priority_index']],
  ['tasks of a project', ofProject, 'NUMBER', ['tasks_number_key']],
  ['tasks of a project', ofProject, 'POSITION', ['tasks_position_key']],
  ['a column of the board', ofColumn, 'POSITION', ['tasks_board_index']],
  ['parts of a task', partsOf, 'POSITION', ['tasks_parts_index']],
];
const cases = orders.flatMap(([list, read, field, indexes]) =>
  Object.entries(filters)
    .filter(([which]) => read !== ofColumn || which !== scanty)
    .flatMap(([which, filter]) =>
      (['ASC', 'DESC'] as const).map((direction) => ({ list, field, direction, which, filter, read, indexes })),
    ),
);

/** What is wrong with the plan of a page: a sort of everything, another way than the indexes, or more rows read than a page needs. */
const faultsOf = async (scope: Scope, read: Read, args: object, indexes: readonly string[], most: number) => {
  const plans = await explained(bed, scope, (unit) => {
    unit.enter('projects');
    return read(unit, args);
  });
  expect(plans).toHaveLength(1);
  const nodes = plans[0] ?? [];
  const scans = nodes.filter((node) => node['Relation Name'] !== undefined);
  const rows = scans.map((node) => node['Actual Rows'] + (node['Rows Removed by Filter'] ?? 0));
  const used = scans.map((node) => node['Index Name'] ?? node['Node Type']);
  const fine =
    !nodes.some((node) => node['Node Type'] === 'Sort') &&
    used.length === 1 &&
    used.every((name) => indexes.includes(name)) &&
    Math.max(...rows) <= most;
  const told = nodes.map((node) => node['Node Type']).join(' < ');
  return fine ? [] : [`${JSON.stringify(args)} ${String(scope.workspaces)}: ${told}; ${used.join()} ${rows.join()}`];
};

onPostgres.each(cases)(
  '$list by $field $direction, $which, come from an ordered index, and few more rows are read',
  async ({ field, direction, filter, read, indexes }) => {
    const cursor = encodeCursor(`${field} ${direction}`, [cursors[field] ?? '', middle]);
    const asked = { orderBy: [{ field, direction }], ...(filter && { filter }) };
    const faults = [];
    for (const scope of [member, administrator])
      for (const page of [{ first: 20 }, { last: 20 }, { first: 20, after: cursor }, { last: 20, before: cursor }])
        // Of the tasks more than one in ten are in each of the views, and of the tenant's more than half in the member's projects.
        faults.push(...(await faultsOf(scope, read, { ...asked, ...page }, indexes, 1000)));
    expect(faults).toEqual([]);
  },
  30_000,
);

onPostgres('a column that Postgres takes for short is sorted, but nothing beside it is read', async () => {
  const cursor = encodeCursor('POSITION ASC', [cursors.POSITION ?? '', middle]);
  for (const scope of [member, administrator]) {
    const [nodes = []] = await explained(bed, scope, (unit) => {
      unit.enter('projects');
      return ofColumn(unit, { first: 20, after: cursor, filter: filters[scanty] });
    });
    expect(nodes.flatMap((node) => node['Index Name'] ?? [])).toEqual(['tasks_board_index']);
    // A fifth of the 37,000 tasks of the project.
    expect(Math.max(...nodes.map((node) => node['Actual Rows']))).toBeLessThan(7500);
  }
});

onPostgres('what somebody is to do is read by its due date', async () => {
  const filter = { assigneeId: { eq: idOf(user, 0) } };
  const open = { ...filter, not: { status: { in: ['DONE', 'CANCELLED'] } } };
  for (const scope of [member, administrator])
    for (const each of [filter, open]) {
      const args = { first: 20, filter: each, orderBy: [{ field: 'DUE_DATE', direction: 'ASC' }] };
      expect(await faultsOf(scope, ofAll, args, ['tasks_assignee_id_index'], 300)).toEqual([]);
    }
});

onPostgres('projects and saved views come from their ordered indexes', async () => {
  const views: Read = (unit, args) => savedViewList(unit, args);
  const projects: Read = (unit, args) => projectList(unit, args);
  for (const scope of [member, administrator])
    for (const [read, field, index] of [
      [projects, 'CREATED_AT', 'projects_created_at_index'],
      [projects, 'NAME', 'projects_name_index'],
      [projects, 'PRIORITY', 'projects_priority_index'],
      [projects, 'DUE_DATE', 'projects_due_date_index'],
      [views, 'CREATED_AT', 'saved_views_created_at_index'],
      [views, 'NAME', 'saved_views_name_index'],
    ] as const) {
      const args = { first: 20, orderBy: [{ field, direction: 'DESC' }] };
      expect({ index, faults: await faultsOf(scope, read, args, [index], 500) }).toEqual({ index, faults: [] });
    }
});

/** What the plans of a read look into and how many rows their largest step gives. */
const effortsOf = async (scope: Scope, read: (unit: UnitOfWork) => Promise<unknown>) => {
  const plans = await explained(bed, scope, (unit) => {
    unit.enter('projects');
    return read(unit);
  });
  expect(plans).toHaveLength(1);
  const nodes = plans[0] ?? [];
  return { ...effort(nodes), sorted: nodes.some((node) => node['Node Type'] === 'Sort') };
};

const somebody = idOf(user, 0);
const partLists: readonly (readonly [string, Read, string, readonly string[]])[] = [
  ['all time', (unit, args) => timeEntryList(unit, args), 'STARTED_AT', ['time_entries_started_at_index']],
  [
    'time on a task',
    (unit, args) => timeEntriesByTask(unit, args, whole),
    'STARTED_AT',
    ['time_entries_task_id_index'],
  ],
  [
    'time in a large project',
    (unit, args) => timeEntryList(unit, { ...args, filter: { projectId: { eq: big } } }),
    'STARTED_AT',
    // Most time is of this project.
    ['time_entries_project_id_index', 'time_entries_started_at_index'],
  ],
  [
    'time in a small project',
    (unit, args) => timeEntryList(unit, { ...args, filter: { projectId: { eq: idOf(project, 8) } } }),
    'STARTED_AT',
    ['time_entries_project_id_index'],
  ],
  [
    'time of a person',
    (unit, args) => timeEntryList(unit, { ...args, filter: { userId: { eq: somebody } } }),
    'STARTED_AT',
    ['time_entries_user_id_index'],
  ],
  ['comments', (unit, args) => commentsByTask(unit, args, whole), 'CREATED_AT', ['task_comments_created_at_index']],
  [
    'what a task waits for',
    (unit, args) => dependenciesByTask(unit, args, whole),
    'CREATED_AT',
    ['task_dependencies_task_id_index'],
  ],
  [
    'what waits for a task',
    (unit, args) => dependentsByTask(unit, args, whole),
    'CREATED_AT',
    ['task_dependencies_depends_on_id_index'],
  ],
  ['mentions', (unit, args) => mentionsByUser(unit, args, somebody), 'CREATED_AT', ['task_mentions_created_at_index']],
  [
    'unread mentions',
    (unit, args) => mentionsByUser(unit, { ...args, filter: { unread: { eq: true } } }, somebody),
    'CREATED_AT',
    ['task_mentions_created_at_index', 'task_mentions_unread_index'],
  ],
];

onPostgres.each(partLists)(
  '%s come from an ordered index, and few more rows are read',
  async (_, read, field, indexes) => {
    const faults = [];
    for (const scope of [member, administrator])
      for (const direction of ['ASC', 'DESC'])
        for (const page of [{ first: 20 }, { last: 20 }])
          faults.push(...(await faultsOf(scope, read, { orderBy: [{ field, direction }], ...page }, indexes, 200)));
    expect(faults).toEqual([]);
  },
);

onPostgres('labels and watchers are looked up by their tasks, in the order of the list', async () => {
  const filters: readonly (readonly [object, RegExp])[] = [
    [{ labelId: { eq: idOf(label, 0) } }, /^task_labels_label_id_(key|index)$/],
    [{ labelId: { in: [idOf(label, 0), idOf(label, 4)] } }, /^task_labels_label_id_(key|index)$/],
    [{ not: { labelId: { eq: idOf(label, 0) } } }, /^task_labels_label_id_(key|index)$/],
    [{ watching: { eq: true } }, /^task_watchers_(user_id_key|created_at_index)$/],
    [{ watching: { eq: false } }, /^task_watchers_(user_id_key|created_at_index)$/],
  ];
  for (const scope of [member, administrator])
    for (const [filter, lookedUp] of filters)
      for (const [read, field, index] of [
        [ofAll, 'DUE_DATE', 'tasks_due_date_index'],
        [ofProject, 'PRIORITY', 'tasks_project_priority_index'],
      ] as const) {
        const args = { first: 20, filter, orderBy: [{ field, direction: 'ASC' }] };
        const { indexes, scans, most, sorted } = await effortsOf(scope, (unit) => read(unit, args));
        expect({ filter, scans, sorted }).toEqual({ filter, scans: [], sorted: false });
        expect(indexes).toHaveLength(2);
        expect(indexes).toContain(index);
        expect(indexes.filter((name) => lookedUp.test(name))).toHaveLength(1);
        expect(most).toBeLessThanOrEqual(21);
      }
});

onPostgres('sums of time read what they sum, and nothing beside it', async () => {
  const small = [2, 3, 4, 5].map((number) => idOf(project, number * 4));
  const some = Array.from({ length: 20 }, (_, number) => idOf(task, number * 4 + 40));
  const together = (each: (id: string) => Promise<unknown>, ids: readonly string[]) => Promise.all(ids.map(each));
  const sums: readonly (readonly [string, (unit: UnitOfWork) => Promise<unknown>, number])[] = [
    // A fifth of the 25,000 entries of the tenant is not of its largest project.
    ['large project', (unit) => figuresByProject(unit).load(big), 20_000],
    ['small projects', (unit) => together((id) => figuresByProject(unit).load(id), small), 1500],
    ['task', (unit) => figuresByTask(unit).load(whole), 1251],
    ['tasks', (unit) => together((id) => figuresByTask(unit).load(id), some), 20],
    ['task and its parts', (unit) => hoursWithPartsByTask(unit).load(whole), 5000],
  ];
  const found = [];
  for (const scope of [member, administrator])
    for (const [name, read, bound] of sums) {
      const { scans, most, indexes } = await effortsOf(scope, read);
      if (scans.length > 0 || most > bound) found.push({ name, scans, most, indexes });
    }
  expect(found).toEqual([]);
});
