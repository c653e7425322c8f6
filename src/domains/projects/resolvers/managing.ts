import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf } from '../../context.ts';
import { archiveProject, deleteProject, transferProject, unarchiveProject, updateProject } from '../project-changes.ts';
import {
  createProjectLabel,
  deleteProjectLabel,
  labelsByProject,
  projectLabelById,
  updateProjectLabel,
} from '../project-labels.ts';
import { enteredProjects, projectById, projectsUnit } from '../project-loaders.ts';
import { addProjectCollaborators, changeProjectCollaborator, removeProjectCollaborator } from '../project-people.ts';
import { forManagers, standingOf } from '../project-standing.ts';
import { promptSessionsByProject, setPromptSessionProject } from '../session-projects.ts';

export const resolvers: Resolvers = {
  Mutation: {
    updateProject: async (_root, { input }, context) => ({ project: await updateProject(context, input) }),
    archiveProject: async (_root, { input }, context) => ({ project: await archiveProject(context, input.id) }),
    unarchiveProject: async (_root, { input }, context) => ({ project: await unarchiveProject(context, input.id) }),
    deleteProject: async (_root, { input }, context) => ({
      deletedId: globalId('Project', await deleteProject(context, input)),
    }),
    transferProject: async (_root, { input }, context) => ({ project: await transferProject(context, input) }),
    addProjectCollaborators: (_root, { input }, context) => addProjectCollaborators(context, input),
    changeProjectCollaborator: async (_root, { input }, context) => ({
      collaborator: await changeProjectCollaborator(context, input),
    }),
    removeProjectCollaborator: async (_root, { input }, context) => ({
      deletedId: globalId('ProjectCollaborator', await removeProjectCollaborator(context, input.id)),
    }),
    createProjectLabel: async (_root, { input }, context) => ({ label: await createProjectLabel(context, input) }),
    updateProjectLabel: async (_root, { input }, context) => ({ label: await updateProjectLabel(context, input) }),
    deleteProjectLabel: async (_root, { input }, context) => ({
      deletedId: globalId('ProjectLabel', await deleteProjectLabel(context, input.id)),
    }),
    setPromptSessionProject: async (_root, { input }, context) => ({
      promptSession: await setPromptSessionProject(context, input),
    }),
  },
  Project: {
    viewerStanding: (project, _args, context) => standingOf(context, project),
    budget: ({ id, budget }, _args, context) => (budget === null ? null : forManagers(context, id, () => budget)),
    hourlyRate: ({ id, hourlyRate }, _args, context) =>
      hourlyRate === null ? null : forManagers(context, id, () => hourlyRate),
    labels: ({ id }, args, context) => labelsByProject(projectsUnit(context), args, id),
    promptSessions: ({ id }, args, context) => promptSessionsByProject(projectsUnit(context), args, id),
  },
  ProjectCollaborator: {
    hourlyRate: ({ projectId, userId, hourlyRate }, _args, context) => {
      if (hourlyRate === null || userId === viewerOf(context).self) return hourlyRate;
      return forManagers(context, projectId, () => hourlyRate);
    },
  },
  PromptSession: {
    project: ({ projectId }, _args, context) =>
      projectId === null ? null : projectById(projectsUnit(context)).load(projectId),
  },
};

/** How `node(id)` finds the entities of this part. */
export const nodes = { ProjectLabel: enteredProjects(projectLabelById) };
