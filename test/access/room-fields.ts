import { act } from '../room-talk.ts';
import { secret } from './cast.ts';
import { filledRooms } from './filled-rooms.ts';
import { inWorkspace, type Fixture, type Fixtures } from './fixture.ts';

type Gets = Fixture['gets'];

/** Whoever is in the private channel: its owner, also by a key, and a guest. Administrators find it as little as strangers do. */
const byMembers: Gets = {
  otherwise: 'NOT_FOUND',
  anonymous: 'UNAUTHENTICATED',
  keyWithoutScope: 'FORBIDDEN',
  guest: 'data',
  owner: 'data',
  key: 'data',
};
/** The guest sees it and owns nothing of it. */
const byItsOwner: Gets = { ...byMembers, guest: 'FORBIDDEN' };
/** Lists of one's own rooms: those who are in none get an empty one. */
const ownOnes: Gets = { ...byMembers, otherwise: 'own' };

/** Rooms like those of the cast. */
const fresh: NonNullable<Fixture['target']> = (owner, ids) =>
  filledRooms(owner, String(ids.Workspace), String(ids.Guest), secret);
const archived: NonNullable<Fixture['target']> = async (owner, ids, bed) => {
  const made = await fresh(owner, ids, bed);
  await act(owner, 'archiveRoom', { id: made.Room }, 'room { id }');
  return made;
};

const ofRoom = (name: string, arguments_: string, gets: Gets, more: Partial<Fixture> = {}): Fixture => ({
  field: `${name}(input: { ${arguments_} }) { room { name } }`,
  gets,
  target: fresh,
  ...more,
});
const ofMessage = (name: string, arguments_: string, gets: Gets): Fixture => ({
  field: `${name}(input: { ${arguments_} }) { message { id room { name } } }`,
  gets,
  target: fresh,
});

export const fixtures: Fixtures = {
  queries: {
    room: { field: 'room(id: $Room) { name lastMessage { content } members { totalCount } }', gets: byMembers },
    rooms: { field: 'rooms(first: 100) { totalCount edges { node { name } } }', gets: ownOnes },
    openRooms: {
      field: 'openRooms(workspaceId: $Workspace) { totalCount edges { node { name } } }',
      gets: inWorkspace,
    },
    searchRoomMessages: {
      field: `searchRoomMessages(text: "${secret} hello") { edges { node { content } snippet { text } } }`,
      gets: ownOnes,
    },
  },
  connections: {
    'Room.members': { gets: byMembers },
    'Room.messages': { gets: byMembers },
    'RoomMessage.replies': { gets: byMembers },
  },
  subscriptions: {
    roomEvents: {
      field: 'roomEvents(roomIds: [$Room]) { ... on RoomMessageSent { message { content } } }',
      gets: byMembers,
      meanwhile: async (owner, { Room: roomId }) => {
        await act(owner, 'sendRoomMessage', { roomId, content: `${secret}!` }, 'message { id }');
      },
    },
  },
  mutations: {
    createRoom: {
      field: `createRoom(input: { kind: CHANNEL, name: "${secret} made", memberIds: [$Editor] }) { room { name } }`,
      // Whoever belongs to another organization finds nobody there to write with.
      gets: {
        otherwise: 'data',
        anonymous: 'UNAUTHENTICATED',
        stranger: 'NOT_FOUND',
        platformAdmin: 'NOT_FOUND',
        guest: 'FORBIDDEN',
        keyWithoutScope: 'FORBIDDEN',
      },
    },
    updateRoom: ofRoom('updateRoom', 'id: $Room, topic: "Roses"', byItsOwner),
    archiveRoom: ofRoom('archiveRoom', 'id: $Room', byItsOwner),
    unarchiveRoom: ofRoom('unarchiveRoom', 'id: $Room', byItsOwner, { target: archived }),
    deleteRoom: {
      field: 'deleteRoom(input: { id: $Room }) { deletedId }',
      gets: byItsOwner,
      shows: /"room_/,
      target: fresh,
    },
    joinRoom: ofRoom('joinRoom', 'roomId: $OpenRoom', inWorkspace),
    leaveRoom: {
      field: 'leaveRoom(input: { roomId: $Room }) { roomId }',
      gets: byMembers,
      shows: /"room_/,
      target: fresh,
    },
    addRoomMembers: ofRoom('addRoomMembers', 'roomId: $Room, userIds: [$Editor]', byItsOwner),
    removeRoomMember: ofRoom('removeRoomMember', 'roomId: $Room, userId: $Guest', byItsOwner),
    changeRoomRole: {
      field: 'changeRoomRole(input: { roomId: $Room, userId: $Guest, role: OWNER }) { membership { role } }',
      gets: byItsOwner,
      shows: /OWNER/,
      target: fresh,
    },
    sendRoomMessage: ofMessage('sendRoomMessage', 'roomId: $Room, content: "Hello"', byMembers),
    // It is the owner's: nobody writes in another's name.
    editRoomMessage: ofMessage('editRoomMessage', 'id: $RoomMessage, content: "Hello"', byItsOwner),
    deleteRoomMessage: ofMessage('deleteRoomMessage', 'id: $RoomMessage', byItsOwner),
    addReaction: ofMessage('addReaction', 'messageId: $RoomMessage, emoji: "🌹"', byMembers),
    removeReaction: ofMessage('removeReaction', 'messageId: $RoomMessage, emoji: "🌹"', byMembers),
    markRoomRead: ofRoom('markRoomRead', 'roomId: $Room, messageId: $RoomMessage', byMembers),
    muteRoom: ofRoom('muteRoom', 'roomId: $Room', byMembers),
    setTyping: { field: 'setTyping(input: { roomId: $Room }) { roomId }', gets: byMembers, shows: /"room_/ },
  },
};
