import { and, asc, desc, eq, gt, lte } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { events } from '../../events/tables.ts';
import { digestOf, noDigest, sealedEntriesOf, sealedEntry, type SealedEntry } from './event-digests.ts';
import { trimmedAction } from './event-retention.ts';
import { eventSeals, type EventSealRow } from './event-tables.ts';

/** What can be wrong with a log. */
export type EventLogFaultKind = 'SEAL_CHANGED' | 'SEAL_MISSING' | 'ENTRY_CHANGED' | 'ENTRY_REMOVED' | 'ENTRY_INSERTED';

/** Where a log is not what was sealed. */
export interface EventLogFault {
  readonly kind: EventLogFaultKind;
  /** Of the seal in whose reach it lies. */
  readonly sequence: number;
  /** The entry's UUID; null where the seal itself is wrong. */
  readonly entryId: string | null;
}

/** The end of a chain. */
export interface ChainHead {
  readonly sequence: number;
  readonly digest: string;
}

/** What a verification has found. */
export interface Verification {
  /** Seals and entries that were looked at. */
  readonly seals: number;
  readonly entries: number;
  /** The last seal that is as it was made; null where there is none. */
  readonly head: ChainHead | null;
  /** The first thing that is wrong; null where all is as it was sealed. */
  readonly fault: EventLogFault | null;
}

/** What a log is read by: a unit that sees the whole organization, or an operator's connection. */
export type LogReader = Pick<UnitOfWork, 'organizationId' | 'run' | 'rest'>;

/** Where a verification has come to. */
interface Place {
  readonly head: ChainHead | null;
  /** The last entry that the seal before stands for; null at the log's beginning. */
  readonly lastEventId: string | null;
}

/**
 * Compares the log with its seals, one seal at a time, up to the first fault. `known` is the end of the chain as somebody noted it before: it has to be
 * part of it still, unless it was deleted for its age. `heed` hears of each seal that is fine.
 */
export const verified = async (
  log: LogReader,
  known: ChainHead | null,
  heed: (found: Verification) => Promise<void> = async () => undefined,
): Promise<Verification> => {
  let found: Verification = { seals: 0, entries: 0, head: null, fault: null };
  let place: Place | null = null;
  for (;;) {
    const seal: EventSealRow | undefined = await sealBehind(log, place?.head?.sequence ?? 0);
    if (seal === undefined) {
      await log.rest();
      return { ...found, fault: missing(found, known) };
    }
    place ??= await beginning(log, seal);
    const fault = await faultOf(log, seal, place, known);
    await log.rest();
    if (fault !== null) return { ...found, seals: found.seals + 1, fault };
    const head = { sequence: seal.sequence, digest: seal.digest };
    place = { head, lastEventId: seal.lastEventId };
    found = { seals: found.seals + 1, entries: found.entries + seal.count, head, fault: null };
    await heed(found);
  }
};

/** The noted end lies behind the chain's end: what followed was cut off. */
const missing = ({ head }: Verification, known: ChainHead | null): EventLogFault | null =>
  known === null || known.sequence <= (head?.sequence ?? 0)
    ? null
    : { kind: 'SEAL_MISSING', sequence: (head?.sequence ?? 0) + 1, entryId: null };

const sealBehind = async (log: LogReader, sequence: number): Promise<EventSealRow | undefined> => {
  const behind = and(eq(eventSeals.organizationId, log.organizationId), gt(eventSeals.sequence, sequence));
  const rows = await log.run(() =>
    database.select().from(eventSeals).where(behind).orderBy(asc(eventSeals.sequence)).limit(1),
  );
  return rows[0];
};

/** What has to stand before the oldest seal: nothing, or what the log itself tells of those that were deleted for their age. */
const beginning = async (log: LogReader, { sequence }: EventSealRow): Promise<Place> => {
  if (sequence === 1) return { head: null, lastEventId: null };
  const ofAction = and(eq(events.organizationId, log.organizationId), eq(events.action, trimmedAction));
  const rows = await log.run(() =>
    database
      .select({ data: events.data })
      .from(events)
      .where(ofAction)
      .orderBy(desc(events.createdAt), desc(events.id))
      .limit(1),
  );
  const told = rows[0]?.data ?? {};
  if (typeof told.sequence !== 'number' || typeof told.digest !== 'string') return { head: null, lastEventId: null };
  // What was deleted must be gone: the oldest seal reaches back to the log's beginning.
  return { head: { sequence: told.sequence, digest: told.digest }, lastEventId: null };
};

const faultOf = async (
  log: LogReader,
  seal: EventSealRow,
  place: Place,
  known: ChainHead | null,
): Promise<EventLogFault | null> => {
  const { sequence } = seal;
  const next = (place.head?.sequence ?? 0) + 1;
  if (sequence !== next) return { kind: 'SEAL_MISSING', sequence: next, entryId: null };
  const sealed = sealedEntriesOf(seal);
  if (sealed === null || !isWhole(seal, sealed, place, known)) return { kind: 'SEAL_CHANGED', sequence, entryId: null };
  const difference = firstDifference(await entriesOf(log, seal, place), sealed);
  return difference && { ...difference, sequence };
};

const isWhole = (seal: EventSealRow, sealed: readonly SealedEntry[], { head }: Place, known: ChainHead | null) =>
  seal.digest === digestOf(seal) &&
  seal.previousDigest === (head?.digest ?? noDigest) &&
  seal.firstEventId === sealed.at(0)?.id &&
  seal.lastEventId === sealed.at(-1)?.id &&
  (known?.sequence !== seal.sequence || known.digest === seal.digest);

/** The entries in a seal's reach, and at most one more than it stands for: more are not needed to find a fault. */
const entriesOf = async (log: LogReader, seal: EventSealRow, place: Place): Promise<SealedEntry[]> => {
  const { organizationId } = log;
  const behind = place.lastEventId === null ? undefined : gt(events.id, place.lastEventId);
  const rows = await log.run(() =>
    database
      .select()
      .from(events)
      .where(and(eq(events.organizationId, organizationId), behind, lte(events.id, seal.lastEventId)))
      .orderBy(asc(events.id))
      .limit(seal.count + 1),
  );
  return rows.map(sealedEntry);
};

/** The first entry that is not as it was sealed. */
const firstDifference = (
  present: readonly SealedEntry[],
  sealed: readonly SealedEntry[],
): Omit<EventLogFault, 'sequence'> | null => {
  for (let at = 0; at < Math.max(present.length, sealed.length); at++) {
    const [is, was] = [present[at], sealed[at]];
    if (is?.mark === was?.mark) continue;
    if (is === undefined || (was !== undefined && is.id > was.id))
      return { kind: 'ENTRY_REMOVED', entryId: was?.id ?? null };
    if (was === undefined || is.id < was.id) return { kind: 'ENTRY_INSERTED', entryId: is.id };
    return { kind: 'ENTRY_CHANGED', entryId: is.id };
  }
  return null;
};
