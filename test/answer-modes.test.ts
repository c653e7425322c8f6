import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { addDocument, ask, historySeen, include, lastSeen, pathOf } from './asking.ts';
import { join } from './colleagues.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { uploaded } from './uploading.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed(), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
}, 60_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const watering = 'Roses are watered every three days in summer.';
const refusal = 'I found nothing about this in the documents of this workspace.';
const workspaceIn = async (input: object) => {
  const workspaceId = await workspaceOf(ada, { similarityThreshold: 1, ...input });
  await modelFor(ada, workspaceId, models.url);
  return workspaceId;
};
const pin = (id: string) =>
  ada.want('mutation ($input: PinDocumentInput!) { pinDocument(input: $input) { document { id } } }', {
    input: { id },
  });
const instructions = () => lastSeen(models)[0]?.content ?? '';
const questionSeen = () => lastSeen(models).at(-1)?.content ?? '';
const passagesOf = async (messageId: string, person: Person = ada) => {
  const { answerExplanation }: Data = await person.want(
    `query ($id: ID!) { answerExplanation(messageId: $id) { passages { edges { node { marker origin title used cited score } } } } }`,
    { id: messageId },
  );
  return answerExplanation.passages.edges.map(({ node }: { node: object }) => node);
};

describe('modes', () => {
  test.each(['CHAT', 'AUTOMATIC'])(
    '%s asks the model with and without passages, and lets it know things itself',
    async (chatMode) => {
      const workspaceId = await workspaceIn({ chatMode });
      const conversationId = await conversationIn(ada, workspaceId);
      await ask(ada, { conversationId, text: 'What is the capital of France?' });
      expect(instructions()).toContain('No passages from documents are given');
      await addDocument(ada, workspaceId, 'Roses', watering);
      await ask(ada, { conversationId, text: 'How often are roses watered?' });
      expect(instructions()).toContain('what you know yourself');
      expect(instructions()).not.toContain('from nothing else');
      expect(questionSeen()).toContain(watering);
      expect(historySeen(models)).toHaveLength(2);
    },
  );

  test('QUERY answers from what was found and from nothing else', async () => {
    const workspaceId = await workspaceIn({ chatMode: 'QUERY' });
    await addDocument(ada, workspaceId, 'Roses', watering);
    const conversationId = await conversationIn(ada, workspaceId);
    const { answer } = await ask(ada, { conversationId, text: 'How often are roses watered?' });
    expect(answer).toMatchObject({ status: 'COMPLETED', model: 'fake' });
    expect(instructions()).toContain('from nothing else');
  });

  test('QUERY refuses without a model where there is nothing, and a refusal is no history', async () => {
    const workspaceId = await workspaceIn({ chatMode: 'QUERY', queryRefusalResponse: 'No idea.' });
    await addDocument(ada, workspaceId, 'Roses', watering);
    const conversationId = await conversationIn(ada, workspaceId);
    const { answer } = await ask(ada, { conversationId, text: 'Zeppelin?' });
    expect(answer).toMatchObject({ content: 'No idea.', status: 'COMPLETED', model: null, includedInHistory: false });
    expect(models.seen).toEqual([]);
    await ask(ada, { conversationId, text: 'How often are roses watered?' });
    expect(historySeen(models)).toEqual([]);
    expect(questionSeen()).toContain('How often are roses watered?');
    expect(JSON.stringify(lastSeen(models))).not.toContain('No idea.');
  });

  test('QUERY takes pinned documents and files of the conversation for content', async () => {
    const workspaceId = await workspaceIn({ chatMode: 'QUERY' });
    const conversationId = await conversationIn(ada, workspaceId);
    const zeppelin = async () => (await ask(ada, { conversationId, text: 'Zeppelin?' })).answer;
    expect((await zeppelin()).content).toBe(refusal);
    const fileId = await uploaded(bed, ada, 'Lilies.txt', 'Lilies are poisonous for cats.');
    const { addParsedFile }: Data = await ada.want(
      'mutation ($input: AddParsedFileInput!) { addParsedFile(input: $input) { parsedFile { id } } }',
      { input: { conversationId, fileId, wait: true } },
    );
    expect(await passagesOf((await zeppelin()).id)).toEqual([
      { marker: 1, origin: 'ATTACHED', title: 'Lilies.txt', used: true, cited: false, score: 1 },
    ]);
    await ada.want('mutation ($input: DeleteParsedFileInput!) { deleteParsedFile(input: $input) { deletedId } }', {
      input: { id: addParsedFile.parsedFile.id },
    });
    expect((await zeppelin()).content).toBe(refusal);
    await pin(await addDocument(ada, workspaceId, 'Roses', watering));
    expect(await passagesOf((await zeppelin()).id)).toMatchObject([{ origin: 'PINNED', title: 'Roses', used: true }]);
  });
});

describe('back-fill', () => {
  /** A workspace whose document has been cited once, and the conversation in which it was. */
  const cited = async (input: object = {}) => {
    const workspaceId = await workspaceIn({ chatMode: 'QUERY', ...input });
    const documentId = await addDocument(ada, workspaceId, 'Roses', watering);
    const conversationId = await conversationIn(ada, workspaceId);
    models.script({ deltas: ['Every three days [1].'] });
    const first = await ask(ada, { conversationId, text: 'How often are roses watered?' });
    expect(first.answer.citations).toHaveLength(1);
    return { workspaceId, documentId, conversationId, first };
  };
  const followUp = { text: 'Zeppelin?' };

  test('a question that finds nothing leans on what was cited, and cites it anew', async () => {
    const { conversationId, first } = await cited();
    models.script({ deltas: ['Every three days in summer [1].'] });
    const { answer } = await ask(ada, { conversationId, ...followUp });
    expect(answer).toMatchObject({ status: 'COMPLETED', citations: [{ quote: watering, marker: 1 }] });
    const [before] = await passagesOf(first.answer.id);
    expect(await passagesOf(answer.id)).toEqual([
      { marker: 1, origin: 'RECENT', title: 'Roses', used: true, cited: true, score: before.score },
    ]);
  });

  test('passages are there once, those found first, and no more than wanted', async () => {
    const { workspaceId, conversationId } = await cited({ topN: 2 });
    await addDocument(ada, workspaceId, 'Tulips', 'Tulips are planted in October.');
    models.script({ deltas: ['In October [1]. Roses every three days [2].'] });
    const tulips = await ask(ada, { conversationId, text: 'When are tulips planted?' });
    expect((await passagesOf(tulips.answer.id)).map(({ origin, title }: Data) => `${origin} ${title}`)).toEqual([
      'SEARCH Tulips',
      'RECENT Roses',
    ]);
    // Of the newest answer in the order of mention.
    const both = await ask(ada, { conversationId, ...followUp });
    expect((await passagesOf(both.answer.id)).map(({ origin, title }: Data) => `${origin} ${title}`)).toEqual([
      'RECENT Tulips',
      'RECENT Roses',
    ]);
    await ada.want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
      input: { id: workspaceId, topN: 1 },
    });
    const one = await ask(ada, { conversationId, text: 'When are tulips planted?' });
    expect((await passagesOf(one.answer.id)).map(({ origin, title }: Data) => `${origin} ${title}`)).toEqual([
      'SEARCH Tulips',
    ]);
  });

  test('what the asker may not read, what is gone, and what is no history is not filled in', async () => {
    const { workspaceId, documentId, conversationId, first } = await cited();
    const bob = await join(bed, ada, 'MEMBER', { name: 'Bob', workspaceIds: [workspaceId] });
    const asked = async (person: Person, parentId = first.answer.id) =>
      (await ask(person, { conversationId, parentId, ...followUp })).answer.model;
    expect(await asked(bob)).toBe('fake');
    const access =
      'mutation ($input: SetDocumentAccessInput!) { setDocumentAccess(input: $input) { document { id } } }';
    await ada.want(access, { input: { id: documentId, access: 'RESTRICTED', userIds: [ada.userId] } });
    expect([await asked(bob), await asked(ada)]).toEqual([null, 'fake']);
    await include(ada, first.answer.id, false);
    expect(await asked(ada)).toBeNull();
    await include(ada, first.answer.id, true);
    expect(await asked(ada)).toBe('fake');
    // On another path it was not cited.
    expect((await ask(ada, { conversationId, parentId: null, ...followUp })).answer.model).toBeNull();
    await ada.want('mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { id } } }', {
      input: { id: documentId, text: 'Asters bloom late.', wait: true },
    });
    expect(await asked(ada)).toBeNull();
    expect((await pathOf(ada, conversationId)).length).toBeGreaterThan(2);
  });

  test('a history of no length fills nothing in', async () => {
    const { conversationId } = await cited({ historyLength: 0 });
    expect((await ask(ada, { conversationId, ...followUp })).answer.model).toBeNull();
  });
});
