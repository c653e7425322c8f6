import { and, asc, eq, isNotNull, isNull, lte, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { organizations } from '../tenancy/tables.ts';
import { ofWebhook } from './webhook-access.ts';
import { failuresBeforeRest } from './webhook-backoff.ts';
import type { Signing } from './webhook-signing.ts';
import { webhookDeliveries, webhookSubscriptions, type WebhookDeliveryRow } from './webhook-tables.ts';

/** Deliveries sent in one go; more of them are slower to be written down, and more are sent twice after a crash. */
const atOnce = 40;
/** Longer than sending them takes: what is not written down by then was cut off, and is sent again. */
const claimMs = 30_000;
/** How long a sender may be silent before another takes its place. */
export const senderMs = 6_000;

/** What is to be sent in one go, and to where. */
export interface Claimed {
  readonly url: string;
  readonly signing: Signing;
  readonly deliveries: readonly Pick<WebhookDeliveryRow, 'id' | 'attempts' | 'payload' | 'workspaceId'>[];
}

/** What waits for its time. */
const waiting = (organizationId: string, webhookId: string): SQL | undefined =>
  and(
    eq(webhookDeliveries.organizationId, organizationId),
    eq(webhookDeliveries.subscriptionId, webhookId),
    isNotNull(webhookDeliveries.nextAttemptAt),
  );

const sendsUntil = (organizationId: string, webhookId: string, sendingUntil: string | null) =>
  database.update(webhookSubscriptions).set({ sendingUntil }).where(ofWebhook(organizationId, webhookId));

const soon = (ms: number): string => new Date(Date.now() + ms).toISOString();
const isAhead = (at: string | null): boolean => at !== null && Date.parse(at) > Date.now();

/** The webhook, locked, where something may be sent to it. */
const awake = async (organizationId: string, webhookId: string) => {
  const [webhook] = await database
    .select()
    .from(webhookSubscriptions)
    .where(ofWebhook(organizationId, webhookId))
    .for('no key update');
  if (webhook?.state !== 'ACTIVE' || isAhead(webhook.pausedUntil)) return undefined;
  const active = and(
    eq(organizations.id, organizationId),
    isNull(organizations.deletedAt),
    isNull(organizations.suspendedAt),
  );
  const [open] = await database.select({ id: organizations.id }).from(organizations).where(active);
  return open === undefined ? undefined : webhook;
};

/** Becomes the one sender of a webhook. TAKEN: somebody is, who finds what is due before they end unless they have crashed; RESTS: nothing may be sent. */
export const beginSending = (unit: UnitOfWork, webhookId: string): Promise<'BEGUN' | 'TAKEN' | 'RESTS'> =>
  unit.transact(async ({ organizationId }) => {
    const webhook = await awake(organizationId, webhookId);
    if (webhook === undefined) return 'RESTS';
    if (isAhead(webhook.sendingUntil)) return 'TAKEN';
    await sendsUntil(organizationId, webhookId, soon(senderMs));
    return 'BEGUN';
  });

/** Says that the sender is alive; nothing where it has ended meanwhile. */
export const keepSending = (unit: UnitOfWork, webhookId: string): Promise<unknown> =>
  unit.transact(({ organizationId }) =>
    database
      .update(webhookSubscriptions)
      .set({ sendingUntil: soon(senderMs) })
      .where(and(ofWebhook(organizationId, webhookId), isNotNull(webhookSubscriptions.sendingUntil))),
  );

/**
 * Takes what is due, as its sender, so that nobody else does for a while; one alone after failures. With nothing to take it gives the place up in the same
 * transaction, in which nobody can find the place taken and leave something new to this sender. Null then.
 */
export const claim = (unit: UnitOfWork, webhookId: string): Promise<Claimed | null> =>
  unit.transact(async ({ organizationId }) => {
    const webhook = await awake(organizationId, webhookId);
    const deliveries = webhook === undefined ? [] : await take(organizationId, webhookId, webhook.consecutiveFailures);
    await sendsUntil(organizationId, webhookId, deliveries.length === 0 ? null : soon(senderMs));
    if (webhook === undefined || deliveries.length === 0) return null;
    const { url, encryptedSecret, encryptedPreviousSecret, previousSecretUntil } = webhook;
    return { url, signing: { encryptedSecret, encryptedPreviousSecret, previousSecretUntil }, deliveries };
  });

const take = (organizationId: string, webhookId: string, failures: number) => {
  const due = database
    .select({ id: webhookDeliveries.id })
    .from(webhookDeliveries)
    .where(and(waiting(organizationId, webhookId), lte(webhookDeliveries.nextAttemptAt, new Date().toISOString())))
    .orderBy(asc(webhookDeliveries.nextAttemptAt), asc(webhookDeliveries.id))
    .limit(failures >= failuresBeforeRest ? 1 : atOnce)
    .for('update', { skipLocked: true });
  return database
    .update(webhookDeliveries)
    .set({ attempts: sql`${webhookDeliveries.attempts} + 1`, nextAttemptAt: soon(claimMs) })
    .where(
      and(
        eq(webhookDeliveries.organizationId, organizationId),
        sql`${webhookDeliveries.id} = any(array(${due}))`,
        isNotNull(webhookDeliveries.nextAttemptAt),
      ),
    )
    .returning({
      id: webhookDeliveries.id,
      attempts: webhookDeliveries.attempts,
      payload: webhookDeliveries.payload,
      workspaceId: webhookDeliveries.workspaceId,
    });
};

/** Gives the sender's place up, with work left. */
export const stopSending = (unit: UnitOfWork, webhookId: string): Promise<unknown> =>
  unit.transact(({ organizationId }) => sendsUntil(organizationId, webhookId, null));

/** Milliseconds until something of a webhook is to be sent, 0 where it is; null: nothing is. */
export const nextDue = (unit: UnitOfWork, webhookId: string): Promise<number | null> =>
  unit.transact(async ({ organizationId }) => {
    const [first] = await database
      .select({ at: webhookDeliveries.nextAttemptAt, pausedUntil: webhookSubscriptions.pausedUntil })
      .from(webhookDeliveries)
      .innerJoin(
        webhookSubscriptions,
        and(
          eq(webhookSubscriptions.organizationId, webhookDeliveries.organizationId),
          eq(webhookSubscriptions.id, webhookDeliveries.subscriptionId),
          eq(webhookSubscriptions.state, 'ACTIVE'),
        ),
      )
      .where(waiting(organizationId, webhookId))
      .orderBy(asc(webhookDeliveries.nextAttemptAt), asc(webhookDeliveries.id))
      .limit(1);
    if (first === undefined || first.at === null) return null;
    const at = Math.max(Date.parse(first.at), first.pausedUntil === null ? 0 : Date.parse(first.pausedUntil));
    return Math.max(0, at - Date.now());
  });
