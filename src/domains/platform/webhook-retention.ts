import { and, asc, eq, inArray, isNotNull, lt, lte, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { jobs } from '../../queue/tables.ts';
import type { Work } from '../services.ts';
import { organizationsWithWebhooks } from './webhook-catching-up.ts';
import { sendKind, sendLaterKind } from './webhook-sending-soon.ts';
import { webhookDeliveries, webhookSubscriptions } from './webhook-tables.ts';
import { webhookUnit } from './webhook-unit.ts';

/** For how long deliveries are kept, whatever became of them. */
export const keptDays = 30;
/** And the jobs that sent them, of which there are many. */
const jobDays = 1;
const atOnce = 500;
const dayMs = 86_400_000;

const daysAgo = (days: number): string => new Date(Date.now() - days * dayMs).toISOString();

/** Removes what is older than it is kept, and secrets that sign no more. An organization that fails is logged and tried again the next time. */
export const purgeWebhooks = async ({ unit, services }: Work, signal: AbortSignal): Promise<void> => {
  for await (const organizationId of organizationsWithWebhooks(unit)) {
    if (signal.aborted) return;
    try {
      const whole = webhookUnit(services, organizationId);
      await forgetSecrets(whole);
      for (const remove of [removeDeliveries, removeJobs])
        for (let removed = atOnce; removed === atOnce && !signal.aborted;) removed = await remove(whole);
    } catch (error) {
      services.log.error({ err: error, organizationId }, 'Old deliveries could not be removed.');
    }
  }
};

const forgetSecrets = (unit: UnitOfWork): Promise<unknown> =>
  unit.transact(({ organizationId }) =>
    database
      .update(webhookSubscriptions)
      .set({ encryptedPreviousSecret: null, previousSecretUntil: null })
      .where(
        and(
          eq(webhookSubscriptions.organizationId, organizationId),
          isNotNull(webhookSubscriptions.previousSecretUntil),
          lte(webhookSubscriptions.previousSecretUntil, new Date().toISOString()),
        ),
      ),
  );

const removeDeliveries = (unit: UnitOfWork): Promise<number> =>
  unit.transact(async ({ organizationId }) => {
    const old = and(
      eq(webhookDeliveries.organizationId, organizationId),
      lt(webhookDeliveries.createdAt, daysAgo(keptDays)),
    );
    const some = database
      .select({ id: webhookDeliveries.id })
      .from(webhookDeliveries)
      .where(old)
      .orderBy(asc(webhookDeliveries.createdAt), asc(webhookDeliveries.id))
      .limit(atOnce)
      .for('update', { skipLocked: true });
    const gone = await database
      .delete(webhookDeliveries)
      .where(and(old, sql`${webhookDeliveries.id} = any(array(${some}))`))
      .returning({ id: webhookDeliveries.id });
    return gone.length;
  });

const removeJobs = (unit: UnitOfWork): Promise<number> =>
  unit.transact(async ({ organizationId }) => {
    const old = and(
      eq(jobs.organizationId, organizationId),
      inArray(jobs.kind, [sendKind, sendLaterKind]),
      inArray(jobs.state, ['SUCCEEDED', 'FAILED', 'CANCELLED']),
      lt(jobs.createdAt, daysAgo(jobDays)),
    );
    const some = database.select({ id: jobs.id }).from(jobs).where(old).limit(atOnce);
    const gone = await database
      .delete(jobs)
      .where(and(old, sql`${jobs.id} = any(array(${some}))`))
      .returning({ id: jobs.id });
    return gone.length;
  });
