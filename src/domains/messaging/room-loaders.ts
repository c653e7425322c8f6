import { and, asc, desc, eq, getTableColumns, gt, isNull, sql } from 'drizzle-orm';
import { database } from '../../database/client.ts';
import { listOf } from '../../database/list.ts';
import { bound, loadMany, loadOne } from '../../database/loader.ts';
import type { UnitOfWork } from '../../database/unit-of-work.ts';
import { files } from '../content/tables.ts';
import type { Context } from '../context.ts';
import type { RoomReactionGroupRow } from './room-rows.ts';
import {
  roomAttachments,
  roomMemberships,
  roomMentions,
  roomMessages,
  roomReactions,
  rooms,
  type RoomMessageRow,
} from './room-tables.ts';

/** Counts of what there is to read end here: as many, or more. */
export const countedAtMost = 100;
/** People of whom a message shows that they are mentioned. */
const shownMentions = 20;
/** People whom a group of reactions shows. */
const shownReactors = 5;

/** The unit of a request, from here on seeing the viewer's rooms: whatever reads or writes something of a room begins with it. */
export const roomsUnit = ({ unit }: Pick<Context, 'unit'>): UnitOfWork => {
  unit.enter('rooms');
  return unit;
};

export const roomById = loadOne(
  () =>
    database
      .select()
      .from(rooms)
      .where(and(eq(rooms.organizationId, bound.organizationId), sql`${rooms.id} = any(${bound.keys})`)),
  (room) => room.id,
);

export const roomMembershipById = loadOne(
  () =>
    database
      .select()
      .from(roomMemberships)
      .where(
        and(eq(roomMemberships.organizationId, bound.organizationId), sql`${roomMemberships.id} = any(${bound.keys})`),
      ),
  (membership) => membership.id,
);

export const roomMessageById = loadOne(
  () =>
    database
      .select()
      .from(roomMessages)
      .where(and(eq(roomMessages.organizationId, bound.organizationId), sql`${roomMessages.id} = any(${bound.keys})`)),
  (message) => message.id,
);

const ownPlaces = and(
  eq(roomMemberships.organizationId, bound.organizationId),
  eq(roomMemberships.userId, bound.userId),
  sql`${roomMemberships.roomId} = any(${bound.keys})`,
);

/** The viewer's own place in a room. */
export const ownMembershipByRoom = loadOne(
  () => database.select().from(roomMemberships).where(ownPlaces),
  (membership) => membership.roomId,
);

/** From when on something is new to a member. */
const newSince = sql`coalesce(${roomMemberships.lastReadAt}, ${roomMemberships.createdAt})`;

/** Messages of others that are new to the viewer, counted as far as `countedAtMost`. */
export const unreadByRoom = loadOne(
  () => {
    const unread = database
      .select({ id: roomMessages.id })
      .from(roomMessages)
      .where(
        and(
          eq(roomMessages.organizationId, bound.organizationId),
          eq(roomMessages.roomId, roomMemberships.roomId),
          gt(roomMessages.createdAt, newSince),
          sql`${roomMessages.senderId} is distinct from ${roomMemberships.userId}`,
          isNull(roomMessages.deletedAt),
        ),
      )
      .limit(countedAtMost)
      .as('unread');
    const counted = database
      .select({ count: sql<number>`count(*)`.mapWith(Number).as('count') })
      .from(unread)
      .as('counted');
    return database
      .select({ roomId: roomMemberships.roomId, count: counted.count })
      .from(roomMemberships)
      .crossJoinLateral(counted)
      .where(ownPlaces);
  },
  (row) => row.roomId,
);

/** Mentions of the viewer that are new to them, counted as far as `countedAtMost`. */
export const newMentionsByRoom = loadOne(
  () => {
    const unread = database
      .select({ id: roomMentions.id })
      .from(roomMentions)
      .where(
        and(
          eq(roomMentions.organizationId, bound.organizationId),
          eq(roomMentions.userId, roomMemberships.userId),
          eq(roomMentions.roomId, roomMemberships.roomId),
          gt(roomMentions.createdAt, newSince),
        ),
      )
      .limit(countedAtMost)
      .as('unread');
    const counted = database
      .select({ count: sql<number>`count(*)`.mapWith(Number).as('count') })
      .from(unread)
      .as('counted');
    return database
      .select({ roomId: roomMemberships.roomId, count: counted.count })
      .from(roomMemberships)
      .crossJoinLateral(counted)
      .where(ownPlaces);
  },
  (row) => row.roomId,
);

/** The newest message of a room. */
export const lastMessageByRoom = loadOne(
  () => {
    const newest = database
      .select()
      .from(roomMessages)
      .where(and(eq(roomMessages.organizationId, bound.organizationId), sql`${roomMessages.roomId} = parent.id`))
      .orderBy(desc(roomMessages.createdAt), desc(roomMessages.id))
      .limit(1)
      .as('newest');
    return database
      .select(newest._.selectedFields)
      .from(sql`unnest(${bound.keys}::uuid[]) as parent(id)`)
      .crossJoinLateral(newest);
  },
  (message: RoomMessageRow) => message.roomId,
);

/** How many messages answer one. */
export const replyCountByMessage = loadOne(
  () =>
    database
      .select({
        messageId: sql<string>`${roomMessages.replyToId}`.as('message_id'),
        count: sql<number>`count(*)`.mapWith(Number),
      })
      .from(roomMessages)
      .where(
        and(eq(roomMessages.organizationId, bound.organizationId), sql`${roomMessages.replyToId} = any(${bound.keys})`),
      )
      .groupBy(roomMessages.replyToId),
  (row) => row.messageId,
);

/** Reactions by emoji, the first one first; `addReaction` bounds their number. */
export const reactionsByMessage = loadMany(
  () => {
    const { messageId, emoji, userId, createdAt, id } = roomReactions;
    const first = sql`(array_agg(${userId} order by ${createdAt}, ${id}))[1:${sql.raw(String(shownReactors))}]`;
    return database
      .select({
        messageId,
        emoji,
        count: sql<number>`count(*)`.mapWith(Number),
        mine: sql<boolean>`bool_or(${userId} = ${bound.userId})`,
        userIds: sql<string[]>`to_json(${first})`,
      })
      .from(roomReactions)
      .where(and(eq(roomReactions.organizationId, bound.organizationId), sql`${messageId} = any(${bound.keys})`))
      .groupBy(messageId, emoji)
      .orderBy(sql`min(${createdAt})`, asc(emoji));
  },
  (group: RoomReactionGroupRow) => group.messageId,
);

/** The first who are mentioned in a message. */
export const mentionsByMessage = loadMany(
  () => {
    const first = database
      .select({ messageId: roomMentions.messageId, userId: roomMentions.userId })
      .from(roomMentions)
      .where(and(eq(roomMentions.organizationId, bound.organizationId), sql`${roomMentions.messageId} = parent.id`))
      .orderBy(roomMentions.userId)
      .limit(shownMentions)
      .as('first');
    return database
      .select(first._.selectedFields)
      .from(sql`unnest(${bound.keys}::uuid[]) as parent(id)`)
      .crossJoinLateral(first);
  },
  (mention) => mention.messageId,
);

/** Files sent with a message, in their order; `sendRoomMessage` bounds their number. */
export const attachmentsByMessage = loadMany(
  () =>
    database
      .select({ ...getTableColumns(files), messageId: roomAttachments.messageId })
      .from(roomAttachments)
      .innerJoin(
        files,
        and(eq(files.organizationId, roomAttachments.organizationId), eq(files.id, roomAttachments.fileId)),
      )
      .where(
        and(
          eq(roomAttachments.organizationId, bound.organizationId),
          sql`${roomAttachments.messageId} = any(${bound.keys})`,
        ),
      )
      .orderBy(roomAttachments.messageId, roomAttachments.position),
  (file) => file.messageId,
);

const viewerId = sql`nullif(current_setting('app.user_id', true), '')::uuid`;

/** Read first, so that a list costs what the viewer's own rooms are, and not what the organization's are. */
const ownRoomIds = sql`array(select ${roomMemberships.roomId} from ${roomMemberships}
  where ${roomMemberships.organizationId} = ${bound.organizationId} and ${roomMemberships.userId} = ${viewerId})`;

const somethingUnread = sql`exists (select from ${roomMemberships} join ${roomMessages}
    on ${roomMessages.organizationId} = ${roomMemberships.organizationId} and ${roomMessages.roomId} = ${roomMemberships.roomId}
      and ${roomMessages.createdAt} > ${newSince}
      and ${roomMessages.senderId} is distinct from ${roomMemberships.userId} and ${roomMessages.deletedAt} is null
  where ${roomMemberships.organizationId} = ${rooms.organizationId} and ${roomMemberships.userId} = ${viewerId}
    and ${roomMemberships.roomId} = ${rooms.id})`;

const roomListBase = {
  from: rooms,
  columns: getTableColumns(rooms),
  orders: { LAST_MESSAGE_AT: rooms.lastMessageAt },
  defaultOrder: { field: 'LAST_MESSAGE_AT', direction: 'DESC' },
  filters: { kind: rooms.kind, archived: sql`(${rooms.archivedAt} is not null)`, unread: somethingUnread },
} as const;

/** The rooms that the viewer is in. */
export const ownRooms = listOf({ ...roomListBase, where: sql`${rooms.id} = any(${ownRoomIds})` });

/** The channels that are open to a workspace. */
export const openRoomsByWorkspace = listOf({ ...roomListBase, parent: rooms.openToId });

export const membersByRoom = listOf({
  from: roomMemberships,
  parent: roomMemberships.roomId,
  columns: getTableColumns(roomMemberships),
  orders: { CREATED_AT: roomMemberships.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
});

const messageList = {
  from: roomMessages,
  columns: getTableColumns(roomMessages),
  orders: { CREATED_AT: roomMessages.createdAt },
  defaultOrder: { field: 'CREATED_AT', direction: 'ASC' },
} as const;

export const messagesByRoom = listOf({ ...messageList, parent: roomMessages.roomId });

/** What answers a message. */
export const repliesByMessage = listOf({ ...messageList, parent: roomMessages.replyToId });
