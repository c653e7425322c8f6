import { randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { mkdir, open, opendir, readdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join, relative } from 'node:path';
import { FileMissing, RangeOutsideFile } from './failures.ts';
import { takeIn } from './intake.ts';
import { validKey } from './key.ts';
import { isEmpty } from './range.ts';
import { asideFolder, type ByteRange, type DiskSettings, type FileStore, type ListedFile } from './store.ts';

/** Beside the files, because only within one file system is a rename atomic. No key can name it. */
const INCOMING = '.incoming';

/** What a crash left of an upload is removed at a later start, when no upload can still be writing it. */
const ABANDONED_AFTER_MS = 24 * 60 * 60 * 1000;

/** Files below a folder, one for each key. */
export async function openDisk({ root }: DiskSettings): Promise<FileStore> {
  const incoming = join(root, INCOMING);
  await mkdir(incoming, { recursive: true });
  await removeAbandoned(incoming);
  await removeAbandoned(join(root, asideFolder));
  const pathOf = (key: string) => join(root, validKey(key));

  return {
    write: async (key, content, { maxBytes }) => {
      const path = pathOf(key);
      const aside = join(incoming, randomUUID());
      const stored = await takeIn(content, aside, maxBytes);
      try {
        await publish(aside, path);
      } catch (error) {
        await rm(aside, { force: true });
        throw error;
      }
      return stored;
    },
    read: async (key, range) => {
      const file = await open(pathOf(key)).catch((error: unknown) => {
        throw missing(error) ? new FileMissing(key, error) : error;
      });
      try {
        checkRange(key, await file.stat(), range);
        return file.createReadStream(range ?? {});
      } catch (error) {
        await file.close();
        throw error;
      }
    },
    exists: async (key) => {
      const entry = await stat(pathOf(key)).catch((error: unknown) => {
        if (!missing(error)) throw error;
      });
      return entry?.isFile() ?? false;
    },
    move: async (from, to) => {
      const [source, target] = [pathOf(from), pathOf(to)];
      await publish(source, target).catch((error: unknown) => {
        throw missing(error) ? new FileMissing(from, error) : error;
      });
    },
    remove: async (key) => {
      await rm(pathOf(key), { force: true });
    },
    list: (folder) => filesBelow(root, pathOf(folder)),
    removeFolder: async (folder) => {
      await rm(pathOf(folder), { recursive: true, force: true });
    },
  };
}

/** Moves a file to its final name, and waits until the disk has the name too. */
async function publish(from: string, to: string) {
  await mkdir(dirname(to), { recursive: true });
  await rename(from, to);
  await using folder = await open(dirname(to));
  await folder.sync();
}

function checkRange(key: string, file: Stats, range: ByteRange | undefined) {
  if (!file.isFile()) throw new FileMissing(key);
  if (range && (isEmpty(range) || range.start >= file.size)) throw new RangeOutsideFile(key, range.start);
}

async function* filesBelow(root: string, path: string): AsyncGenerator<ListedFile> {
  const folder = await opendir(path, { recursive: true }).catch((error: unknown) => {
    if (!missing(error)) throw error;
  });
  if (folder === undefined) return;
  for await (const entry of folder) {
    const file = join(entry.parentPath, entry.name);
    // One that was removed meanwhile is none.
    const found = await stat(file).catch(() => undefined);
    if (found?.isFile())
      yield { key: relative(root, file).replaceAll('\\', '/'), size: found.size, writtenAt: found.mtime };
  }
}

async function removeAbandoned(folder: string) {
  const names = await readdir(folder, { recursive: true }).catch((error: unknown) => {
    if (missing(error)) return [];
    throw error;
  });
  for (const name of names) {
    const path = join(folder, name);
    const entry = await stat(path).catch(() => undefined);
    if (entry?.isFile() && entry.mtimeMs < Date.now() - ABANDONED_AFTER_MS) await rm(path, { force: true });
  }
}

const missing = (error: unknown) =>
  Error.isError(error) && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR');
