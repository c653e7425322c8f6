import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { Scope, UnitOfWork } from '../../database/unit-of-work.ts';
import type { FileStore } from '../../storage/store.ts';
import { files } from './tables.ts';

/** Where the bytes of a file are: the same bytes are stored once per organization. */
export const fileKey = (organizationId: string, sha256: string): string => `${organizationId}/${sha256}`;

/** The SHA-256 in the key of a file's bytes; null for keys of anything else in the organization's folder. */
export const sha256Of = (organizationId: string, key: string): string | null =>
  key.startsWith(`${organizationId}/`)
    ? (/^[0-9a-f]{64}$/.exec(key.slice(organizationId.length + 1))?.[0] ?? null)
    : null;

/** Sees all files of an organization, whoever may read them. */
export const allFilesOf = (organizationId: string): Scope => ({
  organizationId,
  userId: null,
  principals: [organizationId],
  workspaces: '*',
});

/**
 * Until the running transaction ends, nobody else makes a row that refers to these bytes, or removes them: what is looked up of rows and
 * store stays true meanwhile.
 */
export const lockBytes = async (organizationId: string, sha256: string): Promise<void> => {
  await database.execute(sql`select pg_advisory_xact_lock(hashtextextended(${fileKey(organizationId, sha256)}, 0))`);
};

/**
 * Removes bytes that no row of the organization refers to; gives whether it did. The unit is one of `allFilesOf`. The store is called with
 * the bytes locked, for an upload of the same bytes must find them gone, or be found.
 */
export const removeUnused = (unit: UnitOfWork, store: FileStore, sha256: string): Promise<boolean> =>
  unit.transact(async ({ organizationId }) => {
    await lockBytes(organizationId, sha256);
    const refers = and(eq(files.organizationId, organizationId), eq(files.sha256, sha256));
    const [used] = await database.select({ id: files.id }).from(files).where(refers).limit(1);
    if (used !== undefined) return false;
    await store.remove(fileKey(organizationId, sha256));
    return true;
  });
