import type postgres from 'postgres';
import { knownMigrations, type Applied, type Migration, type Migrations } from '../database/migrations.ts';

/** What a database has of a folder of migrations. */
export interface MigrationState {
  /** Those of the repository that it has, oldest first. */
  readonly applied: readonly Migration[];
  /** Those that it lacks, oldest first. */
  readonly pending: readonly Migration[];
  /** Those that were changed in the repository after they were applied. */
  readonly changed: readonly Migration[];
  /** Those that the repository does not have: of a newer version, or of something else. */
  readonly unknown: readonly Applied[];
}

export const migrationStateOf = async (sql: postgres.ISql, migrations: Migrations): Promise<MigrationState> => {
  const found = new Map((await appliedIn(sql, migrations)).map((each) => [each.createdAt, each]));
  const known = knownMigrations(migrations);
  const moments = new Set(known.map(({ createdAt }) => createdAt));
  return {
    applied: known.filter(({ createdAt }) => found.has(createdAt)),
    pending: known.filter(({ createdAt }) => !found.has(createdAt)),
    changed: known.filter(({ createdAt, hash }) => (found.get(createdAt)?.hash ?? hash) !== hash),
    unknown: [...found.values()].filter(({ createdAt }) => !moments.has(createdAt)),
  };
};

/** The migrations that a database has, oldest first; none when there is no such table. */
export const appliedIn = async (sql: postgres.ISql, { table }: Migrations): Promise<readonly Applied[]> => {
  const [found] = await sql<{ name: string | null }[]>`select to_regclass(${`drizzle.${table}`})::text as name`;
  if (found === undefined || found.name === null) return [];
  const rows = await sql<{ hash: string; createdAt: string }[]>`select hash, created_at as "createdAt"
    from ${sql(`drizzle.${table}`)} order by created_at`;
  return rows.map(({ hash, createdAt }) => ({ hash, createdAt: Number(createdAt) }));
};
