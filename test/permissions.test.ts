import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import * as fc from 'fast-check';
import { printPermissions } from '../scripts/print-permissions.ts';
import { database } from '../src/database/client.ts';
import type { Viewer } from '../src/domains/context.ts';
import {
  allPermissions,
  organizationRanks,
  permissionRules,
  permissionsOf,
  platformRanks,
  requirePermission,
  workspaceRanks,
} from '../src/domains/permissions.ts';
import { verdictOn } from '../src/domains/tenancy/explanation.ts';
import { userPermissions } from '../src/domains/tenancy/tables.ts';
import { eventsOf, insightOf, join } from './colleagues.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

let bed: Testbed;
let owner: Awaited<ReturnType<Testbed['signUp']>>;
beforeAll(async () => {
  bed = await startTestbed();
});
beforeEach(async () => {
  owner = await bed.signUp('Olga');
});
afterAll(() => bed.stop());

const selection = '{ userPermission { permission effect reason user { id } grantedBy { id } } }';
const grant = `mutation ($input: GrantPermissionInput!) { grantPermission(input: $input) ${selection} }`;
const deny = `mutation ($input: DenyPermissionInput!) { denyPermission(input: $input) ${selection} }`;
const revoke = 'mutation ($input: RevokePermissionInput!) { revokePermission(input: $input) { deletedId } }';
const list = `query ($filter: UserPermissionFilter) { userPermissions(filter: $filter) { totalCount edges { node { permission effect user { id } } } } }`;
const explain = `query ($permission: Permission!, $on: ID, $userId: ID) { permissionExplanation(permission: $permission, on: $on, userId: $userId) {
  allowed decidedBy role workspaceRole grant { effect reason grantedBy { id } } sentence } }`;

const refusal = async (person: Person, query: string, input: object) => {
  const { errors } = await person.ask(query, { input });
  return errors.map(({ extensions }) => ({ code: extensions.code, field: extensions.field }));
};
const rows = async () => {
  const unit = insightOf(bed, owner.organizationId, owner.userId);
  const found = await unit.run(async () => database.select().from(userPermissions));
  await unit.rest();
  return found.map(({ userId, permission, effect }) => ({ userId, permission, effect }));
};
const holds = async (person: Person): Promise<readonly string[]> => {
  const { viewer }: { viewer: { permissions: string[] } } = await person.want('{ viewer { permissions } }');
  return viewer.permissions;
};
interface Explained {
  readonly allowed: boolean;
  readonly decidedBy: string;
  readonly role: string | null;
  readonly workspaceRole: string | null;
  readonly grant: object | null;
  readonly sentence: string;
}
const explained = async (person: Person, variables: object): Promise<Explained> => {
  const data: { permissionExplanation: Explained } = await person.want(explain, variables);
  return data.permissionExplanation;
};

describe('permissions given by hand', () => {
  test('are held, denied and taken back at once, each with who and why', async () => {
    const member = await join(bed, owner, 'MEMBER');
    const input = { userId: member.userId, permission: 'WORKSPACE_CREATE' };
    expect(await holds(member)).not.toContain('WORKSPACE_CREATE');
    expect(await owner.want(grant, { input: { ...input, reason: 'Leads a project' } })).toEqual({
      grantPermission: {
        userPermission: {
          permission: 'WORKSPACE_CREATE',
          effect: 'ALLOW',
          reason: 'Leads a project',
          user: { id: member.userId },
          grantedBy: { id: owner.userId },
        },
      },
    });
    expect(await holds(member)).toContain('WORKSPACE_CREATE');
    await workspaceOf(member);
    await owner.want(deny, { input });
    expect(await holds(member)).not.toContain('WORKSPACE_CREATE');
    expect(await owner.want(list)).toEqual({
      userPermissions: {
        totalCount: 1,
        edges: [{ node: { permission: 'WORKSPACE_CREATE', effect: 'DENY', user: { id: member.userId } } }],
      },
    });
    for (const filter of [{ userId: { eq: member.userId } }, { permission: { in: ['WORKSPACE_CREATE'] } }])
      expect(await owner.want(list, { filter })).toMatchObject({ userPermissions: { totalCount: 1 } });
    expect(await owner.want(list, { filter: { permission: { ne: 'WORKSPACE_CREATE' } } })).toMatchObject({
      userPermissions: { totalCount: 0 },
    });
    await owner.want(revoke, { input });
    expect(await rows()).toEqual([]);
    expect(await refusal(owner, revoke, input)).toEqual([{ code: 'CONFLICT', field: 'permission' }]);
    for (const action of ['permission.granted', 'permission.denied', 'permission.revoked'])
      expect(await eventsOf(bed, owner.organizationId, action)).toMatchObject([
        { actor: uuidOf(owner.userId), data: { userId: uuidOf(member.userId), permission: 'WORKSPACE_CREATE' } },
      ]);
  });

  test('are given neither to oneself nor upwards, and only what one holds', async () => {
    const [admin, other, member] = [
      await join(bed, owner, 'ADMIN'),
      await join(bed, owner, 'ADMIN'),
      await join(bed, owner, 'MEMBER'),
    ];
    const forbidden = [{ code: 'FORBIDDEN', field: undefined }];
    for (const { userId } of [admin, other, owner])
      for (const query of [grant, deny, revoke])
        expect(await refusal(admin, query, { userId, permission: 'MODEL_READ' })).toEqual(forbidden);
    expect(await refusal(owner, grant, { userId: owner.userId, permission: 'MODEL_READ' })).toEqual(forbidden);
    expect(await refusal(member, grant, { userId: admin.userId, permission: 'MODEL_READ' })).toEqual(forbidden);

    await owner.want(deny, { input: { userId: admin.userId, permission: 'MODEL_MANAGE' } });
    const model = { userId: member.userId, permission: 'MODEL_MANAGE' };
    expect(await refusal(admin, grant, model)).toEqual(forbidden);
    await admin.want(deny, { input: model });
    expect(await refusal(admin, revoke, model)).toEqual(forbidden);
    expect(await rows()).toHaveLength(2);
  });

  test('are never personal ones, and are for members alone', async () => {
    const member = await join(bed, owner, 'MEMBER');
    const stranger = await bed.signUp('Stranger');
    for (const query of [grant, deny]) {
      for (const permission of ['ACCOUNT_MANAGE', 'ORGANIZATION_OWN', 'PLATFORM_ADMINISTER'])
        expect(await refusal(owner, query, { userId: member.userId, permission })).toEqual([
          { code: 'BAD_USER_INPUT', field: 'permission' },
        ]);
      const reason = 'x'.repeat(1001);
      expect(await refusal(owner, query, { userId: member.userId, permission: 'MODEL_READ', reason })).toEqual([
        { code: 'BAD_USER_INPUT', field: 'reason' },
      ]);
      expect(await owner.codes(query, { input: { userId: stranger.userId, permission: 'MODEL_READ' } })).toEqual([
        'NOT_FOUND',
      ]);
    }
    expect(await rows()).toEqual([]);
  });
});

describe('an explanation', () => {
  test('names the role, the grant or the denial that decided', async () => {
    const manager = await join(bed, owner, 'MANAGER');
    const { userId } = manager;
    expect(await explained(manager, { permission: 'WORKSPACE_CREATE' })).toEqual({
      allowed: true,
      decidedBy: 'ORGANIZATION_ROLE',
      role: 'MANAGER',
      workspaceRole: null,
      grant: null,
      sentence: 'WORKSPACE_CREATE is allowed: the role MANAGER in the organization holds it.',
    });
    expect(await explained(manager, { permission: 'GROUP_MANAGE', on: owner.organizationId })).toMatchObject({
      allowed: false,
      decidedBy: 'NOTHING',
    });
    await owner.want(grant, { input: { userId, permission: 'GROUP_MANAGE', reason: 'Helps out' } });
    await owner.want(deny, { input: { userId, permission: 'WORKSPACE_CREATE' } });
    for (const [person, whose] of [
      [manager, {}],
      [owner, { userId }],
    ] as const) {
      expect(await explained(person, { permission: 'GROUP_MANAGE', ...whose })).toMatchObject({
        allowed: true,
        decidedBy: 'GRANT',
        grant: { effect: 'ALLOW', reason: 'Helps out', grantedBy: { id: owner.userId } },
      });
      expect(await explained(person, { permission: 'WORKSPACE_CREATE', ...whose })).toMatchObject({
        allowed: false,
        decidedBy: 'DENIAL',
        grant: { effect: 'DENY', reason: null },
      });
    }
  });

  test('in a workspace names the role there', async () => {
    const workspaceId = await workspaceOf(owner);
    const guest = await join(bed, owner, 'GUEST', { workspaceIds: [workspaceId] });
    const member = await join(bed, owner, 'MEMBER');
    const ask = (permission: string, userId: string) => explained(owner, { permission, on: workspaceId, userId });
    expect(await ask('DOCUMENT_READ', guest.userId)).toMatchObject({
      allowed: true,
      decidedBy: 'WORKSPACE_ROLE',
      workspaceRole: 'VIEWER',
    });
    expect(await ask('CONVERSATION_MANAGE', guest.userId)).toMatchObject({
      allowed: false,
      decidedBy: 'WORKSPACE_ROLE',
      sentence: 'CONVERSATION_MANAGE is refused: it takes the role ADMIN in the workspace, and theirs is VIEWER.',
    });
    expect(await ask('DOCUMENT_READ', member.userId)).toMatchObject({
      allowed: false,
      workspaceRole: null,
      sentence: 'DOCUMENT_READ is refused: they do not see this workspace.',
    });
    expect(await ask('DOCUMENT_WRITE', owner.userId)).toMatchObject({ allowed: true, workspaceRole: 'ADMIN' });
    // Out of sight is unknown.
    expect(await member.codes(explain, { permission: 'DOCUMENT_READ', on: workspaceId })).toEqual(['NOT_FOUND']);
    for (const on of [guest.userId, 'nonsense'])
      expect(await owner.codes(explain, { permission: 'DOCUMENT_READ', on })).toEqual(['NOT_FOUND']);
  });

  test('of another is for who manages members, and of a suspended member says so', async () => {
    const [manager, member] = [await join(bed, owner, 'MANAGER'), await join(bed, owner, 'MEMBER')];
    const about = { permission: 'MODEL_READ', userId: member.userId };
    expect(await manager.codes(explain, about)).toEqual(['FORBIDDEN']);
    await owner.want(grant, { input: { userId: manager.userId, permission: 'MEMBER_MANAGE' } });
    // Whoever asks sees what decides, though the grant itself is out of their sight.
    await owner.want(deny, { input: { userId: member.userId, permission: 'MODEL_READ' } });
    expect(await explained(manager, about)).toMatchObject({
      allowed: false,
      decidedBy: 'DENIAL',
      grant: { effect: 'DENY' },
    });
    const stranger = await bed.signUp('Stranger');
    expect(await owner.codes(explain, { ...about, userId: stranger.userId })).toEqual(['NOT_FOUND']);
    await owner.want('mutation ($input: SuspendMemberInput!) { suspendMember(input: $input) { membership { id } } }', {
      input: { userId: member.userId },
    });
    expect(await explained(owner, about)).toMatchObject({ allowed: false, decidedBy: 'NOTHING', role: null });
  });

  test('agrees with what is required, for everybody and everything', () => {
    const [seen, unseen] = ['0189aaaa-0000-7000-8000-000000000001', '0189aaaa-0000-7000-8000-000000000002'];
    const permission = fc.constantFrom(...allPermissions);
    const viewers = fc
      .record({
        role: fc.constantFrom(...organizationRanks),
        platformRole: fc.constantFrom(...platformRanks),
        grants: fc.uniqueArray(fc.record({ permission, effect: fc.constantFrom('ALLOW' as const, 'DENY' as const) }), {
          selector: (each) => each.permission,
          maxLength: 8,
        }),
        scopes: fc.option(fc.array(permission).map((each) => new Set(each))),
        dormant: fc.boolean(),
        confined: fc.boolean(),
        lacksTwoFactor: fc.boolean(),
        own: fc.option(fc.constantFrom(...workspaceRanks)),
      })
      .map(({ own, ...standing }): Viewer => ({
        userId: seen,
        organizationId: seen,
        credential: { kind: 'SESSION', id: seen, allowedAddresses: null },
        role: standing.role,
        standing,
        permissions: permissionsOf(standing),
        holdsAllWorkspaces: standing.role === 'OWNER' || standing.role === 'ADMIN',
        archivedWorkspaces: new Set<string>(),
        workspaceRoles: new Map(own === null ? [] : [[seen, own]]),
        workspaces: [seen],
        self: seen,
        principals: [],
      }));
    const passes = (viewer: Viewer, wanted: (typeof allPermissions)[number], workspaceId?: string): boolean => {
      try {
        requirePermission(viewer, wanted, workspaceId);
        return true;
      } catch {
        return false;
      }
    };
    fc.assert(
      fc.property(viewers, permission, (viewer, wanted) => {
        expect(verdictOn(viewer, wanted, null).allowed).toBe(passes(viewer, wanted));
        expect(verdictOn(viewer, wanted, seen).allowed).toBe(passes(viewer, wanted, seen));
        // Out of sight nothing is held that depends on the workspace.
        const depends = permissionRules[wanted].workspaceRole !== undefined;
        expect(verdictOn(viewer, wanted, unseen).allowed).toBe(!depends && passes(viewer, wanted));
      }),
      { numRuns: 2000 },
    );
  });
});

test('the documentation holds the table as it is', async () => {
  const page = readFileSync(new URL('../docs/permissions.md', import.meta.url), 'utf8');
  expect(page).toBe(await printPermissions(page));
});
