/** Runs the embedded Postgres in a thread of its own: it computes while the server's thread answers. */
import { rename, rm } from 'node:fs/promises';
import { existsSync } from 'node:fs';
import { parentPort, workerData } from 'node:worker_threads';
import { PGlite } from '@electric-sql/pglite';
import { vector } from '@electric-sql/pglite-pgvector';
import { PGLiteSocketServer } from '@electric-sql/pglite-socket';
import { drizzle } from 'drizzle-orm/pglite';
import { migrate } from 'drizzle-orm/pglite/migrator';
import { migrationsFolder } from './migrations.ts';

export interface EmbeddedOptions {
  /** Directory of the cluster; made by its first start. */
  readonly directory: string;
  readonly socketPath: string;
  /** What every statement runs as. */
  readonly role: string;
}

const open = async (directory: string): Promise<PGlite> => {
  const cluster = await PGlite.create({ dataDir: directory, extensions: { vector } });
  await migrate(drizzle(cluster), { migrationsFolder });
  return cluster;
};

/** Builds a new cluster aside and renames it when complete: a crash leaves none rather than half of one. */
const build = async (directory: string): Promise<void> => {
  const aside = `${directory}.building`;
  await rm(aside, { recursive: true, force: true });
  const cluster = await open(aside);
  await cluster.close();
  await rename(aside, directory);
};

const serve = async ({ directory, socketPath, role }: EmbeddedOptions): Promise<() => Promise<void>> => {
  if (!existsSync(directory)) await build(directory);
  const cluster = await open(directory);
  // The one session of this cluster belongs to a superuser; from here on it acts as the server's role.
  await cluster.exec(`set role ${role}`);
  const server = new PGLiteSocketServer({ db: cluster, path: socketPath, maxConnections: 1 });
  await server.start();
  return async () => {
    await server.stop();
    await cluster.close();
  };
};

// The cast is safe: embedded.ts starts this worker with exactly these options.
const stop = await serve(workerData as EmbeddedOptions);
parentPort?.on('message', () => void stop().then(() => parentPort?.postMessage('stopped')));
parentPort?.postMessage('ready');
