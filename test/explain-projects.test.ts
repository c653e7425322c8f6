import { afterAll, beforeAll, expect, test } from '@jest/globals';
import postgres from 'postgres';
import { encodeCursor } from '../src/database/cursor.ts';
import type { Scope, UnitOfWork } from '../src/database/unit-of-work.ts';
import { projectList } from '../src/domains/projects/project-loaders.ts';
import { savedViewList } from '../src/domains/projects/saved-view-loaders.ts';
import {
  boardColumnId,
  partsByTask,
  taskList,
  tasksByBoardColumn,
  tasksByProject,
} from '../src/domains/projects/task-loaders.ts';
import { explained } from './plans.ts';
import { startTestbed, type Testbed } from './testbed.ts';

/** 200,000 rows and their plans say nothing on the embedded database, and take too long there. */
const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

const tenants = 4;
const taskCount = 200_000;
const idOf = (kind: number, number: number): string =>
  `0189${String(kind).padStart(4, '0')}-0000-7000-8000-${number.toString(16).padStart(12, '0')}`;
const inSql = (kind: number, number: string) =>
  `('0189${String(kind).padStart(4, '0')}-0000-7000-8000-' || lpad(to_hex((${number})::bigint), 12, '0'))::uuid`;
const [organization, user, workspace, membership, project, task, view] = [1, 2, 3, 4, 5, 6, 7] as const;
const time = (number: string) => `timestamptz '2026-01-01' + (${number}) * interval '1 second'`;

let bed: Testbed & { ownerUrl: string | undefined };

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
