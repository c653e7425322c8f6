import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eq, like, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { users } from '../src/domains/identity/tables.ts';
import {
  inviteClaims,
  invites,
  memberships,
  userOrganizations,
  workspaceMemberships,
} from '../src/domains/tenancy/tables.ts';
import { eventsOf, insightOf, join, password } from './colleagues.ts';
import { mailTo, tokenIn } from './outbox.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
let owner: Awaited<ReturnType<Testbed['signUp']>>;
beforeAll(async () => {
  bed = await startTestbed();
});
beforeEach(async () => {
  owner = await bed.signUp('Olga');
});
afterAll(() => bed.stop());

const create =
  'mutation ($input: CreateInviteInput!) { createInvite(input: $input) { invite { id role seats claims email expiresAt status } code } }';
const invite =
  'mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { invite { id seats email expiresAt } code } }';
const claim = `mutation ($input: ClaimInviteInput!) { claimInvite(input: $input) {
  token user { id email } organization { id name } membership { role invitedBy { id } } } }`;
const disable = 'mutation ($input: DisableInviteInput!) { disableInvite(input: $input) { invite { status } } }';
const preview = 'query ($code: String!) { inviteByCode(code: $code) { organizationName role emailBound expiresAt } }';

interface Made {
  readonly invite: {
    readonly id: string;
    readonly expiresAt: string;
    readonly seats: number;
    readonly email: string | null;
  };
  readonly code: string;
}
const made = async (person: Person, input: object): Promise<Made> => {
  const data: { createInvite: Made } = await person.want(create, { input });
  return data.createInvite;
};
const addressOf = (name: string) => `${name}-${randomUUID()}@example.com`;
const newcomer = (code: string, fields: object = {}) => ({
  code,
  name: 'Nora',
  email: addressOf('nora'),
  password,
  ...fields,
});
const refusal = async (person: Person, query: string, input: object) => {
  const { errors } = await person.ask(query, { input });
  return errors.map(({ extensions, message }) => ({ code: extensions.code, field: extensions.field, message }));
};
const inOrganization = async <Row>(read: () => Promise<Row>): Promise<Row> => {
  const unit = insightOf(bed, owner.organizationId, owner.userId);
  const rows = await unit.run(read);
  await unit.rest();
  return rows;
};
const hour = 3_600_000;
const inHours = (hours: number) => new Date(Date.now() + hours * hour).toISOString();
/** Lets the time of an invite run out. */
const runOut = (id: string) =>
  insightOf(bed, owner.organizationId, owner.userId).transact(() =>
    database
      .update(invites)
      .set({ expiresAt: sql`now() - interval '1 minute'` })
      .where(eq(invites.id, uuidOf(id))),
  );

describe('an invite for one person', () => {
  test('makes an account whose address is yet to be proven, a member of the workspaces named', async () => {
    const workspaceId = await workspaceOf(owner, { name: 'Garden' });
    const email = addressOf('Nora');
    const data: { inviteMember: Made } = await owner.want(invite, {
      input: { email, role: 'MEMBER', workspaceIds: [workspaceId] },
    });
    const { code } = data.inviteMember;
    expect(code).toMatch(/^tsr_invite_/);
    expect(data.inviteMember.invite).toMatchObject({ email, seats: 1 });
    const left = Date.parse(data.inviteMember.invite.expiresAt) - Date.now();
    expect(Math.round(left / hour)).toBe(7 * 24);

    expect(await bed.anonymous.want(preview, { code })).toEqual({
      inviteByCode: {
        organizationName: "Olga's",
        role: 'MEMBER',
        emailBound: true,
        expiresAt: data.inviteMember.invite.expiresAt,
      },
    });
    const joined: { claimInvite: { token: string; user: { id: string } } } = await bed.anonymous.want(claim, {
      input: newcomer(code, { email: email.toUpperCase() }),
    });
    expect(joined.claimInvite).toMatchObject({
      user: { email: email.toUpperCase() },
      organization: { id: owner.organizationId },
      membership: { role: 'MEMBER', invitedBy: { id: owner.userId } },
    });
    const nora = new Person(bed, joined.claimInvite.token);
    expect(await nora.want('{ viewer { role organization { id } } workspaces { edges { node { name } } } }')).toEqual({
      viewer: { role: 'MEMBER', organization: { id: owner.organizationId } },
      workspaces: { edges: [{ node: { name: 'Garden' } }] },
    });
    const userId = uuidOf(joined.claimInvite.user.id);
    const [account] = await inOrganization(async () => database.select().from(users).where(eq(users.id, userId)));
    expect(account?.verifiedAt).toBeNull();
    const entries = await inOrganization(async () =>
      database.select().from(userOrganizations).where(eq(userOrganizations.userId, userId)),
    );
    expect(entries).toHaveLength(1);
    const places = await inOrganization(async () =>
      database.select().from(workspaceMemberships).where(eq(workspaceMemberships.userId, userId)),
    );
    expect(places.map(({ role }) => role)).toEqual(['EDITOR']);
    expect(await eventsOf(bed, owner.organizationId, 'invite.claimed')).toMatchObject([
      { actor: userId, data: { userId } },
    ]);
    expect(JSON.stringify(await eventsOf(bed, owner.organizationId, 'invite.created'))).not.toContain(code);
  });

  test('is not for another address, and stays open for the right one', async () => {
    const email = addressOf('nora');
    const { code } = await made(owner, { role: 'MEMBER', email });
    expect(await refusal(bed.anonymous, claim, newcomer(code))).toMatchObject([
      { code: 'BAD_USER_INPUT', field: 'email' },
    ]);
    const stranger = await bed.signUp('Stranger');
    expect(await refusal(stranger, claim, { code })).toMatchObject([{ code: 'BAD_USER_INPUT', field: 'code' }]);
    await bed.anonymous.want(claim, { input: newcomer(code, { email }) });
  });

  test('lets in who belongs nowhere any more, by the password of their account', async () => {
    const { email, userId } = await join(bed, owner, 'MEMBER');
    await owner.want('mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { deletedId } }', {
      input: { userId },
    });
    const { code } = await made(owner, { role: 'GUEST' });
    const { claimInvite }: { claimInvite: { token: string; user: { id: string } } } = await bed.anonymous.want(
      'mutation ($input: ClaimInviteInput!) { claimInvite(input: $input) { token user { id } } }',
      { input: newcomer(code, { email }) },
    );
    expect(claimInvite.user.id).toBe(userId);
    expect(await new Person(bed, claimInvite.token).want('{ viewer { role } }')).toEqual({ viewer: { role: 'GUEST' } });
  });

  test('is for nobody who is a member already', async () => {
    const member = await join(bed, owner, 'MEMBER');
    expect(await refusal(owner, invite, { email: member.email.toUpperCase(), role: 'GUEST' })).toMatchObject([
      { code: 'CONFLICT', field: 'email' },
    ]);
    const { code } = await made(owner, { role: 'GUEST', seats: 2 });
    expect(await refusal(member, claim, { code })).toMatchObject([{ code: 'CONFLICT', field: 'code' }]);
    const [row] = await inOrganization(async () => database.select().from(invites).where(eq(invites.seats, 2)));
    expect(row).toMatchObject({ claims: 0, status: 'PENDING' });
  });
});

test('an invite with an address is mailed there, and one without is not', async () => {
  const email = addressOf('mailed');
  const { code } = await made(owner, { role: 'MEMBER', email });
  const mail = await mailTo(bed, email, /You are invited to Olga's/);
  expect(tokenIn(mail)).toBe(code);
});

test('whoever guesses codes is held up, also by aliases and beside other fields', async () => {
  const strict = await startTestbed({ RATE_LIMIT: 'on' });
  try {
    const guess = 'claimInvite(input: { code: "tsr_invite_x" }) { token }';
    const guesses = Array.from({ length: 20 }, (_, at) => `a${at}: ${guess}`).join(' ');
    const codes = new Set<unknown>();
    for (let round = 0; round < 6; round += 1) {
      // A field that may not be null ends the data of the whole operation, but all of them are tried one after the other.
      for (const { extensions } of (await strict.anonymous.ask(`mutation { ${guesses} }`)).errors)
        codes.add(extensions.code);
    }
    expect([...codes]).toEqual(['BAD_USER_INPUT', 'RATE_LIMITED']);
    const looks = await strict.anonymous.ask('{ inviteByCode(code: "tsr_invite_x") { role } }');
    expect(looks.errors.map(({ extensions }) => extensions)).toMatchObject([
      { code: 'RATE_LIMITED', retryAfterSeconds: expect.any(Number) },
    ]);
  } finally {
    await strict.stop();
  }
}, 60_000);

test('a look at a code takes its turn beside fields that read', async () => {
  const { code } = await made(owner, { role: 'MEMBER' });
  // What comes to rest and what is being sent meet at another moment each time.
  for (let round = 0; round < 40; round += 1) {
    const answer = await owner.want(
      'query ($code: String!, $userId: ID!) { viewer { role } inviteByCode(code: $code) { role } permissionExplanation(permission: MODEL_READ, userId: $userId) { allowed } invites { totalCount } }',
      { code, userId: owner.userId },
    );
    expect(answer).toEqual({
      viewer: { role: 'OWNER' },
      inviteByCode: { role: 'MEMBER' },
      permissionExplanation: { allowed: true },
      invites: { totalCount: 1 },
    });
  }
});

describe('an invite for whoever holds the code', () => {
  test('takes in who is signed in elsewhere, and the request goes on in the new organization', async () => {
    const workspaceId = await workspaceOf(owner, { name: 'Garden' });
    const { code } = await made(owner, { role: 'GUEST', seats: 2, workspaces: [{ workspaceId }] });
    const stranger = await bed.signUp('Stranger');
    const { claimInvite }: { claimInvite: object } = await stranger.want(
      `mutation ($input: ClaimInviteInput!) { claimInvite(input: $input) { token user { id } organization { name } membership { role } } }`,
      { input: { code } },
    );
    expect(claimInvite).toEqual({
      token: null,
      user: { id: stranger.userId },
      organization: { name: "Olga's" },
      membership: { role: 'GUEST' },
    });
    // The session stays where it was.
    expect(await stranger.want('{ viewer { organization { id } } }')).toEqual({
      viewer: { organization: { id: stranger.organizationId } },
    });
    const places = await inOrganization(async () =>
      database
        .select()
        .from(workspaceMemberships)
        .where(eq(workspaceMemberships.userId, uuidOf(stranger.userId))),
    );
    expect(places.map(({ role }) => role)).toEqual(['VIEWER']);
  });

  test('lists who claimed it, passes over workspaces that are gone, and is CLAIMED with its last seat', async () => {
    const [kept, gone] = [await workspaceOf(owner, { name: 'Kept' }), await workspaceOf(owner, { name: 'Gone' })];
    const workspaces = [
      { workspaceId: kept, role: 'ADMIN' },
      { workspaceId: gone, role: 'VIEWER' },
    ];
    const { code, invite: own } = await made(owner, { role: 'MEMBER', seats: 2, workspaces });
    await owner.want('mutation ($input: DeleteWorkspaceInput!) { deleteWorkspace(input: $input) { deletedId } }', {
      input: { id: gone },
    });
    const [first, second] = [newcomer(code), newcomer(code)];
    await bed.anonymous.want(claim, { input: first });
    await bed.anonymous.want(claim, { input: second });
    const { node }: { node: object } = await owner.want(
      `query ($id: ID!) { node(id: $id) { ... on Invite { status claims createdBy { id } claimedBy { totalCount edges { node { user { email } } } }
        workspaces { edges { node { role workspace { name } } } } } } }`,
      { id: own.id },
    );
    expect(node).toEqual({
      status: 'CLAIMED',
      claims: 2,
      createdBy: { id: owner.userId },
      claimedBy: { totalCount: 2, edges: [first, second].map(({ email }) => ({ node: { user: { email } } })) },
      workspaces: { edges: [{ node: { role: 'ADMIN', workspace: { name: 'Kept' } } }] },
    });
  });

  test('needs all of a new account, and leaves no trace when something is wrong with it', async () => {
    const { code } = await made(owner, { role: 'MEMBER' });
    const taken = await bed.signUp('Taken');
    const email = addressOf('nobody');
    const before = await inOrganization(async () => database.select().from(users).where(like(users.email, 'nobody-%')));
    const { errors } = await bed.anonymous.ask(claim, { input: { code, email } });
    expect(errors[0]?.extensions).toMatchObject({
      code: 'BAD_USER_INPUT',
      issues: [{ field: 'name' }, { field: 'password' }],
    });
    expect(await refusal(bed.anonymous, claim, newcomer(code, { email, password: 'short' }))).toMatchObject([
      { code: 'BAD_USER_INPUT', field: 'password' },
    ]);
    expect(await refusal(bed.anonymous, claim, newcomer(code, { email, name: ' ' }))).toMatchObject([
      { code: 'BAD_USER_INPUT', field: 'name' },
    ]);
    expect(
      await refusal(
        bed.anonymous,
        claim,
        newcomer(code, { email: taken.email.toUpperCase(), password: 'another one altogether' }),
      ),
    ).toMatchObject([{ code: 'CONFLICT', field: 'email' }]);
    const after = await inOrganization(async () => database.select().from(users).where(like(users.email, 'nobody-%')));
    expect(after).toEqual(before);
    const rows = await inOrganization(async () => ({
      members: await database.select().from(memberships),
      claims: await database.select().from(inviteClaims),
      invites: await database.select().from(invites),
    }));
    expect(rows).toMatchObject({ members: [{ role: 'OWNER' }], claims: [], invites: [{ claims: 0 }] });
  });
});

describe('unknown, expired, used up and disabled invites', () => {
  test('look alike to who claims them and to who looks', async () => {
    const [over, used, off] = [
      await made(owner, { role: 'MEMBER' }),
      await made(owner, { role: 'MEMBER' }),
      await made(owner, { role: 'MEMBER' }),
    ];
    await runOut(over.invite.id);
    await bed.anonymous.want(claim, { input: newcomer(used.code) });
    expect(await owner.want(disable, { input: { id: off.invite.id } })).toEqual({
      disableInvite: { invite: { status: 'DISABLED' } },
    });
    const stranger = await bed.signUp('Stranger');
    const seen = [];
    for (const code of [
      over.code,
      used.code,
      off.code,
      `${off.code.slice(0, -1)}x`,
      'tsr_invite_',
      owner.token ?? '',
    ]) {
      seen.push(
        ...(await refusal(bed.anonymous, claim, newcomer(code))),
        ...(await refusal(stranger, claim, { code })),
      );
      expect(await bed.anonymous.want(preview, { code })).toEqual({ inviteByCode: null });
    }
    expect(seen).toHaveLength(12);
    expect(new Set(seen.map((each) => JSON.stringify(each))).size).toBe(1);
    expect(seen[0]).toMatchObject({ code: 'BAD_USER_INPUT', field: 'code' });
  });

  test('are told apart by who made them', async () => {
    const [over, used, off, open] = [
      await made(owner, { role: 'MEMBER' }),
      await made(owner, { role: 'MEMBER' }),
      await made(owner, { role: 'MEMBER' }),
      await made(owner, { role: 'MEMBER' }),
    ];
    await runOut(over.invite.id);
    await bed.anonymous.want(claim, { input: newcomer(used.code) });
    await owner.want(disable, { input: { id: off.invite.id } });
    await owner.want(disable, { input: { id: off.invite.id } });
    const idsBy = async (filter: object) => {
      const { invites: list }: { invites: { totalCount: number; edges: { node: { id: string } }[] } } =
        await owner.want(
          'query ($filter: InviteFilter) { invites(filter: $filter, orderBy: [{ field: CREATED_AT }]) { totalCount edges { node { id } } } }',
          { filter },
        );
      expect(list.totalCount).toBe(list.edges.length);
      return list.edges.map(({ node }) => node.id);
    };
    const all = { EXPIRED: over, CLAIMED: used, DISABLED: off, PENDING: open };
    for (const [status, { invite: own }] of Object.entries(all)) {
      expect(await idsBy({ status: { eq: status } })).toEqual([own.id]);
      expect(await idsBy({ status: { notIn: Object.keys(all).filter((each) => each !== status) } })).toEqual([own.id]);
      expect(await idsBy({ not: { status: { ne: status } } })).toEqual([own.id]);
    }
    expect(await idsBy({ status: { in: ['PENDING', 'EXPIRED'] } })).toEqual([over.invite.id, open.invite.id]);
    expect(await idsBy({ status: { in: [] } })).toEqual([]);
    expect(await idsBy({ createdAt: { lt: '2020-01-01T00:00:00.000Z' } })).toEqual([]);
  });
});

describe('who invites', () => {
  test('gives roles below their own and workspaces they manage', async () => {
    const elsewhere = await workspaceOf(owner, { name: 'Elsewhere', published: true });
    const hidden = await workspaceOf(owner, { name: 'Hidden' });
    const manager = await join(bed, owner, 'MANAGER');
    const mine = await workspaceOf(manager, { name: 'Mine' });
    for (const role of ['MANAGER', 'ADMIN', 'OWNER'])
      expect(await refusal(manager, create, { role })).toMatchObject([{ code: 'FORBIDDEN' }]);
    expect(await refusal(owner, create, { role: 'OWNER' })).toMatchObject([{ code: 'FORBIDDEN' }]);
    const given = (workspaceId: string) => ({ role: 'MEMBER', workspaceIds: [workspaceId] });
    expect(await refusal(manager, create, given(elsewhere))).toMatchObject([{ code: 'FORBIDDEN' }]);
    expect(await refusal(manager, create, given(hidden))).toMatchObject([{ code: 'NOT_FOUND' }]);
    const stranger = await bed.signUp('Stranger');
    expect(await refusal(owner, create, given(await workspaceOf(stranger)))).toMatchObject([{ code: 'NOT_FOUND' }]);
    expect(
      await inOrganization(async () => database.select().from(invites).where(eq(invites.status, 'PENDING'))),
    ).toEqual([]);
    await made(manager, given(mine));
    const member = await join(bed, owner, 'MEMBER');
    expect(await refusal(member, create, { role: 'GUEST' })).toMatchObject([{ code: 'FORBIDDEN' }]);
  });

  test('keeps to the bounds of time, seats and workspaces', async () => {
    const workspaceId = await workspaceOf(owner);
    const faulty: [object, string][] = [
      [{ seats: 0 }, 'seats'],
      [{ seats: 1001 }, 'seats'],
      [{ seats: 2, email: addressOf('nora') }, 'seats'],
      [{ expiresAt: inHours(0.9) }, 'expiresAt'],
      [{ expiresAt: inHours(30 * 24 + 1) }, 'expiresAt'],
      [{ workspaceIds: [workspaceId], workspaces: [{ workspaceId }] }, 'workspaces'],
      [{ role: 'GUEST', workspaces: [{ workspaceId, role: 'ADMIN' }] }, 'workspaces'],
    ];
    for (const [fields, field] of faulty)
      expect(await refusal(owner, create, { role: 'MEMBER', ...fields })).toMatchObject([
        { code: 'BAD_USER_INPUT', field },
      ]);
    expect(await inOrganization(async () => database.select().from(invites))).toEqual([]);
    await made(owner, { role: 'MEMBER', seats: 1000, expiresAt: inHours(29 * 24) });
  });

  test('sees and disables their own, and an administrator all', async () => {
    const [manager, other, admin] = [
      await join(bed, owner, 'MANAGER'),
      await join(bed, owner, 'MANAGER'),
      await join(bed, owner, 'ADMIN'),
    ];
    const own = await made(manager, { role: 'MEMBER' });
    const pending = '{ invites(filter: { status: { eq: PENDING } }) { edges { node { id } } } }';
    const seen = { invites: { edges: [{ node: { id: own.invite.id } }] } };
    expect(await manager.want(pending)).toEqual(seen);
    expect(await admin.want(pending)).toEqual(seen);
    expect(await other.want(pending)).toEqual({ invites: { edges: [] } });
    expect(await other.codes(disable, { input: { id: own.invite.id } })).toEqual(['NOT_FOUND']);
    await admin.want(disable, { input: { id: own.invite.id } });
    expect(await manager.want(pending)).toEqual({ invites: { edges: [] } });
    expect(await eventsOf(bed, owner.organizationId, 'invite.disabled')).toMatchObject([
      { actor: uuidOf(admin.userId) },
    ]);
  });
});

describe('fifty who claim the last seat at once', () => {
  const tally = () =>
    inOrganization(async () => ({
      members: (await database.select().from(memberships)).length,
      claims: (await database.select().from(inviteClaims)).length,
      places: (await database.select().from(workspaceMemberships)).length,
    }));

  test('are one who gets it and 49 of whom nothing is left', async () => {
    const workspaceId = await workspaceOf(owner);
    const { code } = await made(owner, { role: 'MEMBER', workspaceIds: [workspaceId] });
    const before = await tally();
    const [mark, count] = [randomUUID(), 50];
    const codes = await Promise.all(
      Array.from({ length: count }, (_, at) =>
        bed.anonymous.codes(claim, { input: newcomer(code, { email: `${mark}-${at}@example.com` }) }),
      ),
    );
    expect(codes.filter((each) => each.length === 0)).toHaveLength(1);
    expect(codes.flat()).toEqual(Array.from({ length: count - 1 }, () => 'BAD_USER_INPUT'));
    expect(await tally()).toEqual({ members: before.members + 1, claims: 1, places: before.places + 1 });
    const accounts = await inOrganization(async () =>
      database
        .select()
        .from(users)
        .where(like(users.email, `${mark}-%`)),
    );
    expect(accounts).toHaveLength(1);
  }, 60_000);
});
