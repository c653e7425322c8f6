import { and, eq, lte, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { UnitOfWork, wholeOf, type Origin } from '../../database/unit-of-work.ts';
import { DomainError } from '../../errors.ts';
import type { Context, Viewer } from '../context.ts';
import { lookThrough } from '../due.ts';
import type { Services, Work } from '../services.ts';
import { discovery, scopeOf, viewerOfMember } from '../tenancy/viewers.ts';
import { beginWork, changeSchedule, lockSchedule, lookAtSchedule, ofSchedule } from './job-schedule-runs.ts';
import { dueJobSchedules, jobSchedules, type JobScheduleRow } from './schedule-tables.ts';
import { timeAfter } from '../crontab.ts';

/** How long one is left alone that was taken up: after a crash in between, and while its owner is kept out. */
const restMinutes = 5;
/** Times in a row at which work could not be begun before nobody tries any more. */
const patience = 10;
const maxError = 500;

type Due = Pick<typeof dueJobSchedules.$inferSelect, 'scheduleId' | 'organizationId'>;

/** Begins the work that is due by the schedules of members, of all tenants, each in a transaction of its own. Gives the number of schedules it looked at. */
export const beginDueJobs = (work: Work, signal: AbortSignal): Promise<number> =>
  lookThrough(work, signal, {
    find: (atOnce) =>
      database
        .select({ scheduleId: dueJobSchedules.scheduleId, organizationId: dueJobSchedules.organizationId })
        .from(dueJobSchedules)
        .where(lte(dueJobSchedules.dueAt, sql`now()`))
        .orderBy(dueJobSchedules.dueAt)
        .limit(atOnce),
    look: (due) => look(work.services, due),
    failure: 'A schedule that is due could not be looked at.',
  });

const look = async (services: Services, due: Due): Promise<void> => {
  const { scheduleId, organizationId } = due;
  const origin = { requestId: `schedule ${scheduleId}`, address: null, userAgent: null, scheduleId };
  const whole = new UnitOfWork(wholeOf(organizationId), { ...services, origin });
  const owner = await taken(whole, due);
  if (owner === null) return;
  const viewer = await viewerNow(whole, owner);
  // Who is kept out runs nothing, and neither does a deleted organization; it is made up for once when that is over.
  if (viewer === null || viewer.standing.dormant) return;
  const unit = whole.as(scopeOf(viewer));
  await begin({ viewer, unit, services, origin }, scheduleId).catch((error: unknown) => {
    if (!(error instanceof DomainError))
      services.log.error({ err: error, scheduleId }, 'A schedule could not begin its work.');
    return noteFailure(whole, scheduleId, error);
  });
};

/**
 * Takes up a schedule that is due, unless another process has: it is put off first, so that one that cannot be begun is not in the way of others, and is
 * taken up again when this process dies. One that is gone is forgotten. Gives its owner.
 */
const taken = (whole: UnitOfWork, { scheduleId, organizationId }: Due): Promise<string | null> =>
  whole.transact(async () => {
    const put = await database
      .update(dueJobSchedules)
      .set({ dueAt: sql`now() + make_interval(mins => ${restMinutes})` })
      .where(and(eq(dueJobSchedules.scheduleId, scheduleId), lte(dueJobSchedules.dueAt, sql`now()`)))
      .returning({ scheduleId: dueJobSchedules.scheduleId });
    if (put.length === 0) return null;
    const [schedule] = await database
      .select({ userId: jobSchedules.userId })
      .from(jobSchedules)
      .where(ofSchedule(organizationId, scheduleId));
    if (schedule === undefined) await lookAtSchedule({ organizationId, id: scheduleId, nextRunAt: null });
    return schedule?.userId ?? null;
  });

const viewerNow = async (whole: UnitOfWork, userId: string): Promise<Viewer | null> => {
  const { organizationId } = whole;
  const looking = whole.as(discovery(organizationId, userId));
  try {
    return await viewerOfMember(looking, { organizationId, userId });
  } finally {
    await looking.rest();
  }
};

/** Whether its time has come; what was missed is made up for once, however often it was. */
const isDue = ({ enabled, nextRunAt }: JobScheduleRow, now: Date): boolean =>
  enabled && nextRunAt !== null && new Date(nextRunAt) <= now;

const begin = (context: Context & { origin: Origin }, scheduleId: string): Promise<void> =>
  context.unit.transact(async ({ organizationId }) => {
    const now = new Date();
    const schedule = await lockSchedule(organizationId, scheduleId);
    if (!isDue(schedule, now)) return lookAtSchedule(schedule);
    await beginWork(context, schedule, now, timeAfter(schedule, now));
  });

/** Writes down why work could not be begun, and goes on to the next time, or with patience at its end to none. */
const noteFailure = (whole: UnitOfWork, scheduleId: string, error: unknown): Promise<void> =>
  whole.transact(async ({ organizationId }) => {
    const now = new Date();
    const schedule = await lockSchedule(organizationId, scheduleId);
    if (!isDue(schedule, now)) return lookAtSchedule(schedule);
    const failuresInARow = schedule.failuresInARow + 1;
    const enabled = failuresInARow < patience;
    const lastError = sentenceOf(error);
    await changeSchedule(schedule, {
      lastError,
      failuresInARow,
      enabled,
      lastRunAt: now.toISOString(),
      nextRunAt: enabled ? timeAfter(schedule, now) : null,
    });
    const action = enabled ? 'job_schedule.failed' : 'job_schedule.disabled';
    whole.record({ action, type: 'JobSchedule', id: scheduleId, data: { error: codeOf(error), failuresInARow } });
  });

const sentenceOf = (error: unknown): string =>
  error instanceof DomainError
    ? error.message.slice(0, maxError)
    : 'The work could not be begun for a reason inside the server.';

const codeOf = (error: unknown): string =>
  error instanceof DomainError ? String(error.extensions.code) : 'INTERNAL_SERVER_ERROR';
