import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { viewerOf, type Context } from '../../context.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { enteredProjects, projectById, projectsUnit } from '../project-loaders.ts';
import { forManagers, manages } from '../project-standing.ts';
import { taskById } from '../task-loaders.ts';
import { costOf, hoursOf } from '../time-amounts.ts';
import { createTimeEntry, deleteTimeEntry, updateTimeEntry } from '../time-entries.ts';
import {
  figuresByProject,
  figuresByTask,
  hoursWithPartsByTask,
  runningByUser,
  taskFiguresByProject,
  timeEntriesByTask,
  timeEntryById,
  timeEntryList,
} from '../time-loaders.ts';
import { timeReport } from '../time-report.ts';
import type { TimeEntryRow } from '../time-tables.ts';
import { startTimer, stopTimer } from '../timers.ts';

const figuresOf = (context: Context, projectId: string) => figuresByProject(projectsUnit(context)).load(projectId);

const tasksOf = (context: Context, projectId: string) => taskFiguresByProject(projectsUnit(context)).load(projectId);

const none = { todo: 0, inProgress: 0, review: 0, done: 0, cancelled: 0, total: 0 };

/** Whether the viewer sees what an hour of an entry costs. */
const seesRate = async (context: Context, { userId, projectId }: TimeEntryRow): Promise<boolean> =>
  userId === viewerOf(context).self || manages(context, projectId);

export const resolvers: Resolvers = {
  Query: {
    timeEntries: (_root, args, context) => timeEntryList(projectsUnit(context), args),
    runningTimer: (_root, _args, context) => runningByUser(projectsUnit(context)).load(viewerOf(context).userId),
    timeReport: (_root, args, context) => timeReport(context, args),
  },
  Mutation: {
    startTimer: (_root, { input }, context) => startTimer(context, input),
    stopTimer: async (_root, { input }, context) => ({ timeEntry: await stopTimer(context, input ?? {}) }),
    createTimeEntry: async (_root, { input }, context) => ({ timeEntry: await createTimeEntry(context, input) }),
    updateTimeEntry: async (_root, { input }, context) => ({ timeEntry: await updateTimeEntry(context, input) }),
    deleteTimeEntry: async (_root, { input }, context) => ({
      deletedId: globalId('TimeEntry', await deleteTimeEntry(context, input.id)),
    }),
  },
  Project: {
    completion: async ({ id }, _args, context) => {
      const { done, cancelled, total } = (await tasksOf(context, id)) ?? none;
      return total === cancelled ? null : Math.floor((done * 100) / (total - cancelled));
    },
    taskCounts: async ({ id }, _args, context) => (await tasksOf(context, id)) ?? none,
    estimatedHours: async ({ id }, _args, context) => (await tasksOf(context, id))?.estimatedHours ?? '0',
    trackedHours: async ({ id }, _args, context) => (await figuresOf(context, id))?.hours ?? '0',
    timeCost: ({ id }, _args, context) =>
      forManagers(context, id, async () => (await figuresOf(context, id))?.timeCost ?? null),
    modelCost: ({ id, modelCost }, _args, context) => forManagers(context, id, () => modelCost),
    spent: ({ id }, _args, context) =>
      forManagers(context, id, async () => (await figuresOf(context, id))?.spent ?? null),
    budgetUsed: ({ id }, _args, context) =>
      forManagers(context, id, async () => (await figuresOf(context, id))?.budgetUsed ?? null),
    overBudget: ({ id }, _args, context) =>
      forManagers(context, id, async () => (await figuresOf(context, id))?.overBudget ?? null),
  },
  Task: {
    timeEntries: ({ id }, args, context) => timeEntriesByTask(projectsUnit(context), args, id),
    trackedHours: async ({ id }, _args, context) => (await figuresByTask(projectsUnit(context)).load(id))?.hours ?? '0',
    trackedHoursWithParts: async ({ id }, _args, context) =>
      (await hoursWithPartsByTask(projectsUnit(context)).load(id))?.hours ?? '0',
    trackedCost: ({ id, projectId }, _args, context) =>
      forManagers(context, projectId, async () => (await figuresByTask(projectsUnit(context)).load(id))?.cost ?? '0'),
  },
  TimeEntry: {
    user: ({ userId }, _args, { unit }) => memberUserById(unit).load(userId),
    task: ({ taskId }, _args, context) => taskById(projectsUnit(context)).load(taskId),
    project: ({ projectId }, _args, context) => projectById(projectsUnit(context)).load(projectId),
    hours: (entry) => hoursOf(entry),
    hourlyRate: async (entry, _args, context) => ((await seesRate(context, entry)) ? entry.hourlyRate : null),
    cost: async (entry, _args, context) => ((await seesRate(context, entry)) ? costOf(entry) : null),
  },
  TimeReportGroup: {
    user: ({ userId }, _args, { unit }) => (userId === null ? null : memberUserById(unit).load(userId)),
    task: ({ taskId }, _args, context) => (taskId === null ? null : taskById(projectsUnit(context)).load(taskId)),
  },
};

/** How `node(id)` finds the entities of this part. */
export const nodes = { TimeEntry: enteredProjects(timeEntryById) };
