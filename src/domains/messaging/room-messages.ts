import { and, eq, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { sole } from '../../database/rows.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { BadUserInput, Forbidden, NotFound } from '../../errors.ts';
import type { EditRoomMessageInput, SendRoomMessageInput } from '../../generated/resolvers.ts';
import { lockedFile, renewFileReaders } from '../content/file-readers.ts';
import { viewerOf, type Context } from '../context.ts';
import { tellRoom } from './room-events.ts';
import { roomsUnit } from './room-loaders.ts';
import { isPlace, isRoom, lockMembers, lockMessage, lockOpenRoom, lockWritableMessage } from './room-lock.ts';
import { enter } from './room-members.ts';
import { mentionedBy, writeMentions } from './room-mentions.ts';
import { writeTerms } from './room-search.ts';
import {
  roomAttachments,
  roomMemberships,
  roomMentions,
  roomMessages,
  roomMessageTerms,
  roomReactions,
  rooms,
  type RoomMessageRow,
  type RoomRow,
} from './room-tables.ts';

const maxContent = 8000;
const maxAttachments = 10;
/** Of one file that is sent, whatever the bound on uploads. */
export const maxAttachmentBytes = 25 * 1024 * 1024;

/** The text of a message as it is kept. Throws BadUserInput: too long, or empty with nothing beside it. */
const contentOf = (given: string, mayBeEmpty: boolean): string => {
  const content = given.trim();
  if (content.length > maxContent || content.includes('\0') || (content === '' && !mayBeEmpty))
    throw new BadUserInput(
      'content',
      `A message has 1 to ${maxContent.toLocaleString('en')} characters, or attachments.`,
    );
  return content;
};

/**
 * Writes in a room; who sees an open channel and is not in it joins it. Throws BadUserInput, Conflict (archived; bytes of a file that have not
 * arrived), NotFound (room, replied message, file).
 */
export const sendRoomMessage = (context: Context, input: SendRoomMessageInput): Promise<RoomMessageRow> => {
  const { roomId, replyToId } = input;
  const fileIds = [...new Set(input.attachmentIds)];
  if (fileIds.length > maxAttachments)
    throw new BadUserInput('attachmentIds', `A message has at most ${maxAttachments} attachments.`);
  const content = contentOf(input.content ?? '', fileIds.length > 0);
  const unit = roomsUnit(context);
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const { room, place } = await lockOpenRoom(context, roomId);
    await lockAttachments(unit, fileIds);
    if (replyToId) await requireMessage(room, replyToId);
    const mentioned = await mentionedBy(room, userId, content, input.mentionedUserIds ?? []);
    if (place === null) {
      await lockMembers(unit, [userId]);
      await enter(context, room, [userId]);
    }
    const { createdAt } = await nextPlace(room);
    const { openToId } = room;
    const row = {
      organizationId,
      roomId,
      openToId,
      senderId: userId,
      replyToId: replyToId ?? null,
      content,
      createdAt,
    };
    const message = sole(await database.insert(roomMessages).values(row).returning());
    if (fileIds.length > 0) await attach(unit, message, fileIds);
    await writeMentions(message, mentioned);
    await writeTerms(unit, room, message);
    await database
      .update(roomMemberships)
      .set({ lastReadMessageId: message.id, lastReadAt: createdAt })
      .where(isPlace(organizationId, roomId, userId));
    record(context, message, 'sent', { attachments: fileIds.length, mentions: mentioned.length });
    tellRoom(unit, context.services, { kind: 'sent', roomId, messageId: message.id });
    return message;
  });
};

/**
 * When the next message of a locked room is written: later than every other one, because messages stand in the order of their times and two can
 * come within the millisecond that times are kept to; not `now()`, because the transaction may have waited for the lock.
 */
const nextPlace = async ({ organizationId, id }: RoomRow): Promise<{ createdAt: string }> =>
  sole(
    await database
      .update(rooms)
      .set({
        lastMessageAt: sql`greatest(date_trunc('milliseconds', clock_timestamp()), ${rooms.lastMessageAt} + interval '1 millisecond')`,
      })
      .where(isRoom(organizationId, id))
      .returning({ createdAt: rooms.lastMessageAt }),
  );

/** Throws NotFound, Conflict (the bytes have not arrived), BadUserInput (too large). */
const lockAttachments = async (unit: UnitOfWork, fileIds: readonly string[]): Promise<void> => {
  // In one order, so that two who send the same files do not wait for each other.
  for (const fileId of [...fileIds].sort()) {
    const { size } = await lockedFile(unit, fileId);
    if (size > maxAttachmentBytes)
      throw new BadUserInput(
        `attachmentIds.${fileIds.indexOf(fileId)}`,
        `An attachment has at most ${maxAttachmentBytes / 1024 / 1024} MiB.`,
      );
  }
};

const attach = async (unit: UnitOfWork, message: RoomMessageRow, fileIds: readonly string[]): Promise<void> => {
  const { organizationId, id: messageId, roomId, openToId } = message;
  const rows = fileIds.map((fileId, position) => ({ organizationId, roomId, openToId, messageId, fileId, position }));
  await database.insert(roomAttachments).values(rows);
  await renewFileReaders(unit, fileIds);
};

const requireMessage = async ({ organizationId, id: roomId }: RoomRow, id: string): Promise<void> => {
  const isMessage = and(
    eq(roomMessages.organizationId, organizationId),
    eq(roomMessages.roomId, roomId),
    eq(roomMessages.id, id),
  );
  const [message] = await database.select({ id: roomMessages.id }).from(roomMessages).where(isMessage);
  if (message === undefined) throw new NotFound('RoomMessage', id);
};

/** Changes one's own message. Throws BadUserInput, Conflict (deleted, archived), Forbidden, NotFound. */
export const editRoomMessage = (
  context: Context,
  { id, content: given, mentionedUserIds }: EditRoomMessageInput,
): Promise<RoomMessageRow> => {
  const unit = roomsUnit(context);
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const { room, message } = await lockWritableMessage(context, id);
    if (message.senderId !== userId) throw new Forbidden('ROOM_WRITE', 'Only who wrote a message can change it.');
    const files = await database
      .select({ id: roomAttachments.id })
      .from(roomAttachments)
      .where(and(eq(roomAttachments.organizationId, organizationId), eq(roomAttachments.messageId, id)))
      .limit(1);
    const content = contentOf(given, files.length > 0);
    const mentioned = await mentionedBy(room, userId, content, mentionedUserIds ?? []);
    const edited = await changed(message, { content, editedAt: sql`clock_timestamp()` });
    await writeMentions(edited, mentioned);
    await writeTerms(unit, room, edited);
    record(context, edited, 'edited', { mentions: mentioned.length });
    tellRoom(unit, context.services, { kind: 'edited', roomId: room.id, messageId: id });
    return edited;
  });
};

/** Empties a message, whose place stays. Throws Conflict (the workspace is archived), Forbidden, NotFound. */
export const deleteRoomMessage = (context: Context, id: string): Promise<RoomMessageRow> => {
  const unit = roomsUnit(context);
  const { userId } = viewerOf(context);
  return unit.transact(async ({ organizationId }) => {
    const { place, message } = await lockMessage(context, id);
    if (message.senderId !== userId && place?.role !== 'OWNER')
      throw new Forbidden('ROOM_WRITE', 'Only who wrote a message, and OWNERs of the channel, can delete it.');
    if (message.deletedAt !== null) return message;
    const deleted = await changed(message, { content: '', deletedAt: sql`clock_timestamp()` });
    const sent = await database
      .delete(roomAttachments)
      .where(and(eq(roomAttachments.organizationId, organizationId), eq(roomAttachments.messageId, id)))
      .returning({ fileId: roomAttachments.fileId });
    for (const table of [roomReactions, roomMentions, roomMessageTerms])
      await database.delete(table).where(and(eq(table.organizationId, organizationId), eq(table.messageId, id)));
    await renewFileReaders(
      unit,
      sent.map(({ fileId }) => fileId),
    );
    record(context, deleted, 'deleted', { own: message.senderId === userId });
    tellRoom(unit, context.services, { kind: 'deleted', roomId: message.roomId, messageId: id });
    return deleted;
  });
};

type Changes = Parameters<ReturnType<typeof database.update<typeof roomMessages>>['set']>[0];

const changed = async ({ organizationId, id }: RoomMessageRow, fields: Changes): Promise<RoomMessageRow> =>
  sole(
    await database
      .update(roomMessages)
      .set(fields)
      .where(and(eq(roomMessages.organizationId, organizationId), eq(roomMessages.id, id)))
      .returning(),
  );

/** Nothing of the content: the log is read by who may not see the room. */
const record = ({ unit }: Context, message: RoomMessageRow, what: string, data: Record<string, unknown>): void => {
  const { id, roomId, openToId } = message;
  unit.record({
    action: `room_message.${what}`,
    type: 'RoomMessage',
    id,
    workspaceId: openToId,
    data: { roomId, ...data },
  });
};
