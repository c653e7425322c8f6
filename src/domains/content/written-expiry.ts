import { and, asc, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { brokenReference } from '../../database/failures.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { parseGlobalId } from '../../ids.ts';
import { jobs } from '../../queue/tables.ts';
import { revokeTokens } from '../identity/tokens.ts';
import type { Services, Work } from '../services.ts';
import { organizationsWhere, unitOf } from '../tenancy/organization-purge.ts';
import { removeUnused } from './stored-bytes.ts';
import { files } from './tables.ts';

/** How long the file of an export is kept, in days. */
export const exportDays = 7;

const atOnce = 100;

/** Removes files that jobs of one kind wrote a week ago, unless something was made of them since; their jobs tell so. */
export const removeOldWritten = async (kind: string, { services }: Work, signal: AbortSignal): Promise<void> => {
  for await (const { id } of organizationsWhere(services)) {
    const unit = unitOf(services, id);
    for (let found = atOnce; found === atOnce && !signal.aborted;) found = await removeSome(kind, services, unit);
  }
};

const removeSome = async (kind: string, services: Services, unit: UnitOfWork): Promise<number> => {
  const old = and(
    eq(jobs.organizationId, unit.organizationId),
    eq(jobs.kind, kind),
    eq(jobs.state, 'SUCCEEDED'),
    sql`${jobs.finishedAt} < now() - make_interval(days => ${exportDays})`,
    sql`${jobs.result} -> 'removed' is null`,
  );
  const found = await unit.run(() =>
    database
      .select({ id: jobs.id, result: jobs.result })
      .from(jobs)
      .where(old)
      .orderBy(asc(jobs.createdAt))
      .limit(atOnce),
  );
  await unit.rest();
  for (const { id, result } of found) {
    const file = result?.fileId;
    const fileId = typeof file === 'string' ? (parseGlobalId(file)?.uuid ?? null) : null;
    const removed = fileId === null || (await removeFile(services, unit, fileId));
    const ofJob = and(eq(jobs.organizationId, unit.organizationId), eq(jobs.id, id));
    await unit.transact(() =>
      database
        .update(jobs)
        .set({ result: { ...result, removed } })
        .where(ofJob),
    );
  }
  return found.length;
};

/** False when a document or a message holds the file by now, so that it stays. */
const removeFile = async (services: Services, unit: UnitOfWork, id: string): Promise<boolean> => {
  try {
    const sha256 = await unit.transact(async ({ organizationId }) => {
      await revokeTokens(unit, [id]);
      const [gone] = await database
        .delete(files)
        .where(and(eq(files.organizationId, organizationId), eq(files.id, id)))
        .returning({ sha256: files.sha256, size: files.size });
      if (gone === undefined) return null;
      const data = { reason: 'RETENTION', size: gone.size };
      unit.record({ action: 'file.deleted', type: 'File', id, data });
      return gone.sha256;
    });
    if (sha256 !== null) await removeUnused(unit, services.store, sha256);
    return true;
  } catch (error) {
    if (brokenReference(error) === null) throw error;
    return false;
  }
};
