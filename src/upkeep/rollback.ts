import { existsSync, readFileSync } from 'node:fs';
import { downPath, knownMigrations, type Migration, type Migrations } from '../database/migrations.ts';
import { Refused } from './command.ts';
import { appliedIn } from './migration-state.ts';
import type { Place } from './places.ts';
import { refuseFilteredRows } from './rights.ts';

interface Step {
  readonly place: Place;
  readonly part: Migrations;
  readonly migration: Migration;
}

/**
 * Undoes the newest migration, of the schema when one is named, in one transaction, and gives its name. Throws Refused when there is no way
 * back.
 */
export const rollBack = async (places: readonly Place[], schema?: string): Promise<string> => {
  const step = await newestOf(places, schema);
  const path = downPath(step.part, step.migration);
  const { name, createdAt } = step.migration;
  if (!existsSync(path)) throw new Refused(`There is no way back behind ${name}: restore a backup instead.`);
  await refuseFilteredRows(step.place.sql);
  await step.place.sql.begin(async (sql) => {
    for (const statement of readFileSync(path, 'utf8').split('--> statement-breakpoint')) await sql.unsafe(statement);
    await sql`delete from ${sql(`drizzle.${step.part.table}`)} where created_at = ${createdAt}`;
  });
  return name;
};

const newestOf = async (places: readonly Place[], schema: string | undefined): Promise<Step> => {
  let newest: { place: Place; part: Migrations; createdAt: number; hash: string } | undefined;
  for (const place of places)
    for (const part of place.parts.filter((each) => schema === undefined || each.schema === schema)) {
      const last = (await appliedIn(place.sql, part)).at(-1);
      if (last !== undefined && last.createdAt > (newest?.createdAt ?? -1)) newest = { place, part, ...last };
    }
  if (newest === undefined) throw new Refused('No migration is applied.');
  const { place, part, createdAt, hash } = newest;
  const migration = knownMigrations(part).find((known) => known.createdAt === createdAt && known.hash === hash);
  if (migration === undefined)
    throw new Refused(
      `The newest migration of the schema ${part.schema} is not of this version. See: npm run db:status`,
    );
  return { place, part, migration };
};
