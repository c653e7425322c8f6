import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { fingerprint } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { workspaceOf } from './talk.ts';
import { act, channelOf, listen, refused, sent, until } from './room-talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
/** MEMBERs of the organization; Ben and Cleo see the workspace. */
let ben: Colleague;
let cleo: Colleague;
let dan: Colleague;
let guest: Colleague;
let admin: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
  const join = (name: string, role: 'ADMIN' | 'MEMBER' | 'GUEST', sees = false) =>
    colleagueOf(bed, ada.organizationId, name, role, sees ? { [workspaceId]: 'VIEWER' } : {});
  ben = await join('Ben', 'MEMBER', true);
  cleo = await join('Cleo', 'MEMBER', true);
  dan = await join('Dan', 'MEMBER');
  guest = await join('Guest', 'GUEST');
  admin = await join('Admin', 'ADMIN');
}, 60_000);
afterAll(() => bed?.stop());

const roomOf = async (person: Person, id: string, selection = 'id name memberCount'): Promise<Data> =>
  ((await person.want(`query ($id: ID!) { room(id: $id) { ${selection} } }`, { id })) as Data).room;
const sees = async (person: Person, id: string): Promise<unknown> =>
  (await person.codes('query ($id: ID!) { room(id: $id) { id } }', { id }))[0] ?? true;
const listed = async (person: Person, args = ''): Promise<Data[]> =>
  (
    (await person.want(`{ rooms${args} { edges { node { id name kind unreadCount memberCount } } } }`)) as Data
  ).rooms.edges.map(({ node }: Data) => node);
const remove = (userId: string) =>
  ada.want('mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { deletedId } }', {
    input: { userId },
  });

describe('who sees a room', () => {
  test('a private channel is its members’, and no administrator’s', async () => {
    const id = await channelOf(ben, { memberIds: [dan.userId] });
    await sent(ben, id, 'Hello');
    expect(
      await roomOf(dan, id, 'memberCount membership { role } members { edges { node { role user { id } } } }'),
    ).toEqual({
      memberCount: 2,
      membership: { role: 'MEMBER' },
      members: {
        edges: expect.arrayContaining([
          { node: { role: 'OWNER', user: { id: ben.userId } } },
          { node: { role: 'MEMBER', user: { id: dan.userId } } },
        ]),
      },
    });
    expect(await Promise.all([ada, admin, cleo, guest].map((person) => sees(person, id)))).toEqual(
      Array(4).fill('NOT_FOUND'),
    );
    for (const person of [ada, admin, cleo]) expect((await listed(person)).map((room) => room.id)).not.toContain(id);
  });

  test('an open channel is for whoever sees its workspace', async () => {
    const id = await channelOf(ben, { name: 'Open', workspaceId });
    expect([await sees(cleo, id), await sees(admin, id), await sees(dan, id), await sees(guest, id)]).toEqual([
      true,
      true,
      'NOT_FOUND',
      'NOT_FOUND',
    ]);
    const open: Data = await cleo.want(
      'query ($id: ID!) { openRooms(workspaceId: $id, first: 50) { totalCount edges { node { id membership { id } } } } }',
      { id: workspaceId },
    );
    expect(open.openRooms.edges).toContainEqual({ node: { id, membership: null } });
    expect(await listed(cleo)).toEqual([]);
    expect((await act(cleo, 'joinRoom', { roomId: id }, 'room { memberCount }')).room.memberCount).toBe(2);
    expect((await act(cleo, 'joinRoom', { roomId: id }, 'room { memberCount }')).room.memberCount).toBe(2);
    expect((await listed(cleo)).map((room) => room.id)).toEqual([id]);
    expect(await refused(ben, 'addRoomMembers', { roomId: id, userIds: [dan.userId] }, 'room { id }')).toBe(
      'NOT_FOUND',
    );
    expect(await refused(ben, 'createRoom', { kind: 'CHANNEL', name: 'OPEN', workspaceId }, 'room { id }')).toBe(
      'CONFLICT name',
    );
    expect(await refused(dan, 'createRoom', { kind: 'CHANNEL', name: 'x', workspaceId }, 'room { id }')).toBe(
      'NOT_FOUND',
    );
  });

  test('a place in an open channel is worth nothing without the workspace', async () => {
    const eve = await colleagueOf(bed, ada.organizationId, 'Eve', 'MEMBER', { [workspaceId]: 'VIEWER' });
    const id = await channelOf(ben, { name: 'Passing', workspaceId });
    await act(eve, 'joinRoom', { roomId: id }, 'room { id }');
    const input = { workspaceId, userId: eve.userId };
    await act(ada, 'removeWorkspaceMember', input, 'deletedId');
    expect(await sees(eve, id)).toBe('NOT_FOUND');
    expect(await listed(eve)).toEqual([]);
    expect(await refused(eve, 'sendRoomMessage', { roomId: id, content: 'x' }, 'message { id }')).toBe('NOT_FOUND');
  });

  test('a guest is in rooms that they are added to, and makes none', async () => {
    const id = await channelOf(ben, { memberIds: [guest.userId] });
    expect(await sees(guest, id)).toBe(true);
    await sent(guest, id, 'Hello');
    expect(await refused(guest, 'createRoom', { kind: 'CHANNEL', name: 'x' }, 'room { id }')).toBe('FORBIDDEN');
  });

  test('another organization finds nothing, and is not put into a room', async () => {
    const stranger = await bed.signUp('Stranger');
    const id = await channelOf(ben);
    expect(await sees(stranger, id)).toBe('NOT_FOUND');
    expect(await refused(ben, 'addRoomMembers', { roomId: id, userIds: [stranger.userId] }, 'room { id }')).toBe(
      'NOT_FOUND',
    );
  });
});

describe('direct rooms', () => {
  test('the same people have one room, whoever begins', async () => {
    const make = async (person: Person, memberIds: string[]): Promise<string> =>
      (await act(person, 'createRoom', { kind: 'DIRECT', memberIds }, 'room { id memberCount name }')).room.id;
    const id = await make(ben, [cleo.userId]);
    expect(await make(cleo, [ben.userId, cleo.userId])).toBe(id);
    expect(await make(ben, [cleo.userId, dan.userId])).not.toBe(id);
    expect(await refused(ben, 'createRoom', { kind: 'DIRECT', memberIds: [ben.userId] }, 'room { id }')).toBe(
      'BAD_USER_INPUT memberIds',
    );
    expect(
      await refused(ben, 'createRoom', { kind: 'DIRECT', name: 'x', memberIds: [dan.userId] }, 'room { id }'),
    ).toBe('BAD_USER_INPUT name');
    for (const [name, input] of [
      ['leaveRoom', { roomId: id }],
      ['addRoomMembers', { roomId: id, userIds: [dan.userId] }],
      ['removeRoomMember', { roomId: id, userId: cleo.userId }],
      ['deleteRoom', { id }],
      ['archiveRoom', { id }],
    ] as const)
      expect(await refused(ben, name, input, '__typename')).toMatch(/^CONFLICT/);
  });

  test('who comes back to the organization finds the room again when it is begun again', async () => {
    const fay = await colleagueOf(bed, ada.organizationId, 'Fay', 'MEMBER', {});
    const make = async (): Promise<Data> =>
      (await act(ben, 'createRoom', { kind: 'DIRECT', memberIds: [fay.userId] }, 'room { id memberCount }')).room;
    const { id } = await make();
    await remove(fay.userId);
    expect(await roomOf(ben, id)).toMatchObject({ memberCount: 1 });
    expect(await refused(ben, 'createRoom', { kind: 'DIRECT', memberIds: [fay.userId] }, 'room { id }')).toBe(
      'NOT_FOUND',
    );
  });
});

describe('members of a channel', () => {
  test('owners add, remove and change; others do not', async () => {
    const id = await channelOf(ben, { memberIds: [cleo.userId] });
    for (const [name, input] of [
      ['addRoomMembers', { roomId: id, userIds: [dan.userId] }],
      ['removeRoomMember', { roomId: id, userId: ben.userId }],
      ['changeRoomRole', { roomId: id, userId: cleo.userId, role: 'OWNER' }],
      ['updateRoom', { id, name: 'x' }],
      ['archiveRoom', { id }],
      ['unarchiveRoom', { id }],
      ['deleteRoom', { id }],
    ] as const)
      expect([name, await refused(cleo, name, input, '__typename')]).toEqual([name, 'FORBIDDEN']);
    expect(await refused(ben, 'changeRoomRole', { roomId: id, userId: ben.userId, role: 'MEMBER' }, '__typename')).toBe(
      'CONFLICT role',
    );
    await act(ben, 'changeRoomRole', { roomId: id, userId: cleo.userId, role: 'OWNER' }, 'membership { role }');
    expect(await act(cleo, 'updateRoom', { id, name: 'New', topic: 'Roses' }, 'room { name topic }')).toEqual({
      room: { name: 'New', topic: 'Roses' },
    });
    await act(cleo, 'removeRoomMember', { roomId: id, userId: ben.userId }, 'room { memberCount }');
    expect(await sees(ben, id)).toBe('NOT_FOUND');
    expect(await refused(cleo, 'leaveRoom', { roomId: id }, 'roomId')).toBe('CONFLICT roomId');
    await act(cleo, 'deleteRoom', { id }, 'deletedId');
    expect(await sees(cleo, id)).toBe('NOT_FOUND');
  });

  test('the oldest member takes over from the last owner, who leaves the room or the organization', async () => {
    const gus = await colleagueOf(bed, ada.organizationId, 'Gus', 'MEMBER', {});
    const id = await channelOf(gus);
    await act(gus, 'addRoomMembers', { roomId: id, userIds: [ben.userId] }, 'room { id }');
    await act(gus, 'addRoomMembers', { roomId: id, userIds: [cleo.userId] }, 'room { id }');
    await remove(gus.userId);
    expect(await roomOf(ben, id, 'memberCount membership { role }')).toEqual({
      memberCount: 2,
      membership: { role: 'OWNER' },
    });
    await act(ben, 'leaveRoom', { roomId: id }, 'roomId');
    expect(await roomOf(cleo, id, 'memberCount membership { role }')).toEqual({
      memberCount: 1,
      membership: { role: 'OWNER' },
    });
  });

  test('an archived channel is read and not written in', async () => {
    const id = await channelOf(ben, { memberIds: [cleo.userId] });
    const messageId = await sent(ben, id, 'Hello');
    await act(ben, 'archiveRoom', { id }, 'room { archivedAt }');
    for (const [name, input] of [
      ['sendRoomMessage', { roomId: id, content: 'x' }],
      ['editRoomMessage', { id: messageId, content: 'x' }],
      ['addReaction', { messageId, emoji: '👍' }],
      ['addRoomMembers', { roomId: id, userIds: [dan.userId] }],
      ['updateRoom', { id, name: 'x' }],
    ] as const)
      expect([name, await refused(ben, name, input, '__typename')]).toEqual([name, expect.stringMatching(/^CONFLICT/)]);
    expect(await roomOf(cleo, id, 'messages { edges { node { content } } }')).toEqual({
      messages: { edges: [{ node: { content: 'Hello' } }] },
    });
    expect((await listed(cleo, '(filter: { archived: { eq: true } })')).map((room) => room.id)).toEqual([id]);
    await act(ben, 'unarchiveRoom', { id }, 'room { archivedAt }');
    await sent(cleo, id, 'Again');
  });
});

test('what is open to an archived workspace is read and not changed', async () => {
  const closing = await workspaceOf(ada);
  const id = await channelOf(ada, { name: 'Closing', workspaceId: closing });
  const messageId = await sent(ada, id, 'Hello');
  await ada.want('mutation ($id: ID!) { archiveWorkspace(input: { id: $id }) { workspace { id } } }', { id: closing });
  const before = await fingerprint(bed, ada.organizationId);
  for (const [person, name, input] of [
    [ada, 'sendRoomMessage', { roomId: id, content: 'x' }],
    [ada, 'editRoomMessage', { id: messageId, content: 'x' }],
    [ada, 'deleteRoomMessage', { id: messageId }],
    [ada, 'addReaction', { messageId, emoji: '👍' }],
    [ada, 'removeReaction', { messageId, emoji: '👍' }],
    [ada, 'updateRoom', { id, name: 'x' }],
    [ada, 'archiveRoom', { id }],
    [ada, 'unarchiveRoom', { id }],
    [ada, 'deleteRoom', { id }],
    [admin, 'joinRoom', { roomId: id }],
    [ada, 'leaveRoom', { roomId: id }],
    [ada, 'addRoomMembers', { roomId: id, userIds: [admin.userId] }],
    [ada, 'removeRoomMember', { roomId: id, userId: ada.userId }],
    [ada, 'changeRoomRole', { roomId: id, userId: ada.userId, role: 'MEMBER' }],
    [ada, 'muteRoom', { roomId: id, muted: true }],
  ] as const)
    expect([name, await refused(person, name, input, '__typename')]).toEqual([name, 'CONFLICT workspaceId']);
  expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  expect(await roomOf(admin, id, 'lastMessage { content }')).toEqual({ lastMessage: { content: 'Hello' } });
});

test('rooms are listed by what was written last, and counted without a statement for each', async () => {
  const hal = await colleagueOf(bed, ada.organizationId, 'Hal', 'MEMBER', {});
  const [first, second, third]: [string, string, string] = [
    await channelOf(hal, { memberIds: [ben.userId] }),
    await channelOf(hal, { memberIds: [ben.userId] }),
    (await act(hal, 'createRoom', { kind: 'DIRECT', memberIds: [ben.userId] }, 'room { id }')).room.id,
  ];
  await sent(ben, second, 'One');
  await sent(ben, first, '@all Two');
  expect((await listed(hal)).map(({ id, unreadCount }) => [id, unreadCount])).toEqual([
    [first, 1],
    [second, 1],
    [third, 0],
  ]);
  expect((await listed(hal, '(filter: { kind: { eq: DIRECT } })')).map(({ id }) => id)).toEqual([third]);
  expect((await listed(hal, '(filter: { unread: { eq: true } })')).map(({ id }) => id)).toEqual([first, second]);
  const many = `{ rooms { edges { node { name membership { role muted } unreadCount mentionsCount lastMessage { content sender { name } reactions { emoji }
    attachments { name } replyCount mentions { id } } members { edges { node { user { name } } } } messages(last: 5) { edges { node { content } } } } } } }`;
  const counted = async () => {
    // Who asks is looked up anew every few seconds, which is no statement of the list's.
    await hal.want('{ viewer { user { id } } }');
    return hal.ask(many);
  };
  const three = await counted();
  expect(three.errors).toEqual([]);
  expect((three.data as Data).rooms.edges[0].node).toMatchObject({ unreadCount: 1, mentionsCount: 1 });
  const id = await channelOf(hal, { memberIds: [ben.userId] });
  await sent(ben, id, 'Three');
  const four = await counted();
  // Loads of one kind from two levels may fall into one statement, or into two, as their levels end.
  expect(new Set(four.statements)).toEqual(new Set(three.statements));
  expect(four.statements.length).toBeLessThan(16);
});

describe('live', () => {
  test('members hear what happens, in order, and nobody else does', async () => {
    const id = await channelOf(ben, { memberIds: [cleo.userId] });
    const [hears, all, others] = [await listen(cleo, [id]), await listen(cleo), await listen(dan)];
    const messageId = await sent(ben, id, 'Hello @nobody');
    await act(ben, 'editRoomMessage', { id: messageId, content: 'Hello' }, 'message { id }');
    await act(ben, 'addReaction', { messageId, emoji: '🌹' }, 'message { id }');
    await act(ben, 'deleteRoomMessage', { id: messageId }, 'message { id }');
    await act(ben, 'setTyping', { roomId: id }, 'roomId');
    await act(ben, 'setTyping', { roomId: id }, 'roomId');
    await act(cleo, 'setTyping', { roomId: id }, 'roomId');
    await act(ben, 'updateRoom', { id, topic: 'Tulips' }, 'room { id }');
    await act(ben, 'markRoomRead', { roomId: id, messageId }, 'room { id }');
    await act(cleo, 'markRoomRead', { roomId: id, messageId }, 'room { id }');
    await act(ben, 'deleteRoom', { id }, 'deletedId');
    const kinds = [
      'RoomMessageSent',
      'RoomMessageEdited',
      'RoomReactionsChanged',
      'RoomMessageDeleted',
      'RoomTyping',
      'RoomUpdated',
      'RoomRead',
      'RoomDeleted',
    ];
    await until(() => hears.isOver() && all.heard.length >= kinds.length);
    // Rows are read when they are told of, so that a message may be further by then than what is told of it.
    expect(hears.kinds()).toEqual(kinds);
    expect(all.kinds()).toEqual(kinds);
    expect(hears.heard.at(-1)).toEqual({ __typename: 'RoomDeleted', roomId: id });
    expect(others.heard).toEqual([]);
    expect(hears.isOver()).toBe(true);
    await Promise.all([hears, all, others].map(({ stop }) => stop()));
  });

  test('who is added hears from then on, who is removed no longer', async () => {
    const id = await channelOf(ben);
    const hears = await listen(cleo);
    await sent(ben, id, 'Before');
    await act(ben, 'addRoomMembers', { roomId: id, userIds: [cleo.userId] }, 'room { id }');
    await until(() => hears.heard.length >= 1);
    const named = await listen(cleo, [id]);
    await sent(ben, id, 'While');
    await until(() => hears.heard.length >= 2);
    await act(ben, 'removeRoomMember', { roomId: id, userId: cleo.userId }, 'room { id }');
    await sent(ben, id, 'After');
    await until(() => named.isOver() && hears.heard.length >= 3);
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(hears.kinds()).toEqual(['RoomMemberJoined', 'RoomMessageSent', 'RoomMemberLeft']);
    expect(named.kinds()).toEqual(['RoomMessageSent', 'RoomMemberLeft']);
    expect(named.isOver()).toBe(true);
    await Promise.all([hears.stop(), named.stop()]);
  });

  test('rooms that are not seen are not followed', async () => {
    const id = await channelOf(ben);
    const follower = await listen(dan, [id]);
    await expect(follower.ended).rejects.toThrow(/NOT_FOUND/);
    await follower.stop();
  });
});
