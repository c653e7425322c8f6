import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, NotFound, type InputIssue } from '../../errors.ts';
import { memberships } from '../tenancy/tables.ts';
import { projectCollaborators, type ProjectRow } from './project-tables.ts';
import { timeEntries, type TimeEntryRow } from './time-tables.ts';

export const maxEntryMs = 24 * 3_600_000;
const maxNote = 2_000;

/** Condition for one entry. */
export const isTimeEntry = (organizationId: string, id: string) =>
  and(eq(timeEntries.organizationId, organizationId), eq(timeEntries.id, id));

/** A moment as the database writes it, in milliseconds since 1970. */
export const instantOf = (moment: string): number => Date.parse(moment.replace(' ', 'T').replace(/\+00$/, 'Z'));

/** A moment as clients give it; the scalar makes a `Date` of it, whose text would lose the milliseconds. */
export const givenInstant = (moment: string): number => new Date(moment).getTime();

/** When a timer that is stopped without a word ends: now, later than it began, and after 24 hours at most. */
export const lastMoment = ({ startedAt }: Pick<TimeEntryRow, 'startedAt'>, wished = Date.now()): string => {
  const start = instantOf(startedAt);
  return new Date(Math.min(Math.max(wished, start + 1), start + maxEntryMs)).toISOString();
};

/** Faults of a note; absent has none. */
export const noteIssues = (note: string | null | undefined): InputIssue[] =>
  note === undefined || note === null || (note.length <= maxNote && !note.includes('\0'))
    ? []
    : [{ field: 'note', message: `A note has at most ${maxNote.toLocaleString('en')} characters, and no NUL.` }];

/** Faults of a beginning and an end, in milliseconds; null: it runs. */
export const spanIssues = (start: number, end: number | null, now = Date.now()): InputIssue[] => {
  if (start > now) return [{ field: 'startedAt', message: 'This is yet to come.' }];
  if (end === null)
    return now - start <= maxEntryMs
      ? []
      : [{ field: 'startedAt', message: 'A timer that runs began at most 24 hours ago.' }];
  if (end > now) return [{ field: 'endedAt', message: 'This is yet to come.' }];
  if (end <= start) return [{ field: 'endedAt', message: 'The end does not lie after the beginning.' }];
  return end - start <= maxEntryMs ? [] : [{ field: 'endedAt', message: 'An entry has at most 24 hours.' }];
};

/** Turns an overlap with other time of the same person into Conflict. */
export const overlaps = (error: unknown): never => {
  if (violates(error, 'time_entries_overlap_excl'))
    throw new Conflict('startedAt', 'This overlaps with other time of the same person.');
  throw error;
};

/**
 * Holds somebody's membership until the end of the transaction, so that what is done to their time comes one after another. It comes before the lock of a project, as it
 * does for whoever leaves the organization. False for who has left.
 */
export const lockTimeOf = async ({ organizationId }: UnitOfWork, userId: string): Promise<boolean> => {
  const held = await database
    .select({ id: memberships.id })
    .from(memberships)
    .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId)))
    .for('no key update');
  return held.length > 0;
};

/** The same of who tracks time. Throws NotFound for who is no member. */
export const lockOwnTime = async (unit: UnitOfWork, userId: string): Promise<void> => {
  if (!(await lockTimeOf(unit, userId))) throw new NotFound('User', userId);
};

/** What an hour of somebody's work in a project costs now, in US dollars: by their own rate, or the project's; null: nothing. */
export const rateOf = async (
  { organizationId, id, hourlyRate }: ProjectRow,
  userId: string,
): Promise<string | null> => {
  const [place] = await database
    .select({ hourlyRate: projectCollaborators.hourlyRate })
    .from(projectCollaborators)
    .where(
      and(
        eq(projectCollaborators.organizationId, organizationId),
        eq(projectCollaborators.projectId, id),
        eq(projectCollaborators.userId, userId),
      ),
    );
  return place?.hourlyRate ?? hourlyRate;
};
