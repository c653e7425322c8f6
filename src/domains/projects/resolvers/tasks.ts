import type { Resolvers } from '../../../generated/resolvers.ts';
import { conversationById } from '../../conversations/loaders.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { projectById, enteredProjects, projectsUnit } from '../project-loaders.ts';
import { identifierOf } from '../task-changes.ts';
import {
  activitiesByTask,
  boardColumnId,
  partsByTask,
  taskActivityById,
  taskById,
  taskList,
  tasksByBoardColumn,
  tasksByProject,
} from '../task-loaders.ts';
import { taskStatuses } from '../task-tables.ts';
import { createTask } from '../tasks.ts';

export const resolvers: Resolvers = {
  Query: {
    tasks: (_root, args, context) => taskList(projectsUnit(context), args),
    task: (_root, { id }, context) => found('Task', id, taskById(projectsUnit(context))),
  },
  Mutation: {
    createTask: async (_root, { input }, context) => ({ task: await createTask(context, input) }),
  },
  Project: {
    tasks: ({ id }, args, context) => tasksByProject(projectsUnit(context), args, id),
    board: ({ id }) => taskStatuses.map((status) => ({ projectId: id, status })),
  },
  BoardColumn: {
    tasks: ({ projectId, status }, args, context) =>
      tasksByBoardColumn(projectsUnit(context), args, boardColumnId(projectId, status)),
  },
  Task: {
    identifier: async (task, _args, context) => {
      const project = await found('Project', task.projectId, projectById(projectsUnit(context)));
      return identifierOf(project.key, task);
    },
    project: ({ projectId }, _args, context) => found('Project', projectId, projectById(projectsUnit(context))),
    parent: ({ parentId }, _args, context) =>
      parentId === null ? null : taskById(projectsUnit(context)).load(parentId),
    parts: ({ id }, args, context) => partsByTask(projectsUnit(context), args, id),
    assignee: ({ assigneeId }, _args, { unit }) => (assigneeId === null ? null : memberUserById(unit).load(assigneeId)),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    conversation: ({ conversationId }, _args, { unit }) =>
      conversationId === null ? null : conversationById(unit).load(conversationId),
    activities: ({ id }, args, context) => activitiesByTask(projectsUnit(context), args, id),
  },
  TaskActivity: {
    actor: ({ actorId }, _args, { unit }) => (actorId === null ? null : memberUserById(unit).load(actorId)),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { Task: enteredProjects(taskById), TaskActivity: enteredProjects(taskActivityById) };
