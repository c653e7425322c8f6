import { createHash } from 'node:crypto';
import { and, eq, gt, inArray, lt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork } from '../../database/unit-of-work.ts';
import type { Services, Work } from '../services.ts';
import { idempotencyKeys } from './idempotency-tables.ts';

/** How long a key is known, in words. */
export const keptFor = '24 hours';
const keptMs = 86_400_000;
/** Rows that go in one transaction. */
const atOnce = 1000;

const origin = { requestId: 'idempotency', address: null, userAgent: null };

/** What was carried out under a key. */
export type Carried = Pick<typeof idempotencyKeys.$inferSelect, 'id' | 'fingerprint' | 'encryptedResult' | 'requestId'>;

/** The id of the row that stands for one field under a key of a member's. */
export const keyId = (organizationId: string, userId: string, key: string, field: string): string => {
  const hash = createHash('sha256').update([organizationId, userId, field, key].join(' ')).digest('hex');
  return hash.slice(0, 32).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
};

const since = (): string => new Date(Date.now() - keptMs).toISOString();
const unitOf = (services: Services): UnitOfWork => new UnitOfWork(nowhere, { ...services, origin });

/** What was carried out under keys in the last day. No connection is held afterwards. */
export const keysById = async (services: Services, ids: readonly string[]): Promise<Carried[]> => {
  const unit = unitOf(services);
  const { id, fingerprint, encryptedResult, requestId, createdAt } = idempotencyKeys;
  const young = and(inArray(id, [...ids]), gt(createdAt, since()));
  const rows = await unit.run(() =>
    database.select({ id, fingerprint, encryptedResult, requestId }).from(idempotencyKeys).where(young),
  );
  await unit.rest();
  return rows;
};

/**
 * Writes in the running transaction that it carries out what the key is for; waits for another that does so, and is false when that has committed. A key
 * of yesterday is taken anew.
 */
export const claimKey = async (
  key: Omit<typeof idempotencyKeys.$inferInsert, 'encryptedResult' | 'createdAt' | 'updatedAt'>,
): Promise<boolean> => {
  const { requestId, fingerprint } = key;
  const now = new Date().toISOString();
  const claimed = await database
    .insert(idempotencyKeys)
    .values({ ...key, createdAt: now, updatedAt: now })
    .onConflictDoUpdate({
      target: idempotencyKeys.id,
      set: { requestId, fingerprint, encryptedResult: null, createdAt: now, updatedAt: now },
      setWhere: sql`${idempotencyKeys.createdAt} <= ${since()}::timestamptz`,
    })
    .returning({ id: idempotencyKeys.id });
  return claimed.length > 0;
};

/** Keeps answers, encrypted. */
export const storeResults = async (
  services: Services,
  results: readonly { readonly id: string; readonly result: string }[],
): Promise<void> => {
  if (results.length === 0) return;
  await unitOf(services).transact(async () => {
    for (const { id, result } of results)
      await database.update(idempotencyKeys).set({ encryptedResult: result }).where(eq(idempotencyKeys.id, id));
  });
};

/** Forgets the keys of yesterday. */
export const forgetKeys = async ({ services }: Work, signal: AbortSignal): Promise<void> => {
  const unit = unitOf(services);
  for (let gone = atOnce; gone === atOnce && !signal.aborted;)
    gone = await unit.transact(async () => {
      const old = database
        .select({ id: idempotencyKeys.id })
        .from(idempotencyKeys)
        .where(lt(idempotencyKeys.createdAt, since()))
        .orderBy(idempotencyKeys.createdAt, idempotencyKeys.id)
        .limit(atOnce);
      const rows = await database
        .delete(idempotencyKeys)
        .where(inArray(idempotencyKeys.id, old))
        .returning({ id: idempotencyKeys.id });
      return rows.length;
    });
};
