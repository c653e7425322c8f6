import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { and, asc, eq, inArray } from 'drizzle-orm';
import { assemblePrompt } from '../src/ai/prompt.ts';
import { database } from '../src/database/client.ts';
import { documents, documentVersions } from '../src/domains/content/tables.ts';
import { answerPassages, answerRecords } from '../src/domains/conversations/answer-tables.ts';
import { messages, parsedFiles } from '../src/domains/conversations/tables.ts';
import { addDocument, ask, lastSeen, mutations } from './asking.ts';
import { join } from './colleagues.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';
import { uploaded } from './uploading.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed({ MODEL_TIMEOUT_SECONDS: '2' }), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
}, 60_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const watering = 'Roses are watered every three days in summer.';
const question = 'How often are roses watered in summer?';
const workspaceIn = async (input: object = {}) => {
  const workspaceId = await workspaceOf(ada, input);
  await modelFor(ada, workspaceId, models.url);
  return workspaceId;
};
const explaining = `query ($id: ID!) { answerExplanation(messageId: $id) { promptVersion systemPrompt chatMode providerName modelName
  modelVersion inputPrice outputPrice route parameters searchQuery confidence support relevance confidenceThreshold message { id }
  historyMessages { id content } passages { totalCount edges { node { marker origin title documentVersion start end score vectorRank lexicalRank
  similarity used cited document { id } chunk { text } parsedFile { id } } } } } }`;
const explain = async (id: string) => ((await ada.want(explaining, { id })) as Data).answerExplanation;

describe('an answer is explained', () => {
  test('by prompt, model, prices, route, parameters, query, history, passages and confidence', async () => {
    const workspaceId = await workspaceIn({
      systemPrompt: 'Be kind.',
      temperature: 0.5,
      topN: 3,
      confidenceThreshold: 0.9,
    });
    const documentId = await addDocument(ada, workspaceId, 'Roses', watering);
    const conversationId = await conversationIn(ada, workspaceId);
    models.script({ deltas: ['Hello.'] }, { deltas: ['They are watered every three days [1]. They smell.'] });
    const first = await ask(ada, { conversationId, text: 'Hi' });
    const { answer } = await ask(ada, { conversationId, text: question });
    const told = await explain(answer.id);
    expect(told).toMatchObject({
      promptVersion: 1,
      systemPrompt: 'Be kind.',
      chatMode: 'CHAT',
      modelName: 'fake',
      modelVersion: '',
      inputPrice: '0.0000025',
      outputPrice: '0.00001',
      route: { kind: 'WORKSPACE_MODEL' },
      parameters: {
        temperature: 0.5,
        topN: 3,
        similarityThreshold: 0.25,
        historyLength: 20,
        contextTokens: 8192,
        maxOutputTokens: 1024,
        timeoutMs: 2000,
        language: 'en',
        tone: null,
      },
      searchQuery: question,
      confidenceThreshold: 0.9,
      support: 0.5,
      message: { id: answer.id },
      historyMessages: [
        { id: first.question.id, content: 'Hi' },
        { id: first.answer.id, content: 'Hello.' },
      ],
    });
    expect(told.route.modelId).toMatch(/^[0-9a-f-]{36}$/);
    expect(told.providerName).toMatch(/^server-/);
    expect(told.confidence).toBe(answer.confidence);
    expect(told.confidence).toBeCloseTo(0.6 * told.support + 0.4 * told.relevance, 10);
    const [{ node }] = told.passages.edges;
    expect(told.passages.totalCount).toBe(1);
    expect(node).toMatchObject({
      marker: 1,
      origin: 'SEARCH',
      title: 'Roses',
      documentVersion: 1,
      start: 0,
      end: watering.length,
      lexicalRank: 1,
      used: true,
      cited: true,
      document: { id: documentId },
      chunk: { text: watering },
      parsedFile: null,
    });
    expect(told.relevance).toBeCloseTo(node.score, 10);
    const marked: Data = await ada.want('query ($id: ID!) { node(id: $id) { ... on Message { belowThreshold } } }', {
      id: answer.id,
    });
    expect(marked.node.belowThreshold).toBe(true);
  });

  test('as far as it came when it failed, was too long to ask, or was refused', async () => {
    const workspaceId = await workspaceIn({ chatMode: 'QUERY' });
    await addDocument(ada, workspaceId, 'Roses', watering);
    const conversationId = await conversationIn(ada, workspaceId);
    models.script({ status: 401 });
    const failed = await explain((await ask(ada, { conversationId, text: question })).answer.id);
    expect(failed).toMatchObject({ confidence: null, support: null, searchQuery: question });
    expect(failed.passages.edges).toMatchObject([{ node: { title: 'Roses', used: true, cited: false } }]);
    const long = await ask(ada, { conversationId, text: `${question} ${'Please tell me. '.repeat(1900)}` });
    expect(long.answer.status).toBe('FAILED');
    expect((await explain(long.answer.id)).passages.edges).toMatchObject([{ node: { used: false } }]);
    const refused = await ask(ada, { conversationId, text: 'Zeppelin?' });
    expect(refused.answer.model).toBeNull();
    expect(await explain(refused.answer.id)).toMatchObject({
      modelName: 'fake',
      searchQuery: 'Zeppelin?',
      historyMessages: [],
      passages: { totalCount: 0 },
    });
  });

  test('the built-in answerer is named, and a prompt that was changed counts up', async () => {
    const workspaceId = await workspaceOf(ada);
    const conversationId = await conversationIn(ada, workspaceId);
    const asked = async () => explain((await ask(ada, { conversationId, text: 'Hi' })).answer.id);
    expect(await asked()).toMatchObject({ promptVersion: 0, systemPrompt: '', route: { kind: 'BUILTIN' } });
    const update = 'mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }';
    await ada.want(update, { input: { id: workspaceId, systemPrompt: 'Be kind.' } });
    await ada.want(update, { input: { id: workspaceId, systemPrompt: 'Be brief.' } });
    expect(await asked()).toMatchObject({ promptVersion: 2, systemPrompt: 'Be brief.' });
  });

  test('without the passages that the viewer may not read, and not where there is nothing to tell', async () => {
    const workspaceId = await workspaceIn();
    const secret = await addDocument(ada, workspaceId, 'Secret roses', 'Roses are watered in secret, too.');
    await addDocument(ada, workspaceId, 'Roses', watering);
    const bob = await join(bed, ada, 'MEMBER', { name: 'Bob', workspaceIds: [workspaceId] });
    const conversationId = await conversationIn(ada, workspaceId);
    const asked = await ask(ada, { conversationId, text: question });
    const id = asked.answer.id;
    const titles = async (data: Promise<Data>) =>
      (await data).answerExplanation.passages.edges.map(({ node }: Data) => node.title).sort();
    expect(await titles(bob.want(explaining, { id }))).toEqual(['Roses', 'Secret roses']);
    await ada.want(
      'mutation ($input: SetDocumentAccessInput!) { setDocumentAccess(input: $input) { document { id } } }',
      { input: { id: secret, access: 'RESTRICTED', userIds: [ada.userId] } },
    );
    expect(await titles(bob.want(explaining, { id }))).toEqual(['Roses']);
    expect(await titles(ada.want(explaining, { id }))).toEqual(['Roses', 'Secret roses']);
    const eve = await bed.signUp('Eve');
    expect(await eve.codes(explaining, { id })).toEqual(['NOT_FOUND']);
    expect(await ada.codes(explaining, { id: asked.question.id })).toEqual(['NOT_FOUND']);
    expect(await ada.codes(mutations.regenerating, { input: { messageId: id } })).toEqual([]);
  });

  test('a page of passages with their documents, chunks and citations costs one statement each', async () => {
    const workspaceId = await workspaceIn();
    for (const month of ['May', 'June', 'July']) await addDocument(ada, workspaceId, month, `Roses bloom in ${month}.`);
    const conversationId = await conversationIn(ada, workspaceId);
    const { answer } = await ask(ada, { conversationId, text: 'When do roses bloom?' });
    const { statements, errors } = await ada.ask(
      `query ($id: ID!) { answerExplanation(messageId: $id) { modelName passages { edges { node { cited title document { id } chunk { id } } } } } }`,
      { id: answer.id },
    );
    expect(errors).toEqual([]);
    // Message, record, passages, documents, chunks, citations.
    expect(statements).toHaveLength(6);
  });
});

/** The texts of the documents in the versions named, and of files, by their ids. */
const textsOf = async (passages: readonly (typeof answerPassages.$inferSelect)[]) => {
  const ids = passages.flatMap(({ documentId }) => documentId ?? []);
  const current = await database.select().from(documents).where(inArray(documents.id, ids));
  const earlier = await database.select().from(documentVersions).where(inArray(documentVersions.documentId, ids));
  const files = await database
    .select()
    .from(parsedFiles)
    .where(
      inArray(
        parsedFiles.id,
        passages.flatMap(({ parsedFileId }) => parsedFileId ?? []),
      ),
    );
  return new Map([
    ...current.map(({ id, version, text }) => [`${id} ${version}`, text ?? ''] as const),
    ...earlier.map(({ documentId, version, text }) => [`${documentId} ${version}`, text] as const),
    ...files.map(({ id, text }) => [`${id} null`, text ?? ''] as const),
  ]);
};

/** The prompt of an answer, made again of what is stored: its record, the messages, and the texts by version and span. */
const promptAgain = (answerId: string) => {
  const unit = unitOf(bed, ada.organizationId);
  return new Promise<Awaited<ReturnType<typeof assemblePrompt>>>((resolve, reject) => {
    unit
      .transact(async () => {
        const id = uuidOf(answerId);
        const [record] = await database.select().from(answerRecords).where(eq(answerRecords.messageId, id));
        const [answer] = await database.select().from(messages).where(eq(messages.id, id));
        if (record === undefined || typeof answer?.parentId !== 'string') throw new Error('There is no record.');
        const [asked] = await database.select().from(messages).where(eq(messages.id, answer.parentId));
        const rows = await database
          .select()
          .from(messages)
          .where(inArray(messages.id, [...record.historyMessageIds]));
        const passages = await database
          .select()
          .from(answerPassages)
          .where(and(eq(answerPassages.messageId, id)))
          .orderBy(asc(answerPassages.position));
        const texts = await textsOf(passages);
        const parameters: Data = record.parameters;
        return assemblePrompt(
          {
            system: record.systemPrompt,
            tone: parameters.tone,
            language: parameters.language,
            generalKnowledge: record.chatMode !== 'QUERY',
            question: asked?.prompt ?? asked?.content ?? '',
            history: record.historyMessageIds.map((messageId) => {
              const said = rows.find((row) => row.id === messageId);
              return { role: said?.role === 'USER' ? 'user' : 'assistant', text: said?.prompt ?? said?.content ?? '' };
            }),
            passages: passages.map((passage) => {
              const { documentId, documentVersion, parsedFileId, title, start, end, score } = passage;
              const text = texts.get(`${documentId ?? parsedFileId} ${documentVersion}`) ?? '';
              return { title, score, text: text.slice(start, end) };
            }),
          },
          {
            dialect: 'openai-compatible',
            model: record.modelName,
            timeoutMs: parameters.timeoutMs,
            contextTokens: parameters.contextTokens,
            maxOutputTokens: parameters.maxOutputTokens,
          },
        );
      })
      .then(resolve, reject);
  });
};

test('the prompt of an answer is made again from what is stored, whatever became of the documents', async () => {
  const workspaceId = await workspaceIn({ systemPrompt: 'Be kind.', temperature: 0.25, topN: 4 });
  const long = Array.from({ length: 120 }, (_, day) => `On day ${day} the roses 🌹 get ${day} cups of water.`).join(
    ' ',
  );
  const pinned = await addDocument(ada, workspaceId, 'Rules', 'Always wear gloves.');
  await ada.want('mutation ($input: PinDocumentInput!) { pinDocument(input: $input) { document { id } } }', {
    input: { id: pinned },
  });
  const roses = await addDocument(ada, workspaceId, 'Roses', watering);
  await addDocument(ada, workspaceId, 'Diary', long);
  const conversationId = await conversationIn(ada, workspaceId);
  const fileId = await uploaded(bed, ada, 'Lilies.txt', 'Lilies are poisonous for cats. 🐈 Roses are not.');
  await ada.want('mutation ($input: AddParsedFileInput!) { addParsedFile(input: $input) { parsedFile { id } } }', {
    input: { conversationId, fileId, wait: true },
  });
  models.script({ deltas: ['Hello.'] }, { deltas: ['Every three days [3].'] }, { deltas: ['Because of the sun.'] });
  const sent: { id: string; messages: object[]; temperature: unknown }[] = [];
  for (const text of ['Hi', question, 'Why so often?']) {
    const { answer } = await ask(ada, { conversationId, text });
    sent.push({ id: answer.id, messages: lastSeen(models), temperature: models.seen.at(-1)?.body.temperature });
  }
  // The documents and the prompt change afterwards.
  await ada.want('mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { id } } }', {
    input: { id: roses, text: 'Roses are never watered.', title: 'Other', wait: true },
  });
  await ada.want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
    input: { id: workspaceId, systemPrompt: 'Be rude.', topN: 1, language: 'de' },
  });
  const origins = [];
  for (const { id, messages: seen, temperature } of sent) {
    const { system, messages: made } = await promptAgain(id);
    expect([{ role: 'system', content: system }, ...made]).toEqual(seen);
    const told = await explain(id);
    expect(temperature).toBe(told.parameters.temperature);
    origins.push(new Set(told.passages.edges.map(({ node }: Data) => node.origin)));
  }
  expect(origins[1]).toEqual(new Set(['ATTACHED', 'PINNED', 'SEARCH']));
  expect(JSON.stringify(sent[1]?.messages)).toContain('🌹');
});
