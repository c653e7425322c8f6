import { and, count, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, type InputIssue } from '../../errors.ts';
import type { CreateJobScheduleInput, UpdateJobScheduleInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requirePermission } from '../permissions.ts';
import { settingsOf } from '../tenancy/organization-settings.ts';
import { lockedOrganization } from '../tenancy/organization-types.ts';
import { changeSchedule, lockSchedule, lookAtSchedule, ofSchedule } from './job-schedule-runs.ts';
import { jobSchedules, type JobScheduleRow } from './schedule-tables.ts';
import { timeAfter, type Times } from '../crontab.ts';
import { timesIssues } from './schedule-times.ts';
import { keptWork, workOf, type KeptWork } from './scheduled-input.ts';

const maxName = 200;
const maxOfMember = 50;
const maxOfOrganization = 500;

const nameIssues = (name: string): InputIssue[] =>
  name.trim() !== '' && name.length <= maxName && !name.includes('\0')
    ? []
    : [{ field: 'name', message: `This takes 1 to ${maxName} characters.` }];

const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

/** Throws what the work would throw if it were begun now because of what it names. */
const requireWork = async (context: Context, { work: kind, input }: KeptWork): Promise<void> => {
  const work = workOf(context.services.scheduledWork, kind);
  requirePermission(viewerOf(context), work.permission);
  await work.check(context, input);
};

/** The organization's time zone; of parallel calls for one organization those behind a bound see it. Throws Conflict. */
const placeFor = (unit: UnitOfWork, userId: string): Promise<string> =>
  unit.nested(wholeOf(unit.organizationId, userId), async (whole) => {
    const organization = await lockedOrganization(whole);
    const ofOrganization = eq(jobSchedules.organizationId, whole.organizationId);
    const all = await countOf(ofOrganization);
    if (all >= maxOfOrganization)
      throw new Conflict('work', `An organization has at most ${maxOfOrganization} schedules.`);
    const own = await countOf(and(ofOrganization, eq(jobSchedules.userId, userId)));
    if (own >= maxOfMember) throw new Conflict('work', `A member has at most ${maxOfMember} schedules.`);
    return settingsOf(organization).timeZone;
  });

const countOf = async (which: ReturnType<typeof and>): Promise<number> =>
  sole(await database.select({ total: count() }).from(jobSchedules).where(which)).total;

/** Has work begun by a clock in the viewer's name. Throws BadUserInput, Conflict (too many; archived), Forbidden, NotFound. */
export const createJobSchedule = (context: Context, input: CreateJobScheduleInput): Promise<JobScheduleRow> => {
  const { unit, services } = context;
  const { userId } = viewerOf(context);
  const { name, cron, enabled = true } = input;
  refuse([...nameIssues(name), ...timesIssues({ cron, timeZone: input.timeZone ?? 'UTC' })]);
  const kept = keptWork(services.scheduledWork, input.work);
  return unit.transact(async ({ organizationId }) => {
    await requireWork(context, kept);
    const usual = await placeFor(unit, userId);
    const times: Times = { cron: cron.trim(), timeZone: input.timeZone ?? usual };
    const row = {
      organizationId,
      readers: [userId, organizationId],
      userId,
      name: name.trim(),
      ...times,
      ...kept,
      enabled,
      nextRunAt: enabled ? timeAfter(times, new Date()) : null,
    };
    const schedule = sole(await database.insert(jobSchedules).values(row).returning());
    await lookAtSchedule(schedule);
    const data = { work: kept.work, cron: schedule.cron, timeZone: schedule.timeZone, enabled };
    unit.record({ action: 'job_schedule.created', type: 'JobSchedule', id: schedule.id, data });
    return schedule;
  });
};

const requireSomething = (input: UpdateJobScheduleInput): void =>
  refuse(
    Object.entries(input)
      .filter(([, value]) => value === null)
      .map(([field]) => ({ field, message: 'This cannot be null.' })),
  );

/** Changes a schedule of the viewer's own, or as an administrator disables another's. Throws BadUserInput, Conflict (archived), Forbidden, NotFound. */
export const updateJobSchedule = (context: Context, input: UpdateJobScheduleInput): Promise<JobScheduleRow> => {
  const { unit, services } = context;
  requireSomething(input);
  const { id, name, work } = input;
  if (typeof name === 'string') refuse(nameIssues(name));
  const kept = work ? keptWork(services.scheduledWork, work) : null;
  return unit.transact(async ({ organizationId, userId }) => {
    const current = await lockSchedule(organizationId, id);
    if (current.userId !== userId) requireDisabling(input);
    const times = { cron: input.cron?.trim() ?? current.cron, timeZone: input.timeZone ?? current.timeZone };
    refuse(timesIssues(times));
    if (kept !== null) await requireWork(context, kept);
    const named = typeof name === 'string' ? { name: name.trim() } : {};
    const schedule = await changeSchedule(current, { ...named, ...times, ...kept, ...whenOf(current, times, input) });
    const changed = Object.entries(input).flatMap(([field, value]) =>
      field === 'id' || value === undefined ? [] : [field],
    );
    const { enabled } = schedule;
    unit.record({ action: 'job_schedule.updated', type: 'JobSchedule', id, data: { fields: changed, enabled } });
    return schedule;
  });
};

/** What an administrator may do with the schedule of another: not let it run in their name as they do not know it. */
const requireDisabling = ({ id: _id, enabled, ...others }: UpdateJobScheduleInput): void => {
  if (enabled !== false || Object.values(others).some((value) => value !== undefined))
    throw new Forbidden('JOB_SCHEDULE', 'The schedule of another member is only disabled or deleted.');
};

/** When it is due from now on; a time that is over stays due where nothing is changed about when. */
const whenOf = (current: JobScheduleRow, times: Times, input: UpdateJobScheduleInput) => {
  const enabled = input.enabled ?? current.enabled;
  if (!enabled) return { enabled, nextRunAt: null };
  const anew = !current.enabled || times.cron !== current.cron || times.timeZone !== current.timeZone;
  return {
    enabled,
    ...(anew && { nextRunAt: timeAfter(times, new Date()) }),
    ...(!current.enabled && { failuresInARow: 0 }),
  };
};

/** Deletes a schedule, as its owner or an administrator. Throws NotFound. */
export const deleteJobSchedule = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async ({ organizationId }) => {
    const { work } = await lockSchedule(organizationId, id);
    await database.delete(jobSchedules).where(ofSchedule(organizationId, id));
    await lookAtSchedule({ organizationId, id, nextRunAt: null });
    context.unit.record({ action: 'job_schedule.deleted', type: 'JobSchedule', id, data: { work } });
    return id;
  });
