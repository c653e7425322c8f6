import type { SQL } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { projectLabels } from '../src/domains/projects/project-tables.ts';
import { taskDependencies } from '../src/domains/projects/task-tables.ts';
import { timeEntries } from '../src/domains/projects/time-tables.ts';
import { globalId, newId } from '../src/ids.ts';
import { whole } from './access/cast.ts';
import { uuidOf } from './talk.ts';
import type { Answer, Person, Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const mutation = (name: string, selection: string): string =>
  `mutation ($input: ${name.charAt(0).toUpperCase()}${name.slice(1)}Input!) { ${name}(input: $input) { ${selection} } }`;

/** Does one mutation of tasks and gives what it answers; `selection` is of the payload. */
export const act = async (
  person: Pick<Person, 'want'>,
  name: string,
  input: object,
  selection: string,
): Promise<Data> => {
  const data: Data = await person.want(mutation(name, selection), { input });
  return data[name];
};

/** All that came back of one mutation of tasks. */
export const asked = (person: Person, name: string, input: object, selection: string): Promise<Answer> =>
  person.ask(mutation(name, selection), { input });

/** The code and the field that one mutation of tasks is refused with, `CONFLICT version`; undefined for what is done. */
export const refusal = async (person: Person, name: string, input: object): Promise<string | undefined> => {
  const selection = name.startsWith('delete')
    ? 'deletedPartCount'
    : name === 'updateTasks'
      ? 'tasks { id }'
      : 'task { id }';
  const { errors } = await asked(person, name, input, selection);
  // The cast is safe: every error has a code, and some name a field, as text.
  const { code, field } = (errors[0]?.extensions ?? {}) as { code?: string; field?: string };
  return field === undefined ? code : `${code} ${field}`;
};

/** A label of a project, and its id. */
export const labelIn = async (bed: Testbed, organization: string, projectId: string, name: string): Promise<string> => {
  const id = newId();
  await whole(bed, organization).transact(({ organizationId }) =>
    database.insert(projectLabels).values({ organizationId, id, projectId: uuidOf(projectId), name, color: '#00ff00' }),
  );
  return globalId('ProjectLabel', id);
};

/** A task of a project, by ids. */
export interface TaskOf {
  readonly id: string;
  readonly projectId: string;
}

/** Lets a task wait for another. */
export const waits = (bed: Testbed, organization: string, task: TaskOf, blocker: TaskOf): Promise<unknown> =>
  whole(bed, organization).transact(({ organizationId }) =>
    database.insert(taskDependencies).values({
      organizationId,
      projectId: uuidOf(task.projectId),
      taskId: uuidOf(task.id),
      dependsOnProjectId: uuidOf(blocker.projectId),
      dependsOnId: uuidOf(blocker.id),
      kind: 'BLOCKS',
    }),
  );

/** Records an hour on a task. */
export const hourOn = (bed: Testbed, organization: string, task: TaskOf, userId: string): Promise<unknown> =>
  whole(bed, organization).transact(({ organizationId }) =>
    database.insert(timeEntries).values({
      organizationId,
      projectId: uuidOf(task.projectId),
      taskId: uuidOf(task.id),
      userId: uuidOf(userId),
      startedAt: '2026-01-01T10:00:00.000Z',
      endedAt: '2026-01-01T11:00:00.000Z',
    }),
  );

/** Runs a statement as the whole organization. */
export const direct = (bed: Testbed, organization: string, statement: SQL): Promise<Data[]> =>
  whole(bed, organization).transact(async () => [...(await database.execute(statement))]);

/** The titles in the columns of a board, from the top; columns without any are left out. */
export const boardOf = async (person: Person, projectId: string): Promise<Record<string, string[]>> => {
  const data: Data = await person.want(
    `query ($id: ID!) { project(id: $id) { board { status tasks(first: 100) { edges { node { title } } } } } }`,
    { id: projectId },
  );
  const columns: Data[] = data.project.board.filter((column: Data) => column.tasks.edges.length > 0);
  return Object.fromEntries(
    columns.map(({ status, tasks }) => [status, tasks.edges.map(({ node }: Data) => node.title)]),
  );
};

/** The newest entry in the history of a task. */
export const newestActivity = async (person: Person, id: string): Promise<Data> => {
  const data: Data = await person.want(
    'query ($id: ID!) { task(id: $id) { activities(last: 1) { totalCount edges { node { kind changes reason } } } } }',
    { id },
  );
  const { totalCount, edges } = data.task.activities;
  return { totalCount, ...edges[0].node };
};
