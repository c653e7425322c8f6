import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { BadUserInput } from '../../errors.ts';
import type { ResolversTypes } from '../../generated/resolvers.ts';
import { globalId } from '../../ids.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { memberUserById } from '../tenancy/loaders.ts';
import { renewSubscriber } from '../tenancy/subscribers.ts';
import { roomsTopic, type RoomNotice } from './room-events.ts';
import { roomById, roomMessageById, roomsUnit } from './room-loaders.ts';
import { roomMemberships, type RoomMessageRow, type RoomRow } from './room-tables.ts';

/** How old the knowledge of a subscriber's rights may be at a delivery. Which rooms they are in is read at each. */
const recheckMs = 3000;
const maxNamed = 100;

type Event = Awaited<ResolversTypes['RoomEvent']>;

/**
 * What happens in rooms from now on, as far as the subscriber sees them when it is told: in those named, or in all that they are in, later ones
 * too. Ends when none of those named is seen any more. Between events no connection is held. Throws BadUserInput, NotFound.
 */
export const roomEvents = async (
  context: Context,
  roomIds: readonly string[] | null,
): Promise<AsyncIterableIterator<{ roomEvents: Event }>> => {
  if (roomIds !== null && (roomIds.length < 1 || roomIds.length > maxNamed))
    throw new BadUserInput('roomIds', `This takes 1 to ${maxNamed} rooms; leave it out for all.`);
  const { userId, organizationId } = viewerOf(context);
  // Before the rooms are looked up, so that nothing that happens meanwhile is missed.
  const source = context.services.bus.subscribe(roomsTopic(organizationId));
  const finish = async (): Promise<IteratorReturnResult<undefined>> => {
    await source.return?.();
    await context.unit.rest();
    return { done: true, value: undefined };
  };
  const followed = await roomsToFollow(context, roomIds).catch(async (error: unknown) => {
    await finish();
    throw error;
  });
  let checkedAt = Date.now();
  const stillThere = async (): Promise<boolean> => {
    if (Date.now() - checkedAt < recheckMs) return true;
    checkedAt = Date.now();
    return renewSubscriber(context, 'ROOM_READ');
  };
  /** Whether it concerns this subscriber, as far as can be told without reading. */
  const concerns = (notice: RoomNotice): boolean => {
    const isOwn = 'userId' in notice && notice.userId === userId;
    if (notice.kind === 'read' || notice.kind === 'muted') return isOwn && followed.has(notice.roomId);
    if (notice.kind === 'typing') return !isOwn && followed.has(notice.roomId);
    const entersNew = notice.kind === 'joined' && isOwn && roomIds === null;
    return entersNew || followed.has(notice.roomId);
  };
  /** The event, or undefined for what the subscriber does not see; keeps the rooms to follow up to date. */
  const told = async (notice: RoomNotice): Promise<Event | undefined> => {
    const { roomId } = notice;
    // A fresh unit, whose loaders know nothing from before.
    context.unit = context.unit.as(context.unit.scope);
    const room = await roomById(roomsUnit(context)).load(roomId);
    const isOwnLeave = notice.kind === 'left' && notice.userId === userId;
    if (room === null ? roomIds !== null || notice.kind === 'removed' || isOwnLeave : isOwnLeave && roomIds === null)
      followed.delete(roomId);
    else followed.add(roomId);
    if (notice.kind === 'removed') return { __typename: 'RoomDeleted', roomId: globalId('Room', roomId) };
    if (notice.kind === 'left' && (isOwnLeave || room !== null)) return leftBy(roomId, notice.userId);
    return room === null ? undefined : eventOf(context, room, notice);
  };
  const events: AsyncIterableIterator<{ roomEvents: Event }> = {
    [Symbol.asyncIterator]: () => events,
    next: async () => {
      for (;;) {
        // The event before has been delivered: what its fields have read is given back.
        await context.unit.rest();
        if (roomIds !== null && followed.size === 0) return finish();
        const notice = await source.next();
        if (notice.done === true) return finish();
        // The cast is safe: only this domain publishes on the topic.
        const what = notice.value as RoomNotice;
        if (!concerns(what)) continue;
        if (!(await stillThere())) return finish();
        const event = await told(what);
        if (event !== undefined) return { done: false, value: { roomEvents: event } };
      }
    },
    return: finish,
  };
  return events;
};

/** Ids of the rooms named, each of which the viewer sees, or of those they are in. Throws NotFound. */
const roomsToFollow = async (context: Context, roomIds: readonly string[] | null): Promise<Set<string>> => {
  const unit = roomsUnit(context);
  try {
    if (roomIds !== null) {
      await Promise.all(roomIds.map((id) => found('Room', id, roomById(unit))));
      return new Set(roomIds);
    }
    const { userId } = viewerOf(context);
    const isOwn = and(eq(roomMemberships.organizationId, unit.organizationId), eq(roomMemberships.userId, userId));
    const rows = await unit.run(() =>
      database.select({ roomId: roomMemberships.roomId }).from(roomMemberships).where(isOwn),
    );
    return new Set(rows.map(({ roomId }) => roomId));
  } finally {
    await unit.rest();
  }
};

const leftBy = (roomId: string, userId: string): Event => ({
  __typename: 'RoomMemberLeft',
  roomId: globalId('Room', roomId),
  userId: globalId('User', userId),
});

const ofMessage = {
  sent: 'RoomMessageSent',
  edited: 'RoomMessageEdited',
  deleted: 'RoomMessageDeleted',
  reacted: 'RoomReactionsChanged',
} as const;

/** The event of a room that the subscriber sees; undefined where its message is gone. */
const eventOf = async (context: Context, room: RoomRow, notice: RoomNotice): Promise<Event | undefined> => {
  const { unit } = context;
  if ('messageId' in notice) {
    const message: RoomMessageRow | null = await roomMessageById(unit).load(notice.messageId);
    return message === null ? undefined : { __typename: ofMessage[notice.kind], message };
  }
  if (notice.kind === 'read') return { __typename: 'RoomRead', room };
  if (notice.kind === 'joined' || notice.kind === 'typing') {
    const user = await memberUserById(unit).load(notice.userId);
    return { __typename: notice.kind === 'joined' ? 'RoomMemberJoined' : 'RoomTyping', room, user };
  }
  return { __typename: 'RoomUpdated', room };
};
