import type { OneByKey } from '../../../database/loader.ts';
import type { UnitOfWork } from '../../../database/unit-of-work.ts';
import type { Resolvers } from '../../../generated/resolvers.ts';
import { globalId } from '../../../ids.ts';
import { highlight, type Span } from '../../../search/highlight.ts';
import { viewerOf } from '../../context.ts';
import { found } from '../../nodes.ts';
import { memberUserById, workspaceById } from '../../tenancy/loaders.ts';
import {
  attachmentsByMessage,
  lastMessageByRoom,
  membersByRoom,
  mentionsByMessage,
  messagesByRoom,
  newMentionsByRoom,
  openRoomsByWorkspace,
  ownMembershipByRoom,
  ownRooms,
  reactionsByMessage,
  repliesByMessage,
  replyCountByMessage,
  roomById,
  roomMembershipById,
  roomMessageById,
  roomsUnit,
  unreadByRoom,
} from '../room-loaders.ts';
import { addRoomMembers, changeRoomRole, joinRoom, leaveRoom, muteRoom, removeRoomMember } from '../room-members.ts';
import { deleteRoomMessage, editRoomMessage, sendRoomMessage } from '../room-messages.ts';
import { addReaction, markRoomRead, removeReaction, setTyping } from '../room-reading.ts';
import type { RoomMessageSearchEdgeRow } from '../room-rows.ts';
import { searchRoomMessages } from '../room-search.ts';
import { roomEvents } from '../room-stream.ts';
import type { RoomMembershipRow, RoomMessageRow, RoomRow } from '../room-tables.ts';
import { archiveRoom, createRoom, deleteRoom, updateRoom } from '../rooms.ts';

const highlightOf = ({ node, query, language }: RoomMessageSearchEdgeRow) => highlight(node.content, query, language);
const spanIn = (text: string, { start, end }: Span) => ({ start, end, text: text.slice(start, end) });

/** Those of the people who belong to the organization. */
const membersAmong = async (unit: UnitOfWork, userIds: readonly string[]) => {
  const users = await Promise.all(userIds.map((userId) => memberUserById(unit).load(userId)));
  return users.filter((user) => user !== null);
};

export const resolvers: Resolvers = {
  Query: {
    room: (_root, { id }, context) => found('Room', id, roomById(roomsUnit(context))),
    rooms: (_root, args, context) => ownRooms<RoomRow>(roomsUnit(context), args),
    openRooms: async (_root, { workspaceId, ...args }, context) => {
      const unit = roomsUnit(context);
      await found('Workspace', workspaceId, workspaceById(unit));
      return openRoomsByWorkspace<RoomRow>(unit, args, workspaceId);
    },
    searchRoomMessages: (_root, args, context) => searchRoomMessages(context, args),
  },
  Mutation: {
    createRoom: async (_root, { input }, context) => ({ room: await createRoom(context, input) }),
    updateRoom: async (_root, { input }, context) => ({ room: await updateRoom(context, input) }),
    archiveRoom: async (_root, { input }, context) => ({ room: await archiveRoom(context, input.id, true) }),
    unarchiveRoom: async (_root, { input }, context) => ({ room: await archiveRoom(context, input.id, false) }),
    deleteRoom: async (_root, { input }, context) => ({
      deletedId: globalId('Room', await deleteRoom(context, input.id)),
    }),
    joinRoom: async (_root, { input }, context) => ({ room: await joinRoom(context, input.roomId) }),
    leaveRoom: async (_root, { input }, context) => ({
      roomId: globalId('Room', await leaveRoom(context, input.roomId)),
    }),
    addRoomMembers: async (_root, { input }, context) => ({ room: await addRoomMembers(context, input) }),
    removeRoomMember: async (_root, { input }, context) => ({ room: await removeRoomMember(context, input) }),
    changeRoomRole: async (_root, { input }, context) => ({ membership: await changeRoomRole(context, input) }),
    sendRoomMessage: async (_root, { input }, context) => ({ message: await sendRoomMessage(context, input) }),
    editRoomMessage: async (_root, { input }, context) => ({ message: await editRoomMessage(context, input) }),
    deleteRoomMessage: async (_root, { input }, context) => ({ message: await deleteRoomMessage(context, input.id) }),
    addReaction: async (_root, { input }, context) => ({ message: await addReaction(context, input) }),
    removeReaction: async (_root, { input }, context) => ({ message: await removeReaction(context, input) }),
    markRoomRead: async (_root, { input }, context) => ({ room: await markRoomRead(context, input) }),
    muteRoom: async (_root, { input }, context) => ({ room: await muteRoom(context, input) }),
    setTyping: async (_root, { input }, context) => ({ roomId: await setTyping(context, input.roomId) }),
  },
  Subscription: {
    roomEvents: { subscribe: (_root, { roomIds }, context) => roomEvents(context, roomIds ?? null) },
  },
  Room: {
    workspace: ({ openToId }, _args, { unit }) => (openToId === null ? null : workspaceById(unit).load(openToId)),
    createdBy: ({ createdById }, _args, { unit }) =>
      createdById === null ? null : memberUserById(unit).load(createdById),
    members: ({ id }, args, context) => membersByRoom<RoomMembershipRow>(roomsUnit(context), args, id),
    membership: ({ id }, _args, context) => ownMembershipByRoom(roomsUnit(context)).load(id),
    unreadCount: async ({ id }, _args, context) => countIn(await unreadByRoom(roomsUnit(context)).load(id)),
    mentionsCount: async ({ id }, _args, context) => countIn(await newMentionsByRoom(roomsUnit(context)).load(id)),
    lastMessage: ({ id }, _args, context) => lastMessageByRoom(roomsUnit(context)).load(id),
    messages: ({ id }, args, context) => messagesByRoom<RoomMessageRow>(roomsUnit(context), args, id),
  },
  RoomMembership: {
    user: ({ userId }, _args, { unit }) => memberUserById(unit).load(userId),
    muted: ({ userId, muted }, _args, context) => userId === viewerOf(context).userId && muted,
    lastReadAt: ({ userId, lastReadAt }, _args, context) => (userId === viewerOf(context).userId ? lastReadAt : null),
    room: ({ roomId }, _args, context) => found('Room', roomId, roomById(roomsUnit(context))),
  },
  RoomMessage: {
    sender: ({ senderId }, _args, { unit }) => (senderId === null ? null : memberUserById(unit).load(senderId)),
    replyTo: ({ replyToId }, _args, context) =>
      replyToId === null ? null : roomMessageById(roomsUnit(context)).load(replyToId),
    replyCount: async ({ id }, _args, context) => countIn(await replyCountByMessage(roomsUnit(context)).load(id)),
    replies: ({ id }, args, context) => repliesByMessage<RoomMessageRow>(roomsUnit(context), args, id),
    attachments: ({ id }, _args, context) => attachmentsByMessage(roomsUnit(context)).load(id),
    reactions: ({ id }, _args, context) => reactionsByMessage(roomsUnit(context)).load(id),
    mentions: async ({ id }, _args, context) => {
      const unit = roomsUnit(context);
      const mentions = await mentionsByMessage(unit).load(id);
      return membersAmong(
        unit,
        mentions.map(({ userId }) => userId),
      );
    },
    room: ({ roomId }, _args, context) => found('Room', roomId, roomById(roomsUnit(context))),
  },
  RoomReactionGroup: {
    users: ({ userIds }, _args, { unit }) => membersAmong(unit, userIds),
  },
  RoomMessageSearchEdge: {
    snippet: (edge) => spanIn(edge.node.content, highlightOf(edge).snippet),
    highlights: (edge) => highlightOf(edge).matches.map((match) => spanIn(edge.node.content, match)),
  },
};

const countIn = (row: { readonly count: number } | null): number => row?.count ?? 0;

/** A loader that sees the viewer's rooms. */
const entered =
  <Row>(loader: OneByKey<Row>) =>
  (unit: UnitOfWork) =>
    loader(roomsUnit({ unit }));

/** How `node(id)` finds the entities of this domain. */
export const nodes = {
  Room: entered(roomById),
  RoomMembership: entered(roomMembershipById),
  RoomMessage: entered(roomMessageById),
};
