import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { colleagueOf, type Colleague } from './company.ts';
import { conversationIn, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let bob: Awaited<ReturnType<Testbed['signUp']>>;
let customer: Colleague;
let agents: readonly Colleague[];
let [garden, kitchen] = ['', ''];

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  bob = await bed.signUp('Bob');
  garden = await workspaceOf(ada, { name: 'Garden' });
  kitchen = await workspaceOf(ada, { name: 'Kitchen' });
  customer = await colleagueOf(bed, ada.organizationId, 'Customer', 'GUEST', { [garden]: 'VIEWER' });
  const names = ['First', 'Second', 'Third', 'Fourth'];
  agents = await Promise.all(
    names.map((name) =>
      colleagueOf(bed, ada.organizationId, name, 'MEMBER', { [garden]: 'EDITOR', [kitchen]: 'VIEWER' }),
    ),
  );
}, 60_000);
afterAll(() => bed.stop());

const state = 'conversation { id status waitingSince transferReason assignedTo { id } }';
const act = async (person: Person, name: string, input: object, selection = state): Promise<Data> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const data: Data = await person.want(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, {
    input,
  });
  return data[name];
};
const refused = async (person: Person, name: string, input: object, selection = state): Promise<Data> => {
  const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input`;
  const { errors } = await person.ask(`mutation ($input: ${type}!) { ${name}(input: $input) { ${selection} } }`, {
    input,
  });
  return errors[0]?.extensions;
};
const agent = (at: number): Colleague => agents[at] ?? customer;
const waitingOf = async (person: Person, filter = '{}'): Promise<string[]> => {
  const data: Data = await person.want(
    `{ waitingConversations(first: 100, filter: ${filter}) { totalCount edges { node { id waitingSince } } } }`,
  );
  const { edges, totalCount } = data.waitingConversations;
  expect(totalCount).toBe(edges.length);
  return edges.map(({ node }: Data) => node.id);
};

test('a conversation waits, is taken, answered by a person, and handed back', async () => {
  const conversationId = await conversationIn(customer, garden);
  const { conversation } = await act(customer, 'transferConversation', { conversationId, reason: ' A hard one ' });
  expect(conversation).toMatchObject({ status: 'TRANSFERRED', transferReason: 'A hard one', assignedTo: null });
  expect(conversation.waitingSince).not.toBeNull();
  const asked = await refused(customer, 'ask', { conversationId, text: 'Roses?' }, 'answer { id }');
  expect(asked).toMatchObject({
    code: 'CONFLICT',
    status: 'TRANSFERRED',
    since: conversation.waitingSince,
    until: 'HANDED_BACK',
  });
  await act(customer, 'addMessage', { conversationId, content: 'Is anybody there?' }, 'message { id }');
  expect(
    await refused(agent(0), 'answerConversation', { conversationId, content: 'Yes' }, 'message { id }'),
  ).toMatchObject({
    code: 'CONFLICT',
    field: 'assignedTo',
    assignedTo: null,
  });
  expect((await act(agent(0), 'takeConversation', { id: conversationId })).conversation).toMatchObject({
    status: 'TRANSFERRED',
    waitingSince: null,
    assignedTo: { id: agent(0).userId },
  });
  const { message } = await act(
    agent(0),
    'answerConversation',
    { conversationId, content: 'Yes, I am.' },
    'message { role sender { id } parent { content } }',
  );
  expect(message).toEqual({ role: 'AGENT', sender: { id: agent(0).userId }, parent: { content: 'Is anybody there?' } });
  expect(
    await refused(agent(1), 'answerConversation', { conversationId, content: 'Me too' }, 'message { id }'),
  ).toMatchObject({
    code: 'CONFLICT',
    assignedTo: agent(0).userId,
  });
  expect((await refused(customer, 'handBackConversation', { id: conversationId })).code).toBe('FORBIDDEN');
  expect((await act(agent(0), 'handBackConversation', { id: conversationId })).conversation).toMatchObject({
    status: 'ACTIVE',
    assignedTo: null,
  });
  expect((await act(customer, 'ask', { conversationId, text: 'Roses?' }, 'answer { status }')).answer.status).toBe(
    'COMPLETED',
  );
});

test('of those who take a conversation at a time one gets it, the others are told who', async () => {
  for (let round = 0; round < 3; round++) {
    const conversationId = await conversationIn(customer, garden);
    await act(customer, 'transferConversation', { conversationId });
    const taken = await Promise.all(
      agents.map((person) =>
        person.ask(
          'mutation ($id: ID!) { takeConversation(input: { id: $id }) { conversation { assignedTo { id } } } }',
          { id: conversationId },
        ),
      ),
    );
    const winners = taken.flatMap(({ data }, at) => (data === null ? [] : [agent(at).userId]));
    expect(winners).toHaveLength(1);
    const losers = taken.flatMap(({ errors }) => errors.map(({ extensions }) => extensions));
    expect(losers).toEqual(
      Array.from({ length: agents.length - 1 }, () =>
        expect.objectContaining({ code: 'CONFLICT', assignedTo: winners[0] }),
      ),
    );
  }
});

test('the queue shows what one may answer, the longest waiting first', async () => {
  const there = await conversationIn(ada, kitchen);
  await act(ada, 'transferConversation', { conversationId: there });
  const ids = [await conversationIn(customer, garden), await conversationIn(customer, garden)];
  for (const conversationId of ids.toReversed()) await act(customer, 'transferConversation', { conversationId });
  expect(await waitingOf(ada)).toEqual([there, ...ids.toReversed()]);
  // Only VIEWERs in the kitchen.
  expect(await waitingOf(agent(0))).toEqual(ids.toReversed());
  expect(await waitingOf(ada, `{ workspaceId: { eq: "${kitchen}" } }`)).toEqual([there]);
  expect(await waitingOf(agent(0), `{ workspaceId: { eq: "${kitchen}" } }`)).toEqual([]);
  expect(await waitingOf(bob)).toEqual([]);
  expect(await customer.codes('{ waitingConversations { totalCount } }')).toEqual(['FORBIDDEN']);
  const { statements } = await ada.ask(
    '{ waitingConversations { edges { node { id workspace { name } startedBy { name } } } } }',
  );
  // The queue, its workspaces, and people of two kinds of place at once.
  expect(statements).toHaveLength(3);
  expect((await refused(agent(0), 'takeConversation', { id: there })).code).toBe('FORBIDDEN');
  expect((await refused(bob, 'takeConversation', { id: there })).code).toBe('NOT_FOUND');
});

test('an assignee is a member who may answer there', async () => {
  const conversationId = await conversationIn(customer, garden);
  const to = (assigneeId: string) => refused(customer, 'transferConversation', { conversationId, assigneeId });
  expect(await to(bob.userId)).toMatchObject({ code: 'NOT_FOUND', type: 'User' });
  expect(await to(customer.userId)).toMatchObject({ code: 'BAD_USER_INPUT', field: 'assigneeId' });
  const { conversation } = await act(customer, 'transferConversation', { conversationId, assigneeId: agent(2).userId });
  expect(conversation).toMatchObject({
    status: 'TRANSFERRED',
    waitingSince: null,
    assignedTo: { id: agent(2).userId },
  });
  expect(await refused(agent(1), 'takeConversation', { id: conversationId })).toMatchObject({
    code: 'CONFLICT',
    assignedTo: agent(2).userId,
  });
  expect((await act(agent(2), 'endConversation', { id: conversationId })).conversation).toMatchObject({
    status: 'ENDED',
    assignedTo: null,
  });
  expect((await refused(bob, 'transferConversation', { conversationId })).code).toBe('NOT_FOUND');
});

test('an answer below the threshold hands its conversation over where the workspace wants that', async () => {
  const workspaceId = await workspaceOf(ada, { name: 'Unsure', confidenceThreshold: 1 });
  await ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
    input: { workspaceId, title: 'Book', text: 'Roses are watered every three days. Tulips rest.', wait: true },
  });
  const ask = async () => {
    const conversationId = await conversationIn(ada, workspaceId);
    const text = 'Roses, tulips, lilies and the price of gold: what is watered, and who pays?';
    const { answer } = await act(ada, 'ask', { conversationId, text }, 'answer { confidence belowThreshold status }');
    const data: Data = await ada.want(
      `query ($id: ID!) { conversation(id: $id) { status waitingSince transferReason } }`,
      { id: conversationId },
    );
    return { answer, conversation: data.conversation };
  };
  const before = await ask();
  expect(before.answer).toMatchObject({ belowThreshold: true, status: 'COMPLETED' });
  expect(before.conversation.status).toBe('ACTIVE');
  await act(
    ada,
    'updateWorkspace',
    { id: workspaceId, handoverBelowThreshold: true },
    'workspace { handoverBelowThreshold }',
  );
  const { answer, conversation } = await ask();
  expect(conversation.status).toBe('TRANSFERRED');
  expect(conversation.waitingSince).not.toBeNull();
  expect(conversation.transferReason).toBe(
    `The confidence of an answer, ${answer.confidence.toFixed(2)}, is below the workspace's threshold of 1.00.`,
  );
});
