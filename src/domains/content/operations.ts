import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction, UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { AddDocumentInput, UpdateDocumentInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import type { Services } from '../services.ts';
import { workspaces } from '../tenancy/tables.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { filesOfDocument, lockedFile, renewFileReaders } from './file-readers.ts';
import { documentFields } from './loaders.ts';
import { readersFor } from './readers.ts';
import { documents, type DocumentRow } from './tables.ts';
import { issuesOf, mimeTypeIssues, textIssues } from './validation.ts';
import { newId } from '../../ids.ts';

/** The job that reads a document; `jobs.ts` handles it. */
export const ingestKind = 'content.ingest-document';

/**
 * Brings a document into a workspace, to be read in the background, by the permission named. Throws BadUserInput, NotFound (workspace
 * or file), Forbidden (needs EDITOR), Conflict (the file's bytes have not arrived, the workspace is archived).
 */
export const addDocument = (
  context: Context,
  input: AddDocumentInput,
  permission: 'DOCUMENT_WRITE' | 'PAGE_SAVE' = 'DOCUMENT_WRITE',
): Promise<DocumentRow> => {
  refuse(newDocumentIssues(input));
  const { unit, services } = context;
  const { workspaceId } = input;
  return unit.transact(async (transaction) => {
    await requireWorkspace(transaction, workspaceId);
    const viewer = viewerOf(context);
    requirePermission(viewer, permission, workspaceId);
    requireActive(viewer, workspaceId);
    const readers = input.access ? await readersFor(context, workspaceId, input.access, 'access.') : null;
    const file = typeof input.fileId === 'string' ? await lockedFile(unit, input.fileId) : null;
    const row = {
      organizationId: transaction.organizationId,
      id: newId(),
      workspaceId,
      readers,
      title: input.title.trim(),
      sourceUri: input.sourceUri ?? null,
      mimeType: file?.mimeType ?? bareType(input.mimeType),
      fileId: file?.id ?? null,
      text: input.text ?? null,
      addedById: viewer.userId,
    };
    const document = sole(await database.insert(documents).values(row).returning(documentFields));
    await renewFileReaders(unit, [document.fileId]);
    await enqueueIngestion(unit, services, document);
    recordDocument(unit, 'document.added', document, titleOf(document));
    return document;
  });
};

/** Changes a title or text; a new text is a new version. Throws BadUserInput, Conflict (archived), NotFound, Forbidden (needs EDITOR). */
export const updateDocument = (context: Context, input: UpdateDocumentInput): Promise<DocumentRow> => {
  const title = input.title ?? undefined;
  const text = input.text ?? undefined;
  refuse([...issuesOf('title', title, 500), ...textIssues(text)]);
  const { unit, services } = context;
  return unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, input.id);
    if (title === undefined && text === undefined) return current;
    const changes = {
      // The title is part of what is indexed of each chunk: none of them can stay as it is.
      ...(title !== undefined && { ...waiting, title: title.trim(), language: null }),
      ...(text !== undefined && { ...waiting, text, fileId: null, version: current.version + 1 }),
      ...(text !== undefined && current.fileId !== null && { mimeType: 'text/plain' }),
    };
    const document = await changed(transaction, current.id, changes);
    if (document.fileId !== current.fileId) await renewFileReaders(unit, [current.fileId]);
    await enqueueIngestion(unit, services, document);
    recordDocument(unit, 'document.updated', document, {
      fields: Object.keys(input).filter((field) => field !== 'id'),
    });
    return document;
  });
};

/** Deletes a document with its chunks. Throws Conflict (archived), NotFound, Forbidden (needs EDITOR). */
export const deleteDocument = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    const fileIds = await filesOfDocument(transaction.organizationId, id);
    await database.delete(documents).where(ofDocument(transaction, id));
    await renewFileReaders(context.unit, fileIds);
    recordDocument(context.unit, 'document.deleted', current, titleOf(current));
    return id;
  });

/** Has a failed document read once more. Throws NotFound, Forbidden (needs EDITOR), Conflict (it has not failed, archived). */
export const reprocessDocument = (context: Context, id: string): Promise<DocumentRow> =>
  context.unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    if (current.status !== 'FAILED')
      throw new Conflict('status', 'Only a FAILED document can be read again.', { status: current.status });
    const document = await changed(transaction, id, waiting);
    await enqueueIngestion(context.unit, context.services, document);
    recordDocument(context.unit, 'document.reprocessed', document, {});
    return document;
  });

const waiting = { status: 'PENDING', failure: null } as const;

/** The one document with this id. */
export const ofDocument = ({ organizationId }: Transaction, id: string) =>
  and(eq(documents.organizationId, organizationId), eq(documents.id, id));

/** A document that is about to be changed, locked. Throws NotFound, Forbidden (needs EDITOR), Conflict (archived). */
export const lockedDocument = async (context: Context, transaction: Transaction, id: string): Promise<DocumentRow> => {
  const [current] = await database
    .select(documentFields)
    .from(documents)
    .where(ofDocument(transaction, id))
    .for('update');
  if (current === undefined) throw new NotFound('Document', id);
  const viewer = viewerOf(context);
  requirePermission(viewer, 'DOCUMENT_WRITE', current.workspaceId);
  requireActive(viewer, current.workspaceId);
  return current;
};

const changed = async (
  transaction: Transaction,
  id: string,
  changes: Partial<typeof documents.$inferInsert>,
): Promise<DocumentRow> =>
  sole(await database.update(documents).set(changes).where(ofDocument(transaction, id)).returning(documentFields));

const requireWorkspace = async ({ organizationId }: Transaction, id: string): Promise<void> => {
  const [seen] = await database
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, id)))
    .for('key share');
  if (seen === undefined) throw new NotFound('Workspace', id);
};

/** The version is named, so that work on an older text ends without effect. */
const enqueueIngestion = (unit: UnitOfWork, { queue }: Services, document: DocumentRow): Promise<string> =>
  queue.enqueue(unit, {
    kind: ingestKind,
    data: { documentId: document.id, version: document.version },
    target: { type: 'Document', id: document.id },
    workspaceId: document.workspaceId,
  });

/** The log is for all who see the workspace: it does not name what is narrowed. */
const titleOf = ({ title, readers }: DocumentRow) => (readers === null ? { title } : {});

/** Notes what was done to a document. */
export const recordDocument = (
  unit: UnitOfWork,
  action: string,
  document: DocumentRow,
  data: Record<string, unknown>,
): void => unit.record({ action, type: 'Document', id: document.id, workspaceId: document.workspaceId, data });

const refuse = (issues: readonly InputIssue[]): void => {
  if (issues.length > 0) throw new BadUserInput(issues);
};

/** `text/html` of `text/html; charset=utf-8`. */
const bareType = (mimeType: string | null | undefined): string =>
  (mimeType ?? 'text/plain').split(';', 1)[0]?.trim().toLowerCase() ?? 'text/plain';

const newDocumentIssues = (input: AddDocumentInput): InputIssue[] => {
  const given = [input.text, input.fileId].filter((source) => source !== null && source !== undefined);
  return [
    ...issuesOf('title', input.title, 500),
    ...textIssues(input.text ?? undefined),
    ...issuesOf('sourceUri', input.sourceUri ?? undefined, 2000),
    ...(input.text === null || input.text === undefined ? [] : mimeTypeIssues(input.mimeType ?? undefined)),
    ...(given.length === 1 ? [] : [{ field: 'text', message: 'Give exactly one of text and fileId.' }]),
  ];
};
