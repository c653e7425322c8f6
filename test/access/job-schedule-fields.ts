import { secret } from './cast.ts';
import { scheduleOf } from './filled-job-schedules.ts';
import { inWorkspace, type Fixture, type Fixtures } from './fixture.ts';

type Gets = Fixture['gets'];

/** The owner, whose it is, and their administrators; other members know nothing of it, and no key has schedules. */
const seen: Gets = {
  otherwise: 'NOT_FOUND',
  anonymous: 'UNAUTHENTICATED',
  guest: 'FORBIDDEN',
  key: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
  admin: 'data',
  owner: 'data',
};
/** The same in lists. */
const listed: Gets = {
  otherwise: 'own',
  anonymous: 'UNAUTHENTICATED',
  guest: 'FORBIDDEN',
  key: 'FORBIDDEN',
  keyWithoutScope: 'FORBIDDEN',
  admin: 'data',
  owner: 'data',
};
/** The owner alone: nobody else says what is done in their name. */
const byOwner: Gets = { ...seen, admin: 'FORBIDDEN' };

const fresh: Fixture['target'] = async (owner, ids) => ({
  Fresh: await scheduleOf(owner, String(ids.Workspace), secret),
});

/** Work that is begun by a clock. */
export const fixtures: Fixtures = {
  queries: {
    jobSchedules: { gets: listed, field: 'jobSchedules(first: 100) { totalCount edges { node { name input } } }' },
    jobSchedule: { gets: seen, field: 'jobSchedule(id: $JobSchedule) { name input }' },
  },
  mutations: {
    createJobSchedule: {
      gets: { ...inWorkspace, guest: 'FORBIDDEN', key: 'FORBIDDEN' },
      field: `createJobSchedule(input: { name: "${secret}", cron: "0 3 * * *", enabled: false, work: { exportConversations: { workspaceId: $Workspace, format: CSV } } }) { jobSchedule { name } }`,
    },
    updateJobSchedule: {
      gets: byOwner,
      field: 'updateJobSchedule(input: { id: $Fresh, cron: "0 4 * * *" }) { jobSchedule { name } }',
      target: fresh,
    },
    deleteJobSchedule: {
      gets: seen,
      field: 'deleteJobSchedule(input: { id: $Fresh }) { deletedId }',
      shows: /job_schedule_/,
      target: fresh,
    },
    runJobSchedule: {
      gets: byOwner,
      field: 'runJobSchedule(input: { id: $Fresh }) { jobSchedule { name } job { id } }',
      target: fresh,
    },
  },
  connections: { 'JobSchedule.jobs': { gets: seen } },
};
