import { setTimeout as pause } from 'node:timers/promises';
import { generateNKeysBetween } from 'fractional-indexing';
import postgres from 'postgres';
import { createTesseraDatabase } from '../../scripts/tessera-database.ts';
import { dataDirectory, startTessera, testEncryptionKey, type TesseraProcess } from '../../scripts/tessera-process.ts';
import { globalId, newId, parseGlobalId } from '../../src/ids.ts';
import { GraphqlClient } from '../graphql-client.ts';
import { percentile } from '../statistics.ts';

/** What a run is made of. */
export interface ProjectsOptions {
  readonly superuserUrl: string;
  /** Name of the database to be made, which is removed at the end. */
  readonly database: string;
  readonly tasks: number;
  /** BLOCKS among them, from later ones to earlier ones. */
  readonly dependencies: number;
  /** How often each operation is asked for. */
  readonly rounds: number;
}

/** How one operation did. */
export interface Figure {
  readonly name: string;
  readonly p50: number;
  readonly p95: number;
  /** Of the application's own on the database, without those that begin, end and set the viewer. */
  readonly statements: number;
  readonly statementsOfSmall: number;
}

/** A project to ask for. */
interface Place {
  readonly projectId: string;
  /** Global ids. */
  readonly taskIds: readonly string[];
}

interface Operation {
  readonly name: string;
  readonly query: string;
  readonly variables: (place: Place, round: number) => object;
}

const task = 'identifier title status priority dueDate assignee { name }';
const byProject = ({ projectId }: Place) => ({ id: projectId });
const at = ({ taskIds }: Place, index: number): string | undefined => taskIds[index % taskIds.length];

const operations: readonly Operation[] = [
  {
    name: 'board, 50 tasks of each column, with counts',
    query: `query ($id: ID!) { project(id: $id) { board { status tasks(first: 50) { totalCount edges { node { ${task} } } } } } }`,
    variables: byProject,
  },
  {
    name: 'page of 100 by due date, filtered',
    query: `query ($id: ID!) { project(id: $id) { tasks(first: 100, orderBy: [{ field: DUE_DATE }], filter: {
      or: [{ status: { eq: TODO } }, { priority: { in: [HIGH, CRITICAL] } }], not: { assigneeId: { isNull: true } } }) { edges { node { ${task} } } } } }`,
    variables: byProject,
  },
  {
    name: 'critical path',
    query: `query ($id: ID!) { criticalPath(projectId: $id) { totalHours } }`,
    variables: byProject,
  },
  {
    name: 'move a task',
    query: 'mutation ($input: MoveTaskInput!) { moveTask(input: $input) { task { status position } } }',
    variables: (place, round) => ({
      input: { id: at(place, round * 7), status: 'IN_PROGRESS', afterId: null },
    }),
  },
  {
    name: 'open a task',
    query: 'mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { identifier } } }',
    variables: ({ projectId }, round) => ({ input: { projectId, title: `Task ${round}` } }),
  },
];

/** Measures operations on a large project, one after the other, and counts the statements of each there and in a small one. */
export const runProjects = async (options: ProjectsOptions): Promise<Figure[]> => {
  await using stack = new AsyncDisposableStack();
  const database = await createTesseraDatabase(options.superuserUrl, options.database);
  stack.defer(() => database.drop());
  const data = await dataDirectory();
  stack.defer(() => data.remove());
  const environment = {
    NODE_ENV: 'production',
    DATABASE_URL: database.url,
    ENCRYPTION_KEYS: testEncryptionKey,
    TESSERA_DATA_DIR: data.path,
    RATE_LIMIT: 'off',
    WORKERS: 'off',
    LOG_LEVEL: 'warn',
  };
  const server = await startTessera(environment);
  stack.defer(async () => void (await server.stop('SIGKILL')));
  const owner = postgres(database.ownerUrl, { max: 1, onnotice: () => undefined });
  stack.defer(() => owner.end());
  const client = await new GraphqlClient(server.url).signedUp('projects');
  const large = await filled(client, owner, options.tasks, options.dependencies);
  const small = await filled(client, owner, Math.ceil(options.tasks / 100), Math.ceil(options.dependencies / 100));
  await owner`analyze`;
  const times = new Map<string, number[]>(operations.map(({ name }) => [name, []]));
  for (let round = -Math.ceil(options.rounds / 10); round < options.rounds; round += 1)
    for (const { name, query, variables } of operations) {
      const began = performance.now();
      await client.ask(query, variables(large, Math.abs(round)));
      if (round >= 0) times.get(name)?.push(performance.now() - began);
    }
  const counting = await startTessera({ ...environment, SQL_LOG: 'on', LOG_LEVEL: 'info' });
  stack.defer(async () => void (await counting.stop('SIGKILL')));
  const asked = new GraphqlClient(counting.url, client.token);
  const figures: Figure[] = [];
  for (const operation of operations) {
    const measured = times.get(operation.name) ?? [];
    figures.push({
      name: operation.name,
      p50: percentile(measured, 0.5),
      p95: percentile(measured, 0.95),
      statements: await statementsOf(counting, asked, operation, large),
      statementsOfSmall: await statementsOf(counting, asked, operation, small),
    });
  }
  return figures;
};

/** Longer than a log line takes to arrive. */
const settleMs = 200;
/** The log of who was active when, which is written from time to time, beside answers. */
const besideAnswers = 'app_record_activities(';

const statementsOf = async (
  server: TesseraProcess,
  client: GraphqlClient,
  { query, variables }: Operation,
  place: Place,
): Promise<number> => {
  const logged = () =>
    server
      .output()
      .split('\n')
      .filter((line) => line.includes('"msg":"statement"') && !line.includes(besideAnswers)).length;
  // Who the viewer is is known from the first time on.
  await client.ask(query, variables(place, 1));
  await pause(settleMs);
  const before = logged();
  await client.ask(query, variables(place, 2));
  await pause(settleMs);
  return logged() - before;
};

const statuses = ['TODO', 'IN_PROGRESS', 'REVIEW', 'DONE', 'CANCELLED'];
const priorities = ['LOW', 'MEDIUM', 'HIGH', 'CRITICAL'];
const batch = 1000;

const day = (index: number): string =>
  new Date(Date.UTC(2027, 0, 1) + (index % 365) * 86_400_000).toISOString().slice(0, 10);

/** A project with tasks and dependencies, written past the API. The same numbers make the same project. */
const filled = async (
  client: GraphqlClient,
  owner: postgres.Sql,
  count: number,
  dependencies: number,
): Promise<Place> => {
  const made = await client.ask<{ createProject: { project: { id: string } } }>(
    'mutation ($input: CreateProjectInput!) { createProject(input: $input) { project { id } } }',
    { input: { name: 'Atlas' } },
  );
  const projectId = made.createProject.project.id;
  const project = parseGlobalId(projectId)?.uuid ?? '';
  const [place] = await owner`select organization_id, owner_id from projects where id = ${project}`;
  const of = { organization_id: String(place?.['organization_id']), project_id: project };
  const ids = Array.from({ length: count }, () => newId());
  const positions = generateNKeysBetween(null, null, count);
  const rows = ids.map((id, index) => {
    const status = statuses[index % 5] ?? 'TODO';
    return {
      ...of,
      id,
      number: index + 1,
      title: `Task ${index + 1}`,
      status,
      priority: priorities[(index * 3) % 4] ?? 'LOW',
      assignee_id: index % 3 === 0 ? null : String(place?.['owner_id']),
      position: positions[index] ?? '',
      estimated_hours: (index % 16) + 1,
      due_date: index % 4 === 0 ? null : day(index * 11),
      completed_at: status === 'DONE' ? '2026-12-01T00:00:00Z' : null,
      cancelled_at: status === 'CANCELLED' ? '2026-12-01T00:00:00Z' : null,
    };
  });
  for (let from = 0; from < rows.length; from += batch)
    await owner`insert into tasks ${owner(rows.slice(from, from + batch))}`;
  await owner`update projects set last_task_number = ${count} where id = ${project}`;
  const edges = Array.from({ length: dependencies }, (_, index) => {
    const later = 1 + ((index * 7919) % (count - 1));
    // The second of a task's dependencies lies elsewhere than the first.
    const earlier = (index * 31 + Math.floor(index / count)) % later;
    return {
      ...of,
      id: newId(),
      task_id: ids[later] ?? '',
      depends_on_project_id: project,
      depends_on_id: ids[earlier] ?? '',
      kind: 'BLOCKS',
    };
  });
  // Made of earlier tasks alone they close no cycle, and are written without looking for one.
  await owner.begin(async (sql) => {
    await sql`set local session_replication_role = replica`;
    for (let from = 0; from < edges.length; from += batch)
      await sql`insert into task_dependencies ${sql(edges.slice(from, from + batch))} on conflict do nothing`;
  });
  return { projectId, taskIds: ids.map((id) => globalId('Task', id)) };
};
