import DataLoader from 'dataloader';
import { sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { lacksPrivilege } from '../../database/failures.ts';
import type { Loader } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Forbidden } from '../../errors.ts';

/** What the functions of the database take at a time. */
const maxRead = 100;

/** Who reads which field, as the functions of the database write it down. */
export const readingOf = (unit: UnitOfWork, field: string): string => {
  const { requestId, address, userAgent } = unit.options.origin;
  return JSON.stringify({ field, requestId, address, userAgent });
};

/**
 * Runs a statement that calls a function which writes down what it reads. Throws Forbidden where the database does not find the unit's user
 * to be a super admin.
 */
export const readAcross = async <Row>(unit: UnitOfWork, statement: SQL): Promise<readonly Row[]> => {
  unit.recordReads();
  try {
    // The cast is safe: the driver gives plain objects.
    return (await unit.run(() => database.execute(statement))) as unknown as readonly Row[];
  } catch (error) {
    throw lacksPrivilege(error) ? new Forbidden('PLATFORM_ADMINISTER') : error;
  }
};

/** Writes down that rows of a type were read, at most 100. Throws Forbidden. */
export const recordReading = async (
  unit: UnitOfWork,
  field: string,
  type: string,
  ids: readonly string[],
): Promise<void> => {
  await readAcross(
    unit,
    sql`select app_record_platform_read(${readingOf(unit, field)}::jsonb, ${type}, ${uuids(ids)})`,
  );
};

/** UUIDs as an argument of a statement. */
export const uuids = (ids: readonly string[]): SQL => sql`${`{${[...new Set(ids)].join(',')}}`}::uuid[]`;

/** Loads what is read across organizations for all keys of a field level in one statement; unknown keys give null. */
export const loadAcross = <Value>(
  read: (unit: UnitOfWork, keys: readonly string[]) => Promise<ReadonlyMap<string, Value>>,
) => {
  const token = {};
  return (unit: UnitOfWork): Loader<Value | null> => {
    // The cast is safe: what is kept under the token is made here.
    const kept = unit.loaders.get(token) as Loader<Value | null> | undefined;
    if (kept !== undefined) return kept;
    const made = new DataLoader<string, Value | null>(
      async (keys) => {
        const values = await read(unit, keys);
        return keys.map((key) => values.get(key) ?? null);
      },
      { maxBatchSize: maxRead },
    );
    unit.loaders.set(token, made);
    return made;
  };
};
