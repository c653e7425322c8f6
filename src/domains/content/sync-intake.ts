import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { Transaction } from '../../database/unit-of-work.ts';
import { newId } from '../../ids.ts';
import type { Work } from '../services.ts';
import { SourceFailure, type SourceItem, type SourceVersion } from './connectors/connector.ts';
import { documentFields } from './loaders.ts';
import { enqueueIngestion } from './operations.ts';
import { isExecution, lockOpen } from './sync-ending.ts';
import { announce } from './sync-events.ts';
import { failedSince, forgetFailures, noteFailure } from './sync-failures.ts';
import { fetchItems, type Fetched, type Known, type Outcome } from './sync-fetching.ts';
import { RunEnded, type Begun } from './sync-source.ts';
import { syncExecutions } from './sync-tables.ts';
import { documents, files, type DocumentRow } from './tables.ts';
import { keepVersion } from './versions.ts';

/** How far a run has read its source: what a run keeps as its position. */
export interface Position extends Record<string, unknown> {
  /** Where the connector goes on; absent at the start. */
  readonly from?: Readonly<Record<string, unknown>>;
  /** Everything has been read. */
  readonly end?: true;
}

export interface Intake {
  /** Things it may take in yet; no bound when absent. */
  readonly limit?: number;
  /** How far the run is once these are taken in. */
  readonly position?: Position;
  /** What could not be read before is fetched and read once more, though it is the same. */
  readonly again?: true;
}

/**
 * Fetches some things and takes them in, all in one transaction with the run's counts and position; those that the run has taken in already are
 * left out. Gives how many it took in, and whether the limit left some out, in which case the position stays. Throws SourceFailure when the
 * source as a whole refuses, and RunEnded.
 */
export const takeInItems = async (
  work: Work,
  begun: Begun,
  items: readonly SourceItem[],
  { limit = items.length, position, again }: Intake,
): Promise<{ readonly taken: number; readonly leftOut: boolean }> => {
  const known = await knownOf(work, begun, items);
  const fresh = unique(items).filter((item) => !known.done.has(item.id));
  const chosen = fresh.slice(0, limit);
  const leftOut = chosen.length < fresh.length;
  const knownOfItem = (item: SourceItem) => known.documents.get(keyOf(begun, item));
  const { outcomes, stop } = await fetchItems(work, begun, chosen, knownOfItem, again === true);
  const watched = begun.queue.datasourceId === null ? outcomes[0] : undefined;
  if (watched?.kind === 'FAILED') throw new SourceFailure('UNAVAILABLE', watched.reason);
  if (watched?.kind === 'GONE') throw new SourceFailure('NOT_FOUND', 'The page is no longer there.');
  await write(work, begun, outcomes, leftOut || stop !== null ? undefined : position);
  if (stop !== null) throw stop;
  return { taken: outcomes.length, leftOut };
};

/** The same thing may be listed twice. */
const unique = (items: readonly SourceItem[]): SourceItem[] => [
  ...new Map(items.map((item) => [item.id, item])).values(),
];

/** What documents are found by: their name in the datasource, or the one that is watched by its id. */
const keyOf = ({ queue }: Begun, { id }: SourceItem): string => queue.documentId ?? id;

const ofItems = ({ queue }: Begun, items: readonly SourceItem[]) =>
  queue.datasourceId === null
    ? eq(documents.id, queue.documentId ?? '')
    : and(
        eq(documents.datasourceId, queue.datasourceId),
        inArray(
          documents.externalId,
          items.map(({ id }) => id),
        ),
      );

interface KnownDocument extends Known {
  readonly id: string;
}

/** What is known of things, and which of them the run has taken in already. */
const knownOf = async ({ unit }: Work, begun: Begun, items: readonly SourceItem[]) => {
  const { organizationId } = unit;
  const { execution, queue } = begun;
  const none = { documents: new Map<string, KnownDocument>(), done: new Set<string>() };
  if (items.length === 0) return none;
  const rows = await unit.run(() =>
    database
      .select({
        id: documents.id,
        externalId: documents.externalId,
        sourceHash: documents.sourceHash,
        sourceVersion: documents.sourceVersion,
        status: documents.status,
        seenInId: documents.seenInId,
      })
      .from(documents)
      .where(and(eq(documents.organizationId, organizationId), ofItems(begun, items))),
  );
  const { datasourceId } = queue;
  const failed =
    datasourceId === null || execution.trigger === 'RETRY'
      ? new Set<string>()
      : await unit.run(() =>
          failedSince(
            { organizationId, datasourceId },
            items.map(({ id }) => id),
            execution.startedAt ?? '',
          ),
        );
  await unit.rest();
  const seen = rows.filter(({ seenInId }) => seenInId === execution.id).map(({ externalId, id }) => externalId ?? id);
  const byKey = rows.map((row): [string, KnownDocument] => [
    row.externalId ?? row.id,
    { ...row, sound: row.status !== 'FAILED' },
  ]);
  return { documents: new Map(byKey), done: new Set([...seen, ...failed]) };
};

/** Writes down what came of things. */
const write = ({ unit, services }: Work, begun: Begun, outcomes: readonly Outcome[], position?: Position) =>
  unit.transact(async (transaction) => {
    const { organizationId } = transaction;
    const { queue, execution } = begun;
    const items = outcomes.map(({ item }) => item);
    const locked =
      items.length === 0
        ? []
        : await database
            .select(documentFields)
            .from(documents)
            .where(and(eq(documents.organizationId, organizationId), ofItems(begun, items)))
            .orderBy(documents.id)
            .for('update');
    if ((await lockOpen(organizationId, execution.id)) === null) throw new RunEnded();
    const current = new Map(locked.map((row) => [queue.documentId ?? row.externalId ?? '', row]));
    const counts = { added: 0, updated: 0, unchanged: 0, failed: 0, outstanding: 0 };
    const writing = { work: { unit, services }, transaction, begun, counts };
    for (const outcome of outcomes) await writeOutcome(writing, outcome, current.get(keyOf(begun, outcome.item)));
    const add = (name: keyof typeof counts) => sql`${syncExecutions[name]} + ${counts[name]}`;
    await database
      .update(syncExecutions)
      .set({
        found: sql`${syncExecutions.found} + ${outcomes.filter(({ kind }) => kind !== 'GONE').length}`,
        added: add('added'),
        updated: add('updated'),
        unchanged: add('unchanged'),
        failed: add('failed'),
        outstanding: add('outstanding'),
        ...(position !== undefined && { position }),
      })
      .where(isExecution(organizationId, execution.id));
    announce(unit, services, queue);
  });

interface Writing {
  readonly work: Work;
  readonly transaction: Transaction;
  readonly begun: Begun;
  readonly counts: { added: number; updated: number; unchanged: number; failed: number; outstanding: number };
}

const writeOutcome = async (writing: Writing, outcome: Outcome, current: DocumentRow | undefined): Promise<void> => {
  const { begun, counts } = writing;
  const { organizationId, workspaceId, datasourceId } = begun.queue;
  const place = datasourceId === null ? null : { organizationId, workspaceId, datasourceId };
  const { item } = outcome;
  switch (outcome.kind) {
    case 'FAILED':
      counts.failed++;
      if (place !== null) await noteFailure(place, { ...shown(item), externalId: item.id, reason: outcome.reason });
      return markSeen(begun, current, null);
    case 'GONE':
      // A complete run removes its document as it does what it does not see.
      return place === null ? undefined : forgetFailures(place, [item.id]);
    case 'SAME':
      counts.unchanged++;
      if (place !== null && current?.status !== 'FAILED') await forgetFailures(place, [item.id]);
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

const isDocument = (organizationId: string, id: string) =>
  and(eq(documents.organizationId, organizationId), eq(documents.id, id));

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
    .where(isDocument(execution.organizationId, current.id));
};

type Content = Extract<Outcome, { kind: 'CONTENT' }>;

/** What people see of a thing, within the bounds of the columns. */
const shown = ({ title, uri }: Pick<SourceItem, 'title' | 'uri'>) => ({
  title: title === null ? null : line(title, 500),
  sourceUri: uri === null || uri.length > 2000 || uri.includes('\0') ? null : uri,
});

/** A line of at most so many UTF-16 code units, without halving a character. */
const line = (text: string, max: number): string | null =>
  text
    .replaceAll('\0', '')
    .trim()
    .slice(0, max)
    .toWellFormed()
    .replace(/\uFFFD$/, '') || null;

const storedFile = async (organizationId: string, workspaceId: string, content: Fetched): Promise<string> => {
  const { name, mimeType, size, sha256 } = content;
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
  const fileId = await storedFile(organizationId, workspaceId, content);
  const row = { organizationId, id: newId(), workspaceId, datasourceId, externalId: item.id, title, sourceUri, fileId };
  const values = { ...row, mimeType: content.mimeType, ...origin(begun, outcome) };
  const document = sole(await database.insert(documents).values(values).returning(documentFields));
  await enqueueIngestion(unit, services, document, begun.execution.id);
  unit.record({
    action: 'document.added',
    type: 'Document',
    id: document.id,
    workspaceId,
    data: { title, executionId: begun.execution.id },
  });
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
  const fileId = await storedFile(organizationId, workspaceId, content);
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
      .where(isDocument(organizationId, id))
      .returning(documentFields),
  );
  await enqueueIngestion(unit, services, document, begun.execution.id);
  unit.record({
    action: 'document.updated',
    type: 'Document',
    id,
    workspaceId,
    data: { fields: ['text'], executionId: begun.execution.id },
  });
};
