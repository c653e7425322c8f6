import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { allMigrations, knowledgeMigrations, mainMigrations, type Migrations } from './migrations.ts';

/** A number of our own for the lock that keeps two migrations apart. */
const lockKey = 7_355_608;

/** Applies the pending migrations as the owner, one process at a time; the same as `drizzle-kit migrate`. */
const migrateOne = async (ownerUrl: string, migrations: readonly Migrations[]): Promise<void> => {
  const client = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    await client`select pg_advisory_lock(${lockKey})`;
    for (const { folder, table } of migrations)
      await migrate(drizzle(client), { migrationsFolder: folder, migrationsTable: table });
  } finally {
    await client.end();
  }
};

/** Brings the database up to date, and the knowledge bank, which stands in it unless it has a database of its own. */
export const migrateDatabase = async (ownerUrl: string, knowledgeOwnerUrl: string = ownerUrl): Promise<void> => {
  if (knowledgeOwnerUrl === ownerUrl) return migrateOne(ownerUrl, allMigrations);
  await migrateOne(ownerUrl, [mainMigrations]);
  await migrateOne(knowledgeOwnerUrl, [knowledgeMigrations]);
};
