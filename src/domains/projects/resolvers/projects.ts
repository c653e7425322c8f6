import type { Resolvers } from '../../../generated/resolvers.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import {
  collaboratorById,
  collaboratorsByProject,
  projectById,
  projectList,
  enteredProjects,
  projectsUnit,
} from '../project-loaders.ts';
import { createProject } from '../projects.ts';

export const resolvers: Resolvers = {
  Query: {
    projects: (_root, args, context) => projectList(projectsUnit(context), args),
    project: (_root, { id }, context) => found('Project', id, projectById(projectsUnit(context))),
  },
  Mutation: {
    createProject: async (_root, { input }, context) => ({ project: await createProject(context, input) }),
  },
  Project: {
    owner: ({ ownerId }, _args, { unit }) => (ownerId === null ? null : memberUserById(unit).load(ownerId)),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    workspace: ({ workspaceId }, _args, { unit }) =>
      workspaceId === null ? null : workspaceById(unit).load(workspaceId),
    collaborators: ({ id }, args, context) => collaboratorsByProject(projectsUnit(context), args, id),
  },
  ProjectCollaborator: {
    user: ({ userId }, _args, { unit }) => memberUserById(unit).load(userId),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = {
  Project: enteredProjects(projectById),
  ProjectCollaborator: enteredProjects(collaboratorById),
};
