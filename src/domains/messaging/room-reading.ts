import { and, countDistinct, eq, isNull, lt, ne, or } from 'drizzle-orm';
import { LRUCache } from 'lru-cache';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { MarkRoomReadInput } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { isOneEmoji } from './emoji.ts';
import { roomsTopic, tellRoom, type RoomNotice } from './room-events.ts';
import { ownMembershipByRoom, roomById, roomMessageById, roomsUnit } from './room-loaders.ts';
import { isPlace, lockWritableMessage } from './room-lock.ts';
import { roomMemberships, roomReactions, type RoomMessageRow, type RoomRow } from './room-tables.ts';

const maxEmojis = 50;
/** Within this time one person's typing in one room is passed on once. */
const typingMs = 2000;
const typing = new LRUCache<string, true>({ max: 50_000, ttl: typingMs });

interface Reaction {
  readonly messageId: string;
  readonly emoji: string;
}

/** Puts an emoji under a message; once is enough. Throws BadUserInput, Conflict (deleted, archived, too many different ones), NotFound. */
export const addReaction = (context: Context, { messageId, emoji }: Reaction): Promise<RoomMessageRow> => {
  if (!isOneEmoji(emoji)) throw new BadUserInput('emoji', 'This takes one emoji.');
  const unit = roomsUnit(context);
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const { message } = await lockWritableMessage(context, messageId);
    const ofMessage = and(eq(roomReactions.organizationId, organizationId), eq(roomReactions.messageId, messageId));
    const { others } = sole(
      await database
        .select({ others: countDistinct(roomReactions.emoji) })
        .from(roomReactions)
        .where(and(ofMessage, ne(roomReactions.emoji, emoji))),
    );
    if (others >= maxEmojis) throw new Conflict('emoji', `A message has at most ${maxEmojis} different emojis.`);
    const { roomId, openToId } = message;
    const added = await database
      .insert(roomReactions)
      .values({ organizationId, roomId, openToId, messageId, userId, emoji })
      .onConflictDoNothing()
      .returning({ id: roomReactions.id });
    if (added.length > 0) reacted(context, message, 'reaction_added');
    return message;
  });
};

/** Takes one's own emoji away; without one nothing changes. Throws Conflict (deleted, archived), NotFound. */
export const removeReaction = (context: Context, { messageId, emoji }: Reaction): Promise<RoomMessageRow> => {
  const unit = roomsUnit(context);
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const { message } = await lockWritableMessage(context, messageId);
    const removed = await database
      .delete(roomReactions)
      .where(
        and(
          eq(roomReactions.organizationId, organizationId),
          eq(roomReactions.messageId, messageId),
          eq(roomReactions.emoji, emoji),
          eq(roomReactions.userId, userId),
        ),
      )
      .returning({ id: roomReactions.id });
    if (removed.length > 0) reacted(context, message, 'reaction_removed');
    return message;
  });
};

const reacted = ({ unit, services }: Context, { id, roomId, openToId }: RoomMessageRow, what: string): void => {
  unit.record({ action: `room_message.${what}`, type: 'RoomMessage', id, workspaceId: openToId, data: { roomId } });
  tellRoom(unit, services, { kind: 'reacted', roomId, messageId: id });
};

/**
 * Notes how far the viewer has read, never back; it stands in no log, being written with every look. Throws Conflict (not in the room),
 * NotFound (room; message of this room).
 */
export const markRoomRead = (context: Context, { roomId, messageId }: MarkRoomReadInput): Promise<RoomRow> => {
  const unit = roomsUnit(context);
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const room = await found('Room', roomId, roomById(unit));
    const message = await found('RoomMessage', messageId, roomMessageById(unit));
    if (message.roomId !== roomId) throw new NotFound('RoomMessage', messageId);
    if ((await ownMembershipByRoom(unit).load(roomId)) === null)
      throw new Conflict('roomId', 'Join this channel first.');
    const { createdAt } = message;
    const marked = await database
      .update(roomMemberships)
      .set({ lastReadMessageId: messageId, lastReadAt: createdAt })
      .where(
        and(
          isPlace(organizationId, roomId, userId),
          or(isNull(roomMemberships.lastReadAt), lt(roomMemberships.lastReadAt, createdAt)),
        ),
      )
      .returning({ id: roomMemberships.id });
    if (marked.length > 0) tellRoom(unit, context.services, { kind: 'read', roomId, userId });
    return room;
  });
};

/** Tells who follows a room that the viewer is writing there; gives its global id. Throws NotFound. */
export const setTyping = async (context: Context, roomId: string): Promise<string> => {
  const unit = roomsUnit(context);
  const { userId, organizationId } = viewerOf(context);
  await found('Room', roomId, roomById(unit));
  const key = `${userId} ${roomId}`;
  if (!typing.has(key)) {
    typing.set(key, true);
    const notice: RoomNotice = { kind: 'typing', roomId, userId };
    context.services.bus.publish(roomsTopic(organizationId), notice);
  }
  return globalId('Room', roomId);
};
