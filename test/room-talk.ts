import { setTimeout as pause } from 'node:timers/promises';
import type { Person } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** Does one mutation of rooms and gives what it answers; `selection` is of the payload. */
export const act = async (person: Person, name: string, input: object, selection: string): Promise<Data> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const data: Data = await person.want(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, {
    input,
  });
  return data[name];
};

/** The code that one mutation of rooms is refused with, and the field that is at fault; undefined for what is done. */
export const refused = async (
  person: Person,
  name: string,
  input: object,
  selection: string,
): Promise<string | undefined> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const { errors } = await person.ask(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, {
    input,
  });
  // The cast is safe: every error has a code, and some name a field, as text.
  const { code, field } = (errors[0]?.extensions ?? {}) as { code?: string; field?: string };
  return field === undefined ? code : `${code} ${field}`;
};

/** Makes a channel and gives its id. */
export const channelOf = async (person: Person, input: object = {}): Promise<string> =>
  (await act(person, 'createRoom', { kind: 'CHANNEL', name: 'Garden', ...input }, 'room { id }')).room.id;

/** Writes in a room and gives the message's id. */
export const sent = async (person: Person, roomId: string, content: string, more: object = {}): Promise<string> =>
  (await act(person, 'sendRoomMessage', { roomId, content, ...more }, 'message { id }')).message.id;

const subscription = `subscription ($ids: [ID!]) { roomEvents(roomIds: $ids) { __typename
  ... on RoomMessageSent { message { id content mentions { id } attachments { id } } } ... on RoomMessageEdited { message { id content } }
  ... on RoomMessageDeleted { message { id content deletedAt } } ... on RoomReactionsChanged { message { id reactions { emoji count mine } } }
  ... on RoomMemberJoined { room { id } user { id } } ... on RoomMemberLeft { roomId userId } ... on RoomRead { room { id unreadCount } }
  ... on RoomUpdated { room { id name topic archivedAt } } ... on RoomDeleted { roomId } ... on RoomTyping { room { id } user { id } } } }`;

/** What somebody hears of rooms from now on; of all that they are in where none is named. */
export const listen = async (person: Person, ids?: readonly string[]) => {
  const { results, stop } = person.subscribe(subscription, ids === undefined ? {} : { ids });
  const heard: Data[] = [];
  const ended = (async () => {
    for await (const { data, errors } of results) {
      if (errors) throw new Error(JSON.stringify(errors));
      heard.push((data as Data).roomEvents);
    }
  })();
  let over = false;
  ended.then(
    () => (over = true),
    () => (over = true),
  );
  await pause(400);
  return { heard, stop, ended, isOver: () => over, kinds: () => heard.map(({ __typename }) => __typename) };
};

/** Waits until something holds, for some seconds. */
export const until = async (holds: () => boolean): Promise<void> => {
  for (let tries = 0; tries < 160 && !holds(); tries += 1) await pause(50);
};
