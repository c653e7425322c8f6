import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** Where the migrations stand, in order, with drizzle-kit's journal. */
export const migrationsFolder = fileURLToPath(new URL('../../drizzle', import.meta.url));

/** The role that the migrations grant the server's rights to; every session of the server takes it. */
export const serverRole = 'tessera_server';

export interface Migration {
  readonly name: string;
  /** Milliseconds since 1970; how drizzle-kit marks it as applied. */
  readonly createdAt: number;
  /** SHA-256 of the file, hexadecimal. */
  readonly hash: string;
}

interface Journal {
  readonly entries: readonly { readonly tag: string; readonly when: number }[];
}

/** The migrations this version knows, oldest first. */
export const knownMigrations = (): Migration[] => {
  // The cast is safe: drizzle-kit writes this file.
  const journal = JSON.parse(readFileSync(`${migrationsFolder}/meta/_journal.json`, 'utf8')) as Journal;
  return journal.entries.map(({ tag, when }) => {
    const text = readFileSync(`${migrationsFolder}/${tag}.sql`);
    return { name: tag, createdAt: when, hash: createHash('sha256').update(text).digest('hex') };
  });
};

/** Those of the known migrations that a database lacks, given the `created_at` values of its journal table. */
export const pendingMigrations = (applied: readonly number[]): Migration[] => {
  const newest = Math.max(-1, ...applied);
  return knownMigrations().filter((migration) => migration.createdAt > newest);
};
