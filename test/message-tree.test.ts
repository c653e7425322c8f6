import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { conversations, messages } from '../src/domains/conversations/tables.ts';
import { add, ask, choose, edit, historySeen, include, mutations, pathOf, regenerate, type Told } from './asking.ts';
import { join, type Colleague } from './colleagues.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let viewer: Colleague;
let workspaceId: string;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed(), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  workspaceId = await workspaceOf(ada);
  await modelFor(ada, workspaceId, models.url);
  viewer = await join(bed, ada, 'MEMBER', { name: 'Vera', workspaceIds: [workspaceId] });
  await ada.want(
    'mutation ($input: ChangeWorkspaceMemberRoleInput!) { changeWorkspaceMemberRole(input: $input) { member { role } } }',
    { input: { workspaceId, userId: viewer.userId, role: 'VIEWER' } },
  );
}, 60_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const begun = () => conversationIn(ada, workspaceId);
/** Each next question is answered with these words. */
const replies = (...texts: string[]) => models.script(...texts.map((text) => ({ deltas: [text] })));
const contents = (path: readonly Told[]) => path.map(({ content }) => content);
const stateOf = async (conversationId: string) => {
  const unit = unitOf(bed, ada.organizationId);
  const [row] = await unit.run(() =>
    database
      .select({ active: conversations.activeMessageId, status: conversations.status })
      .from(conversations)
      .where(eq(conversations.id, uuidOf(conversationId))),
  );
  await unit.rest();
  return row;
};
const setStatus = (messageId: string, status: 'STREAMING' | 'COMPLETED') =>
  unitOf(bed, ada.organizationId).transact(() =>
    database
      .update(messages)
      .set({ status })
      .where(eq(messages.id, uuidOf(messageId))),
  );

describe('answering anew', () => {
  test('a new answer stands beside the old one, and neither is history of the other', async () => {
    const conversationId = await begun();
    replies('Hello.', 'Red.', 'White.', 'Yellow.');
    await ask(ada, { conversationId, text: 'Hi' });
    const first = await ask(ada, { conversationId, text: 'Which colour?' });
    const second = await regenerate(ada, first.answer.id);
    expect(historySeen(models)).toEqual(['user: Hi', 'assistant: Hello.']);
    const third = await regenerate(ada, first.question.id);
    expect(second.question.id).toBe(first.question.id);
    expect([first, second, third].map(({ answer }) => answer.content)).toEqual(['Red.', 'White.', 'Yellow.']);
    expect([second, third].map(({ answer }) => [answer.siblingIndex, answer.siblingCount])).toEqual([
      [1, 2],
      [2, 3],
    ]);
    expect(third.answer.parent?.id).toBe(first.question.id);
    expect(contents(await pathOf(ada, conversationId))).toEqual(['Hi', 'Hello.', 'Which colour?', 'Yellow.']);
    // The conversation goes on behind the newest answer.
    await ask(ada, { conversationId, text: 'Why?' });
    expect(historySeen(models)).toEqual(['user: Hi', 'assistant: Hello.', 'user: Which colour?', 'assistant: Yellow.']);
  });

  test('a failure is told by the new answer alone', async () => {
    const conversationId = await begun();
    replies('Red.');
    const { answer } = await ask(ada, { conversationId, text: 'Which colour?' });
    models.script({ status: 401 });
    expect((await regenerate(ada, answer.id)).answer.status).toBe('FAILED');
    expect((await pathOf(ada, conversationId)).at(-1)?.status).toBe('FAILED');
    expect(contents(await choose(ada, answer.id))).toEqual(['Which colour?', 'Red.']);
  });

  test('others than who asked need the role EDITOR', async () => {
    const conversationId = await begun();
    const { question, answer } = await ask(ada, { conversationId, text: 'Which colour?' });
    const { regenerating, editing, including } = mutations;
    for (const { id: messageId } of [question, answer]) {
      expect(await viewer.codes(regenerating, { input: { messageId } })).toEqual(['FORBIDDEN']);
      expect(await viewer.codes(editing, { input: { messageId, text: 'Mine' } })).toEqual(['FORBIDDEN']);
      expect(await viewer.codes(including, { input: { messageId, included: false } })).toEqual(['FORBIDDEN']);
    }
    const own = await ask(viewer, { conversationId, text: 'And its leaves?' });
    expect((await regenerate(viewer, own.answer.id)).answer.siblingCount).toBe(2);
    expect((await include(viewer, own.answer.id, false)).includedInHistory).toBe(false);
    expect(await viewer.codes(editing, { input: { messageId: own.answer.id, text: 'Mine' } })).toEqual(['FORBIDDEN']);
    // Ada may change what Vera asked.
    expect((await regenerate(ada, own.question.id)).answer.siblingCount).toBe(3);
  });
});

describe('writing anew', () => {
  test('a question stands beside the old one and is answered from what stood before both', async () => {
    const conversationId = await begun();
    replies('Hello.', 'Red.', 'Green.');
    await ask(ada, { conversationId, text: 'Hi' });
    const { question } = await ask(ada, { conversationId, text: 'Colour of roses?' });
    const { message, answer } = await edit(ada, { messageId: question.id, text: 'Colour of leaves?' });
    expect(message).toMatchObject({
      role: 'USER',
      editedFrom: { id: question.id },
      parent: question.parent,
      siblingIndex: 1,
      siblingCount: 2,
      sender: { id: ada.userId },
    });
    expect(answer).toMatchObject({ content: 'Green.', parent: { id: message.id } });
    expect(historySeen(models)).toEqual(['user: Hi', 'assistant: Hello.']);
    expect(contents(await pathOf(ada, conversationId))).toEqual(['Hi', 'Hello.', 'Colour of leaves?', 'Green.']);
  });

  test('the first question is written anew at the beginning, and without an answer where none is wanted', async () => {
    const conversationId = await begun();
    const { question } = await ask(ada, { conversationId, text: 'Hi' });
    const { length } = models.seen;
    const { message, answer } = await edit(ada, { messageId: question.id, text: 'Good day', answer: false });
    expect({ answer, parent: message.parent, count: message.siblingCount }).toEqual({
      answer: null,
      parent: null,
      count: 2,
    });
    expect(models.seen).toHaveLength(length);
    expect(contents(await pathOf(ada, conversationId))).toEqual(['Good day']);
  });

  test("an answer's new text is a person's, and history from then on", async () => {
    const conversationId = await begun();
    replies('Rde.');
    const { question, answer } = await ask(ada, { conversationId, text: 'Which colour?' });
    const { message } = await edit(ada, { messageId: answer.id, text: 'Red.' });
    expect(message).toMatchObject({
      role: 'ASSISTANT',
      status: 'COMPLETED',
      model: null,
      confidence: null,
      sender: { id: ada.userId },
      editedFrom: { id: answer.id },
      parent: { id: question.id },
    });
    await ask(ada, { conversationId, text: 'Why?' });
    expect(historySeen(models)).toEqual(['user: Which colour?', 'assistant: Red.']);
  });
});

describe('where a conversation goes on', () => {
  test('a choice stands for the newest message below it, until a message is added', async () => {
    const conversationId = await begun();
    replies('Red.', 'For bees.', 'White.', 'Old.');
    const first = await ask(ada, { conversationId, text: 'Colour?' });
    await ask(ada, { conversationId, text: 'Why?' });
    await regenerate(ada, first.question.id);
    expect(contents(await pathOf(ada, conversationId))).toEqual(['Colour?', 'White.']);
    expect(contents(await choose(ada, first.answer.id))).toEqual(['Colour?', 'Red.', 'Why?', 'For bees.']);
    const added = await add(ada, { conversationId, content: 'Thanks' });
    expect(contents(await pathOf(ada, conversationId))).toEqual(['Colour?', 'Red.', 'Why?', 'For bees.', 'Thanks']);
    expect((await stateOf(conversationId))?.active).toBeNull();
    // The newest is chosen: nothing has to be kept.
    await choose(ada, added.id);
    expect((await stateOf(conversationId))?.active).toBeNull();
    await choose(ada, first.question.id);
    expect((await stateOf(conversationId))?.active).toBeNull();
  });

  test('a question follows the message it names, begins anew, or follows the chosen one', async () => {
    const conversationId = await begun();
    replies('Red.', 'For bees.', 'From China.', 'New.', 'Again.');
    const first = await ask(ada, { conversationId, text: 'Colour?' });
    const bees = await ask(ada, { conversationId, text: 'Why?' });
    await ask(ada, { conversationId, text: 'Whence?', parentId: first.answer.id });
    expect(historySeen(models)).toEqual(['user: Colour?', 'assistant: Red.']);
    const anew = await ask(ada, { conversationId, text: 'Tulips?', parentId: null });
    expect(historySeen(models)).toEqual([]);
    expect(anew.question).toMatchObject({ parent: null, siblingIndex: 1, siblingCount: 2 });
    await choose(ada, bees.answer.id);
    await ask(ada, { conversationId, text: 'Bees?' });
    expect(historySeen(models)).toEqual(['user: Colour?', 'assistant: Red.', 'user: Why?', 'assistant: For bees.']);
    expect((await stateOf(conversationId))?.active).toBeNull();
    const beside = await add(ada, { conversationId, content: 'Note', parentId: first.answer.id });
    expect(beside).toMatchObject({ parent: { id: first.answer.id }, siblingIndex: 2, siblingCount: 3 });
    expect(await add(ada, { conversationId, content: 'Note', parentId: null })).toMatchObject({ siblingIndex: 2 });
  });

  test('what one side says twice in a row is one message to the model', async () => {
    const conversationId = await begun();
    await add(ada, { conversationId, content: 'I have roses.' });
    await ask(ada, { conversationId, text: 'Are they red?' });
    expect(models.seen.at(-1)?.body.messages).toMatchObject([
      { role: 'system' },
      { role: 'user', content: 'I have roses.\n\nAre they red?' },
    ]);
  });

  test('messages that are taken out, of the system or not completed are no history; those of people who answer are', async () => {
    const conversationId = await begun();
    replies('One.', 'Two.', 'Three.');
    const one = await ask(ada, { conversationId, text: 'First?' });
    const two = await ask(ada, { conversationId, text: 'Second?' });
    expect((await include(ada, one.answer.id, false)).includedInHistory).toBe(false);
    await include(ada, one.question.id, false);
    const place = {
      organizationId: uuidOf(ada.organizationId),
      workspaceId: uuidOf(workspaceId),
      conversationId: uuidOf(conversationId),
    };
    const [notice, human, broken] = await unitOf(bed, ada.organizationId).transact(async () => {
      const rows = [];
      let parentId = uuidOf(two.answer.id);
      for (const extra of [
        { role: 'SYSTEM', content: 'Bob has joined.' },
        { role: 'AGENT', content: 'I am a person.' },
        { role: 'ASSISTANT', content: 'Oh', status: 'CANCELLED' },
      ] as const) {
        const [row] = await database
          .insert(messages)
          .values({ ...place, ...extra, parentId })
          .returning();
        parentId = row?.id ?? '';
        rows.push(parentId);
      }
      return rows;
    });
    expect([notice, human, broken]).not.toContain('');
    await ask(ada, { conversationId, text: 'Third?' });
    expect(historySeen(models)).toEqual(['user: Second?', 'assistant: Two.\n\nI am a person.']);
    await include(ada, one.question.id, true);
    await ask(ada, { conversationId, text: 'Fourth?' });
    expect(historySeen(models)[0]).toBe('user: First?\n\nSecond?');
  });
});

describe('what is refused', () => {
  test('messages of other conversations, and of other organizations', async () => {
    const [conversationId, other] = [await begun(), await begun()];
    const elsewhere = await add(ada, { conversationId: other, content: 'Elsewhere' });
    const { asking, adding, regenerating, editing, choosing, including, branching } = mutations;
    const place = { conversationId, parentId: elsewhere.id };
    expect(await ada.codes(asking, { input: { ...place, text: 'Hi' } })).toEqual(['NOT_FOUND']);
    expect(await ada.codes(adding, { input: { ...place, content: 'Hi' } })).toEqual(['NOT_FOUND']);
    const eve = await bed.signUp('Eve');
    const messageId = elsewhere.id;
    for (const [query, more] of [
      [regenerating, {}],
      [editing, { text: 'x' }],
      [choosing, {}],
      [including, { included: false }],
      [branching, {}],
    ] as const)
      expect(await eve.codes(query, { input: { messageId, ...more } })).toEqual(['NOT_FOUND']);
    expect(await pathOf(ada, conversationId)).toEqual([]);
  });

  test('answers that are still being written', async () => {
    const conversationId = await begun();
    const { answer } = await ask(ada, { conversationId, text: 'Hi' });
    await setStatus(answer.id, 'STREAMING');
    const { asking, regenerating, editing, branching } = mutations;
    for (const [query, input] of [
      [regenerating, { messageId: answer.id }],
      [editing, { messageId: answer.id, text: 'x' }],
      [branching, { messageId: answer.id }],
      [asking, { conversationId, parentId: answer.id, text: 'x' }],
    ] as const)
      expect(await ada.codes(query, { input })).toEqual(['CONFLICT']);
    await setStatus(answer.id, 'COMPLETED');
  });

  test('conversations that have ended, and messages that are neither questions nor answers', async () => {
    const conversationId = await begun();
    const { answer, question } = await ask(ada, { conversationId, text: 'Hi' });
    await ada.want(
      'mutation ($input: UpdateConversationInput!) { updateConversation(input: $input) { conversation { id } } }',
      { input: { id: conversationId, status: 'ENDED' } },
    );
    const { regenerating, editing, choosing, including } = mutations;
    for (const { id: messageId } of [answer, question])
      for (const [query, more] of [
        [regenerating, {}],
        [editing, { text: 'x' }],
        [choosing, {}],
        [including, { included: false }],
      ] as const)
        expect(await ada.codes(query, { input: { messageId, ...more } })).toEqual(['CONFLICT']);
  });

  test('a hundred and first sibling, and a text that is none', async () => {
    const conversationId = await begun();
    const { question } = await ask(ada, { conversationId, text: 'Hi' });
    await unitOf(bed, ada.organizationId).transact(() =>
      database.insert(messages).values(
        Array.from({ length: 99 }, () => ({
          organizationId: uuidOf(ada.organizationId),
          workspaceId: uuidOf(workspaceId),
          conversationId: uuidOf(conversationId),
          parentId: uuidOf(question.id),
          role: 'ASSISTANT' as const,
          content: 'Hello',
        })),
      ),
    );
    const { asking, regenerating, editing } = mutations;
    expect(await ada.codes(regenerating, { input: { messageId: question.id } })).toEqual(['CONFLICT']);
    const input = { conversationId, parentId: question.id, text: 'x' };
    expect(await ada.codes(asking, { input })).toEqual(['CONFLICT']);
    expect(await ada.codes(editing, { input: { messageId: question.id, text: ' ' } })).toEqual(['BAD_USER_INPUT']);
    const siblings: { conversation: { messages: { edges: { node: { children: { id: string }[] } }[] } } } =
      await ada.want(
        'query ($id: ID!) { conversation(id: $id) { messages(first: 1) { edges { node { children { id } } } } } }',
        {
          id: conversationId,
        },
      );
    expect(siblings.conversation.messages.edges[0]?.node.children).toHaveLength(100);
  });
});

describe('reading the tree', () => {
  test('siblings, places, children and paths cost one statement each for a whole page', async () => {
    const conversationId = await begun();
    const first = await ask(ada, { conversationId, text: 'Colour?' });
    await regenerate(ada, first.answer.id);
    await ask(ada, { conversationId, text: 'Why?' });
    await ask(ada, { conversationId, text: 'Anew', parentId: null });
    const read = (fields: string) =>
      ada.ask(`query ($id: ID!) { conversation(id: $id) { ${fields} } }`, { id: conversationId });
    const of = (fields: string) => `messages { edges { node { ${fields} } } }`;
    for (const [fields, statements] of [
      [of('id'), 2],
      [of('siblingIndex siblingCount'), 3],
      [of('siblings { id }'), 3],
      [of('children { id }'), 3],
      [of('editedFrom { id } belowThreshold includedInHistory'), 2],
      ['path { edges { node { id } } }', 2],
      ['path { totalCount edges { node { id sender { id } siblings { id } } } }', 5],
    ] as const) {
      const answer = await read(fields);
      expect(answer.errors).toEqual([]);
      expect({ fields, statements: answer.statements.length }).toEqual({ fields, statements });
    }
    const { data } = await read(of('content siblings { content } children { content }'));
    const { edges } = (data as unknown as { conversation: { messages: { edges: { node: object }[] } } }).conversation
      .messages;
    expect(edges[0]?.node).toEqual({
      content: 'Colour?',
      siblings: [{ content: 'Colour?' }, { content: 'Anew' }],
      children: [{ content: 'Hello there.' }, { content: 'Hello there.' }],
    });
  });

  test('a path is read by pages from both ends', async () => {
    const conversationId = await begun();
    for (const content of ['1', '2', '3', '4', '5']) await add(ada, { conversationId, content });
    const three = (await pathOf(ada, conversationId))[2];
    await add(ada, { conversationId, content: '4b', parentId: three?.id });
    const page = async (page: string) => {
      const data: { conversation: { path: { edges: { cursor: string; node: Told }[]; pageInfo: object } } } =
        await ada.want(
          `query ($id: ID!) { conversation(id: $id) { path(${page}) { edges { cursor node { content } } pageInfo { hasNextPage hasPreviousPage } } } }`,
          { id: conversationId },
        );
      const { edges, pageInfo } = data.conversation.path;
      return {
        contents: contents(edges.map(({ node }) => node)),
        cursors: edges.map(({ cursor }) => cursor),
        pageInfo,
      };
    };
    const newest = await page('last: 2');
    expect(newest).toMatchObject({ contents: ['3', '4b'], pageInfo: { hasPreviousPage: true, hasNextPage: false } });
    expect((await page(`last: 2, before: "${newest.cursors[0]}"`)).contents).toEqual(['1', '2']);
    const oldest = await page('first: 3');
    expect(oldest).toMatchObject({ contents: ['1', '2', '3'], pageInfo: { hasNextPage: true } });
    expect((await page(`first: 3, after: "${oldest.cursors[2]}"`)).contents).toEqual(['4b']);
  });

  test('adding a message costs what it did, and more only where a choice is in the way', async () => {
    const conversationId = await begun();
    const first = await add(ada, { conversationId, content: '1' });
    const addTo = () =>
      ada.ask('mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id } } }', {
        input: { conversationId, content: 'x' },
      });
    const usual = await addTo();
    expect(usual.statements).toHaveLength(2);
    await add(ada, { conversationId, content: '2', parentId: first.id });
    await choose(ada, (usual.data as unknown as { addMessage: { message: { id: string } } }).addMessage.message.id);
    expect((await addTo()).errors).toEqual([]);
    expect((await addTo()).statements).toHaveLength(2);
    expect(contents(await pathOf(ada, conversationId))).toEqual(['1', 'x', 'x', 'x']);
  });
});
