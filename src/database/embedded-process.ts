/**
 * Runs the embedded Postgres in a process of its own: it computes while the server answers, and neither takes the other down.
 * Started by embedded.ts with its options as the only argument; says `ready`, `in use` or `stopped` to its parent.
 */
import { existsSync } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { DatabaseSync } from 'node:sqlite';
import { PGlite } from '@electric-sql/pglite';
import { btree_gist } from '@electric-sql/pglite/contrib/btree_gist';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { allMigrations } from './migrations.ts';

export interface EmbeddedOptions {
  /** The data directory; the cluster lies in `postgres` below it and is made by the first start. */
  readonly directory: string;
  readonly socketPath: string;
  /** What every statement runs as. */
  readonly role: string;
  /** Whether pending migrations are applied. */
  readonly migrates: boolean;
}

export type EmbeddedMessage = 'ready' | 'in use' | 'stopped';

const say = (message: EmbeddedMessage): void => void process.send?.(message);

/** The process of a server that was killed needs a moment to notice. */
const lockWaitMs = 3000;
const sqliteBusy = 5;

/**
 * Holds the directory for this process; false when another one has it. An exclusive SQLite transaction is a lock of the
 * operating system: atomic, and gone with the process however it ends, so that no stale lock is ever left behind.
 */
const lock = (directory: string): boolean => {
  const holder = new DatabaseSync(join(directory, 'lock'));
  try {
    holder.exec(`pragma busy_timeout = ${lockWaitMs}; pragma locking_mode = exclusive; begin exclusive`);
    // Kept from the garbage collector, which would close it.
    process.once('exit', () => holder.close());
    return true;
  } catch (error) {
    holder.close();
    if (Error.isError(error) && 'errcode' in error && error.errcode === sqliteBusy) return false;
    throw error;
  }
};

const open = async (directory: string, migrates: boolean): Promise<PGlite> => {
  const cluster = await PGlite.create({ dataDir: directory, extensions: { vector, btree_gist } });
  for (const { folder, table } of migrates ? allMigrations : [])
    await migrate(drizzle(cluster), { migrationsFolder: folder, migrationsTable: table });
  return cluster;
};

/** Builds a new cluster aside and renames it when complete: a crash leaves none rather than half of one. */
const build = async (directory: string, migrates: boolean): Promise<void> => {
  const aside = `${directory}.building`;
  await rm(aside, { recursive: true, force: true });
  const cluster = await open(aside, migrates);
  await cluster.close();
  await rename(aside, directory);
};

const serve = async ({ directory, socketPath, role, migrates }: EmbeddedOptions): Promise<() => Promise<void>> => {
  const place = join(directory, 'postgres');
  if (!existsSync(place)) await build(place, migrates);
  const cluster = await open(place, migrates);
  // The one session of this cluster belongs to a superuser; from here on it acts as the server's role.
  await cluster.exec(`set role ${role}`);
  await rm(socketPath, { force: true });
  const server = new PGLiteSocketServer({ db: cluster, path: socketPath, maxConnections: 1 });
  await server.start();
  return async () => {
    await server.stop();
    await cluster.close();
  };
};

// Ctrl-C reaches the whole group; the server decides when its database goes.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined);
// The server is gone, perhaps killed: what it was told is committed, the rest is not to be.
process.on('disconnect', () => process.exit(0));

// The cast is safe: embedded.ts starts this process with exactly these options.
const options = JSON.parse(process.argv[2] ?? '') as EmbeddedOptions;
if (lock(options.directory)) {
  const stop = await serve(options);
  process.on('message', () => void stop().then(() => say('stopped')));
  say('ready');
} else {
  say('in use');
}
