import { once } from 'node:events';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { Worker } from 'node:worker_threads';
import type { EmbeddedOptions } from './embedded-worker.ts';

/** The data directory belongs to another running process. */
export class DirectoryInUse extends Error {
  constructor(directory: string) {
    super(
      `${directory} is in use by another Tessera process. Stop that one first, or set TESSERA_DATA_DIR to another directory.`,
    );
  }
}

export interface EmbeddedDatabase {
  readonly socketPath: string;
  stop(): Promise<void>;
}

/**
 * Starts the embedded Postgres of a data directory, made and migrated when it is new.
 * @throws DirectoryInUse when another process has it.
 */
export const startEmbedded = async (dataDirectory: string, role: string): Promise<EmbeddedDatabase> => {
  const directory = resolve(dataDirectory);
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const unlock = lock(directory);
  const socket = await socketIn(directory);
  const options: EmbeddedOptions = { directory: join(directory, 'postgres'), socketPath: socket.path, role };
  const worker = new Worker(new URL('./embedded-worker.ts', import.meta.url), { workerData: options });
  const finish = async () => {
    await worker.terminate();
    await socket.remove();
    unlock();
  };
  try {
    await once(worker, 'message');
  } catch (error) {
    await finish();
    throw new Error('The embedded database did not start.', { cause: error });
  }
  return {
    socketPath: socket.path,
    stop: async () => {
      worker.postMessage('stop');
      await once(worker, 'message');
      await finish();
    },
  };
};

/**
 * Holds the directory for this process. An exclusive SQLite transaction is a lock of the operating system: atomic, and
 * gone with the process however it ends, so that no stale lock is ever left behind.
 */
const lock = (directory: string): (() => void) => {
  const holder = new DatabaseSync(join(directory, 'lock'));
  try {
    holder.exec('pragma locking_mode = exclusive; begin exclusive');
  } catch (error) {
    holder.close();
    if (error instanceof Error && 'errcode' in error && error.errcode === 5) throw new DirectoryInUse(directory);
    throw error;
  }
  return () => holder.close();
};

/** Operating systems bound a socket's path to about 100 bytes; a deeper directory gets its socket elsewhere. */
const maxSocketPathBytes = 100;

const socketIn = async (directory: string): Promise<{ path: string; remove(): Promise<void> }> => {
  const path = join(directory, 'postgres.sock');
  if (Buffer.byteLength(path) <= maxSocketPathBytes) {
    await rm(path, { force: true });
    return { path, remove: () => rm(path, { force: true }) };
  }
  const elsewhere = await mkdtemp(join(tmpdir(), 'tessera-'));
  return { path: join(elsewhere, 'postgres.sock'), remove: () => rm(elsewhere, { recursive: true, force: true }) };
};
