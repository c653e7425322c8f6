import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { WatchDocumentInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { connectorFor } from './datasource-configuration.ts';
import { documentFields } from './loaders.ts';
import { openRun } from './sync-beginning.ts';
import { endRun, lockOpen } from './sync-ending.ts';
import { cancelTopic } from './sync-events.ts';
import { syncQueues } from './sync-tables.ts';
import { defaultStaleAfterSeconds, dueOf, lookAgain, lookAt, timingIssues } from './sync-times.ts';
import { documents, type DocumentRow } from './tables.ts';

/**
 * Keeps a document up to date with the page at its address. Throws BadUserInput (no such address, time out of bounds), NotFound, Forbidden
 * (needs EDITOR), Conflict (a datasource keeps it up to date, archived).
 */
export const watchDocument = async (
  context: Context,
  { id, staleAfterSeconds = defaultStaleAfterSeconds }: WatchDocumentInput,
): Promise<DocumentRow> => {
  const issues = timingIssues({ schedule: null, staleAfterSeconds });
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit } = context;
  const { configuration } = await connectorFor('WEB_PAGE');
  return unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const document = await lockedDocument(context, transaction, id);
    const { workspaceId, sourceUri, datasourceId } = document;
    if (datasourceId !== null) throw new Conflict('id', 'The datasource of this document keeps it up to date.');
    if (!/^https?:/i.test(sourceUri ?? '') || !configuration.safeParse({ url: sourceUri }).success)
      throw new BadUserInput('id', 'This document has no http or https address that can be fetched.');
    // Brought in just now, it is as good as synced.
    const nextSyncAt = new Date(Date.now() + staleAfterSeconds * 1000).toISOString();
    const queue = sole(
      await database
        .insert(syncQueues)
        .values({ organizationId, workspaceId, documentId: id, staleAfterSeconds, nextSyncAt })
        .onConflictDoUpdate({
          target: [syncQueues.organizationId, syncQueues.documentId],
          set: { staleAfterSeconds, nextSyncAt },
        })
        .returning(),
    );
    const isRunning = (await openRun(organizationId, queue.id)) !== null;
    await lookAt(queue.id, organizationId, isRunning ? lookAgain() : dueOf(queue));
    unit.record({ action: 'document.watched', type: 'Document', id, workspaceId, data: { staleAfterSeconds } });
    return document;
  });
};

/** Leaves a document as it is from now on, calling a running sync off. Throws NotFound, Forbidden (needs EDITOR), Conflict (archived). */
export const unwatchDocument = (context: Context, id: string): Promise<DocumentRow> =>
  context.unit.transact(async (transaction) => {
    const { unit, services } = context;
    const { organizationId } = transaction;
    const document = await lockedDocument(context, transaction, id);
    const ofDocument = and(eq(syncQueues.organizationId, organizationId), eq(syncQueues.documentId, id));
    const [queue] = await database.select().from(syncQueues).where(ofDocument);
    if (queue === undefined) return document;
    const open = await openRun(organizationId, queue.id);
    const execution = open === null ? null : await lockOpen(organizationId, open.id);
    if (execution !== null) {
      await endRun({ unit, services }, execution, { status: 'CANCELLED' });
      unit.afterCommit(() => services.bus.publish(cancelTopic(execution.id), {}));
    }
    await database.delete(syncQueues).where(ofDocument);
    await lookAt(queue.id, organizationId, null);
    const { workspaceId } = document;
    unit.record({ action: 'document.unwatched', type: 'Document', id, workspaceId });
    return document;
  });

const lockedDocument = async (context: Context, { organizationId }: Transaction, id: string): Promise<DocumentRow> => {
  const isDocument = and(eq(documents.organizationId, organizationId), eq(documents.id, id));
  const [document] = await database.select(documentFields).from(documents).where(isDocument).for('update');
  if (document === undefined) throw new NotFound('Document', id);
  const viewer = viewerOf(context);
  requirePermission(viewer, 'DATASOURCE_MANAGE', document.workspaceId);
  requireActive(viewer, document.workspaceId);
  return document;
};
