import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction, UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import type { Services } from '../services.ts';
import { announceChange } from './announcing.ts';
import { documentFields } from './loaders.ts';
import { documents, type DocumentRow } from './tables.ts';

/** The job that reads a document; `jobs.ts` handles it. */
export const ingestKind = 'content.ingest-document';

/** What a document becomes that is to be read. */
export const waiting = { status: 'PENDING', failure: null } as const;

/** The one document of an id. */
export const isDocument = ({ organizationId }: Pick<Transaction, 'organizationId'>, id: string) =>
  and(eq(documents.organizationId, organizationId), eq(documents.id, id));

/**
 * Locks a document that the viewer wants to change, and gives it. Throws NotFound, Forbidden (needs EDITOR), Conflict (the workspace is
 * archived).
 */
export const lockedDocument = async (context: Context, transaction: Transaction, id: string): Promise<DocumentRow> => {
  const [current] = await database
    .select(documentFields)
    .from(documents)
    .where(isDocument(transaction, id))
    .for('update');
  if (current === undefined) throw new NotFound('Document', id);
  const viewer = viewerOf(context);
  requirePermission(viewer, 'DOCUMENT_WRITE', current.workspaceId);
  requireActive(viewer, current.workspaceId);
  return current;
};

/** Changes a locked document, writes it down and tells who listens. */
export const changed = async (
  { unit, services }: Pick<Context, 'unit' | 'services'>,
  transaction: Transaction,
  id: string,
  changes: Partial<typeof documents.$inferInsert>,
  event: { readonly action: string; readonly data?: Record<string, unknown> },
): Promise<DocumentRow> => {
  const rows = await database
    .update(documents)
    .set(changes)
    .where(isDocument(transaction, id))
    .returning(documentFields);
  const document = sole(rows);
  recordOn(unit, event.action, document, event.data ?? {});
  announceChange(unit, services.bus, document);
  return document;
};

/** Writes an event of a document to the log. */
export const recordOn = (
  unit: UnitOfWork,
  action: string,
  { id, workspaceId }: DocumentRow,
  data: Record<string, unknown>,
): void => unit.record({ action, type: 'Document', id, workspaceId, data });

/**
 * Has a document read in the background, for the sync run that brought its text in where there is one. The version is named, so that work on
 * an older text ends without effect.
 */
export const enqueueIngestion = (
  unit: UnitOfWork,
  { queue }: Pick<Services, 'queue'>,
  document: Pick<DocumentRow, 'id' | 'version' | 'workspaceId'>,
  executionId?: string,
): Promise<string> =>
  queue.enqueue(unit, {
    kind: ingestKind,
    data: { documentId: document.id, version: document.version, ...(executionId !== undefined && { executionId }) },
    target: { type: 'Document', id: document.id },
    workspaceId: document.workspaceId,
  });
