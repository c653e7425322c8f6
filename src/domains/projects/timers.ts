import { and, eq, isNull } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import type { StartTimerInput, StopTimerInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf } from '../context.ts';
import { isProject, type ProjectMeans } from './project-rights.ts';
import { projects, type ProjectRow } from './project-tables.ts';
import { lockTask } from './task-changes.ts';
import { recordTime } from './time-entries.ts';
import {
  givenInstant,
  instantOf,
  isTimeEntry,
  lastMoment,
  lockOwnTime,
  noteIssues,
  overlaps,
  rateOf,
  spanIssues,
} from './time-rules.ts';
import { timeEntries, type TimeEntryRow } from './time-tables.ts';

/** A timer that was started, and the one that was stopped for it. */
export interface Started {
  readonly timeEntry: TimeEntryRow;
  readonly stopped: TimeEntryRow | null;
}

/**
 * Starts the viewer's timer on a task. Throws BadUserInput, Conflict (a timer runs and is not to be stopped, it overlaps with other time, archived), Forbidden, NotFound.
 */
export const startTimer = (means: ProjectMeans, input: StartTimerInput): Promise<Started> => {
  const { taskId, note, stopRunning } = input;
  const wished = input.startedAt ? givenInstant(input.startedAt) : null;
  const issues = [...(wished === null ? [] : spanIssues(wished, null)), ...noteIssues(note)];
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit } = means;
  const { userId } = viewerOf(means);
  return unit.transact(async ({ organizationId }) => {
    await lockOwnTime(unit, userId);
    const { task, project } = await lockTask(means, taskId);
    const running = await runningOf(means, userId);
    if (running !== null && !stopRunning) throw runs(running);
    const start = startBehind(running, wished);
    const stopped = running === null ? null : await endTimer(means, running, lastMoment(running, start), {});
    const timeEntry = sole(
      await database
        .insert(timeEntries)
        .values({
          organizationId,
          projectId: task.projectId,
          taskId,
          userId,
          startedAt: new Date(start).toISOString(),
          note: note ?? '',
          hourlyRate: await rateOf(project, userId),
        })
        .returning()
        .catch(overlaps),
    );
    recordTime(means, timeEntry, project, 'started');
    return { timeEntry, stopped };
  });
};

const runs = ({ id, taskId, projectId, startedAt }: TimeEntryRow): Conflict => {
  const running = {
    id: globalId('TimeEntry', id),
    taskId: globalId('Task', taskId),
    projectId: globalId('Project', projectId),
    startedAt: new Date(instantOf(startedAt)).toISOString(),
  };
  return new Conflict('stopRunning', 'Another timer of yours runs: stop it first, or say `stopRunning: true`.', {
    running,
  });
};

/** When a timer begins: behind the one that it stops. Throws Conflict where it is to begin before that one did. */
const startBehind = (running: TimeEntryRow | null, wished: number | null): number => {
  if (running === null) return wished ?? Date.now();
  const earliest = instantOf(running.startedAt) + 1;
  if (wished !== null && wished < earliest)
    throw new Conflict('startedAt', 'This overlaps with other time of the same person.');
  return Math.max(wished ?? Date.now(), earliest);
};

/** The timer of a person, also in a project that they do not see any more. */
const runningOf = async ({ unit }: ProjectMeans, userId: string): Promise<TimeEntryRow | null> => {
  const { organizationId } = unit;
  const [running] = await unit.nested(wholeOf(organizationId), () =>
    database
      .select()
      .from(timeEntries)
      .where(
        and(
          eq(timeEntries.organizationId, organizationId),
          eq(timeEntries.userId, userId),
          isNull(timeEntries.endedAt),
        ),
      )
      .for('update'),
  );
  return running ?? null;
};

/** Stops the viewer's timer, wherever it runs. Throws BadUserInput, Conflict (none runs). */
export const stopTimer = (means: ProjectMeans, { endedAt, note }: StopTimerInput): Promise<TimeEntryRow> => {
  const issues = noteIssues(note);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit } = means;
  const { userId } = viewerOf(means);
  unit.enter('projects');
  return unit.transact(async () => {
    await lockOwnTime(unit, userId);
    const running = await runningOf(means, userId);
    if (running === null) throw new Conflict('input', 'No timer of yours runs.');
    const faults = endedAt ? spanIssues(instantOf(running.startedAt), givenInstant(endedAt)) : [];
    if (faults.length > 0) throw new BadUserInput(faults);
    const end = endedAt ? new Date(endedAt).toISOString() : lastMoment(running);
    return endTimer(means, running, end, typeof note === 'string' ? { note } : {});
  });
};

const endTimer = async (
  { unit }: ProjectMeans,
  { id, projectId }: TimeEntryRow,
  endedAt: string,
  said: Partial<Pick<TimeEntryRow, 'note'>>,
): Promise<TimeEntryRow> => {
  const { organizationId } = unit;
  const [stopped, project] = await unit.nested(wholeOf(organizationId), async () => [
    sole(
      await database
        .update(timeEntries)
        .set({ ...said, endedAt })
        .where(isTimeEntry(organizationId, id))
        .returning(),
    ),
    await placeOf(organizationId, projectId),
  ]);
  recordTime({ unit }, stopped, project, 'stopped');
  return stopped;
};

const placeOf = async (organizationId: string, projectId: string): Promise<Pick<ProjectRow, 'workspaceId'>> =>
  sole(
    await database
      .select({ workspaceId: projects.workspaceId })
      .from(projects)
      .where(isProject(organizationId, projectId)),
  );
