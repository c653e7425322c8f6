import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import { BadUserInput } from '../../errors.ts';
import { users } from '../identity/tables.ts';
import { memberships, workspaceMemberships } from '../tenancy/tables.ts';
import { roomMemberships, roomMentions, type RoomMessageRow, type RoomRow } from './room-tables.ts';

const maxNamed = 100;
/** In a larger room nobody calls all at once. */
const maxCalled = 500;
const everybodyNames = ['all', 'here'];

/** Who a text names: usernames in lower case behind an `@`, and whether it calls everybody in the room. */
export interface Named {
  readonly usernames: readonly string[];
  readonly everybody: boolean;
}

/** Reads `@username`, `@all` and `@here` from a text, at most 100 names. An address of e-mail names nobody. */
export const namedIn = (text: string): Named => {
  const found = [...text.matchAll(/(?<![\p{L}\p{N}._@-])@([a-z][a-z0-9._@-]{1,63})/giu)].map(([, name = '']) =>
    name.toLowerCase(),
  );
  // What ends a sentence may also end a name: both readings are looked up.
  const names = new Set(found.flatMap((name) => [name, name.replace(/[._@-]+$/, '')]));
  return {
    everybody: everybodyNames.some((name) => names.has(name)),
    usernames: [...names].filter((name) => !everybodyNames.includes(name)).slice(0, maxNamed),
  };
};

/**
 * Who a message mentions, by its text and by ids: members of the room, and for an open channel those who belong to its workspace; never its
 * sender. Throws BadUserInput (an id of nobody among these; too many).
 */
export const mentionedBy = async (
  { organizationId, id, openToId }: RoomRow,
  senderId: string,
  content: string,
  userIds: readonly string[],
): Promise<string[]> => {
  const wanted = [...new Set(userIds)].filter((userId) => userId !== senderId);
  if (wanted.length > maxNamed)
    throw new BadUserInput('mentionedUserIds', `A message mentions at most ${maxNamed} people by their ids.`);
  const { usernames, everybody } = namedIn(content);
  if (wanted.length === 0 && usernames.length === 0 && !everybody) return [];
  const isIn = sql`exists (select from ${roomMemberships} where ${roomMemberships.organizationId} = ${memberships.organizationId}
    and ${roomMemberships.roomId} = ${id} and ${roomMemberships.userId} = ${memberships.userId})`;
  const belongs = sql`exists (select from ${workspaceMemberships} where ${workspaceMemberships.organizationId} = ${memberships.organizationId}
    and ${workspaceMemberships.workspaceId} = ${openToId}::uuid and ${workspaceMemberships.userId} = ${memberships.userId})`;
  const byName = sql`${users.username} in (select jsonb_array_elements_text(${JSON.stringify(usernames)}::text::jsonb))`;
  const byId = sql`${memberships.userId} = any(${uuidArray(wanted)}::uuid[])`;
  const called = everybody ? sql` or ${isIn}` : sql``;
  const found = await database
    .select({ userId: memberships.userId })
    .from(memberships)
    .innerJoin(users, eq(users.id, memberships.userId))
    .where(
      and(
        eq(memberships.organizationId, organizationId),
        sql`${memberships.userId} <> ${senderId}`,
        sql`(${isIn} or ${belongs})`,
        sql`(${byName} or ${byId}${called})`,
      ),
    )
    .limit(maxCalled + 1);
  const mentioned = found.map(({ userId }) => userId);
  if (mentioned.length > maxCalled)
    throw new BadUserInput(
      'content',
      `A message mentions at most ${maxCalled} people: this room is too large for @all.`,
    );
  if (wanted.some((userId) => !mentioned.includes(userId)))
    throw new BadUserInput('mentionedUserIds', 'Only who sees the room is mentioned in it.');
  return mentioned;
};

/** Writes down whom a message mentions, in place of what was there. */
export const writeMentions = async (message: RoomMessageRow, userIds: readonly string[]): Promise<void> => {
  const { organizationId, id, roomId, openToId, createdAt } = message;
  await database
    .delete(roomMentions)
    .where(and(eq(roomMentions.organizationId, organizationId), eq(roomMentions.messageId, id)));
  if (userIds.length === 0) return;
  // As new as the message, so that what is read of it is read.
  await database
    .insert(roomMentions)
    .values(userIds.map((userId) => ({ organizationId, roomId, openToId, messageId: id, userId, createdAt })));
};
