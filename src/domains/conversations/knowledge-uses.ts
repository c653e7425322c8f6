import { sql } from 'drizzle-orm';
import { listOf, type Connection, type ListArguments } from '../../database/list.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { found } from '../nodes.ts';
import { messageById } from './loaders.ts';
import { citations, type MessageRow } from './tables.ts';

/** The first citation of an entry in each answer that cites it. */
export const citationsByEntry = listOf({
  from: citations,
  parent: citations.knowledgeEntryId,
  columns: {
    id: citations.id,
    createdAt: citations.createdAt,
    messageId: citations.messageId,
    knowledgeEntryId: citations.knowledgeEntryId,
  },
  orders: { CREATED_AT: citations.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'DESC' },
  where: sql`not exists (
    select from ${citations} earlier
    where earlier.organization_id = ${citations.organizationId} and earlier.message_id = ${citations.messageId}
      and earlier.knowledge_entry_id = ${citations.knowledgeEntryId} and earlier.position < ${citations.position}
  )`,
});

/**
 * Answers that cite an entry, newest first, as far as the viewer sees them: one statement for the pages of all entries, one for the messages.
 * The entry stands in the bank, and its citations beside the messages.
 */
export const usesOfEntry = async (
  unit: UnitOfWork,
  args: ListArguments,
  entryId: string,
): Promise<Connection<MessageRow>> => {
  const page = await citationsByEntry<{ id: string; messageId: string }>(unit, args, entryId);
  const edges = page.edges.map(async ({ node, cursor }) => ({
    cursor,
    node: await found('Message', node.messageId, messageById(unit)),
  }));
  return { ...page, edges: await Promise.all(edges) };
};
