import type { Readable } from 'node:stream';

/**
 * Keys below this folder are of files on their way in. What a crash leaves there nobody asks for any more: it is removed a day later, at
 * night, and on disk also when a process starts.
 */
export const asideFolder = 'incoming';

/**
 * Where the bytes of files are. A key is made by us, never by a client: segments of letters, digits, `_`, `-` and `.`
 * between slashes, none beginning with a dot. No key may be a folder of another one.
 * Every call throws InvalidKey for anything else.
 *
 * Both drivers are our own, and thin. flydrive (2.1.0) was looked at and does not do: on disk it writes straight to the final path, so that
 * a crash or a broken upload leaves half a file under its key; nothing is synced; it reads no ranges; it keeps no bound on what it takes in,
 * and tells no size or hash of it; it reads a whole folder into memory to list it. For S3 it stands on the same client of Amazon's as ours.
 */
export interface FileStore {
  /**
   * Takes in a whole stream. The file appears under its key at once and complete, in place of any earlier one, or not at all:
   * when the stream breaks off (whose error is thrown), when it is longer than the limit (FileTooLarge), or at a crash.
   */
  write(key: string, content: Readable, limits: { maxBytes: number }): Promise<StoredFile>;
  /** Throws FileMissing, and RangeOutsideFile when the range holds no byte of the file. */
  read(key: string, range?: ByteRange): Promise<Readable>;
  exists(key: string): Promise<boolean>;
  /** Replaces what is at `to`. Throws FileMissing. In a bucket, a crash may leave the file under both keys. */
  move(from: string, to: string): Promise<void>;
  /** Does nothing when there is no such file. */
  remove(key: string): Promise<void>;
  /** All files whose keys begin with the folder and a slash, in no order. Throws InvalidKey as for a key. */
  list(folder: string): AsyncIterable<ListedFile>;
  /** Removes all files whose keys begin with the folder and a slash; does nothing when there are none. Throws InvalidKey as for a key. */
  removeFolder(folder: string): Promise<void>;
}

export interface ListedFile {
  key: string;
  /** In bytes. */
  size: number;
  /** When its bytes were written; in a bucket, when they came to be under this key. */
  writtenAt: Date;
}

export interface StoredFile {
  /** In bytes. */
  size: number;
  /** Of the content, as 64 hexadecimal digits. */
  sha256: string;
}

/** Bytes counted from 0, `end` included as in HTTP's Range (RFC 9110, section 14); to the file's end without it. */
export interface ByteRange {
  start: number;
  end?: number;
}

export interface DiskSettings {
  driver: 'fs';
  /** Created when missing. Several servers may share it. */
  root: string;
}

export interface BucketSettings {
  driver: 's3';
  bucket: string;
  region: string;
  accessKeyId: string;
  secretAccessKey: string;
  /** Amazon's when undefined. */
  endpoint?: string | undefined;
  /** For servers that have no host name per bucket. */
  forcePathStyle?: boolean | undefined;
}

/** The loading is left until it is needed, because Amazon's client alone would slow every start. */
export async function openStore(settings: DiskSettings | BucketSettings): Promise<FileStore> {
  if (settings.driver === 'fs') return (await import('./disk.ts')).openDisk(settings);
  return (await import('./bucket.ts')).openBucket(settings);
}
