import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, NotFound, type InputIssue } from '../../errors.ts';
import type { CreateTimeEntryInput, UpdateTimeEntryInput } from '../../generated/resolvers.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { projectsUnit } from './project-loaders.ts';
import { lockToManage, lockToWork, requireOpen, type HeldProject, type ProjectMeans } from './project-rights.ts';
import { lockTask } from './task-changes.ts';
import { timeEntryById } from './time-loaders.ts';
import {
  givenInstant,
  instantOf,
  isTimeEntry,
  lockOwnTime,
  lockTimeOf,
  noteIssues,
  overlaps,
  rateOf,
  spanIssues,
} from './time-rules.ts';
import { timeEntries, type TimeEntryRow } from './time-tables.ts';

const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

/** Writes down time of the viewer on a task. Throws BadUserInput, Conflict (it overlaps, archived), Forbidden, NotFound. */
export const createTimeEntry = (means: ProjectMeans, input: CreateTimeEntryInput): Promise<TimeEntryRow> => {
  const { taskId, note } = input;
  const [start, end] = [givenInstant(input.startedAt), givenInstant(input.endedAt)];
  refuse([...spanIssues(start, end), ...noteIssues(note)]);
  const { unit } = means;
  const { userId } = viewerOf(means);
  return unit.transact(async ({ organizationId }) => {
    await lockOwnTime(unit, userId);
    const { task, project } = await lockTask(means, taskId);
    const entry = sole(
      await database
        .insert(timeEntries)
        .values({
          organizationId,
          projectId: task.projectId,
          taskId,
          userId,
          startedAt: new Date(start).toISOString(),
          endedAt: new Date(end).toISOString(),
          note: note ?? '',
          hourlyRate: await rateOf(project, userId),
        })
        .returning()
        .catch(overlaps),
    );
    recordTime(means, entry, project, 'created');
    return entry;
  });
};

/** Writes what happened to an entry to the log. */
export const recordTime = (
  { unit }: Pick<ProjectMeans, 'unit'>,
  { id, taskId, projectId, userId, startedAt, endedAt }: TimeEntryRow,
  { workspaceId }: Pick<HeldProject['project'], 'workspaceId'>,
  what: string,
): void =>
  unit.record({
    action: `time_entry.${what}`,
    type: 'TimeEntry',
    id,
    workspaceId,
    data: { projectId, taskId, userId, startedAt, endedAt },
  });

/** Changes an entry, which keeps its rate. Throws BadUserInput, Conflict (it overlaps, archived), Forbidden, NotFound. */
export const updateTimeEntry = (means: ProjectMeans, input: UpdateTimeEntryInput): Promise<TimeEntryRow> => {
  const { id, note } = input;
  refuse(noteIssues(note));
  return means.unit.transact(async ({ organizationId }) => {
    const { entry, project } = await lockEntry(means, id);
    const [began, ended] = [instantOf(entry.startedAt), entry.endedAt === null ? null : instantOf(entry.endedAt)];
    const start = input.startedAt ? givenInstant(input.startedAt) : began;
    const end = input.endedAt ? givenInstant(input.endedAt) : ended;
    if (start !== began || end !== ended) refuse(spanIssues(start, end));
    const fields = {
      ...(start !== began && { startedAt: new Date(start).toISOString() }),
      ...(end !== null && end !== ended && { endedAt: new Date(end).toISOString() }),
      ...(note !== undefined && (note ?? '') !== entry.note && { note: note ?? '' }),
    };
    if (Object.keys(fields).length === 0) return entry;
    const changed = sole(
      await database.update(timeEntries).set(fields).where(isTimeEntry(organizationId, id)).returning().catch(overlaps),
    );
    recordTime(means, changed, project, 'updated');
    return changed;
  });
};

/** Deletes an entry. Throws Conflict (archived), Forbidden, NotFound. */
export const deleteTimeEntry = (means: ProjectMeans, id: string): Promise<string> =>
  means.unit.transact(async ({ organizationId }) => {
    const { entry, project } = await lockEntry(means, id);
    await database.delete(timeEntries).where(isTimeEntry(organizationId, id));
    recordTime(means, entry, project, 'deleted');
    return id;
  });

/** An entry to change: one's own where one works, others' where one manages. */
const lockEntry = async (means: ProjectMeans, id: string): Promise<HeldProject & { entry: TimeEntryRow }> => {
  const unit = projectsUnit(means);
  const { projectId, userId } = await found('TimeEntry', id, timeEntryById(unit));
  await lockTimeOf(unit, userId);
  const isOwn = userId === viewerOf(means).userId;
  const held = isOwn ? await lockToWork(means, projectId) : await lockToManage(means, projectId);
  requireOpen(held);
  const [entry] = await database.select().from(timeEntries).where(isTimeEntry(unit.organizationId, id)).for('update');
  if (entry === undefined) throw new NotFound('TimeEntry', id);
  return { ...held, entry };
};
