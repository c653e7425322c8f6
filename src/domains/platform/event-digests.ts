import { createHash } from 'node:crypto';
import canonicalize from 'canonicalize';
import type { EventRow } from '../../events/tables.ts';
import type { EventSealRow } from './event-tables.ts';

/** What stands before the first seal. */
export const noDigest = '0'.repeat(64);

/** Base64 digits of an entry's id and digest: 48 bytes. */
const entryDigits = 64;

/** What a seal holds of an entry: its id, and what it was like. */
export interface SealedEntry {
  readonly id: string;
  /** Its id and digest, in base64. */
  readonly mark: string;
}

/** Canonical JSON (RFC 8785) of all columns, with times as `2026-01-31T12:00:00.000Z`. */
const canonicalEntry = (event: EventRow): string => {
  const { createdAt, updatedAt } = event;
  return canonical({ ...event, createdAt: momentOf(createdAt), updatedAt: momentOf(updatedAt) });
};

const canonical = (value: object): string => {
  const text = canonicalize(value);
  if (text === undefined) throw new Error('There is no JSON of this.');
  return text;
};

const momentOf = (at: string): string => new Date(at).toISOString();

/** What a seal holds of an entry as it is now. */
export const sealedEntry = (event: EventRow): SealedEntry => {
  const id = Buffer.from(event.id.replaceAll('-', ''), 'hex');
  const digest = createHash('sha256').update(canonicalEntry(event)).digest();
  return { id: event.id, mark: Buffer.concat([id, digest]).toString('base64') };
};

/** What a seal holds, entry by entry; null where it has not the length of its count. */
export const sealedEntriesOf = ({ entries, count }: Pick<EventSealRow, 'entries' | 'count'>): SealedEntry[] | null => {
  if (entries.length !== count * entryDigits) return null;
  return Array.from({ length: count }, (_, at) => {
    const mark = entries.slice(at * entryDigits, (at + 1) * entryDigits);
    return { id: uuidIn(mark), mark };
  });
};

const uuidIn = (mark: string): string => {
  const digits = Buffer.from(mark, 'base64').toString('hex', 0, 16);
  return digits.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

/** The digest of a seal: SHA-256 of the canonical JSON of what it says, in hexadecimal digits. */
export const digestOf = (seal: Omit<EventSealRow, 'id' | 'updatedAt' | 'digest'>): string => {
  const { organizationId, sequence, firstEventId, lastEventId, count, previousDigest, createdAt } = seal;
  const entries = createHash('sha256').update(seal.entries).digest('hex');
  const sealedAt = momentOf(createdAt);
  const said = { organizationId, sequence, firstEventId, lastEventId, count, previousDigest, sealedAt, entries };
  return createHash('sha256').update(canonical(said)).digest('hex');
};
