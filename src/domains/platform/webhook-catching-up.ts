import { and, asc, eq, gt, isNull, lte, or, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import type { Work } from '../services.ts';
import { organizations } from '../tenancy/tables.ts';
import { fanOut } from './webhook-fan-out.ts';
import { sendSoon } from './webhook-sending-soon.ts';
import { webhookDeliveries, webhookLogs, webhookSubscriptions } from './webhook-tables.ts';
import { webhookUnit } from './webhook-unit.ts';

const pageSize = 500;

/** Organizations that have webhooks and that anything happens in, by pages; no connection is held while one is looked at. */
export async function* organizationsWithWebhooks(unit: UnitOfWork): AsyncGenerator<string> {
  for (let after: string | undefined; ;) {
    const beyond = after === undefined ? undefined : gt(webhookLogs.organizationId, after);
    const page = await unit.run(() =>
      database
        .select({ id: webhookLogs.organizationId })
        .from(webhookLogs)
        .innerJoin(organizations, eq(organizations.id, webhookLogs.organizationId))
        .where(and(isNull(organizations.deletedAt), isNull(organizations.suspendedAt), beyond))
        .orderBy(asc(webhookLogs.organizationId))
        .limit(pageSize),
    );
    await unit.rest();
    for (const { id } of page) yield id;
    if (page.length < pageSize) return;
    after = page.at(-1)?.id;
  }
}

/**
 * Finds what announcements did not bring: changes whose process ended before it could tell, or that were committed late, and deliveries that are due and that nobody
 * sends. An organization that fails is logged and looked at again the next time.
 */
export const catchUpWebhooks = async ({ unit, services }: Work, signal: AbortSignal): Promise<void> => {
  for await (const organizationId of organizationsWithWebhooks(unit)) {
    if (signal.aborted) return;
    try {
      const whole = webhookUnit(services, organizationId);
      await fanOut(whole, services, 'sweep', signal);
      await whole.transact(async () => sendSoon(whole, services.queue, await unsent(organizationId)));
    } catch (error) {
      services.log.error({ err: error, organizationId }, 'Webhooks could not catch up.');
    }
  }
};

/** Webhooks with something due that nobody sends. */
const unsent = async (organizationId: string): Promise<string[]> => {
  const now = new Date().toISOString();
  const past = (column: typeof webhookSubscriptions.pausedUntil | typeof webhookSubscriptions.sendingUntil) =>
    or(isNull(column), lte(column, now));
  const due = database
    .select({ one: sql`1` })
    .from(webhookDeliveries)
    .where(
      and(
        eq(webhookDeliveries.organizationId, organizationId),
        eq(webhookDeliveries.subscriptionId, webhookSubscriptions.id),
        lte(webhookDeliveries.nextAttemptAt, now),
      ),
    );
  const found = await database
    .select({ id: webhookSubscriptions.id })
    .from(webhookSubscriptions)
    .where(
      and(
        eq(webhookSubscriptions.organizationId, organizationId),
        eq(webhookSubscriptions.state, 'ACTIVE'),
        past(webhookSubscriptions.pausedUntil),
        past(webhookSubscriptions.sendingUntil),
        sql`exists (${due})`,
      ),
    );
  return found.map(({ id }) => id);
};
