import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction, UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import type { AddDocumentInput, UpdateDocumentInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import type { Services } from '../services.ts';
import { workspaces } from '../tenancy/tables.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { datasources } from './datasource-tables.ts';
import { documentFields } from './loaders.ts';
import { documents, files, type DocumentRow, type FileRow } from './tables.ts';
import { issuesOf, mimeTypeIssues, textIssues } from './validation.ts';
import { newId } from '../../ids.ts';

/** The job that reads a document; `jobs.ts` handles it. */
export const ingestKind = 'content.ingest-document';

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
    const file = typeof input.fileId === 'string' ? await shareFile(transaction, input.fileId, workspaceId) : null;
    const id = newId();
    const datasourceId = input.datasourceId ?? null;
    if (datasourceId !== null) await requireManual(transaction, datasourceId, workspaceId);
    const row = {
      organizationId: transaction.organizationId,
      id,
      workspaceId,
      datasourceId,
      // What is put in by hand is called by its own id.
      externalId: datasourceId === null ? null : id,
      title: input.title.trim(),
      sourceUri: input.sourceUri ?? null,
      mimeType: file?.mimeType ?? bareType(input.mimeType),
      fileId: file?.id ?? null,
      text: input.text ?? null,
      addedById: viewer.userId,
    };
    const document = sole(await database.insert(documents).values(row).returning(documentFields));
    await enqueueIngestion(unit, services, document);
    record(unit, 'document.added', document, { title: document.title });
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
    await enqueueIngestion(unit, services, document);
    record(unit, 'document.updated', document, { fields: Object.keys(input).filter((field) => field !== 'id') });
    return document;
  });
};

/** Deletes a document with its chunks. Throws Conflict (archived), NotFound, Forbidden (needs EDITOR). */
export const deleteDocument = (context: Context, id: string): Promise<string> =>
  context.unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    await database.delete(documents).where(is(transaction, id));
    record(context.unit, 'document.deleted', current, { title: current.title });
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
    record(context.unit, 'document.reprocessed', document, {});
    return document;
  });

const waiting = { status: 'PENDING', failure: null } as const;

const is = ({ organizationId }: Transaction, id: string) =>
  and(eq(documents.organizationId, organizationId), eq(documents.id, id));

const lockedDocument = async (context: Context, transaction: Transaction, id: string): Promise<DocumentRow> => {
  const [current] = await database.select(documentFields).from(documents).where(is(transaction, id)).for('update');
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
  sole(await database.update(documents).set(changes).where(is(transaction, id)).returning(documentFields));

const requireWorkspace = async ({ organizationId }: Transaction, id: string): Promise<void> => {
  const [seen] = await database
    .select({ id: workspaces.id })
    .from(workspaces)
    .where(and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, id)))
    .for('key share');
  if (seen === undefined) throw new NotFound('Workspace', id);
};

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

/** A file that a workspace's document is made from can be seen by all who see the workspace. */
const shareFile = async ({ organizationId }: Transaction, id: string, workspaceId: string): Promise<FileRow> => {
  const isFile = and(eq(files.organizationId, organizationId), eq(files.id, id));
  const [file] = await database.select().from(files).where(isFile).for('update');
  if (file === undefined) throw new NotFound('File', id);
  if (file.status !== 'STORED') throw new Conflict('fileId', 'The bytes of this file have not arrived yet.');
  if (!file.readers.includes(workspaceId))
    await database
      .update(files)
      .set({ readers: sql`array_append(${files.readers}, ${workspaceId}::uuid)` })
      .where(isFile);
  return file;
};

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

const record = (unit: UnitOfWork, action: string, document: DocumentRow, data: Record<string, unknown>): void =>
  unit.record({ action, type: 'Document', id: document.id, workspaceId: document.workspaceId, data });

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
