import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { knowledgeOf } from '../src/domains/knowledge/schema.ts';
import { knowledgeEntries } from '../src/domains/knowledge/tables.ts';
import { colleagueOf, type Colleague } from './company.ts';
import { bankEventsOf, entryBy, entryMutation, entryOf, groupOf, meansOf, refusal } from './knowledge.ts';
import { uuidOf } from './talk.ts';
import { knowledgePlaces, startTestbed, type Person } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const list = `query ($first: Int, $filter: KnowledgeEntryFilter, $orderBy: [KnowledgeEntryOrder!], $after: String) {
  knowledgeEntries(first: $first, filter: $filter, orderBy: $orderBy, after: $after) { totalCount pageInfo { endCursor hasNextPage } edges { node { id title } } } }`;
const deletion = 'mutation ($input: DeleteKnowledgeEntryInput!) { deleteKnowledgeEntry(input: $input) { deletedId } }';
const read = 'query ($id: ID!) { knowledgeEntry(id: $id) { id } }';

describe.each(knowledgePlaces)('entries, the bank %s', (where) => {
  let bed: Awaited<ReturnType<typeof startTestbed>>;
  let ada: Awaited<ReturnType<typeof bed.signUp>>;
  let mia: Colleague;
  let ben: Colleague;
  let cid: Colleague;
  let guest: Colleague;
  beforeAll(async () => {
    bed = await startTestbed({}, undefined, where);
    ada = await bed.signUp('Ada');
    mia = await colleagueOf(bed, ada.organizationId, 'Mia', 'MANAGER');
    ben = await colleagueOf(bed, ada.organizationId, 'Ben', 'MEMBER');
    cid = await colleagueOf(bed, ada.organizationId, 'Cid', 'MEMBER');
    guest = await colleagueOf(bed, ada.organizationId, 'Gil', 'GUEST');
  }, 120_000);
  afterAll(() => bed.stop());

  const sees = async (person: Person, id: string): Promise<boolean> => (await person.codes(read, { id })).length === 0;
  const whoSees = async (id: string): Promise<string[]> => {
    const seen = await Promise.all(
      Object.entries({ ada, mia, ben, cid }).map(async ([name, person]) => ((await sees(person, id)) ? [name] : [])),
    );
    return seen.flat();
  };
  const titles = async (person: Person, filter?: object, orderBy?: object): Promise<string[]> => {
    const data: Data = await person.want(list, { filter, orderBy });
    return data.knowledgeEntries.edges.map(({ node }: Data) => node.title);
  };
  /** All entries of the bank, as they are stored. */
  const stored = async (organization: string): Promise<unknown[]> => {
    const bank = knowledgeOf((await meansOf(bed, organization, ada.userId))().unit);
    const rows = await bank.run(() => database.select().from(knowledgeEntries).orderBy(knowledgeEntries.id));
    await bank.rest();
    return rows;
  };

  test('a member writes a draft, changes it, and a manager of its group publishes it', async () => {
    const groupId = await groupOf(ada, 'Gardeners', [ben, mia]);
    const draft = await entryOf(ben, {
      title: '  Watering roses ',
      subcategory: 'Roses',
      tags: ['Soil', ' soil', 'Water '],
      groupId,
      metadata: { source: 'Handbook' },
    });
    expect(draft).toEqual({
      id: expect.stringMatching(/^knowledge_entry_/),
      title: 'Watering roses',
      content: 'Roses are watered twice a week.',
      category: 'Garden',
      subcategory: 'Roses',
      tags: ['soil', 'water'],
      status: 'DRAFT',
      publishedAt: null,
      active: true,
      forVisitors: false,
      version: 1,
      metadata: { source: 'Handbook' },
      group: { name: 'Gardeners' },
      createdBy: { name: 'Ben' },
      editedBy: { name: 'Ben' },
    });
    const { id } = draft;
    const changed = await entryBy(ben, 'updateKnowledgeEntry', { id, version: 1, content: 'Roses want much water.' });
    expect(changed).toEqual({ ...draft, content: 'Roses want much water.', version: 2 });
    expect(await refusal(ben, 'publishKnowledgeEntry', { id })).toMatchObject([
      { code: 'FORBIDDEN', permission: 'KNOWLEDGE_PUBLISH' },
    ]);
    const published = await entryBy(mia, 'publishKnowledgeEntry', { id, version: 2 });
    expect(published).toEqual({ ...changed, status: 'PUBLISHED', publishedAt: expect.any(String) });
    // It is not his any more to change.
    expect(await refusal(ben, 'updateKnowledgeEntry', { id, content: 'Other' })).toMatchObject([
      { code: 'FORBIDDEN', permission: 'KNOWLEDGE_PUBLISH' },
    ]);
    const edited = await entryBy(mia, 'updateKnowledgeEntry', {
      id,
      title: 'Roses',
      subcategory: null,
      tags: null,
      metadata: null,
      active: false,
    });
    expect(edited).toEqual({
      ...published,
      title: 'Roses',
      subcategory: null,
      tags: [],
      metadata: {},
      active: false,
      version: 3,
      editedBy: { name: 'Mia' },
    });
    expect(await entryBy(mia, 'unpublishKnowledgeEntry', { id })).toEqual({
      ...edited,
      status: 'DRAFT',
      publishedAt: null,
    });
    const { errors } = await ben.ask(deletion, { input: { id } });
    expect(errors).toEqual([]);
    expect(await whoSees(id)).toEqual([]);
    const told = await Promise.all(
      ['created', 'updated', 'published', 'unpublished', 'deleted'].map(async (what) =>
        (await bankEventsOf(bed, ada.organizationId, `knowledge_entry.${what}`))
          .filter(({ target }) => target === uuidOf(id))
          .map(({ actor, data }) => [actor, data]),
      ),
    );
    const [byBen, byMia] = [uuidOf(ben.userId), uuidOf(mia.userId)];
    expect(told).toEqual([
      [[byBen, { version: 1 }]],
      [
        [byMia, { version: 3, fields: ['title', 'subcategory', 'tags', 'active', 'metadata'] }],
        [byBen, { version: 2, fields: ['content'] }],
      ],
      [[byMia, { version: 2, fields: ['status', 'publishedAt'] }]],
      [[byMia, { version: 3, fields: ['status', 'publishedAt'] }]],
      [[byBen, { version: 3 }]],
    ]);
  });

  test('what changes nothing makes no version and no event', async () => {
    const entry = await entryOf(mia, { tags: ['a'], metadata: { b: { c: 1 } }, publish: true });
    const { id } = entry;
    const before = await stored(ada.organizationId);
    const same = { id, title: 'Watering roses ', tags: ['A'], metadata: { b: { c: 1 } }, active: true, groupId: null };
    expect(await entryBy(mia, 'updateKnowledgeEntry', { ...same, changeSummary: 'Nothing' })).toEqual(entry);
    expect(await entryBy(mia, 'updateKnowledgeEntry', { id })).toEqual(entry);
    expect(await entryBy(mia, 'publishKnowledgeEntry', { id })).toEqual(entry);
    const draft = await entryBy(mia, 'unpublishKnowledgeEntry', { id });
    expect(await entryBy(mia, 'unpublishKnowledgeEntry', { id })).toEqual(draft);
    expect(await stored(ada.organizationId)).toHaveLength(before.length);
    const events = await Promise.all(
      ['updated', 'published', 'unpublished'].map(async (what) =>
        (await bankEventsOf(bed, ada.organizationId, `knowledge_entry.${what}`)).filter(
          ({ target }) => target === uuidOf(id),
        ),
      ),
    );
    expect(events.map(({ length }) => length)).toEqual([0, 0, 1]);
  });

  describe('entries are seen', () => {
    test('as drafts by author, group and administrators; published by all, or by their group', async () => {
      const groupId = await groupOf(ada, 'Seers', [ben, cid]);
      const own = await entryOf(ben);
      expect(await whoSees(own.id)).toEqual(['ada', 'ben']);
      const ofGroup = await entryOf(ben, { groupId });
      expect(await whoSees(ofGroup.id)).toEqual(['ada', 'ben', 'cid']);
      await entryBy(ada, 'publishKnowledgeEntry', { id: own.id });
      expect(await whoSees(own.id)).toEqual(['ada', 'mia', 'ben', 'cid']);
      await entryBy(ada, 'publishKnowledgeEntry', { id: ofGroup.id });
      expect(await whoSees(ofGroup.id)).toEqual(['ada', 'ben', 'cid']);
      // Whoever makes another's entry a draft may not see it any more, and is told how it is.
      expect(await entryBy(mia, 'unpublishKnowledgeEntry', { id: own.id })).toMatchObject({ status: 'DRAFT' });
      expect(await whoSees(own.id)).toEqual(['ada', 'ben']);
      const found = await titles(mia, { createdById: { eq: ben.userId } });
      expect(found).toEqual([]);
      expect(await titles(cid, { groupId: { eq: groupId } })).toEqual(['Watering roses']);
    });

    test('by nobody of another organization, and guests have no access', async () => {
      const { id } = await entryOf(ada, { publish: true });
      const eve = await bed.signUp('Eve');
      const others = { input: { id } };
      expect(await eve.codes(read, { id })).toEqual(['NOT_FOUND']);
      expect(await eve.codes('query ($id: ID!) { node(id: $id) { id } }', { id })).toEqual(['NOT_FOUND']);
      expect(await eve.codes(entryMutation('updateKnowledgeEntry'), { input: { id, title: 'x' } })).toEqual([
        'NOT_FOUND',
      ]);
      for (const name of ['publishKnowledgeEntry', 'unpublishKnowledgeEntry'])
        expect(await eve.codes(entryMutation(name), others)).toEqual(['NOT_FOUND']);
      expect(await eve.codes(deletion, others)).toEqual(['NOT_FOUND']);
      expect(await titles(eve)).toEqual([]);
      for (const query of [read, 'query ($id: ID!) { node(id: $id) { id } }'])
        expect(await guest.codes(query, { id })).toEqual(['FORBIDDEN']);
      expect(await guest.codes(list)).toEqual(['FORBIDDEN']);
      expect(
        await guest.codes(entryMutation('createKnowledgeEntry'), {
          input: { title: 'x', content: 'x', category: 'x' },
        }),
      ).toEqual(['FORBIDDEN']);
      expect(await sees(ada, id)).toBe(true);
    });
  });

  describe('who may not write', () => {
    test('is refused, and nothing changes', async () => {
      const groupId = await groupOf(ada, 'Closed', [cid]);
      const own = await entryOf(ben);
      const ofCid = await entryOf(cid, { groupId: await groupOf(ada, 'Shared', [cid, ben]) });
      const eve = await bed.signUp('Eve');
      const foreign = await groupOf(eve, 'Foreign', []);
      const before = await stored(ada.organizationId);
      const input = { title: 'x', content: 'x', category: 'x' };
      const of = async (person: Person, name: string, given: object) =>
        (await refusal(person, name, given)).map(({ code, permission }: Data) => [code, permission]);
      // Publishing, for a group that one is not in, and in groups that are not there.
      expect(await of(ben, 'createKnowledgeEntry', { ...input, publish: true })).toEqual([
        ['FORBIDDEN', 'KNOWLEDGE_PUBLISH'],
      ]);
      expect(await of(ben, 'createKnowledgeEntry', { ...input, groupId })).toEqual([['FORBIDDEN', 'KNOWLEDGE_WRITE']]);
      expect(await of(mia, 'createKnowledgeEntry', { ...input, groupId, publish: true })).toEqual([
        ['FORBIDDEN', 'KNOWLEDGE_WRITE'],
      ]);
      expect(await of(ben, 'updateKnowledgeEntry', { id: own.id, groupId })).toEqual([
        ['FORBIDDEN', 'KNOWLEDGE_WRITE'],
      ]);
      expect((await of(ada, 'createKnowledgeEntry', { ...input, groupId: foreign }))[0][0]).toBe('NOT_FOUND');
      // What is another's, seen or not.
      expect(await of(ben, 'updateKnowledgeEntry', { id: ofCid.id, title: 'x' })).toEqual([
        ['FORBIDDEN', 'KNOWLEDGE_PUBLISH'],
      ]);
      expect(await of(ben, 'restoreKnowledgeVersion', { entryId: ofCid.id, version: 1 })).toEqual([
        ['FORBIDDEN', 'KNOWLEDGE_PUBLISH'],
      ]);
      expect(await ben.codes(deletion, { input: { id: ofCid.id } })).toEqual(['FORBIDDEN']);
      expect((await of(cid, 'updateKnowledgeEntry', { id: own.id, title: 'x' }))[0][0]).toBe('NOT_FOUND');
      expect((await of(mia, 'updateKnowledgeEntry', { id: own.id, title: 'x' }))[0][0]).toBe('NOT_FOUND');
      expect(await cid.codes(deletion, { input: { id: own.id } })).toEqual(['NOT_FOUND']);
      expect(await stored(ada.organizationId)).toEqual(before);
      // An administrator writes for any group.
      expect(await entryOf(ada, { groupId })).toMatchObject({ group: { name: 'Closed' } });
    });

    test('learns what is wrong with the input', async () => {
      const groupId = await groupOf(ada, 'Any', []);
      const { id } = await entryOf(ada, { forVisitors: true, publish: true });
      const before = await stored(ada.organizationId);
      const faulty = async (input: object): Promise<unknown> => {
        const created = await refusal(ada, 'createKnowledgeEntry', {
          title: 'x',
          content: 'x',
          category: 'x',
          ...input,
        });
        const updated = await refusal(ada, 'updateKnowledgeEntry', { id, ...input });
        const fieldsOf = (errors: Data) => errors.flatMap(({ issues }: Data) => issues.map(({ field }: Data) => field));
        expect(fieldsOf(updated)).toEqual(fieldsOf(created));
        return fieldsOf(created);
      };
      expect(await faulty({ title: ' ', content: '', category: '\n' })).toEqual(['title', 'content', 'category']);
      expect(await faulty({ title: 'x'.repeat(201), category: 'x'.repeat(51), subcategory: 'x'.repeat(51) })).toEqual([
        'title',
        'category',
        'subcategory',
      ]);
      expect(await faulty({ content: 'x'.repeat(200_001), subcategory: '' })).toEqual(['content', 'subcategory']);
      expect(await faulty({ tags: ['a', ' ', 'x'.repeat(51)] })).toEqual(['tags.1', 'tags.2']);
      expect(await faulty({ tags: Array.from({ length: 31 }, String) })).toEqual(['tags']);
      expect(await faulty({ metadata: [] })).toEqual(['metadata']);
      expect(await faulty({ metadata: { long: 'é'.repeat(8_000) } })).toEqual(['metadata']);
      expect(await faulty({ forVisitors: true, groupId })).toEqual(['forVisitors']);
      const nulls = { id, title: null, content: null, category: null, active: null, forVisitors: null };
      expect((await refusal(ada, 'updateKnowledgeEntry', nulls))[0].issues.map(({ field }: Data) => field)).toEqual([
        'title',
        'content',
        'category',
        'active',
        'forVisitors',
      ]);
      for (const input of [{ groupId }, { title: 'y', changeSummary: 'x'.repeat(501) }, { changeSummary: ' ' }])
        expect((await refusal(ada, 'updateKnowledgeEntry', { id, ...input }))[0].code).toBe('BAD_USER_INPUT');
      expect(
        (await refusal(ada, 'restoreKnowledgeVersion', { entryId: id, version: 1, changeSummary: '' }))[0].code,
      ).toBe('BAD_USER_INPUT');
      expect(await stored(ada.organizationId)).toEqual(before);
      // What is just within the bounds is taken.
      const most = { title: 'x'.repeat(200), content: 'x'.repeat(200_000), category: 'x'.repeat(50) };
      const tags = Array.from({ length: 30 }, (_, at) => `${at}`.padEnd(50, 'x'));
      expect(await entryOf(ada, { ...most, tags })).toMatchObject({ ...most, tags });
    });
  });

  describe('somebody who changes another version than there is', () => {
    test('is told which there is', async () => {
      const { id } = await entryOf(ada);
      await entryBy(ada, 'updateKnowledgeEntry', { id, version: 1, title: 'Second' });
      for (const [name, input] of [
        ['updateKnowledgeEntry', { id, version: 1, title: 'Third' }],
        ['updateKnowledgeEntry', { id, version: 3, title: 'Third' }],
        ['publishKnowledgeEntry', { id, version: 1 }],
      ] as const)
        expect(await refusal(ada, name, input)).toEqual([
          { code: 'CONFLICT', field: 'version', current: { id, version: 2, status: 'DRAFT' } },
        ]);
      expect(await entryBy(ada, 'updateKnowledgeEntry', { id, title: 'Third' })).toMatchObject({ version: 3 });
    });

    test('at the same time as others loses, but for one', async () => {
      const { id } = await entryOf(mia, { publish: true });
      const people = [ada, mia];
      const answers = await Promise.all(
        Array.from({ length: 10 }, (_, at) =>
          (people[at % 2] as Person).ask(entryMutation('updateKnowledgeEntry'), {
            input: { id, version: 1, title: `Title ${at}` },
          }),
        ),
      );
      const won = answers.flatMap(({ errors }, at) => (errors.length === 0 ? [at] : []));
      expect(won).toHaveLength(1);
      for (const { errors } of answers.filter((_, at) => at !== won[0]))
        expect(errors.map(({ extensions }) => extensions)).toMatchObject([
          { code: 'CONFLICT', current: { version: 2 } },
        ]);
      const data: Data = await ada.want(
        'query ($id: ID!) { knowledgeEntry(id: $id) { title version versions { edges { node { title } } } } }',
        { id },
      );
      expect(data.knowledgeEntry).toMatchObject({ title: `Title ${won[0]}`, version: 2 });
      expect(data.knowledgeEntry.versions.edges).toHaveLength(2);
      const events = await bankEventsOf(bed, ada.organizationId, 'knowledge_entry.updated');
      expect(events.filter(({ target }) => target === uuidOf(id))).toHaveLength(1);
    });
  });

  describe('lists', () => {
    let bea: Awaited<ReturnType<typeof bed.signUp>>;
    let groupId: string;
    beforeAll(async () => {
      bea = await bed.signUp('Bea');
      groupId = await groupOf(bea, 'Lilies', [bea]);
      const entries = [
        { title: 'Ärger mit Läusen', category: 'Pests', tags: ['lice', 'soap'], publish: true },
        { title: 'Watering Roses in Summer', category: 'Garden', subcategory: 'Roses', tags: ['water'], publish: true },
        { title: 'Watering lilies', category: 'Garden', subcategory: 'Lilies', tags: ['water', 'soap'], groupId },
        { title: 'Pruning roses', category: 'Garden', subcategory: 'Roses', publish: true },
        { title: '100% compost_a', category: 'Soil' },
      ];
      for (const entry of entries) await entryOf(bea, entry);
    });

    test('are filtered by what entries are', async () => {
      expect(await titles(bea)).toEqual([
        '100% compost_a',
        'Pruning roses',
        'Watering lilies',
        'Watering Roses in Summer',
        'Ärger mit Läusen',
      ]);
      expect(await titles(bea, { status: { eq: 'DRAFT' } })).toEqual(['100% compost_a', 'Watering lilies']);
      expect(await titles(bea, { category: { eq: 'Garden' }, subcategory: { ne: 'Roses' } })).toEqual([
        'Watering lilies',
      ]);
      expect(await titles(bea, { subcategory: { isNull: true } })).toEqual(['100% compost_a', 'Ärger mit Läusen']);
      expect(await titles(bea, { groupId: { eq: groupId } })).toEqual(['Watering lilies']);
      expect(await titles(bea, { createdById: { ne: bea.userId } })).toEqual([]);
      expect(await titles(bea, { active: { eq: false } })).toEqual([]);
      expect(await titles(bea, { createdAt: { lt: '2020-01-01T00:00:00Z' } })).toEqual([]);
      expect(await titles(bea, { updatedAt: { gt: '2020-01-01T00:00:00Z' }, category: { in: ['Soil'] } })).toEqual([
        '100% compost_a',
      ]);
    });

    test('are filtered by tags and by words of the title', async () => {
      expect(await titles(bea, { tags: { has: ' Water' } })).toEqual(['Watering lilies', 'Watering Roses in Summer']);
      expect(await titles(bea, { tags: { hasAny: ['LICE', 'water'] } })).toHaveLength(3);
      expect(await titles(bea, { tags: { hasAll: ['soap', 'water'] } })).toEqual(['Watering lilies']);
      expect(await titles(bea, { tags: { hasAny: [] } })).toEqual([]);
      expect(await titles(bea, { title: { words: 'roses WATER' } })).toEqual(['Watering Roses in Summer']);
      expect(await titles(bea, { title: { words: 'ärger' } })).toEqual(['Ärger mit Läusen']);
      expect(await titles(bea, { not: { title: { words: 's' } } })).toEqual([]);
      // Nothing in a word is a pattern.
      expect(await titles(bea, { title: { words: '0% t_a' } })).toEqual(['100% compost_a']);
      expect(await titles(bea, { title: { words: '_' } })).toEqual(['100% compost_a']);
      for (const words of ['', ' ', 'a b c d e f g h i j k', 'x'.repeat(201)])
        expect(await bea.codes(list, { filter: { title: { words } } })).toEqual(['BAD_USER_INPUT']);
    });

    test('are ordered, paged and counted', async () => {
      const byTitle = await titles(bea, {}, [{ field: 'TITLE', direction: 'ASC' }]);
      expect(byTitle).toHaveLength(5);
      expect(await titles(bea, {}, [{ field: 'TITLE', direction: 'DESC' }])).toEqual(byTitle.toReversed());
      const walked: string[] = [];
      for (let after: string | null = null; ;) {
        const { knowledgeEntries: page }: Data = await bea.want(list, {
          first: 2,
          after,
          orderBy: [{ field: 'TITLE', direction: 'ASC' }],
        });
        expect(page.totalCount).toBe(5);
        walked.push(...page.edges.map(({ node }: Data) => node.title));
        if (!page.pageInfo.hasNextPage) break;
        after = page.pageInfo.endCursor;
      }
      expect(walked).toEqual(byTitle);
      const [oldest]: Data = ((await bea.want(list, { first: 100 })) as Data).knowledgeEntries.edges.slice(-1);
      await entryBy(bea, 'updateKnowledgeEntry', { id: oldest.node.id, metadata: { touched: true } });
      expect((await titles(bea, {}, [{ field: 'UPDATED_AT' }]))[0]).toBe('Ärger mit Läusen');
      for (const args of [{ first: 101 }, { first: 0 }, { after: 'x' }])
        expect(await bea.codes(list, args)).toEqual(['BAD_USER_INPUT']);
    });

    test('of categories tell how many entries are in each that one sees', async () => {
      const categories = `query ($first: Int, $after: String) { knowledgeCategories(first: $first, after: $after) { totalCount
        pageInfo { hasNextPage endCursor } edges { node { name entryCount subcategories { name entryCount } } } } }`;
      const { knowledgeCategories }: Data = await bea.want(categories);
      expect(knowledgeCategories.totalCount).toBe(3);
      expect(knowledgeCategories.edges.map(({ node }: Data) => node)).toEqual([
        {
          name: 'Garden',
          entryCount: 3,
          subcategories: [
            { name: 'Lilies', entryCount: 1 },
            { name: 'Roses', entryCount: 2 },
          ],
        },
        { name: 'Pests', entryCount: 1, subcategories: [] },
        { name: 'Soil', entryCount: 1, subcategories: [] },
      ]);
      const first: Data = await bea.want(categories, { first: 1 });
      expect(first.knowledgeCategories.pageInfo.hasNextPage).toBe(true);
      const { endCursor } = first.knowledgeCategories.pageInfo;
      const next: Data = await bea.want(categories, { first: 1, after: endCursor });
      expect(next.knowledgeCategories.edges.map(({ node }: Data) => node.name)).toEqual(['Pests']);
      const pal = await colleagueOf(bed, bea.organizationId, 'Pal', 'MEMBER');
      const seen: Data = await pal.want(categories);
      expect(seen.knowledgeCategories.edges.map(({ node }: Data) => [node.name, node.entryCount])).toEqual([
        ['Garden', 2],
        ['Pests', 1],
      ]);
      // A hundred subcategories are told of at most.
      const bank = knowledgeOf((await meansOf(bed, bea.organizationId, bea.userId))().unit);
      await bank.transact(() =>
        database.insert(knowledgeEntries).values(
          Array.from({ length: 101 }, (_, at) => ({
            organizationId: uuidOf(bea.organizationId),
            title: 't',
            content: 'c',
            category: 'Many',
            subcategory: `Part ${String(at).padStart(3, '0')}`,
          })),
        ),
      );
      const many: Data = await bea.want(categories);
      const { node } = many.knowledgeCategories.edges.find((edge: Data) => edge.node.name === 'Many');
      expect([node.entryCount, node.subcategories.length, node.subcategories.at(-1).name]).toEqual([
        101,
        100,
        'Part 099',
      ]);
      await bank.transact(() => database.execute(sql`delete from knowledge.entries where category = 'Many'`));
    });

    test('with versions, groups and editors cost one statement a level', async () => {
      const query = `{ knowledgeEntries(first: 10, filter: { category: { ne: "Many" } }) { edges { node { title content group { name } createdBy { name } editedBy { name }
        versions(first: 2) { edges { node { version content editor { name } entry { title } } } } } } } }`;
      const { data, statements }: Data = await bea.ask(query);
      expect(data.knowledgeEntries.edges).toHaveLength(5);
      expect(data.knowledgeEntries.edges[2].node).toEqual({
        title: 'Watering lilies',
        content: 'Roses are watered twice a week.',
        group: { name: 'Lilies' },
        createdBy: { name: 'Bea' },
        editedBy: { name: 'Bea' },
        versions: {
          edges: [
            {
              node: {
                version: 1,
                content: 'Roses are watered twice a week.',
                editor: { name: 'Bea' },
                entry: { title: 'Watering lilies' },
              },
            },
          ],
        },
      });
      // Entries, their groups, people, versions, and the entries of those.
      expect(statements).toHaveLength(5);
      const light: Data = await bea.ask('{ knowledgeEntries(first: 10) { edges { node { title } } } }');
      expect(light.statements).toHaveLength(1);
      expect(light.statements[0]).not.toContain('"content"');
      const counted: Data = await bea.ask('{ knowledgeEntries(first: 10) { totalCount edges { node { title } } } }');
      expect(counted.statements).toHaveLength(2);
    });
  });
});
