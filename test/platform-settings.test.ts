import { afterAll, beforeAll, describe, expect, test } from '@jest/globals';
import { readFileSync } from 'node:fs';
import { eq, sql } from 'drizzle-orm';
import { database } from '../src/database/client.ts';
import { closeParsers } from '../src/domains/content/parsing/parse.ts';
import { settableAt } from '../src/domains/setting-key.ts';
import {
  organizationSettingValues,
  systemSettingValues,
  userSettingValues,
} from '../src/domains/tenancy/setting-tables.ts';
import { platformLog } from './account.ts';
import { lastSeen } from './asking.ts';
import { apiKeyOf, eventsOf, faultsOf, memberOf, tablesHolding } from './machines.ts';
import { startOpenAiServer } from './openai-server.ts';
import { mailTo } from './outbox.ts';
import { personalUnit } from './people.ts';
import { startService } from './service-server.ts';
import { connect, sync } from './sync-talk.ts';
import { conversationIn, modelFor, promote, unitOf, uuidOf, workspaceOf } from './talk.ts';
import { Person, startTestbed, type Testbed } from './testbed.ts';

// Tests read whatever they asked for.
type Data = any; // oxlint-disable-line typescript/no-explicit-any

let bed: Testbed;
let models: Awaited<ReturnType<typeof startOpenAiServer>>;
let notion: Awaited<ReturnType<typeof startService>>;
let ada: Awaited<ReturnType<Testbed['signUp']>>;
let member: Awaited<ReturnType<typeof memberOf>>;
let steward: Awaited<ReturnType<typeof memberOf>>;
let stranger: Awaited<ReturnType<Testbed['signUp']>>;
let superAdmin: Awaited<ReturnType<Testbed['signUp']>>;
let garden: string;
const logged: string[] = [];

beforeAll(async () => {
  bed = await startTestbed({ LOG_LEVEL: 'debug', ALLOW_PRIVATE_ADDRESSES: 'on' }, (line) => logged.push(line));
  models = await startOpenAiServer();
  notion = await startService(() => ({ json: { object: 'list', results: [], has_more: false, next_cursor: null } }));
  ada = await bed.signUp();
  garden = await workspaceOf(ada);
  member = await memberOf(bed, ada.organizationId, 'MEMBER', [{ workspace: garden, role: 'EDITOR' }]);
  steward = await memberOf(bed, ada.organizationId, 'MEMBER', [{ workspace: garden, role: 'ADMIN' }]);
  stranger = await bed.signUp('Stranger');
  superAdmin = await bed.signUp('Root');
  await promote(bed, superAdmin, 'SUPERADMIN');
  await modelFor(ada, garden, models.url).catch(async () => {
    await promote(bed, ada);
    await modelFor(ada, garden, models.url);
    await unitOf(bed, null).transact(() =>
      database.execute(sql`update users set platform_role = 'NONE' where id = ${uuidOf(ada.userId)}`),
    );
    bed.server.installation.services.viewers.forgetAll();
  });
}, 120_000);
afterAll(async () => {
  await bed.stop();
  await models.stop();
  await notion.stop();
  await closeParsers();
});

const fields = 'key value origin isSet isSetHere canSet visibility default';
const listQuery = `query ($scope: SettingScope!, $workspaceId: ID) {
  settings(scope: $scope, workspaceId: $workspaceId) { ${fields} } }`;
const oneQuery = `query ($scope: SettingScope!, $workspaceId: ID, $key: String!) {
  setting(scope: $scope, workspaceId: $workspaceId, key: $key) { ${fields} updatedAt updatedBy { id } } }`;
const setMutation = `mutation ($input: SetSettingInput!) { setSetting(input: $input) { setting { ${fields} updatedBy { id } } } }`;

type Place = { scope: string; workspaceId?: string };
const system: Place = { scope: 'SYSTEM' };
const organization: Place = { scope: 'ORGANIZATION' };
const user: Place = { scope: 'USER' };
const inGarden = (): Place => ({ scope: 'WORKSPACE', workspaceId: garden });

const set = async (person: Person, place: Place, key: string, value: unknown): Promise<Data> =>
  ((await person.want(setMutation, { input: { ...place, key, value } })) as Data).setSetting.setting;
const refused = async (person: Person, place: Place, key: string, value: unknown) =>
  faultsOf(await person.ask(setMutation, { input: { ...place, key, value } }));
const listed = async (person: Person, place: Place): Promise<Data[]> =>
  ((await person.want(listQuery, place)) as Data).settings;
const keysOf = async (person: Person, place: Place): Promise<string[]> =>
  (await listed(person, place)).map(({ key }) => key);
const one = async (person: Person, place: Place, key: string): Promise<Data> =>
  ((await person.want(oneQuery, { ...place, key })) as Data).setting;

/** The number of rows that are set anywhere. */
const count = async (): Promise<number> => {
  const unit = unitOf(bed, ada.organizationId);
  const [row] = await unit.run(() =>
    database.execute<{ n: number }>(sql`select ((select count(*) from system_setting_values)
      + (select count(*) from organization_setting_values where organization_id = ${uuidOf(ada.organizationId)})
      + (select count(*) from workspace_setting_values where organization_id = ${uuidOf(ada.organizationId)}))::int as n`),
  );
  await unit.rest();
  return row?.n ?? 0;
};

const publicKeys = [
  'interface.language',
  'interface.theme',
  'product.footer_links',
  'product.name',
  'product.notice',
  'product.support_email',
  'sign_up.open',
];
const ofOrganization = [...publicKeys, 'clock.time_zone'].sort();

describe('what is told to whom', () => {
  test('the public settings of a scope to everybody there, all that can be set to whoever may set it', async () => {
    expect(await keysOf(member, system)).toEqual(publicKeys);
    expect(await keysOf(superAdmin, system)).toEqual(
      [...publicKeys, 'chat.default_system_prompt', 'ingestion.chunk_overlap_tokens', 'ingestion.chunk_tokens'].sort(),
    );
    expect(await keysOf(member, organization)).toEqual(ofOrganization);
    expect(await keysOf(ada, organization)).toEqual(
      [
        ...ofOrganization,
        'chat.default_system_prompt',
        'connectors.notion',
        'connectors.slack',
        'ingestion.chunk_overlap_tokens',
        'ingestion.chunk_tokens',
      ].sort(),
    );
    expect(await keysOf(member, inGarden())).toEqual(ofOrganization);
    expect(await keysOf(steward, inGarden())).toEqual(
      [
        ...ofOrganization,
        'connectors.notion',
        'connectors.slack',
        'ingestion.chunk_overlap_tokens',
        'ingestion.chunk_tokens',
      ].sort(),
    );
    for (const place of [user, { ...user, workspaceId: garden }])
      expect(await keysOf(member, place)).toEqual(ofOrganization);
    expect((await listed(ada, organization)).filter(({ canSet }) => !canSet).map(({ key }) => key)).toEqual([
      'clock.time_zone',
      'sign_up.open',
    ]);
    expect((await listed(member, user)).filter(({ canSet }) => canSet).map(({ key }) => key)).toEqual([
      'clock.time_zone',
      'interface.language',
      'interface.theme',
    ]);
  });

  test('nobody asks for a place that is not there, or not theirs', async () => {
    const faults = async (person: Person, variables: object) => faultsOf(await person.ask(listQuery, variables));
    expect(await faults(ada, { scope: 'WORKSPACE' })).toEqual([['BAD_USER_INPUT', 'workspaceId']]);
    for (const scope of ['SYSTEM', 'ORGANIZATION'])
      expect(await faults(ada, { scope, workspaceId: garden })).toEqual([['BAD_USER_INPUT', 'workspaceId']]);
    for (const scope of ['WORKSPACE', 'USER'])
      expect(await faults(stranger, { scope, workspaceId: garden })).toEqual([['NOT_FOUND', undefined]]);
    expect(await faults(bed.anonymous, organization)).toEqual([['UNAUTHENTICATED', undefined]]);
    expect(faultsOf(await member.ask(oneQuery, { ...organization, key: 'chat.default_system_prompt' }))).toEqual([
      ['FORBIDDEN', 'ORGANIZATION_MANAGE'],
    ]);
    expect(faultsOf(await member.ask(oneQuery, { ...inGarden(), key: 'connectors.notion' }))).toEqual([
      ['FORBIDDEN', 'WORKSPACE_MANAGE'],
    ]);
    for (const key of ['nothing.like_it', 'constructor', 'connectors.notion'])
      expect(faultsOf(await superAdmin.ask(oneQuery, { ...system, key }))).toEqual([['NOT_FOUND', undefined]]);
  });

  test('a key of some workspaces has nothing to do with its member’s own', async () => {
    const { secret } = await apiKeyOf(ada, {
      label: 'Narrow',
      scopes: ['SETTING_READ', 'SETTING_WRITE', 'WORKSPACE_READ', 'WORKSPACE_MANAGE'],
      workspaceIds: [garden],
    });
    const key = new Person(bed, secret);
    expect(await keysOf(key, inGarden())).toContain('ingestion.chunk_tokens');
    expect(faultsOf(await key.ask(listQuery, user))).toEqual([['FORBIDDEN', 'SETTING_READ']]);
    expect(await refused(key, user, 'interface.theme', 'DARK')).toEqual([['FORBIDDEN', 'SETTING_READ']]);
    expect(await refused(key, organization, 'product.name', 'Keyed')).toEqual([['FORBIDDEN', 'ORGANIZATION_MANAGE']]);
  });

  test('the schema of each is JSON Schema', async () => {
    const { settings }: Data = await ada.want('{ settings(scope: ORGANIZATION) { key schema scopes description } }');
    const links = settings.find(({ key }: Data) => key === 'product.footer_links');
    expect(links).toEqual({
      key: 'product.footer_links',
      schema: expect.objectContaining({ type: 'array', maxItems: 3 }),
      scopes: ['SYSTEM', 'ORGANIZATION'],
      description: expect.stringContaining('at most 3'),
    });
    expect(settings.every(({ schema, description }: Data) => typeof schema === 'object' && description !== '')).toBe(
      true,
    );
  });
});

describe('the chain', () => {
  test('the narrowest that is set wins, and null goes back to what is inherited', async () => {
    const key = 'interface.theme';
    const start = { key, value: 'SYSTEM', origin: 'DEFAULT', isSet: false, isSetHere: false };
    expect(await one(member, user, key)).toMatchObject({ ...start, canSet: true, updatedAt: null, updatedBy: null });
    expect(await set(superAdmin, system, key, 'DARK')).toMatchObject({
      value: 'DARK',
      origin: 'SYSTEM',
      isSetHere: true,
      updatedBy: { id: superAdmin.userId },
    });
    expect(await one(member, user, key)).toMatchObject({
      value: 'DARK',
      origin: 'SYSTEM',
      isSet: true,
      isSetHere: false,
    });
    expect(await one(stranger, user, key)).toMatchObject({ value: 'DARK', origin: 'SYSTEM' });
    await set(ada, organization, key, 'LIGHT');
    expect(await one(member, user, key)).toMatchObject({ value: 'LIGHT', origin: 'ORGANIZATION', isSetHere: false });
    expect(await one(member, organization, key)).toMatchObject({
      value: 'LIGHT',
      isSetHere: true,
      canSet: false,
      updatedAt: expect.stringMatching(/Z$/),
      updatedBy: { id: ada.userId },
    });
    expect(await one(stranger, user, key)).toMatchObject({ value: 'DARK', origin: 'SYSTEM' });
    await set(member, user, key, 'SYSTEM');
    expect(await one(member, user, key)).toMatchObject({
      value: 'SYSTEM',
      origin: 'USER',
      updatedBy: { id: member.userId },
    });
    expect(await one(ada, user, key)).toMatchObject({ value: 'LIGHT', origin: 'ORGANIZATION' });
    expect(await one(member, organization, key)).toMatchObject({ value: 'LIGHT', origin: 'ORGANIZATION' });
    // Who set it is nobody that the other tenant sees.
    expect(await one(stranger, system, key)).toMatchObject({ isSetHere: true, updatedBy: null });

    expect(await set(member, user, key, null)).toMatchObject({
      value: 'LIGHT',
      origin: 'ORGANIZATION',
      isSetHere: false,
    });
    expect(await set(ada, organization, key, null)).toMatchObject({ value: 'DARK', origin: 'SYSTEM' });
    expect(await set(superAdmin, system, key, null)).toMatchObject(start);
    expect(await set(superAdmin, system, key, null)).toMatchObject(start);
    expect(await count()).toBe(0);
  });

  test('values that look like others in JSON stay what they are', async () => {
    for (const value of ['123', 'true', 'null', '"', '{}']) {
      expect(await set(ada, organization, 'product.name', value)).toMatchObject({ value });
      expect(await one(member, organization, 'product.name')).toMatchObject({ value });
    }
    await set(ada, organization, 'product.name', null);
  });

  test('all settings of a scope are read in one statement', async () => {
    for (const place of [system, organization, inGarden(), { ...user, workspaceId: garden }]) {
      const { statements, data } = await ada.ask(listQuery, place);
      expect((data as Data).settings.length).toBeGreaterThan(5);
      expect(statements.filter((text) => text.includes('setting_values'))).toHaveLength(1);
      expect(statements).toHaveLength(place.workspaceId === undefined ? 1 : 2);
    }
  });

  test('of many at a time one stays, and none fails', async () => {
    const names = Array.from({ length: 12 }, (_, number) => `Name ${number}`);
    const answers = await Promise.all(
      names.map((value, number) =>
        ada.ask(setMutation, {
          input: { ...organization, key: 'product.name', value: number % 4 === 3 ? null : value },
        }),
      ),
    );
    expect(answers.flatMap(({ errors }) => errors)).toEqual([]);
    await set(ada, organization, 'product.name', 'Last');
    expect(await one(ada, organization, 'product.name')).toMatchObject({ value: 'Last' });
    expect(await count()).toBe(1);
    await set(ada, organization, 'product.name', null);
    const own = await Promise.all(
      names.map(() => member.ask(setMutation, { input: { ...user, key: 'interface.language', value: 'de' } })),
    );
    expect(own.flatMap(({ errors }) => errors)).toEqual([]);
    await set(member, user, 'interface.language', null);
  });

  test('what no longer fits its key is passed over, and said in the log', async () => {
    const organizationId = uuidOf(ada.organizationId);
    await unitOf(bed, ada.organizationId).transact(() =>
      database.insert(organizationSettingValues).values([
        { organizationId, key: 'product.name', value: { former: 'Quibblesome' } },
        { organizationId, key: 'sign_up.open', value: false },
        { organizationId, key: 'gone.since', value: 1 },
        { organizationId, key: 'connectors.notion', value: { token: 'x' } },
      ]),
    );
    logged.length = 0;
    expect(await one(ada, organization, 'product.name')).toMatchObject({
      value: 'Tessera',
      origin: 'DEFAULT',
      isSet: false,
    });
    expect(await one(ada, organization, 'sign_up.open')).toMatchObject({ value: true, origin: 'DEFAULT' });
    expect(await one(ada, organization, 'connectors.notion')).toMatchObject({ isSet: false });
    const warnings = logged.filter((line) => line.includes('passed over'));
    expect(warnings.some((line) => line.includes('product.name') && line.includes('ORGANIZATION'))).toBe(true);
    expect(logged.join('')).not.toContain('Quibblesome');
    // Setting it anew mends it.
    expect(await set(ada, organization, 'product.name', 'Fine')).toMatchObject({ value: 'Fine' });
    await unitOf(bed, ada.organizationId).transact(() =>
      database.delete(organizationSettingValues).where(eq(organizationSettingValues.organizationId, organizationId)),
    );
  });
});

describe('setting', () => {
  test('is for those who may, and changes nothing otherwise', async () => {
    const before = await count();
    const told = await eventsOf(bed, ada, 'setting.%');
    expect(await refused(ada, system, 'product.name', 'Mine')).toEqual([['FORBIDDEN', 'PLATFORM_ADMINISTER']]);
    expect(await refused(member, organization, 'product.name', 'Mine')).toEqual([['FORBIDDEN', 'ORGANIZATION_MANAGE']]);
    expect(await refused(superAdmin, inGarden(), 'clock.time_zone', 'UTC')).toEqual([['NOT_FOUND', undefined]]);
    expect(await refused(stranger, inGarden(), 'clock.time_zone', 'UTC')).toEqual([['NOT_FOUND', undefined]]);
    expect(await refused(member, inGarden(), 'clock.time_zone', 'UTC')).toEqual([['FORBIDDEN', 'WORKSPACE_MANAGE']]);
    expect(await refused(bed.anonymous, user, 'interface.theme', 'DARK')).toEqual([['UNAUTHENTICATED', undefined]]);
    expect(await count()).toBe(before);
    expect(await eventsOf(bed, ada, 'setting.%')).toEqual(told);
  });

  test('takes what the key takes, where it is set', async () => {
    const before = await count();
    const bad = (field: string) => [['BAD_USER_INPUT', field]];
    const footer = [{ label: 'Help', url: 'http://example.com' }];
    for (const [place, key, value, field] of [
      [organization, 'product.name', '', 'value'],
      [organization, 'product.name', 'x'.repeat(61), 'value'],
      [organization, 'product.name', 'Two\nlines', 'value'],
      [organization, 'product.name', 5, 'value'],
      [organization, 'product.name', ['A'], 'value'],
      [organization, 'product.support_email', 'nobody', 'value'],
      [organization, 'product.footer_links', footer, 'value.0.url'],
      [organization, 'product.footer_links', [{ label: 'Help' }], 'value.0.url'],
      [
        organization,
        'product.footer_links',
        Array.from({ length: 4 }, () => ({ label: 'H', url: 'https://a.example' })),
        'value',
      ],
      [organization, 'product.footer_links', [{ label: 'H', url: 'javascript:alert(1)' }], 'value.0.url'],
      [inGarden(), 'ingestion.chunk_tokens', 15, 'value'],
      [inGarden(), 'ingestion.chunk_tokens', 2049, 'value'],
      [inGarden(), 'ingestion.chunk_tokens', 100.5, 'value'],
      [inGarden(), 'ingestion.chunk_overlap_tokens', -1, 'value'],
      [inGarden(), 'ingestion.chunk_overlap_tokens', 513, 'value'],
      [organization, 'chat.default_system_prompt', 'x'.repeat(20_001), 'value'],
      [organization, 'connectors.notion', 'token', 'value'],
      [organization, 'connectors.notion', { token: '' }, 'value.token'],
      [organization, 'connectors.slack', { token: 'x', baseUrl: 'https://a:b@example.com' }, 'value.baseUrl'],
      [inGarden(), 'clock.time_zone', '+01:00', 'value'],
      [user, 'interface.theme', 'dark', 'value'],
      [user, 'interface.language', 'not a language', 'value'],
      [organization, 'sign_up.open', false, 'scope'],
      [user, 'product.name', 'Mine', 'scope'],
      [organization, 'clock.time_zone', 'Europe/Berlin', 'scope'],
      [inGarden(), 'chat.default_system_prompt', 'Hello', 'scope'],
      [{ ...organization, workspaceId: garden }, 'product.name', 'Mine', 'workspaceId'],
    ] as const)
      expect({ key, value, faults: await refused(ada, place, key, value) }).toEqual({ key, value, faults: bad(field) });
    expect(faultsOf(await ada.ask(setMutation, { input: { ...organization, key: 'product.name' } }))).toEqual(
      bad('value'),
    );
    for (const key of ['product.nom', 'toString', '__proto__'])
      expect(await refused(ada, organization, key, 'x')).toEqual([['NOT_FOUND', undefined]]);
    expect(
      (await ada.ask(setMutation, { input: { ...organization, key: 'clock.time_zone', value: 'UTC' } })).errors[0]
        ?.message,
    ).toContain('updateOrganization');
    expect(await count()).toBe(before);
  });

  test('changes nothing in an archived workspace', async () => {
    const shed = await workspaceOf(ada, { name: 'Shed' });
    const place = { scope: 'WORKSPACE', workspaceId: shed };
    await set(ada, place, 'clock.time_zone', 'Asia/Tokyo');
    await ada.want('mutation ($id: ID!) { archiveWorkspace(input: { id: $id }) { workspace { id } } }', { id: shed });
    for (const value of ['UTC', null])
      expect(await refused(ada, place, 'clock.time_zone', value)).toEqual([['CONFLICT', 'workspaceId']]);
    expect(await one(ada, place, 'clock.time_zone')).toMatchObject({ value: 'Asia/Tokyo', origin: 'WORKSPACE' });
  });

  test('is told to the log of its scope, by key and scope alone', async () => {
    const grace = await bed.signUp('Grace');
    const shop = await workspaceOf(grace, { name: 'Shop' });
    await set(grace, organization, 'product.name', 'Whimsicality');
    await set(grace, { scope: 'WORKSPACE', workspaceId: shop }, 'clock.time_zone', 'Asia/Tokyo');
    await set(grace, user, 'interface.theme', 'DARK');
    await set(grace, organization, 'product.name', null);
    await set(grace, organization, 'product.name', null);
    const told = (scope: string, key: string) => ({ data: { key, scope }, actor: uuidOf(grace.userId) });
    expect(await eventsOf(bed, grace, 'setting.%')).toMatchObject([
      { action: 'setting.set', target: uuidOf(grace.organizationId), ...told('ORGANIZATION', 'product.name') },
      { action: 'setting.set', target: uuidOf(shop), ...told('WORKSPACE', 'clock.time_zone') },
      { action: 'setting.set', target: uuidOf(grace.userId), ...told('USER', 'interface.theme') },
      { action: 'setting.reset', target: uuidOf(grace.organizationId), ...told('ORGANIZATION', 'product.name') },
    ]);
    await set(superAdmin, system, 'product.notice', 'Whimsicality');
    await set(superAdmin, system, 'product.notice', null);
    const log = await platformLog(bed, 2);
    expect(log).toMatchObject(
      ['setting.reset', 'setting.set'].map((action) => ({ action, data: { key: 'product.notice', scope: 'SYSTEM' } })),
    );
    expect(JSON.stringify([log, await eventsOf(bed, grace, '%')])).not.toContain('Whimsicality');
  });
});

describe('what obeys', () => {
  test('letters are signed with the name of the product and the address for questions', async () => {
    await set(superAdmin, system, 'product.name', 'Acme');
    const first = await bed.signUp('Zoe');
    expect((await mailTo(bed, first.email, /Confirm/)).text).toMatch(/\n\nAcme\n$/);
    await set(superAdmin, system, 'product.support_email', 'help@acme.example');
    await set(ada, organization, 'product.name', 'Ada’s Garden');
    await ada.want('mutation ($input: InviteMemberInput!) { inviteMember(input: $input) { code } }', {
      input: { email: 'somebody@example.com', role: 'MEMBER' },
    });
    expect((await mailTo(bed, 'somebody@example.com', /invited/)).text).toMatch(
      /\n\nAda’s Garden\nQuestions\? Write to help@acme\.example\n$/,
    );
    await set(ada, organization, 'product.name', null);
    for (const key of ['product.name', 'product.support_email']) await set(superAdmin, system, key, null);
  });

  test('sign-up is open or not, and everybody is told', async () => {
    const ask = async () => ((await bed.anonymous.want('{ publicSettings { key value } }')) as Data).publicSettings;
    const told = async () => Object.fromEntries((await ask()).map(({ key, value }: Data) => [key, value]));
    expect(await told()).toEqual({
      'interface.language': 'en',
      'interface.theme': 'SYSTEM',
      'product.footer_links': [],
      'product.name': 'Tessera',
      'product.notice': null,
      'product.support_email': null,
      'sign_up.open': true,
    });
    const links = [{ label: 'Imprint', url: 'https://example.com/imprint' }];
    await set(superAdmin, system, 'product.footer_links', links);
    await set(superAdmin, system, 'sign_up.open', false);
    await set(ada, organization, 'product.name', 'For members alone');
    expect(await told()).toMatchObject({
      'sign_up.open': false,
      'product.footer_links': links,
      'product.name': 'Tessera',
    });
    const mutation = 'mutation ($input: SignUpInput!) { signUp(input: $input) { token } }';
    const input = { email: 'new@example.com', password: 'correct horse battery', name: 'New', organizationName: 'N' };
    expect(faultsOf(await bed.anonymous.ask(mutation, { input }))).toEqual([['FORBIDDEN', 'SIGN_UP']]);
    await set(superAdmin, system, 'sign_up.open', true);
    expect((await bed.anonymous.ask(mutation, { input })).errors).toEqual([]);
    for (const key of ['product.footer_links', 'sign_up.open']) await set(superAdmin, system, key, null);
    await set(ada, organization, 'product.name', null);
    // What is asked before each sign-in is read but once in a while.
    await ask();
    expect((await bed.anonymous.ask('{ publicSettings { key } }')).statements).toEqual([]);
  });

  const askMutation = 'mutation ($input: AskInput!) { ask(input: $input) { answer { id } } }';
  const asked = async (person: Person) => {
    models.reset();
    const input = { conversationId: await conversationIn(person, garden), text: 'Which roses?' };
    const { statements, errors } = await person.ask(askMutation, { input });
    expect(errors).toEqual([]);
    return { statements, system: lastSeen(models)[0]?.content ?? '' };
  };
  const prompted = (systemPrompt: string | null) =>
    ada.want('mutation ($input: UpdateWorkspaceInput!) { updateWorkspace(input: $input) { workspace { id } } }', {
      input: { id: garden, systemPrompt },
    });
  const render = async (person: Person, prompt?: string): Promise<string> =>
    (
      (await person.want(
        'query ($id: ID!, $prompt: String) { renderSystemPrompt(workspaceId: $id, prompt: $prompt) { text } }',
        { id: garden, prompt },
      )) as Data
    ).renderSystemPrompt.text;

  test('workspaces without a prompt are instructed by the default one', async () => {
    await set(superAdmin, system, 'chat.default_system_prompt', 'Speak like a pirate.');
    expect((await asked(member)).system).toContain('Speak like a pirate.');
    await set(ada, organization, 'chat.default_system_prompt', 'Speak like a gardener in {workspace.name}.');
    const told = (await asked(member)).system;
    expect(told).toContain('Speak like a gardener in Garden.');
    expect(told).not.toContain('pirate');
    expect(await render(steward)).toBe('Speak like a gardener in Garden.');
    await prompted('Speak plainly.');
    expect((await asked(member)).system).toContain('Speak plainly.');
    expect((await asked(member)).system).not.toContain('gardener');
    await prompted(null);
    expect((await asked(member)).system).toContain('gardener');
    // What is read for each question is read but once in a while.
    expect((await asked(member)).statements.filter((text) => text.includes('setting_values'))).toEqual([]);
    for (const [person, place] of [
      [ada, organization],
      [superAdmin, system],
    ] as const)
      await set(person, place, 'chat.default_system_prompt', null);
    expect((await asked(member)).system).not.toMatch(/gardener|pirate/);
  });

  test('days and times are those of who asks, else of the workspace, else of the organization', async () => {
    const zone = async (person: Person) => (await render(person, '{time_24}|{date}')).split('|');
    const inZone = (timeZone: string) => ({
      hour: new Intl.DateTimeFormat('en', { timeZone, hour: '2-digit', hourCycle: 'h23' }).format(new Date()),
      date: new Intl.DateTimeFormat('en', { timeZone, dateStyle: 'long' }).format(new Date()),
    });
    const expectZone = async (person: Person, timeZone: string) => {
      const [before, [time = '', date], after] = [inZone(timeZone), await zone(person), inZone(timeZone)];
      expect(time).toMatch(/^\d\d:\d\d /);
      expect([before.hour, after.hour]).toContain(time.slice(0, 2));
      expect(time.slice(6)).toBe(timeZone);
      expect([before.date, after.date]).toContain(date);
    };
    await expectZone(steward, 'UTC');
    const update = `mutation ($zone: String) { updateOrganization(input: { settings: { timeZone: $zone } }) { organization { id } } }`;
    await ada.want(update, { zone: 'Pacific/Kiritimati' });
    await expectZone(steward, 'Pacific/Kiritimati');
    expect(await one(steward, user, 'clock.time_zone')).toMatchObject({
      value: 'Pacific/Kiritimati',
      origin: 'ORGANIZATION',
    });
    await set(steward, inGarden(), 'clock.time_zone', 'Asia/Kolkata');
    await expectZone(steward, 'Asia/Kolkata');
    await set(steward, user, 'clock.time_zone', 'Pacific/Pago_Pago');
    await expectZone(steward, 'Pacific/Pago_Pago');
    await expectZone(ada, 'Asia/Kolkata');
    await prompted('It is {datetime_24}.');
    expect((await asked(steward)).system).toMatch(/It is \w+ \d{1,2}, \d{4}, \d\d:\d\d Pacific\/Pago_Pago\./);
    expect((await asked(member)).system).toMatch(/It is \w+ \d{1,2}, \d{4}, \d\d:\d\d Asia\/Kolkata\./);
    expect((await asked(member)).statements.filter((text) => text.includes('setting_values'))).toEqual([]);
    await prompted(null);
    await set(steward, user, 'clock.time_zone', null);
    await set(steward, inGarden(), 'clock.time_zone', null);
    await ada.want(update, { zone: null });
    await expectZone(steward, 'UTC');
  });

  test('documents that are read from then on are cut as is set', async () => {
    const text = Array.from({ length: 60 }, (_, number) => `Sentence ${number} tells of roses and their thorns.`).join(
      ' ',
    );
    const add = `mutation ($input: AddDocumentInput!) { addDocument(input: $input) { document { id chunkCount } } }`;
    const input = { workspaceId: garden, title: 'Roses', text, mimeType: 'text/plain', wait: true };
    const { addDocument }: Data = await ada.want(add, { input });
    const { id, chunkCount: whole } = addDocument.document;
    const again = `mutation ($input: UpdateDocumentInput!) { updateDocument(input: $input) { document { status } } }`;
    const read = `query ($id: ID!) { document(id: $id) { chunkCount chunks(first: 100) { edges { node { text } } } } }`;
    let times = 0;
    const reread = async () => {
      times += 1;
      await ada.want(again, { input: { id, text: `${text} ${times}.`, wait: true } });
      const { document }: Data = await ada.want(read, { id });
      return { chunkCount: document.chunkCount, texts: document.chunks.edges.map(({ node }: Data) => node.text) };
    };
    await set(ada, organization, 'ingestion.chunk_tokens', 64);
    const cut = await reread();
    expect(cut.chunkCount).toBeGreaterThan(whole * 2);
    expect(cut.texts.join(' ').length).toBeLessThan(text.length + 10);
    await set(steward, inGarden(), 'ingestion.chunk_overlap_tokens', 16);
    const overlapping = await reread();
    expect(overlapping.texts.join(' ').length).toBeGreaterThan(text.length + 100);
    await set(steward, inGarden(), 'ingestion.chunk_tokens', 2048);
    expect((await reread()).chunkCount).toBeLessThanOrEqual(whole);
    await set(ada, organization, 'ingestion.chunk_tokens', null);
    for (const key of ['ingestion.chunk_tokens', 'ingestion.chunk_overlap_tokens'])
      await set(steward, inGarden(), key, null);
    expect((await reread()).chunkCount).toBe(whole);
  });
});

describe('secrets', () => {
  const secret = 'ntn_quinquagesima-4711';
  const baseUrl = () => notion.url;

  test('are used where a datasource has no token of its own, and rotated in one place', async () => {
    const source = { workspaceId: garden, name: 'Wiki', kind: 'NOTION', configuration: {} };
    const create =
      'mutation ($input: CreateDatasourceInput!) { createDatasource(input: $input) { datasource { id } } }';
    expect(faultsOf(await member.ask(create, { input: source }))).toEqual([['BAD_USER_INPUT', 'configuration.token']]);
    expect(await set(ada, organization, 'connectors.notion', { token: secret, baseUrl: baseUrl() })).toMatchObject({
      value: null,
      default: null,
      isSet: true,
      isSetHere: true,
      origin: 'ORGANIZATION',
      visibility: 'SECRET',
    });
    // Nobody has it sent to a place of their own.
    const elsewhere = { ...source, configuration: { baseUrl: 'http://127.0.0.1:9' } };
    expect(faultsOf(await member.ask(create, { input: elsewhere }))).toEqual([
      ['BAD_USER_INPUT', 'configuration.token'],
    ]);
    const datasource = await connect(member, garden, source);
    expect(datasource).toMatchObject({ configuration: {}, secretsSet: [] });
    const usedToken = async () => {
      notion.requests.length = 0;
      const run = await sync(ada, datasource.id);
      return [run.status, ...new Set(notion.requests.map(({ authorization }) => authorization))];
    };
    expect(await usedToken()).toEqual(['UNCHANGED', `Bearer ${secret}`]);
    await set(ada, organization, 'connectors.notion', { token: `${secret}-rotated`, baseUrl: baseUrl() });
    expect(await usedToken()).toEqual(['UNCHANGED', `Bearer ${secret}-rotated`]);
    await set(steward, inGarden(), 'connectors.notion', { token: `${secret}-local`, baseUrl: baseUrl() });
    expect(await usedToken()).toEqual(['UNCHANGED', `Bearer ${secret}-local`]);
    const update =
      'mutation ($input: UpdateDatasourceInput!) { updateDatasource(input: $input) { datasource { id } } }';
    const own = { token: `${secret}-own`, baseUrl: baseUrl() };
    await member.want(update, { input: { id: datasource.id, configuration: own } });
    expect(await usedToken()).toEqual(['UNCHANGED', `Bearer ${secret}-own`]);
    await member.want(update, { input: { id: datasource.id, configuration: { token: null } } });
    expect(await usedToken()).toEqual(['UNCHANGED', `Bearer ${secret}-local`]);
    for (const [person, place] of [
      [ada, organization],
      [steward, inGarden()],
    ] as const)
      await set(person, place, 'connectors.notion', null);
    expect(await usedToken()).toEqual(['FAILED']);
  });

  test('are told to nobody: by no field, in no row, no event and no line of the log', async () => {
    await set(ada, organization, 'connectors.slack', { token: secret });
    await set(steward, inGarden(), 'connectors.slack', { token: `${secret}-local` });
    const seen: unknown[] = [];
    for (const [person, place] of [
      [ada, organization],
      [steward, inGarden()],
      [ada, inGarden()],
      [ada, user],
    ] as const)
      seen.push((await person.ask(listQuery, place)).data);
    expect(await refused(ada, organization, 'connectors.slack', { token: secret, other: secret })).toEqual([
      ['BAD_USER_INPUT', 'value'],
    ]);
    const { errors } = await ada.ask(setMutation, {
      input: { ...organization, key: 'connectors.slack', value: [secret] },
    });
    expect(errors).toHaveLength(1);
    expect(JSON.stringify([seen, errors])).not.toContain(secret);
    expect(await tablesHolding(bed, ada, secret)).toEqual([]);
    expect(logged.join('\n')).not.toContain(secret);
    for (const [person, place] of [
      [ada, organization],
      [steward, inGarden()],
    ] as const)
      await set(person, place, 'connectors.slack', null);
  });
});

test('what a person has set is seen by them alone, goes with them, and stays while they move about', async () => {
  const zoe = await memberOf(bed, ada.organizationId, 'MEMBER');
  await set(zoe, user, 'interface.language', 'pt-BR');
  const rows = async (person: { readonly userId: string }) => {
    const unit = personalUnit(bed, person);
    const all = await unit.run(() => database.select().from(userSettingValues));
    await unit.rest();
    return all;
  };
  expect(await rows(zoe)).toMatchObject([{ key: 'interface.language', value: 'pt-BR' }]);
  expect(await rows(ada)).toEqual([]);
  expect(await one(ada, user, 'interface.language')).toMatchObject({ origin: 'DEFAULT' });
  await zoe.want('mutation { eraseAccount(input: { password: "correct horse battery" }) { __typename } }');
  expect(await rows(zoe)).toEqual([]);
});

test('the page of settings lists each key as the registry has it', () => {
  const page = readFileSync(new URL('../docs/settings.md', import.meta.url), 'utf8');
  const lines = page.split('\n').filter((line) => /^\| `[a-z_]+\.[a-z_]+`/.test(line));
  const { settingKeys, settings } = bed.server.installation.services;
  const expected = Object.values(settingKeys)
    .toSorted((one, other) => (one.key < other.key ? -1 : 1))
    .map((entry) => {
      const initial = JSON.stringify(entry.initial(settings));
      return [entry.key, settableAt(entry).join(', '), entry.visibility, initial, entry.description];
    });
  const told = lines.map((line) => line.split(' | ').map((cell) => cell.replaceAll(/^\| | \|$|`/g, '').trim()));
  expect(told).toEqual(expected);
});

test('an installation that nobody has changed has no row', async () => {
  const unit = unitOf(bed, null);
  expect(await unit.run(() => database.select().from(systemSettingValues))).toEqual([]);
  await unit.rest();
});
