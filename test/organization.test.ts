import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { database } from '../src/database/client.ts';
import { UnitOfWork } from '../src/database/unit-of-work.ts';
import { grantToken } from '../src/domains/identity/tokens.ts';
import { devices } from '../src/domains/identity/tables.ts';
import { allowsAddress, settingsOf } from '../src/domains/tenancy/organization-settings.ts';
import {
  requireInvitesAllowed,
  requireRoomForGroup,
  requireRoomForMember,
} from '../src/domains/tenancy/organization-types.ts';
import { apiKeys, groups, invites, memberships, userOrganizations } from '../src/domains/tenancy/tables.ts';
import { discovery } from '../src/domains/tenancy/viewers.ts';
import { newId } from '../src/ids.ts';
import { organizationTypesPage } from '../scripts/organization-types-page.ts';
import { asOwner, enrol, joinAs, retype, wholeOf, type OwnedBed } from './organization-people.ts';
import { uuidOf, workspaceOf } from './talk.ts';
import { Person, startTestbed } from './testbed.ts';

let bed: OwnedBed;
beforeAll(async () => {
  bed = await startTestbed();
});
afterAll(() => bed.stop());

interface Organization {
  readonly id: string;
  readonly name: string;
  readonly slug: string;
  readonly type: string;
  readonly apiKeyStrategy: string;
  readonly settings: Record<string, unknown>;
  readonly updatedAt: string;
  readonly deletedAt: string | null;
}

const fields = `id name slug type apiKeyStrategy updatedAt deletedAt
  settings { requireTwoFactor sessionHours allowedEmailDomains retentionDays officeRetentionDays apiKeyMaxDays defaultLanguage }`;
const defaults = {
  requireTwoFactor: false,
  sessionHours: 720,
  allowedEmailDomains: [],
  retentionDays: 30,
  officeRetentionDays: 30,
  apiKeyMaxDays: null,
  defaultLanguage: 'en',
};

const organizationOf = async (person: Person): Promise<Organization> => {
  const data: { viewer: { organization: Organization } } = await person.want(
    `{ viewer { organization { ${fields} } } }`,
  );
  return data.viewer.organization;
};

const update = `mutation ($input: UpdateOrganizationInput!) { updateOrganization(input: $input) { organization { ${fields} } } }`;
const change = async (person: Person, input: object): Promise<Organization> => {
  const data: { updateOrganization: { organization: Organization } } = await person.want(update, { input });
  return data.updateOrganization.organization;
};

/** Asks for what must be refused, and makes sure that nothing of the organization has changed. */
const refused = async (person: Person, witness: Person, text: string, input?: object) => {
  const before = await organizationOf(witness);
  const { errors } = await person.ask(text, input === undefined ? {} : { input });
  expect(await organizationOf(witness)).toEqual(before);
  return errors.map(({ extensions: { code, field } }) => [code, field]);
};

const eventsOf = async (organization: string): Promise<string[]> =>
  (await asOwner(bed, `select action from events where organization_id = '${uuidOf(organization)}' order by id`)).map(
    ({ action }) => String(action),
  );

const remove =
  'mutation ($input: DeleteOrganizationInput!) { deleteOrganization(input: $input) { organization { deletedAt } } }';
const restore = 'mutation { restoreOrganization { organization { deletedAt } } }';

test('an organization is found by its own members alone', async () => {
  const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
  const text = 'query ($id: ID!) { organization(id: $id) { id } }';
  expect(await ada.want(text, { id: ada.organizationId })).toEqual({ organization: { id: ada.organizationId } });
  expect(await bob.codes(text, { id: ada.organizationId })).toEqual(['NOT_FOUND']);
  expect(await bed.anonymous.codes(text, { id: ada.organizationId })).toEqual(['UNAUTHENTICATED']);
});

test('its workspaces are those of the root field', async () => {
  const ada = await bed.signUp();
  for (const name of ['Sea', 'Sky', 'Sand']) await workspaceOf(ada, { name });
  const page = '(first: 2, filter: { slug: { ne: "sky" } }) { totalCount edges { node { slug } } }';
  const text = `{ viewer { organization { workspaces${page} } } workspaces${page} }`;
  await ada.want(text);
  const { data, statements } = await ada.ask(text);
  const { viewer, workspaces } = data as { viewer: { organization: { workspaces: unknown } }; workspaces: unknown };
  expect(viewer.organization.workspaces).toEqual(workspaces);
  expect(workspaces).toEqual({ totalCount: 2, edges: [{ node: { slug: 'sand' } }, { node: { slug: 'sea' } }] });
  // The list and its count once for both, the user and the organization.
  expect(statements).toHaveLength(4);
});

test('its type says what it allows', async () => {
  const ada = await bed.signUp();
  const text = '{ viewer { organization { limits { members groups invites apiKeyStrategies settings } } } }';
  const limits = async () =>
    ((await ada.want(text)) as { viewer: { organization: { limits: object } } }).viewer.organization.limits;
  expect(await limits()).toEqual({
    members: 250,
    groups: 50,
    invites: true,
    apiKeyStrategies: ['PLATFORM', 'BYOK'],
    settings: [
      'retentionDays',
      'officeRetentionDays',
      'apiKeyMaxDays',
      'defaultLanguage',
      'maxUploadBytes',
      'allowedFileTypes',
      'dailyMessages',
      'monthlyTokens',
      'keepCallContents',
      'callRetentionDays',
      'contentRetentionDays',
      'timeZone',
      'activityDays',
      'eventDays',
      'metricDays',
      'eventLogDays',
    ],
  });
  await retype(bed, ada.organizationId, 'ENTERPRISE');
  expect(await limits()).toMatchObject({ members: null, groups: null, invites: true });
});

test('the page about types is the one of the code', async () => {
  expect(readFileSync('docs/organization-types.md', 'utf8')).toBe(await organizationTypesPage());
});

describe('changes', () => {
  test('name, slug, strategy and settings, stored where they differ from the defaults', async () => {
    const ada = await bed.signUp();
    const slug = `garden-${Date.now()}`;
    const settings = { retentionDays: 7, defaultLanguage: 'de', apiKeyMaxDays: 90 };
    const changed = await change(ada, { name: ' Garden ', slug, apiKeyStrategy: 'BYOK', settings });
    expect(changed).toMatchObject({
      name: 'Garden',
      slug,
      apiKeyStrategy: 'BYOK',
      settings: { ...defaults, ...settings },
    });
    expect(await organizationOf(ada)).toEqual(changed);
    const back = await change(ada, { settings: { retentionDays: null, apiKeyMaxDays: 90 } });
    expect(back.settings).toEqual({ ...defaults, defaultLanguage: 'de', apiKeyMaxDays: 90 });
    const stored = `select settings from organizations where id = '${uuidOf(ada.organizationId)}'`;
    expect(await asOwner(bed, stored)).toEqual([{ settings: { defaultLanguage: 'de', apiKeyMaxDays: 90 } }]);
    expect((await eventsOf(ada.organizationId)).slice(-2)).toEqual(['organization.updated', 'organization.updated']);
  });

  test('what is wrong is told field by field, and changes nothing', async () => {
    const ada = await bed.signUp();
    const input = {
      name: ' ',
      slug: 'x'.repeat(10_000),
      settings: {
        sessionHours: 0,
        retentionDays: 400,
        officeRetentionDays: 3651,
        defaultLanguage: 'german',
        allowedEmailDomains: ['ok.org', '@no'],
      },
    };
    const { errors } = await ada.ask(update, { input });
    const issues = errors[0]?.extensions.issues as { field: string }[];
    expect(errors[0]?.extensions.code).toBe('BAD_USER_INPUT');
    expect(issues.map(({ field }) => field).sort()).toEqual([
      'name',
      'settings.allowedEmailDomains.1',
      'settings.defaultLanguage',
      'settings.officeRetentionDays',
      'settings.retentionDays',
      'settings.sessionHours',
      'slug',
    ]);
    for (const slug of ['x', 'Ab', 'a b', 'ü-ü', '', null])
      expect(await refused(ada, ada, update, { slug })).toEqual([['BAD_USER_INPUT', 'slug']]);
    for (const field of ['name', 'type', 'apiKeyStrategy'])
      expect(await refused(ada, ada, update, { [field]: null })).toEqual([['BAD_USER_INPUT', field]]);
  });

  test('a slug is unique in the installation', async () => {
    const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
    const { slug } = await organizationOf(bob);
    expect(await refused(ada, ada, update, { slug, name: 'New' })).toEqual([['CONFLICT', 'slug']]);
  });

  test('the type bounds strategies and settings', async () => {
    const ada = await bed.signUp();
    expect(await refused(ada, ada, update, { apiKeyStrategy: 'HYBRID' })).toEqual([['CONFLICT', 'apiKeyStrategy']]);
    expect(await refused(ada, ada, update, { settings: { sessionHours: 8 } })).toEqual([
      ['CONFLICT', 'settings.sessionHours'],
    ]);
    await retype(bed, ada.organizationId, 'ENTERPRISE');
    expect(await change(ada, { apiKeyStrategy: 'HYBRID', settings: { sessionHours: 8 } })).toMatchObject({
      apiKeyStrategy: 'HYBRID',
      settings: { sessionHours: 8 },
    });
    await expect(retype(bed, ada.organizationId, 'TEAM')).rejects.toMatchObject({
      extensions: { code: 'CONFLICT', field: 'type' },
    });
    await change(ada, { apiKeyStrategy: 'BYOK' });
    await expect(retype(bed, ada.organizationId, 'TEAM')).rejects.toThrow('sessionHours');
    await change(ada, { settings: { sessionHours: null } });
    await retype(bed, ada.organizationId, 'TEAM');
  });

  test('an admin changes the organization, its owner alone the type; a member neither', async () => {
    const [ada, bob, eve] = [await bed.signUp(), await bed.signUp('Bob'), await bed.signUp('Eve')];
    const admin = await joinAs(bed, ada.organizationId, bob.userId, 'ADMIN');
    const manager = await joinAs(bed, ada.organizationId, eve.userId, 'MANAGER');
    expect((await change(admin, { name: 'Renamed' })).name).toBe('Renamed');
    expect(await refused(admin, ada, update, { type: 'SOLO' })).toEqual([['FORBIDDEN', undefined]]);
    expect(await refused(manager, ada, update, { name: 'Mine' })).toEqual([['FORBIDDEN', undefined]]);
    expect(await refused(bed.anonymous, ada, update, { name: 'Mine' })).toEqual([['UNAUTHENTICATED', undefined]]);
  });

  test('a team becomes SOLO once its owner is alone in it, and ENTERPRISE through the installation alone', async () => {
    const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
    const [organizationId, userId] = [uuidOf(ada.organizationId), uuidOf(ada.userId)];
    const whole = wholeOf(bed, ada.organizationId);
    const why = async (input: object) => {
      const before = await organizationOf(ada);
      const { errors } = await ada.ask(update, { input });
      expect(await organizationOf(ada)).toEqual(before);
      return `${String(errors[0]?.extensions.code)} ${errors[0]?.message}`;
    };
    await joinAs(bed, ada.organizationId, bob.userId, 'MEMBER');
    expect(await why({ type: 'SOLO' })).toBe('CONFLICT The type SOLO does not fit: there are more than 1 members.');
    await asOwner(bed, `delete from memberships where organization_id = '${organizationId}' and role = 'MEMBER'`);
    await whole.transact(() => database.insert(groups).values({ organizationId, name: 'Readers' }));
    expect(await why({ type: 'SOLO' })).toBe('CONFLICT The type SOLO does not fit: there are more than 0 groups.');
    await whole.transact(() => database.delete(groups));
    const readers = [userId, organizationId];
    const invite = { organizationId, readers, role: 'MEMBER' as const, createdById: userId };
    await whole.transact(() =>
      database.insert(invites).values({ ...invite, expiresAt: new Date(Date.now() + 60_000).toISOString() }),
    );
    expect(await why({ type: 'SOLO' })).toBe('CONFLICT The type SOLO does not fit: invites are open.');
    await whole.transact(() => database.update(invites).set({ status: 'DISABLED' }));
    expect((await change(ada, { type: 'SOLO', name: 'Alone' })).type).toBe('SOLO');
    expect(await refused(ada, ada, update, { type: 'ENTERPRISE' })).toEqual([['FORBIDDEN', undefined]]);
    for (const check of [requireRoomForMember, requireRoomForGroup, requireInvitesAllowed])
      await expect(check(wholeOf(bed, ada.organizationId))).rejects.toMatchObject({ extensions: { code: 'CONFLICT' } });
    expect((await change(ada, { type: 'TEAM' })).type).toBe('TEAM');
    for (const check of [requireRoomForMember, requireRoomForGroup, requireInvitesAllowed])
      await check(wholeOf(bed, ada.organizationId));
  });
});

test('parallel joins do not pass the bound', async () => {
  const ada = await bed.signUp();
  const organizationId = uuidOf(ada.organizationId);
  const people = await Promise.all(Array.from({ length: 3 }, () => bed.signUp('Joiner')));
  // 248 and the owner leave room for one.
  await asOwner(
    bed,
    `insert into users (id, email, name) select gen_random_uuid(), 'filler-${organizationId}-' || n || '@example.com', 'Filler' from generate_series(1, 248) n`,
    `insert into memberships (organization_id, id, user_id, role) select '${organizationId}', gen_random_uuid(), id, 'MEMBER' from users where email like 'filler-${organizationId}-%'`,
  );
  const outcomes = await Promise.allSettled(
    people.map(({ userId: id }) => {
      const [unit, userId] = [wholeOf(bed, ada.organizationId), uuidOf(id)];
      return unit.transact(async () => {
        await requireRoomForMember(unit);
        await database.insert(memberships).values({ organizationId, userId, role: 'MEMBER' });
        await database.insert(userOrganizations).values({ organizationId, userId });
      });
    }),
  );
  expect(outcomes.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected', 'rejected']);
  const count = `select count(*)::int as members from memberships where organization_id = '${organizationId}'`;
  expect(await asOwner(bed, count)).toEqual([{ members: 250 }]);
});

describe('createOrganization', () => {
  const create = 'mutation ($input: CreateOrganizationInput!) { createOrganization(input: $input) { id name slug } }';

  test('makes another one, and the session stays', async () => {
    const ada = await bed.signUp();
    const { createOrganization: made }: { createOrganization: { id: string; name: string; slug: string } } =
      await ada.want(create, { input: { name: ' Second ', type: 'SOLO' } });
    expect(made).toEqual({ id: expect.stringMatching(/^organization_/), name: 'Second', slug: expect.any(String) });
    expect((await organizationOf(ada)).id).toBe(ada.organizationId);
    expect(await ada.codes('query ($id: ID!) { organization(id: $id) { name } }', { id: made.id })).toEqual([
      'NOT_FOUND',
    ]);
    expect(await eventsOf(made.id)).toEqual(['organization.created']);
    const membership = `select role from memberships where organization_id = '${uuidOf(made.id)}' and user_id = '${uuidOf(ada.userId)}'`;
    expect(await asOwner(bed, membership)).toEqual([{ role: 'OWNER' }]);
    const place = `select from user_organizations where organization_id = '${uuidOf(made.id)}' and user_id = '${uuidOf(ada.userId)}'`;
    expect(await asOwner(bed, place)).toHaveLength(1);
  });

  test('gives no ENTERPRISE, no name of blanks, and none to anonymous requests', async () => {
    const ada = await bed.signUp();
    expect(await ada.codes(create, { input: { name: 'Big', type: 'ENTERPRISE' } })).toEqual(['FORBIDDEN']);
    expect(await ada.codes(create, { input: { name: '  ' } })).toEqual(['BAD_USER_INPUT']);
    expect(await ada.codes(create, { input: { name: 'x'.repeat(201) } })).toEqual(['BAD_USER_INPUT']);
    expect(await bed.anonymous.codes(create, { input: { name: 'Any' } })).toEqual(['UNAUTHENTICATED']);
    const places = `select from user_organizations where user_id = '${uuidOf(ada.userId)}'`;
    expect(await asOwner(bed, places)).toHaveLength(1);
  });

  test('stops at 20 owned, also of parallel requests; those one is a member of do not count', async () => {
    const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
    await joinAs(bed, bob.organizationId, ada.userId, 'ADMIN');
    for (let owned = 1; owned < 18; owned++) await ada.want(create, { input: { name: `No ${owned}` } });
    const codes = await Promise.all(Array.from({ length: 4 }, () => ada.codes(create, { input: { name: 'Last' } })));
    expect(codes.flat()).toEqual(['CONFLICT', 'CONFLICT']);
    const places = `select from user_organizations where user_id = '${uuidOf(ada.userId)}'`;
    expect(await asOwner(bed, places)).toHaveLength(21);
  });
});

describe('settings that hold', () => {
  test('a demanded second factor leaves members their account alone, until they have one', async () => {
    const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
    await retype(bed, ada.organizationId, 'ENTERPRISE');
    const member = await joinAs(bed, ada.organizationId, bob.userId, 'ADMIN');
    const demand = { settings: { requireTwoFactor: true } };
    expect(await refused(ada, ada, update, demand)).toEqual([['CONFLICT', 'settings.requireTwoFactor']]);
    await enrol(bed, bob.userId, false);
    await enrol(bed, ada.userId);
    expect((await change(ada, demand)).settings.requireTwoFactor).toBe(true);
    const held = async (person: Person) =>
      ((await person.want('{ viewer { permissions } }')) as { viewer: { permissions: string[] } }).viewer.permissions;
    expect(await held(member)).toEqual(['ACCOUNT_MANAGE']);
    expect(await member.codes('{ workspaces { edges { node { id } } } }')).toEqual(['FORBIDDEN']);
    expect(await held(ada)).toContain('ORGANIZATION_OWN');
    await asOwner(bed, `update two_factors set confirmed_at = now() where user_id = '${uuidOf(bob.userId)}'`);
    bed.server.installation.services.viewers.forgetUser(uuidOf(bob.userId));
    expect(await held(member)).toContain('MEMBER_MANAGE');
  });

  test('a session ends at the age that is set', async () => {
    const ada = await bed.signUp();
    await retype(bed, ada.organizationId, 'ENTERPRISE');
    await asOwner(
      bed,
      `update sessions set created_at = now() - interval '3 hours' where user_id = '${uuidOf(ada.userId)}'`,
    );
    await change(ada, { settings: { sessionHours: 4 } });
    expect((await organizationOf(ada)).settings.sessionHours).toBe(4);
    const { data } = await ada.ask(update, { input: { settings: { sessionHours: 2 } } });
    expect(data).toMatchObject({ updateOrganization: { organization: { settings: { sessionHours: 2 } } } });
    expect(await ada.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
  });

  test('addresses are held against the domains', () => {
    const settings = settingsOf({ settings: { allowedEmailDomains: ['example.com'] } });
    expect(
      ['a@example.com', 'A@EXAMPLE.COM', 'a@example.org', 'a@sub.example.com', 'example.com@x.org'].map((email) =>
        allowsAddress(settings, email),
      ),
    ).toEqual([true, true, false, false, false]);
    expect(allowsAddress(settingsOf({ settings: {} }), 'a@example.org')).toBe(true);
  });
});

describe('a deleted organization', () => {
  test('asks for its slug and, where given, the right password', async () => {
    const ada = await bed.signUp();
    const { slug } = await organizationOf(ada);
    expect(await refused(ada, ada, remove, { confirmation: `${slug} ` })).toEqual([['BAD_USER_INPUT', 'confirmation']]);
    expect(await refused(ada, ada, remove, { confirmation: slug, password: 'wrong' })).toEqual([
      ['BAD_USER_INPUT', 'password'],
    ]);
    expect(await refused(ada, ada, restore)).toEqual([['CONFLICT', 'organization']]);
    expect(await eventsOf(ada.organizationId)).not.toContain('organization.deleted');
  });

  test('shuts out all but its owners at once, keys and devices too, and comes back as it was', async () => {
    const [ada, bob] = [await bed.signUp(), await bed.signUp('Bob')];
    const workspaceId = await workspaceOf(ada);
    const admin = await joinAs(bed, ada.organizationId, bob.userId, 'ADMIN');
    const [key, device] = [await keyOf(ada), await deviceOf(ada)];
    const all = [admin, key, device];
    for (const person of all) expect(await person.codes('{ viewer { role } }')).toEqual([]);
    const { slug } = await organizationOf(ada);
    expect(await refused(admin, ada, remove, { confirmation: slug })).toEqual([['FORBIDDEN', undefined]]);

    await ada.want(remove, { input: { confirmation: slug, password: 'correct horse battery' } });

    for (const person of all) expect(await person.codes('{ viewer { role } }')).toEqual(['UNAUTHENTICATED']);
    expect((await organizationOf(ada)).deletedAt).not.toBeNull();
    expect(await ada.codes('query ($id: ID!) { workspace(id: $id) { id } }', { id: workspaceId })).toEqual([
      'FORBIDDEN',
    ]);
    expect(await refused(ada, ada, update, { name: 'New' })).toEqual([['FORBIDDEN', undefined]]);
    expect(await refused(ada, ada, remove, { confirmation: slug })).toEqual([['CONFLICT', 'organization']]);
    await expect(requireRoomForMember(wholeOf(bed, ada.organizationId))).rejects.toThrow('deleted');

    expect(await ada.want(restore)).toEqual({ restoreOrganization: { organization: { deletedAt: null } } });

    for (const person of all) expect(await person.codes('{ viewer { role } }')).toEqual([]);
    expect(await admin.want('query ($id: ID!) { workspace(id: $id) { id } }', { id: workspaceId })).toEqual({
      workspace: { id: workspaceId },
    });
    expect((await eventsOf(ada.organizationId)).slice(-2)).toEqual(['organization.deleted', 'organization.restored']);
  });

  test('cannot be restored after its time', async () => {
    const ada = await bed.signUp();
    const { slug } = await organizationOf(ada);
    await change(ada, { settings: { retentionDays: 2 } });
    await ada.want(remove, { input: { confirmation: slug } });
    const age = (hours: number) =>
      asOwner(
        bed,
        `update organizations set deleted_at = now() - interval '${hours} hours' where id = '${uuidOf(ada.organizationId)}'`,
      );
    await age(49);
    expect(await refused(ada, ada, restore)).toEqual([['CONFLICT', 'organization']]);
    await age(47);
    expect(await ada.codes(restore)).toEqual([]);
  });
});

const farOff = () => new Date(Date.now() + 3_600_000);

/** A key of the person with the scope that a deleted organization leaves to owners. */
const keyOf = async (person: { userId: string; organizationId: string }): Promise<Person> => {
  const [organizationId, userId] = [uuidOf(person.organizationId), uuidOf(person.userId)];
  const id = newId();
  const unit = new UnitOfWork(discovery(organizationId, userId), wholeOf(bed, person.organizationId).options);
  const token = await unit.transact(async () => {
    await database.insert(apiKeys).values({
      organizationId,
      id,
      userId,
      readers: [userId, organizationId],
      label: 'key',
      prefix: 'tsr_key_x',
      scopes: ['JOB_READ', 'WORKSPACE_READ'],
      allWorkspaces: true,
    });
    return grantToken(unit, 'API_KEY', { organizationId, userId, subjectId: id }, farOff());
  });
  return new Person(bed, token);
};

const deviceOf = async (person: { userId: string; organizationId: string }): Promise<Person> => {
  const [organizationId, userId] = [uuidOf(person.organizationId), uuidOf(person.userId)];
  const id = newId();
  const unit = new UnitOfWork(discovery(organizationId, userId), wholeOf(bed, person.organizationId).options);
  const token = await unit.transact(async () => {
    const approvedAt = new Date().toISOString();
    await database.insert(devices).values({ id, organizationId, userId, name: 'phone', system: 'IOS', approvedAt });
    return grantToken(unit, 'DEVICE', { organizationId, userId, subjectId: id }, farOff());
  });
  return new Person(bed, token);
};
