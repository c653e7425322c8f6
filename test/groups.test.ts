import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals';
import { eq } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { documents } from '../src/domains/content/tables.ts';
import { groupMemberships, groups } from '../src/domains/tenancy/tables.ts';
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

const create =
  'mutation ($input: CreateGroupInput!) { createGroup(input: $input) { group { id name description settings active createdBy { id } } } }';
const update =
  'mutation ($input: UpdateGroupInput!) { updateGroup(input: $input) { group { name description settings active } } }';
const remove = 'mutation ($input: DeleteGroupInput!) { deleteGroup(input: $input) { deletedId } }';
const members = 'group { members { totalCount edges { node { user { id } addedBy { id } } } } }';
const add = `mutation ($input: AddGroupMembersInput!) { addGroupMembers(input: $input) { ${members} } }`;
const take = `mutation ($input: RemoveGroupMembersInput!) { removeGroupMembers(input: $input) { ${members} } }`;

const groupOf = async (person: Person, input: object): Promise<string> => {
  const { createGroup }: { createGroup: { group: { id: string } } } = await person.want(create, { input });
  return createGroup.group.id;
};
const refusal = async (person: Person, query: string, input: object) => {
  const { errors } = await person.ask(query, { input });
  return errors.map(({ extensions }) => ({ code: extensions.code, field: extensions.field }));
};
const inOrganization = async <Row>(read: () => Promise<Row>): Promise<Row> => {
  const unit = insightOf(bed, owner.organizationId, owner.userId);
  const rows = await unit.run(read);
  await unit.rest();
  return rows;
};

describe('a group', () => {
  test('is made, changed and deleted', async () => {
    const made = await owner.want(create, {
      input: { name: ' Readers ', description: 'Who reads', settings: { colour: 'green' } },
    });
    expect(made).toMatchObject({
      createGroup: {
        group: {
          name: 'Readers',
          description: 'Who reads',
          settings: { colour: 'green' },
          active: true,
          createdBy: { id: owner.userId },
        },
      },
    });
    const { createGroup }: { createGroup: { group: { id: string } } } = made;
    const { id } = createGroup.group;
    expect(await owner.want(update, { input: { id, description: null, active: false } })).toEqual({
      updateGroup: { group: { name: 'Readers', description: null, settings: { colour: 'green' }, active: false } },
    });
    expect(await owner.want(remove, { input: { id } })).toEqual({ deleteGroup: { deletedId: id } });
    expect(await owner.codes(remove, { input: { id } })).toEqual(['NOT_FOUND']);
    for (const action of ['group.created', 'group.updated', 'group.deleted'])
      expect(await eventsOf(bed, owner.organizationId, action)).toMatchObject([
        { actor: uuidOf(owner.userId), target: uuidOf(id) },
      ]);
  });

  test('has a name of its own without regard to case, and keeps to its bounds', async () => {
    await groupOf(owner, { name: 'Readers' });
    const id = await groupOf(owner, { name: 'Writers' });
    expect(await refusal(owner, create, { name: 'READERS' })).toEqual([{ code: 'CONFLICT', field: 'name' }]);
    expect(await refusal(owner, update, { id, name: 'readers' })).toEqual([{ code: 'CONFLICT', field: 'name' }]);
    const faulty: [object, string][] = [
      [{ name: ' ' }, 'name'],
      [{ name: 'x'.repeat(101) }, 'name'],
      [{ name: 'a', description: 'x'.repeat(2001) }, 'description'],
      [{ name: 'a', settings: [] }, 'settings'],
      [{ name: 'a', settings: { a: 'x'.repeat(16_000) } }, 'settings'],
    ];
    for (const [input, field] of faulty) {
      expect(await refusal(owner, create, input)).toEqual([{ code: 'BAD_USER_INPUT', field }]);
      expect(await refusal(owner, update, { id, ...input })).toEqual([{ code: 'BAD_USER_INPUT', field }]);
    }
    for (const field of ['name', 'active', 'settings'])
      expect(await refusal(owner, update, { id, [field]: null })).toEqual([{ code: 'BAD_USER_INPUT', field }]);
    const rows = await inOrganization(async () => database.select().from(groups));
    expect(rows.map(({ name }) => name).sort()).toEqual(['Readers', 'Writers']);
    // Another organization has names of its own.
    await groupOf(await bed.signUp('Stranger'), { name: 'Readers' });
  });

  test('is listed by name or age, and filtered', async () => {
    for (const name of ['Writers', 'Readers']) await groupOf(owner, { name });
    const namesBy = async (variables: object) => {
      const { viewer }: { viewer: { organization: { groups: { edges: { node: { name: string } }[] } } } } =
        await owner.want(
          `query ($filter: GroupFilter, $orderBy: [GroupOrder!]) { viewer { organization {
            groups(first: 10, filter: $filter, orderBy: $orderBy) { totalCount edges { node { name } } } } } }`,
          variables,
        );
      return viewer.organization.groups.edges.map(({ node }) => node.name);
    };
    expect(await namesBy({})).toEqual(['Writers', 'Readers']);
    expect(await namesBy({ orderBy: [{ field: 'NAME' }] })).toEqual(['Readers', 'Writers']);
    expect(await namesBy({ filter: { name: { eq: 'Writers' } } })).toEqual(['Writers']);
    expect(await namesBy({ filter: { active: { eq: false } } })).toEqual([]);
  });

  test('is managed by administrators and seen by members', async () => {
    const id = await groupOf(owner, { name: 'Readers' });
    const member = await join(bed, owner, 'MEMBER');
    const guest = await join(bed, owner, 'GUEST');
    const stranger = await bed.signUp('Stranger');
    const acts: [string, object][] = [
      [update, { id, name: 'Mine' }],
      [remove, { id }],
      [add, { groupId: id, userIds: [member.userId] }],
      [take, { groupId: id, userIds: [member.userId] }],
    ];
    for (const [query, input] of acts) {
      expect(await member.codes(query, { input })).toEqual(['FORBIDDEN']);
      expect(await stranger.codes(query, { input })).toEqual(['NOT_FOUND']);
    }
    const query = '{ viewer { organization { groups { edges { node { name members { totalCount } } } } } } }';
    expect(await member.want(query)).toMatchObject({
      viewer: { organization: { groups: { edges: [{ node: { name: 'Readers', members: { totalCount: 0 } } }] } } },
    });
    expect(await guest.codes(query)).toEqual(['FORBIDDEN']);
  });
});

describe('the members of a group', () => {
  test('are added and taken out, twice as well as once', async () => {
    const groupId = await groupOf(owner, { name: 'Readers' });
    const [one, two] = [await join(bed, owner, 'MEMBER'), await join(bed, owner, 'GUEST')];
    const node = ({ userId }: { userId: string }) => ({
      node: { user: { id: userId }, addedBy: { id: owner.userId } },
    });
    const both = { groupId, userIds: [one.userId, two.userId] };
    for (let times = 0; times < 2; times += 1) {
      const { addGroupMembers }: { addGroupMembers: { group: { members: { edges: unknown[] } } } } = await owner.want(
        add,
        { input: both },
      );
      expect(addGroupMembers.group.members.edges).toHaveLength(2);
      expect(addGroupMembers.group.members.edges).toEqual(expect.arrayContaining([node(one), node(two)]));
    }
    expect(await eventsOf(bed, owner.organizationId, 'group.members_added')).toHaveLength(1);
    for (let times = 0; times < 2; times += 1)
      expect(await owner.want(take, { input: { groupId, userIds: [one.userId] } })).toEqual({
        removeGroupMembers: { group: { members: { totalCount: 1, edges: [node(two)] } } },
      });
    expect(await eventsOf(bed, owner.organizationId, 'group.members_removed')).toHaveLength(1);
  });

  test('belong to the organization, all or none', async () => {
    const groupId = await groupOf(owner, { name: 'Readers' });
    const [member, stranger] = [await join(bed, owner, 'MEMBER'), await bed.signUp('Stranger')];
    expect(await owner.codes(add, { input: { groupId, userIds: [member.userId, stranger.userId] } })).toEqual([
      'NOT_FOUND',
    ]);
    expect(await refusal(owner, add, { groupId, userIds: [] })).toEqual([{ code: 'BAD_USER_INPUT', field: 'userIds' }]);
    const many = Array.from({ length: 101 }, () => member.userId);
    expect(await refusal(owner, take, { groupId, userIds: many })).toEqual([
      { code: 'BAD_USER_INPUT', field: 'userIds' },
    ]);
    expect(await inOrganization(async () => database.select().from(groupMemberships))).toEqual([]);
  });

  test('hold what is granted to the group at once, as long as it is active and they are in it', async () => {
    const workspaceId = await workspaceOf(owner);
    const reader = await join(bed, owner, 'MEMBER', { workspaceIds: [workspaceId] });
    const groupId = await groupOf(owner, { name: 'Readers' });
    const { addDocument }: { addDocument: { document: { id: string } } } = await owner.want(
      'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }',
      { input: { workspaceId, title: 'Secret', text: 'Roses are red.', wait: true } },
    );
    const { id } = addDocument.document;
    await insightOf(bed, owner.organizationId, owner.userId).transact(() =>
      database
        .update(documents)
        .set({ readers: [uuidOf(groupId), uuidOf(owner.organizationId)] })
        .where(eq(documents.id, uuidOf(id))),
    );
    const reads = async () => reader.codes('query ($id: ID!) { document(id: $id) { title } }', { id });
    expect(await reads()).toEqual(['NOT_FOUND']);
    await owner.want(add, { input: { groupId, userIds: [reader.userId] } });
    expect(await reads()).toEqual([]);
    await owner.want(update, { input: { id: groupId, active: false } });
    expect(await reads()).toEqual(['NOT_FOUND']);
    await owner.want(update, { input: { id: groupId, active: true } });
    expect(await reads()).toEqual([]);
    await owner.want(take, { input: { groupId, userIds: [reader.userId] } });
    expect(await reads()).toEqual(['NOT_FOUND']);
    await owner.want(add, { input: { groupId, userIds: [reader.userId] } });
    expect(await reads()).toEqual([]);
    await owner.want(remove, { input: { id: groupId } });
    expect(await reads()).toEqual(['NOT_FOUND']);
  });
});
