import { and, eq, isNotNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { newId } from '../../ids.ts';
import { ofWebhook } from './webhook-access.ts';
import { failingDays, pauseAfter, restAfter } from './webhook-backoff.ts';
import type { Claimed } from './webhook-claiming.ts';
import type { Outcome } from './webhook-request.ts';
import { webhookAttempts, webhookDeliveries, webhookSubscriptions } from './webhook-tables.ts';

/** A try and how it went. */
export interface Tried {
  readonly delivery: Claimed['deliveries'][number];
  readonly outcome: Outcome;
}

const gone = 410;

/** What becomes of a delivery after a try. */
const after = ({ delivery, outcome: { error, askedSeconds } }: Tried, now: number) => {
  const pause = error === null ? null : pauseAfter(delivery.attempts, askedSeconds);
  const at = new Date(now + (pause ?? 0)).toISOString();
  const state = error === null ? 'DELIVERED' : pause === null ? 'FAILED' : 'PENDING';
  return {
    id: delivery.id,
    state,
    ...(state === 'PENDING' ? { next: at, finished: null } : { next: null, finished: at }),
  };
};

/** Writes down how tries went, with what follows for the deliveries and for their webhook. Harmless where that is gone. */
export const recordTries = (unit: UnitOfWork, webhookId: string, tries: readonly Tried[]): Promise<void> =>
  unit.transact(async ({ organizationId }) => {
    const [webhook] = await database
      .select()
      .from(webhookSubscriptions)
      .where(ofWebhook(organizationId, webhookId))
      .for('no key update');
    if (webhook === undefined) return;
    const now = Date.now();
    await writeAttempts(organizationId, tries);
    await writeStates(
      organizationId,
      tries.map((tried) => after(tried, now)),
    );
    const failed = tries.filter(({ outcome }) => outcome.error !== null).length;
    if (tries.some(({ outcome }) => outcome.status === gone)) return disable(unit, webhook, 'GONE');
    if (failed < tries.length) return noteSuccess(organizationId, webhook);
    const since = webhook.failingSince ?? new Date(now).toISOString();
    const failedForMs = now - Date.parse(since);
    if (failedForMs > failingDays * 86_400_000) return disable(unit, webhook, 'FAILING');
    const consecutiveFailures = webhook.consecutiveFailures + failed;
    const rest = restAfter(consecutiveFailures, failedForMs);
    const pausedUntil = rest === null ? null : new Date(now + rest).toISOString();
    await database
      .update(webhookSubscriptions)
      .set({ consecutiveFailures, failingSince: since, pausedUntil })
      .where(ofWebhook(organizationId, webhookId));
  });

type Webhook = typeof webhookSubscriptions.$inferSelect;

/** One that was delivered says that the server is well. */
const noteSuccess = async (organizationId: string, webhook: Webhook): Promise<void> => {
  if (webhook.consecutiveFailures === 0 && webhook.pausedUntil === null) return;
  await database
    .update(webhookSubscriptions)
    .set({ consecutiveFailures: 0, failingSince: null, pausedUntil: null })
    .where(ofWebhook(organizationId, webhook.id));
};

/** Tells a webhook nothing any more; what waits is cancelled. */
const disable = async (unit: UnitOfWork, webhook: Webhook, stateReason: 'GONE' | 'FAILING'): Promise<void> => {
  const { organizationId, id, workspaceId } = webhook;
  // Somebody may have paused it meanwhile: it is gone all the same.
  if (webhook.state === 'DISABLED') return;
  await database
    .update(webhookSubscriptions)
    .set({ state: 'DISABLED', stateReason, pausedUntil: null })
    .where(ofWebhook(organizationId, id));
  await cancelWaiting(organizationId, id);
  unit.record({ action: 'webhook.disabled', type: 'Webhook', id, workspaceId, data: { reason: stateReason } });
};

const cancelWaiting = (organizationId: string, webhookId: string) =>
  database
    .update(webhookDeliveries)
    .set({ state: 'CANCELLED', nextAttemptAt: null, finishedAt: new Date().toISOString() })
    .where(
      and(
        eq(webhookDeliveries.organizationId, organizationId),
        eq(webhookDeliveries.subscriptionId, webhookId),
        isNotNull(webhookDeliveries.nextAttemptAt),
      ),
    );

const writeAttempts = (organizationId: string, tries: readonly Tried[]) =>
  database.insert(webhookAttempts).values(
    tries.map(({ delivery, outcome: { at, durationMs, status, error, excerpt } }) => ({
      organizationId,
      id: newId(),
      workspaceId: delivery.workspaceId,
      deliveryId: delivery.id,
      number: delivery.attempts,
      status,
      durationMs,
      error,
      responseExcerpt: excerpt,
      at,
    })),
  );

/** What was cancelled meanwhile stays so. */
const writeStates = (organizationId: string, states: readonly ReturnType<typeof after>[]) =>
  database.execute(sql`
    with given as materialized (
      select * from json_to_recordset(${JSON.stringify(states)}::json)
        as given(id uuid, state text, next timestamptz, finished timestamptz))
    update webhook_deliveries delivery set state = given.state, next_attempt_at = given.next, finished_at = given.finished
    from given
    where delivery.organization_id = ${organizationId}::uuid and delivery.id = given.id
      and delivery.next_attempt_at is not null`);
