import { and, asc, eq, getTableColumns, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import { webhookAttempts, webhookDeliveries, webhookSubscriptions } from './webhook-tables.ts';

const {
  encryptedSecret: _secret,
  encryptedPreviousSecret: _previousSecret,
  sendingUntil: _sendingUntil,
  ...webhookColumns
} = getTableColumns(webhookSubscriptions);
/** All of a webhook that people may see: without what signs. */
export { webhookColumns };

export const webhookById = loadOne(
  () =>
    database
      .select(webhookColumns)
      .from(webhookSubscriptions)
      .where(
        and(
          eq(webhookSubscriptions.organizationId, bound.organizationId),
          sql`${webhookSubscriptions.id} = any(${bound.keys})`,
        ),
      ),
  (webhook) => webhook.id,
);

export const webhookDeliveryById = loadOne(
  () =>
    database
      .select()
      .from(webhookDeliveries)
      .where(
        and(
          eq(webhookDeliveries.organizationId, bound.organizationId),
          sql`${webhookDeliveries.id} = any(${bound.keys})`,
        ),
      ),
  (delivery) => delivery.id,
);

const webhooks = {
  from: webhookSubscriptions,
  columns: webhookColumns,
  orders: { CREATED_AT: webhookSubscriptions.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    state: webhookSubscriptions.state,
    workspaceId: webhookSubscriptions.workspaceId,
    createdAt: webhookSubscriptions.createdAt,
  },
} as const;

/** The webhooks that the viewer's rows show. */
export const webhookList = listOf(webhooks);
export const webhooksByWorkspace = listOf({ ...webhooks, parent: webhookSubscriptions.workspaceId });

const deliveries = {
  from: webhookDeliveries,
  columns: getTableColumns(webhookDeliveries),
  orders: { CREATED_AT: webhookDeliveries.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters: {
    state: webhookDeliveries.state,
    webhookId: webhookDeliveries.subscriptionId,
    action: webhookDeliveries.action,
    createdAt: webhookDeliveries.createdAt,
  },
} as const;

/** Likewise what was told to them. */
export const webhookDeliveryList = listOf(deliveries);
export const webhookDeliveriesByWorkspace = listOf({ ...deliveries, parent: webhookDeliveries.workspaceId });

/** The tries of deliveries, first to last; each has a few at most. */
export const attemptsByDelivery = loadMany(
  () =>
    database
      .select()
      .from(webhookAttempts)
      .where(
        and(
          eq(webhookAttempts.organizationId, bound.organizationId),
          sql`${webhookAttempts.deliveryId} = any(${bound.keys})`,
        ),
      )
      .orderBy(asc(webhookAttempts.deliveryId), asc(webhookAttempts.number)),
  (attempt) => attempt.deliveryId,
);
