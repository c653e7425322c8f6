import type { Person } from '../testbed.ts';
import { secret } from './cast.ts';
import { inWorkspace, type Fixture, type Fixtures } from './fixture.ts';
import { byWorkers, fresh } from './project-fields.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** Something that is done to the tasks of a new project. */
const worked = (name: string, input: string, selection: string, rest: Partial<Fixture> = {}): Fixture => ({
  gets: byWorkers,
  field: `${name}(input: { ${input} }) { ${selection} }`,
  target: fresh,
  ...rest,
});

/** What the task of the cast is called. */
const identifier = async (owner: Person, { Task: id }: Readonly<Record<string, string>>) => {
  const { task }: Data = await owner.want('query ($id: ID!) { task(id: $id) { identifier } }', { id });
  return { Identifier: task.identifier as string };
};

/** Work on tasks, their labels, who watches them, and lists of them as files. */
export const fixtures: Fixtures = {
  queries: {
    taskByIdentifier: {
      gets: inWorkspace,
      field: 'taskByIdentifier(identifier: $Identifier) { title }',
      target: identifier,
    },
  },
  mutations: {
    updateTask: worked('updateTask', 'id: $Task, description: "x"', 'task { title }'),
    moveTask: worked('moveTask', 'id: $Part, status: IN_PROGRESS', 'task { title }'),
    deleteTask: worked('deleteTask', 'id: $Part', 'deletedId', { shows: /task_/ }),
    updateTasks: worked('updateTasks', 'ids: [$Task, $Part], patch: { priority: HIGH }', 'tasks { title }'),
    deleteTasks: worked('deleteTasks', 'ids: [$Part]', 'deletedIds', { shows: /task_/ }),
    setTaskLabels: worked('setTaskLabels', 'id: $Task, labelIds: []', 'task { title }'),
    addTaskLabel: worked('addTaskLabel', 'id: $Part, labelId: $ProjectLabel', 'task { labels { name } }'),
    removeTaskLabel: worked('removeTaskLabel', 'id: $Task, labelId: $ProjectLabel', 'task { title }'),
    watchTask: worked('watchTask', 'id: $Task', 'task { title }', { gets: inWorkspace }),
    unwatchTask: worked('unwatchTask', 'id: $Task', 'task { title }', { gets: inWorkspace }),
    exportTasks: worked('exportTasks', 'projectId: $Project', 'job { id }', { gets: inWorkspace, shows: /job_/ }),
    importTasks: worked(
      'importTasks',
      `projectId: $Project, fileId: $File, mapping: [{ column: "${secret}", field: TITLE }], dryRun: true`,
      'job { id }',
      { shows: /job_/ },
    ),
  },
  connections: {
    'Conversation.tasks': { gets: inWorkspace },
    'Task.watchers': {
      gets: inWorkspace,
      shows: new RegExp(secret),
      field: 'task(id: $Task) { watchers { edges { node { user { name } } } } }',
    },
  },
};
