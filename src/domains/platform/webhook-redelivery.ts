import { and, asc, eq, gte, inArray, isNull, lt, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict } from '../../errors.ts';
import type { RedeliverInput } from '../../generated/resolvers.ts';
import { newId } from '../../ids.ts';
import type { Context } from '../context.ts';
import { found } from '../nodes.ts';
import { lockWebhook } from './webhook-access.ts';
import { webhookDeliveryById } from './webhook-loaders.ts';
import { payloadOf } from './webhook-payload.ts';
import { sendSoon } from './webhook-sending-soon.ts';
import { webhookDeliveries, type WebhookDeliveryRow, type WebhookRow } from './webhook-tables.ts';

const maxDeliveries = 1000;

const requireTold = ({ state }: WebhookRow): void => {
  if (state === 'DISABLED') throw new Conflict('id', 'This webhook is disabled; resume it first.', { state });
};

/** Sends a test. Throws Conflict (archived; not active), Forbidden, NotFound, RateLimited. */
export const testWebhook = async (context: Context, id: string): Promise<WebhookDeliveryRow> => {
  const { unit, services } = context;
  await unit.rest();
  await services.throttles.webhookTest.spend([`webhook ${id}`]);
  return unit.transact(async ({ organizationId, userId }) => {
    const webhook = await lockWebhook(context, id);
    const { state, workspaceId } = webhook;
    if (state !== 'ACTIVE') throw new Conflict('id', 'This webhook is not active; resume it first.', { state });
    const test = { action: 'webhook.tested', targetType: 'Webhook', targetId: id };
    const createdAt = new Date().toISOString();
    const payload = payloadOf({ ...test, organizationId, workspaceId, actorId: userId, createdAt, data: {} });
    const row = {
      ...test,
      organizationId,
      id: newId(),
      subscriptionId: id,
      workspaceId,
      eventId: newId(),
      payload,
      nextAttemptAt: createdAt,
    };
    const delivery = sole(await database.insert(webhookDeliveries).values(row).returning());
    await sendSoon(unit, services.queue, [id]);
    return delivery;
  });
};

/** What was asked for again. */
export interface Redelivered {
  readonly count: number;
  readonly hasMore: boolean;
  readonly delivery: WebhookDeliveryRow | null;
}

/** Sends again what was sent, or could not be. Throws BadUserInput, Conflict, Forbidden, NotFound, RateLimited. */
export const redeliver = async (context: Context, input: RedeliverInput): Promise<Redelivered> => {
  const { unit, services } = context;
  const { deliveryId, webhookId, from, to, states, limit } = input;
  const isOne = deliveryId !== undefined && deliveryId !== null;
  if (isOne === (webhookId !== undefined && webhookId !== null))
    throw new BadUserInput('deliveryId', 'Give either one delivery or a webhook.');
  await unit.rest();
  await services.throttles.webhookTest.spend([`redelivery ${deliveryId ?? webhookId}`]);
  if (!isOne) return redeliverMany(context, input);
  const others = { from, to, states, limit };
  const odd = Object.entries(others).find(([, value]) => value !== undefined && value !== null);
  if (odd !== undefined) throw new BadUserInput(odd[0], 'This goes with a webhook, not with one delivery.');
  return redeliverOne(context, deliveryId);
};

const redeliverOne = (context: Context, deliveryId: string): Promise<Redelivered> =>
  context.unit.transact(async () => {
    const { unit } = context;
    const original = await found('WebhookDelivery', deliveryId, webhookDeliveryById(unit));
    const webhook = await lockWebhook(context, original.subscriptionId);
    requireTold(webhook);
    const [current] = await lockDelivery(webhook.organizationId, deliveryId);
    if (current === undefined || current.state === 'PENDING')
      throw new Conflict('deliveryId', 'This delivery waits still.', { state: 'PENDING' });
    const [id = ''] = await repeat(context, webhook, [current]);
    return { count: 1, hasMore: false, delivery: await found('WebhookDelivery', id, webhookDeliveryById(unit)) };
  });

const lockDelivery = (organizationId: string, id: string) =>
  database
    .select({ id: webhookDeliveries.id, state: webhookDeliveries.state })
    .from(webhookDeliveries)
    .where(and(eq(webhookDeliveries.organizationId, organizationId), eq(webhookDeliveries.id, id)))
    .for('update');

const redeliverMany = (context: Context, input: RedeliverInput): Promise<Redelivered> =>
  context.unit.transact(async ({ organizationId }) => {
    const { webhookId, from, to, states } = input;
    const limit = input.limit ?? maxDeliveries;
    if (limit < 1 || limit > maxDeliveries)
      throw new BadUserInput('limit', `At most ${maxDeliveries} deliveries at a time.`);
    const wanted = states ?? ['FAILED'];
    if (wanted.length === 0 || wanted.includes('PENDING'))
      throw new BadUserInput('states', 'What waits still is not sent again.');
    const webhook = await lockWebhook(context, String(webhookId));
    requireTold(webhook);
    const some = await database
      .select({ id: webhookDeliveries.id })
      .from(webhookDeliveries)
      .where(
        and(
          eq(webhookDeliveries.organizationId, organizationId),
          eq(webhookDeliveries.subscriptionId, webhook.id),
          inArray(webhookDeliveries.state, [...wanted]),
          isNull(webhookDeliveries.originalId),
          isNull(webhookDeliveries.redeliveredAt),
          from ? gte(webhookDeliveries.createdAt, new Date(from).toISOString()) : undefined,
          to ? lt(webhookDeliveries.createdAt, new Date(to).toISOString()) : undefined,
        ),
      )
      .orderBy(asc(webhookDeliveries.createdAt), asc(webhookDeliveries.id))
      .limit(limit + 1)
      .for('update');
    const taken = some.slice(0, limit);
    await repeat(context, webhook, taken);
    return { count: taken.length, hasMore: some.length > limit, delivery: null };
  });

/** Gives the ids of the repetitions, in order. A repetition of a repetition repeats the first. */
const repeat = async (
  { unit, services }: Context,
  webhook: WebhookRow,
  originals: readonly Pick<WebhookDeliveryRow, 'id'>[],
): Promise<readonly string[]> => {
  if (originals.length === 0) return [];
  const { organizationId, id, workspaceId } = webhook;
  const now = new Date().toISOString();
  await database
    .update(webhookDeliveries)
    .set({ redeliveredAt: now })
    .where(
      and(
        eq(webhookDeliveries.organizationId, organizationId),
        sql`${webhookDeliveries.id} = any(${uuidArray(originals.map((original) => original.id))}::uuid[])`,
      ),
    );
  const rows = originals.map((original) => ({ id: newId(), original_id: original.id }));
  await database.execute(sql`
    insert into webhook_deliveries (organization_id, id, subscription_id, workspace_id, event_id, action, target_type, target_id, payload,
      next_attempt_at, original_id)
    select organization_id, given.id, subscription_id, workspace_id, event_id, action, target_type, target_id, payload,
      ${now}::timestamptz, coalesce(original.original_id, original.id)
    from webhook_deliveries original
      join json_to_recordset(${JSON.stringify(rows)}::json) as given(id uuid, original_id uuid) on original.id = given.original_id
    where original.organization_id = ${organizationId}::uuid`);
  if (webhook.state === 'ACTIVE') await sendSoon(unit, services.queue, [id]);
  unit.record({ action: 'webhook.redelivered', type: 'Webhook', id, workspaceId, data: { count: rows.length } });
  return rows.map((row) => row.id);
};
