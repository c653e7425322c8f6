import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import * as fc from 'fast-check';
import { database } from '../src/database/client.ts';
import { nowhere } from '../src/database/unit-of-work.ts';
import { accessTokens, sessions, users } from '../src/domains/identity/tables.ts';
import { memberships, userOrganizations } from '../src/domains/tenancy/tables.ts';
import { eventsOf, insightOf, join, joinAsOwner, password, type Colleague } from './colleagues.ts';
import { unitOf, uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Testbed } from './testbed.ts';

let bed: Testbed;
let owner: Awaited<ReturnType<Testbed['signUp']>>;
beforeAll(async () => {
  bed = await startTestbed();
});
beforeEach(async () => {
  owner = await bed.signUp('Olga');
});
afterAll(() => bed.stop());

const changeRole =
  'mutation ($input: ChangeMemberRoleInput!) { changeMemberRole(input: $input) { membership { role user { id } } } }';
const suspend =
  'mutation ($input: SuspendMemberInput!) { suspendMember(input: $input) { membership { suspendedAt } } }';
const resume = 'mutation ($input: ResumeMemberInput!) { resumeMember(input: $input) { membership { suspendedAt } } }';
const remove = 'mutation ($input: RemoveMemberInput!) { removeMember(input: $input) { deletedId } }';
const leave = 'mutation { leaveOrganization { deletedId } }';
const transfer =
  'mutation ($input: TransferOwnershipInput!) { transferOwnership(input: $input) { owner { role user { id } } membership { role } } }';

interface Members {
  readonly viewer: {
    readonly organization: {
      readonly members: {
        readonly totalCount: number;
        readonly edges: readonly { readonly node: { readonly role: string; readonly user: { readonly id: string } } }[];
      };
    };
  };
}
const membersQuery = `query ($filter: MembershipFilter, $orderBy: [MembershipOrder!]) { viewer { organization {
  members(first: 100, filter: $filter, orderBy: $orderBy) { totalCount edges { node { role user { id } } } } } } }`;
const rolesSeenBy = async (person: typeof owner | Colleague, variables: object = {}) => {
  const { viewer }: Members = await person.want(membersQuery, variables);
  return viewer.organization.members.edges.map(({ node }) => node.role);
};

describe('the list of members', () => {
  test('is filtered by role, suspension, person and time, and turned round', async () => {
    const manager = await join(bed, owner, 'MANAGER');
    const guest = await join(bed, owner, 'GUEST');
    await owner.want(suspend, { input: { userId: guest.userId } });
    expect(await rolesSeenBy(owner)).toEqual(['OWNER', 'MANAGER', 'GUEST']);
    expect(await rolesSeenBy(owner, { orderBy: [{ field: 'CREATED_AT', direction: 'DESC' }] })).toEqual([
      'GUEST',
      'MANAGER',
      'OWNER',
    ]);
    expect(await rolesSeenBy(owner, { filter: { role: { in: ['MANAGER', 'GUEST'] } } })).toEqual(['MANAGER', 'GUEST']);
    expect(await rolesSeenBy(owner, { filter: { suspended: { eq: true } } })).toEqual(['GUEST']);
    expect(await rolesSeenBy(owner, { filter: { suspended: { ne: true } } })).toEqual(['OWNER', 'MANAGER']);
    expect(await rolesSeenBy(owner, { filter: { userId: { eq: manager.userId } } })).toEqual(['MANAGER']);
    expect(await rolesSeenBy(owner, { filter: { createdAt: { gt: '2999-01-01T00:00:00.000Z' } } })).toEqual([]);
  });

  test('costs one statement for each level, whoever invited them and whatever groups they are in', async () => {
    const members = [await join(bed, owner, 'MEMBER'), await join(bed, owner, 'MEMBER')];
    const { createGroup }: { createGroup: { group: { id: string } } } = await owner.want(
      'mutation { createGroup(input: { name: "Readers" }) { group { id } } }',
    );
    await owner.want('mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) { group { id } } }', {
      input: { groupId: createGroup.group.id, userIds: members.map(({ userId }) => userId) },
    });
    const answer = await owner.ask(
      `{ viewer { organization { members { edges { node { suspendedAt invitedBy { id } groups { edges { node { group { name } } } } } } } } } }`,
    );
    expect(answer.errors).toEqual([]);
    const { viewer }: { viewer: { organization: { members: { edges: readonly unknown[] } } } } = answer.data;
    const readers = {
      suspendedAt: null,
      invitedBy: { id: owner.userId },
      groups: { edges: [{ node: { group: { name: 'Readers' } } }] },
    };
    expect(viewer.organization.members.edges).toEqual([
      { node: { suspendedAt: null, invitedBy: null, groups: { edges: [] } } },
      { node: readers },
      { node: readers },
    ]);
    // The organization, the viewer with all inviters, the members, their places, the groups.
    expect(answer.statements).toHaveLength(5);
  });
});

describe('roles', () => {
  test('are given below one’s own, and by an owner without limits', async () => {
    const admin = await join(bed, owner, 'ADMIN');
    const member = await join(bed, owner, 'MEMBER');
    const { changeMemberRole }: { changeMemberRole: unknown } = await admin.want(changeRole, {
      input: { userId: member.userId, role: 'MANAGER' },
    });
    expect(changeMemberRole).toEqual({ membership: { role: 'MANAGER', user: { id: member.userId } } });
    await owner.want(changeRole, { input: { userId: member.userId, role: 'OWNER' } });
    expect(await rolesSeenBy(owner)).toEqual(['OWNER', 'ADMIN', 'OWNER']);
    const [{ actor, target, data } = { actor: '', target: '', data: {} }] = await eventsOf(
      bed,
      owner.organizationId,
      'member.role_changed',
    );
    expect({ actor, target, data }).toEqual({
      actor: uuidOf(owner.userId),
      target: uuidOf(member.membershipId),
      data: { userId: uuidOf(member.userId), from: 'MANAGER', to: 'OWNER' },
    });
  });

  test('at or above one’s own are neither given nor taken, not even one’s own', async () => {
    const [admin, other, member] = [
      await join(bed, owner, 'ADMIN'),
      await join(bed, owner, 'ADMIN'),
      await join(bed, owner, 'MEMBER'),
    ];
    const tried = [
      { userId: member.userId, role: 'ADMIN' },
      { userId: member.userId, role: 'OWNER' },
      { userId: other.userId, role: 'MEMBER' },
      { userId: owner.userId, role: 'MEMBER' },
      { userId: admin.userId, role: 'OWNER' },
    ];
    for (const input of tried) expect(await admin.codes(changeRole, { input })).toEqual(['FORBIDDEN']);
    for (const mutation of [suspend, resume, remove])
      for (const { userId } of [other, owner, admin])
        expect(await admin.codes(mutation, { input: { userId } })).toEqual(['FORBIDDEN']);
    expect(await member.codes(changeRole, { input: { userId: admin.userId, role: 'GUEST' } })).toEqual(['FORBIDDEN']);
    expect(await rolesSeenBy(owner)).toEqual(['OWNER', 'ADMIN', 'ADMIN', 'MEMBER']);
  });

  test('of people who are elsewhere are out of reach', async () => {
    const stranger = await bed.signUp('Stranger');
    for (const mutation of [suspend, resume, remove])
      expect(await owner.codes(mutation, { input: { userId: stranger.userId } })).toEqual(['NOT_FOUND']);
    expect(await owner.codes(changeRole, { input: { userId: stranger.userId, role: 'GUEST' } })).toEqual(['NOT_FOUND']);
    expect(await owner.codes(transfer, { input: { userId: stranger.userId, password } })).toEqual(['NOT_FOUND']);
  });

  test('count at once, and take the invites with them that one may not make any more', async () => {
    const admin = await join(bed, owner, 'ADMIN');
    const create =
      'mutation ($input: CreateInviteInput!) { createInvite(input: $input) { invite { id status } code } }';
    const of = async (role: string) => {
      const { createInvite }: { createInvite: { invite: { id: string } } } = await admin.want(create, {
        input: { role },
      });
      return createInvite.invite.id;
    };
    const [manager, member] = [await of('MANAGER'), await of('MEMBER')];
    await owner.want(changeRole, { input: { userId: admin.userId, role: 'MANAGER' } });
    expect(await admin.codes(create, { input: { role: 'MANAGER' } })).toEqual(['FORBIDDEN']);
    const { nodes }: { nodes: readonly { status: string }[] } = await owner.want(
      'query ($ids: [ID!]!) { nodes(ids: $ids) { ... on Invite { status } } }',
      { ids: [manager, member] },
    );
    expect(nodes).toEqual([{ status: 'DISABLED' }, { status: 'PENDING' }]);
  });
});

describe('the last owner', () => {
  const refused = { code: 'CONFLICT', field: 'userId' };
  const refusals = async (person: typeof owner | Colleague, query: string, input?: object) =>
    (await person.ask(query, input === undefined ? {} : { input })).errors.map(({ extensions }) => extensions);

  test('can neither leave nor be removed, demoted or suspended', async () => {
    const { userId } = owner;
    await join(bed, owner, 'ADMIN');
    expect(await refusals(owner, leave)).toMatchObject([refused]);
    expect(await refusals(owner, remove, { userId })).toMatchObject([refused]);
    expect(await refusals(owner, suspend, { userId })).toMatchObject([refused]);
    expect(await refusals(owner, changeRole, { userId, role: 'ADMIN' })).toMatchObject([refused]);
    expect(await rolesSeenBy(owner)).toEqual(['OWNER', 'ADMIN']);
  });

  test('is the one who may enter: suspended ones do not count', async () => {
    const second = await joinAsOwner(bed, owner);
    await owner.want(suspend, { input: { userId: second.userId } });
    expect(await refusals(owner, leave)).toMatchObject([refused]);
    await owner.want(resume, { input: { userId: second.userId } });
    await owner.want(leave);
    expect(await rolesSeenBy(second)).toEqual(['OWNER']);
  });
});

describe('an organization that is handed over', () => {
  test('has the other as its owner and the former one as an administrator, at once', async () => {
    const admin = await join(bed, owner, 'ADMIN');
    const query = `mutation ($input: TransferOwnershipInput!) {
      first: transferOwnership(input: $input) { owner { role user { id } } membership { role user { id } } }
      second: transferOwnership(input: $input) { owner { role } } }`;
    const { data, errors } = await owner.ask(query, { input: { userId: admin.userId, password } });
    // The second field runs as the administrator that the first has made.
    expect(errors.map(({ path, extensions }) => [path, extensions.code])).toEqual([[['second'], 'FORBIDDEN']]);
    expect(data).toBeNull();
    expect(await rolesSeenBy(admin)).toEqual(['ADMIN', 'OWNER']);
    const [event] = await eventsOf(bed, owner.organizationId, 'organization.transferred');
    expect(event).toMatchObject({ data: { from: uuidOf(owner.userId), to: uuidOf(admin.userId) } });
  });

  test('goes to nobody who is suspended, to oneself neither, and from nobody but an owner', async () => {
    const admin = await join(bed, owner, 'ADMIN');
    await owner.want(suspend, { input: { userId: admin.userId } });
    expect(await owner.codes(transfer, { input: { userId: admin.userId, password } })).toEqual(['CONFLICT']);
    expect(await owner.codes(transfer, { input: { userId: owner.userId, password } })).toEqual(['BAD_USER_INPUT']);
    const wrong = await owner.ask(transfer, { input: { userId: admin.userId, password: 'wrong' } });
    expect(wrong.errors.map(({ extensions }) => extensions)).toMatchObject([
      { code: 'BAD_USER_INPUT', field: 'password' },
    ]);
    await owner.want(resume, { input: { userId: admin.userId } });
    expect(await admin.codes(transfer, { input: { userId: admin.userId, password } })).toEqual(['FORBIDDEN']);
    expect(await rolesSeenBy(owner)).toEqual(['OWNER', 'ADMIN']);
  });
});

describe('whoever is suspended', () => {
  test('is out at once, and back with the same session when resumed', async () => {
    const member = await join(bed, owner, 'MEMBER');
    const since: { suspendMember: { membership: { suspendedAt: string } } } = await owner.want(suspend, {
      input: { userId: member.userId },
    });
    expect(Date.parse(since.suspendMember.membership.suspendedAt)).toBeLessThanOrEqual(Date.now());
    expect(await member.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
    expect(await owner.want(resume, { input: { userId: member.userId } })).toEqual({
      resumeMember: { membership: { suspendedAt: null } },
    });
    expect(await member.want('{ viewer { role } }')).toEqual({ viewer: { role: 'MEMBER' } });
  });
});

describe('whoever is removed or leaves', () => {
  const traces = async (person: Colleague) => {
    const [userId, organizationId] = [uuidOf(person.userId), uuidOf(person.organizationId)];
    const theirs = unitOf(bed, null).as({ ...nowhere, userId });
    const found = await theirs.run(async () => ({
      tokens: await database.select().from(accessTokens).where(eq(accessTokens.userId, userId)),
      entries: await database.select().from(userOrganizations).where(eq(userOrganizations.userId, userId)),
      sessions: await database.select().from(sessions).where(eq(sessions.organizationId, organizationId)),
      user: await database.select().from(users).where(eq(users.id, userId)),
    }));
    await theirs.rest();
    return {
      tokens: found.tokens.filter((token) => token.organizationId === organizationId).length,
      organizations: found.entries.map((entry) => entry.organizationId),
      liveSessions: found.sessions.filter(({ revokedAt }) => revokedAt === null).length,
      defaultOrganization: found.user[0]?.defaultOrganizationId,
    };
  };

  test.each(['removed', 'gone'])(
    'and is %s has no way in any more, and a place elsewhere becomes the first',
    async (how) => {
      const workspaceId = await workspaceOf(owner);
      const member = await join(bed, owner, 'MANAGER', { workspaceIds: [workspaceId] });
      const host = await bed.signUp('Host');
      const { createInvite }: { createInvite: { code: string } } = await host.want(
        'mutation { createInvite(input: { role: MEMBER }) { code } }',
      );
      await member.want('mutation ($input: ClaimInviteInput!) { claimInvite(input: $input) { token } }', {
        input: { code: createInvite.code },
      });
      const own: { createInvite: { code: string } } = await member.want(
        'mutation { createInvite(input: { role: MEMBER, seats: 5 }) { code } }',
      );
      expect(await traces(member)).toMatchObject({ tokens: 1, liveSessions: 1 });

      const left: { removeMember?: unknown; leaveOrganization?: unknown } =
        how === 'removed' ? await owner.want(remove, { input: { userId: member.userId } }) : await member.want(leave);
      expect(left.removeMember ?? left.leaveOrganization).toEqual({ deletedId: member.membershipId });

      expect(await member.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
      expect(await traces(member)).toEqual({
        tokens: 0,
        organizations: [uuidOf(host.organizationId)],
        liveSessions: 0,
        defaultOrganization: uuidOf(host.organizationId),
      });
      expect(await rolesSeenBy(owner)).toEqual(['OWNER']);
      // Nor by an invite that they made themselves.
      expect(
        await bed.anonymous.want('query ($code: String!) { inviteByCode(code: $code) { role } }', {
          code: own.createInvite.code,
        }),
      ).toEqual({
        inviteByCode: null,
      });
      const action = how === 'removed' ? 'member.removed' : 'member.left';
      expect(await eventsOf(bed, owner.organizationId, action)).toHaveLength(1);
    },
  );

  test('acts as nobody in the rest of the request', async () => {
    const manager = await join(bed, owner, 'MANAGER');
    const { errors } = await manager.ask(
      'mutation { leaveOrganization { deletedId } createWorkspace(input: { name: "Late" }) { workspace { id } } }',
    );
    expect(errors.map(({ extensions }) => extensions.code)).toEqual(['UNAUTHENTICATED']);
  });
});

describe('several owners at once', () => {
  const act = fc.record({
    kind: fc.constantFrom('demote', 'promote', 'suspend', 'resume', 'remove', 'leave', 'transfer'),
    by: fc.nat(2),
    on: fc.nat(2),
  });
  type Act = typeof act extends fc.Arbitrary<infer Value> ? Value : never;

  const done = async (owners: readonly (typeof owner | Colleague)[], { kind, by, on }: Act): Promise<unknown[]> => {
    const [actor, userId] = [owners[by] ?? owner, owners[on]?.userId];
    if (kind === 'leave') return actor.codes(leave);
    if (kind === 'demote') return actor.codes(changeRole, { input: { userId, role: 'ADMIN' } });
    if (kind === 'promote') return actor.codes(changeRole, { input: { userId, role: 'OWNER' } });
    if (kind === 'transfer') return actor.codes(transfer, { input: { userId, password } });
    const mutations = { suspend, resume, remove };
    return actor.codes(mutations[kind], { input: { userId } });
  };
  const allowed = new Set(['CONFLICT', 'FORBIDDEN', 'NOT_FOUND', 'UNAUTHENTICATED', 'BAD_USER_INPUT']);

  const ownersLeft = async (founder: typeof owner): Promise<number> => {
    const unit = insightOf(bed, founder.organizationId, founder.userId);
    const rows = await unit.run(async () => database.select().from(memberships));
    await unit.rest();
    return rows.filter(({ role, suspendedAt }) => role === 'OWNER' && suspendedAt === null).length;
  };

  test('are one who stays when all of them go', async () => {
    for (let round = 0; round < 6; round += 1) {
      const founder = await bed.signUp('Founder');
      const owners = [founder, await joinAsOwner(bed, founder), await joinAsOwner(bed, founder)];
      const codes = await Promise.all(
        owners.map((each, at) =>
          round % 2 === 0 || at === 0
            ? each.codes(leave)
            : each.codes(changeRole, { input: { userId: each.userId, role: 'MEMBER' } }),
        ),
      );
      expect(codes.flat()).toEqual(['CONFLICT']);
      expect(await ownersLeft(founder)).toBe(1);
    }
  }, 60_000);

  test('never leave an organization without an owner who may enter it', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(act, { minLength: 2, maxLength: 10 }), async (acts) => {
        const founder = await bed.signUp('Founder');
        const owners = [founder, await joinAsOwner(bed, founder), await joinAsOwner(bed, founder)];
        const codes = await Promise.all(acts.map((each) => done(owners, each)));
        for (const code of codes.flat()) expect(allowed).toContain(code);
        expect(await ownersLeft(founder)).toBeGreaterThan(0);
      }),
      { numRuns: 12 },
    );
  }, 60_000);
});
