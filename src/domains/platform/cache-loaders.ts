import DataLoader from 'dataloader';
import { and, eq, getTableColumns, gt, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Meaning } from '../../database/filter.ts';
import { listOf } from '../../database/list.ts';
import { bound, lazily, loadOne, uuidArray, type Loader } from '../../database/loader.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Viewer } from '../context.ts';
import { readsEntry } from './cache-owners.ts';
import { cacheEntries, type CacheEntryRow } from './cache-tables.ts';

const { readers: _readers, ...columns } = getTableColumns(cacheEntries);

/** By the database's clock, so that an entry ends everywhere at once. */
const alive = gt(cacheEntries.expiresAt, sql`now()`);
const ofTenant = eq(cacheEntries.organizationId, bound.organizationId);

const entryById = loadOne(
  () =>
    database
      .select()
      .from(cacheEntries)
      .where(and(ofTenant, sql`${cacheEntries.id} = any(${bound.keys})`, alive)),
  (entry) => entry.id,
);

/** An entry that the viewer may read. */
export const cacheEntryById = (unit: UnitOfWork, viewer: Viewer) => ({
  load: async (id: string): Promise<CacheEntryRow | null> => {
    const entry = await entryById(unit).load(id);
    return entry !== null && readsEntry(viewer, entry) ? entry : null;
  },
});

const entriesByKey = lazily(() =>
  Statement.select(
    database
      .select(getTableColumns(cacheEntries))
      .from(cacheEntries)
      .innerJoin(
        sql`unnest(${sql.placeholder('owners')}::uuid[], ${sql.placeholder('names')}::text[]) as asked(owner, key)`,
        and(eq(cacheEntries.ownerId, sql`asked.owner`), eq(cacheEntries.key, sql`asked.key`)),
      )
      .where(and(ofTenant, alive)),
  ),
);

/** An entry by the id of its owner and its key, which is checked: it holds nothing that ends a word of an array. */
const placeOf = (ownerId: string, key: string): string => `${ownerId} ${key}`;
const ownerLength = 36;

const loadByKey = async (unit: UnitOfWork, places: readonly string[]): Promise<(CacheEntryRow | null)[]> => {
  const names = places.map((place) => `"${place.slice(ownerLength + 1)}"`);
  const owners = uuidArray(places.map((place) => place.slice(0, ownerLength)));
  const rows = await unit.select(entriesByKey(), {
    organizationId: unit.organizationId,
    owners,
    names: `{${names.join(',')}}`,
  });
  const found = new Map(rows.map((row) => [placeOf(row.ownerId, row.key), row]));
  return places.map((place) => found.get(place) ?? null);
};

const token = {};

/** What stands under a checked key in the cache of an owner whose entries the viewer may read; one statement for all of a field level. */
export const cacheEntryByKey = (unit: UnitOfWork, ownerId: string, key: string): Promise<CacheEntryRow | null> => {
  // The cast is safe: the token is stored here alone.
  const kept = unit.loaders.get(token) as Loader<CacheEntryRow | null> | undefined;
  const loader = kept ?? new DataLoader((places: readonly string[]) => loadByKey(unit, places), { maxBatchSize: 1000 });
  unit.loaders.set(token, loader);
  return loader.load(placeOf(ownerId, key));
};

/** What a key begins with is looked for among the entries of one owner, of which there are few. */
const byKey: Meaning = (comparator, operand) => {
  if (operand === null) return undefined;
  const keys = (Array.isArray(operand) ? operand : [operand]).map(String);
  if (comparator === 'startsWith') return sql`starts_with(${cacheEntries.key}, ${keys[0]})`;
  return keys.length === 0 ? sql`false` : inArray(cacheEntries.key, keys);
};

/** What stands in the cache of an owner. */
export const cacheEntriesByOwner = listOf({
  from: cacheEntries,
  parent: cacheEntries.ownerId,
  columns,
  orders: { CREATED_AT: cacheEntries.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: { key: byKey, expiresAt: cacheEntries.expiresAt, createdAt: cacheEntries.createdAt },
  where: alive,
  // Values are long: they are read where they are asked for.
  needs: { workspace: ['workspaceId'] },
});
