import { afterAll, beforeAll, beforeEach, expect, test } from '@jest/globals';
import { pinnedPassages } from '../src/domains/content/pinned.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { whole } from './access/cast.ts';
import { colleagueOf } from './company.ts';
import { startOpenAiServer, type OpenAiServer } from './openai-server.ts';
import { conversationIn, modelFor, promote, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let models: OpenAiServer;
let ada: Awaited<ReturnType<Testbed['signUp']>>;

beforeAll(async () => {
  [bed, models] = await Promise.all([startTestbed(), startOpenAiServer()]);
  ada = await bed.signUp();
  await promote(bed, ada);
});
beforeEach(() => models.reset());
afterAll(async () => {
  await models.stop();
  await bed.stop();
  await closeParsers();
});

const add = async (workspaceId: string, title: string, text: string, wait = true): Promise<string> => {
  const mutation = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';
  return ((await ada.want(mutation, { input: { workspaceId, title, text, wait } })) as Data).addDocument.document.id;
};
const pinText = 'mutation ($id: ID!) { pinDocument(input: { id: $id }) { document { pinned } } }';
const unpinText = 'mutation ($id: ID!) { unpinDocument(input: { id: $id }) { document { pinned } } }';
const ask = async (workspaceId: string, text: string): Promise<Data> => {
  const mutation = `mutation ($input: AskInput!) { ask(input: $input) { answer { content status error { message }
    citations { quote chunk { document { id } } } } } }`;
  const conversationId = await conversationIn(ada, workspaceId);
  return ((await ada.want(mutation, { input: { conversationId, text } })) as Data).ask.answer;
};
const long = (name: string, words: number) =>
  Array.from({ length: words }, (_, at) => `${name} has rule ${at}.`).join(' ');

test('twenty documents of a workspace can be pinned, whoever pins at the same time', async () => {
  const workspaceId = await workspaceOf(ada);
  const ids: string[] = [];
  for (let count = 0; count < 22; count += 1) ids.push(await add(workspaceId, `Rule ${count}`, 'Be kind.', false));
  for (const id of ids.slice(0, 18)) await ada.want(pinText, { id });
  const codes = await Promise.all(ids.slice(18).map((id) => ada.codes(pinText, { id })));
  expect(codes.flat()).toEqual(['CONFLICT', 'CONFLICT']);
  const filter =
    'query ($id: ID!) { workspace(id: $id) { documents(filter: { pinned: { eq: true } }) { totalCount } } }';
  expect(((await ada.want(filter, { id: workspaceId })) as Data).workspace.documents.totalCount).toBe(20);
  // What is pinned stays so, and makes room when it is pinned no longer.
  expect(await ada.codes(pinText, { id: ids[0] })).toEqual([]);
  expect(await ada.want(unpinText, { id: ids[0] })).toEqual({ unpinDocument: { document: { pinned: false } } });
  expect(await ada.want(pinText, { id: ids[0] })).toEqual({ pinDocument: { document: { pinned: true } } });
  const viewer = await colleagueOf(bed, ada.organizationId, 'Viewer', 'MEMBER', { [workspaceId]: 'VIEWER' });
  expect(await viewer.codes(pinText, { id: ids[1] })).toEqual(['FORBIDDEN']);
});

test('pinned documents give their enabled passages in reading order, as far as there is room', async () => {
  const workspaceId = await workspaceOf(ada);
  const first = await add(workspaceId, 'First', long('The garden', 150));
  const second = await add(workspaceId, 'Second', long('The house', 150));
  await add(workspaceId, 'Third', long('The street', 150));
  for (const id of [second, first]) await ada.want(pinText, { id });
  const unit = whole(bed, ada.organizationId);
  const upTo = async (tokens: number) => {
    const found = await pinnedPassages(unit, uuidOf(workspaceId), tokens);
    await unit.rest();
    return found;
  };
  const all = await upTo(100_000);
  expect(all.wholeDocumentIds).toEqual([uuidOf(first), uuidOf(second)]);
  expect(all.passages.map(({ documentId }) => documentId)).toEqual(
    all.passages.map(({ documentId }) => documentId).toSorted(),
  );
  const starts = all.passages.filter(({ title }) => title === 'First').map(({ start }) => start);
  expect(starts.length).toBeGreaterThan(1);
  expect(starts).toEqual(starts.toSorted((a, b) => a - b));

  const query = 'query ($id: ID!) { document(id: $id) { tokenCount chunks { edges { node { id tokens } } } } }';
  const { tokenCount, chunks }: Data = ((await ada.want(query, { id: first })) as Data).document;
  const exact = await upTo(tokenCount);
  expect(exact.wholeDocumentIds).toEqual([uuidOf(first)]);
  expect(exact.passages).toHaveLength(chunks.edges.length);
  const cut = await upTo(tokenCount - 1);
  expect(cut.wholeDocumentIds).toEqual([]);
  expect(cut.passages).toHaveLength(chunks.edges.length - 1);

  const [{ node }] = chunks.edges;
  await ada.want('mutation ($id: ID!) { disableChunk(input: { id: $id }) { chunk { id } } }', { id: node.id });
  const without = await upTo(100_000);
  expect(without.passages.map(({ chunkId }) => chunkId)).not.toContain(uuidOf(node.id));
  expect(without.passages).toHaveLength(all.passages.length - 1);
});

test('the built-in model answers out of what is pinned, where search would find nothing', async () => {
  const workspaceId = await workspaceOf(ada, { name: 'House' });
  await ada.want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
    input: { id: workspaceId, chatMode: 'QUERY', queryRefusalResponse: 'Refused.' },
  });
  const id = await add(workspaceId, 'House rules', 'Shoes stay outside. Guests are welcome until ten.');
  expect((await ask(workspaceId, 'Xylophone zeppelins?')).content).toBe('Refused.');
  await ada.want(pinText, { id });
  const unrelated = await ask(workspaceId, 'Xylophone zeppelins?');
  expect(unrelated).toMatchObject({ status: 'COMPLETED' });
  expect(unrelated.content).not.toBe('Refused.');
  const related = await ask(workspaceId, 'Until when are guests welcome?');
  expect(related.content).toContain('until ten');
  expect(related.citations).toMatchObject([{ chunk: { document: { id } } }]);
  await ada.want(unpinText, { id });
  expect((await ask(workspaceId, 'Xylophone zeppelins?')).content).toBe('Refused.');
});

test('a model is given what is pinned before what is found, each once, in a quarter of its window', async () => {
  const workspaceId = await workspaceOf(ada);
  await modelFor(ada, workspaceId, models.url);
  // One passage is searched for: what is pinned does not take its place.
  await ada.want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
    input: { id: workspaceId, topN: 1 },
  });
  const pinned = await add(workspaceId, 'Pinned', 'Shoes stay outside.');
  await add(workspaceId, 'Found', 'Umbrellas stay outside too.');
  await ada.want(pinText, { id: pinned });
  models.script({ deltas: ['Shoes stay outside [1].'] });
  const answer = await ask(workspaceId, 'What stays outside?');
  expect(answer).toMatchObject({ status: 'COMPLETED', error: null });
  expect(answer.citations).toMatchObject([{ chunk: { document: { id: pinned } } }]);
  const prompt = () => JSON.stringify(models.seen.at(-1)?.body.messages);
  const numbers = () =>
    [...prompt().matchAll(/passage number=\\+"\[(\d+)\]\\+" document=\\+"(\w+)/g)].map((each) => each.slice(1));
  expect(numbers()).toEqual([
    ['1', 'Pinned'],
    ['2', 'Found'],
  ]);

  // 8,192 tokens are its window: a quarter of them holds this in part, and what is found of the rest comes after.
  const book = await add(workspaceId, 'Book', long('The library', 900));
  await ada.want(pinText, { id: book });
  models.script({ deltas: ['It has [1].'] });
  await ask(workspaceId, 'What rule 899 has the library?');
  const titles = numbers().map(([, title]) => title);
  expect(titles.slice(0, 2)).toEqual(['Pinned', 'Book']);
  const passages = prompt().match(/The library has rule \d+\./g) ?? [];
  expect(passages).toHaveLength(new Set(passages).size);
  expect(passages).toContain('The library has rule 0.');
  expect(passages).toContain('The library has rule 899.');
  models.script({ deltas: ['It has [2].'] });
  await ask(workspaceId, 'Has the library rule 3?');
  const again = prompt().match(/The library has rule 3\./g) ?? [];
  expect(again).toHaveLength(1);
});
