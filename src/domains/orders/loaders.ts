import { and, eq, getTableColumns, isNotNull, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadOne } from '../../database/loader.ts';
import { orderEvents, orderNotes, orders } from './tables.ts';

/** An order that is not deleted. */
export const orderById = loadOne(
  () =>
    database
      .select()
      .from(orders)
      .where(
        and(
          eq(orders.organizationId, bound.organizationId),
          sql`${orders.id} = any(${bound.keys})`,
          isNull(orders.deletedAt),
        ),
      ),
  (order) => order.id,
);

export const orderEventById = loadOne(
  () =>
    database
      .select()
      .from(orderEvents)
      .where(and(eq(orderEvents.organizationId, bound.organizationId), sql`${orderEvents.id} = any(${bound.keys})`)),
  (event) => event.id,
);

const columns = getTableColumns(orders);
const filters = {
  type: orders.type,
  status: orders.status,
  priority: orders.priority,
  customerId: orders.customerId,
  assignedToId: orders.assignedToId,
  groupId: orders.groupId,
  conversationId: orders.conversationId,
  workspaceId: orders.originWorkspaceId,
  dueAt: orders.dueAt,
  createdAt: orders.createdAt,
  completedAt: orders.completedAt,
};

/** Orders that the viewer sees, without deleted ones. */
export const orderList = listOf({
  from: orders,
  columns,
  where: isNull(orders.deletedAt),
  orders: { CREATED_AT: orders.createdAt, PRIORITY: orders.priorityRank, NUMBER: orders.number },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters,
});

/** The same of conversations. */
export const ordersByConversation = listOf({
  from: orders,
  parent: orders.conversationId,
  columns,
  where: isNull(orders.deletedAt),
  orders: { CREATED_AT: orders.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  filters,
});

/** Deleted orders, those deleted last first. */
export const deletedOrderList = listOf({
  from: orders,
  columns,
  where: isNotNull(orders.deletedAt),
  orders: { DELETED_AT: orders.deletedAt },
  defaultOrder: { field: 'DELETED_AT', direction: 'DESC' },
  filters,
});

export const eventsByOrder = listOf({
  from: orderEvents,
  parent: orderEvents.orderId,
  columns: getTableColumns(orderEvents),
  orders: { CREATED_AT: orderEvents.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

const noteList = (internal: boolean) =>
  listOf({
    from: orderNotes,
    parent: orderNotes.orderId,
    columns: getTableColumns(orderNotes),
    where: eq(orderNotes.internal, internal),
    orders: { CREATED_AT: orderNotes.createdAt },
    defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
  });

/** Notes that the customer reads, too. */
export const publicNotesByOrder = noteList(false);
/** Notes for those who work on orders. */
export const internalNotesByOrder = noteList(true);
