import { and, asc, eq, gt, inArray, isNotNull, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { nowhere, UnitOfWork, wholeOf, type Origin } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import { platformEvents } from '../../events/tables.ts';
import { jobs } from '../../queue/tables.ts';
import type { Services } from '../services.ts';
import { beginErasure, eraseRows, removeFiles } from './organization-erasure.ts';
import { archiveKey, exportKind } from './organization-export.ts';
import { settingsOf } from './organization-settings.ts';
import { organizations, type OrganizationRow } from './tables.ts';

const origin: Origin = { requestId: 'purge', address: null, userAgent: null };
const pageSize = 500;
const dayMs = 86_400_000;
/** How long an archive is kept. */
const exportDays = 7;
/** Longer than any request, and the pause between two runs. */
const sweepDays = 3;

/** Begins to erase every organization that was deleted longer ago than it keeps deleted things; gives their number. Meant to run daily. */
export const eraseOverdue = async (services: Services): Promise<number> => {
  let begun = 0;
  for await (const organization of organizationsWhere(services, isNotNull(organizations.deletedAt)))
    if (isOverdue(organization) && (await began(services, organization))) begun++;
  return begun;
};

/**
 * Sweeps once more after the organizations that were erased in the last days: a request that had begun before may have written to their
 * logs, or brought a file, when they were gone already. Gives the number of such entries. Meant to run daily.
 */
export const sweepErased = async (services: Services): Promise<number> => {
  const platform = new UnitOfWork(nowhere, { ...services, origin });
  const recent = sql`${platformEvents.createdAt} > now() - make_interval(days => ${sweepDays})`;
  const erased = await platform.run(() =>
    database
      .select({ id: platformEvents.targetId })
      .from(platformEvents)
      .where(and(eq(platformEvents.action, 'organization.erased'), recent)),
  );
  await platform.rest();
  let swept = 0;
  for (const { id } of erased) {
    await removeFiles(services, id);
    const { events } = await platform.transact(() => eraseRows(id));
    swept += events;
  }
  return swept;
};

/** Removes archives that were made a week ago, and what failed exports left; gives their number. Meant to run daily. */
export const removeOldExports = async (services: Services): Promise<number> => {
  let removed = 0;
  for await (const { id } of organizationsWhere(services)) removed += await removeExportsOf(services, id);
  return removed;
};

/** Organizations by pages, read in nobody's name. No connection is held while one is looked at. */
export async function* organizationsWhere(services: Services, condition?: SQL): AsyncGenerator<OrganizationRow> {
  const platform = new UnitOfWork(nowhere, { ...services, origin });
  let after: string | undefined;
  for (;;) {
    const beyond = after === undefined ? undefined : gt(organizations.id, after);
    const page = await platform.run(() =>
      database
        .select()
        .from(organizations)
        .where(and(condition, beyond))
        .orderBy(asc(organizations.id))
        .limit(pageSize),
    );
    await platform.rest();
    yield* page;
    if (page.length < pageSize) return;
    after = page.at(-1)?.id;
  }
}

/** Sees the whole organization, in nobody's name. */
export const unitOf = (services: Services, id: string): UnitOfWork =>
  new UnitOfWork(wholeOf(id), { ...services, origin });

const isOverdue = (organization: OrganizationRow): boolean =>
  organization.deletedAt !== null &&
  Date.now() > Date.parse(organization.deletedAt) + settingsOf(organization).retentionDays * dayMs;

/** False when another run, or its owner, was faster. */
const began = async (services: Services, { id }: OrganizationRow): Promise<boolean> => {
  try {
    await beginErasure(unitOf(services, id), services.queue);
    return true;
  } catch (error) {
    if (error instanceof Conflict) return false;
    throw error;
  }
};

const removeExportsOf = async (services: Services, organizationId: string): Promise<number> => {
  const unit = unitOf(services, organizationId);
  const old = and(
    eq(jobs.organizationId, organizationId),
    // The target comes first in the index.
    eq(jobs.targetId, organizationId),
    eq(jobs.kind, exportKind),
    inArray(jobs.state, ['SUCCEEDED', 'FAILED']),
    sql`${jobs.finishedAt} < now() - make_interval(days => ${exportDays})`,
    sql`${jobs.result} -> 'removed' is null`,
  );
  const found = await unit.run(() =>
    database.select({ id: jobs.id, result: jobs.result }).from(jobs).where(old).limit(pageSize),
  );
  await unit.rest();
  for (const { id, result } of found) {
    await services.store.remove(archiveKey(organizationId, id));
    const ofJob = and(eq(jobs.organizationId, organizationId), eq(jobs.id, id));
    await unit.transact(() =>
      database
        .update(jobs)
        .set({ result: { ...result, removed: true } })
        .where(ofJob),
    );
  }
  return found.length;
};
