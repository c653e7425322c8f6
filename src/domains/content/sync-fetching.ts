import { hash } from 'node:crypto';
import { Readable } from 'node:stream';
import pLimit from 'p-limit';
import { AddressRefused } from '../../outbound/outbound.ts';
import type { Work } from '../services.ts';
import { SourceFailure, type SourceContent, type SourceItem, type SourceVersion } from './connectors/connector.ts';
import { takeIn, type Arrived } from './stored-bytes.ts';
import type { Begun } from './sync-source.ts';

/** Bytes of one thing, at most. */
export const maxItemBytes = 50 * 1024 * 1024;
/** Things fetched at a time: enough to hide waiting, few enough to be polite. */
const atOnce = 4;

/** What is known of a thing that was taken in before. */
export interface Known {
  readonly sourceHash: string | null;
  readonly sourceVersion: SourceVersion | null;
  /** Whether its document was read well, or is about to be. */
  readonly sound: boolean;
}

/** New content, whose bytes wait beside the store's keys to be put under theirs by whoever writes it down. */
export interface Fetched extends Arrived {
  readonly name: string;
  /** What the source calls it now; null when it does not say. */
  readonly title: string | null;
}

/** What came of one thing. */
export type Outcome =
  | { readonly kind: 'SAME'; readonly item: SourceItem; readonly version: SourceVersion | null }
  | {
      readonly kind: 'CONTENT';
      readonly item: SourceItem;
      readonly version: SourceVersion | null;
      readonly content: Fetched;
    }
  | { readonly kind: 'FAILED'; readonly item: SourceItem; readonly reason: string }
  | { readonly kind: 'GONE'; readonly item: SourceItem };

/** What was fetched, and what kept the rest from being asked for. */
export interface Haul {
  readonly outcomes: readonly Outcome[];
  readonly stop: SourceFailure | null;
}

/** Failures that meet whatever is asked next, too. */
const generalKinds: ReadonlySet<SourceFailure['kind']> = new Set(['UNAUTHORIZED', 'RATE_LIMITED']);

/**
 * Fetches what is new or changed and takes its bytes in; nothing is kept in memory but its name. Without `again`, what could not be read before is not
 * fetched while it is the same. Rejects when the run is called off, and with faults of our own.
 */
export const fetchItems = async (
  work: Work,
  begun: Begun,
  items: readonly SourceItem[],
  known: (item: SourceItem) => Known | undefined,
  again: boolean,
): Promise<Haul> => {
  const outcomes: Outcome[] = [];
  let stop: SourceFailure | null = null;
  const limit = pLimit(atOnce);
  const fetching = items.map((item) =>
    limit(async () => {
      if (stop !== null) return;
      begun.source.signal.throwIfAborted();
      try {
        outcomes.push(await fetchItem(work, begun, item, known(item), again));
      } catch (error) {
        begun.source.signal.throwIfAborted();
        if (error instanceof SourceFailure && generalKinds.has(error.kind)) stop = error;
        else outcomes.push({ kind: 'FAILED', item, reason: reasonOf(work, begun, error) });
      }
    }),
  );
  const ends = await Promise.allSettled(fetching);
  for (const end of ends) if (end.status === 'rejected') throw end.reason;
  return { outcomes, stop };
};

const fetchItem = async (
  work: Work,
  { connector, source, execution }: Begun,
  item: SourceItem,
  known: Known | undefined,
  again: boolean,
): Promise<Outcome> => {
  const former = again ? null : (known?.sourceVersion ?? null);
  if (former !== null && item.version !== null && isSame(former, item.version))
    return { kind: 'SAME', item, version: former };
  const { content: listed, ...asked } = item;
  const content = listed ?? (await connector.fetch(source, asked, former));
  if (content === 'UNCHANGED') return { kind: 'SAME', item, version: item.version ?? former };
  if (content === 'GONE') return { kind: 'GONE', item };
  const { bytes } = content;
  const version = content.version ?? item.version;
  if (bytes.length === 0) return { kind: 'FAILED', item, reason: 'It is empty.' };
  if (bytes.length > maxItemBytes) return { kind: 'FAILED', item, reason: 'It has more than 50 MB.' };
  if (known?.sourceHash === hash('sha256', bytes) && (known.sound || !again)) return { kind: 'SAME', item, version };
  const stored = await store(work, execution.organizationId, item, content);
  return { kind: 'CONTENT', item, version, content: stored };
};

const isSame = (one: SourceVersion, other: SourceVersion): boolean => {
  const names = Object.keys(one);
  return names.length === Object.keys(other).length && names.every((name) => one[name] === other[name]);
};

const store = async (
  { services }: Work,
  organizationId: string,
  item: SourceItem,
  { bytes, mimeType: declared, title }: SourceContent,
): Promise<Fetched> => {
  const name = fileName(item, title);
  const incoming = { organizationId, name, mimeType: declared, maxBytes: maxItemBytes };
  return { ...(await takeIn(services.store, incoming, Readable.from([bytes]))), name, title: title ?? item.title };
};

/** The last part of its address where that has an extension, which says what kind of text it is. */
const fileName = ({ id, uri, title }: SourceItem, ownTitle: string | null): string => {
  const last = uri === null ? undefined : URL.parse(uri)?.pathname.split('/').at(-1);
  const name = last !== undefined && last.includes('.') ? last : (ownTitle ?? title ?? id);
  return line(name, 200) ?? 'content';
};

/** A line of at most so many UTF-16 code units, without halving a character; null when nothing is left. */
export const line = (text: string, max: number): string | null =>
  text
    .replaceAll('\0', '')
    .trim()
    .slice(0, max)
    .toWellFormed()
    .replace(/\uFFFD$/, '') || null;

const reasonOf = ({ services }: Work, { execution }: Begun, error: unknown): string => {
  if (error instanceof SourceFailure || error instanceof AddressRefused) return error.message;
  const fault = Error.isError(error) ? error.name : typeof error;
  services.log.warn({ executionId: execution.id, fault }, 'Something of a datasource could not be fetched.');
  return 'It could not be fetched.';
};
