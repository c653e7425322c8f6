import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { getDirective } from '@graphql-tools/utils';
import { sql } from 'drizzle-orm';
import { isObjectType } from 'graphql';
import { v7 } from 'uuid';
import { database } from '../src/database/client.ts';
import { apiKeys } from '../src/domains/tenancy/tables.ts';
import { permissionRules } from '../src/domains/permissions.ts';
import { buildSchema } from '../src/gateway/schema.ts';
import type { Permission } from '../src/generated/resolvers.ts';
import { hashToken } from '../src/secrets/tokens.ts';
import { castOf, type Cast } from './access/cast.ts';
import {
  eventsOf,
  faultsOf,
  memberOf,
  removeMember,
  tablesHolding,
  tamper,
  unitOfAll,
  type Place,
} from './machines.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { Person, startTestbed, type Answer, type Testbed } from './testbed.ts';

interface Key {
  readonly apiKey: {
    readonly id: string;
    readonly prefix: string;
    readonly status: string;
    readonly expiresAt: string | null;
    readonly allWorkspaces: boolean;
  };
  readonly secret: string;
}

const dayMs = 86_400_000;
const keyFields = '{ id prefix status label scopes allWorkspaces allowedAddresses expiresAt rotatedAt revokedAt }';
const create = `mutation ($input: CreateApiKeyInput!) { createApiKey(input: $input) { apiKey ${keyFields} secret } }`;
const rotate = `mutation ($input: RotateApiKeyInput!) { rotateApiKey(input: $input) { apiKey ${keyFields} secret } }`;
const update = `mutation ($input: UpdateApiKeyInput!) { updateApiKey(input: $input) { apiKey ${keyFields} } }`;
const revoke = `mutation ($input: RevokeApiKeyInput!) { revokeApiKey(input: $input) { apiKey ${keyFields} } }`;
const places = '{ workspaces { edges { node { id } } } }';
const prefixes = '{ apiKeys(first: 100) { totalCount edges { node { id prefix owner { id } } } } }';

let bed: Testbed;
let cast: Cast;
let owner: Cast['owner'];
let garden: string;

beforeAll(async () => {
  bed = await startTestbed({ TRUSTED_PROXIES: '1' });
  cast = await castOf(bed);
  owner = cast.owner;
  garden = cast.ids.Workspace ?? '';
});
afterAll(() => bed.stop());

const keyOf = async (person: Person, input: object = {}): Promise<Key> => {
  const data: { createApiKey: Key } = await person.want(create, {
    input: { label: 'Robot', scopes: ['WORKSPACE_READ'], ...input },
  });
  return data.createApiKey;
};
const holder = (secret: string): Person => new Person(bed, secret);
const seenBy = async (secret: string): Promise<readonly string[]> => {
  const data: { workspaces: { edges: { node: { id: string } }[] } } = await holder(secret).want(places);
  return data.workspaces.edges.map(({ node }) => node.id).sort();
};
const countOfKeys = async (person: Person): Promise<number> => {
  const data: { apiKeys: { totalCount: number } } = await person.want('{ apiKeys { totalCount } }');
  return data.apiKeys.totalCount;
};
const refusedWith = async (person: Person, query: string, input: object): Promise<readonly (readonly unknown[])[]> => {
  const answer: Answer = await person.ask(query, { input });
  expect(answer.data ?? null).toBeNull();
  return faultsOf(answer);
};

test('a key is made with its scopes, workspaces and expiry, and its secret is stored nowhere', async () => {
  const expiresAt = new Date(Date.now() + 30 * dayMs).toISOString();
  const { apiKey, secret } = await keyOf(owner, { label: 'Harvester', workspaceIds: [garden], expiresAt });

  expect(secret).toMatch(/^tsr_key_[0-9A-Za-z]{49}$/);
  expect(apiKey).toMatchObject({ prefix: secret.slice(0, 16), status: 'ACTIVE', expiresAt, allWorkspaces: false });
  expect(await tablesHolding(bed, owner, secret)).toEqual([]);
  expect(await tablesHolding(bed, owner, secret.slice(16))).toEqual([]);
  // The search finds what is there.
  expect(await tablesHolding(bed, owner, 'Harvester')).toEqual(['api_keys', 'events']);
  const [event] = (await eventsOf(bed, owner, 'api_key.created')).slice(-1);
  expect(event).toMatchObject({ actor: uuidOf(owner.userId), target: uuidOf(apiKey.id) });
});

test('without a word about it a key ends in 90 days and reaches all workspaces', async () => {
  const { apiKey } = await keyOf(owner);
  const days = (Date.parse(apiKey.expiresAt ?? '') - Date.now()) / dayMs;
  expect(days).toBeCloseTo(90, 2);
  expect(apiKey.allWorkspaces).toBe(true);
});

describe('bad input', () => {
  const faults: [string, object, unknown[][]][] = [
    ['no label', { label: ' ' }, [['BAD_USER_INPUT', 'label']]],
    ['a label of 101 characters', { label: 'x'.repeat(101) }, [['BAD_USER_INPUT', 'label']]],
    ['no scope', { scopes: [] }, [['BAD_USER_INPUT', 'scopes']]],
    ['a scope twice', { scopes: ['MODEL_READ', 'MODEL_READ'] }, [['BAD_USER_INPUT', 'scopes']]],
    ['a personal scope', { scopes: ['MODEL_READ', 'ACCOUNT_MANAGE'] }, [['BAD_USER_INPUT', 'scopes']]],
    ['no workspace', { workspaceIds: [] }, [['BAD_USER_INPUT', 'workspaceIds']]],
    ['an end in the past', { expiresAt: '2020-01-01T00:00:00Z' }, [['BAD_USER_INPUT', 'expiresAt']]],
    ['an end in two years', { expiresAt: new Date(Date.now() + 731 * dayMs) }, [['BAD_USER_INPUT', 'expiresAt']]],
    ['no address', { allowedAddresses: [] }, [['BAD_USER_INPUT', 'allowedAddresses']]],
    ['no network', { allowedAddresses: ['192.0.2.0/33'] }, [['BAD_USER_INPUT', 'allowedAddresses']]],
    ['an unknown workspace', { workspaceIds: ['workspace_01h2xcejqtf2nbrexx3vqjhp41'] }, [['NOT_FOUND', undefined]]],
  ];
  test.each(faults)('%s is refused, and no key is made', async (_name, input, expected) => {
    const before = await countOfKeys(owner);
    expect(await refusedWith(owner, create, { label: 'Robot', scopes: ['MODEL_READ'], ...input })).toEqual(expected);
    expect(await countOfKeys(owner)).toBe(before);
  });

  test("another organization's workspace is NOT_FOUND", async () => {
    const input = { label: 'Robot', scopes: ['MODEL_READ'], workspaceIds: [garden] };
    expect(await refusedWith(cast.people.stranger, create, input)).toEqual([['NOT_FOUND', undefined]]);
  });
});

describe('nobody makes a key that may more than they', () => {
  let member: Person & Place;
  beforeAll(async () => {
    member = await memberOf(bed, owner.organizationId, 'MEMBER', [{ workspace: garden, role: 'EDITOR' }]);
  });

  test('a scope beyond one’s own is FORBIDDEN by its name', async () => {
    expect(await refusedWith(member, create, { label: 'Robot', scopes: ['MODEL_READ', 'MODEL_MANAGE'] })).toEqual([
      ['FORBIDDEN', 'MODEL_MANAGE'],
    ]);
    const { apiKey } = await keyOf(member);
    expect(await refusedWith(member, update, { id: apiKey.id, scopes: ['MEMBER_MANAGE'] })).toEqual([
      ['FORBIDDEN', 'MEMBER_MANAGE'],
    ]);
  });

  test('a key without an end takes API_KEY_MANAGE', async () => {
    const forever = { label: 'Robot', scopes: ['MODEL_READ'], expiresAt: null };
    expect(await refusedWith(member, create, forever)).toEqual([['FORBIDDEN', 'API_KEY_MANAGE']]);
    const { apiKey } = await keyOf(member);
    expect(await refusedWith(member, update, { id: apiKey.id, expiresAt: null })).toEqual([
      ['FORBIDDEN', 'API_KEY_MANAGE'],
    ]);
    const endless = await keyOf(owner, { expiresAt: null });
    expect(endless.apiKey).toMatchObject({ expiresAt: null, status: 'ACTIVE' });
    expect(await holder(endless.secret).codes(places)).toEqual([]);
  });

  test('an API key neither makes nor changes keys, and may look at and revoke them by its scope', async () => {
    const { apiKey, secret } = await keyOf(owner, { scopes: ['API_KEY_CREATE', 'MODEL_READ'] });
    const robot = holder(secret);
    const refused = [['FORBIDDEN', 'API_KEY_CREATE']];
    expect(await refusedWith(robot, create, { label: 'Child', scopes: ['MODEL_READ'] })).toEqual(refused);
    expect(await refusedWith(robot, rotate, { id: apiKey.id })).toEqual(refused);
    expect(await refusedWith(robot, update, { id: apiKey.id, label: 'Other' })).toEqual(refused);
    expect(await robot.codes(prefixes)).toEqual([]);
    expect(await robot.codes(revoke, { input: { id: apiKey.id } })).toEqual([]);
    expect(await robot.codes(prefixes)).toEqual(['UNAUTHENTICATED']);
  });

  test('a member has at most 50 live keys, however many are asked for at once', async () => {
    const [organizationId, userId] = [uuidOf(member.organizationId), uuidOf(member.userId)];
    const made = await countOfKeys(member);
    const rows = Array.from({ length: 49 - made }, () => ({
      organizationId,
      id: v7(),
      readers: [userId, organizationId],
      userId,
      label: 'Many',
      prefix: 'tsr_key_00000000',
      scopes: ['MODEL_READ' as const],
      allWorkspaces: true,
    }));
    await unitOfAll(bed, member).transact(() => database.insert(apiKeys).values(rows));
    const input = { label: 'One more', scopes: ['MODEL_READ'] };
    const codes = await Promise.all(Array.from({ length: 6 }, () => member.codes(create, { input })));
    expect(codes.flat()).toEqual(['CONFLICT', 'CONFLICT', 'CONFLICT', 'CONFLICT', 'CONFLICT']);
    expect(await countOfKeys(member)).toBe(50);
  });
});

describe('scopes', () => {
  // There are more of them than a member may have keys for beside those of the other tests.
  afterAll(() => tamper(bed, owner, sql`update api_keys set revoked_at = now() where revoked_at is null`));

  let entities: readonly { readonly name: string; readonly permission: Permission | undefined }[];
  const node = 'query ($id: ID!) { node(id: $id) { id } }';
  const inside = new Set(['Workspace', 'Document', 'DocumentChunk', 'Conversation', 'Message', 'Citation', 'Feedback']);
  let ids: Record<string, string>;
  beforeAll(async () => {
    ids = { ...cast.ids, ApiKey: (await keyOf(owner)).apiKey.id };
    entities = await guardedEntities();
  });

  test('a key reads by node(id) what its scope is for, of every type', async () => {
    const guarded = entities.filter(({ name, permission }) => permission !== undefined && name in ids);
    // Personal things are out of reach for keys; those of other subjects have tests of their own.
    expect(guarded.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['Document', 'Message', 'Membership', 'ApiKey', 'Job']),
    );
    for (const { name, permission } of guarded) {
      if (permission === undefined || permissionRules[permission].personal === true) continue;
      const other: Permission = permission === 'MODEL_READ' ? 'JOB_READ' : 'MODEL_READ';
      const [with_, without] = [await keyOf(owner, { scopes: [permission] }), await keyOf(owner, { scopes: [other] })];
      expect([name, await holder(with_.secret).codes(node, { id: ids[name] })]).toEqual([name, []]);
      expect([name, faultsOf(await holder(without.secret).ask(node, { id: ids[name] }))]).toEqual([
        name,
        [['FORBIDDEN', permission]],
      ]);
      // There are more types than a member may have keys for.
      for (const { apiKey } of [with_, without])
        await tamper(bed, owner, sql`update api_keys set revoked_at = now() where id = ${uuidOf(apiKey.id)}`);
    }
  });

  test('nested fields ask for the scope of what they give', async () => {
    const { secret } = await keyOf(owner, { scopes: ['WORKSPACE_READ', 'API_KEY_CREATE'] });
    const missing: [string, Permission][] = [
      ['workspace(id: $id) { documents { totalCount } }', 'DOCUMENT_READ'],
      ['workspace(id: $id) { conversations { totalCount } }', 'CONVERSATION_READ'],
      ['viewer { organization { members { totalCount } } }', 'MEMBER_READ'],
      ['viewer { devices { totalCount } }', 'ACCOUNT_MANAGE'],
      ['viewer { extensionKeys { totalCount } }', 'ACCOUNT_MANAGE'],
    ];
    for (const [field, permission] of missing) {
      const answer = await holder(secret).ask(`query ($id: ID!) { w: workspace(id: $id) { name } ${field} }`, {
        id: garden,
      });
      expect([field, faultsOf(answer)]).toEqual([field, [['FORBIDDEN', permission]]]);
    }
  });

  test('a key limited to another workspace finds nothing of this one', async () => {
    const scopes = Object.entries(permissionRules).flatMap(([permission, { personal }]) =>
      personal ? [] : [permission],
    );
    const held: { viewer: { permissions: string[] } } = await owner.want('{ viewer { permissions } }');
    const { secret } = await keyOf(owner, {
      scopes: scopes.filter((scope) => held.viewer.permissions.includes(scope)),
      workspaceIds: [cast.otherWorkspace],
    });
    expect(await seenBy(secret)).toEqual([cast.otherWorkspace]);
    // Its member's files and jobs, too, though that member sees them wherever they are.
    for (const name of [...entities.map((entity) => entity.name).filter((each) => inside.has(each)), 'File', 'Job'])
      expect([name, await holder(secret).codes(node, { id: ids[name] })]).toEqual([name, ['NOT_FOUND']]);
    const carried = { workspaceId: cast.otherWorkspace, title: 'Carried over', fileId: ids.File };
    const add = 'mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id } } }';
    expect(await holder(secret).codes(add, { input: carried })).toEqual(['NOT_FOUND']);
    // What is no matter of a workspace is none of the key's.
    expect(await holder(secret).codes(node, { id: ids.ProviderKey })).toEqual(['FORBIDDEN']);
    expect(await holder(secret).codes('{ viewer { organization { members { totalCount } } } }')).toEqual(['FORBIDDEN']);
    const upload =
      'mutation { createUpload(input: { name: "a.txt", size: 1, mimeType: "text/plain" }) { upload { url } file { id } } }';
    const own: { createUpload: { upload: { url: string }; file: { id: string } } } = await holder(secret).want(upload);
    expect((await fetch(new URL(own.createUpload.upload.url, bed.url), { method: 'PUT', body: 'a' })).status).toBe(200);
    const brought = { ...carried, title: 'Brought in', fileId: own.createUpload.file.id };
    expect(await holder(secret).codes(add, { input: brought })).toEqual([]);
  });
});

/** The types that `node(id)` finds, with the permission in `@allow`. */
const guardedEntities = async () => {
  const schema = await buildSchema();
  return Object.values(schema.getTypeMap())
    .filter(isObjectType)
    .filter((type) => type.getInterfaces().some(({ name }) => name === 'Node'))
    .map((type) => ({
      name: type.name,
      permission: getDirective(schema, type, 'allow')?.[0]?.permission as Permission | undefined,
    }));
};

describe('workspaces', () => {
  test('a key shows its workspaces as a connection and sees no other', async () => {
    const [rose, tulip] = [await workspaceOf(owner, { name: 'Rose' }), await workspaceOf(owner, { name: 'Tulip' })];
    const { apiKey, secret } = await keyOf(owner, { workspaceIds: [tulip, rose] });
    expect(await seenBy(secret)).toEqual([rose, tulip].sort());
    const data: { node: { workspaces: object } } = await owner.want(
      `query ($id: ID!) { node(id: $id) { ... on ApiKey { workspaces(first: 1) { totalCount pageInfo { hasNextPage } edges { node { id name } } } } } }`,
      { id: apiKey.id },
    );
    expect(data.node.workspaces).toEqual({
      totalCount: 2,
      pageInfo: { hasNextPage: true },
      edges: [{ node: { id: rose, name: 'Rose' } }],
    });
  });

  test('a key whose last workspace is deleted sees none, and never all', async () => {
    const attic = await workspaceOf(owner, { name: 'Attic' });
    const { secret } = await keyOf(owner, { scopes: ['WORKSPACE_READ', 'DOCUMENT_READ'], workspaceIds: [attic] });
    expect(await seenBy(secret)).toEqual([attic]);
    await owner.want('mutation ($id: ID!) { deleteWorkspace(input: { id: $id }) { deletedId } }', { id: attic });
    bed.server.installation.services.viewers.forgetAll();
    expect(await seenBy(secret)).toEqual([]);
    expect(
      await holder(secret).codes('query ($id: ID!) { document(id: $id) { id } }', { id: cast.ids.Document }),
    ).toEqual(['NOT_FOUND']);
  });

  test('a key of all workspaces sees what its member sees at the time', async () => {
    const member = await memberOf(bed, owner.organizationId, 'MEMBER', [{ workspace: garden, role: 'VIEWER' }]);
    const { secret } = await keyOf(member);
    expect(await seenBy(secret)).toEqual([garden]);
    await tamper(bed, owner, sql`delete from workspace_memberships where user_id = ${uuidOf(member.userId)}`);
    expect(await seenBy(secret)).toEqual([]);
  });
});

describe('a key ends', () => {
  const refused = ['UNAUTHENTICATED'];
  const works: unknown[] = [];

  test('with its time', async () => {
    const { apiKey, secret } = await keyOf(owner);
    await tamper(
      bed,
      owner,
      sql`update api_keys set expires_at = now() - interval '1 second' where id = ${uuidOf(apiKey.id)}`,
    );
    expect(await holder(secret).codes(places)).toEqual(refused);
    expect(faultsOf(await owner.ask(rotate, { input: { id: apiKey.id } }))).toEqual([['CONFLICT', 'id']]);
    const data: { node: object } = await owner.want('query ($id: ID!) { node(id: $id) { ... on ApiKey { status } } }', {
      id: apiKey.id,
    });
    expect(data.node).toEqual({ status: 'EXPIRED' });
  });

  test('at once when it is revoked, with all its secrets', async () => {
    const { apiKey, secret } = await keyOf(owner);
    const rotated: { rotateApiKey: Key } = await owner.want(rotate, { input: { id: apiKey.id } });
    expect([await holder(secret).codes(places), await holder(rotated.rotateApiKey.secret).codes(places)]).toEqual([
      works,
      works,
    ]);
    const data: { revokeApiKey: { apiKey: { status: string } } } = await owner.want(revoke, {
      input: { id: apiKey.id },
    });
    expect(data.revokeApiKey.apiKey.status).toBe('REVOKED');
    expect([await holder(secret).codes(places), await holder(rotated.rotateApiKey.secret).codes(places)]).toEqual([
      refused,
      refused,
    ]);
    // Nothing of its secrets is left.
    expect(await tablesHolding(bed, owner, hashToken(secret))).toEqual([]);
    expect(await owner.codes(revoke, { input: { id: apiKey.id } })).toEqual([]);
    const events = (await eventsOf(bed, owner, 'api_key.revoked')).filter(({ target }) => target === uuidOf(apiKey.id));
    expect(events).toHaveLength(1);
  });

  test('when an administrator revokes it; other members do not even find it', async () => {
    const [member, other, admin] = [
      await memberOf(bed, owner.organizationId, 'MEMBER'),
      await memberOf(bed, owner.organizationId, 'MEMBER'),
      await memberOf(bed, owner.organizationId, 'ADMIN'),
    ];
    const { apiKey, secret } = await keyOf(member);
    const input = { id: apiKey.id };
    expect(faultsOf(await other.ask(revoke, { input }))).toEqual([['NOT_FOUND', undefined]]);
    // Nobody gets at a secret by which to act as somebody else.
    expect(faultsOf(await admin.ask(rotate, { input }))).toEqual([['FORBIDDEN', 'API_KEY_CREATE']]);
    expect(faultsOf(await admin.ask(update, { input: { ...input, label: 'Mine' } }))).toEqual([
      ['FORBIDDEN', 'API_KEY_CREATE'],
    ]);
    await tamper(
      bed,
      owner,
      sql`insert into user_permissions (organization_id, id, readers, user_id, permission, effect, granted_by_id)
      values (${uuidOf(owner.organizationId)}, ${v7()}, '{}'::uuid[] || ${uuidOf(owner.organizationId)}::uuid, ${uuidOf(admin.userId)}, 'API_KEY_MANAGE', 'DENY', ${uuidOf(owner.userId)})`,
    );
    expect(faultsOf(await admin.ask(revoke, { input }))).toEqual([['FORBIDDEN', 'API_KEY_MANAGE']]);
    expect(await holder(secret).codes(places)).toEqual(works);
    expect(await owner.codes(revoke, { input })).toEqual([]);
    expect(await holder(secret).codes(places)).toEqual(refused);
  });

  test('with its member’s permissions, suspension and membership', async () => {
    const member = await memberOf(bed, owner.organizationId, 'MANAGER', [{ workspace: garden, role: 'EDITOR' }]);
    const { secret } = await keyOf(member, { scopes: ['WORKSPACE_READ', 'MEMBER_READ'] });
    const members = '{ viewer { organization { members { totalCount } } } }';
    const is = sql`user_id = ${uuidOf(member.userId)} and organization_id = ${uuidOf(owner.organizationId)}`;
    expect(await holder(secret).codes(members)).toEqual(works);
    await tamper(bed, owner, sql`update memberships set role = 'GUEST' where ${is}`);
    expect(faultsOf(await holder(secret).ask(members))).toEqual([['FORBIDDEN', 'MEMBER_READ']]);
    expect(await holder(secret).codes(places)).toEqual(works);
    await tamper(bed, owner, sql`update memberships set suspended_at = now() where ${is}`);
    expect(await holder(secret).codes(places)).toEqual(refused);
    await tamper(bed, owner, sql`update memberships set suspended_at = null where ${is}`);
    expect(await holder(secret).codes(places)).toEqual(works);
    await removeMember(bed, member);
    expect(await holder(secret).codes(places)).toEqual(refused);
  });
});

describe('rotation', () => {
  const codesOf = (secrets: readonly string[]) => Promise.all(secrets.map((secret) => holder(secret).codes(places)));
  const works: unknown[] = [];
  const refused = ['UNAUTHENTICATED'];
  const rotated = async (input: object): Promise<Key> => {
    const data: { rotateApiKey: Key } = await owner.want(rotate, { input });
    return data.rotateApiKey;
  };

  test('two secrets work until the overlap ends, and never three', async () => {
    const { apiKey, secret: first } = await keyOf(owner, { expiresAt: null });
    const { id } = apiKey;
    const { secret: second, apiKey: now } = await rotated({ id, overlapHours: 2 });
    expect(now).toMatchObject({ prefix: second.slice(0, 16), status: 'ACTIVE' });
    expect(await codesOf([first, second])).toEqual([works, works]);
    // The overlap is over.
    await tamper(
      bed,
      owner,
      sql`update access_tokens set expires_at = expires_at - interval '2 hours' where subject_id = ${uuidOf(id)} and expires_at < now() + interval '1 day'`,
    );
    expect(await codesOf([first, second])).toEqual([refused, works]);

    const { secret: third } = await rotated({ id });
    const { secret: fourth } = await rotated({ id });
    expect(await codesOf([second, third, fourth])).toEqual([refused, works, works]);
    const { secret: fifth } = await rotated({ id, overlapHours: 0 });
    expect(await codesOf([third, fourth, fifth])).toEqual([refused, refused, works]);
  });

  test.each([-1, 169])('an overlap of %s hours is refused', async (overlapHours) => {
    const { apiKey, secret } = await keyOf(owner);
    expect(await refusedWith(owner, rotate, { id: apiKey.id, overlapHours })).toEqual([
      ['BAD_USER_INPUT', 'overlapHours'],
    ]);
    expect(await codesOf([secret])).toEqual([works]);
  });

  test('a change of the end holds for the newest secret and lets the overlap be', async () => {
    const { apiKey, secret: first } = await keyOf(owner, { expiresAt: new Date(Date.now() + dayMs) });
    const { id } = apiKey;
    const { secret: second } = await rotated({ id, overlapHours: 1 });
    await owner.want(update, { input: { id, expiresAt: new Date(Date.now() + 3 * dayMs) } });
    await tamper(
      bed,
      owner,
      sql`update access_tokens set expires_at = expires_at - interval '2 days' where subject_id = ${uuidOf(id)}`,
    );
    expect(await codesOf([first, second])).toEqual([refused, works]);
  });
});

describe('addresses', () => {
  const from = (secret: string, address: string): Promise<Answer> =>
    holder(secret).ask(places, {}, { 'x-forwarded-for': address });

  test('a key is refused from another address, which is told to the log once a minute', async () => {
    const { apiKey, secret } = await keyOf(owner, { allowedAddresses: ['192.0.2.7', '2001:db8::/32'] });
    expect((await from(secret, '192.0.2.7')).errors).toEqual([]);
    expect((await from(secret, '2001:db8:5::1')).errors).toEqual([]);
    for (const address of ['192.0.2.8', '192.0.2.9', '2001:db9::1'])
      expect(faultsOf(await from(secret, address))).toEqual([['UNAUTHENTICATED', undefined]]);
    expect(await eventsOf(bed, owner, 'api_key.refused')).toEqual([
      {
        action: 'api_key.refused',
        actor: uuidOf(owner.userId),
        target: uuidOf(apiKey.id),
        address: '192.0.2.8',
        data: {},
      },
    ]);
  });

  test('a change of its addresses is felt at once', async () => {
    const { apiKey, secret } = await keyOf(owner);
    expect((await from(secret, '198.51.100.1')).errors).toEqual([]);
    await owner.want(update, { input: { id: apiKey.id, allowedAddresses: ['192.0.2.0/24'] } });
    expect(faultsOf(await from(secret, '198.51.100.1'))).toEqual([['UNAUTHENTICATED', undefined]]);
    await owner.want(update, { input: { id: apiKey.id, allowedAddresses: null } });
    expect((await from(secret, '198.51.100.1')).errors).toEqual([]);
  });
});

test('a change says what it changes and leaves the rest', async () => {
  const { apiKey, secret } = await keyOf(owner, { scopes: ['WORKSPACE_READ', 'MODEL_READ'], allowedAddresses: null });
  const data: { updateApiKey: { apiKey: object } } = await owner.want(update, {
    input: { id: apiKey.id, label: 'Narrow', scopes: ['MODEL_READ'] },
  });
  expect(data.updateApiKey.apiKey).toEqual({ ...apiKey, label: 'Narrow', scopes: ['MODEL_READ'] });
  expect(faultsOf(await holder(secret).ask(places))).toEqual([['FORBIDDEN', 'WORKSPACE_READ']]);
  for (const [input, field] of [
    [{ label: null }, 'label'],
    [{ scopes: null }, 'scopes'],
    [{ expiresAt: '2020-01-01T00:00:00Z' }, 'expiresAt'],
  ] as const)
    expect(await refusedWith(owner, update, { id: apiKey.id, ...input })).toEqual([['BAD_USER_INPUT', field]]);
});

test('a key cannot sign out, which would end it behind its owner’s back', async () => {
  const { secret } = await keyOf(owner);
  expect(faultsOf(await holder(secret).ask('mutation { signOut { signedOut } }'))).toEqual([
    ['FORBIDDEN', 'ACCOUNT_MANAGE'],
  ]);
  expect(await holder(secret).codes(places)).toEqual([]);
});

test('a member lists their own keys, an administrator all, each level by one statement', async () => {
  const member = await memberOf(bed, owner.organizationId, 'MEMBER', [{ workspace: garden, role: 'EDITOR' }]);
  const { apiKey } = await keyOf(member, { workspaceIds: [garden] });
  await keyOf(member, { workspaceIds: [garden] });
  const mine: { apiKeys: { totalCount: number } } = await member.want(prefixes);
  expect(mine.apiKeys.totalCount).toBe(2);
  expect(await countOfKeys(owner)).toBeGreaterThan(2);
  const { data, statements } = await owner.ask(
    `query ($filter: ApiKeyFilter) { apiKeys(filter: $filter, orderBy: [{ field: CREATED_AT }]) { edges { node { id status owner { id } workspaces { edges { node { id } } } } } } }`,
    { filter: { owner: { eq: member.userId }, revokedAt: { isNull: true } } },
  );
  const { edges } = (data as { apiKeys: { edges: { node: object }[] } }).apiKeys;
  expect(edges[0]).toEqual({
    node: {
      id: apiKey.id,
      status: 'ACTIVE',
      owner: { id: member.userId },
      workspaces: { edges: [{ node: { id: garden } }] },
    },
  });
  expect(edges).toHaveLength(2);
  // Keys, owners, their workspaces' ids, the workspaces.
  expect(statements).toHaveLength(4);
});
