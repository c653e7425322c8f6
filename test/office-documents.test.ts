import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { eventsOf, join, type Colleague } from './colleagues.ts';
import { act, documentOf, operation, refused, seen, titles } from './office.ts';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
let host: Awaited<ReturnType<Testbed['signUp']>>;
let olga: Colleague;
let emil: Colleague;
let guest: Colleague;
let stranger: Awaited<ReturnType<Testbed['signUp']>>;
beforeAll(async () => {
  bed = await startTestbed();
  host = await bed.signUp('Host');
  stranger = await bed.signUp('Stranger');
  olga = await join(bed, host, 'MEMBER', { name: 'Olga' });
  emil = await join(bed, host, 'MEMBER', { name: 'Emil' });
  guest = await join(bed, host, 'GUEST', { name: 'Gus' });
}, 60_000);
afterAll(() => bed.stop());

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

const faultsOf = async (name: 'createOfficeDocument' | 'saveOfficeDocument', input: object): Promise<unknown[]> =>
  (await olga.ask(operation(name), { input })).errors.map(({ extensions: { code, field } }) => [code, field].join(' '));
const nested = (levels: number): unknown => JSON.parse('['.repeat(levels) + ']'.repeat(levels));
const versionsOf = async (id: string): Promise<Data[]> => {
  const { officeDocument }: Data = await olga.want(
    'query ($id: ID!) { officeDocument(id: $id) { versions { totalCount edges { node { id version title content size restoredFrom savedAt savedBy { id } document { id } } } } } }',
    { id },
  );
  return officeDocument.versions.edges.map(({ node }: Data) => node);
};

describe('an office document', () => {
  test('is made with its first version, of members and not of guests', async () => {
    const content = { text: 'Grüße', list: [1, { a: null }] };
    const { officeDocument: document } = await act(olga, 'createOfficeDocument', {
      kind: 'EXCEL',
      title: ' Sums ',
      content,
    });
    expect(document).toMatchObject({
      version: 1,
      title: 'Sums',
      content,
      myLevel: 'OWNER',
      savedBy: { id: olga.userId },
    });
    expect(await versionsOf(document.id)).toMatchObject([
      { version: 1, title: 'Sums', content, size: Buffer.byteLength(JSON.stringify(content)), restoredFrom: null },
    ]);
    expect(await refused(guest, 'createOfficeDocument', { kind: 'WORD', title: 'a', content })).toEqual(['FORBIDDEN']);
    expect(await eventsOf(bed, olga.organizationId, 'office_document.created')).toMatchObject([
      { data: { kind: 'EXCEL' } },
    ]);
  });

  test('keeps to its bounds', async () => {
    const id = await documentOf(olga, 'Bounds');
    const faulty: [object, string][] = [
      [{ title: ' ' }, 'title'],
      [{ title: 'x'.repeat(501) }, 'title'],
      [{ content: 'text' }, 'content'],
      [{ content: 7 }, 'content'],
      [{ content: undefined, contentText: '"text"' }, 'contentText'],
      [{ content: undefined, contentText: '{' }, 'contentText'],
      [{ content: undefined, contentText: String.raw`{ "a": "x\u0000" }` }, 'contentText'],
      [{ content: undefined, contentText: String.raw`{ "x\u0000": 1 }` }, 'contentText'],
      [{ content: undefined, contentText: String.raw`["\ud800"]` }, 'contentText'],
      [{ content: undefined, contentText: '[1e999]' }, 'contentText'],
      [{ content: undefined, contentText: '['.repeat(101) + ']'.repeat(101) }, 'contentText'],
      [{ content: undefined, contentText: '['.repeat(100_000) + ']'.repeat(100_000) }, 'contentText'],
      [{ content: {}, contentText: '{}' }, 'content'],
    ];
    for (const [input, field] of faulty) {
      const whole = { kind: 'WORD', title: 'a', content: {}, ...input };
      expect([input, await faultsOf('createOfficeDocument', whole)]).toEqual([input, [`BAD_USER_INPUT ${field}`]]);
      const changed = { id, baseVersion: 1, ...input };
      expect([input, await faultsOf('saveOfficeDocument', changed)]).toEqual([input, [`BAD_USER_INPUT ${field}`]]);
    }
    expect(await faultsOf('createOfficeDocument', { kind: 'WORD', title: 'a' })).toEqual(['BAD_USER_INPUT content']);
    for (const field of ['title', 'content', 'contentText'])
      expect(await faultsOf('saveOfficeDocument', { id, baseVersion: 1, [field]: null })).toEqual([
        `BAD_USER_INPUT ${field}`,
      ]);
    const { officeDocument: document } = await act(olga, 'saveOfficeDocument', {
      id,
      baseVersion: 1,
      content: nested(11),
    });
    expect(document).toMatchObject({ version: 2, content: nested(11) });
    // What every request is bound to.
    for (const content of [nested(12), Array.from({ length: 10_000 }, () => 1)])
      expect(await refused(olga, 'saveOfficeDocument', { id, baseVersion: 2, content })).toEqual(['QUERY_TOO_COMPLEX']);
    for (const content of [nested(100), Array.from({ length: 100_000 }, (_, at) => at)]) {
      const { officeDocument: current } = await act(olga, 'saveOfficeDocument', {
        id,
        baseVersion: (await seen(olga, id)).version,
        contentText: JSON.stringify(content),
      });
      expect(current.content).toEqual(content);
    }
  });

  test('holds nearly a megabyte, which is what a request holds', async () => {
    const id = await documentOf(olga, 'Long');
    const content = { text: 'x'.repeat(999_000) };
    expect(await act(olga, 'saveOfficeDocument', { id, baseVersion: 1, content })).toMatchObject({
      officeDocument: { version: 2 },
    });
    const tooLong = { id, baseVersion: 2, content: { text: 'x'.repeat(1_000_000) } };
    expect(
      (await olga.ask(operation('saveOfficeDocument'), { input: tooLong }).catch(() => ({ status: 413 }))).status,
    ).toBe(413);
    // Numbers grow when they are written out.
    const contentText = JSON.stringify(Array.from({ length: 60_000 }, () => 1)).replaceAll('1', '1e20');
    expect(await faultsOf('saveOfficeDocument', { id, baseVersion: 2, contentText })).toEqual([
      'BAD_USER_INPUT contentText',
    ]);
    expect(await seen(olga, id)).toMatchObject({ version: 2, content });
  });
});

describe('a save', () => {
  test('is a version; one of equal content makes none, and a title alone is one', async () => {
    const id = await documentOf(olga, 'Saves', { a: 1, b: [2] });
    const save = async (input: object) => (await act(olga, 'saveOfficeDocument', { id, ...input })).officeDocument;
    expect(await save({ baseVersion: 1, content: { b: [2], a: 1.0 } })).toMatchObject({ version: 1 });
    expect(await save({ baseVersion: 1 })).toMatchObject({ version: 1 });
    expect(await save({ baseVersion: 1, title: 'Saves' })).toMatchObject({ version: 1 });
    expect(await save({ baseVersion: 1, title: 'Kept' })).toMatchObject({ version: 2, content: { a: 1, b: [2] } });
    expect(await save({ baseVersion: 2, content: { a: 2 } })).toMatchObject({ version: 3, title: 'Kept' });
    expect(await versionsOf(id)).toMatchObject([
      { version: 3, title: 'Kept', content: { a: 2 }, document: { id } },
      { version: 2, title: 'Kept', content: { a: 1, b: [2] } },
      { version: 1, title: 'Saves', content: { a: 1, b: [2] } },
    ]);
  });

  test('of an older version is a conflict that shows the current state', async () => {
    const id = await documentOf(olga, 'Contested');
    await act(olga, 'shareOfficeDocument', { id, userId: emil.userId, level: 'EDIT' });
    await act(emil, 'saveOfficeDocument', { id, baseVersion: 1, content: { text: 'emil' }, title: 'His' });
    const { errors } = await olga.ask(operation('saveOfficeDocument'), {
      input: { id, baseVersion: 1, content: { text: 'olga' } },
    });
    const [version] = await versionsOf(id);
    expect(errors.map(({ extensions }) => extensions)).toEqual([
      {
        code: 'CONFLICT',
        field: 'baseVersion',
        current: {
          id,
          version: 2,
          title: 'His',
          content: { text: 'emil' },
          savedAt: version.savedAt,
          savedBy: { id: emil.userId, name: 'Emil' },
        },
      },
    ]);
    expect(await refused(olga, 'saveOfficeDocument', { id, baseVersion: 3, content: {} })).toEqual(['CONFLICT']);
    expect(await refused(olga, 'restoreOfficeDocumentVersion', { id, baseVersion: 1, version: 1 })).toEqual([
      'CONFLICT',
    ]);
    expect(await versionsOf(id)).toHaveLength(2);
  });

  test('brings a former version back as the next one', async () => {
    const id = await documentOf(olga, 'First', { n: 1 });
    await act(olga, 'saveOfficeDocument', { id, baseVersion: 1, content: { n: 2 }, title: 'Second' });
    const restored = await act(olga, 'restoreOfficeDocumentVersion', { id, baseVersion: 2, version: 1 });
    expect(restored.officeDocument).toMatchObject({ version: 3, title: 'First', content: { n: 1 } });
    const again = await act(olga, 'restoreOfficeDocumentVersion', { id, baseVersion: 3, version: 1 });
    expect(again.officeDocument).toMatchObject({ version: 3 });
    expect(await refused(olga, 'restoreOfficeDocumentVersion', { id, baseVersion: 3, version: 9 })).toEqual([
      'NOT_FOUND',
    ]);
    const versions = await versionsOf(id);
    expect(versions.map(({ restoredFrom, size }) => [restoredFrom, size])).toEqual([
      [1, 7],
      [null, 7],
      [null, 7],
    ]);
    expect(await eventsOf(bed, olga.organizationId, 'office_document.version_restored')).toMatchObject([
      { data: { version: 3, restoredFrom: 1 } },
    ]);
  });
});

describe('versions', () => {
  test('are read by number and by id, and by nobody else', async () => {
    const id = await documentOf(olga, 'Numbered');
    const query =
      'query ($id: ID!, $version: Int!) { officeDocumentVersion(id: $id, version: $version) { id version content } }';
    const { officeDocumentVersion }: Data = await olga.want(query, { id, version: 1 });
    const node = 'query ($id: ID!) { node(id: $id) { ... on OfficeDocumentVersion { version } } }';
    expect(await olga.want(node, { id: officeDocumentVersion.id })).toEqual({ node: { version: 1 } });
    expect(await olga.codes(query, { id, version: 2 })).toEqual(['NOT_FOUND']);
    for (const other of [emil, guest, stranger]) {
      expect(await other.codes(query, { id, version: 1 })).toEqual(['NOT_FOUND']);
      expect(await other.codes(node, { id: officeDocumentVersion.id })).toEqual(['NOT_FOUND']);
    }
  });

  test('are compared by the steps of a patch, bounded', async () => {
    const compare = async (contents: [unknown, unknown]): Promise<Data> => {
      const id = await documentOf(olga, 'Compared', contents[0]);
      await act(olga, 'saveOfficeDocument', { id, baseVersion: 1, content: contents[1] });
      const { compareOfficeDocumentVersions }: Data = await olga.want(
        'query ($id: ID!) { compareOfficeDocumentVersions(id: $id, from: 1, to: 2) { from to truncated differences { operation path oldValue newValue valuesLeftOut } } }',
        { id },
      );
      return compareOfficeDocumentVersions;
    };
    const step = (operation: string, path: string, oldValue: unknown, newValue: unknown, valuesLeftOut = false) => ({
      operation,
      path,
      oldValue,
      newValue,
      valuesLeftOut,
    });
    expect(
      await compare([
        { a: 1, b: { 'c/d': [1, 2] }, e: 'x' },
        { a: 2, b: { 'c/d': [1] }, f: null },
      ]),
    ).toEqual({
      from: 1,
      to: 2,
      truncated: false,
      differences: [
        step('REMOVE', '/e', 'x', null),
        step('REMOVE', '/b/c~1d/1', 2, null),
        step('REPLACE', '/a', 1, 2),
        step('ADD', '/f', null, null),
      ],
    });
    expect(await compare([{ a: 1 }, [1]])).toMatchObject({ differences: [step('REPLACE', '', { a: 1 }, [1])] });
    expect(await compare([{ a: 1 }, { a: 'x'.repeat(1999) }])).toMatchObject({
      truncated: false,
      differences: [step('REPLACE', '/a', 1, null, true)],
    });
    const many = await compare([{ list: [] }, { list: Array.from({ length: 501 }, (_, at) => at) }]);
    expect([many.truncated, many.differences.length]).toEqual([true, 500]);
    const wide = await compare([
      {},
      Object.fromEntries(Array.from({ length: 300 }, (_, at) => [at, 'x'.repeat(1900)])),
    ]);
    expect([wide.truncated, wide.differences.length]).toEqual([true, 262]);
    expect(await compare([{}, { ['x'.repeat(2000)]: 1 }])).toMatchObject({ truncated: true, differences: [] });
  });
});

describe('the list', () => {
  test('holds what is one’s own and what is shared, in each order and by each filter', async () => {
    const lena = await join(bed, host, 'MEMBER', { name: 'Lena' });
    const [b, a] = [await documentOf(lena, 'B'), await documentOf(lena, 'A')];
    const c = await documentOf(emil, 'C of Emil');
    await act(emil, 'shareOfficeDocument', { id: c, userId: lena.userId, level: 'VIEW' });
    await act(lena, 'saveOfficeDocument', { id: b, baseVersion: 1, content: { more: 1 } });
    expect(await titles(lena)).toEqual(['B', 'C of Emil', 'A']);
    expect(await titles(lena, {}, [{ field: 'CREATED_AT' }])).toEqual(['B', 'A', 'C of Emil']);
    expect(await titles(lena, {}, [{ field: 'TITLE', direction: 'DESC' }])).toEqual(['C of Emil', 'B', 'A']);
    expect(await titles(lena, { ownerId: { eq: emil.userId } })).toEqual(['C of Emil']);
    expect(await titles(lena, { kind: { eq: 'EXCEL' } })).toEqual([]);
    expect(await titles(lena, { not: { title: { in: ['A'] } }, savedAt: { gt: '2026-01-01T00:00:00Z' } })).toEqual([
      'B',
      'C of Emil',
    ]);
    expect(await titles(guest)).toEqual([]);
    expect(await titles(host)).toEqual(expect.arrayContaining(['A', 'B', 'C of Emil']));
    expect(await titles(stranger)).toEqual([]);
    const page =
      'query ($filter: OfficeDocumentFilter, $orderBy: [OfficeDocumentOrder!]) { officeDocuments(filter: $filter, orderBy: $orderBy) { edges { cursor } } }';
    expect(await lena.codes(page, { orderBy: [{ field: 'DELETED_AT' }] })).toEqual(['BAD_USER_INPUT']);
    expect(await lena.codes(page, { filter: { or: [{ deleted: true }] } })).toEqual(['BAD_USER_INPUT']);
    expect(a).toMatch(/^office_document_/);
  });

  test('costs as many statements for many documents as for one', async () => {
    const query = `{ officeDocuments { totalCount edges { node { title myLevel content owner { name }
      versions { edges { node { version savedBy { name } } } } shares { edges { node { user { name } } } } comments { edges { node { text } } } } } } }`;
    const anna = await join(bed, host, 'MEMBER', { name: 'Anna' });
    const ask = async (): Promise<number> => {
      const { errors, statements } = await anna.ask(query.replace(' content', ''));
      expect(errors).toEqual([]);
      return statements.length;
    };
    for (const sharer of [olga]) {
      const id = await documentOf(sharer, 'Counted');
      await act(sharer, 'shareOfficeDocument', { id, userId: anna.userId, level: 'COMMENT' });
      await act(anna, 'addOfficeDocumentComment', { id, text: 'one' });
    }
    const before = await ask();
    for (const title of ['Two', 'Three', 'Four']) {
      const id = await documentOf(emil, title);
      await act(emil, 'shareOfficeDocument', { id, userId: anna.userId, level: 'EDIT' });
      await act(anna, 'addOfficeDocumentComment', { id, text: 'two' });
    }
    expect(await ask()).toBe(before);
    expect(before).toBe(8);
  });
});

describe('a deleted document', () => {
  test('is found by nobody, until its owner or an administrator brings it back', async () => {
    const id = await documentOf(olga, 'Doomed');
    await act(olga, 'shareOfficeDocument', { id, userId: emil.userId, level: 'EDIT' });
    const { comment } = await act(emil, 'addOfficeDocumentComment', { id, text: 'why' });
    const [version] = await versionsOf(id);
    for (const name of ['restoreOfficeDocument', 'purgeOfficeDocument'] as const) {
      expect(await refused(olga, name, { id })).toEqual(['CONFLICT']);
      expect(await refused(emil, name, { id })).toEqual(['FORBIDDEN']);
      expect(await refused(guest, name, { id })).toEqual(['NOT_FOUND']);
    }
    expect(await refused(emil, 'deleteOfficeDocument', { id })).toEqual(['FORBIDDEN']);
    expect(await act(olga, 'deleteOfficeDocument', { id })).toEqual({ deletedId: id });
    for (const person of [olga, emil, host, guest]) {
      expect(await seen(person, id)).toBe('NOT_FOUND');
      expect(await titles(person)).not.toContain('Doomed');
      for (const part of [id, comment.id, version.id])
        expect(await person.codes('query ($id: ID!) { node(id: $id) { id } }', { id: part })).toEqual(['NOT_FOUND']);
      expect(await refused(person, 'saveOfficeDocument', { id, baseVersion: 1, content: {} })).toEqual(['NOT_FOUND']);
      expect(await refused(person, 'shareOfficeDocument', { id, userId: guest.userId, level: 'VIEW' })).toEqual([
        'NOT_FOUND',
      ]);
      expect(await refused(person, 'addOfficeDocumentComment', { id, text: 'a' })).toEqual(['NOT_FOUND']);
      expect(await refused(person, 'deleteOfficeDocumentComment', { id: comment.id })).toEqual(['NOT_FOUND']);
      expect(await refused(person, 'deleteOfficeDocument', { id })).toEqual(['NOT_FOUND']);
    }
    expect([await titles(olga, { deleted: true }), await titles(emil, { deleted: true })]).toEqual([['Doomed'], []]);
    expect(await titles(host, { deleted: true }, [{ field: 'DELETED_AT', direction: 'DESC' }])).toContain('Doomed');
    const trash: Data = await olga.want(
      '{ officeDocuments(filter: { deleted: true }) { edges { node { deletedAt deletedBy { id } versions { edges { node { document { id } } } } } } } }',
    );
    expect(trash.officeDocuments.edges[0].node).toMatchObject({
      deletedAt: expect.any(String),
      deletedBy: { id: olga.userId },
      versions: { edges: [{ node: { document: { id } } }] },
    });
    expect(await refused(emil, 'restoreOfficeDocument', { id })).toEqual(['NOT_FOUND']);
    expect(await act(host, 'restoreOfficeDocument', { id })).toMatchObject({
      officeDocument: { title: 'Doomed', version: 1 },
    });
    expect(await seen(emil, id)).toMatchObject({ myLevel: 'EDIT' });
    await act(olga, 'deleteOfficeDocument', { id });
    expect(await refused(emil, 'purgeOfficeDocument', { id })).toEqual(['NOT_FOUND']);
    expect(await act(olga, 'purgeOfficeDocument', { id })).toEqual({ deletedId: id });
    expect(await refused(olga, 'restoreOfficeDocument', { id })).toEqual(['NOT_FOUND']);
    expect(await titles(olga, { deleted: true })).toEqual([]);
  });
});
