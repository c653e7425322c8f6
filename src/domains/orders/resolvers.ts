import type { Resolvers } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf } from '../context.ts';
import { conversationById } from '../conversations/loaders.ts';
import { found } from '../nodes.ts';
import { groupById } from '../tenancy/group-loaders.ts';
import { memberUserById, workspaceById } from '../tenancy/loaders.ts';
import {
  deletedOrderList,
  eventsByOrder,
  internalNotesByOrder,
  orderById,
  orderEventById,
  orderList,
  ordersByConversation,
  publicNotesByOrder,
} from './loaders.ts';
import { addOrderNote } from './notes.ts';
import { actorOn } from './order-rules.ts';
import { missingFor, waysFrom } from './order-states.ts';
import { assignOrder, createOrder, deleteOrder, restoreOrder, transitionOrder, updateOrder } from './orders.ts';
import { orderStatistics } from './statistics.ts';

export const resolvers: Resolvers = {
  Query: {
    orders: (_root, args, { unit }) => orderList(unit, args),
    order: (_root, { id }, { unit }) => found('Order', id, orderById(unit)),
    deletedOrders: (_root, args, { unit }) => deletedOrderList(unit, args),
    orderStatistics: (_root, args, { unit }) => orderStatistics(unit, args),
  },
  Mutation: {
    createOrder: async (_root, { input }, context) => ({ order: await createOrder(context, input) }),
    updateOrder: async (_root, { input }, context) => ({ order: await updateOrder(context, input) }),
    assignOrder: async (_root, { input }, context) => ({ order: await assignOrder(context, input) }),
    transitionOrder: async (_root, { input }, context) => ({ order: await transitionOrder(context, input) }),
    addOrderNote: (_root, { input }, context) => addOrderNote(context, input),
    deleteOrder: async (_root, { input }, context) => ({
      deletedId: globalId('Order', await deleteOrder(context, input.id)),
    }),
    restoreOrder: async (_root, { input }, context) => ({ order: await restoreOrder(context, input.id) }),
  },
  Conversation: {
    orders: ({ id }, args, { unit }) => ordersByConversation(unit, args, id),
  },
  Order: {
    customer: ({ customerId }, _args, { unit }) => (customerId === null ? null : memberUserById(unit).load(customerId)),
    assignedTo: ({ assignedToId }, _args, { unit }) =>
      assignedToId === null ? null : memberUserById(unit).load(assignedToId),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    group: ({ groupId }, _args, { unit }) => (groupId === null ? null : groupById(unit).load(groupId)),
    workspace: ({ originWorkspaceId }, _args, { unit }) =>
      originWorkspaceId === null ? null : workspaceById(unit).load(originWorkspaceId),
    conversation: ({ conversationId }, _args, { unit }) =>
      conversationId === null ? null : conversationById(unit).load(conversationId),
    allowedTransitions: (order, _args, context) =>
      waysFrom(order.status, actorOn(viewerOf(context), order)).map((way) => ({
        to: way.to,
        requires: [...way.requires],
        missing: missingFor(way, order, null),
      })),
    history: ({ id }, args, { unit }) => eventsByOrder(unit, args, id),
    notes: ({ id }, args, { unit }) => publicNotesByOrder(unit, args, id),
    internalNotes: ({ id }, args, { unit }) => internalNotesByOrder(unit, args, id),
  },
  OrderEvent: {
    actor: ({ actorId }, _args, { unit }) => (actorId === null ? null : memberUserById(unit).load(actorId)),
  },
  OrderNote: {
    author: ({ authorId }, _args, { unit }) => (authorId === null ? null : memberUserById(unit).load(authorId)),
  },
};

/** How `node(id)` finds the entities of this domain. */
export const nodes = { Order: orderById, OrderEvent: orderEventById };
