import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { Conflict, NotFound } from '../../errors.ts';
import { conversations, messages, type ConversationRow } from './tables.ts';

/** The one conversation with this id. */
export const ofConversation = (organizationId: string, id: string) =>
  and(eq(conversations.organizationId, organizationId), eq(conversations.id, id));

/** Locks a conversation until the end of the transaction. Throws NotFound. */
export const lockConversation = async (organizationId: string, id: string): Promise<ConversationRow> => {
  const [row] = await database.select().from(conversations).where(ofConversation(organizationId, id)).for('update');
  if (row === undefined) throw new NotFound('Conversation', id);
  return row;
};

/** Locks a conversation that takes messages. Throws NotFound, Conflict. */
export const lockActiveConversation = async (organizationId: string, id: string): Promise<ConversationRow> => {
  const row = await lockConversation(organizationId, id);
  if (row.status !== 'ACTIVE') throw new Conflict('conversationId', 'This conversation takes no more messages.');
  return row;
};

/** The conversation's newest message, for a statement that adds the next one while the conversation is locked. */
export const newestMessage = ({ organizationId, id }: ConversationRow) => sql<string | null>`(
  select newest.id from ${messages} newest
  where newest.organization_id = ${organizationId} and newest.conversation_id = ${id}
  order by newest.created_at desc, newest.id desc limit 1
)`;
