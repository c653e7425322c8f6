import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { newId } from '../../ids.ts';
import { asideFolder, type FileStore, type StoredFile } from '../../storage/store.ts';
import { detect } from './parsing/detect.ts';
import { sniff } from './parsing/sniff.ts';
import { UnreadableDocument } from './parsing/unreadable-document.ts';

/** Enough to know a type by; a whole file might not fit into memory beside many others. */
const sampleBytes = 16 * 1024 * 1024;

/** Where the bytes of a file are: the same bytes are stored once per organization. */
export const fileKey = (organizationId: string, sha256: string): string => `${organizationId}/${sha256}`;

/** Whose bytes come, what they are said to be, and how many they may be. */
export interface Incoming {
  readonly organizationId: string;
  readonly name: string;
  readonly mimeType: string;
  readonly maxBytes: number;
}

/**
 * Takes bytes into the store, under the key of their content and only when they are complete; `accept` may refuse them by throwing. Gives
 * their type by what they show. Throws FileTooLarge, and the stream's own error when it breaks off.
 */
export const takeIn = async (
  store: FileStore,
  incoming: Incoming,
  content: Readable,
  accept: (stored: StoredFile) => void = () => undefined,
): Promise<StoredFile & { readonly mimeType: string }> => {
  const { organizationId, maxBytes } = incoming;
  const aside = `${asideFolder}/${organizationId}/${newId()}`;
  try {
    const stored = await store.write(aside, content, { maxBytes });
    accept(stored);
    const mimeType = await typeOf(store, aside, stored, incoming);
    const key = fileKey(organizationId, stored.sha256);
    if (!(await store.exists(key))) await store.move(aside, key);
    return { ...stored, mimeType };
  } finally {
    await store.remove(aside);
  }
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
