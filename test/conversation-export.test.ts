import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, expect, test } from '@jest/globals';
import { parse } from 'csv-parse/sync';
import { sql } from 'drizzle-orm';
import { colleagueOf, type Colleague } from './company.ts';
import { tamper } from './machines.ts';
import { conversationIn, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let bob: Awaited<ReturnType<Testbed['signUp']>>;
let reader: Colleague;
let other: Colleague;
let garden: string;
let ids: string[];

const want = (person: Person, query: string, input: object): Promise<Data> => person.want(query, { input });
const say = (conversationId: string, content: string) =>
  want(ada, 'mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id } } }', {
    conversationId,
    content,
  });

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  bob = await bed.signUp('Bob');
  garden = await workspaceOf(ada);
  reader = await colleagueOf(bed, ada.organizationId, 'Reader', 'MEMBER', { [garden]: 'VIEWER' });
  other = await colleagueOf(bed, ada.organizationId, 'Other', 'MEMBER');
  await want(ada, 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }', {
    workspaceId: garden,
    title: 'Book',
    text: 'Roses are watered every three days.',
    wait: true,
  });
  const [first, second] = [await conversationIn(ada, garden), await conversationIn(ada, garden)];
  const ask = 'mutation ($input: AskInput!) { ask(input: $input) { answer { id } } }';
  await want(ada, ask, { conversationId: first, text: 'How often are roses watered?' });
  const bad = (await want(ada, ask, { conversationId: first, text: 'How are roses watered?' })).ask.answer.id;
  await want(ada, 'mutation ($input: GiveFeedbackInput!) { giveFeedback(input: $input) { feedback { id } } }', {
    messageId: bad,
    score: -1,
  });
  await say(second, '=HYPERLINK("http://example.com")\nwith a second line, "quoted"');
  await want(
    ada,
    'mutation ($input: ArchiveConversationInput!) { archiveConversation(input: $input) { conversation { id } } }',
    { id: second },
  );
  ids = [first, second];
}, 60_000);
afterAll(() => bed.stop());

const exported = async (person: Person, input: object): Promise<{ result: Data; text: string; fileId: string }> => {
  const { job } = (
    await want(
      person,
      'mutation ($input: ExportConversationsInput!) { exportConversations(input: $input) { job { id } } }',
      input,
    )
  ).exportConversations;
  for (let tries = 0; tries < 300; tries++) {
    const data: Data = await person.want('query ($id: ID!) { job(id: $id) { state progress result error } }', {
      id: job.id,
    });
    if (data.job.state === 'FAILED') throw new Error(data.job.error);
    if (data.job.state === 'SUCCEEDED') {
      const { result } = data.job;
      expect(data.job.progress).toBe(100);
      if (result.fileId === null) return { result, text: '', fileId: '' };
      const link = await want(
        person,
        'mutation ($input: CreateFileLinkInput!) { createFileLink(input: $input) { url } }',
        { id: result.fileId },
      );
      return { result, text: await (await fetch(link.createFileLink.url)).text(), fileId: result.fileId };
    }
    await pause(50);
  }
  throw new Error('The export did not end.');
};

test('JSON and JSONL hold whole conversations, archived ones behind the others', async () => {
  const { result, text } = await exported(ada, { workspaceId: garden, format: 'JSON' });
  expect(result).toMatchObject({ conversations: 2, messages: 5 });
  const all: Data[] = JSON.parse(text);
  expect(all.map(({ id }) => id)).toEqual(ids);
  expect(all[0].messages.map(({ role }: Data) => role)).toEqual(['USER', 'ASSISTANT', 'USER', 'ASSISTANT']);
  expect(all[0].messages[0]).toMatchObject({ sender: 'Ada', content: 'How often are roses watered?' });
  const lines = (await exported(ada, { conversationIds: ids, format: 'JSONL' })).text.trimEnd().split('\n');
  expect(lines.map((line) => JSON.parse(line))).toEqual(all);
});

test('CSV disarms formulas, and Markdown reads as a text', async () => {
  const rows: Data[] = parse((await exported(ada, { workspaceId: garden, format: 'CSV' })).text, { columns: true });
  expect(rows).toHaveLength(5);
  expect(rows.at(-1)).toMatchObject({
    role: 'USER',
    sender: 'Ada',
    conversationId: ids[1],
    content: '\'=HYPERLINK("http://example.com")\nwith a second line, "quoted"',
  });
  const { text } = await exported(ada, { conversationIds: [ids[0]], format: 'MARKDOWN' });
  expect(text).toContain('# Roses\n');
  expect(text).toContain('**User (Ada)**');
});

test('tuning data leaves out bad answers with their questions, and conversations without answers', async () => {
  const { text } = await exported(ada, { workspaceId: garden, format: 'TUNING' });
  const lines = text
    .trimEnd()
    .split('\n')
    .map((line): Data => JSON.parse(line));
  expect(lines).toHaveLength(1);
  expect(lines[0].messages.map(({ role }: Data) => role)).toEqual(['user', 'assistant']);
  expect(lines[0].messages[0].content).toBe('How often are roses watered?');
  expect((await exported(ada, { conversationIds: [ids[1]], format: 'TUNING' })).result.fileId).toBeNull();
});

test('long conversations come in pages, each message once', async () => {
  const conversationId = await conversationIn(ada, garden);
  await tamper(
    bed,
    ada,
    sql`insert into messages (organization_id, id, workspace_id, conversation_id, role, content, created_at)
      select ${uuidOf(ada.organizationId)}, gen_random_uuid(), ${uuidOf(garden)}, ${uuidOf(conversationId)}, 'USER', 'm' || n,
        now() + (n / 7) * interval '1 second' from generate_series(1, 1203) n`,
  );
  const { text, result } = await exported(ada, { conversationIds: [conversationId], format: 'JSON' });
  expect(result.messages).toBe(1203);
  const [{ messages }]: Data = JSON.parse(text);
  expect(new Set(messages.map(({ content }: Data) => content)).size).toBe(1203);
});

test('an export holds what its requester sees, and its file is theirs', async () => {
  const mine = await exported(reader, { conversationIds: ids, format: 'JSON' });
  expect(mine.result.conversations).toBe(2);
  const file = 'query ($id: ID!) { file(id: $id) { name } }';
  expect(await reader.codes(file, { id: mine.fileId })).toEqual([]);
  expect(await other.codes(file, { id: mine.fileId })).toEqual(['NOT_FOUND']);
  const { text } = await exported(other, { conversationIds: ids, format: 'JSON' });
  expect(JSON.parse(text)).toEqual([]);
  const begin = 'mutation ($input: ExportConversationsInput!) { exportConversations(input: $input) { job { id } } }';
  expect(await bob.codes(begin, { input: { workspaceId: garden, format: 'CSV' } })).toEqual(['NOT_FOUND']);
  for (const input of [{}, { workspaceId: garden, conversationIds: ids }, { conversationIds: [] }])
    expect(await ada.codes(begin, { input: { ...input, format: 'CSV' } })).toEqual(['BAD_USER_INPUT']);
});
