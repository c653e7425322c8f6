import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, Forbidden, NotFound, type InputIssue } from '../../errors.ts';
import type {
  AssignOrderInput,
  CreateOrderInput,
  TransitionOrderInput,
  UpdateOrderInput,
} from '../../generated/resolvers.ts';
import { conversationById } from '../conversations/loaders.ts';
import { viewerOf } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { missingFor, waysFrom } from './order-states.ts';
import {
  actorOn,
  changeOrder,
  changesOf,
  isOrder,
  lockOrder,
  missingIssues,
  nextNumber,
  type OrderMeans,
  readersOf,
  requireGroup,
  requireMember,
  requireVersion,
  requireWorker,
  standingOf,
} from './order-rules.ts';
import { orderEvents, orders, type OrderRow } from './tables.ts';

const maxMetadata = 16_000;
const maxReason = 1_000;

const issuesOf = ({ dueAt, metadata }: Pick<CreateOrderInput, 'dueAt' | 'metadata'>): InputIssue[] => {
  const isObject =
    metadata === undefined || metadata === null || (typeof metadata === 'object' && !Array.isArray(metadata));
  return [
    ...(isObject ? [] : [{ field: 'metadata', message: 'This is an object.' }]),
    ...(JSON.stringify(metadata ?? {}).length <= maxMetadata
      ? []
      : [{ field: 'metadata', message: `This has at most ${maxMetadata.toLocaleString('en')} characters as JSON.` }]),
    ...(dueAt === undefined || dueAt === null || Date.parse(dueAt) > Date.now()
      ? []
      : [{ field: 'dueAt', message: 'This lies in the past.' }]),
  ];
};

const reasonOf = (reason: string | null | undefined): string | null => {
  const text = reason?.trim() ?? '';
  if (text.length > maxReason || text.includes('\0'))
    throw new BadUserInput('reason', `A reason has at most ${maxReason.toLocaleString('en')} characters.`);
  return text === '' ? null : text;
};

/**
 * Opens an order: for the person of its conversation, for the viewer, or for whoever is named by who works on orders. Throws BadUserInput, Conflict (archived),
 * Forbidden (for somebody else, assigned), NotFound (conversation, customer, assignee, group).
 */
export const createOrder = (context: OrderMeans, input: CreateOrderInput): Promise<OrderRow> => {
  const { type, priority, conversationId, customerId, assigneeId, groupId } = input;
  const issues = issuesOf(input);
  if (issues.length > 0) throw new BadUserInput(issues);
  const viewer = viewerOf(context);
  const { unit } = context;
  return unit.transact(async ({ organizationId }) => {
    const conversation = conversationId ? await found('Conversation', conversationId, conversationById(unit)) : null;
    if (conversation !== null) requireActive(viewer, conversation.workspaceId);
    const customer = customerId ?? (conversation === null ? viewer.userId : conversation.userId);
    if (customer !== viewer.userId || assigneeId || groupId) requirePermission(viewer, 'ORDER_PROCESS');
    if (customerId) await requireMember(context, customerId);
    if (assigneeId) await requireWorker(context, assigneeId);
    if (groupId) await requireGroup(context, groupId);
    const whose = {
      customerId: customer,
      assignedToId: assigneeId ?? null,
      groupId: groupId ?? null,
      originWorkspaceId: conversation?.workspaceId ?? null,
    };
    const readers = readersOf(organizationId, whose);
    const row = {
      organizationId,
      readers,
      number: await nextNumber(unit),
      ...whose,
      type,
      priority: priority ?? 'MEDIUM',
      conversationId: conversation?.id ?? null,
      createdById: viewer.userId,
      dueAt: input.dueAt ? new Date(input.dueAt).toISOString() : null,
      metadata: (input.metadata ?? {}) as Record<string, unknown>,
    };
    const order = await unit.nested(wholeOf(organizationId, viewer.userId), async () => {
      const made = sole(await database.insert(orders).values(row).returning());
      await database.insert(orderEvents).values({
        organizationId,
        readers,
        orderId: made.id,
        kind: 'CREATED',
        actorId: viewer.userId,
        toStatus: made.status,
        version: 1,
      });
      return made;
    });
    const { originWorkspaceId: workspaceId } = whose;
    unit.record({
      action: 'order.created',
      type: 'Order',
      id: order.id,
      data: { number: order.number, type },
      ...(workspaceId !== null && { workspaceId }),
    });
    return order;
  });
};

/** Changes type, priority, due time or metadata. Throws BadUserInput, Conflict (another version, archived), Forbidden, NotFound. */
export const updateOrder = (context: OrderMeans, input: UpdateOrderInput): Promise<OrderRow> => {
  const { id, version, type, priority, dueAt, metadata } = input;
  const issues = issuesOf({ metadata });
  if (issues.length > 0) throw new BadUserInput(issues);
  return context.unit.transact(async () => {
    const current = await lockOrder(context, id);
    requireVersion(viewerOf(context), current, version);
    const fields = {
      ...(type && { type }),
      ...(priority && { priority }),
      ...(dueAt !== undefined && { dueAt: dueAt === null ? null : new Date(dueAt).toISOString() }),
      ...(metadata !== undefined && { metadata: (metadata ?? {}) as Record<string, unknown> }),
    };
    const changes = changesOf(current, fields);
    if (Object.keys(changes).length === 0) return current;
    return changeOrder(context, current, fields, { kind: 'CHANGED', changes }, 'order.updated');
  });
};

/**
 * Gives an order to a member, a group, both or nobody. Throws BadUserInput (a member who may not work on orders), Conflict (another version, it has
 * ended, archived), Forbidden, NotFound (order, member, group).
 */
export const assignOrder = (
  context: OrderMeans,
  { id, version, assigneeId, groupId }: AssignOrderInput,
): Promise<OrderRow> =>
  context.unit.transact(async () => {
    const viewer = viewerOf(context);
    const current = await lockOrder(context, id);
    if (version !== undefined && version !== null) requireVersion(viewer, current, version);
    if (current.status === 'COMPLETED' || current.status === 'CANCELLED')
      throw new Conflict('id', `The order is ${current.status}: nobody works on it.`, standingOf(viewer, current));
    if (assigneeId) await requireWorker(context, assigneeId);
    if (groupId) await requireGroup(context, groupId);
    if (assigneeId === null && current.status === 'PROCESSING')
      throw new Conflict('assigneeId', 'Somebody works on an order that is PROCESSING.', standingOf(viewer, current));
    const fields = {
      ...(assigneeId !== undefined && { assignedToId: assigneeId }),
      ...(groupId !== undefined && { groupId }),
    };
    const changes = changesOf(current, fields);
    if (Object.keys(changes).length === 0) return current;
    return changeOrder(context, current, fields, { kind: 'ASSIGNED', changes }, 'order.assigned');
  });

/**
 * Moves an order to another state. Of those who try at the same time one does; the others are told where it stands. Throws BadUserInput (a reason or an assignee is
 * missing), Conflict (another version, no way leads there, archived), Forbidden (a way that is not the viewer's), NotFound.
 */
export const transitionOrder = (
  context: OrderMeans,
  { id, to, version, reason }: TransitionOrderInput,
): Promise<OrderRow> => {
  const why = reasonOf(reason);
  return context.unit.transact(async () => {
    const viewer = viewerOf(context);
    const current = await lockOrder(context, id);
    requireVersion(viewer, current, version);
    const everyWay = waysFrom(current.status, { works: true, isCustomer: true });
    if (!everyWay.some((way) => way.to === to))
      throw new Conflict(
        'to',
        `The order is ${current.status}: no way leads from there to ${to}.`,
        standingOf(viewer, current),
      );
    const way = waysFrom(current.status, actorOn(viewer, current)).find((each) => each.to === to);
    if (way === undefined) throw new Forbidden('ORDER_PROCESS');
    if (missingFor(way, current, why).length > 0) throw new BadUserInput(missingIssues(way, current, why));
    const fields = {
      status: to,
      completedAt: to === 'COMPLETED' ? new Date().toISOString() : null,
      cancelledAt: to === 'CANCELLED' ? new Date().toISOString() : null,
      cancellationReason: to === 'CANCELLED' ? why : null,
    };
    const entry = { kind: 'TRANSITIONED' as const, fromStatus: current.status, toStatus: to, reason: why };
    return changeOrder(context, current, fields, entry, `order.${to.toLowerCase()}`);
  });
};

/** Deletes an order; administrators can bring it back while the organization keeps deleted things. Throws NotFound. */
export const deleteOrder = (context: OrderMeans, id: string): Promise<string> =>
  context.unit.transact(async () => {
    const current = await lockOrder(context, id);
    await changeOrder(context, current, { deletedAt: new Date().toISOString() }, { kind: 'DELETED' }, 'order.deleted');
    return id;
  });

/** Brings a deleted order back. Throws Conflict (it is not deleted), NotFound. */
export const restoreOrder = (context: OrderMeans, id: string): Promise<OrderRow> =>
  context.unit.transact(async ({ organizationId }) => {
    const [order] = await database.select().from(orders).where(isOrder(organizationId, id)).for('update');
    if (order === undefined) throw new NotFound('Order', id);
    if (order.deletedAt === null) throw new Conflict('id', 'This order is not deleted.');
    return changeOrder(context, order, { deletedAt: null }, { kind: 'RESTORED' }, 'order.restored');
  });
