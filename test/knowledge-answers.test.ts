import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { knowledgeEntries } from '../src/domains/knowledge/tables.ts';
import { addDocument } from './asking.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { bankOf, rewriteEntry, writeEntry } from './bank.ts';
import { conversationIn, uuidOf, workspaceOf } from './talk.ts';
import { knowledgePlaces, startTestbed, type Answer, type Person, type Testbed } from './testbed.ts';
import { Page, widgetIn } from './visitors.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const asking = `mutation ($input: AskInput!) { ask(input: $input) { answer { id content status citations { quote marker start end
  document { title } documentVersion knowledgeVersion } } } }`;
const citing = `query ($id: ID!) { node(id: $id) { ... on Message { content citations { quote start end chunk { id }
  document { title } knowledgeEntry { id title version } knowledgeVersion } } } }`;
const explaining = `query ($id: ID!) { answerExplanation(messageId: $id) { passages(first: 20) { edges { node { title origin used cited start end
  score lexicalRank document { title } chunk { id } knowledgeEntry { id title } knowledgeVersion } } } } }`;
const using = `query ($id: ID!, $first: Int, $after: String) { node(id: $id) { ... on KnowledgeEntry {
  usedIn(first: $first, after: $after) { totalCount pageInfo { hasNextPage endCursor } edges { node { id } } } } } }`;
const updating =
  'mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { usesKnowledge } } }';

const watering = 'Roses are watered every three days in summer.';
const feeding = 'Roses are fed with seaweed once a month.';

describe.each(knowledgePlaces)('answers from the bank %s', (place) => {
  let bed: Testbed;
  let ada: Awaited<ReturnType<Testbed['signUp']>>;

  beforeAll(async () => {
    bed = await startTestbed({}, undefined, place);
  }, 180_000);
  afterAll(() => bed.stop());

  /** An organization of its own, with a workspace in which its owner asks. */
  const founded = async (input: object = {}): Promise<string> => {
    ada = await bed.signUp('Ada');
    return workspaceOf(ada, input);
  };
  const asked = async (person: Person, workspaceId: string, text: string): Promise<Answer> =>
    person.ask(asking, { input: { conversationId: await conversationIn(person, workspaceId), text } });
  const answer = async (person: Person, workspaceId: string, text: string): Promise<Data> => {
    const { data, errors } = await asked(person, workspaceId, text);
    expect(errors).toEqual([]);
    return (data as Data).ask.answer;
  };
  const citationsOf = async (person: Person, id: string): Promise<Data[]> =>
    ((await person.want(citing, { id })) as Data).node.citations;
  const passagesOf = async (person: Person, id: string): Promise<Data[]> =>
    ((await person.want(explaining, { id })) as Data).answerExplanation.passages.edges.map(({ node }: Data) => node);
  const titlesFor = async (person: Person, workspaceId: string, text: string): Promise<string[]> =>
    (await passagesOf(ada, (await answer(person, workspaceId, text)).id)).map(({ title }): string => title).toSorted();

  test('an answer cites entries beside documents, in the order of what fits best', async () => {
    const workspaceId = await founded();
    await addDocument(ada, workspaceId, 'Watering', watering);
    const content = `# Food\n\n${feeding}`;
    const id = await writeEntry(bed, ada, { title: 'Feeding', content });
    const told = await answer(ada, workspaceId, 'How often are roses fed with seaweed?');
    expect(told).toMatchObject({ status: 'COMPLETED', content: expect.stringContaining('seaweed') });
    const [first] = await citationsOf(ada, told.id);
    expect(first).toMatchObject({
      quote: feeding,
      chunk: null,
      document: null,
      knowledgeEntry: { id, title: 'Feeding', version: 1 },
      knowledgeVersion: 1,
    });
    expect(content.slice(first.start, first.end)).toBe(feeding);
    const passages = await passagesOf(ada, told.id);
    expect(passages).toMatchObject([
      {
        title: 'Feeding',
        origin: 'SEARCH',
        used: true,
        cited: true,
        document: null,
        chunk: null,
        knowledgeEntry: { id },
      },
      { title: 'Watering', origin: 'SEARCH', used: true, document: { title: 'Watering' }, knowledgeEntry: null },
    ]);
    const other = await answer(ada, workspaceId, 'How often are roses watered in summer?');
    expect((await passagesOf(ada, other.id)).map(({ title }) => title)).toEqual(['Watering', 'Feeding']);
    // Of a later version the citation keeps what it was.
    await rewriteEntry(bed, ada, id, { content: 'Nothing of that any more.' });
    expect(await citationsOf(ada, told.id)).toMatchObject([
      { quote: feeding, knowledgeEntry: { id, version: 2 }, knowledgeVersion: 1 },
      ...(await citationsOf(ada, told.id)).slice(1),
    ]);
  });

  test('both together are no more than the workspace gives a model', async () => {
    const workspaceId = await founded({ topN: 2 });
    for (const title of ['One', 'Two']) {
      await addDocument(ada, workspaceId, title, `Pears ripen in autumn, says ${title}.`);
      await writeEntry(bed, ada, { title: `Entry ${title}`, content: `Pears ripen in autumn, says entry ${title}.` });
    }
    const told = await answer(ada, workspaceId, 'When do pears ripen, says entry two?');
    const passages = await passagesOf(ada, told.id);
    expect(passages).toHaveLength(2);
    expect(passages[0].title).toBe('Entry Two');
  });

  test('it costs an answer exactly one statement more where the workspace uses it', async () => {
    const workspaceId = await founded();
    await addDocument(ada, workspaceId, 'Watering', watering);
    await writeEntry(bed, ada, { title: 'Feeding', content: feeding });
    const counted = async () => {
      const { data, statements } = await asked(ada, workspaceId, 'How often are roses watered in summer?');
      const titles = (await passagesOf(ada, (data as Data).ask.answer.id)).map(({ title }) => title);
      // What a process does now and then for an answer that takes long on a busy machine is left out.
      const other = /"lease_until" = greatest\(|^update "messages" set "content" = \$1 where/;
      return { titles, statements: statements.filter((text) => !other.test(text)) };
    };
    await counted();
    const withBank = await counted();
    expect(await ada.want(updating, { input: { id: workspaceId, usesKnowledge: false } })).toEqual({
      updateWorkspace: { workspace: { usesKnowledge: false } },
    });
    const without = await counted();
    expect([withBank.titles, without.titles]).toEqual([['Watering', 'Feeding'], ['Watering']]);
    // In a database of its own the bank has to be told the settings of the search, too.
    expect(withBank.statements.length - without.statements.length).toBe(place === 'apart' ? 2 : 1);
    expect(withBank.statements.filter((text) => text.includes('"entry_postings"'))).toHaveLength(1);
    expect(without.statements.filter((text) => text.includes('"entry_postings"'))).toEqual([]);
  });

  test('where only the bank has an answer, a workspace that answers from what it knows alone gives it', async () => {
    const workspaceId = await founded({ chatMode: 'QUERY' });
    await writeEntry(bed, ada, { title: 'Feeding', content: feeding });
    expect(await answer(ada, workspaceId, 'How often are roses fed?')).toMatchObject({
      citations: [{ quote: feeding }],
    });
    expect((await answer(ada, workspaceId, 'What is a zeppelin?')).citations).toEqual([]);
    await ada.want(updating, { input: { id: workspaceId, usesKnowledge: false } });
    expect((await answer(ada, workspaceId, 'How often are roses fed?')).content).toContain('found nothing');
  });

  test('drafts, inactive entries and those of other organizations are in no answer', async () => {
    const eve = await bed.signUp('Eve');
    const workspaceId = await founded();
    await writeEntry(bed, ada, { title: 'Draft', content: feeding, status: 'DRAFT' });
    await writeEntry(bed, ada, { title: 'Inactive', content: feeding, active: false });
    await writeEntry(bed, eve, { title: 'Foreign', content: feeding });
    expect(await titlesFor(ada, workspaceId, 'How often are roses fed?')).toEqual([]);
  });

  test('an entry of a group reaches its members alone, and so do its citations', async () => {
    const workspaceId = await founded();
    const [bob, cleo] = [
      await colleagueOf(bed, ada.organizationId, 'Bob', 'MEMBER', { [workspaceId]: 'EDITOR' }),
      await colleagueOf(bed, ada.organizationId, 'Cleo', 'MEMBER', { [workspaceId]: 'EDITOR' }),
    ];
    const group = await groupOf(bob);
    const id = await writeEntry(bed, ada, { title: 'Secret', content: feeding, groupId: uuidOf(group) });
    await writeEntry(bed, ada, { title: 'Open', content: watering });
    expect(await titlesFor(cleo, workspaceId, 'How often are roses fed with seaweed?')).toEqual(['Open']);
    const told = await answer(bob, workspaceId, 'How often are roses fed with seaweed?');
    expect((await passagesOf(bob, told.id)).map(({ title }) => title)).toEqual(['Secret', 'Open']);
    expect((await citationsOf(bob, told.id))[0]).toMatchObject({ quote: feeding, knowledgeEntry: { id } });
    // Whoever is not in the group sees neither the quote nor the passage.
    expect((await citationsOf(cleo, told.id)).map(({ quote }) => quote)).not.toContain(feeding);
    expect((await passagesOf(cleo, told.id)).map(({ title }) => title)).toEqual(['Open']);
    expect(await cleo.codes(using, { id })).toEqual(['NOT_FOUND']);
  });
  const groupOf = async (member: Colleague): Promise<string> => {
    const made: Data = await ada.want('mutation { createGroup(input: { name: "Keepers" }) { group { id } } }');
    const groupId = made.createGroup.group.id;
    await ada.want('mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) { group { id } } }', {
      input: { groupId, userIds: [member.userId] },
    });
    return groupId;
  };

  test('guests may not read the bank, and have no answers from it', async () => {
    const workspaceId = await founded();
    const gus = await colleagueOf(bed, ada.organizationId, 'Gus', 'GUEST', { [workspaceId]: 'VIEWER' });
    await writeEntry(bed, ada, { title: 'Open', content: feeding });
    expect(await titlesFor(gus, workspaceId, 'How often are roses fed?')).toEqual([]);
    expect(await gus.codes('{ searchKnowledge(query: "roses") { edges { score } } }')).toEqual(['FORBIDDEN']);
  });

  test('visitors of web pages have answers from entries for them, and from no others', async () => {
    const workspaceId = await founded({ chatMode: 'QUERY' });
    const { publicId } = await widgetIn(ada, workspaceId);
    const page = new Page(bed, publicId);
    await page.enter();
    const id = await writeEntry(bed, ada, { title: 'Inside', content: feeding });
    const said = async (text: string) => JSON.stringify(await page.say(text));
    expect(await said('How often are roses fed with seaweed?')).not.toContain('once a month');
    await bankOf(bed, ada).transact(() =>
      database
        .update(knowledgeEntries)
        .set({ forVisitors: true })
        .where(eq(knowledgeEntries.id, uuidOf(id))),
    );
    expect(await said('How often are roses fed with seaweed?')).toContain('once a month');
  });

  test('an entry tells which answers cite it, each once, newest first, as far as one sees them', async () => {
    const workspaceId = await founded();
    const hidden = await workspaceOf(ada, { name: 'Hidden' });
    const bob = await colleagueOf(bed, ada.organizationId, 'Bob', 'MEMBER', { [workspaceId]: 'EDITOR' });
    const id = await writeEntry(bed, ada, { title: 'Feeding', content: `${feeding} ${watering}` });
    const ids: string[] = [];
    for (const place of [workspaceId, hidden, workspaceId])
      ids.push((await answer(ada, place, 'How often are roses fed with seaweed and watered in summer?')).id);
    for (const each of ids) expect((await citationsOf(ada, each)).length).toBeGreaterThan(0);
    const used = async (person: Person, args: object = {}) =>
      ((await person.want(using, { id, ...args })) as Data).node.usedIn;
    const all = await used(ada);
    expect(all.totalCount).toBe(3);
    expect(all.edges.map(({ node }: Data) => node.id)).toEqual(ids.toReversed());
    const page = await used(ada, { first: 2 });
    expect(page.pageInfo.hasNextPage).toBe(true);
    const rest = await used(ada, { first: 2, after: page.pageInfo.endCursor });
    expect(rest.edges.map(({ node }: Data) => node.id)).toEqual(ids.slice(0, 1));
    const seen = await used(bob);
    expect(seen.totalCount).toBe(2);
    expect(seen.edges.map(({ node }: Data) => node.id)).toEqual([ids[2], ids[0]]);
    // One statement for the entry, one for the citations, one for their number, one for the messages.
    expect((await ada.ask(using, { id })).statements).toHaveLength(4);
  });

  test('a branch of a conversation keeps the citations of entries', async () => {
    const workspaceId = await founded();
    const id = await writeEntry(bed, ada, { title: 'Feeding', content: feeding });
    const told = await answer(ada, workspaceId, 'How often are roses fed with seaweed?');
    const branched: Data = await ada.want(
      `mutation ($input: BranchConversationInput!) { branchConversation(input: $input) { conversation { path(last: 5) { edges { node { id role } } } } } }`,
      { input: { messageId: told.id } },
    );
    const copy = branched.branchConversation.conversation.path.edges.at(-1).node;
    expect(copy.role).toBe('ASSISTANT');
    expect(await citationsOf(ada, copy.id)).toMatchObject([{ knowledgeEntry: { id }, knowledgeVersion: 1 }]);
    expect(await passagesOf(ada, copy.id)).toMatchObject([{ title: 'Feeding', knowledgeEntry: { id } }]);
    expect(((await ada.want(using, { id })) as Data).node.usedIn.totalCount).toBe(2);
  });
});

const onServer = process.env.TEST_POSTGRES_URL === undefined ? describe.skip : describe;
onServer('a bank that cannot be reached', () => {
  let bed: Testbed;
  const lines: string[] = [];
  beforeAll(async () => {
    const away = { KNOWLEDGE_DATABASE_URL: 'postgres://nobody:x@127.0.0.1:9/none', LOG_LEVEL: 'warn' };
    bed = await startTestbed(away, (line) => lines.push(line));
  }, 180_000);
  afterAll(() => bed.stop());

  test('is missing in answers, and fails where it is asked for itself', async () => {
    const ada = await bed.signUp('Ada');
    const workspaceId = await workspaceOf(ada);
    await addDocument(ada, workspaceId, 'Watering', watering);
    const conversationId = await conversationIn(ada, workspaceId);
    const { ask }: Data = await ada.want(asking, {
      input: { conversationId, text: 'How often are roses watered in summer?' },
    });
    expect(ask.answer).toMatchObject({ status: 'COMPLETED', citations: [{ quote: watering }] });
    expect(lines.join('')).toContain('An answer goes on without the knowledge bank.');
    expect(await ada.codes('{ searchKnowledge(query: "roses") { edges { score } } }')).toEqual(['UNAVAILABLE']);
    expect(await ada.codes('{ knowledgeBank { language } }')).toEqual(['UNAVAILABLE']);
    expect(
      await ada.codes('mutation { setKnowledgeBank(input: { language: "de" }) { knowledgeBank { language } } }'),
    ).toEqual(['UNAVAILABLE']);
  });
});
