import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { found } from '../../nodes.ts';
import { projectsUnit } from '../project-loaders.ts';
import { updateTasks } from '../task-batches.ts';
import { deleteTasks } from '../task-deletion.ts';
import { taskByIdentifier } from '../task-identifiers.ts';
import { addTaskLabel, removeTaskLabel, setTaskLabels } from '../task-labels.ts';
import { taskById } from '../task-loaders.ts';
import { labelsByTask, ownWatchByTask, partCountsByTask, watchersByTask } from '../task-marks.ts';
import { moveTask } from '../task-moves.ts';
import { updateTask } from '../task-updates.ts';
import { unwatchTask, watchTask } from '../task-watching.ts';

export const resolvers: Resolvers = {
  Query: {
    taskByIdentifier: (_root, { identifier }, context) => taskByIdentifier(projectsUnit(context), identifier),
  },
  Mutation: {
    updateTask: async (_root, { input }, context) => ({ task: await updateTask(context, input) }),
    moveTask: (_root, { input }, context) => moveTask(context, input),
    updateTasks: (_root, { input }, context) => updateTasks(context, input),
    deleteTask: async (_root, { input: { id, withParts } }, context) => ({
      deletedPartCount: await deleteTasks(context, { ids: [id], withParts }, () => 'id'),
      deletedId: globalId('Task', id),
    }),
    deleteTasks: async (_root, { input: { ids, withParts } }, context) => ({
      deletedPartCount: await deleteTasks(context, { ids, withParts }),
      deletedIds: ids.map((id) => globalId('Task', id)),
    }),
    setTaskLabels: async (_root, { input }, context) => ({
      task: await setTaskLabels(context, input.id, input.labelIds),
    }),
    addTaskLabel: async (_root, { input }, context) => ({ task: await addTaskLabel(context, input.id, input.labelId) }),
    removeTaskLabel: async (_root, { input }, context) => ({
      task: await removeTaskLabel(context, input.id, input.labelId),
    }),
    watchTask: async (_root, { input }, context) => ({ task: await watchTask(context, input.id) }),
    unwatchTask: async (_root, { input }, context) => ({ task: await unwatchTask(context, input.id) }),
  },
  Task: {
    labels: ({ id }, _args, context) => labelsByTask(projectsUnit(context)).load(id),
    watchers: ({ id }, args, context) => watchersByTask(projectsUnit(context), args, id),
    watching: async ({ id }, _args, context) => (await ownWatchByTask(projectsUnit(context)).load(id)) !== null,
    partCount: async ({ id }, _args, context) => (await partCountsByTask(projectsUnit(context)).load(id))?.total ?? 0,
    openPartCount: async ({ id }, _args, context) =>
      (await partCountsByTask(projectsUnit(context)).load(id))?.open ?? 0,
  },
  TaskWatcher: {
    user: ({ userId }, _args, { unit }) => memberUserById(unit).load(userId),
  },
  CompletionWarning: {
    task: ({ taskId }, _args, context) => found('Task', taskId, taskById(projectsUnit(context))),
    openBlockers: async ({ blockerIds }, _args, context) => {
      const blockers = await Promise.all(blockerIds.map((id) => taskById(projectsUnit(context)).load(id)));
      return blockers.filter((task) => task !== null);
    },
  },
};
