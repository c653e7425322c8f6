import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { found } from '../../nodes.ts';
import { memberUserById } from '../../tenancy/loaders.ts';
import { jobScheduleById, jobScheduleList, jobsBySchedule } from '../job-schedule-loaders.ts';
import { runJobSchedule } from '../job-schedule-runs.ts';
import { createJobSchedule, deleteJobSchedule, updateJobSchedule } from '../job-schedules.ts';
import { jobById } from '../loaders.ts';
import { timesAfter } from '../../crontab.ts';
import { shownInput } from '../scheduled-input.ts';

/** Times that are shown before they come. */
const shownTimes = 5;

export const resolvers: Resolvers = {
  Query: {
    jobSchedules: (_root, args, { unit }) => jobScheduleList(unit, args),
    jobSchedule: (_root, { id }, { unit }) => found('JobSchedule', id, jobScheduleById(unit)),
  },
  Mutation: {
    createJobSchedule: async (_root, { input }, context) => ({ jobSchedule: await createJobSchedule(context, input) }),
    updateJobSchedule: async (_root, { input }, context) => ({ jobSchedule: await updateJobSchedule(context, input) }),
    deleteJobSchedule: async (_root, { input }, context) => ({
      deletedId: globalId('JobSchedule', await deleteJobSchedule(context, input.id)),
    }),
    runJobSchedule: async (_root, { input }, context) => {
      const { schedule, jobId } = await runJobSchedule(context, input.id);
      return { jobSchedule: schedule, job: await found('Job', jobId, jobById(context.unit)) };
    },
  },
  JobSchedule: {
    input: (schedule, _args, { services }) => shownInput(services.scheduledWork, schedule),
    nextTimes: (schedule) => timesAfter(schedule, new Date(), shownTimes),
    owner: ({ userId }, _args, { unit }) => memberUserById(unit).load(userId),
    jobs: ({ id }, args, { unit }) => jobsBySchedule(unit, args, id),
  },
  Job: {
    schedule: ({ scheduleId }, _args, { unit }) =>
      scheduleId === null ? null : jobScheduleById(unit).load(scheduleId),
  },
};

/** How `node(id)` finds the entities of this subject. */
export const nodes = { JobSchedule: jobScheduleById };
