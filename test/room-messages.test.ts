import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { files } from '../src/domains/content/tables.ts';
import { isOneEmoji } from '../src/domains/messaging/emoji.ts';
import { namedIn } from '../src/domains/messaging/room-mentions.ts';
import { maxAttachmentBytes } from '../src/domains/messaging/room-messages.ts';
import { fingerprint, whole } from './access/cast.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { apiKeyOf } from './machines.ts';
import { act, channelOf, refused, sent } from './room-talk.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';
import { openUpload, uploaded } from './uploading.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let ben: Colleague;
let cleo: Colleague;
let dan: Colleague;
let workspaceId: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada, { language: 'de' });
  const join = (name: string, sees: boolean) =>
    colleagueOf(bed, ada.organizationId, name, 'MEMBER', sees ? { [workspaceId]: 'VIEWER' } : {});
  ben = await join('Ben', true);
  cleo = await join('Cleo', true);
  dan = await join('Dan', false);
}, 60_000);
afterAll(() => bed?.stop());

const roomOf = async (person: Person, id: string, selection: string): Promise<Data> =>
  ((await person.want(`query ($id: ID!) { room(id: $id) { ${selection} } }`, { id })) as Data).room;
const messageOf = async (person: Person, id: string, selection: string): Promise<Data> =>
  ((await person.want(`query ($id: ID!) { node(id: $id) { ... on RoomMessage { ${selection} } } }`, { id })) as Data)
    .node;
const found = async (person: Person, text: string, args = ''): Promise<string[]> =>
  (
    (await person.want(
      `query ($text: String!) { searchRoomMessages(text: $text${args}) { edges { node { content } } } }`,
      {
        text,
      },
    )) as Data
  ).searchRoomMessages.edges.map(({ node }: Data) => node.content);
const pair = () => channelOf(ben, { memberIds: [cleo.userId] });

describe('messages', () => {
  test('are read by pages both ways, with what they answer', async () => {
    const roomId = await pair();
    const ids: string[] = [];
    for (const content of ['One', 'Two', 'Three', 'Four']) ids.push(await sent(ben, roomId, content));
    const answer = await sent(cleo, roomId, 'Indeed', { replyToId: ids[0] });
    const page = async (args: string) =>
      (
        await roomOf(
          cleo,
          roomId,
          `messages(${args}) { edges { cursor node { content } } pageInfo { hasPreviousPage } }`,
        )
      ).messages;
    const contents = (messages: Data) => messages.edges.map(({ node }: Data) => node.content);
    const last = await page('last: 2');
    expect([contents(last), last.pageInfo.hasPreviousPage]).toEqual([['Four', 'Indeed'], true]);
    expect(contents(await page(`last: 2, before: "${last.edges[0].cursor}"`))).toEqual(['Two', 'Three']);
    expect(contents(await page('first: 2'))).toEqual(['One', 'Two']);
    expect(await messageOf(ben, answer, 'replyTo { content } room { id }')).toEqual({
      replyTo: { content: 'One' },
      room: { id: roomId },
    });
    expect(await messageOf(ben, ids[0] ?? '', 'replyCount replies { totalCount edges { node { id } } }')).toEqual({
      replyCount: 1,
      replies: { totalCount: 1, edges: [{ node: { id: answer } }] },
    });
    expect(await roomOf(ben, roomId, 'lastMessage { id }')).toEqual({ lastMessage: { id: answer } });
    const other = await channelOf(ben);
    expect(
      await refused(ben, 'sendRoomMessage', { roomId: other, content: 'x', replyToId: answer }, '__typename'),
    ).toBe('NOT_FOUND');
  });

  test('have their bounds, and what is refused changes nothing', async () => {
    const roomId = await pair();
    const file = await uploaded(bed, ben, 'a.txt', 'Asters');
    const huge = await uploaded(bed, ben, 'huge.txt', 'Huge');
    await whole(bed, ada.organizationId).transact(() =>
      database
        .update(files)
        .set({ size: maxAttachmentBytes + 1 })
        .where(eq(files.id, uuidOf(huge))),
    );
    const waiting = await openUpload(ben, 'later.txt', 10);
    const secret = await uploaded(bed, dan, 'secret.txt', 'Secret');
    const before = await fingerprint(bed, ada.organizationId);
    const tries: readonly [object, string][] = [
      [{ content: ' ' }, 'BAD_USER_INPUT content'],
      [{ content: 'x'.repeat(8001) }, 'BAD_USER_INPUT content'],
      [{ content: 'x\0' }, 'BAD_USER_INPUT content'],
      [{ content: '', attachmentIds: [file, huge] }, 'BAD_USER_INPUT attachmentIds.1'],
      [{ content: '', attachmentIds: [waiting.id] }, 'CONFLICT fileId'],
      [{ content: 'x', attachmentIds: [secret] }, 'NOT_FOUND'],
      [{ content: 'x', mentionedUserIds: [dan.userId] }, 'BAD_USER_INPUT mentionedUserIds'],
    ];
    for (const [input, code] of tries)
      expect([input, await refused(ben, 'sendRoomMessage', { roomId, ...input }, '__typename')]).toEqual([input, code]);
    const eleven = Array.from({ length: 11 }, (_, at) => `file_01h2xcejqtf2nbrexx3vqjhp4${at.toString(16)}`);
    expect(await refused(ben, 'sendRoomMessage', { roomId, content: 'x', attachmentIds: eleven }, '__typename')).toBe(
      'BAD_USER_INPUT attachmentIds',
    );
    expect(await fingerprint(bed, ada.organizationId)).toEqual(before);
  });

  test('are changed by who wrote them, and emptied by them or an owner', async () => {
    const roomId = await pair();
    const id = await sent(cleo, roomId, 'Tulips bloom');
    expect(await refused(ben, 'editRoomMessage', { id, content: 'x' }, '__typename')).toBe('FORBIDDEN');
    await act(cleo, 'editRoomMessage', { id, content: 'Daisies bloom' }, 'message { id }');
    expect(await messageOf(ben, id, 'content editedAt')).toEqual({
      content: 'Daisies bloom',
      editedAt: expect.any(String),
    });
    expect([await found(ben, 'tulips'), await found(ben, 'daisy')]).toEqual([[], ['Daisies bloom']]);
    await act(ben, 'addReaction', { messageId: id, emoji: '👍' }, 'message { id }');
    const own = await sent(ben, roomId, 'Mine');
    expect(await refused(cleo, 'deleteRoomMessage', { id: own }, '__typename')).toBe('FORBIDDEN');
    await act(ben, 'deleteRoomMessage', { id }, 'message { id }');
    expect(
      await messageOf(cleo, id, 'content deletedAt reactions { emoji } attachments { id } mentions { id }'),
    ).toEqual({
      content: '',
      deletedAt: expect.any(String),
      reactions: [],
      attachments: [],
      mentions: [],
    });
    expect(await found(ben, 'daisies')).toEqual([]);
    expect(await refused(cleo, 'editRoomMessage', { id, content: 'x' }, '__typename')).toBe('CONFLICT id');
  });

  test('stand in the log without their content', async () => {
    const roomId = await pair();
    await sent(ben, roomId, 'Wisteria by the wall');
    const unit = whole(bed, ada.organizationId);
    const entries = await unit.run(() =>
      database.execute<{ entry: string }>(sql`select e::text as entry from events e where action like 'room%'`),
    );
    await unit.rest();
    expect(entries.length).toBeGreaterThan(1);
    expect(entries.filter(({ entry }) => /wisteria/i.test(entry))).toEqual([]);
  });
});

test('one emoji is one emoji', () => {
  for (const emoji of ['👍', '👍🏽', '❤️', '👩‍👩‍👧‍👦', '🇩🇪', '1️⃣', '🏴󠁧󠁢󠁳󠁣󠁴󠁿'])
    expect([emoji, isOneEmoji(emoji)]).toEqual([emoji, true]);
  for (const text of ['', 'a', '1', '👍👍', '👍 ', ':+1:', '🇩', '\u200d', '👍'.repeat(100)])
    expect([text, isOneEmoji(text)]).toEqual([text, false]);
});

test('reactions are grouped by emoji', async () => {
  const roomId = await pair();
  const messageId = await sent(ben, roomId, 'Hello');
  for (const [person, emoji] of [
    [ben, '🌹'],
    [cleo, '🌹'],
    [cleo, '🌹'],
    [cleo, '👍'],
  ] as const)
    await act(person, 'addReaction', { messageId, emoji }, 'message { id }');
  const groups = 'reactions { emoji count mine users { id } }';
  expect((await messageOf(ben, messageId, groups)).reactions).toEqual([
    { emoji: '🌹', count: 2, mine: true, users: [{ id: ben.userId }, { id: cleo.userId }] },
    { emoji: '👍', count: 1, mine: false, users: [{ id: cleo.userId }] },
  ]);
  await act(ben, 'removeReaction', { messageId, emoji: '🌹' }, 'message { id }');
  await act(ben, 'removeReaction', { messageId, emoji: '👍' }, 'message { id }');
  expect((await messageOf(ben, messageId, groups)).reactions).toMatchObject([{ count: 1, mine: false }, { count: 1 }]);
  expect(await refused(ben, 'addReaction', { messageId, emoji: 'no' }, '__typename')).toBe('BAD_USER_INPUT emoji');
});

describe('mentions', () => {
  test('are read from the text', () => {
    expect(namedIn('Ask @ada, @Ben. or mail x@cleo.org; @all!')).toEqual({
      usernames: ['ada', 'ben.', 'ben'],
      everybody: true,
    });
    expect(namedIn('a@here.org @1 @')).toEqual({ usernames: [], everybody: false });
  });

  test('reach members of the room by name, by id and all at once', async () => {
    const name = (person: Person, username: string) =>
      person.want('mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { account { name } } }', {
        input: { username },
      });
    await Promise.all([name(cleo, 'cleo.the-first'), name(dan, 'dan.the-second')]);
    const roomId = await pair();
    const mentioned = async (content: string, more: object = {}): Promise<string[]> => {
      const id = await sent(ben, roomId, content, more);
      return (await messageOf(ben, id, 'mentions { id }')).mentions.map((user: Data) => user.id);
    };
    expect(await mentioned('@cleo.the-first. and @dan.the-second and @ben')).toEqual([cleo.userId]);
    expect(await mentioned('You', { mentionedUserIds: [cleo.userId, ben.userId] })).toEqual([cleo.userId]);
    expect(await mentioned('@here')).toEqual([cleo.userId]);
    expect(await mentioned('Nobody')).toEqual([]);
    expect(await roomOf(cleo, roomId, 'mentionsCount unreadCount')).toEqual({ mentionsCount: 3, unreadCount: 4 });
    const id = await sent(ben, roomId, '@all');
    await act(ben, 'editRoomMessage', { id, content: 'None' }, 'message { id }');
    expect(await roomOf(cleo, roomId, 'mentionsCount unreadCount')).toEqual({ mentionsCount: 3, unreadCount: 5 });
    await act(cleo, 'markRoomRead', { roomId, messageId: id }, 'room { id }');
    expect(await roomOf(cleo, roomId, 'mentionsCount unreadCount')).toEqual({ mentionsCount: 0, unreadCount: 0 });
  });
});

test('what was read never goes back, and one’s own counts for nothing', async () => {
  const roomId = await pair();
  const ids = [];
  for (const content of ['One', 'Two', 'Three']) ids.push(await sent(ben, roomId, content));
  const unread = async (person: Person) => (await roomOf(person, roomId, 'unreadCount')).unreadCount;
  expect([await unread(cleo), await unread(ben)]).toEqual([3, 0]);
  await act(cleo, 'markRoomRead', { roomId, messageId: ids[1] }, 'room { id }');
  await act(cleo, 'markRoomRead', { roomId, messageId: ids[0] }, 'room { id }');
  expect(await unread(cleo)).toBe(1);
  await act(ben, 'deleteRoomMessage', { id: ids[2] }, 'message { id }');
  expect(await unread(cleo)).toBe(0);
  await sent(ben, roomId, 'Four');
  await sent(cleo, roomId, 'Mine');
  expect(await unread(cleo)).toBe(0);
  expect(await roomOf(ben, roomId, 'members { edges { node { user { id } lastReadAt } } }')).toEqual({
    members: {
      edges: expect.arrayContaining([
        { node: { user: { id: cleo.userId }, lastReadAt: null } },
        { node: { user: { id: ben.userId }, lastReadAt: expect.any(String) } },
      ]),
    },
  });
  const other = await sent(ben, await channelOf(ben), 'Elsewhere');
  expect(await refused(cleo, 'markRoomRead', { roomId, messageId: other }, '__typename')).toBe('NOT_FOUND');
});

describe('attachments', () => {
  const link = (person: Person, id: string) =>
    person.ask('mutation ($input: CreateFileLinkInput!) { createFileLink(input: $input) { url } }', {
      input: { id },
    });
  const opens = async (person: Person, id: string): Promise<boolean> => (await link(person, id)).errors.length === 0;

  test('of a private channel are read by who is in it, and as long as they are', async () => {
    const roomId = await pair();
    const file = await uploaded(bed, ben, 'plan.txt', 'Roses by the wall');
    expect(await opens(cleo, file)).toBe(false);
    const id = await sent(ben, roomId, '', { attachmentIds: [file] });
    expect(await messageOf(cleo, id, 'content attachments { id name }')).toEqual({
      content: '',
      attachments: [{ id: file, name: 'plan.txt' }],
    });
    const { data }: Data = await link(cleo, file);
    const url = new URL(data.createFileLink.url);
    const fetched = async () => (await fetch(`${bed.url}${url.pathname}`)).status;
    expect([await fetched(), await opens(dan, file)]).toEqual([200, false]);
    const listing = '{ files(first: 100) { edges { node { id } } } }';
    const files = async (person: Person): Promise<string[]> =>
      ((await person.want(listing)) as Data).files.edges.map(({ node }: Data) => node.id);
    expect([(await files(cleo)).includes(file), (await files(dan)).includes(file)]).toEqual([true, false]);
    const used: Data = await ben.ask(
      'mutation ($input: DeleteFileInput!) { deleteFile(input: $input) { deletedId } }',
      { input: { id: file } },
    );
    expect(used.errors[0]).toMatchObject({
      message: 'This file is used by a message of a room.',
      extensions: { code: 'CONFLICT' },
    });
    await act(ben, 'removeRoomMember', { roomId, userId: cleo.userId }, 'room { id }');
    expect([await fetched(), await opens(cleo, file), await opens(ben, file)]).toEqual([404, false, true]);
    await act(ben, 'addRoomMembers', { roomId, userIds: [cleo.userId] }, 'room { id }');
    expect(await opens(cleo, file)).toBe(true);
    await act(ben, 'deleteRoomMessage', { id }, 'message { id }');
    expect([await opens(cleo, file), await opens(ben, file)]).toEqual([false, true]);
  });

  test('of an open channel are read by who sees its workspace, and of a deleted one by nobody else any more', async () => {
    const roomId = await channelOf(ben, { name: 'Pictures', workspaceId });
    const file = await uploaded(bed, ben, 'plan.txt', 'Lilies by the wall');
    await sent(ben, roomId, 'See', { attachmentIds: [file] });
    expect([await opens(cleo, file), await opens(dan, file)]).toEqual([true, false]);
    await act(ben, 'deleteRoom', { id: roomId }, 'deletedId');
    expect([await opens(cleo, file), await opens(ben, file)]).toEqual([false, true]);
  });

  test('are not what a key of some workspaces sees of its member’s', async () => {
    const file = await uploaded(bed, cleo, 'plan.txt', 'Asters by the wall');
    const roomId = await channelOf(cleo, { memberIds: [ada.userId] });
    await sent(cleo, roomId, '', { attachmentIds: [file] });
    const made = await apiKeyOf(ada, {
      label: 'Robot',
      scopes: ['DOCUMENT_READ', 'ROOM_READ'],
      workspaceIds: [workspaceId],
    });
    const key = new Person(bed, made.secret);
    expect(await key.codes('query ($id: ID!) { file(id: $id) { id } }', { id: file })).toEqual(['NOT_FOUND']);
    expect(await key.codes('{ rooms { totalCount } }')).toEqual(['FORBIDDEN']);
  });
});

describe('search', () => {
  test('finds every word by its stem, the newest first, in the rooms one is in', async () => {
    const [one, two, others] = [await pair(), await pair(), await channelOf(ben)];
    await sent(ben, one, 'The gardener waters peonies');
    await sent(ben, two, 'Peonies are watered by gardeners');
    await sent(ben, two, 'Peonies alone');
    await sent(ben, others, 'Gardeners water peonies in secret');
    expect(await found(cleo, 'peony gardener')).toEqual([
      'Peonies are watered by gardeners',
      'The gardener waters peonies',
    ]);
    expect(await found(cleo, 'peony', `, roomId: "${one}"`)).toEqual(['The gardener waters peonies']);
    expect(await cleo.codes(`{ searchRoomMessages(text: "peony", roomId: "${others}") { edges { cursor } } }`)).toEqual(
      ['NOT_FOUND'],
    );
    expect(await found(dan, 'peony')).toEqual([]);
    expect(await cleo.codes('{ searchRoomMessages(text: "the") { edges { cursor } } }')).toEqual(['BAD_USER_INPUT']);
    const page = async (after: string | null): Promise<Data> =>
      (
        (await cleo.want(
          `query ($after: String) { searchRoomMessages(text: "peony", first: 1, after: $after) { edges { node { content } snippet { text } highlights { text } }
          pageInfo { hasNextPage hasPreviousPage endCursor } } }`,
          { after },
        )) as Data
      ).searchRoomMessages;
    const first = await page(null);
    expect(first).toMatchObject({
      edges: [
        { node: { content: 'Peonies alone' }, snippet: { text: 'Peonies alone' }, highlights: [{ text: 'Peonies' }] },
      ],
      pageInfo: { hasNextPage: true, hasPreviousPage: false },
    });
    const second = await page(first.pageInfo.endCursor);
    expect(second.edges[0].node.content).toBe('Peonies are watered by gardeners');
    const third = await page(second.pageInfo.endCursor);
    expect([third.edges[0].node.content, third.pageInfo.hasNextPage]).toEqual(['The gardener waters peonies', false]);
  });

  test('reads an open channel in the language of its workspace', async () => {
    const roomId = await channelOf(ben, { name: 'Garten', workspaceId });
    await sent(ben, roomId, 'Die Häuser stehen im Garten');
    expect(await found(ben, 'Haus')).toEqual(['Die Häuser stehen im Garten']);
    expect(await found(cleo, 'Haus', `, roomId: "${roomId}"`)).toEqual(['Die Häuser stehen im Garten']);
    expect(await found(cleo, 'Haus')).toEqual([]);
  });
});
