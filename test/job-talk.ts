import { setTimeout as pause } from 'node:timers/promises';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { unitOfAll } from './machines.ts';
import { uuidOf } from './talk.ts';
import type { Person, Testbed } from './testbed.ts';

/** A job as the API tells it. */
export interface ToldJob {
  readonly id: string;
  readonly kind: string;
  readonly state: string;
  readonly progress: number;
  readonly attempts: number;
  readonly error: string | null;
  readonly result: Record<string, unknown> | null;
  readonly startedAt: string | null;
  readonly finishedAt: string | null;
  readonly nextRunAt: string | null;
  readonly targetType: string | null;
  readonly targetId: string | null;
  readonly requestedBy: { readonly id: string } | null;
  readonly cancellable: boolean;
  readonly retryable: boolean;
}

export const shown = `id kind state progress attempts error result startedAt finishedAt nextRunAt targetType targetId
  requestedBy { id } cancellable retryable`;

export const retry = `mutation ($id: ID!) { retryJob(input: { id: $id }) { job { ${shown} } } }`;
export const cancel = `mutation ($id: ID!) { cancelJob(input: { id: $id }) { job { ${shown} } } }`;

export const jobNow = async (person: Person, id: string): Promise<ToldJob> => {
  const { job }: { job: ToldJob } = await person.want(`query ($id: ID!) { job(id: $id) { ${shown} } }`, { id });
  return job;
};

/** A job as soon as it is so; throws when that takes longer than so many milliseconds. */
export const jobWhen = async (
  person: Person,
  id: string,
  is: (job: ToldJob) => boolean,
  patienceMs = 30_000,
): Promise<ToldJob> => {
  for (const deadline = Date.now() + patienceMs; ;) {
    const job = await jobNow(person, id);
    if (is(job)) return job;
    if (Date.now() > deadline) throw new Error(`The job stays ${JSON.stringify(job)}.`);
    await pause(50);
  }
};

export const hasEnded = ({ state }: ToldJob): boolean => !['QUEUED', 'RUNNING'].includes(state);

export const jobsAbout = async (person: Person, targetId: string): Promise<ToldJob[]> => {
  const { jobs }: { jobs: { edges: { node: ToldJob }[] } } = await person.want(
    `query ($id: ID!) { jobs(filter: { targetId: { eq: $id } }) { edges { node { ${shown} } } } }`,
    { id: targetId },
  );
  return jobs.edges.map(({ node }) => node);
};

/** Rows of the queue's own that carry a job out, or did. */
export const queuedRows = async (bed: Testbed, jobId: string): Promise<{ state: string; left: number }[]> => {
  const uuid = uuidOf(jobId);
  const rows = await bed.server.installation.services.pool.run(
    `select state::text, retry_limit - retry_count as left from pgboss.job
      where data -> 'carried' ->> 'jobId' = $1 and name <> 'dead-letters' order by created_on`,
    [uuid],
  );
  // The cast is safe: these are the columns of the statement.
  return rows as unknown as { state: string; left: number }[];
};

/** Lets a job that waits have no try but the next. */
export const lastTry = async (bed: Testbed, jobId: string): Promise<void> => {
  await bed.server.installation.services.pool.run(
    `update pgboss.job set retry_limit = retry_count where data -> 'carried' ->> 'jobId' = $1`,
    [uuidOf(jobId)],
  );
};

/** What the log says of a thing, in order. */
export const loggedOf = async (
  bed: Testbed,
  place: { readonly userId: string; readonly organizationId: string },
  id: string,
): Promise<string[]> => {
  const unit = unitOfAll(bed, place);
  const rows = await unit.run(() =>
    database.execute<{ action: string }>(
      sql`select action from events where target_id = ${uuidOf(id)} order by created_at, id`,
    ),
  );
  await unit.rest();
  return rows.map(({ action }) => action);
};
