import { sql } from 'drizzle-orm';
import { database } from '../../src/database/client.ts';
import { webhookAttempts, webhookDeliveries } from '../../src/domains/platform/webhook-tables.ts';
import { sole } from '../../src/database/rows.ts';
import { globalId } from '../../src/ids.ts';
import { unitOf, uuidOf } from '../talk.ts';
import type { Person, Testbed } from '../testbed.ts';
import { webhookOf } from '../webhooks.ts';

/**
 * A webhook of the workspace with a delivery that failed; its host is nowhere. Nothing that happens is told to it, for that would
 * be written while a test compares rows.
 */
export const filledWebhook = async (
  bed: Testbed,
  owner: Person & { readonly organizationId: string },
  workspaceId: string,
  secret: string,
): Promise<Record<string, string>> => {
  const input = { url: 'https://hooks.invalid/hook', events: ['nothing.happened'], description: secret, workspaceId };
  const { id } = await webhookOf(owner, input);
  const WebhookDelivery = await failedDelivery(bed, owner.organizationId, id, secret, uuidOf(workspaceId));
  return { Webhook: id, WebhookDelivery };
};

/** A delivery of a webhook that failed after one try. */
export const failedDelivery = async (
  bed: Testbed,
  organization: string,
  webhookId: string,
  secret: string,
  workspaceId: string | null,
): Promise<string> => {
  const [organizationId, subscriptionId, at] = [uuidOf(organization), uuidOf(webhookId), new Date().toISOString()];
  const change = {
    eventId: crypto.randomUUID(),
    action: 'thing.changed',
    targetType: 'Thing',
    targetId: subscriptionId,
  };
  const row = {
    organizationId,
    workspaceId,
    subscriptionId,
    ...change,
    payload: { secret },
    attempts: 1,
    finishedAt: at,
  };
  return unitOf(bed, organization).transact(async () => {
    const { id } = sole(
      await database
        .insert(webhookDeliveries)
        .values({ ...row, state: 'FAILED' })
        .returning({ id: webhookDeliveries.id }),
    );
    await database
      .insert(webhookAttempts)
      .values({ organizationId, workspaceId, deliveryId: id, number: 1, durationMs: 1, responseExcerpt: secret, at });
    return globalId('WebhookDelivery', id);
  });
};

/** Rests a webhook, so that nothing is sent while tests compare rows. */
export const restWebhook = (bed: Testbed, organization: string, webhookId: string): Promise<unknown> =>
  unitOf(bed, organization).transact(() =>
    database.execute(
      sql`update webhook_subscriptions set paused_until = now() + interval '1 day' where id = ${uuidOf(webhookId)}`,
    ),
  );
