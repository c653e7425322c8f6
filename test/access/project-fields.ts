import { secret, whole } from './cast.ts';
import { filledProjects } from './filled-projects.ts';
import { byAdmins, byEditors, inWorkspace, type Fixture, type Fixtures } from './fixture.ts';

type Gets = Fixture['gets'];

/** Lists of what one sees: elsewhere there is nothing. */
export const listed: Gets = { ...inWorkspace, stranger: 'own', platformAdmin: 'own', neighbour: 'own' };
/** Who works in the project: editors of its workspace, and who is one of its people. */
export const byWorkers: Gets = byEditors;
/** Who manages it: administrators of the workspace and of the organization, and its own. */
export const byManagers: Gets = { ...byEditors, editor: 'FORBIDDEN', manager: 'FORBIDDEN' };
/** Who sees the owner's own project: the owner, and administrators. */
export const ofOwn: Gets = { ...byAdmins, otherwise: 'NOT_FOUND', keyWithoutScope: 'FORBIDDEN' };

/** A project like that of the cast. */
export const fresh: NonNullable<Fixture['target']> = (_owner, ids, bed) =>
  filledProjects(
    whole(bed, String(ids.Organization)),
    { organizationId: String(ids.Organization), userId: String(ids.User) },
    { workspaceId: String(ids.Workspace), Document: String(ids.Document), File: String(ids.File) },
    secret,
  );

/** Projects and tasks. */
export const fixtures: Fixtures = {
  queries: {
    projects: { gets: listed, field: 'projects(first: 100) { edges { node { name } } }' },
    project: { gets: inWorkspace, field: 'project(id: $Project) { name }' },
    tasks: { gets: listed, field: 'tasks(first: 100) { edges { node { title } } }' },
    task: { gets: ofOwn, field: 'task(id: $OwnTask) { title }' },
  },
  mutations: {
    createProject: {
      gets: { ...byEditors, guest: 'FORBIDDEN' },
      field: 'createProject(input: { workspaceId: $Workspace, name: "x" }) { project { id } }',
      shows: /project_/,
      target: fresh,
    },
    createTask: {
      gets: byWorkers,
      field: 'createTask(input: { projectId: $Project, title: "x" }) { task { project { name } } }',
      target: fresh,
    },
  },
  subscriptions: {
    boardEvents: {
      gets: inWorkspace,
      field: 'boardEvents(projectId: $Project) { ... on TaskCreated { task { title project { name } } } }',
      meanwhile: async (owner, { Project: projectId }) => {
        await owner.want('mutation ($input: CreateTaskInput!) { createTask(input: $input) { task { id } } }', {
          input: { projectId, title: 'Something new' },
        });
      },
    },
  },
  connections: {
    'Project.collaborators': { gets: inWorkspace },
    'Project.tasks': { gets: inWorkspace },
    'BoardColumn.tasks': {
      gets: inWorkspace,
      field: 'project(id: $Project) { board { tasks(first: 5) { edges { node { title } } } } }',
    },
    'Task.parts': { gets: inWorkspace },
    'Task.activities': { gets: inWorkspace },
  },
};
