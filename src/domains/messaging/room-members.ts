import { and, eq, inArray, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import { uuidArray } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, NotFound } from '../../errors.ts';
import type { AddRoomMembersInput, ChangeRoomRoleInput, MuteRoomInput } from '../../generated/resolvers.ts';
import { viewerOf, type Context } from '../context.ts';
import { memberships, workspaceMemberships, workspaces } from '../tenancy/tables.ts';
import { tellRoom } from './room-events.ts';
import { roomsUnit } from './room-loaders.ts';
import { isPlace, isRoom, lockMembers, lockOpenRoom, lockRoom, requireChannel, requireOwner } from './room-lock.ts';
import type { HeldRoom } from './room-lock.ts';
import { roomMemberships, rooms, type RoomMembershipRow, type RoomRow } from './room-tables.ts';

const maxAdded = 100;
const maxMembers = 1000;

/** Throws NotFound for the first who does not see the workspace. */
export const requireSeers = async (
  unit: UnitOfWork,
  workspaceId: string,
  userIds: readonly string[],
): Promise<void> => {
  const { organizationId } = unit;
  const belongs = sql`exists (select from ${workspaceMemberships}
    where ${workspaceMemberships.organizationId} = ${memberships.organizationId}
      and ${workspaceMemberships.workspaceId} = ${workspaces.id} and ${workspaceMemberships.userId} = ${memberships.userId})`;
  const seers = await database
    .select({ userId: memberships.userId })
    .from(memberships)
    .innerJoin(workspaces, and(eq(workspaces.organizationId, organizationId), eq(workspaces.id, workspaceId)))
    .where(
      and(
        eq(memberships.organizationId, organizationId),
        sql`${memberships.userId} = any(${uuidArray(userIds)}::uuid[])`,
        sql`(${memberships.role} in ('OWNER', 'ADMIN') or (${memberships.role} <> 'GUEST' and ${workspaces.published}) or ${belongs})`,
      ),
    );
  const seeing = new Set(seers.map(({ userId }) => userId));
  const blind = userIds.find((userId) => !seeing.has(userId));
  if (blind !== undefined) throw new NotFound('User', blind);
};

/** Puts people into a room that is locked, as far as they are not in it. Gives those who are new. Throws Conflict (full). */
export const enter = async (
  { unit, services }: Pick<Context, 'unit' | 'services'>,
  { id, openToId }: RoomRow,
  userIds: readonly string[],
): Promise<string[]> => {
  const { organizationId } = unit;
  const joined = await database
    .insert(roomMemberships)
    .values(userIds.map((userId) => ({ organizationId, roomId: id, openToId, userId })))
    .onConflictDoNothing()
    .returning({ userId: roomMemberships.userId });
  const { memberCount } = sole(await database.select().from(rooms).where(isRoom(organizationId, id)));
  if (memberCount > maxMembers)
    throw new Conflict('roomId', `A room has at most ${maxMembers.toLocaleString('en')} members.`);
  const added = joined.map(({ userId }) => userId);
  if (added.length === 0) return added;
  unit.record({ action: 'room.members_added', type: 'Room', id, workspaceId: openToId, data: { userIds: added } });
  tellRoom(unit, services, ...added.map((userId) => ({ kind: 'joined' as const, roomId: id, userId })));
  return added;
};

/** Joins an open channel; who is in it stays. Throws Conflict (archived, full), NotFound. */
export const joinRoom = (context: Context, roomId: string): Promise<RoomRow> => {
  const unit = roomsUnit(context);
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    await lockMembers(unit, [userId]);
    const { room, place } = await lockOpenRoom(context, roomId);
    if (place !== null) return room;
    await enter(context, room, [userId]);
    return sole(await database.select().from(rooms).where(isRoom(organizationId, roomId)));
  });
};

/** Adds members to a channel. Throws BadUserInput, Conflict (a direct room; archived; full), Forbidden, NotFound (room, user). */
export const addRoomMembers = (context: Context, { roomId, userIds }: AddRoomMembersInput): Promise<RoomRow> => {
  const ids = [...new Set(userIds)];
  if (ids.length < 1 || ids.length > maxAdded) throw new BadUserInput('userIds', `This takes 1 to ${maxAdded} people.`);
  const unit = roomsUnit(context);
  return unit.transact(async ({ organizationId }) => {
    const [locked] = await Promise.allSettled([lockMembers(unit, ids)]);
    const held = await lockOpenRoom(context, roomId);
    requireChannel(held, 'roomId');
    requireOwner(held);
    // Only who may add somebody learns who belongs to the organization.
    if (locked.status === 'rejected') throw locked.reason;
    if (held.room.openToId !== null) await requireSeers(unit, held.room.openToId, ids);
    await enter(context, held.room, ids);
    return sole(await database.select().from(rooms).where(isRoom(organizationId, roomId)));
  });
};

/** Leaves a channel. Throws Conflict (a direct room; the last member of a private channel), NotFound. */
export const leaveRoom = (context: Context, roomId: string): Promise<string> => {
  const unit = roomsUnit(context);
  return unit.transact(async () => {
    const held = await lockRoom(context, roomId);
    await takeOut(context, held, viewerOf(context).userId);
    return roomId;
  });
};

/** Takes somebody out of a channel. Throws Conflict (a direct room; the last member of a private channel), Forbidden, NotFound. */
export const removeRoomMember = (
  context: Context,
  { roomId, userId }: { roomId: string; userId: string },
): Promise<RoomRow> => {
  const unit = roomsUnit(context);
  return unit.transact(async ({ organizationId }) => {
    const held = await lockRoom(context, roomId);
    requireChannel(held, 'roomId');
    requireOwner(held);
    await takeOut(context, held, userId);
    return sole(await database.select().from(rooms).where(isRoom(organizationId, roomId)));
  });
};

const takeOut = async (context: Context, held: HeldRoom, userId: string): Promise<void> => {
  const { unit, services } = context;
  const { id, openToId, memberCount } = held.room;
  requireChannel(held, 'roomId');
  const place = isPlace(unit.organizationId, id, userId);
  const [current] = await database.select({ id: roomMemberships.id }).from(roomMemberships).where(place);
  if (current === undefined) throw new NotFound('User', userId);
  if (openToId === null && memberCount === 1)
    throw new Conflict('roomId', 'Nobody would see this channel any more: delete it instead.');
  await database.delete(roomMemberships).where(place);
  unit.record({ action: 'room.member_removed', type: 'Room', id, workspaceId: openToId, data: { userId } });
  tellRoom(unit, services, { kind: 'left', roomId: id, userId });
};

/** Gives a member of a channel another role. Throws Conflict (a direct room; no owner would be left), Forbidden, NotFound. */
export const changeRoomRole = (
  context: Context,
  { roomId, userId, role }: ChangeRoomRoleInput,
): Promise<RoomMembershipRow> => {
  const unit = roomsUnit(context);
  return unit.transact(async ({ organizationId }) => {
    const held = await lockRoom(context, roomId);
    requireChannel(held, 'roomId');
    requireOwner(held);
    const isThePlace = isPlace(organizationId, roomId, userId);
    const [place] = await database.select().from(roomMemberships).where(isThePlace);
    if (place === undefined) throw new NotFound('User', userId);
    if (place.role === role) return place;
    if (role === 'MEMBER' && (await ownersOf(organizationId, roomId)).length === 1)
      throw new Conflict('role', 'A channel keeps at least one OWNER.');
    const changed = sole(await database.update(roomMemberships).set({ role }).where(isThePlace).returning());
    const data = { userId, from: place.role, to: role };
    unit.record({ action: 'room.role_changed', type: 'Room', id: roomId, workspaceId: held.room.openToId, data });
    tellRoom(unit, context.services, { kind: 'updated', roomId });
    return changed;
  });
};

/** Two of them at most, which tells whether there is another. */
const ownersOf = (organizationId: string, roomId: string) =>
  database
    .select({ userId: roomMemberships.userId })
    .from(roomMemberships)
    .where(
      and(
        eq(roomMemberships.organizationId, organizationId),
        eq(roomMemberships.roomId, roomId),
        inArray(roomMemberships.role, ['OWNER']),
      ),
    )
    .limit(2);

/** Silences a room for oneself, or lets it be heard again. Throws Conflict (not in it), NotFound. */
export const muteRoom = (context: Context, { roomId, muted = true }: MuteRoomInput): Promise<RoomRow> => {
  const unit = roomsUnit(context);
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const { room, place } = await lockRoom(context, roomId);
    if (place === null) throw new Conflict('roomId', 'Join this channel first.');
    if (place.muted === muted) return room;
    await database
      .update(roomMemberships)
      .set({ muted })
      .where(isPlace(organizationId, roomId, userId));
    unit.record({ action: 'room.muted', type: 'Room', id: roomId, workspaceId: room.openToId, data: { muted } });
    tellRoom(unit, context.services, { kind: 'muted', roomId, userId });
    return room;
  });
};
