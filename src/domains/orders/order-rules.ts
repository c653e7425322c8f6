import { and, eq, max, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf, type UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound, type InputIssue } from '../../errors.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context, type Viewer } from '../context.ts';
import { decisionOn, requireActive } from '../permissions.ts';
import { groups, memberships } from '../tenancy/tables.ts';
import { discovery, viewerOfMember } from '../tenancy/viewers.ts';
import { missingFor, waysFrom, type OrderActor } from './order-states.ts';
import { orderEvents, orders, type OrderEventRow, type OrderRow } from './tables.ts';

/** Who does something to orders, and in which unit of work. */
export type OrderMeans = Pick<Context, 'unit' | 'viewer'>;

/** Condition for one order. */
export const isOrder = (organizationId: string, id: string) =>
  and(eq(orders.organizationId, organizationId), eq(orders.id, id));

type Whose = Pick<OrderRow, 'customerId' | 'assignedToId' | 'groupId' | 'originWorkspaceId'>;

/** Who reads an order: its customer, who works on it, their group, who sees the workspace it came from, and the organization's administrators. */
export const readersOf = (
  organizationId: string,
  { customerId, assignedToId, groupId, originWorkspaceId }: Whose,
): string[] => [
  ...new Set([customerId, assignedToId, groupId, originWorkspaceId, organizationId].filter((id) => id !== null)),
];

/** Whether somebody may work on the orders that they see. */
export const works = ({ standing }: Pick<Viewer, 'standing'>): boolean => decisionOn(standing, 'ORDER_PROCESS').allowed;

/** In which part somebody stands towards an order. */
export const actorOn = (viewer: Viewer, order: OrderRow): OrderActor => ({
  works: works(viewer),
  isCustomer: order.customerId !== null && order.customerId === viewer.userId,
});

/** Locks an order that the viewer sees and that is not deleted. Throws NotFound, Conflict (its workspace is archived). */
export const lockOrder = async (context: OrderMeans, id: string): Promise<OrderRow> => {
  const { organizationId } = context.unit;
  const [order] = await database.select().from(orders).where(isOrder(organizationId, id)).for('update');
  if (order === undefined || order.deletedAt !== null) throw new NotFound('Order', id);
  if (order.originWorkspaceId !== null) requireActive(viewerOf(context), order.originWorkspaceId);
  return order;
};

/** Where an order stands, for whoever wanted something of it that cannot be done. */
export const standingOf = (viewer: Viewer, order: OrderRow) => ({
  current: {
    id: globalId('Order', order.id),
    status: order.status,
    version: order.version,
    assignedTo: order.assignedToId === null ? null : globalId('User', order.assignedToId),
  },
  allowed: waysFrom(order.status, actorOn(viewer, order)).map(({ to }) => to),
});

/** Throws Conflict, with where the order stands, unless it is at the version named. */
export const requireVersion = (viewer: Viewer, order: OrderRow, version: number): void => {
  if (order.version === version) return;
  const message = `The order has been changed since: it is ${order.status}, and its version is ${order.version}.`;
  throw new Conflict('version', message, standingOf(viewer, order));
};

type Fields = Partial<Omit<OrderRow, 'version' | 'readers' | 'priorityRank'>>;
type Entry = Pick<OrderEventRow, 'kind'> &
  Partial<Pick<OrderEventRow, 'fromStatus' | 'toStatus' | 'reason' | 'changes'>>;

/**
 * Changes an order that is locked, with its entry in the history and its event, in the running transaction. Written as the organization: whoever gives an order
 * away may not see it any more.
 */
export const changeOrder = async (
  context: OrderMeans,
  current: OrderRow,
  fields: Fields,
  entry: Entry,
  action: string,
): Promise<OrderRow> => {
  const { unit } = context;
  const { organizationId } = unit;
  const { userId } = viewerOf(context);
  const version = current.version + 1;
  const readers = readersOf(organizationId, { ...current, ...fields });
  const changed = await unit.nested(wholeOf(organizationId, userId), async () => {
    const rows = await database
      .update(orders)
      .set({ ...fields, readers, version })
      .where(isOrder(organizationId, current.id))
      .returning();
    await database
      .insert(orderEvents)
      .values({ organizationId, readers, orderId: current.id, actorId: userId, version, ...entry });
    return sole(rows);
  });
  const { fromStatus, toStatus, reason, changes = {} } = entry;
  const data = {
    ...(toStatus && { from: fromStatus, to: toStatus }),
    ...(reason && { reason }),
    fields: Object.keys(changes),
    version,
  };
  unit.record({
    action,
    type: 'Order',
    id: current.id,
    data,
    ...(current.originWorkspaceId !== null && { workspaceId: current.originWorkspaceId }),
  });
  return changed;
};

/** What changes between an order and what it is to be, for the history. */
export const changesOf = (current: OrderRow, fields: Fields): OrderEventRow['changes'] =>
  Object.fromEntries(
    Object.entries(fields).flatMap(([name, to]) => {
      // The cast is safe: the names are those of the row.
      const from = current[name as keyof OrderRow];
      return JSON.stringify(from) === JSON.stringify(to) ? [] : [[name, { from, to }]];
    }),
  );

/** The next number of an order in the organization, in the running transaction: whoever makes one at the same time waits for its end. */
export const nextNumber = async (unit: UnitOfWork): Promise<number> => {
  const { organizationId } = unit;
  await database.execute(sql`select pg_advisory_xact_lock(hashtextextended('orders ' || ${organizationId}::text, 0))`);
  const [{ last } = { last: null }] = await unit.nested(wholeOf(organizationId, unit.scope.userId), () =>
    database
      .select({ last: max(orders.number) })
      .from(orders)
      .where(eq(orders.organizationId, organizationId)),
  );
  return (last ?? 0) + 1;
};

/** Throws NotFound for who is no member, BadUserInput for a member who may not work on orders. */
export const requireWorker = async ({ unit }: OrderMeans, userId: string): Promise<void> => {
  const { organizationId } = unit;
  const member = await unit.nested(discovery(organizationId, userId), (looking) =>
    viewerOfMember(looking, { organizationId, userId }),
  );
  if (member === null) throw new NotFound('User', userId);
  if (!works(member)) throw new BadUserInput('assigneeId', 'This member may not work on orders.');
};

/** Throws NotFound for who does not belong to the organization. */
export const requireMember = async ({ unit }: OrderMeans, userId: string): Promise<void> => {
  const { organizationId } = unit;
  const [member] = await database
    .select({ id: memberships.userId })
    .from(memberships)
    .where(and(eq(memberships.organizationId, organizationId), eq(memberships.userId, userId)))
    .for('key share');
  if (member === undefined) throw new NotFound('User', userId);
};

/** Throws NotFound for a group that is not there. */
export const requireGroup = async ({ unit }: OrderMeans, groupId: string): Promise<void> => {
  const [group] = await database
    .select({ id: groups.id })
    .from(groups)
    .where(and(eq(groups.organizationId, unit.organizationId), eq(groups.id, groupId)))
    .for('key share');
  if (group === undefined) throw new NotFound('Group', groupId);
};

/** What is missing for a way, as faults of the request's fields. */
export const missingIssues = (...[way, order, reason]: Parameters<typeof missingFor>): InputIssue[] =>
  missingFor(way, order, reason).map((need) =>
    need === 'REASON'
      ? { field: 'reason', message: `A reason is needed to make it ${way.to}.` }
      : { field: 'id', message: `Somebody has to be assigned to make it ${way.to}.` },
  );
