import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { sql } from 'drizzle-orm';
import { promote, uuidOf, workspaceOf } from './talk.ts';
import { eventsOf, faultsOf, memberOf, removeMember, tablesHolding, tamper, type Place } from './machines.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

interface Link {
  readonly url: string;
  readonly token: string;
  readonly expiresAt: string;
}

const create = 'mutation ($input: CreateLoginLinkInput!) { createLoginLink(input: $input) { url token expiresAt } }';
const enter =
  'mutation ($token: String!) { signInWithLink(input: { token: $token }) { token user { id } organization { id } } }';
const invalid = [['UNAUTHENTICATED', undefined]];

let bed: Testbed;
let owner: Awaited<ReturnType<Testbed['signUp']>>;
let admin: Person & Place;
let member: Person & Place;

beforeAll(async () => {
  bed = await startTestbed();
  owner = await bed.signUp();
  admin = await memberOf(bed, owner.organizationId, 'ADMIN');
  member = await memberOf(bed, owner.organizationId, 'MEMBER');
});
afterAll(() => bed.stop());

const linkFor = async (issuer: Person, { userId }: { userId: string }, more: object = {}): Promise<Link> => {
  const data: { createLoginLink: Link } = await issuer.want(create, { input: { userId, ...more } });
  return data.createLoginLink;
};
const refusal = async (issuer: Person, { userId }: { userId: string }, more: object = {}) =>
  faultsOf(await issuer.ask(create, { input: { userId, ...more } }));
const arrival = async ({ token }: Pick<Link, 'token'>) => {
  const data: { signInWithLink: { token: string; user: { id: string }; organization: { id: string } } } =
    await bed.anonymous.want(enter, { token });
  return data.signInWithLink;
};
const arrivalFaults = async (token: string) => faultsOf(await bed.anonymous.ask(enter, { token }));
const keyOf = async (person: Person, input: object): Promise<Person> => {
  const data: { createApiKey: { secret: string } } = await person.want(
    'mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { secret } }',
    { input: { label: 'Portal', scopes: ['LOGIN_LINK_CREATE'], ...input } },
  );
  return new Person(bed, data.createApiKey.secret);
};

test('a link signs its member in once, in the issuing organization, for six minutes', async () => {
  const link = await linkFor(admin, member, { redirectPath: '/workspaces?tab=new' });
  expect(link.token).toMatch(/^tsr_login_/);
  expect(link.url).toBe(`${bed.url}/sign-in#token=${link.token}&to=%2Fworkspaces%3Ftab%3Dnew`);
  expect((Date.parse(link.expiresAt) - Date.now()) / 60_000).toBeCloseTo(6, 1);
  expect(await tablesHolding(bed, member, link.token)).toEqual([]);

  const { token, user, organization } = await arrival(link);
  expect([user.id, organization.id]).toEqual([member.userId, owner.organizationId]);
  const data: { viewer: object } = await new Person(bed, token).want(
    '{ viewer { user { id } organization { id } role } }',
  );
  expect(data.viewer).toEqual({
    user: { id: member.userId },
    organization: { id: owner.organizationId },
    role: 'MEMBER',
  });
  expect(await arrivalFaults(link.token)).toEqual(invalid);

  const events = await eventsOf(bed, member, 'login_link.%');
  expect(events.map(({ action, actor, target }) => [action, actor, target])).toEqual([
    ['login_link.created', uuidOf(admin.userId), uuidOf(member.userId)],
    ['login_link.used', uuidOf(member.userId), uuidOf(member.userId)],
  ]);
});

test('of many redemptions at once one succeeds', async () => {
  const { token } = await linkFor(admin, member);
  const codes = await Promise.all(Array.from({ length: 8 }, () => bed.anonymous.codes(enter, { token })));
  expect(codes.filter((each) => each.length === 0)).toHaveLength(1);
  expect(codes.flat()).toEqual(Array.from({ length: 7 }, () => 'UNAUTHENTICATED'));
});

test('the session holds all but personal permissions: the account stays its owner’s', async () => {
  const { token } = await arrival(await linkFor(owner, admin));
  const session = new Person(bed, token);
  const data: { viewer: { permissions: string[] } } = await session.want('{ viewer { permissions } }');
  expect(data.viewer.permissions).toContain('MEMBER_MANAGE');
  expect(data.viewer.permissions).not.toContain('ACCOUNT_MANAGE');
  expect(faultsOf(await session.ask('mutation { startDevicePairing { token } }'))).toEqual([
    ['FORBIDDEN', 'ACCOUNT_MANAGE'],
  ]);
  expect(await session.codes('mutation { signOut { signedOut } }')).toEqual([]);
  expect(await session.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
});

test('a new link voids the one before it', async () => {
  const [first, second] = [await linkFor(admin, member), await linkFor(owner, member)];
  expect(await arrivalFaults(first.token)).toEqual(invalid);
  expect((await arrival(second)).user.id).toBe(member.userId);
  const many = await Promise.all(Array.from({ length: 5 }, () => linkFor(admin, member)));
  const codes: unknown[][] = [];
  for (const { token } of many) codes.push(await bed.anonymous.codes(enter, { token }));
  expect(codes.filter((each) => each.length === 0)).toHaveLength(1);
});

test('a link of another organization for the same person stays', async () => {
  const elsewhere = await bed.signUp('Elsewhere');
  const here = await linkFor(admin, member);
  await tamper(
    bed,
    { userId: member.userId, organizationId: elsewhere.organizationId },
    sql`insert into memberships (organization_id, id, user_id, role) values (${uuidOf(elsewhere.organizationId)}, gen_random_uuid(), ${uuidOf(member.userId)}, 'MEMBER')`,
  );
  const there = await linkFor(elsewhere, member);
  expect((await arrival(here)).organization.id).toBe(owner.organizationId);
  expect((await arrival(there)).organization.id).toBe(elsewhere.organizationId);
});

describe('a link is refused', () => {
  const forbidden = [['FORBIDDEN', 'LOGIN_LINK_CREATE']];

  test('to who may not issue any', async () => {
    expect(await refusal(member, member)).toEqual(forbidden);
  });

  test('for a role above one’s own', async () => {
    expect(await refusal(admin, owner)).toEqual(forbidden);
    expect((await linkFor(admin, admin)).token).toMatch(/^tsr_login_/);
    expect((await linkFor(owner, owner)).token).toMatch(/^tsr_login_/);
  });

  test('for who is no member', async () => {
    expect(await refusal(owner, await bed.signUp('Stranger'))).toEqual([['NOT_FOUND', undefined]]);
  });

  test('for an administrator of the installation, also one who became it meanwhile', async () => {
    const chief = await memberOf(bed, owner.organizationId, 'MEMBER');
    const { token } = await linkFor(owner, chief);
    await promote(bed, chief);
    expect(await arrivalFaults(token)).toEqual(invalid);
    expect(await refusal(owner, chief)).toEqual(forbidden);
  });

  test.each(['//evil.example', '/\\evil.example', 'https://evil.example', 'a', '/a b', `/${'x'.repeat(500)}`])(
    'with the path %s, and voids nothing',
    async (redirectPath) => {
      const { token } = await linkFor(owner, member);
      expect(await refusal(owner, member, { redirectPath })).toEqual([['BAD_USER_INPUT', 'redirectPath']]);
      expect((await arrival({ token })).user.id).toBe(member.userId);
    },
  );

  test('to an API key, for peers of its owner, or when it is limited to workspaces', async () => {
    const portal = await keyOf(owner, {});
    expect((await arrival(await linkFor(portal, admin))).user.id).toBe(admin.userId);
    expect(await refusal(portal, owner)).toEqual(forbidden);
    expect(await refusal(await keyOf(admin, {}), admin)).toEqual(forbidden);
    const limited = await keyOf(owner, { workspaceIds: [await workspaceOf(owner)] });
    expect(await refusal(limited, member)).toEqual(forbidden);
    const blind = await keyOf(owner, { scopes: ['MEMBER_READ'] });
    expect(await refusal(blind, member)).toEqual(forbidden);
  });
});

describe('a token that opens nothing is used up and looks like any other', () => {
  const is = () => sql`user_id = ${uuidOf(member.userId)} and organization_id = ${uuidOf(owner.organizationId)}`;

  test('unknown', async () => {
    expect(await arrivalFaults('tsr_login_unknown')).toEqual(invalid);
    expect(await arrivalFaults(member.token ?? '')).toEqual(invalid);
  });

  test('after its time', async () => {
    const { token } = await linkFor(admin, member);
    await tamper(
      bed,
      member,
      sql`update access_tokens set expires_at = now() - interval '1 second' where kind = 'LOGIN_LINK' and ${is()}`,
    );
    expect(await arrivalFaults(token)).toEqual(invalid);
  });

  test('while the member is suspended, and afterwards', async () => {
    const { token } = await linkFor(admin, member);
    await tamper(bed, member, sql`update memberships set suspended_at = now() where ${is()}`);
    expect(await refusal(admin, member)).toEqual([['CONFLICT', 'userId']]);
    expect(await arrivalFaults(token)).toEqual(invalid);
    await tamper(bed, member, sql`update memberships set suspended_at = null where ${is()}`);
    expect(await arrivalFaults(token)).toEqual(invalid);
    const events = await eventsOf(bed, member, 'login_link.refused');
    expect(events.filter(({ target }) => target === uuidOf(member.userId))).toHaveLength(1);
  });

  test('once the member has left', async () => {
    const leaver = await memberOf(bed, owner.organizationId, 'MEMBER');
    const { token } = await linkFor(admin, leaver);
    await removeMember(bed, leaver);
    expect(await arrivalFaults(token)).toEqual(invalid);
  });
});
