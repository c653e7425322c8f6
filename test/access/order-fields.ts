import { randomInt } from 'node:crypto';
import { database } from '../../src/database/client.ts';
import { sole } from '../../src/database/rows.ts';
import { orderEvents, orderNotes, orders } from '../../src/domains/orders/tables.ts';
import { globalId } from '../../src/ids.ts';
import { uuidOf } from '../talk.ts';
import { secret, whole } from './cast.ts';
import { byAdmins, byEverybody, inWorkspace, type Fixture, type Fixtures } from './fixture.ts';

/** Who sees the workspace that the order came from, and works on orders. */
const byWorkers: Fixture['gets'] = { ...inWorkspace, guest: 'FORBIDDEN' };
const listed: Fixture['gets'] = { ...inWorkspace, stranger: 'own', platformAdmin: 'own', neighbour: 'own' };

/** An order of the owner from the filled workspace, written past the API. */
const planted =
  (fields: Partial<typeof orders.$inferInsert> = {}): NonNullable<Fixture['target']> =>
  async (_owner, ids, bed) => {
    const id = (name: string): string => uuidOf(String(ids[name]));
    const [organizationId, customerId, originWorkspaceId] = [id('Organization'), id('User'), id('Workspace')];
    const readers = [organizationId, customerId, originWorkspaceId];
    const number = randomInt(1, 1_000_000_000);
    const row = {
      organizationId,
      readers,
      number,
      customerId,
      originWorkspaceId,
      type: 'LOAN' as const,
      metadata: { secret },
      ...fields,
    };
    return whole(bed, String(ids.Organization)).transact(async () => {
      const { id: orderId } = sole(await database.insert(orders).values(row).returning());
      await database
        .insert(orderEvents)
        .values({ organizationId, readers, orderId, kind: 'CREATED', reason: secret, version: 1 });
      const noted = { organizationId, readers, orderId, text: secret };
      await database.insert(orderNotes).values([
        { ...noted, internal: true },
        { ...noted, internal: false },
      ]);
      return { Planted: globalId('Order', orderId) };
    });
  };

/** Orders. */
export const fixtures: Fixtures = {
  queries: {
    orders: { gets: listed, field: 'orders(first: 100) { edges { node { metadata } } }' },
    order: { gets: inWorkspace, field: 'order(id: $Order) { metadata }' },
    deletedOrders: {
      gets: { ...byAdmins, stranger: 'own', platformAdmin: 'own' },
      field: 'deletedOrders(first: 100) { edges { node { metadata } } }',
      target: planted({ deletedAt: '2026-01-01T00:00:00Z' }),
    },
    orderStatistics: { gets: listed, field: 'orderStatistics { count }', shows: /"count":\d/ },
  },
  mutations: {
    createOrder: {
      gets: { ...byEverybody, keyWithoutScope: 'FORBIDDEN' },
      field: 'createOrder(input: { type: LOAN }) { order { id } }',
      shows: /order_/,
    },
    updateOrder: {
      gets: byWorkers,
      field: 'updateOrder(input: { id: $Planted, version: 1, priority: LOW }) { order { metadata } }',
      target: planted(),
    },
    assignOrder: {
      gets: byWorkers,
      field: 'assignOrder(input: { id: $Planted, assigneeId: $User }) { order { metadata } }',
      target: planted(),
    },
    transitionOrder: {
      gets: byWorkers,
      field: 'transitionOrder(input: { id: $Planted, version: 1, to: CANCELLED, reason: "x" }) { order { metadata } }',
      target: planted(),
    },
    addOrderNote: {
      gets: byWorkers,
      field: 'addOrderNote(input: { orderId: $Planted, text: "x" }) { order { metadata } }',
      target: planted(),
    },
    deleteOrder: {
      gets: byAdmins,
      field: 'deleteOrder(input: { id: $Planted }) { deletedId }',
      shows: /order_/,
      target: planted(),
    },
    restoreOrder: {
      gets: byAdmins,
      field: 'restoreOrder(input: { id: $Planted }) { order { metadata } }',
      target: planted({ deletedAt: '2026-01-01T00:00:00Z' }),
    },
  },
  connections: {
    'Conversation.orders': { gets: inWorkspace },
    'Order.history': { gets: inWorkspace },
    'Order.notes': { gets: inWorkspace },
    'Order.internalNotes': { gets: byWorkers },
  },
};
