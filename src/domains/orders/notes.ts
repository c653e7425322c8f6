import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { Forbidden } from '../../errors.ts';
import type { AddOrderNoteInput } from '../../generated/resolvers.ts';
import { writtenText } from '../conversations/written-text.ts';
import { viewerOf } from '../context.ts';
import { actorOn, changeOrder, lockOrder, type OrderMeans } from './order-rules.ts';
import { orderNotes, type OrderNoteRow, type OrderRow } from './tables.ts';

const maxText = 8_000;

/** An order with a note that was put to it. */
export interface NotedOrder {
  readonly order: OrderRow;
  readonly note: OrderNoteRow;
}

/**
 * Puts a note to an order: one that its customer reads, or an internal one of those who work on orders. Throws BadUserInput, Conflict (archived), Forbidden,
 * NotFound.
 */
export const addOrderNote = (
  context: OrderMeans,
  { orderId, text, internal = false }: AddOrderNoteInput,
): Promise<NotedOrder> => {
  const written = writtenText('text', text, maxText);
  return context.unit.transact(async ({ organizationId }) => {
    const viewer = viewerOf(context);
    const { userId } = viewer;
    const current = await lockOrder(context, orderId);
    const { works, isCustomer } = actorOn(viewer, current);
    if (!works && (internal || !isCustomer)) throw new Forbidden('ORDER_PROCESS');
    const order = await changeOrder(context, current, {}, { kind: 'NOTED' }, 'order.noted');
    const row = { organizationId, readers: order.readers, orderId, authorId: userId, internal, text: written };
    const note = await context.unit.nested(wholeOf(organizationId, userId), async () =>
      sole(await database.insert(orderNotes).values(row).returning()),
    );
    return { order, note };
  });
};
