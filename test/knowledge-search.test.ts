import { randomUUID } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { catchUpKind } from '../src/domains/knowledge/catching-up-soon.ts';
import { catchUpAll } from '../src/domains/knowledge/catching-up.ts';
import { indexEntry } from '../src/domains/knowledge/indexing.ts';
import { entryChunks, entryEmbeddings, knowledgeEntries } from '../src/domains/knowledge/tables.ts';
import { nowhere, UnitOfWork } from '../src/database/unit-of-work.ts';
import { jobs } from '../src/queue/tables.ts';
import { hashingModel } from '../src/search/hashing-embedding.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { bankOf, rewriteEntry, wholeUnit, writeEntry, type EntryFields } from './bank.ts';
import { startOpenAiServer, textsOf, type OpenAiServer } from './openai-server.ts';
import { promote, uuidOf, workspaceOf } from './talk.ts';
import { knowledgePlaces, startTestbed, type Person, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

/** A model `cosine-<percent>-…` gives each query and each text the same two vectors, of that cosine. Queries end in a question mark. */
const byModel = ({ model }: Record<string, unknown>) => {
  const cosine = Number(String(model).split('-')[1]) / 100;
  const rest = Array.from({ length: 1534 }, () => 0);
  return {
    vectorOf: (text: string) => (text.endsWith('?') ? [1, 0, ...rest] : [cosine, Math.sqrt(1 - cosine ** 2), ...rest]),
  };
};

const searching = `query ($query: String!, $filter: KnowledgeSearchFilter, $first: Int! = 10) {
  searchKnowledge(query: $query, filter: $filter, first: $first) {
    edges { score lexicalRank vectorRank bm25 similarity snippet { text } highlights { start end text }
      node { position text headings start end entry { id title version } } } } }`;
const bankFields = 'language embeddingModel { id } nextEmbeddingModel { id } progress';
const setting = `mutation ($input: SetKnowledgeBankInput!) { setKnowledgeBank(input: $input) { knowledgeBank { ${bankFields} } } }`;

describe.each(knowledgePlaces)('search of the bank %s', (place) => {
  let bed: Testbed;
  let server: OpenAiServer;
  let ada: Awaited<ReturnType<Testbed['signUp']>>;
  let bob: Colleague;

  beforeAll(async () => {
    [bed, server] = [await startTestbed({}, undefined, place), await startOpenAiServer()];
    ada = await bed.signUp();
    await promote(bed, ada);
    bob = await colleagueOf(bed, ada.organizationId, 'Bob', 'MEMBER');
  }, 180_000);
  beforeEach(() => {
    server.reset();
    server.always(byModel);
  });
  afterAll(async () => {
    await bed.stop();
    await server.stop();
  });

  const write = (fields: EntryFields, owner = ada): Promise<string> => writeEntry(bed, owner, fields);
  const found = async (person: Person, query: string, filter?: object): Promise<Data[]> =>
    ((await person.want(searching, { query, filter })) as Data).searchKnowledge.edges;
  const titles = async (person: Person, query: string, filter?: object): Promise<string[]> =>
    (await found(person, query, filter)).map(({ node }) => node.entry.title);
  const inBank = <Result>(work: () => Promise<Result>, owner = ada): Promise<Result> =>
    bankOf(bed, owner).transact(work);
  const chunksOf = (
    id: string,
  ): Promise<{ id: string; position: number; start: number; end: number; text: string }[]> =>
    inBank(() =>
      database
        .select({
          id: entryChunks.id,
          position: entryChunks.position,
          start: entryChunks.start,
          end: entryChunks.end,
          text: entryChunks.text,
        })
        .from(entryChunks)
        .where(eq(entryChunks.entryId, uuidOf(id)))
        .orderBy(entryChunks.position),
    );
  const vectorCounts = async (owner = ada): Promise<Record<string, number>> => {
    const rows = await inBank(
      () =>
        database
          .select({ model: entryEmbeddings.model, count: sql<number>`count(*)::integer` })
          .from(entryEmbeddings)
          .where(eq(entryEmbeddings.organizationId, uuidOf(owner.organizationId)))
          .groupBy(entryEmbeddings.model),
      owner,
    );
    return Object.fromEntries(rows.map(({ model, count }) => [model, count]));
  };
  const modelOf = async (cosine: number): Promise<string> => {
    const slug = `p-${randomUUID().slice(0, 8)}`;
    const provider = { name: slug, slug, dialect: 'OPENAI_COMPATIBLE', baseUrl: server.url };
    const made: Data = await ada.want(
      'mutation ($input: CreateProviderInput!) { createProvider(input: $input) { provider { id } } }',
      { input: provider },
    );
    const providerId = made.createProvider.provider.id;
    const input = {
      providerId,
      name: `cosine-${cosine}-${slug}`,
      type: 'EMBEDDING',
      contextWindow: 8192,
      inputPrice: '0',
    };
    const model: Data = await ada.want(
      'mutation ($input: CreateModelInput!) { createModel(input: $input) { model { id } } }',
      { input },
    );
    return model.createModel.model.id;
  };
  const bank = async (person: Person): Promise<Data> =>
    ((await person.want(`{ knowledgeBank { ${bankFields} } }`)) as Data).knowledgeBank;
  const settled = async (person: Person): Promise<Data> => {
    for (;;) {
      const now = await bank(person);
      if (now.progress === null) return now;
      await pause(30);
    }
  };
  /** Waits until all vectors are there that are to be, and no others. */
  const whenVectors = async (expected: Record<string, number>, owner = ada): Promise<void> => {
    const until = performance.now() + 8000;
    while (performance.now() < until) {
      if (JSON.stringify(await vectorCounts(owner)) === JSON.stringify(expected)) return;
      await pause(30);
    }
    expect(await vectorCounts(owner)).toEqual(expected);
  };
  const embeddedTexts = (): string[] =>
    server.seen
      .filter(({ path }) => path.endsWith('/embeddings'))
      .flatMap(({ body }) => textsOf(body))
      .filter((text) => !text.endsWith('?') && text !== 'Tessera');

  test('an entry is found by its words, with where they stand and why it was found', async () => {
    const content =
      '# Returns\n\nWhoever bought a kettle can send it back.\n\n## Deadline\n\nWithin thirty days of delivery.';
    const id = await write({ title: 'Sending goods back', content });
    const [first] = await found(bob, 'kettles');
    expect(first).toMatchObject({
      lexicalRank: 1,
      score: expect.any(Number),
      node: { entry: { id, title: 'Sending goods back', version: 1 }, position: 0 },
    });
    expect(first.highlights).toEqual([expect.objectContaining({ text: 'kettle' })]);
    expect(first.snippet.text).toContain('kettle');
    expect(content.slice(first.node.start, first.node.end)).toBe(first.node.text);
    const data: Data = await bob.want(
      `{ searchKnowledge(query: "kettles") { edges { bm25 explanation { text bm25 terms { term } } } } }`,
    );
    const [{ bm25, explanation }] = data.searchKnowledge.edges;
    expect(explanation.terms).toEqual([{ term: 'kettl' }]);
    expect(explanation.bm25).toBeCloseTo(bm25, 9);
  });

  test('an entry is found by meaning where no word is the same', async () => {
    const eve = await bed.signUp('Eve');
    await write({ title: 'Photosynthesis', content: 'Plants turn photosynthetic light into sugar.' }, eve);
    // Of no word in common, but of many runs of letters.
    const [hit] = await found(eve, 'photosynthesizing');
    expect(hit).toMatchObject({ vectorRank: 1, node: { entry: { title: 'Photosynthesis' } } });
    expect(hit.similarity).toBeGreaterThan(0.1);
  });

  test('drafts, inactive entries, those of other groups and of other organizations are not found', async () => {
    const group = ((await ada.want('mutation { createGroup(input: { name: "Beekeepers" }) { group { id } } }')) as Data)
      .createGroup.group.id;
    const eve = await bed.signUp('Eve');
    await write({ title: 'Open', content: 'Of honeycombs.' });
    await write({ title: 'Draft', content: 'Of honeycombs.', status: 'DRAFT' });
    await write({ title: 'Inactive', content: 'Of honeycombs.', active: false });
    await write({ title: 'Group', content: 'Of honeycombs.', groupId: uuidOf(group) });
    await write({ title: 'Foreign', content: 'Of honeycombs.' }, eve);
    expect(await titles(bob, 'honeycombs')).toEqual(['Open']);
    expect((await titles(ada, 'honeycombs')).toSorted()).toEqual(['Group', 'Open']);
    await ada.want('mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) { group { id } } }', {
      input: { groupId: group, userIds: [bob.userId] },
    });
    expect((await titles(bob, 'honeycombs')).toSorted()).toEqual(['Group', 'Open']);
    expect(await titles(eve, 'honeycombs')).toEqual(['Foreign']);
    const ofGroup = { group: { eq: group } };
    expect(await titles(bob, 'honeycombs', ofGroup)).toEqual(['Group']);
  });

  test('what is published is found at once, and what is withdrawn no more', async () => {
    const id = await write({ title: 'Quicksilver', content: 'It is a metal.', status: 'DRAFT' });
    expect(await titles(ada, 'quicksilver')).toEqual([]);
    await inBank(() =>
      database
        .update(knowledgeEntries)
        .set({ status: 'PUBLISHED', publishedAt: new Date().toISOString() })
        .where(eq(knowledgeEntries.id, uuidOf(id))),
    );
    expect(await titles(bob, 'quicksilver')).toEqual(['Quicksilver']);
    await inBank(() =>
      database
        .update(knowledgeEntries)
        .set({ active: false })
        .where(eq(knowledgeEntries.id, uuidOf(id))),
    );
    expect(await titles(bob, 'quicksilver')).toEqual([]);
  });

  test('category and tags bound a search, and change no score', async () => {
    await write({ title: 'Tea', content: 'Of samovars.', category: 'drinks', tags: ['hot', 'black'] });
    await write({ title: 'Ice', content: 'Of samovars.', category: 'cold', tags: ['black'] });
    const all = await found(bob, 'samovars');
    expect(all.map(({ node }): string => node.entry.title).toSorted()).toEqual(['Ice', 'Tea']);
    const [tea] = await found(bob, 'samovars', { category: { eq: 'drinks' } });
    expect(tea.bm25).toBeCloseTo(all.find(({ node }) => node.entry.title === 'Tea').bm25, 9);
    expect(await titles(bob, 'samovars', { tags: { has: ' HOT ' } })).toEqual(['Tea']);
    expect((await titles(bob, 'samovars', { tags: { hasAny: ['hot', 'black'] } })).toSorted()).toEqual(['Ice', 'Tea']);
    expect(await titles(bob, 'samovars', { tags: { hasAll: ['hot', 'black'] } })).toEqual(['Tea']);
    expect(await bob.codes(searching, { query: ' ' })).toEqual(['BAD_USER_INPUT']);
    expect(await bob.codes(searching, { query: 'x', first: 51 })).toEqual(['BAD_USER_INPUT']);
  });

  test('a search is the settings of the transaction, one statement, and one for the entries', async () => {
    const text = '{ searchKnowledge(query: "samovars") { edges { score } } }';
    await bob.want(text);
    expect((await bob.ask(text)).statements).toHaveLength(2);
    const withEntries = '{ searchKnowledge(query: "samovars") { edges { node { entry { title } } } } }';
    expect((await bob.ask(withEntries)).statements).toHaveLength(3);
  });

  test('an edit makes the passages anew that it changes, and leaves the others with their vectors', async () => {
    const part = (word: string) => `## ${word}\n\n${`The ${word} is described in this sentence. `.repeat(40)}`;
    const parts = ['amber', 'basalt', 'cobalt', 'dolomite'];
    const id = await write({ title: 'Stones', content: parts.map(part).join('\n\n') });
    const before = await chunksOf(id);
    expect(before.length).toBeGreaterThan(3);
    const content = ['agate', ...parts.slice(1)].map(part).join('\n\n');
    await rewriteEntry(bed, ada, id, { content });
    const after = await chunksOf(id);
    const kept = after.filter((chunk) => before.some((old) => old.id === chunk.id));
    expect(after.length - kept.length).toBe(1);
    for (const { start, end, text } of after) expect(content.slice(start, end)).toBe(text);
    expect(await titles(bob, 'amber')).toEqual([]);
    const hits = (await found(bob, 'agate')).filter(({ bm25 }) => bm25 > 0);
    expect(hits).toMatchObject([{ lexicalRank: 1, node: { position: 0 } }]);
    // In another place, with what stood before it.
    await rewriteEntry(bed, ada, id, { content: `${part('zircon')}\n\n${content}` });
    const moved = await chunksOf(id);
    expect(moved.filter((chunk) => after.some((old) => old.id === chunk.id))).toHaveLength(after.length);
    expect(moved.map(({ position }) => position)).toEqual(moved.map((_, at) => at));
    const [entry] = await inBank(() =>
      database
        .select()
        .from(knowledgeEntries)
        .where(eq(knowledgeEntries.id, uuidOf(id))),
    );
    expect(entry).toMatchObject({ chunkCount: moved.length, language: 'en', embedded: true });
    expect(entry?.termCount).toBeGreaterThan(moved.length);
  });

  test('only administrators choose how a bank is searched', async () => {
    expect(await bank(bob)).toEqual({ language: 'en', embeddingModel: null, nextEmbeddingModel: null, progress: null });
    expect(await bob.codes(setting, { input: { language: 'de' } })).toEqual(['FORBIDDEN']);
    expect(await ada.codes(setting, { input: { language: 'german' } })).toEqual(['BAD_USER_INPUT']);
    expect(await ada.codes(setting, { input: { language: null } })).toEqual(['BAD_USER_INPUT']);
  });

  test('another language is that of queries at once, and of entries in a while', async () => {
    const eve = await bed.signUp('Eve');
    await write({ title: 'Garten', content: 'Die Häuser stehen am Waldrand.' }, eve);
    expect((await found(eve, 'Haus')).filter(({ lexicalRank, bm25 }) => lexicalRank !== null && bm25 > 0)).toEqual([]);
    const [before] = await vectorsOf(eve);
    await eve.want(setting, { input: { language: 'de' } });
    expect(await settled(eve)).toMatchObject({ language: 'de' });
    const [hit] = await found(eve, 'Haus');
    expect(hit).toMatchObject({ lexicalRank: 1, node: { entry: { title: 'Garten' } } });
    expect(hit.bm25).toBeGreaterThan(0);
    const [after] = await vectorsOf(eve);
    expect(after?.id).toBe(before?.id);
    expect(after?.embedding).not.toEqual(before?.embedding);
    const [entry] = await inBank(() => database.select().from(knowledgeEntries), eve);
    expect(entry?.updatedAt).toBe(entry?.createdAt);
  });
  const vectorsOf = (owner: typeof ada) =>
    inBank(
      () =>
        database
          .select({ id: entryEmbeddings.chunkId, embedding: entryEmbeddings.embedding })
          .from(entryEmbeddings)
          .where(eq(entryEmbeddings.organizationId, uuidOf(owner.organizationId))),
      owner,
    );

  test('another model takes over at once when all passages have its vectors, and an unchanged edit costs none', async () => {
    const eve = await bed.signUp('Eve');
    await workspaceOf(eve);
    const ids = [
      await write({ title: 'One', content: 'Of marmots.' }, eve),
      await write({ title: 'Two', content: 'Of marmots.' }, eve),
    ];
    const modelId = await modelOf(60);
    server.always((body) => ({ ...byModel(body), delayMs: 150 }));
    const { setKnowledgeBank }: Data = await eve.want(setting, { input: { embeddingModelId: modelId } });
    expect(setKnowledgeBank.knowledgeBank).toEqual({
      language: 'en',
      embeddingModel: null,
      nextEmbeddingModel: { id: modelId },
      progress: 0,
    });
    const cosines = async () =>
      new Set((await found(eve, 'marmots?')).map(({ similarity }) => Math.round(100 * (similarity ?? -1))));
    while ((await bank(eve)).progress !== null) {
      // All by the one or all by the other.
      const seen = await cosines();
      expect(seen.has(60) ? [...seen] : [60]).toEqual([60]);
      await pause(30);
    }
    server.always(byModel);
    expect(await bank(eve)).toMatchObject({ embeddingModel: { id: modelId }, nextEmbeddingModel: null });
    expect([...(await cosines())]).toEqual([60]);
    await whenVectors({ [uuidOf(modelId)]: 2 }, eve);
    expect(embeddedTexts()).toHaveLength(2);

    // What stays costs nothing, what is new is embedded soon.
    server.reset();
    server.always(byModel);
    await rewriteEntry(bed, eve, ids[0] ?? '', { category: 'other' });
    await rewriteEntry(bed, eve, ids[1] ?? '', { content: 'Of badgers.' });
    await whenVectors({ [uuidOf(modelId)]: 2 }, eve);
    expect(embeddedTexts()).toEqual(['Two\nOf badgers.']);

    // Chosen back, the built-in one takes over in the same way.
    await eve.want(setting, { input: { embeddingModelId: null } });
    expect(await settled(eve)).toMatchObject({ embeddingModel: null, nextEmbeddingModel: null });
    await whenVectors({ [hashingModel]: 2 }, eve);
    expect(await titles(eve, 'badgers')).toEqual(['Two']);
  });

  test('passages that a crash left without vectors are found by the schedule', async () => {
    const eve = await bed.signUp('Eve');
    const modelId = await modelOf(70);
    await eve.want(setting, { input: { embeddingModelId: modelId } });
    expect(await settled(eve)).toMatchObject({ embeddingModel: { id: modelId } });
    const unit = bankOf(bed, eve);
    // Committed without anybody told, as by a process that ends right then.
    await unit.transact(async ({ organizationId }) => {
      const row = {
        organizationId,
        title: 'Lost',
        content: 'Of lemurs.',
        category: 'x',
        publishedAt: new Date().toISOString(),
        status: 'PUBLISHED' as const,
      };
      const [entry] = await database.insert(knowledgeEntries).values(row).returning();
      if (entry !== undefined) await indexEntry(unit, entry);
    });
    // By words it is found meanwhile.
    expect(await found(eve, 'lemurs?')).toMatchObject([{ similarity: null, lexicalRank: 1 }]);
    expect(await vectorCounts(eve)).toEqual({});
    const { services } = bed.server.installation;
    const everywhere = new UnitOfWork(nowhere, {
      ...services,
      origin: { requestId: 'test', address: null, userAgent: null },
    });
    await catchUpAll({ unit: everywhere, services }, new AbortController().signal);
    await whenVectors({ [uuidOf(modelId)]: 1 }, eve);
    expect((await found(eve, 'lemurs?'))[0].similarity).toBeCloseTo(0.7, 3);
    // Nothing waits any more.
    const until = performance.now() + 8000;
    for (;;) {
      const main = wholeUnit(bed, eve);
      const live = await main.run(() =>
        database
          .select()
          .from(jobs)
          .where(sql`${jobs.kind} = ${catchUpKind} and ${jobs.state} in ('QUEUED', 'RUNNING')`),
      );
      await main.rest();
      if (live.length === 0 || performance.now() > until) break;
      await pause(30);
    }
    const waiting = await unit.run(() =>
      database.execute<{ id: string }>(sql`select waiting_banks as id from knowledge.waiting_banks()`),
    );
    await unit.rest();
    expect(waiting.map(({ id }) => id)).not.toContain(uuidOf(eve.organizationId));
  });

  test('a model that cannot be used is refused, and one that fails later is given up', async () => {
    const eve = await bed.signUp('Eve');
    await write({ title: 'One', content: 'Of otters.' }, eve);
    const modelId = await modelOf(50);
    server.always(() => ({ status: 401, body: { error: { message: 'Wrong key.' } } }));
    expect(await eve.codes(setting, { input: { embeddingModelId: modelId } })).toEqual(['CONFLICT']);
    let calls = 0;
    server.always((body) =>
      ++calls === 1 ? byModel(body) : { status: 401, body: { error: { message: 'Wrong key.' } } },
    );
    await eve.want(setting, { input: { embeddingModelId: modelId } });
    expect(await settled(eve)).toEqual({
      language: 'en',
      embeddingModel: null,
      nextEmbeddingModel: null,
      progress: null,
    });
    expect(await titles(eve, 'otters')).toEqual(['One']);
    await whenVectors({ [hashingModel]: 1 }, eve);
  });
});
