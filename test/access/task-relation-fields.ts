import { secret } from './cast.ts';
import { inWorkspace, type Fixture, type Fixtures } from './fixture.ts';
import { byManagers, byWorkers, fresh, ofOwn } from './project-fields.ts';

type Gets = Fixture['gets'];
type Target = NonNullable<Fixture['target']>;

/** Who said it, also by a key: those who see it besides do not change it, administrators neither. */
const byAuthor: Gets = {
  otherwise: 'FORBIDDEN',
  anonymous: 'UNAUTHENTICATED',
  stranger: 'NOT_FOUND',
  platformAdmin: 'NOT_FOUND',
  neighbour: 'NOT_FOUND',
  owner: 'data',
  key: 'data',
};
/** What tells of the owner's mentions to the owner, and of no mention to everybody else. */
const byMentioned: Gets = {
  otherwise: 'own',
  anonymous: 'UNAUTHENTICATED',
  keyWithoutScope: 'FORBIDDEN',
  owner: 'data',
  key: 'data',
};
/** Whoever sees the task also sees that it waits for one of the owner's own project, if they see that too. */
const bySeersOfBoth: Gets = {
  ...inWorkspace,
  guest: 'own',
  viewer: 'own',
  editor: 'own',
  workspaceAdmin: 'own',
  manager: 'own',
};
/** Whoever is in the private channel: its owner, also by a key, and a guest. */
const byRoomMembers: Gets = {
  otherwise: 'NOT_FOUND',
  anonymous: 'UNAUTHENTICATED',
  keyWithoutScope: 'FORBIDDEN',
  guest: 'data',
  owner: 'data',
  key: 'data',
};

/** A number that is not 0. */
const some = /:[1-9]/;

/** Something that is done to what belongs to the tasks of a new project. */
const related = (name: string, input: string, selection: string, rest: Partial<Fixture> = {}): Fixture => ({
  gets: byWorkers,
  field: `${name}(input: { ${input} }) { ${selection} }`,
  target: fresh,
  ...rest,
});

/** A project like that of the cast, whose part waits for nothing but has to do with its task. */
const withDependency: Target = async (owner, ids, bed) => {
  const made = await fresh(owner, ids, bed);
  await owner.want(
    'mutation ($input: AddTaskDependencyInput!) { addTaskDependency(input: $input) { dependency { id } } }',
    { input: { taskId: made.Part, dependsOnId: made.Task, kind: 'RELATES' } },
  );
  return made;
};

/** What is said of tasks, what they wait for, and what they lead to. */
export const fixtures: Fixtures = {
  queries: {
    criticalPath: { gets: inWorkspace, field: 'criticalPath(projectId: $Project) { project { name } }' },
    taskMentions: {
      gets: byMentioned,
      field: 'taskMentions(first: 100) { edges { node { comment { text } task { title } } } }',
    },
    unreadTaskMentionCount: { gets: byMentioned, field: 'unreadTaskMentionCount', shows: some },
  },
  mutations: {
    addTaskComment: related('addTaskComment', `taskId: $Task, text: "${secret}"`, 'comment { text }', {
      gets: inWorkspace,
    }),
    editTaskComment: related('editTaskComment', `id: $TaskComment, text: "${secret}"`, 'comment { text }', {
      gets: byAuthor,
    }),
    deleteTaskComment: related('deleteTaskComment', 'id: $TaskComment', 'comment { task { title } }', {
      gets: byManagers,
    }),
    // Each names one of the owner's; many more of them are not read.
    markTaskMentionsRead: related('markTaskMentionsRead', 'ids: [$TaskMention]', 'unreadCount', {
      gets: byMentioned,
      shows: some,
    }),
    addTaskDependency: related(
      'addTaskDependency',
      'taskId: $Part, dependsOnId: $Task, kind: RELATES',
      'task { title }',
    ),
    removeTaskDependency: related(
      'removeTaskDependency',
      'taskId: $Part, dependsOnId: $Task, kind: RELATES',
      'task { title }',
      { target: withDependency },
    ),
    attachFile: related('attachFile', 'taskId: $Part, fileId: $File', 'attachment { file { name } }'),
    detachFile: related('detachFile', 'taskId: $Task, fileId: $File', 'task { title }'),
    linkProject: related('linkProject', 'projectId: $Project, documentId: $Versioned', 'link { project { name } }'),
    linkTask: related('linkTask', 'taskId: $Task, documentId: $Versioned', 'link { task { title } }'),
    removeProjectLink: related('removeProjectLink', 'id: $ProjectLink', 'deletedId', { shows: /project_link_/ }),
  },
  connections: {
    'CriticalPath.path': {
      gets: inWorkspace,
      field: 'criticalPath(projectId: $Project) { path(first: 5) { edges { node { task { title } } } } }',
    },
    'CriticalPath.tasks': {
      gets: inWorkspace,
      field: 'criticalPath(projectId: $Project) { tasks(first: 5) { edges { node { task { title } } } } }',
    },
    'Task.comments': { gets: inWorkspace },
    'Task.attachments': { gets: inWorkspace },
    'Task.dependencies': { gets: bySeersOfBoth },
    'Task.dependents': {
      gets: ofOwn,
      field: 'task(id: $OwnTask) { dependents(first: 5) { edges { node { id } } } }',
    },
    'Task.links': { gets: inWorkspace },
    'Project.links': { gets: inWorkspace },
    'Document.projectLinks': { gets: inWorkspace },
    'Order.projectLinks': { gets: inWorkspace },
    'Conversation.projectLinks': { gets: inWorkspace },
    'Room.projectLinks': { gets: byRoomMembers },
  },
};
