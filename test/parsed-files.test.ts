import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { and, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { attachedGrounds } from '../src/domains/conversations/grounds.ts';
import { parsedFiles } from '../src/domains/conversations/tables.ts';
import { colleagueOf } from './company.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';
import { uploaded } from './uploading.ts';

const fields = 'id title mimeType status failure tokenCount';
const add = `mutation ($input: AddParsedFileInput!) { addParsedFile(input: $input) { parsedFile { ${fields} text file { id } addedBy { id } } } }`;
const askMutation = `mutation ($input: AskInput!) { ask(input: $input) { answer { content status
  citations { quote score start end documentVersion document { title } parsedFile { id title } } } } }`;
const move =
  'mutation ($input: MoveParsedFileInput!) { moveParsedFile(input: $input) { deletedId document { id title file { id } } } }';
const remove = 'mutation ($input: DeleteParsedFileInput!) { deleteParsedFile(input: $input) { deletedId } }';
const usageOf = '{ tokenCount maxTokens fits }';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const lilies = 'Lilies need a teaspoon of lime in March. Lilies are cut back in autumn.';

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let garden: string;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed(), startOpenAiServer()]);
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  garden = await workspaceOf(ada);
}, 60_000);
beforeEach(() => models.reset());
afterAll(async () => {
  await models.stop();
  await bed.stop();
});

const textFile = (person: Person, text: string, name = 'lilies.txt') =>
  uploaded(bed, person, name, Buffer.from(text), 'text/plain');
const dropped = async (conversationId: string, text = lilies, person: Person = ada): Promise<Data> => {
  const data: Data = await person.want(add, {
    input: { conversationId, fileId: await textFile(person, text), wait: true },
  });
  return data.addParsedFile.parsedFile;
};
const answerIn = async (conversationId: string, text: string): Promise<Data> =>
  ((await ada.want(askMutation, { input: { conversationId, text } })) as Data).ask.answer;
const filesIn = async (conversationId: string, person: Person = ada): Promise<Data> =>
  (
    (await person.want(
      `query ($id: ID!) { conversation(id: $id) { parsedFileUsage ${usageOf} parsedFiles { totalCount edges { node { ${fields} } } } } }`,
      { id: conversationId },
    )) as Data
  ).conversation;
const search = async (query: string): Promise<Data[]> =>
  (
    (await ada.want(
      'query ($id: ID!, $query: String!) { search(workspaceId: $id, query: $query) { edges { score } } }',
      {
        id: garden,
        query,
      },
    )) as Data
  ).search.edges;

test('a dropped file is read, answers rest on it and cite it, and search does not find it', async () => {
  const conversationId = await conversationIn(ada, garden);
  const parsed = await dropped(conversationId);
  expect(parsed).toMatchObject({ title: 'lilies.txt', mimeType: 'text/plain', status: 'READY', text: lilies });
  expect(parsed.tokenCount).toBeGreaterThan(10);
  expect(parsed.addedBy.id).toBe(ada.userId);
  const answer = await answerIn(conversationId, 'How much lime do lilies need in March?');
  expect(answer.content).toContain('Lilies need a teaspoon of lime in March.');
  expect(answer.citations).toEqual([
    {
      quote: expect.stringContaining('teaspoon of lime'),
      score: 1,
      start: 0,
      end: expect.any(Number),
      document: null,
      documentVersion: null,
      parsedFile: { id: parsed.id, title: 'lilies.txt' },
    },
  ]);
  expect(lilies.slice(answer.citations[0].start, answer.citations[0].end)).toBe(answer.citations[0].quote);
  expect(await search('lilies lime')).toEqual([]);
  // Another conversation of the workspace knows nothing of it.
  const other = await answerIn(await conversationIn(ada, garden), 'How much lime do lilies need in March?');
  expect(other.citations).toEqual([]);
});

test('a workspace that answers from its sources alone takes a dropped file for one', async () => {
  const workspaceId = await workspaceOf(ada, { name: 'Strict', chatMode: 'QUERY' });
  const conversationId = await conversationIn(ada, workspaceId);
  expect((await answerIn(conversationId, 'How much lime do lilies need?')).citations).toEqual([]);
  await dropped(conversationId);
  expect((await answerIn(conversationId, 'How much lime do lilies need?')).citations).toHaveLength(1);
});

test('a model is given the whole text in reading order, as long as it fits into half of its window', async () => {
  const workspaceId = await workspaceOf(ada, { name: 'Modelled' });
  await modelFor(ada, workspaceId, models.url);
  const conversationId = await conversationIn(ada, workspaceId);
  const sentences = Array.from({ length: 3000 }, (_, number) => `Sentence ${number} is about plant number ${number}.`);
  const { tokenCount } = await dropped(conversationId, sentences.join(' '));
  const { parsedFileUsage } = await filesIn(conversationId);
  expect(parsedFileUsage).toEqual({ tokenCount, maxTokens: expect.any(Number), fits: false });
  expect(tokenCount).toBeGreaterThan(parsedFileUsage.maxTokens);
  await ada.ask(askMutation, { input: { conversationId, text: 'What is plant 3?' } });
  const prompt = JSON.stringify(models.seen.at(-1)?.body);
  const seen = sentences.map((sentence) => prompt.includes(sentence));
  const told = seen.lastIndexOf(true);
  // All of the beginning and nothing behind it; a sentence at the edge of two passages may be cut.
  expect(told).toBeGreaterThan(100);
  expect(told).toBeLessThan(2000);
  expect(seen.slice(0, told).filter((one) => !one).length).toBeLessThan(told / 10);
});

test('a file beyond the budget is cut in the statement, and the oldest file goes first', async () => {
  const conversationId = await conversationIn(ada, garden);
  for (const name of ['First', 'Second'])
    await dropped(
      conversationId,
      Array.from({ length: 200 }, (_, n) => `${name} line ${n} tells of roses.`).join('\n\n'),
    );
  const unit = unitOf(bed, ada.organizationId);
  const of = (maxTokens: number) => attachedGrounds(unit, uuidOf(conversationId), maxTokens);
  const all = await of(100_000);
  const some = await of(900);
  await unit.rest();
  expect(all.filter(({ text }) => text.startsWith('Second'))).not.toHaveLength(0);
  expect(some.length).toBeGreaterThan(0);
  expect(some).toEqual(all.slice(0, some.length));
  expect(some.every(({ text }) => text.startsWith('First'))).toBe(true);
});

test('a file that cannot be read says why and is no source', async () => {
  const conversationId = await conversationIn(ada, garden);
  const fileId = await uploaded(bed, ada, 'broken.pdf', Buffer.from('%PDF-1.7 nothing'), 'application/pdf');
  const { addParsedFile }: Data = await ada.want(add, { input: { conversationId, fileId, wait: true } });
  expect(addParsedFile.parsedFile).toMatchObject({
    status: 'FAILED',
    failure: expect.stringMatching(/\w/),
    text: null,
  });
  expect((await answerIn(conversationId, 'What does it say?')).citations).toEqual([]);
  const { id } = addParsedFile.parsedFile;
  expect(await ada.codes(move, { input: { id } })).toEqual(['CONFLICT']);
});

test('moved into the workspace it is a document that search finds, and leaves the conversation', async () => {
  const conversationId = await conversationIn(ada, garden);
  const parsed = await dropped(conversationId, 'Peonies dislike being moved at all.');
  const { moveParsedFile }: Data = await ada.want(move, { input: { id: parsed.id, title: 'Peonies' } });
  expect(moveParsedFile).toMatchObject({ deletedId: parsed.id, document: { title: 'Peonies', file: parsed.file } });
  expect((await filesIn(conversationId)).parsedFiles.totalCount).toBe(0);
  for (let tries = 0; (await search('peonies')).length === 0 && tries < 100; tries++)
    await new Promise((done) => setTimeout(done, 100));
  expect(await search('peonies')).toHaveLength(1);
  expect(await ada.codes(move, { input: { id: parsed.id } })).toEqual(['NOT_FOUND']);
});

test('bad input changes nothing', async () => {
  const conversationId = await conversationIn(ada, garden);
  const fileId = await textFile(ada, lilies);
  const refused = async (input: object) => (await ada.ask(add, { input: { conversationId, fileId, ...input } })).errors;
  expect((await refused({ title: ' ' }))[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'title' });
  expect((await refused({ conversationId: parsedIdLike(conversationId) }))[0]?.extensions.code).toBe('NOT_FOUND');
  const strange = await bed.signUp('Strange');
  const foreign = await textFile(strange, lilies);
  expect((await refused({ fileId: foreign }))[0]?.extensions.code).toBe('NOT_FOUND');
  expect((await strange.codes(add, { input: { conversationId, fileId: foreign } })).at(0)).toBe('NOT_FOUND');
  const { createUpload }: Data = await ada.want(
    'mutation { createUpload(input: { name: "a.txt", size: 1, mimeType: "text/plain" }) { file { id } } }',
  );
  expect((await refused({ fileId: createUpload.file.id }))[0]?.extensions).toMatchObject({ code: 'CONFLICT' });
  expect((await filesIn(conversationId)).parsedFiles.totalCount).toBe(0);
  await ada.want(add, { input: { conversationId, fileId } });
  expect((await refused({}))[0]?.extensions).toMatchObject({ code: 'CONFLICT', field: 'fileId' });
});

/** An id of the same kind that nothing has. */
const parsedIdLike = (id: string): string => `${id.slice(0, -4)}0000`;

test('of many dropped at once a conversation takes twenty', async () => {
  const conversationId = await conversationIn(ada, garden);
  const fileIds = await Promise.all(Array.from({ length: 24 }, (_, number) => textFile(ada, `Text ${number} here.`)));
  const outcomes = await Promise.all(fileIds.map((fileId) => ada.codes(add, { input: { conversationId, fileId } })));
  expect(outcomes.filter((codes) => codes.length === 0)).toHaveLength(20);
  expect(outcomes.filter(([code]) => code === 'CONFLICT')).toHaveLength(4);
  expect((await filesIn(conversationId)).parsedFiles.totalCount).toBe(20);
});

test('whoever dropped a file takes it away, or the workspace’s admins; others see it', async () => {
  const workspaceId = await workspaceOf(ada, { name: 'Shared' });
  const viewer = await colleagueOf(bed, ada.organizationId, 'Vera', 'MEMBER');
  await ada.want(
    'mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { member { id } } }',
    { input: { workspaceId, userId: viewer.userId, role: 'VIEWER' } },
  );
  const conversationId = await conversationIn(ada, workspaceId);
  const ofAda = await dropped(conversationId);
  const ofVera = await dropped(conversationId, 'Asters bloom late.', viewer);
  expect((await filesIn(conversationId, viewer)).parsedFiles.totalCount).toBe(2);
  expect(await viewer.codes(remove, { input: { id: ofAda.id } })).toEqual(['FORBIDDEN']);
  expect(await viewer.codes(move, { input: { id: ofVera.id } })).toEqual(['FORBIDDEN']);
  expect(await viewer.want(remove, { input: { id: ofVera.id } })).toEqual({
    deleteParsedFile: { deletedId: ofVera.id },
  });
  expect(await ada.want(remove, { input: { id: ofAda.id } })).toEqual({ deleteParsedFile: { deletedId: ofAda.id } });
});

test('a list of conversations reads their files in one statement more, and a page no texts', async () => {
  const conversationId = await conversationIn(ada, garden);
  await dropped(conversationId);
  const query = (inner: string) =>
    `query ($id: ID!) { workspace(id: $id) { conversations { edges { node { id ${inner} } } } } }`;
  const without = (await ada.ask(query(''), { id: garden })).statements.length;
  const page = await ada.ask(query('parsedFiles { edges { node { title file { name } addedBy { id } } } }'), {
    id: garden,
  });
  expect(page.errors).toEqual([]);
  expect(page.statements.length - without).toBe(3);
  expect(page.statements.filter((statement) => /"parsed_files"."(text|passages)"/.test(statement))).toEqual([]);
  const usage = await ada.ask(query(`parsedFileUsage ${usageOf}`), { id: garden });
  // The counts, the workspace and its model.
  expect(usage.statements.length - without).toBeLessThanOrEqual(3);
});

test('the passages of a file hold its whole text in order', async () => {
  const { id } = await dropped(await conversationIn(ada, garden));
  const unit = unitOf(bed, ada.organizationId);
  const isFile = and(eq(parsedFiles.organizationId, unit.organizationId), eq(parsedFiles.id, uuidOf(id)));
  const [row] = await unit.run(() => database.select().from(parsedFiles).where(isFile));
  await unit.rest();
  expect(row?.passages.map(({ start, end }) => lilies.slice(start, end)).join('')).toBe(lilies);
});
