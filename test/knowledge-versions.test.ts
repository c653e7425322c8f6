import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { asc, eq } from 'drizzle-orm';
import * as fc from 'fast-check';
import { database } from '../src/database/client.ts';
import { wholeOf } from '../src/database/unit-of-work.ts';
import { updateKnowledgeEntry } from '../src/domains/knowledge/entries.ts';
import { isEntry } from '../src/domains/knowledge/entry-rights.ts';
import { restoreKnowledgeVersion } from '../src/domains/knowledge/entry-versions.ts';
import { knowledgeOf } from '../src/domains/knowledge/schema.ts';
import { knowledgeEntries, knowledgeVersions } from '../src/domains/knowledge/tables.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { bankEventsOf, entryBy, entryOf, meansOf, ownerOfBank, refusal } from './knowledge.ts';
import { uuidOf } from './talk.ts';
import { knowledgePlaces, startTestbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;
const nth = <Item>(items: readonly Item[], at: number): Item => items[at % items.length] as Item;

/** The parts of a text. */
interface Text {
  readonly title: string;
  readonly content: string;
  readonly category: string;
  readonly subcategory: string | null;
  readonly tags: readonly string[];
}
/** What a version holds, apart from when. */
interface Kept extends Text {
  readonly changeSummary: string | null;
  readonly editorId: string | null;
}

const line = (maxLength: number) =>
  fc.oneof(
    fc.constantFrom('Roses', 'roses', ' Lilies ', 'Ärger & "Quotes"', '雪, {a} \\ b'),
    fc.string({ unit: 'grapheme', minLength: 1, maxLength }).filter((text) => text.trim() !== ''),
  );
/** Few enough that changes often change nothing. */
const fields = fc.record(
  {
    title: line(20),
    content: line(60),
    category: line(10),
    subcategory: fc.option(line(10)),
    tags: fc.array(fc.constantFrom('Soil', 'soil', ' water', 'light', '雪'), { maxLength: 3 }),
  },
  { requiredKeys: [] },
);
/** Where an entry, an editor or a version is taken from a list: the number goes round. */
const place = fc.nat({ max: 1000 });
const step = fc.oneof(
  {
    weight: 5,
    arbitrary: fc.record({ kind: fc.constant('edit'), entry: place, editor: place, fields, said: fc.option(line(20)) }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('restore'),
      entry: place,
      editor: place,
      version: place,
      said: fc.option(line(20)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('statement'), entry: place, editor: place, fields }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('owner'), entry: place, fields }) },
);

const asStored = ({ title, category, subcategory, tags, ...rest }: Partial<Text>): Partial<Text> => ({
  ...rest,
  ...(title !== undefined && { title: title.trim() }),
  ...(category !== undefined && { category: category.trim() }),
  ...(subcategory !== undefined && { subcategory: subcategory?.trim() ?? null }),
  ...(tags !== undefined && { tags: [...new Set(tags.map((tag) => tag.trim().toLowerCase()))] }),
});
const textOf = ({ title, content, category, subcategory, tags }: Text): Text => ({
  title,
  content,
  category,
  subcategory,
  tags,
});

const keptOf = ({ changeSummary, editorId, ...row }: Kept): Kept => ({ ...textOf(row), changeSummary, editorId });

describe.each(knowledgePlaces)('versions, the bank %s', (where) => {
  let bed: Awaited<ReturnType<typeof startTestbed>>;
  let ada: Awaited<ReturnType<typeof bed.signUp>>;
  let editors: Colleague[];
  beforeAll(async () => {
    bed = await startTestbed({}, undefined, where);
    ada = await bed.signUp('Ada');
    editors = [
      await colleagueOf(bed, ada.organizationId, 'Mia', 'MANAGER'),
      await colleagueOf(bed, ada.organizationId, 'Max', 'MANAGER'),
      await colleagueOf(bed, ada.organizationId, 'Una', 'ADMIN'),
    ];
  }, 120_000);
  afterAll(() => bed.stop());

  test('after 1,000 random edits and restores each version holds what was stored then, with its editor', async () => {
    const people = [ada, ...editors];
    const means = await Promise.all(people.map(({ userId }) => meansOf(bed, ada.organizationId, userId)));
    const owner = bed.ownerUrl === undefined ? undefined : ownerOfBank(bed);
    const organizationId = uuidOf(ada.organizationId);
    const kinds = new Map<string, number>();
    let versions = 0;
    const run = async (steps: readonly (typeof step extends fc.Arbitrary<infer Step> ? Step : never)[]) => {
      const first = { title: 'Roses', content: 'Water.', category: 'Garden', subcategory: null, tags: [] };
      const ids: string[] = [];
      for (let at = 0; at < 4; at++) ids.push(uuidOf((await entryOf(nth(people, at), { ...first, publish: true })).id));
      const histories = ids.map((_, at): Kept[] => [
        { ...first, changeSummary: null, editorId: uuidOf(nth(people, at).userId) },
      ]);
      for (const each of steps) {
        const [id, history] = [nth(ids, each.entry), nth(histories, each.entry)];
        const editor = 'editor' in each ? each.editor : 0;
        const by = uuidOf(nth(people, editor).userId);
        const kind = each.kind === 'owner' && owner === undefined ? 'statement' : each.kind;
        const context = nth(means, editor)();
        let next: Text = textOf(history.at(-1) as Kept);
        let said: string | null = null;
        if ('version' in each) {
          const version = (each.version % history.length) + 1;
          said = each.said?.trim() ?? `Restored version ${version}.`;
          next = textOf(history[version - 1] as Kept);
          await restoreKnowledgeVersion(context, { entryId: id, version, changeSummary: each.said });
        } else if ('said' in each) {
          said = each.said?.trim() ?? null;
          next = { ...next, ...asStored(each.fields) };
          const { version } = await updateKnowledgeEntry(context, {
            id,
            version: history.length,
            changeSummary: each.said,
            ...each.fields,
          });
          expect(version - history.length).toBeLessThanOrEqual(1);
        } else {
          next = { ...next, ...each.fields };
          // What a statement says of versions and editors is not believed.
          const row = { ...next, tags: [...next.tags], version: 99, editedById: uuidOf(ada.userId) };
          if (kind === 'owner')
            await owner?.unsafe(
              `update knowledge.entries set title = $1, content = $2, category = $3, subcategory = $4, tags = $5, version = 99 where id = $6`,
              [next.title, next.content, next.category, next.subcategory, [...next.tags], id],
            );
          else
            await knowledgeOf(context.unit).transact(() =>
              database.update(knowledgeEntries).set(row).where(isEntry(organizationId, id)),
            );
        }
        kinds.set(kind, (kinds.get(kind) ?? 0) + 1);
        if (JSON.stringify(next) !== JSON.stringify(textOf(history.at(-1) as Kept)))
          history.push({ ...next, changeSummary: said, editorId: kind === 'owner' ? null : by });
      }
      const bank = knowledgeOf(nth(means, 0)().unit);
      for (const [at, id] of ids.entries()) {
        const kept = await bank.run(() =>
          database
            .select()
            .from(knowledgeVersions)
            .where(eq(knowledgeVersions.entryId, id))
            .orderBy(asc(knowledgeVersions.version)),
        );
        const [entry] = await bank.run(() =>
          database.select().from(knowledgeEntries).where(isEntry(organizationId, id)),
        );
        await bank.rest();
        const history = nth(histories, at);
        expect(kept.map(({ version }) => version)).toEqual(history.map((_, before) => before + 1));
        expect(kept.map(keptOf)).toEqual(history);
        expect(entry).toMatchObject({
          ...textOf(history.at(-1) as Kept),
          version: history.length,
          editedById: history.at(-1)?.editorId,
          changeSummary: null,
        });
        versions += history.length;
      }
    };
    const thousand = fc.array(step, { minLength: 500, maxLength: 500 });
    try {
      await fc.assert(fc.asyncProperty(thousand, run), { numRuns: 2, endOnFailure: true });
    } finally {
      await owner?.end();
    }
    expect(Array.from(kinds.values()).reduce((sum, each) => sum + each, 0)).toBe(1000);
    // Most steps change something, and some do not.
    expect(versions).toBeGreaterThan(500);
    expect(versions).toBeLessThan(1000);
  }, 60_000);

  test('are paged newest first, by the entry and by a root field, and each is found by its number', async () => {
    const { id } = await entryOf(ada, { tags: ['Soil'], publish: true });
    for (const at of [2, 3, 4, 5])
      await entryBy(nth(editors, at), 'updateKnowledgeEntry', {
        id,
        version: at - 1,
        content: `Text ${at}`,
        changeSummary: ` Said ${at} `,
      });
    const page: Data = await ada.want(
      `query ($id: ID!) { knowledgeVersions(entryId: $id, first: 2) { totalCount pageInfo { hasNextPage endCursor }
        edges { node { version content changeSummary editor { name } } } } knowledgeEntry(id: $id) { version versions(last: 1) { edges { node {
          version title category subcategory tags changeSummary entry { id } editor { name } createdAt } } } }
        knowledgeVersion(entryId: $id, version: 3) { id content changeSummary } }`,
      { id },
    );
    expect(page.knowledgeVersions).toMatchObject({
      totalCount: 5,
      pageInfo: { hasNextPage: true },
      edges: [
        { node: { version: 5, content: 'Text 5', changeSummary: 'Said 5', editor: { name: 'Una' } } },
        { node: { version: 4, content: 'Text 4', changeSummary: 'Said 4', editor: { name: 'Max' } } },
      ],
    });
    expect(page.knowledgeEntry).toEqual({
      version: 5,
      versions: {
        edges: [
          {
            node: {
              version: 1,
              title: 'Watering roses',
              category: 'Garden',
              subcategory: null,
              tags: ['soil'],
              changeSummary: null,
              entry: { id },
              editor: { name: 'Ada' },
              createdAt: expect.any(String),
            },
          },
        ],
      },
    });
    expect(page.knowledgeVersion).toMatchObject({ content: 'Text 3', changeSummary: 'Said 3' });
    const rest: Data = await ada.want(
      'query ($id: ID!, $after: String) { knowledgeVersions(entryId: $id, after: $after) { edges { node { version } } } }',
      { id, after: page.knowledgeVersions.pageInfo.endCursor },
    );
    expect(rest.knowledgeVersions.edges.map(({ node }: Data) => node.version)).toEqual([3, 2, 1]);
    const node: Data = await ada.want('query ($id: ID!) { node(id: $id) { ... on KnowledgeVersion { version } } }', {
      id: page.knowledgeVersion.id,
    });
    expect(node.node).toEqual({ version: 3 });
    const missing = 'query ($id: ID!) { knowledgeVersion(entryId: $id, version: 6) { id } }';
    expect(await ada.codes(missing, { id })).toEqual(['NOT_FOUND']);
  });

  test('are compared by their parts and, line by line, by what they say', async () => {
    const { id } = await entryOf(ada, { content: 'One\nTwo\nThree', tags: ['Soil', 'water'] });
    await entryBy(ada, 'updateKnowledgeEntry', {
      id,
      title: 'Watering lilies',
      content: 'One\n2\nThree',
      subcategory: 'Lilies',
      tags: ['water', 'light'],
    });
    const compare = `query ($id: ID!, $from: Int!, $to: Int!) { compareKnowledgeVersions(entryId: $id, from: $from, to: $to) {
      from { version title } to { version title } changed addedTags removedTags added removed hunks { oldStart lines } } }`;
    const between = async (from: number, to: number): Promise<Data> => {
      const data: Data = await ada.want(compare, { id, from, to });
      return data.compareKnowledgeVersions;
    };
    expect(await between(1, 2)).toEqual({
      from: { version: 1, title: 'Watering roses' },
      to: { version: 2, title: 'Watering lilies' },
      changed: ['TITLE', 'CONTENT', 'SUBCATEGORY', 'TAGS'],
      addedTags: ['light'],
      removedTags: ['soil'],
      added: 1,
      removed: 1,
      hunks: [{ oldStart: 1, lines: [' One', '-Two', '+2', ' Three'] }],
    });
    expect(await between(2, 1)).toMatchObject({ addedTags: ['soil'], removedTags: ['light'] });
    expect(await between(2, 2)).toMatchObject({ changed: [], addedTags: [], added: 0, removed: 0, hunks: [] });
    expect(await ada.codes(compare, { id, from: 1, to: 3 })).toEqual(['NOT_FOUND']);
    const lines = (word: string) => Array.from({ length: 4000 }, (_, at) => `${word} ${at}`).join('\n');
    await entryBy(ada, 'updateKnowledgeEntry', { id, content: lines('a') });
    await entryBy(ada, 'updateKnowledgeEntry', { id, content: lines('b') });
    const { errors } = await ada.ask(compare, { id, from: 3, to: 4 });
    expect(errors[0]?.extensions).toMatchObject({ code: 'BAD_USER_INPUT', field: 'to' });
  });

  test('are restored as a new one; restoring what is current changes nothing', async () => {
    const { id } = await entryOf(ada, { subcategory: 'Roses', tags: ['soil'] });
    await entryBy(ada, 'updateKnowledgeEntry', { id, title: 'Other', content: 'Other', subcategory: null, tags: null });
    const [mia] = editors;
    // A manager does not see the draft of somebody else.
    expect(await refusal(mia as Colleague, 'restoreKnowledgeVersion', { entryId: id, version: 1 })).toMatchObject([
      { code: 'NOT_FOUND' },
    ]);
    await entryBy(ada, 'publishKnowledgeEntry', { id });
    const restored = await entryBy(mia as Colleague, 'restoreKnowledgeVersion', { entryId: id, version: 1 });
    expect(restored).toMatchObject({
      title: 'Watering roses',
      subcategory: 'Roses',
      tags: ['soil'],
      status: 'PUBLISHED',
      version: 3,
      createdBy: { name: 'Ada' },
      editedBy: { name: 'Mia' },
    });
    for (const version of [1, 3])
      expect(await entryBy(ada, 'restoreKnowledgeVersion', { entryId: id, version })).toEqual(restored);
    const said: Data = await ada.want(
      'query ($id: ID!) { knowledgeVersion(entryId: $id, version: 3) { changeSummary editor { name } } }',
      { id },
    );
    expect(said.knowledgeVersion).toEqual({ changeSummary: 'Restored version 1.', editor: { name: 'Mia' } });
    const events = (await bankEventsOf(bed, ada.organizationId, 'knowledge_entry.restored')).filter(
      ({ target }) => target === uuidOf(id),
    );
    expect(events).toEqual([
      {
        actor: uuidOf((mia as Colleague).userId),
        target: uuidOf(id),
        data: { version: 3, restoredVersion: 1, fields: ['title', 'content', 'subcategory', 'tags'] },
      },
    ]);
    expect(await refusal(ada, 'restoreKnowledgeVersion', { entryId: id, version: 4 })).toMatchObject([
      { code: 'NOT_FOUND', type: 'KnowledgeVersion' },
    ]);
  });

  test('are seen with their entry alone, and go with it', async () => {
    const [mia, max] = editors as [Colleague, Colleague];
    const { id } = await entryOf(mia, { publish: true });
    const read = 'query ($id: ID!) { knowledgeVersions(entryId: $id) { edges { node { content } } } }';
    expect(((await max.want(read, { id })) as Data).knowledgeVersions.edges).toHaveLength(1);
    await entryBy(mia, 'unpublishKnowledgeEntry', { id });
    expect(await max.codes(read, { id })).toEqual(['NOT_FOUND']);
    expect(((await mia.want(read, { id })) as Data).knowledgeVersions.edges).toHaveLength(1);
    await mia.want(
      'mutation ($input: DeleteKnowledgeEntryInput!) { deleteKnowledgeEntry(input: $input) { deletedId } }',
      {
        input: { id },
      },
    );
    const bank = knowledgeOf((await meansOf(bed, ada.organizationId, ada.userId))().unit);
    const left = await bank.run(() =>
      database
        .select()
        .from(knowledgeVersions)
        .where(eq(knowledgeVersions.entryId, uuidOf(id))),
    );
    await bank.rest();
    expect(left).toEqual([]);
  });

  onPostgres('are neither changed nor removed by the server', async () => {
    const { id } = await entryOf(ada);
    const { unit } = (await meansOf(bed, ada.organizationId, ada.userId))();
    const bank = knowledgeOf(unit).as(wholeOf(uuidOf(ada.organizationId)));
    const ofEntry = eq(knowledgeVersions.entryId, uuidOf(id));
    await expect(
      bank.transact(() => database.update(knowledgeVersions).set({ content: 'Other' }).where(ofEntry)),
    ).rejects.toThrow('permission denied');
    await expect(bank.transact(() => database.delete(knowledgeVersions).where(ofEntry))).rejects.toThrow(
      'permission denied',
    );
  });
});
