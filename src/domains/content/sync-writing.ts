import { sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { newId } from '../../ids.ts';
import type { Work } from '../services.ts';
import { announceChange } from './announcing.ts';
import type { SourceItem, SourceVersion } from './connectors/connector.ts';
import { enqueueIngestion, isDocument, recordOn } from './document-changes.ts';
import { renewFileReaders } from './file-readers.ts';
import { documentFields } from './loaders.ts';
import { forgetFailures, noteFailure } from './sync-failures.ts';
import { line, type Fetched, type Outcome } from './sync-fetching.ts';
import { place } from './stored-bytes.ts';
import type { Begun } from './sync-source.ts';
import { documents, files, type DocumentRow } from './tables.ts';
import { keepVersion } from './versions.ts';

/** What is written for one batch of a run, and counted. */
export interface Writing {
  readonly work: Work;
  readonly transaction: Transaction;
  readonly begun: Begun;
  readonly counts: { added: number; updated: number; unchanged: number; failed: number; outstanding: number };
}

/** Writes down what came of one thing, whose document is locked where there is one, in the running transaction. */
export const writeOutcome = async (
  writing: Writing,
  outcome: Outcome,
  current: DocumentRow | undefined,
): Promise<void> => {
  const { begun, counts } = writing;
  const { organizationId, workspaceId, datasourceId } = begun.queue;
  const source = datasourceId === null ? null : { organizationId, workspaceId, datasourceId };
  const { item } = outcome;
  switch (outcome.kind) {
    case 'FAILED':
      counts.failed++;
      if (source !== null) await noteFailure(source, { ...shown(item), externalId: item.id, reason: outcome.reason });
      return markSeen(begun, current, null);
    case 'GONE':
      // A complete run removes its document as it does what it does not see.
      return source === null ? undefined : forgetFailures(source, [item.id]);
    case 'SAME':
      counts.unchanged++;
      if (source !== null && current?.status !== 'FAILED') await forgetFailures(source, [item.id]);
      return markSeen(begun, current, outcome.version);
    case 'CONTENT':
      counts.outstanding++;
      if (current === undefined) {
        counts.added++;
        return add(writing, outcome);
      }
      counts.updated++;
      return replace(writing, outcome, current);
  }
};

const markSeen = async (
  { execution }: Begun,
  current: DocumentRow | undefined,
  sourceVersion: SourceVersion | null,
): Promise<void> => {
  if (current === undefined) return;
  const version = sourceVersion === null ? {} : { sourceVersion: { ...sourceVersion } };
  await database
    .update(documents)
    .set({ seenInId: execution.id, ...version })
    .where(isDocument(execution, current.id));
};

type Content = Extract<Outcome, { kind: 'CONTENT' }>;

/** What people see of a thing, within the bounds of the columns. */
const shown = ({ title, uri }: Pick<SourceItem, 'title' | 'uri'>) => ({
  title: title === null ? null : line(title, 500),
  sourceUri: uri === null || uri.length > 2000 || uri.includes('\0') ? null : uri,
});

const storedFile = async (
  { services }: Work,
  organizationId: string,
  workspaceId: string,
  content: Fetched,
): Promise<string> => {
  const { name, mimeType, size, sha256 } = content;
  await place(services.store, organizationId, content);
  // Who sees the workspace sees what its documents are made from.
  const readers = [workspaceId, organizationId];
  const row = { organizationId, readers, name, mimeType, size, sha256, status: 'STORED' as const };
  return sole(await database.insert(files).values(row).returning({ id: files.id })).id;
};

/** What a document keeps of where its content comes from. */
const origin = ({ execution }: Begun, { content, version }: Content) => ({
  sourceHash: content.sha256,
  sourceVersion: version === null ? null : { ...version },
  seenInId: execution.id,
});

const add = async ({ work, begun }: Writing, outcome: Content): Promise<void> => {
  const { unit, services } = work;
  const { organizationId, workspaceId, datasourceId } = begun.queue;
  const { item, content } = outcome;
  const { sourceUri } = shown(item);
  const title = shown({ title: content.title, uri: null }).title ?? sourceUri?.slice(0, 500) ?? item.id.slice(0, 500);
  const fileId = await storedFile(work, organizationId, workspaceId, content);
  const row = { organizationId, id: newId(), workspaceId, datasourceId, externalId: item.id, title, sourceUri, fileId };
  const values = { ...row, mimeType: content.mimeType, ...origin(begun, outcome) };
  const document = sole(await database.insert(documents).values(values).returning(documentFields));
  await enqueueIngestion(unit, services, document, begun.execution.id);
  recordOn(unit, 'document.added', document, { title, executionId: begun.execution.id });
  announceChange(unit, services.bus, document);
};

/** Gives a document its new content, in place: it keeps its id, tags and readers, and its title unless the source has changed that. */
const replace = async (
  { work, transaction, begun }: Writing,
  outcome: Content,
  current: DocumentRow,
): Promise<void> => {
  const { unit, services } = work;
  const { organizationId, id, workspaceId } = current;
  const { item, content } = outcome;
  const named = begun.queue.datasourceId === null ? null : shown({ title: content.title, uri: null }).title;
  const title = named ?? current.title;
  await keepVersion(transaction, current);
  const fileId = await storedFile(work, organizationId, workspaceId, content);
  const document = sole(
    await database
      .update(documents)
      .set({
        title,
        // The title is part of what is indexed of each chunk: none of them can stay as it is.
        ...(title !== current.title && { language: null }),
        sourceUri: shown(item).sourceUri ?? current.sourceUri,
        mimeType: content.mimeType,
        fileId,
        text: null,
        contentHash: null,
        version: current.version + 1,
        status: 'PENDING',
        failure: null,
        ...origin(begun, outcome),
        // The trigger that keeps the time leaves alone what a run marks as seen.
        updatedAt: sql`now()`,
      })
      .where(isDocument(transaction, id))
      .returning(documentFields),
  );
  await enqueueIngestion(unit, services, document, begun.execution.id);
  // Its readers may be fewer than those who see the workspace.
  await renewFileReaders(unit, [fileId]);
  recordOn(unit, 'document.updated', document, { fields: ['text'], executionId: begun.execution.id });
  announceChange(unit, services.bus, document);
};
