import { and, desc, eq, sql, type SQL, type SQLWrapper } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { bound, lazily } from '../../database/loader.ts';
import { Statement } from '../../database/statement.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { NotFound } from '../../errors.ts';
import { refusal } from './refusal.ts';
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
type State = Pick<
  ConversationRow,
  'id' | 'status' | 'workspaceId' | 'endedAt' | 'waitingSince' | 'assignedToId' | 'activeMessageId'
>;
const state = lazily(() => {
  const { id, status, workspaceId, endedAt, waitingSince, assignedToId, activeMessageId } = conversations;
  return Statement.select<State>(
    database
      .select({ id, status, workspaceId, endedAt, waitingSince, assignedToId, activeMessageId })
      .from(conversations)
      .where(known)
      .for('update'),
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

/** Locks a conversation in which models answer, and gives its workspace and where it goes on. Throws NotFound, Conflict. */
export const lockActiveConversation = async (unit: UnitOfWork, conversationId: string): Promise<State> => {
  const row = await locked(state(), unit, conversationId);
  if (row.status !== 'ACTIVE') throw refusal('conversationId', row);
  return row;
};

/** Locks a conversation that takes messages, whoever answers in it, and gives its workspace and where it goes on. Throws NotFound, Conflict. */
export const lockOpenConversation = async (unit: UnitOfWork, conversationId: string): Promise<State> => {
  const row = await locked(state(), unit, conversationId);
  if (row.status === 'ENDED') throw refusal('conversationId', row);
  return row;
};

/**
 * What places the next message of a conversation, for a statement that adds it while the conversation is locked: `newest` goes into its WITH.
 * Its time is not `now()`, because the transaction may have waited for the lock, and it is later than that of every other message, because
 * messages stand in the order of their times: two can be added within the millisecond that times are kept to.
 */
export const nextPlace = (organizationId: SQLWrapper | string, conversationId: SQLWrapper | string) => {
  const newest = database.$with('newest').as(
    database
      .select({ id: messages.id, createdAt: messages.createdAt })
      .from(messages)
      .where(and(eq(messages.organizationId, organizationId), eq(messages.conversationId, conversationId)))
      .orderBy(desc(messages.createdAt), desc(messages.id))
      .limit(1),
  );
  const parentId: SQL<string | null> = sql`(select ${newest.id} from ${newest})`;
  const createdAt: SQL<string> = sql`greatest(clock_timestamp(), (select ${newest.createdAt} from ${newest}) + interval '1 millisecond')`;
  return { newest, parentId, createdAt };
};
