import type { Person } from '../testbed.ts';
import { secret } from './cast.ts';
import { inWorkspace, type Fixture, type Fixtures } from './fixture.ts';
import { byManagers, fresh } from './project-fields.ts';
import { planted } from './studio-fields.ts';

type Gets = Fixture['gets'];
type Target = NonNullable<Fixture['target']>;
// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** The project's owner, and administrators of the organization: who manages it besides does not give it away. */
const byGivers: Gets = { ...byManagers, workspaceAdmin: 'FORBIDDEN' };
/** Who made the prompt session, and administrators of the organization. */
const bySessionMakers: Gets = { ...byGivers };
/** Whoever sees the project, and the session that belongs to it; guests have no part in sessions. */
const bySessionReaders: Gets = { ...inWorkspace, guest: 'FORBIDDEN' };

const archive = (owner: Person, id: unknown) =>
  owner.want('mutation ($input: ArchiveProjectInput!) { archiveProject(input: $input) { project { id } } }', {
    input: { id },
  });

/** A project like that of the cast, which is archived. */
const archived: Target = async (owner, ids, bed) => {
  const made = await fresh(owner, ids, bed);
  await archive(owner, made.Project);
  return made;
};

/** A project like that of the cast, with the viewer among its people; `Place` is theirs. */
const withViewer: Target = async (owner, ids, bed) => {
  const made = await fresh(owner, ids, bed);
  const { addProjectCollaborators }: Data = await owner.want(
    'mutation ($input: AddProjectCollaboratorsInput!) { addProjectCollaborators(input: $input) { collaborators { id } } }',
    { input: { projectId: made.Project, userIds: [ids.Viewer] } },
  );
  return { ...made, Place: addProjectCollaborators.collaborators[0].id };
};

/** Something that is done to a new project by who manages it. */
const managed = (name: string, input: string, selection: string, rest: Partial<Fixture> = {}): Fixture => ({
  gets: byManagers,
  field: `${name}(input: { ${input} }) { ${selection} }`,
  target: fresh,
  ...rest,
});

/** Managing projects, their people and their labels. */
export const fixtures: Fixtures = {
  mutations: {
    updateProject: managed('updateProject', 'id: $Project, version: 1, description: "x"', 'project { name }'),
    archiveProject: managed('archiveProject', 'id: $Project', 'project { name }'),
    unarchiveProject: managed('unarchiveProject', 'id: $Project', 'project { name }', { target: archived }),
    deleteProject: managed('deleteProject', 'id: $Project, withTime: true', 'deletedId', {
      shows: /project_/,
      target: archived,
    }),
    transferProject: managed('transferProject', 'id: $Project, ownerId: $Editor', 'project { name }', {
      gets: byGivers,
    }),
    addProjectCollaborators: managed(
      'addProjectCollaborators',
      'projectId: $Project, userIds: [$Viewer]',
      'project { name }',
    ),
    changeProjectCollaborator: managed(
      'changeProjectCollaborator',
      'id: $Place, role: ADMIN',
      'collaborator { role }',
      {
        shows: /ADMIN/,
        target: withViewer,
      },
    ),
    removeProjectCollaborator: managed('removeProjectCollaborator', 'id: $Place', 'deletedId', {
      // The viewer is the one whom it is about: people leave by themselves.
      gets: { ...byManagers, viewer: 'data' },
      shows: /project_collaborator_/,
      target: withViewer,
    }),
    createProjectLabel: managed(
      'createProjectLabel',
      `projectId: $Project, name: "${secret}", color: "#ff0000"`,
      'label { name }',
    ),
    updateProjectLabel: managed('updateProjectLabel', 'id: $ProjectLabel, color: "#ff0000"', 'label { name }'),
    deleteProjectLabel: managed('deleteProjectLabel', 'id: $ProjectLabel', 'deletedId', { shows: /project_label_/ }),
    setPromptSessionProject: {
      gets: bySessionMakers,
      field: 'setPromptSessionProject(input: { sessionId: $Session, projectId: $Project }) { promptSession { title } }',
      target: planted(),
    },
  },
  connections: {
    'Project.labels': { gets: inWorkspace },
    'Project.promptSessions': { gets: bySessionReaders },
  },
};
