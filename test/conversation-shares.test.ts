import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { tamper } from './machines.ts';
import { conversationIn, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

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
    input: { workspaceId: garden, title: 'Secret book', text: 'Roses are watered every three days.', wait: true },
  });
}, 60_000);
afterAll(() => bed.stop());

const shareMutation = `mutation ($input: ShareConversationInput!) { shareConversation(input: $input) { token url
  share { id expiresAt revokedAt createdBy { id } conversation { id } } } }`;
const share = async (person: Person, input: object): Promise<Data> =>
  ((await person.want(shareMutation, { input })) as Data).shareConversation;
const revokeMutation = 'mutation ($id: ID!) { revokeConversationShare(input: { id: $id }) { share { revokedAt } } }';
const look = `query ($token: String!, $first: Int, $after: String) { sharedConversation(token: $token) { title kind createdAt endedAt
  messages(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor } edges { node { role type content createdAt } } } } }`;
const asked = async (): Promise<string> => {
  const conversationId = await conversationIn(ada, garden);
  await ada.want('mutation ($input: AskInput!) { ask(input: $input) { answer { id } } }', {
    input: { conversationId, text: 'How often are roses watered?' },
  });
  return conversationId;
};
const tokens = async (): Promise<number> => {
  const unit = unitOf(bed, null);
  const rows = await unit.run(() => database.execute<{ n: number }>(sql`select count(*)::int as n from share_tokens`));
  await unit.rest();
  return rows[0]?.n ?? -1;
};

test('whoever holds the link reads what was said, page by page, and nothing else', async () => {
  const conversationId = await asked();
  const { token, url, share: made } = await share(ada, { conversationId });
  expect(token).toMatch(/^tsr_share_/);
  expect(url).toContain(`#token=${token}`);
  expect(made).toMatchObject({
    expiresAt: null,
    revokedAt: null,
    createdBy: { id: ada.userId },
    conversation: { id: conversationId },
  });
  const { data, errors }: Data = await bed.anonymous.ask(look, { token, first: 1 });
  expect(errors).toEqual([]);
  const { messages, ...shown } = data.sharedConversation;
  expect(shown).toMatchObject({ title: 'Roses', kind: 'CHAT', endedAt: null });
  expect(messages).toMatchObject({ totalCount: 2, pageInfo: { hasNextPage: true } });
  expect(messages.edges[0].node).toMatchObject({ role: 'USER', content: 'How often are roses watered?' });
  const next: Data = await bed.anonymous.want(look, { token, after: messages.pageInfo.endCursor });
  expect(next.sharedConversation.messages.edges.map(({ node }: Data) => node.role)).toEqual(['ASSISTANT']);
  const said = JSON.stringify([data, next]);
  for (const hidden of ['Ada', ada.userId, conversationId, made.id, garden]) expect(said).not.toContain(hidden);
  const fields =
    'query ($token: String!) { sharedConversation(token: $token) { messages { edges { node { FIELD } } } } }';
  for (const field of ['id', 'sender { name }', 'citations { quote }', 'model'])
    expect((await bed.anonymous.ask(fields.replace('FIELD', field), { token })).status).toBe(400);
  // Somebody of another organization sees it as anybody does, beside what is theirs.
  const both: Data = await bob.want(
    `query ($token: String!) { a: sharedConversation(token: $token) { title messages { edges { node { content } } } }
    b: sharedConversation(token: $token) { messages { edges { node { role } } } } viewer { user { id } } }`,
    { token },
  );
  expect(both.a.messages.edges).toHaveLength(2);
  expect(both.viewer.user.id).toBe(bob.userId);
});

test('a link ends by its time, by being revoked, and with its conversation', async () => {
  const conversationId = await asked();
  const before = await tokens();
  const unknown = await bed.anonymous.ask(look, { token: 'tsr_share_unknown' });
  expect(unknown.errors[0]?.extensions.code).toBe('NOT_FOUND');
  expect(JSON.stringify(unknown.errors)).not.toContain('tsr_share_unknown');
  const ending = await share(ada, { conversationId, expiresAt: new Date(Date.now() + 3_600_000).toISOString() });
  expect(await bed.anonymous.codes(look, { token: ending.token })).toEqual([]);
  await tamper(
    bed,
    ada,
    sql`update conversation_shares set expires_at = now() - interval '1 second' where id = ${uuidOf(ending.share.id)}`,
  );
  expect(await bed.anonymous.codes(look, { token: ending.token })).toEqual(['NOT_FOUND']);
  const revoked = await share(ada, { conversationId });
  expect(await bob.codes(revokeMutation, { id: revoked.share.id })).toEqual(['NOT_FOUND']);
  expect(await reader.codes(revokeMutation, { id: revoked.share.id })).toEqual(['FORBIDDEN']);
  expect(await ada.codes(revokeMutation, { id: revoked.share.id })).toEqual([]);
  expect(await bed.anonymous.codes(look, { token: revoked.token })).toEqual(['NOT_FOUND']);
  expect(await tokens()).toBe(before + 1);
  const data: Data = await reader.want(
    `query ($id: ID!) { conversation(id: $id) { shares { totalCount edges { node { id revokedAt } } } } }`,
    { id: conversationId },
  );
  expect(data.conversation.shares.edges.map(({ node }: Data) => node.id)).toEqual([revoked.share.id, ending.share.id]);
  const last = await share(ada, { conversationId });
  expect(await tokens()).toBe(before + 2);
  await ada.want('mutation ($id: ID!) { deleteConversation(input: { id: $id }) { deletedId } }', {
    id: conversationId,
  });
  expect(await tokens()).toBe(before);
  expect(await bed.anonymous.codes(look, { token: last.token })).toEqual(['NOT_FOUND']);
});

test('links are made by participants, in bounds, and die with their workspace', async () => {
  const workspaceId = await workspaceOf(ada, { name: 'Short-lived' });
  const conversationId = await conversationIn(ada, workspaceId);
  const before = await tokens();
  const expired = new Date(Date.now() - 1000).toISOString();
  expect(await ada.codes(shareMutation, { input: { conversationId, expiresAt: expired } })).toEqual(['BAD_USER_INPUT']);
  expect(await reader.codes(shareMutation, { input: { conversationId: await asked() } })).toEqual(['FORBIDDEN']);
  expect(await bob.codes(shareMutation, { input: { conversationId } })).toEqual(['NOT_FOUND']);
  for (let made = 0; made < 20; made++) await share(ada, { conversationId });
  expect(await ada.codes(shareMutation, { input: { conversationId } })).toEqual(['CONFLICT']);
  expect(await tokens()).toBe(before + 20);
  await ada.want('mutation ($id: ID!) { deleteWorkspace(input: { id: $id }) { deletedId } }', { id: workspaceId });
  expect(await tokens()).toBe(before);
});
