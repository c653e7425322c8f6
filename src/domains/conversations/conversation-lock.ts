import { and, eq, sql, type SQLWrapper } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, lazily } from '../../database/loader.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, NotFound } from '../../errors.ts';
import { conversations, messages, type ConversationRow } from './tables.ts';

/** The one conversation with this id. */
export const ofConversation = (organizationId: string, id: string) =>
  and(eq(conversations.organizationId, organizationId), eq(conversations.id, id));

const locked = lazily(() =>
  Statement.select<ConversationRow>(
    database
      .select()
      .from(conversations)
      .where(
        and(
          eq(conversations.organizationId, bound.organizationId),
          eq(conversations.id, sql.placeholder('conversationId')),
        ),
      )
      .for('update'),
  ),
);

/** Locks a conversation until the end of the transaction. Throws NotFound. */
export const lockConversation = async (unit: UnitOfWork, conversationId: string): Promise<ConversationRow> => {
  const [row] = await unit.select(locked(), { organizationId: unit.organizationId, conversationId });
  if (row === undefined) throw new NotFound('Conversation', conversationId);
  return row;
};

/** Locks a conversation that takes messages. Throws NotFound, Conflict. */
export const lockActiveConversation = async (unit: UnitOfWork, conversationId: string): Promise<ConversationRow> => {
  const row = await lockConversation(unit, conversationId);
  if (row.status !== 'ACTIVE') throw new Conflict('conversationId', 'This conversation takes no more messages.');
  return row;
};

/** A conversation's newest message, for a statement that adds the next one while the conversation is locked. */
export const newestMessage = (organizationId: SQLWrapper | string, conversationId: SQLWrapper | string) => sql<
  string | null
>`(
  select newest.id from ${messages} newest
  where newest.organization_id = ${organizationId} and newest.conversation_id = ${conversationId}
  order by newest.created_at desc, newest.id desc limit 1
)`;
