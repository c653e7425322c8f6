import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { uuidArray } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { Conflict, Forbidden, NotFound } from '../../errors.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive } from '../permissions.ts';
import { memberships } from '../tenancy/tables.ts';
import { roomMessageById } from './room-loaders.ts';
import {
  roomMemberships,
  roomMessages,
  rooms,
  type RoomMembershipRow,
  type RoomMessageRow,
  type RoomRow,
} from './room-tables.ts';

/** A locked room, and the viewer's place in it; null for who sees it by its workspace alone. */
export interface HeldRoom {
  readonly room: RoomRow;
  readonly place: RoomMembershipRow | null;
}

/** The one room with this id. */
export const isRoom = (organizationId: string, id: string) =>
  and(eq(rooms.organizationId, organizationId), eq(rooms.id, id));

/** Somebody's place in a room. */
export const isPlace = (organizationId: string, roomId: string, userId: string) =>
  and(
    eq(roomMemberships.organizationId, organizationId),
    eq(roomMemberships.roomId, roomId),
    eq(roomMemberships.userId, userId),
  );

/**
 * Locks a room until the end of the transaction; all that changes it, its members or its messages begins here. Throws NotFound, also for who
 * has been taken out of it while they waited, and Conflict (the workspace is archived).
 */
export const lockRoom = async (context: Context, id: string): Promise<HeldRoom> => {
  const { unit } = context;
  const viewer = viewerOf(context);
  const { organizationId } = unit;
  const [room] = await database.select().from(rooms).where(isRoom(organizationId, id)).for('no key update');
  if (room === undefined) throw new NotFound('Room', id);
  const [place = null] = await database
    .select()
    .from(roomMemberships)
    .where(isPlace(organizationId, id, viewer.userId));
  if (place === null && room.openToId === null) throw new NotFound('Room', id);
  if (room.openToId !== null) requireActive(viewer, room.openToId);
  return { room, place };
};

/** As `lockRoom`, for what an archived room does not take. Throws NotFound, Conflict. */
export const lockOpenRoom = async (context: Context, id: string): Promise<HeldRoom> => {
  const held = await lockRoom(context, id);
  if (held.room.archivedAt !== null) throw new Conflict('roomId', 'This room is archived: nothing is written in it.');
  return held;
};

/** Throws Conflict for a direct room, which has neither owners nor members who come and go. */
export const requireChannel = ({ room }: HeldRoom, field: string): void => {
  if (room.kind === 'DIRECT')
    throw new Conflict(field, 'This takes a channel: a direct room is always of the same people.');
};

/** Throws Forbidden for who is no owner of the channel. */
export const requireOwner = ({ place }: HeldRoom): void => {
  if (place?.role !== 'OWNER') throw new Forbidden('ROOM_WRITE', 'This needs the role OWNER in the channel.');
};

/** A message with its room, both locked. Throws NotFound, Conflict (the workspace is archived). */
export const lockMessage = async (context: Context, id: string): Promise<HeldRoom & { message: RoomMessageRow }> => {
  const { roomId } = await found('RoomMessage', id, roomMessageById(context.unit));
  const held = await lockRoom(context, roomId);
  const isMessage = and(eq(roomMessages.organizationId, context.unit.organizationId), eq(roomMessages.id, id));
  const [message] = await database.select().from(roomMessages).where(isMessage).for('no key update');
  if (message === undefined) throw new NotFound('RoomMessage', id);
  return { ...held, message };
};

/** As `lockMessage`, for a message that can be changed. Throws NotFound, Conflict (deleted; the room or its workspace is archived). */
export const lockWritableMessage = async (context: Context, id: string): ReturnType<typeof lockMessage> => {
  const held = await lockMessage(context, id);
  if (held.message.deletedAt !== null) throw new Conflict('id', 'This message is deleted.');
  if (held.room.archivedAt !== null) throw new Conflict('id', 'This room is archived: nothing in it changes.');
  return held;
};

/**
 * Holds members of the organization fast until the end of the transaction. It comes before the lock of a room, as it does for whoever removes
 * a member. Throws NotFound for the first who is none.
 */
export const lockMembers = async (unit: UnitOfWork, userIds: readonly string[]): Promise<void> => {
  const held = await database
    .select({ userId: memberships.userId })
    .from(memberships)
    .where(
      and(
        eq(memberships.organizationId, unit.organizationId),
        sql`${memberships.userId} = any(${uuidArray(userIds)}::uuid[])`,
      ),
    )
    .orderBy(memberships.id)
    .for('key share');
  const known = new Set(held.map(({ userId }) => userId));
  const missing = userIds.find((userId) => !known.has(userId));
  if (missing !== undefined) throw new NotFound('User', missing);
};
