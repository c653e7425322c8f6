import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Work } from '../services.ts';
import { SourceFailure, type SourceItem } from './connectors/connector.ts';
import { documentFields } from './loaders.ts';
import { isExecution, lockOpen } from './sync-ending.ts';
import { announce } from './sync-events.ts';
import { failedSince } from './sync-failures.ts';
import { fetchItems, type Known, type Outcome } from './sync-fetching.ts';
import { RunEnded, type Begun } from './sync-source.ts';
import { syncExecutions, type SyncExecutionRow } from './sync-tables.ts';
import { writeOutcome, type Writing } from './sync-writing.ts';
import { documents } from './tables.ts';

/** How far a run has read its source: what a run keeps as its position. */
export type Position = NonNullable<SyncExecutionRow['position']>;

export interface Intake {
  /** Things that the run has taken in before; none when absent. */
  readonly found?: number;
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
  { found = 0, limit = items.length, position, again }: Intake,
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
  try {
    await write(work, begun, outcomes, found, leftOut || stop !== null ? undefined : position);
  } finally {
    for (const outcome of outcomes)
      if (outcome.kind === 'CONTENT') await work.services.store.remove(outcome.content.aside);
  }
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
const write = (
  { unit, services }: Work,
  begun: Begun,
  outcomes: readonly Outcome[],
  found: number,
  position?: Position,
) =>
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
    const open = await lockOpen(organizationId, execution.id);
    if (open === null) throw new RunEnded();
    // Whoever was taken for crashed and was not must not count anything twice.
    if (open.found !== found) throw new Error('Another process does this run.');
    const current = new Map(locked.map((row) => [queue.documentId ?? row.externalId ?? '', row]));
    const counts = { added: 0, updated: 0, unchanged: 0, failed: 0, outstanding: 0 };
    const writing: Writing = { work: { unit, services }, transaction, begun, counts };
    for (const outcome of outcomes) await writeOutcome(writing, outcome, current.get(keyOf(begun, outcome.item)));
    const add = (name: keyof typeof counts) => sql`${syncExecutions[name]} + ${counts[name]}`;
    await database
      .update(syncExecutions)
      .set({
        found: found + outcomes.length,
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
