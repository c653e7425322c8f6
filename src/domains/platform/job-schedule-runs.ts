import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { UnitOfWork } from '../../database/unit-of-work.ts';
import { Forbidden, NotFound } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { requirePermission } from '../permissions.ts';
import { dueJobSchedules, jobSchedules, type JobScheduleRow } from './schedule-tables.ts';
import { workOf } from './scheduled-input.ts';

/** The one schedule with this id. */
export const ofSchedule = (organizationId: string, id: string) =>
  and(eq(jobSchedules.organizationId, organizationId), eq(jobSchedules.id, id));

/** Locks a schedule that the viewer sees until the running transaction ends. Throws NotFound. */
export const lockSchedule = async (organizationId: string, id: string): Promise<JobScheduleRow> => {
  const [schedule] = await database.select().from(jobSchedules).where(ofSchedule(organizationId, id)).for('update');
  if (schedule === undefined) throw new NotFound('JobSchedule', id);
  return schedule;
};

/** Changes a schedule that is locked, and writes down when it is to be looked at, in the transaction that says so. */
export const changeSchedule = async (
  { organizationId, id }: Pick<JobScheduleRow, 'organizationId' | 'id'>,
  fields: Partial<typeof jobSchedules.$inferInsert>,
): Promise<JobScheduleRow> => {
  const rows = await database.update(jobSchedules).set(fields).where(ofSchedule(organizationId, id)).returning();
  const changed = sole(rows);
  await lookAtSchedule(changed);
  return changed;
};

/** Writes down when a schedule is to be looked at. */
export const lookAtSchedule = async ({
  organizationId,
  id: scheduleId,
  nextRunAt: dueAt,
}: Pick<JobScheduleRow, 'organizationId' | 'id' | 'nextRunAt'>): Promise<void> => {
  if (dueAt === null)
    return void (await database.delete(dueJobSchedules).where(eq(dueJobSchedules.scheduleId, scheduleId)));
  await database
    .insert(dueJobSchedules)
    .values({ scheduleId, organizationId, dueAt })
    .onConflictDoUpdate({ target: dueJobSchedules.scheduleId, set: { dueAt } });
};

/** What was begun: the schedule as it is then, and the job's id. */
export interface Begun {
  readonly schedule: JobScheduleRow;
  readonly jobId: string;
}

/**
 * Begins the work of a schedule that is locked in the running transaction, as its owner, who asks in the context: it is begun exactly when the
 * schedule says so. Throws Forbidden, and what the work throws.
 */
export const beginWork = async (
  context: Context,
  { id, name, work: kind, input, ...row }: JobScheduleRow,
  now: Date,
  nextRunAt: string | null,
): Promise<Begun> => {
  const viewer = viewerOf(context);
  if (viewer.userId !== row.userId) throw new Forbidden('JOB_SCHEDULE', 'What a schedule does is its owner’s affair.');
  const work = workOf(context.services.scheduledWork, kind);
  requirePermission(viewer, 'JOB_SCHEDULE');
  requirePermission(viewer, work.permission);
  const jobId = await work.begin({ context, schedule: { id, name }, now }, input);
  const fields = { lastRunAt: now.toISOString(), nextRunAt, lastError: null, failuresInARow: 0 };
  const schedule = await changeSchedule({ organizationId: row.organizationId, id }, fields);
  const data = { work: kind, jobId: globalId('Job', jobId) };
  context.unit.record({ action: 'job_schedule.run', type: 'JobSchedule', id, data });
  return { schedule, jobId };
};

/** Begins the work of a schedule of the viewer's own now, besides its times. Throws Forbidden, NotFound, and what the work throws. */
export const runJobSchedule = (context: Context, id: string): Promise<Begun> => {
  const { unit } = context;
  // What is enqueued here is known as the schedule's.
  const { origin } = unit.options;
  const own = new UnitOfWork(unit.scope, { ...unit.options, origin: { ...origin, scheduleId: id } });
  return own.transact(async ({ organizationId }) => {
    const schedule = await lockSchedule(organizationId, id);
    return beginWork({ ...context, unit: own }, schedule, new Date(), schedule.nextRunAt);
  });
};
