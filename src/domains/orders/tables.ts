import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  foreignKey,
  index,
  integer,
  jsonb,
  text,
  unique,
  uuid,
  type AnyPgColumn,
} from 'drizzle-orm/pg-core';
import { moment, oneOf, tenantTable, word } from '../../database/tenant-table.ts';
import { organizations } from '../tenancy/tables.ts';

export const orderTypes = ['LOAN', 'INSURANCE'] as const;
export const orderStatuses = ['PENDING', 'PROCESSING', 'COMPLETED', 'CANCELLED'] as const;
export const orderPriorities = ['LOW', 'MEDIUM', 'HIGH', 'URGENT'] as const;
export const orderEventKinds = [
  'CREATED',
  'CHANGED',
  'ASSIGNED',
  'TRANSITIONED',
  'NOTED',
  'DELETED',
  'RESTORED',
] as const;

/** Something that a customer wants done. */
export const orders = tenantTable(
  'orders',
  'granted',
  {
    /** The customer, who works on it, their group, the workspace of its conversation, and the organization. */
    readers: uuid().array().notNull(),
    /** Counted in the organization, from 1. */
    number: integer().notNull(),
    /** The member it is for; null: a visitor of a web page, or who has left. */
    customerId: uuid(),
    type: word(orderTypes).notNull(),
    status: word(orderStatuses).notNull().default('PENDING'),
    priority: word(orderPriorities).notNull().default('MEDIUM'),
    /** 1 is LOW, 4 is URGENT. */
    priorityRank: integer()
      .notNull()
      .generatedAlwaysAs(sql`case priority when 'LOW' then 1 when 'MEDIUM' then 2 when 'HIGH' then 3 else 4 end`),
    /** The conversation that it came from, and its workspace. */
    conversationId: uuid(),
    originWorkspaceId: uuid(),
    /** Who works on it, and the group whose members may. */
    assignedToId: uuid(),
    groupId: uuid(),
    createdById: uuid(),
    /** Until when it is to be completed. */
    dueAt: moment(),
    completedAt: moment(),
    cancelledAt: moment(),
    /** Why it was cancelled. */
    cancellationReason: text(),
    metadata: jsonb().$type<Record<string, unknown>>().notNull().default({}),
    /** Counts the changes, from 1. */
    version: integer().notNull().default(1),
    deletedAt: moment(),
  },
  (order) => [
    oneOf('orders', order.type, orderTypes),
    oneOf('orders', order.status, orderStatuses),
    oneOf('orders', order.priority, orderPriorities),
    check('orders_completed_at_check', sql`(${order.status} = 'COMPLETED') = (${order.completedAt} is not null)`),
    check('orders_cancelled_at_check', sql`(${order.status} = 'CANCELLED') = (${order.cancelledAt} is not null)`),
    foreignKey({
      name: 'orders_organization_id_fkey',
      columns: [order.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    unique('orders_number_key').on(order.organizationId, order.number),
    index('orders_readers_index').using('gin', order.readers),
    index('orders_created_at_index').on(order.organizationId, order.createdAt, order.id),
    index('orders_status_index').on(order.organizationId, order.status, order.createdAt, order.id),
    index('orders_customer_id_index').on(order.organizationId, order.customerId, order.createdAt, order.id),
    index('orders_assigned_to_id_index').on(order.organizationId, order.assignedToId, order.createdAt, order.id),
    index('orders_conversation_id_index').on(order.organizationId, order.conversationId, order.createdAt, order.id),
    index('orders_priority_index').on(order.organizationId, order.priorityRank, order.id),
    index('orders_due_at_index')
      .on(order.organizationId, order.dueAt, order.id)
      .where(sql`${order.status} in ('PENDING', 'PROCESSING')`),
    index('orders_completed_at_index')
      .on(order.organizationId, order.completedAt)
      .where(sql`${order.completedAt} is not null`),
    index('orders_cancelled_at_index')
      .on(order.organizationId, order.cancelledAt)
      .where(sql`${order.cancelledAt} is not null`),
    index('orders_deleted_at_index')
      .on(order.organizationId, order.deletedAt, order.id)
      .where(sql`${order.deletedAt} is not null`),
  ],
);
export type OrderRow = typeof orders.$inferSelect;

const ofOrder = (table: string, part: { organizationId: AnyPgColumn; orderId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_order_id_fkey`,
    columns: [part.organizationId, part.orderId],
    foreignColumns: [orders.organizationId, orders.id],
  }).onDelete('cascade');

/** What happened to an order: its history. */
export const orderEvents = tenantTable(
  'order_events',
  'granted',
  {
    /** As the order's, kept by a trigger. */
    readers: uuid().array().notNull(),
    orderId: uuid().notNull(),
    kind: word(orderEventKinds).notNull(),
    /** Null: it was the system. */
    actorId: uuid(),
    /** Of a transition. */
    fromStatus: word(orderStatuses),
    toStatus: word(orderStatuses),
    reason: text(),
    /** Names of the fields that changed, with what they were and are. */
    changes: jsonb().$type<Record<string, { readonly from: unknown; readonly to: unknown }>>().notNull().default({}),
    /** The order's version from then on. */
    version: integer().notNull(),
  },
  (event) => [
    oneOf('order_events', event.kind, orderEventKinds),
    ofOrder('order_events', event),
    unique('order_events_version_key').on(event.organizationId, event.orderId, event.version),
    index('order_events_created_at_index').on(event.organizationId, event.orderId, event.createdAt, event.id),
  ],
);
export type OrderEventRow = typeof orderEvents.$inferSelect;

/** What somebody remarked on an order. */
export const orderNotes = tenantTable(
  'order_notes',
  'granted',
  {
    /** As the order's, kept by a trigger. */
    readers: uuid().array().notNull(),
    orderId: uuid().notNull(),
    authorId: uuid(),
    /** For those who work on orders alone. */
    internal: boolean().notNull(),
    text: text().notNull(),
  },
  (note) => [
    ofOrder('order_notes', note),
    index('order_notes_created_at_index').on(note.organizationId, note.orderId, note.internal, note.createdAt, note.id),
  ],
);
export type OrderNoteRow = typeof orderNotes.$inferSelect;
