import { rm } from 'node:fs/promises';
import type { Terminal } from './command.ts';
import type { Place } from './places.ts';
import { dropPart, migratePart } from './rebuild.ts';

/** Makes all tables anew, empty, in one transaction for each database; roles and extensions stay. */
export const resetPlaces = async (places: readonly Place[], { progress }: Terminal): Promise<void> => {
  for (const { what, sql, parts } of places) {
    progress(`${what}: making the tables anew.`);
    await sql.begin(async (transaction) => {
      for (const part of parts) await dropPart(transaction, part);
      for (const part of parts) await migratePart(transaction, part);
    });
  }
};

/** Removes the files of the data directory and the mark that its first account was made; keys stay. */
export const resetDirectory = async (filesRoot: string | null, mark: string): Promise<void> => {
  if (filesRoot !== null) await rm(filesRoot, { recursive: true, force: true });
  await rm(mark, { force: true });
};
