import { database } from '../src/database/client.ts';
import type { UnitOfWork } from '../src/database/unit-of-work.ts';
import {
  webhookAttempts,
  webhookDeliveries,
  webhookLogs,
  webhookSubscriptions,
} from '../src/domains/platform/webhook-tables.ts';
import { newId } from '../src/ids.ts';

/** What the rows refer to, as UUIDs. */
export interface WebhookPlaces {
  readonly organizationId: string;
  readonly workspaceId: string;
  readonly memberId: string;
  /** Stands in all texts. */
  readonly secret: string;
  /** Stands in the columns that nobody is shown. */
  readonly sealed: string;
}

/** Fills the tables of webhooks, of an organization that the unit sees whole: one of the organization and one of a workspace. */
export const fillWebhooks = async (
  whole: UnitOfWork,
  { organizationId, workspaceId, memberId, secret, sealed }: WebhookPlaces,
): Promise<void> => {
  const at = new Date().toISOString();
  await whole.transact(async () => {
    await database
      .insert(webhookLogs)
      .values({ organizationId, lookedUntil: at, sweptUntil: at })
      .onConflictDoNothing();
    for (const place of [null, workspaceId]) {
      const [subscriptionId, deliveryId] = [newId(), newId()];
      const ofPlace = { organizationId, workspaceId: place };
      await database.insert(webhookSubscriptions).values({
        ...ofPlace,
        id: subscriptionId,
        url: `https://${secret}.example/hook`,
        events: ['nothing.happened'],
        description: secret,
        encryptedSecret: sealed,
        encryptedPreviousSecret: sealed,
        previousSecretUntil: at,
        createdById: memberId,
      });
      const change = { eventId: newId(), action: 'thing.changed', targetType: 'Thing', targetId: newId() };
      await database.insert(webhookDeliveries).values({
        ...ofPlace,
        id: deliveryId,
        subscriptionId,
        ...change,
        payload: { secret },
        state: 'DELIVERED',
        attempts: 1,
        finishedAt: at,
      });
      await database
        .insert(webhookAttempts)
        .values({ ...ofPlace, deliveryId, number: 1, status: 200, durationMs: 1, responseExcerpt: secret, at });
    }
  });
};
