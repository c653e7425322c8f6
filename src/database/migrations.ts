import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

/** A folder of migrations with the table that says which of them a database has. */
export interface Migrations {
  /** What they are for, at the beginning of a sentence. */
  readonly what: string;
  /** Path of the folder, with drizzle-kit's journal in it. */
  readonly folder: string;
  /** The table in the schema `drizzle`. */
  readonly table: string;
  /** The schema whose tables they make. */
  readonly schema: string;
  /** All schemas in which its tables stand, those of libraries too. */
  readonly schemas: readonly string[];
  /** From this one on, each has a way back: a file of the same name in the folder `down`, whose statements undo it. */
  readonly reversibleFrom: string;
}

const folderOf = (name: string): string => fileURLToPath(new URL(`../../${name}`, import.meta.url));

/** Everything but the knowledge bank. */
export const mainMigrations: Migrations = {
  what: 'The database',
  folder: folderOf('drizzle'),
  table: '__drizzle_migrations',
  schema: 'public',
  schemas: ['public', 'pgboss'],
  reversibleFrom: '0045_metrics_marks',
};

/** The knowledge bank, which may have a database of its own. */
export const knowledgeMigrations: Migrations = {
  what: 'The database of the knowledge bank',
  folder: folderOf('drizzle/knowledge'),
  table: '__knowledge_migrations',
  schema: 'knowledge',
  schemas: ['knowledge'],
  reversibleFrom: '0003_training_exports',
};

/** All there are. The schema's name is also that of the part that may have a database of its own. */
export const allMigrations: readonly Migrations[] = [mainMigrations, knowledgeMigrations];

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
export const knownMigrations = ({ folder }: Migrations): Migration[] => {
  // The cast is safe: drizzle-kit writes this file.
  const journal = JSON.parse(readFileSync(`${folder}/meta/_journal.json`, 'utf8')) as Journal;
  return journal.entries.map(({ tag, when }) => {
    const text = readFileSync(`${folder}/${tag}.sql`);
    return { name: tag, createdAt: when, hash: createHash('sha256').update(text).digest('hex') };
  });
};

/** The path of the file that undoes a migration. */
export const downPath = ({ folder }: Migrations, { name }: Migration): string => `${folder}/down/${name}.sql`;

/** Those that can be undone, oldest first. */
export const reversibleMigrations = (migrations: Migrations): Migration[] =>
  knownMigrations(migrations).filter(({ name }) => name >= migrations.reversibleFrom);

/** A migration that a database has. */
export interface Applied {
  readonly hash: string;
  /** As `Migration.createdAt`. */
  readonly createdAt: number;
}

/** Those of the known migrations that a database lacks, given the `created_at` values of its journal table. */
export const pendingMigrations = (migrations: Migrations, applied: readonly number[]): Migration[] => {
  const newest = Math.max(-1, ...applied);
  return knownMigrations(migrations).filter((migration) => migration.createdAt > newest);
};
