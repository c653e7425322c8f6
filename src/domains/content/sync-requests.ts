import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { PauseSyncInput, UpdateSyncScheduleInput } from '../../generated/resolvers.ts';
import { jobs, type JobRow } from '../../queue/tables.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { manualIssues } from './datasources.ts';
import { datasources } from './datasource-tables.ts';
import { beginRun, openRun, type Beginning } from './sync-beginning.ts';
import { endRun, isQueue, lockOpen } from './sync-ending.ts';
import { cancelTopic } from './sync-events.ts';
import { syncFailures, syncQueues, type SyncExecutionRow, type SyncQueueRow } from './sync-tables.ts';
import { dueOf, firstDue, lookAgain, lookAt, nextDue, timingIssues } from './sync-times.ts';
import { documents } from './tables.ts';
import { issuesOf } from './validation.ts';

/** A run that waits to begin, and the job that does it. */
export interface Requested {
  readonly execution: SyncExecutionRow;
  readonly job: JobRow;
}

/** Has a datasource brought up to date now. Throws NotFound, Forbidden (needs EDITOR), Conflict (a run is under way, archived). */
export const syncDatasource = (context: Context, id: string): Promise<Requested> =>
  context.unit.transact(async (transaction) => {
    const queue = await lockedQueue(context, transaction, eq(syncQueues.datasourceId, id), 'Datasource', id);
    return begin(context, queue, { trigger: 'REQUEST' });
  });

/** Has a watched document brought up to date now. Throws NotFound, Forbidden (needs EDITOR), Conflict (not watched, a run is under way, archived). */
export const syncDocument = (context: Context, id: string): Promise<Requested> =>
  context.unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const isDocument = and(eq(documents.organizationId, organizationId), eq(documents.id, id));
    const [document] = await database.select({ workspaceId: documents.workspaceId }).from(documents).where(isDocument);
    if (document === undefined) throw new NotFound('Document', id);
    requireEditor(context, document.workspaceId);
    const ofDocument = and(eq(syncQueues.organizationId, organizationId), eq(syncQueues.documentId, id));
    const [queue] = await database.select().from(syncQueues).where(ofDocument).for('update');
    if (queue === undefined) throw new Conflict('id', 'This document is not watched.');
    return begin(context, queue, { trigger: 'REQUEST' });
  });

/** Has one failure tried again, in a run of its own. Throws NotFound, Forbidden (needs EDITOR), Conflict (a run is under way, archived). */
export const retrySyncFailure = (context: Context, id: string): Promise<Requested> =>
  context.unit.transact(async (transaction) => {
    const { datasourceId } = await seenFailure(context, transaction, id);
    const queue = await lockedQueue(context, transaction, eq(syncQueues.datasourceId, datasourceId), 'SyncFailure', id);
    return begin(context, queue, { trigger: 'RETRY', failureId: id });
  });

/** Takes a failure off the list. Throws NotFound, Forbidden (needs EDITOR), Conflict (archived). */
export const dismissSyncFailure = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async (transaction) => {
    const { workspaceId, externalId } = await seenFailure(context, transaction, id);
    await database
      .delete(syncFailures)
      .where(and(eq(syncFailures.organizationId, transaction.organizationId), eq(syncFailures.id, id)));
    context.unit.record({
      action: 'sync_failure.dismissed',
      type: 'SyncFailure',
      id,
      workspaceId,
      data: { externalId },
    });
    return id;
  });

/** Has no more runs begin by themselves. Throws BadUserInput, NotFound, Forbidden (needs EDITOR), Conflict (archived). */
export const pauseSync = (
  context: Context,
  { id, reason = 'Paused by hand.' }: PauseSyncInput,
): Promise<SyncQueueRow> => {
  const issues = issuesOf('reason', reason, 500);
  if (issues.length > 0) throw new BadUserInput(issues);
  return context.unit.transact(async (transaction) => {
    const queue = await queueById(context, transaction, id);
    if (queue.status === 'PAUSED') return queue;
    const changes = { status: 'PAUSED' as const, pausedReason: reason };
    return changed(context, transaction, queue, changes, 'sync.paused', { reason });
  });
};

/** Lets runs begin by themselves again. Throws NotFound, Forbidden (needs EDITOR), Conflict (archived). */
export const resumeSync = (context: Context, id: string): Promise<SyncQueueRow> =>
  context.unit.transact(async (transaction) => {
    const queue = await queueById(context, transaction, id);
    if (queue.status === 'ACTIVE') return queue;
    const changes = { status: 'ACTIVE' as const, pausedReason: null, failuresInARow: 0 };
    return changed(context, transaction, queue, changes, 'sync.resumed', {});
  });

/** Says when runs begin by themselves. Throws BadUserInput, NotFound, Forbidden (needs EDITOR), Conflict (archived). */
export const updateSyncSchedule = (context: Context, input: UpdateSyncScheduleInput): Promise<SyncQueueRow> => {
  const timing = { schedule: input.schedule ?? null, staleAfterSeconds: input.staleAfterSeconds ?? null };
  const issues = timingIssues(timing);
  if (issues.length > 0) throw new BadUserInput(issues);
  return context.unit.transact(async (transaction) => {
    const queue = await queueById(context, transaction, input.id);
    const unfit = await unfitFor(queue, timing);
    if (unfit.length > 0) throw new BadUserInput(unfit);
    // What was synced before is out of date that long after it was; what never was, at once.
    const { lastSyncedAt } = queue;
    const nextSyncAt =
      timing.schedule !== null || lastSyncedAt === null
        ? firstDue(timing, new Date())
        : nextDue(timing, new Date(lastSyncedAt));
    return changed(context, transaction, queue, { ...timing, nextSyncAt }, 'sync.scheduled', { ...timing });
  });
};

/** Calls the run under way off. Throws NotFound, Forbidden (needs EDITOR), Conflict (none is, archived). */
export const cancelSync = (context: Context, id: string): Promise<SyncExecutionRow> =>
  context.unit.transact(async (transaction) => {
    const { unit, services } = context;
    const { organizationId } = transaction;
    const [queue] = await database.select().from(syncQueues).where(isQueue(organizationId, id));
    if (queue === undefined) throw new NotFound('SyncQueue', id);
    requireEditor(context, queue.workspaceId);
    const open = await openRun(organizationId, id);
    const execution = open === null ? null : await lockOpen(organizationId, open.id);
    if (execution === null) throw new Conflict('id', 'No run is under way.');
    const ended = await endRun({ unit, services }, execution, { status: 'CANCELLED' });
    unit.afterCommit(() => services.bus.publish(cancelTopic(execution.id), {}));
    return ended;
  });

const unfitFor = async (queue: SyncQueueRow, timing: Parameters<typeof manualIssues>[1]) => {
  const { organizationId, datasourceId } = queue;
  if (datasourceId === null)
    return timing.schedule === null ? [] : [{ field: 'schedule', message: 'A watched document takes no schedule.' }];
  const [datasource] = await database
    .select({ kind: datasources.kind })
    .from(datasources)
    .where(and(eq(datasources.organizationId, organizationId), eq(datasources.id, datasourceId)));
  return datasource === undefined ? [] : manualIssues(datasource.kind, timing);
};

const requireEditor = (context: Context, workspaceId: string): void => {
  const viewer = viewerOf(context);
  requirePermission(viewer, 'DATASOURCE_MANAGE', workspaceId);
  requireActive(viewer, workspaceId);
};

const lockedQueue = async (
  context: Context,
  { organizationId }: Transaction,
  which: ReturnType<typeof eq>,
  type: string,
  id: string,
): Promise<SyncQueueRow> => {
  const [queue] = await database
    .select()
    .from(syncQueues)
    .where(and(eq(syncQueues.organizationId, organizationId), which))
    .for('update');
  if (queue === undefined) throw new NotFound(type, id);
  requireEditor(context, queue.workspaceId);
  return queue;
};

const queueById = (context: Context, transaction: Transaction, id: string): Promise<SyncQueueRow> =>
  lockedQueue(context, transaction, eq(syncQueues.id, id), 'SyncQueue', id);

const seenFailure = async (context: Context, { organizationId }: Transaction, id: string) => {
  const isFailure = and(eq(syncFailures.organizationId, organizationId), eq(syncFailures.id, id));
  const [failure] = await database.select().from(syncFailures).where(isFailure);
  if (failure === undefined) throw new NotFound('SyncFailure', id);
  requireEditor(context, failure.workspaceId);
  return failure;
};

const begin = async (context: Context, queue: SyncQueueRow, beginning: Beginning): Promise<Requested> => {
  const { unit, services } = context;
  const execution = await beginRun({ unit, services }, queue, beginning);
  const isJob = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.id, execution.jobId ?? ''));
  return { execution, job: sole(await database.select().from(jobs).where(isJob)) };
};

const changed = async (
  { unit }: Context,
  { organizationId }: Transaction,
  { id, workspaceId }: SyncQueueRow,
  changes: Partial<SyncQueueRow>,
  action: string,
  data: Record<string, unknown>,
): Promise<SyncQueueRow> => {
  const queue = sole(await database.update(syncQueues).set(changes).where(isQueue(organizationId, id)).returning());
  const isRunning = (await openRun(organizationId, id)) !== null;
  await lookAt(id, organizationId, isRunning ? lookAgain() : dueOf(queue));
  unit.record({ action, type: 'SyncQueue', id, workspaceId, data });
  return queue;
};
