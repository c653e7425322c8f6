import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { AddDocumentInput, UpdateDocumentInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { workspaces } from '../tenancy/tables.ts';
import { announceChange, announceRemoval } from './announcing.ts';
import { datasources } from './datasource-tables.ts';
import { changed, enqueueIngestion, isDocument, lockedDocument, recordOn, waiting } from './document-changes.ts';
import { filesOfDocument, lockedFile, renewFileReaders } from './file-readers.ts';
import { labelIssues, metadataOf, tagsOf } from './labels.ts';
import { documentFields } from './loaders.ts';
import { readersFor } from './readers.ts';
import { documents, type DocumentRow } from './tables.ts';
import { issuesOf, mimeTypeIssues, textIssues } from './validation.ts';
import { keepVersion } from './versions.ts';

/**
 * Brings a document into a workspace, to be read in the background, by the permission named. Throws BadUserInput, NotFound (workspace,
 * file or datasource), Forbidden (needs EDITOR), Conflict (the file's bytes have not arrived, the datasource is not MANUAL, the workspace is archived).
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
    const id = newId();
    const datasourceId = input.datasourceId ?? null;
    if (datasourceId !== null) await requireManual(transaction, datasourceId, workspaceId);
    const row = {
      organizationId: transaction.organizationId,
      id,
      workspaceId,
      readers,
      datasourceId,
      // What is put in by hand is called by its own id.
      externalId: datasourceId === null ? null : id,
      title: input.title.trim(),
      sourceUri: input.sourceUri ?? null,
      mimeType: file?.mimeType ?? bareType(input.mimeType),
      fileId: file?.id ?? null,
      text: input.text ?? null,
      addedById: viewer.userId,
      tags: tagsOf(input.tags ?? []),
      metadata: metadataOf(input.metadata),
    };
    const document = sole(await database.insert(documents).values(row).returning(documentFields));
    await renewFileReaders(unit, [document.fileId]);
    await enqueueIngestion(unit, services, document);
    recordOn(unit, 'document.added', document, titleOf(document));
    announceChange(unit, services.bus, document);
    return document;
  });
};

/**
 * Changes a title, text, tags or metadata. A new text is a new version, and the one before is kept; a new text or title is read in the
 * background. Throws BadUserInput, Conflict (archived), NotFound, Forbidden (needs EDITOR).
 */
export const updateDocument = (context: Context, input: UpdateDocumentInput): Promise<DocumentRow> => {
  const { tags, metadata } = input;
  const title = input.title ?? undefined;
  const text = input.text ?? undefined;
  refuse([...issuesOf('title', title, 500), ...textIssues(text), ...labelIssues({ tags, metadata })]);
  const { unit, services } = context;
  return unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, input.id);
    const changes = {
      // The title is part of what is indexed of each chunk: none of them can stay as it is.
      ...(title !== undefined && { ...waiting, title: title.trim(), language: null }),
      ...(text !== undefined && { ...waiting, text, contentHash: null, fileId: null, version: current.version + 1 }),
      ...(text !== undefined && current.fileId !== null && { mimeType: 'text/plain' }),
      ...(tags !== undefined && { tags: tagsOf(tags ?? []) }),
      ...(metadata !== undefined && { metadata: metadataOf(metadata) }),
    };
    const fields = Object.keys(input).filter((field) => field !== 'id' && field !== 'wait');
    if (Object.keys(changes).length === 0) return current;
    if (text !== undefined) await keepVersion(transaction, current);
    const event = { action: 'document.updated', data: { fields } };
    const document = await changed(context, transaction, current.id, changes, event);
    if (document.fileId !== current.fileId) await renewFileReaders(unit, [current.fileId]);
    if ('status' in changes) await enqueueIngestion(unit, services, document);
    return document;
  });
};

/** Deletes a document with its chunks and versions. Throws Conflict (archived), NotFound, Forbidden (needs EDITOR). */
export const deleteDocument = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async (transaction) => {
    const { unit, services } = context;
    const current = await lockedDocument(context, transaction, id);
    const fileIds = await filesOfDocument(transaction.organizationId, id);
    await database.delete(documents).where(isDocument(transaction, id));
    await renewFileReaders(unit, fileIds);
    recordOn(unit, 'document.deleted', current, titleOf(current));
    announceRemoval(unit, services.bus, current);
    return id;
  });

/** Has a failed document read once more. Throws NotFound, Forbidden (needs EDITOR), Conflict (it has not failed, archived). */
export const reprocessDocument = (context: Context, id: string): Promise<DocumentRow> =>
  context.unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    if (current.status !== 'FAILED')
      throw new Conflict('status', 'Only a FAILED document can be read again.', { status: current.status });
    const document = await changed(context, transaction, id, waiting, { action: 'document.reprocessed' });
    await enqueueIngestion(context.unit, context.services, document);
    return document;
  });

/** Throws NotFound for a workspace that the viewer does not see; it stays until the transaction ends. */
export const requireWorkspace = async ({ organizationId }: Transaction, id: string): Promise<void> => {
  const [seen] = await database
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, id)))
    .for('key share');
  if (seen === undefined) throw new NotFound('Workspace', id);
};

/** The log is for all who see the workspace: it does not name what is narrowed. */
const titleOf = ({ title, readers }: DocumentRow) => (readers === null ? { title } : {});

/** Others remove what their next run does not find. */
const requireManual = async ({ organizationId }: Transaction, id: string, workspaceId: string): Promise<void> => {
  const [source] = await database
    .select({ kind: datasources.kind })
    .from(datasources)
    .where(
      and(
        eq(datasources.organizationId, organizationId),
        eq(datasources.id, id),
        eq(datasources.workspaceId, workspaceId),
      ),
    )
    .for('key share');
  if (source === undefined) throw new NotFound('Datasource', id);
  if (source.kind !== 'MANUAL')
    throw new Conflict('datasourceId', 'Documents are put into MANUAL datasources alone; others fetch theirs.');
};

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
    ...labelIssues(input),
    ...(given.length === 1 ? [] : [{ field: 'text', message: 'Give exactly one of text and fileId.' }]),
  ];
};
