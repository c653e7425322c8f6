import { setTimeout as pause } from 'node:timers/promises';
import type { Person } from '../testbed.ts';

/** A schedule of the owner's, which the clock leaves alone. */
export const scheduleOf = async (owner: Person, workspaceId: string, name: string): Promise<string> => {
  const data: { createJobSchedule: { jobSchedule: { id: string } } } = await owner.want(
    'mutation ($input: CreateJobScheduleInput!) { createJobSchedule(input: $input) { jobSchedule { id } } }',
    {
      input: {
        name,
        cron: '0 3 * * *',
        timeZone: 'UTC',
        enabled: false,
        work: { exportConversations: { workspaceId, format: 'CSV' } },
      },
    },
  );
  return data.createJobSchedule.jobSchedule.id;
};

/** One that has run, with the job that it has begun and that has ended. */
export const filledJobSchedule = async (
  owner: Person,
  workspaceId: string,
  secret: string,
): Promise<Record<string, string>> => {
  const id = await scheduleOf(owner, workspaceId, secret);
  const { runJobSchedule }: { runJobSchedule: { job: { id: string } } } = await owner.want(
    'mutation ($input: RunJobScheduleInput!) { runJobSchedule(input: $input) { job { id } } }',
    { input: { id } },
  );
  for (let state = ''; state !== 'SUCCEEDED'; await pause(50)) {
    const { job }: { job: { state: string } } = await owner.want('query ($id: ID!) { job(id: $id) { state } }', {
      id: runJobSchedule.job.id,
    });
    if (job.state === 'FAILED') throw new Error('The export failed.');
    ({ state } = job);
  }
  return { JobSchedule: id };
};
