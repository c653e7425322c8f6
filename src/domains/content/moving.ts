import { and, eq, getTableColumns, inArray, is, sql, SQL } from 'drizzle-orm';
import type { PgColumn, PgTable } from 'drizzle-orm/pg-core';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import { newId } from '../../ids.ts';
import type { VectorIndex } from '../../search/tables.ts';
import { viewerOf, type Context } from '../context.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { workspaces } from '../tenancy/tables.ts';
import { announceChange, announceRemoval } from './announcing.ts';
import { changed, enqueueIngestion, lockedDocument, recordOn, waiting } from './document-changes.ts';
import { filesOfDocument, renewFileReaders } from './file-readers.ts';
import { documentFields } from './loaders.ts';
import { requireWorkspace } from './operations.ts';
import { chunkEmbeddings, documentChunks, documents, type DocumentRow } from './tables.ts';
import { issuesOf } from './validation.ts';

/**
 * Moves a document to another workspace of the organization, with its passages, vectors, versions, tags, metadata and pin, and who may
 * read it. It is read anew only where the other workspace analyses texts otherwise. Moving it to where it is changes nothing.
 * Throws NotFound (document or workspace), Forbidden (needs EDITOR in both), Conflict (synced from a datasource, one of the two is archived).
 */
export const moveDocument = (
  context: Context,
  { id, workspaceId }: { readonly id: string; readonly workspaceId: string },
): Promise<DocumentRow> => {
  const { unit, services } = context;
  return unit.transact(async (transaction) => {
    const current = await lockedDocument(context, transaction, id);
    const target = await targetOf(context, transaction, current, workspaceId);
    if (current.workspaceId === workspaceId) return current;
    if (current.datasourceId !== null)
      throw new Conflict(
        'id',
        'This document is synced from a datasource and stays in its workspace. Copy it instead.',
      );
    const anew = current.status === 'READY' && !target.reusable;
    const changes = {
      workspaceId,
      readers: readersIn(current, workspaceId),
      ...(anew && { ...waiting, language: null }),
    };
    const event = { action: 'document.moved', data: { from: current.workspaceId } };
    const moved = await changed(context, transaction, id, changes, event);
    announceRemoval(unit, services.bus, current);
    await indexBy(transaction, id, target.indexedBy);
    await renewFileReaders(unit, await filesOfDocument(transaction.organizationId, id));
    if (anew) await enqueueIngestion(unit, services, moved);
    return moved;
  });
};

/**
 * Copies a document into a workspace of the organization, its own as well, with tags, metadata and who may read it, unpinned and on its own:
 * a copy of a synced document is not synced. Passages and vectors are copied where they would come out the same; otherwise the copy is read.
 * Throws BadUserInput (title), NotFound (document or workspace), Forbidden (needs EDITOR in both), Conflict (one of the two is archived).
 */
export const copyDocument = (
  context: Context,
  input: { readonly id: string; readonly workspaceId: string; readonly title?: string | null | undefined },
): Promise<DocumentRow> => {
  const issues = issuesOf('title', input.title ?? undefined, 500);
  if (issues.length > 0) throw new BadUserInput(issues);
  const { unit, services } = context;
  return unit.transact(async (transaction) => {
    const original = await lockedDocument(context, transaction, input.id);
    const target = await targetOf(context, transaction, original, input.workspaceId);
    const title = input.title?.trim() ?? original.title;
    // The title is part of what is indexed of each chunk.
    const reused = original.status === 'READY' && target.reusable && title === original.title;
    const values = {
      id: newId(),
      workspaceId: input.workspaceId,
      readers: readersIn(original, input.workspaceId),
      title,
      version: 1,
      pinned: false,
      addedById: viewerOf(context).userId,
      datasourceId: null,
      externalId: null,
      sourceHash: null,
      sourceVersion: null,
      seenInId: null,
      ...(!reused && {
        ...waiting,
        language: null,
        chunkCount: 0,
        termCount: 0,
        tokenCount: 0,
        processedAt: null,
      }),
    };
    await copyRows(documents, values, eq(documents.id, original.id), transaction);
    if (reused) await copyChunks(transaction, original.id, { ...values, indexedBy: target.indexedBy });
    const isCopy = and(eq(documents.organizationId, transaction.organizationId), eq(documents.id, values.id));
    const copy = sole(await database.select(documentFields).from(documents).where(isCopy));
    if (!reused) await enqueueIngestion(unit, services, copy);
    await renewFileReaders(unit, [copy.fileId]);
    recordOn(unit, 'document.copied', copy, { from: original.id });
    announceChange(unit, services.bus, copy);
    return copy;
  });
};

interface Target {
  /** Whether terms and vectors of the document are what the workspace would make of it. */
  readonly reusable: boolean;
  readonly indexedBy: VectorIndex;
}

const targetOf = async (
  context: Context,
  transaction: Transaction,
  document: DocumentRow,
  workspaceId: string,
): Promise<Target> => {
  await requireWorkspace(transaction, workspaceId);
  const viewer = viewerOf(context);
  requirePermission(viewer, 'DOCUMENT_WRITE', workspaceId);
  requireActive(viewer, workspaceId);
  const ofTenant = eq(workspaces.organizationId, transaction.organizationId);
  const places = await database
    .select({
      id: workspaces.id,
      language: workspaces.language,
      vectorSearchMode: workspaces.vectorSearchMode,
      model: workspaces.embeddingModelId,
      nextModel: workspaces.nextEmbeddingModelId,
    })
    .from(workspaces)
    .where(and(ofTenant, inArray(workspaces.id, [document.workspaceId, workspaceId])));
  const [from, to] = [document.workspaceId, workspaceId].map((id) => places.find((place) => place.id === id));
  if (from === undefined || to === undefined) throw new Error('A workspace that was seen is gone.');
  // While a workspace changes its model, what comes in needs vectors of both.
  const sameModel = from.model === to.model && (to.nextModel === null || from.id === to.id);
  return {
    reusable: document.language === to.language && sameModel,
    indexedBy: to.vectorSearchMode === 'IVFFLAT' ? 'IVFFLAT' : 'HNSW',
  };
};

/** Whoever was named is named still: fewer may see the document than before where they do not see the workspace, never more. */
const readersIn = ({ readers, workspaceId: from }: DocumentRow, workspaceId: string): string[] | null =>
  readers?.map((reader) => (reader === from ? workspaceId : reader)) ?? null;

const indexBy = async ({ organizationId }: Transaction, documentId: string, indexedBy: VectorIndex): Promise<void> => {
  const ofDocument = database
    .select({ id: documentChunks.id })
    .from(documentChunks)
    .where(and(eq(documentChunks.organizationId, organizationId), eq(documentChunks.documentId, documentId)));
  await database
    .update(chunkEmbeddings)
    .set({ indexedBy })
    .where(
      and(
        eq(chunkEmbeddings.organizationId, organizationId),
        inArray(chunkEmbeddings.chunkId, ofDocument),
        sql`${chunkEmbeddings.indexedBy} <> ${indexedBy}`,
      ),
    );
};

interface Place {
  readonly id: string;
  readonly workspaceId: string;
  readonly readers: string[] | null;
  readonly indexedBy: VectorIndex;
}

const copyChunks = async (transaction: Transaction, documentId: string, copy: Place): Promise<void> => {
  const { workspaceId, readers, indexedBy } = copy;
  const ofDocument = and(
    eq(documentChunks.organizationId, transaction.organizationId),
    eq(documentChunks.documentId, documentId),
  );
  const chunks = await database.select({ id: documentChunks.id }).from(documentChunks).where(ofDocument);
  if (chunks.length === 0) return;
  const old = sql`${sql.param(chunks.map(({ id }) => id))}::uuid[]`;
  const made = sql`${sql.param(chunks.map(() => newId()))}::uuid[]`;
  const pairs = sql`unnest(${old}, ${made}) as pair (old, made)`;
  const place = { workspaceId, readers };
  const chunk = { ...place, id: sql`pair.made`, documentId: copy.id };
  await copyRows(documentChunks, chunk, sql`${documentChunks.id} = pair.old`, transaction, pairs);
  const embedding = { ...place, indexedBy, chunkId: sql`pair.made` };
  await copyRows(chunkEmbeddings, embedding, sql`${chunkEmbeddings.chunkId} = pair.old`, transaction, pairs);
};

/** Copies rows inside the database, all their columns but those given. */
const copyRows = async (
  table: PgTable & { readonly organizationId: PgColumn },
  values: Readonly<Record<string, unknown>>,
  which: SQL,
  { organizationId }: Transaction,
  pairs?: SQL,
): Promise<void> => {
  const given: Readonly<Record<string, unknown>> = { createdAt: sql`now()`, updatedAt: sql`now()`, ...values };
  const columns = Object.entries(getTableColumns(table)).map(([name, column]): [string, SQL | PgColumn] => {
    const value = given[name];
    if (value === undefined) return [name, column];
    // Without its type a value that stands alone in a select would be text.
    return [name, is(value, SQL) ? value : sql`${sql.param(value)}::${sql.raw(column.getSQLType())}`];
  });
  const rows = database.select(Object.fromEntries(columns)).from(table);
  const paired = pairs === undefined ? rows : rows.innerJoin(pairs, sql`true`);
  await database.insert(table).select(paired.where(and(eq(table.organizationId, organizationId), which)));
};
