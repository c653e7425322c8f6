import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { newId } from '../../ids.ts';
import { asideFolder, type FileStore, type StoredFile } from '../../storage/store.ts';
import { detect } from './parsing/detect.ts';
import { sniff } from './parsing/sniff.ts';
import { UnreadableDocument } from './parsing/unreadable-document.ts';
import { files } from './tables.ts';

/** Enough to know a type by; a whole file might not fit into memory beside many others. */
const sampleBytes = 16 * 1024 * 1024;

/** Where the bytes of a file are: the same bytes are stored once per organization. */
export const fileKey = (organizationId: string, sha256: string): string => `${organizationId}/${sha256}`;

/** The SHA-256 in the key of a file's bytes; null for keys of anything else in the organization's folder. */
export const sha256Of = (organizationId: string, key: string): string | null =>
  key.startsWith(`${organizationId}/`)
    ? (/^[0-9a-f]{64}$/.exec(key.slice(organizationId.length + 1))?.[0] ?? null)
    : null;

/**
 * Until the running transaction ends, nobody else makes a row that refers to these bytes, or removes them: what is looked up of rows and
 * store stays true meanwhile.
 */
export const lockBytes = async (organizationId: string, sha256: string): Promise<void> => {
  await database.execute(sql`select pg_advisory_xact_lock(hashtextextended(${fileKey(organizationId, sha256)}, 0))`);
};

/**
 * Removes bytes that no row of the organization refers to; gives whether it did. The unit sees the whole organization. The store is called with
 * the bytes locked, for an upload of the same bytes must find them gone, or be found.
 */
export const removeUnused = (unit: UnitOfWork, store: FileStore, sha256: string): Promise<boolean> =>
  unit.transact(async ({ organizationId }) => {
    await lockBytes(organizationId, sha256);
    const refers = and(eq(files.organizationId, organizationId), eq(files.sha256, sha256));
    const [used] = await database.select({ id: files.id }).from(files).where(refers).limit(1);
    if (used !== undefined) return false;
    await store.remove(fileKey(organizationId, sha256));
    return true;
  });

/** Whose bytes come, what they are said to be, and how many they may be. */
export interface Incoming {
  readonly organizationId: string;
  readonly name: string;
  readonly mimeType: string;
  readonly maxBytes: number;
}

/** Bytes that have arrived beside the store's keys. Whoever took them in removes `aside` in the end. */
export interface Arrived extends StoredFile {
  readonly aside: string;
  /** What they show. */
  readonly mimeType: string;
}

/**
 * Takes in bytes, complete, beside the store's keys; `place` puts them under theirs. `accept` may refuse them by throwing. Throws FileTooLarge,
 * and the stream's own error when it breaks off.
 */
export const takeIn = async (
  store: FileStore,
  incoming: Incoming,
  content: Readable,
  accept: (stored: StoredFile) => void = () => undefined,
): Promise<Arrived> => {
  const { organizationId, maxBytes } = incoming;
  const aside = `${asideFolder}/${organizationId}/${newId()}`;
  try {
    const stored = await store.write(aside, content, { maxBytes });
    accept(stored);
    return { ...stored, aside, mimeType: await typeOf(store, aside, stored, incoming) };
  } catch (error) {
    await store.remove(aside);
    throw error;
  }
};

/**
 * Puts bytes under their key, in the running transaction in which a row comes to refer to them. The store is asked and written to with the bytes
 * locked: found there, they stay until the row refers to them. What fails before the commit leaves at most bytes that nobody refers to.
 */
export const place = async (
  store: FileStore,
  organizationId: string,
  { aside, sha256 }: Pick<Arrived, 'aside' | 'sha256'>,
): Promise<void> => {
  await lockBytes(organizationId, sha256);
  const key = fileKey(organizationId, sha256);
  if (!(await store.exists(key))) await store.move(aside, key);
};

/** What the bytes show. A file that cannot be read is stored all the same; a document made from it says what is wrong. */
const typeOf = async (
  store: FileStore,
  key: string,
  { size }: StoredFile,
  { mimeType, name }: Incoming,
): Promise<string> => {
  const bytes = await buffer(await store.read(key, { start: 0, end: Math.min(size, sampleBytes) - 1 }));
  try {
    return await sniff(bytes, mimeType, name);
  } catch (error) {
    if (!(error instanceof UnreadableDocument)) throw error;
    return detect(bytes);
  }
};
