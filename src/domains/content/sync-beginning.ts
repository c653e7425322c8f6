import { and, eq, inArray } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { Conflict } from '../../errors.ts';
import { globalId, newId } from '../../ids.ts';
import type { Work } from '../services.ts';
import { announce } from './sync-events.ts';
import { isQueue } from './sync-ending.ts';
import { syncExecutions, syncQueues, type SyncExecutionRow, type SyncQueueRow } from './sync-tables.ts';
import { lookAgain, lookAt, nextDue } from './sync-times.ts';

/** The queue's name of a run; `jobs.ts` handles it. */
export const syncKind = 'content.sync';

/** The run of a queue that is under way; null without one. */
export const openRun = async (organizationId: string, queueId: string): Promise<SyncExecutionRow | null> => {
  const [open] = await database
    .select()
    .from(syncExecutions)
    .where(
      and(
        eq(syncExecutions.organizationId, organizationId),
        eq(syncExecutions.queueId, queueId),
        inArray(syncExecutions.status, ['QUEUED', 'RUNNING']),
      ),
    );
  return open ?? null;
};

/** What begins a run, and what it is of where it is not of everything. */
export interface Beginning {
  readonly trigger: SyncExecutionRow['trigger'];
  /** The one failure to try again. */
  readonly failureId?: string;
}

/** Has a run of a queue, which is locked, begin in the background, in the running transaction. Throws Conflict when one is under way. */
export const beginRun = async (
  { unit, services }: Work,
  queue: SyncQueueRow,
  { trigger, failureId }: Beginning,
): Promise<SyncExecutionRow> => {
  const { organizationId, workspaceId } = queue;
  const open = await openRun(organizationId, queue.id);
  if (open !== null)
    throw new Conflict('id', 'A run is under way.', { executionId: globalId('SyncExecution', open.id) });
  const id = newId();
  const jobId = await services.queue.enqueue(unit, {
    kind: syncKind,
    data: { executionId: id, ...(failureId !== undefined && { failureId }) },
    target: { type: 'SyncExecution', id },
    workspaceId,
  });
  const requestedById = trigger === 'SCHEDULE' ? null : unit.scope.userId;
  const row = { organizationId, id, workspaceId, queueId: queue.id, trigger, requestedById, jobId };
  const execution = sole(await database.insert(syncExecutions).values(row).returning());
  if (trigger === 'SCHEDULE' && queue.schedule !== null)
    await database
      .update(syncQueues)
      .set({ nextSyncAt: nextDue(queue, new Date()) })
      .where(isQueue(organizationId, queue.id));
  await lookAt(queue.id, organizationId, lookAgain());
  unit.record({ action: 'sync.requested', type: 'SyncExecution', id, workspaceId, data: { trigger } });
  announce(unit, services, queue);
  return execution;
};
