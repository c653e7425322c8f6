import { setTimeout as pause } from 'node:timers/promises';
import { and, asc, desc, eq, gt, lt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { events, type EventRow } from '../../events/tables.ts';
import { firstIdAt } from '../../ids.ts';
import type { Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { digestOf, noDigest, sealedEntry } from './event-digests.ts';
import { eventSeals, type EventSealRow } from './event-tables.ts';

/** Entries that one seal stands for. */
export const sealSize = 500;

/** The database gives an entry that comes with an older id a new one; `app_date_event` in the migrations holds the same number. */
const oldestIdMs = 5 * 60_000;
const patienceMs = 60_000;
const lookMs = 250;

/**
 * Seals what can no longer be preceded in the log of every organization. An organization that fails is logged and tried again the next time; where
 * transactions of before do not end, all wait for the next time.
 */
export const sealAll = async ({ unit, services }: Work, signal: AbortSignal): Promise<void> => {
  const bound = await finalBound(unit.as(nowhere), signal);
  if (bound === null) return services.log.warn('The logs were not sealed: transactions of before have not ended.');
  for await (const { id } of organizationsWhere(services)) {
    if (signal.aborted) return;
    try {
      await sealUpTo(unitOf(services, id), bound, signal);
    } catch (error) {
      services.log.error({ err: error, organizationId: id }, 'The log could not be sealed.');
    }
  }
};

/**
 * An id below which no entry can come any more, in any organization: what was written before now has an end by then, and what is written later is
 * given a later id. Null when a transaction of before does not end in time.
 */
export const finalBound = async (unit: UnitOfWork, signal: AbortSignal): Promise<string | null> => {
  // The time of the transaction's beginning: what was written before it has an earlier number.
  const { at, number } = sole(
    await unit.transact(() =>
      database.execute<{ at: string; number: string }>(
        sql`select (extract(epoch from now()) * 1000)::bigint::text as at, pg_current_xact_id()::text as number`,
      ),
    ),
  );
  const deadline = Date.now() + patienceMs;
  while (!(await haveEnded(unit, number))) {
    if (Date.now() > deadline || signal.aborted) return null;
    await pause(lookMs);
  }
  return firstIdAt(Number(at) - oldestIdMs);
};

/** Whether all transactions up to one have ended. */
const haveEnded = async (unit: UnitOfWork, number: string): Promise<boolean> => {
  const rows = await unit.run(() =>
    database.execute<{ ended: boolean }>(
      sql`select pg_snapshot_xmin(pg_current_snapshot()) > ${number}::xid8 as ended`,
    ),
  );
  await unit.rest();
  return sole(rows).ended;
};

/** Seals the entries of an organization below an id, batch by batch; gives the number of seals. The unit sees the whole organization. */
export const sealUpTo = async (unit: UnitOfWork, bound: string, signal: AbortSignal): Promise<number> => {
  for (let seals = 0; ; seals++)
    if (signal.aborted || !(await unit.transact(({ organizationId }) => sealSome(organizationId, bound)))) return seals;
};

/** False when there is nothing left, or another process was faster. */
const sealSome = async (organizationId: string, bound: string): Promise<boolean> => {
  const last = await lastSeal(organizationId);
  const behind = last === undefined ? undefined : gt(events.id, last.lastEventId);
  const batch = await database
    .select()
    .from(events)
    .where(and(eq(events.organizationId, organizationId), behind, lt(events.id, bound)))
    .orderBy(asc(events.id))
    .limit(sealSize);
  const seal = sealOf(organizationId, batch, last);
  if (seal === null) return false;
  const written = await database.insert(eventSeals).values(seal).onConflictDoNothing().returning({ id: eventSeals.id });
  return written.length > 0;
};

type Last = Pick<EventSealRow, 'sequence' | 'lastEventId' | 'digest'>;

const lastSeal = async (organizationId: string): Promise<Last | undefined> => {
  const { sequence, lastEventId, digest } = eventSeals;
  const [last] = await database
    .select({ sequence, lastEventId, digest })
    .from(eventSeals)
    .where(eq(eventSeals.organizationId, organizationId))
    .orderBy(desc(sequence))
    .limit(1);
  return last;
};

/** The seal behind `last` for entries in the order of their ids, made at a moment; null for none. */
export const sealOf = (
  organizationId: string,
  batch: readonly EventRow[],
  last: Last | undefined,
  sealedAt = new Date(),
) => {
  const [firstEventId, lastEventId] = [batch.at(0)?.id, batch.at(-1)?.id];
  if (firstEventId === undefined || lastEventId === undefined) return null;
  const seal = {
    organizationId,
    sequence: (last?.sequence ?? 0) + 1,
    firstEventId,
    lastEventId,
    count: batch.length,
    entries: batch.map((event) => sealedEntry(event).mark).join(''),
    previousDigest: last?.digest ?? noDigest,
    createdAt: sealedAt.toISOString(),
  };
  return { ...seal, digest: digestOf(seal) };
};
