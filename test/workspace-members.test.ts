import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { colleagueOf, type Colleague } from './company.ts';
import { promote, workspaceOf } from './talk.ts';
import { startTestbed, type Person, type Testbed } from './testbed.ts';

const add = `mutation ($input: AddWorkspaceMemberInput!) { addWorkspaceMember(input: $input) { member { role user { id } workspace { id } } } }`;
const change = `mutation ($input: ChangeWorkspaceMemberRoleInput!) { changeWorkspaceMemberRole(input: $input) { member { role } } }`;
const remove = `mutation ($input: RemoveWorkspaceMemberInput!) { removeWorkspaceMember(input: $input) { deletedId } }`;
const set = `mutation ($input: SetWorkspaceMembersInput!) { setWorkspaceMembers(input: $input) { workspace { id } } }`;
const leave = `mutation ($input: LeaveWorkspaceInput!) { leaveWorkspace(input: $input) { deletedId } }`;
const rename = `mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { name } } }`;
const role = 'query ($id: ID!) { workspace(id: $id) { viewerRole } }';

let bed: Testbed;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
/** A MEMBER of the organization who is ADMIN of the garden alone. */
let keeper: Colleague;
/** A MEMBER of the organization who belongs to nothing. */
let bob: Colleague;
let guest: Colleague;
let stranger: Awaited<ReturnType<Testbed['signUp']>>;
let garden: string;
let meadow: string;

beforeAll(async () => {
  bed = await startTestbed();
  ada = await bed.signUp('Ada');
  await promote(bed, ada);
  [garden, meadow] = [await workspaceOf(ada, { name: 'Garden' }), await workspaceOf(ada, { name: 'Meadow' })];
  keeper = await colleagueOf(bed, ada.organizationId, 'Keeper', 'MEMBER', { [garden]: 'ADMIN' });
  bob = await colleagueOf(bed, ada.organizationId, 'Bob', 'MEMBER');
  guest = await colleagueOf(bed, ada.organizationId, 'Guest', 'GUEST');
  stranger = await bed.signUp('Stranger');
}, 60_000);
afterAll(() => bed.stop());

interface Members {
  workspace: {
    members: {
      totalCount: number;
      edges: { cursor: string; node: { id: string; role: string; user: { id: string } } }[];
    };
  };
}
const membersIn = async (workspaceId: string, args = 'first: 100') =>
  (
    (await ada.want(
      `query ($id: ID!) { workspace(id: $id) { members(${args}) { totalCount edges { cursor node { id role user { id } } } } } }`,
      { id: workspaceId },
    )) as Members
  ).workspace.members;
/** Who is what in a workspace. */
const rolesIn = async (workspaceId: string): Promise<Record<string, string>> =>
  Object.fromEntries((await membersIn(workspaceId)).edges.map(({ node }) => [node.user.id, node.role]));
const refused = async (person: Person, text: string, input: object): Promise<unknown[]> => {
  const { errors } = await person.ask(text, { input });
  return errors.flatMap(({ extensions }) => [
    extensions.code,
    extensions.field ?? extensions.permission ?? extensions.type,
  ]);
};

test('a role is given, changed and taken, and counts at once', async () => {
  const place = { workspaceId: garden, userId: bob.userId };
  expect(await bob.codes(role, { id: garden })).toEqual(['NOT_FOUND']);
  expect(await keeper.want(add, { input: { ...place, role: 'VIEWER' } })).toEqual({
    addWorkspaceMember: { member: { role: 'VIEWER', user: { id: bob.userId }, workspace: { id: garden } } },
  });
  expect(await bob.want(role, { id: garden })).toEqual({ workspace: { viewerRole: 'VIEWER' } });
  expect(await refused(keeper, add, { ...place, role: 'EDITOR' })).toEqual(['CONFLICT', 'userId']);
  const document = { workspaceId: garden, title: 'Roses', text: 'Roses are red.' };
  const write = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';
  expect(await refused(bob, write, document)).toEqual(['FORBIDDEN', 'DOCUMENT_WRITE']);
  expect(await keeper.want(change, { input: { ...place, role: 'EDITOR' } })).toEqual({
    changeWorkspaceMemberRole: { member: { role: 'EDITOR' } },
  });
  expect(await bob.codes(write, { input: document })).toEqual([]);
  expect(await refused(bob, rename, { id: garden, name: 'Mine' })).toEqual(['FORBIDDEN', 'WORKSPACE_MANAGE']);
  const { edges } = await membersIn(garden);
  const own = edges.find(({ node }) => node.user.id === bob.userId)?.node.id;
  expect(await keeper.want(remove, { input: place })).toEqual({ removeWorkspaceMember: { deletedId: own } });
  expect(await bob.codes(role, { id: garden })).toEqual(['NOT_FOUND']);
  expect(await refused(keeper, remove, place)).toEqual(['NOT_FOUND', 'User']);
  expect(await refused(keeper, change, { ...place, role: 'EDITOR' })).toEqual(['NOT_FOUND', 'User']);
});

describe('whoever may not', () => {
  const calls = (workspaceId: string): readonly (readonly [string, object])[] => [
    [add, { workspaceId, userId: bob.userId, role: 'VIEWER' }],
    [change, { workspaceId, userId: ada.userId, role: 'VIEWER' }],
    [remove, { workspaceId, userId: ada.userId }],
    [set, { workspaceId, members: [{ userId: bob.userId, role: 'ADMIN' }] }],
  ];

  test('a delegated admin manages their own workspace and no other', async () => {
    const before = await rolesIn(meadow);
    for (const [text, input] of calls(meadow))
      expect(await refused(keeper, text, input)).toEqual(['NOT_FOUND', 'Workspace']);
    await ada.want(rename, { input: { id: meadow, published: true } });
    for (const [text, input] of calls(meadow))
      expect(await refused(keeper, text, input)).toEqual(['FORBIDDEN', 'WORKSPACE_MANAGE']);
    await ada.want(rename, { input: { id: meadow, published: false } });
    expect(await rolesIn(meadow)).toEqual(before);
  });

  test('editors, strangers and nobody change nothing', async () => {
    const editor = await colleagueOf(bed, ada.organizationId, 'Editor', 'MANAGER', { [garden]: 'EDITOR' });
    const before = await rolesIn(garden);
    for (const [text, input] of calls(garden)) {
      expect(await refused(editor, text, input)).toEqual(['FORBIDDEN', 'WORKSPACE_MANAGE']);
      expect(await bed.anonymous.codes(text, { input })).toEqual(['UNAUTHENTICATED']);
    }
    // Whom a stranger names is as unknown to them as the workspace.
    for (const [text, input] of calls(garden))
      expect(await refused(stranger, text, input)).toEqual(['NOT_FOUND', 'Workspace']);
    expect(await rolesIn(garden)).toEqual(before);
  });
});

test('who is not a member of the organization is unknown, and a guest is no admin', async () => {
  const before = await rolesIn(garden);
  const place = { workspaceId: garden, userId: stranger.userId };
  expect(await refused(keeper, add, { ...place, role: 'VIEWER' })).toEqual(['NOT_FOUND', 'User']);
  const ofGuest = { workspaceId: garden, userId: guest.userId };
  expect(await refused(keeper, add, { ...ofGuest, role: 'ADMIN' })).toEqual(['BAD_USER_INPUT', 'role']);
  expect(
    await refused(keeper, set, { workspaceId: garden, members: [{ userId: stranger.userId, role: 'VIEWER' }] }),
  ).toEqual(['NOT_FOUND', 'User']);
  expect(await rolesIn(garden)).toEqual(before);
  await keeper.want(add, { input: { ...ofGuest, role: 'VIEWER' } });
  expect(await refused(keeper, change, { ...ofGuest, role: 'ADMIN' })).toEqual(['BAD_USER_INPUT', 'role']);
  await keeper.want(change, { input: { ...ofGuest, role: 'EDITOR' } });
  expect(await guest.want(role, { id: garden })).toEqual({ workspace: { viewerRole: 'EDITOR' } });
  await keeper.want(remove, { input: ofGuest });
});

test('whoever became a guest of the organization manages no workspace any more', async () => {
  const former = await colleagueOf(bed, ada.organizationId, 'Former', 'GUEST', { [garden]: 'ADMIN' });
  expect(await former.want(role, { id: garden })).toEqual({ workspace: { viewerRole: 'EDITOR' } });
  expect(await refused(former, rename, { id: garden, name: 'Mine' })).toEqual(['FORBIDDEN', 'WORKSPACE_MANAGE']);
  await ada.want(remove, { input: { workspaceId: garden, userId: former.userId } });
});

describe('the members as a whole', () => {
  test('are replaced at once; who stays keeps their membership', async () => {
    const workspaceId = await workspaceOf(ada, { name: 'Whole' });
    const own = (await membersIn(workspaceId)).edges[0]?.node;
    await ada.want(add, { input: { workspaceId, userId: keeper.userId, role: 'VIEWER' } });
    const members = [
      { userId: ada.userId, role: 'ADMIN' },
      { userId: bob.userId, role: 'EDITOR' },
      { userId: guest.userId, role: 'VIEWER' },
    ];
    expect(await ada.want(set, { input: { workspaceId, members } })).toEqual({
      setWorkspaceMembers: { workspace: { id: workspaceId } },
    });
    expect(await rolesIn(workspaceId)).toEqual(Object.fromEntries(members.map(({ userId, role: is }) => [userId, is])));
    expect((await membersIn(workspaceId)).edges[0]?.node).toEqual(own);
    expect(await keeper.codes(role, { id: workspaceId })).toEqual(['NOT_FOUND']);
    expect(await bob.want(role, { id: workspaceId })).toEqual({ workspace: { viewerRole: 'EDITOR' } });
    await ada.want(set, { input: { workspaceId, members: [] } });
    expect(await rolesIn(workspaceId)).toEqual({});
    // Owners and admins of the organization need no row.
    expect(await ada.want(role, { id: workspaceId })).toEqual({ workspace: { viewerRole: 'ADMIN' } });
  });

  test('stay as they are when one of the new ones is refused', async () => {
    const before = await membersIn(garden);
    const good = { userId: bob.userId, role: 'EDITOR' };
    const wrong: readonly (readonly [readonly object[], readonly unknown[]])[] = [
      [
        [good, { userId: stranger.userId, role: 'VIEWER' }],
        ['NOT_FOUND', 'User'],
      ],
      [
        [good, { userId: guest.userId, role: 'ADMIN' }],
        ['BAD_USER_INPUT', 'members.1.role'],
      ],
      [
        [good, { userId: bob.userId, role: 'ADMIN' }],
        ['BAD_USER_INPUT', 'members.1.userId'],
      ],
      [Array.from({ length: 101 }, () => good), ['BAD_USER_INPUT', 'members']],
    ];
    for (const [members, outcome] of wrong)
      expect(await refused(keeper, set, { workspaceId: garden, members })).toEqual(outcome);
    expect(await membersIn(garden)).toEqual(before);
    expect(await bob.codes(role, { id: garden })).toEqual(['NOT_FOUND']);
  });

  test('are those of one call when several come at a time', async () => {
    const workspaceId = await workspaceOf(ada, { name: 'Contested' });
    const lists = [
      [{ userId: bob.userId, role: 'EDITOR' }],
      [{ userId: keeper.userId, role: 'VIEWER' }],
      [{ userId: guest.userId, role: 'VIEWER' }],
    ];
    await Promise.all([...lists, ...lists].map((members) => ada.want(set, { input: { workspaceId, members } })));
    expect(lists.map((members) => ({ [members[0]?.userId ?? '']: members[0]?.role }))).toContainEqual(
      await rolesIn(workspaceId),
    );
  });
});

test('whoever takes rights from themselves goes on without them in the same request', async () => {
  const workspaceId = await workspaceOf(ada, { name: 'Given up' });
  await ada.want(add, { input: { workspaceId, userId: keeper.userId, role: 'ADMIN' } });
  const both = `mutation ($leave: LeaveWorkspaceInput!, $rename: UpdateWorkspaceInput!) {
    leaveWorkspace(input: $leave) { deletedId } updateWorkspace(input: $rename) { workspace { name } } }`;
  const variables = { leave: { workspaceId }, rename: { id: workspaceId, name: 'Mine' } };
  const { errors } = await keeper.ask(both, variables);
  expect(errors.map(({ path, extensions }) => [path?.[0], extensions.code])).toEqual([
    ['updateWorkspace', 'NOT_FOUND'],
  ]);
  expect(await keeper.codes(role, { id: workspaceId })).toEqual(['NOT_FOUND']);

  await ada.want(add, { input: { workspaceId, userId: keeper.userId, role: 'ADMIN' } });
  const demote = `mutation ($change: ChangeWorkspaceMemberRoleInput!, $rename: UpdateWorkspaceInput!) {
    changeWorkspaceMemberRole(input: $change) { member { role workspace { viewerRole } } } updateWorkspace(input: $rename) { workspace { name } } }`;
  const { data, errors: after } = await keeper.ask(demote, {
    change: { workspaceId, userId: keeper.userId, role: 'VIEWER' },
    rename: variables.rename,
  });
  expect(data).toBeNull();
  expect(after.map(({ path, extensions }) => [path?.[0], extensions.code])).toEqual([['updateWorkspace', 'FORBIDDEN']]);
  expect(await keeper.want(role, { id: workspaceId })).toEqual({ workspace: { viewerRole: 'VIEWER' } });
  // The last admin of a workspace may go: those of the organization remain.
  await ada.want(set, { input: { workspaceId, members: [{ userId: keeper.userId, role: 'ADMIN' }] } });
  await keeper.want(leave, { input: { workspaceId } });
  expect(await rolesIn(workspaceId)).toEqual({});
});

test('one leaves only where one has a role', async () => {
  expect(await refused(bob, leave, { workspaceId: garden })).toEqual(['NOT_FOUND', 'Workspace']);
  const notices = await workspaceOf(ada, { name: 'Notices', published: true });
  expect(await refused(bob, leave, { workspaceId: notices })).toEqual(['CONFLICT', 'workspaceId']);
});

test('the list filters by role, goes on from a cursor and costs one statement for all workspaces', async () => {
  const workspaceId = await workspaceOf(ada, { name: 'Listed' });
  for (const [{ userId }, is] of [
    [bob, 'VIEWER'],
    [guest, 'VIEWER'],
    [keeper, 'EDITOR'],
  ] as const)
    await ada.want(add, { input: { workspaceId, userId, role: is } });
  const users = async (args: string) => (await membersIn(workspaceId, args)).edges.map(({ node }) => node.user.id);
  expect(await users('first: 100')).toEqual([ada.userId, bob.userId, guest.userId, keeper.userId]);
  expect(await users('first: 2, orderBy: [{ field: CREATED_AT, direction: DESC }]')).toEqual([
    keeper.userId,
    guest.userId,
  ]);
  expect(await users('filter: { role: { eq: VIEWER } }')).toEqual([bob.userId, guest.userId]);
  const { edges } = await membersIn(workspaceId, 'first: 1');
  expect(await users(`first: 2, after: "${edges[0]?.cursor}"`)).toEqual([bob.userId, guest.userId]);
  await ada.want('{ viewer { role } }');
  const { statements } = await ada.ask(
    '{ workspaces(first: 9) { edges { node { members(first: 9) { edges { node { role user { name } workspace { name } } } } } } } }',
  );
  expect(statements).toHaveLength(4);
});

test('a membership is a node for those who see its workspace', async () => {
  const id = (await membersIn(garden)).edges[0]?.node.id;
  const node = 'query ($id: ID!) { node(id: $id) { ... on WorkspaceMembership { role } } }';
  expect(await keeper.want(node, { id })).toEqual({ node: { role: 'ADMIN' } });
  for (const person of [bob, stranger]) expect(await person.codes(node, { id })).toEqual(['NOT_FOUND']);
});
