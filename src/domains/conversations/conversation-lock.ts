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

const known = and(
  eq(conversations.organizationId, bound.organizationId),
  eq(conversations.id, sql.placeholder('conversationId')),
);
const whole = lazily(() =>
  Statement.select<ConversationRow>(database.select().from(conversations).where(known).for('update')),
);
/** What has to be known before a message is added. */
type State = Pick<ConversationRow, 'status' | 'workspaceId'>;
const state = lazily(() => {
  const { status, workspaceId } = conversations;
  return Statement.select<State>(
    database.select({ status, workspaceId }).from(conversations).where(known).for('update'),
  );
});

const locked = async <Row>(statement: Statement<Row>, unit: UnitOfWork, conversationId: string): Promise<Row> => {
  const [row] = await unit.select(statement, { organizationId: unit.organizationId, conversationId });
  if (row === undefined) throw new NotFound('Conversation', conversationId);
  return row;
};

/** Locks a conversation until the end of the transaction. Throws NotFound. */
export const lockConversation = (unit: UnitOfWork, conversationId: string): Promise<ConversationRow> =>
  locked(whole(), unit, conversationId);

/** Locks a conversation that takes messages, and gives its workspace. Throws NotFound, Conflict. */
export const lockActiveConversation = async (unit: UnitOfWork, conversationId: string): Promise<State> => {
  const row = await locked(state(), unit, conversationId);
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
