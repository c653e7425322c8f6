import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import {
  linksByConversation,
  linksByDocument,
  linksByOrder,
  linksByProject,
  linksByRoom,
  linksByTask,
  projectLinkById,
  targetOf,
} from '../link-loaders.ts';
import { linkProject, linkTask, removeProjectLink } from '../links.ts';
import { enteredProjects, projectById, projectsUnit } from '../project-loaders.ts';
import { taskById, tasksByConversation } from '../task-loaders.ts';

export const resolvers: Resolvers = {
  Mutation: {
    linkProject: async (_root, { input }, context) => ({ link: await linkProject(context, input) }),
    linkTask: async (_root, { input }, context) => ({ link: await linkTask(context, input) }),
    removeProjectLink: async (_root, { input }, context) => ({
      deletedId: globalId('ProjectLink', await removeProjectLink(context, input.id)),
    }),
  },
  Project: { links: ({ id }, args, context) => linksByProject(projectsUnit(context), args, id) },
  Task: { links: ({ id }, args, context) => linksByTask(projectsUnit(context), args, id) },
  Order: { projectLinks: ({ id }, args, context) => linksByOrder(projectsUnit(context), args, id) },
  Document: { projectLinks: ({ id }, args, context) => linksByDocument(projectsUnit(context), args, id) },
  Room: { projectLinks: ({ id }, args, context) => linksByRoom(projectsUnit(context), args, id) },
  Conversation: {
    projectLinks: ({ id }, args, context) => linksByConversation(projectsUnit(context), args, id),
    tasks: ({ id }, args, context) => tasksByConversation(projectsUnit(context), args, id),
  },
  ProjectLink: {
    project: ({ projectId }, _args, context) => found('Project', projectId, projectById(projectsUnit(context))),
    task: ({ taskId }, _args, context) => (taskId === null ? null : taskById(projectsUnit(context)).load(taskId)),
    target: (link, _args, context) => targetOf(context.unit, viewerOf(context), link),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { ProjectLink: enteredProjects(projectLinkById) };
