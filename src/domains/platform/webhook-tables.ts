import { sql } from 'drizzle-orm';
import {
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  unique,
  uniqueIndex,
  uuid,
} from 'drizzle-orm/pg-core';
import { moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { newId } from '../../ids.ts';
import { organizations, workspaces } from '../tenancy/tables.ts';

export const webhookStates = ['ACTIVE', 'PAUSED', 'DISABLED'] as const;
/** Why a webhook is not active: somebody said so, its server said that it is gone, or nothing has arrived for days. */
export const webhookStateReasons = ['REQUESTED', 'GONE', 'FAILING'] as const;
export const webhookDeliveryStates = ['PENDING', 'DELIVERED', 'FAILED', 'CANCELLED'] as const;

/** What is sent: the same bytes at each try. */
export type WebhookPayload = Readonly<Record<string, unknown>>;

/** Where changes are told to, and which; of the organization, or of one workspace. */
export const webhookSubscriptions = tenantTable(
  'webhook_subscriptions',
  'workspace',
  {
    /** Null: of the whole organization. */
    workspaceId: uuid(),
    url: text().notNull(),
    /** Patterns of actions: `order.created`, `order.*` or `*`. */
    events: text().array().notNull(),
    description: text(),
    /** The secret that signs (JWE), and the one before it, which signs too until its time is over. */
    encryptedSecret: text().notNull(),
    encryptedPreviousSecret: text(),
    previousSecretUntil: moment(),
    state: word(webhookStates).notNull().default('ACTIVE'),
    /** Null exactly while it is active. */
    stateReason: word(webhookStateReasons),
    /** Tries that failed since the last that did not. */
    consecutiveFailures: integer().notNull().default(0),
    /** When the first of them failed. */
    failingSince: moment(),
    /** Until then nothing is sent, for the server fails again and again; deliveries wait. */
    pausedUntil: moment(),
    /** Until then somebody sends to it, and nobody else does; whoever does says so again every few seconds. */
    sendingUntil: moment(),
    /** Changes before this are not told. */
    listensSince: moment().notNull().defaultNow(),
    createdById: uuid(),
  },
  (webhook) => [
    oneOf('webhook_subscriptions', webhook.state, webhookStates),
    oneOf('webhook_subscriptions', webhook.stateReason, webhookStateReasons),
    foreignKey({
      name: 'webhook_subscriptions_organization_id_fkey',
      columns: [webhook.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'webhook_subscriptions_workspace_id_fkey',
      columns: [webhook.organizationId, webhook.workspaceId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    index('webhook_subscriptions_created_at_index').on(webhook.organizationId, webhook.createdAt, webhook.id),
    index('webhook_subscriptions_workspace_id_index').on(
      webhook.organizationId,
      webhook.workspaceId,
      webhook.createdAt,
      webhook.id,
    ),
  ],
);
type WebhookSubscriptionRow = typeof webhookSubscriptions.$inferSelect;
/** All of it but its secrets. */
export type WebhookRow = Omit<WebhookSubscriptionRow, 'encryptedSecret' | 'encryptedPreviousSecret' | 'sendingUntil'>;

/** A change on its way to a webhook: once for each webhook and change, and once more for each time that somebody asks for it again. */
export const webhookDeliveries = tenantTable(
  'webhook_deliveries',
  'workspace',
  {
    subscriptionId: uuid().notNull(),
    /** As the webhook's. */
    workspaceId: uuid(),
    /** The entry in the log of changes, of no foreign key: it may be removed before. A test has an id of its own. */
    eventId: uuid().notNull(),
    action: text().notNull(),
    targetType: text().notNull(),
    targetId: uuid().notNull(),
    payload: jsonb().$type<WebhookPayload>().notNull(),
    state: word(webhookDeliveryStates).notNull().default('PENDING'),
    attempts: integer().notNull().default(0),
    /** When it is sent next; while it is being sent, when it is taken for lost and sent again. Null exactly when it is not PENDING. */
    nextAttemptAt: moment(),
    /** When it was delivered, failed or was cancelled; null before. */
    finishedAt: moment(),
    /** The delivery that this one repeats; no foreign key, for that one is removed for its age before this. */
    originalId: uuid(),
    /** When it was last asked for again. */
    redeliveredAt: moment(),
  },
  (delivery) => [
    oneOf('webhook_deliveries', delivery.state, webhookDeliveryStates),
    foreignKey({
      name: 'webhook_deliveries_subscription_id_fkey',
      columns: [delivery.organizationId, delivery.subscriptionId],
      foreignColumns: [webhookSubscriptions.organizationId, webhookSubscriptions.id],
    }).onDelete('cascade'),
    uniqueIndex('webhook_deliveries_event_id_key')
      .on(delivery.organizationId, delivery.subscriptionId, delivery.eventId)
      .where(sql`${delivery.originalId} is null`),
    check(
      'webhook_deliveries_next_attempt_at_check',
      sql`(${delivery.state} = 'PENDING') = (${delivery.nextAttemptAt} is not null)`,
    ),
    // Not by state, which the planner would look for in the index of the lists.
    index('webhook_deliveries_due_index')
      .on(delivery.organizationId, delivery.subscriptionId, delivery.nextAttemptAt, delivery.id)
      .where(sql`${delivery.nextAttemptAt} is not null`),
    index('webhook_deliveries_created_at_index').on(delivery.organizationId, delivery.createdAt, delivery.id),
    index('webhook_deliveries_workspace_id_index').on(
      delivery.organizationId,
      delivery.workspaceId,
      delivery.createdAt,
      delivery.id,
    ),
    index('webhook_deliveries_subscription_id_index').on(
      delivery.organizationId,
      delivery.subscriptionId,
      delivery.createdAt,
      delivery.id,
    ),
    index('webhook_deliveries_state_index').on(
      delivery.organizationId,
      delivery.state,
      delivery.createdAt,
      delivery.id,
    ),
    index('webhook_deliveries_action_index').on(
      delivery.organizationId,
      delivery.action,
      delivery.createdAt,
      delivery.id,
    ),
  ],
);
export type WebhookDeliveryRow = typeof webhookDeliveries.$inferSelect;

/** A try to send a delivery. */
export const webhookAttempts = tenantTable(
  'webhook_attempts',
  'workspace',
  {
    /** As the webhook's. */
    workspaceId: uuid(),
    deliveryId: uuid().notNull(),
    /** Counted from 1. */
    number: integer().notNull(),
    /** Of the answer; null: there was none. */
    status: integer(),
    durationMs: integer().notNull(),
    /** Why it failed; null: it did not. */
    error: text(),
    /** How the answer's body begins. */
    responseExcerpt: text(),
    at: moment().notNull(),
  },
  (attempt) => [
    foreignKey({
      name: 'webhook_attempts_delivery_id_fkey',
      columns: [attempt.organizationId, attempt.deliveryId],
      foreignColumns: [webhookDeliveries.organizationId, webhookDeliveries.id],
    }).onDelete('cascade'),
    index('webhook_attempts_delivery_id_index').on(attempt.organizationId, attempt.deliveryId, attempt.number),
  ],
);
export type WebhookAttemptRow = typeof webhookAttempts.$inferSelect;

/**
 * How far the logs of organizations with webhooks have been looked through, asked before the tenant is known. The log is looked through soon after each
 * change, and again each minute from further back, for what was committed late.
 */
export const webhookLogs = pgTable(
  'webhook_logs',
  {
    id: uuid()
      .primaryKey()
      .$defaultFn(() => newId()),
    organizationId: uuid().notNull(),
    lookedUntil: moment().notNull(),
    sweptUntil: moment().notNull(),
  },
  (log) => [
    foreignKey({
      name: 'webhook_logs_organization_id_fkey',
      columns: [log.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    unique('webhook_logs_organization_id_key').on(log.organizationId),
  ],
);
