import { and, eq } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { violates } from '../../database/failures.ts';
import { sole } from '../../database/rows.ts';
import { wholeOf } from '../../database/unit-of-work.ts';
import { BadUserInput, Conflict, type InputIssue } from '../../errors.ts';
import type { CreateRoomInput, UpdateRoomInput } from '../../generated/resolvers.ts';
import { issuesOf } from '../content/validation.ts';
import { renewFileReaders } from '../content/file-readers.ts';
import { viewerOf, type Context } from '../context.ts';
import { found } from '../nodes.ts';
import { requireActive, requirePermission } from '../permissions.ts';
import { workspaceById } from '../tenancy/loaders.ts';
import { tellRoom } from './room-events.ts';
import { roomsUnit } from './room-loaders.ts';
import { isRoom, lockMembers, lockRoom, requireChannel, requireOwner } from './room-lock.ts';
import { requireSeers } from './room-members.ts';
import { roomAttachments, roomMemberships, rooms, type RoomRow } from './room-tables.ts';

const maxName = 80;
const maxTopic = 500;
const maxFirstMembers = 100;
const maxOthers = 8;

/**
 * Makes a channel, or gives the direct room of the same people, making it when there is none. Throws BadUserInput, Conflict (the name is taken;
 * archived), NotFound (workspace; no member of the organization).
 */
export const createRoom = (context: Context, input: CreateRoomInput): Promise<RoomRow> => {
  const { userId } = viewerOf(context);
  const others = [...new Set(input.memberIds)].filter((id) => id !== userId).sort();
  const issues = input.kind === 'DIRECT' ? directIssues(input, others) : channelIssues(input, others);
  if (issues.length > 0) throw new BadUserInput(issues);
  return input.kind === 'DIRECT' ? directRoom(context, input, others) : channel(context, input, others);
};

const topicIssues = (topic: string | null | undefined): InputIssue[] =>
  (topic ?? '') === '' ? [] : issuesOf('topic', topic ?? undefined, maxTopic);

const channelIssues = ({ name, topic }: CreateRoomInput, others: readonly string[]): InputIssue[] => [
  ...issuesOf('name', name ?? '', maxName),
  ...topicIssues(topic),
  ...(others.length > maxFirstMembers
    ? [{ field: 'memberIds', message: `A channel begins with at most ${maxFirstMembers} others; add more later.` }]
    : []),
];

const directIssues = ({ name, topic, workspaceId }: CreateRoomInput, others: readonly string[]): InputIssue[] => [
  ...(typeof name === 'string' ? [{ field: 'name', message: 'A direct room is named for its members.' }] : []),
  ...(typeof workspaceId === 'string'
    ? [{ field: 'workspaceId', message: 'A direct room is open to its members alone.' }]
    : []),
  ...(others.length < 1 || others.length > maxOthers
    ? [{ field: 'memberIds', message: `A direct room is with 1 to ${maxOthers} others.` }]
    : []),
  ...topicIssues(topic),
];

const channel = (context: Context, input: CreateRoomInput, others: readonly string[]): Promise<RoomRow> => {
  const unit = roomsUnit(context);
  const viewer = viewerOf(context);
  const { userId } = viewer;
  const openToId = input.workspaceId ?? null;
  return unit.transact(async ({ organizationId }) => {
    if (openToId !== null) {
      await found('Workspace', openToId, workspaceById(unit));
      requirePermission(viewer, 'WORKSPACE_READ', openToId);
      requireActive(viewer, openToId);
    }
    const everybody = [userId, ...others];
    await lockMembers(unit, everybody);
    if (openToId !== null) await requireSeers(unit, openToId, everybody);
    const row = { organizationId, kind: 'CHANNEL' as const, openToId, createdById: userId };
    const written = { name: (input.name ?? '').trim(), topic: (input.topic ?? '').trim() };
    const { id } = sole(
      await database
        .insert(rooms)
        .values({ ...row, ...written })
        .returning()
        .catch(nameTaken),
    );
    await database.insert(roomMemberships).values(
      everybody.map((each) => ({
        organizationId,
        roomId: id,
        openToId,
        userId: each,
        role: each === userId ? ('OWNER' as const) : ('MEMBER' as const),
      })),
    );
    unit.record({ action: 'room.created', type: 'Room', id, workspaceId: openToId, data: { kind: 'CHANNEL' } });
    tellRoom(
      unit,
      context.services,
      ...everybody.map((each) => ({ kind: 'joined' as const, roomId: id, userId: each })),
    );
    // The number of its members is counted by the database.
    return sole(await database.select().from(rooms).where(isRoom(organizationId, id)));
  });
};

const directRoom = (context: Context, { topic }: CreateRoomInput, others: readonly string[]): Promise<RoomRow> => {
  const unit = roomsUnit(context);
  const { userId } = viewerOf(context);
  const everybody = [userId, ...others].sort();
  const directKey = everybody.join();
  return unit.transact(async ({ organizationId }) => {
    await lockMembers(unit, everybody);
    const row = { organizationId, kind: 'DIRECT' as const, directKey, createdById: userId };
    const made = await database
      .insert(rooms)
      .values({ ...row, topic: (topic ?? '').trim() })
      .onConflictDoNothing({ target: [rooms.organizationId, rooms.directKey] })
      .returning({ id: rooms.id });
    // Another may have made it at the same time, and whoever left the organization and came back is not in it any more.
    const { room, joined } = await unit.nested(wholeOf(organizationId), async () => {
      const isDirect = and(eq(rooms.organizationId, organizationId), eq(rooms.directKey, directKey));
      const { id } = sole(await database.select({ id: rooms.id }).from(rooms).where(isDirect).for('no key update'));
      const places = everybody.map((each) => ({ organizationId, roomId: id, userId: each }));
      const joined = await database
        .insert(roomMemberships)
        .values(places)
        .onConflictDoNothing()
        .returning({ userId: roomMemberships.userId });
      return { room: sole(await database.select().from(rooms).where(isDirect)), joined };
    });
    const { id } = room;
    if (made.length > 0) unit.record({ action: 'room.created', type: 'Room', id, data: { kind: 'DIRECT' } });
    else if (joined.length > 0)
      unit.record({
        action: 'room.members_added',
        type: 'Room',
        id,
        data: { userIds: joined.map((each) => each.userId) },
      });
    tellRoom(
      unit,
      context.services,
      ...joined.map((each) => ({ kind: 'joined' as const, roomId: id, userId: each.userId })),
    );
    return room;
  });
};

const nameTaken = (error: unknown): never => {
  if (violates(error, 'rooms_name_key')) throw new Conflict('name', 'A channel of this workspace has this name.');
  throw error;
};

/** Changes name or topic. Throws BadUserInput, Conflict (the name is taken; archived), Forbidden, NotFound. */
export const updateRoom = (context: Context, { id, name, topic }: UpdateRoomInput): Promise<RoomRow> => {
  const issues = [...(name === undefined ? [] : issuesOf('name', name ?? '', maxName)), ...topicIssues(topic)];
  if (issues.length > 0) throw new BadUserInput(issues);
  const fields = {
    ...(typeof name === 'string' && { name: name.trim() }),
    ...(topic !== undefined && { topic: (topic ?? '').trim() }),
  };
  return changeRoom(context, id, (held) => {
    if (held.room.kind === 'CHANNEL') requireOwner(held);
    else if (name !== undefined) throw new BadUserInput('name', 'A direct room is named for its members.');
    if (held.room.archivedAt !== null) throw new Conflict('id', 'This room is archived: nothing in it changes.');
    return { fields, action: 'room.updated' };
  });
};

/** Closes a channel for writing, or opens it again. Throws Conflict (a direct room; the workspace is archived), Forbidden, NotFound. */
export const archiveRoom = (context: Context, id: string, closes: boolean): Promise<RoomRow> =>
  changeRoom(context, id, (held) => {
    requireChannel(held, 'id');
    requireOwner(held);
    const stays = (held.room.archivedAt !== null) === closes;
    return {
      fields: stays ? {} : { archivedAt: closes ? new Date().toISOString() : null },
      action: closes ? 'room.archived' : 'room.unarchived',
    };
  });

type Held = Awaited<ReturnType<typeof lockRoom>>;
type Fields = Partial<Pick<RoomRow, 'name' | 'topic' | 'archivedAt'>>;

const changeRoom = (
  context: Context,
  id: string,
  decide: (held: Held) => { readonly fields: Fields; readonly action: string },
): Promise<RoomRow> => {
  const unit = roomsUnit(context);
  return unit.transact(async ({ organizationId }) => {
    const held = await lockRoom(context, id);
    const { fields, action } = decide(held);
    if (Object.keys(fields).length === 0) return held.room;
    const changed = database.update(rooms).set(fields).where(isRoom(organizationId, id)).returning().catch(nameTaken);
    const room = sole(await changed);
    const data = { fields: Object.keys(fields) };
    unit.record({ action, type: 'Room', id, workspaceId: room.openToId, data });
    tellRoom(unit, context.services, { kind: 'updated', roomId: id });
    return room;
  });
};

/** Deletes a channel with all that was written in it. Throws Conflict (a direct room; the workspace is archived), Forbidden, NotFound. */
export const deleteRoom = (context: Context, id: string): Promise<string> => {
  const unit = roomsUnit(context);
  return unit.transact(async ({ organizationId }) => {
    const held = await lockRoom(context, id);
    requireChannel(held, 'id');
    requireOwner(held);
    const ofRoom = and(eq(roomAttachments.organizationId, organizationId), eq(roomAttachments.roomId, id));
    const sent = await database.selectDistinct({ fileId: roomAttachments.fileId }).from(roomAttachments).where(ofRoom);
    await database.delete(rooms).where(isRoom(organizationId, id));
    await renewFileReaders(
      unit,
      sent.map(({ fileId }) => fileId),
    );
    unit.record({ action: 'room.deleted', type: 'Room', id, workspaceId: held.room.openToId });
    tellRoom(unit, context.services, { kind: 'removed', roomId: id });
    return id;
  });
};
