import { and, asc, eq, gt, inArray, isNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { jobsAlone, UnitOfWork, wholeOf, type Origin } from '../../database/unit-of-work.ts';
import { asideFolder, type FileStore } from '../../storage/store.ts';
import { revokeTokens } from '../identity/tokens.ts';
import type { Services, Work } from '../services.ts';
import { organizationsWhere } from '../tenancy/organization-purge.ts';
import { memberships } from '../tenancy/tables.ts';
import { fileKey, lockBytes, removeUnused, sha256Of } from './stored-bytes.ts';
import { files } from './tables.ts';

const origin: Origin = { requestId: 'orphans', address: null, userAgent: null };
const pageSize = 500;
/** Longer than any upload takes, so that what is older is of none that is running. */
const dayMs = 86_400_000;

/** What one run found. */
export interface Collected {
  /** Rows of files whose bytes never came. */
  awaited: number;
  /** Rows of files that syncs brought in and nothing is made from any more. */
  synced: number;
  /** Rows of files of mailboxes whose owner has left. */
  departed: number;
  /** Stored bytes that no row referred to. */
  unused: number;
  /** What broken uploads left beside the keys. */
  aside: number;
  /** Rows whose bytes are missing; they stay, and are told in the log. */
  missing: number;
}

/**
 * Removes what uploads and deletions that were broken off have left, of all organizations: rows whose bytes did not come within a day, rows
 * that syncs made and nothing uses any more, and bytes older than a day that no row refers to. One organization that fails is logged, and is tried again the next night.
 */
export const collectOrphans = async ({ services }: Work, signal: AbortSignal): Promise<Collected> => {
  const collected = { awaited: 0, synced: 0, departed: 0, unused: 0, aside: 0, missing: 0 };
  for await (const { id } of organizationsWhere(services)) {
    if (signal.aborted) return collected;
    await collectOf(services, id, signal, collected).catch((error: unknown) => {
      services.log.error({ err: error, organizationId: id }, 'Orphans of an organization could not be collected.');
    });
  }
  for await (const { key, writtenAt } of services.store.list(asideFolder)) {
    if (signal.aborted) return collected;
    if (!isOld(writtenAt)) continue;
    await services.store.remove(key);
    collected.aside++;
  }
  return collected;
};

const isOld = (time: Date): boolean => time.getTime() < Date.now() - dayMs;

const collectOf = async (services: Services, id: string, signal: AbortSignal, collected: Collected): Promise<void> => {
  const unit = new UnitOfWork(wholeOf(id), { ...services, origin });
  collected.awaited += await removeRows(unit, awaited, signal);
  collected.synced += await removeRows(unit, unusedOfSyncs, signal);
  collected.departed += await removeRows(unit, ofDeparted, signal);
  const stored = new Set<string>();
  let page: string[] = [];
  const sweep = async () => {
    for (const sha256 of await unreferred(unit, page))
      if (await removeUnused(unit, services.store, sha256)) collected.unused++;
    page = [];
  };
  for await (const { key, writtenAt } of services.store.list(id)) {
    if (signal.aborted) return;
    const sha256 = sha256Of(id, key);
    if (sha256 === null) continue;
    stored.add(sha256);
    if (isOld(writtenAt)) page.push(sha256);
    if (page.length === pageSize) await sweep();
  }
  await sweep();
  collected.missing += await tellMissing(services, unit, stored, signal);
};

const isOfYesterday = sql`${files.createdAt} < now() - interval '1 day'`;

/** Files whose bytes never came: an upload's token ends within an hour, and nothing can be made from a file before its bytes are there. */
const awaited = and(eq(files.status, 'AWAITED'), isOfYesterday);

const usingTables = [
  sql`documents`,
  sql`document_versions`,
  sql`parsed_files`,
  sql`messages`,
  sql`room_attachments`,
  sql`task_attachments`,
];
const unusedIn = (uses: SQL): SQL =>
  sql`not exists (select from ${uses} use where use.organization_id = ${files.organizationId} and use.file_id = ${files.id})`;

/** Nobody has uploaded them, and so nobody has any other use for them than the documents, earlier versions and conversations that hold them. */
const unusedOfSyncs = and(
  eq(files.status, 'STORED'),
  isNull(files.uploadedById),
  isOfYesterday,
  ...usingTables.map(unusedIn),
);

/** A member's own, such as the files of their mailbox, whose e-mails went with the membership; what serves something else is not theirs alone any more. */
const ofDeparted = and(
  sql`${jobsAlone}::uuid = any(${files.readers})`,
  isOfYesterday,
  sql`not exists (select from ${memberships} where ${memberships.organizationId} = ${files.organizationId}
    and ${memberships.userId} = ${files.uploadedById})`,
  ...usingTables.map(unusedIn),
);

/** Removes rows of files, some at a time; gives their number. */
const removeRows = async (unit: UnitOfWork, condition: SQL | undefined, signal: AbortSignal): Promise<number> => {
  const over = and(eq(files.organizationId, unit.organizationId), condition);
  let total = 0;
  for (let removed = pageSize; removed === pageSize && !signal.aborted; total += removed)
    removed = await unit.transact(async () => {
      const some = database.select({ id: files.id }).from(files).where(over).orderBy(asc(files.id)).limit(pageSize);
      const gone = await database
        .delete(files)
        .where(and(over, inArray(files.id, some)))
        .returning({ id: files.id, name: files.name });
      const ids = gone.map((file) => file.id);
      await revokeTokens(unit, ids);
      for (const { id, name } of gone) unit.record({ action: 'file.given_up', type: 'File', id, data: { name } });
      return ids.length;
    });
  return total;
};

/** Those hashes that no row has; they are looked at once more, locked, before their bytes go. */
const unreferred = async (unit: UnitOfWork, hashes: readonly string[]): Promise<string[]> => {
  if (hashes.length === 0) return [];
  const ofThese = and(eq(files.organizationId, unit.organizationId), inArray(files.sha256, [...hashes]));
  const rows = await unit.run(() => database.selectDistinct({ sha256: files.sha256 }).from(files).where(ofThese));
  await unit.rest();
  const referred = new Set(rows.map(({ sha256 }) => sha256));
  return hashes.filter((sha256) => !referred.has(sha256));
};

/** Tells in the log which files have lost their bytes; `stored` are the hashes that a list of the store gave. */
const tellMissing = async (
  { store, log }: Services,
  unit: UnitOfWork,
  stored: ReadonlySet<string>,
  signal: AbortSignal,
): Promise<number> => {
  const { organizationId } = unit;
  let missing = 0;
  for (let after: string | null = ''; after !== null && !signal.aborted;) {
    const page: string[] = await hashesBeyond(unit, after);
    for (const sha256 of page) {
      if (stored.has(sha256)) continue;
      const fileIds = await withoutBytes(unit, store, sha256);
      if (fileIds.length === 0) continue;
      log.error({ organizationId, sha256, fileIds }, 'The bytes of files are missing.');
      missing += fileIds.length;
    }
    after = page.length < pageSize ? null : (page.at(-1) ?? null);
  }
  return missing;
};

const hashesBeyond = async (unit: UnitOfWork, after: string): Promise<string[]> => {
  const beyond = and(eq(files.organizationId, unit.organizationId), gt(files.sha256, after));
  const rows = await unit.run(() =>
    database
      .selectDistinct({ sha256: files.sha256 })
      .from(files)
      .where(beyond)
      .orderBy(asc(files.sha256))
      .limit(pageSize),
  );
  await unit.rest();
  return rows.flatMap(({ sha256 }) => sha256 ?? []);
};

/** Rows that refer to bytes that are not there, looked at with the bytes locked: they may have come, or the rows gone, meanwhile. */
const withoutBytes = (unit: UnitOfWork, store: FileStore, sha256: string): Promise<string[]> =>
  unit.transact(async ({ organizationId }) => {
    await lockBytes(organizationId, sha256);
    if (await store.exists(fileKey(organizationId, sha256))) return [];
    const refers = and(eq(files.organizationId, organizationId), eq(files.sha256, sha256));
    const rows = await database.select({ id: files.id }).from(files).where(refers).limit(100);
    return rows.map(({ id }) => id);
  });
