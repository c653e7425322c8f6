import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const start = `mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id metadata } } }`;
const update = `mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { metadata } } }`;
const add = `mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { metadata } } }`;
const read = `query ($id: ID!) { conversation(id: $id) { metadata messages { edges { node { content metadata } } } } }`;

let bed: Testbed;
let ada: Person;
let workspaceId: string;
beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  workspaceId = await workspaceOf(ada);
});
afterAll(() => bed.stop());

const began = async (metadata?: object): Promise<{ id: string; metadata: object }> => {
  const { startConversation }: Data = await ada.want(start, { input: { workspaceId, metadata } });
  return startConversation.conversation;
};

test('what a client keeps with conversations and messages comes back as it was', async () => {
  const order = { order: 7, tags: ['a', { b: null }] };
  const { id, metadata } = await began(order);
  expect(metadata).toEqual(order);
  expect((await began()).metadata).toEqual({});
  await ada.want(add, { input: { conversationId: id, content: 'Plain' } });
  await ada.want(add, { input: { conversationId: id, content: 'Marked', metadata: { from: 'phone' } } });
  const { conversation }: Data = await ada.want(read, { id });
  expect(conversation.messages.edges.map(({ node }: Data) => node)).toEqual([
    { content: 'Plain', metadata: null },
    { content: 'Marked', metadata: { from: 'phone' } },
  ]);
  await ada.want(update, { input: { id, title: 'Roses' } });
  expect(((await ada.want(read, { id })) as Data).conversation.metadata).toEqual(order);
  await ada.want(update, { input: { id, metadata: { order: 8 } } });
  expect(((await ada.want(read, { id })) as Data).conversation.metadata).toEqual({ order: 8 });
  await ada.want(update, { input: { id, metadata: null } });
  expect(((await ada.want(read, { id })) as Data).conversation.metadata).toEqual({});
});

test.each([
  ['a list', [1]],
  ['a text', 'text'],
  ['a number', 7],
  ['more than 16,000 bytes', { text: 'x'.repeat(16_000) }],
])('%s is refused and changes nothing', async (_what, metadata) => {
  const { id } = await began({ kept: true });
  for (const [mutation, input] of [
    [start, { workspaceId, metadata }],
    [update, { id, title: 'Other', metadata }],
    [add, { conversationId: id, content: 'Hello', metadata }],
  ] as const) {
    const { errors } = await ada.ask(mutation, { input });
    expect(errors.map(({ extensions }) => [extensions.code, extensions.field])).toEqual([
      ['BAD_USER_INPUT', 'metadata'],
    ]);
  }
  const { conversation }: Data = await ada.want(read, { id });
  expect(conversation).toEqual({ metadata: { kept: true }, messages: { edges: [] } });
});
