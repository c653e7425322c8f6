import { setTimeout as pause } from 'node:timers/promises';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { removeExpired } from '../src/domains/platform/cache-expiry.ts';
import { whole } from './access/cast.ts';
import { apiKeyOf, eventsOf, faultsOf, memberOf, tamper } from './machines.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any
type SignedUp = Awaited<ReturnType<Testbed['signUp']>>;

let bed: Testbed;
let ada: SignedUp;
let garden: string;
beforeAll(async () => {
  bed = await startTestbed();
}, 60_000);
beforeEach(async () => {
  ada = await bed.signUp();
  garden = await workspaceOf(ada);
});
afterAll(() => bed.stop());

const own = { type: 'USER' };
const ofAll = { type: 'ORGANIZATION' };
const of = (workspaceId: string) => ({ type: 'WORKSPACE', workspaceId });

const putting =
  'mutation ($input: PutCacheEntryInput!) { putCacheEntry(input: $input) { stored entry { id key value size createdAt expiresAt } } }';
const deleting = 'mutation ($input: DeleteCacheEntryInput!) { deleteCacheEntry(input: $input) { deletedId } }';
const clearing = 'mutation ($input: ClearCacheInput!) { clearCache(input: $input) { count } }';
const reading =
  'query ($owner: CacheOwnerInput!, $key: String!) { cacheEntry(owner: $owner, key: $key) { id value ownerType workspace { id } } }';
const listing = `query ($owner: CacheOwnerInput!, $first: Int, $after: String, $filter: CacheEntryFilter, $orderBy: [CacheEntryOrder!]) {
  cacheEntries(owner: $owner, first: $first, after: $after, filter: $filter, orderBy: $orderBy) {
    totalCount pageInfo { hasNextPage endCursor } edges { node { key } } } }`;

const input = (more: object = {}) => ({ owner: own, key: 'k', value: 1, ttlSeconds: 60, ...more });
const put = async (person: Person, more: object = {}): Promise<Data> => {
  const { putCacheEntry }: Data = await person.want(putting, { input: input(more) });
  return putCacheEntry;
};
const read = async (person: Person, owner: object, key = 'k'): Promise<Data> => {
  const { cacheEntry }: Data = await person.want(reading, { owner, key });
  return cacheEntry;
};
const list = async (person: Person, more: object = {}): Promise<Data> => {
  const { cacheEntries }: Data = await person.want(listing, { owner: own, ...more });
  return cacheEntries;
};
const keysOf = ({ edges }: Data): string[] => edges.map(({ node }: Data) => node.key);
const clear = async (person: Person, more: object = {}): Promise<number> => {
  const { clearCache }: Data = await person.want(clearing, { input: { owner: own, ...more } });
  return clearCache.count;
};

interface Stored extends Record<string, unknown> {
  readonly key: string;
  readonly size: number;
}
/** All rows of an organization, whoever sees them, by key. */
const stored = async ({ organizationId }: SignedUp): Promise<Stored[]> => {
  const unit = whole(bed, organizationId);
  const rows = await unit.run(() =>
    database.execute<Stored>(
      sql`select key, size from cache_entries where organization_id = ${uuidOf(organizationId)} order by key`,
    ),
  );
  await unit.rest();
  return [...rows];
};
/** Puts rows as `put` would, many at once. */
const fill = (person: SignedUp, count: number, size: number, expires = sql`now() + interval '1 day'`): Promise<void> =>
  tamper(
    bed,
    person,
    sql`insert into cache_entries (organization_id, id, readers, owner_type, owner_id, user_id, key, value, size, expires_at)
      select ${uuidOf(person.organizationId)}, gen_random_uuid(), array[${uuidOf(person.userId)}::uuid, '00000000-0000-0000-0000-000000000001'],
        'USER', ${uuidOf(person.userId)}, ${uuidOf(person.userId)}, 'f' || lpad(n::text, 4, '0'), '0', ${size}, ${expires} + n * interval '1 second'
      from generate_series(1, ${count}) n`,
  );

describe('an entry', () => {
  test.each([
    ['a text', 'Straße "\\u0000" 🌹'],
    ['a number', -1.5e-7],
    ['a truth', false],
    ['a list', [null, [], {}, 'x']],
    ['an object', { b: { a: [1, 2, { c: null }] }, a: '' }],
  ])('keeps %s as it was put', async (_what, value) => {
    const { stored: isStored, entry } = await put(ada, { value });
    const size = Buffer.byteLength(JSON.stringify(value));
    expect([isStored, entry]).toEqual([true, { ...entry, key: 'k', value, size }]);
    expect(Date.parse(entry.expiresAt) - Date.parse(entry.createdAt)).toBe(60_000);
    expect(Math.abs(Date.parse(entry.createdAt) - Date.now())).toBeLessThan(30_000);
    expect(await read(ada, own)).toEqual({ id: entry.id, value, ownerType: 'USER', workspace: null });
  });

  test('takes the place of the one before, under the same id and with a time of its own', async () => {
    const { entry: before } = await put(ada, { value: 'before' });
    const { entry } = await put(ada, { value: { after: true }, ttlSeconds: 120 });
    expect(entry).toMatchObject({ id: before.id, value: { after: true }, size: 14 });
    expect(Date.parse(entry.createdAt)).toBeGreaterThan(Date.parse(before.createdAt));
    expect(Date.parse(entry.expiresAt) - Date.parse(entry.createdAt)).toBe(120_000);
    expect(await stored(ada)).toEqual([{ key: 'k', size: 14 }]);
  });

  test('is missed without an error', async () => {
    expect(await read(ada, own, 'nothing')).toBeNull();
    await put(ada);
    expect(await read(ada, own, 'K')).toBeNull();
  });

  test('stands in one cache alone', async () => {
    await put(ada, { value: 'own' });
    await put(ada, { value: 'all', owner: ofAll });
    await put(ada, { value: 'garden', owner: of(garden) });
    const shown = await Promise.all([own, ofAll, of(garden)].map((owner) => read(ada, owner)));
    expect(shown.map(({ value, ownerType, workspace }) => [value, ownerType, workspace?.id])).toEqual([
      ['own', 'USER', undefined],
      ['all', 'ORGANIZATION', undefined],
      ['garden', 'WORKSPACE', garden],
    ]);
    expect(keysOf(await list(ada, { owner: of(garden) }))).toEqual(['k']);
  });

  test('is removed by its key, once', async () => {
    const { entry } = await put(ada);
    await put(ada, { key: 'other' });
    const remove = () => ada.want(deleting, { input: { owner: own, key: 'k' } });
    expect(await remove()).toEqual({ deleteCacheEntry: { deletedId: entry.id } });
    expect(await remove()).toEqual({ deleteCacheEntry: { deletedId: null } });
    expect(await stored(ada)).toEqual([{ key: 'other', size: 1 }]);
  });

  test('is put once by a repeated request', async () => {
    const ask = () => ada.ask(putting, { input: input({ value: 'first' }) }, { 'idempotency-key': 'once' });
    const first = await ask();
    expect(first.errors).toEqual([]);
    await put(ada, { value: 'second' });
    expect((await ask()).data).toEqual(first.data);
    expect(await read(ada, own)).toMatchObject({ value: 'second' });
  });
});

describe('with its time', () => {
  test('an entry is gone at once, and by the clock its row', async () => {
    const { entry } = await put(ada, { key: 'short', ttlSeconds: 1 });
    await put(ada, { key: 'long' });
    expect(await read(ada, own, 'short')).toMatchObject({ id: entry.id });
    await pause(Date.parse(entry.expiresAt) - Date.now() + 50);

    expect(await read(ada, own, 'short')).toBeNull();
    const page = await list(ada);
    expect([page.totalCount, keysOf(page)]).toEqual([1, ['long']]);
    expect(faultsOf(await ada.ask(`{ node(id: "${entry.id}") { id } }`))).toEqual([['NOT_FOUND', undefined]]);
    expect(await ada.want(deleting, { input: { owner: own, key: 'short' } })).toEqual({
      deleteCacheEntry: { deletedId: null },
    });
    await put(ada, { key: 'short', ttlSeconds: 1 });
    expect(await stored(ada)).toHaveLength(2);
    await pause(1100);
    await expire();
    expect(await stored(ada)).toEqual([{ key: 'long', size: 1 }]);
  });

  test('rows of all organizations and owners are removed by batches', async () => {
    const bob = await bed.signUp('Bob');
    await fill(ada, 900, 1, sql`now() - interval '1 day'`);
    await fill(bob, 3, 1, sql`now() - interval '1 day'`);
    await put(bob, { owner: ofAll, key: 'all' });
    await put(ada, { owner: of(garden), key: 'garden' });
    await tamper(bed, bob, sql`update cache_entries set expires_at = now() where key = 'all'`);
    await tamper(
      bed,
      ada,
      sql`update cache_entries set expires_at = now() where key = 'garden' and organization_id = ${uuidOf(ada.organizationId)}`,
    );
    await put(bob, { key: 'kept' });
    expect([await stored(ada), await stored(bob)].map(({ length }) => length)).toEqual([901, 5]);
    bed.statements.length = 0;
    await expire();
    expect([await stored(ada), await stored(bob)]).toEqual([[], [{ key: 'kept', size: 1 }]]);
    const deletions = bed.statements.filter((text) => text.includes('limit') && text.startsWith('delete'));
    expect(deletions.length).toBeGreaterThanOrEqual(3);
  });

  test('an entry that expired is none that stands in the way', async () => {
    const { entry } = await put(ada, { value: 'first', ttlSeconds: 1, ifAbsent: true });
    expect(await put(ada, { value: 'second', ifAbsent: true })).toMatchObject({
      stored: false,
      entry: { id: entry.id, value: 'first', expiresAt: entry.expiresAt },
    });
    await pause(Date.parse(entry.expiresAt) - Date.now() + 50);
    expect(await put(ada, { value: 'third', ifAbsent: true })).toMatchObject({
      stored: true,
      entry: { value: 'third' },
    });
    expect(await read(ada, own)).toMatchObject({ value: 'third' });
  });
});

const expire = () => removeExpired({ services: bed.server.installation.services }, new AbortController().signal);

describe('what a cache takes', () => {
  const longest = 'a'.repeat(200);
  const largest = 'x'.repeat(65_534);
  test('at its bounds', async () => {
    for (const more of [
      { key: longest },
      { key: 'aZ09._:/-' },
      { key: 'large', value: largest },
      { key: 'brief', ttlSeconds: 1 },
      { key: 'lasting', ttlSeconds: 2_592_000 },
      { key: 'null', value: [null] },
    ])
      expect(await put(ada, more)).toMatchObject({ stored: true });
    expect(await read(ada, own, 'large')).toMatchObject({ value: largest });
    expect(await read(ada, own, 'null')).toMatchObject({ value: [null] });
  });

  test.each([
    ['key', { key: '' }],
    ['key', { key: 'a'.repeat(201) }],
    ['key', { key: 'two words' }],
    ['key', { key: 'ä' }],
    ['key', { key: 'a\n' }],
    ['value', { value: `${largest}x` }],
    ['value', { value: 'ä'.repeat(32_768) }],
    ['value', { value: { 'a\0': 1 } }],
    ['value', { value: { '\\\ud800': 1 } }],
    ['ttlSeconds', { ttlSeconds: 0 }],
    ['ttlSeconds', { ttlSeconds: -1 }],
    ['ttlSeconds', { ttlSeconds: 2_592_001 }],
    ['owner.workspaceId', { owner: { type: 'WORKSPACE' } }],
  ])('is refused beyond them: %s (%#)', async (field, more) => {
    expect(faultsOf(await ada.ask(putting, { input: input(more) }))).toEqual([['BAD_USER_INPUT', field]]);
    expect(await stored(ada)).toEqual([]);
  });

  test('is refused with all faults at once', async () => {
    const { errors } = await ada.ask(putting, { input: input({ key: '', value: { '\0': largest }, ttlSeconds: 0 }) });
    const issues = errors[0]?.extensions.issues as { field: string }[];
    expect(issues.map(({ field }) => field)).toEqual(['key', 'value', 'ttlSeconds']);
  });

  test('names its owner, and looks for what can be a key', async () => {
    const wrong = (owner: object) => ada.ask(reading, { owner, key: 'k' });
    expect(faultsOf(await wrong({ type: 'USER', workspaceId: garden }))).toEqual([
      ['BAD_USER_INPUT', 'owner.workspaceId'],
    ]);
    expect(faultsOf(await ada.ask(reading, { owner: own, key: 'a"b' }))).toEqual([['BAD_USER_INPUT', 'key']]);
    expect(faultsOf(await ada.ask(clearing, { input: { owner: own, keyPrefix: '' } }))).toEqual([
      ['BAD_USER_INPUT', 'keyPrefix'],
    ]);
    expect(faultsOf(await ada.ask(deleting, { input: { owner: own, key: '%' } }))).toEqual([['BAD_USER_INPUT', 'key']]);
  });
});

describe('a full cache', () => {
  test('loses what expires soonest when an entry too many comes', async () => {
    await fill(ada, 999, 1);
    await put(ada, { key: 'a1', ttlSeconds: 2_000_000 });
    expect(await stored(ada)).toHaveLength(1000);
    // It expires before all others, and stays nevertheless.
    await put(ada, { key: 'a2', ttlSeconds: 1000 });
    const keys = (await stored(ada)).map(({ key }) => key);
    expect([keys.length, keys.slice(0, 4)]).toEqual([1000, ['a1', 'a2', 'f0002', 'f0003']]);
    // Then it is the first to go.
    await put(ada, { key: 'a3' });
    expect((await stored(ada)).map(({ key }) => key).slice(0, 4)).toEqual(['a1', 'a3', 'f0002', 'f0003']);
    // What replaces needs no room.
    await put(ada, { key: 'f0500', value: 2 });
    expect(await stored(ada)).toHaveLength(1000);
  });

  test('loses as many as a large value needs', async () => {
    await fill(ada, 128, 65_536);
    const size = 65_536;
    await put(ada, { key: 'f0128', value: 'x'.repeat(size - 2), ttlSeconds: 2_000_000 });
    expect(await stored(ada)).toHaveLength(128);
    await put(ada, { key: 'tiny', value: 1 });
    const rows = await stored(ada);
    expect([rows.length, rows[0]?.key, rows.some(({ key }) => key === 'tiny')]).toEqual([128, 'f0002', true]);
    expect(rows.reduce((sum, row) => sum + row.size, 0)).toBe(127 * size + 1);
  });

  test('loses what has expired first', async () => {
    await fill(ada, 1000, 1, sql`now() - interval '1 day'`);
    await put(ada, { key: 'a1', ttlSeconds: 5 });
    await put(ada, { key: 'a2', ttlSeconds: 5 });
    const keys = (await stored(ada)).map(({ key }) => key);
    expect([keys.length, ...keys.slice(0, 3)]).toEqual([1000, 'a1', 'a2', 'f0003']);
  });

  test('of one owner takes no room from another', async () => {
    await put(ada, { owner: ofAll, key: 'all' });
    await put(ada, { owner: of(garden), key: 'garden' });
    await fill(ada, 1000, 1);
    await put(ada);
    expect(await read(ada, ofAll, 'all')).toMatchObject({ value: 1 });
    expect(await read(ada, of(garden), 'garden')).toMatchObject({ value: 1 });
    expect(await stored(ada)).toHaveLength(1002);
  });
});

describe('at a time', () => {
  test('many put one key, and the cache holds what one of them put last', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, value) => ada.ask(putting, { input: input({ value }) })),
    );
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    const ids = new Set(answers.map(({ data }: Data) => data.putCacheEntry.entry.id));
    expect([ids.size, await stored(ada)]).toEqual([1, [{ key: 'k', size: expect.any(Number) }]]);
    const { value } = await read(ada, own);
    expect(value).toBeGreaterThanOrEqual(0);
  });

  test('many claim one key, and one alone gets it', async () => {
    const answers = await Promise.all(
      Array.from({ length: 30 }, (_, value) => ada.ask(putting, { input: input({ value, ifAbsent: true }) })),
    );
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    const puts = answers.map(({ data }: Data) => data.putCacheEntry);
    const won = puts.filter((each: Data) => each.stored);
    expect(won).toHaveLength(1);
    expect(new Set(puts.map((each: Data) => each.entry.value))).toEqual(new Set([won[0].entry.value]));
  });

  test('many put into a full cache, which keeps its bounds and the newest', async () => {
    await fill(ada, 1000, 1);
    const keys = Array.from({ length: 40 }, (_, number) => `n${String(number).padStart(2, '0')}`);
    const answers = await Promise.all(
      keys.map((key) => ada.ask(putting, { input: input({ key, ttlSeconds: 2_000_000 }) })),
    );
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    const left = (await stored(ada)).map(({ key }) => key);
    expect(left).toEqual([...Array.from({ length: 960 }, (_, n) => `f${String(n + 41).padStart(4, '0')}`), ...keys]);
  });
});

describe('clearing', () => {
  test('takes what begins so, or all, and tells the log how many', async () => {
    for (const key of ['a/1', 'a/2', 'a_1', 'b']) await put(ada, { owner: of(garden), key });
    await put(ada, { key: 'a/own' });
    expect(await clear(ada, { owner: of(garden), keyPrefix: 'a/' })).toBe(2);
    expect((await stored(ada)).map(({ key }) => key)).toEqual(['a/own', 'a_1', 'b']);
    expect(await clear(ada, { owner: of(garden) })).toBe(2);
    expect(await clear(ada)).toBe(1);
    expect(await clear(ada, { owner: ofAll, keyPrefix: 'z' })).toBe(0);
    expect(await stored(ada)).toEqual([]);
    const events = await eventsOf(bed, ada, 'cache.%');
    expect(events.map(({ target, data }) => [target, data])).toEqual([
      [uuidOf(garden), { count: 2, keyPrefix: 'a/' }],
      [uuidOf(garden), { count: 2 }],
      [uuidOf(ada.userId), { count: 1 }],
      [uuidOf(ada.organizationId), { count: 0, keyPrefix: 'z' }],
    ]);
  });

  test('does not count what has expired', async () => {
    await fill(ada, 5, 1, sql`now() - interval '1 day'`);
    await put(ada);
    expect(await clear(ada)).toBe(1);
    expect(await stored(ada)).toEqual([]);
  });
});

describe('rights', () => {
  const cast = async () => {
    const place = (role: 'VIEWER' | 'EDITOR' | 'ADMIN') => [{ workspace: garden, role }];
    const join = (...rest: [Parameters<typeof memberOf>[2], Parameters<typeof memberOf>[3]?]) =>
      memberOf(bed, ada.organizationId, ...rest);
    return {
      owner: ada,
      admin: await join('ADMIN'),
      manager: await join('MANAGER', place('VIEWER')),
      editor: await join('MEMBER', place('EDITOR')),
      neighbour: await join('MEMBER'),
      guest: await join('GUEST', place('VIEWER')),
      guestEditor: await join('GUEST', place('EDITOR')),
      stranger: await bed.signUp('Stranger'),
    };
  };
  type Cast = Awaited<ReturnType<typeof cast>>;
  const outcomes = async (people: Cast, text: string, variables: object) => {
    const found: Record<string, unknown> = {};
    for (const [name, person] of Object.entries(people))
      found[name] = faultsOf(await person.ask(text, variables))[0] ?? 'ok';
    return found;
  };
  const missing = ['NOT_FOUND', undefined];

  test("of a workspace's cache", async () => {
    const people = await cast();
    await put(ada, { owner: of(garden), value: 'roses' });
    const reads = await outcomes(people, reading, { owner: of(garden), key: 'k' });
    expect(reads).toEqual({
      owner: 'ok',
      admin: 'ok',
      manager: 'ok',
      editor: 'ok',
      neighbour: missing,
      guest: 'ok',
      guestEditor: 'ok',
      stranger: missing,
    });
    expect(await read(people.guest, of(garden))).toMatchObject({ value: 'roses' });
    expect(await outcomes(people, listing, { owner: of(garden) })).toEqual(reads);
    const denied = ['FORBIDDEN', 'CACHE_WRITE'];
    const writes = { ...reads, manager: denied, guest: denied };
    for (const [text, value] of [
      [putting, input({ owner: of(garden) })],
      [deleting, { owner: of(garden), key: 'x' }],
      [clearing, { owner: of(garden), keyPrefix: 'x' }],
    ] as const)
      expect(await outcomes(people, text, { input: value })).toEqual(writes);
  });

  test("of the organization's cache", async () => {
    const people = await cast();
    const { entry } = await put(ada, { owner: ofAll, value: 'roses' });
    const denied = ['FORBIDDEN', 'CACHE_READ'];
    const reads = {
      owner: 'ok',
      admin: 'ok',
      manager: 'ok',
      editor: 'ok',
      neighbour: 'ok',
      guest: denied,
      guestEditor: denied,
      stranger: 'ok',
    };
    expect(await outcomes(people, reading, { owner: ofAll, key: 'k' })).toEqual(reads);
    expect(await outcomes(people, listing, { owner: ofAll })).toEqual(reads);
    expect(await read(people.neighbour, ofAll)).toMatchObject({ value: 'roses' });
    expect(await read(people.stranger, ofAll)).toBeNull();
    const node = await outcomes(people, `{ node(id: "${entry.id}") { id } }`, {});
    expect([node.neighbour, node.guest, node.stranger]).toEqual(['ok', missing, missing]);

    const unmanaged = ['FORBIDDEN', 'ORGANIZATION_MANAGE'];
    const guest = ['FORBIDDEN', 'CACHE_WRITE'];
    const writes = { ...reads, manager: unmanaged, editor: unmanaged, neighbour: unmanaged, guest, guestEditor: guest };
    for (const [text, value] of [
      [putting, input({ owner: ofAll })],
      [deleting, { owner: ofAll, key: 'x' }],
      [clearing, { owner: ofAll, keyPrefix: 'x' }],
    ] as const)
      expect(await outcomes(people, text, { input: value })).toEqual(writes);
    expect(await stored(people.stranger)).toEqual([{ key: 'k', size: 1 }]);
  });

  test("of a person's own", async () => {
    const people = await cast();
    const { entry } = await put(people.guest, { value: 'mine' });
    for (const [name, person] of Object.entries(people)) {
      const sees = name === 'guest';
      expect([name, (await read(person, own))?.value]).toEqual([name, sees ? 'mine' : undefined]);
      const found = await person.ask(`{ node(id: "${entry.id}") { id } }`);
      expect([name, found.errors.length]).toEqual([name, sees ? 0 : 1]);
      if (!sees) expect(await clear(person)).toBe(0);
    }
    expect(await read(people.guest, own)).toMatchObject({ value: 'mine' });
    expect(await bed.anonymous.codes(reading, { owner: own, key: 'k' })).toEqual(['UNAUTHENTICATED']);
  });

  test('of a key of some workspaces', async () => {
    const other = await workspaceOf(ada, { name: 'Other' });
    for (const owner of [own, ofAll, of(garden), of(other)]) await put(ada, { owner, value: 'roses' });
    const scopes = ['CACHE_READ', 'CACHE_WRITE', 'WORKSPACE_READ', 'ORGANIZATION_MANAGE'];
    const key = async (more: object) => {
      const { secret } = await apiKeyOf(ada, { label: 'Cache', scopes, ...more });
      return new Person(bed, secret);
    };
    const confined = await key({ workspaceIds: [garden] });
    expect(await read(confined, of(garden))).toMatchObject({ value: 'roses' });
    expect(await put(confined, { owner: of(garden), value: 'tulips' })).toMatchObject({ stored: true });
    for (const [owner, fault] of [
      [of(other), missing],
      [own, ['FORBIDDEN', 'CACHE_WRITE']],
      [ofAll, ['FORBIDDEN', 'CACHE_WRITE']],
    ] as const)
      expect(faultsOf(await confined.ask(putting, { input: input({ owner }) }))).toEqual([fault]);
    for (const [owner, fault] of [
      [of(other), missing],
      [own, ['FORBIDDEN', 'CACHE_READ']],
      [ofAll, ['FORBIDDEN', 'CACHE_READ']],
    ] as const)
      expect(faultsOf(await confined.ask(reading, { owner, key: 'k' }))).toEqual([fault]);
    const everywhere = await key({});
    for (const owner of [own, ofAll, of(garden), of(other)])
      expect(await put(everywhere, { owner, value: 'lilies' })).toMatchObject({ stored: true });
    const reader = await key({ scopes: ['CACHE_READ', 'WORKSPACE_READ'] });
    expect(await read(reader, ofAll)).toMatchObject({ value: 'lilies' });
    expect(faultsOf(await reader.ask(putting, { input: input() }))).toEqual([['FORBIDDEN', 'CACHE_WRITE']]);
  });

  test('an archived workspace is read, and nothing is put there', async () => {
    await put(ada, { owner: of(garden), value: 'roses' });
    await ada.want('mutation ($id: ID!) { archiveWorkspace(input: { id: $id }) { workspace { id } } }', { id: garden });
    const before = await stored(ada);
    for (const [text, value] of [
      [putting, input({ owner: of(garden) })],
      [deleting, { owner: of(garden), key: 'k' }],
      [clearing, { owner: of(garden) }],
    ] as const)
      expect(faultsOf(await ada.ask(text, { input: value }))).toEqual([['CONFLICT', 'workspaceId']]);
    expect(await stored(ada)).toEqual(before);
    expect(await read(ada, of(garden))).toMatchObject({ value: 'roses' });
  });
});

describe('a list', () => {
  beforeEach(async () => {
    for (const key of ['a/1', 'a/2', 'b/1', 'a_3', 'c'])
      await put(ada, { key, ttlSeconds: key.startsWith('a') ? 60 : 6000 });
  });

  test('is read page by page, each entry once', async () => {
    const keys: string[] = [];
    let after: string | null = null;
    do {
      const page: Data = await list(ada, { first: 2, after });
      expect(page.totalCount).toBe(5);
      keys.push(...keysOf(page));
      after = page.pageInfo.hasNextPage ? page.pageInfo.endCursor : null;
    } while (after !== null);
    expect(keys).toEqual(['c', 'a_3', 'b/1', 'a/2', 'a/1']);
    const orderBy = [{ field: 'CREATED_AT', direction: 'ASC' }];
    expect(keysOf(await list(ada, { orderBy }))).toEqual(keys.toReversed());
  });

  test.each([
    [{ key: { eq: 'b/1' } }, ['b/1']],
    [{ key: { in: ['c', 'a/2', 'x'] } }, ['c', 'a/2']],
    [{ key: { in: [] } }, []],
    [{ key: { startsWith: 'a/' } }, ['a/2', 'a/1']],
    [{ not: { key: { startsWith: 'a' } } }, ['c', 'b/1']],
    [{ or: [{ key: { eq: 'c' } }, { key: { startsWith: 'b' } }] }, ['c', 'b/1']],
    [{ key: { startsWith: '%' } }, []],
  ])('is narrowed by %j', async (filter, keys) => {
    const page = await list(ada, { filter });
    expect([keysOf(page), page.totalCount]).toEqual([keys, keys.length]);
  });

  test('is narrowed by when entries expire and were put', async () => {
    const inAnHour = new Date(Date.now() + 3_600_000).toISOString();
    expect(keysOf(await list(ada, { filter: { expiresAt: { gt: inAnHour } } }))).toEqual(['c', 'b/1']);
    expect(keysOf(await list(ada, { filter: { createdAt: { gt: inAnHour } } }))).toEqual([]);
  });
});

describe('statements', () => {
  test('many entries of several owners cost one, beside the workspace', async () => {
    for (const owner of [own, of(garden)]) for (const key of ['a', 'b']) await put(ada, { owner, key, value: key });
    const text = `query ($own: CacheOwnerInput!, $garden: CacheOwnerInput!) {
      a: cacheEntry(owner: $own, key: "a") { value } b: cacheEntry(owner: $own, key: "b") { value }
      c: cacheEntry(owner: $own, key: "c") { value } }`;
    const { data, statements } = await ada.ask(text.replace(', $garden: CacheOwnerInput!', ''), { own });
    expect([data, statements.length]).toEqual([{ a: { value: 'a' }, b: { value: 'b' }, c: null }, 1]);
    const inGarden = `query ($garden: CacheOwnerInput!) {
      a: cacheEntry(owner: $garden, key: "a") { value workspace { id } } b: cacheEntry(owner: $garden, key: "b") { value workspace { id } } }`;
    expect((await ada.ask(inGarden, { garden: of(garden) })).statements).toHaveLength(2);
  });

  test('a page costs one, and reads values only where they are asked for', async () => {
    for (const key of ['a', 'b', 'c']) await put(ada, { key });
    const page = (selection: string) =>
      ada.ask(`{ cacheEntries(owner: { type: USER }) { edges { node { ${selection} } } } }`);
    const { statements } = await page('key workspace { id }');
    expect([statements.length, statements[0]?.includes('"value"')]).toEqual([1, false]);
    const whole = await page('key value');
    expect([whole.statements.length, whole.statements[0]?.includes('"value"')]).toEqual([1, true]);
  });

  test('a put costs three, however full the cache is', async () => {
    const statements = async () => {
      // Who asks is looked up before.
      await put(ada);
      return (await ada.ask(putting, { input: input() })).statements.length;
    };
    expect(await statements()).toBe(3);
    await fill(ada, 1000, 1);
    expect(await statements()).toBe(3);
  });
});

test('what a workspace or a person put goes with them', async () => {
  const bob = await memberOf(bed, ada.organizationId, 'MEMBER');
  await put(bob, { key: 'bob' });
  await put(ada, { owner: of(garden), key: 'garden' });
  await put(ada, { key: 'ada' });
  await tamper(
    bed,
    ada,
    sql`delete from memberships where organization_id = ${uuidOf(ada.organizationId)} and user_id = ${uuidOf(bob.userId)}`,
  );
  await tamper(
    bed,
    ada,
    sql`delete from workspaces where organization_id = ${uuidOf(ada.organizationId)} and id = ${uuidOf(garden)}`,
  );
  expect((await stored(ada)).map(({ key }) => key)).toEqual(['ada']);
});

test('the log is told of no put', async () => {
  await put(ada);
  await ada.want(deleting, { input: { owner: own, key: 'k' } });
  expect(await eventsOf(bed, ada, 'cache%')).toEqual([]);
});
