import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { createClient, type Client } from 'graphql-ws';
import { pino } from 'pino';
import { WebSocket } from 'ws';
import { database } from '../src/database/client.ts';
import { countersInPostgres, countersInRedis } from '../src/domains/identity/counters.ts';
import { throttleCounters } from '../src/domains/identity/tables.ts';
import { throttlesOn, type Throttle } from '../src/domains/identity/throttle.ts';
import { RateLimited, Unavailable } from '../src/errors.ts';
import { newId } from '../src/ids.ts';
import { hashesOf, isIn, mutate, password, refusals, signIn, trySignIn } from './account.ts';
import { startRedis } from './redis-server.ts';
import { unitOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
beforeAll(async () => {
  bed = await startTestbed({ RATE_LIMIT: 'on', TRUSTED_PROXIES: '1' });
});
afterAll(() => bed.stop());
// All come from here.
beforeEach(() => bed.server.installation.services.throttles.signInByAddress.forgive('address 127.0.0.1'));

const from = (address: string) => ({ 'x-forwarded-for': address });
const log = pino({ level: 'silent' });

/** How many of so many tries at once were let through. */
const letThrough = async (throttle: Throttle, tries: number, key: string): Promise<number> => {
  const outcomes = await Promise.allSettled(Array.from({ length: tries }, () => throttle.spend([key])));
  const failures = outcomes.flatMap((outcome) => (outcome.status === 'rejected' ? [outcome.reason as unknown] : []));
  for (const failure of failures) expect(failure).toBeInstanceOf(RateLimited);
  return tries - failures.length;
};

const field = (email: string) => `signIn(input: { email: "${email}", password: "wrong" }) { token }`;

/** A thousand tries on an account at once, by all ways there are; gives the codes of the errors. */
const thousandTries = async (beds: readonly Testbed[], email: string): Promise<unknown[]> => {
  const bedOf = (index: number) => beds[index % beds.length] ?? bed;
  const document = `mutation { ${field(email)} }`;
  const aliases = `mutation { ${Array.from({ length: 20 }, (_, index) => `a${index}: ${field(email)}`).join(' ')} }`;
  const clients = Array.from({ length: 6 }, (_, index): Client =>
    createClient({
      url: `${bedOf(index).url.replace('http', 'ws')}/graphql`,
      webSocketImpl: WebSocket,
      retryAttempts: 0,
      lazy: false,
    }),
  );
  const overSocket = async (client: Client): Promise<unknown[]> => {
    for await (const { errors = [] } of client.iterate({ query: document })) return errors.map(codeOf);
    return [];
  };
  const tries = [
    ...Array.from({ length: 20 }, (_, index) => bedOf(index).anonymous.codes(aliases)),
    ...Array.from({ length: 480 }, (_, index) => overSocket(clients[index % 6] as Client)),
    ...Array.from({ length: 500 }, (_, index) => bedOf(index).anonymous.codes(document)),
  ];
  const codes = (await Promise.all(tries)).flat();
  for (const client of clients) await client.dispose();
  return codes;
};
const codeOf = ({ extensions }: { extensions?: Record<string, unknown> | undefined }) => extensions?.code;

test('of a thousand tries by aliases, sockets and parallel requests, ten reach the hash', async () => {
  const ada = await bed.signUp();
  const [codes, work] = await hashesOf(() => thousandTries([bed], ada.email));
  // Behind the first refusal of a document the rest of it is not run.
  expect(codes).toHaveLength(20 + 480 + 500);
  expect(work).toEqual({ made: 0, compared: 10 });
  expect(codes.filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(10);
  expect(codes.filter((code) => code !== 'RATE_LIMITED')).toHaveLength(10);
  // The right password is of no use either, for the rest of the quarter of an hour.
  const [{ retryAfterSeconds } = {}] = refusals(await trySignIn(bed, { email: ada.email.toUpperCase(), password })) as {
    retryAfterSeconds?: number;
  }[];
  expect(retryAfterSeconds).toBeGreaterThan(800);
  expect(retryAfterSeconds).toBeLessThanOrEqual(900);
});

test('a success gives the account its tries back', async () => {
  const ada = await bed.signUp();
  for (let round = 0; round < 2; round += 1) {
    for (let tries = 0; tries < 9; tries += 1)
      expect(refusals(await trySignIn(bed, { email: ada.email, password: 'wrong' }))).toEqual([
        expect.objectContaining({ code: 'UNAUTHENTICATED' }),
      ]);
    expect(await isIn(await signIn(bed, { email: ada.email, password }))).toBe(true);
  }
});

test('an address has a hundred tries, whoever they are for', async () => {
  const address = '192.0.2.1';
  const answers = await Promise.all(
    Array.from({ length: 110 }, () =>
      trySignIn(bed, { email: `${newId()}@example.com`, password }, from(address)).then(refusals),
    ),
  );
  const codes = answers.flat().map(({ code }) => code);
  expect(codes.filter((code) => code === 'UNAUTHENTICATED')).toHaveLength(100);
  expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(10);
  const elsewhere = await trySignIn(bed, { email: 'nobody@example.com', password }, from('192.0.2.2'));
  expect(refusals(elsewhere)).toEqual([expect.objectContaining({ code: 'UNAUTHENTICATED' })]);
});

test.each([
  ['resetPasswordWithRecoveryCodes', { email: 'nobody@example.com', codes: ['a', 'b'], newPassword: password }, 5],
  ['requestPasswordReset', { email: 'nobody@example.com' }, 5],
])('%s has few tries', async (name, input, allowed) => {
  const answers = await Promise.all(Array.from({ length: 12 }, () => mutate(bed.anonymous, name, input)));
  const codes = answers.flatMap(({ errors }) => errors.map(({ extensions }) => extensions.code));
  expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(12 - allowed);
});

test.each([
  ['confirmTwoFactor', { code: '000000' }],
  ['createRecoveryCodes', { password: 'wrong' }],
  ['changePassword', { currentPassword: 'wrong', newPassword: password }],
])('%s has ten tries', async (name, input) => {
  const ada = await bed.signUp();
  await mutate(ada, 'enableTwoFactor', null);
  const [answers, work] = await hashesOf(() =>
    Promise.all(Array.from({ length: 15 }, () => mutate(ada, name, input).then(refusals))),
  );
  expect(answers.flat().filter(({ code }) => code === 'RATE_LIMITED')).toHaveLength(5);
  expect(work.compared).toBe(name === 'confirmTwoFactor' ? 0 : 10);
});

describe('counters', () => {
  test('hold neither names nor addresses', async () => {
    const unit = unitOf(bed, null);
    const rows = await unit.run(() => database.select().from(throttleCounters));
    await unit.rest();
    expect(rows.length).toBeGreaterThan(5);
    for (const { key } of rows) expect(key).toMatch(/^[a-zA-Z]+(-address)?:[\w-]{43}$/);
  });

  test('of two processes add up, and a key without tries costs no statement', async () => {
    const { pool } = bed.server.installation.services;
    const statements: string[] = [];
    const counted = Object.assign(Object.create(pool) as typeof pool, {
      run: (text: string, ...rest: [(readonly unknown[])?, boolean?]) => {
        statements.push(text);
        return pool.run(text, ...rest);
      },
    });
    const [one, two] = [throttlesOn(countersInPostgres(counted)), throttlesOn(countersInPostgres(counted))];
    const key = `account ${newId()}`;
    const allowed = await Promise.all([letThrough(one.claim, 30, key), letThrough(two.claim, 30, key)]);
    expect(allowed[0] + allowed[1]).toBe(20);
    statements.length = 0;
    expect(await letThrough(one.claim, 100, key)).toBe(0);
    expect(statements).toEqual([]);
    await one.claim.forgive(key);
    expect(await letThrough(one.claim, 21, key)).toBe(20);
  });

  test('are each process’s own while the store is away', async () => {
    const { pool } = bed.server.installation.services;
    const away = Object.assign(Object.create(pool) as typeof pool, {
      run: () => Promise.reject(new Unavailable('away')),
    });
    const throttles = throttlesOn(countersInPostgres(away));
    expect(await letThrough(throttles.claim, 30, 'account a')).toBe(20);
    await throttles.claim.forgive('account a');
    expect(await letThrough(throttles.claim, 30, 'account a')).toBe(20);
  });

  test('may be Redis’s', async () => {
    const redis = await startRedis();
    const stores = await Promise.all([countersInRedis(redis.url, log), countersInRedis(redis.url, log)]);
    const [one, two] = stores.map(throttlesOn);
    if (one === undefined || two === undefined) throw new Error('There are two.');
    const allowed = await Promise.all([letThrough(one.code, 15, 'account a'), letThrough(two.code, 15, 'account a')]);
    expect(allowed[0] + allowed[1]).toBe(10);
    expect([...redis.counts.keys()]).toEqual([expect.stringMatching(/^code:[\w-]{43}$/)]);
    await one.code.forgive('account a');
    expect(redis.counts.size).toBe(0);
    await redis.stop();
    expect(await letThrough(one.code, 15, 'account b')).toBe(10);
    for (const store of stores) store.close();
  });
});

const onPostgres = process.env.TEST_POSTGRES_URL === undefined ? test.skip : test;
onPostgres('two servers on one database allow ten together', async () => {
  const { url } = bed.server.installation.services.settings.database;
  const second = await startTestbed({ RATE_LIMIT: 'on', DATABASE_URL: url ?? '' });
  const ada = await bed.signUp();
  const [codes, work] = await hashesOf(() => thousandTries([bed, second], ada.email));
  expect(work).toEqual({ made: 0, compared: 10 });
  expect(codes.filter((code) => code !== 'RATE_LIMITED')).toEqual(Array.from({ length: 10 }, () => 'UNAUTHENTICATED'));
  await second.stop();
});

test('both names of an account are counted together', async () => {
  const ada = await bed.signUp();
  const username = `ada${Date.now()}`;
  await ada.want('mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { account { username } } }', {
    input: { username },
  });
  const [codes, { compared }] = await hashesOf(async () => {
    const seen: unknown[] = [];
    for (let tries = 0; tries < 14; tries += 1) {
      const login = tries % 2 === 0 ? { email: ada.email } : { username };
      seen.push(...refusals(await trySignIn(bed, { ...login, password: 'wrong' })).map(({ code }) => code));
    }
    return seen;
  });
  expect(compared).toBe(10);
  expect(codes.filter((code) => code === 'RATE_LIMITED')).toHaveLength(4);
});
