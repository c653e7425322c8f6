import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import { allMigrations, knowledgeMigrations, mainMigrations, type Migrations } from './migrations.ts';
import { openOwner, type Tls } from './owner.ts';

/** A number of our own for the lock that keeps two migrations apart. */
const lockKey = 7_355_608;

/** Applies the pending migrations as the owner, one process at a time; the same as `drizzle-kit migrate`. */
const migrateOne = async (url: string, tls: Tls, migrations: readonly Migrations[]): Promise<void> => {
  const client = openOwner({ url, tls });
  try {
    await client`select pg_advisory_lock(${lockKey})`;
    for (const { folder, table } of migrations)
      await migrate(drizzle(client), { migrationsFolder: folder, migrationsTable: table });
  } finally {
    await client.end();
  }
};

/** Brings the database up to date, and the knowledge bank, which stands in it unless it has a database of its own. */
export const migrateDatabase = async (
  ownerUrl: string,
  knowledgeOwnerUrl: string = ownerUrl,
  tls: Tls = 'off',
): Promise<void> => {
  if (knowledgeOwnerUrl === ownerUrl) return migrateOne(ownerUrl, tls, allMigrations);
  await migrateOne(ownerUrl, tls, [mainMigrations]);
  await migrateOne(knowledgeOwnerUrl, tls, [knowledgeMigrations]);
};
