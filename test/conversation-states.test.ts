import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { titleFrom } from '../src/domains/conversations/titles.ts';
import { apiKeyOf } from './machines.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { conversationIn, workspaceOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';
import { uploaded } from './uploading.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let bob: Awaited<ReturnType<Testbed['signUp']>>;
let reader: Colleague;
let garden: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  bob = await bed.signUp('Bob');
  garden = await workspaceOf(ada);
  reader = await colleagueOf(bed, ada.organizationId, 'Reader', 'MEMBER', { [garden]: 'VIEWER' });
  await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
    input: { workspaceId: garden, title: 'Book', text: 'Roses are watered every three days.', wait: true },
  });
}, 60_000);
afterAll(() => bed.stop());

/** Sends a mutation with an input and gives its payload. */
const act = async (person: Person, name: string, input: object, selection: string): Promise<Data> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const data: Data = await person.want(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, {
    input,
  });
  return data[name];
};
const refused = async (person: Person, name: string, input: object, selection: string) => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const { errors } = await person.ask(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, {
    input,
  });
  return errors[0];
};
const state =
  'conversation { id title titlePending status endedAt durationSeconds slug kind channel pinnedAt archivedAt }';
const start = async (person: Person, input: object = {}): Promise<Data> =>
  (await act(person, 'startConversation', { workspaceId: garden, ...input }, state)).conversation;
const read = async (id: string, fields: string, person: Person = ada): Promise<Data> =>
  ((await person.want(`query ($id: ID!) { conversation(id: $id) { ${fields} } }`, { id })) as Data).conversation;
const listed = async (filter: string): Promise<string[]> => {
  const data: Data = await ada.want(
    `query ($id: ID!) { workspace(id: $id) { conversations(first: 100, filter: ${filter}) { totalCount edges { node { id } } } } }`,
    { id: garden },
  );
  const { edges, totalCount } = data.workspace.conversations;
  expect(totalCount).toBe(edges.length);
  return edges.map(({ node }: Data) => node.id);
};

test('a title is made of the first question, and one by hand stays', async () => {
  const begun = await start(ada);
  expect(begun).toMatchObject({ title: 'New conversation', titlePending: true, kind: 'CHAT', channel: 'APP' });
  await act(
    ada,
    'ask',
    { conversationId: begun.id, text: 'Hi! How often are roses watered? I forgot.' },
    'answer { id }',
  );
  expect(await read(begun.id, 'title titlePending')).toEqual({
    title: 'Hi! How often are roses watered?',
    titlePending: false,
  });
  const named = await start(ada, { title: 'Roses' });
  await act(ada, 'ask', { conversationId: named.id, text: 'How often are roses watered?' }, 'answer { id }');
  expect((await read(named.id, 'title')).title).toBe('Roses');
  const renamed = await start(ada);
  await act(ada, 'updateConversation', { id: renamed.id, title: 'Mine' }, state);
  await act(ada, 'ask', { conversationId: renamed.id, text: 'How often are roses watered?' }, 'answer { id }');
  expect((await read(renamed.id, 'title')).title).toBe('Mine');
});

test('titles are cut between words, whatever the language', () => {
  expect(titleFrom('How do I water roses?\nThey are dry.')).toBe('How do I water roses?');
  expect(titleFrom('  Watering roses.  ')).toBe('Watering roses');
  const long = titleFrom('Please explain in great detail how the watering of old garden roses works in summer');
  expect(long).toBe('Please explain in great detail how the watering of old…');
  const chinese = titleFrom('玫瑰'.repeat(50));
  expect(chinese.length).toBeLessThanOrEqual(61);
  expect(chinese.endsWith('…')).toBe(true);
  expect(titleFrom('🌹'.repeat(50)).isWellFormed()).toBe(true);
  expect(titleFrom('...')).toBe('New conversation');
});

test('a slug is unique in its workspace, and a key begins conversations in API', async () => {
  const { id } = await start(ada, { slug: 'my-roses' });
  expect(
    await refused(ada, 'startConversation', { workspaceId: garden, slug: 'my-roses' }, 'conversation { id }'),
  ).toMatchObject({
    extensions: { code: 'CONFLICT', field: 'slug' },
  });
  expect(
    await refused(ada, 'startConversation', { workspaceId: garden, slug: 'My roses' }, 'conversation { id }'),
  ).toMatchObject({
    extensions: { code: 'BAD_USER_INPUT', field: 'slug' },
  });
  const other = await start(ada);
  expect(
    await refused(ada, 'updateConversation', { id: other.id, slug: 'my-roses' }, 'conversation { id }'),
  ).toMatchObject({
    extensions: { code: 'CONFLICT', field: 'slug' },
  });
  await act(ada, 'updateConversation', { id, slug: null }, state);
  expect((await act(ada, 'updateConversation', { id: other.id, slug: 'my-roses' }, state)).conversation.slug).toBe(
    'my-roses',
  );
  expect(
    await refused(ada, 'startConversation', { workspaceId: garden, channel: 'EMBED' }, 'conversation { id }'),
  ).toMatchObject({
    extensions: { code: 'BAD_USER_INPUT', field: 'channel' },
  });
  const { secret } = await apiKeyOf(ada, { label: 'Programs', scopes: ['CONVERSATION_WRITE', 'CONVERSATION_READ'] });
  expect((await start(new Person(bed, secret))).channel).toBe('API');
});

test('only the moves of the table are made; a refusal says since when and until when, and changes nothing', async () => {
  const { id } = await start(ada, { title: 'Roses' });
  const input = { id };
  expect((await refused(ada, 'reopenConversation', input, state))?.extensions).toMatchObject({
    code: 'CONFLICT',
    status: 'ACTIVE',
    until: 'ENDED_OR_TRANSFERRED',
  });
  expect((await refused(reader, 'endConversation', input, state))?.extensions.code).toBe('FORBIDDEN');
  const ended = (await act(ada, 'endConversation', input, state)).conversation;
  expect(ended).toMatchObject({ status: 'ENDED', durationSeconds: expect.any(Number) });
  for (const [name, given, selection] of [
    ['endConversation', input, state],
    ['transferConversation', { conversationId: id }, state],
    ['takeConversation', input, state],
    ['handBackConversation', input, state],
    ['resetConversation', input, 'messages'],
    ['addMessage', { conversationId: id, content: 'Hello' }, 'message { id }'],
    ['answerConversation', { conversationId: id, content: 'Hello' }, 'message { id }'],
    ['ask', { conversationId: id, text: 'Roses?' }, 'answer { id }'],
    ['updateConversation', { id, status: 'TRANSFERRED', title: 'Other' }, state],
  ] as const) {
    const refusal = await refused(ada, name, given, selection);
    expect([name, refusal?.extensions]).toEqual([
      name,
      expect.objectContaining({ code: 'CONFLICT', status: 'ENDED', since: ended.endedAt, until: 'REOPENED' }),
    ]);
    expect(refusal?.message).toContain(ended.endedAt);
  }
  expect(await read(id, 'title status endedAt messages { totalCount }')).toEqual({
    title: 'Roses',
    status: 'ENDED',
    endedAt: ended.endedAt,
    messages: { totalCount: 0 },
  });
  expect((await act(ada, 'reopenConversation', input, state)).conversation).toMatchObject({
    status: 'ACTIVE',
    endedAt: null,
  });
  for (const status of ['ENDED', 'ENDED', 'ACTIVE', 'TRANSFERRED', 'ACTIVE'])
    expect((await act(ada, 'updateConversation', { id, status }, state)).conversation.status).toBe(status);
  expect(
    await bob.codes('mutation ($id: ID!) { endConversation(input: { id: $id }) { conversation { id } } }', { id }),
  ).toEqual(['NOT_FOUND']);
});

test('recordings carry their transcript and length; whoever sees the conversation sees the file', async () => {
  const { id } = await start(ada, { kind: 'VOICE', title: 'Call' });
  const wave = Buffer.concat([
    Buffer.from('RIFF$\0\0\0WAVEfmt \x10\0\0\0\x01\0\x01\0', 'latin1'),
    Buffer.from([0x44, 0xac, 0, 0, 0x88, 0x58, 1, 0, 2, 0, 16, 0]),
    Buffer.from('data\0\0\0\0', 'latin1'),
  ]);
  const sound = await uploaded(bed, ada, 'call.wav', wave, 'audio/wav');
  const note = await uploaded(bed, ada, 'note.txt', 'Roses', 'text/plain');
  const send = { conversationId: id, content: 'How are the roses?', fileId: sound };
  const seen = 'query ($id: ID!) { file(id: $id) { name } }';
  expect(await reader.codes(seen, { id: sound })).toEqual(['NOT_FOUND']);
  const { message } = await act(
    ada,
    'addMessage',
    { ...send, type: 'AUDIO', durationMs: 1500 },
    'message { id type content durationMs belowThreshold file { name } }',
  );
  expect(message).toMatchObject({ type: 'AUDIO', durationMs: 1500, belowThreshold: false, file: { name: 'call.wav' } });
  await act(ada, 'addMessage', { ...send, content: '', durationMs: 500 }, 'message { id }');
  expect(await read(id, 'kind recordingSeconds durationSeconds')).toEqual({
    kind: 'VOICE',
    recordingSeconds: 2,
    durationSeconds: null,
  });
  expect(await reader.codes(seen, { id: sound })).toEqual([]);
  for (const [input, field] of [
    [{ ...send, type: 'IMAGE' }, 'fileId'],
    [{ ...send, fileId: note, type: 'AUDIO' }, 'fileId'],
    [{ ...send, fileId: note, durationMs: 5 }, 'durationMs'],
    [{ ...send, durationMs: 0 }, 'durationMs'],
    [{ ...send, fileId: null, type: 'AUDIO' }, 'fileId'],
    [{ ...send, type: 'TEXT' }, 'type'],
  ] as const)
    expect((await refused(ada, 'addMessage', input, 'message { id }'))?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      field,
    });
  expect((await refused(bob, 'addMessage', { ...send }, 'message { id }'))?.extensions.code).toBe('NOT_FOUND');
  expect(
    await ada.codes('mutation ($id: ID!) { deleteFile(input: { id: $id }) { deletedId } }', { id: sound }),
  ).toEqual(['CONFLICT']);
  await act(ada, 'deleteConversation', { id }, 'deletedId');
  expect(await reader.codes(seen, { id: sound })).toEqual(['NOT_FOUND']);
});

test('archived conversations leave the list, and filters find what they name', async () => {
  const [kept, shelved] = [await start(ada, { title: 'Kept' }), await start(ada, { title: 'Shelved', kind: 'VOICE' })];
  await act(ada, 'pinConversation', { id: kept.id }, state);
  const archived = (await act(ada, 'archiveConversation', { id: shelved.id }, state)).conversation;
  expect((await act(ada, 'archiveConversation', { id: shelved.id }, state)).conversation.archivedAt).toBe(
    archived.archivedAt,
  );
  expect((await refused(reader, 'archiveConversation', { id: kept.id }, state))?.extensions.code).toBe('FORBIDDEN');
  const all = await listed('{}');
  expect(all).toContain(kept.id);
  expect(all).not.toContain(shelved.id);
  expect(await listed('{ archived: { eq: true } }')).toEqual([shelved.id]);
  expect(await listed('{ pinned: { eq: true } }')).toEqual([kept.id]);
  expect(await listed('{ kind: { eq: VOICE } }')).toEqual([]);
  expect(await listed('{ kind: { eq: VOICE }, archived: { eq: true } }')).toEqual([shelved.id]);
  expect(await listed('{ status: { eq: ENDED } }')).toEqual([]);
  expect(await listed(`{ startedBy: { eq: "${reader.userId}" } }`)).toEqual([]);
  expect((await listed(`{ startedBy: { eq: "${ada.userId}" } }`)).length).toBe(all.length);
  await act(ada, 'unarchiveConversation', { id: shelved.id }, state);
  await act(ada, 'unpinConversation', { id: kept.id }, state);
  expect(await listed('{}')).toContain(shelved.id);
  expect(await listed('{ pinned: { eq: true } }')).toEqual([]);
  const { statements } = await ada.ask(
    `query ($id: ID!) { workspace(id: $id) { conversations(first: 50) { edges { node { id recordingSeconds assignedTo { id } shares { edges { node { id } } } } } } } }`,
    { id: garden },
  );
  // Workspace, conversations, recordings, shares.
  expect(statements).toHaveLength(4);
});

test('a reset leaves the messages and takes them out of the history', async () => {
  const conversationId = await conversationIn(ada, garden);
  await act(ada, 'ask', { conversationId, text: 'How often are roses watered?' }, 'answer { id }');
  await act(ada, 'addMessage', { conversationId, content: 'Thanks' }, 'message { id }');
  expect((await act(ada, 'resetConversation', { id: conversationId }, 'messages')).messages).toBe(3);
  expect((await act(ada, 'resetConversation', { id: conversationId }, 'messages')).messages).toBe(0);
  expect((await read(conversationId, 'messages { totalCount }')).messages.totalCount).toBe(3);
});

test('search inside a conversation finds what stands there, and shows where', async () => {
  const conversationId = await conversationIn(ada, garden);
  const contents = [`${'x '.repeat(200)}ROSES and roses (100%)`, 'Tulips', 'Old Roses'];
  for (const content of contents) await act(ada, 'addMessage', { conversationId, content }, 'message { id }');
  const other = await conversationIn(ada, garden);
  await act(ada, 'addMessage', { conversationId: other, content: 'Roses elsewhere' }, 'message { id }');
  const query = `query ($id: ID!, $text: String!, $first: Int, $after: String) { searchMessages(conversationId: $id, text: $text, first: $first, after: $after) {
    totalCount pageInfo { hasNextPage endCursor } edges { snippet highlights { start end text } node { content } } } }`;
  const { searchMessages: found }: Data = await ada.want(query, { id: conversationId, text: 'roses', first: 1 });
  expect(found.totalCount).toBe(2);
  expect(found.pageInfo.hasNextPage).toBe(true);
  const [edge] = found.edges;
  expect(edge.highlights.map(({ text }: Data) => text)).toEqual(['ROSES', 'roses']);
  for (const { start: from, end, text } of edge.highlights) expect(edge.snippet.slice(from, end)).toBe(text);
  expect(edge.snippet.length).toBeLessThanOrEqual(240);
  const { searchMessages: rest }: Data = await ada.want(query, {
    id: conversationId,
    text: 'roses',
    after: found.pageInfo.endCursor,
  });
  expect(rest.edges.map(({ node }: Data) => node.content)).toEqual(['Old Roses']);
  const { searchMessages: literal }: Data = await ada.want(query, { id: conversationId, text: '(100%)' });
  expect(literal.edges).toHaveLength(1);
  expect(await ada.codes(query, { id: conversationId, text: '  ' })).toEqual(['BAD_USER_INPUT']);
  expect(await bob.codes(query, { id: conversationId, text: 'roses' })).toEqual(['NOT_FOUND']);
});

test('subscribers hear of messages, states and titles as long as they may', async () => {
  const { id } = await start(ada);
  const events: Data[] = [];
  const subscription = reader.subscribe(
    `subscription ($id: ID!) { conversationEvents(conversationId: $id) { __typename ... on ConversationMessageAdded { message { role content } }
      ... on ConversationStatusChanged { conversation { status } } ... on ConversationTitleChanged { conversation { title } } } }`,
    { id },
  );
  const reading = (async () => {
    for await (const { data } of subscription.results) {
      events.push((data as Data).conversationEvents);
      if (events.length === 4) return;
    }
  })();
  await pause(400);
  await act(ada, 'addMessage', { conversationId: id, content: 'One' }, 'message { id }');
  await act(ada, 'endConversation', { id }, state);
  await act(ada, 'updateConversation', { id, title: 'Named', status: 'ACTIVE' }, state);
  await reading;
  await subscription.stop();
  expect(events.slice(0, 2)).toEqual([
    { __typename: 'ConversationMessageAdded', message: { role: 'USER', content: 'One' } },
    { __typename: 'ConversationStatusChanged', conversation: { status: expect.any(String) } },
  ]);
  expect(events.map((event) => String(event.__typename)).sort()).toEqual([
    'ConversationMessageAdded',
    'ConversationStatusChanged',
    'ConversationStatusChanged',
    'ConversationTitleChanged',
  ]);
});
