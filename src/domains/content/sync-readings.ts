import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Work } from '../services.ts';
import { endRun, isExecution, isQueue, lockOpen, settle } from './sync-ending.ts';
import { announce } from './sync-events.ts';
import { forgetFailures, noteFailure } from './sync-failures.ts';
import { syncExecutions, syncQueues } from './sync-tables.ts';
import { documents } from './tables.ts';

/** How the reading of a document ended that a run brought in. */
export type Reading =
  | { readonly status: 'READY'; readonly reused: number; readonly added: number; readonly removed: number }
  | { readonly status: 'FAILED'; readonly reason: string };

/** Counts the end of a document's reading into the run that brought it in, in the transaction of that end. */
export const countReading = async (
  work: Work,
  executionId: string,
  documentId: string,
  reading: Reading,
): Promise<void> => {
  const { unit, services } = work;
  const { organizationId } = unit;
  const { outstanding, chunksReused, chunksNew, chunksRemoved, failed } = syncExecutions;
  const counts =
    reading.status === 'FAILED'
      ? { failed: sql`${failed} + 1` }
      : {
          chunksReused: sql`${chunksReused} + ${reading.reused}`,
          chunksNew: sql`${chunksNew} + ${reading.added}`,
          chunksRemoved: sql`${chunksRemoved} + ${reading.removed}`,
        };
  const [execution] = await database
    .update(syncExecutions)
    .set({ ...counts, outstanding: sql`greatest(${outstanding} - 1, 0)` })
    .where(isExecution(organizationId, executionId))
    .returning();
  if (execution === undefined) return;
  const [queue] = await database.select().from(syncQueues).where(isQueue(organizationId, execution.queueId));
  const [document] = await database
    .select({ externalId: documents.externalId, title: documents.title, sourceUri: documents.sourceUri })
    .from(documents)
    .where(and(eq(documents.organizationId, organizationId), eq(documents.id, documentId)));
  if (queue === undefined || document === undefined) return;
  announce(unit, services, queue);
  const { datasourceId, workspaceId } = queue;
  const { externalId, ...shown } = document;
  if (datasourceId !== null && externalId !== null) {
    const place = { organizationId, workspaceId, datasourceId };
    if (reading.status === 'READY') await forgetFailures(place, [externalId]);
    else await noteFailure(place, { externalId, ...shown, reason: reading.reason });
  }
  if (execution.status !== 'RUNNING') return;
  // Of a watched document there is nothing but this one.
  if (datasourceId === null && reading.status === 'FAILED')
    await endRun(work, execution, { status: 'FAILED', failure: reading.reason });
  else if (execution.fetchedAt !== null && execution.outstanding === 0) await settle(work, execution);
};

/** Lets a run end whose document was not read by the job that was to, such as one that was changed or deleted meanwhile. */
export const settleWithout = ({ unit, services }: Work, executionId: string): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    const execution = await lockOpen(organizationId, executionId);
    if (typeof execution?.fetchedAt === 'string') await settle({ unit, services }, execution);
  });
