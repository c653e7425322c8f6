import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { v7 } from 'uuid';
import { database } from '../src/database/client.ts';
import { failAbandonedAnswers } from '../src/domains/conversations/abandoned.ts';
import { settled, settleWithin } from '../src/domains/conversations/answering.ts';
import { messages, runningAnswers } from '../src/domains/conversations/tables.ts';
import { executionLogs } from '../src/domains/modelhub/execution-tables.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

const askMutation = `mutation Ask($input: AskInput!) { ask(input: $input) { question { id } answer { id content status
  citations { quote score chunk { id text document { id title } } } } } }`;
const wholeAnswer = `mutation ($input: AskInput!) { ask(input: $input) { question { id content } answer { id content status model
  inputTokens outputTokens cost confidence error { code message } citations { quote marker start end } } } }`;
const answersSubscription = `subscription Answers($conversationId: ID!) { answerStream(conversationId: $conversationId) { __typename
  ... on AnswerDelta { messageId text } ... on AnswerCompleted { message { id content } } ... on AnswerFailed { messageId error { code message } } } }`;
const conversationQuery = `query Conversation($id: ID!, $first: Int!) { conversation(id: $id) { title messages(first: $first) { edges { node { id role content
  sender { id name } feedback { id score comment } citations { quote chunk { document { title } } } } } } } }`;
const addMessageMutation = `mutation AddMessage($input: AddMessageInput!) { addMessage(input: $input) { message { id content role createdAt } } }`;
const feedbackMutation = `mutation ($input: GiveFeedbackInput!) { giveFeedback(input: $input) { feedback { id score comment } } }`;

interface Told {
  id: string;
  content: string;
  status: string;
  model: string | null;
  inputTokens: number | null;
  outputTokens: number | null;
  cost: string | null;
  confidence: number | null;
  error: { code: string; message: string } | null;
  citations: {
    quote: string;
    marker: number;
    start: number;
    end: number;
    chunk: { text: string; document: { title: string } };
  }[];
}
interface Asked {
  ask: { question: { id: string; content: string }; answer: Told };
}

const text =
  'Roses are watered every three days in summer. In winter they need no water at all. Tulips are planted in October.';

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let garden: string;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed({ MODEL_TIMEOUT_SECONDS: '5' }), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  garden = await workspaceOf(ada);
  await addDocument(garden);
}, 60_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const addDocument = (workspaceId: string) =>
  ada.want('mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id status } } }', {
    input: { workspaceId, title: 'Garden book', text, mimeType: 'text/plain', wait: true },
  });
const ask = async (person: Person, conversationId: string, question = 'How often are roses watered in summer?') =>
  ((await person.want(wholeAnswer, { input: { conversationId, text: question } })) as Asked).ask;
const withModel = async () => {
  const workspaceId = await workspaceOf(ada);
  await addDocument(workspaceId);
  await modelFor(ada, workspaceId, models.url);
  return conversationIn(ada, workspaceId);
};
const logOf = (messageId: string) => {
  const unit = unitOf(bed, ada.organizationId);
  return unit
    .run(() =>
      database
        .select()
        .from(executionLogs)
        .where(eq(executionLogs.targetId, uuidOf(messageId))),
    )
    .finally(() => void unit.rest());
};
const running = () => {
  const unit = unitOf(bed, null);
  return unit.run(() => database.select().from(runningAnswers)).finally(() => void unit.rest());
};
/** Subscribes and waits until the server listens. */
const listen = async (person: Person, conversationId: string) => {
  const subscription = person.subscribe(answersSubscription, { conversationId });
  const events: { kind: string; text?: string; message?: { id: string; content: string } }[] = [];
  const reading = (async () => {
    for await (const { data } of subscription.results) {
      const { answerStream } = data as unknown as { answerStream: { ['__typename']: string } };
      const { ['__typename']: kind, ...rest } = answerStream;
      events.push({ kind, ...rest });
      if (/Completed|Failed|Cancelled/.test(kind)) return;
    }
  })();
  await pause(300);
  return { events, reading, stop: () => subscription.stop() };
};
const until = async (holds: () => boolean | Promise<boolean>) => {
  for (let tries = 0; !(await holds()); tries++) {
    if (tries > 100) throw new Error('It did not come about.');
    await pause(30);
  }
};

test('the built-in answerer quotes what it cites, and subscribers see the answer grow', async () => {
  const conversationId = await conversationIn(ada, garden);
  const { events, reading, stop } = await listen(ada, conversationId);
  const data: Asked = await ada.want(askMutation, {
    input: { conversationId, text: 'How often are roses watered in summer?' },
  });
  const { answer } = data.ask;
  expect(answer.status).toBe('COMPLETED');
  expect(answer.content).toContain('every three days in summer');
  expect(answer.citations).toHaveLength(1);
  expect(answer.citations[0]).toMatchObject({
    quote: 'Roses are watered every three days in summer.',
    chunk: { text, document: { title: 'Garden book' } },
  });
  await reading;
  await stop();
  expect(events[0]?.kind).toBe('AnswerStarted');
  expect(events.map((event) => event.text ?? '').join('')).toBe(answer.content);
  expect(events.at(-1)).toEqual({
    kind: 'AnswerCompleted',
    message: { id: answer.id, content: answer.content },
  });
  expect(await running()).toEqual([]);
});

test('a conversation with messages, senders, feedback, citations, chunks and documents costs one statement each', async () => {
  const conversationId = await conversationIn(ada, garden);
  const { answer, question } = await ask(ada, conversationId);
  await ask(ada, conversationId, 'When are tulips planted?');
  await ada.want(feedbackMutation, { input: { messageId: answer.id, score: 1, comment: 'Right' } });
  const { data, errors, statements } = await ada.ask(conversationQuery, { id: conversationId, first: 20 });
  expect(errors).toEqual([]);
  const { edges } = (data as unknown as { conversation: { messages: { edges: { node: Record<string, unknown> }[] } } })
    .conversation.messages;
  expect(edges.map(({ node }) => node.role)).toEqual(['USER', 'ASSISTANT', 'USER', 'ASSISTANT']);
  expect(edges[0]?.node).toMatchObject({
    id: question.id,
    sender: { id: ada.userId, name: 'Ada' },
    feedback: null,
    citations: [],
  });
  expect(edges[1]?.node).toMatchObject({
    sender: null,
    feedback: { score: 1, comment: 'Right' },
    citations: [
      { quote: 'Roses are watered every three days in summer.', chunk: { document: { title: 'Garden book' } } },
    ],
  });
  expect(statements).toHaveLength(7);
});

test('QUERY mode without passages refuses and calls no model', async () => {
  const workspaceId = await workspaceOf(ada, { chatMode: 'QUERY' });
  await modelFor(ada, workspaceId, models.url);
  const { answer } = await ask(ada, await conversationIn(ada, workspaceId));
  expect(answer).toMatchObject({
    status: 'COMPLETED',
    content: 'I found nothing about this in the documents of this workspace.',
    model: null,
    cost: null,
    citations: [],
  });
  expect(models.seen).toEqual([]);
  expect(await logOf(answer.id)).toEqual([]);
});

test('a model on a server answers with citations, tokens and an exact cost, and is given the history', async () => {
  const conversationId = await withModel();
  models.script(
    { deltas: ['Roses are watered ', 'every three days in summer', ' [1].'] },
    { deltas: ['In October [1].'] },
  );
  const { answer } = await ask(ada, conversationId);
  expect(answer).toMatchObject({
    status: 'COMPLETED',
    content: 'Roses are watered every three days in summer [1].',
    model: 'fake',
    inputTokens: 11,
    outputTokens: 3,
    cost: '0.0000575',
    citations: [{ quote: 'Roses are watered every three days in summer.', marker: 1, start: 0, end: 45 }],
  });
  expect(models.seen[0]?.authorization).toBe('Bearer sk-test-12345678');
  await ask(ada, conversationId, 'When are tulips planted?');
  const said = (models.seen[1]?.body.messages ?? []) as { role: string; content: string }[];
  expect(said.slice(1, 3)).toEqual([
    { role: 'user', content: 'How often are roses watered in summer?' },
    { role: 'assistant', content: 'Roses are watered every three days in summer [1].' },
  ]);
  expect(await logOf(answer.id)).toMatchObject([
    {
      status: 'SUCCESS',
      modelName: 'fake',
      inputTokens: 11,
      outputTokens: 3,
      cost: '0.000057500000',
      purpose: 'answer',
    },
  ]);
});

test.each([
  [
    'a cut mid-stream',
    { deltas: ['Roses ', 'are ', 'red'], gapMs: 30, cutAfter: 2 },
    'Roses are ',
    'UNAVAILABLE',
    'INTERRUPTED',
  ],
  ['a refused key', { status: 401 }, '', 'UNAVAILABLE', 'UNAUTHORIZED'],
  ['a model that stalls', { deltas: ['Roses ', 'are'], stallAfter: 1 }, 'Roses ', 'UNAVAILABLE', 'TIMEOUT'],
])('%s leaves the answer FAILED with what had come', async (_name, reply, content, code, errorKind) => {
  const conversationId = await withModel();
  models.script(reply);
  const { answer } = await ask(ada, conversationId);
  expect(answer).toMatchObject({ status: 'FAILED', content, error: { code }, citations: [] });
  expect(await logOf(answer.id)).toMatchObject([{ status: errorKind === 'TIMEOUT' ? 'TIMEOUT' : 'ERROR', errorKind }]);
  expect(await running()).toEqual([]);
});

test('an answer is stopped by who asked, and what had come stays', async () => {
  const conversationId = await withModel();
  models.script({ deltas: ['Roses ', 'are ', 'red'], gapMs: 30, stallAfter: 2 });
  const asking = ask(ada, conversationId);
  await until(async () => (await running()).length === 1);
  const { events, reading, stop } = await listen(ada, conversationId);
  // Who joins late is first given what there is.
  await until(() => events.map((event) => event.text).join('') === 'Roses are ');
  const { messageId = '' } = (events as { messageId?: string }[]).find((event) => event.messageId !== undefined) ?? {};
  const cancel = 'mutation ($input: CancelAnswerInput!) { cancelAnswer(input: $input) { message { status content } } }';
  const stopped: { cancelAnswer: { message: object } } = await ada.want(cancel, { input: { messageId } });
  expect(stopped.cancelAnswer.message).toEqual({ status: 'CANCELLED', content: 'Roses are ' });
  expect((await asking).answer.status).toBe('CANCELLED');
  await reading;
  await stop();
  expect(events.at(-1)?.kind).toBe('AnswerCancelled');
  expect(await ada.codes(cancel, { input: { messageId } })).toEqual(['CONFLICT']);
  expect(await logOf(messageId)).toMatchObject([{ status: 'ERROR', errorKind: 'CANCELLED' }]);
});

test('a client that goes away does not keep the answer from being stored', async () => {
  const conversationId = await withModel();
  models.script({ deltas: ['Roses ', 'are ', 'red.'], gapMs: 100 });
  const leaving = new AbortController();
  const asking = fetch(`${bed.url}/graphql`, {
    method: 'POST',
    signal: leaving.signal,
    headers: { 'content-type': 'application/json', ...ada.headers },
    body: JSON.stringify({ query: askMutation, variables: { input: { conversationId, text: 'Roses?' } } }),
  });
  await until(() => models.seen.length === 1);
  leaving.abort();
  await expect(asking).rejects.toThrow();
  await settled();
  const data: { conversation: { messages: { edges: { node: { content: string } }[] } } } = await ada.want(
    conversationQuery,
    { id: conversationId, first: 20 },
  );
  expect(data.conversation.messages.edges.map(({ node }) => node.content)).toEqual(['Roses?', 'Roses are red.']);
});

test('an answer whose writer has died fails, and no other', async () => {
  const conversationId = await conversationIn(ada, garden);
  const [dead, alive] = [v7(), v7()];
  const organizationId = uuidOf(ada.organizationId);
  await unitOf(bed, ada.organizationId).transact(async () => {
    for (const [id, lease] of [
      [dead, sql`now() - interval '1 second'`],
      [alive, sql`now() + interval '1 minute'`],
    ] as const) {
      await database.insert(messages).values({
        organizationId,
        id,
        workspaceId: uuidOf(garden),
        conversationId: uuidOf(conversationId),
        role: 'ASSISTANT',
        status: 'STREAMING',
        content: '',
        leaseUntil: lease,
      });
      await database.insert(runningAnswers).values({ messageId: id, organizationId, leaseUntil: lease });
    }
  });
  expect(await failAbandonedAnswers(bed.server.installation.services)).toBe(1);
  const data: { conversation: { messages: { edges: { node: object }[] } } } = await ada.want(
    'query ($id: ID!) { conversation(id: $id) { messages { edges { node { status error { code message } } } } } }',
    { id: conversationId },
  );
  expect(data.conversation.messages.edges.map(({ node }) => node)).toEqual([
    { status: 'FAILED', error: { code: 'UNAVAILABLE', message: 'The server stopped while answering.' } },
    { status: 'STREAMING', error: null },
  ]);
  expect((await running()).map((row) => row.messageId)).toEqual([alive]);
  await unitOf(bed, null).transact(() => database.delete(runningAnswers));
});

test('feedback is replaced by what is said later', async () => {
  const conversationId = await conversationIn(ada, garden);
  const added: { addMessage: { message: { id: string } } } = await ada.want(addMessageMutation, {
    input: { conversationId, content: ' Hello ' },
  });
  const { id: messageId } = added.addMessage.message;
  expect(added.addMessage.message).toMatchObject({ content: 'Hello', role: 'USER' });
  const first: { giveFeedback: { feedback: { id: string } } } = await ada.want(feedbackMutation, {
    input: { messageId, score: 1, comment: 'Yes' },
  });
  const second: { giveFeedback: { feedback: { id: string } } } = await ada.want(feedbackMutation, {
    input: { messageId, score: -1 },
  });
  expect(second.giveFeedback.feedback).toEqual({ id: first.giveFeedback.feedback.id, score: -1, comment: null });
  expect(await ada.codes(feedbackMutation, { input: { messageId, score: 2 } })).toEqual(['BAD_USER_INPUT']);
});

test('a conversation is renamed, closed for messages and deleted', async () => {
  const id = await conversationIn(ada, garden);
  const update =
    'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { title status } } }';
  const renamed: { updateConversation: { conversation: object } } = await ada.want(update, {
    input: { id, title: 'Tulips', status: 'ENDED' },
  });
  expect(renamed.updateConversation.conversation).toEqual({ title: 'Tulips', status: 'ENDED' });
  expect(await ada.codes(askMutation, { input: { conversationId: id, text: 'Roses?' } })).toEqual(['CONFLICT']);
  expect(await ada.codes(addMessageMutation, { input: { conversationId: id, content: 'Roses' } })).toEqual([
    'CONFLICT',
  ]);
  await ada.want('mutation ($input: DeleteConversationInput!) { deleteConversation(input: $input) { deletedId } }', {
    input: { id },
  });
  expect(await ada.codes(conversationQuery, { id, first: 1 })).toEqual(['NOT_FOUND']);
});

test('what belongs to another organization does not exist', async () => {
  const conversationId = await conversationIn(ada, garden);
  const { answer } = await ask(ada, conversationId);
  const eve = await bed.signUp('Eve');
  const cases: [string, object][] = [
    [conversationQuery, { id: conversationId, first: 1 }],
    [askMutation, { input: { conversationId, text: 'Roses?' } }],
    [addMessageMutation, { input: { conversationId, content: 'Hello' } }],
    [feedbackMutation, { input: { messageId: answer.id, score: 1 } }],
    [
      'mutation ($input: CancelAnswerInput!) { cancelAnswer(input: $input) { message { id } } }',
      { input: { messageId: answer.id } },
    ],
    [
      'mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }',
      { input: { workspaceId: garden, title: 'Mine' } },
    ],
    [
      'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }',
      { input: { id: conversationId, title: 'Mine' } },
    ],
    [
      'mutation ($input: DeleteConversationInput!) { deleteConversation(input: $input) { deletedId } }',
      { input: { id: conversationId } },
    ],
    ['query ($id: ID!) { node(id: $id) { id } }', { id: answer.id }],
  ];
  for (const [query, variables] of cases) expect(await eve.codes(query, variables)).toEqual(['NOT_FOUND']);
  const subscription = eve.subscribe(answersSubscription, { conversationId });
  expect(await subscription.results.next()).toMatchObject({
    value: { errors: [{ extensions: { code: 'NOT_FOUND' } }] },
  });
  await subscription.stop();
});

test('an answer that outlasts the grace of a shutdown fails with what had come', async () => {
  const conversationId = await withModel();
  models.script({ deltas: ['Roses ', 'are ', 'red'], gapMs: 30, stallAfter: 2 });
  const asking = ask(ada, conversationId);
  await until(async () => (await running()).length === 1);
  await settleWithin(400);
  expect((await asking).answer).toMatchObject({
    status: 'FAILED',
    content: 'Roses are ',
    error: { code: 'UNAVAILABLE', message: 'The server stopped while answering.' },
  });
});
