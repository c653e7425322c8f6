import type { OrderRow } from './tables.ts';

export type OrderStatus = OrderRow['status'];

/** What an order or a request has to have before a transition. */
export type OrderRequirement = 'ASSIGNEE' | 'REASON';

/** A way from one state to another. */
export interface OrderTransition {
  readonly from: OrderStatus;
  readonly to: OrderStatus;
  readonly requires: readonly OrderRequirement[];
  /** Whether the customer may go it, beside those who work on orders. */
  readonly byCustomer: boolean;
}

/** How an order gets from one state to another. There is no other way. */
export const transitions: readonly OrderTransition[] = [
  { from: 'PENDING', to: 'PROCESSING', requires: ['ASSIGNEE'], byCustomer: false },
  { from: 'PENDING', to: 'CANCELLED', requires: ['REASON'], byCustomer: true },
  { from: 'PROCESSING', to: 'COMPLETED', requires: ['ASSIGNEE'], byCustomer: false },
  { from: 'PROCESSING', to: 'PENDING', requires: ['REASON'], byCustomer: false },
  { from: 'PROCESSING', to: 'CANCELLED', requires: ['REASON'], byCustomer: false },
  { from: 'COMPLETED', to: 'PROCESSING', requires: ['REASON', 'ASSIGNEE'], byCustomer: false },
  { from: 'CANCELLED', to: 'PENDING', requires: ['REASON'], byCustomer: false },
];

/** Who asks for a transition. */
export interface OrderActor {
  /** Whether they hold ORDER_PROCESS. */
  readonly works: boolean;
  readonly isCustomer: boolean;
}

/** The ways that somebody may go from a state. */
export const waysFrom = (status: OrderStatus, { works, isCustomer }: OrderActor): OrderTransition[] =>
  transitions.filter(({ from, byCustomer }) => from === status && (works || (byCustomer && isCustomer)));

/** What of a transition's requirements is not there. */
export const missingFor = (
  { requires }: OrderTransition,
  { assignedToId }: Pick<OrderRow, 'assignedToId'>,
  reason: string | null,
): OrderRequirement[] =>
  requires.filter((need) => (need === 'ASSIGNEE' ? assignedToId === null : reason === null || reason.trim() === ''));
