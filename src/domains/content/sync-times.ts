import { eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { InputIssue } from '../../errors.ts';
import { isCrontab, timeAfter } from '../crontab.ts';
import { dueSyncs, type SyncQueueRow } from './sync-tables.ts';

/** Age in seconds at which what was synced is out of date, where nobody says otherwise: a week. */
export const defaultStaleAfterSeconds = 604_800;
const leastSeconds = 3600;
const mostSeconds = 31_536_000;

/** When runs begin by themselves: by one of the two, or with neither only on request. */
export interface Timing {
  readonly schedule: string | null;
  readonly staleAfterSeconds: number | null;
}

/** What is wrong with when runs are to begin. */
export const timingIssues = ({ schedule, staleAfterSeconds }: Timing): InputIssue[] => [
  ...(schedule === null || isCrontab(schedule)
    ? []
    : [{ field: 'schedule', message: 'A schedule is a crontab of five fields in UTC, such as “0 3 * * *”.' }]),
  ...(staleAfterSeconds === null || (staleAfterSeconds >= leastSeconds && staleAfterSeconds <= mostSeconds)
    ? []
    : [{ field: 'staleAfterSeconds', message: 'What was synced stays good for an hour to a year.' }]),
  ...(schedule === null || staleAfterSeconds === null
    ? []
    : [{ field: 'staleAfterSeconds', message: 'Give at most one of schedule and staleAfterSeconds.' }]),
];

const nextTime = (cron: string, after: Date): string => timeAfter({ cron, timeZone: 'UTC' }, after);

/** When the first run is due after a moment: by schedule its next time, by age at once; null: only on request. */
export const firstDue = ({ schedule, staleAfterSeconds }: Timing, from: Date): string | null =>
  schedule !== null ? nextTime(schedule, from) : staleAfterSeconds === null ? null : from.toISOString();

/** When the run after one that begins or ends at a moment is due; null: only on request. */
export const nextDue = ({ schedule, staleAfterSeconds }: Timing, from: Date): string | null => {
  if (schedule !== null) return nextTime(schedule, from);
  return staleAfterSeconds === null ? null : new Date(from.getTime() + staleAfterSeconds * 1000).toISOString();
};

/** How often it is looked whether a run that is under way has lost what would end it. */
const lookAfterSeconds = 60;

/** Writes down when the queue is to be looked at again, in the transaction that says so. */
export const lookAt = async (queueId: string, organizationId: string, dueAt: string | null): Promise<void> => {
  if (dueAt === null) return void (await database.delete(dueSyncs).where(eq(dueSyncs.queueId, queueId)));
  await database
    .insert(dueSyncs)
    .values({ queueId, organizationId, dueAt })
    .onConflictDoUpdate({ target: dueSyncs.queueId, set: { dueAt } });
};

/** When to look at a queue of which no run is under way. */
export const dueOf = ({ status, nextSyncAt }: Pick<SyncQueueRow, 'status' | 'nextSyncAt'>): string | null =>
  status === 'ACTIVE' ? nextSyncAt : null;

/** When to look at a queue of which a run is under way. */
export const lookAgain = (): string => new Date(Date.now() + lookAfterSeconds * 1000).toISOString();
