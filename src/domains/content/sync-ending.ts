import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Work } from '../services.ts';
import { announce, countsOf } from './sync-events.ts';
import { syncExecutions, syncQueues, type SyncExecutionRow, type SyncQueueRow } from './sync-tables.ts';
import { dueOf, lookAt, nextDue } from './sync-times.ts';
import { documents } from './tables.ts';

// Whoever locks several things of a run does it in this order: documents, the run, its queue, its datasource.

/** How a run ends. */
export type Ending =
  | { readonly status: 'SUCCEEDED' | 'UNCHANGED' | 'CANCELLED' }
  | {
      readonly status: 'FAILED';
      /** For a person. */
      readonly failure: string;
      /** When the source said that it may be asked again. */
      readonly retryAfterSeconds?: number | null;
      /** It was as good as it can be, and is no reason to pause. */
      readonly pardoned?: true;
    };

/** Runs that fail one after the other until their queue is paused. */
const failuresUntilPause = 5;

export const isExecution = (organizationId: string, id: string) =>
  and(eq(syncExecutions.organizationId, organizationId), eq(syncExecutions.id, id));
export const isQueue = (organizationId: string, id: string) =>
  and(eq(syncQueues.organizationId, organizationId), eq(syncQueues.id, id));

/** Locks a run that is under way; null when it has ended or is gone. */
export const lockOpen = async (organizationId: string, id: string): Promise<SyncExecutionRow | null> => {
  const [execution] = await database.select().from(syncExecutions).where(isExecution(organizationId, id)).for('update');
  return execution?.status === 'QUEUED' || execution?.status === 'RUNNING' ? execution : null;
};

/** Locks a queue; null when it is gone. */
export const lockQueue = async (organizationId: string, id: string): Promise<SyncQueueRow | null> => {
  const [queue] = await database.select().from(syncQueues).where(isQueue(organizationId, id)).for('update');
  return queue ?? null;
};

/** Ends a run, which is locked and under way, and says when the next one is due, in the running transaction. */
export const endRun = async (
  { unit, services }: Work,
  { organizationId, id, queueId, trigger }: SyncExecutionRow,
  ending: Ending,
): Promise<SyncExecutionRow> => {
  const failure = ending.status === 'FAILED' ? ending.failure : null;
  const ended = sole(
    await database
      .update(syncExecutions)
      .set({ status: ending.status, failure, finishedAt: sql`now()` })
      .where(isExecution(organizationId, id))
      .returning(),
  );
  const queue = await lockQueue(organizationId, queueId);
  if (queue === null) return ended;
  // One failure that is tried again says nothing of the whole.
  const changed = trigger === 'RETRY' ? queue : { ...queue, ...changesAfter(queue, ending) };
  const { status, pausedReason, failuresInARow, lastSyncedAt, nextSyncAt } = changed;
  await database
    .update(syncQueues)
    .set({ status, pausedReason, failuresInARow, lastSyncedAt, nextSyncAt })
    .where(isQueue(organizationId, queueId));
  await lookAt(queueId, organizationId, dueOf(changed));
  const { workspaceId } = queue;
  const data = { ...countsOf(ended), ...(failure !== null && { failure }) };
  const action = `sync.${ending.status.toLowerCase()}`;
  unit.record({ action, type: 'SyncExecution', id, workspaceId, data });
  if (status !== queue.status)
    unit.record({ action: 'sync.paused', type: 'SyncQueue', id: queueId, workspaceId, data: { reason: pausedReason } });
  announce(unit, services, queue);
  return ended;
};

const changesAfter = (queue: SyncQueueRow, ending: Ending): Partial<SyncQueueRow> => {
  const now = new Date();
  // By a schedule, what became due while the run was under way is due still.
  const nextSyncAt = queue.schedule === null ? nextDue(queue, now) : queue.nextSyncAt;
  if (ending.status === 'CANCELLED') return { nextSyncAt };
  if (ending.status !== 'FAILED') return { nextSyncAt, failuresInARow: 0, lastSyncedAt: now.toISOString() };
  const { retryAfterSeconds = null, failure, pardoned = false } = ending;
  if (pardoned) return { nextSyncAt };
  const failuresInARow = queue.failuresInARow + 1;
  const later = retryAfterSeconds === null ? null : new Date(now.getTime() + retryAfterSeconds * 1000).toISOString();
  return {
    failuresInARow,
    // Who is synced on request alone is not begun by itself.
    nextSyncAt: nextSyncAt === null ? null : (later ?? nextSyncAt),
    ...(failuresInARow >= failuresUntilPause &&
      queue.status === 'ACTIVE' && {
        status: 'PAUSED' as const,
        pausedReason: `${failuresInARow} runs failed one after the other, the last because: ${failure}`,
      }),
  };
};

/** Ends a run, which is locked and has fetched everything, unless documents of it are still to be read. */
export const settle = async (work: Work, execution: SyncExecutionRow): Promise<SyncExecutionRow> => {
  const { organizationId, id, queueId } = execution;
  const [queue] = await database.select().from(syncQueues).where(isQueue(organizationId, queueId));
  if (queue === undefined) return execution;
  const ofQueue =
    queue.datasourceId === null
      ? eq(documents.id, queue.documentId ?? '')
      : eq(documents.datasourceId, queue.datasourceId);
  // Counted, and not only subtracted: documents may have been changed or deleted while they waited.
  const outstanding = await database.$count(
    documents,
    and(
      eq(documents.organizationId, organizationId),
      ofQueue,
      eq(documents.seenInId, id),
      inArray(documents.status, ['PENDING', 'PROCESSING']),
    ),
  );
  if (outstanding !== execution.outstanding)
    await database.update(syncExecutions).set({ outstanding }).where(isExecution(organizationId, id));
  if (outstanding > 0) return execution;
  const { added, updated, removed, failed } = execution;
  return endRun(work, execution, { status: added + updated + removed + failed > 0 ? 'SUCCEEDED' : 'UNCHANGED' });
};
