import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import type { Context } from '../../context.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { addTaskDependency, removeTaskDependency } from '../dependencies.ts';
import { dependenciesByTask, dependentsByTask, openBlockersByTask, taskDependencyById } from '../dependency-loaders.ts';
import { enteredProjects, projectsUnit } from '../project-loaders.ts';
import { taskById } from '../task-loaders.ts';

const openBlockers = async (taskId: string, context: Context): Promise<number> =>
  (await openBlockersByTask(projectsUnit(context)).load(taskId))?.count ?? 0;

export const resolvers: Resolvers = {
  Mutation: {
    addTaskDependency: (_root, { input }, context) => addTaskDependency(context, input),
    removeTaskDependency: async (_root, { input }, context) => {
      const { dependency, task } = await removeTaskDependency(context, input);
      return { deletedId: globalId('TaskDependency', dependency.id), task };
    },
  },
  Task: {
    dependencies: ({ id }, args, context) => dependenciesByTask(projectsUnit(context), args, id),
    dependents: ({ id }, args, context) => dependentsByTask(projectsUnit(context), args, id),
    openBlockerCount: ({ id }, _args, context) => openBlockers(id, context),
    isBlocked: async ({ id }, _args, context) => (await openBlockers(id, context)) > 0,
  },
  TaskActivity: {
    otherTask: ({ kind, subjectId }, _args, context) =>
      kind.startsWith('DEPENDENCY_') && subjectId !== null ? taskById(projectsUnit(context)).load(subjectId) : null,
  },
  TaskDependency: {
    task: ({ taskId }, _args, context) => found('Task', taskId, taskById(projectsUnit(context))),
    dependsOn: ({ dependsOnId }, _args, context) => found('Task', dependsOnId, taskById(projectsUnit(context))),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { TaskDependency: enteredProjects(taskDependencyById) };
