import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { recordFeedback } from '../src/domains/conversations/feedback.ts';
import { newId } from '../src/ids.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { conversationIn, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let bob: Awaited<ReturnType<Testbed['signUp']>>;
let reader: Colleague;
let steward: Colleague;
let [garden, conversationId] = ['', ''];

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  bob = await bed.signUp('Bob');
  garden = await workspaceOf(ada);
  reader = await colleagueOf(bed, ada.organizationId, 'Reader', 'MEMBER', { [garden]: 'VIEWER' });
  steward = await colleagueOf(bed, ada.organizationId, 'Steward', 'MEMBER', { [garden]: 'ADMIN' });
  conversationId = await conversationIn(ada, garden);
}, 60_000);
afterAll(() => bed.stop());

const message = async (): Promise<string> => {
  const data: Data = await ada.want(
    'mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id } } }',
    {
      input: { conversationId, content: 'Roses are blue.' },
    },
  );
  return data.addMessage.message.id;
};
const giveMutation = `mutation ($input: GiveFeedbackInput!) { giveFeedback(input: $input) { feedback { id scale score reason comment
  reviewedAt givenBy { id } reviewedBy { id } message { id } } } }`;
const give = async (person: Person, input: object): Promise<Data> =>
  ((await person.want(giveMutation, { input })) as Data).giveFeedback.feedback;
const reviewMutation =
  'mutation ($input: ReviewFeedbackInput!) { reviewFeedback(input: $input) { feedback { reviewedAt reviewedBy { id } } } }';
const review = async (person: Person, input: object): Promise<Data> =>
  ((await person.want(reviewMutation, { input })) as Data).reviewFeedback.feedback;
const deleteMutation = 'mutation ($id: ID!) { deleteFeedback(input: { id: $id }) { deletedId } }';
const nodeQuery = 'query ($id: ID!) { node(id: $id) { id } }';
const listQuery = `query ($id: ID!, $filter: FeedbackFilter) { workspace(id: $id) { feedback(first: 100, filter: $filter) { totalCount
  edges { node { id score givenBy { id } message { content } reviewedBy { id } } } } } }`;
const listed = async (filter: object): Promise<string[]> => {
  const data: Data = await steward.want(listQuery, { id: garden, filter });
  const { edges, totalCount } = data.workspace.feedback;
  expect(totalCount).toBe(edges.length);
  return edges.map(({ node }: Data) => node.id);
};

test('thumbs and stars with a reason; a second opinion replaces the first and is to be reviewed anew', async () => {
  const messageId = await message();
  const first = await give(reader, { messageId, score: -1, comment: ' Wrong ' });
  expect(first).toMatchObject({
    scale: 'THUMBS',
    score: -1,
    reason: null,
    comment: 'Wrong',
    givenBy: { id: reader.userId },
    message: { id: messageId },
  });
  expect((await review(steward, { id: first.id })).reviewedBy.id).toBe(steward.userId);
  const second = await give(reader, { messageId, score: 4, scale: 'STARS', reason: 'UNCLEAR' });
  expect(second).toMatchObject({
    id: first.id,
    scale: 'STARS',
    score: 4,
    reason: 'UNCLEAR',
    comment: null,
    reviewedAt: null,
  });
  for (const input of [
    { score: 0 },
    { score: 2 },
    { score: 0, scale: 'STARS' },
    { score: 6, scale: 'STARS' },
    { score: 1, comment: 'x'.repeat(2001) },
  ])
    expect(await reader.codes(giveMutation, { input: { messageId, ...input } })).toEqual(['BAD_USER_INPUT']);
  expect(await bob.codes(giveMutation, { input: { messageId, score: 1 } })).toEqual(['NOT_FOUND']);
});

test('members see their own, reviewers all; others and strangers nothing', async () => {
  const { id } = await give(ada, { messageId: await message(), score: 1 });
  expect(await ada.codes(nodeQuery, { id })).toEqual([]);
  expect(await steward.codes(nodeQuery, { id })).toEqual([]);
  for (const person of [reader, bob]) {
    expect(await person.codes(nodeQuery, { id })).toEqual(['NOT_FOUND']);
    expect(await person.codes(deleteMutation, { id })).toEqual(['NOT_FOUND']);
    expect(await person.codes(reviewMutation, { input: { id } })).toEqual(['NOT_FOUND']);
  }
  // One's own is seen, and not for oneself to review.
  const own = await give(reader, { messageId: await message(), score: 1 });
  expect(await reader.codes(reviewMutation, { input: { id: own.id } })).toEqual(['FORBIDDEN']);
  expect(await reader.codes(listQuery, { id: garden })).toEqual(['FORBIDDEN']);
  expect(await steward.codes(deleteMutation, { id })).toEqual(['NOT_FOUND']);
  expect(await ada.codes(deleteMutation, { id })).toEqual([]);
  expect(await ada.codes(nodeQuery, { id })).toEqual(['NOT_FOUND']);
});

test('the list for review is filtered, and costs one statement a level', async () => {
  const all = await listed({});
  const down = await give(reader, { messageId: await message(), score: -1, reason: 'OUTDATED' });
  const stars = await give(reader, { messageId: await message(), score: 2, scale: 'STARS' });
  await review(steward, { id: down.id });
  expect(await listed({})).toEqual([stars.id, down.id, ...all]);
  expect(await listed({ scale: { eq: 'THUMBS' }, score: { eq: -1 } })).toEqual([down.id]);
  expect(await listed({ scale: { eq: 'STARS' }, score: { lte: 2 } })).toEqual([stars.id]);
  expect(await listed({ reason: { eq: 'OUTDATED' } })).toEqual([down.id]);
  expect(await listed({ reviewed: { eq: true } })).toEqual([down.id]);
  expect(await listed({ reviewed: { eq: false } })).toEqual([stars.id, ...all]);
  expect((await review(steward, { id: down.id, reviewed: false })).reviewedAt).toBeNull();
  const { statements } = await steward.ask(
    'query ($id: ID!) { workspace(id: $id) { feedback { edges { node { score message { content } givenBy { id } } } } } }',
    { id: garden },
  );
  // Workspace, feedback, messages, people.
  expect(statements).toHaveLength(4);
});

test('a visitor gives feedback through the same operation', async () => {
  const messageId = await message();
  const visitor = { userId: null, visitorId: newId() };
  const unit = unitOf(bed, ada.organizationId);
  const given = await recordFeedback({ unit }, visitor, { messageId: uuidOf(messageId), score: 5, scale: 'STARS' });
  const again = await recordFeedback({ unit }, visitor, { messageId: uuidOf(messageId), score: -1 });
  expect(again).toMatchObject({ id: given.id, visitorId: visitor.visitorId, userId: null, score: -1, scale: 'THUMBS' });
  const data: Data = await steward.want(listQuery, {
    id: garden,
    filter: { scale: { eq: 'THUMBS' }, score: { eq: -1 } },
  });
  expect(data.workspace.feedback.edges[0].node.givenBy).toBeNull();
});
