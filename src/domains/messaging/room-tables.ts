import { sql } from 'drizzle-orm';
import {
  boolean,
  check,
  foreignKey,
  index,
  integer,
  pgPolicy,
  text,
  unique,
  uniqueIndex,
  uuid,
  type AnyPgColumn,
} from 'drizzle-orm/pg-core';
import { moment, oneOf, sameTenant, tenantTable, word } from '../../database/tenant-table.ts';
import { files } from '../content/tables.ts';
import { memberships, organizations, workspaces } from '../tenancy/tables.ts';

export const roomKinds = ['CHANNEL', 'DIRECT'] as const;
export const roomRoles = ['OWNER', 'MEMBER'] as const;

/** Where colleagues write to each other: a channel with a name, or a direct room of a few. */
export const rooms = tenantTable(
  'rooms',
  'room',
  {
    kind: word(roomKinds).notNull(),
    /** The workspace that an open channel belongs to: whoever sees it reads, joins and writes. Null: its members alone. It never changes. */
    openToId: uuid(),
    /** Null for a direct room, which is named for its members. */
    name: text(),
    topic: text().notNull().default(''),
    /** The members of a direct room, so that there is one room for the same people; null for a channel. */
    directKey: text(),
    createdById: uuid(),
    archivedAt: moment(),
    lastMessageAt: moment().notNull().defaultNow(),
    memberCount: integer().notNull().default(0),
  },
  (room) => [
    oneOf('rooms', room.kind, roomKinds),
    check(
      'rooms_shape_check',
      sql`(${room.kind} = 'CHANNEL') = (${room.name} is not null) and (${room.kind} = 'DIRECT') = (${room.directKey} is not null) and (${room.kind} = 'CHANNEL' or ${room.openToId} is null)`,
    ),
    unique('rooms_direct_key_key').on(room.organizationId, room.directKey),
    // Only those who see it know that the name is taken: of private channels there may be two of a name.
    uniqueIndex('rooms_name_key')
      .on(room.organizationId, room.openToId, sql`lower(${room.name})`)
      .where(sql`${room.openToId} is not null`),
    foreignKey({
      name: 'rooms_organization_id_fkey',
      columns: [room.organizationId],
      foreignColumns: [organizations.id],
    }).onDelete('cascade'),
    foreignKey({
      name: 'rooms_open_to_id_fkey',
      columns: [room.organizationId, room.openToId],
      foreignColumns: [workspaces.organizationId, workspaces.id],
    }).onDelete('cascade'),
    index('rooms_open_to_id_index').on(room.organizationId, room.openToId, room.lastMessageAt, room.id),
    index('rooms_last_message_at_index').on(room.organizationId, room.lastMessageAt, room.id),
    index('rooms_created_at_index').on(room.organizationId, room.createdAt, room.id),
    index('rooms_name_index').on(room.organizationId, room.name, room.id),
  ],
);
export type RoomRow = typeof rooms.$inferSelect;

const toRoom = (table: string, part: { organizationId: AnyPgColumn; roomId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_room_id_fkey`,
    columns: [part.organizationId, part.roomId],
    foreignColumns: [rooms.organizationId, rooms.id],
  }).onDelete('cascade');

/** A member's place in a room, and how far they have read. */
export const roomMemberships = tenantTable(
  'room_memberships',
  'room',
  {
    roomId: uuid().notNull(),
    /** As the room's, of which it never changes; so is that of the other parts. */
    openToId: uuid(),
    userId: uuid().notNull(),
    role: word(roomRoles).notNull().default('MEMBER'),
    /** The newest message that was read, and when it was written; null before the first. */
    lastReadMessageId: uuid(),
    lastReadAt: moment(),
    muted: boolean().notNull().default(false),
  },
  (membership) => [
    oneOf('room_memberships', membership.role, roomRoles),
    unique('room_memberships_user_id_key').on(membership.organizationId, membership.userId, membership.roomId),
    toRoom('room_memberships', membership),
    // Who leaves the organization leaves its rooms.
    foreignKey({
      name: 'room_memberships_user_id_fkey',
      columns: [membership.organizationId, membership.userId],
      foreignColumns: [memberships.organizationId, memberships.userId],
    }).onDelete('cascade'),
    index('room_memberships_created_at_index').on(
      membership.organizationId,
      membership.roomId,
      membership.createdAt,
      membership.id,
    ),
    // What tells which rooms are the viewer's is seen before they are entered.
    pgPolicy('room_memberships_own', {
      for: 'select',
      using: sql`${sameTenant} and user_id = nullif(current_setting('app.user_id', true), '')::uuid`,
    }),
  ],
);
export type RoomMembershipRow = typeof roomMemberships.$inferSelect;

/** What somebody wrote in a room. */
export const roomMessages = tenantTable(
  'room_messages',
  'room',
  {
    roomId: uuid().notNull(),
    openToId: uuid(),
    /** Null once they have left the organization for good. */
    senderId: uuid(),
    /** The message of the same room that it answers. */
    replyToId: uuid(),
    /** Empty once it is deleted. */
    content: text().notNull(),
    editedAt: moment(),
    deletedAt: moment(),
  },
  (message) => [
    toRoom('room_messages', message),
    index('room_messages_created_at_index').on(message.organizationId, message.roomId, message.createdAt, message.id),
    foreignKey({
      name: 'room_messages_reply_to_id_fkey',
      columns: [message.organizationId, message.replyToId],
      foreignColumns: [message.organizationId, message.id],
    }),
    index('room_messages_reply_to_id_index')
      .on(message.organizationId, message.replyToId, message.createdAt, message.id)
      .where(sql`${message.replyToId} is not null`),
  ],
);
export type RoomMessageRow = typeof roomMessages.$inferSelect;

const toMessage = (table: string, part: { organizationId: AnyPgColumn; messageId: AnyPgColumn }) =>
  foreignKey({
    name: `${table}_message_id_fkey`,
    columns: [part.organizationId, part.messageId],
    foreignColumns: [roomMessages.organizationId, roomMessages.id],
  }).onDelete('cascade');

/** An emoji that somebody put under a message. */
export const roomReactions = tenantTable(
  'room_reactions',
  'room',
  {
    roomId: uuid().notNull(),
    openToId: uuid(),
    messageId: uuid().notNull(),
    userId: uuid().notNull(),
    emoji: text().notNull(),
  },
  (reaction) => [
    unique('room_reactions_emoji_key').on(reaction.organizationId, reaction.messageId, reaction.emoji, reaction.userId),
    toMessage('room_reactions', reaction),
  ],
);
export type RoomReactionRow = typeof roomReactions.$inferSelect;

/** Somebody named in a message, who is told. */
export const roomMentions = tenantTable(
  'room_mentions',
  'room',
  { roomId: uuid().notNull(), openToId: uuid(), messageId: uuid().notNull(), userId: uuid().notNull() },
  (mention) => [
    unique('room_mentions_user_id_key').on(mention.organizationId, mention.messageId, mention.userId),
    toMessage('room_mentions', mention),
    index('room_mentions_created_at_index').on(mention.organizationId, mention.userId, mention.createdAt, mention.id),
    index('room_mentions_room_id_index').on(mention.organizationId, mention.userId, mention.roomId, mention.createdAt),
  ],
);
export type RoomMentionRow = typeof roomMentions.$inferSelect;

/** A file sent with a message. */
export const roomAttachments = tenantTable(
  'room_attachments',
  'room',
  {
    roomId: uuid().notNull(),
    openToId: uuid(),
    messageId: uuid().notNull(),
    fileId: uuid().notNull(),
    position: integer().notNull(),
  },
  (attachment) => [
    unique('room_attachments_position_key').on(attachment.organizationId, attachment.messageId, attachment.position),
    toMessage('room_attachments', attachment),
    foreignKey({
      name: 'room_attachments_file_id_fkey',
      columns: [attachment.organizationId, attachment.fileId],
      foreignColumns: [files.organizationId, files.id],
    }),
    index('room_attachments_file_id_index').on(attachment.organizationId, attachment.fileId),
  ],
);
export type RoomAttachmentRow = typeof roomAttachments.$inferSelect;

/** A stem that a message holds: what search looks up, because under row security no full-text index is used. */
export const roomMessageTerms = tenantTable(
  'room_message_terms',
  'room',
  { roomId: uuid().notNull(), openToId: uuid(), messageId: uuid().notNull(), term: text().notNull() },
  (entry) => [
    unique('room_message_terms_term_key').on(entry.organizationId, entry.term, entry.messageId),
    toMessage('room_message_terms', entry),
    index('room_message_terms_message_id_index').on(entry.organizationId, entry.messageId),
    index('room_message_terms_room_id_index').on(entry.organizationId, entry.roomId, entry.term, entry.messageId),
  ],
);
