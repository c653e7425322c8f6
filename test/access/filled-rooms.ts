import { act } from '../room-talk.ts';
import type { Person } from '../testbed.ts';

/**
 * A private channel of the owner and one other, in which the owner wrote and answered, and a channel that is open to the workspace; all that is
 * said or named holds the word.
 */
export const filledRooms = async (
  owner: Person,
  workspaceId: string,
  memberId: string,
  secret: string,
): Promise<Record<string, string>> => {
  const channel = async (name: string, more: object): Promise<string> =>
    (await act(owner, 'createRoom', { kind: 'CHANNEL', name: `${secret} ${name}`, ...more }, 'room { id }')).room.id;
  const write = async (roomId: string, more: object = {}): Promise<string> =>
    (await act(owner, 'sendRoomMessage', { roomId, content: `${secret} hello`, ...more }, 'message { id }')).message.id;
  const Room = await channel('board', { memberIds: [memberId] });
  const RoomMessage = await write(Room);
  await write(Room, { replyToId: RoomMessage });
  // Of one name there is one open channel in a workspace, and fixtures make several.
  const OpenRoom = await channel(`open ${crypto.randomUUID()}`, { workspaceId });
  const place = await act(
    owner,
    'changeRoomRole',
    { roomId: Room, userId: memberId, role: 'MEMBER' },
    'membership { id }',
  );
  return { Room, RoomMessage, OpenRoom, RoomMembership: place.membership.id };
};
