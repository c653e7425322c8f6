import { z } from 'zod';
import { globalId } from '../../ids.ts';
import { agentTool, type AgentTools } from '../agent-tool.ts';
import { addOrderNote } from './notes.ts';
import { createOrder } from './orders.ts';
import { orderPriorities, orderTypes } from './tables.ts';

const openOrder = agentTool({
  description:
    'Opens an order from this conversation, for its person, so that somebody works on what they want. Use it once for one wish, when the person has said what they want.',
  input: z.object({
    type: z.enum(orderTypes).describe('LOAN for money lent, INSURANCE for a risk insured.'),
    priority: z.enum(orderPriorities).default('MEDIUM').describe('How urgent it is.'),
    summary: z.string().min(1).max(2000).describe('What the person wants, in their own terms.'),
  }),
  permission: 'ORDER_CREATE',
  changes: true,
  run: (use, { type, priority, summary }) =>
    use.unit.transact(async () => {
      const { id, number } = await createOrder(use, { type, priority, conversationId: use.conversationId });
      await addOrderNote(use, { orderId: id, text: summary });
      return `Order ${number} was opened (${globalId('Order', id)}).`;
    }),
});

/** What agents do with orders. */
export const tools: AgentTools = { open_order: openOrder };
