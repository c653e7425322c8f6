import { and, eq, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { ClearCacheInput, DeleteCacheEntryInput, PutCacheEntryInput } from '../../generated/resolvers.ts';
import type { Context } from '../context.ts';
import { ownerFor, type CacheOwner } from './cache-owners.ts';
import { maxBytes, maxEntries, requireKey, sizeOfChecked } from './cache-rules.ts';
import { cacheEntries, type CacheEntryRow } from './cache-tables.ts';

/** What was put, or stood there already. */
export interface Put {
  readonly entry: CacheEntryRow;
  readonly stored: boolean;
}

const ofOwner = (organizationId: string, { ownerId }: CacheOwner) =>
  and(eq(cacheEntries.organizationId, organizationId), eq(cacheEntries.ownerId, ownerId));
const ofKey = (organizationId: string, owner: CacheOwner, key: string) =>
  and(ofOwner(organizationId, owner), eq(cacheEntries.key, key));

/** One at a time puts into a cache: each finds room as the one before has left it. */
const lock = (organizationId: string, { ownerId }: CacheOwner) =>
  database.execute(sql`select pg_advisory_xact_lock(hashtextextended(${`cache ${organizationId} ${ownerId}`}, 0))`);

const put = async (row: typeof cacheEntries.$inferInsert, ifAbsent: boolean): Promise<CacheEntryRow | undefined> => {
  const [entry] = await database
    .insert(cacheEntries)
    .values(row)
    .onConflictDoUpdate({
      target: [cacheEntries.organizationId, cacheEntries.ownerId, cacheEntries.key],
      set: {
        value: sql`excluded.value`,
        size: sql`excluded.size`,
        expiresAt: sql`excluded.expires_at`,
        createdAt: sql`excluded.created_at`,
      },
      // The new row's time of making is now.
      ...(ifAbsent && { setWhere: sql`${cacheEntries.expiresAt} <= excluded.created_at` }),
    })
    .returning();
  return entry;
};

/** Removes those that expire soonest, expired ones first, until a cache keeps its bounds; what was put just now stays. */
const makeRoom = (organizationId: string, owner: CacheOwner, putId: string): Promise<unknown> => {
  const whole = ofOwner(organizationId, owner);
  const beyond = sql`select id from (
      select ${cacheEntries.id} as id, count(*) over kept as entries, sum(${cacheEntries.size}) over kept as bytes
      from ${cacheEntries} where ${whole}
      window kept as (order by ${cacheEntries.id} = ${putId} desc, ${cacheEntries.expiresAt} desc, ${cacheEntries.id} desc
        rows unbounded preceding)
    ) ranked where entries > ${maxEntries} or bytes > ${maxBytes}`;
  return database.delete(cacheEntries).where(and(whole, sql`${cacheEntries.id} = any(array(${beyond}))`));
};

/** Puts a value into a cache, in place of what stands under its key. Throws BadUserInput, Conflict (archived), Forbidden, NotFound (workspace). */
export const putCacheEntry = (context: Context, input: PutCacheEntryInput): Promise<Put> =>
  context.unit.transact(async ({ organizationId }) => {
    const { key, value, ttlSeconds, ifAbsent = false } = input;
    const owner = await ownerFor(context, 'CACHE_WRITE', input.owner);
    const size = sizeOfChecked(input);
    await lock(organizationId, owner);
    const expiresAt = sql`now() + make_interval(secs => ${ttlSeconds})`;
    // The cast is safe: drizzle takes an expression in place of a value.
    const row = { ...owner, organizationId, key, value, size, expiresAt: expiresAt as unknown as string };
    const entry = await put(row, ifAbsent);
    if (entry === undefined) return { entry: await standing(ofKey(organizationId, owner, key)), stored: false };
    await makeRoom(organizationId, owner, entry.id);
    return { entry, stored: true };
  });

const standing = async (condition: SQL | undefined): Promise<CacheEntryRow> =>
  sole(await database.select().from(cacheEntries).where(condition));

const remove = (condition: SQL | undefined) =>
  database
    .delete(cacheEntries)
    .where(condition)
    .returning({ id: cacheEntries.id, alive: sql<boolean>`${cacheEntries.expiresAt} > now()` });

/** Removes an entry; gives its id, or null when there was none. Throws BadUserInput, Conflict (archived), Forbidden, NotFound (workspace). */
export const deleteCacheEntry = (context: Context, input: DeleteCacheEntryInput): Promise<string | null> =>
  context.unit.transact(async ({ organizationId }) => {
    const owner = await ownerFor(context, 'CACHE_WRITE', input.owner);
    requireKey(input.key);
    const [gone] = await remove(ofKey(organizationId, owner, input.key));
    return gone?.alive === true ? gone.id : null;
  });

const targets = { ORGANIZATION: 'Organization', WORKSPACE: 'Workspace', USER: 'User' } as const;

/** Removes all of a cache, or what has keys of one beginning; gives the number of entries. Throws as `deleteCacheEntry` does. */
export const clearCache = (context: Context, input: ClearCacheInput): Promise<number> =>
  context.unit.transact(async ({ organizationId }) => {
    const owner = await ownerFor(context, 'CACHE_WRITE', input.owner);
    const keyPrefix = input.keyPrefix ?? null;
    if (keyPrefix !== null) requireKey(keyPrefix, 'keyPrefix');
    const begins = keyPrefix === null ? undefined : sql`starts_with(${cacheEntries.key}, ${keyPrefix})`;
    // One step: a cache holds a bounded number of entries.
    const gone = await remove(and(ofOwner(organizationId, owner), begins));
    const count = gone.filter(({ alive }) => alive).length;
    const { ownerType, ownerId, workspaceId } = owner;
    context.unit.record({
      action: 'cache.cleared',
      type: targets[ownerType],
      id: ownerId,
      workspaceId,
      // What keys a person has is nobody else's matter.
      data: { count, ...(ownerType !== 'USER' && keyPrefix !== null && { keyPrefix }) },
    });
    return count;
  });
