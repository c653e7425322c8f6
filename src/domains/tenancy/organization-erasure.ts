import { and, count, eq, gte, inArray, isNotNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { nowhere, type UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict } from '../../errors.ts';
import type { EraseOrganizationInput } from '../../generated/resolvers.ts';
import type { JobHandler } from '../../queue/queue.ts';
import { jobs } from '../../queue/tables.ts';
import { asideFolder } from '../../storage/store.ts';
import type { Context } from '../context.ts';
import { requireOwnPassword } from '../identity/accounts.ts';
import { removeAvatarsOf } from '../identity/avatars.ts';
import type { Services, Work } from '../services.ts';
import { lockedOrganization } from './organization-types.ts';
import { requireSlug } from './slugs.ts';
import { organizations, workspaces, type OrganizationRow } from './tables.ts';

/** The queue's name of this work. */
export const eraseKind = 'tenancy.erase-organization';

/** Whether an organization that is deleted has begun to go: there is no way back from there, whatever became of the job. */
export const erasureHasBegun = async ({ id, deletedAt }: OrganizationRow): Promise<boolean> => {
  const ofOrganization = and(eq(jobs.organizationId, id), eq(jobs.kind, eraseKind));
  const since = deletedAt === null ? sql`false` : gte(jobs.createdAt, deletedAt);
  return (await database.select({ id: jobs.id }).from(jobs).where(and(ofOrganization, since)).limit(1)).length > 0;
};

const isUnderWay = async (organizationId: string): Promise<boolean> => {
  const ofOrganization = and(eq(jobs.organizationId, organizationId), eq(jobs.kind, eraseKind));
  const open = inArray(jobs.state, ['QUEUED', 'RUNNING']);
  return (await database.select({ id: jobs.id }).from(jobs).where(and(ofOrganization, open)).limit(1)).length > 0;
};

/** Adds the job in the unit's transaction and gives its id. Throws Conflict (not deleted, or being erased), and what `check` throws. */
export const beginErasure = (
  unit: UnitOfWork,
  queue: Services['queue'],
  check: (organization: OrganizationRow) => void = () => undefined,
): Promise<string> =>
  unit.transact(async ({ organizationId }) => {
    const organization = await lockedOrganization(unit);
    check(organization);
    if (organization.deletedAt === null)
      throw new Conflict('organization', 'Delete the organization first; only then can it be erased.');
    if (await isUnderWay(organizationId)) throw new Conflict('organization', 'This organization is being erased.');
    const target = { type: 'Organization', id: organizationId };
    const jobId = await queue.enqueue(unit, { kind: eraseKind, data: {}, target });
    unit.record({ action: 'organization.erasure_requested', type: 'Organization', id: organizationId });
    return jobId;
  });

/** Begins to erase the viewer's deleted organization; gives the job's id. Throws BadUserInput (confirmation, password), Conflict, RateLimited. */
export const eraseOrganization = async (
  context: Context,
  { confirmation, password }: EraseOrganizationInput,
): Promise<string> => {
  await requireOwnPassword(context, password);
  return beginErasure(context.unit, context.services.queue, (organization) => requireSlug(organization, confirmation));
};

/**
 * Erases a deleted organization: one workspace after the other, then the bytes of its files, then all else in one transaction, with the queue's
 * own rows and this job's. Whatever was done before a crash is not there any more at the next run. One that was restored is left alone.
 */
export const erase: JobHandler<Work>['run'] = async ({ unit, services }, _data, run) => {
  const { organizationId, userId } = unit.scope;
  if (organizationId === null || !(await isDeleted(unit, organizationId))) return { erased: false };
  const total = await workspacesOf(unit, organizationId);
  let erased = 0;
  while (await eraseWorkspace(unit)) {
    run.signal.throwIfAborted();
    erased++;
    await run.progress((90 * erased) / Math.max(total, erased));
  }
  await unit.rest();
  await removeFiles(services, organizationId);
  const platform = unit.as({ ...nowhere, userId });
  await platform.transact(async () => {
    const counts = await eraseRows(organizationId);
    const data = { ...counts, workspaces: erased };
    platform.record({ action: 'organization.erased', type: 'Organization', id: organizationId, data });
  });
  services.viewers.forgetOrganization(organizationId);
  // What an upload that was under way has brought meanwhile: its token is gone now.
  await removeFiles(services, organizationId);
  return { erased: true };
};

/** Erases what is left of a deleted organization's rows, in the running transaction, however long it takes; gives counts of them. */
export const eraseRows = async (organizationId: string): Promise<Record<string, number>> => {
  await untimed();
  const erased = sql`select app_erase_organization(${organizationId}::uuid) as counts`;
  return sole(await database.execute<{ counts: Record<string, number> }>(erased)).counts;
};

const isDeleted = async (unit: UnitOfWork, organizationId: string): Promise<boolean> => {
  const found = and(eq(organizations.id, organizationId), isNotNull(organizations.deletedAt));
  return (await unit.run(() => database.select({ id: organizations.id }).from(organizations).where(found))).length > 0;
};

const workspacesOf = async (unit: UnitOfWork, organizationId: string): Promise<number> => {
  const ofOrganization = eq(workspaces.organizationId, organizationId);
  return sole(await unit.run(() => database.select({ total: count() }).from(workspaces).where(ofOrganization))).total;
};

/** A large workspace takes longer than a request may; nobody waits for its rows any more. */
const untimed = () => database.execute(sql`set local statement_timeout = 0`);

/** Erases one workspace with all it holds; false when there is none left. */
const eraseWorkspace = (unit: UnitOfWork): Promise<boolean> =>
  unit.transact(async ({ organizationId }) => {
    await untimed();
    const { deletedAt } = await lockedOrganization(unit);
    if (deletedAt === null) throw new Error('The organization was restored while it was being erased.');
    const ofOrganization = eq(workspaces.organizationId, organizationId);
    const [next] = await database.select({ id: workspaces.id }).from(workspaces).where(ofOrganization).limit(1);
    if (next === undefined) return false;
    await database.delete(workspaces).where(and(ofOrganization, eq(workspaces.id, next.id)));
    return true;
  });

/** Removes the bytes of all that an organization has stored. */
export const removeFiles = async (services: Services, organizationId: string): Promise<void> => {
  const { store } = services;
  await store.removeFolder(organizationId);
  await store.removeFolder(`${asideFolder}/${organizationId}`);
  await removeAvatarsOf(services, `organizations/${organizationId}`);
};

/** Nothing is changed: the organization stays deleted, half erased, until its owner or the daily run begins anew. */
export const giveUpErasure: JobHandler<Work>['giveUp'] = async () => undefined;
