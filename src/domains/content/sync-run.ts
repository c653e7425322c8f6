import { isDeepStrictEqual } from 'node:util';
import { and, asc, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { JobHandler } from '../../queue/queue.ts';
import type { Work } from '../services.ts';
import { announceRemoval } from './announcing.ts';
import { SourceFailure, type SourceItem } from './connectors/connector.ts';
import type { AnyConnector } from './connectors/registry.ts';
import { endRun, isExecution, isQueue, lockOpen, settle, type Ending } from './sync-ending.ts';
import { announce, cancelTopic, countsOf } from './sync-events.ts';
import { forgetFailures, forgetUnseen } from './sync-failures.ts';
import { takeInItems, type Position } from './sync-intake.ts';
import { connect, RunEnded, type Begun, type Claimed } from './sync-source.ts';
import { syncExecutions, syncFailures, syncQueues, type SyncExecutionRow } from './sync-tables.ts';
import { lookAgain, lookAt } from './sync-times.ts';
import { documents } from './tables.ts';

/** Things that one run looks at, at most. */
export const maxItems = 10_000;
/** Things fetched and taken in together: after a crash at most these are fetched once more. */
const batchSize = 20;
/** Documents removed in one transaction. */
const removalSize = 200;

/**
 * Brings a datasource or a watched document up to date. What is taken in is written down together with how far the run is, so that done
 * twice, or once more after a crash at any place, it comes to the same end.
 */
export const runSync: JobHandler<Work>['run'] = async (work, data, run) => {
  const executionId = String(data.executionId);
  const cancelled = listenForCancelling(work, executionId);
  const signal = AbortSignal.any([run.signal, cancelled.signal]);
  try {
    const claimed = await claim(work, executionId);
    if (claimed === null) return undefined;
    if (claimed.execution.fetchedAt !== null) return await complete(work, claimed, null);
    const begun = await connect(work, claimed, signal);
    if (begun.connector.kind !== 'MANUAL') await fetchAll(work, begun, data);
    return await complete(work, claimed, begun.connector);
  } catch (error) {
    if (run.signal.aborted) throw error;
    if (error instanceof RunEnded || cancelled.signal.aborted) return { status: 'CANCELLED' };
    if (!(error instanceof SourceFailure)) throw error;
    return await fail(work, executionId, {
      status: 'FAILED',
      failure: error.message,
      retryAfterSeconds: error.retryAfterSeconds,
      ...(error instanceof TooManyItems && { pardoned: true }),
    });
  } finally {
    await cancelled.stop();
  }
};

/** Ends a run whose job failed to its last try, or was cancelled. */
export const giveUpSync: JobHandler<Work>['giveUp'] = async (work, data, why) => {
  const failure = 'The run failed and was given up.';
  const ending: Ending = why === 'CANCELLED' ? { status: 'CANCELLED' } : { status: 'FAILED', failure };
  await fail(work, String(data.executionId), ending);
};

/** More is there than one run looks at. */
class TooManyItems extends SourceFailure {
  constructor() {
    const count = maxItems.toLocaleString('en');
    super('REFUSED', `There are more than ${count} things; the first ${count} were taken in, and nothing was removed.`);
  }
}

const listenForCancelling = ({ services: { bus } }: Work, executionId: string) => {
  const controller = new AbortController();
  const messages = bus.subscribe(cancelTopic(executionId));
  const listen = async (): Promise<void> => {
    const { done } = await messages.next();
    if (done !== true) controller.abort();
  };
  const listening = listen();
  return {
    signal: controller.signal,
    stop: async () => {
      await messages.return?.();
      await listening;
    },
  };
};

/** Marks the run as under way; null when it has ended. */
const claim = ({ unit, services }: Work, executionId: string): Promise<Claimed | null> =>
  unit.transact(async ({ organizationId }) => {
    if ((await lockOpen(organizationId, executionId)) === null) return null;
    const [execution] = await database
      .update(syncExecutions)
      .set({ status: 'RUNNING', startedAt: sql`coalesce(${syncExecutions.startedAt}, now())` })
      .where(isExecution(organizationId, executionId))
      .returning();
    if (execution === undefined) return null;
    const [queue] = await database.select().from(syncQueues).where(isQueue(organizationId, execution.queueId));
    if (queue === undefined) return null;
    await lookAt(queue.id, organizationId, lookAgain());
    announce(unit, services, queue);
    return { execution, queue };
  });

/** Fetches what the run is of and takes it in. Throws SourceFailure, RunEnded. */
const fetchAll = async (work: Work, begun: Begun, data: Readonly<Record<string, unknown>>): Promise<void> => {
  if (begun.queue.datasourceId === null) return fetchWatched(work, begun, begun.queue.documentId ?? '');
  if (typeof data.failureId === 'string') return fetchFailed(work, begun, data.failureId);
  return fetchPages(work, begun);
};

const fetchWatched = async (work: Work, begun: Begun, documentId: string): Promise<void> => {
  const { unit } = work;
  const isDocument = and(eq(documents.organizationId, unit.organizationId), eq(documents.id, documentId));
  const [found] = await unit.run(() =>
    database.select({ title: documents.title, uri: documents.sourceUri }).from(documents).where(isDocument),
  );
  await unit.rest();
  if (typeof found?.uri !== 'string') throw new SourceFailure('NOT_FOUND', 'The document has no address any more.');
  await takeInItems(work, begun, [{ id: found.uri, title: null, uri: found.uri, version: null }], {});
};

const fetchFailed = async (work: Work, begun: Begun, failureId: string): Promise<void> => {
  const { unit } = work;
  const isFailure = and(eq(syncFailures.organizationId, unit.organizationId), eq(syncFailures.id, failureId));
  const [failure] = await unit.run(() => database.select().from(syncFailures).where(isFailure));
  await unit.rest();
  // It succeeded meanwhile, or was taken off the list.
  if (failure === undefined) return;
  const { externalId, title, sourceUri } = failure;
  await takeInItems(work, begun, [{ id: externalId, title, uri: sourceUri, version: null }], { again: true });
};

/** Reads the source to its end, from where an earlier try of the run had come. */
const fetchPages = async (work: Work, begun: Begun): Promise<void> => {
  const { connector, source, execution } = begun;
  let position: Position | null = execution.position;
  let { found } = execution;
  while (position?.end !== true) {
    const from = position?.from ?? null;
    const { items, next } = await connector.list(source, from);
    source.signal.throwIfAborted();
    assertUsable(items);
    if (next !== null && isDeepStrictEqual(next, from))
      throw new SourceFailure('INVALID', 'The source goes round in circles.');
    const after: Position = next === null ? { end: true } : { from: next };
    const batches = Math.max(1, Math.ceil(items.length / batchSize));
    for (let at = 0; at < batches; at++) {
      const batch = items.slice(at * batchSize, (at + 1) * batchSize);
      const isLast = at === batches - 1;
      const { taken, leftOut } = await takeInItems(work, begun, batch, {
        found,
        limit: maxItems - found,
        ...(isLast && { position: after }),
      });
      found += taken;
      if (leftOut) throw new TooManyItems();
    }
    position = after;
  }
  if (found === 0) await refuseEmptiness(work, begun);
};

/** That everything is gone is more often a fault of the source than the truth, and removing it all would cost more to mend. */
const refuseEmptiness = async ({ unit }: Work, { queue, connector }: Begun): Promise<void> => {
  if (connector.keepsUnlisted === true) return;
  const ofSource = and(
    eq(documents.organizationId, unit.organizationId),
    eq(documents.datasourceId, queue.datasourceId ?? ''),
  );
  const [known] = await unit.run(() => database.select({ id: documents.id }).from(documents).where(ofSource).limit(1));
  await unit.rest();
  if (known !== undefined)
    throw new SourceFailure(
      'INVALID',
      'The source lists nothing any more. Its documents were kept; delete them if that is right.',
    );
};

const isAtEnd = ({ position }: SyncExecutionRow): boolean => position?.end === true;

const isUsable = ({ id }: SourceItem): boolean => id.length >= 1 && id.length <= 1000 && !id.includes('\0');

const assertUsable = (items: readonly SourceItem[]): void => {
  if (!items.every(isUsable))
    throw new SourceFailure('INVALID', 'The source names things in a way that cannot be kept.');
};

/** Removes what the connector no longer finds there, and ends the run unless documents of it are still to be read. */
const complete = async (
  work: Work,
  { execution, queue }: Claimed,
  connector: AnyConnector | null,
): Promise<Record<string, unknown>> => {
  const { unit, services } = work;
  const { organizationId, id: executionId } = execution;
  const { datasourceId } = queue;
  const isWhole = datasourceId !== null && execution.trigger !== 'RETRY';
  if (isWhole && connector !== null && connector.keepsUnlisted !== true)
    while ((await removeUnseen(work, execution, datasourceId)) === removalSize);
  return unit.transact(async () => {
    const locked = await lockOpen(organizationId, executionId);
    if (locked === null) throw new RunEnded();
    const fetchedAt = sql`coalesce(${syncExecutions.fetchedAt}, now())`;
    await database.update(syncExecutions).set({ fetchedAt }).where(isExecution(organizationId, executionId));
    if (isWhole && isAtEnd(locked)) await forgetUnseen({ organizationId, datasourceId }, locked.startedAt ?? '');
    announce(unit, services, queue);
    const { status, ...settled } = await settle(work, locked);
    return { status, ...countsOf(settled) };
  });
};

/** Removes some documents that the run, which saw everything, did not see; gives their number. */
const removeUnseen = (
  { unit, services }: Work,
  { organizationId, id: executionId }: SyncExecutionRow,
  datasourceId: string,
): Promise<number> =>
  unit.transact(async () => {
    const unseen = await database
      .select({ id: documents.id })
      .from(documents)
      .where(
        and(
          eq(documents.organizationId, organizationId),
          eq(documents.datasourceId, datasourceId),
          sql`${documents.seenInId} is distinct from ${executionId}`,
        ),
      )
      .orderBy(asc(documents.id))
      .limit(removalSize)
      .for('update');
    const execution = await lockOpen(organizationId, executionId);
    if (execution === null) throw new RunEnded();
    // Only a run that has read its source to the end knows what is not there; MANUAL ones read nothing.
    if (unseen.length === 0 || !isAtEnd(execution)) return 0;
    const gone = await database
      .delete(documents)
      .where(
        and(
          eq(documents.organizationId, organizationId),
          inArray(
            documents.id,
            unseen.map(({ id }) => id),
          ),
        ),
      )
      .returning({
        id: documents.id,
        title: documents.title,
        workspaceId: documents.workspaceId,
        readers: documents.readers,
        externalId: documents.externalId,
      });
    for (const document of gone) {
      const { id, title, workspaceId, readers } = document;
      // The log is for all who see the workspace: it does not name what is narrowed.
      const data = { ...(readers === null && { title }), executionId };
      unit.record({ action: 'document.deleted', type: 'Document', id, workspaceId, data });
      announceRemoval(unit, services.bus, document);
    }
    await forgetFailures(
      { organizationId, datasourceId },
      gone.flatMap(({ externalId }) => externalId ?? []),
    );
    const [counted] = await database
      .update(syncExecutions)
      .set({ removed: sql`${syncExecutions.removed} + ${gone.length}` })
      .where(isExecution(organizationId, executionId))
      .returning({ queueId: syncExecutions.queueId });
    if (counted !== undefined) announce(unit, services, { datasourceId });
    return gone.length;
  });

const fail = (work: Work, executionId: string, ending: Ending): Promise<Record<string, unknown>> =>
  work.unit.transact(async ({ organizationId }) => {
    const execution = await lockOpen(organizationId, executionId);
    if (execution === null) return { status: 'CANCELLED' };
    const { status, failure, ...ended } = await endRun(work, execution, ending);
    return { status, failure, ...countsOf(ended) };
  });
