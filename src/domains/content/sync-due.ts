import { and, eq, isNull, lte, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { UnitOfWork, wholeOf } from '../../database/unit-of-work.ts';
import { lookThrough } from '../due.ts';
import type { Services, Work } from '../services.ts';
import { organizations, workspaces } from '../tenancy/tables.ts';
import { beginRun, openRun } from './sync-beginning.ts';
import { lockOpen, lockQueue, settle } from './sync-ending.ts';
import { dueSyncs } from './sync-tables.ts';
import { dueOf, lookAgain, lookAt } from './sync-times.ts';

/** How long what rests, such as an archived workspace, is left alone. */
const restMinutes = 15;

interface Due {
  readonly queueId: string;
  readonly organizationId: string;
}

/** Begins the runs that are due, of all tenants, each in a unit of its own, and ends those that lost what would end them. Gives the number of queues it looked at. */
export const beginDueSyncs = (work: Work, signal: AbortSignal): Promise<number> =>
  lookThrough(work, signal, {
    find: (atOnce) =>
      database
        .select({ queueId: dueSyncs.queueId, organizationId: dueSyncs.organizationId })
        .from(dueSyncs)
        .where(lte(dueSyncs.dueAt, sql`now()`))
        .orderBy(dueSyncs.dueAt)
        .limit(atOnce),
    look: (due) => look(work.services, due),
    failure: 'A sync that is due could not be begun.',
  });

const look = async (services: Services, { queueId, organizationId }: Due): Promise<void> => {
  const origin = { requestId: 'due-syncs', address: null, userAgent: null };
  const unit = new UnitOfWork(wholeOf(organizationId), { ...services, origin });
  // Of several processes one looks. The queue is put off before that, so that one that cannot be begun is not in the way of others.
  const put = await unit.transact(async () =>
    database
      .update(dueSyncs)
      .set({ dueAt: sql`now() + make_interval(mins => ${restMinutes})` })
      .where(and(eq(dueSyncs.queueId, queueId), lte(dueSyncs.dueAt, sql`now()`)))
      .returning({ queueId: dueSyncs.queueId }),
  );
  if (put.length > 0) await unit.transact(() => advance({ unit, services }, queueId));
};

const advance = async (work: Work, queueId: string): Promise<void> => {
  const { organizationId } = work.unit;
  const open = await openRun(organizationId, queueId);
  if (open !== null) {
    const execution = await lockOpen(organizationId, open.id);
    await lookAt(queueId, organizationId, lookAgain());
    if (typeof execution?.fetchedAt === 'string') await settle(work, execution);
    return;
  }
  const queue = await lockQueue(organizationId, queueId);
  if (queue === null) return lookAt(queueId, organizationId, null);
  if (!(await isAwake(organizationId, queue.workspaceId))) return;
  const dueAt = dueOf(queue);
  if (dueAt === null || new Date(dueAt) > new Date()) return lookAt(queueId, organizationId, dueAt);
  await beginRun(work, queue, { trigger: 'SCHEDULE' });
};

/** Whether anything changes by itself in a workspace: nothing does in archives, and where nobody may enter. */
const isAwake = async (organizationId: string, workspaceId: string): Promise<boolean> => {
  const awake = await database
    .select({ id: workspaces.id })
    .from(workspaces)
    .innerJoin(organizations, eq(organizations.id, workspaces.organizationId))
    .where(
      and(
        eq(workspaces.organizationId, organizationId),
        eq(workspaces.id, workspaceId),
        isNull(workspaces.archivedAt),
        isNull(organizations.deletedAt),
        isNull(organizations.suspendedAt),
      ),
    );
  return awake.length > 0;
};
