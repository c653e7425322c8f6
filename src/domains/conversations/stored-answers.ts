import { and, asc, desc, eq, inArray, sql, type SQL } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { messages, type MessageRow } from './tables.ts';

/** An answer as it is stored; its text is partial while it is STREAMING. */
export type StoredAnswer = Pick<
  MessageRow,
  'id' | 'createdAt' | 'role' | 'status' | 'content' | 'errorCode' | 'errorMessage'
>;

/** A message's place in its conversation, which is in the order of times. */
export type Place = Pick<MessageRow, 'createdAt' | 'id'>;

const { id, createdAt, role, status, content, errorCode, errorMessage } = messages;
const fields = { id, createdAt, role, status, content, errorCode, errorMessage };

/** Answers that can be under way in a conversation at a time and are looked at. */
const maxUnderWay = 100;

const inConversation = (unit: UnitOfWork, conversationId: string) =>
  and(eq(messages.organizationId, unit.organizationId), eq(messages.conversationId, conversationId));

// Written out, because a plan that is kept for all values takes the index of the answers being written only where it sees the value.
const isStreaming = sql`${status} = 'STREAMING'`;

/** The answers of a conversation that are being written, and the messages of these ids, oldest first; at most 100. */
export const answersUnderWay = async (
  unit: UnitOfWork,
  conversationId: string,
  ids: readonly string[],
): Promise<StoredAnswer[]> => {
  // Apart, so that neither is looked for among all messages of the conversation.
  const read = (which: SQL | undefined) =>
    unit.run(() =>
      database
        .select(fields)
        .from(messages)
        .where(and(inConversation(unit, conversationId), which))
        .limit(maxUnderWay),
    );
  const written = await read(isStreaming);
  const named = ids.length === 0 ? [] : await read(inArray(id, [...ids]));
  // An answer can have ended between the two.
  const rows = new Map([...written, ...named].map((row) => [row.id, row]));
  return [...rows.values()].sort((one, other) => (isLater(one, other) ? 1 : -1)).slice(0, maxUnderWay);
};

/** Whether a place comes behind another. Times are written alike by the database, so that they are in the order of their text. */
export const isLater = (place: Place, than: Place): boolean =>
  place.createdAt > than.createdAt || (place.createdAt === than.createdAt && place.id > than.id);

/** The first answers of a conversation that were begun after a place, oldest first. */
export const answersAfter = (
  unit: UnitOfWork,
  conversationId: string,
  place: Place,
  first: number,
): Promise<StoredAnswer[]> =>
  unit.run(() =>
    database
      .select(fields)
      .from(messages)
      .where(
        and(
          inConversation(unit, conversationId),
          sql`(${createdAt}, ${id}) > (${place.createdAt}, ${place.id})`,
          eq(role, 'ASSISTANT'),
        ),
      )
      .orderBy(asc(createdAt), asc(id))
      .limit(first),
  );

/** The newest message's place; undefined where there is none. */
export const newestPlace = async (unit: UnitOfWork, conversationId: string): Promise<Place | undefined> => {
  const [newest] = await unit.run(() =>
    database
      .select({ createdAt, id })
      .from(messages)
      .where(inConversation(unit, conversationId))
      .orderBy(desc(createdAt), desc(id))
      .limit(1),
  );
  return newest;
};
