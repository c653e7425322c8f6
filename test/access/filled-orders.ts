import type { Person } from '../testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** An order of the owner from a conversation of the filled workspace, with notes of both kinds. */
export const filledOrders = async (
  owner: Person,
  conversationId: string,
  secret: string,
): Promise<Record<string, string>> => {
  const { createOrder }: Data = await owner.want(
    'mutation ($input: CreateOrderInput!) { createOrder(input: $input) { order { id history(first: 1) { edges { node { id } } } } } }',
    { input: { type: 'LOAN', conversationId, metadata: { secret } } },
  );
  const { id, history } = createOrder.order;
  for (const internal of [true, false])
    await owner.want('mutation ($input: AddOrderNoteInput!) { addOrderNote(input: $input) { note { id } } }', {
      input: { orderId: id, text: secret, internal },
    });
  return { Order: id, OrderEvent: history.edges[0].node.id };
};
