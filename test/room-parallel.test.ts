import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { act, channelOf, refused } from './room-talk.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let people: Colleague[];
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
  people = [];
  for (const name of ['Ben', 'Cleo', 'Dan', 'Eve', 'Fay', 'Gus'])
    people.push(await colleagueOf(bed, ada.organizationId, name, 'MEMBER', { [workspaceId]: 'VIEWER' }));
}, 60_000);
afterAll(() => bed?.stop());

const person = (index: number): Colleague => people[index % people.length] as Colleague;

test('fifty who write at once stand in one order, and none is lost or counted twice', async () => {
  const roomId = await channelOf(person(0), { memberIds: people.map(({ userId }) => userId) });
  const numbers = Array.from({ length: 50 }, (_, at) => at);
  const writers = numbers.map((at) => person(at % 5));
  const ids = await Promise.all(
    numbers.map(async (at) => {
      const input = { roomId, content: `Message ${at} @all` };
      return (await act(writers[at] as Person, 'sendRoomMessage', input, 'message { id }')).message.id as string;
    }),
  );
  const read: Data = await person(5).want(
    `query ($id: ID!) { room(id: $id) { unreadCount mentionsCount messages(first: 100) { edges { node { id createdAt } } } } }`,
    { id: roomId },
  );
  const { unreadCount, mentionsCount, messages } = read.room;
  expect([unreadCount, mentionsCount]).toEqual([50, 50]);
  expect(messages.edges.map(({ node }: Data) => node.id).toSorted()).toEqual(ids.toSorted());
  const times: string[] = messages.edges.map(({ node }: Data) => node.createdAt);
  expect(new Set(times).size).toBe(50);
  expect(times).toEqual(times.toSorted());
  // Who wrote has read up to their newest: what others wrote behind it is left.
  const order: string[] = messages.edges.map(({ node }: Data) => node.id);
  for (const each of people.slice(0, 5)) {
    const own = ids.filter((_, at) => writers[at] === each);
    const newest = Math.max(...own.map((id) => order.indexOf(id)));
    const { room }: Data = await each.want('query ($id: ID!) { room(id: $id) { unreadCount } }', { id: roomId });
    expect(room.unreadCount).toBe(49 - newest);
  }
});

test('a direct room that all begin at once is one room', async () => {
  const trio = people.slice(0, 3);
  const made = await Promise.all(
    Array.from({ length: 12 }, async (_, at) => {
      const memberIds = trio.map(({ userId }) => userId);
      return (await act(person(at % 3), 'createRoom', { kind: 'DIRECT', memberIds }, 'room { id memberCount }')).room;
    }),
  );
  expect(new Set(made.map(({ id }: Data) => id)).size).toBe(1);
  expect(new Set(made.map(({ memberCount }: Data) => memberCount))).toEqual(new Set([3]));
});

/** Numbers that look random and are the same in each run (mulberry32). */
const randomness = (seed: number) => () => {
  seed = (seed + 0x6d2b79f5) | 0;
  let bits = Math.imul(seed ^ (seed >>> 15), 1 | seed);
  bits ^= bits + Math.imul(bits ^ (bits >>> 7), 61 | bits);
  return ((bits ^ (bits >>> 14)) >>> 0) / 4_294_967_296;
};

test('whoever comes, goes, rises and falls at once: members are counted right, and one of them is an owner', async () => {
  const rooms = [
    await channelOf(person(0), { name: 'Open', workspaceId, memberIds: people.map(({ userId }) => userId) }),
    await channelOf(person(1), { memberIds: people.map(({ userId }) => userId) }),
  ];
  const random = randomness(7);
  const pick = <Item>(items: readonly Item[]): Item => items[Math.floor(random() * items.length)] as Item;
  const seen = new Set<unknown>();
  const step = async (): Promise<void> => {
    const [roomId, who, userId] = [pick(rooms), pick(people), pick(people).userId];
    const [name, input] = pick<readonly [string, object]>([
      ['joinRoom', { roomId }],
      ['leaveRoom', { roomId }],
      ['addRoomMembers', { roomId, userIds: [userId] }],
      ['removeRoomMember', { roomId, userId }],
      ['changeRoomRole', { roomId, userId, role: pick(['OWNER', 'MEMBER']) }],
      ['sendRoomMessage', { roomId, content: 'Hello' }],
    ]);
    seen.add(((await refused(who, name, input, '__typename')) ?? 'done').split(' ')[0]);
  };
  for (let round = 0; round < 15; round += 1) await Promise.all(Array.from({ length: 10 }, step));
  // A leave of the organization takes part in it, too.
  const leaver = person(2);
  const remove = 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { deletedId } }';
  await Promise.all([...Array.from({ length: 10 }, step), ada.want(remove, { input: { userId: leaver.userId } })]);
  expect(
    [...seen].filter(
      (code) => !['done', 'FORBIDDEN', 'NOT_FOUND', 'CONFLICT', 'UNAUTHENTICATED'].includes(String(code)),
    ),
  ).toEqual([]);
  expect(seen.has('done')).toBe(true);
  const unit = whole(bed, ada.organizationId);
  const found = await unit.run(() =>
    database.execute<{ id: string; counted: number; members: number; owners: number; left: number }>(sql`
      select r.id, r.member_count as counted, count(m.id)::int as members,
        (count(*) filter (where m.role = 'OWNER'))::int as owners, (count(*) filter (where m.user_id = ${uuidOf(leaver.userId)}))::int as left
      from rooms r left join room_memberships m on m.organization_id = r.organization_id and m.room_id = r.id
      where r.kind = 'CHANNEL' group by r.id, r.member_count`),
  );
  await unit.rest();
  expect(found.length).toBeGreaterThanOrEqual(2);
  for (const room of found) {
    expect([room.id, room.counted, room.left]).toEqual([room.id, room.members, 0]);
    if (room.members > 0) expect(room.owners).toBeGreaterThan(0);
  }
});
