import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { globSync } from 'node:fs';
import { isInterfaceType, type GraphQLSchema } from 'graphql';
import postgres from 'postgres';
import { buildSchema } from '../src/gateway/schema.ts';
import { globalId } from '../src/ids.ts';
import { castOf, fingerprint, hidden, mayReadNarrowed, quiet, secret, withStandIns, type Cast } from './access/cast.ts';
import { callers, type Caller, type Fixture, type Fixtures } from './access/fixture.ts';
import {
  due,
  look,
  lookAsAll,
  nestedConnections,
  operationOf,
  rootFields,
  type Operation,
  type Sight,
} from './access/matrix.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const onPostgres = process.env.TEST_POSTGRES_URL ? test : test.skip;

const modules = (await Promise.all(
  globSync('access/*-fields.ts', { cwd: import.meta.dirname })
    .sort()
    .map((file) => import(`./${file}`)),
)) as { readonly fixtures: Fixtures }[];
const all = <Kind extends keyof Fixtures>(kind: Kind) =>
  Object.assign({}, ...modules.map(({ fixtures }) => fixtures[kind])) as NonNullable<Fixtures[Kind]>;
const byKind: Readonly<Record<Operation, Readonly<Record<string, Fixture>>>> = {
  query: all('queries'),
  mutation: all('mutations'),
  subscription: all('subscriptions'),
};
const connections = all('connections');

let bed: Testbed & { readonly ownerUrl: string | undefined };
let cast: Cast;
let schema: GraphQLSchema;
/** How often each field gave data, was denied, or was not found. */
const counts = new Map<string, { data: number; denied: number; notFound: number }>();

beforeAll(async () => {
  [bed, schema] = [await startTestbed(), await buildSchema()];
  cast = await castOf(bed);
}, 120_000);
afterAll(async () => {
  await bed.stop();
  const lines = [...counts].map(([name, { data, denied, notFound }]) => `${name}: ${data} / ${denied} / ${notFound}`);
  process.stdout.write(`Callers who got data / were denied / found nothing, by field\n${lines.join('\n')}\n`);
});

const outcomes = (sights: Record<Caller, Sight>) =>
  Object.fromEntries(Object.entries(sights).map(([caller, { outcome }]) => [caller, outcome]));

/** Holds what was seen against what is due, and counts it. */
const judge = (
  name: string,
  fixture: Fixture,
  sights: Record<Caller, Sight>,
  who: readonly Caller[] = callers,
): void => {
  const seen = Object.values(outcomes(sights));
  counts.set(name, {
    data: seen.filter((outcome) => outcome === 'data').length,
    denied: seen.filter((outcome) => outcome === 'FORBIDDEN' || outcome === 'UNAUTHENTICATED').length,
    notFound: seen.filter((outcome) => outcome === 'NOT_FOUND').length,
  });
  expect({ name, ...outcomes(sights) }).toEqual({
    name,
    ...Object.fromEntries(who.map((each) => [each, due(fixture, each)])),
  });
  for (const [caller, { outcome, told }] of Object.entries(sights)) {
    if (outcome !== 'data')
      expect({ name, caller, tells: told.includes(secret) }).toEqual({ name, caller, tells: false });
    if (!mayReadNarrowed.has(caller as Caller))
      expect({ name, caller, tells: told.includes(hidden) }).toEqual({ name, caller, tells: false });
  }
};

/** Somebody must get something, or the fixture proves nothing. */
const givesSomething = (fixture: Fixture): boolean => callers.some((caller) => due(fixture, caller) === 'data');

describe('the matrix is whole', () => {
  test.each(['Query', 'Mutation', 'Subscription'] as const)('every field of %s has a fixture', (root) => {
    const kind = root.toLowerCase() as Operation;
    expect(Object.keys(byKind[kind]).sort()).toEqual(rootFields(schema, root));
  });

  test('every connection below the root has a fixture', () => {
    expect(Object.keys(connections).sort()).toEqual(nestedConnections(schema).map(({ name }) => name));
  });

  test('somebody gets something from each field', () => {
    const vain = Object.values(byKind).flatMap((fixtures) =>
      Object.entries(fixtures).flatMap(([name, fixture]) => (givesSomething(fixture) ? [] : [name])),
    );
    expect(vain).toEqual([]);
  });
});

describe('queries', () => {
  test.each(Object.entries(byKind.query))('%s', async (name, fixture) => {
    judge(name, fixture, await lookAsAll(cast, 'query', fixture));
  });
});

describe('connections', () => {
  test.each(Object.entries(connections))('%s', async (name, { gets, shows = /"edges":\[\{/, field }) => {
    const way = field ?? nestedConnections(schema).find((each) => each.name === name)?.field ?? '';
    const fixture: Fixture = { field: way, gets, shows };
    judge(name, fixture, await lookAsAll(cast, 'query', fixture));
  });
});

describe('subscriptions', () => {
  test.each(Object.entries(byKind.subscription))(
    '%s',
    async (name, fixture) => {
      judge(name, fixture, await lookAsAll(cast, 'subscription', fixture));
    },
    60_000,
  );
});

test('node finds each type for those who may see it, and lists none to a stranger', async () => {
  const node = schema.getType('Node');
  const types = isInterfaceType(node) ? schema.getPossibleTypes(node).map(({ name }) => name) : [];
  expect(types.filter((type) => cast.ids[type] === undefined)).toEqual([]);
  const seenByAll = new Set(['Model', 'ModelPrice', 'Provider']);
  for (const type of types) {
    const field = 'node(id: $id) { __typename id }';
    const text = operationOf('query', field, { id: String(cast.ids[type]) });
    const fixture: Fixture = { field, gets: { otherwise: 'data' }, shows: new RegExp(String(cast.ids[type])) };
    const outcome = async (caller: Caller) => (await look(cast.people[caller], 'query', text, fixture)).outcome;
    expect({ type, owner: await outcome('owner') }).toEqual({ type, owner: 'data' });
    const stranger = await outcome('stranger');
    expect({ type, stranger }).toEqual({ type, stranger: seenByAll.has(type) ? 'data' : 'NOT_FOUND' });
    expect({ type, anonymous: await outcome('anonymous') }).toEqual({ type, anonymous: 'UNAUTHENTICATED' });
  }
});

describe('a narrowed document is seen by those who may read it alone', () => {
  const whole = ['title text chunks(first: 5) { edges { node { text } } }', 'access { kind users { name } }'];
  const fields = [
    ...whole.map((selection) => `document(id: $Narrowed) { id ${selection} }`),
    'node(id: $Narrowed) { ... on Document { title } }',
    'nodes(ids: [$Narrowed]) { ... on Document { title } }',
    'workspace(id: $Workspace) { documents(first: 100) { totalCount edges { node { title text } } } }',
    `workspace(id: $Workspace) { documents(first: 100, filter: { title: { eq: "${hidden} comets" } }) { edges { node { title } } } }`,
    `search(workspaceId: $Workspace, query: "${hidden} comets return") { edges { snippet { text } node { text document { title } } } }`,
    `search(workspaceId: $Workspace, query: "${hidden}") { edges { explanation { text feedbackTerms { term } } node { text } } }`,
  ];
  test.each(fields)('%s', async (field) => {
    const fixture: Fixture = { field, gets: { otherwise: 'data' }, shows: new RegExp(`${hidden}|"RESTRICTED"`) };
    const sights = await lookAsAll(cast, 'query', fixture);
    for (const caller of callers) {
      const { outcome, told } = sights[caller];
      const sees = mayReadNarrowed.has(caller);
      expect({ caller, sees: outcome === 'data' }).toEqual({ caller, sees });
      if (!sees) expect({ caller, tells: told.toLowerCase().includes('zephyrin') }).toEqual({ caller, tells: false });
    }
  });
});

test('a foreign id and an unknown one are told alike', async () => {
  const text = 'query ($id: ID!) { document(id: $id) { title } }';
  const unknown = globalId('Document', '0198c000-0000-7000-8000-000000000000');
  const told = async (id: string) =>
    JSON.stringify((await cast.people.stranger.ask(text, { id })).errors).replaceAll(id, '');
  expect(await told(String(cast.ids.Document))).toBe(await told(unknown));
});

/** They end or change the account they are asked by, its session, or its place. */
const leaving = [
  'signOut',
  'switchOrganization',
  'leaveOrganization',
  'transferOwnership',
  'claimInvite',
  'changePassword',
  'enableTwoFactor',
  'confirmTwoFactor',
  'disableTwoFactor',
  'createRecoveryCodes',
  'deleteAccount',
  'eraseAccount',
];

describe('mutations', () => {
  const ends = new Set(['eraseOrganization', ...leaving]);
  const refused = (fixture: Fixture) => callers.filter((caller) => !['data', 'own'].includes(due(fixture, caller)));

  test.each(Object.entries(byKind.mutation).filter(([name]) => !ends.has(name)))(
    '%s',
    async (name, fixture) => {
      // Those who are refused first: what they leave behind must be nothing. What is made for each to work on is made beforehand.
      const target = await fixture.target?.(cast.owner, cast.ids, bed);
      const fixed = target === undefined ? fixture : { ...fixture, target: () => Promise.resolve(target) };
      await quiet(bed, cast.owner.organizationId);
      const before = await fingerprint(bed, cast.owner.organizationId);
      const denied = await lookAsAll(cast, 'mutation', fixed, refused(fixture));
      expect({ name, rows: await fingerprint(bed, cast.owner.organizationId) }).toEqual({ name, rows: before });
      const others = callers.filter((caller) => !refused(fixture).includes(caller));
      judge(name, fixture, { ...denied, ...(await lookAsAll(cast, 'mutation', fixture, others)) });
    },
    60_000,
  );
});

onPostgres('a planted leak is caught', async () => {
  const database = postgres(bed.ownerUrl ?? '', { max: 1, onnotice: () => undefined });
  const fixture = byKind.query.document as Fixture;
  const strangers = ['stranger', 'neighbour', 'platformAdmin'] as const;
  const seen = async () => Object.values(outcomes(await lookAsAll(cast, 'query', fixture, strangers)));
  expect(await seen()).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']);
  await database.unsafe(
    'alter table documents no force row level security; alter table documents disable row level security',
  );
  // The statements bind the organization besides, so that the leak shows within it.
  expect(await seen()).toContain('data');
  await database.unsafe(
    'alter table documents enable row level security; alter table documents force row level security',
  );
  expect(await seen()).toEqual(['NOT_FOUND', 'NOT_FOUND', 'NOT_FOUND']);
  await database.end();
});

test.each(leaving)(
  '%s, by people who are there for that alone',
  async (name) => {
    const fixture = byKind.mutation[name] as Fixture;
    judge(name, fixture, await lookAsAll(await withStandIns(cast), 'mutation', fixture));
  },
  60_000,
);

test('erasing the organization is its end', async () => {
  const name = 'eraseOrganization';
  const fixture = byKind.mutation[name] as Fixture;
  const others = callers.filter((caller) => caller !== 'owner');
  const before = await lookAsAll(cast, 'mutation', fixture, others);
  judge(name, fixture, { ...before, ...(await lookAsAll(cast, 'mutation', fixture, ['owner'])) });
});
