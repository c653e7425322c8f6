import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { v7 } from 'uuid';
import { database } from '../src/database/client.ts';
import { messages } from '../src/domains/conversations/tables.ts';
import { addDocument, ask, branch, edit, mutations, pathOf, regenerate, type Told } from './asking.ts';
import { join } from './colleagues.ts';
import { conversationIn, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { uploaded } from './uploading.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let workspaceId: string;
let roses: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  workspaceId = await workspaceOf(ada);
  roses = await addDocument(ada, workspaceId, 'Roses', 'Roses are watered every three days in summer.');
  await addDocument(ada, workspaceId, 'Tulips', 'Tulips are planted in October.');
}, 60_000);
afterAll(() => bed.stop());

const question = 'How often are roses watered in summer?';
const contents = (path: readonly Told[]) => path.map(({ content }) => content);
const explanation = `query ($id: ID!) { answerExplanation(messageId: $id) { searchQuery modelName historyMessages { id }
  passages { edges { node { title marker cited used document { id } } } } } }`;

test('a branch has the path up to a message, with its citations and records, and goes on by itself', async () => {
  const conversationId = await conversationIn(ada, workspaceId);
  const first = await ask(ada, { conversationId, text: question });
  await regenerate(ada, first.answer.id);
  const second = await ask(ada, { conversationId, text: 'When are tulips planted?', parentId: first.answer.id });
  await ask(ada, { conversationId, text: 'And then?' });
  const made = await branch(ada, { messageId: second.answer.id, title: ' Tulips ' });
  expect(made).toMatchObject({ title: 'Tulips', startedBy: { id: ada.userId } });
  const path = [first.question, first.answer, second.question, second.answer];
  expect(contents(made.path)).toEqual(contents(path));
  expect(made.path.map(({ citations }) => citations)).toEqual(path.map(({ citations }) => citations));
  expect(made.path[3]?.citations).toHaveLength(1);
  expect(made.path.map(({ parent }) => parent?.id)).toEqual([undefined, ...made.path.slice(0, 3).map(({ id }) => id)]);
  expect(made.path.map(({ siblingCount }) => siblingCount)).toEqual([1, 1, 1, 1]);
  expect(new Set([...made.path, ...path].map(({ id }) => id)).size).toBe(8);
  const ids = made.path.map(({ id }) => id);
  expect([...ids].sort()).toEqual(ids);

  const told = (id: string) => ada.want(explanation, { id });
  const [original, copy]: Data[] = await Promise.all([told(second.answer.id), told(made.path[3]?.id ?? '')]);
  expect(copy).toEqual({
    answerExplanation: {
      ...original.answerExplanation,
      historyMessages: made.path.slice(0, 2).map(({ id }) => ({ id })),
    },
  });

  await ask(ada, { conversationId: made.id, text: question });
  expect(await pathOf(ada, made.id)).toHaveLength(6);
  expect(await pathOf(ada, conversationId)).toHaveLength(6);
});

test('files of the conversation come along, and what cites them leads to the copies', async () => {
  const conversationId = await conversationIn(ada, workspaceId);
  const fileId = await uploaded(bed, ada, 'Lilies.txt', 'Lilies are poisonous for cats.');
  await ada.want('mutation ($input: AddParsedFileInput!) { addParsedFile(input: $input) { parsedFile { id } } }', {
    input: { conversationId, fileId, wait: true },
  });
  const { answer } = await ask(ada, { conversationId, text: 'Are lilies poisonous for cats?' });
  const made = await branch(ada, { messageId: answer.id });
  // The copy lives without the original.
  await ada.want('mutation ($input: DeleteConversationInput!) { deleteConversation(input: $input) { deletedId } }', {
    input: { id: conversationId },
  });
  const { conversation }: Data = await ada.want(
    `query ($id: ID!) { conversation(id: $id) { parsedFiles { edges { node { id title } } }
      path(last: 1) { edges { node { citations { quote parsedFile { id } } } } } } }`,
    { id: made.id },
  );
  const { node: file } = conversation.parsedFiles.edges[0];
  expect(file.title).toBe('Lilies.txt');
  expect(conversation.path.edges[0].node.citations).toEqual([
    { quote: 'Lilies are poisonous for cats.', parsedFile: { id: file.id } },
  ]);
  const again = await ask(ada, { conversationId: made.id, text: 'Are lilies poisonous for cats?' });
  expect(again.answer.citations).toHaveLength(1);
});

test('only what the viewer may read is copied', async () => {
  const bob = await join(bed, ada, 'MEMBER', { name: 'Bob', workspaceIds: [workspaceId] });
  const conversationId = await conversationIn(ada, workspaceId);
  const { answer } = await ask(ada, { conversationId, text: question });
  expect(answer.citations).toHaveLength(1);
  await ada.want(
    'mutation ($input: SetDocumentAccessInput!) { setDocumentAccess(input: $input) { document { id } } }',
    {
      input: { id: roses, access: 'RESTRICTED', userIds: [ada.userId] },
    },
  );
  const made = await branch(bob, { messageId: answer.id });
  expect(contents(made.path).slice(-99)).toEqual([question, answer.content]);
  // Whoever may read the document finds no citation in Bob's copy either.
  const [, copied] = await pathOf(ada, made.id);
  expect(copied?.citations).toEqual([]);
  const { answerExplanation }: { answerExplanation: { passages: { edges: object[] } } } = await ada.want(explanation, {
    id: copied?.id,
  });
  expect(JSON.stringify(answerExplanation.passages)).not.toContain('Roses');
  // Ada's own has both.
  const own = await branch(ada, { messageId: answer.id });
  expect(own.path[1]?.citations).toHaveLength(1);
});

test('a rewritten answer cites what it still names', async () => {
  const conversationId = await conversationIn(ada, workspaceId);
  const { answer } = await ask(ada, { conversationId, text: question });
  const named = await edit(ada, { messageId: answer.id, text: 'Every three days [1].' });
  expect(named.message.citations).toEqual(answer.citations);
  const silent = await edit(ada, { messageId: answer.id, text: 'Every three days.' });
  expect(silent.message.citations).toEqual([]);
});

test('an ended conversation can be branched; one of more than a thousand messages cannot', async () => {
  const conversationId = await conversationIn(ada, workspaceId);
  const { answer } = await ask(ada, { conversationId, text: question });
  await ada.want(
    'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }',
    { input: { id: conversationId, status: 'ENDED' } },
  );
  expect((await branch(ada, { messageId: answer.id })).path).toHaveLength(2);

  const ids = Array.from({ length: 999 }, () => v7());
  const organizationId = uuidOf(ada.organizationId);
  await unitOf(bed, ada.organizationId).transact(() =>
    database.insert(messages).values(
      ids.map((id, place) => ({
        organizationId,
        id,
        workspaceId: uuidOf(workspaceId),
        conversationId: uuidOf(conversationId),
        parentId: place === 0 ? uuidOf(answer.id) : (ids[place - 1] ?? null),
        role: 'USER' as const,
        content: `${place}`,
        createdAt: sql`now() + make_interval(secs => ${place}) / 1000`,
      })),
    ),
  );
  const path = await pathOf(ada, conversationId);
  expect(contents(path.slice(-2))).toEqual(['997', '998']);
  expect(await ada.codes(mutations.branching, { input: { messageId: path.at(-1)?.id } })).toEqual(['BAD_USER_INPUT']);
  const made = await branch(ada, { messageId: path.at(-2)?.id });
  expect(contents(made.path).slice(-99)).toEqual([...contents(path.slice(0, -1))].slice(-99));
});
