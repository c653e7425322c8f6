import { drizzle } from 'drizzle-orm/postgres-js';
import { migrate } from 'drizzle-orm/postgres-js/migrator';
import postgres from 'postgres';
import { migrationsFolder } from './migrations.ts';

/** A number of our own for the lock that keeps two migrations apart. */
const lockKey = 7_355_608;

/** Applies the pending migrations as the owner, one process at a time; the same as `drizzle-kit migrate`. */
export const migrateDatabase = async (ownerUrl: string): Promise<void> => {
  const client = postgres(ownerUrl, { max: 1, onnotice: () => undefined });
  try {
    await client`select pg_advisory_lock(${lockKey})`;
    await migrate(drizzle(client), { migrationsFolder });
  } finally {
    await client.end();
  }
};
