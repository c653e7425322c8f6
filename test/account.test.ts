import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { desc, eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { sole } from '../src/database/rows.ts';
import { users } from '../src/domains/identity/tables.ts';
import { events } from '../src/events/tables.ts';
import { newId } from '../src/ids.ts';
import { join, type SignedUp } from './people.ts';
import { unitOf, uuidOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

const fields = `email username name firstName lastName phone bio avatarUrl preferences verified active platformRole
  dailyMessageLimit lastLoginAt lastLoginAddress recoveryCodesSeen createdAt`;
const accountQuery = `{ viewer { account { ${fields} } } }`;
const updateMutation = `mutation ($input: UpdateProfileInput!) { updateProfile(input: $input) { account { ${fields} } } }`;
const avatarMutation = `mutation ($input: SetAvatarInput!) { setAvatar(input: $input) { account { avatarUrl } } }`;
const pushMutation = `mutation ($input: SetWebPushSubscriptionInput!) { setWebPushSubscription(input: $input) { subscribed } }`;

interface Account {
  readonly [field: string]: unknown;
  readonly avatarUrl: string | null;
}

let bed: Testbed;
let ada: SignedUp;
beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
});
afterAll(() => bed.stop());

const accountOf = async (person = ada): Promise<Account> => {
  const data: { viewer: { account: Account } } = await person.want(accountQuery);
  return data.viewer.account;
};
const update = async (input: object, person = ada): Promise<Account> => {
  const data: { updateProfile: { account: Account } } = await person.want(updateMutation, { input });
  return data.updateProfile.account;
};
/** What the row holds that nobody can ask for. */
const rowOf = async (person: SignedUp): Promise<typeof users.$inferSelect> => {
  const unit = unitOf(bed, null);
  const rows = await unit.run(() =>
    database
      .select()
      .from(users)
      .where(eq(users.id, uuidOf(person.userId))),
  );
  await unit.rest();
  return sole(rows);
};
/** A refusal names these fields and changes nothing. */
const refuses = async (mutation: string, input: object, refused: Record<string, unknown>, issues?: string[]) => {
  const before = await rowOf(ada);
  const { errors } = await ada.ask(mutation, { input });
  expect(errors.map(({ extensions }) => extensions)).toMatchObject([refused]);
  if (issues !== undefined) expect(errors[0]?.extensions.issues).toMatchObject(issues.map((field) => ({ field })));
  expect(await rowOf(ada)).toEqual(before);
};

describe('the account', () => {
  test('is read in one statement, and by nobody who is not signed in', async () => {
    // From now on the viewer is known.
    await accountOf();
    const { data, statements, errors } = await ada.ask(accountQuery);
    expect(errors).toEqual([]);
    expect(data).toMatchObject({
      viewer: {
        account: {
          email: ada.email,
          username: null,
          name: 'Ada',
          phone: null,
          avatarUrl: null,
          preferences: {},
          verified: false,
          active: true,
          platformRole: 'NONE',
          dailyMessageLimit: null,
          lastLoginAddress: '127.0.0.1',
          recoveryCodesSeen: false,
        },
      },
    });
    // The user and organization that `viewer` always reads, and the account.
    expect(statements).toHaveLength(3);
    expect(await bed.anonymous.codes(accountQuery)).toEqual(['UNAUTHENTICATED']);
  });

  test('changes field by field, and the log names the fields without their values', async () => {
    const changed = await update({
      name: '  Ada Lovelace ',
      firstName: 'Ada',
      lastName: 'Lovelace',
      username: 'Ada.Lovelace_1',
      phone: '+49 (30) 1234-5678',
      bio: 'Counts.',
      preferences: { theme: 'dark', nested: { list: [1, null] } },
    });
    const expected = {
      name: 'Ada Lovelace',
      firstName: 'Ada',
      lastName: 'Lovelace',
      username: 'ada.lovelace_1',
      phone: '+493012345678',
      bio: 'Counts.',
      preferences: { theme: 'dark', nested: { list: [1, null] } },
    };
    expect(changed).toMatchObject(expected);
    expect(await update({ bio: 'Computes.' })).toMatchObject({ ...expected, bio: 'Computes.' });
    expect(await update({ bio: null, username: null, phone: null, preferences: null })).toMatchObject({
      name: 'Ada Lovelace',
      bio: null,
      username: null,
      phone: null,
      preferences: {},
    });
    const unit = unitOf(bed, ada.organizationId);
    const [last] = await unit.run(() => database.select().from(events).orderBy(desc(events.id)).limit(1));
    await unit.rest();
    expect(last).toMatchObject({ action: 'user.updated', actorId: uuidOf(ada.userId), address: '127.0.0.1' });
    expect(last?.data).toEqual({ fields: ['username', 'phone', 'bio', 'preferences'] });
  });

  test.each<[string, object, string[]]>([
    ['a name of spaces', { name: '  ' }, ['name']],
    ['no name', { name: null }, ['name']],
    [
      'several faults at once',
      { name: 'x'.repeat(201), bio: 'x'.repeat(1001), firstName: '' },
      ['name', 'firstName', 'bio'],
    ],
    ['a username of one letter', { username: 'a' }, ['username']],
    ['a username that begins with a digit', { username: '1ada' }, ['username']],
    ['a username with a space', { username: 'ada lovelace' }, ['username']],
    ['a username of 65 characters', { username: 'a'.repeat(65) }, ['username']],
    ['somebody’s address as a username', { username: 'bob@example.com' }, ['username']],
    ['a telephone number without a country', { phone: '030 12345678' }, ['phone']],
    ['a telephone number with letters', { phone: '+49 call me' }, ['phone']],
    ['preferences that are a list', { preferences: [1] }, ['preferences']],
    ['preferences that are text', { preferences: 'dark' }, ['preferences']],
    ['preferences beyond 16,000 characters', { preferences: { a: 'x'.repeat(16_000) } }, ['preferences']],
  ])('refuses %s', async (_name, input, issues) => {
    await refuses(updateMutation, input, { code: 'BAD_USER_INPUT', field: issues[0] }, issues);
  });

  test('a username is taken in any case, and one’s own address may be one', async () => {
    const bob = await bed.signUp('Bob');
    await update({ username: 'bobby' }, bob);
    await refuses(updateMutation, { username: 'BOBBY' }, { code: 'CONFLICT', field: 'username' });
    const own = ada.email.slice(0, ada.email.indexOf('@')).slice(0, 20);
    expect(await update({ username: own })).toMatchObject({ username: own });
    const short = await bed.signUp('E');
    await unitOf(bed, null).transact(() =>
      database
        .update(users)
        .set({ email: 'Eve@Example.com' })
        .where(eq(users.id, uuidOf(short.userId))),
    );
    expect(await update({ username: 'eve@example.com' }, short)).toMatchObject({ username: 'eve@example.com' });
  });

  test('fellow members see what is meant for them', async () => {
    const eve = await bed.signUp('Eve');
    await join(bed, ada.organizationId, eve);
    await update({ username: 'evening', bio: 'Watches.', phone: '+493012345678' }, eve);
    const { data } = await ada.ask(
      '{ viewer { organization { members { edges { node { user { name username bio avatarUrl active } } } } } } }',
    );
    expect(JSON.stringify(data)).toContain(
      '{"name":"Eve","username":"evening","bio":"Watches.","avatarUrl":null,"active":true}',
    );
    expect(await ada.codes('query ($id: ID!) { node(id: $id) { ... on User { phone } } }', { id: eve.userId })).toEqual(
      ['GRAPHQL_VALIDATION_FAILED'],
    );
  });

  test('notes once that the recovery codes are kept', async () => {
    const mutation = 'mutation { markRecoveryCodesSeen { account { recoveryCodesSeen } } }';
    expect(await ada.want(mutation)).toEqual({ markRecoveryCodesSeen: { account: { recoveryCodesSeen: true } } });
    const { recoveryCodesSeenAt } = await rowOf(ada);
    await ada.want(mutation);
    expect((await rowOf(ada)).recoveryCodesSeenAt).toBe(recoveryCodesSeenAt);
  });
});

describe('a push subscription', () => {
  const keys = { p256dh: Buffer.alloc(65, 4).toString('base64url'), auth: Buffer.alloc(16, 5).toString('base64url') };
  const subscription = { endpoint: 'https://push.example/send/secret-word', keys };

  test('is kept encrypted, cleared by null, and can be read nowhere', async () => {
    const { keyRing } = bed.server.installation.services;
    expect(await ada.want(pushMutation, { input: { subscription } })).toEqual({
      setWebPushSubscription: { subscribed: true },
    });
    const { webPushSubscription } = await rowOf(ada);
    expect(webPushSubscription).not.toContain('secret-word');
    expect(JSON.parse(await keyRing.decrypt(webPushSubscription ?? ''))).toEqual(subscription);
    expect(await ada.want(pushMutation, { input: { subscription: null } })).toEqual({
      setWebPushSubscription: { subscribed: false },
    });
    expect((await rowOf(ada)).webPushSubscription).toBeNull();
    expect(await ada.codes('{ viewer { account { webPushSubscription } } }')).toEqual(['GRAPHQL_VALIDATION_FAILED']);
  });

  test.each<[string, object, string]>([
    ['an address without TLS', { endpoint: 'http://push.example/' }, 'subscription.endpoint'],
    ['an address with a password', { endpoint: 'https://a:b@push.example/' }, 'subscription.endpoint'],
    ['a key of the wrong length', { keys: { ...keys, p256dh: keys.auth } }, 'subscription.keys.p256dh'],
    ['a secret that is no base64url', { keys: { ...keys, auth: '!!' } }, 'subscription.keys.auth'],
  ])('refuses %s', async (_name, wrong, field) => {
    await refuses(pushMutation, { subscription: { ...subscription, ...wrong } }, { code: 'BAD_USER_INPUT' }, [field]);
  });
});

describe('a picture', () => {
  const png = Buffer.from(
    'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAQAAAC1HAwCAAAAC0lEQVR42mNk+A8AAQUBAScY42YAAAAASUVORK5CYII=',
    'base64',
  );
  const gif = Buffer.from('R0lGODlhAQABAIAAAAAAAP///yH5BAEAAAAALAAAAAABAAEAAAIBRAA7', 'base64');
  const set = async (image: Buffer | null, person = ada): Promise<string | null> => {
    const input = { image: image?.toString('base64') ?? null };
    const data: { setAvatar: { account: Account } } = await person.want(avatarMutation, { input });
    return data.setAvatar.account.avatarUrl;
  };

  test('is served for ever under an address that changes with it', async () => {
    const first = (await set(png)) ?? '';
    expect(first).toMatch(new RegExp(`^${bed.url}/avatars/users/[0-9a-f-]{36}/[0-9a-f]{64}-[0-9a-f-]{36}\\.png$`));
    const served = await fetch(first);
    expect(Buffer.from(await served.arrayBuffer())).toEqual(png);
    expect(served.status).toBe(200);
    expect(Object.fromEntries(served.headers)).toMatchObject({
      'content-type': 'image/png',
      'cache-control': 'public, max-age=31536000, immutable',
      'content-security-policy': "default-src 'none'",
      'x-content-type-options': 'nosniff',
    });
    const head = await fetch(first, { method: 'HEAD' });
    expect([head.status, head.headers.get('content-length'), await head.text()]).toEqual([200, String(png.length), '']);
    // The same picture once more: the earlier one goes, and the new one stays.
    const again = (await set(png)) ?? '';
    expect(again).not.toBe(first);
    expect((await fetch(first)).status).toBe(404);
    const second = (await set(gif)) ?? '';
    expect((await fetch(second)).headers.get('content-type')).toBe('image/gif');
    expect((await fetch(again)).status).toBe(404);
    expect((await accountOf()).avatarUrl).toBe(second);
    expect(await set(null)).toBeNull();
    expect((await fetch(second)).status).toBe(404);
  });

  test.each<[string, string]>([
    ['SVG', Buffer.from('<svg xmlns="http://www.w3.org/2000/svg"><script/></svg>').toString('base64')],
    ['HTML', Buffer.from('<!doctype html><script>1</script>').toString('base64')],
    ['a PDF', Buffer.from('%PDF-1.7\n%%EOF').toString('base64')],
    ['an archive behind a picture', Buffer.concat([png, Buffer.from('PK\u0003\u0004 more')]).toString('base64')],
    ['a picture that is cut off', png.subarray(0, -1).toString('base64')],
    ['nothing', ''],
    ['what is no base64', 'iVBORw0KGgo='.replace('=', '!')],
    ['more than 512 kB', Buffer.concat([png, Buffer.alloc(524_289 - png.length)]).toString('base64')],
  ])('refuses %s', async (_name, image) => {
    await refuses(avatarMutation, { image }, { code: 'BAD_USER_INPUT', field: 'image' });
  });

  test('only pictures are found under the address, and only read', async () => {
    const url = (await set(png)) ?? '';
    const key = url.slice(`${bed.url}/avatars/`.length);
    const wrong = [
      '',
      key.split('/').slice(0, 2).join('/'),
      key.replace(/\.png$/, '.gif'),
      `users/${newId()}/${key.split('/')[2]}`,
      `..%2f${key}`,
      '../../encryption-key',
      `${uuidOf(ada.organizationId)}/${'a'.repeat(64)}`,
    ];
    const found = await Promise.all(wrong.map(async (each) => (await fetch(`${bed.url}/avatars/${each}`)).status));
    expect(found).toEqual(wrong.map(() => 404));
    expect((await fetch(url, { method: 'DELETE' })).status).toBe(405);
  });
});
