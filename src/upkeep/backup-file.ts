import { createReadStream, createWriteStream } from 'node:fs';
import { open, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { PassThrough, type Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, createGzip } from 'node:zlib';
import { extract, pack } from 'tar-stream';
import type { Applied } from '../database/migrations.ts';
import type { StoredSequence, StoredTable } from './tables.ts';

/** A part of the data in a backup: the schema that its migrations make. */
export interface StoredPart {
  readonly schema: string;
  readonly migrations: readonly Applied[];
  readonly tables: readonly StoredTable[];
  readonly sequences: readonly StoredSequence[];
}

/** The first entry: what the backup is of. */
export interface Manifest {
  readonly format: typeof format;
  readonly madeAt: string;
  readonly parts: readonly StoredPart[];
  /** Whether the files of the store are in it. */
  readonly files: 'here' | 'elsewhere';
}

export const format = 'tessera-backup-1';

/** What a table holds: the number of its rows, and the SHA-256 of their lines in the order of the key. */
export interface Measure {
  readonly rows: number;
  readonly sha256: string;
}

/** The last entry, without which a backup is not whole. */
export interface Summary {
  readonly tables: Readonly<Record<string, Measure>>;
  readonly files: { readonly count: number; readonly bytes: number };
}

export const manifestName = 'manifest.json';
export const summaryName = 'summary.json';
export const tablesFolder = 'tables/';
export const filesFolder = 'files/';

/** A backup on its way to its file, which appears under its name once it is whole. */
export interface BackupWriter {
  text(name: string, content: string): Promise<void>;
  stream(name: string, size: number, content: Readable): Promise<void>;
  /** The size of the file in bytes. */
  finish(): Promise<number>;
  abandon(): Promise<void>;
}

/** Fast rather than small: half of the bytes are vectors, which hardly shrink. */
const level = 3;

/** A tar archive, compressed with gzip and readable for its owner alone. Nothing is held in memory but what is being added. */
export const openBackup = (path: string): BackupWriter => {
  const archive = pack();
  const aside = `${path}.partial`;
  const target = createWriteStream(aside, { mode: 0o600, flush: true });
  const written = pipeline(archive, createGzip({ level }), target);
  // Whoever finishes or abandons it hears of it.
  written.catch(() => undefined);
  const added = (name: string, size: number, fill: (entry: NodeJS.WritableStream) => void) =>
    Promise.race([
      new Promise<void>((resolve, reject) => {
        const entry = archive.entry({ name, size, mode: 0o600 }, (error) => (error ? reject(error) : resolve()));
        entry.once('error', reject);
        fill(entry);
      }),
      // When the disk is full, nobody takes in the entry.
      written.then(() => new Promise<never>(() => undefined)),
    ]);
  return {
    text: (name, content) => {
      const bytes = Buffer.from(content);
      return added(name, bytes.length, (entry) => entry.end(bytes));
    },
    stream: (name, size, content) =>
      added(name, size, (entry) => {
        content.once('error', (error) => archive.destroy(error));
        content.pipe(entry);
      }),
    finish: async () => {
      archive.finalize();
      await written;
      await rename(aside, path);
      await using folder = await open(dirname(path));
      await folder.sync();
      return target.bytesWritten;
    },
    abandon: async () => {
      archive.destroy();
      await written.catch(() => undefined);
      await rm(aside, { force: true });
    },
  };
};

/** One entry of a backup; its content must be read before the next. */
export interface Entry {
  readonly name: string;
  readonly size: number;
  readonly content: Readable;
}

/** The entries in order. Throws when the file is cut off or damaged. */
export async function* readBackup(path: string): AsyncGenerator<Entry> {
  const archive = extract();
  const read = pipeline(createReadStream(path), createGunzip(), archive);
  read.catch(() => undefined);
  try {
    for await (const entry of archive)
      // The library's streams are not Node's own; this one is.
      yield {
        name: entry.header.name,
        size: entry.header.size ?? 0,
        content: entry.pipe(new PassThrough()),
      };
    await read;
  } finally {
    archive.destroy();
  }
}
