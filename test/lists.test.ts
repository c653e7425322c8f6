import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { assertObjectType, buildSchema, getNamedType, isLeafType, isRequiredArgument } from 'graphql';
import { v7 } from 'uuid';
import { database } from '../src/database/client.ts';
import { documents } from '../src/domains/content/tables.ts';
import { conversations } from '../src/domains/conversations/tables.ts';
import { workspaces } from '../src/domains/tenancy/tables.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

interface Row {
  readonly id: string;
  readonly createdAt: string;
  readonly [key: string]: string;
}
interface Page {
  readonly edges: readonly { readonly cursor: string; readonly node: Row }[];
  readonly pageInfo: Record<'hasNextPage' | 'hasPreviousPage', boolean> &
    Record<'startCursor' | 'endCursor', string | null>;
}

/** Numbers from 0 below 1, the same in each run (a linear congruential generator with the constants of Numerical Recipes). */
const randomFrom = (seed: number) => {
  let state = seed >>> 0;
  return () => (state = (Math.imul(state, 1664525) + 1013904223) >>> 0) / 2 ** 32;
};

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let garden: string;
const total = 57;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp();
  garden = await workspaceOf(ada);
  const organizationId = uuidOf(ada.organizationId);
  const workspaceId = uuidOf(garden);
  const random = randomFrom(7);
  // Few different times and titles, so that the id has to break many ties.
  const createdAt = () => new Date(Date.UTC(2026, 0, 1, 0, 0, 0, Math.floor(random() * 9))).toISOString();
  const word = () =>
    ['Äpfel', 'apple', 'Zebra', 'zebra', 'o’clock', '"quoted"', 'a,b', '雪'][Math.floor(random() * 8)] ?? '';
  const rows = <Own>(own: (at: number) => Own) =>
    Array.from({ length: total }, (_, at) => ({ organizationId, id: v7(), createdAt: createdAt(), ...own(at) }));
  await unitOf(bed, ada.organizationId).transact(async () => {
    await database.insert(workspaces).values(rows((at) => ({ name: `W${at}`, slug: `${word()}-${at}` })).slice(1));
    await database.insert(documents).values(
      rows((at) => ({
        workspaceId,
        title: word(),
        mimeType: 'text/plain',
        status: at % 3 === 0 ? ('FAILED' as const) : ('PENDING' as const),
        failure: at % 3 === 0 ? 'broken' : null,
      })),
    );
    await database.insert(conversations).values(rows(() => ({ workspaceId, title: word() })));
  });
});
afterAll(() => bed.stop());

/** Asks with the viewer known afresh: to know them costs statements of its own, once in a few seconds. */
const askKnown = async (text: string) => {
  bed.server.installation.services.viewers.forgetAll();
  await ada.want('{ viewer { role } }');
  return ada.ask(text);
};

interface List {
  readonly name: string;
  /** Where the list's page lies in the data. */
  readonly path: readonly string[];
  readonly field: (args: string, selection: string) => string;
  readonly orders: readonly { readonly argument: string; readonly key: string; readonly descending: boolean }[];
  readonly shown: string;
}

const directions = (field: string, key: string) =>
  ['ASC', 'DESC'].map((way) => ({
    argument: `[{ field: ${field}, direction: ${way} }]`,
    key,
    descending: way === 'DESC',
  }));
const newestFirst = { argument: '', key: 'createdAt', descending: true };
const inGarden = (field: string) => (args: string, selection: string) =>
  `query ($first: Int, $after: String, $last: Int, $before: String) { workspace(id: "${garden}") { ${field}(first: $first, after: $after, last: $last, before: $before ${args}) ${selection} } }`;
const lists: readonly List[] = [
  {
    name: 'workspaces',
    path: ['workspaces'],
    field: (args, selection) =>
      `query ($first: Int, $after: String, $last: Int, $before: String) { workspaces(first: $first, after: $after, last: $last, before: $before ${args}) ${selection} }`,
    orders: [
      newestFirst,
      ...directions('CREATED_AT', 'createdAt'),
      ...directions('SLUG', 'slug'),
      ...directions('NAME', 'name'),
    ],
    shown: 'id createdAt slug name',
  },
  {
    name: 'documents',
    path: ['workspace', 'documents'],
    field: (args, selection) => inGarden('documents')(args, selection),
    orders: [newestFirst, ...directions('CREATED_AT', 'createdAt'), ...directions('TITLE', 'title')],
    shown: 'id createdAt title',
  },
  {
    name: 'conversations',
    path: ['workspace', 'conversations'],
    field: (args, selection) => inGarden('conversations')(args, selection),
    orders: [newestFirst],
    shown: 'id createdAt title',
  },
];
const cases = lists.flatMap((list) =>
  list.orders.map((order) => ({ list, order, name: `${list.name} ${order.argument}` })),
);

const pageOf = async (list: List, argument: string, variables: object): Promise<Page> => {
  const selection = `{ edges { cursor node { ${list.shown} } } pageInfo { hasNextPage hasPreviousPage startCursor endCursor } }`;
  const text = list.field(argument === '' ? '' : `, orderBy: ${argument}`, selection);
  let found: unknown = await ada.want(text, variables);
  for (const step of list.path) found = (found as Record<string, unknown>)[step];
  return found as Page;
};

/** Every row of a list, page by page; page sizes come from the seed. */
const walk = async (list: List, argument: string, seed: number, backward: boolean): Promise<Row[]> => {
  const random = randomFrom(seed);
  const rows: Row[] = [];
  let cursor: string | null = null;
  for (let more = true; more;) {
    const size = 1 + Math.floor(random() * 19);
    const page: Page = await pageOf(
      list,
      argument,
      backward ? { last: size, before: cursor } : { first: size, after: cursor },
    );
    const nodes = page.edges.map((edge) => edge.node);
    expect(page.pageInfo).toMatchObject({
      startCursor: page.edges[0]?.cursor ?? null,
      endCursor: page.edges.at(-1)?.cursor ?? null,
      [backward ? 'hasNextPage' : 'hasPreviousPage']: cursor !== null,
    });
    if (backward) rows.unshift(...nodes);
    else rows.push(...nodes);
    more = backward ? page.pageInfo.hasPreviousPage : page.pageInfo.hasNextPage;
    expect(nodes).toHaveLength(more ? size : nodes.length);
    cursor = (backward ? page.pageInfo.startCursor : page.pageInfo.endCursor) ?? cursor;
  }
  return rows;
};

describe.each(cases)('$name', ({ list, order }) => {
  test('every row comes once, in order, both ways', async () => {
    const forward = await walk(list, order.argument, 11, false);
    expect(new Set(forward.map((row) => row.id)).size).toBe(total);
    expect(forward).toHaveLength(total);
    for (const seed of [12, 13]) expect(await walk(list, order.argument, seed, false)).toEqual(forward);
    for (const seed of [14, 15]) expect(await walk(list, order.argument, seed, true)).toEqual(forward);
    const sign = order.descending ? -1 : 1;
    if (order.key === 'createdAt') {
      // UUIDs in their text form sort as the database sorts them.
      const key = (row: Row) => `${row.createdAt} ${uuidOf(row.id)}`;
      expect(forward.map(key)).toEqual(forward.map(key).sort((a, b) => sign * (a < b ? -1 : Number(a > b))));
    } else {
      // The words' order is the database's collation; equal words stand together, by id.
      const words = forward.map((row) => row[order.key] ?? '');
      const runs = words.filter((word, at) => at === 0 || word !== words[at - 1]);
      expect(new Set(runs).size).toBe(runs.length);
      forward.slice(1).forEach((row, at) => {
        const before = forward[at];
        if (before?.[order.key] === row[order.key])
          expect(sign * (uuidOf(before?.id ?? '') < uuidOf(row.id) ? 1 : -1)).toBe(1);
      });
    }
    expect(await walk(list, order.argument, 16, false)).toEqual(forward);
  });
});

test('one order is the other one turned round', async () => {
  for (const list of lists)
    for (const [up, down] of [
      [list.orders[1], list.orders[2]],
      [list.orders[3], list.orders[4]],
    ])
      if (up !== undefined && down !== undefined)
        expect((await walk(list, up.argument, 3, false)).reverse()).toEqual(await walk(list, down.argument, 4, false));
});

const refusals = (list: List, cursor: string): readonly [fault: string, args: string][] =>
  [
    ['an empty page', 'first: 0'],
    ['a page below nothing', 'first: -1'],
    ['an empty last page', 'last: 0'],
    ['a page beyond the limit', 'first: 101'],
    ['a last page beyond the limit', 'last: 101'],
    ['both pairs', 'first: 1, last: 1'],
    ['first with before', `first: 1, before: "${cursor}"`],
    ['last with after', `last: 1, after: "${cursor}"`],
    ['before alone', `before: "${cursor}"`],
    ['no cursor', 'first: 1, after: "nonsense"'],
    ['an empty cursor', 'first: 1, after: ""'],
    ['a cursor with too little', `first: 1, after: "${forged(['CREATED_AT DESC'])}"`],
    ['a cursor with no time', `first: 1, after: "${forged(['CREATED_AT DESC', "'; drop table users", v7()])}"`],
    ['a cursor with no id', `first: 1, after: "${forged(['CREATED_AT DESC', '2026-01-01 00:00:00+00', 'x'])}"`],
    ['a cursor that is no list', `first: 1, after: "${Buffer.from('{"a":1}').toString('base64url')}"`],
    ...(list.orders.length > 1
      ? ([
          ['a cursor from another order', `first: 1, after: "${cursor}", orderBy: ${list.orders[1]?.argument}`],
          ['two orders', 'first: 1, orderBy: [{ field: CREATED_AT }, { field: CREATED_AT, direction: DESC }]'],
        ] as const)
      : []),
  ].map(([fault, args]) => [fault ?? '', args ?? '']);
const forged = (parts: readonly string[]) => Buffer.from(JSON.stringify(parts)).toString('base64url');

test('wrong arguments are refused before any statement', async () => {
  const [list] = lists;
  if (list === undefined) throw new Error('There are no lists.');
  const { edges } = await pageOf(list, '', { first: 1 });
  const faults = refusals(list, edges[0]?.cursor ?? '');
  expect(faults).toHaveLength(17);
  for (const [fault, args] of faults) {
    const { errors, statements } = await askKnown(`{ workspaces(${args}) { edges { node { id } } } }`);
    const codes = errors.map((error) => error.extensions.code);
    expect({ fault, codes, statements }).toEqual({ fault, codes: ['BAD_USER_INPUT'], statements: [] });
  }
  // Beneath a parent, only the parent is read.
  for (const [fault, args] of refusals(lists[1] ?? list, edges[0]?.cursor ?? '')) {
    const { errors, statements } = await askKnown(
      `{ workspace(id: "${garden}") { documents(${args}) { edges { node { id } } } } }`,
    );
    const codes = errors.map((error) => error.extensions.code);
    expect({ fault, codes, statements: statements.length }).toEqual({
      fault,
      codes: ['BAD_USER_INPUT'],
      statements: 1,
    });
  }
});

test('a page has 20 entries when nobody says how many, and 100 at most', async () => {
  const list = lists[1] as List;
  expect((await pageOf(list, '', {})).edges).toHaveLength(20);
  expect((await pageOf(list, '', { first: 100 })).edges).toHaveLength(total);
});

const titles = async (filter: string): Promise<number> => {
  const text = `{ workspace(id: "${garden}") { documents(first: 100, filter: ${filter}) { totalCount edges { node { title status } } } } }`;
  const data: { workspace: { documents: { totalCount: number; edges: unknown[] } } } = await ada.want(text);
  const { totalCount, edges } = data.workspace.documents;
  expect(edges).toHaveLength(totalCount);
  return totalCount;
};

test('filters combine as they say', async () => {
  const apple = await titles('{ title: { eq: "apple" } }');
  const zebra = await titles('{ title: { eq: "zebra" } }');
  const failed = await titles('{ status: { eq: FAILED } }');
  const failedApple = await titles('{ title: { eq: "apple" }, status: { eq: FAILED } }');
  expect({ failed, some: apple > 0 && zebra > 0 && failedApple > 0 }).toEqual({ failed: 19, some: true });
  expect(await titles('{}')).toBe(total);
  expect(await titles('{ title: { in: ["apple", "zebra"] } }')).toBe(apple + zebra);
  expect(await titles('{ or: [{ title: { eq: "apple" } }, { title: { eq: "zebra" } }] }')).toBe(apple + zebra);
  expect(await titles('{ and: [{ title: { eq: "apple" } }, { status: { eq: FAILED } }] }')).toBe(failedApple);
  expect(await titles('{ or: [{ title: { eq: "apple" } }, { status: { eq: FAILED } }] }')).toBe(
    apple + failed - failedApple,
  );
  expect(await titles('{ not: { title: { eq: "apple" } } }')).toBe(total - apple);
  expect(await titles('{ title: { notIn: ["apple", "zebra"] } }')).toBe(total - apple - zebra);
  expect(await titles('{ title: { ne: "apple" } }')).toBe(total - apple);
  expect(await titles('{ title: { in: [] } }')).toBe(0);
  expect(await titles('{ title: { isNull: true } }')).toBe(0);
  expect(await titles('{ createdAt: { gte: "2026-01-01T00:00:00.000Z", lt: "2026-01-01T00:00:01.000Z" } }')).toBe(
    total,
  );
  expect(await titles('{ createdAt: { gt: "2026-01-01T00:00:00.008Z" } }')).toBe(0);
});

const listed = (count: number) => `{ slug: { in: [${Array.from({ length: count }, () => '"a"').join(' ')}] } }`;
/** The codes of a filter's errors, then the number of statements it cost. */
const asked = async (filter: string) => {
  const { errors, statements } = await askKnown(`{ workspaces(filter: ${filter}) { edges { node { id } } } }`);
  return [...errors.map((error) => error.extensions.code), statements.length];
};

test('a filter has 3 levels and 30 comparisons at most, refused before any statement', async () => {
  const level = (inner: string, levels: number): string =>
    levels === 1 ? inner : `{ not: ${level(inner, levels - 1)} }`;
  const comparison = '{ slug: { eq: "a" } }';
  const many = (count: number) => `{ or: [${Array.from({ length: count }, () => comparison).join(' ')}] }`;
  expect(await asked(level(comparison, 3))).toEqual([1]);
  expect(await asked(level(comparison, 4))).toEqual(['BAD_USER_INPUT', 0]);
  expect(await asked(many(30))).toEqual([1]);
  expect(await asked(many(31))).toEqual(['BAD_USER_INPUT', 0]);
  expect(await asked(listed(100))).toEqual([1]);
  expect(await asked(listed(101))).toEqual(['BAD_USER_INPUT', 0]);
});

const failedPage = async (after: string | null) => {
  const text = `query ($after: String) { workspace(id: "${garden}") { documents(first: 10, after: $after, filter: { status: { eq: FAILED } }) { edges { cursor node { id } } } } }`;
  const data: { workspace: { documents: Page } } = await ada.want(text, { after });
  return data.workspace.documents.edges;
};

test('a cursor goes on within the same filter', async () => {
  const first = await failedPage(null);
  const second = await failedPage(first.at(-1)?.cursor ?? null);
  expect([first.length, second.length]).toEqual([10, 9]);
  expect(new Set([...first, ...second].map(({ node }) => node.id)).size).toBe(19);
});

const statements = async (text: string) => (await askKnown(text)).statements.length;

test('only a selected count is counted, and only selected rows are read', async () => {
  expect(await statements('{ workspaces { edges { node { id } } } }')).toBe(1);
  expect(await statements('{ workspaces { totalCount edges { node { id } } } }')).toBe(2);
  // The lists of all parents share a statement, and so do their counts.
  expect(
    await statements('{ workspaces(first: 10) { edges { node { documents(first: 2) { edges { node { id } } } } } } }'),
  ).toBe(2);
  expect(
    await statements(
      '{ workspaces(first: 10) { edges { node { documents(first: 2) { totalCount edges { node { id } } } } } } }',
    ),
  ).toBe(3);
});

/** Fields that can be asked for without arguments, each with the least that has to be asked below it. */
const selections = (type: string): string[] => {
  const schema = buildSchema(readFileSync(new URL('../schema.graphql', import.meta.url), 'utf8'));
  const fields = assertObjectType(schema.getType(type)).getFields();
  return Object.values(fields)
    .filter(({ args }) => !args.some(isRequiredArgument))
    .map((field) => `${field.name}${isLeafType(getNamedType(field.type)) ? '' : ' { __typename }'}`);
};

test.each([
  ['Conversation', 'conversations(first: 2) { edges { node { FIELD } } }'],
  ['Message', 'conversations(first: 2) { edges { node { messages(first: 2) { edges { node { FIELD } } } } } }'],
])('each field of a listed %s finds the columns it is made of', async (type, path) => {
  const workspaceId = await workspaceOf(ada);
  const { startConversation }: { startConversation: { conversation: { id: string } } } = await ada.want(
    'mutation ($input: StartConversationInput!) { startConversation(input: $input) { conversation { id } } }',
    { input: { workspaceId, title: 'Columns' } },
  );
  await ada.want('mutation ($input: AddMessageInput!) { addMessage(input: $input) { message { id } } }', {
    input: { conversationId: startConversation.conversation.id, content: 'All of them' },
  });
  const each = selections(type);
  expect(each.length).toBeGreaterThan(8);
  for (const selection of each) {
    const { data, errors } = await ada.ask(
      `query ($id: ID!) { workspace(id: $id) { ${path.replace('FIELD', selection)} } }`,
      { id: workspaceId },
    );
    expect({ selection, errors }).toEqual({ selection, errors: [] });
    expect(JSON.stringify(data)).toContain(selection.split(' ')[0]);
  }
});

test('a page reads the columns it is asked for and no others, also by fragments', async () => {
  const { statements } = await ada.ask(
    `query ($id: ID!) { workspace(id: $id) { conversations(first: 2) { ...page } } }
     fragment page on ConversationConnection { edges { node { ... on Conversation { title } } } }`,
    { id: garden },
  );
  const list = statements.find((text) => text.includes('lateral')) ?? '';
  expect(list).toContain('"title"');
  expect(list).not.toContain('"ended_at"');
});

test('nobody sees that ids are leaves of types of their own when they are written', async () => {
  const asked = '{ __type(name: "Message") { fields { name type { ofType { name } } } } }';
  const { __type }: { __type: { fields: { name: string; type: { ofType: { name: string } | null } }[] } } =
    await ada.want(asked);
  expect(__type.fields.find(({ name }) => name === 'id')?.type.ofType?.name).toBe('ID');
});
